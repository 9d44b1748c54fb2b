//! The database that a program gets.
//!
//! On a server it is called `limbeck_run_<seconds since 1970>_<12 hex digits>`. While it is in use a session of this process
//! is on it (PostgreSQL), or holds the lock of its name (MySQL, MariaDB), which the server ends when the process dies. What
//! is called so, is nobody's and is ten minutes old is what a killed run left; nothing else is ever dropped.

use limbeck::Dialect;
#[cfg(any(feature = "postgres", feature = "mysql"))]
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use crate::connect;
use crate::context::Named;
use crate::error::CliError;
use crate::files::random_hex;
use crate::redact::Redactor;

#[cfg(any(feature = "postgres", feature = "mysql"))]
const PREFIX: &str = "limbeck_run_";
#[cfg(any(feature = "postgres", feature = "mysql"))]
const SECONDS_UNTIL_LEFT_OVER: u64 = 600;

/// A database that is nobody else's.
pub(super) struct Place {
    url: String,
    held: Held,
}

enum Held {
    #[cfg(feature = "sqlite")]
    Folder(std::path::PathBuf),
    #[cfg(feature = "postgres")]
    Postgres(String, sqlx::PgConnection),
    #[cfg(feature = "mysql")]
    Mysql(String, sqlx::MySqlConnection),
}

impl Place {
    pub(super) async fn create(named: &Named<'_>) -> Result<Place, CliError> {
        match Dialect::of_url(named.url)? {
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => folder(),
            #[cfg(feature = "postgres")]
            Dialect::Postgres => postgres(named).await,
            #[cfg(feature = "mysql")]
            Dialect::Mysql | Dialect::Mariadb => mysql(named).await,
            dialect => Err(connect::left_out(dialect)),
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Its URL, as it may be printed.
    pub(super) fn shown(&self) -> String {
        Redactor::url(Some(&self.url)).unwrap_or_default()
    }

    /// Removes it. On a server by a new session: the program may have gone on for hours.
    #[cfg_attr(
        not(any(feature = "postgres", feature = "mysql")),
        expect(unused_variables)
    )]
    pub(super) async fn remove(self, named: &Named<'_>) -> Result<(), CliError> {
        match self.held {
            #[cfg(feature = "sqlite")]
            Held::Folder(folder) => Ok(std::fs::remove_dir_all(folder)?),
            #[cfg(feature = "postgres")]
            Held::Postgres(name, held) => {
                let _ = held.close().await;
                let limit = named.options.connect_timeout();
                let mut admin = connect::connection::<sqlx::Postgres>(named.url, limit).await?;
                // The program's own processes may be on it still.
                let end = format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
                );
                run(&mut admin, &end).await?;
                run(&mut admin, &format!("DROP DATABASE {name}")).await?;
                let _ = admin.close().await;
                Ok(())
            }
            #[cfg(feature = "mysql")]
            Held::Mysql(name, held) => {
                let limit = named.options.connect_timeout();
                let mut admin = connect::connection::<sqlx::MySql>(named.url, limit).await?;
                run(&mut admin, &format!("DROP DATABASE {name}")).await?;
                let _ = admin.close().await;
                let _ = held.close().await;
                Ok(())
            }
        }
    }
}

#[cfg(feature = "sqlite")]
fn folder() -> Result<Place, CliError> {
    let folder = std::env::temp_dir().join(format!("limbeck_run_{}", random_hex()?));
    #[cfg_attr(not(unix), allow(unused_mut))]
    let mut new = std::fs::DirBuilder::new();
    // Nobody else's to read.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut new, 0o700);
    new.create(&folder)?;
    Ok(Place {
        url: format!("sqlite://{}", folder.join("scratch.db").display()),
        held: Held::Folder(folder),
    })
}

#[cfg(feature = "postgres")]
async fn postgres(named: &Named<'_>) -> Result<Place, CliError> {
    let limit = named.options.connect_timeout();
    let mut admin = connect::connection::<sqlx::Postgres>(named.url, limit).await?;
    let now = clock(
        &rows(
            &mut admin,
            "SELECT floor(extract(epoch FROM now()))::bigint::text",
        )
        .await?,
    )?;
    // Nobody is on it.
    let names = "SELECT datname::text FROM pg_database d WHERE left(datname, 12) = 'limbeck_run_' \
                 AND NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = d.datname)";
    for name in left_overs(rows(&mut admin, names).await?, now) {
        // Somebody else may be about it, or it is another role's.
        let _ = run(&mut admin, &format!("DROP DATABASE IF EXISTS {name}")).await;
    }
    let like = "SELECT format('ENCODING %L LC_COLLATE %L LC_CTYPE %L', pg_encoding_to_char(encoding), datcollate, datctype) \
                FROM pg_database WHERE datname = current_database()";
    let like = rows(&mut admin, like).await?.concat();
    let name = format!("{PREFIX}{now:010}_{}", random_hex()?);
    let create = format!("CREATE DATABASE {name} TEMPLATE template0 {like}");
    run(&mut admin, &create).await.map_err(refused)?;
    let _ = admin.close().await;
    let url = with_database(named.url, &name);
    let held = connect::connection::<sqlx::Postgres>(&url, limit).await?;
    Ok(Place {
        url,
        held: Held::Postgres(name, held),
    })
}

#[cfg(feature = "mysql")]
async fn mysql(named: &Named<'_>) -> Result<Place, CliError> {
    let limit = named.options.connect_timeout();
    let mut held = connect::connection::<sqlx::MySql>(named.url, limit).await?;
    let now = clock(&rows(&mut held, "SELECT CAST(UNIX_TIMESTAMP() AS CHAR)").await?)?;
    let names = "SELECT CAST(SCHEMA_NAME AS CHAR) FROM information_schema.SCHEMATA \
                 WHERE LEFT(SCHEMA_NAME, 12) = 'limbeck_run_' AND IS_FREE_LOCK(SCHEMA_NAME) = 1";
    for name in left_overs(rows(&mut held, names).await?, now) {
        // Somebody else may be about it, or it is another user's.
        let _ = run(&mut held, &format!("DROP DATABASE IF EXISTS {name}")).await;
    }
    let like = "SELECT CONCAT('CHARACTER SET ', @@character_set_database, ' COLLATE ', @@collation_database)";
    let like = rows(&mut held, like).await?.concat();
    let name = format!("{PREFIX}{now:010}_{}", random_hex()?);
    // It is held from the first moment on.
    rows(
        &mut held,
        &format!("SELECT CAST(GET_LOCK('{name}', 0) AS CHAR)"),
    )
    .await?;
    run(&mut held, &format!("CREATE DATABASE {name} {like}"))
        .await
        .map_err(refused)?;
    Ok(Place {
        url: with_database(named.url, &name),
        held: Held::Mysql(name, held),
    })
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
fn refused(error: CliError) -> CliError {
    CliError::new(
        "no_scratch",
        format!(
            "no database could be made for the program: {error}: give the role the right to create databases, or name \
             another one by --database-url"
        ),
    )
}

/// The first column of each row.
#[cfg(any(feature = "postgres", feature = "mysql"))]
async fn rows<C>(connection: &mut C, query: &str) -> Result<Vec<String>, CliError>
where
    C: sqlx::Connection,
    for<'c> &'c mut C: sqlx::Executor<'c, Database = C::Database>,
    for<'r> String: sqlx::Decode<'r, C::Database>,
    usize: sqlx::ColumnIndex<<C::Database as sqlx::Database>::Row>,
{
    let rows = sqlx::raw_sql(AssertSqlSafe(query))
        .fetch_all(connection)
        .await
        .map_err(failed)?;
    rows.iter()
        .map(|row| row.try_get_unchecked(0).map_err(failed))
        .collect()
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
async fn run<C>(connection: &mut C, statement: &str) -> Result<(), CliError>
where
    C: sqlx::Connection,
    for<'c> &'c mut C: sqlx::Executor<'c, Database = C::Database>,
{
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(connection)
        .await
        .map_err(failed)?;
    Ok(())
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
fn failed(error: sqlx::Error) -> CliError {
    CliError::of("no_scratch", error)
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
fn clock(rows: &[String]) -> Result<u64, CliError> {
    let now = rows.first().and_then(|now| now.parse().ok());
    now.ok_or_else(|| CliError::new("no_scratch", "the server does not say the time"))
}

/// Those of these databases that a killed run has left.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn left_overs(names: Vec<String>, now: u64) -> impl Iterator<Item = String> {
    names.into_iter().filter(move |name| {
        born(name).is_some_and(|born| born.saturating_add(SECONDS_UNTIL_LEFT_OVER) <= now)
    })
}

/// When the database was made, by its name; none where no run gives such a name.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn born(name: &str) -> Option<u64> {
    let (clock, random) = name.strip_prefix(PREFIX)?.split_once('_')?;
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_one = clock.len() == 10
        && clock.bytes().all(|byte| byte.is_ascii_digit())
        && random.len() == 12
        && random.bytes().all(is_hex);
    clock.parse().ok().filter(|_| is_one)
}

/// The URL with another database, by its path or, as sqlx has it for PostgreSQL, by `dbname`.
#[cfg(any(feature = "postgres", feature = "mysql"))]
fn with_database(url: &str, name: &str) -> String {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let authority = place.find("://").map_or(0, |at| at + 3);
    let end = place[authority..]
        .find('/')
        .map_or(place.len(), |slash| authority + slash);
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("dbname="))
        .collect();
    let query = match kept[..] {
        [] => String::new(),
        _ => format!("?{}", kept.join("&")),
    };
    format!("{}/{name}{query}", &place[..end])
}

#[cfg(all(test, any(feature = "postgres", feature = "mysql")))]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_a_url_is_another() {
        for (url, expected) in [
            ("postgres://a:b@h:1/shop", "postgres://a:b@h:1/new"),
            ("postgres://h", "postgres://h/new"),
            (
                "mysql://u@h/shop?ssl-mode=DISABLED",
                "mysql://u@h/new?ssl-mode=DISABLED",
            ),
            (
                "postgres://?host=/run/x&dbname=shop&user=u",
                "postgres:///new?host=/run/x&user=u",
            ),
        ] {
            assert_eq!(with_database(url, "new"), expected);
        }
    }

    #[test]
    fn only_a_killed_runs_database_is_left_over() {
        let names = [
            "limbeck_run_1795000000_0123456789ab",
            "limbeck_run_1795000000_0123456789AB",
            "limbeck_run_x",
            "shop",
        ];
        let found =
            |now| -> Vec<String> { left_overs(names.map(str::to_owned).to_vec(), now).collect() };
        assert_eq!(found(1_795_000_599), Vec::<String>::new());
        assert_eq!(found(1_795_000_600), names[..1]);
    }
}
