//! SQLite's conduct. A connection keeps pragmas, attached files and temporary objects that no transaction undoes; it goes
//! back to its pool, so that a run takes them back at its end.

use sqlx::Sqlite;

use crate::backend::{Conduct, Fault, Line};
use crate::dialect::Dialect;
use crate::ledger::look::first_cell;
use crate::prepare::Prepared;

const DIALECT: Dialect = Dialect::Sqlite;

/// The pragmas that belong to a connection and that a statement can read back. `query_only` goes first.
const PRAGMAS: [&str; 16] = [
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

/// The names of the databases, the main one's and the temporary one's included.
const ATTACHED: &str = "SELECT name FROM pragma_database_list";

/// Temporary objects: a table takes its indexes and triggers with it.
const TEMPORARY: &str = "SELECT type, name FROM temp.sqlite_master WHERE type IN ('table', 'view', 'trigger') \
     AND name NOT LIKE 'sqlite_%' ORDER BY CASE type WHEN 'trigger' THEN 0 WHEN 'view' THEN 1 ELSE 2 END";

/// The switches of a table rebuild.
const REBUILD: [(&str, &str); 2] = [("foreign_keys", "OFF"), ("legacy_alter_table", "ON")];

/// A run's connection.
#[derive(Debug, Default)]
pub struct SqliteConduct {
    /// The connection as it was before the first step.
    before: Option<Snapshot>,
    /// The statements that end the switches of a table rebuild.
    switched: Vec<String>,
}

/// A connection's pragmas, attached files and temporary objects.
#[derive(Debug)]
struct Snapshot {
    pragmas: Vec<Option<String>>,
    attached: Vec<String>,
    temporary: Vec<Vec<Option<String>>>,
}

impl Snapshot {
    async fn take(line: &mut Line<'_, Sqlite>) -> Result<Snapshot, Fault> {
        let mut message = line.message(None);
        for name in PRAGMAS {
            message.own(&format!("PRAGMA {name}"));
        }
        message.own(ATTACHED);
        message.own(TEMPORARY);
        let mut results = line.send(&message).await?;
        let temporary = results.pop().unwrap_or_default().rows;
        let attached = results.pop().unwrap_or_default().rows;
        let first = |row: Vec<Option<String>>| row.into_iter().next().flatten();
        Ok(Snapshot {
            pragmas: results
                .iter()
                .map(|result| first_cell(&result.rows))
                .collect(),
            attached: attached.into_iter().filter_map(first).collect(),
            temporary,
        })
    }

    /// The statements that set the pragmas as they are here.
    fn pragmas(&self) -> impl Iterator<Item = String> {
        let all = PRAGMAS.iter().zip(&self.pragmas);
        all.filter_map(|(name, value)| Some(set(name, value.as_deref()?)))
    }

    /// The statements that make of `now` what is here. Attached files and temporary objects of a lent connection are the
    /// caller's.
    fn since(&self, now: &Snapshot, is_lent: bool) -> Vec<String> {
        let mut statements: Vec<String> = PRAGMAS
            .iter()
            .zip(self.pragmas.iter().zip(&now.pragmas))
            .filter(|(_, (before, now))| before != now)
            .filter_map(|(name, (before, _))| Some(set(name, before.as_deref()?)))
            .collect();
        if is_lent {
            return statements;
        }
        for object in &now.temporary {
            if let [Some(kind), Some(name)] = object.as_slice()
                && !self.temporary.contains(object)
            {
                let name = DIALECT.ident(name);
                statements.push(format!("DROP {kind} IF EXISTS temp.{name}"));
            }
        }
        for name in &now.attached {
            if name != "temp" && !self.attached.contains(name) {
                statements.push(format!("DETACH {}", DIALECT.ident(name)));
            }
        }
        statements
    }
}

impl SqliteConduct {
    /// The statement that sets one of the remembered pragmas as it was.
    fn remembered(&self, name: &str) -> Option<String> {
        let index = PRAGMAS.iter().position(|pragma| *pragma == name)?;
        let value = self.before.as_ref()?.pragmas.get(index)?.as_deref()?;
        Some(set(name, value))
    }
}

impl Conduct<Sqlite> for SqliteConduct {
    const IS_BUSY_AT_COMMIT: bool = true;
    const RETRIES_DDL: bool = false;

    async fn remember(&mut self, line: &mut Line<'_, Sqlite>) -> Result<(), Fault> {
        if self.before.is_none() {
            let before = Snapshot::take(line).await?;
            line.session.begin_work();
            line.session.on_drop(before.pragmas());
            self.before = Some(before);
        }
        Ok(())
    }

    /// Outside of any transaction: inside one, some pragmas do nothing.
    async fn restore(&mut self, line: &mut Line<'_, Sqlite>) -> Result<(), Fault> {
        let Some(before) = self.before.take() else {
            return Ok(());
        };
        let now = Snapshot::take(line).await?;
        for statement in before.since(&now, line.session.is_lent()) {
            if let Err(fault) = line.query(&statement).await {
                tracing::warn!(
                    error = fault.failure.message,
                    statement,
                    "a connection goes back to its pool changed"
                );
            }
        }
        line.session.on_drop([]);
        Ok(())
    }

    /// A table rebuild needs switches that do nothing inside a transaction.
    async fn open_steps(
        &mut self,
        line: &mut Line<'_, Sqlite>,
        steps: &[Prepared],
    ) -> Result<(), Fault> {
        if !steps.iter().any(|step| step.foreign_keys_off) {
            return Ok(());
        }
        for (pragma, value) in REBUILD {
            let before = first_cell(&line.query(&format!("PRAGMA {pragma}")).await?);
            self.switched
                .push(set(pragma, before.as_deref().unwrap_or("0")));
            line.query(&set(pragma, value)).await?;
        }
        Ok(())
    }

    fn is_switched(&self) -> bool {
        !self.switched.is_empty()
    }

    async fn close_steps(&mut self, line: &mut Line<'_, Sqlite>) -> Result<(), Fault> {
        for statement in std::mem::take(&mut self.switched) {
            line.query(&statement).await?;
        }
        Ok(())
    }

    async fn set_timeouts(
        &mut self,
        line: &mut Line<'_, Sqlite>,
        prepared: &Prepared,
    ) -> Result<(), Fault> {
        if prepared.statement_timeout.is_some() {
            line.limit(prepared.statement_timeout).await?;
        }
        for statement in prepared.timeouts(DIALECT) {
            line.query(&statement).await?;
        }
        Ok(())
    }

    async fn leave_section(
        &mut self,
        line: &mut Line<'_, Sqlite>,
        prepared: &Prepared,
    ) -> Result<(), Fault> {
        if prepared.statement_timeout.is_some() {
            let _ = line.limit(None).await;
        }
        if prepared.lock_timeout.is_some() {
            let back: Vec<String> = self.remembered("busy_timeout").into_iter().collect();
            line.send_each(&back).await;
        }
        Ok(())
    }

    /// A record in the same transaction is the fence.
    fn is_fenced(is_atomic: bool) -> bool {
        !is_atomic
    }
}

fn set(pragma: &str, value: &str) -> String {
    format!("PRAGMA {pragma} = {value}")
}
