//! Forms that do not hold up other sessions: those that are written are ones that the server takes on tables with rows, and
//! what has none says so.

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

crate::support::on_mysql!(the_server_takes_what_is_written, asking_leaves_nothing);
