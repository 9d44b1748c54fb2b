//! The command line on the oldest and the newest version of PostgreSQL.

use crate::support::rig::{Rig, rig};
use crate::support::versions::{exact_version, tests_on};

#[tokio::test]
async fn the_oldest_and_the_newest() {
    let Some(rig) = rig() else { return };
    let (oldest, newest) = tokio::join!(on(&rig, 12), on(&rig, 18));
    let wrong = [oldest, newest].concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What went wrong on that version.
async fn on(rig: &Rig, version: u32) -> Vec<String> {
    let server = rig.own_postgres(Some(version), &[]).await;
    let exact = exact_version(&server.url, version).await;
    // Autogenerate has tests of its own on other versions; the clients of Alembic's tests and
    // `pg_dump` are of one version.
    let chosen = [
        "postgres",
        "--skip",
        "autogenerate",
        "--skip",
        "alembic",
        "--skip",
        "import_corpus",
        "--skip",
        "passwords",
    ];
    let what = "the tests of the command line";
    tests_on(
        what,
        ("LIMBECK_TEST_POSTGRES_URL", &server.url),
        &exact,
        &chosen,
        12,
    )
    .await
}
