//! Answers of a person: to an unfinished step's doubt, or to an edit that is meant.

use super::Run;
use super::error::{Error, RunError, Unfinished, UnfinishedReason};
use super::gate::{Passage, Resuming};
use super::state::Aftermath;
use super::step::chain;
use crate::backend::{Message, Source};
use crate::ledger::{LedgerEntry, Recorded, write};
use crate::plan::Action;
use crate::prepare::{self, transactional_ddl};
use crate::resolution::Resolution;
use crate::revision::{Checksum, Mode};

const SETTLING: &str = "recording the resolution";

impl<S: Source> Run<'_, S> {
    /// Settles an unfinished step, under the lock: a step that still runs is waited for.
    pub(crate) async fn settle(
        &mut self,
        revision: &str,
        resolution: Resolution,
    ) -> Result<(), Error> {
        self.look().await?;
        let Some(row) = self
            .last_look()
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
        let names = &self.steps.gate.view.wire.line.names;
        let statements = write::settle(names, row.id, &change);
        let mut message = self.open_alone(Some(Resuming::row(&row))).await?;
        // Another call may have settled it while this one waited.
        let mut running = self.last_look().running.iter();
        if !running.any(|now| now.id == row.id) {
            self.steps.wire().rollback().await?;
            return Err(nothing(revision));
        }
        message.write_all(&statements);
        self.close_alone(message).await
    }

    /// The digest over a step's statements up to the one in doubt.
    fn digest_after(&self, row: &LedgerEntry) -> Result<String, Error> {
        let Some(number) = row.statement_running else {
            return Err(nothing(&row.revision));
        };
        let direction = prepare::section_kind(&row.action);
        let dialect = self.steps.gate.view.wire.dialect();
        let section = self
            .migrations()
            .get(&row.revision)
            .and_then(|revision| revision.section(direction, dialect));
        if section.is_some_and(|section| section.mode() == Mode::Rust) {
            // Code has no statements to tell an edit by.
            return Ok(String::new());
        }
        let count = usize::try_from(number).unwrap_or(usize::MAX);
        let statements =
            prepare::section_statements(self.migrations(), &row.revision, &row.action, dialect)?;
        if count > statements.len() {
            return Err(Unfinished::error(row, UnfinishedReason::Edited));
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
        let graph = self.migrations().graph();
        let affected = graph.descendants([revision]);
        let mut rows: Vec<(String, Recorded<Checksum>, String)> = Vec::new();
        let mut lineages: std::collections::HashMap<String, String> =
            std::collections::HashMap::new();
        for id in affected.iter() {
            let embedded = || {
                let revision = self.migrations().get(id).expect("a member of the graph");
                (*revision.checksum()).into()
            };
            let checksum = match known.get(id).and_then(|entry| entry.checksum.clone()) {
                Some(recorded) if **id != *revision => recorded,
                _ => embedded(),
            };
            let parents = self.migrations().parents_of(id);
            let stored = |parent: &str| {
                lineages
                    .get(parent)
                    .cloned()
                    .or_else(|| known.get(parent)?.lineage.clone())
                    .or_else(|| self.migrations().lineage(parent).map(str::to_owned))
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
        let line = &self.steps.gate.view.wire.line;
        let rows: Vec<LedgerEntry> = rows
            .iter()
            .map(|(id, checksum, lineage)| {
                let lineage = Some(lineage.clone());
                let row = prepare::ledger_row(
                    self.migrations(),
                    line.dialect(),
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
        let statements = write::insert_history(&line.names, &line.run.actor, &rows).concat();
        // A half done downgrade may wait for just this, that its corrected file is accepted.
        let running = self.last_look().running.first().cloned();
        let this = running.as_ref().map(Resuming::row);
        let mut message = self.open_alone(this).await?;
        message.write_all(&statements);
        self.close_alone(message).await
    }

    /// Takes the lock; gives the message that goes on with its transaction, or begins one under the lease.
    async fn open_alone(&mut self, resuming: Option<Resuming<'_>>) -> Result<Message, Error> {
        let expected = self.heads();
        let wire = self.steps.wire();
        let is_leased = !transactional_ddl(wire.dialect());
        let mut message = wire.line.message(None);
        let passage = if is_leased {
            message.own(wire.begin());
            self.steps.gate.take_lease(&expected, resuming).await?
        } else {
            self.steps.gate.enter(&expected, resuming).await?
        };
        message.bound();
        match passage {
            Passage::Open => Ok(message),
            Passage::Moved => Err(self.heads_moved(Action::Stamp, expected)),
        }
    }

    async fn close_alone(&mut self, mut message: Message) -> Result<(), Error> {
        message.commit();
        let wire = self.steps.wire();
        let Err(fault) = wire.send_short(&message).await else {
            return Ok(());
        };
        let fault = wire.blocked(fault).await;
        let _ = wire.rollback().await;
        Err(fault.into_error(SETTLING, Aftermath::unchanged()))
    }
}

fn nothing(revision: &str) -> Error {
    RunError::NothingToResolve {
        revision: revision.into(),
    }
    .into()
}
