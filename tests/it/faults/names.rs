//! Names that are too long, that share a prefix, or that hold a NUL. PostgreSQL cuts a longer name off without
//! an error: two names that differ behind the cut would be one table.

use limbeck::{Dialect, Error, Migrator, Revision};

use crate::support::soak::{is_full, tell};
use crate::support::{migrations, on_each};

/// One revision that leaves a row.
fn counting() -> limbeck::Migrations {
    migrations(&[(
        "a",
        "",
        "",
        "-- @upgrade\nINSERT INTO ran VALUES (1);\n-- @downgrade\nDELETE FROM ran;\n",
    )])
}

/// Bytes in PostgreSQL, characters in MySQL; SQLite has no limit.
const fn longest(dialect: Dialect) -> usize {
    match dialect {
        Dialect::Postgres => 63,
        Dialect::Sqlite => usize::MAX,
        _ => 64,
    }
}

/// What limbeck makes of a ledger's name for what belongs to it.
const LONGEST_SUFFIX: usize = "_revision".len();

fn is_refused_by_name(error: &Error) -> bool {
    matches!(error.kind(), "bad_name" | "bookkeeping")
}

on_each! {
    /// Around the limit: either all of limbeck's tables have the names that were asked for, or the call is refused
    /// and nothing at all was created.
    async fn names_around_the_limit(db) {
        db.run("CREATE TABLE ran (n INT)").await;
        let (mut runs, mut wrong, mut refused) = (0, Vec::new(), 0);
        // Where limits and suffixes meet.
        let some = [54, 55, 56, 59, 60, 63, 64, 65];
        for length in (50..=70).filter(|length| is_full() || some.contains(length)) {
            // Two bytes a character: the limits count differently.
            for letter in ["v", "é"] {
                let version = letter.repeat(length / letter.len());
                let names = [(version.clone(), format!("h{length}{}", letter.len())), (format!("v{length}{}", letter.len()), version.replace(letter, if letter == "v" { "h" } else { "ö" }))];
                for (version, history) in names {
                    runs += 1;
                    let before = db.tables().await;
                    let migrator = Migrator::new(&db.pool, counting()).version_table(&version).history_table(&history);
                    let ran = migrator.upgrade_to_head().await;
                    let mut after = db.tables().await;
                    match ran {
                        Ok(_) => {
                            let mut expected = before.clone();
                            expected.extend([version.clone(), history.clone(), format!("{history}_lock")]);
                            expected.sort();
                            after.sort();
                            if after != expected {
                                wrong.push(format!("{version} {history}: made other tables"));
                            }
                        }
                        Err(error) => {
                            refused += 1;
                            if !is_refused_by_name(&error) {
                                wrong.push(format!("{version} {history}: {error}"));
                            }
                            if after != before {
                                wrong.push(format!("{version} {history}: refused, and left tables: {error}"));
                            }
                            let units = |name: &str| if db.dialect == Dialect::Postgres { name.len() } else { name.chars().count() };
                            let limit = longest(db.dialect);
                            if units(&version) <= limit && units(&history) + LONGEST_SUFFIX <= limit {
                                wrong.push(format!("{version} {history}: not too long, and refused: {error}"));
                            }
                        }
                    }
                    let rows = db.strings("SELECT n FROM ran").await.len();
                    db.run("DELETE FROM ran").await;
                    for table in db.tables().await.iter().filter(|table| *table != "ran") {
                        db.run(&format!("DROP TABLE {}", quoted(db.dialect, table))).await;
                    }
                    assert!(rows <= 1, "{version}");
                }
            }
        }
        tell(&format!("names around the limit, {}", db.dialect), runs, wrong.len(), format!("refused: {refused}"));
        assert!(wrong.is_empty(), "{}: {}", wrong.len(), wrong.join("\n"));
    }

    /// Two services whose names differ only behind the limit are two services, or one of them is refused: never
    /// does the second one find the first one's heads.
    async fn names_that_share_a_prefix(db) {
        db.run("CREATE TABLE ran (n INT)").await;
        let stem = "service_with_a_very_long_name_that_somebody_generated_from_a_path";
        let mut ran = 0;
        for service in ["one", "two"] {
            let migrator = Migrator::new(&db.pool, counting()).version_table(format!("{stem}_{service}"));
            match migrator.upgrade_to_head().await {
                Ok(report) => {
                    assert_eq!(report.steps.len(), 1, "{service} has its own version table");
                    ran += 1;
                }
                Err(error) => assert!(is_refused_by_name(&error), "{error}"),
            }
        }
        assert_eq!(db.strings("SELECT n FROM ran").await.len(), ran);
    }

    /// A NUL in a name, a message or a label: an error before anything is written.
    async fn a_nul_is_refused(db) {
        db.run("CREATE TABLE ran (n INT)").await;
        let before = db.tables().await;
        for name in ["\0", "a\0b", "a\0"] {
            let plain = || Migrator::new(&db.pool, counting());
            for migrator in [plain().version_table(name), plain().history_table(name), plain().version_schema(name)] {
                for error in [
                    migrator.upgrade_to_head().await.map(drop).expect_err("a NUL"),
                    migrator.ensure_tables().await.expect_err("a NUL"),
                ] {
                    assert!(is_refused_by_name(&error), "{name:?}: {}: {error}", error.kind());
                }
                assert_eq!(db.tables().await, before, "{name:?}");
            }
        }
        assert!(db.strings("SELECT n FROM ran").await.is_empty());
        assert_eq!(Migrator::new(&db.pool, counting()).upgrade_to_head().await.expect("the pool is sound").current, ["a"]);
        let file = |head: &str| Revision::parse("a.sql", format!("{head}\n-- @upgrade\nSELECT 1;\n"));
        for head in ["-- a\0b\n--\n-- revision: a\n-- down_revision: none", "-- revision: a\0b\n-- down_revision: none", "-- revision: a\n-- down_revision: none\n-- branch_labels: a\0"] {
            assert!(file(head).is_err(), "{head:?}");
        }
    }
}

fn quoted(dialect: Dialect, name: &str) -> String {
    if dialect.is_mysql_family() {
        format!("`{}`", name.replace('`', "``"))
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}
