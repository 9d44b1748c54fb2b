//! What the desired schema may say: statements that build it in one database. Pure.

use crate::dialect::Dialect;
use crate::sql::{self, Class, DdlVerb, ObjectKind, Piece};

/// Why a statement may not run on the scratch database called `scratch`: it would reach beyond it.
pub(super) fn refusal(statement: &str, scratch: &str) -> Option<String> {
    let dialect = Dialect::Mariadb;
    let kind = sql::classify(dialect, statement);
    let pieces = sql::pieces(dialect, statement);
    let first = |word: &str| pieces.first().is_some_and(|piece| piece.is(word));
    let is_scratch = |name: &str| name.eq_ignore_ascii_case(scratch);
    match kind.class() {
        Class::Ddl(ddl) => {
            let server_wide = matches!(
                ddl.object,
                ObjectKind::Role | ObjectKind::Tablespace | ObjectKind::Server | ObjectKind::System
            );
            if matches!(ddl.object, ObjectKind::Database | ObjectKind::Schema) {
                return Some(
                    "the desired schema is what one database holds: leave CREATE, ALTER and DROP DATABASE out"
                        .to_owned(),
                );
            }
            if server_wide || matches!(ddl.verb, DdlVerb::Grant | DdlVerb::Revoke) {
                return Some(
                    "this changes the server and not a schema, so it is not run on the scratch database: leave it out"
                        .to_owned(),
                );
            }
            let named = ddl.names.iter().chain(&ddl.table);
            let mut other = named.filter_map(|name| name.schema.as_deref());
            let other = other.find(|schema| !is_scratch(schema))?;
            Some(elsewhere(other))
        }
        _ if first("USE") => Some(
            "the desired schema is what one database holds: leave USE out".to_owned(),
        ),
        _ if ["FLUSH", "RESET", "INSTALL", "UNINSTALL", "CHANGE", "SHUTDOWN", "RESTART", "PURGE", "KILL", "STOP"]
            .into_iter()
            .any(first) =>
        {
            Some("this changes the server and not a schema, so it is not run on the scratch database: leave it out".to_owned())
        }
        Class::Session if first("SET") && names_global(&pieces) => Some(
            "this changes a setting of the whole server, so it is not run on the scratch database: leave it out"
                .to_owned(),
        ),
        _ => written_elsewhere(&pieces).filter(|other| !is_scratch(other)).map(|other| elsewhere(&other)),
    }
}

fn elsewhere(database: &str) -> String {
    format!(
        "this names the database `{database}`, and the desired schema is built on a scratch one: leave the \
         qualification out"
    )
}

fn names_global(pieces: &[Piece<'_>]) -> bool {
    pieces.iter().enumerate().any(|(at, piece)| {
        // One `@` is the user's own variable.
        let signs = piece.text.len() - piece.text.trim_start_matches('@').len();
        let before = pieces[..at].iter().rev();
        let signs = signs + before.take_while(|before| before.text == "@").count();
        let scope = piece.text.trim_start_matches('@').split('.').next();
        signs != 1
            && ["GLOBAL", "PERSIST", "PERSIST_ONLY"]
                .iter()
                .any(|word| scope.is_some_and(|scope| scope.eq_ignore_ascii_case(word)))
    })
}

/// The database of a table that a statement other than DDL names where tables stand.
fn written_elsewhere(pieces: &[Piece<'_>]) -> Option<String> {
    pieces.windows(4).find_map(|words| {
        let before = [
            "INTO", "UPDATE", "FROM", "JOIN", "TABLE", "TABLES", "IGNORE", "CALL",
        ];
        let is_table = before.iter().any(|word| words[0].is(word)) && words[2].text == ".";
        let name = words[1].name().filter(|_| is_table)?;
        words[3].name()?;
        Some(name.into_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_beyond_the_scratch_database_is_refused() {
        let refused = [
            "USE app",
            "CREATE DATABASE x",
            "DROP SCHEMA x",
            "CREATE TABLE app.t (a int)",
            "ALTER TABLE `app`.t ADD b int",
            "DROP TABLE t, app.u",
            "CREATE VIEW app.v AS SELECT 1",
            "CREATE TRIGGER t BEFORE INSERT ON app.x FOR EACH ROW SET @a = 1",
            "INSERT INTO app.t VALUES (1)",
            "DELETE FROM app.t",
            "UPDATE app.t SET a = 1",
            "GRANT ALL ON *.* TO x",
            "CREATE USER x",
            "SET GLOBAL sql_mode = ''",
            "SET @@global.sql_mode = ''",
            "FLUSH TABLES",
        ];
        for sql in refused {
            assert!(refusal(sql, "scratch").is_some(), "{sql}");
        }
        let allowed = [
            "CREATE TABLE t (a int REFERENCES app.u (id))",
            "CREATE TABLE scratch.t (a int)",
            "CREATE VIEW v AS SELECT * FROM app.t",
            "SET sql_mode = ''",
            "SET @global = 1",
            "INSERT INTO t VALUES (1)",
            "/*!40101 SET NAMES utf8mb4 */",
        ];
        for sql in allowed {
            assert_eq!(refusal(sql, "scratch"), None, "{sql}");
        }
    }
}
