//! Which statements hold up other sessions: asked of the server itself, on tables like the live ones, without their rows.

use sqlx::MySqlConnection;

use super::scratch::{Failed, Work, enter, run};
use crate::autogenerate::engine::{Form, Trial};
use crate::autogenerate::error::AutogenerateError;

/// From the best to the one that is better than a copy: rows can be read, and not written.
const CLAUSES: [&str; 3] = [
    "ALGORITHM=INSTANT",
    "ALGORITHM=INPLACE, LOCK=NONE",
    "ALGORITHM=INPLACE",
];
/// That a statement cannot go in the form that was asked for, without and with a reason.
const NOT_SO: [&str; 2] = ["1845", "1846"];

impl Work for Trial {
    type Done = Vec<Form>;

    async fn done(
        &self,
        connection: &mut MySqlConnection,
        name: &str,
        _live: &str,
    ) -> Result<Vec<Form>, AutogenerateError> {
        enter(connection, name).await?;
        // A foreign key may point at a table that is not compared.
        said(run(connection, "SET SESSION foreign_key_checks = 0".to_owned()).await)?;
        for statement in &self.tables {
            said(run(connection, statement.clone()).await)?;
        }
        let checks = "SET SESSION foreign_key_checks = @@GLOBAL.foreign_key_checks";
        said(run(connection, checks.to_owned()).await)?;
        let mut forms = Vec::new();
        for statement in &self.statements {
            forms.push(form(connection, statement).await?);
        }
        Ok(forms)
    }
}

/// What the server says against a statement; none where it did it.
fn said(result: Result<(), Failed>) -> Result<Option<(String, String)>, AutogenerateError> {
    match result {
        Ok(()) => Ok(None),
        Err(Failed::Said { code, message }) => Ok(Some((code, message))),
        Err(Failed::Lost(source)) => Err(AutogenerateError::Connection(source)),
    }
}

/// Runs the statement in the first form that the server takes.
async fn form(
    connection: &mut MySqlConnection,
    statement: &str,
) -> Result<Form, AutogenerateError> {
    let Some(table) = altered(statement) else {
        if concerns_tables(statement) {
            said(run(connection, statement.to_owned()).await)?;
        }
        return Ok(Form::default());
    };
    let mut reasons = Vec::new();
    // An index that may be there on the live table, and not here: to drop it is never instant.
    let first = usize::from(statement.contains("DROP INDEX IF EXISTS "));
    for clause in &CLAUSES[first..] {
        let asked = run(connection, format!("{statement},\n  {clause}")).await;
        match said(asked)? {
            None if *clause == CLAUSES[2] => {
                return Ok(Form {
                    clause: None,
                    note: Some(format!(
                        "no row of {table} can be written while this runs{}",
                        because(&reasons)
                    )),
                });
            }
            None => {
                return Ok(Form {
                    clause: Some(*clause),
                    note: None,
                });
            }
            Some((code, message)) if NOT_SO.contains(&code.as_str()) => reasons.push(message),
            Some(_) => break,
        }
    }
    let note = match said(run(connection, statement.to_owned()).await)? {
        None => format!(
            "this copies {table}, and no row of it can be written meanwhile{}",
            because(&reasons)
        ),
        Some((_, message)) => format!(
            "how the server does this could not be asked, since without rows it fails: {message}"
        ),
    };
    Ok(Form {
        clause: None,
        note: Some(note),
    })
}

/// The last reason that the server gave.
fn because(reasons: &[String]) -> String {
    let reason = reasons.last().and_then(|message| {
        let (_, reason) = message.split_once("Reason: ")?;
        Some(
            reason
                .rsplit_once(". Try ")
                .map_or(reason, |(reason, _)| reason),
        )
    });
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

/// The table of an ALTER TABLE as [`lower`](super::lower) writes them, if a clause can stand at its end.
fn altered(statement: &str) -> Option<&str> {
    let statement = match statement.strip_prefix("SET STATEMENT ") {
        Some(rest) => rest.split_once(" FOR\n")?.1,
        None => statement,
    };
    let rest = statement.strip_prefix("ALTER TABLE ")?;
    let pieces = crate::sql::pieces(crate::dialect::Dialect::Mysql, rest);
    let table = pieces.first()?;
    let is_partitioning = pieces.get(1)?.is("PARTITION")
        || pieces.get(1)?.is("REMOVE") && pieces.get(2)?.is("PARTITIONING");
    (!is_partitioning).then(|| &rest[table.range.clone()])
}

/// Whether later statements may stand on it.
fn concerns_tables(statement: &str) -> bool {
    let begins = [
        "ALTER TABLE ",
        "CREATE TABLE ",
        "DROP TABLE ",
        "RENAME TABLE ",
        "UPDATE ",
        "SET SESSION ",
        "CREATE SEQUENCE ",
        "ALTER SEQUENCE ",
        "DROP SEQUENCE ",
    ];
    begins.iter().any(|begin| statement.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_stands_behind_an_alter_table_but_not_behind_partitions() {
        assert_eq!(altered("ALTER TABLE `a` DROP COLUMN `b`"), Some("`a`"));
        assert_eq!(
            altered("SET STATEMENT sql_mode = '' FOR\nALTER TABLE `a``b`\n  ENGINE=Aria"),
            Some("`a``b`")
        );
        assert_eq!(altered("ALTER TABLE `a`\nPARTITION BY HASH (`id`)"), None);
        assert_eq!(altered("ALTER TABLE `a` REMOVE PARTITIONING"), None);
        assert_eq!(altered("DROP TABLE `a`"), None);
    }

    #[test]
    fn a_reason_is_what_the_server_says() {
        let with = "LOCK=NONE is not supported. Reason: Fulltext index creation requires a lock. Try LOCK=SHARED.";
        assert_eq!(
            because(&[String::new(), with.to_owned()]),
            ": Fulltext index creation requires a lock"
        );
        let without = "ALGORITHM=INPLACE is not supported for this operation. Try ALGORITHM=COPY.";
        assert_eq!(because(&[without.to_owned()]), "");
    }
}
