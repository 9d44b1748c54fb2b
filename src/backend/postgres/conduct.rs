//! PostgreSQL's conduct. Behind a pooler in transaction mode a setting outside of a transaction is some other client's a
//! moment later: so each transaction of a section begins with the section's time-outs and with the settings of its earlier
//! statements, and ends with all of them reset. Only a statement that allows no transaction (`CREATE INDEX CONCURRENTLY`)
//! gets them in the session, right before it and until right after.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sqlx::Postgres;

use super::{catalog, session, traces};
use crate::backend::{Conduct, Evidence, Failure, Fault, Limits, Line, Message, Origin};
use crate::dialect::Dialect;
use crate::dialect::session::{Timeout, restore, set_timeout, set_timeouts};
use crate::ledger::look::{TextRow, first_cell};
use crate::plan::Step;
use crate::prepare::{Check, Prepared, Sql};
use crate::sql::carry::{self, Carried};
use crate::sql::{Class, DdlVerb, Kind};

const DIALECT: Dialect = Dialect::Postgres;

/// A run's session.
#[derive(Debug, Default)]
pub struct PostgresConduct {
    /// The settings that the session had before its first step.
    saved: Option<Vec<(String, String)>>,
    /// The search path that the session had then, unless it logged in with it.
    changed_path: Option<String>,
    /// A section's settings stand in the session, outside of any transaction.
    is_session_set: bool,
    /// The server's number of the session that has them.
    set_in: Option<String>,
    /// The statements that would take away what a lent connection held of its caller's before the section.
    noted: Option<BTreeSet<String>>,
    /// The section's settings that were computed, by the places of their statements, with the values that they got: each
    /// transaction makes the settings before it again.
    computed: BTreeMap<usize, String>,
}

/// How often a lock is given back that a section took several times.
const UNLOCKS: u32 = 20;

impl PostgresConduct {
    /// Appends the settings that the statements before the `number`th made in the session, and that still stand.
    fn push_settings_before(&self, message: &mut Message, prepared: &Prepared, number: usize) {
        let before = &prepared.statements()[..number];
        let is_discard = |sql: &Sql| sql.text.to_ascii_uppercase().starts_with("DISCARD ALL");
        let from = before
            .iter()
            .rposition(is_discard)
            .map_or(0, |last| last + 1);
        for (statement, sql) in before.iter().enumerate().skip(from) {
            if sql.is_setting() {
                let text = self.computed.get(&statement).unwrap_or(&sql.text);
                message.of_revision(text, Origin { step: 0, statement });
            }
        }
    }

    /// The statements that each take away something that stands in the session.
    async fn traces(line: &mut Line<'_, Postgres>) -> Result<BTreeSet<String>, Fault> {
        let rows = line.query(session::TRACES).await?;
        Ok(rows.into_iter().flatten().flatten().collect())
    }

    /// Appends the end of a section's settings.
    fn push_settings_end(&self, line: &Line<'_, Postgres>, message: &mut Message) {
        let saved = self.saved.as_deref().unwrap_or_default();
        message.own_all(&restore(line.server.role.as_deref(), saved));
    }

    /// Appends the end of all that a section made in the session. A lent connection holds its caller's too.
    fn push_traces_end(line: &Line<'_, Postgres>, message: &mut Message, is_wide: bool) {
        if line.session.is_lent() {
            return;
        }
        if is_wide {
            message.own_all(&session::DISCARD_MORE);
        }
        message.own_all(&session::DISCARD);
    }

    /// Sends a message, and ends the prepared statements of a user's code, but for those of a lent connection.
    async fn send_and_forget_code(
        line: &mut Line<'_, Postgres>,
        mut message: Message,
    ) -> Result<(), Fault> {
        if line.session.is_lent() {
            return line.send(&message).await.map(drop);
        }
        message.own(session::FORGET_CODE);
        let mut results = line.send(&message).await?;
        let statements: Vec<String> = results
            .pop()
            .into_iter()
            .flat_map(|result| result.rows)
            .flatten()
            .flatten()
            .collect();
        if statements.is_empty() {
            return Ok(());
        }
        let mut message = line.message(None);
        message.own_all(&statements);
        line.send(&message).await.map(drop)
    }

    /// Sends settings of the session, and remembers which session of the server got them.
    async fn send_to_session(
        &mut self,
        line: &mut Line<'_, Postgres>,
        mut message: Message,
    ) -> Result<(), Fault> {
        message.own(session::OWN_SESSION);
        self.is_session_set = true;
        let results = line.send(&message).await?;
        self.set_in = results.last().and_then(|last| first_cell(&last.rows));
        Ok(())
    }

    /// Takes back what [`Conduct::open_alone`] set. A pooler in transaction mode may have given this connection another
    /// session of the server by now: then the session that has the settings is ended, if nobody works in it.
    async fn leave(&mut self, line: &mut Line<'_, Postgres>) -> Result<(), Fault> {
        if !std::mem::take(&mut self.is_session_set) {
            return Ok(());
        }
        let mut message = line.message(None);
        self.push_settings_end(line, &mut message);
        message.own(session::OWN_SESSION);
        let results = line.send(&message).await?;
        let now = results.last().and_then(|last| first_cell(&last.rows));
        if let Some(id) = self.set_in.take().filter(|id| now.as_ref() != Some(id)) {
            tracing::warn!(
                session = id,
                "a pooler in transaction mode gave a section's settings to another client: a statement that allows no \
                 transaction cannot have settings of its own there"
            );
            if let Some(end) = session::end_idle(&id) {
                line.query(&end).await?;
            }
        }
        Ok(())
    }
}

impl Conduct<Postgres> for PostgresConduct {
    const CHAINS_STEPS: bool = true;
    const NAMES_TABLE_LOCKS: bool = true;
    const BACK_TO_BODY: Option<&'static str> = Some("ROLLBACK TO SAVEPOINT limbeck_step");

    fn session_changed(&mut self) {
        self.saved = None;
    }

    fn session_lost(&mut self) {
        self.saved = None;
        self.is_session_set = false;
    }

    /// In a message of its own: a look that fails would abort the caller's transaction.
    async fn is_callers(&mut self, line: &mut Line<'_, Postgres>) -> Result<bool, Fault> {
        let rows = line.query(session::IS_INSIDE).await?;
        Ok(first_cell(&rows).as_deref() == Some("t"))
    }

    /// Elsewhere a step's own message ends all of them. On a lent connection they stand beside the caller's.
    fn leaves_traces(&self, line: &Line<'_, Postgres>, prepared: &Prepared) -> bool {
        line.session.is_lent() && (traces::is_wide(prepared) || traces::makes_temporary(prepared))
    }

    async fn note_traces(&mut self, line: &mut Line<'_, Postgres>) -> Result<(), Fault> {
        self.noted = Some(Self::traces(line).await?);
        Ok(())
    }

    async fn clear_traces(&mut self, line: &mut Line<'_, Postgres>) -> Result<(), Fault> {
        let Some(noted) = self.noted.take() else {
            return Ok(());
        };
        for _ in 0..UNLOCKS {
            let now = Self::traces(line).await?;
            let left: Vec<String> = now.difference(&noted).cloned().collect();
            if left.is_empty() {
                break;
            }
            // The cursors are first: one keeps its table from being dropped.
            line.send_each(&left).await;
        }
        Ok(())
    }

    async fn restore(&mut self, line: &mut Line<'_, Postgres>) -> Result<(), Fault> {
        self.clear_traces(line).await
    }

    fn lock(&self, line: &Line<'_, Postgres>) -> Option<String> {
        Some(match self.saved {
            None => session::try_lock_and_read_settings(&line.names, &line.server),
            Some(_) => session::try_lock(&line.names, &line.server),
        })
    }

    fn locked(&mut self, rows: &[TextRow]) {
        if self.saved.is_none() {
            self.changed_path = session::changed_path(rows);
            self.saved = Some(session::settings(rows));
        }
    }

    fn session_path(&self) -> Option<&str> {
        self.changed_path.as_deref()
    }

    /// The server's `MaxAllocSize`, which no setting changes (`src/include/utils/memutils.h`).
    async fn longest_message(
        &mut self,
        _: &mut Line<'_, Postgres>,
    ) -> Result<(usize, &'static str), Fault> {
        Ok((0x3fff_ffff, "the server's limit, which no setting changes"))
    }

    fn lock_holder(line: &Line<'_, Postgres>) -> Vec<String> {
        vec![session::lock_holder(&line.names, &line.server)]
    }

    fn push_body(
        &self,
        line: &Line<'_, Postgres>,
        message: &mut Message,
        step: usize,
        prepared: &Prepared,
        limits: Limits,
    ) {
        let statements = prepared.statements();
        let prepares = traces::prepares(prepared) && !line.session.is_lent();
        if prepares {
            // A body that goes back to its savepoint comes again, and no savepoint undoes a PREPARE.
            message.own(session::FORGET_STATEMENTS);
        }
        // Also where there are no statements: the record may wait.
        if !statements.is_empty() || !limits.is_single {
            message.own("SAVEPOINT limbeck_step");
        }
        message.own_all(&set_timeouts(DIALECT, None, prepared.statement_timeout));
        message.own_all(&set_timeouts(DIALECT, prepared.lock_timeout, None));
        let limits_ddl = !prepared.limits_locks_itself();
        let mut is_limited = false;
        for (statement, sql) in statements.iter().enumerate() {
            let wants_limit = limits_ddl && sql.is_ddl();
            if wants_limit != is_limited {
                match set_timeout(DIALECT, Timeout::Lock, limits.ddl_lock).filter(|_| wants_limit) {
                    Some(ours) => message.own(&ours),
                    None => message.unlimited(),
                }
                is_limited = wants_limit;
            }
            message.of_revision(&sql.text, Origin { step, statement });
        }
        if !statements.is_empty() && limits.is_single {
            // Thousands of savepoints open at once would each hold a lock of the server's.
            message.own("RELEASE SAVEPOINT limbeck_step");
        }
        // `ALL IMMEDIATE` holds for the rest of a transaction, and later steps of a single one may count on their triggers'
        // delay.
        if !limits.is_single || traces::makes_temporary(prepared) {
            if is_limited {
                message.unlimited();
            }
            message.own(session::FIRE_DEFERRED);
        }
        self.push_settings_end(line, message);
        Self::push_traces_end(line, message, traces::is_wide(prepared));
        if prepares {
            message.own(session::FORGET_STATEMENTS);
        }
    }

    /// The statements of a user's code bear no marker: the session's name shows whose they are. And behind a pooler this
    /// session may have prepared statements of that name from another client's code.
    async fn open_code(&mut self, line: &mut Line<'_, Postgres>, step: &Step) -> Result<(), Fault> {
        let mut message = line.message(Some(&step.revision));
        message.own(&session::show_run(&line.run.actor, &step.revision));
        Self::send_and_forget_code(line, message).await
    }

    async fn is_inside(&mut self, line: &mut Line<'_, Postgres>) -> Result<bool, Fault> {
        let asked = line.message_of(&session::holds_lock(&line.names, &line.server));
        let held = line.send(&asked).await?;
        Ok(held.first().is_some_and(|result| !result.rows.is_empty()))
    }

    async fn close_code(
        &mut self,
        line: &mut Line<'_, Postgres>,
        step: &Step,
    ) -> Result<(), Fault> {
        let mut message = line.message(Some(&step.revision));
        self.push_reset(line, &mut message);
        Self::push_traces_end(line, &mut message, true);
        Self::send_and_forget_code(line, message).await
    }

    /// `SET LOCAL` wants a transaction.
    fn open_check(
        &self,
        _: &Line<'_, Postgres>,
        message: &mut Message,
        check: &Check,
        is_inside: bool,
    ) {
        let limits = set_timeouts(DIALECT, check.lock_timeout, check.statement_timeout);
        if !is_inside && !limits.is_empty() {
            message.own("BEGIN");
        }
        message.own_all(&limits);
    }

    fn close_check(&self, message: &mut Message, _: Dialect, check: &Check, is_inside: bool) {
        match (check.is_limited(), is_inside) {
            (false, _) => {}
            (true, false) => message.commit(),
            (true, true) => {
                message.own("SET LOCAL lock_timeout TO DEFAULT");
                message.own("SET LOCAL statement_timeout TO DEFAULT");
            }
        }
    }

    async fn leave_section(
        &mut self,
        line: &mut Line<'_, Postgres>,
        _: &Prepared,
    ) -> Result<(), Fault> {
        self.computed.clear();
        self.leave(line).await
    }

    /// With a pool a watch on a second connection keeps `statement_timeout`, and `lock_timeout` would only break a
    /// `CONCURRENTLY`.
    async fn open_alone(
        &mut self,
        line: &mut Line<'_, Postgres>,
        prepared: &Prepared,
        number: usize,
    ) -> Result<(), Fault> {
        let mut message = line.message(Some(&prepared.step.revision));
        message.own_all(&line.bound.pin.in_session());
        if line.session.is_lent() {
            for timeout in prepared.timeouts(DIALECT) {
                message.own(&timeout.replace("SET LOCAL", "SET"));
            }
        }
        self.push_settings_before(&mut message, prepared, number);
        if message.len() == 0 {
            return Ok(());
        }
        self.send_to_session(line, message).await
    }

    async fn pin_session(&mut self, line: &mut Line<'_, Postgres>) -> Result<(), Fault> {
        if !line.bound.pin.is_set() {
            return Ok(());
        }
        let mut message = line.message(None);
        message.own_all(&line.bound.pin.in_session());
        self.send_to_session(line, message).await
    }

    async fn close_alone(&mut self, line: &mut Line<'_, Postgres>) -> Result<(), Fault> {
        self.leave(line).await
    }

    fn repeats_setting(&mut self) {
        self.is_session_set = true;
    }

    fn keep_setting(&mut self, prepared: &Prepared, number: usize, rows: &[TextRow]) -> bool {
        let Some(sql) = prepared
            .statements()
            .get(number)
            .filter(|sql| sql.is_setting())
        else {
            return true;
        };
        if Carried::new(DIALECT).repeats(sql.part()) {
            return true;
        }
        let Some(((name, is_local), value)) = carry::set_config(&sql.text).zip(first_cell(rows))
        else {
            return false;
        };
        let value = DIALECT.literal(&value);
        let text = format!("SELECT pg_catalog.set_config({name}, {value}, {is_local})");
        self.computed.insert(number, text);
        true
    }

    fn push_settings(&self, message: &mut Message, prepared: &Prepared, number: usize) {
        message.own_all(&prepared.timeouts(DIALECT));
        self.push_settings_before(message, prepared, number);
    }

    fn push_reset(&self, line: &Line<'_, Postgres>, message: &mut Message) {
        message.own(session::FIRE_DEFERRED);
        self.push_settings_end(line, message);
    }

    fn push_end(&self, line: &Line<'_, Postgres>, message: &mut Message, prepared: &Prepared) {
        self.push_reset(line, message);
        Self::push_traces_end(line, message, traces::is_wide(prepared));
        if traces::prepares(prepared) && !line.session.is_lent() {
            message.own(session::FORGET_STATEMENTS);
        }
    }

    /// A limit would only break DDL that shares no transaction (`CONCURRENTLY`).
    fn statement_limit(
        &self,
        _: Dialect,
        prepared: &Prepared,
        statement: &Sql,
        ddl_lock: Duration,
    ) -> Option<String> {
        let is_limited = statement.is_ddl()
            && statement.can_share_transaction(DIALECT)
            && !prepared.limits_locks_itself();
        set_timeout(DIALECT, Timeout::Lock, ddl_lock).filter(|_| is_limited)
    }

    /// A record in the same transaction is the fence; and a statement that shares none goes alone, since a message of two
    /// statements is one.
    fn is_fenced(_is_atomic: bool) -> bool {
        false
    }

    fn watched_limit(_: Dialect, limit: Option<Duration>, is_atomic: bool) -> Option<Duration> {
        limit.filter(|_| !is_atomic)
    }

    async fn cancel_of(
        &mut self,
        _: &mut Line<'_, Postgres>,
        beginning: &str,
    ) -> Result<Vec<String>, Fault> {
        Ok(vec![catalog::cancel_of(beginning)])
    }

    fn evidence(_: Dialect, kind: &Kind, _text: &str) -> Evidence {
        kind.ddl().map_or(Evidence::None, catalog::evidence)
    }

    /// Code that commits, and what PostgreSQL does in several transactions of its own.
    async fn may_have_left(
        &mut self,
        _: &mut Line<'_, Postgres>,
        statement: &Sql,
        failure: &Failure,
    ) -> Result<bool, Fault> {
        let text = statement.text.to_ascii_uppercase();
        let is_refused = || {
            let code = failure.code.as_deref().unwrap_or_default();
            // Syntax and names, the transaction's state, what is not supported.
            ["42", "25", "0A", "3F"]
                .iter()
                .any(|class| code.starts_with(class))
        };
        Ok(match statement.kind.class() {
            Class::Procedural if text.starts_with("DO") => {
                failure.is_inside && (text.contains("COMMIT") || text.contains("CALL"))
            }
            Class::Procedural => failure.is_inside && text.starts_with("CALL"),
            Class::Maintenance => !statement.kind.is_safe_to_repeat() && !is_refused(),
            Class::Ddl(ddl) => ddl.concurrently && ddl.verb == DdlVerb::Alter && !is_refused(),
            _ => false,
        })
    }

    fn table_blockers(line: &Line<'_, Postgres>) -> Vec<String> {
        vec![catalog::table_blockers(&line.names)]
    }

    fn blockers(_: Dialect, kind: &Kind) -> Vec<String> {
        let of_ddl = kind.ddl().and_then(catalog::blockers);
        of_ddl.into_iter().collect()
    }

    fn statement_of(_: Dialect, run: &str) -> Vec<String> {
        vec![catalog::statement_of(run)]
    }

    fn sessions_of(_: Dialect, run: &str) -> Option<String> {
        Some(catalog::end_sessions_of(run))
    }
}
