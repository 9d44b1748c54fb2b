//! Where connections come from: a pool, or the one connection that a caller lends.

use std::fmt;
use std::ops::{Deref, DerefMut};

use futures_util::future::BoxFuture;
use sqlx::pool::PoolConnection;
use sqlx::{Database, Pool};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::{Backend, Sealed};

/// What a [`Migrator`](crate::Migrator) takes its connections from: a [`sqlx::Pool`], or a [`Borrowed`]
/// connection. Sealed.
pub trait Source: Sealed + Send + Sync {
    /// The database.
    type Database: Backend;

    #[doc(hidden)]
    fn acquire(&self) -> BoxFuture<'_, Result<Held<'_, Self::Database>, sqlx::Error>>;

    /// The pool, if this is one: a second connection can then be had.
    #[doc(hidden)]
    fn pool(&self) -> Option<&Pool<Self::Database>>;
}

/// What [`Migrator::new`](crate::Migrator::new) accepts: a pool, a reference to one, or `&mut` of a connection or of one
/// that a pool lent. Sealed.
pub trait IntoSource: Sealed {
    /// The source it becomes.
    type Source: Source;

    #[doc(hidden)]
    fn into_source(self) -> Self::Source;
}

/// A connection on its way through a run.
pub enum Held<'a, DB: Database> {
    #[doc(hidden)]
    Pooled(PoolConnection<DB>),
    #[doc(hidden)]
    Borrowed(MappedMutexGuard<'a, DB::Connection>),
}

impl<DB: Database> Deref for Held<'_, DB> {
    type Target = DB::Connection;

    fn deref(&self) -> &Self::Target {
        match self {
            Held::Pooled(connection) => connection,
            Held::Borrowed(connection) => connection,
        }
    }
}

impl<DB: Database> DerefMut for Held<'_, DB> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Held::Pooled(connection) => connection,
            Held::Borrowed(connection) => connection,
        }
    }
}

impl<DB: Database> Sealed for Pool<DB> {}

impl<DB: Backend> Source for Pool<DB> {
    type Database = DB;

    fn acquire(&self) -> BoxFuture<'_, Result<Held<'_, DB>, sqlx::Error>> {
        let connection = Pool::acquire(self);
        Box::pin(async move { Ok(Held::Pooled(connection.await?)) })
    }

    fn pool(&self) -> Option<&Pool<DB>> {
        Some(self)
    }
}

impl<DB: Backend> IntoSource for Pool<DB> {
    type Source = Pool<DB>;

    fn into_source(self) -> Pool<DB> {
        self
    }
}

impl<DB: Database> Sealed for &Pool<DB> {}

impl<DB: Backend> IntoSource for &Pool<DB> {
    type Source = Pool<DB>;

    fn into_source(self) -> Pool<DB> {
        self.clone()
    }
}

/// A connection that the caller owns and lends for the life of the [`Migrator`](crate::Migrator).
///
/// There is no second connection beside it: a lease is renewed between statements, not during one, and on MySQL
/// `statement_timeout=` ends a `SELECT` alone.
///
/// ```no_run
/// # async fn f(pool: sqlx::SqlitePool, migrations: limbeck::Migrations) -> Result<(), Box<dyn std::error::Error>> {
/// let mut connection = pool.acquire().await?;
/// let report = limbeck::Migrator::new(&mut connection, migrations).upgrade_to_head().await?;
/// # Ok(()) }
/// ```
pub struct Borrowed<'c, DB: Database> {
    connection: Mutex<&'c mut DB::Connection>,
}

impl<DB: Database> fmt::Debug for Borrowed<'_, DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Borrowed").finish_non_exhaustive()
    }
}

impl<DB: Database> Sealed for Borrowed<'_, DB> {}

impl<DB: Backend> Source for Borrowed<'_, DB> {
    type Database = DB;

    fn acquire(&self) -> BoxFuture<'_, Result<Held<'_, DB>, sqlx::Error>> {
        Box::pin(async move {
            let guard = self.connection.lock().await;
            Ok(Held::Borrowed(MutexGuard::map(guard, |connection| {
                &mut **connection
            })))
        })
    }

    fn pool(&self) -> Option<&Pool<DB>> {
        None
    }
}

/// A macro and not `&mut C` of any connection: beside that there could be none for [`PoolConnection`].
macro_rules! lent {
    ($connection:ty, $database:ty) => {
        impl Sealed for &mut $connection {}

        impl<'c> IntoSource for &'c mut $connection {
            type Source = Borrowed<'c, $database>;

            fn into_source(self) -> Self::Source {
                Borrowed {
                    connection: Mutex::new(self),
                }
            }
        }
    };
}

#[cfg(feature = "sqlite")]
lent!(sqlx::SqliteConnection, sqlx::Sqlite);
#[cfg(feature = "postgres")]
lent!(sqlx::PgConnection, sqlx::Postgres);
#[cfg(feature = "mysql")]
lent!(sqlx::MySqlConnection, sqlx::MySql);

impl<DB: Database> Sealed for &mut PoolConnection<DB> {}

impl<'c, DB: Backend> IntoSource for &'c mut PoolConnection<DB> {
    type Source = Borrowed<'c, DB>;

    fn into_source(self) -> Self::Source {
        Borrowed {
            connection: Mutex::new(&mut **self),
        }
    }
}
