//! The standing of the database: at the targets, behind, ahead, elsewhere, or edited since.

use super::{Error, Run};
use crate::aim::Target;
use crate::backend::Source;
use crate::graph::RevisionId;
use crate::ledger::{Edited, Known};
use crate::plan::{self, Action, Plan};
use crate::settings::{OnAhead, OnDrift};
use crate::standing::{self, BeyondError, StandingError};

/// Where the database stands to the targets of an upgrade.
pub(crate) enum Decision {
    There,
    Ahead(Vec<RevisionId>),
    Behind(Box<Behind>),
    /// It is there, but a downgrade of this revision is under way.
    Leaving(RevisionId),
}

/// What an upgrade has to do.
pub(crate) struct Behind {
    /// All of it.
    pub whole: Plan,
    /// A step that another run began, which comes first: it blocks every other, on any branch.
    pub first: Option<Plan>,
}

impl<S: Source> Run<'_, S> {
    /// Where the database stands to the targets.
    pub(crate) async fn decide(&mut self, targets: &[Target]) -> Result<Decision, Error> {
        let unknown = self.unknown_applied();
        if !unknown.is_empty() {
            let mut heads = self.heads();
            heads.extend(unknown);
            let known = self.read_known().await?;
            self.check_edited(&known, &heads)?;
            let unknown = standing::beyond(self.migrations(), &known, &heads, targets).map_err(
                |e| match e {
                    BeyondError::Standing(error) => Error::from(error),
                    BeyondError::Target(error) => Error::from(error),
                },
            )?;
            return match self.settings().on_ahead {
                OnAhead::Proceed => Ok(Decision::Ahead(unknown)),
                OnAhead::Refuse => Err(StandingError::Ahead { unknown }.into()),
            };
        }
        self.check_drift().await?;
        let graph = self.migrations().graph();
        let plan = plan::upgrade(graph, &self.heads(), targets)?;
        let running = self.last_look().running.first();
        if plan.steps().is_empty() {
            let leaving = running.filter(|row| {
                row.action == Action::Downgrade && self.heads().contains(&row.revision)
            });
            return Ok(leaving.map_or(Decision::There, |row| {
                Decision::Leaving(row.revision.clone())
            }));
        }
        let begun = running.filter(|row| {
            row.action == Action::Upgrade
                && plan.steps().iter().any(|s| *s.revision == *row.revision)
        });
        let first = match begun {
            Some(row) => {
                let target = [Target::revision(row.revision.as_str())];
                Some(plan::upgrade(graph, &self.heads(), &target)?)
            }
            None => None,
        };
        Ok(Decision::Behind(Box::new(Behind { whole: plan, first })))
    }

    /// Applied revisions, running upgrades included, that this binary does not embed.
    pub(super) fn unknown_applied(&self) -> Vec<RevisionId> {
        let running = self
            .last_look()
            .running
            .iter()
            .filter(|row| row.action == Action::Upgrade)
            .map(|row| row.revision.clone());
        let mut unknown: Vec<RevisionId> = self
            .heads()
            .into_iter()
            .chain(running)
            .filter(|id| !self.migrations().graph().contains(id))
            .collect();
        unknown.sort();
        unknown.dedup();
        unknown
    }

    pub(crate) fn unknown_heads(&self) -> Vec<RevisionId> {
        self.heads()
            .into_iter()
            .filter(|id| !self.migrations().graph().contains(id))
            .collect()
    }

    /// Compares each head's lineage; only a mismatch reads the ledger, to name what differs.
    pub(super) async fn check_drift(&mut self) -> Result<(), Error> {
        if self.drifted_heads().is_empty() {
            return Ok(());
        }
        let heads = self.heads();
        let known = self.read_known().await?;
        self.check_edited(&known, &heads)?;
        self.steps.gate.record.stand_on(&known, &heads);
        Ok(())
    }

    pub(crate) fn drifted_heads(&self) -> Vec<RevisionId> {
        self.last_look()
            .heads
            .iter()
            .filter(
                |head| match (&head.lineage, self.migrations().lineage(&head.revision)) {
                    (Some(recorded), Some(embedded)) => recorded != embedded,
                    _ => false,
                },
            )
            .map(|head| head.revision.clone())
            .collect()
    }

    pub(super) fn check_edited(&self, known: &Known, heads: &[RevisionId]) -> Result<(), Error> {
        let edited = self.edited(known, heads);
        if edited.is_empty() {
            return Ok(());
        }
        match self.settings().on_drift {
            OnDrift::Refuse => Err(StandingError::Drift { edited }.into()),
            OnDrift::Warn => {
                for one in &edited {
                    tracing::warn!(
                        revision = %one.revision,
                        path = one.path,
                        recorded = %one.recorded,
                        embedded = %one.embedded,
                        "an applied revision was edited since"
                    );
                }
                Ok(())
            }
        }
    }

    pub(crate) fn edited(&self, known: &Known, heads: &[RevisionId]) -> Vec<Edited> {
        let graph = self.migrations().graph();
        let unknown = known.unknown(self.migrations(), heads);
        let applied = graph.ancestors(&unknown.stands_on);
        known.edited(self.migrations(), applied.iter().map(|id| &**id))
    }
}
