//! The rebuild of a table, where something could go wrong: rows that refer to it, triggers, views, what fails.

use super::*;

const SHOP: &str = "
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, mail TEXT, boss INTEGER REFERENCES users (id) ON DELETE CASCADE);
CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE lines (order_id INTEGER REFERENCES orders (id) ON DELETE SET NULL, what TEXT);
CREATE TABLE log (what TEXT);
CREATE INDEX by_mail ON users (lower(mail)) WHERE mail IS NOT NULL;
CREATE VIEW mails AS SELECT mail FROM users;
CREATE VIEW upper_mails AS SELECT upper(mail) AS mail FROM mails;
CREATE TRIGGER added AFTER INSERT ON users BEGIN INSERT INTO log VALUES ('added ' || new.id); END;
CREATE TRIGGER gone AFTER DELETE ON users BEGIN INSERT INTO log VALUES ('gone ' || old.id); END;
CREATE TRIGGER ordered AFTER INSERT ON orders BEGIN UPDATE users SET mail = mail WHERE id = new.user_id; END;
CREATE TRIGGER add_mail INSTEAD OF INSERT ON mails BEGIN INSERT INTO users (mail) VALUES (new.mail); END;
";

const ROWS: &str = "
INSERT INTO users VALUES (1, 'A@x', NULL), (2, 'b@x', 1), (9, NULL, 2);
DELETE FROM users WHERE id = 9;
INSERT INTO orders VALUES (10, 1), (11, 2);
INSERT INTO lines VALUES (10, 'tea'), (11, 'cups');
DELETE FROM log;
";

/// Everything that a rebuild could touch.
async fn all(pool: &SqlitePool, users: &str, mail: &str) -> Vec<String> {
    let sql = format!(
        "SELECT 'user', id, quote({mail}), boss FROM {users} UNION ALL SELECT 'order', id, user_id, '' FROM orders \
         UNION ALL SELECT 'line', order_id, what, '' FROM lines UNION ALL SELECT 'log', what, '', '' FROM log \
         UNION ALL SELECT 'next', seq, '', '' FROM sqlite_sequence WHERE name NOT LIKE 'limbeck%' UNION ALL SELECT 'mail', mail, '', '' FROM upper_mails"
    );
    rows(pool, &sql).await
}

/// A constraint is added to the table that everything stands on: nothing cascades, no trigger fires.
#[tokio::test]
async fn nothing_cascades_and_nothing_fires() {
    let pool = database(&format!("{SHOP}{ROWS}")).await;
    let before = all(&pool, "users", "mail").await;
    assert!(before.contains(&"next|9||".to_owned()), "{before:?}");
    let desired = SHOP.replace("mail TEXT,", "mail TEXT CHECK (mail LIKE '%@%'),");
    let comparison = compare(&pool, &desired).await;
    assert_eq!(
        told(&comparison),
        ["add check constraint (CHECK (mail LIKE '%@%')) of users"]
    );
    let text = there_and_back(&pool, SHOP, &Autogenerate::from_sql(&desired)).await;
    assert_eq!(all(&pool, "users", "mail").await, before);
    let upgrade = text.split("-- @downgrade").next().expect("a section");
    let expected = "-- @upgrade foreign_keys=off
-- SQLite cannot alter users so far: it is built anew, with its rows.
CREATE TABLE limbeck_new_users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mail TEXT,
    boss INTEGER,
    CHECK (mail LIKE '%@%'),
    FOREIGN KEY (boss) REFERENCES users (id) ON DELETE CASCADE
);
INSERT INTO limbeck_new_users (id, mail, boss)
SELECT id, mail, boss
FROM users;
DELETE FROM sqlite_sequence WHERE name = 'limbeck_new_users';
INSERT INTO sqlite_sequence (name, seq)
SELECT 'limbeck_new_users', seq FROM sqlite_sequence WHERE name = 'users';
DROP TABLE users;
ALTER TABLE limbeck_new_users RENAME TO users;
CREATE INDEX by_mail ON users (lower(mail)) WHERE mail IS NOT NULL;
CREATE TRIGGER added AFTER INSERT ON users BEGIN INSERT INTO log VALUES ('added ' || new.id); END;
CREATE TRIGGER gone AFTER DELETE ON users BEGIN INSERT INTO log VALUES ('gone ' || old.id); END;
";
    assert!(upgrade.contains(expected), "{upgrade}");
    // And all of it works.
    run(
        &pool,
        "INSERT INTO mails VALUES ('c@x'); DELETE FROM users WHERE id = 1",
    )
    .await;
    let log = rows(&pool, "SELECT what FROM log").await;
    assert_eq!(log, ["added 10", "gone 2", "gone 1"]);
    assert_eq!(rows(&pool, "SELECT count(*) FROM orders").await, ["0"]);
}

/// Renames of what everything stands on, with and without a rebuild of the same table, of another one, or none.
#[tokio::test]
async fn renames_take_everything_along() {
    let renamed = SHOP
        .replace("TABLE users", "TABLE people")
        .replace("REFERENCES users", "REFERENCES people")
        .replace("ON users", "ON people")
        .replace("FROM users", "FROM people")
        .replace("UPDATE users", "UPDATE people")
        .replace("INTO users", "INTO people")
        .replace("mail TEXT", "address TEXT")
        .replace("lower(mail)", "lower(address)")
        .replace("WHERE mail IS", "WHERE address IS")
        .replace(
            "SELECT mail FROM people",
            "SELECT address AS mail FROM people",
        )
        .replace("SET mail = mail", "SET address = address")
        .replace("people (mail)", "people (address)");
    for (desired, off) in [
        (renamed.clone(), false),
        (
            renamed.replace("address TEXT", "address TEXT NOT NULL"),
            true,
        ),
        (
            renamed.replace(
                "what TEXT);\nCREATE TABLE",
                "what TEXT NOT NULL);\nCREATE TABLE",
            ),
            true,
        ),
        (
            renamed.replace("user_id INTEGER NOT NULL", "user_id INTEGER"),
            true,
        ),
    ] {
        let pool = database(&format!("{SHOP}{ROWS}")).await;
        let before = all(&pool, "users", "mail").await;
        let desired = Autogenerate::from_sql(&desired)
            .renamed_table("users", "people")
            .renamed_column("people", "mail", "address");
        let comparison = desired.compare(&pool).await.expect("a comparison");
        let revision = revision(&comparison, lossy()).expect("a difference");
        let text = revision.text();
        assert_eq!(
            text.contains("PRAGMA legacy_alter_table = OFF"),
            off,
            "{text}"
        );
        assert_eq!(text.contains("foreign_keys=off"), off, "{text}");
        let migrator = migrator(&pool, &revision);
        let up = migrator.upgrade_to_head().await;
        let _ = up.unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        let left = told(&desired.compare(&pool).await.expect("a comparison"));
        assert!(left.is_empty(), "{left:?}\n{text}");
        assert_eq!(all(&pool, "people", "address").await, before);
        let keys = rows(
            &pool,
            "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list('orders')",
        )
        .await;
        assert_eq!(keys, ["people"]);
        let down = migrator.downgrade("base").await;
        let _ = down.unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        assert_eq!(told(&compare(&pool, SHOP).await), Vec::<String>::new());
        assert_eq!(all(&pool, "users", "mail").await, before);
    }
}

/// A table goes while others still refer to it: their rows stay.
#[tokio::test]
async fn a_table_that_is_referred_to_goes_alone() {
    let pool = database(&format!("{SHOP}{ROWS}")).await;
    let desired = "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL);
        CREATE TABLE lines (order_id INTEGER REFERENCES orders (id) ON DELETE SET NULL, what TEXT);
        CREATE TABLE log (what TEXT);";
    let comparison = compare(&pool, desired).await;
    let revision = revision(&comparison, lossy()).expect("a difference");
    let up = migrator(&pool, &revision).upgrade_to_head().await;
    let _ = up.unwrap_or_else(|error| panic!("{error:?}\n{}", revision.text()));
    assert_eq!(told(&compare(&pool, desired).await), Vec::<String>::new());
    assert_eq!(
        rows(&pool, "SELECT id, user_id FROM orders").await,
        ["10|1", "11|2"]
    );
    assert_eq!(
        rows(&pool, "SELECT * FROM lines").await,
        ["10|tea", "11|cups"]
    );
}

/// What the rows do not allow: the database is as it was, pragmas too.
#[tokio::test]
async fn a_rebuild_that_fails_leaves_everything() {
    let live = format!("{SHOP}{ROWS}");
    for (desired, expected) in [
        (
            SHOP.replace("mail TEXT", "mail TEXT CHECK (mail <> 'b@x')"),
            "CHECK constraint failed",
        ),
        (
            SHOP.replace("boss INTEGER", "boss INTEGER NOT NULL"),
            "@require",
        ),
        (
            SHOP.replace("mail TEXT", "mail TEXT, need INT NOT NULL CHECK (need > 0)"),
            "NOT NULL",
        ),
        (
            SHOP.replace(
                "what TEXT);\nCREATE TABLE",
                "what TEXT UNIQUE REFERENCES log (rowid));\nCREATE TABLE",
            ),
            "foreign key",
        ),
    ] {
        let pool = database(&live).await;
        let before = all(&pool, "users", "mail").await;
        let schema = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'limbeck%' AND name NOT LIKE 'sqlite%'";
        let texts = rows(&pool, schema).await;
        let comparison = compare(&pool, &desired).await;
        let revision = revision(&comparison, lossy()).expect("a difference");
        let error = migrator(&pool, &revision).upgrade_to_head().await;
        let error = format!("{:?}", error.expect_err("rows that do not fit"));
        assert!(error.contains(expected), "{error}\n{}", revision.text());
        assert_eq!(all(&pool, "users", "mail").await, before);
        assert_eq!(rows(&pool, schema).await, texts);
        let pragmas = "SELECT * FROM pragma_foreign_keys, pragma_legacy_alter_table";
        assert_eq!(rows(&pool, pragmas).await, ["1|0"]);
    }
}

/// `ON CONFLICT IGNORE` and `REPLACE` would lose rows in silence.
#[tokio::test]
async fn no_row_is_ignored_or_replaced() {
    for clause in ["NOT NULL ON CONFLICT IGNORE", "UNIQUE ON CONFLICT REPLACE"] {
        let pool = database("CREATE TABLE t (a); INSERT INTO t VALUES (1), (1), (NULL)").await;
        let comparison = compare(&pool, &format!("CREATE TABLE t (a {clause})")).await;
        let mut revision = revision(&comparison, lossy())
            .expect("a difference")
            .text()
            .to_owned();
        // As if a person had taken the check of NULL away.
        if let Some(start) = revision.find("-- @require") {
            let end = revision.find("-- @upgrade").expect("a section");
            revision.replace_range(start..end, "");
        }
        let revision = Revision::parse("r1.sql", revision).expect("a file");
        let error = migrator(&pool, &revision).upgrade_to_head().await;
        assert!(error.is_err(), "{}", revision.text());
        assert_eq!(rows(&pool, "SELECT count(*) FROM t").await, ["3"]);
    }
}

/// What no `ALTER TABLE` can do, with the rows that show how.
#[tokio::test]
async fn values_are_converted_as_they_must_be() {
    for (live, insert, desired, read, expected) in [
        // Affinity.
        (
            "CREATE TABLE t (a TEXT)",
            "('007'), ('x')",
            "CREATE TABLE t (a INTEGER)",
            "quote(a)",
            vec!["7", "'x'"],
        ),
        // A STRICT table refuses what it is not told to convert.
        (
            "CREATE TABLE t (a TEXT)",
            "('007'), ('x')",
            "CREATE TABLE t (a INTEGER) STRICT",
            "quote(a)",
            vec!["7", "0"],
        ),
        (
            "CREATE TABLE t (a)",
            "(1), ('x'), (NULL)",
            "CREATE TABLE t (a TEXT) STRICT",
            "quote(a)",
            vec!["'1'", "'x'", "NULL"],
        ),
        // Rowids are kept, become the new key, and come back from it.
        (
            "CREATE TABLE t (a)",
            "('x'), ('y')",
            "CREATE TABLE t (a UNIQUE)",
            "rowid || a",
            vec!["1x", "2y"],
        ),
        (
            "CREATE TABLE t (a)",
            "('x'), ('y')",
            "CREATE TABLE t (a, id INTEGER PRIMARY KEY)",
            "id || a",
            vec!["1x", "2y"],
        ),
        // Another key, and none.
        (
            "CREATE TABLE t (a PRIMARY KEY, b)",
            "('x', 2)",
            "CREATE TABLE t (a, b INT PRIMARY KEY) WITHOUT ROWID",
            "a || b",
            vec!["x2"],
        ),
        // Computed, and then not.
        (
            "CREATE TABLE t (a, b AS (a || '!'))",
            "('x')",
            "CREATE TABLE t (a, b)",
            "b",
            vec!["x!"],
        ),
        (
            "CREATE TABLE t (a, b)",
            "('x', 1)",
            "CREATE TABLE t (a, b AS (a || '!') STORED)",
            "b",
            vec!["x!"],
        ),
        // Nothing is left of the old columns, and the rows are.
        (
            "CREATE TABLE t (a PRIMARY KEY) WITHOUT ROWID",
            "('x'), ('y')",
            "CREATE TABLE t (b DEFAULT 5)",
            "b",
            vec!["5", "5"],
        ),
    ] {
        let pool = database(live).await;
        let columns = if live.contains("b AS") { " (a)" } else { "" };
        run(&pool, &format!("INSERT INTO t{columns} VALUES {insert}")).await;
        let before = rows(&pool, "SELECT count(*) FROM t").await;
        let comparison = compare(&pool, desired).await;
        let revision = revision(&comparison, lossy()).expect("a difference");
        let migrator = migrator(&pool, &revision);
        let up = migrator.upgrade_to_head().await;
        let _ = up.unwrap_or_else(|error| panic!("{error:?}\n{}", revision.text()));
        assert_eq!(
            rows(&pool, &format!("SELECT {read} FROM t")).await,
            expected,
            "{}",
            revision.text()
        );
        let down = migrator.downgrade("base").await;
        let _ = down.unwrap_or_else(|error| panic!("{error:?}\n{}", revision.text()));
        assert_eq!(rows(&pool, "SELECT count(*) FROM t").await, before);
        assert_eq!(told(&compare(&pool, live).await), Vec::<String>::new());
    }
}

/// What `ALTER TABLE` can do is left to it.
#[tokio::test]
async fn what_can_stay_in_place_does() {
    let live = "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c TEXT);
        CREATE INDEX by_c ON t (c); CREATE VIEW v AS SELECT c FROM t; CREATE VIEW w AS SELECT * FROM v;";
    let desired = "CREATE TABLE p (id INTEGER PRIMARY KEY);
        CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, d TEXT NOT NULL DEFAULT 'x' CHECK (length(d) < 9),
            e INTEGER CONSTRAINT to_p REFERENCES p ON DELETE CASCADE, f AS (d || b));
        CREATE INDEX by_d ON t (d DESC); CREATE VIEW v AS SELECT d FROM t; CREATE VIEW w AS SELECT * FROM v;";
    let pool = database(live).await;
    run(&pool, "INSERT INTO t VALUES (1, 'b', 'c')").await;
    let comparison = compare(&pool, desired).await;
    let revision = revision(&comparison, lossy()).expect("a difference");
    let text = revision.text();
    let upgrade = text.split("-- @upgrade\n").nth(1).expect("a plain section");
    let upgrade = upgrade.split("\n-- @downgrade").next().expect("text");
    let expected = "DROP VIEW w;
DROP VIEW v;
DROP INDEX by_c;
ALTER TABLE t ADD COLUMN d TEXT NOT NULL DEFAULT 'x' CHECK (length(d) < 9);
ALTER TABLE t ADD COLUMN e INTEGER CONSTRAINT to_p REFERENCES p ON DELETE CASCADE;
ALTER TABLE t ADD COLUMN f GENERATED ALWAYS AS (d || b) VIRTUAL;
ALTER TABLE t DROP COLUMN c;
CREATE INDEX by_d ON t (d DESC);
CREATE VIEW v AS SELECT d FROM t;
CREATE VIEW w AS SELECT * FROM v;
";
    assert_eq!(upgrade, expected);
    there_and_back(&pool, live, &Autogenerate::from_sql(desired)).await;
    assert_eq!(rows(&pool, "SELECT a, b FROM t").await, ["1|b"]);
}

/// A name goes from one thing to another: from a view to a table, from an index to a table that is renamed, between
/// tables.
#[tokio::test]
async fn names_change_hands() {
    let live = "CREATE TABLE a (x); CREATE TABLE b (x, y); CREATE TABLE c (x); CREATE VIEW seen AS SELECT x FROM b;
        CREATE INDEX one ON a (x); CREATE INDEX two ON b (y); CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END;";
    let desired = "CREATE TABLE one (x); CREATE TABLE b (x NOT NULL, y); CREATE TABLE seen (x);
        CREATE INDEX two ON seen (x); CREATE VIEW a AS SELECT x FROM b; CREATE INDEX three ON b (y);
        CREATE TRIGGER t AFTER INSERT ON b BEGIN SELECT 1; END;";
    for renames in [vec![], vec![("c", "one")]] {
        let pool = database(live).await;
        let mut desired = Autogenerate::from_sql(desired);
        for (old, new) in renames {
            desired = desired.renamed_table(old, new);
        }
        there_and_back(&pool, live, &desired).await;
    }
}

/// A full-text index of a table's rows knows them by their rowids, and follows by triggers.
#[tokio::test]
async fn full_text_indexes_find_the_same_rows() {
    let live = "CREATE TABLE notes (body TEXT);
        CREATE VIRTUAL TABLE search USING fts5(body, content='notes');
        CREATE TRIGGER noted AFTER INSERT ON notes BEGIN INSERT INTO search (rowid, body) VALUES (new.rowid, new.body); END;
        CREATE TRIGGER unnoted AFTER DELETE ON notes BEGIN
            INSERT INTO search (search, rowid, body) VALUES ('delete', old.rowid, old.body);
        END;";
    let pool = database(live).await;
    run(&pool, "INSERT INTO notes VALUES ('tea'), ('cups'), ('milk'); DELETE FROM notes WHERE body = 'tea'").await;
    let desired = live.replace(
        "(body TEXT)",
        "(body TEXT NOT NULL CHECK (body <> ''), made INT)",
    );
    there_and_back(&pool, live, &Autogenerate::from_sql(&desired)).await;
    run(&pool, "INSERT INTO notes VALUES ('more milk')").await;
    let found = rows(
        &pool,
        "SELECT rowid, body FROM search WHERE search MATCH 'milk OR tea' ORDER BY rowid",
    )
    .await;
    assert_eq!(found, ["3|milk", "4|more milk"]);
    run(
        &pool,
        "INSERT INTO search (search) VALUES ('integrity-check')",
    )
    .await;
}

/// One statement reads everything, whatever there is. What SQLite's own pragma functions prepare within it is not
/// counted.
#[tokio::test]
async fn reading_takes_one_statement() {
    let mut counts = Vec::new();
    for tables in [1, 40] {
        let mut sql = String::new();
        for number in 0..tables {
            sql += &format!(
                "CREATE TABLE t{number} (id INTEGER PRIMARY KEY, a TEXT); CREATE INDEX i{number} ON t{number} (a);"
            );
        }
        let pool = database(&sql).await;
        let statements = crate::support::trace::statements(&pool).await;
        let mut connection = pool.acquire().await.expect("a connection");
        let schema = limbeck::autogenerate::reflect::<sqlx::Sqlite>(&mut connection).await;
        schema.expect("a schema");
        let list = statements.lock().expect("the list");
        counts.push(
            list.iter()
                .filter(|text| !text.starts_with("PRAGMA"))
                .count(),
        );
    }
    assert_eq!(counts, [1, 1]);
}
