//! From a URL to a database.

use std::future::Future;
use std::time::Duration;

use futures_util::future::BoxFuture;
use limbeck::autogenerate::Reflect;
use limbeck::error::{Rejection, UrlError};
use limbeck::migrator::{Source, VersionSchema};
use limbeck::{Dialect, Event, Migrations, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::{Connection, Pool};
use tokio::time::Instant;

use crate::database::Database;
use crate::error::CliError;
use crate::options::Options;
use crate::redact::Redactor;
use crate::tls;

/// A run has one, and opens what goes on beside it itself: a role may be allowed no more.
const CONNECTIONS: u32 = 1;

/// How long a connection may take to end in order.
const CLOSING: Duration = Duration::from_secs(2);

/// What a command does to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
    /// Writes, and to a database that is there already.
    Existing,
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
enum ConnectError {
    /// The program was built without this database.
    #[error(
        "this program was built without {dialect}: build it with the feature `{}` of limbeck-cli",
        feature(*.dialect)
    )]
    LeftOut { dialect: Dialect },
    /// The URL cannot be read.
    #[error("the database URL cannot be read{}", tls::modes(.source))]
    InvalidUrl { source: sqlx::Error },
    /// No connection. Where no retry helps, with the reason.
    #[error("no connection to {database}{}", .reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Connect {
        database: String,
        reason: Option<String>,
        source: sqlx::Error,
    },
    /// The server did not answer in time.
    #[error("no connection to {database}: it did not answer within {seconds} s")]
    Timeout { database: String, seconds: u64 },
}

impl From<ConnectError> for CliError {
    fn from(error: ConnectError) -> CliError {
        let kind = match &error {
            ConnectError::LeftOut { .. } => "left_out",
            ConnectError::InvalidUrl { .. } => "invalid_database_url",
            ConnectError::Connect {
                reason: Some(_), ..
            } => "rejected",
            ConnectError::Connect { .. } | ConnectError::Timeout { .. } => "connection",
        };
        CliError::of(kind, error)
    }
}

/// The URL names no database.
impl From<UrlError> for CliError {
    fn from(error: UrlError) -> CliError {
        CliError::of("invalid_database_url", error)
    }
}

/// The error of a database that this program was built without.
pub(super) fn left_out(dialect: Dialect) -> CliError {
    ConnectError::LeftOut { dialect }.into()
}

/// The feature of limbeck-cli that brings a database.
fn feature(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgres => "postgres",
        _ => "mysql",
    }
}

/// A callback for progress.
pub(super) type Observer = Box<dyn Fn(&Event<'_>) + Send + Sync>;

/// A database that answers, until it is closed.
pub(super) struct Opened {
    pub database: Box<dyn Database>,
    close: BoxFuture<'static, ()>,
    /// The SQLite file that is not there: the database stands for an empty one.
    pub missing_file: Option<String>,
}

impl Opened {
    /// A database whose connections are somebody else's.
    pub(super) fn kept(database: Box<dyn Database>) -> Opened {
        Opened {
            database,
            close: Box::pin(async {}),
            missing_file: None,
        }
    }

    /// Ends the connections in order. What hangs there is left to the end of the process.
    pub(super) async fn close(self) {
        drop(self.database);
        let _ = tokio::time::timeout(CLOSING, self.close).await;
    }
}

/// How a database is opened.
pub(super) struct Opening<'a> {
    pub url: &'a str,
    pub options: &'a Options,
    pub migrations: Migrations,
    // A server's database is there already.
    #[cfg_attr(not(feature = "sqlite"), allow(dead_code))]
    pub access: Access,
    /// For the first connection, and for a place among those that a server allows.
    pub limit: Duration,
    pub observer: Option<Observer>,
}

/// Connects once, so that what is wrong is known at once and not after the pool's patience, then opens the
/// pool.
pub(super) async fn open(opening: Opening<'_>) -> Result<Opened, CliError> {
    match Dialect::of_url(opening.url)? {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => open_sqlite(opening).await,
        #[cfg(feature = "postgres")]
        Dialect::Postgres => open_pool::<sqlx::Postgres>(opening, None).await,
        #[cfg(feature = "mysql")]
        Dialect::Mysql | Dialect::Mariadb => open_pool::<sqlx::MySql>(opening, None).await,
        dialect => Err(left_out(dialect)),
    }
}

/// What writes scripts: no connection is ever made.
pub(super) fn script(
    options: &Options,
    migrations: Migrations,
    dialect: Dialect,
) -> Box<dyn Database> {
    #[cfg(feature = "sqlite")]
    let pool = sqlx::SqlitePool::connect_lazy_with(sqlx::sqlite::SqliteConnectOptions::new());
    #[cfg(all(feature = "postgres", not(feature = "sqlite")))]
    let pool =
        sqlx::PgPool::connect_lazy_with(sqlx::postgres::PgConnectOptions::new_without_pgpass());
    #[cfg(not(any(feature = "sqlite", feature = "postgres")))]
    let pool = sqlx::MySqlPool::connect_lazy_with(sqlx::mysql::MySqlConnectOptions::new());
    let migrator = Migrator::new(pool, migrations).script_dialect(dialect);
    Box::new(with_settings(migrator, options, None))
}

#[cfg(feature = "sqlite")]
async fn open_sqlite(opening: Opening<'_>) -> Result<Opened, CliError> {
    use std::str::FromStr as _;

    use sqlx::sqlite::SqliteConnectOptions;

    let mut connect = SqliteConnectOptions::from_str(opening.url)
        .map_err(|source| ConnectError::InvalidUrl { source })?;
    let query = opening.url.split_once('?').map_or("", |(_, query)| query);
    let mode = query
        .split('&')
        .find_map(|parameter| parameter.strip_prefix("mode="));
    let is_file = !opening.url.contains(":memory:") && mode != Some("memory");
    if !is_file {
        return open_pool::<sqlx::Sqlite>(opening, Some(connect)).await;
    }
    let mut missing_file = None;
    let file = connect.get_filename().to_owned();
    match opening.access {
        // As with other migration tools the first upgrade creates the file.
        Access::Write if mode.is_none() => connect = connect.create_if_missing(true),
        // Who only looks creates nothing: a file that is not there yet is an empty database.
        Access::Read if mode.is_none_or(|mode| mode == "rwc") && !file.exists() => {
            missing_file = Some(file.display().to_string());
            connect = SqliteConnectOptions::from_str("sqlite::memory:")
                .map_err(|source| ConnectError::InvalidUrl { source })?;
        }
        _ => {}
    }
    let opened = open_pool::<sqlx::Sqlite>(opening, Some(connect)).await?;
    Ok(Opened {
        missing_file,
        ..opened
    })
}

async fn open_pool<DB: Reflect>(
    opening: Opening<'_>,
    connect: Option<<DB::Connection as Connection>::Options>,
) -> Result<Opened, CliError> {
    let connect = match connect {
        Some(connect) => connect,
        None => options_of::<DB>(opening.url)?,
    };
    let failed = |failed| not_connected::<DB>(opening.url, opening.limit, failed);
    let deadline = Instant::now() + opening.limit;
    let probe = patiently(deadline, || DB::Connection::connect_with(&connect)).await;
    let probe = probe.map_err(failed)?;
    // A server may allow this role no second connection; a database in memory lasts as long as its first one.
    let kept = if DB::FAMILY == Dialect::Sqlite {
        Some(probe)
    } else {
        // An error here would only say that the connection has ended already.
        let _ = tokio::time::timeout(CLOSING, probe.close()).await;
        None
    };
    let pool: Pool<DB> = PoolOptions::new()
        // As in the library's own pools: a process of one command needs no maintenance of them.
        .idle_timeout(None)
        .max_lifetime(None)
        .max_connections(CONNECTIONS)
        .acquire_timeout(Duration::from_secs(30))
        .connect_lazy_with(connect);
    if kept.is_none() {
        // The server counts the probe for a moment longer: the connection that the command begins with is had now.
        let first = patiently(deadline, || pool.acquire()).await;
        drop(first.map_err(failed)?);
    }
    let migrator = Migrator::new(&pool, opening.migrations);
    let database = Box::new(with_settings(migrator, opening.options, opening.observer));
    let close = Box::pin(async move {
        if let Some(kept) = kept {
            let _ = kept.close().await;
        }
        pool.close().await;
    });
    Ok(Opened {
        database,
        close,
        missing_file: None,
    })
}

fn options_of<DB: Reflect>(
    url: &str,
) -> Result<<DB::Connection as Connection>::Options, ConnectError> {
    url.parse()
        .map_err(|source| ConnectError::InvalidUrl { source })
}

fn not_connected<DB: Reflect>(
    url: &str,
    limit: Duration,
    failed: Option<sqlx::Error>,
) -> ConnectError {
    let database = Redactor::url(Some(url)).unwrap_or_default();
    match failed {
        Some(source) => ConnectError::Connect {
            database,
            reason: tls::advice(DB::FAMILY, url, &source)
                .or_else(|| Rejection::of(&source).map(|reason| reason.to_string())),
            source,
        },
        None => ConnectError::Timeout {
            database,
            seconds: limit.as_secs(),
        },
    }
}

/// A single connection, to a database that is not the command's own.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) async fn connection<DB: Reflect>(
    url: &str,
    limit: Duration,
) -> Result<DB::Connection, CliError> {
    let options = options_of::<DB>(url)?;
    let connect = || DB::Connection::connect_with(&options);
    let connected = patiently(Instant::now() + limit, connect).await;
    Ok(connected.map_err(|failed| not_connected::<DB>(url, limit, failed))?)
}

/// What this gives before the deadline. Tried again while the server has no place for one more connection: its last
/// error then, none where it never answered.
async fn patiently<T, F: Future<Output = Result<T, sqlx::Error>>>(
    deadline: Instant,
    connect: impl Fn() -> F,
) -> Result<T, Option<sqlx::Error>> {
    const PAUSE: Duration = Duration::from_millis(100);
    let mut last = None;
    loop {
        match tokio::time::timeout_at(deadline, connect()).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) if is_full(&error) => last = Some(error),
            Ok(Err(error)) => return Err(Some(error)),
            Err(_) => return Err(last),
        }
        if Instant::now() + PAUSE >= deadline {
            return Err(last);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether a server has as many connections as it may have, in all, of this role or to this database.
fn is_full(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else {
        return false;
    };
    #[cfg(feature = "mysql")]
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return match error.number() {
            1040 | 1203 => true,
            // The limits on an hour have the same number.
            1226 => error.message().contains("max_user_connections"),
            _ => false,
        };
    }
    error.code().as_deref() == Some("53300")
}

fn with_settings<S: Source>(
    migrator: Migrator<S>,
    options: &Options,
    observer: Option<Observer>,
) -> Migrator<S> {
    let mut migrator = migrator.application(concat!("limbeck ", env!("CARGO_PKG_VERSION")));
    if let Some(name) = &options.version_table {
        migrator = migrator.version_table(name);
    }
    if let Some(name) = &options.version_schema {
        migrator = migrator.version_schema(match name.as_str() {
            "@current" => VersionSchema::Current,
            name => name.into(),
        });
    }
    if !options.search_path.is_empty() {
        migrator = migrator.pin_search_path(&options.search_path);
    }
    if let Some(role) = &options.role {
        migrator = migrator.pin_role(role);
    }
    match observer {
        Some(observer) => migrator.on_event(observer),
        None => migrator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_left_out_names_its_feature() {
        for (dialect, feature) in [
            (Dialect::Sqlite, "sqlite"),
            (Dialect::Postgres, "postgres"),
            (Dialect::Mysql, "mysql"),
            (Dialect::Mariadb, "mysql"),
        ] {
            let error = ConnectError::LeftOut { dialect };
            let expected = format!(
                "this program was built without {dialect}: build it with the feature `{feature}` of limbeck-cli"
            );
            assert_eq!(error.to_string(), expected);
        }
    }
}
