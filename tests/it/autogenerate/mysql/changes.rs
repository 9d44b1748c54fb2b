//! Changes that a server takes only in a form of their own, on tables with rows, there and back.

use super::*;
use crate::support::servers::Database;

/// A database of the first schema with these rows, led to the second.
struct Changed {
    db: Database<MySql>,
    before: Schema,
    withheld: Vec<String>,
    file: Written,
}

impl Changed {
    async fn new(from: &str, rows: &str, to: &str, options: DraftOptions) -> Option<Changed> {
        let db = servers::mysql_database().await?;
        run(&db.pool, &format!("{from};\n{rows}")).await;
        let before = reflected(&db.pool).await;
        let comparison = compared(&db.pool, to).await;
        let withheld = comparison.withheld(options);
        let mut withheld: Vec<String> = withheld.map(ToString::to_string).collect();
        withheld.sort();
        let file = only_draft(&comparison, options);
        run_all(&db.pool, &file.up)
            .await
            .unwrap_or_else(|error| panic!("{error}\n{}", file.text));
        let mut left = words(&compared(&db.pool, to).await);
        left.sort();
        assert_eq!(left, withheld, "{}", file.text);
        Some(Changed {
            db,
            before,
            withheld,
            file,
        })
    }

    async fn holds(&self, query: &str, expected: &[&str]) {
        let found = self.db.strings(query).await;
        assert_eq!(found, expected, "{query}\n{}", self.file.text);
    }

    async fn and_back(&self) {
        let Changed { db, file, .. } = self;
        run_all(&db.pool, &file.down)
            .await
            .unwrap_or_else(|error| panic!("{error}\n{}", file.text));
        let left = difference(&reflected(&db.pool).await, &self.before);
        assert_eq!(left, Vec::<String>::new(), "{}", file.text);
    }
}

fn lossy() -> DraftOptions {
    DraftOptions::default().allow_lossy(true)
}

/// MySQL's binary log takes no `uuid()` in an ALTER TABLE that adds a column.
async fn each_row_has_a_default_of_its_own() {
    let changed = Changed::new(
        "CREATE TABLE t (id INT PRIMARY KEY, late VARCHAR(36), \
         seen TIMESTAMP NULL DEFAULT '2001-02-03 04:05:06' ON UPDATE CURRENT_TIMESTAMP)",
        "INSERT INTO t (id) VALUES (1), (2)",
        "CREATE TABLE t (first VARCHAR(36) NOT NULL DEFAULT (uuid()), id INT PRIMARY KEY, n INT, \
         late VARCHAR(36) DEFAULT (uuid()), seen TIMESTAMP NULL DEFAULT '2001-02-03 04:05:06' \
         ON UPDATE CURRENT_TIMESTAMP, last DOUBLE DEFAULT (rand()), \
         later TIMESTAMP NULL ON UPDATE CURRENT_TIMESTAMP, UNIQUE KEY (first))",
        lossy(),
    );
    let Some(changed) = changed.await else { return };
    let count = "SELECT CAST(COUNT(DISTINCT first) + COUNT(DISTINCT last) + COUNT(late) AS CHAR) FROM t \
                 WHERE seen = '2001-02-03 04:05:06'";
    changed.holds(count, &["4"]).await;
    let order = "SELECT GROUP_CONCAT(column_name ORDER BY ordinal_position) FROM information_schema.columns \
                 WHERE table_schema = DATABASE()";
    changed
        .holds(order, &["first,id,n,late,seen,last,later"])
        .await;
    changed.and_back().await;
}

/// To MySQL a geometry's default is no value for rows that are there.
async fn a_geometry_comes_back() {
    let changed = Changed::new(
        "CREATE TABLE t (id INT PRIMARY KEY, a POINT NOT NULL, b POINT NOT NULL DEFAULT (point(1, 2)), \
         c LINESTRING DEFAULT (linestring(point(1, 2), point(3, 4))), SPATIAL KEY (b))",
        "INSERT INTO t (id, a) VALUES (1, point(3, 4))",
        "CREATE TABLE t (id INT PRIMARY KEY)",
        lossy(),
    );
    let Some(changed) = changed.await else { return };
    changed.and_back().await;
    changed
        .holds("SELECT ST_AsText(b) FROM t", &["POINT(1 2)"])
        .await;
}

/// What may be lost is lost, also where the server is strict, as both are by default.
async fn values_are_narrowed() {
    let changed = Changed::new(
        "CREATE TABLE t (id INT PRIMARY KEY, word VARCHAR(30), n INT, kind ENUM('a', 'b'))",
        "INSERT INTO t VALUES (1, 'lengthy', 70000, 'b')",
        "CREATE TABLE t (id INT PRIMARY KEY, word VARCHAR(4), n SMALLINT, kind ENUM('a'));
         CREATE TABLE u (id INT PRIMARY KEY)",
        lossy(),
    );
    let Some(changed) = changed.await else { return };
    changed
        .holds("SELECT CONCAT(word, n, kind) FROM t", &["leng32767"])
        .await;
    let mode = "SET SESSION sql_mode = ";
    let modes: Vec<&str> = (changed.file.up.iter())
        .filter_map(|one| one.strip_prefix(mode))
        .collect();
    let expected = ["'NO_ENGINE_SUBSTITUTION'", "@@GLOBAL.sql_mode"];
    let here = servers::MySqlServer::here();
    assert_eq!(modes, here.pick(&[][..], &expected));
    changed.and_back().await;
}

/// Without the column the server would leave the index on what is left of it, or refuse.
async fn what_an_index_reads_stays_with_it() {
    let own = servers::MySqlServer::here().pick("KEY sums (g, n)", "KEY sums ((g + 2), id)");
    let from = format!(
        "CREATE TABLE t (id BIGINT, g BIGINT AS (n * 3) VIRTUAL, n INT, KEY pair (g, id), {own})"
    );
    let changed = Changed::new(
        &from,
        "INSERT INTO t (id, n) VALUES (1, 2)",
        "CREATE TABLE t (n INT)",
        DraftOptions::default(),
    );
    let Some(changed) = changed.await else { return };
    let waits = "drop column t.g (lossy: it waits for the index pair)".to_owned();
    assert!(changed.withheld.contains(&waits), "{:?}", changed.withheld);
    changed.and_back().await;
}

/// Only InnoDB has partitions on MySQL.
async fn an_engine_waits_for_partitions() {
    let engine = servers::MySqlServer::here().pick("Aria", "MyISAM");
    let to = format!("CREATE TABLE t (id INT PRIMARY KEY, n INT) ENGINE={engine}");
    let changed = Changed::new(
        "CREATE TABLE t (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2",
        "INSERT INTO t VALUES (1)",
        &to,
        DraftOptions::default(),
    );
    let Some(changed) = changed.await else { return };
    changed.and_back().await;
}

/// Partitions stay, and nothing that they do not suffer comes beside them.
async fn what_no_partition_takes_waits() {
    let changed = Changed::new(
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, KEY pair (a, b)) PARTITION BY HASH (id) PARTITIONS 2",
        "INSERT INTO t VALUES (1, 2, 3)",
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, p POINT, UNIQUE KEY pair (a))",
        lossy(),
    );
    let Some(changed) = changed.await else { return };
    for word in [
        "add column t.p (manual: it waits for the table t)",
        "drop column t.b (manual: it waits for the index pair)",
    ] {
        let withheld = &changed.withheld;
        assert!(withheld.iter().any(|one| one == word), "{withheld:?}");
    }
}

/// A generated column takes no value, so the rows' placeholder comes when it is none any more.
async fn a_generated_column_becomes_not_null_again() {
    let changed = Changed::new(
        "CREATE TABLE t (id INT PRIMARY KEY, n INT, d DATETIME NOT NULL)",
        "INSERT INTO t VALUES (1, NULL, '2020-01-02 03:04:05')",
        "CREATE TABLE t (id INT PRIMARY KEY, n INT, d BIGINT AS (n * 2) STORED)",
        lossy(),
    );
    let Some(changed) = changed.await else { return };
    changed.and_back().await;
    changed
        .holds("SELECT CAST(d AS CHAR) FROM t", &["1970-01-01 00:00:00"])
        .await;
}

crate::support::on_mysql!(
    each_row_has_a_default_of_its_own,
    a_geometry_comes_back,
    values_are_narrowed,
    what_an_index_reads_stays_with_it,
    an_engine_waits_for_partitions,
    what_no_partition_takes_waits,
    a_generated_column_becomes_not_null_again,
);
