//! Sessions, poolers, versions, scratch databases, and large schemas.

use std::time::Instant;

use limbeck::autogenerate::{Autogenerate, AutogenerateError, Comparison, DraftOptions};
use sqlx::PgPool;

use super::fixture::EVERYTHING;
use super::support::{
    Bench, difference, downgrade, run, text, texts, there_and_back, try_run, upgrade, words,
};
use crate::support::rig::rig;
use crate::support::servers;

#[tokio::test]
async fn odd_settings_and_an_open_transaction_change_nothing() {
    let Some(mut bench) = Bench::shared().await else {
        return;
    };
    let mut db = bench.database().await;
    db.run(EVERYTHING).await;
    let plain = db.reflect().await;
    let odd = "SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'iso_8601'; SET TimeZone = 'Asia/Kathmandu'; \
               SET extra_float_digits = -3; SET quote_all_identifiers = on; SET bytea_output = 'escape'; \
               SET standard_conforming_strings = off; SET search_path = public, app, \"Odd Schema\"";
    db.run(odd).await;
    let settings = "SELECT name || setting FROM pg_settings WHERE name !~ '^limbeck' ORDER BY 1";
    let before = db.strings(settings).await;
    assert_eq!(difference(&plain, &db.reflect().await), [""; 0]);
    assert_eq!(db.strings(settings).await, before);
    db.run("RESET ALL").await;
    db.run("BEGIN; SET LOCAL search_path = public, app; CREATE TABLE inside (id integer)")
        .await;
    assert_eq!(
        difference(&plain, &db.reflect().await),
        ["create table inside"]
    );
    assert_eq!(db.strings("SHOW search_path").await, ["public, app"]);
    db.run("ROLLBACK").await;
    assert_eq!(db.strings("SHOW search_path").await, ["\"$user\", public"]);
    assert_eq!(difference(&plain, &db.reflect().await), [""; 0]);
    bench.drop(db).await;
}

#[tokio::test]
async fn the_current_schema_need_not_be_public() {
    let Some(mut bench) = Bench::shared().await else {
        return;
    };
    let mut db = bench.database().await;
    db.run("CREATE SCHEMA app; SET search_path = app; CREATE TABLE a (id integer); CREATE VIEW v AS SELECT * FROM a").await;
    let mut other = bench.database().await;
    other.run("CREATE SCHEMA app; CREATE TABLE app.a (id integer); CREATE VIEW app.v AS SELECT * FROM app.a; SET search_path = app").await;
    assert_eq!(
        difference(&db.reflect().await, &other.reflect().await),
        [""; 0]
    );
    bench.drop(db).await;
    bench.drop(other).await;
}

#[tokio::test]
async fn left_overs_are_removed_and_nothing_else() {
    let Some(mut bench) = Bench::shared().await else {
        return;
    };
    let db = bench.database().await;
    let names = [
        "limbeck_scratch_1000000000_00000000aaaa",
        "limbeck_scratch_1000000000_00000000bbbb",
    ];
    for name in names {
        let _ = try_run(&mut bench.admin, &format!("DROP DATABASE IF EXISTS {name}")).await;
    }
    run(
        &mut bench.admin,
        &format!("CREATE DATABASE {} CONNECTION LIMIT 13", names[0]),
    )
    .await;
    run(&mut bench.admin, &format!("CREATE DATABASE {}", names[1])).await;
    let pool = PgPool::connect(&db.url).await.expect("a pool");
    Autogenerate::from_sql("CREATE TABLE a (id integer)")
        .compare(&pool)
        .await
        .expect("compared");
    let mut left = bench.database().await;
    let query = "SELECT datname::text FROM pg_database WHERE datname LIKE 'limbeck_scratch_1000000000_00000000____' ORDER BY 1";
    assert_eq!(left.strings(query).await, [names[1]]);
    run(&mut bench.admin, &format!("DROP DATABASE {}", names[1])).await;
    pool.close().await;
    bench.drop(left).await;
    bench.drop(db).await;
}

#[tokio::test]
async fn the_live_database_and_one_that_is_not_empty_are_no_scratch() {
    let Some(mut bench) = Bench::shared().await else {
        return;
    };
    let db = bench.database().await;
    let mut other = bench.database().await;
    let pool = PgPool::connect(&db.url).await.expect("a pool");
    let on = |url: &str| {
        Autogenerate::from_sql("CREATE TABLE a (id integer)").scratch_url(url.to_owned())
    };
    let error = on(&db.url).compare(&pool).await.expect_err("the live one");
    assert!(
        matches!(error, AutogenerateError::ScratchIsLive { .. }),
        "{error}"
    );
    let compared = on(&other.url).compare(&pool).await.expect("compared");
    assert_eq!(words(&compared), ["create table a"]);
    assert_eq!(
        other
            .strings("SELECT count(*)::text FROM pg_tables WHERE schemaname = 'public'")
            .await,
        ["0"]
    );
    other.run("CREATE TABLE kept (id integer)").await;
    let error = on(&other.url).compare(&pool).await.expect_err("not empty");
    assert!(
        matches!(error, AutogenerateError::ScratchNotEmpty { .. }),
        "{error}"
    );
    pool.close().await;
    bench.drop(db).await;
    bench.drop(other).await;
}

#[tokio::test]
async fn reflection_works_through_pgbouncer() {
    let (Some(mut bench), Some(rig)) = (Bench::shared().await, rig()) else {
        return;
    };
    let url = rig.pgbouncer("transaction").await;
    let mut db = bench.database().await;
    db.run(EVERYTHING).await;
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(2)
        .connect(&servers::with_database(&url, &db.name))
        .await
        .expect("PgBouncer");
    for _ in 0..5 {
        let mut connection = pool.acquire().await.expect("a connection");
        let there = limbeck::autogenerate::reflect::<sqlx::Postgres>(&mut connection)
            .await
            .expect("reflected");
        assert_eq!(difference(&db.reflect().await, &there), [""; 0]);
    }
    pool.close().await;
    run(
        &mut bench.admin,
        &format!("DROP DATABASE {} WITH (FORCE)", db.name),
    )
    .await;
}

#[tokio::test]
async fn other_versions_find_nothing_and_make_everything() {
    let Some(rig) = rig() else {
        return;
    };
    for version in [12, 18] {
        let server = rig.own_postgres(Some(version), &[]).await;
        let mut bench = Bench::new(&server.url).await;
        let mut db = bench.database().await;
        let empty = db.reflect().await;
        let mut other = bench.database().await;
        other.run(EVERYTHING).await;
        let pool = PgPool::connect(&other.url).await.expect("a pool");
        let compared = Autogenerate::from_sql(EVERYTHING)
            .compare(&pool)
            .await
            .expect("compared");
        assert_eq!(words(&compared), [""; 0], "PostgreSQL {version}");
        pool.close().await;
        let full = other.reflect().await;
        let lossy = DraftOptions::default().allow_lossy(true);
        there_and_back(&mut db, &empty, &full, lossy)
            .await
            .unwrap_or_else(|error| panic!("{version}: {error}"));
        there_and_back(&mut other, &full, &empty, lossy)
            .await
            .unwrap_or_else(|error| panic!("{version}: {error}"));
    }
}

#[tokio::test]
async fn nothing_is_found_after_dump_and_restore() {
    let Some(mut bench) = Bench::shared().await else {
        return;
    };
    let mut db = bench.database().await;
    db.run(EVERYTHING).await;
    let dump = std::process::Command::new("pg_dump")
        .args(["--no-owner", "--no-privileges", &db.url])
        .output()
        .expect("pg_dump");
    assert!(
        dump.status.success(),
        "{}",
        String::from_utf8_lossy(&dump.stderr)
    );
    let dump = String::from_utf8(dump.stdout).expect("text");
    // psql's own commands, and rows.
    let script: Vec<&str> = dump
        .lines()
        .filter(|line| !line.starts_with('\\') && !line.starts_with("COPY "))
        .collect();
    let mut other = bench.database().await;
    other.run(&script.join("\n")).await;
    other.run("RESET ALL").await;
    assert_eq!(
        difference(&db.reflect().await, &other.reflect().await),
        [""; 0]
    );
    bench.drop(db).await;
    bench.drop(other).await;
}

#[tokio::test]
async fn five_hundred_tables_are_compared() {
    let Some(mut bench) = Bench::shared().await else {
        return;
    };
    let mut sql = String::new();
    for at in 0..500 {
        sql.push_str(&format!(
            "CREATE TABLE t{at} (id bigint PRIMARY KEY, a text NOT NULL DEFAULT 'x', b integer, c numeric(10,2), d timestamptz DEFAULT now());\n\
             CREATE INDEX t{at}_a ON t{at} (a);\nCREATE INDEX t{at}_b ON t{at} (b) WHERE b > 0;\n"
        ));
    }
    let mut db = bench.database().await;
    db.run(&sql).await;
    let pool = PgPool::connect(&db.url).await.expect("a pool");
    let begun = Instant::now();
    let compared = Autogenerate::from_sql(&sql)
        .compare(&pool)
        .await
        .expect("compared");
    let all = begun.elapsed();
    assert!(compared.is_empty());
    let begun = Instant::now();
    let _ = db.reflect().await;
    println!(
        "500 tables: compared in {all:?}, of which reflected in {:?}",
        begun.elapsed()
    );
    pool.close().await;
    bench.drop(db).await;
}

#[tokio::test]
async fn online_forms_lead_there_and_back() {
    let Some(mut bench) = Bench::shared().await else {
        return;
    };
    let mut db = bench.database().await;
    db.run("CREATE TABLE other (id integer PRIMARY KEY); CREATE TABLE big (id integer, a text, b integer); \
            INSERT INTO other VALUES (1); INSERT INTO big VALUES (1, 'x', 1)").await;
    let from = db.reflect().await;
    let mut desired = bench.database().await;
    desired
        .run("CREATE TABLE other (id integer PRIMARY KEY); CREATE TABLE big (id integer PRIMARY KEY, a text NOT NULL CHECK (a <> ''), \
              b integer REFERENCES other, CONSTRAINT one_a UNIQUE (a) DEFERRABLE); CREATE INDEX big_b ON big (b)")
        .await;
    let to = desired.reflect().await;
    let drafts =
        Comparison::between(from.clone(), to.clone()).drafts(DraftOptions::default().online(true));
    let all = texts(&drafts);
    for words in [
        "CREATE INDEX CONCURRENTLY big_b",
        "CREATE UNIQUE INDEX CONCURRENTLY one_a",
        "UNIQUE USING INDEX one_a DEFERRABLE",
        "PRIMARY KEY USING INDEX big_pkey",
        "VALIDATE CONSTRAINT big_b_fkey",
        "VALIDATE CONSTRAINT big_a_check",
        "NOT VALID",
    ] {
        assert!(all.contains(words), "{words} in\n{all}");
    }
    assert_eq!(
        drafts
            .iter()
            .filter(|draft| text(draft).contains("autocommit"))
            .count(),
        1,
        "{all}"
    );
    upgrade(&mut db, &drafts)
        .await
        .unwrap_or_else(|error| panic!("{error}\n{all}"));
    assert_eq!(difference(&db.reflect().await, &to), [""; 0], "{all}");
    downgrade(&mut db, &drafts)
        .await
        .unwrap_or_else(|error| panic!("{error}\n{all}"));
    assert_eq!(difference(&db.reflect().await, &from), [""; 0], "{all}");
    bench.drop(db).await;
    bench.drop(desired).await;
}
