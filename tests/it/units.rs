//! Units on MariaDB: consecutive statements that do not commit by themselves are one transaction with one record.

use std::time::Duration;

use limbeck::error::{RunError, UnfinishedReason};
use limbeck::{Error, Event, Migrations, Migrator, Resolution};
use sqlx::mysql::{MySqlConnection, MySqlPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, MySqlPool};

use crate::support::servers::{Database, MySqlServer, mysql_database, numbers};
use crate::support::{migrations, soak};

type Mysql = Database<sqlx::MySql>;

fn files(words: &str, section: &str) -> Migrations {
    const FIRST: &str = "CREATE TABLE d (v LONGTEXT) ENGINE=InnoDB;\nCREATE TABLE two (id INT PRIMARY KEY, v INT) ENGINE=InnoDB;\n\
         INSERT INTO two VALUES (1, 0), (2, 0);";
    migrations(&[
        ("a", "", "", &format!("-- @upgrade\n{FIRST}\n")),
        ("b", "a", "", &format!("-- @upgrade{words}\n{section}\n")),
    ])
}

fn unfinished(error: &Error) -> UnfinishedReason {
    match error {
        Error::Run(run) => match &**run {
            RunError::Unfinished(unfinished) => unfinished.reason,
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

/// A pool whose every session begins with this statement.
async fn pool_with(db: &Mysql, setting: &'static str) -> MySqlPool {
    let options = (*db.pool.connect_options()).clone();
    MySqlPoolOptions::new()
        .after_connect(move |connection, _| {
            Box::pin(async move { sqlx::raw_sql(setting).execute(connection).await.map(drop) })
        })
        .connect_lazy_with(options)
}

/// A section that is longer than any message that the server takes is still one transaction with one record.
async fn a_unit_is_cut_where_the_servers_packet_ends() {
    let Some(db) = mysql_database().await else {
        return;
    };
    let packet = db
        .strings("SELECT CONVERT(@@max_allowed_packet, CHAR)")
        .await;
    let packet: usize = packet[0].parse().expect("a number");
    let row = format!("INSERT INTO d VALUES ('{}');\n", "x".repeat(packet / 4));
    let section = row.repeat(9);
    let migrator = Migrator::new(
        &db.pool,
        files("", &format!("{section}INSERT INTO gate VALUES (1);")),
    );
    let error = migrator
        .upgrade_to_head()
        .await
        .expect_err("the gate is shut");
    assert!(
        error
            .to_string()
            .contains("statements 1 to 9 were rolled back with it, in one transaction"),
        "{error}"
    );
    let count = "SELECT CONVERT(COUNT(*), CHAR) FROM d";
    assert_eq!(db.strings(count).await, ["0"]);
    db.run("CREATE TABLE gate (x INT)").await;
    let report = migrator.upgrade_to_head().await.expect("the gate is open");
    assert_eq!((report.rows(), report.current), (10, vec!["b".into()]));
    assert_eq!(db.strings(count).await, ["9"]);
}

/// The heartbeat moves the lease's row while a statement runs: the record behind it does not fail for that.
async fn a_statement_longer_than_a_heartbeat_under_snapshot_isolation() {
    for words in ["", " autocommit"] {
        let Some(db) = mysql_database().await else {
            return;
        };
        let pool = pool_with(&db, "SET SESSION innodb_snapshot_isolation = ON").await;
        let section = "INSERT INTO d SELECT CONVERT(@@innodb_snapshot_isolation, CHAR) FROM two WHERE id = 1 AND SLEEP(1) = 0;\n\
                       UPDATE two SET v = 7;";
        let migrator =
            Migrator::new(&pool, files(words, section)).lease(Duration::from_millis(600));
        let report = migrator.upgrade_to_head().await.expect("it goes through");
        assert_eq!(report.current, ["b"]);
        assert_eq!(
            db.strings("SELECT v FROM d").await,
            ["ON"],
            "the author's statements have the isolation"
        );
    }
    // The last batch changes nothing, and the head moves with it.
    let Some(db) = mysql_database().await else {
        return;
    };
    let pool = pool_with(&db, "SET SESSION innodb_snapshot_isolation = ON").await;
    let section = "UPDATE two SET v = 7 WHERE v <> 7 OR SLEEP(0.5) = 9;";
    let migrator =
        Migrator::new(&pool, files(" repeat", section)).lease(Duration::from_millis(600));
    let report = migrator.upgrade_to_head().await.expect("it goes through");
    assert_eq!(report.current, ["b"]);
}

/// Waits until a session is inside a statement that begins so, behind limbeck's comment or without. At first the list shows the
/// whole message, and its later statements too.
async fn runs(db: &Mysql, beginning: &str) {
    let query = format!(
        "SELECT CONVERT(id, CHAR) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID() \
         AND TRIM(LEADING '\\n' FROM IF(info LIKE '/*%', SUBSTRING(info, LOCATE('*/', info) + 3), info)) LIKE '{beginning}%'"
    );
    while db.strings(&query).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Lets the section's second `UPDATE` of `two` be the victim of a deadlock once.
async fn deadlocked<T>(db: &Mysql, run: impl Future<Output = T>) -> T {
    db.run("CREATE TABLE weight (x INT) ENGINE=InnoDB").await;
    let mut other = MySqlConnection::connect(&db.url)
        .await
        .expect("a connection");
    let run_sql = |text: &str| sqlx::raw_sql(AssertSqlSafe(text.to_owned()));
    // InnoDB ends the transaction that has changed fewer rows.
    let many = numbers(1000);
    run_sql(&format!(
        "BEGIN; INSERT INTO weight SELECT seq FROM {many}; UPDATE two SET v = v + 100 WHERE id = 2"
    ))
    .execute(&mut other)
    .await
    .expect("a heavy transaction");
    let against = async {
        runs(db, "UPDATE two SET v = v + 1 WHERE id = 2").await;
        run_sql("UPDATE two SET v = v + 100 WHERE id = 1; COMMIT")
            .execute(&mut other)
            .await
            .expect("the other one wins");
    };
    tokio::join!(run, against).0
}

const COUNTED: &str = "INSERT INTO d VALUES (@r := IFNULL(@r, 0) + 1);\nUPDATE two SET v = v + 1 WHERE id = 1;\n\
                       UPDATE two SET v = v + 1 WHERE id = 2;";

const VALUES: &str = "SELECT GROUP_CONCAT(CONVERT(v, CHAR) ORDER BY v) FROM (SELECT v FROM d UNION ALL SELECT v FROM two) AS a";

/// A rollback takes back rows and no variables: what a deadlock undid is sent again in a new session.
async fn a_deadlock_is_begun_again_in_a_new_session() {
    let Some(db) = mysql_database().await else {
        return;
    };
    let migrator = Migrator::new(&db.pool, files("", COUNTED));
    let _ = migrator.upgrade("a").await.expect("a");
    let report = deadlocked(&db, migrator.upgrade_to_head())
        .await
        .expect("sent again");
    assert_eq!(report.current, ["b"]);
    assert_eq!(db.strings(VALUES).await, ["1,101,101"]);
}

/// Without variables the same session serves, also a lent one.
async fn a_deadlock_of_plain_rows_is_begun_again_on_a_lent_connection() {
    let Some(db) = mysql_database().await else {
        return;
    };
    let section = COUNTED.replace("@r := IFNULL(@r, 0) + 1", "1");
    let mut lent = MySqlConnection::connect(&db.url)
        .await
        .expect("a connection");
    let migrator = Migrator::new(&mut lent, files("", &section));
    let _ = migrator.upgrade("a").await.expect("a");
    let report = deadlocked(&db, migrator.upgrade_to_head())
        .await
        .expect("sent again");
    assert_eq!(report.current, ["b"]);
    assert_eq!(db.strings(VALUES).await, ["1,101,101"]);
}

/// There is no other session than the lent one, and it holds what the undone unit gave it: asked, in the next call too.
async fn a_deadlock_on_a_lent_connection_is_asked() {
    let Some(db) = mysql_database().await else {
        return;
    };
    let mut lent = MySqlConnection::connect(&db.url)
        .await
        .expect("a connection");
    let migrator = Migrator::new(&mut lent, files("", COUNTED));
    let _ = migrator.upgrade("a").await.expect("a");
    let error = deadlocked(&db, migrator.upgrade_to_head())
        .await
        .expect_err("it is not sent again");
    assert!(error.is_statement(), "{error}");
    let error = migrator.upgrade_to_head().await.expect_err("asked");
    assert_eq!(unfinished(&error), UnfinishedReason::SessionLost, "{error}");
    assert!(error.to_string().contains("@r"), "{error}");
    drop(migrator);
    assert_eq!(db.strings("SELECT v FROM d").await, Vec::<String>::new());
    // As the error says.
    Migrator::new(&db.pool, files("", COUNTED))
        .resolve("b", Resolution::NotApplied)
        .await
        .expect("settled");
    let _ = Migrator::new(&db.pool, files("", COUNTED))
        .upgrade_to_head()
        .await
        .expect("over the pool");
    assert_eq!(db.strings(VALUES).await, ["1,101,101"]);
}

/// A statement that fails in a lent session, and the next call over it.
async fn a_failed_unit_on_a_lent_connection_is_asked() {
    for words in ["", " autocommit"] {
        let Some(db) = mysql_database().await else {
            return;
        };
        let section = match words {
            "" => "INSERT INTO d VALUES (@r := IFNULL(@r, 0) + 1);\nINSERT INTO gate VALUES (1);",
            _ => {
                "INSERT INTO gate SELECT @r := IFNULL(@r, 0) + 1 FROM two WHERE id = 1 AND 1 / v > 0;\nINSERT INTO d SELECT x FROM gate;"
            }
        };
        let mut lent = MySqlConnection::connect(&db.url)
            .await
            .expect("a connection");
        if words == " autocommit" {
            db.run("CREATE TABLE gate (x INT CHECK (x > 5))").await;
        }
        let migrator = Migrator::new(&mut lent, files(words, section));
        let _ = migrator.upgrade("a").await.expect("a");
        if words == " autocommit" {
            db.run("UPDATE two SET v = 1").await;
        }
        let error = migrator
            .upgrade_to_head()
            .await
            .expect_err("the gate is shut");
        assert!(error.is_statement(), "{error}");
        db.run("DROP TABLE IF EXISTS gate; CREATE TABLE gate (x INT)")
            .await;
        let error = migrator.upgrade_to_head().await.expect_err("asked");
        assert_eq!(unfinished(&error), UnfinishedReason::SessionLost, "{error}");
        drop(migrator);
        let files = files(words, section);
        Migrator::new(&db.pool, files.clone())
            .resolve("b", Resolution::NotApplied)
            .await
            .expect("settled");
        let _ = Migrator::new(&db.pool, files)
            .upgrade_to_head()
            .await
            .expect("over the pool");
        assert_eq!(db.strings("SELECT v FROM d").await, ["1"]);
    }
}

/// A first call over a lent connection has nothing to ask.
async fn a_lent_connection_runs_what_reads_its_own_variables() {
    let Some(db) = mysql_database().await else {
        return;
    };
    let mut lent = MySqlConnection::connect(&db.url)
        .await
        .expect("a connection");
    let migrator = Migrator::new(&mut lent, files("", COUNTED));
    assert_eq!(
        migrator.upgrade_to_head().await.expect("both").current,
        ["b"]
    );
    drop(migrator);
    assert_eq!(db.strings(VALUES).await, ["1,1,1"]);
}

/// In a section of single statements, a deadlock does not evaluate a variable twice.
async fn a_deadlock_of_a_single_statement_does_not_count_twice() {
    let Some(db) = mysql_database().await else {
        return;
    };
    db.run("CREATE FUNCTION both_rows() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN UPDATE two SET v = v + 1 WHERE id = 1; \
            UPDATE two SET v = v + 1 WHERE id = 2; RETURN 1; END")
        .await;
    let section = "INSERT INTO d SELECT CONCAT(@r := IFNULL(@r, 0) + 1, both_rows());";
    let migrator = Migrator::new(&db.pool, files(" autocommit", section));
    let _ = migrator.upgrade("a").await.expect("a");
    match deadlocked(&db, migrator.upgrade_to_head()).await {
        Ok(report) => assert_eq!(report.current, ["b"]),
        Err(error) => {
            assert!(error.is_statement(), "{error}");
            let _ = migrator
                .upgrade_to_head()
                .await
                .expect("started again, as the error says");
        }
    }
    assert_eq!(db.strings("SELECT v FROM d").await, ["11"]);
}

/// Words that commit stand alone; what commits inside a unit all the same, the check at its end finds, and asks.
async fn a_hidden_commit_in_a_unit_is_in_doubt() {
    let here = MySqlServer::here();
    let immediate = |text: &str| match here {
        MySqlServer::Mariadb => format!("EXECUTE IMMEDIATE '{text}'"),
        MySqlServer::Mysql => format!("PREPARE hidden FROM '{text}';\nEXECUTE hidden"),
    };
    for hidden in [
        "CALL commits()".to_owned(),
        immediate("CREATE TABLE made (x INT)"),
        immediate("ANALYZE TABLE two"),
        immediate("FLUSH TABLES"),
        "SET autocommit = 0;\nSET autocommit = 1".to_owned(),
        // Stands for what the words do not show and the server does.
        "RELEASE SAVEPOINT limbeck_unit".to_owned(),
        "SET @a = 1 /*!50000 , autocommit = 0 */;\nSET @a = 1 /*!50000 , autocommit = 1 */"
            .to_owned(),
        here.pick(
            "SET PASSWORD FOR '@db'@'localhost' = PASSWORD('x')",
            "SET PASSWORD FOR '@db'@'localhost' = 'x'",
        )
        .to_owned(),
        here.pick(
            "SET DEFAULT ROLE NONE FOR '@db'@'localhost'",
            "SET DEFAULT ROLE NONE TO '@db'@'localhost'",
        )
        .to_owned(),
    ] {
        let Some(db) = mysql_database().await else {
            return;
        };
        let name = db.strings("SELECT DATABASE()").await.remove(0);
        let hidden = &hidden.replace("@db", &name);
        db.run(&format!("CREATE USER '{name}'@'localhost'")).await;
        db.run("CREATE PROCEDURE commits() BEGIN INSERT INTO d VALUES ('inside'); COMMIT; END")
            .await;
        let section =
            format!("INSERT INTO d VALUES ('first');\n{hidden};\nINSERT INTO d VALUES ('last');");
        for (resolution, again) in [(Resolution::Applied, false), (Resolution::NotApplied, true)] {
            let migrator = Migrator::new(&db.pool, files("", &section));
            let told = migrator.upgrade_to_head().await;
            let Err(error) = told else {
                assert!(!hidden.starts_with("RELEASE"), "{hidden}");
                // It commits nothing that is open, or stood alone.
                let rows = db
                    .strings("SELECT v FROM d WHERE v <> 'inside' ORDER BY v")
                    .await;
                assert_eq!(rows, ["first", "last"], "{hidden}");
                break;
            };
            assert!(
                error
                    .to_string()
                    .contains("are one transaction, and something in it committed"),
                "{hidden}: {error}"
            );
            let error = migrator.upgrade_to_head().await.expect_err("asked");
            assert_eq!(unfinished(&error), UnfinishedReason::InDoubt, "{error}");
            assert!(
                error.to_string().contains("were one transaction"),
                "{error}"
            );
            if again {
                // As a person does who answers so.
                db.run("DELETE FROM d; DROP TABLE IF EXISTS made").await;
            }
            migrator.resolve("b", resolution).await.expect("settled");
            let after = migrator.upgrade_to_head().await;
            if again {
                let error = after.expect_err("it commits again");
                assert!(
                    error.to_string().contains("something in it committed"),
                    "{error}"
                );
            } else {
                assert_eq!(after.expect("it goes on behind it").current, ["b"]);
            }
            db.run("DROP TABLE IF EXISTS made, limbeck_history, limbeck_version, limbeck_history_lock, d, two").await;
        }
    }
}

/// A lent connection in a unit has no heartbeat beside it: nobody ends its session while its transaction is open.
async fn a_takeover_leaves_an_open_unit_alone() {
    let Some(db) = mysql_database().await else {
        return;
    };
    let section =
        "INSERT INTO d VALUES ('once');\nINSERT INTO d SELECT SLEEP(2) FROM two WHERE id = 1;";
    let lease = Duration::from_millis(200);
    let mut lent = MySqlConnection::connect(&db.url)
        .await
        .expect("a connection");
    let holder = Migrator::new(&mut lent, files("", section)).lease(lease);
    let _ = holder.upgrade("a").await.expect("a");
    let other = Migrator::new(&db.pool, files("", section)).lease(lease);
    let second = async {
        runs(&db, "INSERT INTO d SELECT SLEEP(2)").await;
        other.upgrade_to_head().await
    };
    let (first, second) = tokio::join!(holder.upgrade_to_head(), second);
    assert_eq!(first.expect("the holder ends its work").steps.len(), 1);
    assert_eq!(second.expect("the other one waits").steps.len(), 0);
    drop(holder);
    assert_eq!(
        db.strings("SELECT v FROM d ORDER BY v").await,
        ["0", "once"]
    );
}

/// `StatementDone` names the rows of each statement of a unit, and the ledger their sum.
async fn rows_are_told_by_statement() {
    let Some(db) = mysql_database().await else {
        return;
    };
    let section = "INSERT INTO d VALUES (1), (2);\nUPDATE two SET v = 5;\nSELECT 1;\nDELETE FROM two WHERE id = 1;";
    let told: std::sync::Arc<std::sync::Mutex<Vec<u64>>> = std::sync::Arc::default();
    let heard = told.clone();
    let migrator = Migrator::new(&db.pool, files("", section)).on_event(move |event| {
        if let Event::StatementDone { step, rows, .. } = event
            && &*step.revision == "b"
        {
            heard.lock().expect("a lock").push(*rows);
        }
    });
    let report = migrator.upgrade_to_head().await.expect("all");
    assert_eq!(*told.lock().expect("a lock"), [2, 2, 0, 1]);
    assert_eq!(report.steps[1].rows, 5);
    let query = "SELECT CONVERT(rows_affected, CHAR) FROM limbeck_history WHERE revision = 'b'";
    assert_eq!(db.strings(query).await, ["5"]);
}

/// 10,000 single `INSERT`s, beside the server's own client with one transaction around them: rounds by turns, and no bound, since
/// the clock is the machine's. Counted is what does not depend on it: one record.
async fn ten_thousand_inserts_beside_the_client() {
    use crate::support::soak;
    let (rounds, inserts) = (soak::times(1, 7), soak::times(500, 10_000));
    let mut section = String::new();
    for n in 0..inserts {
        section.push_str(&format!("INSERT INTO d VALUES ('row {n}');\n"));
    }
    let (mut ours, mut clients) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let Some(db) = mysql_database().await else {
            return;
        };
        let migrator = Migrator::new(&db.pool, files("", &section));
        let _ = migrator.upgrade("a").await.expect("a");
        let began = std::time::Instant::now();
        let report = migrator.upgrade_to_head().await.expect("all rows");
        ours.push(began.elapsed());
        assert_eq!(report.rows(), inserts as u64);
        let options = db.pool.connect_options();
        let mut client = std::process::Command::new("mariadb")
            .args([
                "--user",
                options.get_username(),
                "--host",
                options.get_host(),
            ])
            .args([
                "--port",
                &options.get_port().to_string(),
                options.get_database().expect("a database"),
            ])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("the client");
        let began = std::time::Instant::now();
        let script = format!("START TRANSACTION;\n{section}COMMIT;\n");
        let mut input = client.stdin.take().expect("a pipe");
        std::io::Write::write_all(&mut input, script.as_bytes()).expect("the script");
        drop(input);
        assert!(client.wait().expect("the client").success());
        clients.push(began.elapsed());
        let rows = db.strings("SELECT CONVERT(COUNT(*), CHAR) FROM d").await;
        assert_eq!(rows, [(2 * inserts).to_string()]);
    }
    ours.sort();
    clients.sort();
    let (ours, client) = (ours[rounds / 2], clients[rounds / 2]);
    soak::tell(
        &format!(
            "{inserts} single INSERTs in a file, {}, beside the client",
            MySqlServer::here().name()
        ),
        rounds,
        0,
        format!(
            "limbeck {ours:.1?}, the client in one transaction {client:.1?}, medians: {:.2} times",
            ours.as_secs_f64() / client.as_secs_f64()
        ),
    );
}

/// A row that points inside what is now a unit, as version 0.1 left them: its records stood behind each statement, so the place is
/// known. The statements behind it are the unit; what they read of the earlier session is asked.
async fn a_row_inside_of_what_is_now_a_unit() {
    for (reads, is_asked) in [
        ("'third'", false),
        ("@kept", true),
        ("LAST_INSERT_ID()", true),
    ] {
        let Some(db) = mysql_database().await else {
            return;
        };
        let section = format!(
            "INSERT INTO d VALUES ('first');\nSET @kept = (SELECT COUNT(*) FROM d);\nINSERT INTO keyed VALUES (NULL);\n\
             INSERT INTO gate VALUES (1);\nINSERT INTO d VALUES ({reads});"
        );
        let before = files(" autocommit", &section);
        db.run("CREATE TABLE keyed (id INT PRIMARY KEY AUTO_INCREMENT) ENGINE=InnoDB")
            .await;
        let error = Migrator::new(&db.pool, before).upgrade_to_head().await;
        assert!(error.expect_err("the gate is shut").is_statement());
        db.run("CREATE TABLE gate (x INT)").await;
        let now = Migrator::new(&db.pool, files("", &section));
        let told = now.upgrade_to_head().await;
        if is_asked {
            let error = told.expect_err("asked");
            assert_eq!(unfinished(&error), UnfinishedReason::SessionLost, "{error}");
            continue;
        }
        assert_eq!(told.expect("it goes on").rows(), 2 + 2);
        assert_eq!(
            db.strings("SELECT v FROM d ORDER BY v").await,
            ["first", "third"]
        );
    }
}

/// A statement that no message can hold is refused before anything runs, with the setting's name.
async fn what_is_longer_than_a_packet_is_refused() {
    let Some(db) = mysql_database().await else {
        return;
    };
    let packet = db
        .strings("SELECT CONVERT(@@max_allowed_packet, CHAR)")
        .await;
    let packet: usize = packet[0].parse().expect("a number");
    let long = format!("INSERT INTO d VALUES ('{}');\n", "x".repeat(packet));
    for (words, section) in [
        ("", long.clone()),
        (" autocommit", format!("INSERT INTO d VALUES (1);\n{long}")),
        ("", format!("SELECT 1;\n\n-- @downgrade\n{long}")),
    ] {
        let error = Migrator::new(&db.pool, files(words, &section))
            .upgrade_to_head()
            .await
            .expect_err("it is too long");
        assert_eq!(error.kind(), "too_long", "{error}");
        let text = error.to_string();
        assert!(
            text.contains("(max_allowed_packet)") && text.contains(&packet.to_string()),
            "{text}"
        );
        assert!(!text.contains("xxx"), "the statement is not shown");
        assert_eq!(db.tables().await, Vec::<String>::new(), "nothing ran");
    }
}

/// Sends a comment of this length before a statement; tells whether it was answered.
async fn takes<DB: limbeck::migrator::Backend>(pool: &sqlx::Pool<DB>, bytes: usize) -> bool
where
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    for<'q> sqlx::RawSql: sqlx::Execute<'q, DB>,
{
    let statement = format!("/*{}*/ SELECT 1", "x".repeat(bytes - "/**/ SELECT 1".len()));
    let mut connection = pool.acquire().await.expect("a connection");
    let sent = sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
        .execute(&mut *connection)
        .await;
    let _ = connection.close().await;
    sent.is_ok()
}

/// The limits that no setting changes are those that the database has, and what is longer is refused before anything runs.
async fn check_longest<DB: limbeck::migrator::Backend>(pool: &sqlx::Pool<DB>, limit: usize)
where
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    for<'q> sqlx::RawSql: sqlx::Execute<'q, DB>,
{
    assert!(takes(pool, limit - 64 * 1024).await, "below {limit}");
    assert!(!takes(pool, limit + 1).await, "above {limit}");
    let long = format!("INSERT INTO d VALUES ('{}');\n", "x".repeat(limit));
    let error = Migrator::new(pool, files("", &long))
        .upgrade_to_head()
        .await
        .expect_err("it is too long");
    assert_eq!(error.kind(), "too_long");
    assert!(error.to_string().contains(&limit.to_string()), "{error}");
    soak::tell(
        "a section of a gigabyte",
        3,
        0,
        format!("refused above {limit} bytes"),
    );
}

/// In a soak only: it takes some gigabytes of memory.
#[tokio::test]
async fn what_is_longer_than_a_gigabyte_is_refused() {
    if !soak::is_full() {
        return;
    }
    let db = crate::support::servers::sqlite().await;
    check_longest(&db.pool, 1_000_000_000).await;
    let Some(db) = crate::support::servers::postgres_database().await else {
        return;
    };
    check_longest(&db.pool, 0x3fff_ffff).await;
}

mod mariadb_alone {
    use super::*;
    // The setting is MariaDB's.
    crate::support::on_mariadb!(a_statement_longer_than_a_heartbeat_under_snapshot_isolation);
}

crate::support::on_mysql!(
    a_unit_is_cut_where_the_servers_packet_ends,
    a_deadlock_is_begun_again_in_a_new_session,
    a_deadlock_of_plain_rows_is_begun_again_on_a_lent_connection,
    a_deadlock_on_a_lent_connection_is_asked,
    a_failed_unit_on_a_lent_connection_is_asked,
    a_lent_connection_runs_what_reads_its_own_variables,
    a_deadlock_of_a_single_statement_does_not_count_twice,
    a_hidden_commit_in_a_unit_is_in_doubt,
    a_takeover_leaves_an_open_unit_alone,
    rows_are_told_by_statement,
    ten_thousand_inserts_beside_the_client,
    a_row_inside_of_what_is_now_a_unit,
    what_is_longer_than_a_packet_is_refused
);
