//! What taking over from another tool asks of a database: to read that tool's table, and to stamp without ever
//! going back.

use super::{Error, Run, RunError};
use crate::aim::Target;
use crate::backend::Source;
use crate::graph::RevisionId;
use crate::plan;
use crate::report::{Outcome, Report};

/// Others that adopt the same place end this with their success; only downgrades could go on for ever.
const ATTEMPTS: u32 = 10;

impl<S: Source> Run<'_, S> {
    /// The rows of a query for one table, as text; none where there is no such table.
    pub(crate) async fn foreign_rows(
        &mut self,
        query: &str,
    ) -> Result<Option<Vec<Vec<Option<String>>>>, Error> {
        self.steps.view().foreign_rows(query).await
    }

    /// Stamps those of the revisions that the heads do not imply yet. It is planned again where another process
    /// moved the heads meanwhile: of several that do this, and of one that upgrades, none is undone.
    pub(crate) async fn adopt(&mut self, revisions: &[RevisionId]) -> Result<Report, Error> {
        let mut attempts = 0;
        loop {
            self.look().await?;
            let applied = self.migrations().graph().ancestors(self.heads());
            let missing: Vec<Target> = revisions
                .iter()
                .filter(|id| !applied.contains(id))
                .map(|id| Target::revision(id.as_str()))
                .collect();
            if missing.is_empty() {
                return Ok(self.report(Outcome::AlreadyThere));
            }
            attempts += 1;
            match self.stamp_from_here(&missing, plan::Purge::Keep).await {
                Err(Error::Run(error))
                    if attempts < ATTEMPTS && matches!(*error, RunError::HeadsMoved { .. }) => {}
                result => return result,
            }
        }
    }
}
