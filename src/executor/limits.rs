//! A section's time-outs, and the session as it was before it.

use super::{Run, RunError};
use crate::backend::Source;
use crate::dialect::Dialect;
use crate::dialect::session::{self, Timeout};
use crate::error::Error;
use crate::prepare::{Prepared, Sql};

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

    pub(super) async fn set_timeouts(&mut self, prepared: &Prepared) -> Result<(), Error> {
        let dialect = self.dialect();
        for (timeout, value) in [
            (Timeout::Lock, prepared.lock_timeout),
            (Timeout::Statement, prepared.statement_timeout),
        ] {
            let Some(value) = value else { continue };
            if dialect == Dialect::Sqlite && timeout == Timeout::Statement {
                let limited = self.session.limit(Some(value)).await;
                limited.map_err(|source| RunError::Connection {
                    during: "setting statement_timeout".to_owned(),
                    state: "Nothing of the step was run".to_owned(),
                    source,
                })?;
                continue;
            }
            let Some(statement) = session::set_timeout(dialect, timeout, value) else {
                continue;
            };
            // Outside a transaction the setting is the session's.
            let statement = statement.replace("SET LOCAL", "SET");
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
            Dialect::Postgres => session::restore(
                self.server.role.as_deref(),
                self.saved.as_deref().unwrap_or_default(),
            ),
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
        for statement in statements {
            if let Err(fault) = self.query(&statement).await {
                tracing::debug!(
                    error = fault.failure.message,
                    "a setting could not be restored"
                );
            }
        }
    }
}
