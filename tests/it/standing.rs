//! Old binary, new schema; edited files; other people's databases.

use std::time::Duration;

use limbeck::error::{RunError, StandingError};
use limbeck::ledger::{LedgerEntry, Recorded, State};
use limbeck::migrator::{OnAhead, OnDrift, Source};
use limbeck::plan::Action;
use limbeck::{Error, Migrations, Migrator, Outcome, Resolution, Target};

use crate::support::{migrations, on_each};

const UP: &str = "-- @upgrade\n-- @downgrade\n";

fn chain(ids: &[(&str, &str, &str)]) -> Migrations {
    let files: Vec<(&str, &str, &str, &str)> = ids
        .iter()
        .map(|(id, down, header)| (*id, *down, *header, UP))
        .collect();
    migrations(&files)
}

fn old() -> Migrations {
    chain(&[("a", "", ""), ("b", "a", "")])
}

fn ahead(outcome: &Outcome) -> &[String] {
    match outcome {
        Outcome::Ahead { unknown, .. } => unknown,
        other => panic!("{other:?}"),
    }
}

fn standing(error: &Error) -> &StandingError {
    match error {
        Error::Standing(standing) => standing,
        other => panic!("{other}"),
    }
}

/// The status says of this migrator what its boot does, and why.
async fn agrees<S: Source>(migrator: &Migrator<S>, kind: Option<&str>) {
    let status = migrator.status().await.expect("status");
    let boot = migrator.require_head().await;
    assert_eq!(boot.as_ref().err().map(Error::kind), kind);
    assert_eq!(status.is_ready(), boot.is_ok(), "{status:?}");
    let refusal = status
        .refusal
        .map(|refusal| (refusal.kind, refusal.message));
    assert_eq!(
        refusal,
        boot.err()
            .map(|error| (error.kind().to_owned(), error.to_string()))
    );
}

on_each! {
    /// A newer binary migrated on: the old one boots, changes nothing, and says what it does not know.
    async fn an_old_binary_boots_on_a_database_that_is_ahead(db) {
        let new = chain(&[("a", "", ""), ("b", "a", ""), ("c", "b", ""), ("d", "c", "")]);
        let _ = Migrator::new(&db.pool, new).upgrade_to_head().await.expect("the new one");
        let migrator = Migrator::new(&db.pool, old());
        let report = migrator.upgrade_to_head().await.expect("the old one");
        assert_eq!(ahead(&report.outcome), ["c", "d"]);
        assert_eq!(report.current, ["d"]);
        assert!(matches!(migrator.require_head().await.expect("verify").outcome, Outcome::Ahead { .. }));
        let status = migrator.status().await.expect("status");
        assert_eq!(status.unknown, ["c", "d"]);
        assert!(status.is_ready() && status.pending.is_empty());
        assert!(migrator.plan_upgrade(Target::head()).await.expect("plan").is_empty());

        let error = Migrator::new(&db.pool, old()).on_ahead(OnAhead::Refuse).upgrade_to_head().await.expect_err("refused");
        assert!(matches!(standing(&error), StandingError::Ahead { .. }), "{error}");
        let error = migrator.downgrade("a").await.expect_err("not embedded");
        assert!(matches!(standing(&error), StandingError::NotEmbedded { .. }), "{error}");
        let error = migrator.upgrade("+1").await.expect_err("relative");
        assert!(matches!(standing(&error), StandingError::RelativeToUnknown { .. }), "{error}");
        assert_eq!(migrator.current().await.expect("current"), ["d"]);
    }

    /// Each binary has what the other lacks.
    async fn binaries_that_diverged_are_told_so(db) {
        let theirs = chain(&[("a", "", ""), ("x", "a", "")]);
        let _ = Migrator::new(&db.pool, theirs).upgrade_to_head().await.expect("theirs");
        let error = Migrator::new(&db.pool, old()).upgrade_to_head().await.expect_err("ours");
        let StandingError::Diverged { unknown, missing, .. } = standing(&error) else { panic!("{error}") };
        assert_eq!((unknown.as_slice(), missing.as_slice()), (&["x".to_owned()][..], &["b".to_owned()][..]));
        assert!(error.is_diverged());
    }

    /// A revision may keep older binaries away.
    async fn a_revision_may_require_a_newer_binary(db) {
        let new = chain(&[("a", "", ""), ("b", "a", ""), ("c", "b", "-- requires_binary: c"), ("d", "c", "")]);
        let _ = Migrator::new(&db.pool, new).upgrade_to_head().await.expect("the new one");
        let error = Migrator::new(&db.pool, old()).upgrade_to_head().await.expect_err("too old");
        let StandingError::BinaryTooOld { revision, required, .. } = standing(&error) else { panic!("{error}") };
        assert_eq!((revision.as_str(), required.as_str()), ("c", "c"));
    }

    /// A database of another service.
    async fn a_database_without_a_known_ancestor_is_refused(db) {
        let theirs = chain(&[("x", "", ""), ("y", "x", "")]);
        let _ = Migrator::new(&db.pool, theirs).upgrade_to_head().await.expect("theirs");
        let error = Migrator::new(&db.pool, old()).upgrade_to_head().await.expect_err("ours");
        assert!(matches!(standing(&error), StandingError::UnknownRevision { .. }), "{error}");
        // Also where the ledger knows nothing of it.
        db.run("DELETE FROM limbeck_history").await;
        let error = Migrator::new(&db.pool, old()).upgrade_to_head().await.expect_err("ours");
        assert!(matches!(standing(&error), StandingError::UnknownRevision { .. }), "{error}");
    }

    /// The status and the boot that only verifies are of one mind, whatever stands in the way.
    async fn a_status_is_ready_where_a_boot_would_be(db) {
        let new = chain(&[("a", "", ""), ("b", "a", ""), ("c", "b", "-- requires_binary: b")]);
        let foreign = || chain(&[("x", "", "")]);
        let older = || chain(&[("a", "", "")]);
        let _ = Migrator::new(&db.pool, older()).upgrade_to_head().await.expect("a");
        let behind = Migrator::new(&db.pool, old());
        let cases = |migrator: Migrator<sqlx::Pool<_>>, kind: Option<&'static str>| (migrator, kind);
        let mut all = vec![cases(behind, Some("behind")), cases(Migrator::new(&db.pool, foreign()), Some("unknown_ancestor"))];
        for (migrator, kind) in all.drain(..) {
            agrees(&migrator, kind).await;
        }
        let _ = Migrator::new(&db.pool, new).upgrade_to_head().await.expect("c");
        let edited = || migrations(&[("a", "", "-- create_date: 2026-01-01T00:00:00Z", UP), ("b", "a", "", UP), ("c", "b", "-- requires_binary: b", UP)]);
        for (migrator, kind) in [
            cases(Migrator::new(&db.pool, old()), None),
            cases(Migrator::new(&db.pool, old()).on_ahead(OnAhead::Refuse), Some("ahead")),
            cases(Migrator::new(&db.pool, older()), Some("binary_too_old")),
            cases(Migrator::new(&db.pool, foreign()), Some("binary_too_old")),
            cases(Migrator::new(&db.pool, edited()), Some("drift")),
            cases(Migrator::new(&db.pool, edited()).on_drift(OnDrift::Warn), None),
        ] {
            agrees(&migrator, kind).await;
        }
    }

    /// A step that a newer binary is running counts as applied.
    async fn a_step_still_running_counts_as_applied(db) {
        let _ = Migrator::new(&db.pool, old()).upgrade_to_head().await.expect("old");
        let row = |requires: &str| format!(
            "INSERT INTO limbeck_history (scope, revision, down_revision, depends_on, message, action, state, \
             statements, statements_done, rows_affected, started_at, requires_binary) VALUES ('limbeck_version', 'c', \
             'b', '', '', 'upgrade', 'running', 2, 1, 0, '2026-01-01 00:00:00', {requires})"
        );
        db.run(&row("NULL")).await;
        let report = Migrator::new(&db.pool, old()).upgrade_to_head().await.expect("ahead");
        assert_eq!(ahead(&report.outcome), ["c"]);
        db.run("DELETE FROM limbeck_history WHERE revision = 'c'").await;
        db.run(&row("'c'")).await;
        let error = Migrator::new(&db.pool, old()).upgrade_to_head().await.expect_err("too old");
        assert!(matches!(standing(&error), StandingError::BinaryTooOld { .. }), "{error}");
    }

    /// An edit of an applied revision is refused, at the head too, and named; it can be warned of or accepted.
    async fn an_edited_revision_is_drift(db) {
        let files = |extra: &str| migrations(&[
            ("a", "", extra, UP),
            ("b", "a", "", UP),
            ("c", "b", "", UP),
            ("d", "c", "", UP),
            ("e", "d", "", UP),
            ("f", "e", "", UP),
        ]);
        let _ = Migrator::new(&db.pool, files("")).upgrade("c").await.expect("c");
        let edited = || Migrator::new(&db.pool, files("-- create_date: 2026-01-01T00:00:00Z"));
        for target in ["c", "d"] {
            let error = edited().upgrade(target).await.expect_err("drift");
            let StandingError::Drift { edited, .. } = standing(&error) else { panic!("{error}") };
            assert_eq!(edited.len(), 1);
            assert_eq!((edited[0].revision.as_str(), edited[0].path.as_str()), ("a", "a.sql"));
            assert!(error.is_drift());
        }
        assert_eq!(edited().status().await.expect("status").drift.len(), 1);

        // Warned of, it goes on, and is still told afterwards.
        for to in ["d", "f"] {
            let report = edited().on_drift(OnDrift::Warn).upgrade(to).await.expect("warned");
            assert_eq!(report.current, [to]);
            assert!(edited().upgrade(to).await.expect_err("drift").is_drift());
        }

        let error = edited().resolve("b", Resolution::Accepted).await.expect_err("b was not edited");
        assert!(error.to_string().contains("no unfinished step and no drift"), "{error}");
        edited().resolve("a", Resolution::Accepted).await.expect("accepted");
        assert_eq!(edited().upgrade("f").await.expect("no drift").outcome, Outcome::AlreadyThere);
        assert!(edited().status().await.expect("status").drift.is_empty());
        // Now the former file is the edited one.
        assert!(Migrator::new(&db.pool, files("")).upgrade("f").await.expect_err("drift").is_drift());
    }

    /// The verify-only boot, and the one that waits.
    async fn a_boot_may_only_verify_or_wait(db) {
        let migrator = Migrator::new(&db.pool, old());
        let error = migrator.require_head().await.expect_err("an empty database");
        let StandingError::Behind { missing, .. } = standing(&error) else { panic!("{error}") };
        assert_eq!(missing, &["a", "b"]);
        assert_eq!(db.tables().await, Vec::<String>::new());
        let error = migrator.wait_for_head(Duration::from_millis(300)).await.expect_err("nobody migrates");
        assert!(matches!(&error, Error::Run(run) if matches!(**run, RunError::WaitedInVain { .. })), "{error}");
        let waiting = migrator.wait_for_head(Duration::from_secs(30));
        let job = Migrator::new(&db.pool, old());
        let migrating = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            job.upgrade_to_head().await
        };
        let (waited, migrated) = tokio::join!(waiting, migrating);
        assert_eq!(waited.expect("waited").current, migrated.expect("migrated").current);
    }

    /// A version table that Alembic made and filled is taken over: its ancestors become the baseline.
    async fn a_version_table_without_a_ledger_is_taken_over(db) {
        db.run("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)").await;
        db.run("INSERT INTO alembic_version VALUES ('b')").await;
        let files = chain(&[("a", "", ""), ("b", "a", ""), ("c", "b", "")]);
        let migrator = Migrator::new(&db.pool, files).version_table("alembic_version");
        assert_eq!(migrator.current().await.expect("current"), ["b"]);
        assert_eq!(migrator.status().await.expect("status").unverified, ["b"]);
        assert!(!db.tables().await.contains(&"limbeck_history".to_owned()), "looking writes nothing");
        let report = migrator.upgrade_to_head().await.expect("taken over");
        assert_eq!(report.current, ["c"]);
        let actions: Vec<(String, String)> =
            migrator.ledger().await.expect("ledger").into_iter().map(|row| (row.revision, row.action.to_string())).collect();
        let expected = [("a", "baseline"), ("b", "baseline"), ("c", "upgrade")];
        assert_eq!(actions, expected.map(|(id, action)| (id.to_owned(), action.to_owned())));
        assert_eq!(db.strings("SELECT version_num FROM alembic_version").await, ["c"]);
    }

    /// Words of the ledger that this version does not know are told as they stand, and keep nothing from running.
    async fn words_that_a_newer_version_wrote_are_kept(db) {
        let files = chain(&[("a", "", ""), ("b", "a", "")]);
        let migrator = Migrator::new(&db.pool, files);
        let _ = migrator.upgrade("a").await.expect("a");
        db.run("INSERT INTO limbeck_history (scope, revision, down_revision, depends_on, message, action, checksum, state, \
                statements, statements_done, rows_affected, started_at) VALUES ('limbeck_version', 'a', '', '', 'm', \
                'rehearse', 'blake3:00', 'paused', 1, 0, 0, '2026-01-01 00:00:00')").await;
        let report = migrator.upgrade_to_head().await.expect("the rest");
        assert_eq!(report.current, ["b"]);
        assert!(migrator.status().await.expect("status").is_ready());

        let ledger = migrator.ledger().await.expect("the ledger");
        let known = |row: &LedgerEntry| row.checksum.as_ref().and_then(Recorded::known).is_some() && row.started_at.is_some();
        let told: Vec<_> = ledger.iter().map(|row| (row.action.clone(), row.state.clone(), known(row))).collect();
        let other = (Recorded::Other("rehearse".to_owned()), Recorded::Other("paused".to_owned()), false);
        let done = (Recorded::Known(Action::Upgrade), Recorded::Known(State::Done), true);
        assert_eq!(told, [done.clone(), other, done]);
        assert_eq!(ledger[1].checksum, Some(Recorded::Other("blake3:00".to_owned())));
        // SQLite keeps the text, which is no time of the ledger's form.
        assert_eq!(ledger[1].started_at.is_none(), db.dialect == limbeck::Dialect::Sqlite);
    }

    /// An id that the column cannot hold is refused before anything is written.
    async fn an_id_that_does_not_fit_is_refused_first(db) {
        if db.dialect == limbeck::Dialect::Sqlite {
            return; // It keeps text of any length.
        }
        db.run("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)").await;
        db.run("INSERT INTO alembic_version VALUES ('a')").await;
        let long = "b".repeat(33);
        let files = chain(&[("a", "", ""), ("b1", "a", ""), (&long, "b1", "")]);
        let migrator = Migrator::new(&db.pool, files).version_table("alembic_version");
        let error = migrator.upgrade_to_head().await.expect_err("too long");
        assert!(error.to_string().contains("has 33 characters"), "{error}");
        assert!(!db.tables().await.contains(&"limbeck_history".to_owned()));
        assert_eq!(migrator.current().await.expect("current"), ["a"]);
    }

    /// A ledger that a newer limbeck wrote is left alone.
    async fn a_newer_layout_is_refused(db) {
        let migrator = Migrator::new(&db.pool, old());
        let _ = migrator.upgrade("a").await.expect("a");
        db.run("UPDATE limbeck_history_lock SET layout = 99").await;
        let error = migrator.upgrade_to_head().await.expect_err("newer");
        assert!(matches!(standing(&error), StandingError::NewerLayout { found: 99, .. }), "{error}");
        assert_eq!(db.strings("SELECT version_num FROM limbeck_version").await, ["a"]);
    }

    /// Two services in one database keep apart by their version tables, in one ledger.
    async fn two_services_share_a_database(db) {
        let first = Migrator::new(&db.pool, old());
        let second = Migrator::new(&db.pool, chain(&[("x", "", "")])).version_table("other_version");
        let _ = first.upgrade_to_head().await.expect("first");
        let _ = second.upgrade_to_head().await.expect("second");
        assert_eq!(first.current().await.expect("first"), ["a", "b"][1..]);
        assert_eq!(second.current().await.expect("second"), ["x"]);
        assert_eq!(first.ledger().await.expect("first").len(), 2);
        assert_eq!(second.ledger().await.expect("second").len(), 1);
        assert_eq!(first.upgrade_to_head().await.expect("first").outcome, Outcome::AlreadyThere);
    }
}
