//! What a user may set, and its defaults.

use std::fmt;
use std::time::Duration;

use crate::dialect::path::Pin;
use crate::dialect::session::Actor;
use crate::dialect::{Dialect, Names};
use crate::report::{Event, Observer};

/// How many transactions an upgrade or downgrade has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum TransactionMode {
    /// Each revision is one transaction.
    #[default]
    PerRevision,
    /// The whole run is one transaction: PostgreSQL and SQLite, without `autocommit` and `repeat` sections.
    SingleTransaction,
}

/// What an applied revision means whose file was edited since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OnDrift {
    /// An error, before anything is changed, also where there is nothing to do.
    #[default]
    Refuse,
    /// A warning in the log.
    Warn,
}

/// What a database means that is ahead of this binary, whose whole target is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OnAhead {
    /// The call succeeds and changes nothing: an old replica beside new ones during a rolling deploy.
    #[default]
    Proceed,
    /// An error.
    Refuse,
}

/// The schema (PostgreSQL), database (MySQL) or attached file (SQLite) of limbeck's tables, all three of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VersionSchema {
    /// The current one, whatever else the search path names: that a schema before it does not exist, or that another one
    /// behind it has a version table, is no error then. For a service that begins anew beside a migrated `public`, and for
    /// tests that have a schema each.
    Current,
    /// The one of this name.
    Named(String),
}

impl VersionSchema {
    /// The name, where it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            VersionSchema::Current => None,
            VersionSchema::Named(name) => Some(name),
        }
    }
}

impl From<&str> for VersionSchema {
    fn from(name: &str) -> Self {
        VersionSchema::Named(name.to_owned())
    }
}

impl From<String> for VersionSchema {
    fn from(name: String) -> Self {
        VersionSchema::Named(name)
    }
}

impl From<&String> for VersionSchema {
    fn from(name: &String) -> Self {
        VersionSchema::Named(name.clone())
    }
}

#[derive(Clone)]
pub(crate) struct Settings {
    pub version_table: String,
    pub version_schema: Option<VersionSchema>,
    pub history_table: String,
    pub pin: Pin,
    pub transaction_mode: TransactionMode,
    pub on_drift: OnDrift,
    pub on_ahead: OnAhead,
    pub lock_wait: Duration,
    pub lease: Duration,
    pub lock_timeout: Duration,
    pub lock_retry_for: Duration,
    pub application: Option<String>,
    pub observers: Vec<Observer>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            version_table: "limbeck_version".to_owned(),
            version_schema: None,
            history_table: "limbeck_history".to_owned(),
            pin: Pin::default(),
            transaction_mode: TransactionMode::default(),
            on_drift: OnDrift::default(),
            on_ahead: OnAhead::default(),
            lock_wait: Duration::from_secs(300),
            lease: Duration::from_secs(15),
            lock_timeout: Duration::from_secs(2),
            lock_retry_for: Duration::from_secs(300),
            application: None,
            observers: Vec::new(),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("version_table", &self.version_table)
            .field("version_schema", &self.version_schema)
            .field("history_table", &self.history_table)
            .field("pin", &self.pin)
            .field("transaction_mode", &self.transaction_mode)
            .field("on_drift", &self.on_drift)
            .field("on_ahead", &self.on_ahead)
            .field("lock_wait", &self.lock_wait)
            .field("lease", &self.lease)
            .field("lock_timeout", &self.lock_timeout)
            .field("lock_retry_for", &self.lock_retry_for)
            .field("application", &self.application)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Tells an event to the log and to the callbacks.
    pub(crate) fn tell(&self, event: &Event<'_>) {
        event.trace();
        for observer in &self.observers {
            observer(event);
        }
    }

    /// The schema of limbeck's tables, where a setting names it.
    pub(crate) fn schema_name(&self) -> Option<&str> {
        self.version_schema.as_ref()?.name()
    }

    pub(crate) fn names(&self, dialect: Dialect) -> Names {
        Names::new(
            dialect,
            self.schema_name().map(str::to_owned),
            self.version_table.clone(),
            self.history_table.clone(),
        )
    }

    pub(crate) fn actor(&self) -> Actor {
        let executable = || {
            let path = std::env::current_exe().ok()?;
            Some(path.file_stem()?.to_string_lossy().into_owned())
        };
        Actor {
            host: whoami::hostname().unwrap_or_else(|_| "unknown".to_owned()),
            pid: std::process::id(),
            application: self
                .application
                .clone()
                .or_else(executable)
                .unwrap_or_else(|| "unknown".to_owned()),
        }
    }
}
