//! Sessions between steps: each revision starts from the session as the pool gave it.

use super::Steps;
use crate::backend::{Conduct as _, Source};
use crate::executor::error::Error;
use crate::executor::state::Aftermath;
use crate::executor::wire::{ConductOf, Wire};
use crate::prepare::{Prepared, RefusedError};

impl<S: Source> Steps<'_, S> {
    pub(super) fn leaves_traces(&self, prepared: &Prepared) -> bool {
        let Wire { line, conduct, .. } = &self.gate.view.wire;
        conduct.leaves_traces(line, prepared)
    }

    /// Refuses, on a lent connection, a step behind one whose traces only another session would be free of.
    pub(super) fn refuse_traces(&self, steps: &[Prepared]) -> Result<(), RefusedError> {
        let wire = &self.gate.view.wire;
        if !ConductOf::<S>::RENEWS_SESSION || wire.pool().is_some() {
            return Ok(());
        }
        let mut traces_of = self.traces_of.clone();
        for prepared in steps {
            if let Some(before) = traces_of {
                return Err(RefusedError::NeedsNewSession {
                    revision: prepared.step.revision.clone(),
                    path: prepared.path.clone(),
                    before: before.to_string(),
                    dialect: wire.dialect(),
                });
            }
            let leaves = self.leaves_traces(prepared);
            traces_of = leaves.then(|| prepared.step.revision.clone());
        }
        Ok(())
    }

    /// Looks at the session before a section that may leave traces.
    pub(super) async fn note_traces(&mut self, prepared: &Prepared) -> Result<(), Error> {
        if !self.leaves_traces(prepared) {
            return Ok(());
        }
        let Wire { line, conduct, .. } = self.wire();
        let noted = conduct.note_traces(line).await;
        noted.map_err(|fault| fault.into_error("looking at the session", Aftermath::nothing_run()))
    }

    /// Takes back what a section left in the session, or has the next step take another one.
    pub(super) async fn clear_traces(&mut self, prepared: &Prepared) -> Result<(), Error> {
        if !self.leaves_traces(prepared) {
            return Ok(());
        }
        if ConductOf::<S>::RENEWS_SESSION {
            self.traces_of = Some(prepared.step.revision.clone());
            return Ok(());
        }
        let Wire { line, conduct, .. } = self.wire();
        let cleared = conduct.clear_traces(line).await;
        cleared.map_err(|fault| {
            let revision = &prepared.step.revision;
            let during = format!("taking back what revision {revision} left in the session");
            fault.into_error(during, Aftermath::step_ended())
        })
    }

    /// Takes another session where the last step left traces in this one.
    pub(super) async fn renew_session(&mut self) -> Result<(), Error> {
        if self.traces_of.is_none() {
            return Ok(());
        }
        self.wire().renew().await?;
        self.traces_of = None;
        self.gate.follow_session().await
    }
}
