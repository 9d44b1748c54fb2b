//! Forms that do not hold up other sessions: those that are written are ones that the server takes on tables with rows, and
//! what has none says so.

use std::cell::Cell;

use limbeck::{Migrations, Migrator};
use sqlx::{Connection as _, MySqlConnection};

use super::*;

const INSTANT: &str = "ALGORITHM=INSTANT";
const IN_PLACE: &str = "ALGORITHM=INPLACE, LOCK=NONE";
const COPIES: &str = "this copies `t`, and no row of it can be written meanwhile";
const LOCKS: &str = "no row of `t` can be written while this runs";

/// What stands between the parentheses of the table before and after, and how MariaDB and MySQL take it.
const CHANGES: [(&str, &str, &str, &str, &str); 10] = [
    (
        "a column",
        "id INT PRIMARY KEY",
        "id INT PRIMARY KEY, n INT",
        INSTANT,
        INSTANT,
    ),
    (
        "a column in the middle",
        "id INT PRIMARY KEY, z INT",
        "id INT PRIMARY KEY, a VARCHAR(9) NOT NULL DEFAULT 'x', z INT",
        INSTANT,
        INSTANT,
    ),
    (
        "a column less",
        "id INT PRIMARY KEY, n INT",
        "id INT PRIMARY KEY",
        INSTANT,
        INSTANT,
    ),
    (
        "another default",
        "id INT PRIMARY KEY, n INT DEFAULT 1",
        "id INT PRIMARY KEY, n INT DEFAULT 2",
        INSTANT,
        INSTANT,
    ),
    (
        "an index",
        "id INT PRIMARY KEY, n INT",
        "id INT PRIMARY KEY, n INT, KEY by_n (n)",
        IN_PLACE,
        IN_PLACE,
    ),
    (
        "an index with a column",
        "id INT PRIMARY KEY, n INT",
        "id INT PRIMARY KEY, n INT, m INT, KEY by_n (n)",
        IN_PLACE,
        IN_PLACE,
    ),
    (
        "a longer text",
        "id INT PRIMARY KEY, w VARCHAR(20)",
        "id INT PRIMARY KEY, w VARCHAR(30)",
        INSTANT,
        IN_PLACE,
    ),
    (
        "another type",
        "id INT PRIMARY KEY, n INT",
        "id INT PRIMARY KEY, n BIGINT",
        COPIES,
        COPIES,
    ),
    (
        "a foreign key",
        "id INT PRIMARY KEY, up INT, KEY up (up)",
        "id INT PRIMARY KEY, up INT, KEY up (up), CONSTRAINT up FOREIGN KEY (up) REFERENCES t (id)",
        COPIES,
        COPIES,
    ),
    (
        "words",
        "id INT PRIMARY KEY, w TEXT",
        "id INT PRIMARY KEY, w TEXT, FULLTEXT KEY words (w)",
        LOCKS,
        LOCKS,
    ),
];

async fn the_server_takes_what_is_written() {
    let here = servers::MySqlServer::here();
    for (what, from, to, mariadb, mysql) in CHANGES {
        let Some(db) = servers::mysql_database().await else {
            return;
        };
        let table = |columns: &str| format!("CREATE TABLE t ({columns})");
        run(&db.pool, &table(from)).await;
        db.run("INSERT INTO t (id) VALUES (1), (2), (3)").await;
        let before = reflected(&db.pool).await;
        let desired = Autogenerate::from_sql(table(to));
        let comparison = compared(&db.pool, &table(to)).await;
        let options = DraftOptions::default().allow_lossy(true).online(true);
        let drafts = desired.drafts(&db.pool, &comparison, options).await;
        let drafts = drafts.unwrap_or_else(|error| panic!("{what}: {error}"));
        let [draft] = &drafts[..] else {
            panic!("{what}: {} drafts", drafts.len());
        };
        let file = written(draft);
        let expected = here.pick(mariadb, mysql);
        let up = file.up.join("\n");
        if expected.starts_with("ALGORITHM") {
            assert!(up.ends_with(expected), "{what}: {}", file.text);
            assert_eq!(draft.notes, Vec::<String>::new(), "{what}");
        } else {
            assert!(!up.contains("ALGORITHM"), "{what}: {}", file.text);
            let notes = &draft.notes;
            assert!(
                notes.len() == 1 && notes[0].starts_with(expected),
                "{what}: {notes:?}"
            );
            let comment = format!("-- {}\nALTER TABLE", notes[0]);
            assert!(file.text.contains(&comment), "{what}: {}", file.text);
        }
        for (statements, goal) in [(&file.up, None), (&file.down, Some(&before))] {
            run_all(&db.pool, statements)
                .await
                .unwrap_or_else(|error| panic!("{what}: {error}\n{}", file.text));
            let left = match goal {
                None => words(&compared(&db.pool, &table(to)).await),
                Some(goal) => difference(&reflected(&db.pool).await, goal),
            };
            assert_eq!(left, Vec::<String>::new(), "{what}: {}", file.text);
        }
        let rows = db.strings("SELECT CAST(COUNT(*) AS CHAR) FROM t").await;
        assert_eq!(rows, ["3"], "{what}");
    }
}

/// Of the scratch database nothing is left, and without `online` nothing is asked.
async fn asking_leaves_nothing() {
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    let other = servers::mysql_database().await.expect("a server");
    run(&db.pool, "CREATE TABLE t (id INT PRIMARY KEY)").await;
    let wanted = "CREATE TABLE t (id INT PRIMARY KEY, n INT); CREATE TABLE u (id INT PRIMARY KEY)";
    let comparison = compared(&db.pool, wanted).await;
    let desired = Autogenerate::from_sql(wanted).scratch_url(&other.url);
    for (online, count) in [(false, 0), (true, 2)] {
        let options = DraftOptions::default().online(online);
        let drafts = desired.drafts(&db.pool, &comparison, options).await;
        let drafts = drafts.unwrap_or_else(|error| panic!("{error}"));
        let text = written(&drafts[0]).text;
        assert_eq!(text.matches(INSTANT).count(), count, "{text}");
        assert_eq!(other.tables().await, Vec::<String>::new());
        assert_eq!(db.tables().await, ["t"]);
    }
    // What stands in it already is not touched.
    other.run("CREATE TABLE own (id INT)").await;
    let options = DraftOptions::default().online(true);
    let refused = desired.drafts(&db.pool, &comparison, options).await;
    assert!(refused.is_err());
    assert_eq!(other.tables().await, ["own"]);
}

/// Another session's writes, each with a look at the statement of the revision before and behind it.
#[derive(Debug, Default)]
struct Writes {
    /// INSERTs, UPDATEs and DELETEs that were committed while the statement ran.
    committed: [usize; 3],
    /// Writes that began while it ran and ended behind it.
    waited: usize,
}

/// A revision with this statement over a table of so many rows, which another session writes meanwhile.
async fn written_during(rows: usize, statement: impl AsyncFn(&MySqlPool) -> String) -> Writes {
    let db = servers::mysql_database().await.expect("a server");
    run(&db.pool, &format!("CREATE TABLE t ({COLUMNS})")).await;
    let fill = format!(
        "INSERT INTO t (n, w) SELECT seq, CONCAT(SHA2(seq, 256), SHA2(seq + 1, 256)) FROM {}",
        servers::numbers(10_000)
    );
    for _ in 0..rows / 10_000 {
        run(&db.pool, &fill).await;
    }
    let text = statement(&db.pool).await;
    let revision = Revision::parse("generated.sql", text).expect("a valid file");
    let migrator = Migrator::new(&db.pool, Migrations::new([revision]).expect("a graph"));
    let mut writer = MySqlConnection::connect(&db.url).await.expect("a writer");
    let is_over = Cell::new(false);
    let migrated = async {
        let report = migrator.upgrade_to_head().await;
        is_over.set(true);
        report.expect("the revision runs")
    };
    let wrote = async {
        let mut writes = Writes::default();
        let mut turn = 0;
        while !is_over.get() {
            if !is_altering(&mut writer).await {
                continue;
            }
            let write = [
                "INSERT INTO t (n, w) VALUES (-1, 'new')",
                "UPDATE t SET n = -2, w = 'changed' WHERE id = LAST_INSERT_ID()",
                "DELETE FROM t WHERE n > 0 ORDER BY id LIMIT 1",
            ][turn % 3];
            let wrote = sqlx::raw_sql(write).execute(&mut writer).await;
            assert_eq!(wrote.expect("a write").rows_affected(), 1, "{write}");
            match is_altering(&mut writer).await {
                true => writes.committed[turn % 3] += 1,
                false => writes.waited += 1,
            }
            turn += 1;
        }
        writes
    };
    let (report, writes) = tokio::join!(migrated, wrote);
    assert_eq!(report.steps.len(), 1);
    // The index has them all.
    let [by_key, by_index] = ["PRIMARY", "by_w"].map(|index| {
        format!("SELECT CONCAT(COUNT(*), ' ', SUM(n)) FROM t FORCE INDEX ({index}) WHERE id > 0 AND w > ''")
    });
    let rows = db.strings(&by_key).await;
    assert_eq!(rows, db.strings(&by_index).await, "{writes:?}");
    writes
}

const COLUMNS: &str = "id INT AUTO_INCREMENT PRIMARY KEY, n INT NOT NULL, w VARCHAR(200) NOT NULL";

/// Tells that the revision's statement works on the rows: it has its first lock, and does not wait for its last.
async fn is_altering(session: &mut MySqlConnection) -> bool {
    let query = format!(
        "SELECT state FROM {} WHERE db = DATABASE() AND id <> CONNECTION_ID() AND info LIKE '%ALTER TABLE%' AND \
         (state LIKE 'alter table (%' OR state IN ('altering table', 'copy to tmp table'))",
        servers::MySqlServer::here().processlist()
    );
    let query = sqlx::raw_sql(sqlx::AssertSqlSafe(query));
    let rows = query.fetch_all(session).await.expect("the sessions");
    rows.len() == 1
}

/// Rows are written while a revision that `online` wrote runs, and wait where it copies. Nothing is measured: a table that
/// is too small to be caught at work gets more rows.
async fn others_write_meanwhile() {
    if servers::MySqlServer::here().url().is_none() {
        return;
    }
    let online = async |pool: &MySqlPool| {
        let wanted = format!("CREATE TABLE t ({COLUMNS}, KEY by_w (w, n))");
        let comparison = compared(pool, &wanted).await;
        let options = DraftOptions::default().online(true);
        let desired = Autogenerate::from_sql(wanted);
        let drafts = desired.drafts(pool, &comparison, options).await;
        let file = written(&drafts.expect("drafts")[0]);
        assert!(file.up[0].ends_with(IN_PLACE), "{}", file.text);
        file.text
    };
    let copying = async |_: &MySqlPool| {
        crate::support::file(
            "000000000001",
            "",
            "",
            "-- @upgrade\nALTER TABLE t ADD KEY by_w (w, n), ALGORITHM=COPY, LOCK=SHARED;\n",
        )
    };
    let mut seen = Writes::default();
    for rows in MORE_AND_MORE {
        seen = written_during(rows, &online).await;
        if !seen.committed.contains(&0) {
            break;
        }
    }
    assert!(!seen.committed.contains(&0), "{seen:?}");
    for rows in MORE_AND_MORE {
        seen = written_during(rows, &copying).await;
        assert_eq!(seen.committed, [0; 3], "{seen:?}");
        if seen.waited > 0 {
            break;
        }
    }
    assert!(seen.waited > 0, "{seen:?}");
}

const MORE_AND_MORE: [usize; 5] = [50_000, 100_000, 200_000, 400_000, 800_000];

crate::support::on_mysql!(
    the_server_takes_what_is_written,
    asking_leaves_nothing,
    others_write_meanwhile,
);
