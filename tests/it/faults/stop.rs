//! A holder that stands still for longer than its lease, at every point between two messages, and goes on when
//! another boot has long finished its work: nothing that it still does may land.

use std::time::Duration;

use limbeck::error::RunError;
use limbeck::{Dialect, Error, Report};
use serde_json::Value;

use super::child::{Child, Task, chain, points};
use super::cut::shown;
use super::engine::{Engine, content, schema};
use super::outcome::{Outcome, ended, follow, migrator, outcome, prepare, undisturbed};
use super::phase::says_running;
use super::revisions::Course;
use crate::support::proxy::{Fault, Harm, Proxy, Role};
use crate::support::servers::{Database, MySqlServer, mysql_database, postgres_database, sqlite};
use crate::support::soak::{is_full, tell, times};

#[derive(Debug, Default)]
struct Tally {
    stops: usize,
    /// Taken over while it stood still, and then stopped by a typed error, or by finding all done.
    fenced: usize,
    found_done: usize,
    /// It held the lock as a transaction: nobody took over, and it finished.
    finished: usize,
    late_writes: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn tell(self, fault: &str) {
        tell(
            fault,
            self.stops,
            self.wrong.len(),
            format!(
                "late writes {}; taken over and refused {}, taken over and found all done {}, kept its transaction and finished {}",
                self.late_writes, self.fenced, self.found_done, self.finished
            ),
        );
        assert!(self.fenced > 0, "nobody was ever fenced");
        assert!(
            self.wrong.is_empty(),
            "{} of {}:\n{}",
            self.wrong.len(),
            self.stops,
            self.wrong.join("\n\n")
        );
    }
}

/// Everything in the database, to the last column.
async fn everything<E: Engine>(db: &Database<E>) -> Vec<String> {
    let mut all = schema(&db.pool, db.dialect).await;
    all.extend(content(&db.pool, db.dialect, |_| true).await);
    all
}

/// What another boot makes of it while the holder stands still.
async fn another_boot<E: Engine>(db: &Database<E>, wait: u64) -> Result<Report, Error> {
    let other = migrator(&db.pool, Course::Up, db.dialect).lock_wait(Duration::from_millis(wait));
    follow(&other, Course::Up).await
}

/// Whether a transaction that is open holds the migration lock.
async fn is_locked<E: Engine>(db: &Database<E>) -> bool {
    match db.dialect {
        Dialect::Postgres => {
            let locks = "SELECT pid::text FROM pg_locks WHERE locktype = 'advisory' AND granted \
                         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
            !E::rows(&db.pool, locks).await.is_empty()
        }
        Dialect::Sqlite => super::phase::is_locked(&db.url).await,
        _ => false,
    }
}

/// The stopped child, judged: `go_on` lets it continue, in the order that the case wants.
async fn judge<E: Engine>(
    db: &Database<E>,
    mut child: Child,
    go_on: impl AsyncFnOnce(&mut Child),
    sessions: impl Fn() -> Vec<u32>,
    expected: &Outcome,
    context: &str,
    tally: &mut Tally,
) {
    tally.stops += 1;
    let was_locked = is_locked(db).await;
    let other = another_boot(db, if was_locked { 700 } else { 20_000 }).await;
    // The run beside a held heartbeat may have ended its transaction in the meantime.
    let is_locked = was_locked && other.is_err();
    let before = everything(db).await;
    let id = child.id();
    go_on(&mut child).await;
    let result = child.result().await;
    drop(child);
    ended(&db.pool, &sessions()).await;
    let mut wrong = |what: String| tally.wrong.push(format!("{context}\n  {what}"));
    if is_locked {
        tally.finished += 1;
        match &other {
            Err(Error::Run(run)) if matches!(&**run, RunError::LockTimeout { holder, .. } if holder.pid == Some(i64::from(id))) =>
                {}
            _ if db.dialect == Dialect::Sqlite
                && other.as_ref().is_err_and(Error::is_lock_timeout) => {}
            other => wrong(format!(
                "the other boot should have waited for process {id} in vain: {other:?}"
            )),
        }
        if result.get("heads").is_none() {
            wrong(format!("it held its lock all the time: {result}"));
        }
    } else {
        if let Err(error) = &other {
            wrong(format!("the other boot: {}", chain(error)));
        }
        match verdict(&result) {
            Verdict::Fenced => tally.fenced += 1,
            Verdict::FoundDone => tally.found_done += 1,
            Verdict::Else => wrong(format!("its own word: {result}")),
        }
        // With nothing to do nobody took over: the lease is still the first one's, to give back.
        let is_taken = other
            .as_ref()
            .is_ok_and(|report| report.outcome == limbeck::Outcome::Migrated);
        let counts = |row: &String| is_taken || !row.starts_with("limbeck_history_lock: ");
        let before: Vec<_> = before.into_iter().filter(counts).collect();
        let after: Vec<_> = everything(db).await.into_iter().filter(counts).collect();
        if before != after {
            tally.late_writes += 1;
            let late: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
            let gone: Vec<_> = before.iter().filter(|row| !after.contains(row)).collect();
            wrong(format!(
                "late writes: {late:#?}\n  instead of {gone:#?}\n  it said {result}"
            ));
        }
    }
    let difference = outcome(&db.pool, db.dialect).await.difference(expected);
    if !difference.is_empty() {
        wrong(format!("in the end{difference}\n  it said {result}"));
    }
}

enum Verdict {
    Fenced,
    FoundDone,
    Else,
}

fn verdict(result: &Value) -> Verdict {
    let text = result["text"].as_str().unwrap_or_default();
    match result["kind"].as_str() {
        None => Verdict::FoundDone,
        Some("lease_lost") if text.contains("taken over") => Verdict::Fenced,
        Some("connection") if text.contains("tart again") || text.contains("finishes") => {
            Verdict::Fenced
        }
        // What the code of a revision says of its lost connection.
        Some("code_failed") => Verdict::Fenced,
        Some(_) => Verdict::Else,
    }
}

/// Stopped at every message, with its answer or the message itself on the way.
async fn at_every_message<E: Engine>(db: &Database<E>, harm: Harm, name: &str, every: usize) {
    let expected = undisturbed(&db.pool, Course::Up, db.dialect).await;
    prepare(&db.pool, Course::Up, db.dialect).await;
    let counting = Proxy::start(&db.url, None).await;
    let _ = Task::new(&counting.url, Course::Up).start().result().await;
    let messages = counting.run_messages();
    let mut tally = Tally::default();
    for number in 1..=messages.len() {
        // The statements that no transaction takes back are all in the sample, and what is around a lease's begin.
        let is_alone = number > 1 && says_running(&messages[number - 2]);
        let around = &messages[number.saturating_sub(2)..number];
        let takes_lease = around.iter().any(|text| text.contains(" SET epoch = "));
        if !is_full() && !is_alone && !takes_lease && !number.is_multiple_of(every) {
            continue;
        }
        stop_at(db, Fault::at(number, harm), &expected, &mut tally).await;
    }
    tally.tell(name);
}

async fn stop_at<E: Engine>(db: &Database<E>, fault: Fault, expected: &Outcome, tally: &mut Tally) {
    prepare(&db.pool, Course::Up, db.dialect).await;
    let mut proxy = Proxy::start(&db.url, Some(fault)).await;
    // The heartbeat comes only with a run that takes its time.
    proxy.delay(Duration::from_millis(if fault.role == Role::Heartbeat {
        4
    } else {
        0
    }));
    let mut task = Task::new(&proxy.url, Course::Up);
    if fault.role == Role::Heartbeat {
        task.lease = Duration::from_millis(100);
    }
    let mut child = task.start();
    let held = tokio::select! {
        held = proxy.held() => held.expect("a proxy"),
        result = child.result() => panic!("{fault:?} never came: {result}"),
    };
    child.stop().await;
    let context = format!(
        "{:?} of {:?} {}: {}",
        fault.harm,
        fault.role,
        fault.number,
        shown(&held.message.text)
    );
    let go_on = async |child: &mut Child| {
        if fault.harm == Harm::Hold {
            // What is in the socket arrives whether or not its sender stands still.
            held.release();
            tokio::time::sleep(Duration::from_millis(20)).await;
            child.resume().await;
        } else {
            child.resume().await;
            held.release();
        }
    };
    judge(
        db,
        child,
        go_on,
        || proxy.sessions(),
        expected,
        &context,
        tally,
    )
    .await;
}

/// Stopped while a beat of its heart, or the answer to it, is on the way.
async fn at_a_heartbeat<E: Engine>(db: &Database<E>, name: &str) {
    let expected = undisturbed(&db.pool, Course::Up, db.dialect).await;
    let mut tally = Tally::default();
    for harm in [Harm::HoldAnswer, Harm::Hold] {
        let fault = Fault {
            role: Role::Heartbeat,
            ..Fault::at(1, harm)
        };
        stop_at(db, fault, &expected, &mut tally).await;
    }
    tell(
        name,
        tally.stops,
        tally.wrong.len(),
        format!("late writes {}", tally.late_writes),
    );
    assert!(tally.wrong.is_empty(), "{}", tally.wrong.join("\n\n"));
}

#[tokio::test]
async fn between_two_messages_on_postgres() {
    let Some(db) = postgres_database().await else {
        return;
    };
    at_every_message(
        &db,
        Harm::HoldAnswer,
        "stopped past its lease between two messages: Postgres",
        3,
    )
    .await;
}

#[tokio::test]
async fn with_a_message_on_its_way_on_postgres() {
    let Some(db) = postgres_database().await else {
        return;
    };
    at_every_message(
        &db,
        Harm::Hold,
        "stopped past its lease, a message on its way: Postgres",
        3,
    )
    .await;
}

async fn between_two_messages() {
    let Some(db) = mysql_database().await else {
        return;
    };
    at_every_message(
        &db,
        Harm::HoldAnswer,
        &format!(
            "stopped past its lease between two messages: {}",
            MySqlServer::here().name()
        ),
        9,
    )
    .await;
}

async fn with_a_message_on_its_way() {
    let Some(db) = mysql_database().await else {
        return;
    };
    at_every_message(
        &db,
        Harm::Hold,
        &format!(
            "stopped past its lease, a message on its way: {}",
            MySqlServer::here().name()
        ),
        9,
    )
    .await;
}

#[tokio::test]
async fn at_a_heartbeat_on_postgres() {
    let Some(db) = postgres_database().await else {
        return;
    };
    at_a_heartbeat(
        &db,
        "stopped past its lease, a heartbeat on its way: Postgres",
    )
    .await;
}

async fn at_a_heartbeat_on_mariadb() {
    let Some(db) = mysql_database().await else {
        return;
    };
    at_a_heartbeat(
        &db,
        &format!(
            "stopped past its lease, a heartbeat on its way: {}",
            MySqlServer::here().name()
        ),
    )
    .await;
}

/// SQLite: stopped at every point that its run passes, inside its transactions and between them.
#[tokio::test]
async fn at_every_point_of_sqlite() {
    let db = sqlite().await;
    let expected = undisturbed(&db.pool, Course::Up, db.dialect).await;
    prepare(&db.pool, Course::Up, db.dialect).await;
    let points = points(&db.url, Course::Up).await;
    let mut tally = Tally::default();
    for (index, point) in points.iter().enumerate() {
        let place = point.0.as_str();
        let is_event = place == "planned" || place.ends_with(" done") || place.ends_with("ed");
        if !is_full() && !is_event && !index.is_multiple_of(32) {
            continue;
        }
        let db = sqlite().await;
        let task = Task {
            stop_at: Some(point.clone()),
            ..Task::new(&db.url, Course::Up)
        };
        let mut child = task.start();
        if !child.is_held().await {
            continue;
        }
        child.stop().await;
        // A waiter sits in SQLite's own wait for seconds: the points that keep their lock are a sample.
        if tally.finished >= times(5, 40) && is_locked(&db).await {
            continue;
        }
        let go_on = async |child: &mut Child| {
            child.resume().await;
            child.go_on().await;
        };
        judge(
            &db,
            child,
            go_on,
            Vec::new,
            &expected,
            &format!("at {point:?}"),
            &mut tally,
        )
        .await;
    }
    tally.tell("stopped past its lease at every point: SQLite");
}

crate::support::on_mysql!(
    between_two_messages,
    with_a_message_on_its_way,
    at_a_heartbeat_on_mariadb
);
