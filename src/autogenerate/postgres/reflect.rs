//! Reads the catalog.

use futures_util::future::BoxFuture;
use sqlx::{PgConnection, Postgres};

use super::catalog::{Catalog, Rows};
use super::{query, scratch};
use crate::autogenerate::engine::{Reflect, Wish};
use crate::autogenerate::error::AutogenerateError;
use crate::autogenerate::schema::Schema;
use crate::backend::{ALL, Backend};

impl Reflect for Postgres {
    fn reflect(
        connection: &mut Self::Connection,
    ) -> BoxFuture<'_, Result<Schema, AutogenerateError>> {
        Box::pin(reflect(connection, "live", None))
    }

    fn scratch<'c>(
        like: &'c mut Self::Connection,
        options: &'c <Self::Connection as sqlx::Connection>::Options,
        wish: Wish<'c>,
    ) -> BoxFuture<'c, Result<Schema, AutogenerateError>> {
        Box::pin(scratch::own(like, options, wish))
    }

    fn scratch_in<'c>(
        like: &'c mut Self::Connection,
        scratch: &'c mut Self::Connection,
        wish: Wish<'c>,
    ) -> BoxFuture<'c, Result<Schema, AutogenerateError>> {
        Box::pin(scratch::given(like, scratch, wish))
    }

    fn reaches_beyond(statement: &str) -> Option<String> {
        scratch::refusal(statement)
    }
}

/// Two messages: the server's version, then everything. `current` is the schema that names are told relative to,
/// where it is not the session's.
pub(super) async fn reflect(
    connection: &mut PgConnection,
    what: &'static str,
    current: Option<&str>,
) -> Result<Schema, AutogenerateError> {
    let failed = |source| AutogenerateError::Reflect { what, source };
    let version = server_version(connection).await.map_err(failed)?;
    let message = query::message(version, current);
    let results = send(connection, message, query::RESULTS)
        .await
        .map_err(failed)?;
    Catalog::new(results)?.into_schema()
}

/// `server_version_num`.
pub(super) async fn server_version(connection: &mut PgConnection) -> Result<u32, sqlx::Error> {
    let rows = send(connection, "SHOW server_version_num".to_owned(), 1).await?;
    let cell = rows.first().and_then(|rows| rows.first()?.first()?.clone());
    let number = cell.and_then(|cell| cell.parse().ok());
    number.ok_or_else(|| {
        sqlx::Error::Protocol("the server's version is no number: is it a PostgreSQL?".to_owned())
    })
}

/// The rows of that many results.
pub(super) async fn send(
    connection: &mut PgConnection,
    message: String,
    results: usize,
) -> Result<Vec<Rows>, sqlx::Error> {
    match Postgres::send(connection, message, vec![ALL; results]).await {
        Ok(results) => Ok(results.into_iter().map(|result| result.rows).collect()),
        Err(failed) => Err(failed.error),
    }
}
