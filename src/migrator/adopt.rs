//! Taking over from another tool.

use super::Migrator;
use crate::backend::Source;
use crate::error::Error;
use crate::executor::Report;

impl<S: Source> Migrator<S> {
    /// The rows of a query for another tool's table, as text; None where there is no such table.
    pub(crate) async fn foreign_rows(
        &self,
        query: &str,
    ) -> Result<Option<Vec<Vec<Option<String>>>>, Error> {
        let mut run = self.run().await?;
        let result = run.foreign_rows(query).await;
        run.close(&result).await;
        result
    }

    /// Stamps these revisions, by their full ids, but for those that the heads imply already.
    pub(crate) async fn adopt(&self, revisions: &[String]) -> Result<Report, Error> {
        let mut run = self.run().await?;
        let result = run.adopt(revisions).await;
        run.close(&result).await;
        result
    }

    /// Where limbeck's own version table is: schema, if one is set, and name.
    pub(crate) fn own_table(&self) -> (Option<&str>, &str) {
        let settings = &self.settings;
        (settings.version_schema.as_deref(), &settings.version_table)
    }
}
