//! Resumption: generated sections of DDL, DML and session values, each stopped at each of its statements by an error, and at
//! many of its waits by dropping the future. The next call ends like an undisturbed run, or asks: never anything else.

use std::future::{Future, poll_fn};
use std::task::Poll;

use limbeck::{Dialect, Migrations, Migrator};

use crate::support::{migrations, servers};

/// The number of sections that are made for each database.
const SECTIONS: u64 = 4;

/// Every so many waits the future is dropped.
const STRIDE: usize = 5;

/// A generator whose numbers depend on nothing but its seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// The kinds of statements; `#` stands for the statement's number.
fn menu(dialect: Dialect) -> Vec<&'static str> {
    let mut all = vec![
        "INSERT INTO p (n) VALUES (#)",
        "INSERT INTO p (n) VALUES (#)",
        "UPDATE p SET n = n + 100 WHERE n < 50",
        "CREATE TABLE made_# (x INT)",
        "CREATE TEMPORARY TABLE IF NOT EXISTS tmp (v INT)",
        "INSERT INTO tmp VALUES (#)",
        "INSERT INTO d (tag, v) SELECT #, count(*) FROM tmp",
        "INSERT INTO d (tag, v) SELECT #, count(*) FROM p",
    ];
    match dialect {
        Dialect::Sqlite => all.extend([
            "INSERT INTO c (tag, pid) VALUES (#, last_insert_rowid())",
            "INSERT INTO c (tag, pid) SELECT #, last_insert_rowid()",
            "PRAGMA recursive_triggers = ON",
            "INSERT INTO d (tag, v) SELECT #, recursive_triggers FROM pragma_recursive_triggers",
        ]),
        Dialect::Postgres => all.extend([
            "INSERT INTO c (tag, pid) VALUES (#, lastval())",
            "INSERT INTO c (tag, pid) VALUES (#, currval('p_id_seq'))",
            "SELECT set_config('app.count', (SELECT count(*)::text FROM p), false)",
            "SELECT set_config('app.count', '77', false)",
            "INSERT INTO d (tag, v) VALUES (#, nullif(current_setting('app.count', true), '')::int)",
            "CREATE INDEX CONCURRENTLY i_# ON p (n)",
        ]),
        _ => all.extend([
            "INSERT INTO c (tag, pid) VALUES (#, LAST_INSERT_ID())",
            "SET @a = LAST_INSERT_ID()",
            "INSERT INTO c (tag, pid) VALUES (#, @a)",
            "SET @b = (SELECT count(*) FROM p)",
            "SELECT max(n) INTO @b FROM p",
            "SET @b = 77",
            "INSERT INTO d (tag, v) VALUES (#, @b)",
            "INSERT INTO d (tag, v) VALUES (#, @r := IFNULL(@r, 0) + 1)",
            "INSERT INTO my (tag) VALUES (#)",
            "CALL count_into(@b)",
            "ALTER TABLE d ADD COLUMN z# INT",
        ]),
    }
    all
}

fn section(dialect: Dialect, seed: u64) -> Vec<String> {
    let (menu, mut numbers) = (menu(dialect), Numbers(seed * 7919 + 13));
    let mut all = vec!["INSERT INTO p (n) VALUES (1)".to_owned()];
    for number in 2..12 {
        let text = menu[numbers.below(menu.len())];
        all.push(text.replace('#', &number.to_string()));
    }
    all
}

/// The section with a statement before its `gate`th that fails where the table `gate` is missing.
fn files(dialect: Dialect, seed: u64, gate: usize) -> Migrations {
    let (key, more) = match dialect {
        Dialect::Sqlite => ("INTEGER PRIMARY KEY", ""),
        Dialect::Postgres => ("SERIAL PRIMARY KEY", ""),
        _ => (
            "INT PRIMARY KEY AUTO_INCREMENT",
            "CREATE TABLE my (tag INT) ENGINE=MyISAM;\n\
             CREATE PROCEDURE count_into(OUT x INT) SELECT count(*) INTO x FROM p;\n",
        ),
    };
    // A real table that the temporary one hides.
    let first = format!(
        "CREATE TABLE p (id {key}, n INT);\nCREATE TABLE c (tag INT, pid INT);\nCREATE TABLE d (tag INT, v INT);\n\
         CREATE TABLE tmp (v INT);\nINSERT INTO tmp VALUES (1), (2), (3);\nINSERT INTO p (n) VALUES (0);\n{more}"
    );
    let mut statements = section(dialect, seed);
    statements.insert(gate, "INSERT INTO gate VALUES (1)".to_owned());
    let word = if dialect.is_mysql_family() && seed % 4 != 3 {
        ""
    } else {
        " autocommit"
    };
    let text = format!("-- @upgrade{word}\n{};\n", statements.join(";\n"));
    migrations(&[
        ("a", "", "", &format!("-- @upgrade\n{first}")),
        ("b", "a", "", &text),
    ])
}

/// What the tables hold. A generated key is known by the row that it leads to: a rollback leaves gaps.
fn contents(dialect: Dialect) -> Vec<String> {
    let text = |column: &str| match dialect {
        Dialect::Mysql | Dialect::Mariadb => format!("CONVERT({column}, CHAR)"),
        _ => format!("CAST({column} AS TEXT)"),
    };
    let both = |a: &str, b: &str| match dialect {
        Dialect::Mysql | Dialect::Mariadb => {
            format!("CONCAT({}, ':', IFNULL({}, '-'))", text(a), text(b))
        }
        _ => format!("{} || ':' || COALESCE({}, '-')", text(a), text(b)),
    };
    let mut all = vec![
        format!("SELECT {} FROM p ORDER BY n", text("n")),
        format!(
            "SELECT {} FROM c LEFT JOIN p ON p.id = c.pid ORDER BY tag",
            both("c.tag", "p.n")
        ),
        format!("SELECT {} FROM d ORDER BY tag", both("tag", "v")),
        format!("SELECT {} FROM tmp ORDER BY v", text("v")),
    ];
    if dialect.is_mysql_family() {
        all.push("SELECT CONVERT(tag, CHAR) FROM my ORDER BY tag".to_owned());
    }
    all
}

/// Runs a future until it has waited so often, and drops it right there. True: it was done before.
async fn drop_after(waits: usize, work: impl Future) -> bool {
    let mut left = waits;
    let mut work = Box::pin(work);
    poll_fn(move |context| match work.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(true),
        Poll::Pending if left == 0 => Poll::Ready(false),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

macro_rules! stopped_anywhere {
    ($db:ident, $fresh:expr) => {{
        let dialect = $db.dialect;
        let (mut equal, mut asked) = (0, 0);
        for seed in 0..SECTIONS {
            let mut expected: Vec<Vec<String>> = Vec::new();
            $db.run("CREATE TABLE gate (x INT)").await;
            let migrator = Migrator::new(&$db.pool, files(dialect, seed, 0));
            let _ = migrator.upgrade_to_head().await.expect("an undisturbed run");
            for query in contents(dialect) {
                expected.push($db.strings(&query).await);
            }
            let length = section(dialect, seed).len();
            let errors = (0..=length).map(|gate| (gate, None));
            let drops = (0..60).map(|round| (0, Some(round * STRIDE + seed as usize)));
            for (gate, waits) in errors.chain(drops) {
                let Some(db) = $fresh else { return };
                let files = files(dialect, seed, gate);
                let migrator = Migrator::new(&db.pool, files);
                let mut is_last = false;
                match waits {
                    None => {
                        let error = migrator.upgrade_to_head().await.expect_err("the gate is shut");
                        assert!(error.is_statement(), "{error}");
                        db.run("CREATE TABLE gate (x INT)").await;
                    }
                    Some(waits) => {
                        db.run("CREATE TABLE gate (x INT)").await;
                        let _ = migrator.upgrade("a").await.expect("a");
                        is_last = drop_after(waits, migrator.upgrade_to_head()).await;
                    }
                }
                match migrator.upgrade_to_head().await {
                    Ok(_) => {
                        equal += 1;
                        for (query, expected) in contents(dialect).iter().zip(&expected) {
                            let found = db.strings(query).await;
                            assert_eq!(
                                found, *expected,
                                "silently different: {query}, section {seed}, gate {gate}, waits {waits:?}:\n{}",
                                section(dialect, seed).join(";\n")
                            );
                        }
                    }
                    Err(error) if error.kind() == "unfinished" => asked += 1,
                    // A value that a new session lacks, and says so.
                    Err(error) => panic!("section {seed}, gate {gate}, waits {waits:?}: {error}"),
                }
                if is_last {
                    break;
                }
            }
            for table in ["p", "c", "d", "tmp", "gate", "my"] {
                $db.run(&format!("DROP TABLE IF EXISTS {table}")).await;
            }
            if dialect.is_mysql_family() {
                $db.run("DROP PROCEDURE IF EXISTS count_into").await;
            }
            for number in 0..12 {
                $db.run(&format!("DROP TABLE IF EXISTS made_{number}")).await;
            }
            for table in ["limbeck_history", "limbeck_version", "limbeck_history_lock"] {
                $db.run(&format!("DROP TABLE {table}")).await;
            }
        }
        println!("{dialect}: {equal} like an undisturbed run, {asked} asked, none different");
        assert!(equal > 20 && asked > 0, "{equal} equal, {asked} asked");
    }};
}

/// Each stop ends like an undisturbed run, or in a question.
#[tokio::test]
async fn a_stop_is_never_silently_different_on_sqlite() {
    let db = servers::sqlite().await;
    stopped_anywhere!(db, Some(servers::sqlite().await));
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_stop_is_never_silently_different_on_postgres() {
    let Some(db) = servers::postgres_database().await else {
        return;
    };
    stopped_anywhere!(db, servers::postgres_database().await);
}

#[cfg(feature = "mysql")]
async fn a_stop_is_never_silently_different() {
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    stopped_anywhere!(db, servers::mysql_database().await);
}

crate::support::on_mysql!(a_stop_is_never_silently_different);
