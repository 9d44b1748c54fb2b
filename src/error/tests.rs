//! Every text that a person may get from a run, from one table.

use std::time::Duration;

use super::*;
use crate::dialect::Dialect;
use crate::executor::{
    Aftermath, RunError, StatementError, Unfinished, UnfinishedReason, Violation,
};
use crate::ledger::{Edited, Holder, LedgerEntry};
use crate::plan::Action;
use crate::revision::Checksum;

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn lost() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(
        std::io::ErrorKind::ConnectionReset,
        "reset by peer",
    ))
}

fn holder() -> Holder {
    Holder {
        host: Some("web-3".into()),
        pid: Some(4711),
        application: Some("shop 2.1".into()),
        session: Some("88".into()),
        since: "2026-11-23T03:00:00Z".parse().ok(),
        revision: Some("3f2a9c1d7b04".into()),
        statement: Some("CREATE INDEX CONCURRENTLY users_email ON users (email)".into()),
    }
}

fn unfinished(reason: UnfinishedReason) -> Unfinished {
    let is_in_doubt = reason == UnfinishedReason::InDoubt;
    Unfinished {
        step: LedgerEntry {
            revision: "3f2a9c1d7b04".into(),
            action: Action::Upgrade.into(),
            statements_done: 2,
            statements: 5,
            statement_running: is_in_doubt.then_some(3),
            statement: is_in_doubt.then(|| "TRUNCATE sessions".into()),
            started_at: "2026-11-23T03:00:00Z".parse().ok(),
            error: (!is_in_doubt).then(|| "a.sql:9:1: statement 3 of 5 failed".into()),
            ..LedgerEntry::default()
        },
        reason,
    }
}

/// A step whose statements up to this one are in doubt, or whose session is lost before it.
fn in_doubt_after(reason: UnfinishedReason, number: u64, error: &str) -> Unfinished {
    let mut unfinished = unfinished(reason);
    unfinished.step.statement_running = Some(number);
    unfinished.step.statement = Some("INSERT INTO c VALUES (@pid)".into());
    unfinished.step.error = Some(error.into());
    unfinished
}

fn run_errors() -> Vec<RunError> {
    let revision = || "3f2a9c1d7b04".to_owned();
    vec![
        RunError::Connection {
            during: "connecting".into(),
            state: Aftermath::not_connected(),
            source: lost(),
        },
        RunError::Rejected {
            during: "connecting".into(),
            reason: crate::backend::Rejection::Login,
            state: Aftermath::not_let_in(),
            source: lost(),
        },
        RunError::Bookkeeping {
            during: "taking the lease".into(),
            revision: None,
            message: "permission denied for table limbeck_history_lock".into(),
            state: Aftermath::unchanged(),
            source: lost(),
        },
        RunError::Blocked {
            during: "committing revision 3f2a9c1d7b04".into(),
            revision: Some(revision()),
            message: "canceling statement due to lock timeout".into(),
            blockers: vec![holder()],
            state: Aftermath::rolled_back(),
            source: lost(),
        },
        RunError::Blocked {
            during: "looking at the heads".into(),
            revision: None,
            message: "Lock wait timeout exceeded; try restarting transaction".into(),
            blockers: Vec::new(),
            state: Aftermath::unchanged(),
            source: lost(),
        },
        RunError::NotAsWritten {
            during: "committing revision 3f2a9c1d7b04".into(),
            revision: Some(revision()),
            state: Aftermath::rolled_back(),
        },
        RunError::Statement(Box::new(StatementError {
            revision: revision(),
            action: Action::Upgrade,
            path: "migrations/3f2a_users.sql".into(),
            line: 12,
            column: 22,
            number: 3,
            total: 4,
            statement: "INSERT INTO audit\n  SELECT rev FROM nowhere".into(),
            offset: 36,
            code: Some("42P01".into()),
            message: "relation \"nowhere\" does not exist".into(),
            detail: Some("some detail".into()),
            hint: Some("some hint".into()),
            blockers: vec![holder()],
            state: Aftermath::code_rolled_back(),
            source: lost(),
        })),
        RunError::Code {
            revision: revision(),
            action: Action::Downgrade,
            state: Aftermath::code_rolled_back(),
            source: "its own reason".into(),
        },
        RunError::Violation(Box::new(Violation {
            revision: revision(),
            check: "@require",
            path: "migrations/3f2a_users.sql".into(),
            line: 6,
            column: 1,
            statement: "SELECT id, email FROM users WHERE email IS NULL".into(),
            columns: strings(&["id", "email"]),
            rows: vec![vec![Some("2".into()), None], vec![Some("3".into()), None]],
            state: Aftermath::nothing_run(),
        })),
        RunError::LockTimeout {
            waited: Duration::from_millis(300_400),
            holder: Box::new(holder()),
        },
        RunError::LockTimeout {
            waited: Duration::from_millis(250),
            holder: Box::default(),
        },
        RunError::LeaseLost {
            revision: revision(),
        },
        RunError::HeadsMoved {
            action: Action::Downgrade,
            expected: strings(&["a", "b"]),
            found: Vec::new(),
        },
        RunError::Contended {
            revision: revision(),
            heads: strings(&["a"]),
        },
        RunError::Overtaken {
            revision: revision(),
            heads: strings(&["b"]),
            statements: 3,
        },
        RunError::Unfinished(Box::new(unfinished(UnfinishedReason::InDoubt))),
        RunError::Unfinished(Box::new(in_doubt_after(
            UnfinishedReason::InDoubt,
            3,
            "a.sql:9:1: statement 3 of 5 failed",
        ))),
        RunError::Unfinished(Box::new(in_doubt_after(
            UnfinishedReason::InDoubt,
            5,
            "a.sql:9:1: statement 4 of 5 failed",
        ))),
        RunError::Unfinished(Box::new(in_doubt_after(
            UnfinishedReason::SessionLost,
            3,
            "statement 3 reads @pid, which statement 2 gave the session",
        ))),
        RunError::Unfinished(Box::new(unfinished(UnfinishedReason::Edited))),
        RunError::Unfinished(Box::new(unfinished(UnfinishedReason::InTheWay))),
        RunError::Unfinished(Box::new(unfinished(UnfinishedReason::Converted))),
        RunError::InTransaction,
        RunError::StatementPooling { source: lost() },
        RunError::ReadOnly {
            during: "beginning a step".into(),
            message: "cannot set transaction read-write mode during recovery".into(),
            state: Aftermath::unchanged_by_it(),
            source: lost(),
        },
        RunError::NoSchema,
        RunError::VersionTableElsewhere {
            table: "limbeck_version".into(),
            current: "tenant42".into(),
            other: "public".into(),
        },
        RunError::MissingSchema {
            missing: "tenant42".into(),
            current: "public".into(),
        },
        RunError::WaitedInVain {
            waited: Duration::from_secs(60),
            heads: strings(&["a"]),
        },
        RunError::NothingToResolve {
            revision: revision(),
        },
    ]
}

fn standing_errors() -> Vec<StandingError> {
    vec![
        StandingError::Diverged {
            unknown: strings(&["x"]),
            missing: strings(&["b", "c"]),
        },
        StandingError::Ahead {
            unknown: strings(&["c", "d"]),
        },
        StandingError::BinaryTooOld {
            revision: "d".into(),
            required: "c".into(),
        },
        StandingError::UnknownRevision {
            revision: "x".into(),
        },
        StandingError::RelativeToUnknown {
            target: "+1".into(),
            unknown: strings(&["x"]),
        },
        StandingError::NotEmbedded {
            action: "downgrade",
            unknown: strings(&["x"]),
        },
        StandingError::Drift {
            edited: vec![Edited {
                revision: "a".into(),
                path: "migrations/a.sql".into(),
                recorded: Checksum::of("applied").into(),
                embedded: Checksum::of("edited"),
            }],
        },
        StandingError::Behind {
            missing: (0..10).map(|n| format!("r{n}")).collect(),
        },
        StandingError::NewerLayout { found: 2, known: 1 },
    ]
}

fn refused_errors() -> Vec<RefusedError> {
    let (revision, path) = (
        || "3f2a9c1d7b04".to_owned(),
        || "migrations/3f2a_users.sql".to_owned(),
    );
    vec![
        RefusedError::Irreversible {
            revision: revision(),
            path: path(),
            dialect: Dialect::Postgres,
        },
        RefusedError::NoSection {
            revision: revision(),
            path: path(),
            dialect: Dialect::Mariadb,
        },
        RefusedError::MissingCode {
            revision: revision(),
            path: path(),
            action: Action::Upgrade,
        },
        RefusedError::UnknownCode {
            revision: "3f2a9c1d7b40".into(),
            action: Action::Upgrade,
            nearest: Some(revision()),
        },
        RefusedError::UnknownCode {
            revision: "users".into(),
            action: Action::Downgrade,
            nearest: None,
        },
        RefusedError::UnusedCode {
            revision: revision(),
            path: path(),
            action: Action::Downgrade,
        },
        RefusedError::NothingIdempotent {
            revision: revision(),
        },
        RefusedError::NotInOneTransaction {
            revision: revision(),
            path: path(),
            reason: "its section is `autocommit`",
        },
        RefusedError::NeedsNewSession {
            revision: revision(),
            path: path(),
            before: "a51c80f2e9d3".into(),
            dialect: Dialect::Mariadb,
        },
        RefusedError::IdTooLong {
            revision: "x".repeat(33),
            length: 33,
            width: 32,
        },
        RefusedError::TooLong {
            revision: revision(),
            path: path(),
            what: "its statement 3".into(),
            bytes: 17_000_000,
            limit: 16_777_216,
            setting: "max_allowed_packet",
        },
        RefusedError::BadName {
            setting: "history_table",
            name: "the_ledger_of_all_our_services_in_the_northern_hemisphere".into(),
            reason: "with `_revision` behind it, as its index is called, it has 66 bytes, and PostgreSQL cuts names \
                     at 63"
                .into(),
        },
        RefusedError::NotAsScript {
            revision: revision(),
            path: path(),
            reason: "its section is code",
        },
        RefusedError::Revision(Revision::parse("a.sql", "SELECT 1;\n").expect_err("no header")),
    ]
}

#[cfg(feature = "autogenerate")]
fn autogenerate_errors() -> Vec<crate::autogenerate::AutogenerateError> {
    use crate::autogenerate::AutogenerateError;
    vec![
        AutogenerateError::Reflect {
            what: "live",
            source: lost(),
        },
        AutogenerateError::Catalog("index `a` of `b` has no definition".into()),
        AutogenerateError::Desired {
            path: "schema.sql".into(),
            line: 12,
            column: 22,
            statement: 3,
            message: "type \"emial\" does not exist".into(),
            snippet: None,
        },
        AutogenerateError::Syntax {
            path: "schema.sql".into(),
            line: 12,
            column: 22,
            message: "a string is not closed".into(),
            snippet: None,
        },
        AutogenerateError::NoScratch {
            message: "permission denied to create database".into(),
        },
        AutogenerateError::InvalidScratchUrl {
            reason: "that of this kind of database begins with `sqlite:`".into(),
        },
        AutogenerateError::ScratchConnection { source: lost() },
        AutogenerateError::ScratchIsLive {
            name: "shop".into(),
        },
        AutogenerateError::ScratchNotEmpty {
            name: "shop_scratch".into(),
            found: "table users".into(),
        },
        AutogenerateError::Connection(lost()),
    ]
}

use crate::revision::Revision;

/// As the others, with errors that are there with the feature alone.
#[cfg(feature = "autogenerate")]
#[test]
fn every_error_of_a_comparison_reads_well() {
    let mut table = String::new();
    for error in autogenerate_errors() {
        let error = Error::from(error);
        table.push_str(&format!("[{}]\n{error}\n", error.kind()));
        if let Some(source) = std::error::Error::source(&error) {
            assert!(!error.to_string().contains(&source.to_string()), "{error}");
            table.push_str(&format!("  source: {source}\n"));
        }
    }
    insta::assert_snapshot!(table);
}

/// What a log and a terminal get: all in one line, and the line of the file where there is one.
#[test]
fn every_error_in_one_line_reads_well() {
    let run = run_errors().into_iter().map(Error::from);
    let standing = standing_errors().into_iter().map(Error::from);
    let refused = refused_errors().into_iter().map(Error::from);
    let mut table = String::new();
    for error in run.chain(standing).chain(refused) {
        let line = format!("{error:#}");
        assert!(!line.contains('\n'), "{line}");
        if let Some(source) = std::error::Error::source(&error) {
            assert_eq!(line.matches(&source.to_string()).count(), 1, "{line}");
        }
        table.push_str(&line);
        table.push('\n');
        if let Some(snippet) = error.snippet() {
            table.push_str(&format!("{snippet}\n"));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn every_error_of_a_run_reads_well() {
    let mut table = String::new();
    let mut push = |kind: &str, error: &dyn std::error::Error| {
        table.push_str(&format!("[{kind}]\n{error}\n"));
        // What the text leaves to the source, it must not say itself.
        if let Some(source) = error.source() {
            assert!(
                !error.to_string().contains(&source.to_string()),
                "{error} repeats {source}"
            );
            table.push_str(&format!("  source: {source}\n"));
        }
        table.push('\n');
    };
    for error in run_errors() {
        push(error.kind(), &error);
    }
    for error in standing_errors() {
        push(error.kind(), &error);
    }
    for error in refused_errors() {
        push(error.kind(), &error);
    }
    insta::assert_snapshot!(table);
}
