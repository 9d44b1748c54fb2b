//! The databases: their I/O ([`Backend`]: send a message, read its results as text, explain an error) and the conduct of a
//! session ([`Conduct`]: settings, limits, fencing, evidence after a crash), each in its own folder. The executor above
//! names none of them.

/// The columns' names and the cells as text of one row; a cell that is no text shows its type's name.
macro_rules! text_row {
    ($row:expr) => {{
        use sqlx::{Column as _, Row as _, TypeInfo as _};
        let row = $row;
        let columns = row
            .columns()
            .iter()
            .map(|column| column.name().to_owned())
            .collect();
        let cells = (0..row.columns().len())
            .map(|index| {
                row.try_get_unchecked::<Option<String>, usize>(index)
                    .unwrap_or_else(|_| {
                        let kind = row.columns()[index].type_info().name().to_lowercase();
                        Some(format!("<{kind}>"))
                    })
            })
            .collect();
        (columns, cells)
    }};
}

/// [`Backend::send_counted`]: the same words for each database, whose types no bound of sqlx's joins.
macro_rules! send_as_text {
    ($database:ty) => {
        fn send_counted<'c>(
            connection: &'c mut Self::Connection,
            message: String,
            keep: Vec<usize>,
            count: Option<std::sync::Arc<super::Count>>,
        ) -> futures_util::future::BoxFuture<
            'c,
            Result<Vec<super::StatementResult>, super::SendError>,
        > {
            Box::pin(async move {
                let text = sqlx::raw_sql(sqlx::AssertSqlSafe(message));
                let stream = sqlx::Executor::fetch_many(connection, text);
                super::collect::<$database>(
                    stream,
                    keep,
                    |end| end.rows_affected(),
                    |row| text_row!(row),
                    count.as_deref(),
                )
                .await
            })
        }
    };
}

// A database uses its own part.
#[cfg_attr(
    not(all(feature = "sqlite", feature = "postgres", feature = "mysql")),
    allow(dead_code)
)]
mod conduct;
mod failure;
#[cfg_attr(
    not(all(feature = "sqlite", feature = "postgres", feature = "mysql")),
    allow(dead_code)
)]
mod line;
mod message;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
mod rejection;
#[cfg_attr(
    not(all(feature = "sqlite", feature = "postgres", feature = "mysql")),
    allow(dead_code)
)]
mod session;
mod source;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg_attr(
    not(all(feature = "sqlite", feature = "postgres", feature = "mysql")),
    allow(dead_code)
)]
mod traces;
mod unlogged;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt as _};
use sqlx::{Database, Either, Pool};

use crate::dialect::Dialect;

pub(crate) use conduct::{Conduct, Evidence, Limits};
pub(crate) use failure::{Class, Failure, Fault};
pub(crate) use line::{Identity, Line};
pub(crate) use message::{Message, Origin};
pub use rejection::Rejection;
pub(crate) use session::Session;
pub(crate) use source::Held;
pub use source::{Borrowed, IntoSource, Source};

mod sealed {
    /// Backends and sources are limbeck's own.
    pub trait Sealed {}
}
pub(crate) use sealed::Sealed;

/// A database that limbeck can migrate: [`sqlx::Sqlite`], [`sqlx::Postgres`] or [`sqlx::MySql`], each behind
/// the feature of its name.
///
/// The trait is sealed: its methods are limbeck's own business and change without notice.
pub trait Backend: Database + Sealed {
    /// The database; [`Dialect::Mysql`] for MariaDB as well: no server is asked.
    const FAMILY: Dialect;

    /// The conduct of a run's session on this database.
    #[doc(hidden)]
    type Conduct: Conduct<Self>;

    /// Sends one message of one or more statements as simple text, without a prepared statement, and reads
    /// the result of each: as many of its rows as `keep` says, none of results beyond those.
    #[doc(hidden)]
    fn send<'c>(
        connection: &'c mut Self::Connection,
        message: String,
        keep: Vec<usize>,
    ) -> BoxFuture<'c, Result<Vec<StatementResult>, SendError>> {
        Self::send_counted(connection, message, keep, None)
    }

    /// The same, and counts the results as they come.
    #[doc(hidden)]
    fn send_counted<'c>(
        connection: &'c mut Self::Connection,
        message: String,
        keep: Vec<usize>,
        count: Option<Arc<Count>>,
    ) -> BoxFuture<'c, Result<Vec<StatementResult>, SendError>>;

    #[doc(hidden)]
    fn explain(error: &sqlx::Error) -> Failure;

    /// A pool of one connection beside the caller's, opened from the same options, with the statement cache
    /// off. None where a second connection would open another database.
    #[doc(hidden)]
    fn beside(pool: &Pool<Self>) -> Option<Pool<Self>>;

    /// Tells whether a connection that ran steps goes back to its pool: else it is closed.
    #[doc(hidden)]
    const KEEPS_CONNECTION: bool;

    /// Lets the database itself end a statement after this time, where no setting does it.
    #[doc(hidden)]
    fn limit_statement<'c>(
        _connection: &'c mut Self::Connection,
        _limit: Option<Duration>,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A pool of one connection beside the caller's, with its hooks.
pub(crate) fn pool_of_one<DB: Database>(
    pool: &Pool<DB>,
    options: <DB::Connection as sqlx::Connection>::Options,
) -> Pool<DB> {
    pool.options()
        .clone()
        .max_connections(1)
        .min_connections(0)
        // Without either there is no task of maintenance, which sqlx 0.9 can send into an endless loop: where a connection is
        // taken between its return and its counting, the number of idle ones wraps.
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options)
}

/// Keep every row of a result.
pub(crate) const ALL: usize = usize::MAX;

/// The number of results of the message on its way that have come.
pub type Count = tokio::sync::watch::Sender<usize>;

/// What one statement returned.
#[derive(Debug, Clone, Default)]
pub struct StatementResult {
    pub affected: u64,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
}

/// The message failed after these of its statements had ended.
#[derive(Debug)]
pub struct SendError {
    pub results: Vec<StatementResult>,
    pub error: sqlx::Error,
}

/// A message's results as sqlx streams them: a row, or the end of a statement.
type Results<'c, DB> = BoxStream<
    'c,
    Result<Either<<DB as Database>::QueryResult, <DB as Database>::Row>, sqlx::Error>,
>;

/// A row's column names, and its cells as text.
type ReadRow<DB> = fn(&<DB as Database>::Row) -> (Vec<String>, Vec<Option<String>>);

/// After how many rows and results the thread's other tasks have their turn.
const OTHERS_TURN: usize = 256;

/// Reads a message's results: what stands between two ends of statements belongs to the second.
pub(crate) async fn collect<DB: Database>(
    mut stream: Results<'_, DB>,
    keep: Vec<usize>,
    affected: fn(&DB::QueryResult) -> u64,
    read_row: ReadRow<DB>,
    count: Option<&Count>,
) -> Result<Vec<StatementResult>, SendError> {
    let mut results = Vec::new();
    let mut current = StatementResult::default();
    let mut items: usize = 0;
    while let Some(item) = stream.next().await {
        items += 1;
        // sqlx reads what is there without a pause, and who sends without an end would be all that this thread hears.
        if items.is_multiple_of(OTHERS_TURN) {
            tokio::task::yield_now().await;
        }
        match item {
            Ok(Either::Left(end)) => {
                current.affected = affected(&end);
                results.push(std::mem::take(&mut current));
                if let Some(count) = count {
                    count.send_replace(results.len());
                }
            }
            Ok(Either::Right(row)) => {
                if current.rows.len() < keep.get(results.len()).copied().unwrap_or(0) {
                    let (columns, cells) = read_row(&row);
                    current.columns = columns;
                    current.rows.push(cells);
                }
            }
            Err(error) => {
                return Err(SendError { results, error });
            }
        }
    }
    Ok(results)
}
