//! Code for `rust` sections.

use std::pin::Pin;
use std::sync::Arc;

use sqlx::Database;

use super::Migrator;
use crate::backend::Source;
use crate::executor::{BoxError, Registered};
use crate::plan::Action;

/// What a registered function returns.
pub type CodeFuture<'c> = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'c>>;

impl<S: Source> Migrator<S> {
    /// Registers the code of a revision's `-- @upgrade rust` section. It gets the connection of the step: on
    /// PostgreSQL and SQLite inside the step's transaction, which it must leave open.
    ///
    /// ```no_run
    /// # fn f(pool: sqlx::SqlitePool, migrations: limbeck::Migrations) {
    /// # use limbeck::Migrator;
    /// let migrator = Migrator::new(pool, migrations).on_upgrade("3f2a9c1d7b04", |connection| {
    ///     Box::pin(async move {
    ///         sqlx::query("UPDATE users SET email = lower(email)").execute(connection).await?;
    ///         Ok(())
    ///     })
    /// });
    /// # }
    /// ```
    ///
    /// The revision's id is given in full. Code that is missing is refused before anything runs.
    pub fn on_upgrade<F>(self, revision: impl Into<String>, code: F) -> Self
    where
        F: for<'c> Fn(&'c mut <S::Database as Database>::Connection) -> CodeFuture<'c>
            + Send
            + Sync
            + 'static,
    {
        self.register(revision.into(), Action::Upgrade, code)
    }

    /// Registers the code of a revision's `-- @downgrade rust` section; see [`on_upgrade`](Self::on_upgrade).
    pub fn on_downgrade<F>(self, revision: impl Into<String>, code: F) -> Self
    where
        F: for<'c> Fn(&'c mut <S::Database as Database>::Connection) -> CodeFuture<'c>
            + Send
            + Sync
            + 'static,
    {
        self.register(revision.into(), Action::Downgrade, code)
    }

    /// Declares that the registered code of this revision may simply run again after it was interrupted. Only
    /// MySQL and MariaDB ask for it: elsewhere code is part of the step's transaction.
    pub fn idempotent(mut self, revision: &str) -> Self {
        for ((registered, _), code) in &mut self.registry {
            if registered == revision {
                code.idempotent = true;
            }
        }
        self
    }

    fn register<F>(mut self, revision: String, action: Action, code: F) -> Self
    where
        F: for<'c> Fn(&'c mut <S::Database as Database>::Connection) -> CodeFuture<'c>
            + Send
            + Sync
            + 'static,
    {
        self.registry.insert(
            (revision, action),
            Registered {
                code: Arc::new(code),
                idempotent: false,
            },
        );
        self
    }
}
