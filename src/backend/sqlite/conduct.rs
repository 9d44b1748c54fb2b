//! SQLite's conduct. A connection keeps pragmas, attached files and temporary objects that no transaction undoes: they are
//! taken back behind each section that may have made some, and at the end of a run, since the connection goes back to its
//! pool.

use std::sync::Arc;

use sqlx::Sqlite;

use super::traces;
use crate::backend::session::Undo;
use crate::backend::{Conduct, Fault, Line, Message, StatementResult};
use crate::dialect::Dialect;
use crate::ledger::look::first_cell;
use crate::prepare::Prepared;

const DIALECT: Dialect = Dialect::Sqlite;

/// The pragmas that belong to a connection and that a statement can read back. `query_only` goes first. Those of the process
/// (heap limits, folders) and of the file stand elsewhere.
const PRAGMAS: [&str; 31] = [
    "query_only",
    "foreign_keys",
    "defer_foreign_keys",
    "legacy_alter_table",
    "recursive_triggers",
    "ignore_check_constraints",
    "read_uncommitted",
    "reverse_unordered_selects",
    "cell_size_check",
    "trusted_schema",
    "writable_schema",
    "automatic_index",
    "full_column_names",
    "short_column_names",
    "count_changes",
    "empty_result_callbacks",
    "fullfsync",
    "checkpoint_fullfsync",
    "synchronous",
    "locking_mode",
    "secure_delete",
    "temp_store",
    "cache_size",
    "cache_spill",
    "mmap_size",
    "max_page_count",
    "journal_size_limit",
    "wal_autocheckpoint",
    "analysis_limit",
    "threads",
    "busy_timeout",
];

/// Belongs to the connection unless it is WAL, which is the file's.
const JOURNAL_MODE: &str = "journal_mode";

/// No pragma tells: one where `LIKE` takes capital letters for small ones.
const LIKE: &str = "SELECT 'a' LIKE 'A'";

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
    before: Option<Arc<Snapshot>>,
    /// The statements that end the switches of a table rebuild.
    switched: Vec<String>,
}

/// A connection's pragmas, attached files and temporary objects.
#[derive(Debug)]
struct Snapshot {
    pragmas: Vec<Option<String>>,
    journal_mode: Option<String>,
    like: Option<String>,
    attached: Vec<String>,
    temporary: Vec<Vec<Option<String>>>,
}

impl Snapshot {
    /// The statements that [`Snapshot::read`] reads.
    fn look(line: &Line<'_, Sqlite>) -> Message {
        let mut message = line.message(None);
        for name in PRAGMAS {
            message.own(&format!("PRAGMA {name}"));
        }
        message.own(&format!("PRAGMA {JOURNAL_MODE}"));
        message.own(LIKE);
        message.own(ATTACHED);
        message.own(TEMPORARY);
        message
    }

    async fn take(line: &mut Line<'_, Sqlite>) -> Result<Snapshot, Fault> {
        let look = Snapshot::look(line);
        line.send(&look).await.map(Snapshot::read)
    }

    fn read(mut results: Vec<StatementResult>) -> Snapshot {
        let temporary = results.pop().unwrap_or_default().rows;
        let attached = results.pop().unwrap_or_default().rows;
        let like = results.pop().unwrap_or_default().rows;
        let journal_mode = results.pop().unwrap_or_default().rows;
        let first = |row: Vec<Option<String>>| row.into_iter().next().flatten();
        Snapshot {
            pragmas: results
                .iter()
                .map(|result| first_cell(&result.rows))
                .collect(),
            journal_mode: first_cell(&journal_mode),
            like: first_cell(&like),
            attached: attached.into_iter().filter_map(first).collect(),
            temporary,
        }
    }

    /// The statements that set the pragmas as they are here.
    fn pragmas(&self) -> impl Iterator<Item = String> {
        let all = PRAGMAS.iter().zip(&self.pragmas);
        all.filter_map(|(name, value)| Some(set(name, value.as_deref()?)))
    }

    /// The statement that makes `LIKE` what it is here.
    fn like(&self) -> Option<String> {
        let is_sensitive = self.like.as_deref()? == "0";
        Some(set(
            "case_sensitive_like",
            if is_sensitive { "1" } else { "0" },
        ))
    }

    /// The statements that make of a session what is here; of one that does not tell what it has, as much as they can.
    fn way_back(&self, now: Option<Snapshot>) -> Vec<String> {
        match now {
            Some(now) => self.since(&now),
            None => self.pragmas().chain(self.like()).collect(),
        }
    }

    /// The statements that make of `now` what is here. What a lent connection had before is its caller's.
    fn since(&self, now: &Snapshot) -> Vec<String> {
        let mut statements: Vec<String> = PRAGMAS
            .iter()
            .zip(self.pragmas.iter().zip(&now.pragmas))
            .filter(|(_, (before, now))| before != now)
            .filter_map(|(name, (before, _))| Some(set(name, before.as_deref()?)))
            .collect();
        if self.like != now.like {
            statements.extend(self.like());
        }
        let is_wal = |mode: &Option<String>| mode.as_deref() == Some("wal");
        if self.journal_mode != now.journal_mode
            && !is_wal(&self.journal_mode)
            && !is_wal(&now.journal_mode)
            && let Some(mode) = &self.journal_mode
        {
            statements.push(set(JOURNAL_MODE, mode));
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

    fn leaves_traces(&self, _: &Line<'_, Sqlite>, prepared: &Prepared) -> bool {
        traces::leaves(prepared)
    }

    async fn clear_traces(&mut self, line: &mut Line<'_, Sqlite>) -> Result<(), Fault> {
        let Some(before) = &self.before else {
            return Ok(());
        };
        let now = Snapshot::take(line).await?;
        for statement in before.since(&now) {
            line.query(&statement).await?;
        }
        if !self.switched.is_empty() {
            for (pragma, value) in REBUILD {
                line.query(&set(pragma, value)).await?;
            }
        }
        Ok(())
    }

    async fn remember(&mut self, line: &mut Line<'_, Sqlite>) -> Result<(), Fault> {
        if self.before.is_none() {
            let before = Arc::new(Snapshot::take(line).await?);
            line.session.begin_work();
            let (look, known) = (Snapshot::look(line), before.clone());
            line.session.on_drop(Some(Undo {
                look,
                statements: Box::new(move |now| known.way_back(now.map(Snapshot::read))),
            }));
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
        for statement in before.since(&now) {
            if let Err(fault) = line.query(&statement).await {
                tracing::warn!(
                    error = fault.failure.message,
                    statement,
                    "a connection goes back to its pool changed"
                );
            }
        }
        line.session.on_drop(None);
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

    /// The default of `SQLITE_MAX_SQL_LENGTH` (<https://sqlite.org/limits.html>).
    async fn longest_message(
        &mut self,
        _: &mut Line<'_, Sqlite>,
    ) -> Result<(usize, &'static str), Fault> {
        Ok((1_000_000_000, "SQLITE_MAX_SQL_LENGTH"))
    }

    /// A record in the same transaction is the fence.
    fn is_fenced(is_atomic: bool) -> bool {
        !is_atomic
    }
}

fn set(pragma: &str, value: &str) -> String {
    // It reads as 2 and is set by its name.
    let value = match (pragma, value) {
        ("secure_delete", "2") => "fast",
        _ => value,
    };
    format!("PRAGMA {pragma} = {value}")
}
