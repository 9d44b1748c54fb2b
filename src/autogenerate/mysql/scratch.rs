//! The database on which the desired schema is built.
//!
//! One of limbeck's own is called `limbeck_scratch_<seconds since 1970>_<12 hex digits>` and holds a marker: a table whose
//! comment names the database. While it is in use its builder holds the server's lock of the same name. What is
//! called so, holds the marker, is locked by nobody and is an hour old is what a killed run left; nothing else is ever
//! dropped.

use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, MySql, MySqlConnection};

use super::desired::refusal;
use super::reflect::{reflect, send};
use super::text::quoted;
use crate::autogenerate::build::Desired;
use crate::autogenerate::engine::Wish;
use crate::autogenerate::error::AutogenerateError;
use crate::autogenerate::schema::{Name, Schema};
use crate::autogenerate::scratch_name;
use crate::backend::{Backend as _, Class};
use crate::dialect::Dialect;

const DIALECT: Dialect = Dialect::Mariadb;
/// The table that says that a database is a scratch one; its comment is this and the database's name.
const MARKER: &str = "limbeck_scratch_marker";
const SECONDS_UNTIL_LEFT_OVER: u64 = 3600;
/// What decides about the meaning of DDL, as the executor sets it for steps.
macro_rules! session {
    ($more:literal) => {
        concat!(
            "SET SESSION sql_mode = @@GLOBAL.sql_mode, SESSION time_zone = @@GLOBAL.time_zone, \
             SESSION character_set_client = utf8mb4, SESSION character_set_results = utf8mb4, \
             SESSION autocommit = 1, SESSION completion_type = 0",
            $more
        )
    };
}
const SESSION: &str = session!("");
/// The same for the next of several revisions.
const FRESH: &str = session!(", SESSION foreign_key_checks = 1, SESSION unique_checks = 1");

/// What the live database is, as far as the scratch one takes after it.
struct Live {
    name: String,
    charset: String,
    collation: String,
}

async fn live(like: &mut MySqlConnection) -> Result<Live, AutogenerateError> {
    let row = first_row(
        like,
        "live",
        "SELECT DATABASE(), @@SESSION.character_set_database, @@SESSION.collation_database",
    )
    .await?;
    match &row[..] {
        [Some(name), Some(charset), Some(collation)] => Ok(Live {
            name: name.clone(),
            charset: charset.clone(),
            collation: collation.clone(),
        }),
        _ => Err(AutogenerateError::Catalog(
            "the connection has no current database: name one in its URL".to_owned(),
        )),
    }
}

/// What a scratch database is made for.
pub(super) trait Work: Sync {
    type Done: Send;

    /// Does it on the empty database of that name, for the live one.
    fn done(
        &self,
        connection: &mut MySqlConnection,
        name: &str,
        live: &str,
    ) -> impl Future<Output = Result<Self::Done, AutogenerateError>> + Send;
}

impl Work for Wish<'_> {
    type Done = Schema;

    async fn done(
        &self,
        connection: &mut MySqlConnection,
        name: &str,
        live: &str,
    ) -> Result<Schema, AutogenerateError> {
        build(connection, name, *self).await?;
        let mut schema = reflect(connection, "scratch", &[live.to_owned()]).await?;
        schema.tables.remove(&Name::new(None, MARKER));
        Ok(schema)
    }
}

/// On a scratch database of limbeck's own.
pub(super) async fn own<W: Work>(
    like: &mut MySqlConnection,
    options: &MySqlConnectOptions,
    work: &W,
) -> Result<W::Done, AutogenerateError> {
    let live = live(like).await?;
    let options = options.clone().statement_cache_capacity(0);
    let mut builder = options.connect().await?;
    let done = done_on_own(&mut builder, &live, work).await;
    // With the session its lock goes.
    let _ = builder.close().await;
    done
}

async fn done_on_own<W: Work>(
    builder: &mut MySqlConnection,
    live: &Live,
    work: &W,
) -> Result<W::Done, AutogenerateError> {
    remove_left_overs(builder).await?;
    let clock = first_row(builder, "scratch", "SELECT CAST(UNIX_TIMESTAMP() AS CHAR)").await?;
    let clock = clock.first().and_then(|now| now.as_deref()?.parse().ok());
    let clock = clock
        .ok_or_else(|| AutogenerateError::Catalog("the server does not say the time".to_owned()))?;
    let name = scratch_name::fresh(clock)?;
    if name.eq_ignore_ascii_case(&live.name) {
        return Err(AutogenerateError::ScratchIsLive { name });
    }
    let no_scratch = |message: String| AutogenerateError::NoScratch { message };
    let lock = format!("SELECT CAST(GET_LOCK('{name}', 0) AS CHAR)");
    if first_row(builder, "scratch", &lock).await? != [Some("1".to_owned())] {
        return Err(no_scratch(format!("the lock `{name}` is taken")));
    }
    let database = DIALECT.ident(&name);
    let create = format!(
        "CREATE DATABASE {database} CHARACTER SET {} COLLATE {}",
        live.charset, live.collation
    );
    run(builder, create)
        .await
        .map_err(|failed| failed.or(no_scratch))?;
    let done: Result<W::Done, AutogenerateError> = async {
        let marker = format!(
            "CREATE TABLE {database}.{MARKER} (id INT PRIMARY KEY) COMMENT = {}",
            quoted(&marker(&name))
        );
        run(builder, marker)
            .await
            .map_err(|failed| failed.or(no_scratch))?;
        work.done(builder, &name, &live.name).await
    }
    .await;
    let dropped = run(builder, format!("DROP DATABASE {database}")).await;
    let done = done?;
    dropped.map_err(|failed| failed.or(no_scratch))?;
    Ok(done)
}

/// On one that the user made.
pub(super) async fn given<W: Work>(
    like: &mut MySqlConnection,
    scratch: &mut MySqlConnection,
    work: &W,
) -> Result<W::Done, AutogenerateError> {
    let live_database = live(like).await?;
    let own = live(scratch).await?;
    let name = own.name.clone();
    if name.eq_ignore_ascii_case(&live_database.name) && same_server(like, scratch).await? {
        return Err(AutogenerateError::ScratchIsLive { name });
    }
    if let Some(found) = contents(scratch).await?.first() {
        return Err(AutogenerateError::ScratchNotEmpty {
            name,
            found: format!("{} {}", found.0.to_lowercase(), found.1),
        });
    }
    let database = DIALECT.ident(&name);
    let like_this = |of: &Live| {
        format!(
            "ALTER DATABASE {database} CHARACTER SET {} COLLATE {}",
            of.charset, of.collation
        )
    };
    let no_scratch = |message: String| AutogenerateError::NoScratch { message };
    let adapts = own.collation != live_database.collation;
    if adapts {
        let adapted = run(scratch, like_this(&live_database)).await;
        adapted.map_err(|failed| failed.or(no_scratch))?;
    }
    let done = work.done(scratch, &name, &live_database.name).await;
    let emptied = empty(scratch).await;
    let restored = match adapts {
        true => run(scratch, like_this(&own)).await,
        false => Ok(()),
    };
    let done = done?;
    emptied?;
    restored.map_err(|failed| failed.or(no_scratch))?;
    Ok(done)
}

/// Runs the desired SQL, one statement after the other.
async fn build(
    connection: &mut MySqlConnection,
    database: &str,
    wish: Wish<'_>,
) -> Result<(), AutogenerateError> {
    let enter = enter(connection, database).await?;
    let no_scratch = |message: String| AutogenerateError::NoScratch { message };
    let desired = Desired::read(DIALECT, wish)?;
    desired.refuse(|statement| refusal(statement, database))?;
    let result = desired.run::<MySql>(connection, FRESH).await;
    // What the schema's own statements may have left of the session.
    for left in ["ROLLBACK", "UNLOCK TABLES", enter.as_str()] {
        let ended = run(connection, left.to_owned()).await;
        if result.is_ok() {
            ended.map_err(|failed| failed.or(no_scratch))?;
        }
    }
    result
}

/// Gives the session the database and the settings of a step's; the first is done again by what is returned.
pub(super) async fn enter(
    connection: &mut MySqlConnection,
    database: &str,
) -> Result<String, AutogenerateError> {
    let enter = format!("USE {}", DIALECT.ident(database));
    for statement in [enter.clone(), SESSION.to_owned()] {
        let entered = run(connection, statement).await;
        entered.map_err(|failed| failed.or(|message| AutogenerateError::NoScratch { message }))?;
    }
    Ok(enter)
}

async fn remove_left_overs(connection: &mut MySqlConnection) -> Result<(), AutogenerateError> {
    // The marker's name finds the databases, without a look into any other.
    let found = format!(
        "SELECT CONVERT(table_schema USING utf8mb4), CONVERT(table_comment USING utf8mb4), \
         CAST(UNIX_TIMESTAMP() AS CHAR) FROM information_schema.tables \
         WHERE table_schema LIKE 'limbeck\\_scratch\\_%' AND table_name = '{MARKER}'"
    );
    let found = send(connection, "scratch", found, 1).await?;
    for row in &found[0].rows {
        let [Some(name), Some(comment), Some(now)] = &row[..] else {
            continue;
        };
        let Some(born) = scratch_name::born(name) else {
            continue;
        };
        let is_old = now
            .parse::<u64>()
            .is_ok_and(|now| now.saturating_sub(born) >= SECONDS_UNTIL_LEFT_OVER);
        if !is_old || *comment != marker(name) {
            continue;
        }
        // Held while it is dropped, so that two do not do it at once.
        let lock = format!("SELECT CAST(GET_LOCK('{name}', 0) AS CHAR)");
        if first_row(connection, "scratch", &lock).await? == [Some("1".to_owned())] {
            // Another run may have been faster, and a role that may not: then it stays.
            let _ = run(connection, format!("DROP DATABASE {}", DIALECT.ident(name))).await;
            let release = format!("SELECT CAST(RELEASE_LOCK('{name}') AS CHAR)");
            first_row(connection, "scratch", &release).await?;
        }
    }
    Ok(())
}

fn marker(database: &str) -> String {
    format!("limbeck scratch database {database}: dropped by limbeck")
}

/// Whether both sessions are on one server, or one cluster: a lock that the one takes is seen by the other.
async fn same_server(
    like: &mut MySqlConnection,
    scratch: &mut MySqlConnection,
) -> Result<bool, AutogenerateError> {
    let name = format!("limbeck_same_{}", scratch_name::random()?);
    let take = format!("SELECT CAST(GET_LOCK('{name}', 0) AS CHAR)");
    first_row(scratch, "scratch", &take).await?;
    let seen = format!("SELECT CAST(IS_USED_LOCK('{name}') AS CHAR)");
    let seen = first_row(like, "live", &seen).await?;
    let release = format!("SELECT CAST(RELEASE_LOCK('{name}') AS CHAR)");
    first_row(scratch, "scratch", &release).await?;
    let cluster = "SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'";
    let cluster_of_live = first_row(like, "live", cluster).await?;
    let cluster_of_scratch = first_row(scratch, "scratch", cluster).await?;
    let in_cluster = cluster_of_live
        .get(1)
        .cloned()
        .flatten()
        .is_some_and(|id| !id.is_empty());
    Ok(seen.first().is_some_and(Option::is_some)
        || in_cluster && cluster_of_live == cluster_of_scratch)
}

/// Everything that is in the current database: kind and name.
async fn contents(
    connection: &mut MySqlConnection,
) -> Result<Vec<(String, String)>, AutogenerateError> {
    let text = |expression: &str| DIALECT.text(expression);
    let part = |kind: &str, name: &str, of: &str, schema: &str| {
        format!(
            "SELECT {}, {} FROM information_schema.{of} WHERE {schema} = DATABASE()",
            text(kind),
            text(name)
        )
    };
    let kind = "IF(table_type IN ('VIEW', 'SEQUENCE'), table_type, 'TABLE')";
    let query = [
        part("'EVENT'", "event_name", "events", "event_schema"),
        part("routine_type", "routine_name", "routines", "routine_schema"),
        part(kind, "table_name", "tables", "table_schema"),
    ]
    .join(" UNION ALL ");
    let found = send(connection, "scratch", query, 1).await?;
    let found = found[0].rows.iter().filter_map(|row| match &row[..] {
        [Some(kind), Some(name)] => Some((kind.clone(), name.clone())),
        _ => None,
    });
    Ok(found.collect())
}

/// Drops what was made.
async fn empty(connection: &mut MySqlConnection) -> Result<(), AutogenerateError> {
    let contents = contents(connection).await?;
    let no_scratch = |message: String| AutogenerateError::NoScratch {
        message: format!("what was made in it could not be dropped again: {message}"),
    };
    let off = "SET SESSION foreign_key_checks = 0".to_owned();
    run(connection, off)
        .await
        .map_err(|failed| failed.or(no_scratch))?;
    // A package's body goes with it.
    for (kind, name) in contents.iter().filter(|(kind, _)| kind != "PACKAGE BODY") {
        let drop = format!("DROP {kind} {}", DIALECT.ident(name));
        run(connection, drop)
            .await
            .map_err(|failed| failed.or(no_scratch))?;
    }
    let on = "SET SESSION foreign_key_checks = 1".to_owned();
    run(connection, on)
        .await
        .map_err(|failed| failed.or(no_scratch))
}

/// Why a statement failed: the server's words, or the connection.
pub(super) enum Failed {
    Said { code: String, message: String },
    Lost(sqlx::Error),
}

impl Failed {
    /// The server's words as that error.
    pub(super) fn or(self, error: impl FnOnce(String) -> AutogenerateError) -> AutogenerateError {
        match self {
            Failed::Said { message, .. } => error(message),
            Failed::Lost(source) => AutogenerateError::Connection(source),
        }
    }
}

pub(super) async fn run(connection: &mut MySqlConnection, statement: String) -> Result<(), Failed> {
    let sent = MySql::send(connection, statement, Vec::new()).await;
    let failed = match sent {
        Ok(_) => return Ok(()),
        Err(failed) => failed.error,
    };
    let explained = MySql::explain(&failed);
    Err(match explained.class {
        Class::Connection => Failed::Lost(failed),
        _ => Failed::Said {
            code: explained.code.unwrap_or_default(),
            message: explained.message,
        },
    })
}

async fn first_row(
    connection: &mut MySqlConnection,
    what: &'static str,
    query: &str,
) -> Result<Vec<Option<String>>, AutogenerateError> {
    let results = send(connection, what, query.to_owned(), 1).await?;
    Ok(results[0].rows.first().cloned().unwrap_or_default())
}
