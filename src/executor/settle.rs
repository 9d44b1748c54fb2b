//! Writing down what a person settled: an unfinished step's doubt, or an edit that is meant.

use super::error::RunError;
use super::lock::{Gate, Resuming};
use super::stepwise::chain;
use super::{Run, UnfinishedReason, lock};
use crate::backend::Source;
use crate::error::Error;
use crate::ledger::{LedgerEntry, Recorded, write};
use crate::plan::Action;
use crate::prepare::{self, transactional_ddl};
use crate::resolution::Resolution;
use crate::revision::{Checksum, Mode};

const SETTLING: &str = "recording the resolution";
const UNCHANGED: &str = "Nothing was changed";

impl<S: Source> Run<'_, S> {
    /// Settles an unfinished step, under the lock: a step that still runs is waited for.
    pub(crate) async fn settle(
        &mut self,
        revision: &str,
        resolution: Resolution,
    ) -> Result<(), Error> {
        self.look().await?;
        let Some(row) = self
            .look
            .running
            .iter()
            .find(|row| row.revision == revision)
            .cloned()
        else {
            return Err(nothing(revision));
        };
        let change = match resolution {
            Resolution::Abandoned => write::Settlement::Abandon,
            Resolution::NotApplied => write::Settlement::Redo,
            _ => write::Settlement::Done(self.digest_after(&row)?),
        };
        let statements = write::settle(&self.names, row.id, &change);
        let this = Resuming {
            revision: &row.revision,
            action: row.action.name(),
        };
        self.write_alone(Some(this), statements).await
    }

    /// The digest over a step's statements up to the one in doubt.
    fn digest_after(&self, row: &LedgerEntry) -> Result<String, Error> {
        let Some(number) = row.statement_running else {
            return Err(nothing(&row.revision));
        };
        let direction = prepare::section_kind(&row.action);
        let section = self
            .migrations
            .get(&row.revision)
            .and_then(|revision| revision.section(direction, self.dialect()));
        if section.is_some_and(|section| section.mode() == Mode::Rust) {
            // Code has no statements to tell an edit by.
            return Ok(String::new());
        }
        let count = usize::try_from(number).unwrap_or(usize::MAX);
        let statements = prepare::section_statements(
            self.migrations,
            &row.revision,
            &row.action,
            self.dialect(),
        )?;
        if count > statements.len() {
            return Err(lock::unfinished(row, UnfinishedReason::Edited));
        }
        Ok(chain(&statements[..count]))
    }

    /// Records an edited revision's checksum, and the lineage that the current heads now have.
    pub(crate) async fn accept(&mut self, revision: &str) -> Result<(), Error> {
        self.look().await?;
        let heads = self.heads();
        let known = self.read_known().await?;
        let edited = self.edited(&known, &heads);
        if !edited.iter().any(|one| one.revision == revision) {
            return Err(nothing(revision));
        }
        let graph = self.migrations.graph();
        let affected = graph.descendants([revision]);
        let mut rows: Vec<(String, Recorded<Checksum>, String)> = Vec::new();
        let mut lineages: std::collections::HashMap<String, String> =
            std::collections::HashMap::new();
        for id in affected.iter() {
            let embedded = || {
                let revision = self.migrations.get(id).expect("a member of the graph");
                (*revision.checksum()).into()
            };
            let checksum = match known.get(id).and_then(|entry| entry.checksum.clone()) {
                Some(recorded) if **id != *revision => recorded,
                _ => embedded(),
            };
            let parents = self.migrations.parents_of(id);
            let stored = |parent: &str| {
                lineages
                    .get(parent)
                    .cloned()
                    .or_else(|| known.get(parent)?.lineage.clone())
                    .or_else(|| self.migrations.lineage(parent).map(str::to_owned))
                    .unwrap_or_default()
            };
            let parents: Vec<String> = parents.iter().map(|parent| stored(parent)).collect();
            let lineage = crate::migrations::lineage(
                id,
                &checksum.to_string(),
                parents.iter().map(String::as_str).collect(),
            );
            if **id == *revision || heads.iter().any(|head| **head == **id) {
                rows.push((id.to_string(), checksum, lineage.clone()));
            }
            lineages.insert(id.to_string(), lineage);
        }
        let rows: Vec<LedgerEntry> = rows
            .iter()
            .map(|(id, checksum, lineage)| {
                let lineage = Some(lineage.clone());
                let row = prepare::ledger_row(
                    self.migrations,
                    self.dialect(),
                    id,
                    Action::Accept,
                    lineage,
                );
                LedgerEntry {
                    checksum: Some(checksum.clone()),
                    ..row
                }
            })
            .collect();
        let statements = write::insert_history(&self.names, &self.actor, &rows);
        // A half done downgrade may wait for just this, that its corrected file is accepted.
        let running = self.look.running.first().cloned();
        let this = running.as_ref().map(|row| Resuming {
            revision: &row.revision,
            action: row.action.name(),
        });
        self.write_alone(this, statements).await
    }

    async fn write_alone(
        &mut self,
        resuming: Option<Resuming<'_>>,
        statements: Vec<String>,
    ) -> Result<(), Error> {
        let expected = self.heads();
        let moved = |run: &Self| RunError::HeadsMoved {
            action: Action::Stamp,
            expected: expected.clone(),
            found: run.heads(),
        };
        let mut message = self.message(None);
        if transactional_ddl(self.dialect()) {
            if self.begin_locked(&expected, resuming).await? == Gate::Moved {
                return Err(moved(self).into());
            }
        } else {
            if !self.take_lease(&expected, resuming).await? {
                return Err(moved(self).into());
            }
            message.own("START TRANSACTION");
        }
        message.own_all(&statements);
        message.commit();
        match self.send_short(&message).await {
            Ok(_) => Ok(()),
            Err(fault) => {
                let _ = self.rollback().await;
                Err(self.fault(SETTLING, UNCHANGED, fault))
            }
        }
    }
}

fn nothing(revision: &str) -> Error {
    RunError::NothingToResolve {
        revision: revision.to_owned(),
    }
    .into()
}
