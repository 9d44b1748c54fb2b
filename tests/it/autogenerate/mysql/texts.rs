//! Literals in everything that holds SQL: what is read is what was written, whatever characters stand in it.

use super::generator::Random;
use super::*;
use crate::support::soak;

/// One of each kind that the catalogs show in their own way.
const ALWAYS: [&str; 14] = [
    "plain",
    "it's",
    "^\\d+$",
    "a\nb",
    "a\r\nb",
    "a%b_c\\%",
    "caf\u{e9} \u{c3}\u{a9}",
    "\u{20ac} \u{65e5}\u{672c}",
    "\u{1f600}",
    "? ???? \u{1f600}?",
    "a\0b\u{1a}",
    "\\' -- /* */ ; # `x` \"y\"",
    "ends in \\",
    "''",
];

const RANDOM: usize = 4;

const PARTS: [&str; 18] = [
    "a",
    "Z",
    " ",
    "'",
    "\"",
    "\\",
    "`",
    "\n",
    "\t",
    "?",
    "%",
    ";",
    "-- ",
    "/*",
    "\u{e9}",
    "\u{20ac}",
    "\u{1f600}",
    "\u{10ffff}",
];

fn random_text(random: &mut Random) -> String {
    let length = 1 + random.below(8);
    let text: String = (0..length).map(|_| random.pick(&PARTS)).collect();
    // An enum's values lose the spaces at their end.
    format!("{text}.")
}

/// As a person may write it: a quote in either of its forms.
fn literal(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('\0', "\\0")
        .replace("it's", "it\\'s")
        .replace('\r', "\\r")
        .replace('\'', "''")
        .replace("\\''s", "\\'s");
    format!("'{escaped}'")
}

/// A table with everything that takes a literal, and what stands around it.
fn with_text(at: usize, text: &str) -> String {
    let text = literal(text);
    let is_mysql = servers::MySqlServer::here() == servers::MySqlServer::Mysql;
    let index = match is_mysql {
        true => format!(", KEY by_text ((CONCAT(a, {text})))"),
        false => String::new(),
    };
    let collation = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
    format!(
        "CREATE TABLE t{at} (id INT PRIMARY KEY AUTO_INCREMENT, \
         a VARCHAR(60) {collation} NOT NULL DEFAULT {text}, \
         g VARCHAR(130) {collation} AS (CONCAT(a, {text})) STORED, \
         d VARCHAR(130) {collation} DEFAULT (CONCAT({text}, 'x')), \
         e ENUM({text}, 'z') {collation} DEFAULT {text}, s SET('z', {text}) {collation} DEFAULT 'z', \
         m VARCHAR(60) {collation} COMMENT {text}, \
         CONSTRAINT c{at} CHECK (a <> CONCAT({text}, '!')){index}) COMMENT {text};\n\
         CREATE VIEW v{at} (h, n) AS SELECT HEX({text}), COUNT(*) FROM t{at} WHERE a = {text};\n\
         CREATE TRIGGER r{at} BEFORE INSERT ON t{at} FOR EACH ROW SET NEW.m = {text};\n\
         CREATE FUNCTION f{at}() RETURNS VARCHAR(60) CHARSET utf8mb4 DETERMINISTIC NO SQL COMMENT {text} RETURN {text};\n\
         CREATE PROCEDURE p{at}() BEGIN SELECT {text}; END;\n\
         CREATE EVENT e{at} ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DISABLE COMMENT {text} DO SELECT {text};\n"
    )
}

fn partitioned(at: usize, text: &str) -> String {
    let text = literal(text);
    format!(
        "CREATE TABLE l{at} (k VARCHAR(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin) \
         PARTITION BY LIST COLUMNS (k) (PARTITION one VALUES IN ({text}) COMMENT = 'no ENGINE = InnoDB', PARTITION two VALUES IN ('z'));\n"
    )
}

fn schema(texts: &[String]) -> String {
    let all = texts.iter().enumerate();
    all.map(|(at, text)| with_text(at, text)).collect()
}

/// What the servers do with rows is what the literals say.
async fn behaves(pool: &MySqlPool, texts: &[String], what: &str) {
    use sqlx::Row as _;
    for (at, text) in texts.iter().enumerate() {
        let run = async |sql: String| {
            sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
                .fetch_all(pool)
                .await
        };
        let hex =
            |text: &str| -> String { text.bytes().map(|byte| format!("{byte:02X}")).collect() };
        let failed = |error: sqlx::Error| -> Vec<sqlx::mysql::MySqlRow> {
            panic!("{what}, {text:?}: {error}")
        };
        run(format!("INSERT INTO t{at} (s) VALUES ('z')"))
            .await
            .unwrap_or_else(failed);
        let query = format!(
            "SELECT HEX(a), HEX(g), HEX(d), HEX(e), HEX(m), CAST(s + 0 AS CHAR), HEX(f{at}()), \
             (SELECT h FROM v{at}), (SELECT CAST(n AS CHAR) FROM v{at}) FROM t{at}"
        );
        let rows = run(query).await.unwrap_or_else(failed);
        let cells: Vec<String> = (0..9)
            .map(|cell| rows[0].try_get_unchecked(cell).expect("text"))
            .collect();
        let text_hex = hex(text);
        let expected = [
            text_hex.clone(),
            format!("{text_hex}{text_hex}"),
            format!("{text_hex}78"),
            text_hex.clone(),
            text_hex.clone(),
            "1".to_owned(),
            text_hex.clone(),
            text_hex.clone(),
            "1".to_owned(),
        ];
        assert_eq!(cells, expected, "{what}, {text:?}");
        let set = format!("INSERT INTO t{at} (s) VALUES (2)");
        run(set).await.unwrap_or_else(failed);
        let query = format!("SELECT HEX(s) FROM t{at} WHERE s = 2");
        let rows = run(query).await.unwrap_or_else(failed);
        let cell: String = rows[0].try_get_unchecked(0).expect("text");
        assert_eq!(cell, text_hex, "{what}, {text:?}");
        let refused = format!(
            "INSERT INTO t{at} (a) VALUES (CONCAT(CAST(X'{text_hex}' AS CHAR CHARACTER SET utf8mb4), '!'))"
        );
        let error = run(refused).await.expect_err("the check refuses it");
        assert!(
            error.to_string().contains(&format!("c{at}")),
            "{what}, {text:?}: {error}"
        );
        run(format!("DELETE FROM t{at}"))
            .await
            .unwrap_or_else(failed);
    }
}

/// Written by hand and by limbeck, changed there and back: the same is read, and rows are taken and refused as before.
async fn literals_stay_what_they_are() {
    let here = servers::MySqlServer::here();
    if here.url().is_none() {
        return;
    }
    let rounds = soak::times(1, 20);
    for round in 0..rounds {
        let mut random = Random::new(round as u64 + 7);
        let mut texts: Vec<String> = ALWAYS.iter().map(|text| (*text).to_owned()).collect();
        texts.extend((0..RANDOM).map(|_| random_text(&mut random)));
        let mut others = texts.clone();
        others.rotate_left(5);
        let parts: String = texts
            .iter()
            .enumerate()
            .map(|(at, text)| partitioned(at, text))
            .collect();
        let first = schema(&texts) + &parts;
        let second = schema(&others) + &parts;

        // A MariaDB's own is latin1.
        let fresh = async || {
            let db = servers::mysql_database().await.expect("a server");
            db.run("ALTER DATABASE CHARACTER SET utf8mb4").await;
            db
        };
        let by_hand = fresh().await;
        run(&by_hand.pool, &first).await;
        let nothing = compared(&by_hand.pool, &first).await;
        assert_eq!(words(&nothing), Vec::<String>::new());
        assert_eq!(nothing.notes(), Vec::<String>::new());

        let db = fresh().await;
        let empty = reflected(&db.pool).await;
        let lossy = DraftOptions::default().allow_lossy(true);
        let made = only_draft(&compared(&db.pool, &first).await, lossy);
        run_all(&db.pool, &made.up)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            words(&compared(&db.pool, &first).await),
            Vec::<String>::new()
        );
        behaves(&db.pool, &texts, "made").await;
        let before = reflected(&db.pool).await;

        let changed = only_draft(&compared(&db.pool, &second).await, lossy);
        run_all(&db.pool, &changed.up)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            words(&compared(&db.pool, &second).await),
            Vec::<String>::new()
        );
        behaves(&db.pool, &others, "changed").await;
        run_all(&db.pool, &changed.down)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            difference(&reflected(&db.pool).await, &before),
            Vec::<String>::new()
        );
        behaves(&db.pool, &texts, "changed back").await;
        run_all(&db.pool, &made.down)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            difference(&reflected(&db.pool).await, &empty),
            Vec::<String>::new()
        );
    }
    soak::tell(
        &format!(
            "{}: literals in all that holds SQL, there and back",
            here.name()
        ),
        rounds * (ALWAYS.len() + RANDOM),
        0,
        "read, written, run and read again".to_owned(),
    );
}

crate::support::on_mysql!(literals_stay_what_they_are);
