//! Several packages' revisions in one graph: which of them a message is about.

use limbeck::{Migrations, Migrator, Revision};

use crate::support::{file, servers::sqlite};

fn set(package: &'static str, path: &str, text: String) -> Migrations {
    let revision = Revision::parse(path, text).expect("a file");
    Migrations::new([revision]).expect("a graph").named(package)
}

fn paths(migrations: &Migrations) -> Vec<&str> {
    migrations.iter().map(Revision::path).collect()
}

const PATH: &str = "migrations/0001_init.sql";

#[test]
fn the_package_stands_before_its_paths() {
    let billing = || set("billing", PATH, file("b1", "", "", "-- @upgrade\n"));
    let users = || set("users", PATH, file("u1", "", "", "-- @upgrade\n"));
    let merged = Migrations::merge([billing(), users()]).expect("a graph");
    let both = [
        "billing/migrations/0001_init.sql",
        "users/migrations/0001_init.sql",
    ];
    assert_eq!(paths(&merged), both);
    // Nothing else changes, so that digests stay.
    for set in [billing(), users()] {
        let one = set.iter().next().expect("a revision");
        let same = merged.get(one.id()).expect("it is there");
        assert_eq!(same.checksum(), one.checksum());
        assert_eq!(merged.lineage(one.id()), set.lineage(one.id()));
    }
    // The service's own come later, from a folder.
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join("s1.sql"),
        file("s1", "", "", "-- @upgrade\n"),
    )
    .expect("a file");
    let own = Migrations::from_dir(folder.path()).expect("a graph");
    let own_path = paths(&own)[0].to_owned();
    let all = Migrations::merge([merged, own]).expect("a graph");
    assert_eq!(paths(&all), [both[0], &own_path, both[1]]);

    // Sets of one package, and a set that is there twice.
    let of_one = Migrations::merge([
        billing(),
        billing(),
        set("billing", "more/x.sql", file("b2", "", "", "-- @upgrade\n")),
    ]);
    let of_one = of_one.expect("a graph");
    assert_eq!(paths(&of_one), [PATH, "more/x.sql"]);
    let later = Migrations::merge([of_one, users()]).expect("a graph");
    assert_eq!(paths(&later), [both[0], "billing/more/x.sql", both[1]]);
}

#[test]
fn what_two_packages_disagree_about_names_both() {
    let said = |ours: String, theirs: String| {
        let sets = [set("billing", PATH, ours), set("users", PATH, theirs)];
        Migrations::merge(sets).expect_err("a clash").to_string()
    };
    let plain = |id: &str, header: &str| file(id, "", header, "-- @upgrade\n");
    assert_eq!(
        said(
            plain("a1", ""),
            plain("a1", "-- create_date: 2026-11-22T12:00:00Z\n")
        ),
        "users/migrations/0001_init.sql:3: revision `a1` is in billing/migrations/0001_init.sql already"
    );
    assert_eq!(
        said(plain("a1", ""), plain("A1", "")),
        "billing/migrations/0001_init.sql:3: revision ids `A1` and `a1` differ in case only, which not every database \
         can tell apart; the other one is users/migrations/0001_init.sql"
    );
    assert_eq!(
        said(
            plain("a1", "-- branch_labels: main\n"),
            plain("b1", "-- branch_labels: main\n")
        ),
        "users/migrations/0001_init.sql:5: branch label `main` stands on revision `a1` and again on revision `b1`; the \
         other one is billing/migrations/0001_init.sql"
    );
    assert_eq!(
        said(plain("a1", ""), plain("b1", "-- branch_labels: a1\n")),
        "users/migrations/0001_init.sql:5: branch label `a1` of revision `b1` is the id of a revision: choose another; \
         the other one is billing/migrations/0001_init.sql"
    );
}

#[tokio::test]
async fn a_run_names_the_package_too() {
    let db = sqlite().await;
    let sets = [
        set("billing", PATH, file("b1", "", "", "-- @upgrade\n")),
        set(
            "users",
            PATH,
            file("u1", "", "", "-- @upgrade\nSELECT * FROM nowhere;\n"),
        ),
    ];
    let merged = Migrations::merge(sets).expect("a graph");
    let error = Migrator::new(&db.pool, merged)
        .upgrade("heads")
        .await
        .expect_err("no such table");
    assert_eq!(error.path(), Some("users/migrations/0001_init.sql"));
    assert!(
        error
            .to_string()
            .starts_with("users/migrations/0001_init.sql:7:"),
        "{error}"
    );
}

#[test]
fn embedded_files_know_their_package() {
    let files = limbeck::migrations!["../embed/billing/c1_invoices.sql"].expect("a graph");
    let merged = Migrations::merge([files, Migrations::new([]).expect("none")]).expect("a graph");
    assert_eq!(paths(&merged), ["limbeck/../embed/billing/c1_invoices.sql"]);
}
