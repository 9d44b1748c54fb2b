//! The words of a section that show what it may leave in its session, beside the settings that its end restores. A server of
//! this family can neither list nor reset a session's variables and temporary tables.

use crate::backend::traces::{has_word, statements};
use crate::dialect::Dialect;
use crate::prepare::{Prepared, Sql, Work};
use crate::sql::{Class, Piece, pieces};

/// The settings that a section's end restores, and `SET NAMES` and its like, which set nothing else.
const RESTORED: [&str; 17] = [
    "autocommit",
    "character",
    "character_set_client",
    "character_set_connection",
    "character_set_results",
    "charset",
    "collation_connection",
    "foreign_key_checks",
    "innodb_lock_wait_timeout",
    "lock_wait_timeout",
    "max_execution_time",
    "max_statement_time",
    "names",
    "sql_mode",
    "sql_select_limit",
    "time_zone",
    "unique_checks",
];

/// Functions that take a lock of the session's.
const LOCKS: [&str; 2] = ["GET_LOCK", "SERVICE_GET_WRITE_LOCKS"];

/// Tells whether the section may leave variables, settings, temporary tables, prepared statements, handlers or locks. The
/// body of a trigger or function that a change of rows calls does not show.
pub(super) fn leaves(dialect: Dialect, prepared: &Prepared) -> bool {
    matches!(prepared.work, Work::Code)
        || statements(prepared).any(|statement| may_leave(dialect, statement))
}

fn may_leave(dialect: Dialect, statement: &Sql) -> bool {
    let words = pieces(dialect, &statement.text);
    match statement.kind.class() {
        Class::Ddl(_) => {
            has_word(dialect, statement, &["TEMPORARY"])
                || words
                    .windows(2)
                    .any(|pair| pair[0].is(":") && pair[1].is("="))
        }
        Class::Dml | Class::Query => {
            words.iter().any(is_variable)
                || words.first().is_some_and(|word| word.is("HANDLER"))
                || has_word(dialect, statement, &LOCKS)
        }
        Class::Session if words.first().is_some_and(|word| word.is("USE")) => false,
        Class::Session => !is_restored(&words),
        Class::Maintenance | Class::Savepoint => false,
        _ => true,
    }
}

/// Tells whether a token is a user's variable.
fn is_variable(piece: &Piece<'_>) -> bool {
    piece.text.starts_with('@') && !piece.text.starts_with("@@")
}

/// Tells whether a `SET` assigns only what the section's end restores, or what is the server's and no session's.
fn is_restored(words: &[Piece<'_>]) -> bool {
    let Some(set) = words.iter().position(|word| word.is("SET")) else {
        return false;
    };
    let mut depth = 0_usize;
    let assignments = words[set + 1..].split(|word| {
        if word.is("(") {
            depth += 1;
        } else if word.is(")") {
            depth = depth.saturating_sub(1);
        }
        depth == 0 && word.is(",")
    });
    let mut all = assignments.map(assigns_restored);
    all.all(|is_restored| is_restored)
}

fn assigns_restored(assignment: &[Piece<'_>]) -> bool {
    let is_server = |word: &str| {
        ["GLOBAL", "PERSIST", "PERSIST_ONLY"]
            .iter()
            .any(|scope| word.eq_ignore_ascii_case(scope))
    };
    // `/*!40101` and its end are no part of it.
    let mut words = assignment.iter().filter(|word| {
        !word.text.starts_with("/*!") && !word.text.starts_with("/*M!") && word.text != "*/"
    });
    let Some(mut first) = words.next() else {
        return true;
    };
    if is_variable(first) {
        return false;
    }
    if let Some(system) = first.text.strip_prefix("@@") {
        let (scope, name) = system.rsplit_once('.').unwrap_or(("", system));
        return is_server(scope) || RESTORED.iter().any(|word| name.eq_ignore_ascii_case(word));
    }
    if is_server(first.text) {
        return true;
    }
    if first.is("SESSION") || first.is("LOCAL") {
        match words.next() {
            Some(name) => first = name,
            None => return false,
        }
    }
    let name = first.name().unwrap_or_default();
    RESTORED.iter().any(|word| name.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::classify;

    fn leaves(text: &str) -> bool {
        let statement = Sql {
            text: text.to_owned(),
            line: 1,
            column: 1,
            kind: classify(Dialect::Mariadb, text),
        };
        may_leave(Dialect::Mariadb, &statement)
    }

    #[test]
    fn an_ordinary_section_leaves_nothing() {
        for text in [
            "CREATE TABLE t (id INT, note VARCHAR(20) DEFAULT '@x := 1')",
            "CREATE DEFINER = root@localhost VIEW v AS SELECT 1",
            "ALTER TABLE t ADD COLUMN x INT",
            "INSERT INTO t VALUES (1, 'a@b')",
            "UPDATE t SET x = @@version",
            "SELECT COUNT(*) FROM t",
            "SET foreign_key_checks = 0, SESSION sql_mode = ''",
            "SET @@session.time_zone = '+00:00', NAMES utf8mb4",
            "SET NAMES latin1",
            "SET CHARACTER SET utf8mb4",
            "SET GLOBAL max_connections = 200",
            "/*!40101 SET character_set_client = utf8 */",
            "SET STATEMENT max_statement_time = 1 FOR SELECT 1",
            "ANALYZE TABLE t",
            "GRANT SELECT ON t TO 'a'@'b'",
            "USE other",
        ] {
            assert!(!leaves(text), "{text}");
        }
    }

    #[test]
    fn what_stays_in_a_session_is_seen() {
        for text in [
            "SET @x = 1",
            "SET foreign_key_checks = 0, @x = 1",
            "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='' */",
            "SET default_storage_engine = MyISAM",
            "SET SESSION sql_safe_updates = 1",
            "SET LOCAL `auto_increment_increment` = 7",
            "SET @@session.insert_id = 5",
            "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "SET ROLE NONE",
            "SELECT 1 INTO @x",
            "SELECT @x := 1",
            "CREATE TABLE t AS SELECT @x := 1",
            "CREATE TEMPORARY TABLE t (id INT)",
            "CREATE /*!50000 TEMPORARY */ TABLE t (id INT)",
            "LOAD DATA INFILE 'f' INTO TABLE t (@a) SET x = @a",
            "INSERT INTO t VALUES (@x := 2)",
            "SELECT GET_LOCK('a', 1)",
            "HANDLER t OPEN",
            "PREPARE p FROM 'SELECT 1'",
            "CALL p(@x)",
            "DO SLEEP(0)",
            "BEGIN NOT ATOMIC SET @x = 1; END",
            "FLUSH TABLES WITH READ LOCK",
            "LOCK TABLES t READ",
        ] {
            assert!(leaves(text), "{text}");
        }
    }
}
