//! Processes killed with SIGKILL at every message of a run, and spread over its time. Whatever the kill hit, the
//! next boot reaches the end, with each revision applied once, and without a person.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use limbeck::{Dialect, Event};

use super::child::{Task, chain, points};
use super::cut::shown;
use super::engine::{Engine, tables};
use super::figures::Times;
use super::outcome::{Outcome, ended, follow, migrator, outcome, prepare, undisturbed};
use super::phase::{Phase, phase};
use super::revisions::Course;
use crate::support::proxy::{Fault, Harm, Proxy};
use crate::support::servers::{Database, MySqlServer, mysql_database, postgres_database, sqlite};
use crate::support::soak::{is_full, tell, times};

/// What many kills came to.
#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    phases: BTreeMap<Phase, usize>,
    /// From the kill to the next boot's first step, where the killed one held the lock as a transaction.
    transaction: Times,
    /// The same where it held the lease.
    lease: Times,
    wrong: Vec<String>,
}

impl Tally {
    /// A row of the table. None of the `expected` phases may be without a kill.
    fn tell(self, fault: &str, expected: &[Phase]) {
        let counts = self
            .phases
            .iter()
            .map(|(phase, count)| format!("{phase} {count}"));
        let mut figures = vec![counts.collect::<Vec<_>>().join(", ")];
        if !self.transaction.is_empty() {
            figures.push(format!("takeover of a transaction: {}", self.transaction));
        }
        if !self.lease.is_empty() {
            figures.push(format!("takeover of a lease of 300 ms: {}", self.lease));
        }
        figures.retain(|figure| !figure.is_empty());
        let figure = figures.join("; ");
        tell(fault, self.kills, self.wrong.len(), figure);
        for phase in expected {
            assert!(self.phases.contains_key(phase), "no kill {phase}");
        }
        assert!(
            self.wrong.is_empty(),
            "{} of {}:\n{}",
            self.wrong.len(),
            self.kills,
            self.wrong.join("\n\n")
        );
    }
}

/// What the database promises for a killed holder whose lock is a transaction in which the server idles.
const TAKEOVER: Duration = Duration::from_secs(2);

/// The next boot after a kill: judged by what it leaves, and timed up to its first step.
async fn boot_again<E: Engine>(
    db: &Database<E>,
    course: Course,
    killed: Instant,
    sessions: &[u32],
    expected: &Outcome,
    context: &str,
    tally: &mut Tally,
) {
    let was_leased = is_leased(db).await;
    let first: Arc<Mutex<Option<Duration>>> = Arc::default();
    let noted = first.clone();
    let next = migrator(&db.pool, course, db.dialect).on_event(move |event| {
        if let Event::StepStarted { .. } = event {
            noted
                .lock()
                .expect("a time")
                .get_or_insert(killed.elapsed());
        }
    });
    let mut wrong = |what: String| tally.wrong.push(format!("{context}\n  {what}"));
    if course.is_down() {
        // A downgrade does not go on over heads that a dead one's commit moves under it: by contract it says so.
        ended(&db.pool, sessions).await;
    }
    let result = follow(&next, course).await;
    ended(&db.pool, sessions).await;
    let mut left = outcome(&db.pool, db.dialect).await;
    match &result {
        Err(error) => wrong(format!("the next boot: {}", chain(error))),
        // It came when all was done, and then writes nothing: a dead holder's lease stays until somebody
        // wants it.
        Ok(report)
            if report.outcome == limbeck::Outcome::AlreadyThere
                && left.holders != expected.holders =>
        {
            let next = migrator(&db.pool, course, db.dialect);
            if let Err(error) = next.stamp("r2", limbeck::plan::Purge::Keep).await {
                wrong(format!(
                    "a dead holder's lease is in the way: {}",
                    chain(&error)
                ));
            }
            left.holders = outcome(&db.pool, db.dialect).await.holders;
        }
        Ok(_) => {}
    }
    let difference = left.difference(expected);
    if !difference.is_empty() {
        wrong(format!("after the next boot{difference}"));
    }
    let took = *first.lock().expect("a time");
    if let Some(took) = took {
        if was_leased {
            tally.lease.add(took);
        } else {
            tally.transaction.add(took);
            if took >= TAKEOVER {
                tally
                    .wrong
                    .push(format!("{context}\n  the next boot began after {took:?}"));
            }
        }
    }
}

async fn is_leased<E: Engine>(db: &Database<E>) -> bool {
    let tables = tables(&db.pool, db.dialect).await;
    let held = "SELECT holder FROM limbeck_history_lock WHERE holder IS NOT NULL";
    tables.iter().any(|table| table == "limbeck_history_lock")
        && !E::rows(&db.pool, held).await.is_empty()
}

/// Killed at every message of a course: before it is sent, and after.
async fn at_every_message<E: Engine>(db: &Database<E>, course: Course, name: &str, every: usize) {
    let expected = undisturbed(&db.pool, course, db.dialect).await;
    prepare(&db.pool, course, db.dialect).await;
    let counting = Proxy::start(&db.url, None).await;
    let mut child = Task::new(&counting.url, course).start();
    let result = child.result().await;
    assert_eq!(result["heads"][0], course.heads()[0], "{result}");
    let messages = counting.run_messages();

    let mut tally = Tally::default();
    for number in 1..=messages.len() {
        for sent in [false, true] {
            // A sample leaves no phase out.
            let is_new = !tally.phases.contains_key(&phase(&messages[..number], sent));
            if !is_full() && !is_new && !(2 * number + usize::from(sent)).is_multiple_of(every) {
                continue;
            }
            prepare(&db.pool, course, db.dialect).await;
            let mut proxy = Proxy::start(&db.url, Some(Fault::at(number, Harm::Hold))).await;
            let mut child = Task::new(&proxy.url, course).start();
            let held = tokio::select! {
                held = proxy.held() => held.expect("a proxy"),
                result = child.result() => panic!("message {number} of {} never came: {result}", messages.len()),
            };
            child.kill().await;
            let killed = Instant::now();
            let seen = proxy.run_messages();
            let phase = phase(&seen, sent);
            *tally.phases.entry(phase).or_default() += 1;
            tally.kills += 1;
            let when = if sent { "after" } else { "before" };
            let context = format!(
                "killed {when} message {number} was sent ({phase}): {}",
                shown(&held.message.text)
            );
            if sent {
                held.release();
            } else {
                held.discard();
            }
            boot_again(
                db,
                course,
                killed,
                &proxy.sessions(),
                &expected,
                &context,
                &mut tally,
            )
            .await;
        }
    }
    let expected: &[Phase] = match (course, db.dialect) {
        (Course::UpInOne, _) => &[Phase::BeforeTheLock, Phase::InTheSql, Phase::CommitSent],
        (Course::Down, _) => &[Phase::BeforeTheLock, Phase::CommitSent],
        _ => &Phase::ALL,
    };
    tally.tell(&format!("kill -9 at every message: {name}"), expected);
}

/// Killed at moments spread over the time of a run.
async fn at_any_time<E: Engine>(db: &Database<E>, name: &str, kills: usize) {
    let course = Course::Up;
    let expected = undisturbed(&db.pool, course, db.dialect).await;
    let is_server = db.dialect != Dialect::Sqlite;
    let mut spans = Vec::new();
    for _ in 0..3 {
        prepare(&db.pool, course, db.dialect).await;
        let mut child = Task::new(&db.url, course).start();
        let _ = child.until("begins").await;
        let began = Instant::now();
        let _ = child.result().await;
        spans.push(began.elapsed());
    }
    let span = spans.into_iter().min().expect("three");
    let mut tally = Tally::default();
    let mut attempt = 0;
    while tally.kills < kills {
        attempt += 1;
        assert!(
            attempt <= 4 * kills,
            "most kills come after the end of a run of {span:?}"
        );
        prepare(&db.pool, course, db.dialect).await;
        let proxy = if is_server {
            Some(Proxy::start(&db.url, None).await)
        } else {
            None
        };
        let url = proxy.as_ref().map_or(&db.url, |proxy| &proxy.url);
        let mut child = Task::new(url, course).start();
        let _ = child.until("begins").await;
        let began = Instant::now();
        // The fractional parts of the golden ratio's multiples lie evenly, whatever their number.
        let share = (attempt as f64 * 0.618_033_988_749_895).fract();
        let moment = span.mul_f64(share);
        tokio::time::sleep(moment.saturating_sub(began.elapsed())).await;
        child.kill().await;
        let killed = Instant::now();
        // What had ended before it was not killed.
        if child.has_ended().await {
            continue;
        }
        tally.kills += 1;
        let context = format!("killed {moment:?} after the begin");
        let sessions = proxy.as_ref().map(Proxy::sessions).unwrap_or_default();
        boot_again(
            db, course, killed, &sessions, &expected, &context, &mut tally,
        )
        .await;
    }
    tally.tell(
        &format!("kill -9 spread over {span:.0?} of a run: {name}"),
        &[],
    );
}

#[tokio::test]
async fn at_every_message_of_postgres() {
    let Some(db) = postgres_database().await else {
        return;
    };
    at_every_message(&db, Course::Up, "upgrade, Postgres", 3).await;
}

#[tokio::test]
async fn at_every_message_of_a_downgrade_on_postgres() {
    let Some(db) = postgres_database().await else {
        return;
    };
    at_every_message(&db, Course::Down, "downgrade, Postgres", 7).await;
}

#[tokio::test]
async fn at_every_message_of_one_transaction() {
    let Some(db) = postgres_database().await else {
        return;
    };
    at_every_message(
        &db,
        Course::UpInOne,
        "upgrade in one transaction, Postgres",
        3,
    )
    .await;
}

async fn at_every_message_of_mariadb() {
    let Some(db) = mysql_database().await else {
        return;
    };
    at_every_message(
        &db,
        Course::Up,
        &format!("upgrade, {}", MySqlServer::here().name()),
        7,
    )
    .await;
}

async fn at_every_message_of_a_downgrade() {
    let Some(db) = mysql_database().await else {
        return;
    };
    at_every_message(
        &db,
        Course::Down,
        &format!("downgrade, {}", MySqlServer::here().name()),
        13,
    )
    .await;
}

#[tokio::test]
async fn at_any_time_on_postgres() {
    let Some(db) = postgres_database().await else {
        return;
    };
    at_any_time(&db, "Postgres", times(10, 350)).await;
}

async fn at_any_time_on_mariadb() {
    let Some(db) = mysql_database().await else {
        return;
    };
    at_any_time(&db, MySqlServer::here().name(), times(10, 250)).await;
}

#[tokio::test]
async fn at_any_time_on_sqlite() {
    at_any_time(&sqlite().await, "SQLite", times(20, 300)).await;
}

/// SQLite has no wire: the child holds itself, at every row that it writes, at every commit, and inside its
/// statements.
#[tokio::test]
async fn at_every_point_of_sqlite() {
    for (course, sample) in [(Course::Up, 40), (Course::UpInOne, 15), (Course::Down, 25)] {
        let db = sqlite().await;
        let expected = undisturbed(&db.pool, course, db.dialect).await;
        prepare(&db.pool, course, db.dialect).await;
        let points = points(&db.url, course).await;
        let mut tally = Tally::default();
        let step = if is_full() {
            1
        } else {
            points.len().div_ceil(sample)
        };
        let mut places = BTreeSet::new();
        for (index, point) in points.iter().enumerate() {
            // A sample has every commit, and one of each other place.
            if !index.is_multiple_of(step) && point.0 != "commit" && !places.insert(&point.0) {
                continue;
            }
            let db = sqlite().await;
            prepare(&db.pool, course, db.dialect).await;
            let task = Task {
                stop_at: Some(point.clone()),
                ..Task::new(&db.url, course)
            };
            let mut child = task.start();
            // How many beats a heart has, only time tells.
            if !child.is_held().await {
                continue;
            }
            let phase = super::phase::of_sqlite(&db.url, &point.0).await;
            child.kill().await;
            let killed = Instant::now();
            *tally.phases.entry(phase).or_default() += 1;
            tally.kills += 1;
            let context = format!("killed at {point:?} ({phase})");
            boot_again(&db, course, killed, &[], &expected, &context, &mut tally).await;
        }
        let expected: &[Phase] = match course {
            Course::Up => &Phase::ALL,
            Course::UpInOne => &[Phase::BeforeTheLock, Phase::InTheSql, Phase::CommitSent],
            Course::Down => &[Phase::InTheSql, Phase::CommitSent],
        };
        tally.tell(
            &format!(
                "kill -9 at every point: {course:?}, SQLite, of {} points",
                points.len()
            ),
            expected,
        );
    }
}

crate::support::on_mysql!(
    at_every_message_of_mariadb,
    at_every_message_of_a_downgrade,
    at_any_time_on_mariadb
);
