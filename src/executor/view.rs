//! The view: the database as the last look saw it, and reading.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::{Error, RunError, Unfinished, UnfinishedReason};
use super::state::Aftermath;
use super::wait::Wait;
use super::wire::{ConductOf, Wire};
use crate::backend::{Backend as _, Class, Conduct as _, Fault, Source};
use crate::dialect::path::SearchPath;
use crate::dialect::repertoire::{Repertoire, beyond_ascii};
use crate::graph::RevisionId;
use crate::ledger::look::{self, HeadRow, Look, Tables, TextRow};
use crate::ledger::tables::{self, LAYOUT};
use crate::ledger::{Holder, Known, LedgerEntry, row, write};
use crate::migrations::Migrations;
use crate::plan::{Action, Step};
use crate::prepare;
use crate::report::Event;
use crate::standing::StandingError;

const LOOKING: &str = "looking at the heads";

/// The number of revisions that one statement asks the ledger about.
const ASKED: usize = 500;

/// The number of rows that are read with one that is known, and stand before it: at first and at most.
const NEIGHBOURS: i64 = 64;
const MOST_NEIGHBOURS: i64 = 4096;

/// The database as a run saw it last.
pub(super) struct View<'a, S: Source> {
    pub wire: Wire<'a, S>,
    pub look: Look,
    /// The path that the first look found, where a path decides.
    pub path: SearchPath,
    /// The part of the ledger that was read since.
    pub known: Option<Arc<Known>>,
}

impl<S: Source> View<'_, S> {
    /// The heads, sorted.
    pub(super) fn heads(&self) -> Vec<RevisionId> {
        self.look
            .heads
            .iter()
            .map(|head| head.revision.clone())
            .collect()
    }

    /// The unfinished row of a step.
    pub(super) fn find_running(&self, step: &Step) -> Option<&LedgerEntry> {
        self.look
            .running
            .iter()
            .find(|row| row.revision == *step.revision && row.action == step.action)
    }

    /// Looks, outside any transaction: one statement where limbeck's tables are all there.
    pub(super) async fn look(&mut self) -> Result<(), Error> {
        let is_first = self.wire.line.server.version.is_empty();
        if is_first && self.wire.pool().is_none() {
            self.refuse_callers_transaction().await?;
        }
        self.end_snapshot().await?;
        self.look_once().await?;
        if is_first && self.wire.line.server.autocommit_off {
            self.end_snapshot().await?;
            self.look_once().await?;
        }
        let probe = ConductOf::<S>::transaction_probe(self.wire.dialect());
        if let Some(probe) = probe.filter(|_| is_first && self.wire.pool().is_none()) {
            self.read(LOOKING, probe).await?;
        }
        Ok(())
    }

    /// Refuses a lent connection in a transaction of its caller's, which a look that fails would abort.
    async fn refuse_callers_transaction(&mut self) -> Result<(), Error> {
        let Wire { line, conduct, .. } = &mut self.wire;
        let is_callers = match line.session.is_begun() {
            true => Ok(true),
            false => conduct.is_callers(line).await,
        };
        match is_callers {
            Ok(false) => Ok(()),
            Ok(true) => Err(RunError::InTransaction.into()),
            Err(fault) if fault.class() == Class::FailedTransaction => {
                Err(RunError::InTransaction.into())
            }
            Err(fault) => Err(fault.into_error(LOOKING, Aftermath::unchanged())),
        }
    }

    /// Where `autocommit` is off, a pooled connection may be inside a transaction that an earlier look began, and would read
    /// again what that one saw.
    async fn end_snapshot(&mut self) -> Result<(), Error> {
        if self.wire.line.server.autocommit_off && self.wire.pool().is_some() {
            self.read(LOOKING, "ROLLBACK").await?;
        }
        Ok(())
    }

    async fn look_once(&mut self) -> Result<(), Error> {
        let mut wait = Wait::new(self.wire.settings.lock_wait);
        // A table may come between two of these queries; it does not go again.
        let mut attempts = 0;
        while attempts < 3 {
            attempts += 1;
            let full = look::full(&self.wire.line.names);
            let mut tables = Tables::ALL;
            let mut seen = self.send_look(&full).await;
            self.check_path()?;
            if std::mem::take(&mut self.path.has_temporary) {
                // A temporary table may have been taken for one of limbeck's: a qualified name never means one.
                continue;
            }
            if matches!(&seen, Err(fault) if fault.class() == Class::MissingTable) {
                let elsewhere;
                (tables, elsewhere) = self.find_tables().await?;
                if tables.complete() {
                    continue;
                }
                if let Some(other) = elsewhere.filter(|_| !tables.version) {
                    let names = &self.wire.line.names;
                    return Err(RunError::VersionTableElsewhere {
                        table: names.version_name().to_owned(),
                        current: names.schema().unwrap_or_default().into(),
                        other,
                    }
                    .into());
                }
                let partial = look::partial(&self.wire.line.names, tables);
                seen = self.wire.line.look_inside(&partial).await;
            }
            match seen {
                Ok(rows) => return self.absorb(look::read(&rows, tables)),
                Err(fault) => match fault.class() {
                    Class::MissingTable => {}
                    // A writer shuts readers out for a moment, or for a VACUUM; or another node's DDL ends what reads.
                    Class::LockTimeout | Class::Deadlock => {
                        self.pause_for_tables(&mut wait, fault, LOOKING).await?;
                        attempts = 0;
                    }
                    Class::FailedTransaction => return Err(RunError::InTransaction.into()),
                    _ => return Err(fault.into_error(LOOKING, Aftermath::unchanged())),
                },
            }
        }
        Err(RunError::NoSchema.into())
    }

    /// Sends a look. Until a schema is known its message pins the search path to the current one, and from then on all names are
    /// qualified with that.
    async fn send_look(&mut self, statement: &str) -> Result<Vec<TextRow>, Fault> {
        let line = &mut self.wire.line;
        let mut found = TextRow::new();
        let seen = line.look(statement, &mut found).await;
        if let Some(path) = SearchPath::read(&found) {
            line.names = line.names.clone().in_schema(path.current.as_deref());
            self.path = path;
        }
        seen
    }

    /// Refuses a path of which the current schema is not the first, unless a setting names the right one.
    fn check_path(&self) -> Result<(), Error> {
        let missing = self.path.missing();
        match (
            missing,
            &self.path.current,
            &self.wire.settings.version_schema,
        ) {
            (Some(missing), Some(current), None) => Err(RunError::MissingSchema {
                missing,
                current: current.clone(),
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// The rows of a statement that changes nothing.
    async fn read(&mut self, during: &str, statement: &str) -> Result<Vec<TextRow>, Error> {
        let rows = self.wire.line.look_inside(statement).await;
        rows.map_err(|fault| fault.into_error(during, Aftermath::unchanged()))
    }

    /// The rows of a statement that reads limbeck's tables, outside of any transaction. Locks of others are waited for.
    pub(super) async fn read_tables(
        &mut self,
        during: &str,
        statement: &str,
    ) -> Result<Vec<TextRow>, Error> {
        let mut wait = Wait::new(self.wire.settings.lock_wait);
        loop {
            match self.send_look(statement).await {
                Ok(rows) => return Ok(rows),
                Err(fault) if fault.class() == Class::LockTimeout => {
                    self.pause_for_tables(&mut wait, fault, during).await?;
                }
                Err(fault) => return Err(fault.into_error(during, Aftermath::unchanged())),
            }
        }
    }

    /// Which of limbeck's tables there are, by the catalog.
    pub(super) async fn existing_tables(&mut self) -> Result<Tables, Error> {
        Ok(self.find_tables().await?.0)
    }

    /// The same, and another schema of the search path that has a version table, unless a setting names the right one.
    async fn find_tables(&mut self) -> Result<(Tables, Option<String>), Error> {
        let others = match self.wire.settings.version_schema {
            None => self.path.others(),
            Some(_) => Vec::new(),
        };
        let found = tables::existing(&self.wire.line.names, &others);
        let found = self.read(LOOKING, &found).await?;
        let elsewhere = others.into_iter().find(|other| {
            found
                .iter()
                .any(|row| matches!(row.as_slice(), [None, Some(schema)] if schema == other))
        });
        let is_there = |name: &str| {
            found
                .iter()
                .any(|row| row.first().and_then(Option::as_deref) == Some(name))
        };
        let names = &self.wire.line.names;
        let tables = Tables {
            version: is_there(names.version_name()),
            history: is_there(names.history_name()),
            lock: is_there(&names.lock_name()),
        };
        Ok((tables, elsewhere))
    }

    /// Takes over what a look saw: heads and leases, and what the server said of the session.
    fn absorb(&mut self, mut look: Look) -> Result<(), Error> {
        let dialect = look.server.dialect(S::Database::FAMILY);
        let line = &mut self.wire.line;
        if !line.server.version.is_empty() {
            // The first look of a run says where the tables are: a `USE` of a migration moves them nowhere.
            look.server.schema = line.server.schema.clone();
        }
        if line.bound.pin.is_set() {
            look.server.role = line.server.role.clone();
        }
        let names = self.wire.settings.names(S::Database::FAMILY);
        line.names = names
            .with_dialect(dialect)
            .in_schema(look.server.schema.as_deref());
        if line.names.schema().is_none() {
            return Err(RunError::NoSchema.into());
        }
        // What a caller's own connection has begun, nobody can tell then.
        let may_be_inside = look.server.autocommit_off && self.wire.source.pool().is_none();
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
        self.wire.line.server = look.server.clone();
        self.look = look;
        self.known = None;
        Ok(())
    }

    /// Takes over a look from inside a transaction: the session's own facts stay those of the first look.
    pub(super) fn absorb_locked(&mut self, rows: &[TextRow]) -> Result<(), Error> {
        let mut look = look::read(rows, Tables::ALL);
        let now = std::mem::take(&mut look.server.now);
        look.server = self.wire.line.server.clone();
        look.server.now = now;
        look.server.in_transaction = false;
        self.absorb(look)
    }

    /// The whole ledger of this version table, oldest first; empty where there is none.
    pub(super) async fn read_ledger(&mut self) -> Result<Vec<LedgerEntry>, Error> {
        if !self.look.tables.history {
            return Ok(Vec::new());
        }
        let history = write::read_history(&self.wire.line.names);
        let rows = self.read_tables("reading the ledger", &history).await?;
        Ok(row::read(&row::HISTORY, &rows))
    }

    /// The last rows of a revision, the newest first.
    pub(super) async fn recent(&mut self, revision: &str) -> Result<Vec<LedgerEntry>, Fault> {
        let recent = write::recent(&self.wire.line.names, revision);
        let rows = self.wire.line.look_inside(&recent).await?;
        Ok(row::read(&row::RECENT, &rows))
    }

    /// The ledger's word on the revisions that stand between the heads and what the binary embeds, and of what it embeds
    /// where that is not proven by a digest: as much as a decision needs, however long the ledger is. Read once for a look.
    pub(super) async fn read_known(
        &mut self,
        migrations: &Migrations,
    ) -> Result<Arc<Known>, Error> {
        if let Some(known) = &self.known {
            return Ok(known.clone());
        }
        let mut known = Known::default();
        if self.look.tables.history {
            self.read_unknown(migrations, &mut known).await?;
        }
        let known = Arc::new(known);
        self.known = Some(known.clone());
        Ok(known)
    }

    async fn read_unknown(
        &mut self,
        migrations: &Migrations,
        known: &mut Known,
    ) -> Result<(), Error> {
        let running = self.look.running.iter();
        let running = running.filter(|row| row.action == Action::Upgrade);
        let mut heads = self.heads();
        heads.extend(running.map(|row| row.revision.clone()));
        let mut asked: BTreeSet<RevisionId> = BTreeSet::new();
        let (mut below, mut rows) = (i64::MAX, NEIGHBOURS);
        loop {
            let unknown = known.unknown(migrations, &heads);
            let mut wanted: Vec<RevisionId> = unknown.revisions.iter().cloned().collect();
            wanted.extend(unknown.stands_on.iter().cloned());
            wanted.retain(|id| !asked.contains(id));
            if wanted.is_empty() {
                let is_proven = |id: &RevisionId| known.is_proven(migrations, id);
                if unknown.stands_on.iter().all(is_proven) {
                    return Ok(());
                }
                let applied = migrations.graph().ancestors(&unknown.stands_on);
                let applied = applied.iter().cloned();
                wanted = applied.filter(|id| !asked.contains(id)).collect();
                return self.read_latest(&wanted, known).await;
            }
            // A long chain is not read link by link.
            let lowest = unknown.revisions.iter().filter_map(|id| known.get(id));
            let lowest = lowest.map(|row| row.id).min().filter(|id| *id < below);
            if let Some(id) = lowest {
                let range = id.saturating_sub(rows)..id;
                (below, rows) = (range.start, (rows * 4).min(MOST_NEIGHBOURS));
                let statement = write::latest_between(&self.wire.line.names, range);
                self.absorb_known(&statement, known).await?;
                asked.extend(known.revisions().map(RevisionId::from));
                wanted.retain(|id| !asked.contains(id));
            }
            self.read_latest(&wanted, known).await?;
            asked.extend(wanted);
        }
    }

    /// Adds the rows of these revisions.
    async fn read_latest(
        &mut self,
        revisions: &[RevisionId],
        known: &mut Known,
    ) -> Result<(), Error> {
        for chunk in revisions.chunks(ASKED) {
            let statement = write::latest(&self.wire.line.names, chunk);
            self.absorb_known(&statement, known).await?;
        }
        Ok(())
    }

    async fn absorb_known(&mut self, statement: &str, known: &mut Known) -> Result<(), Error> {
        let rows = self.read_tables("reading the ledger", statement).await?;
        known.extend(row::read(&row::KNOWN, &rows));
        Ok(())
    }

    /// Asks, once, which characters of the texts that this run may write the server has. Outside of any transaction.
    pub(super) async fn learn_repertoire(&mut self, migrations: &Migrations) -> Result<(), Error> {
        let line = &self.wire.line;
        if !line.server.lacks_characters() || line.bound.repertoire != Repertoire::All {
            return Ok(());
        }
        let dialect = line.dialect();
        let written = migrations.iter().flat_map(|revision| {
            let down = prepare::down_sql(revision, dialect);
            [revision.message(), down.unwrap_or_default()]
        });
        let actor = &line.run.actor;
        let own = [&*actor.host, &*actor.application];
        let mut asked = vec![beyond_ascii(written.chain(own))];
        let mut known = BTreeSet::new();
        while let Some(characters) = asked.pop() {
            if characters.is_empty() {
                continue;
            }
            let literal = dialect.literal(&characters.iter().collect::<String>());
            match self.wire.line.query(&format!("SELECT {literal}")).await {
                Ok(_) => known.extend(characters),
                Err(fault) if fault.class() == Class::LacksCharacter => {
                    let (left, right) = characters.split_at(characters.len() / 2);
                    if !left.is_empty() {
                        asked.extend([left.to_vec(), right.to_vec()]);
                    }
                }
                Err(fault) => {
                    let during = "asking for the characters of the database's encoding";
                    return Err(fault.into_error(during, Aftermath::unchanged()));
                }
            }
        }
        self.wire.line.bound.repertoire = Repertoire::of(known);
        Ok(())
    }

    /// The width of the version table's column, where it has one.
    pub(super) async fn version_width(&mut self) -> Result<Option<usize>, Error> {
        let width = tables::version_width(&self.wire.line.names);
        let rows = self.read("reading the version table's width", &width);
        Ok(look::first_cell(&rows.await?).and_then(|width| width.parse().ok()))
    }

    /// The rows of a query for another tool's table; none where there is no such table.
    pub(super) async fn foreign_rows(
        &mut self,
        query: &str,
    ) -> Result<Option<Vec<TextRow>>, Error> {
        match self.send_look(query).await {
            Ok(rows) => Ok(Some(rows)),
            Err(fault) if fault.class() == Class::MissingTable => Ok(None),
            Err(fault) => {
                let during = "reading the other tool's table";
                Err(fault.into_error(during, Aftermath::unchanged()))
            }
        }
    }

    /// Moves the heads of the view as a finished step moved those of the database.
    pub(super) fn move_heads(&mut self, step: &Step, lineage: impl Fn(&str) -> Option<String>) {
        self.known = None;
        let heads = &mut self.look.heads;
        heads.retain(|head| !step.removes.iter().any(|id| **id == *head.revision));
        for id in &step.adds {
            if !heads.iter().any(|head| *head.revision == **id) {
                heads.push(HeadRow {
                    revision: id.clone(),
                    lineage: lineage(id),
                });
            }
        }
        heads.sort_by(|a, b| a.revision.cmp(&b.revision));
        self.look.has_history = true;
    }

    /// Sleeps between two attempts at limbeck's own tables, which others have locked; ends the wait when its time is up.
    pub(super) async fn pause_for_tables(
        &mut self,
        wait: &mut Wait,
        mut fault: Fault,
        during: &str,
    ) -> Result<(), Error> {
        if !wait.is_told() || !ConductOf::<S>::NAMES_TABLE_LOCKS {
            return self.pause(wait).await;
        }
        fault.blockers = self.wire.table_blockers().await;
        let waited = wait.waited();
        self.wire.settings.tell(&Event::Waiting {
            holder: &fault.blockers.first().cloned().unwrap_or_default(),
            waited,
        });
        if wait.is_over() {
            return Err(fault.into_error(during, Aftermath::unchanged()));
        }
        wait.sleep().await;
        Ok(())
    }

    /// Sleeps between two attempts; ends the wait when its time is up.
    pub(super) async fn pause(&mut self, wait: &mut Wait) -> Result<(), Error> {
        if wait.is_told() {
            let mut holder = self.holder().await;
            if holder == Holder::default() {
                // Nobody has the lock: somebody has the tables.
                let blockers = self.wire.table_blockers().await;
                holder = blockers.into_iter().next().unwrap_or_default();
            }
            let waited = wait.waited();
            self.wire.settings.tell(&Event::Waiting {
                holder: &holder,
                waited,
            });
            if wait.is_over() {
                let holder = Box::new(holder);
                return Err(RunError::LockTimeout { waited, holder }.into());
            }
        }
        wait.sleep().await;
        Ok(())
    }

    /// Waits until nothing runs: no live lease and no step begun by another.
    pub(super) async fn wait_for_quiet(&mut self) -> Result<(), Error> {
        let mut wait = Wait::new(self.wire.settings.lock_wait);
        loop {
            self.look().await?;
            let lease = self.look.lease.as_ref();
            let free = lease.is_none_or(|lease| wait.is_free(lease));
            match self.look.running.first() {
                None if free => return Ok(()),
                Some(row) if free => {
                    return Err(Unfinished::error(row, UnfinishedReason::InTheWay));
                }
                _ => self.pause(&mut wait).await?,
            }
        }
    }

    /// The holder of the lock, as far as this session can see it; for events and errors, so it never fails.
    pub(super) async fn holder(&mut self) -> Holder {
        let held = self.look.lease.as_ref();
        let Some((lease, run)) = held.and_then(|lease| Some((lease, lease.holder.clone()?))) else {
            let queries = ConductOf::<S>::lock_holder(&self.wire.line);
            let holders = self.wire.holders(&queries).await;
            return holders.into_iter().next().unwrap_or_default();
        };
        let running = self.look.running.last();
        let mut holder = Holder {
            host: lease.host.clone(),
            pid: lease.pid,
            application: lease.application.clone(),
            session: lease.session.clone(),
            since: lease.since,
            revision: running.map(|row| row.revision.clone()),
            statement: running.and_then(|row| row.statement.clone()),
        };
        // Where a statement shares its transaction with its record, only the server shows it.
        if holder.statement.is_none() {
            let queries = ConductOf::<S>::statement_of(self.wire.dialect(), &run);
            if let Some(seen) = self.wire.holders(&queries).await.into_iter().next() {
                holder.revision = holder.revision.or(seen.revision);
                holder.statement = seen.statement;
            }
        }
        holder.masked()
    }
}
