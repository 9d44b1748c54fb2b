//! Reads the catalog.

use futures_util::future::BoxFuture;
use sqlx::Sqlite;

use super::model::Catalog;
use super::query::CATALOG;
use super::scratch;
use crate::autogenerate::engine::{Reflect, Wish};
use crate::autogenerate::error::AutogenerateError;
use crate::autogenerate::schema::Schema;
use crate::backend::{ALL, Backend as _};

impl Reflect for Sqlite {
    fn reflect(
        connection: &mut Self::Connection,
    ) -> BoxFuture<'_, Result<Schema, AutogenerateError>> {
        Box::pin(reflect(connection, "live"))
    }

    fn scratch<'c>(
        _like: &'c mut Self::Connection,
        options: &'c <Self::Connection as sqlx::Connection>::Options,
        wish: Wish<'c>,
    ) -> BoxFuture<'c, Result<Schema, AutogenerateError>> {
        Box::pin(scratch::own(options, wish))
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

/// `what` is `live` or `scratch`.
pub(super) async fn reflect(
    connection: &mut sqlx::SqliteConnection,
    what: &'static str,
) -> Result<Schema, AutogenerateError> {
    let results = Sqlite::send(connection, CATALOG.to_owned(), vec![ALL]).await;
    let mut results = results.map_err(|error| AutogenerateError::Reflect {
        what,
        source: error.error,
    })?;
    let rows = results.pop().unwrap_or_default().rows;
    Ok(Catalog::of(rows).schema())
}
