//! The schema that a service wants, compared with its database.

use sqlx::Pool;

use super::Migrator;
use crate::autogenerate::{
    self, Autogenerate, Comparison, Draft, DraftOptions, Filter, Reflect, TableName,
};
use crate::error::Error;
use crate::prepare::RefusedError;

impl<DB: Reflect> Migrator<Pool<DB>> {
    /// What differs between the database and the desired schema, limbeck's own tables left out by the names that this
    /// migrator gives them.
    ///
    /// A test of a service asserts that its revisions lead to the schema that it wants:
    ///
    /// ```no_run
    /// # async fn test(pool: sqlx::SqlitePool, migrations: limbeck::Migrations) -> Result<(), limbeck::Error> {
    /// use limbeck::Migrator;
    /// use limbeck::autogenerate::Autogenerate;
    ///
    /// let migrator = Migrator::new(&pool, migrations);
    /// migrator.upgrade_to_head().await?;
    /// let desired = Autogenerate::from_sql("CREATE TABLE users (id INTEGER PRIMARY KEY);");
    /// let comparison = migrator.compare_schema(&desired).await?;
    /// assert!(comparison.is_empty(), "{:?}", comparison.changes());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Autogenerate`]; the database is as it was before. [`Error::Refused`] for a name that the database does
    /// not take. Dropping the future may leave a scratch database behind, which the next comparison removes.
    pub async fn compare_schema(&self, desired: &Autogenerate) -> Result<Comparison, Error> {
        let own = self.own_tables()?;
        Ok(desired.compare_pool(&self.source, &own).await?)
    }

    /// [`autogenerate::dump`] of this migrator's database: limbeck's own tables are left out by the names that it gives them.
    ///
    /// # Errors
    /// [`Error::Autogenerate`]; [`Error::Refused`] for a name that the database does not take.
    pub async fn dump_schema(&self, filter: &Filter) -> Result<String, Error> {
        let own = self.own_tables()?;
        Ok(autogenerate::dump_without(&self.source, filter, &own).await?)
    }

    fn own_tables(&self) -> Result<[TableName; 3], Error> {
        let names = self.settings.names(self.dialect);
        names.check().map_err(RefusedError::from)?;
        let own = [
            names.version_name(),
            names.history_name(),
            &names.lock_name(),
        ];
        Ok(own.map(|name| TableName::new(names.schema(), name)))
    }

    /// [`Autogenerate::drafts`] on this migrator's database.
    ///
    /// # Errors
    /// [`Error::Autogenerate`]; the database is as it was before.
    pub async fn drafts(
        &self,
        desired: &Autogenerate,
        comparison: &Comparison,
        options: DraftOptions,
    ) -> Result<Vec<Draft>, Error> {
        Ok(desired.drafts(&self.source, comparison, options).await?)
    }
}
