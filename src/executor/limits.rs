//! A section's time-outs and its own settings, and the session as it was before it.
//!
//! PostgreSQL may be behind a pooler in transaction mode, where a setting outside of a transaction is some
//! other client's a moment later. There each transaction of a section begins with the section's time-outs and
//! with what its earlier statements set, and ends with all of it reset. Only a statement that allows no
//! transaction (`CREATE INDEX CONCURRENTLY`) gets them in the session, right before it and until right after.

use super::message::{Message, Origin};
use super::{Fault, Run, RunError};
use crate::backend::Source;
use crate::dialect::Dialect;
use crate::dialect::session::{self, Timeout};
use crate::error::Error;
use crate::ledger::look;
use crate::prepare::{Prepared, Sql, Work};

impl<S: Source> Run<'_, S> {
    /// DDL waits for table locks at most `lock_timeout`; other statements as long as the session says. The
    /// section's own word, or a SET of its own, goes before.
    pub(super) fn limits_of(&self, prepared: &Prepared, statement: &Sql) -> Vec<String> {
        let dialect = self.dialect();
        let sets_itself = || prepared.statements().iter().any(Sql::sets_lock_timeout);
        if dialect == Dialect::Sqlite || prepared.lock_timeout.is_some() || sets_itself() {
            return Vec::new();
        }
        if !statement.is_ddl() {
            let mysql = dialect.is_mysql_family();
            return mysql
                .then(session::mysql_end_lock_limit)
                .into_iter()
                .collect();
        }
        // Where PostgreSQL's DDL shares no transaction (CONCURRENTLY), a limit would only break it.
        if dialect == Dialect::Postgres && !statement.can_share_transaction(dialect) {
            return Vec::new();
        }
        session::set_timeout(dialect, Timeout::Lock, self.settings.lock_timeout)
            .into_iter()
            .collect()
    }

    /// The section's time-outs, where the session has settings for them. On PostgreSQL for one transaction.
    fn timeouts(&self, prepared: &Prepared) -> Vec<String> {
        [
            (Timeout::Lock, prepared.lock_timeout),
            (Timeout::Statement, prepared.statement_timeout),
        ]
        .into_iter()
        .filter_map(|(timeout, value)| session::set_timeout(self.dialect(), timeout, value?))
        .collect()
    }

    /// PostgreSQL: what the statements before the `number`th set in the session, and it still has.
    fn push_settings_before(message: &mut Message, prepared: &Prepared, number: usize) {
        let before = &prepared.statements()[..number];
        let from = before
            .iter()
            .rposition(|statement| {
                statement
                    .text
                    .to_ascii_uppercase()
                    .starts_with("DISCARD ALL")
            })
            .map_or(0, |index| index + 1);
        let settings = before.iter().enumerate().skip(from);
        for (number, statement) in settings.filter(|(_, statement)| statement.is_setting()) {
            let origin = Origin {
                step: 0,
                statement: number,
            };
            message.of_revision(&statement.text, origin);
        }
    }

    /// PostgreSQL: the section's settings, at the beginning of a transaction of its own.
    pub(super) fn push_settings(&self, message: &mut Message, prepared: &Prepared, number: usize) {
        if self.dialect() != Dialect::Postgres {
            return;
        }
        message.own_all(&self.timeouts(prepared));
        Self::push_settings_before(message, prepared, number);
    }

    /// PostgreSQL: the session as it was before the section; inside a transaction the end of it too.
    pub(super) fn push_reset(&self, message: &mut Message) {
        if self.dialect() == Dialect::Postgres {
            message.own_all(&session::restore(
                self.server.role.as_deref(),
                self.saved.as_deref().unwrap_or_default(),
            ));
        }
    }

    /// PostgreSQL: the section's settings in the session, for a statement that allows no transaction.
    pub(super) async fn enter_session(
        &mut self,
        prepared: &Prepared,
        number: usize,
    ) -> Result<(), Error> {
        if self.dialect() != Dialect::Postgres {
            return Ok(());
        }
        let mut message = self.message(Some(&prepared.step.revision));
        // With a pool statement_timeout is kept by a watch beside it, and lock_timeout would only break a
        // CONCURRENTLY.
        let timeouts = self.timeouts(prepared).into_iter();
        for timeout in timeouts.filter(|_| self.source.pool().is_none()) {
            message.own(&timeout.replace("SET LOCAL", "SET"));
        }
        Self::push_settings_before(&mut message, prepared, number);
        if message.len() == 0 {
            return Ok(());
        }
        message.own(session::OWN_SESSION);
        self.is_session_set = true;
        match self.send(&message).await {
            Ok(results) => {
                self.set_in = results.last().and_then(|last| look::first_cell(&last.rows));
                Ok(())
            }
            Err(fault) => Err(self.replay_failed(prepared, &message, fault)),
        }
    }

    /// PostgreSQL: takes back what [`Run::enter_session`] set. A pooler in transaction mode may have given this
    /// connection another session of the server by now: then the one that has the settings is ended, if nobody works
    /// in it.
    pub(super) async fn leave_session(&mut self) -> Result<(), Fault> {
        if !std::mem::take(&mut self.is_session_set) {
            return Ok(());
        }
        let mut message = self.message(None);
        self.push_reset(&mut message);
        message.own(session::OWN_SESSION);
        let results = self.send(&message).await?;
        let now = results.last().and_then(|last| look::first_cell(&last.rows));
        let elsewhere = self.set_in.take().filter(|id| now.as_ref() != Some(id));
        if let Some(id) = elsewhere {
            tracing::warn!(
                session = id,
                "a pooler in transaction mode gave a section's settings to another client: a statement that allows no \
                 transaction cannot have settings of its own there"
            );
            if let Some(end) = session::end_idle(&id) {
                self.query(&end).await?;
            }
        }
        Ok(())
    }

    /// SQLite, MySQL, and code everywhere: the section's time-outs, in the session.
    pub(super) async fn set_timeouts(&mut self, prepared: &Prepared) -> Result<(), Error> {
        let dialect = self.dialect();
        if dialect == Dialect::Postgres && !matches!(prepared.work, Work::Code) {
            return Ok(());
        }
        if let Some(limit) = prepared.statement_timeout
            && dialect == Dialect::Sqlite
        {
            let limited = self.session.limit(Some(limit)).await;
            limited.map_err(|source| RunError::Connection {
                during: "setting statement_timeout".to_owned(),
                state: "Nothing of the step was run".to_owned(),
                source,
            })?;
        }
        for statement in self.timeouts(prepared) {
            // Outside a transaction the setting is the session's.
            let statement = statement.replace("SET LOCAL", "SET");
            self.is_session_set |= dialect == Dialect::Postgres;
            let set = self.query(&statement).await;
            set.map_err(|fault| {
                self.fault("setting a time-out", "Nothing of the step was run", fault)
            })?;
        }
        Ok(())
    }

    /// Ends what the section set in the session. Best effort: a pooled connection is closed afterwards.
    pub(super) async fn restore_session(&mut self, prepared: &Prepared) {
        let statements = match self.dialect() {
            Dialect::Postgres => {
                self.is_session_set |= matches!(prepared.work, Work::Code);
                if let Err(fault) = self.leave_session().await {
                    tracing::debug!(
                        error = fault.failure.message,
                        "the session could not be restored"
                    );
                }
                return;
            }
            Dialect::Mysql | Dialect::Mariadb => session::mysql_leave(self.dialect(), &self.server),
            Dialect::Sqlite => {
                if prepared.statement_timeout.is_some() {
                    let _ = self.session.limit(None).await;
                }
                let is_limited = prepared.lock_timeout.is_some();
                self.kept_pragma("busy_timeout")
                    .filter(|_| is_limited)
                    .into_iter()
                    .collect()
            }
        };
        // One message, unless something in it fails: what stands behind that is sent again.
        let mut left = &statements[..];
        while !left.is_empty() {
            let mut message = self.message(None);
            message.own_all(left);
            let Err(fault) = self.send(&message).await else {
                return;
            };
            tracing::debug!(
                error = fault.failure.message,
                "a setting could not be restored"
            );
            left = left.get(fault.completed + 1..).unwrap_or_default();
        }
    }
}
