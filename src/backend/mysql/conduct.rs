//! The conduct of MySQL and MariaDB: a lease in place of the transaction lock, a fence before each statement, the server's
//! own `sql_mode` and time zone for a section, and on Galera reads after all that other nodes have committed. The differences
//! between the two stand in `dialect::mysql`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::MySql;

use super::engines::{self, Word};
use super::{catalog, session, traces};
use crate::backend::{Conduct, Evidence, Failure, Fault, Line, Message};
use crate::dialect::session::{Timeout, set_timeout, set_timeouts};
use crate::dialect::{Dialect, mysql};
use crate::ledger::look::first_cell;
use crate::prepare::{Check, Prepared, Sql};
use crate::sql::{Class, DdlVerb, InTransaction, Kind, ObjectKind, carry};

/// The number of names that one statement asks about.
const CHUNK: usize = 50;

/// The number of statements that are looked at together at first.
const WINDOW: usize = 64;

/// How much later than the second connection MySQL itself ends a `SELECT`.
const BEHIND: Duration = Duration::from_secs(2);

/// The smallest default of `max_allowed_packet`.
const PACKET: usize = 1024 * 1024;

/// A run's session.
#[derive(Debug, Default)]
pub struct MySqlConduct {
    /// Names that lead to no table without transactions.
    harmless: BTreeSet<Word>,
    /// Galera: the value of `wsrep_sync_wait` before this run set it.
    sync_wait: Option<String>,
    /// The session has the settings of a run.
    is_run_set: bool,
    /// The session's transactions read only, but for this run.
    was_read_only: bool,
    /// The longest message that the server takes.
    packet: Option<usize>,
    /// MariaDB: the session refuses to change a row that somebody else changed since its transaction's first read, as the
    /// heartbeat does with the lease's.
    is_snapshot_isolated: bool,
    /// A trigger, view or routine has to do with variables.
    has_stateful_code: bool,
    /// The number of the session and the name of its server, once they were asked for.
    session: Option<(u64, String)>,
}

impl MySqlConduct {
    /// Tells whether all tables behind these statements' names know transactions, through triggers, views and routines.
    async fn are_harmless(
        &mut self,
        line: &mut Line<'_, MySql>,
        statements: &[Sql],
    ) -> Result<bool, Fault> {
        let mut asked: BTreeSet<Word> = BTreeSet::new();
        let mut names = BTreeSet::new();
        for statement in statements {
            names.append(&mut engines::words(&statement.text));
        }
        loop {
            names.retain(|name| !self.harmless.contains(name) && !asked.contains(name));
            if names.is_empty() {
                break;
            }
            let mut behind = BTreeSet::new();
            let all: Vec<Word> = names.iter().cloned().collect();
            for chunk in all.chunks(CHUNK) {
                let query = engines::behind(line.dialect(), &chunk.iter().cloned().collect());
                for row in line.look_inside(&query).await? {
                    match row.as_slice() {
                        [Some(kind), ..] if kind == "engine" => return Ok(false),
                        [_, Some(code)] => {
                            self.has_stateful_code |= code.contains('@');
                            behind.extend(engines::words(code));
                        }
                        _ => {}
                    }
                }
            }
            asked.append(&mut names);
            names = behind;
        }
        self.harmless.append(&mut asked);
        Ok(true)
    }
}

/// Tells whether a statement commits nothing by itself and depends on nothing that only its own message would have.
fn joins_unit(statement: &Sql) -> bool {
    let is_allowed = statement.kind.in_transaction() == InTransaction::Allowed;
    match statement.kind.class() {
        // `DO` among them.
        Class::Dml | Class::Query | Class::Procedural | Class::Savepoint => is_allowed,
        // `USE` decides which tables the names behind it mean.
        Class::Session => is_allowed && !["USE", "KILL"].iter().any(|word| statement.begins(word)),
        Class::Ddl(ddl) => {
            let is_table = ddl.temporary && ddl.object == ObjectKind::Table;
            is_table && matches!(ddl.verb, DdlVerb::Create | DdlVerb::Drop)
        }
        _ => false,
    }
}

/// The value of the session's own limit. MySQL's is for `SELECT` alone, and a `SLEEP` that it ends looks as if it had slept:
/// where a second connection ends every statement, it stands behind that one.
fn setting(line: &Line<'_, MySql>, limit: Option<Duration>) -> Option<Duration> {
    let is_watched = line.dialect() == Dialect::Mysql && !line.session.is_lent();
    limit.map(|limit| if is_watched { limit + BEHIND } else { limit })
}

impl Conduct<MySql> for MySqlConduct {
    const MARKS_STATEMENTS: bool = true;
    const RETRIES_DEADLOCKS: bool = true;
    const RENEWS_SESSION: bool = true;
    const NAMES_TABLE_LOCKS: bool = true;

    fn transaction_probe(dialect: Dialect) -> Option<&'static str> {
        mysql::transaction_probe(dialect)
    }

    /// A `COMMIT` of limbeck's ends the transaction and nothing else, whatever the session's defaults are. And a node of a
    /// Galera cluster may not have applied yet what another one has committed: from here on this session reads after all
    /// that came before.
    async fn begin_run(&mut self, line: &mut Line<'_, MySql>) -> Result<(), Fault> {
        if self.is_run_set {
            return Ok(());
        }
        let mut message = line.message_of(session::BEGIN_RUN);
        message.own(&session::cluster(line.dialect()));
        let cluster = line.send(&message).await?.pop().unwrap_or_default().rows;
        let value = |name: &str| {
            let mut rows = cluster.iter();
            let row =
                rows.find(|row| matches!(&row[..], [Some(n), ..] if n.eq_ignore_ascii_case(name)));
            row.and_then(|row| row.get(1).cloned().flatten())
        };
        self.is_run_set = true;
        self.packet = value("max_allowed_packet").and_then(|bytes| bytes.parse().ok());
        self.is_snapshot_isolated =
            value("innodb_snapshot_isolation").is_some_and(|value| value == "ON");
        let is_on = |name: &str| value(name).is_some_and(|value| value == "ON" || value == "1");
        if is_on("tx_read_only") || is_on("transaction_read_only") {
            line.query(session::WRITES).await?;
            self.was_read_only = true;
        }
        if value("wsrep_on").is_some_and(|on| on == "ON") {
            line.query(&session::sync_wait("7")).await?;
            self.sync_wait = value("wsrep_sync_wait");
        }
        Ok(())
    }

    async fn end_run(&mut self, line: &mut Line<'_, MySql>) -> Result<(), Fault> {
        if !std::mem::take(&mut self.is_run_set) {
            return Ok(());
        }
        if let Some(before) = self.sync_wait.take() {
            let _ = line.query(&session::sync_wait(&before)).await;
        }
        if std::mem::take(&mut self.is_snapshot_isolated) {
            let _ = line.query(session::ISOLATE).await;
        }
        if std::mem::take(&mut self.was_read_only) {
            let _ = line.query(session::END_WRITES).await;
        }
        line.query(session::END_RUN).await.map(drop)
    }

    fn session_changed(&mut self) {
        self.is_run_set = false;
        self.session = None;
        // A temporary table may have hidden another one.
        self.harmless.clear();
    }

    fn session_lost(&mut self) {
        self.session_changed();
    }

    fn leaves_traces(&self, line: &Line<'_, MySql>, prepared: &Prepared) -> bool {
        traces::leaves(line.dialect(), prepared)
    }

    fn open_check(&self, line: &Line<'_, MySql>, message: &mut Message, check: &Check, _: bool) {
        let limit = setting(line, check.statement_timeout);
        message.own_all(&set_timeouts(line.dialect(), check.lock_timeout, limit));
    }

    fn close_check(&self, message: &mut Message, dialect: Dialect, check: &Check, _: bool) {
        if check.is_limited() {
            message.own_all(&mysql::end_limits(dialect));
        }
    }

    async fn enter_section(&mut self, line: &mut Line<'_, MySql>) -> Result<(), Fault> {
        line.query(&mysql::enter(line.dialect())).await.map(drop)
    }

    async fn set_timeouts(
        &mut self,
        line: &mut Line<'_, MySql>,
        prepared: &Prepared,
    ) -> Result<(), Fault> {
        let unset = Self::watched_limit(line.dialect(), prepared.statement_timeout, true);
        if unset.is_some() && line.session.is_lent() {
            tracing::warn!(
                revision = %prepared.step.revision,
                "statement_timeout= ends a SELECT only: MySQL has no such setting for other statements, and there is no \
                 second connection beside a lent one that could end them"
            );
        }
        let limit = setting(line, prepared.statement_timeout);
        for statement in set_timeouts(line.dialect(), prepared.lock_timeout, limit) {
            line.query(&statement).await?;
        }
        Ok(())
    }

    async fn leave_section(
        &mut self,
        line: &mut Line<'_, MySql>,
        _: &Prepared,
    ) -> Result<(), Fault> {
        let leave = mysql::leave(line.dialect(), &line.server);
        line.send_each(&leave).await;
        Ok(())
    }

    fn statement_limit(
        &self,
        dialect: Dialect,
        prepared: &Prepared,
        statement: &Sql,
        ddl_lock: Duration,
    ) -> Option<String> {
        if prepared.limits_locks_itself() {
            None
        } else if statement.is_ddl() {
            set_timeout(dialect, Timeout::Lock, ddl_lock)
        } else {
            Some(mysql::END_LOCK_LIMIT.to_owned())
        }
    }

    async fn take_session(&mut self, line: &mut Line<'_, MySql>) -> Result<bool, Fault> {
        let mut message = line.message_of(session::IS_USED);
        message.own(session::USE);
        let results = line.send(&message).await?;
        let used = results.first().and_then(|result| first_cell(&result.rows));
        Ok(used.is_some())
    }

    /// The author's statements have the isolation that the session had, and the record after them has not.
    fn push_settings(&self, message: &mut Message, _: &Prepared, _: usize) {
        if self.is_snapshot_isolated {
            message.own(session::ISOLATE);
        }
    }

    fn push_reset(&self, _: &Line<'_, MySql>, message: &mut Message) {
        if self.is_snapshot_isolated {
            message.own(session::END_ISOLATION);
        }
    }

    fn push_end(&self, line: &Line<'_, MySql>, message: &mut Message, _: &Prepared) {
        self.push_reset(line, message);
    }

    async fn open_alone(
        &mut self,
        line: &mut Line<'_, MySql>,
        _: &Prepared,
        _: usize,
    ) -> Result<(), Fault> {
        if self.is_snapshot_isolated {
            line.query(session::ISOLATE).await?;
        }
        Ok(())
    }

    async fn unit(
        &mut self,
        line: &mut Line<'_, MySql>,
        statements: &[Sql],
    ) -> Result<usize, Fault> {
        let mut length = 0;
        let mut window = WINDOW;
        loop {
            let rest = statements[length..].iter().take(window);
            let next = rest.take_while(|sql| joins_unit(sql)).count();
            if !self
                .are_harmless(line, &statements[length..length + next])
                .await?
            {
                break;
            }
            length += next;
            if next < window {
                return Ok(length);
            }
            window *= 4;
        }
        // A statement among these writes a table without transactions.
        while let Some(statement) = statements.get(length)
            && self.is_harmless(line, statement).await?
        {
            length += 1;
        }
        Ok(length)
    }

    /// Variables and `LAST_INSERT_ID()` keep what a statement gave them before it was rolled back.
    fn is_stateless(&self, dialect: Dialect, statements: &[Sql]) -> bool {
        let mut all = statements.iter();
        !self.has_stateful_code && all.all(|sql| carry::is_stateless(dialect, sql.part()))
    }

    async fn longest_message(
        &mut self,
        line: &mut Line<'_, MySql>,
    ) -> Result<(usize, &'static str), Fault> {
        let packet = first_cell(&line.query(session::PACKET).await?);
        let packet = packet.and_then(|bytes| bytes.parse().ok());
        Ok((packet.unwrap_or(usize::MAX), "max_allowed_packet"))
    }

    fn message_limit(&self) -> usize {
        self.packet.unwrap_or(PACKET)
    }

    fn is_fenced(_is_atomic: bool) -> bool {
        true
    }

    /// The engines of a statement's tables decide: rows of a table without transactions stay when the record is rolled back.
    async fn is_atomic(
        &mut self,
        line: &mut Line<'_, MySql>,
        statement: &Sql,
    ) -> Result<bool, Fault> {
        if !statement.can_share_transaction(line.dialect()) {
            // It may change what a name stands for.
            self.harmless.clear();
            return Ok(false);
        }
        self.is_harmless(line, statement).await
    }

    async fn is_harmless(
        &mut self,
        line: &mut Line<'_, MySql>,
        statement: &Sql,
    ) -> Result<bool, Fault> {
        self.are_harmless(line, std::slice::from_ref(statement))
            .await
    }

    fn evidence(dialect: Dialect, kind: &Kind, text: &str) -> Evidence {
        let of_ddl = |ddl| catalog::evidence(dialect, ddl, text);
        kind.ddl().map_or(Evidence::None, of_ddl)
    }

    fn lasting(cell: &str) -> Cow<'_, str> {
        catalog::without_counter(cell).into()
    }

    async fn may_have_left(
        &mut self,
        line: &mut Line<'_, MySql>,
        statement: &Sql,
        failure: &Failure,
    ) -> Result<bool, Fault> {
        let is_divisible = match statement.kind.class() {
            // Its tables know no transactions, or it would not stand alone.
            Class::Dml | Class::Procedural => true,
            Class::Other => statement.kind.in_transaction() == InTransaction::Unknown,
            Class::Ddl(ddl) => catalog::is_divisible(ddl),
            _ => false,
        };
        let code = failure.code.as_deref().unwrap_or_default();
        if !is_divisible || catalog::names_callee(statement, failure, &line.server) {
            return Ok(false);
        }
        // To prepare a statement is to read it and to look for what it names, and not to run it.
        let mut message = line.message(None);
        message.own_all(&session::prepare(line.dialect(), &statement.text));
        let Err(refused) = line.send(&message).await else {
            return Ok(true);
        };
        let is_same = refused.completed == 1
            && refused.failure.code.as_deref() == Some(code)
            // What a syntax error quotes goes to the end of its message.
            && (code == "1064" || refused.failure.message == failure.message);
        Ok(!is_same)
    }

    /// MySQL's own limit is for `SELECT`. MariaDB's ends everything, but tries once, and between two statements of a routine
    /// that is lost.
    fn watched_limit(
        dialect: Dialect,
        limit: Option<Duration>,
        is_atomic: bool,
    ) -> Option<Duration> {
        limit.filter(|_| dialect == Dialect::Mysql || !is_atomic)
    }

    /// By the session's number: inside of a CALL the server's list of sessions shows the routine's own statements.
    async fn cancel_of(
        &mut self,
        line: &mut Line<'_, MySql>,
        _: &str,
    ) -> Result<Vec<String>, Fault> {
        if self.session.is_none() {
            let rows = line.query(&session::own_session(line.dialect())).await?;
            self.session = rows.into_iter().next().and_then(|row| {
                let mut cells = row.into_iter().flatten();
                Some((cells.next()?.parse().ok()?, cells.next()?))
            });
        }
        let ending = self
            .session
            .as_ref()
            .map(|(session, server)| session::end_statement(line.dialect(), *session, server));
        Ok(ending.unwrap_or_default())
    }

    fn table_blockers(line: &Line<'_, MySql>) -> Vec<String> {
        catalog::table_blockers(line.dialect())
    }

    fn blockers(dialect: Dialect, kind: &Kind) -> Vec<String> {
        let of_ddl = kind.ddl().map(|_| catalog::blockers(dialect));
        of_ddl.unwrap_or_default()
    }

    fn statement_of(dialect: Dialect, run: &str) -> Vec<String> {
        vec![catalog::statement_of(dialect, run)]
    }

    fn sessions_of(dialect: Dialect, run: &str) -> Option<String> {
        Some(catalog::sessions_of(dialect, run))
    }

    fn kill(session: &str) -> Option<String> {
        session::kill(session)
    }

    async fn end_recorded_session(
        &mut self,
        line: &mut Line<'_, MySql>,
        epoch: i64,
    ) -> Result<bool, Fault> {
        let query = catalog::recorded_session(&line.names, epoch);
        let found = line.query(&query).await.unwrap_or_default();
        let Some([Some(id), Some(age)]) = found.first().map(Vec::as_slice) else {
            return Ok(true);
        };
        let uptime = line
            .query(&session::uptime(line.dialect()))
            .await
            .unwrap_or_default();
        let uptime = uptime
            .first()
            .and_then(|row| row.get(1)?.as_deref()?.parse::<i64>().ok());
        // To a second: a session as old as the server may be another's.
        let is_recorded = uptime
            .zip(age.parse::<i64>().ok())
            .is_some_and(|(uptime, age)| uptime > age + 1);
        let Some(kill) = session::kill(id).filter(|_| is_recorded) else {
            return Ok(true);
        };
        // A lent connection in a unit has no heartbeat beside it: its transaction holds the row, and so the lease.
        let probe = line.message_of(&catalog::lease_probe(&line.names));
        let is_at_work = line.send(&probe).await;
        if is_at_work.is_err_and(|fault| catalog::is_locked(&fault.failure)) {
            return Ok(false);
        }
        tracing::warn!(
            session = id,
            "ending the session of a holder whose lease has expired"
        );
        if let Err(fault) = line.query(&kill).await {
            // Not this role's to end: its statements are fenced, and its locks are waited for.
            tracing::warn!(
                error = fault.failure.message,
                "it cannot be ended by this role"
            );
            return Ok(true);
        }
        Ok(false)
    }
}
