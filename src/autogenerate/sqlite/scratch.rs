//! The database on which the desired schema is built.

use sqlx::{Connection, Sqlite, SqliteConnection};

use super::reflect::reflect;
use crate::autogenerate::build::Desired;
use crate::autogenerate::engine::Wish;
use crate::autogenerate::error::AutogenerateError;
use crate::autogenerate::schema::Schema;
use crate::backend::{ALL, Backend as _};
use crate::dialect::Dialect;
use crate::sql::{self, Piece, PieceKind};

/// Of what a revision may leave of its session, what the next one's DDL depends on.
const FRESH: &str = "PRAGMA legacy_alter_table = OFF";

/// In memory. Of the live database's options it keeps what a schema can need: collations and extensions.
pub(super) async fn own(
    options: &<SqliteConnection as Connection>::Options,
    wish: Wish<'_>,
) -> Result<Schema, AutogenerateError> {
    let options = options
        .clone()
        .filename(":memory:")
        .in_memory(true)
        .shared_cache(false)
        .read_only(false)
        .immutable(false)
        .create_if_missing(true)
        .foreign_keys(false);
    let mut scratch = SqliteConnection::connect_with(&options)
        .await
        .map_err(|error| AutogenerateError::NoScratch {
            message: Sqlite::explain(&error).message,
        })?;
    let schema = match build(&mut scratch, wish).await {
        Ok(()) => reflect(&mut scratch, "scratch").await,
        Err(error) => Err(error),
    };
    // It is gone whatever this says.
    let _ = scratch.close().await;
    schema
}

/// On one that the user made: all in a transaction that is rolled back.
pub(super) async fn given(
    like: &mut SqliteConnection,
    scratch: &mut SqliteConnection,
    wish: Wish<'_>,
) -> Result<Schema, AutogenerateError> {
    let file = file(scratch).await?;
    if !file.is_empty() && file == self::file(like).await? {
        return Err(AutogenerateError::ScratchIsLive { name: file });
    }
    let found = "SELECT type || ' ' || name FROM main.sqlite_master \
                 ORDER BY name LIKE 'sqlite@_%' ESCAPE '@', name LIMIT 1";
    if let Some(found) = first_cell(scratch, found).await? {
        let name = if file.is_empty() {
            "in memory".to_owned()
        } else {
            file
        };
        return Err(AutogenerateError::ScratchNotEmpty { name, found });
    }
    run(scratch, "BEGIN IMMEDIATE").await?;
    let schema = match build(scratch, wish).await {
        Ok(()) => reflect(scratch, "scratch").await,
        Err(error) => Err(error),
    };
    let rolled_back = run(scratch, "ROLLBACK").await;
    let schema = schema?;
    rolled_back?;
    Ok(schema)
}

/// Runs the statements, after a look at what each of them would do.
async fn build(scratch: &mut SqliteConnection, wish: Wish<'_>) -> Result<(), AutogenerateError> {
    let mut desired = Desired::read(Dialect::Sqlite, wish)?;
    desired.refuse(refusal)?;
    desired.retain(|statement| !matches!(verdict(statement), Verdict::Skip));
    desired.replace(|statement| match verdict(statement) {
        Verdict::Instead(sql) => Some(sql),
        _ => None,
    });
    let built = desired.run::<Sqlite>(scratch, FRESH).await;
    built.map_err(with_hint)
}

/// What is registered on a connection is no part of the database.
fn with_hint(mut error: AutogenerateError) -> AutogenerateError {
    if let AutogenerateError::Desired { message, .. } = &mut error {
        let unknown = ["no such collation", "no such function", "no such module"];
        if unknown.iter().any(|start| message.starts_with(start)) {
            message.push_str(
                " (a service may register it on its own connections: the scratch database knows only what the \
                 connection options bring)",
            );
        }
    }
    error
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Run,
    /// It changes no schema.
    Skip,
    /// The same said in a way that SQLite takes.
    Instead(String),
    Refuse(String),
}

/// Why a statement may not run.
pub(super) fn refusal(statement: &str) -> Option<String> {
    match verdict(statement) {
        Verdict::Refuse(message) => Some(message),
        Verdict::Run | Verdict::Skip | Verdict::Instead(_) => None,
    }
}

/// The scratch database is all that the desired schema may touch.
fn verdict(statement: &str) -> Verdict {
    let pieces = sql::pieces(Dialect::Sqlite, statement);
    let first = |word: &str| pieces.first().is_some_and(|piece| piece.is(word));
    let refuse = |what: &str| {
        Verdict::Refuse(format!(
            "{what} reaches beyond the scratch database, and no schema needs it: leave it out"
        ))
    };
    if first("ATTACH") {
        return refuse("ATTACH");
    }
    if first("VACUUM") {
        return match pieces.iter().any(|piece| piece.is("INTO")) {
            true => refuse("VACUUM INTO"),
            false => Verdict::Skip,
        };
    }
    let calls = |name: &str| {
        pieces.windows(2).any(|pair| {
            let is_name = pair[0]
                .name()
                .is_some_and(|word| word.eq_ignore_ascii_case(name));
            is_name && pair[1].text == "("
        })
    };
    // In a trigger's or view's text it is stored and not run, but whoever reads the view runs it.
    if calls("load_extension") {
        return refuse("load_extension()");
    }
    if first("PRAGMA") && pieces.iter().any(|piece| names_a_directory(piece)) {
        return refuse("this PRAGMA");
    }
    // The shell's `.dump` writes a virtual table into the catalog itself, and the rows of the tables behind it.
    let is_rows = ["INSERT", "REPLACE", "UPDATE", "DELETE", "ANALYZE"];
    if is_rows.iter().any(|word| first(word)) {
        let made = pieces.iter().filter(|piece| piece.kind == PieceKind::Text);
        let mut made = made.filter_map(|piece| literal(piece.text));
        let into_catalog = pieces.iter().any(|piece| {
            let name = piece.name().unwrap_or_default();
            ["sqlite_schema", "sqlite_master"].contains(&name.to_ascii_lowercase().as_str())
        });
        let table = made.find(|sql| is_virtual_table(sql));
        return match table.filter(|_| into_catalog) {
            Some(sql) => Verdict::Instead(sql),
            None => Verdict::Skip,
        };
    }
    let is_own = |piece: &Piece<'_>| {
        let name = piece.name().unwrap_or_default();
        name.to_ascii_lowercase().starts_with("sqlite_")
    };
    let is_pragma = first("PRAGMA") && pieces.iter().any(|piece| piece.is("writable_schema"));
    // `.schema` shows SQLite's own tables.
    if is_pragma || first("CREATE") && pieces.iter().take(6).any(is_own) {
        return Verdict::Skip;
    }
    Verdict::Run
}

/// The text that a string literal says.
fn literal(text: &str) -> Option<String> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.replace("''", "'"))
}

fn is_virtual_table(sql: &str) -> bool {
    let pieces = sql::pieces(Dialect::Sqlite, sql);
    let words = ["CREATE", "VIRTUAL", "TABLE"];
    let mut both = pieces.iter().zip(words);
    pieces.len() > words.len() && both.all(|(piece, word)| piece.is(word))
}

fn names_a_directory(piece: &Piece<'_>) -> bool {
    piece.kind == PieceKind::Word
        && ["temp_store_directory", "data_store_directory"]
            .iter()
            .any(|name| piece.text.eq_ignore_ascii_case(name))
}

/// The file of the main database; empty in memory.
async fn file(connection: &mut SqliteConnection) -> Result<String, AutogenerateError> {
    let sql = "SELECT file FROM pragma_database_list WHERE name = 'main'";
    Ok(first_cell(connection, sql).await?.unwrap_or_default())
}

async fn first_cell(
    connection: &mut SqliteConnection,
    sql: &str,
) -> Result<Option<String>, AutogenerateError> {
    let results = Sqlite::send(connection, sql.to_owned(), vec![ALL]).await;
    let results = results.map_err(|error| error.error)?;
    let row = results.into_iter().next().and_then(|result| {
        let mut rows = result.rows.into_iter();
        rows.next()
    });
    Ok(row.and_then(|cells| cells.into_iter().next().flatten()))
}

async fn run(connection: &mut SqliteConnection, sql: &str) -> Result<(), AutogenerateError> {
    let ran = Sqlite::send(connection, sql.to_owned(), Vec::new()).await;
    ran.map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_scratch_database_is_refused() {
        for refused in [
            "ATTACH 'live.db' AS live",
            "vacuum main into 'copy.db'",
            "SELECT load_extension('x')",
            "PRAGMA temp_store_directory = '/'",
        ] {
            assert!(matches!(verdict(refused), Verdict::Refuse(_)), "{refused}");
        }
        for skipped in [
            "VACUUM",
            "INSERT INTO t VALUES (1)",
            "CREATE TABLE sqlite_sequence(name,seq)",
            "PRAGMA writable_schema=ON",
            "DELETE FROM sqlite_sequence",
        ] {
            assert_eq!(verdict(skipped), Verdict::Skip, "{skipped}");
        }
        let dumped = "INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)\
            VALUES('table','f','f',0,'CREATE VIRTUAL TABLE f USING fts5(a, tokenize=''ascii'')')";
        assert_eq!(
            verdict(dumped),
            Verdict::Instead("CREATE VIRTUAL TABLE f USING fts5(a, tokenize='ascii')".to_owned())
        );
        for run in [
            "PRAGMA foreign_keys = OFF",
            "CREATE TABLE attach_log (a)",
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; END",
        ] {
            assert_eq!(verdict(run), Verdict::Run, "{run}");
        }
    }
}
