//! Connections cut at every message of a run, in every way. The call's own word must be true, and the next
//! boot must reach the end as if nothing had happened.

use std::time::Duration;

use limbeck::ledger::State;
use limbeck::plan::Action;
use limbeck::{Dialect, Error};
use sqlx::Pool;

use super::child::chain;
use super::engine::Engine;
use super::outcome::{ended, follow, migrator, outcome, prepare, quiet, undisturbed};
use super::phase::commits;
use super::revisions::Course;
use crate::support::proxy::{Close, Fault, Harm, Proxy};
use crate::support::servers::Database;
use crate::support::soak::{is_full, tell};

const WAYS: [Harm; 8] = [
    Harm::CutBefore(Close::Fin),
    Harm::CutAfter(Close::Rst),
    Harm::CutInAnswer(Close::Fin),
    Harm::CutAtOnce(Close::Fin),
    Harm::CutBefore(Close::Rst),
    Harm::CutAfter(Close::Fin),
    Harm::CutInAnswer(Close::Rst),
    Harm::CutAtOnce(Close::Rst),
];

/// How the cut calls ended.
#[derive(Debug, Default)]
struct Tally {
    runs: usize,
    /// The call settled it by itself, and went on to the end.
    went_on: usize,
    told: usize,
    wrong: Vec<String>,
}

/// What an error says of the step that it names.
#[derive(Debug, PartialEq, Eq)]
enum Claim {
    RolledBack,
    Unchanged,
    Unknown,
    Else,
}

fn claim(error: &Error) -> Claim {
    let text = error.to_string();
    let says = |words: &str| text.contains(words);
    if says("not known") || says("cannot tell") {
        Claim::Unknown
    } else if says("rolled back") {
        Claim::RolledBack
    } else if says("othing was changed")
        || says("othing was sent")
        || says("othing else was changed")
    {
        Claim::Unchanged
    } else {
        Claim::Else
    }
}

/// Every message of a course, in every way.
/// A sample takes every so many of them; the number has no divisor with the ways, so that each has its share.
async fn cut_everywhere<E: Engine>(db: &Database<E>, course: Course, name: &str, every: usize) {
    let expected = undisturbed(&db.pool, course, db.dialect).await;
    prepare(&db.pool, course, db.dialect).await;
    let counting = Proxy::start(&db.url, None).await;
    let pool = E::connect(&counting.url).await;
    let _ = follow(&migrator(&pool, course, db.dialect), course)
        .await
        .expect("through the proxy");
    pool.close().await;
    let messages = counting.run_messages().len();
    assert!(messages >= 8, "{:?}", counting.run_messages());

    let mut tally = Tally::default();
    for number in 1..=messages {
        for (turn, way) in WAYS.into_iter().enumerate() {
            if is_full() || (number * WAYS.len() + turn).is_multiple_of(every) {
                cut(db, course, Fault::at(number, way), &expected, &mut tally).await;
            }
        }
    }
    tell(
        &format!("connection cut at every message: {name}"),
        tally.runs,
        tally.wrong.len(),
        format!(
            "{messages} messages; {} calls went on to the end, {} said truly where they stopped",
            tally.went_on, tally.told
        ),
    );
    assert!(
        tally.wrong.is_empty(),
        "{} of {}:\n{}",
        tally.wrong.len(),
        tally.runs,
        tally.wrong.join("\n\n")
    );
}

async fn cut<E: Engine>(
    db: &Database<E>,
    course: Course,
    fault: Fault,
    expected: &super::outcome::Outcome,
    tally: &mut Tally,
) {
    prepare(&db.pool, course, db.dialect).await;
    let proxy = Proxy::start(&db.url, Some(fault)).await;
    let pool = E::connect(&proxy.url).await;
    let result = follow(&migrator(&pool, course, db.dialect), course).await;
    tally.runs += 1;
    let text = proxy
        .run_messages()
        .get(fault.number - 1)
        .cloned()
        .unwrap_or_default();
    let context = format!(
        "{:?} at message {}: {}",
        fault.harm,
        fault.number,
        shown(&text)
    );
    let mut wrong = |what: String| tally.wrong.push(format!("{context}\n  {what}"));
    if !proxy.is_hit() {
        wrong("the run had fewer messages".to_owned());
    }
    match &result {
        Ok(report) => {
            tally.went_on += 1;
            let now = outcome(&db.pool, db.dialect).await;
            if report.current != course.heads() || !now.difference(expected).is_empty() {
                wrong(format!(
                    "it said that all is done: {}",
                    now.difference(expected)
                ));
            }
        }
        Err(error) => {
            tally.told += 1;
            // What the server still does for the lost connection is part of the truth.
            quiet(&db.pool, &proxy.sessions()).await;
            if let Some(untrue) = untrue(&db.pool, db.dialect, course, error).await {
                wrong(untrue);
            }
        }
    }
    // The pool is as good as before, and the same call leads to the end.
    let again = follow(&migrator(&pool, course, db.dialect), course).await;
    if let Err(error) = &again {
        wrong(format!("the next boot: {}", chain(error)));
    }
    pool.close().await;
    ended(&db.pool, &proxy.sessions()).await;
    let difference = outcome(&db.pool, db.dialect).await.difference(expected);
    if !difference.is_empty() {
        wrong(format!("after the next boot{difference}"));
    }
}

/// What of an error's text is not so.
async fn untrue<E: Engine>(
    pool: &Pool<E>,
    dialect: Dialect,
    course: Course,
    error: &Error,
) -> Option<String> {
    let text = chain(error);
    // Code that a revision brings says by itself what went wrong with it.
    if !error.is_connection() && error.kind() != "code_failed" {
        return Some(format!(
            "not an error of the connection: {} {text}",
            error.kind()
        ));
    }
    let is_done = match error.revision().or_else(|| named(&text)) {
        Some(revision) => {
            let action = if course.is_down() {
                Action::Downgrade
            } else {
                Action::Upgrade
            };
            let ledger = migrator(pool, course, dialect)
                .ledger()
                .await
                .expect("the ledger");
            ledger.iter().any(|row| {
                row.revision == revision && row.action == action && row.state == State::Done
            })
        }
        None => false,
    };
    match claim(error) {
        Claim::RolledBack if is_done => Some(format!("it was not rolled back: {text}")),
        // The server could have been asked.
        Claim::Unknown => Some(format!("it did not look: {text}")),
        Claim::RolledBack | Claim::Unchanged | Claim::Else => None,
    }
}

/// The revision that an error's text is about.
fn named(text: &str) -> Option<&str> {
    let rest = text.split_once("revision ")?.1;
    rest.split([':', ' ', '.', ',']).next()
}

/// A message without its marker, on one line.
pub fn shown(text: &str) -> String {
    let rest = text.split_once("*/").map_or(text, |(_, rest)| rest);
    let flat = rest.split_whitespace().collect::<Vec<_>>().join(" ");
    flat.chars().take(300).collect()
}

/// A server that cannot be reached again: then, and only then, the call may say that it does not know.
async fn cut_for_good<E: Engine>(db: &Database<E>) {
    prepare(&db.pool, Course::Up, db.dialect).await;
    let counting = Proxy::start(&db.url, None).await;
    let pool = E::connect(&counting.url).await;
    let _ = follow(&migrator(&pool, Course::Up, db.dialect), Course::Up)
        .await
        .expect("through the proxy");
    pool.close().await;
    let commits: Vec<usize> = counting
        .run_messages()
        .iter()
        .enumerate()
        .filter(|(_, text)| commits(text))
        .map(|(index, _)| index + 1)
        .collect();
    let mut wrong = Vec::new();
    let mut runs = 0;
    let last = commits.len() - 1;
    for (index, number) in commits.iter().enumerate() {
        for way in [Harm::CutBefore(Close::Rst), Harm::CutAfter(Close::Rst)] {
            // Each try takes as long as limbeck keeps on connecting.
            if !is_full()
                && ![
                    (0, Harm::CutBefore(Close::Rst)),
                    (last, Harm::CutAfter(Close::Rst)),
                ]
                .contains(&(index, way))
            {
                continue;
            }
            runs += 1;
            prepare(&db.pool, Course::Up, db.dialect).await;
            let fault = Fault {
                then_refuse: true,
                ..Fault::at(*number, way)
            };
            let proxy = Proxy::start(&db.url, Some(fault)).await;
            let pool = E::connect(&proxy.url).await;
            let migrator = migrator(&pool, Course::Up, db.dialect);
            let run = follow(&migrator, Course::Up);
            let error = match tokio::time::timeout(Duration::from_secs(60), run).await {
                Ok(Err(error)) => error,
                other => {
                    wrong.push(format!("{way:?} at {number}: {other:?}"));
                    continue;
                }
            };
            let text = chain(&error);
            if !error.is_connection()
                || matches!(claim(&error), Claim::RolledBack | Claim::Unchanged)
            {
                wrong.push(format!("{way:?} at {number}: it cannot know that: {text}"));
            }
            quiet(&db.pool, &proxy.sessions()).await;
            let next = follow(
                &super::outcome::migrator(&db.pool, Course::Up, db.dialect),
                Course::Up,
            )
            .await;
            if let Err(error) = next {
                wrong.push(format!(
                    "{way:?} at {number}: the next boot: {}",
                    chain(&error)
                ));
            }
        }
    }
    tell(
        &format!("server gone for good at a commit: {}", db.dialect),
        runs,
        wrong.len(),
        format!("{} commits in a run", commits.len()),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A slow line and a stalled message are no faults.
async fn slow<E: Engine>(db: &Database<E>) {
    let expected = undisturbed(&db.pool, Course::Up, db.dialect).await;
    for stalled in [None, Some(5), Some(9)] {
        prepare(&db.pool, Course::Up, db.dialect).await;
        let stall =
            stalled.map(|number| Fault::at(number, Harm::Stall(Duration::from_millis(700))));
        let proxy = Proxy::start(&db.url, stall).await;
        proxy.delay(Duration::from_millis(if stalled.is_none() {
            10
        } else {
            0
        }));
        let pool = E::connect(&proxy.url).await;
        let report = follow(&migrator(&pool, Course::Up, db.dialect), Course::Up)
            .await
            .expect("a slow run");
        assert_eq!(report.current, ["r7"]);
        assert_eq!(proxy.is_hit(), stalled.is_some());
        pool.close().await;
        let difference = outcome(&db.pool, db.dialect).await.difference(&expected);
        assert!(difference.is_empty(), "{difference}");
    }
}

macro_rules! on_servers {
    ($($name:ident($db:ident) $body:block)*) => {
        mod postgres {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                let Some($db) = crate::support::servers::postgres_database().await else { return };
                $body
            })*
        }
        mod mysql_family {
            use super::*;
            $(async fn $name() {
                let Some($db) = crate::support::servers::mysql_database().await else { return };
                $body
            })*
            crate::support::on_mysql!($($name),*);
        }
    };
}

on_servers! {
    an_upgrade(db) {
        cut_everywhere(&db, Course::Up, &format!("upgrade, {}", db.dialect), if db.dialect == Dialect::Postgres { 9 } else { 23 }).await;
    }
    a_downgrade(db) {
        cut_everywhere(&db, Course::Down, &format!("downgrade, {}", db.dialect), 29).await;
    }
    a_commit_and_no_server_any_more(db) {
        cut_for_good(&db).await;
    }
    a_slow_line(db) {
        slow(&db).await;
    }
}

#[tokio::test]
async fn an_upgrade_in_one_transaction() {
    let Some(db) = crate::support::servers::postgres_database().await else {
        return;
    };
    cut_everywhere(
        &db,
        Course::UpInOne,
        "upgrade in one transaction, Postgres",
        7,
    )
    .await;
}
