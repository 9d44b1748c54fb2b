//! The order of a plan's steps: what is refused before the first of them, and which run together.

use super::{Ran, Steps};
use crate::backend::{Conduct as _, Source};
use crate::executor::error::{Error, Unfinished, UnfinishedReason};
use crate::executor::state::Aftermath;
use crate::executor::wire::Wire;
use crate::plan::{Plan, Step};
use crate::prepare::{self, Prepared};
use crate::report::Event;

impl<S: Source> Steps<'_, S> {
    /// Refuses what cannot run, before the first write.
    pub(in crate::executor) async fn check_plan(
        &mut self,
        plan: &Plan,
    ) -> Result<Vec<Prepared>, Error> {
        let prepared = self.prepare(plan)?;
        self.refuse_traces(&prepared)?;
        self.check_size(&prepared).await?;
        self.check_width(plan.steps()).await?;
        Ok(prepared)
    }

    fn prepare(&self, plan: &Plan) -> Result<Vec<Prepared>, Error> {
        let registry = self.registry;
        let needs = prepare::Needs {
            dialect: self.gate.view.wire.dialect(),
            single_transaction: self.is_single(),
            has_code: &|revision, action| {
                registry.code.contains_key(&(revision.to_owned(), action))
            },
        };
        Ok(prepare::steps(
            self.gate.record.migrations,
            plan.steps(),
            &needs,
        )?)
    }

    /// Refuses ids that are too long for the version table.
    pub(in crate::executor) async fn check_width(&mut self, steps: &[Step]) -> Result<(), Error> {
        if self.gate.view.look.tables.version
            && prepare::needs_width(steps)
            && let Some(width) = self.view().version_width().await?
        {
            prepare::check_width(steps, width)?;
        }
        Ok(())
    }

    /// Runs the steps of a plan, which begins at the heads of the last look.
    pub(in crate::executor) async fn execute(&mut self, plan: &Plan) -> Result<Ran, Error> {
        let ran = self.run_plan(plan).await;
        if let Err(error) = &ran {
            // The message of an error shows the statement, and a log may be read by more people than the files.
            tracing::error!(
                revision = error.revision(),
                kind = error.kind(),
                place = error.place(),
                state = ?error.state(),
                "step failed"
            );
        }
        ran
    }

    async fn run_plan(&mut self, plan: &Plan) -> Result<Ran, Error> {
        let prepared = self.check_plan(plan).await?;
        self.tell(&Event::Planned {
            steps: plan.steps(),
        });
        if prepared
            .iter()
            .any(|step| matches!(step.work, prepare::Work::Code))
            && self.wire().use_uncached().await?
        {
            self.traces_of = None;
            self.gate.follow_session().await?;
        }
        self.remember_session().await?;
        let (dialect, single) = (self.gate.view.wire.dialect(), self.is_single());
        let mut rest = prepared.as_slice();
        while let Some(first) = rest.first() {
            self.renew_session().await?;
            let ran = if first.is_transactional(dialect) {
                if let Some(row) = self.gate.view.find_running(&first.step) {
                    return Err(Unfinished::error(row, UnfinishedReason::Converted));
                }
                // A switch that one step asks for must not reach its neighbours.
                let is_alike =
                    |step: &Prepared| single || step.foreign_keys_off == first.foreign_keys_off;
                let together = rest
                    .iter()
                    .take_while(|step| step.is_transactional(dialect) && is_alike(step))
                    .count();
                let (now, later) = rest.split_at(together);
                rest = later;
                self.run_transactional(now, rest.is_empty()).await?
            } else {
                rest = &rest[1..];
                let goes_on = rest
                    .first()
                    .is_some_and(|next| self.keeps_lease || !next.is_transactional(dialect));
                self.run_stepwise(first, !goes_on).await?
            };
            if ran == Ran::Moved {
                return Ok(Ran::Moved);
            }
        }
        self.gate.release_lease().await;
        Ok(Ran::All)
    }

    async fn remember_session(&mut self) -> Result<(), Error> {
        let Wire { line, conduct, .. } = self.wire();
        let remembered = conduct.remember(line).await;
        remembered.map_err(|fault| {
            let during = "reading the connection's pragmas";
            fault.into_error(during, Aftermath::unchanged())
        })
    }
}
