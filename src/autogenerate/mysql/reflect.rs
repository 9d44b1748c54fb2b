//! Reads the catalog.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use sqlx::MySql;

use super::desired::refusal;
use super::query::{self, Question};
use super::read::{self, Answer};
use super::scratch;
use super::text::Own;
use crate::autogenerate::engine::{Form, Reflect, Trial, Wish};
use crate::autogenerate::error::AutogenerateError;
use crate::autogenerate::schema::Schema;
use crate::backend::{ALL, Backend as _, Class, StatementResult};
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
        wish: Wish<'c>,
    ) -> BoxFuture<'c, Result<Schema, AutogenerateError>> {
        Box::pin(async move { scratch::own(like, options, &wish).await })
    }

    fn scratch_in<'c>(
        like: &'c mut Self::Connection,
        scratch: &'c mut Self::Connection,
        wish: Wish<'c>,
    ) -> BoxFuture<'c, Result<Schema, AutogenerateError>> {
        Box::pin(async move { scratch::given(like, scratch, &wish).await })
    }

    fn reaches_beyond(statement: &str) -> Option<String> {
        refusal(statement, "")
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
    let questions = reading.questions();
    let answers = ask(connection, what, dialect, &questions).await?;
    let schema = reading.finish(questions.iter().zip(&answers));
    if cell(4).is_some_and(|mode| mode.contains("NO_BACKSLASH_ESCAPES"))
        && let Some(place) = read::with_backslash(&schema)
    {
        return Err(AutogenerateError::Catalog(format!(
            "the server's sql_mode has NO_BACKSLASH_ESCAPES, under which a backslash cannot be written as its catalog \
             shows it, and there is one in {place}"
        )));
    }
    Ok(schema)
}

/// All in one message. Where the server refuses an answer, the rest is asked in another, and its words stand for it: a role
/// may see a view in the catalog and not its definition.
async fn ask(
    connection: &mut sqlx::MySqlConnection,
    what: &'static str,
    dialect: Dialect,
    questions: &[Question],
) -> Result<Vec<Answer>, AutogenerateError> {
    let mut answers: Vec<Answer> = Vec::new();
    while answers.len() < questions.len() {
        let rest = &questions[answers.len()..];
        let statements: Vec<String> = rest.iter().map(|one| one.sql(dialect)).collect();
        let sent = MySql::send(connection, statements.join("; "), vec![ALL; rest.len()]).await;
        let (results, error) = match sent {
            Ok(mut results) => {
                results.resize(rest.len(), StatementResult::default());
                (results, None)
            }
            Err(failed) => (failed.results, Some(failed.error)),
        };
        answers.extend(results.into_iter().map(|result| Ok(result.rows)));
        if let Some(source) = error {
            let explained = MySql::explain(&source);
            let is_needed = matches!(
                questions.get(answers.len()),
                None | Some(Question::Table(_) | Question::Sequences(_))
            );
            if is_needed || explained.class == Class::Connection {
                return Err(AutogenerateError::Reflect { what, source });
            }
            answers.push(Err(explained.message));
        }
    }
    Ok(answers)
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
