//! What SQLite keeps on a connection and no transaction undoes. The connection goes back to its pool, so
//! a migration's pragmas, attached files and temporary objects are taken back at the end of a run.

use std::time::Duration;

use super::transactional::UNKNOWN;
use super::{Run, RunError};
use crate::backend::Source;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::ledger::look;
use crate::prepare::Prepared;

/// The pragmas that are a connection's own and that a statement can read back. `query_only` goes first.
const KEPT: [&str; 16] = [
    "query_only",
    "foreign_keys",
    "legacy_alter_table",
    "recursive_triggers",
    "ignore_check_constraints",
    "read_uncommitted",
    "reverse_unordered_selects",
    "cell_size_check",
    "trusted_schema",
    "writable_schema",
    "automatic_index",
    "fullfsync",
    "checkpoint_fullfsync",
    "synchronous",
    "cache_size",
    "busy_timeout",
];

/// A connection as it was before the first step.
#[derive(Debug)]
pub(super) struct Kept {
    pragmas: Vec<Option<String>>,
    attached: Vec<String>,
    temporary: Vec<Vec<Option<String>>>,
}

/// The names of the databases, the main one's and the temporary one's included.
const ATTACHED: &str = "SELECT name FROM pragma_database_list";

/// Temporary objects: a table takes its indexes and triggers with it.
const TEMPORARY: &str = "SELECT type, name FROM temp.sqlite_master WHERE type IN ('table', 'view', 'trigger') \
     AND name NOT LIKE 'sqlite_%' ORDER BY CASE type WHEN 'trigger' THEN 0 WHEN 'view' THEN 1 ELSE 2 END";

impl<S: Source> Run<'_, S> {
    /// Lets the database end a statement after its time, where that is no setting of the session.
    pub(super) async fn limit_session(&mut self, limit: Option<Duration>) -> Result<(), Error> {
        let limited = self.session.limit(limit).await;
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

    /// SQLite: remembers the connection as it is, once in a run.
    pub(super) async fn remember_connection(&mut self) -> Result<(), Error> {
        if self.dialect() != Dialect::Sqlite || self.kept.is_some() {
            return Ok(());
        }
        let kept = self.read_connection().await?;
        let back = KEPT
            .iter()
            .zip(&kept.pragmas)
            .filter_map(|(name, value)| Some(set(name, value.as_deref()?)));
        self.session.begin_work();
        self.session.on_drop(back.collect::<Vec<_>>());
        self.kept = Some(kept);
        Ok(())
    }

    /// The statement that sets one of the remembered pragmas as it was.
    pub(super) fn kept_pragma(&self, name: &str) -> Option<String> {
        let index = KEPT.iter().position(|kept| *kept == name)?;
        let value = self.kept.as_ref()?.pragmas.get(index)?.as_deref()?;
        Some(set(name, value))
    }

    async fn read_connection(&mut self) -> Result<Kept, Error> {
        let mut message = self.message(None);
        for name in KEPT {
            message.own(&format!("PRAGMA {name}"));
        }
        message.own(ATTACHED);
        message.own(TEMPORARY);
        let results = self.send(&message).await;
        let mut results = results.map_err(|fault| {
            self.fault(
                "reading the connection's pragmas",
                "Nothing was changed",
                fault,
            )
        })?;
        let temporary = results.pop().unwrap_or_default().rows;
        let attached = results.pop().unwrap_or_default().rows;
        let first = |row: &Vec<Option<String>>| row.first().cloned().flatten();
        Ok(Kept {
            pragmas: results
                .iter()
                .map(|result| look::first_cell(&result.rows))
                .collect(),
            attached: attached.iter().filter_map(first).collect(),
            temporary,
        })
    }

    /// SQLite: makes the connection what it was. Outside any transaction: inside one, some pragmas do nothing.
    pub(super) async fn restore_connection(&mut self) {
        let Some(before) = self.kept.take() else {
            return;
        };
        let Ok(now) = self.read_connection().await else {
            return;
        };
        let dialect = self.dialect();
        let mut statements = Vec::new();
        for (index, name) in KEPT.iter().enumerate() {
            if let Some(value) = &before.pragmas[index]
                && now.pragmas[index].as_ref() != Some(value)
            {
                statements.push(set(name, value));
            }
        }
        // What a caller lends stays the caller's: there a temporary table may be meant.
        if self.source.pool().is_some() {
            for object in &now.temporary {
                if let [Some(kind), Some(name)] = object.as_slice()
                    && !before.temporary.contains(object)
                {
                    let name = dialect.ident(name);
                    statements.push(format!("DROP {kind} IF EXISTS temp.{name}"));
                }
            }
            for name in &now.attached {
                if name != "temp" && !before.attached.contains(name) {
                    statements.push(format!("DETACH {}", dialect.ident(name)));
                }
            }
        }
        for statement in statements {
            if let Err(fault) = self.query(&statement).await {
                tracing::warn!(
                    error = fault.failure.message,
                    statement,
                    "a connection goes back to its pool changed"
                );
            }
        }
        self.session.on_drop([]);
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
            let before = look::first_cell(&rows);
            restore.push(set(pragma, before.as_deref().unwrap_or("0")));
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
        Ok(())
    }
}

fn set(pragma: &str, value: &str) -> String {
    format!("PRAGMA {pragma} = {value}")
}
