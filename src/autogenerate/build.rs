//! The desired schema is built: its statements run on a scratch database, and an error says which one failed.

use std::collections::{BTreeMap, BTreeSet};

use crate::autogenerate::engine::Wish;
use crate::autogenerate::error::AutogenerateError;
use crate::backend::{self, Backend};
use crate::dialect::Dialect;
use crate::sql::{self, Class, Statement, classify, position};

/// What errors call the desired schema until the facade, which knows its file, says so.
const PATH: &str = "<desired schema>";

/// How many statements travel in one message.
#[cfg(feature = "postgres")]
const BATCH: usize = 200;

/// The statements of the desired schema, each with its number from 1.
pub(crate) struct Desired<'a> {
    sql: &'a str,
    statements: Vec<(usize, Statement<'a>)>,
    /// The SQL that runs in place of a statement, by the statement's number.
    instead: BTreeMap<usize, String>,
    /// The statements that begin with a session as new.
    first: BTreeSet<usize>,
}

impl<'a> Desired<'a> {
    /// Without BEGIN and COMMIT: whether there is a transaction is for the scratch database to say.
    pub(crate) fn read(dialect: Dialect, wish: Wish<'a>) -> Result<Self, AutogenerateError> {
        let sql = wish.sql;
        let statements = sql::split(dialect, sql).map_err(|error| {
            let (line, column) = position(sql, error.offset());
            AutogenerateError::Syntax {
                path: PATH.to_owned(),
                line,
                column,
                message: error.kind().to_string(),
                snippet: None,
            }
        })?;
        let mut desired = Desired {
            sql,
            statements: (1..).zip(statements).collect(),
            instead: BTreeMap::new(),
            first: BTreeSet::new(),
        };
        desired.retain(|statement| {
            !matches!(classify(dialect, statement).class(), Class::Transaction(_))
        });
        if !wish.sessions.is_empty() {
            let line_starts: Vec<usize> = std::iter::once(0)
                .chain(sql.match_indices('\n').map(|(at, _)| at + 1))
                .collect();
            let first = wish.sessions.iter().filter_map(|line| {
                let statements = &desired.statements;
                let begin = line_starts.get(line - 1)?;
                let at = statements.partition_point(|(_, one)| one.span().start < *begin);
                statements.get(at).map(|(number, _)| *number)
            });
            desired.first = first.collect();
        }
        Ok(desired)
    }

    /// Leaves out what changes no schema.
    pub(crate) fn retain(&mut self, is_wanted: impl Fn(&str) -> bool) {
        self.statements
            .retain(|(_, statement)| is_wanted(statement.text()));
    }

    /// Says statements in another way.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn replace(&mut self, other: impl Fn(&str) -> Option<String>) {
        let replaced = self
            .statements
            .iter()
            .filter_map(|(number, statement)| Some((*number, other(statement.text())?)));
        self.instead = replaced.collect();
    }

    /// What is sent for a statement.
    fn text<'s>(&'s self, one: &'s (usize, Statement<'_>)) -> &'s str {
        let other = self.instead.get(&one.0).map(String::as_str);
        other.unwrap_or_else(|| one.1.text())
    }

    /// Refuses what would reach beyond the scratch database, before anything runs.
    #[cfg(any(feature = "sqlite", feature = "mysql"))]
    pub(crate) fn refuse(
        &self,
        reason: impl Fn(&str) -> Option<String>,
    ) -> Result<(), AutogenerateError> {
        let refused = self
            .statements
            .iter()
            .find_map(|one| Some((one, reason(one.1.text())?)));
        match refused {
            Some((one, message)) => Err(self.error(one, 0, message)),
            None => Ok(()),
        }
    }

    /// Runs the statements one after the other; `fresh` makes the session as new.
    #[cfg(any(feature = "sqlite", feature = "mysql"))]
    pub(crate) async fn run<DB: Backend>(
        &self,
        connection: &mut DB::Connection,
        fresh: &str,
    ) -> Result<(), AutogenerateError> {
        self.run_some::<DB>(connection, &self.statements, fresh)
            .await
    }

    async fn run_some<DB: Backend>(
        &self,
        connection: &mut DB::Connection,
        some: &[(usize, Statement<'_>)],
        fresh: &str,
    ) -> Result<(), AutogenerateError> {
        for one in some {
            if self.first.contains(&one.0) {
                let made = DB::send(connection, fresh.to_owned(), Vec::new()).await;
                made.map_err(|failed| failed.error)?;
            }
            let text = self.text(one).to_owned();
            if let Err(failed) = DB::send(connection, text, Vec::new()).await {
                return Err(self.failure::<DB>(one, failed.error));
            }
        }
        Ok(())
    }

    /// Runs them many in a message, which is a transaction of its own. Where one fails, `again` undoes what is left of
    /// the message, and they run one by one, to find out which one it is and whether it only wants to be alone.
    #[cfg(feature = "postgres")]
    pub(crate) async fn run_in_batches<DB: Backend>(
        &self,
        connection: &mut DB::Connection,
        before: &str,
        again: &str,
        fresh: &str,
    ) -> Result<(), AutogenerateError> {
        let sessions = self
            .statements
            .chunk_by(|_, (next, _)| !self.first.contains(next));
        for batch in sessions.flat_map(|session| session.chunks(BATCH)) {
            let texts: Vec<&str> = batch.iter().map(|one| self.text(one)).collect();
            let begins = batch
                .first()
                .is_some_and(|(number, _)| self.first.contains(number));
            let fresh_first = if begins { fresh } else { "" };
            let message = format!("{before}{fresh_first}{}", texts.join("\n;"));
            if DB::send(connection, message, Vec::new()).await.is_err() {
                if !again.is_empty() {
                    DB::send(connection, again.to_owned(), Vec::new())
                        .await
                        .map_err(|failed| failed.error)?;
                }
                self.run_some::<DB>(connection, batch, fresh).await?;
            }
        }
        Ok(())
    }

    fn failure<DB: Backend>(
        &self,
        one: &(usize, Statement<'_>),
        error: sqlx::Error,
    ) -> AutogenerateError {
        let explained = DB::explain(&error);
        if explained.class == backend::Class::Connection {
            return AutogenerateError::Connection(error);
        }
        // Characters of the statement, from 1.
        let inside = explained.position.map_or(0, |position| {
            let before = one.1.text().chars().take(position.saturating_sub(1));
            before.map(char::len_utf8).sum()
        });
        let parts = [Some(explained.message), explained.detail, explained.hint];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        self.error(one, inside, parts.join("; "))
    }

    fn error(
        &self,
        (number, statement): &(usize, Statement<'_>),
        inside: usize,
        message: String,
    ) -> AutogenerateError {
        let (line, column) = position(self.sql, statement.span().start + inside);
        AutogenerateError::Desired {
            path: PATH.to_owned(),
            line,
            column,
            statement: *number,
            message,
            snippet: None,
        }
    }
}
