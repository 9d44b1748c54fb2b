//! Code of a user's, in a step's transaction and under the lease.

use super::Steps;
use super::progress::Underway;
use crate::backend::{Conduct as _, Source};
use crate::executor::error::{Error, RunError};
use crate::executor::state::Aftermath;
use crate::executor::wire::Wire;
use crate::ledger::write::Progress;
use crate::plan::Step;
use crate::prepare::Prepared;

impl<S: Source> Steps<'_, S> {
    /// Runs code inside the step's transaction, which it must leave open: else its work would be committed without the
    /// bookkeeping.
    pub(super) async fn run_code_inside(&mut self, step: &Step) -> Result<(), Error> {
        let Wire { line, conduct, .. } = self.wire();
        let opened = conduct.open_code(line, step).await;
        opened.map_err(|fault| fault.into_error("naming the session", Aftermath::rolled_back()))?;
        self.call_code(step, Aftermath::code_rolled_back()).await?;
        let Wire { line, conduct, .. } = self.wire();
        let is_inside = conduct.is_inside(line).await.map_err(|fault| {
            fault.into_error(
                "looking at the step's transaction",
                Aftermath::rolled_back(),
            )
        })?;
        if !is_inside {
            return Err(RunError::Code {
                revision: step.revision.to_string(),
                action: step.action,
                state: Aftermath::code_committed(),
                source: "the code ended the transaction that it was given".into(),
            }
            .into());
        }
        let closed = conduct.close_code(line, step).await;
        closed.map_err(|fault| {
            fault.into_error("ending the code's settings", Aftermath::rolled_back())
        })
    }

    /// Runs code under the lease, as the one statement of its section.
    pub(super) async fn run_code(
        &mut self,
        prepared: &Prepared,
        underway: &mut Underway,
    ) -> Result<(), Error> {
        let progress = Progress {
            running: Some((1, "(code)")),
            ..self.progress(underway)
        };
        self.send_record(underway, &progress).await?;
        self.set_timeouts(prepared).await?;
        let called = self.call_code(&prepared.step, Aftermath::code_failed());
        if let Err(error) = called.await {
            self.record_over(prepared, underway, &error).await?;
            return Err(error);
        }
        underway.done = 1;
        self.record(underway, None).await
    }

    /// Calls the registered function of a `rust` section on the step's connection.
    async fn call_code(&mut self, step: &Step, state: Aftermath) -> Result<(), Error> {
        let key = (step.revision.to_string(), step.action);
        let registry = self.registry;
        let code = registry
            .code
            .get(&key)
            .expect("a plan whose code is missing is refused");
        let called = code(self.wire().line.session.connection()).await;
        called.map_err(|source| {
            let (revision, action) = key;
            RunError::Code {
                revision,
                action,
                state,
                source,
            }
            .into()
        })
    }
}
