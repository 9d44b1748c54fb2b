//! Databases of an encoding that lacks characters: what limbeck writes for people makes no step impossible.

use limbeck::{Error, Migrations, Migrator, Revision};
use sqlx::Pool;

use super::engine::Engine;
use crate::support::servers;

const MESSAGE: &str = "créer 日本 😀";

fn revision(id: &str, down: &str, words: &str, body: &str) -> Revision {
    let text = format!(
        "-- {MESSAGE}\n--\n-- revision: {id}\n-- down_revision: {down}\n\n-- @upgrade {words}\n{body};\n\
         -- @downgrade {words}\n-- é 日本 😀\nDROP TABLE {id};\n"
    );
    Revision::parse(format!("日本/{id}.sql"), text).expect("a valid file")
}

/// A step in a transaction, one under the lease, and, if asked for, one of each kind that fails.
fn files(fails: Option<&str>) -> Migrations {
    let mut files = vec![
        revision("ta", "none", "", "CREATE TABLE ta (id INT)"),
        revision("tb", "ta", "autocommit", "CREATE TABLE tb (id INT)"),
    ];
    files.extend(fails.map(|words| revision("tc", "tb", words, "INSERT INTO nowhere VALUES (1)")));
    Migrations::new(files).expect("a graph")
}

async fn check<E: Engine>(pool: &Pool<E>, message: &str, comment: &str) {
    let of = |files| Migrator::new(pool, files).application("café 日本");
    let _ = of(files(None))
        .upgrade_to_head()
        .await
        .expect("the upgrade");
    let written = E::rows(pool, "SELECT DISTINCT message FROM limbeck_history").await;
    assert_eq!(written, [message]);
    let downs = E::rows(pool, "SELECT down_sql FROM limbeck_history ORDER BY id").await;
    let lines = downs.iter().filter_map(|down| down.lines().nth(1));
    assert_eq!(lines.collect::<Vec<_>>(), [comment, comment]);

    for words in ["", "autocommit"] {
        for _ in 0..2 {
            let error = of(files(Some(words)))
                .upgrade_to_head()
                .await
                .expect_err("a failure");
            assert!(
                matches!(error, Error::Run(_)) && error.to_string().contains("日本/tc.sql"),
                "{error}"
            );
        }
    }
    let failed = E::rows(
        pool,
        "SELECT error FROM limbeck_history WHERE revision = 'tc'",
    )
    .await;
    assert!(
        !failed.is_empty() && failed.iter().all(|error| error.contains("nowhere")),
        "{failed:?}"
    );
    let ids = limbeck::Target::base();
    let _ = of(files(None)).downgrade(ids).await.expect("the downgrade");
    let _ = of(files(None))
        .stamp("head", limbeck::plan::Purge::Keep)
        .await
        .expect("a stamp");
}

/// A database whose own encoding is another one: what it has is kept, what it lacks is shown by its number.
#[tokio::test]
async fn postgresql_databases_of_other_encodings() {
    let Some(db) = servers::postgres_database().await else {
        return;
    };
    let (_, name) = db.url.rsplit_once('/').expect("a URL");
    for (encoding, message, comment) in [
        (
            "LATIN1",
            "créer <U+65E5><U+672C> <U+1F600>",
            "-- é <U+65E5><U+672C> <U+1F600>",
        ),
        ("EUC_JP", "créer 日本 <U+1F600>", "-- é 日本 <U+1F600>"),
        ("SQL_ASCII", MESSAGE, "-- é 日本 😀"),
    ] {
        let other = format!("{name}_{}", encoding.to_lowercase());
        db.run(&format!(
            "CREATE DATABASE {other} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
        ))
        .await;
        let url = servers::with_database(&db.url, &other);
        let pool = sqlx::Postgres::connect(&url).await;
        check(&pool, message, comment).await;
        pool.close().await;
        db.run(&format!("DROP DATABASE {other}")).await;
    }
}

/// A database whose default is another character set: limbeck's own tables have one that lacks nothing.
async fn databases_of_other_character_sets() {
    for character_set in ["latin1", "ascii", "sjis"] {
        let Some(db) = servers::mysql_database().await else {
            return;
        };
        db.run(&format!("ALTER DATABASE CHARACTER SET {character_set}"))
            .await;
        db.pool.close().await;
        let pool = sqlx::MySql::connect(&db.url).await;
        check(&pool, MESSAGE, "-- é 日本 😀").await;
    }
}

/// A file of UTF-16.
#[tokio::test]
async fn a_sqlite_file_of_another_encoding() {
    let db = servers::sqlite().await;
    db.run("PRAGMA encoding = 'UTF-16le'; CREATE TABLE first (id INT)")
        .await;
    assert_eq!(db.strings("PRAGMA encoding").await, ["UTF-16le"]);
    check(&db.pool, MESSAGE, "-- é 日本 😀").await;
}

crate::support::on_mysql!(databases_of_other_character_sets);
