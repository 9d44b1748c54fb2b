//! The conduct of a run on one database, beyond sending and reading: one trait, implemented beside each database's I/O. The
//! executor tells it where a run stands; settings, limits, locks, fences and evidence are its answers.

use std::borrow::Cow;
use std::fmt;
use std::future::ready;
use std::time::Duration;

use super::{Backend, Class, Failure, Fault, Line, Message, Origin};
use crate::dialect::Dialect;
use crate::ledger::look::TextRow;
use crate::plan::Step;
use crate::prepare::{Check, Prepared, Sql};
use crate::sql::{Kind, ObjectName};

/// The way to find out whether an interrupted statement took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// Compare what these queries return with what they returned before the statement. One that fails since the object does
    /// not exist says just that.
    Fingerprint(Vec<String>),
    /// Look whether the index exists and is valid: no row, or one of `t` or `f`. The second cell is the statement that
    /// removes the remains of an interrupted build.
    IndexValid(String),
    /// Look whether the index is gone.
    IndexGone(String),
    /// There is none.
    None,
}

/// The limits of a transactional step.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The time for which a statement of DDL waits for other sessions' locks.
    pub ddl_lock: Duration,
    /// Tells whether the whole run is one transaction.
    pub is_single: bool,
}

/// An answer of a conduct's that takes messages: done, or the fault of one.
pub trait Sent<T = ()>: Future<Output = Result<T, Fault>> + Send {}

impl<T, F: Future<Output = Result<T, Fault>> + Send> Sent<T> for F {}

/// The state and the rules of a run's session on one database. A value lives as long as its run.
///
/// The defaults are those of a database that asks for nothing special.
pub trait Conduct<B: Backend>: fmt::Debug + Default + Send + Sync {
    /// Tells whether the server's list of sessions shows each statement of a message by itself, so that each wants a marker.
    const MARKS_STATEMENTS: bool = false;
    /// Tells whether a step's message may end with the next step's begin, lock and look.
    const CHAINS_STEPS: bool = false;
    /// Tells whether readers can shut a begin or a commit out for a moment, and leave the transaction open.
    const IS_BUSY_AT_COMMIT: bool = false;
    /// Tells whether DDL that waited for a lock in vain may be sent again.
    const RETRIES_DDL: bool = true;
    /// Tells whether a deadlock ends a whole transaction, as a cluster's certification does, and the transaction may be sent again.
    const RETRIES_DEADLOCKS: bool = false;
    /// Tells whether only another session is free of a section's traces ([`Conduct::leaves_traces`]).
    const RENEWS_SESSION: bool = false;
    /// Tells whether the server names those who hold locks on limbeck's tables ([`Conduct::table_blockers`]).
    const NAMES_TABLE_LOCKS: bool = false;
    /// The statement that frees a step's locks and keeps its transaction.
    const BACK_TO_BODY: Option<&'static str> = None;

    // ---- The run -------------------------------------------------------------------------------------------

    /// A statement that only an open transaction refuses, where no variable of the session tells.
    fn transaction_probe(_dialect: Dialect) -> Option<&'static str> {
        None
    }

    /// Remembers the session as it is, once, before the first step.
    fn remember(&mut self, _line: &mut Line<'_, B>) -> impl Sent {
        ready(Ok(()))
    }

    /// Makes the session what [`Conduct::remember`] saw. Best effort.
    fn restore(&mut self, _line: &mut Line<'_, B>) -> impl Sent {
        ready(Ok(()))
    }

    /// Sets what steps under a lease need of the session, once.
    fn begin_run(&mut self, _line: &mut Line<'_, B>) -> impl Sent {
        ready(Ok(()))
    }

    /// Ends what [`Conduct::begin_run`] set. Best effort.
    fn end_run(&mut self, _line: &mut Line<'_, B>) -> impl Sent {
        ready(Ok(()))
    }

    /// The run goes on in another session, before any step.
    fn session_changed(&mut self) {}

    /// The session is lost with all its settings, and the run goes on in another one.
    fn session_lost(&mut self) {}

    // ---- The caller's transaction --------------------------------------------------------------------------

    /// Tells whether a lent connection is inside a transaction of its caller's, before anything else is sent that could fail in
    /// it.
    fn is_callers(&mut self, _line: &mut Line<'_, B>) -> impl Sent<bool> {
        ready(Ok(false))
    }

    // ---- Traces --------------------------------------------------------------------------------------------

    /// Tells whether a section may leave something in the session that neither its own message nor
    /// [`Conduct::leave_section`] ends. In doubt it does.
    fn leaves_traces(&self, _line: &Line<'_, B>, _prepared: &Prepared) -> bool {
        false
    }

    /// Looks at the session before such a section.
    fn note_traces(&mut self, _line: &mut Line<'_, B>) -> impl Sent {
        ready(Ok(()))
    }

    /// Makes the session what it was before such a section, behind it.
    fn clear_traces(&mut self, _line: &mut Line<'_, B>) -> impl Sent {
        ready(Ok(()))
    }

    // ---- The transaction lock ------------------------------------------------------------------------------

    /// The statement that takes the lock, where `BEGIN` itself does not.
    fn lock(&self, _line: &Line<'_, B>) -> Option<String> {
        None
    }

    /// The answer of a lock that was granted.
    fn locked(&mut self, _rows: &[TextRow]) {}

    /// The search path, where the lock found that somebody set it in the session since it logged in.
    fn session_path(&self) -> Option<&str> {
        None
    }

    /// The queries for the lock's holder: one row of session, application, client, since when, and statement. The first one
    /// counts that this role may ask and that finds any, here and in the others that name sessions.
    fn lock_holder(_line: &Line<'_, B>) -> Vec<String> {
        Vec::new()
    }

    // ---- A transactional step ------------------------------------------------------------------------------

    /// Switches off what no transaction can, for these steps.
    fn open_steps(&mut self, _line: &mut Line<'_, B>, _steps: &[Prepared]) -> impl Sent {
        ready(Ok(()))
    }

    /// Tells whether [`Conduct::open_steps`] switched anything off.
    fn is_switched(&self) -> bool {
        false
    }

    /// Switches it on again.
    fn close_steps(&mut self, _line: &mut Line<'_, B>) -> impl Sent {
        ready(Ok(()))
    }

    /// A section's statements, as the `step`th of its message, with its time-outs around them and the session afterwards as
    /// it was before.
    fn push_body(
        &self,
        _line: &Line<'_, B>,
        message: &mut Message,
        step: usize,
        prepared: &Prepared,
        _limits: Limits,
    ) {
        for (statement, sql) in prepared.statements().iter().enumerate() {
            message.of_revision(&sql.text, Origin { step, statement });
        }
    }

    /// Prepares the session for a user's code, inside the step's transaction.
    fn open_code(&mut self, _line: &mut Line<'_, B>, _step: &Step) -> impl Sent {
        ready(Ok(()))
    }

    /// Tells whether the step's transaction is still open after the code.
    fn is_inside(&mut self, line: &mut Line<'_, B>) -> impl Sent<bool> {
        async move {
            let begun = line.send(&line.message_of("BEGIN")).await;
            Ok(begun.is_err_and(|fault| fault.class() == Class::InTransaction))
        }
    }

    /// Ends what the code left in the session.
    fn close_code(&mut self, _line: &mut Line<'_, B>, _step: &Step) -> impl Sent {
        ready(Ok(()))
    }

    // ---- Checks --------------------------------------------------------------------------------------------

    /// A check's time-outs, before its statements; `is_inside` the step's transaction.
    fn open_check(
        &self,
        _line: &Line<'_, B>,
        _message: &mut Message,
        _check: &Check,
        _is_inside: bool,
    ) {
    }

    /// Their end.
    fn close_check(
        &self,
        _message: &mut Message,
        _dialect: Dialect,
        _check: &Check,
        _is_inside: bool,
    ) {
    }

    // ---- A step under the lease ----------------------------------------------------------------------------

    /// Prepares the session for a section.
    fn enter_section(&mut self, _line: &mut Line<'_, B>) -> impl Sent {
        ready(Ok(()))
    }

    /// Sets the section's time-outs in the session, where they reach beyond a transaction.
    fn set_timeouts(&mut self, _line: &mut Line<'_, B>, _prepared: &Prepared) -> impl Sent {
        ready(Ok(()))
    }

    /// Ends all that the section set in the session. Best effort.
    fn leave_section(&mut self, _line: &mut Line<'_, B>, _prepared: &Prepared) -> impl Sent {
        ready(Ok(()))
    }

    /// Brings the section's settings before its `number`th statement into the session, for a statement that shares no
    /// transaction.
    fn open_alone(
        &mut self,
        _line: &mut Line<'_, B>,
        _prepared: &Prepared,
        _number: usize,
    ) -> impl Sent {
        ready(Ok(()))
    }

    /// Takes them back.
    fn close_alone(&mut self, _line: &mut Line<'_, B>) -> impl Sent {
        ready(Ok(()))
    }

    /// Brings what settings pin into the session, for statements that go on with a step outside of any transaction.
    fn pin_session(&mut self, _line: &mut Line<'_, B>) -> impl Sent {
        ready(Ok(()))
    }

    /// A setting of an earlier statement is about to be made again in the session.
    fn repeats_setting(&mut self) {}

    /// Remembers the setting that the `number`th statement just made, by the row that it returned. False: it is no constant
    /// and cannot be made again for the statements behind it.
    fn keep_setting(&mut self, _prepared: &Prepared, _number: usize, _rows: &[TextRow]) -> bool {
        true
    }

    /// Tells whether an earlier section in this lent session may have left values in it, and marks that this one does.
    fn take_session(&mut self, _line: &mut Line<'_, B>) -> impl Sent<bool> {
        ready(Ok(false))
    }

    /// The section's settings before its `number`th statement, at the beginning of a transaction.
    fn push_settings(&self, _message: &mut Message, _prepared: &Prepared, _number: usize) {}

    /// The settings as they were before the section, at the end of a transaction of its own.
    fn push_reset(&self, _line: &Line<'_, B>, _message: &mut Message) {}

    /// The session as it was before the section, at its end, inside a transaction.
    fn push_end(&self, _line: &Line<'_, B>, _message: &mut Message, _prepared: &Prepared) {}

    /// The time for which this statement waits for locks, where neither the section nor the session decides it.
    fn statement_limit(
        &self,
        _dialect: Dialect,
        _prepared: &Prepared,
        _statement: &Sql,
        _ddl_lock: Duration,
    ) -> Option<String> {
        None
    }

    /// The number of these statements, from the first on, that can be one transaction with one record, in a section that does
    /// not ask for each by itself.
    fn unit(&mut self, _line: &mut Line<'_, B>, _statements: &[Sql]) -> impl Sent<usize> {
        ready(Ok(0))
    }

    /// Tells whether statements that were rolled back may run again in the same session: they neither read nor leave anything
    /// there that a rollback does not take back.
    fn is_stateless(&self, _dialect: Dialect, _statements: &[Sql]) -> bool {
        true
    }

    /// The greatest length of a message in bytes, and what decides it.
    fn longest_message(&mut self, line: &mut Line<'_, B>) -> impl Sent<(usize, &'static str)>;

    /// The length in bytes that a message should not exceed.
    fn message_limit(&self) -> usize {
        usize::MAX
    }

    /// Tells whether a fence goes before a statement, in its message.
    fn is_fenced(is_atomic: bool) -> bool;

    /// Tells whether the statement and the record that it is done can be one transaction.
    fn is_atomic(&mut self, line: &mut Line<'_, B>, statement: &Sql) -> impl Sent<bool> {
        ready(Ok(statement.can_share_transaction(line.dialect())))
    }

    /// Tells whether a rollback would take back all that a statement does to rows, through functions and triggers too.
    fn is_harmless(&mut self, _line: &mut Line<'_, B>, _statement: &Sql) -> impl Sent<bool> {
        ready(Ok(true))
    }

    /// The part of a statement's limit that a second connection keeps, where no setting of the session does. `is_atomic`: it
    /// runs inside of a transaction.
    fn watched_limit(
        _dialect: Dialect,
        _limit: Option<Duration>,
        _is_atomic: bool,
    ) -> Option<Duration> {
        None
    }

    /// The statements that end what this session runs, in a message which begins so, from another session.
    fn cancel_of(&mut self, _line: &mut Line<'_, B>, _beginning: &str) -> impl Sent<Vec<String>> {
        ready(Ok(Vec::new()))
    }

    // ---- After a crash -------------------------------------------------------------------------------------

    /// The evidence of an interrupted statement.
    fn evidence(_dialect: Dialect, _kind: &Kind, _text: &str) -> Evidence {
        Evidence::None
    }

    /// Tells whether a statement that failed outside of any transaction may have left a part of its effect. An error about the
    /// statement itself, as its syntax or the routine that it calls, left nothing; the same error from inside that routine's
    /// body may have.
    fn may_have_left(
        &mut self,
        _line: &mut Line<'_, B>,
        _statement: &Sql,
        _failure: &Failure,
    ) -> impl Sent<bool> {
        ready(Ok(false))
    }

    /// A cell of a fingerprint without its changing parts.
    fn lasting(cell: &str) -> Cow<'_, str> {
        cell.into()
    }

    /// The queries for those who hold, or may hold, locks that limbeck's own statements wait for on its tables, as rows of
    /// [`Conduct::lock_holder`].
    fn table_blockers(_line: &Line<'_, B>) -> Vec<String> {
        Vec::new()
    }

    /// The queries for those who hold locks on what a statement names, as rows of [`Conduct::lock_holder`].
    fn blockers(_dialect: Dialect, _kind: &Kind) -> Vec<String> {
        Vec::new()
    }

    /// The queries for the statement that the server runs for a run at this moment, as a row of [`Conduct::lock_holder`].
    fn statement_of(_dialect: Dialect, _run: &str) -> Vec<String> {
        Vec::new()
    }

    /// A query for the sessions in which a run's last statement still is, or may be: one row each, its number first. None
    /// where a session ends with its process.
    fn sessions_of(_dialect: Dialect, _run: &str) -> Option<String> {
        None
    }

    /// The statement that ends a session, where [`Conduct::sessions_of`] does not end it by itself.
    fn kill(_session: &str) -> Option<String> {
        None
    }

    /// Ends the session that an expired lease names, which may be idle inside a transaction. False: it was still there.
    fn end_recorded_session(&mut self, _line: &mut Line<'_, B>, _epoch: i64) -> impl Sent<bool> {
        ready(Ok(true))
    }
}

/// An object's name as a statement would write it.
pub(super) fn qualified(dialect: Dialect, name: &ObjectName) -> String {
    match &name.schema {
        Some(schema) => format!("{}.{}", dialect.ident(schema), dialect.ident(&name.name)),
        None => dialect.ident(&name.name),
    }
}
