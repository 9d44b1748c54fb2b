//! What the commands ask of a database, whichever it is.

use futures_util::future::BoxFuture;
use limbeck::autogenerate::{Autogenerate, Comparison, Draft, DraftOptions, Filter, Reflect};
use limbeck::graph::RevisionId;
use limbeck::ledger::LedgerEntry;
use limbeck::migrator::AppliedSchema;
use limbeck::plan::Purge;
use limbeck::{Dialect, Error, Migrator, Plan, Range, Report, Resolution, Status, Target};
use sqlx::Pool;

pub(super) type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// The cells of a row, as text.
pub(super) type TextRow = Vec<Option<String>>;

/// A [`Migrator`] without its type of database.
pub(super) trait Database: Send + Sync {
    fn plan_upgrade(&self, targets: Vec<Target>) -> Answer<'_, Plan>;
    fn plan_downgrade(&self, target: Target) -> Answer<'_, Plan>;
    fn upgrade(&self, targets: Vec<Target>) -> Answer<'_, Report>;
    fn downgrade(&self, target: Target) -> Answer<'_, Report>;
    fn stamp(&self, targets: Vec<Target>, purge: Purge) -> Answer<'_, Report>;
    fn resolve<'a>(&'a self, revision: &'a str, resolution: Resolution) -> Answer<'a, ()>;
    fn ensure_tables(&self) -> Answer<'_, ()>;
    fn current(&self) -> Answer<'_, Vec<RevisionId>>;
    fn status(&self) -> Answer<'_, Status>;
    fn ledger(&self) -> Answer<'_, Vec<LedgerEntry>>;
    fn upgrade_sql(&self, range: &Range) -> Result<String, Error>;
    fn downgrade_sql(&self, range: &Range) -> Result<String, Error>;
    fn stamp_sql(&self, from: &[Target], to: &[Target], purge: Purge) -> Result<String, Error>;
    fn family(&self) -> Dialect;
    fn own_table(&self) -> (Option<&str>, &str);
    fn foreign_rows<'a>(&'a self, query: &'a str) -> Answer<'a, Option<Vec<TextRow>>>;
    fn adopt<'a>(&'a self, revisions: &'a [RevisionId]) -> Answer<'a, Report>;
    fn compare<'a>(&'a self, desired: &'a Autogenerate) -> Answer<'a, Comparison>;
    fn drafts<'a>(
        &'a self,
        desired: &'a Autogenerate,
        comparison: &'a Comparison,
        options: DraftOptions,
    ) -> Answer<'a, Vec<Draft>>;
    fn dump<'a>(&'a self, filter: &'a Filter) -> Answer<'a, String>;
    fn applied_schema(&self) -> Answer<'_, AppliedSchema>;
}

impl<DB: Reflect> Database for Migrator<Pool<DB>> {
    fn plan_upgrade(&self, targets: Vec<Target>) -> Answer<'_, Plan> {
        Box::pin(Migrator::plan_upgrade(self, targets))
    }

    fn plan_downgrade(&self, target: Target) -> Answer<'_, Plan> {
        Box::pin(Migrator::plan_downgrade(self, target))
    }

    fn upgrade(&self, targets: Vec<Target>) -> Answer<'_, Report> {
        Box::pin(Migrator::upgrade(self, targets))
    }

    fn downgrade(&self, target: Target) -> Answer<'_, Report> {
        Box::pin(Migrator::downgrade(self, target))
    }

    fn stamp(&self, targets: Vec<Target>, purge: Purge) -> Answer<'_, Report> {
        Box::pin(Migrator::stamp(self, targets, purge))
    }

    fn resolve<'a>(&'a self, revision: &'a str, resolution: Resolution) -> Answer<'a, ()> {
        Box::pin(Migrator::resolve(self, revision, resolution))
    }

    fn ensure_tables(&self) -> Answer<'_, ()> {
        Box::pin(Migrator::ensure_tables(self))
    }

    fn current(&self) -> Answer<'_, Vec<RevisionId>> {
        Box::pin(Migrator::current(self))
    }

    fn status(&self) -> Answer<'_, Status> {
        Box::pin(Migrator::status(self))
    }

    fn ledger(&self) -> Answer<'_, Vec<LedgerEntry>> {
        Box::pin(Migrator::ledger(self))
    }

    fn upgrade_sql(&self, range: &Range) -> Result<String, Error> {
        Migrator::upgrade_sql(self, range)
    }

    fn downgrade_sql(&self, range: &Range) -> Result<String, Error> {
        Migrator::downgrade_sql(self, range)
    }

    fn stamp_sql(&self, from: &[Target], to: &[Target], purge: Purge) -> Result<String, Error> {
        Migrator::stamp_sql(self, from, to, purge)
    }

    fn family(&self) -> Dialect {
        DB::FAMILY
    }

    fn own_table(&self) -> (Option<&str>, &str) {
        Migrator::version_location(self)
    }

    fn foreign_rows<'a>(&'a self, query: &'a str) -> Answer<'a, Option<Vec<TextRow>>> {
        Box::pin(Migrator::foreign_rows(self, query))
    }

    fn adopt<'a>(&'a self, revisions: &'a [RevisionId]) -> Answer<'a, Report> {
        Box::pin(Migrator::adopt(self, revisions))
    }

    fn compare<'a>(&'a self, desired: &'a Autogenerate) -> Answer<'a, Comparison> {
        Box::pin(Migrator::compare_schema(self, desired))
    }

    fn drafts<'a>(
        &'a self,
        desired: &'a Autogenerate,
        comparison: &'a Comparison,
        options: DraftOptions,
    ) -> Answer<'a, Vec<Draft>> {
        Box::pin(Migrator::drafts(self, desired, comparison, options))
    }

    fn dump<'a>(&'a self, filter: &'a Filter) -> Answer<'a, String> {
        Box::pin(Migrator::dump_schema(self, filter))
    }

    fn applied_schema(&self) -> Answer<'_, AppliedSchema> {
        Box::pin(Migrator::applied_schema(self))
    }
}
