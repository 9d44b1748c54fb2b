//! Everyday changes that MySQL takes in its own way: each leads there and back with the rows that are there.

use super::*;

/// From `a` with `rows` to `b`, and back: the comparison finds `found`, nothing after the upgrade, and after the downgrade
/// nothing but `a`. Then what `probe` says is asked at `b`.
struct Case<'a> {
    a: &'a str,
    rows: &'a str,
    b: Autogenerate,
    found: &'a [&'a str],
    /// Queries at `b`, with their rows.
    probes: &'a [(&'a str, &'a [&'a str])],
    /// Run before the downgrade.
    between: &'a str,
}

async fn there_and_back(case: Case<'_>) -> Written {
    let db = servers::mysql_database().await.expect("a server");
    run(&db.pool, case.a).await;
    run(&db.pool, case.rows).await;
    let before = reflected(&db.pool).await;
    let comparison = case.b.compare(&db.pool).await.expect("a comparison");
    // MariaDB's JSON is a text with a check.
    let mut seen = words(&comparison);
    seen.retain(|change| !change.contains("json_valid"));
    seen.sort();
    let mut found = case.found.to_vec();
    found.sort_unstable();
    assert_eq!(seen, found, "{}", case.a);
    let options = DraftOptions::default().allow_lossy(true);
    assert_eq!(comparison.withheld(options).count(), 0, "{}", case.a);
    let file = only_draft(&comparison, options);
    run_all(&db.pool, &file.up)
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", file.text));
    let after = case.b.compare(&db.pool).await.expect("a comparison");
    assert_eq!(words(&after), Vec::<String>::new(), "{}", file.text);
    for (query, rows) in case.probes {
        assert_eq!(db.strings(query).await, *rows, "{query}\n{}", file.text);
    }
    run(&db.pool, case.between).await;
    run_all(&db.pool, &file.down)
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", file.text));
    assert_eq!(
        difference(&reflected(&db.pool).await, &before),
        Vec::<String>::new(),
        "{}",
        file.text
    );
    file
}

fn is_there() -> bool {
    servers::MySqlServer::here().url().is_some()
}

fn is_mysql() -> bool {
    servers::MySqlServer::here() == servers::MySqlServer::Mysql
}

async fn a_columns_srid_is_kept_and_compared() {
    if !is_there() || !is_mysql() {
        return;
    }
    let srid = "SELECT CONCAT(srs_id) FROM information_schema.columns \
                WHERE table_schema = DATABASE() AND column_name = 'p'";
    let _ = there_and_back(Case {
        a: "CREATE TABLE t (id INT PRIMARY KEY, p POINT NOT NULL SRID 4326, SPATIAL INDEX by_p (p))",
        rows: "INSERT INTO t VALUES (1, ST_GeomFromText('POINT(1 2)', 4326))",
        b: Autogenerate::from_sql(
            "CREATE TABLE t (id INT PRIMARY KEY, p POINT NOT NULL SRID 4326 COMMENT 'x', SPATIAL INDEX by_p (p))",
        ),
        found: &["alter column t.p: comment"],
        probes: &[(srid, &["4326"])],
        between: "",
    })
    .await;
    let _ = there_and_back(Case {
        a: "CREATE TABLE t (id INT PRIMARY KEY, p POINT NOT NULL)",
        rows: "INSERT INTO t VALUES (1, ST_GeomFromText('POINT(1 2)', 4326))",
        b: Autogenerate::from_sql(
            "CREATE TABLE t (id INT PRIMARY KEY, p POINT NOT NULL SRID 4326)",
        ),
        found: &["alter column t.p: attributes"],
        probes: &[(srid, &["4326"])],
        between: "",
    })
    .await;
    // What comes back has the SRID that its column demands.
    let _ = there_and_back(Case {
        a: "CREATE TABLE t (id INT PRIMARY KEY, p POINT NOT NULL SRID 4326, q POLYGON NOT NULL SRID 3857)",
        rows: "INSERT INTO t VALUES (1, ST_GeomFromText('POINT(1 2)', 4326), ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))', 3857))",
        b: Autogenerate::from_sql("CREATE TABLE t (id INT PRIMARY KEY)"),
        found: &["drop column t.p (lossy: its data are lost)", "drop column t.q (lossy: its data are lost)"],
        probes: &[],
        between: "",
    })
    .await;
}

/// Literals that look like functions, bytes, bits: a row of defaults says what they are.
async fn defaults_are_what_they_were() {
    if !is_there() {
        return;
    }
    let table = "CREATE TABLE t (id INT PRIMARY KEY, b VARBINARY(9) DEFAULT 'AB', f BINARY(4) DEFAULT 'A\\0', \
                 e VARBINARY(9) DEFAULT '', v VARCHAR(30) DEFAULT 'current_timestamp', w VARBINARY(30) DEFAULT 'current_timestamp', \
                 x VARCHAR(9) DEFAULT 'b''1''', y VARCHAR(9) DEFAULT '0x41', n VARCHAR(9) DEFAULT 'NULL', \
                 i BIT(5) DEFAULT b'101', u TEXT DEFAULT ('it''s'), \
                 s VARCHAR(30) DEFAULT 'x' COLLATE utf8mb4_bin INVISIBLE, \
                 at DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3))";
    let hex = "SELECT CONCAT_WS(' ', HEX(b), HEX(f), HEX(e), v, HEX(w), x, y, n, i + 0, u, s, at IS NOT NULL) FROM t";
    let row = "4142 41000000  current_timestamp 63757272656E745F74696D657374616D70 b'1' 0x41 NULL 5 it's x 1";
    let _ = there_and_back(Case {
        a: "",
        rows: "",
        b: Autogenerate::from_sql(table),
        found: &["create table t"],
        probes: &[("INSERT INTO t (id) VALUES (1)", &[]), (hex, &[row])],
        between: "",
    })
    .await;
    // A MODIFY says them again.
    let commented = table
        .replace(" DEFAULT", " COMMENT 'c' DEFAULT")
        .replace("COMMENT 'c' DEFAULT CURRENT", "DEFAULT CURRENT");
    let columns = ["b", "f", "e", "v", "w", "x", "y", "n", "i", "u", "s"];
    let found: Vec<String> = columns
        .iter()
        .map(|column| format!("alter column t.{column}: comment"))
        .collect();
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    let _ = there_and_back(Case {
        a: table,
        rows: "",
        b: Autogenerate::from_sql(&commented),
        found: &found,
        probes: &[("INSERT INTO t (id) VALUES (1)", &[]), (hex, &[row])],
        between: "",
    })
    .await;
}

const TYPES: [&str; 20] = [
    "INT",
    "DECIMAL(5,2)",
    "DOUBLE",
    "BIT(3)",
    "YEAR",
    "DATE",
    "TIME",
    "DATETIME",
    "TIMESTAMP",
    "CHAR(3)",
    "VARCHAR(3)",
    "TEXT",
    "BINARY(3)",
    "VARBINARY(3)",
    "BLOB",
    "ENUM('a','b')",
    "SET('a','b')",
    "JSON",
    "POINT",
    "POLYGON",
];

/// Of every type: it goes and comes back to a table with rows, and it stops being NOT NULL and is again.
async fn what_was_not_null_comes_back() {
    if !is_there() {
        return;
    }
    let columns = |null: &str| -> String {
        let all = TYPES.iter().enumerate();
        all.map(|(at, data_type)| format!(", c{at} {data_type} {null}"))
            .collect()
    };
    let values = "(1, 1, 1, 1, b'1', 2000, '2000-01-01', '01:00:00', '2000-01-01 00:00:00', '2000-01-01 00:00:00', 'a', 'a', \
                  'a', 'a', 'a', 'a', 'a', 'a', '{}', POINT(1, 2), ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))'))";
    let full = format!("CREATE TABLE t (id INT PRIMARY KEY{})", columns("NOT NULL"));
    let rows = format!("INSERT INTO t VALUES {values}");
    let dropped: Vec<String> = (0..TYPES.len())
        .map(|at| format!("drop column t.c{at} (lossy: its data are lost)"))
        .collect();
    let dropped: Vec<&str> = dropped.iter().map(String::as_str).collect();
    let _ = there_and_back(Case {
        a: &full,
        rows: &rows,
        b: Autogenerate::from_sql("CREATE TABLE t (id INT PRIMARY KEY)"),
        found: &dropped,
        probes: &[],
        between: "INSERT INTO t (id) VALUES (2)",
    })
    .await;
    let nullable = format!("CREATE TABLE t (id INT PRIMARY KEY{})", columns("NULL"));
    let altered: Vec<String> = (0..TYPES.len())
        .map(|at| format!("alter column t.c{at}: nullability"))
        .collect();
    let altered: Vec<&str> = altered.iter().map(String::as_str).collect();
    let _ = there_and_back(Case {
        a: &full,
        rows: &rows,
        b: Autogenerate::from_sql(&nullable),
        found: &altered,
        probes: &[],
        between: "INSERT INTO t (id) VALUES (2)",
    })
    .await;
}

/// What a note says of rows that are there already is what becomes of them.
async fn notes_on_new_columns_are_true() {
    if !is_there() {
        return;
    }
    for data_type in TYPES {
        let db = servers::mysql_database().await.expect("a server");
        run(
            &db.pool,
            "CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)",
        )
        .await;
        let wanted = format!("CREATE TABLE t (id INT PRIMARY KEY, c {data_type} NOT NULL)");
        let file = only_draft(&compared(&db.pool, &wanted).await, DraftOptions::default());
        let came = run_all(&db.pool, &file.up).await;
        let fails = file
            .text
            .contains("this fails where rows are there already");
        assert_eq!(came.is_err(), fails, "{data_type}: {came:?}\n{}", file.text);
        if data_type == "JSON" && is_mysql() {
            assert!(file.text.contains("the JSON value null"), "{}", file.text);
            assert_eq!(db.strings("SELECT CONCAT(c) FROM t").await, ["null"]);
        }
    }
}

async fn what_stands_on_a_column_follows_its_new_name() {
    if !is_there() {
        return;
    }
    let on_mysql = match is_mysql() {
        true => {
            ", d VARCHAR(40) DEFAULT (CONCAT(name, 'name')), KEY by_shout ((CONCAT(name, '!')), id)"
        }
        false => "",
    };
    let a = format!(
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL, n INT, \
         CONSTRAINT named CHECK (name <> 'name'), CHECK (n > 0), \
         g VARCHAR(40) AS (CONCAT(name, 'name')) STORED, v INT AS (n * 2) VIRTUAL, w INT AS (v + 1) VIRTUAL, \
         KEY by_v (v), UNIQUE KEY by_name (name){on_mysql}); \
         CREATE TABLE p (year_ INT NOT NULL, x INT) PARTITION BY RANGE (year_ + 1) \
         (PARTITION year_ VALUES LESS THAN (10), PARTITION rest VALUES LESS THAN MAXVALUE); \
         CREATE TABLE l (year_ INT NOT NULL, x INT) PARTITION BY LIST COLUMNS (year_) \
         (PARTITION one VALUES IN (1), PARTITION two VALUES IN (2)); \
         CREATE VIEW names AS SELECT name, n FROM t"
    );
    let b = a
        .replace("name VARCHAR(20)", "title VARCHAR(20)")
        .replace("(name <>", "(title <>")
        .replace("(CONCAT(name,", "(CONCAT(title,")
        .replace("(name)", "(title)")
        .replace("SELECT name, n", "SELECT title, amount")
        .replace(" n INT", " amount INT")
        .replace("(n ", "(amount ")
        .replace("v INT AS", "vv INT AS")
        .replace("(v", "(vv")
        .replace("(year_", "(era");
    let rows = "INSERT INTO t (id, name, n) VALUES (1, 'a', 2); INSERT INTO p VALUES (1, 1), (20, 2); \
                INSERT INTO l VALUES (1, 1), (2, 2)";
    let renamed = Autogenerate::from_sql(&b)
        .renamed_column("t", "name", "title")
        .renamed_column("t", "n", "amount")
        .renamed_column("t", "v", "vv")
        .renamed_column("p", "year_", "era")
        .renamed_column("l", "year_", "era");
    let file = there_and_back(Case {
        a: &a,
        rows,
        b: renamed,
        found: &[
            "rename column l.year_ to era",
            "rename column p.year_ to era",
            "rename column t.name to title",
            "rename column t.n to amount",
            "rename column t.v to vv",
            "alter view names",
        ],
        probes: &[
            (
                "SELECT CONCAT(title, amount, g, vv, w) FROM t",
                &["a2aname45"],
            ),
            ("SELECT CONCAT(era) FROM p PARTITION (rest)", &["20"]),
        ],
        between: "INSERT INTO t (id, title, amount) VALUES (2, 'b', 3)",
    })
    .await;
    // One statement for each table, so that a run which dies has it or has it not.
    let renaming = file.up.iter().filter(|sql| sql.contains("RENAME COLUMN"));
    assert_eq!(renaming.count(), 3, "{}", file.text);
}

/// The server renames what it named after the table.
async fn names_that_the_server_made_follow_their_table() {
    if !is_there() {
        return;
    }
    let a = "CREATE TABLE users (id INT PRIMARY KEY); \
             CREATE TABLE old (id INT PRIMARY KEY, u INT, n INT, FOREIGN KEY (u) REFERENCES users (id), \
             CHECK (n > 0), CHECK (n < 100), CONSTRAINT old_few CHECK (n <> 5), \
             CONSTRAINT old_ibfk_by_hand FOREIGN KEY (n) REFERENCES users (id))";
    let b = a
        .replace("TABLE old", "TABLE fresh")
        .replace("old_ibfk", "fresh_ibfk");
    let rename = |sql: &str| Autogenerate::from_sql(sql).renamed_table("old", "fresh");
    let _ = there_and_back(Case {
        a,
        rows: "INSERT INTO users VALUES (1); INSERT INTO old VALUES (1, 1, 1)",
        b: rename(&b),
        found: &["rename table old to fresh"],
        probes: &[],
        between: "",
    })
    .await;
    let changed = b
        .replace(", FOREIGN KEY (u) REFERENCES users (id)", "")
        .replace("(n < 100)", "(n < 1000)");
    let db = servers::mysql_database().await.expect("a server");
    run(&db.pool, a).await;
    let comparison = rename(&changed)
        .compare(&db.pool)
        .await
        .expect("a comparison");
    let file = only_draft(&comparison, DraftOptions::default());
    let before = reflected(&db.pool).await;
    run_all(&db.pool, &file.up)
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", file.text));
    assert_eq!(
        words(&compared(&db.pool, &changed).await),
        Vec::<String>::new()
    );
    run_all(&db.pool, &file.down)
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", file.text));
    assert_eq!(
        difference(&reflected(&db.pool).await, &before),
        Vec::<String>::new()
    );
}

async fn auto_increment_comes_and_goes_under_foreign_keys() {
    if !is_there() {
        return;
    }
    let plain = "CREATE TABLE a (id INT PRIMARY KEY, up INT, CONSTRAINT own FOREIGN KEY (up) REFERENCES a (id)); \
                 CREATE TABLE b (id INT PRIMARY KEY, a INT NOT NULL, CONSTRAINT refers FOREIGN KEY (a) REFERENCES a (id)); \
                 CREATE TABLE c (a INT PRIMARY KEY, CONSTRAINT shares FOREIGN KEY (a) REFERENCES a (id))";
    let counted = plain
        .replace(
            "a (id INT PRIMARY KEY",
            "a (id INT PRIMARY KEY AUTO_INCREMENT",
        )
        .replace(
            "c (a INT PRIMARY KEY",
            "c (a INT PRIMARY KEY AUTO_INCREMENT",
        );
    let rows = "INSERT INTO a VALUES (1, NULL), (2, 1); INSERT INTO b VALUES (1, 2); INSERT INTO c VALUES (1)";
    let found = &[
        "alter column a.id: attributes",
        "alter column c.a: attributes",
    ];
    for (a, b) in [(plain, counted.as_str()), (&counted, plain)] {
        let _ = there_and_back(Case {
            a,
            rows,
            b: Autogenerate::from_sql(b),
            found,
            probes: &[(
                "SELECT CONCAT(COUNT(*)) FROM a JOIN b ON b.a = a.id",
                &["1"],
            )],
            between: "",
        })
        .await;
    }
}

async fn options_of_views_and_events_are_read() {
    if !is_there() {
        return;
    }
    let word = match is_mysql() {
        true => "REPLICA",
        false => "SLAVE",
    };
    let a = "CREATE TABLE t (id INT PRIMARY KEY); \
             CREATE ALGORITHM = MERGE VIEW v (x) AS SELECT id FROM t WHERE id > 1 WITH LOCAL CHECK OPTION; \
             CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DISABLE DO DELETE FROM t";
    let b = a
        .replace(
            "ALGORITHM = MERGE VIEW v (x)",
            "ALGORITHM = TEMPTABLE SQL SECURITY INVOKER VIEW v (y)",
        )
        .replace(" WITH LOCAL CHECK OPTION", "")
        .replace("DISABLE", &format!("DISABLE ON {word}"));
    let _ = there_and_back(Case {
        a,
        rows: "",
        b: Autogenerate::from_sql(&b),
        found: &["alter event e", "alter view v"],
        probes: &[
            ("SELECT CONCAT(status) FROM information_schema.events WHERE event_schema = DATABASE()",
             match is_mysql() { true => &["REPLICA_SIDE_DISABLED"], false => &["SLAVESIDE_DISABLED"] }),
            ("SELECT CONCAT(y) FROM v", &[]),
        ],
        between: "",
    })
    .await;
}

/// A server that wants a primary key of every table has one in the scratch database too.
async fn a_server_that_requires_primary_keys_is_served() {
    let Some(rig) = crate::support::rig::rig() else {
        return;
    };
    if !is_mysql() {
        return;
    }
    let server = rig.own_mysql(&["--sql-require-primary-key=ON"]).await;
    let (pool, _) = servers::mysql_on(&server.url).await;
    let wanted = "CREATE TABLE t (id INT PRIMARY KEY, a INT)";
    let file = only_draft(&compared(&pool, wanted).await, DraftOptions::default());
    run_all(&pool, &file.up)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    // The key changes in one statement.
    let wanted = "CREATE TABLE t (id INT NOT NULL, a INT PRIMARY KEY)";
    let file = only_draft(&compared(&pool, wanted).await, DraftOptions::default());
    run_all(&pool, &file.up)
        .await
        .unwrap_or_else(|error| panic!("{error}\n{}", file.text));
    assert_eq!(words(&compared(&pool, wanted).await), Vec::<String>::new());
}

/// Under `NO_BACKSLASH_ESCAPES` a backslash of the catalog's would be two: nothing is written then.
async fn no_backslash_is_written_where_it_is_no_escape() {
    let Some(rig) = crate::support::rig::rig() else {
        return;
    };
    let server = rig.own_mysql(&["--sql-mode=NO_BACKSLASH_ESCAPES"]).await;
    let (pool, _) = servers::mysql_on(&server.url).await;
    let plain =
        "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9) DEFAULT 'it''s' CHECK (a <> 'x'))";
    let file = only_draft(&compared(&pool, plain).await, DraftOptions::default());
    run_all(&pool, &file.up)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(words(&compared(&pool, plain).await), Vec::<String>::new());
    for sql in [
        "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9) DEFAULT 'a\\b')",
        "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9) CHECK (a <> 'a\\b'))",
        "CREATE TABLE t (id INT PRIMARY KEY) COMMENT 'a\\b'",
        "CREATE VIEW t AS SELECT 'a\\b'",
    ] {
        let error = Autogenerate::from_sql(sql).compare(&pool).await;
        let error = error.expect_err("it is refused").to_string();
        assert!(error.contains("NO_BACKSLASH_ESCAPES"), "{error}");
    }
}

/// MySQL keeps a character of four bytes in a name as a question mark; MariaDB takes none.
async fn limbecks_own_tables_are_never_compared() {
    if !is_there() {
        return;
    }
    let name = "lim \u{e9}";
    let db = servers::mysql_database().await.expect("a server");
    let revision = crate::support::migrations(&[(
        "a",
        "",
        "",
        "-- @upgrade\nCREATE TABLE t (id INT PRIMARY KEY);\n",
    )]);
    let migrator = limbeck::Migrator::new(db.pool.clone(), revision).version_table(name);
    let _ = migrator.upgrade_to_head().await.expect("it runs");
    let desired = Autogenerate::from_sql("CREATE TABLE t (id INT PRIMARY KEY)");
    let comparison = migrator
        .compare_schema(&desired)
        .await
        .expect("a comparison");
    assert_eq!(words(&comparison), Vec::<String>::new());
}

/// MySQL alters a routine by making it anew, and forgets who may call it: a role that may not read that does not write so.
async fn rights_that_cannot_be_read_are_not_lost() {
    let here = servers::MySqlServer::here();
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    let (server, name) = db.url.rsplit_once('/').expect("a name");
    let user = format!("u{}", &name[name.len().saturating_sub(20)..]);
    run(
        &db.pool,
        &format!(
            "CREATE USER '{user}'@'%'; GRANT ALL ON `{name}`.* TO '{user}'@'%'; \
             GRANT ALL ON `limbeck\\_scratch\\_%`.* TO '{user}'@'%'"
        ),
    )
    .await;
    let (_, host) = server.split_once('@').expect("a user");
    let url = format!("mysql://{user}@{host}/{name}");
    let pool = sqlx::mysql::MySqlPoolOptions::new()
        .max_connections(2)
        .connect(&url)
        .await
        .expect("the user");
    run(&pool, "CREATE PROCEDURE p() SELECT 1").await;
    let comparison = compared(&pool, "CREATE PROCEDURE p() SELECT 2").await;
    let classes: Vec<limbeck::autogenerate::Class> = comparison
        .changes()
        .iter()
        .map(limbeck::autogenerate::Change::class)
        .collect();
    use limbeck::autogenerate::Class;
    assert_eq!(
        classes,
        [here.pick(Class::Safe, Class::Manual)],
        "{:?}",
        words(&comparison)
    );
    pool.close().await;
    run(&db.pool, &format!("DROP USER '{user}'@'%'")).await;
}

crate::support::on_mysql!(
    rights_that_cannot_be_read_are_not_lost,
    a_columns_srid_is_kept_and_compared,
    defaults_are_what_they_were,
    what_was_not_null_comes_back,
    notes_on_new_columns_are_true,
    what_stands_on_a_column_follows_its_new_name,
    names_that_the_server_made_follow_their_table,
    auto_increment_comes_and_goes_under_foreign_keys,
    options_of_views_and_events_are_read,
    a_server_that_requires_primary_keys_is_served,
    no_backslash_is_written_where_it_is_no_escape,
    limbecks_own_tables_are_never_compared
);
