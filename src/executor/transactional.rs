//! Steps where DDL is transactional: each is one transaction that holds the lock, does the work, moves the
//! heads by compare-and-swap and writes the ledger. PostgreSQL gets all of it in one message, together with
//! the next step's begin, lock and look.

use std::time::{Duration, Instant};

use super::error::{RunError, StatementError, Violation};
use super::lock::{Block, Gate, Locked};
use super::message::{Message, Origin};
use super::{Event, Fault, Ran, Run, StepReport, poll_pause};
use crate::backend::{Backend as _, Class, Source, StatementResult};
use crate::dialect::look::HeadRow;
use crate::dialect::session::{self, Timeout};
use crate::dialect::{Dialect, write};
use crate::error::Error;
use crate::executor::lock::Wait;
use crate::migrator::settings::TransactionMode;
use crate::plan::{Action, Plan, Step};
use crate::prepare::{Prepared, Sql, Work};
use crate::sql;

/// How many rows of a violated check are shown.
const SHOWN_ROWS: usize = 5;

/// How much of a whole upgrade in one transaction goes into one message.
const MESSAGE_STEPS: usize = 100;
const MESSAGE_BYTES: usize = 256 * 1024;

/// What follows a group of steps in its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finish {
    Commit,
    /// And the next step's begin, lock and look.
    CommitAndBegin,
    /// More of the same transaction comes.
    StayOpen,
}

/// A step that stops a run: an error of it, or heads that somebody moved without the lock.
enum Stop {
    Error(Error),
    Moved,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Error(error)
    }
}

impl<S: Source> Run<'_, S> {
    pub(super) async fn run_transactional(&mut self, steps: &[Prepared]) -> Result<Ran, Error> {
        let pragmas = self.switch_foreign_keys_off(steps).await?;
        let ran = self.run_groups(steps).await;
        let restored = self.restore_pragmas(pragmas).await;
        let ran = ran?;
        restored.map(|()| ran)
    }

    async fn run_groups(&mut self, steps: &[Prepared]) -> Result<Ran, Error> {
        let single = self.settings.transaction_mode == TransactionMode::SingleTransaction;
        let mut is_open = false;
        let mut rest = steps;
        let mut done: Vec<StepReport> = Vec::new();
        while !rest.is_empty() {
            let (group, later) = rest.split_at(group_length(rest, single));
            rest = later;
            let expected = self.heads();
            if !is_open && self.begin_locked(&expected, None).await? == Gate::Moved {
                return Ok(Ran::Moved);
            }
            let finish = match (single, later.is_empty()) {
                (_, true) => Finish::Commit,
                (true, false) => Finish::StayOpen,
                (false, false) if self.dialect() == Dialect::Postgres => Finish::CommitAndBegin,
                (false, false) => Finish::Commit,
            };
            match self.run_group(group, finish, &mut done).await {
                Ok(open) => is_open = open,
                Err(Stop::Moved) => {
                    self.rollback().await?;
                    self.look().await?;
                    return Ok(Ran::Moved);
                }
                Err(Stop::Error(error)) => {
                    // The error that stopped the step is the one to tell.
                    let _ = self.rollback().await;
                    self.record_failure(group, &error).await;
                    return Err(error);
                }
            }
            if finish != Finish::StayOpen {
                for report in done.drain(..) {
                    self.finish_step(report);
                }
            }
            if is_open && finish == Finish::CommitAndBegin {
                let expected = self.heads();
                match self.block(&expected, None, &mut Wait::new(self.settings.lock_wait)) {
                    None => {}
                    Some(Block::Moved) => {
                        self.rollback().await?;
                        return Ok(Ran::Moved);
                    }
                    Some(Block::Lease | Block::Unfinished(_)) => {
                        self.rollback().await?;
                        is_open = false;
                    }
                }
            }
        }
        Ok(Ran::All)
    }

    /// Runs one group inside the open transaction. True: the next step's transaction is open and locked.
    async fn run_group(
        &mut self,
        group: &[Prepared],
        finish: Finish,
        done: &mut Vec<StepReport>,
    ) -> Result<bool, Stop> {
        let began = Instant::now();
        let [first, ..] = group else { return Ok(false) };
        for prepared in group {
            self.emit(&Event::StepStarted {
                step: &prepared.step,
                number: prepared.number,
                total: prepared.total,
                message: &prepared.message,
            });
        }
        self.check(first, "@require", &first.require).await?;
        if first.statement_timeout.is_some() {
            self.limit_session(first.statement_timeout).await?;
        }
        let is_plain = is_plain(first);
        let mut rows = vec![0; group.len()];
        if !is_plain {
            if matches!(first.work, Work::Code) {
                self.call_code(&first.step, "The step was rolled back")
                    .await?;
                self.check_still_inside(&first.step).await?;
            } else {
                let mut body = self.message(Some(&first.step.revision));
                self.push_body(&mut body, 0, first);
                let results = self.send_body(&body, group, false).await?;
                self.tell(group, &body, &results, &mut rows);
            }
            self.check(first, "@verify", &first.verify).await?;
            if first.foreign_keys_off {
                let check = Sql {
                    text: "PRAGMA foreign_key_check".to_owned(),
                    line: first.statements().first().map_or(1, |s| s.line),
                    column: 1,
                    kind: sql::classify(Dialect::Sqlite, "PRAGMA foreign_key_check"),
                };
                self.check(first, "PRAGMA foreign_key_check", &[check])
                    .await?;
            }
        }
        let mut message = self.message(Some(&first.step.revision));
        for (index, prepared) in group.iter().enumerate() {
            if is_plain {
                self.push_body(&mut message, index, prepared);
            }
            self.push_bookkeeping(&mut message, prepared);
        }
        let mut locked = Locked::default();
        if finish != Finish::StayOpen {
            message.own("COMMIT");
        }
        if finish == Finish::CommitAndBegin {
            locked = self.push_begin(&mut message);
        }
        let mut is_open = finish == Finish::StayOpen;
        let mut results = self.send_body(&message, group, is_plain).await?;
        if is_plain {
            self.tell(group, &message, &results, &mut rows);
        }
        for prepared in group {
            self.move_heads(&prepared.step);
        }
        if finish == Finish::CommitAndBegin {
            is_open = self.read_begin(&mut results, locked).await?;
        }
        if first.statement_timeout.is_some() {
            self.limit_session(None).await?;
        }
        let duration = began.elapsed();
        for (prepared, rows) in group.iter().zip(rows) {
            done.push(StepReport {
                step: prepared.step.clone(),
                statements: prepared.statements().len() as u64,
                rows,
                duration: duration / group.len() as u32,
            });
        }
        Ok(is_open)
    }

    /// The answers of the begin that rode along. False: the lock went to somebody else in between.
    async fn read_begin(
        &mut self,
        results: &mut Vec<StatementResult>,
        locked: Locked,
    ) -> Result<bool, Error> {
        let seen = results.pop().unwrap_or_default();
        let has_lock = locked.is_held(results);
        if has_lock {
            self.absorb_locked(&seen.rows)?;
        } else {
            self.rollback().await?;
        }
        Ok(has_lock)
    }

    /// Sends a message that holds statements of revisions. Where DDL waits for a table longer than its time,
    /// the step goes back to its savepoint, so that its own locks are free, and tries again.
    async fn send_body(
        &mut self,
        message: &Message,
        group: &[Prepared],
        can_retry: bool,
    ) -> Result<Vec<StatementResult>, Stop> {
        let can_retry = can_retry && self.dialect() == Dialect::Postgres && group.len() == 1;
        let began = Instant::now();
        let mut attempt = 0;
        loop {
            let fault = match self.send(message).await {
                Ok(results) => return Ok(results),
                Err(fault) => fault,
            };
            let blame = message.blame(fault.completed, fault.failure.position);
            if blame.is_none() && is_lost_swap(self.dialect(), &fault) {
                return Err(Stop::Moved);
            }
            let may_wait = can_retry && fault.failure.class == Class::LockTimeout;
            if !may_wait || began.elapsed() >= self.settings.lock_retry_for {
                return Err(Stop::Error(self.step_error(message, group, fault)));
            }
            let mut back = self.message(None);
            back.own("ROLLBACK TO SAVEPOINT limbeck_step");
            self.send(&back)
                .await
                .map_err(|f| self.fault("going back to the savepoint", ROLLED_BACK, f))?;
            tracing::info!(
                attempt,
                "a statement waited for a table lock until its lock_timeout; trying again"
            );
            tokio::time::sleep(poll_pause(attempt) * 2).await;
            attempt += 1;
        }
    }

    /// An error of a message, told as that of the statement that raised it.
    fn step_error(&self, message: &Message, group: &[Prepared], fault: Fault) -> Error {
        let single = self.settings.transaction_mode == TransactionMode::SingleTransaction;
        let state = match (fault.failure.class, single) {
            (Class::Connection, _) => UNKNOWN,
            (_, true) => {
                "The whole run was rolled back, it is one transaction: the database is as it was \
                          before. Correct the file and start again"
            }
            (_, false) => ROLLED_BACK,
        };
        let Some(blame) = message.blame(fault.completed, fault.failure.position) else {
            let during = format!("committing revision {}", group[0].step.revision);
            return self.fault(during, state, fault);
        };
        let prepared = &group[blame.origin.step];
        statement_error(
            prepared,
            blame.origin.statement,
            blame.offset,
            fault,
            state.to_owned(),
        )
    }

    /// A section's statements, with its time-outs around them and the session as it was after them.
    fn push_body(&self, message: &mut Message, index: usize, prepared: &Prepared) {
        let dialect = self.dialect();
        let is_postgres = dialect == Dialect::Postgres;
        let statements = prepared.statements();
        if is_postgres && !statements.is_empty() {
            message.own("SAVEPOINT limbeck_step");
        }
        let timeouts = [
            (Timeout::Statement, prepared.statement_timeout),
            (Timeout::Lock, prepared.lock_timeout),
        ];
        for (timeout, value) in timeouts {
            let statement = value.and_then(|value| session::set_timeout(dialect, timeout, value));
            if let Some(statement) = statement.filter(|_| is_postgres) {
                message.own(&statement);
            }
        }
        // The section's own word, or a SET of its own, goes before limbeck's limit on DDL.
        let limits_ddl = is_postgres
            && prepared.lock_timeout.is_none()
            && !statements.iter().any(|s| s.sets_lock_timeout());
        let mut is_limited = false;
        for (number, statement) in statements.iter().enumerate() {
            let wants_limit = limits_ddl && statement.is_ddl();
            if wants_limit != is_limited {
                let ours = session::set_timeout(dialect, Timeout::Lock, self.settings.lock_timeout);
                let session_value = self.server.lock_timeout.as_deref().unwrap_or("0");
                let theirs = format!(
                    "SET LOCAL lock_timeout = {}",
                    dialect.literal(session_value)
                );
                message.own(&ours.filter(|_| wants_limit).unwrap_or(theirs));
                is_limited = wants_limit;
            }
            message.of_revision(
                &statement.text,
                Origin {
                    step: index,
                    statement: number,
                },
            );
        }
        if is_postgres {
            let settings = self.saved.as_deref().unwrap_or_default();
            message.own_all(&session::restore(self.server.role.as_deref(), settings));
        }
    }

    fn push_bookkeeping(&self, message: &mut Message, prepared: &Prepared) {
        let step = &prepared.step;
        message.own_all(&write::move_heads(&self.names, &step.removes, &step.adds));
        let count = prepared.statements().len() as u64;
        let mut row = self.ledger_row(step, "done");
        row.statements = count;
        row.statements_done = count;
        row.started_at = Some(&self.look.server.now)
            .filter(|now| !now.is_empty())
            .map(String::as_str);
        message.own_all(&write::insert_history(&self.names, &self.actor, &[row]));
    }

    /// Runs statements whose rows are violations.
    pub(super) async fn check(
        &mut self,
        prepared: &Prepared,
        check: &'static str,
        statements: &[Sql],
    ) -> Result<(), Error> {
        if statements.is_empty() {
            return Ok(());
        }
        let mut message = self.message(Some(&prepared.step.revision));
        for (number, statement) in statements.iter().enumerate() {
            message.of_revision(
                &statement.text,
                Origin {
                    step: 0,
                    statement: number,
                },
            );
        }
        let state = match (check, prepared.is_transactional(self.dialect())) {
            ("@require", _) => "Nothing of the step was run. Correct the data and start again",
            (_, true) => {
                "The step was rolled back: the database is as it was before it. Correct the data or \
                          the file and start again"
            }
            (_, false) => {
                "The step's statements took effect and stay, the head was not moved. Correct the data \
                           and start again: only the check is left"
            }
        };
        let results = match self.session.send(&message, SHOWN_ROWS).await {
            Ok(results) => results,
            Err(fault) => {
                let Some(blame) = message.blame(fault.completed, fault.failure.position) else {
                    return Err(self.fault(format!("running {check}"), state, fault));
                };
                let as_checks = Prepared {
                    work: Work::Transaction(statements.to_vec()),
                    ..prepared.clone()
                };
                let (number, offset) = (blame.origin.statement, blame.offset);
                return Err(statement_error(
                    &as_checks,
                    number,
                    offset,
                    fault,
                    state.to_owned(),
                ));
            }
        };
        for (result, statement) in results.into_iter().zip(statements) {
            if !result.rows.is_empty() {
                return Err(RunError::Violation(Box::new(Violation {
                    revision: prepared.step.revision.to_string(),
                    check,
                    path: prepared.path.clone(),
                    line: statement.line,
                    column: statement.column,
                    statement: statement.text.clone(),
                    columns: result.columns,
                    rows: result.rows,
                    state: state.to_owned(),
                }))
                .into());
            }
        }
        Ok(())
    }

    /// Runs the registered function of a `rust` section on the step's connection.
    pub(super) async fn call_code(&mut self, step: &Step, state: &str) -> Result<(), Error> {
        let key = (step.revision.to_string(), step.action);
        let registry = self.registry;
        let registered = registry
            .get(&key)
            .expect("a plan whose code is missing is refused");
        (registered.code)(self.session.connection())
            .await
            .map_err(|source| {
                let (revision, action) = key;
                RunError::Code {
                    revision,
                    action,
                    state: state.to_owned(),
                    source,
                }
                .into()
            })
    }

    /// A function that ended the step's transaction would have its work committed without the bookkeeping.
    async fn check_still_inside(&mut self, step: &Step) -> Result<(), Error> {
        let mut message = self.message(None);
        let is_inside = match self.dialect() {
            Dialect::Postgres => {
                message.own(&session::holds_lock(&self.names, &self.server));
                let held = self.send(&message).await;
                let held = held
                    .map_err(|f| self.fault("looking at the step's transaction", ROLLED_BACK, f))?;
                held.first().is_some_and(|result| !result.rows.is_empty())
            }
            _ => {
                message.own("BEGIN");
                self.send(&message)
                    .await
                    .is_err_and(|f| f.failure.class == Class::InTransaction)
            }
        };
        if is_inside {
            return Ok(());
        }
        Err(RunError::Code {
            revision: step.revision.to_string(),
            action: step.action,
            state: "What it committed stays, the head was not moved. Let it neither commit nor roll back: \
                    limbeck does that"
                .to_owned(),
            source: "the code ended the transaction that it was given".into(),
        }
        .into())
    }

    fn tell(
        &self,
        group: &[Prepared],
        message: &Message,
        results: &[StatementResult],
        rows: &mut [u64],
    ) {
        for (index, result) in results.iter().enumerate() {
            let Some(origin) = message.origin(index) else {
                continue;
            };
            let prepared = &group[origin.step];
            let statements = prepared.statements();
            let changed = if statements[origin.statement].changes_rows() {
                result.affected
            } else {
                0
            };
            rows[origin.step] += changed;
            self.emit(&Event::StatementDone {
                step: &prepared.step,
                number: origin.statement + 1,
                total: statements.len(),
                rows: changed,
            });
        }
    }

    /// What the version table says after this step, as the next look would read it.
    pub(super) fn move_heads(&mut self, step: &Step) {
        self.look
            .heads
            .retain(|head| !step.removes.iter().any(|id| **id == *head.revision));
        for id in &step.adds {
            let lineage = self
                .migrations
                .graph()
                .contains(id)
                .then(|| self.lineage(id));
            self.look.heads.push(HeadRow {
                revision: id.to_string(),
                lineage,
            });
        }
        self.look.heads.sort_by(|a, b| a.revision.cmp(&b.revision));
        self.look.has_history = true;
    }

    pub(super) fn finish_step(&mut self, report: StepReport) {
        self.emit(&Event::StepFinished {
            step: &report.step,
            report: &report,
        });
        self.steps.push(report);
    }

    /// Best effort, in a transaction of its own: the error that is recorded is the one that counts.
    async fn record_failure(&mut self, group: &[Prepared], error: &Error) {
        if matches!(error, Error::Run(run) if matches!(**run, RunError::Connection { .. })) {
            return;
        }
        let revision = error.revision().unwrap_or_default();
        let failed = group
            .iter()
            .find(|p| *p.step.revision == *revision)
            .unwrap_or(&group[0]);
        let text = error.to_string();
        let mut row = self.ledger_row(&failed.step, "failed");
        row.statements = failed.statements().len() as u64;
        row.error = Some(&text);
        let statements = write::insert_history(&self.names, &self.actor, &[row]);
        let mut message = self.message(None);
        message.own_all(&statements);
        if let Err(fault) = self.send(&message).await {
            tracing::debug!(
                error = fault.failure.message,
                "the failure could not be recorded"
            );
        }
    }

    /// Lets the database end a statement after its time, where that is no setting of the session.
    async fn limit_session(&mut self, limit: Option<Duration>) -> Result<(), Error> {
        let limited = S::Database::limit_statement(self.session.connection(), limit).await;
        limited.map_err(|source| {
            let during = "setting statement_timeout".to_owned();
            RunError::Connection {
                during,
                state: UNKNOWN.to_owned(),
                source,
            }
            .into()
        })
    }

    /// SQLite: what a table rebuild needs, which no transaction can switch. Returns how to restore it.
    async fn switch_foreign_keys_off(&mut self, steps: &[Prepared]) -> Result<Vec<String>, Error> {
        if !steps.iter().any(|step| step.foreign_keys_off) {
            return Ok(Vec::new());
        }
        let mut restore = Vec::new();
        for (pragma, value) in [("foreign_keys", "OFF"), ("legacy_alter_table", "ON")] {
            let rows = self.query(&format!("PRAGMA {pragma}")).await;
            let rows =
                rows.map_err(|fault| self.fault("reading a pragma", "Nothing was changed", fault))?;
            let before = rows.first().and_then(|row| row.first().cloned().flatten());
            restore.push(format!(
                "PRAGMA {pragma} = {}",
                if before.as_deref() == Some("1") {
                    "ON"
                } else {
                    "OFF"
                }
            ));
            self.session.begin_work();
            self.session.on_drop(restore.clone());
            let set = self.query(&format!("PRAGMA {pragma} = {value}")).await;
            set.map_err(|fault| self.fault("setting a pragma", "Nothing was changed", fault))?;
        }
        Ok(restore)
    }

    async fn restore_pragmas(&mut self, restore: Vec<String>) -> Result<(), Error> {
        for statement in restore {
            let restored = self.query(&statement).await;
            restored
                .map_err(|fault| self.fault("restoring a pragma", "The step has ended", fault))?;
        }
        self.session.on_drop([]);
        Ok(())
    }

    /// Moves the heads without running anything, with a ledger row for each revision that is newly implied.
    /// False: the heads have moved.
    pub(super) async fn run_stamp(&mut self, plan: &Plan) -> Result<bool, Error> {
        let expected = self.heads();
        let is_leased = self.dialect().is_mysql_family();
        if is_leased {
            if !self.take_lease(&expected, None).await? {
                return Ok(false);
            }
        } else if self.begin_locked(&expected, None).await? == Gate::Moved {
            return Ok(false);
        }
        let (removes, adds) = plan.change();
        let marks: Vec<Step> = stamped(plan)
            .iter()
            .map(|id| Step::marking(Action::Stamp, id.clone()))
            .collect();
        let rows: Vec<_> = marks
            .iter()
            .map(|step| self.ledger_row(step, "done"))
            .collect();
        let mut message = self.message(None);
        if is_leased {
            message.own("START TRANSACTION");
            message.own_all(&write::renew(
                &self.names,
                self.lease.as_ref().map_or(0, |lease| lease.epoch),
            ));
        }
        message.own_all(&write::move_heads(&self.names, &removes, &adds));
        message.own_all(&write::insert_history(&self.names, &self.actor, &rows));
        message.own("COMMIT");
        if let Err(fault) = self.send(&message).await {
            let is_lost = is_lost_swap(self.dialect(), &fault);
            let _ = self.rollback().await;
            if is_lost {
                self.look().await?;
                return Ok(false);
            }
            return Err(self.fault("stamping", ROLLED_BACK, fault));
        }
        for step in plan.steps() {
            self.move_heads(step);
            let report = StepReport {
                step: step.clone(),
                statements: 0,
                rows: 0,
                duration: self.began.elapsed(),
            };
            self.finish_step(report);
        }
        Ok(true)
    }
}

const ROLLED_BACK: &str = "The step was rolled back: the database is as it was before it. Correct the cause \
                           and start again";
const UNKNOWN: &str = "Whether the server committed the step is not known here; it is wholly done or wholly \
                       undone. Start again: limbeck looks before it acts";

/// The server's refusal of the compare-and-swap: a guard, or a head that somebody else inserted.
fn is_lost_swap(dialect: Dialect, fault: &Fault) -> bool {
    let is_duplicate = match dialect {
        Dialect::Postgres => fault.failure.code.as_deref() == Some("23505"),
        Dialect::Sqlite => fault.failure.message.contains("UNIQUE constraint failed"),
        Dialect::Mysql | Dialect::Mariadb => fault.failure.code.as_deref() == Some("1062"),
    };
    fault.failure.class == Class::Guard || is_duplicate
}

fn is_plain(prepared: &Prepared) -> bool {
    matches!(prepared.work, Work::Transaction(_))
        && prepared.require.is_empty()
        && prepared.verify.is_empty()
        && !prepared.foreign_keys_off
}

/// What a stamp writes rows of: each revision that is newly implied, and each that newly has a row.
fn stamped(plan: &Plan) -> Vec<std::sync::Arc<str>> {
    let mut all: Vec<_> = plan.newly_implied().to_vec();
    let (_, adds) = plan.change();
    all.extend(
        adds.into_iter()
            .filter(|id| !plan.newly_implied().contains(id)),
    );
    all
}

/// How many of the next steps go into one message.
fn group_length(steps: &[Prepared], single: bool) -> usize {
    if !single || !is_plain(&steps[0]) {
        return 1;
    }
    let mut bytes = 0;
    let together = steps.iter().take(MESSAGE_STEPS).take_while(|step| {
        bytes += step
            .statements()
            .iter()
            .map(|s| s.text.len())
            .sum::<usize>();
        // A time-out of one section must not reach the next one's statements.
        is_plain(step)
            && bytes <= MESSAGE_BYTES
            && step.statement_timeout.is_none()
            && step.lock_timeout.is_none()
    });
    together.count().max(1)
}

/// The error of one statement of a section, with its place in the file.
pub(super) fn statement_error(
    prepared: &Prepared,
    number: usize,
    offset: Option<usize>,
    fault: Fault,
    state: String,
) -> Error {
    let statements = prepared.statements();
    let statement = &statements[number];
    let offset = offset
        .filter(|offset| *offset <= statement.text.len())
        .unwrap_or(0);
    let (line, column) = sql::position(&statement.text, offset);
    RunError::Statement(Box::new(StatementError {
        revision: prepared.step.revision.to_string(),
        action: prepared.step.action,
        path: prepared.path.clone(),
        line: statement.line + line - 1,
        column: if line == 1 {
            statement.column + column - 1
        } else {
            column
        },
        number: number + 1,
        total: statements.len(),
        statement: statement.text.clone(),
        code: fault.failure.code,
        message: fault.failure.message,
        detail: fault.failure.detail,
        hint: fault.failure.hint,
        state,
        source: fault.source,
    }))
    .into()
}
