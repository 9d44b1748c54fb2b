//! Taking over from another tool.

use super::Migrator;
use crate::backend::Source;
use crate::error::Error;
use crate::graph::RevisionId;
use crate::report::Report;

impl<S: Source> Migrator<S> {
    /// The rows of a query for another tool's table, each cell as text: which of its migrations are applied. `None` where
    /// there is no such table.
    ///
    /// # Errors
    ///
    /// [`Error::Run`] where the database cannot be read.
    pub async fn foreign_rows(
        &self,
        query: &str,
    ) -> Result<Option<Vec<Vec<Option<String>>>>, Error> {
        let mut run = self.run().await?;
        let result = run.foreign_rows(query).await;
        run.close(&result).await;
        Ok(result?)
    }

    /// Stamps these revisions, given by their full ids, without those that the heads imply already: a database that
    /// another tool has brought to this place. Unlike [`stamp`](Migrator::stamp) it never goes back, and several processes
    /// may call it at once.
    ///
    /// # Errors
    ///
    /// As [`stamp`](Migrator::stamp).
    pub async fn adopt<I: Into<RevisionId>>(
        &self,
        revisions: impl IntoIterator<Item = I>,
    ) -> Result<Report, Error> {
        let revisions: Vec<RevisionId> = revisions.into_iter().map(Into::into).collect();
        let mut run = self.run().await?;
        let result = run.adopt(&revisions).await;
        run.close(&result).await;
        Ok(result?)
    }

    /// The place of limbeck's version table: the schema, if one is set, and the name.
    #[must_use]
    pub fn version_location(&self) -> (Option<&str>, &str) {
        let settings = &self.settings;
        (settings.schema_name(), &settings.version_table)
    }
}
