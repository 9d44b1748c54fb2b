//! Answers about where the database stands, without a plan.

use super::{Decision, Error, Run};
use crate::aim::Target;
use crate::backend::Source;
use crate::graph::RevisionId;
use crate::ledger::Holder;
use crate::report::Outcome;
use crate::standing::StandingError;
use crate::status::{Refusal, Status};

impl<S: Source> Run<'_, S> {
    /// Tells whether this binary may serve on this database as it is.
    pub(crate) async fn stand(&mut self) -> Result<Outcome, Error> {
        self.look().await?;
        self.stand_here().await
    }

    /// The same, as the last look saw the database.
    async fn stand_here(&mut self) -> Result<Outcome, Error> {
        match self.decide(&[Target::heads()]).await? {
            Decision::There => Ok(Outcome::AlreadyThere),
            Decision::Ahead(unknown) => Ok(Outcome::Ahead { unknown }),
            Decision::Leaving(revision) => Err(StandingError::Behind {
                missing: vec![revision],
            }
            .into()),
            Decision::Behind(behind) => {
                let steps = behind.whole.steps().iter();
                let missing = steps.map(|step| step.revision.clone()).collect();
                Err(StandingError::Behind { missing }.into())
            }
        }
    }

    pub(crate) async fn status(&mut self) -> Result<Status, Error> {
        self.look().await?;
        let heads = self.heads();
        let mut status = self.plain_status(&heads);
        if !self.unknown_heads().is_empty() || !self.drifted_heads().is_empty() {
            let known = self.read_known().await?;
            status.drift = self.edited(&known, &heads);
            let unknown = known.unknown(self.migrations(), &heads);
            status.unknown = unknown.revisions.into_iter().collect();
            let applied = self.migrations().graph().ancestors(&unknown.stands_on);
            status.pending.retain(|id| !applied.contains(id));
        }
        status.refusal = match self.stand_here().await {
            Ok(_) => None,
            Err(Error::Standing(error)) => Some(Refusal::from(&error)),
            Err(error) => return Err(error),
        };
        let holder = self.holder().await;
        status.holder = (holder != Holder::default()).then_some(holder);
        Ok(status)
    }

    /// Where the database stands, and what its server speaks.
    #[cfg(feature = "autogenerate")]
    pub(crate) async fn status_and_dialect(
        &mut self,
    ) -> Result<(Status, crate::dialect::Dialect), Error> {
        let status = self.status().await?;
        Ok((status, self.steps.view().wire.dialect()))
    }

    fn plain_status(&self, heads: &[RevisionId]) -> Status {
        let graph = self.migrations().graph();
        let look = self.last_look();
        let applied = graph.ancestors(heads.iter().filter(|id| graph.contains(id)));
        Status {
            heads: graph.effective_heads(),
            current: heads.to_vec(),
            pending: graph
                .ids()
                .filter(|id| !applied.contains(id))
                .cloned()
                .collect(),
            unknown: self.unknown_heads(),
            drift: Vec::new(),
            unverified: look
                .heads
                .iter()
                .filter(|head| head.lineage.is_none() && graph.contains(&head.revision))
                .map(|head| head.revision.clone())
                .collect(),
            unfinished: look.running.first().cloned(),
            holder: None,
            refusal: None,
        }
    }
}
