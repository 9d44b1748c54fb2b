//! Reading: what the database says of itself.

use super::lock::Wait;
use super::{Fault, Run};
use crate::backend::{Backend as _, Class, Source};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::executor::error::RunError;
use crate::ledger::look::{self, Look, Tables, TextRow};
use crate::ledger::tables::{self, LAYOUT};
use crate::ledger::write;
use crate::ledger::{self, Known, LedgerEntry};
use crate::standing::StandingError;

const LOOKING: &str = "looking at the heads";
const UNCHANGED: &str = "Nothing was changed";

impl<S: Source> Run<'_, S> {
    /// Looks, outside any transaction: one statement where limbeck's tables are all there.
    pub(crate) async fn look(&mut self) -> Result<(), Error> {
        let is_first = self.server.version.is_empty();
        self.end_snapshot().await?;
        self.look_once().await?;
        if is_first && self.server.autocommit_off {
            self.end_snapshot().await?;
            self.look_once().await?;
        }
        // MySQL has no variable that tells, but refuses this inside a transaction.
        if is_first && self.source.pool().is_none() && self.dialect() == Dialect::Mysql {
            let asked = self.query("SET TRANSACTION READ WRITE").await;
            asked.map_err(|fault| self.fault(LOOKING, UNCHANGED, fault))?;
        }
        Ok(())
    }

    /// MySQL, where `autocommit` is off: a pooled connection may be inside a transaction that an earlier look began, and
    /// would read again what that one saw.
    async fn end_snapshot(&mut self) -> Result<(), Error> {
        if !self.server.autocommit_off || self.source.pool().is_none() {
            return Ok(());
        }
        let ended = self.query("ROLLBACK").await;
        ended
            .map(drop)
            .map_err(|fault| self.fault(LOOKING, UNCHANGED, fault))
    }

    async fn look_once(&mut self) -> Result<(), Error> {
        let mut wait = Wait::new(self.settings.lock_wait);
        // A table may come between two of these queries; it does not go again.
        let mut attempts = 0;
        while attempts < 3 {
            attempts += 1;
            match self.query(&look::full(&self.names)).await {
                Ok(rows) => {
                    return self.absorb(look::read(S::Database::FAMILY, &rows, Tables::ALL));
                }
                Err(fault) if fault.failure.class == Class::MissingTable => {}
                // SQLite, where a writer shuts readers out for a moment, or for a VACUUM; a cluster, where another
                // node's DDL ends what reads.
                Err(fault)
                    if matches!(fault.failure.class, Class::LockTimeout | Class::Deadlock) =>
                {
                    self.pause(&mut wait).await?;
                    attempts = 0;
                    continue;
                }
                // PostgreSQL, inside a transaction that has failed.
                Err(fault) if fault.failure.code.as_deref() == Some("25P02") => {
                    return Err(RunError::InTransaction.into());
                }
                Err(fault) => return Err(self.fault(LOOKING, UNCHANGED, fault)),
            }
            let tables = self.existing_tables().await?;
            if tables.complete() {
                continue;
            }
            let rows = self.query(&look::partial(&self.names, tables)).await;
            let rows = rows.map_err(|fault| self.fault(LOOKING, UNCHANGED, fault))?;
            return self.absorb(look::read(S::Database::FAMILY, &rows, tables));
        }
        Err(RunError::NoSchema.into())
    }

    /// Which of limbeck's tables there are, by the catalog.
    pub(super) async fn existing_tables(&mut self) -> Result<Tables, Error> {
        let found = self.query(&tables::existing(&self.names)).await;
        let found = found.map_err(|fault| self.fault(LOOKING, UNCHANGED, fault))?;
        let is_there = |name: &str| {
            found
                .iter()
                .any(|row| row.first().and_then(Option::as_deref) == Some(name))
        };
        Ok(Tables {
            version: is_there(self.names.version_name()),
            history: is_there(self.names.history_name()),
            lock: is_there(&self.names.lock_name()),
        })
    }

    /// Takes over what a look saw: heads and leases, and what the server said of the session.
    pub(super) fn absorb(&mut self, mut look: Look) -> Result<(), Error> {
        let dialect = look.server.dialect(S::Database::FAMILY);
        let names = self
            .settings
            .names(S::Database::FAMILY)
            .with_dialect(dialect);
        if !self.server.version.is_empty() {
            // The first look of a run says where the tables are: a `USE` of a migration moves them nowhere.
            look.server.schema = self.server.schema.clone();
        }
        self.names = names.in_schema(look.server.schema.as_deref());
        if self.names.schema().is_none() {
            return Err(RunError::NoSchema.into());
        }
        // What a caller's own connection has begun, nobody can tell then.
        let may_be_inside = look.server.autocommit_off && self.source.pool().is_none();
        if look.server.in_transaction || may_be_inside {
            return Err(RunError::InTransaction.into());
        }
        if let Some(lease) = look.lease.as_ref().filter(|lease| lease.layout > LAYOUT) {
            return Err(StandingError::NewerLayout {
                found: lease.layout,
                known: LAYOUT,
            }
            .into());
        }
        self.server = look.server.clone();
        self.look = look;
        Ok(())
    }

    /// One statement's rows.
    pub(super) async fn query(&mut self, statement: &str) -> Result<Vec<TextRow>, Fault> {
        let mut message = self.message(None);
        // A limit of its own goes before a server's `sql_select_limit`.
        let is_limited = !self.dialect().is_mysql_family()
            || !statement.starts_with("SELECT")
            || statement
                .rsplit_once(" LIMIT ")
                .is_some_and(|(_, end)| end.parse::<u64>().is_ok());
        if is_limited {
            message.own(statement);
        } else {
            message.own(&format!("{statement}\nLIMIT 18446744073709551615"));
        }
        let mut results = self.send(&message).await?;
        Ok(results.pop().map(|result| result.rows).unwrap_or_default())
    }

    /// The whole ledger of this version table, oldest first; empty where there is none.
    pub(crate) async fn read_ledger(&mut self) -> Result<Vec<LedgerEntry>, Error> {
        if !self.look.tables.history {
            return Ok(Vec::new());
        }
        let rows = self.query(&write::read_history(&self.names)).await;
        let rows = rows.map_err(|fault| self.fault("reading the ledger", UNCHANGED, fault))?;
        Ok(ledger::read(self.dialect(), &rows))
    }

    pub(crate) async fn read_known(&mut self) -> Result<Known, Error> {
        Ok(Known::new(self.read_ledger().await?))
    }

    /// The width of the version table's column, where it has one.
    pub(super) async fn version_width(&mut self) -> Result<Option<usize>, Error> {
        let rows = self.query(&tables::version_width(&self.names)).await;
        let rows = rows
            .map_err(|fault| self.fault("reading the version table's width", UNCHANGED, fault))?;
        Ok(look::first_cell(&rows).and_then(|width| width.parse().ok()))
    }
}
