//! A schema that uses everything.

use limbeck::autogenerate::{Autogenerate, Comparison, DraftOptions};
use sqlx::PgPool;

use super::support::{Bench, difference, there_and_back, words};

pub const EVERYTHING: &str = include_str!("everything.sql");

#[tokio::test]
async fn nothing_is_found_on_itself() {
    let Some(mut bench) = Bench::shared().await else {
        return;
    };
    let mut db = bench.database().await;
    db.run(EVERYTHING).await;
    let pool = PgPool::connect(&db.url).await.expect("a pool");
    let comparison = Autogenerate::from_sql(EVERYTHING)
        .compare(&pool)
        .await
        .expect("compared");
    assert_eq!(words(&comparison), [""; 0]);
    assert_eq!(comparison.notes(), [""; 0]);
    if let Err(error) = crate::autogenerate::dumped(&pool, None).await {
        panic!("{error}");
    }
    pool.close().await;
    bench.drop(db).await;
}

#[tokio::test]
async fn all_of_it_is_made_and_dropped() {
    let Some(mut bench) = Bench::shared().await else {
        return;
    };
    let mut db = bench.database().await;
    let empty = db.reflect().await;
    let mut other = bench.database().await;
    other.run(EVERYTHING).await;
    let full = other.reflect().await;
    assert_eq!(difference(&empty, &empty), [""; 0]);
    if std::env::var_os("SHOW").is_some() {
        let drafts = Comparison::between(empty.clone(), full.clone())
            .drafts(DraftOptions::default().allow_lossy(true));
        println!("{}", super::support::texts(&drafts));
    }
    let lossy = DraftOptions::default().allow_lossy(true);
    there_and_back(&mut db, &empty, &full, lossy)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    there_and_back(&mut other, &full, &empty, lossy)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    bench.drop(db).await;
    bench.drop(other).await;
}
