//! SQLite's switches, which no transaction holds: what a table rebuild needs, and the end of a statement.

use std::time::Duration;

use super::transactional::UNKNOWN;
use super::{Run, RunError};
use crate::backend::{Backend as _, Source};
use crate::error::Error;
use crate::prepare::Prepared;

impl<S: Source> Run<'_, S> {
    /// Lets the database end a statement after its time, where that is no setting of the session.
    pub(super) async fn limit_session(&mut self, limit: Option<Duration>) -> Result<(), Error> {
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
    pub(super) async fn switch_foreign_keys_off(
        &mut self,
        steps: &[Prepared],
    ) -> Result<Vec<String>, Error> {
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

    pub(super) async fn restore_pragmas(&mut self, restore: Vec<String>) -> Result<(), Error> {
        for statement in restore {
            let restored = self.query(&statement).await;
            restored
                .map_err(|fault| self.fault("restoring a pragma", "The step has ended", fault))?;
        }
        self.session.on_drop([]);
        Ok(())
    }
}
