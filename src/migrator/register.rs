//! Code for `rust` sections.

use std::pin::Pin;
use std::sync::Arc;

use sqlx::Database;

use super::Migrator;
use crate::backend::Source;
use crate::executor::BoxError;
use crate::plan::Action;
use crate::prepare::{RefusedError, section_kind};
use crate::revision::Mode;

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
    /// The revision's id is given in full. Code that is missing is refused before anything runs, and so is code for a
    /// revision that the migrations do not hold, or that has no `rust` section:
    /// [`RefusedError::MissingCode`](crate::RefusedError), `UnknownCode` and `UnusedCode`.
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
    /// MySQL and MariaDB ask for it: elsewhere code is part of the step's transaction. Where none is registered for it, calls
    /// that run steps are refused: `RefusedError::NothingIdempotent`.
    pub fn idempotent(mut self, revision: &str) -> Self {
        self.registry.idempotent.insert(revision.to_owned());
        self
    }

    /// Refuses what is registered and could never run, before anything is sent.
    pub(super) fn check_code(&self) -> Result<(), RefusedError> {
        let registry = &self.registry;
        let mut registered: Vec<_> = registry.code.keys().collect();
        registered.sort_unstable_by_key(|(revision, action)| (revision, action.name()));
        for (revision, action) in &registered {
            self.check_section(revision, *action)?;
        }
        let mut declared = registry.idempotent.iter();
        match declared.find(|declared| registered.iter().all(|(id, _)| id != *declared)) {
            Some(revision) => Err(RefusedError::NothingIdempotent {
                revision: revision.clone(),
            }),
            None => Ok(()),
        }
    }

    fn check_section(&self, id: &str, action: Action) -> Result<(), RefusedError> {
        let Some(revision) = self.migrations.get(id) else {
            return Err(RefusedError::UnknownCode {
                revision: id.to_owned(),
                action,
                nearest: self
                    .migrations
                    .graph()
                    .meant_id(id)
                    .map(|id| id.to_string()),
            });
        };
        // An edited file of an embedded revision.
        revision.check().map_err(RefusedError::Revision)?;
        let kind = section_kind(&action.into());
        let mut sections = revision.sections().iter();
        if sections.any(|section| section.kind() == kind && section.mode() == Mode::Rust) {
            return Ok(());
        }
        Err(RefusedError::UnusedCode {
            revision: id.to_owned(),
            path: revision.path().to_owned(),
            action,
        })
    }

    fn register<F>(mut self, revision: String, action: Action, code: F) -> Self
    where
        F: for<'c> Fn(&'c mut <S::Database as Database>::Connection) -> CodeFuture<'c>
            + Send
            + Sync
            + 'static,
    {
        self.registry
            .code
            .insert((revision, action), Arc::new(code));
        self
    }
}
