//! The facade: what a service, a test and a tool call.

mod adopt;
#[cfg(feature = "autogenerate")]
mod applied;
#[cfg(feature = "autogenerate")]
mod compare;
mod register;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::aim::{Range, Target, TargetError};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::executor::{Registry, Run, RunError};
use crate::graph::RevisionId;
use crate::ledger::LedgerEntry;
use crate::migrations::Migrations;
use crate::offline;
use crate::plan::{self, Plan, Purge};
use crate::prepare::RefusedError;
use crate::report::{Event, Report};
use crate::settings::Settings;
use crate::status::{RevisionInfo, Status};

#[cfg(feature = "autogenerate")]
pub use self::applied::AppliedSchema;
pub use crate::backend::{Backend, Borrowed, IntoSource, Source};
pub use crate::resolution::Resolution;
pub use crate::settings::{OnAhead, OnDrift, TransactionMode, VersionSchema};
pub use register::CodeFuture;

/// Migrates one database: made from a pool (or a connection) and the migrations of the binary.
///
/// ```no_run
/// # async fn boot() -> Result<(), Box<dyn std::error::Error>> {
/// use limbeck::{Migrations, Migrator};
///
/// let pool = sqlx::SqlitePool::connect("sqlite://app.db?mode=rwc").await?;
/// let migrations = Migrations::from_dir("migrations")?;
/// let report = Migrator::new(&pool, migrations).upgrade_to_head().await?;
/// println!("{} steps in {:?}", report.steps.len(), report.duration);
/// # Ok(()) }
/// ```
///
/// Any number of processes may call at the same moment, on one database: each revision runs exactly once,
/// and all of them return when it is done. Every future may be dropped at any time, and the process may be
/// killed: a step of a transaction is then wholly done or wholly undone, any other step is recorded
/// statement by statement, and the next call goes on from there.
///
/// A `Migrator` on a [`Borrowed`] connection does not close that connection; if one of its
/// futures is dropped midway, the caller should, since a transaction may be open on it.
#[must_use]
pub struct Migrator<S: Source> {
    source: S,
    migrations: Migrations,
    settings: Settings,
    registry: Registry<S::Database>,
    dialect: Dialect,
}

/// A clone shares pool, migrations and registered code, and has settings of its own.
impl<S: Source + Clone> Clone for Migrator<S> {
    fn clone(&self) -> Self {
        Migrator {
            source: self.source.clone(),
            migrations: self.migrations.clone(),
            settings: self.settings.clone(),
            registry: self.registry.clone(),
            dialect: self.dialect,
        }
    }
}

impl<S: Source> fmt::Debug for Migrator<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migrator")
            .field("migrations", &self.migrations)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<S: Source> Migrator<S> {
    /// A migrator on a pool, a reference to one, or `&mut` of a connection. Nothing is connected to or read.
    ///
    /// `migrations` are [`Migrations`], or a reference to some: a `static` of [`embedded!`](crate::embedded).
    pub fn new<I: IntoSource<Source = S>>(source: I, migrations: impl Into<Migrations>) -> Self {
        Migrator {
            source: source.into_source(),
            migrations: migrations.into(),
            settings: Settings::default(),
            registry: Registry::default(),
            dialect: S::Database::FAMILY,
        }
    }

    /// The version table's name. Default: `limbeck_version`. `alembic_version` takes over a database that
    /// Alembic manages, and Alembic can still read it.
    pub fn version_table(mut self, name: impl Into<String>) -> Self {
        self.settings.version_table = name.into();
        self
    }

    /// The schema (PostgreSQL), database (MySQL) or attached file (SQLite) of limbeck's tables: a name, or
    /// [`VersionSchema::Current`]. Default: the one that is current when a call begins (SQLite: `main`). On PostgreSQL it is
    /// an error then if that one has no version table and another schema of the search path has one, or if the path names a
    /// schema before it that does not exist: [`RunError::VersionTableElsewhere`] and [`RunError::MissingSchema`].
    ///
    /// ```no_run
    /// # fn f(pool: sqlx::PgPool, migrations: limbeck::Migrations) {
    /// use limbeck::Migrator;
    ///
    /// let migrator = Migrator::new(pool, migrations).version_schema("billing");
    /// # }
    /// ```
    pub fn version_schema(mut self, schema: impl Into<VersionSchema>) -> Self {
        self.settings.version_schema = Some(schema.into());
        self
    }

    /// The ledger's name. Default: `limbeck_history`; services with version tables of their own may share it.
    /// The table of leases has this name with `_lock` behind it.
    pub fn history_table(mut self, name: impl Into<String>) -> Self {
        self.settings.history_table = name.into();
        self
    }

    /// PostgreSQL: pins the search path for every look and every transaction of a call (`SET LOCAL`, in the same message),
    /// whatever the session has. Default: the session's own. Behind a pooler in transaction mode this is the only protection
    /// against a session in which another client ran `SET search_path`: set it there. Other databases refuse it.
    ///
    /// Statements that allow no transaction (`CREATE INDEX CONCURRENTLY`) get it in the session, right before and until right
    /// after, as they get a section's own settings.
    pub fn pin_search_path<N: Into<String>>(
        mut self,
        schemas: impl IntoIterator<Item = N>,
    ) -> Self {
        self.settings.pin.search_path = schemas.into_iter().map(Into::into).collect();
        self
    }

    /// PostgreSQL: pins the role in the same way, which the session's must be a member of. Default: the session's own.
    pub fn pin_role(mut self, role: impl Into<String>) -> Self {
        self.settings.pin.role = Some(role.into());
        self
    }

    /// Default: [`TransactionMode::PerRevision`].
    pub fn transaction_mode(mut self, mode: TransactionMode) -> Self {
        self.settings.transaction_mode = mode;
        self
    }

    /// Default: [`OnDrift::Refuse`].
    pub fn on_drift(mut self, on_drift: OnDrift) -> Self {
        self.settings.on_drift = on_drift;
        self
    }

    /// Default: [`OnAhead::Proceed`].
    pub fn on_ahead(mut self, on_ahead: OnAhead) -> Self {
        self.settings.on_ahead = on_ahead;
        self
    }

    /// How long a call waits for the lock in one go before it fails with [`RunError::LockTimeout`]. Default:
    /// 5 minutes.
    pub fn lock_wait(mut self, limit: Duration) -> Self {
        self.settings.lock_wait = limit;
        self
    }

    /// How long a holder of the lease may be silent before it is taken over: MySQL, MariaDB, `autocommit` and
    /// `repeat` sections. It renews it three times in that span. Default: 15 seconds; never less than 100 ms.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease.max(Duration::from_millis(100));
        self
    }

    /// The time that a DDL statement waits for other sessions' locks on its table, and limbeck's own statements for those on its
    /// own tables, in one attempt. Default: 2 seconds. A section's own `lock_timeout=` goes before, for its statements.
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.settings.lock_timeout = timeout;
        self
    }

    /// For how long a step is tried again whose DDL, or whose record in limbeck's own tables, ran into `lock_timeout`. Default:
    /// 5 minutes.
    pub fn lock_retry_for(mut self, limit: Duration) -> Self {
        self.settings.lock_retry_for = limit;
        self
    }

    /// How this process is named in the ledger and to those who wait for it: name and version. Default: the
    /// executable's name.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.settings.application = Some(name.into());
        self
    }

    /// One more callback for progress. It runs on the task that migrates: it should be quick and must not block.
    ///
    /// ```no_run
    /// # fn f(pool: sqlx::SqlitePool, migrations: limbeck::Migrations) {
    /// use limbeck::{Event, Migrator};
    ///
    /// let migrator = Migrator::new(pool, migrations).on_event(|event| {
    ///     if let Event::StepFinished { step, report, .. } = event {
    ///         println!("{} {} in {:?}", step.action, step.revision, report.duration);
    ///     }
    /// });
    /// # }
    /// ```
    pub fn on_event(mut self, observer: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.settings.observers.push(Arc::new(observer));
        self
    }

    /// What [`upgrade_sql`](Migrator::upgrade_sql) and [`downgrade_sql`](Migrator::downgrade_sql) are written
    /// for. Default: the database of the pool; MySQL, where that may be MariaDB: no server is asked.
    pub fn script_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// The migrations.
    pub fn migrations(&self) -> &Migrations {
        &self.migrations
    }

    async fn run(&self) -> Result<Run<'_, S>, Error> {
        let run = Run::open(
            &self.settings,
            &self.migrations,
            &self.registry,
            &self.source,
        );
        Ok(run.await?)
    }

    /// Upgrades to the one head.
    ///
    /// ```no_run
    /// # async fn f(migrator: limbeck::Migrator<sqlx::SqlitePool>) -> Result<(), limbeck::Error> {
    /// let report = migrator.upgrade_to_head().await?;
    /// tracing::info!(steps = report.steps.len(), current = report.current.join(","), "migrated");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`upgrade`](Migrator::upgrade). Several heads are [`TargetError::MultipleHeads`](TargetError):
    /// upgrade to [`Target::heads`] then.
    pub fn upgrade_to_head(&self) -> impl Future<Output = Result<Report, Error>> + Send {
        self.upgrade_all(vec![Target::head()])
    }

    /// Upgrades to a target: anything that parses as one, or a [`Target`].
    ///
    /// Dropping the future leaves the database at a step's boundary, or, for steps that no transaction holds,
    /// at a recorded statement; the connection is closed and the next call goes on.
    ///
    /// ```no_run
    /// # async fn f(migrator: limbeck::Migrator<sqlx::SqlitePool>) -> Result<(), limbeck::Error> {
    /// let _ = migrator.upgrade("heads").await?;
    /// let _ = migrator.upgrade("+1").await?;
    /// let _ = migrator.upgrade(["billing@head", "1a6f"]).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Target`] for a target that leads nowhere, [`Error::Refused`] for a step that cannot run (both
    /// before anything is written), [`Error::Standing`] where this binary must not run against this database,
    /// [`Error::Run`] where a step failed: it says what state the database is in.
    pub async fn upgrade(&self, target: impl IntoTargets) -> Result<Report, Error> {
        self.upgrade_all(target.into_targets()?).await
    }

    async fn upgrade_all(&self, targets: Vec<Target>) -> Result<Report, Error> {
        self.check_code()?;
        let span = tracing::info_span!(
            "limbeck.upgrade",
            version_table = self.settings.version_table
        );
        let work = async {
            let mut run = self.run().await?;
            let result = run.upgrade(&targets).await;
            run.close(&result).await;
            Ok(result?)
        };
        tracing::Instrument::instrument(work, span).await
    }

    /// Downgrades to a target, which stays applied; `base` undoes everything.
    ///
    /// While it runs, upgrades of other processes wait. What dropping the future leaves is said at
    /// [`upgrade`](Migrator::upgrade).
    ///
    /// ```no_run
    /// # async fn f(migrator: limbeck::Migrator<sqlx::SqlitePool>) -> Result<(), limbeck::Error> {
    /// let _ = migrator.downgrade("-1").await?;
    /// let _ = migrator.downgrade("1a6f2c80b311").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`upgrade`](Migrator::upgrade); [`TargetError::SeveralTargets`] for several targets;
    /// [`RunError::HeadsMoved`] where another process moved the heads after the plan was made.
    pub async fn downgrade(&self, target: impl IntoTargets) -> Result<Report, Error> {
        let target = Target::only(target.into_targets()?)?;
        self.check_code()?;
        let span = tracing::info_span!(
            "limbeck.downgrade",
            version_table = self.settings.version_table
        );
        let work = async {
            let mut run = self.run().await?;
            let result = run.downgrade(&target).await;
            run.close(&result).await;
            Ok(result?)
        };
        tracing::Instrument::instrument(work, span).await
    }

    /// What [`upgrade`](Migrator::upgrade) would do now. Nothing is written; what can be refused is refused.
    ///
    /// ```no_run
    /// # async fn f(migrator: limbeck::Migrator<sqlx::SqlitePool>) -> Result<(), limbeck::Error> {
    /// let plan = migrator.plan_upgrade("heads").await?;
    /// for step in &plan {
    ///     println!("{} {}", step.action, step.revision);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`upgrade`](Migrator::upgrade), before its first write.
    pub async fn plan_upgrade(&self, target: impl IntoTargets) -> Result<Plan, Error> {
        let targets = target.into_targets()?;
        self.check_code()?;
        let mut run = self.run().await?;
        let plan = run.plan_upgrade(&targets).await;
        run.close(&plan).await;
        Ok(plan?)
    }

    /// What [`downgrade`](Migrator::downgrade) would do now. Nothing is written; what can be refused is
    /// refused.
    ///
    /// # Errors
    ///
    /// As [`downgrade`](Migrator::downgrade), before its first write.
    pub async fn plan_downgrade(&self, target: impl IntoTargets) -> Result<Plan, Error> {
        let target = Target::only(target.into_targets()?)?;
        self.check_code()?;
        let mut run = self.run().await?;
        let result = match run.look().await {
            Ok(()) => run.plan_downgrade(&target).await,
            Err(error) => Err(error),
        };
        run.close(&result).await;
        Ok(result?)
    }

    /// Records that the database is at the targets, without running anything: for a database whose schema
    /// came another way. [`Purge::Clear`] removes all rows first, also those that this binary does not know.
    ///
    /// ```no_run
    /// # async fn f(migrator: limbeck::Migrator<sqlx::SqlitePool>) -> Result<(), limbeck::Error> {
    /// use limbeck::plan::Purge;
    ///
    /// let _ = migrator.stamp("heads", Purge::Keep).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Target`]; [`Error::Standing`] for heads that are not embedded; [`RunError::HeadsMoved`].
    pub async fn stamp(&self, targets: impl IntoTargets, purge: Purge) -> Result<Report, Error> {
        let targets = targets.into_targets()?;
        let mut run = self.run().await?;
        let result = run.stamp(&targets, purge).await;
        run.close(&result).await;
        Ok(result?)
    }

    /// Creates limbeck's tables where they are missing, and nothing else. Every run that changes something does
    /// so by itself: this is for a role that may create tables, before one that may not runs.
    ///
    /// # Errors
    ///
    /// [`Error::Run`]: the lock was not to be had, a step stands half done, the database refuses.
    pub async fn ensure_tables(&self) -> Result<(), Error> {
        let mut run = self.run().await?;
        let result = run.create_tables().await;
        run.close(&result).await;
        Ok(result?)
    }

    /// Settles what a run cannot settle by itself: a statement that was interrupted, a step that is given up,
    /// an edit that is meant.
    ///
    /// ```no_run
    /// # async fn f(migrator: limbeck::Migrator<sqlx::SqlitePool>) -> Result<(), limbeck::Error> {
    /// use limbeck::Resolution;
    ///
    /// if let Some(step) = migrator.status().await?.unfinished {
    ///     // Somebody has looked at what the interrupted statement should have changed, and it is there.
    ///     migrator.resolve(&step.revision, Resolution::Applied).await?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`RunError::NothingToResolve`]; [`RunError::LockTimeout`] while the step still runs.
    pub async fn resolve(
        &self,
        revision: impl Into<RevisionId>,
        resolution: Resolution,
    ) -> Result<(), Error> {
        let revision = &*revision.into();
        let mut run = self.run().await?;
        let result = match resolution {
            Resolution::Accepted => run.accept(revision).await,
            _ => run.settle(revision, resolution).await,
        };
        run.close(&result).await;
        Ok(result?)
    }

    /// Succeeds where the database is at the heads of this binary, or ahead of it as
    /// [`on_ahead`](Migrator::on_ahead) allows. Reads once and writes nothing: the boot of a service without
    /// the right to migrate.
    ///
    /// ```no_run
    /// # async fn f(migrator: limbeck::Migrator<sqlx::SqlitePool>) -> Result<(), limbeck::Error> {
    /// if let Err(error) = migrator.require_head().await {
    ///     if error.is_behind() {
    ///         eprintln!("the migration job has not run yet");
    ///     }
    ///     return Err(error);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`StandingError::Behind`](crate::error::StandingError::Behind) names what is missing; else as [`upgrade`](Migrator::upgrade).
    pub async fn require_head(&self) -> Result<Report, Error> {
        let began = Instant::now();
        let mut run = self.run().await?;
        let outcome = run.stand().await;
        let heads = run.heads();
        run.close(&outcome).await;
        Ok(Report {
            outcome: outcome?,
            steps: Vec::new(),
            current: heads,
            notes: Vec::new(),
            duration: began.elapsed(),
        })
    }

    /// Waits until [`require_head`](Migrator::require_head) succeeds: the boot of a pod beside the migration
    /// job.
    ///
    /// ```no_run
    /// # async fn f(migrator: limbeck::Migrator<sqlx::SqlitePool>) -> Result<(), limbeck::Error> {
    /// let _ = migrator.wait_for_head(std::time::Duration::from_secs(120)).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`RunError::WaitedInVain`] after `timeout`; else as [`require_head`](Migrator::require_head), where
    /// waiting would not help.
    pub async fn wait_for_head(&self, timeout: Duration) -> Result<Report, Error> {
        const INTERVAL: Duration = Duration::from_millis(250);
        let began = Instant::now();
        loop {
            let error = match self.require_head().await {
                Ok(report) => {
                    return Ok(Report {
                        duration: began.elapsed(),
                        ..report
                    });
                }
                Err(error) => error,
            };
            if !error.is_behind() {
                return Err(error);
            }
            let waited = began.elapsed();
            if waited >= timeout {
                let heads = self.current().await?;
                return Err(RunError::WaitedInVain { waited, heads }.into());
            }
            tokio::time::sleep(INTERVAL.min(timeout - waited)).await;
        }
    }

    /// The rows of the version table, sorted.
    ///
    /// ```no_run
    /// # async fn f(migrator: limbeck::Migrator<sqlx::SqlitePool>) -> Result<(), limbeck::Error> {
    /// assert_eq!(migrator.current().await?, ["5c09d7e4a2f8"]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Run`] where the database cannot be read.
    pub async fn current(&self) -> Result<Vec<RevisionId>, Error> {
        let mut run = self.run().await?;
        let result = run.look().await;
        let heads = run.heads();
        run.close(&result).await;
        result?;
        Ok(heads)
    }

    /// Everything about where the database stands. Writes nothing, and fails only where the database cannot
    /// be read: drift, unknown revisions and unfinished steps are part of the answer.
    ///
    /// ```no_run
    /// # async fn f(migrator: limbeck::Migrator<sqlx::SqlitePool>) -> Result<(), limbeck::Error> {
    /// let status = migrator.status().await?;
    /// if !status.is_ready() {
    ///     println!("pending: {}", status.pending.join(", "));
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Run`] where the database cannot be read.
    pub async fn status(&self) -> Result<Status, Error> {
        let mut run = self.run().await?;
        let result = run.status().await;
        run.close(&result).await;
        Ok(result?)
    }

    /// The revisions of a range, newest first, with what is applied.
    ///
    /// ```no_run
    /// # async fn f(migrator: limbeck::Migrator<sqlx::SqlitePool>) -> Result<(), limbeck::Error> {
    /// use limbeck::Range;
    ///
    /// for revision in migrator.history(&Range::all()).await? {
    ///     let mark = if revision.applied == Some(true) { "x" } else { " " };
    ///     println!("[{mark}] {} {}", revision.revision, revision.message);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Target`] for a range that is none; [`Error::Run`] where the database cannot be read.
    pub async fn history(&self, range: &Range) -> Result<Vec<RevisionInfo>, Error> {
        let current = self.current().await?;
        let known = self.embedded(&current);
        let ids = plan::history(self.migrations.graph(), &known, range)?;
        Ok(self.migrations.infos(&ids, Some(&current)))
    }

    /// The steps that the ledger records, oldest first.
    ///
    /// ```no_run
    /// # async fn f(migrator: limbeck::Migrator<sqlx::SqlitePool>) -> Result<(), limbeck::Error> {
    /// for entry in migrator.ledger().await? {
    ///     println!("{} of {} by {:?}: {}", entry.action, entry.revision, entry.application, entry.state);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Run`] where the database cannot be read.
    pub async fn ledger(&self) -> Result<Vec<LedgerEntry>, Error> {
        let mut run = self.run().await?;
        let result = match run.look().await {
            Ok(()) => run.read_ledger().await,
            Err(error) => Err(error),
        };
        run.close(&result).await;
        Ok(result?)
    }

    /// The revisions that an identifier names: any target, or `current`.
    ///
    /// # Errors
    ///
    /// [`Error::Target`]; [`Error::Run`] where the database cannot be read.
    pub async fn show(&self, identifier: &str) -> Result<Vec<RevisionInfo>, Error> {
        let current = self.current().await?;
        let graph = self.migrations.graph();
        let ids = match identifier {
            "current" => self.embedded(&current).into_iter().collect(),
            _ => plan::resolve(graph, &identifier.parse()?)?,
        };
        Ok(self.migrations.infos(&ids, Some(&current)))
    }

    /// The embedded heads, sorted. No database is asked.
    #[must_use]
    pub fn heads(&self) -> Vec<RevisionInfo> {
        self.migrations.infos(self.migrations.graph().heads(), None)
    }

    /// The embedded branch points. No database is asked.
    #[must_use]
    pub fn branches(&self) -> Vec<RevisionInfo> {
        self.migrations
            .infos(self.migrations.graph().branch_points(), None)
    }

    /// A script that upgrades from one end of the range to the other, for somebody to run: no connection is
    /// used. An open lower end is an empty database, an open upper one the heads.
    ///
    /// ```no_run
    /// # async fn f(migrator: limbeck::Migrator<sqlx::SqlitePool>) -> Result<(), limbeck::Error> {
    /// let script = migrator.upgrade_sql(&"1a6f:heads".parse()?)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Target`] for a range that is none; [`Error::Refused`] for `rust` and `repeat` sections, and on MySQL
    /// and MariaDB for one with `USE` unless [`version_schema`](Migrator::version_schema) names the database to come
    /// back to.
    pub fn upgrade_sql(&self, range: &Range) -> Result<String, Error> {
        let names = self.settings.names(self.dialect);
        names.check().map_err(RefusedError::from)?;
        offline::upgrade(&self.migrations, &names, &self.settings.actor(), range)
    }

    /// A script that downgrades, from the range's first end to its second, as `downgrade --sql FROM:TO`.
    ///
    /// # Errors
    ///
    /// As [`upgrade_sql`](Migrator::upgrade_sql), and where one of the ends is open.
    pub fn downgrade_sql(&self, range: &Range) -> Result<String, Error> {
        let names = self.settings.names(self.dialect);
        names.check().map_err(RefusedError::from)?;
        offline::downgrade(&self.migrations, &names, &self.settings.actor(), range)
    }

    /// A script that stamps: it moves the version rows from `from` (none: an empty database) to `to`. With
    /// [`Purge::Clear`] it removes whatever rows there are.
    ///
    /// # Errors
    ///
    /// [`Error::Target`].
    pub fn stamp_sql(&self, from: &[Target], to: &[Target], purge: Purge) -> Result<String, Error> {
        let names = self.settings.names(self.dialect);
        names.check().map_err(RefusedError::from)?;
        let actor = self.settings.actor();
        offline::stamp(&self.migrations, &names, &actor, from, to, purge)
    }

    fn embedded(&self, current: &[RevisionId]) -> Vec<RevisionId> {
        current
            .iter()
            .filter(|id| self.migrations.graph().contains(id))
            .cloned()
            .collect()
    }
}

/// What a method that takes targets accepts: a [`Target`], text that parses as one, or several of them in an array, slice or
/// `Vec`.
///
/// ```
/// use limbeck::Target;
/// use limbeck::migrator::IntoTargets;
///
/// # fn main() -> Result<(), limbeck::target::TargetError> {
/// assert_eq!("heads".into_targets()?, [Target::heads()]);
/// assert_eq!(["shop@head", "1a6f"].into_targets()?.len(), 2);
/// let names: Vec<String> = vec!["5c09+1".to_owned()];
/// assert_eq!((&names).into_targets()?, names.into_targets()?);
/// # Ok(()) }
/// ```
pub trait IntoTargets {
    /// The targets, at least one.
    ///
    /// # Errors
    ///
    /// [`TargetError`] for text that is no target, and for no target at all.
    fn into_targets(self) -> Result<Vec<Target>, TargetError>;
}

impl IntoTargets for Target {
    fn into_targets(self) -> Result<Vec<Target>, TargetError> {
        Ok(vec![self])
    }
}

impl IntoTargets for &Target {
    fn into_targets(self) -> Result<Vec<Target>, TargetError> {
        Ok(vec![self.clone()])
    }
}

impl IntoTargets for &str {
    fn into_targets(self) -> Result<Vec<Target>, TargetError> {
        Ok(vec![self.parse()?])
    }
}

impl IntoTargets for String {
    fn into_targets(self) -> Result<Vec<Target>, TargetError> {
        self.as_str().into_targets()
    }
}

impl IntoTargets for &String {
    fn into_targets(self) -> Result<Vec<Target>, TargetError> {
        self.as_str().into_targets()
    }
}

impl<T> IntoTargets for &[T]
where
    for<'t> &'t T: IntoTargets,
{
    fn into_targets(self) -> Result<Vec<Target>, TargetError> {
        if self.is_empty() {
            // An empty expression is none: the grammar has the words for that.
            return "".into_targets();
        }
        let each = self.iter().map(IntoTargets::into_targets);
        Ok(each.collect::<Result<Vec<_>, _>>()?.concat())
    }
}

impl<T> IntoTargets for &Vec<T>
where
    for<'t> &'t T: IntoTargets,
{
    fn into_targets(self) -> Result<Vec<Target>, TargetError> {
        self.as_slice().into_targets()
    }
}

impl<T> IntoTargets for Vec<T>
where
    for<'t> &'t T: IntoTargets,
{
    fn into_targets(self) -> Result<Vec<Target>, TargetError> {
        self.as_slice().into_targets()
    }
}

impl<T, const N: usize> IntoTargets for &[T; N]
where
    for<'t> &'t T: IntoTargets,
{
    fn into_targets(self) -> Result<Vec<Target>, TargetError> {
        self.as_slice().into_targets()
    }
}

impl<T, const N: usize> IntoTargets for [T; N]
where
    for<'t> &'t T: IntoTargets,
{
    fn into_targets(self) -> Result<Vec<Target>, TargetError> {
        self.as_slice().into_targets()
    }
}

/// Elements of a slice of `&str`.
impl IntoTargets for &&str {
    fn into_targets(self) -> Result<Vec<Target>, TargetError> {
        (*self).into_targets()
    }
}
