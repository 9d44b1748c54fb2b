//! The database on which the desired schema is built.

use sqlx::{Connection, PgConnection, Postgres};

use super::reflect::reflect;
use super::scratch_sql::{CONTENT, LEFT_OVERS, SITUATION, Situation};
use crate::autogenerate::build::Desired;
use crate::autogenerate::engine::Wish;
use crate::autogenerate::error::AutogenerateError;
use crate::autogenerate::schema::Schema;
use crate::autogenerate::scratch_name;
use crate::backend::{ALL, Backend};
use crate::dialect::Dialect;
use crate::sql::{self, ObjectKind};

/// On a scratch database of limbeck's own. It is made and dropped over a connection of its own: the live one may be in
/// a transaction.
pub(super) async fn own(
    like: &mut PgConnection,
    options: &<PgConnection as Connection>::Options,
    wish: Wish<'_>,
) -> Result<Schema, AutogenerateError> {
    // What is no SQL is said before anything is made.
    let mut desired = Desired::read(Dialect::Postgres, wish)?;
    let situation = situation(like).await?;
    desired.retain(|statement| !situation.is_made_before(statement));
    let options = options.clone().statement_cache_capacity(0);
    let mut admin = PgConnection::connect_with(&options).await?;
    remove_left_overs(&mut admin, &situation).await;
    let name = scratch_name::fresh(situation.clock)?;
    if name == situation.database {
        return Err(AutogenerateError::ScratchIsLive { name });
    }
    say(&mut admin, &situation.create(&name))
        .await
        .map_err(|error| AutogenerateError::NoScratch {
            message: Postgres::explain(&error).message,
        })?;
    let built = build(&options.database(&name), &situation, &desired).await;
    let dropped = drop_database(&mut admin, &situation, &name).await;
    let _ = admin.close().await;
    let schema = built?;
    dropped?;
    Ok(schema)
}

async fn build(
    options: &<PgConnection as Connection>::Options,
    situation: &Situation,
    desired: &Desired<'_>,
) -> Result<Schema, AutogenerateError> {
    let mut scratch = PgConnection::connect_with(options).await.map_err(|error| {
        AutogenerateError::NoScratch {
            message: format!(
                "it was made, and cannot be connected to: {}",
                Postgres::explain(&error).message
            ),
        }
    })?;
    say(&mut scratch, &situation.prepare(false)).await?;
    desired
        .run_in_batches::<Postgres>(&mut scratch, "", "", &situation.fresh(false))
        .await?;
    say(&mut scratch, &situation.search_path(false)).await?;
    let schema = reflect(&mut scratch, "scratch", None).await;
    let _ = scratch.close().await;
    schema
}

/// On one that the user made: in a transaction that is rolled back, so that it is empty again whatever happens.
pub(super) async fn given(
    like: &mut PgConnection,
    scratch: &mut PgConnection,
    wish: Wish<'_>,
) -> Result<Schema, AutogenerateError> {
    let mut desired = Desired::read(Dialect::Postgres, wish)?;
    let live = situation(like).await?;
    desired.retain(|statement| !live.is_made_before(statement) && !is_outside_only(statement));
    desired.replace(without_concurrently);
    let there = situation(scratch).await?;
    if live.is_same_database(&there) {
        return Err(AutogenerateError::ScratchIsLive {
            name: there.database,
        });
    }
    if let Some(found) = row(scratch, CONTENT)
        .await?
        .and_then(|row| row.into_iter().next()?)
    {
        return Err(AutogenerateError::ScratchNotEmpty {
            name: there.database,
            found,
        });
    }
    say(scratch, &format!("BEGIN; {}", live.prepare(true))).await?;
    const UNDO: &str = "ROLLBACK TO SAVEPOINT limbeck_batch";
    let built = async {
        desired
            .run_in_batches::<Postgres>(
                scratch,
                "SAVEPOINT limbeck_batch;",
                UNDO,
                &live.fresh(true),
            )
            .await?;
        say(scratch, &live.search_path(true)).await?;
        reflect(scratch, "scratch", None).await
    };
    let built = built.await;
    say(scratch, "ROLLBACK").await?;
    built
}

/// A statement that no transaction takes and that changes no schema.
fn is_outside_only(statement: &str) -> bool {
    let pieces = sql::pieces(Dialect::Postgres, statement);
    let first = pieces.first();
    first.is_some_and(|piece| piece.is("VACUUM") || piece.is("REINDEX"))
}

/// The same DDL inside a transaction, its characters where they were.
fn without_concurrently(statement: &str) -> Option<String> {
    let pieces = sql::pieces(Dialect::Postgres, statement);
    let is = |at: usize, word: &str| pieces.get(at).is_some_and(|piece| piece.is(word));
    let is_index = (is(0, "CREATE") || is(0, "DROP")) && (is(1, "INDEX") || is(2, "INDEX"));
    let is_view = is(0, "REFRESH") && is(1, "MATERIALIZED");
    let at = match () {
        () if is_index => (2..=3).find(|&at| is(at, "CONCURRENTLY"))?,
        () if is_view => 3,
        () if is(0, "ALTER") && is(1, "TABLE") => pieces.len().checked_sub(1)?,
        () => return None,
    };
    let word = pieces.get(at).filter(|piece| piece.is("CONCURRENTLY"))?;
    let mut inside = statement.to_owned();
    inside.replace_range(word.range.clone(), &" ".repeat(word.range.len()));
    Some(inside)
}

/// Why a statement of a revision is not run: what it makes is the server's, or it asks another server.
pub(super) fn refusal(statement: &str) -> Option<String> {
    let kind = sql::classify(Dialect::Postgres, statement);
    let sql::Class::Ddl(ddl) = kind.class() else {
        return None;
    };
    let is_wide = matches!(
        ddl.object,
        ObjectKind::Role
            | ObjectKind::Tablespace
            | ObjectKind::Database
            | ObjectKind::System
            | ObjectKind::Subscription
    );
    is_wide.then(|| "this changes the server and not a schema".to_owned())
}

async fn situation(connection: &mut PgConnection) -> Result<Situation, AutogenerateError> {
    let row = row(connection, SITUATION).await?;
    row.and_then(Situation::of_row).ok_or_else(|| {
        AutogenerateError::Catalog("the server does not say which database this is".to_owned())
    })
}

/// As well as it can be done: another role's are not this one's to drop, and stay.
async fn remove_left_overs(admin: &mut PgConnection, situation: &Situation) {
    let Ok(results) = Postgres::send(admin, LEFT_OVERS.to_owned(), vec![ALL]).await else {
        return;
    };
    let names = results.into_iter().flat_map(|result| result.rows);
    for name in names.filter_map(|row| row.into_iter().next()?) {
        if scratch_name::born(&name).is_some() && name != situation.database {
            // Without FORCE: somebody may have connected since.
            let ident = Dialect::Postgres.ident(&name);
            let _ = say(admin, &format!("DROP DATABASE IF EXISTS {ident}")).await;
        }
    }
}

async fn drop_database(
    admin: &mut PgConnection,
    situation: &Situation,
    name: &str,
) -> Result<(), sqlx::Error> {
    for statement in situation.drop(name) {
        say(admin, &statement).await?;
    }
    Ok(())
}

async fn say(connection: &mut PgConnection, message: &str) -> Result<(), sqlx::Error> {
    match Postgres::send(connection, message.to_owned(), Vec::new()).await {
        Ok(_) => Ok(()),
        Err(failed) => Err(failed.error),
    }
}

async fn row(
    connection: &mut PgConnection,
    query: &str,
) -> Result<Option<Vec<Option<String>>>, sqlx::Error> {
    let results = Postgres::send(connection, query.to_owned(), vec![1]).await;
    let result = results.map_err(|failed| failed.error)?.into_iter().next();
    Ok(result.and_then(|result| result.rows.into_iter().next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_transaction_takes() {
        for (sql, expected) in [
            (
                "CREATE UNIQUE INDEX CONCURRENTLY i ON t (concurrently)",
                Some("CREATE UNIQUE INDEX              i ON t (concurrently)"),
            ),
            (
                "create index /* x */ concurrently if not exists i on t (a)",
                Some("create index /* x */              if not exists i on t (a)"),
            ),
            (
                "DROP INDEX CONCURRENTLY i",
                Some("DROP INDEX              i"),
            ),
            (
                "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
                Some("REFRESH MATERIALIZED VIEW              v"),
            ),
            (
                "ALTER TABLE p DETACH PARTITION c CONCURRENTLY",
                Some("ALTER TABLE p DETACH PARTITION c             "),
            ),
            ("CREATE INDEX i ON t (a)", None),
            ("SELECT 'CONCURRENTLY'", None),
        ] {
            assert_eq!(without_concurrently(sql).as_deref(), expected, "{sql}");
        }
        assert!(is_outside_only("VACUUM (ANALYZE) t") && !is_outside_only("ANALYZE t"));
    }
}
