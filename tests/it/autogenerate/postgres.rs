//! The fixed point on PostgreSQL: what was written from a comparison leads to a schema in which nothing differs, and
//! its downgrade leads back.

mod fixture;
mod generate;
mod session;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use limbeck::autogenerate::{Autogenerate, Comparison, DraftOptions};
use limbeck::revision::NewRevision;
use limbeck::{Migrations, Migrator, Revision};
use sqlx::Postgres;

use crate::support::servers::{self, Database};
use crate::support::soak;
use generate::{Dice, World};

/// Every kind of change that the generator must have met, as the beginning of its text, or with `…` as two parts of it.
const MET: [&str; 62] = [
    "create table",
    "drop table",
    "alter table…comment",
    "alter table…unlogged",
    "alter table…row",
    "alter table…partition",
    "add column",
    "drop column",
    "alter column…type",
    "alter column…nullability",
    "alter column…default",
    "alter column…generated",
    "alter column…identity",
    "alter column…collation",
    "alter column…comment",
    "add primary key",
    "drop primary key",
    "alter primary key",
    "rename primary key",
    "add unique",
    "drop unique",
    "alter unique",
    "add check",
    "drop check",
    "alter check",
    "add foreign",
    "drop foreign",
    "rename foreign",
    "add exclusion",
    "drop exclusion",
    "add index",
    "drop index",
    "alter index",
    "create enum",
    "drop enum",
    "alter enum",
    "create domain",
    "drop domain",
    "alter domain",
    "create composite",
    "drop composite",
    "alter composite",
    "create sequence",
    "drop sequence",
    "alter sequence",
    "create function",
    "drop function",
    "alter function",
    "alter procedure",
    "create view",
    "drop view",
    "alter view",
    "create materialized",
    "drop materialized",
    "alter materialized",
    "create trigger",
    "drop trigger",
    "alter trigger",
    "create policy",
    "drop policy",
    "alter policy",
    "create extension",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_leads_there_and_back() {
    let Some(url) = servers::server("LIMBECK_TEST_POSTGRES_URL") else {
        return;
    };
    let pairs = soak::times(200, 2_000);
    let seeds: Vec<u64> = match std::env::var("LIMBECK_TEST_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (0..pairs as u64).collect(),
    };
    let mut met: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for &seed in &seeds {
        let url = url.clone();
        // A task of its own, so that a pair that panics does not end the others.
        match tokio::spawn(async move { pair(&url, seed).await }).await {
            Ok(told) => {
                for kind in MET {
                    let mut parts = kind.split('…');
                    let (first, second) = (
                        parts.next().unwrap_or_default(),
                        parts.next().unwrap_or_default(),
                    );
                    let count = told
                        .iter()
                        .filter(|one| one.starts_with(first) && one.contains(second))
                        .count();
                    *met.entry(kind).or_default() += count;
                }
            }
            Err(_) => wrong.push(seed),
        }
    }
    soak::tell(
        "autogenerate, pairs of PostgreSQL's schemas",
        seeds.len(),
        wrong.len(),
        format!("{} changes", met.values().sum::<usize>()),
    );
    assert!(
        wrong.is_empty(),
        "{} of {}, seeds {wrong:?}",
        wrong.len(),
        seeds.len()
    );
    if seeds.len() > 1 {
        let never: Vec<&&str> = met
            .iter()
            .filter(|(_, count)| **count == 0)
            .map(|(kind, _)| kind)
            .collect();
        assert!(never.is_empty(), "never met: {never:?}");
    }
}

/// One pair: there and back with everything allowed, or only as far as nothing is lost. Tells the changes.
async fn pair(admin: &str, seed: u64) -> Vec<String> {
    let mut dice = Dice::new(seed);
    let what = seed % 18;
    let from = World::random(&mut dice).prepared(what);
    let to = from.changed(&mut dice).turned(what);
    let allow_lossy = !dice.one_in(3);
    let (pool, url) = servers::postgres_on(admin).await;
    let db = servers::of_postgres(pool, url);
    db.run(&from.sql()).await;
    db.run(&from.rows()).await;

    // One database more takes longer than all else.
    if seed.is_multiple_of(8)
        && let Err(error) = super::dumped(&db.pool, None).await
    {
        panic!("seed {seed}: {error}");
    }
    let options = DraftOptions::default().allow_lossy(allow_lossy);
    let comparison = compare(&db, &to.sql()).await;
    let told: Vec<String> = comparison
        .changes()
        .iter()
        .map(ToString::to_string)
        .collect();
    let withheld: BTreeSet<String> = comparison
        .withheld(options)
        .map(ToString::to_string)
        .collect();
    let migrations = written(&comparison, options);
    assert!(
        !migrations.is_empty() || withheld.len() == told.len(),
        "seed {seed}: nothing was written"
    );
    let context = || {
        let files: Vec<String> = migrations
            .iter()
            .map(|revision| revision.text().to_owned())
            .collect();
        format!(
            "seed {seed}\n-- FROM\n{}\n-- TO\n{}\n-- FILES\n{}",
            from.sql(),
            to.sql(),
            files.join("\n\n")
        )
    };

    let kept = from.kept(&to);
    let mut before = Vec::new();
    for query in &kept {
        before.push(db.strings(query).await);
    }
    let migrator = Migrator::new(&db.pool, migrations.clone());
    if let Err(error) = migrator.upgrade_to_head().await {
        panic!(
            "{error}: {:?}\n{}",
            std::error::Error::source(&error),
            context()
        );
    }
    let after = compare(&db, &to.sql()).await;
    let remaining: BTreeSet<String> = after.changes().iter().map(ToString::to_string).collect();
    assert_eq!(
        remaining,
        withheld,
        "remaining after the upgrade, and withheld\n{}",
        context()
    );
    for (query, before) in to.kept(&from).iter().zip(kept.iter().zip(&before)) {
        let (query, (old_query, before)) = (query, before);
        assert_eq!(
            &db.strings(query).await,
            before,
            "{query} was {old_query}\n{}",
            context()
        );
    }
    if let Err(error) = migrator.downgrade("base").await {
        panic!(
            "{error}: {:?}\n{}",
            std::error::Error::source(&error),
            context()
        );
    }
    let back = compare(&db, &from.sql()).await;
    let remaining: Vec<String> = back.changes().iter().map(ToString::to_string).collect();
    assert!(
        remaining.is_empty(),
        "remaining after the downgrade: {remaining:#?}\n{}",
        context()
    );
    db.pool.close().await;
    let mut admin = <sqlx::PgConnection as sqlx::Connection>::connect(admin)
        .await
        .expect("the server");
    let (_, name) = db.url.rsplit_once('/').expect("a name");
    let drop = sqlx::AssertSqlSafe(format!("DROP DATABASE {name}"));
    sqlx::raw_sql(drop)
        .execute(&mut admin)
        .await
        .expect("DROP DATABASE");
    told
}

async fn compare(db: &Database<Postgres>, sql: &str) -> Comparison {
    Autogenerate::from_sql(sql)
        .compare(&db.pool)
        .await
        .unwrap_or_else(|error| panic!("{error}: {:?}\n{sql}", std::error::Error::source(&error)))
}

/// The drafts as files, one behind the other.
fn written(comparison: &Comparison, options: DraftOptions) -> Migrations {
    let mut revisions: Vec<Revision> = Vec::new();
    for (number, draft) in comparison.drafts(options).into_iter().enumerate() {
        let mut new = NewRevision::new(format!("r{number}")).message("a draft");
        if let Some(last) = revisions.last() {
            new = new.down_revision([last.id().to_owned()]);
        }
        for section in draft.sections() {
            new = new.section(section);
        }
        let text = new.to_text().unwrap_or_else(|error| panic!("{error}"));
        revisions
            .push(Revision::parse(format!("r{number}.sql"), text).expect("it was parsed before"));
    }
    Migrations::new(revisions).expect("a chain")
}

/// The generator's worlds are what PostgreSQL accepts, with their rows: else a pair would prove nothing.
#[tokio::test]
async fn every_world_can_be_built() {
    let Some(url) = servers::server("LIMBECK_TEST_POSTGRES_URL") else {
        return;
    };
    let (pool, url) = servers::postgres_on(&url).await;
    let db = servers::of_postgres(pool, url);
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let from = World::random(&mut dice).prepared(seed % 18);
        let to = from.changed(&mut dice).turned(seed % 18);
        for world in [from, to] {
            let mut connection = db.pool.acquire().await.expect("a connection");
            let script = format!("BEGIN; {} {} ROLLBACK", world.sql(), world.rows());
            let built = sqlx::raw_sql(sqlx::AssertSqlSafe(script))
                .execute(&mut *connection)
                .await;
            built.unwrap_or_else(|error| {
                panic!("seed {seed}: {error}\n{}\n{}", world.sql(), world.rows())
            });
        }
    }
}
