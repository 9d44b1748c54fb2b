//! Reads the catalog.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use sqlx::MySql;

use super::query;
use super::read::{self, Details};
use super::scratch::{self, Wish};
use super::text::Own;
use crate::autogenerate::engine::{Form, Reflect, Trial};
use crate::autogenerate::error::AutogenerateError;
use crate::autogenerate::schema::Schema;
use crate::backend::{ALL, Backend as _, StatementResult};
use crate::dialect::Dialect;

impl Reflect for MySql {
    fn reflect(
        connection: &mut Self::Connection,
    ) -> BoxFuture<'_, Result<Schema, AutogenerateError>> {
        Box::pin(reflect(connection, "live", &[]))
    }

    fn scratch<'c>(
        like: &'c mut Self::Connection,
        options: &'c <Self::Connection as sqlx::Connection>::Options,
        sql: &'c str,
    ) -> BoxFuture<'c, Result<Schema, AutogenerateError>> {
        Box::pin(async move { scratch::own(like, options, &Wish(sql)).await })
    }

    fn scratch_in<'c>(
        like: &'c mut Self::Connection,
        scratch: &'c mut Self::Connection,
        sql: &'c str,
    ) -> BoxFuture<'c, Result<Schema, AutogenerateError>> {
        Box::pin(async move { scratch::given(like, scratch, &Wish(sql)).await })
    }

    fn forms<'c>(
        like: &'c mut Self::Connection,
        options: &'c <Self::Connection as sqlx::Connection>::Options,
        trial: &'c Trial,
    ) -> BoxFuture<'c, Result<Vec<Form>, AutogenerateError>> {
        Box::pin(scratch::own(like, options, trial))
    }

    fn forms_in<'c>(
        like: &'c mut Self::Connection,
        scratch: &'c mut Self::Connection,
        trial: &'c Trial,
    ) -> BoxFuture<'c, Result<Vec<Form>, AutogenerateError>> {
        Box::pin(scratch::given(like, scratch, trial))
    }
}

/// The schema of the current database, which errors call `what`. Names in it that are qualified with the database's
/// own name, or one of `also`, are its own.
pub(super) async fn reflect(
    connection: &mut sqlx::MySqlConnection,
    what: &'static str,
    also: &[String],
) -> Result<Schema, AutogenerateError> {
    let read = read_all(connection, what, also).await;
    // Also where reading failed: the connection is the caller's.
    let left = send(connection, what, query::LEAVE.to_owned(), 1).await;
    let schema = read?;
    left?;
    Ok(schema)
}

async fn read_all(
    connection: &mut sqlx::MySqlConnection,
    what: &'static str,
    also: &[String],
) -> Result<Schema, AutogenerateError> {
    let looked = send(connection, what, query::look(), 2).await?;
    let cell = |at: usize| looked[1].rows.first().and_then(|row| row.get(at)?.clone());
    let dialect = match cell(0) {
        Some(version) if version.contains("MariaDB") => Dialect::Mariadb,
        _ => Dialect::Mysql,
    };
    let Some(database) = cell(1) else {
        return Err(AutogenerateError::Catalog(
            "the connection has no current database: name one in its URL".to_owned(),
        ));
    };
    let mut names: BTreeSet<String> = also.iter().cloned().collect();
    names.insert(database);
    let own = Own { names };

    let results = send(connection, what, query::everything(dialect), query::RESULTS).await?;
    let reading = read::Reading::new(dialect, own, &results);
    let (tables, sequences) = reading.wanted();
    let mut details = Details::default();
    if !tables.is_empty() || !sequences.is_empty() {
        let message = query::details(dialect, &tables, &sequences);
        let count = tables.len() + usize::from(!sequences.is_empty());
        let results = send(connection, what, message, count).await?;
        for (table, result) in tables.into_iter().zip(&results) {
            let text = result.rows.first().and_then(|row| row.get(1)?.clone());
            details.tables.push((table, text.unwrap_or_default()));
        }
        if let Some(result) = results.get(details.tables.len()) {
            details.sequences = result.rows.clone();
        }
    }
    Ok(reading.finish(&details))
}

/// Sends a message of `count` statements and reads them all.
pub(super) async fn send(
    connection: &mut sqlx::MySqlConnection,
    what: &'static str,
    message: String,
    count: usize,
) -> Result<Vec<StatementResult>, AutogenerateError> {
    let sent = MySql::send(connection, message, vec![ALL; count]).await;
    let mut results = sent.map_err(|failed| AutogenerateError::Reflect {
        what,
        source: failed.error,
    })?;
    results.resize(count, StatementResult::default());
    Ok(results)
}
