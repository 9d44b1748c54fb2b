//! Databases for tests: each call makes a new, empty one.
//!
//! SQLite needs nothing. PostgreSQL, MariaDB and MySQL are the servers of three environment variables, which
//! `tests/run.sh` starts and sets; servers of any other kind are [`super::rig`]'s. Without them a test that needs one
//! says so on standard error and is left out; with `LIMBECK_TEST_REQUIRE_SERVERS` set, as `tests/run.sh` does, that is
//! a failure.

use std::io::Write as _;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};

/// A SQLite database in a file of its own, removed with the value.
pub struct SqliteFile {
    pub pool: SqlitePool,
    pub folder: tempfile::TempDir,
}

impl SqliteFile {
    pub async fn new() -> SqliteFile {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("test.db"))
            .journal_mode(SqliteJournalMode::Wal)
            .create_if_missing(true);
        let pool = SqlitePoolOptions::new()
            .max_connections(3)
            .connect_with(options)
            .await
            .expect("SQLite");
        SqliteFile { pool, folder }
    }

    pub fn url(&self) -> String {
        format!("sqlite://{}", self.folder.path().join("test.db").display())
    }
}

static SERIAL: AtomicU32 = AtomicU32::new(0);

/// A name that no other test's database has, of this or an earlier run.
fn fresh_name() -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    format!(
        "t{}_{}_{serial}",
        now.as_micros() % 1_000_000_000_000,
        std::process::id()
    )
}

/// Says so past the capture of a passing test's output: this is to be seen.
pub fn left_out(what: &str) {
    writeln!(std::io::stderr(), "LEFT OUT: {what}").expect("standard error");
}

/// What that environment variable says, or none, and that aloud.
pub fn server(variable: &str) -> Option<String> {
    match std::env::var(variable) {
        Ok(url) => Some(url),
        Err(_) if std::env::var_os("LIMBECK_TEST_REQUIRE_SERVERS").is_some() => {
            panic!(
                "{variable} is not set, and LIMBECK_TEST_REQUIRE_SERVERS forbids leaving this test out"
            )
        }
        Err(_) => {
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            left_out(&format!("{test} needs {variable}, which tests/run.sh sets"));
            None
        }
    }
}

/// A fresh PostgreSQL database and its URL; none where there is no server.
#[cfg(feature = "postgres")]
pub async fn postgres() -> Option<(sqlx::PgPool, String)> {
    Some(postgres_on(&server("LIMBECK_TEST_POSTGRES_URL")?).await)
}

/// A fresh database on that PostgreSQL, and its URL.
#[cfg(feature = "postgres")]
pub async fn postgres_on(admin: &str) -> (sqlx::PgPool, String) {
    use sqlx::Connection as _;
    let name = fresh_name();
    let mut connection = sqlx::PgConnection::connect(admin)
        .await
        .expect("the PostgreSQL server");
    let create = format!("CREATE DATABASE {name}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(create))
        .execute(&mut connection)
        .await
        .expect("CREATE DATABASE");
    connection.close().await.expect("close");
    let url = with_database(admin, &name);
    let options = sqlx::postgres::PgConnectOptions::from_str(&url).expect("a URL");
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(3)
        .connect_with(options)
        .await;
    (pool.expect("the new database"), url)
}

/// A server of MySQL's protocol: a test of it runs on each, see [`super::on_mysql`].
#[cfg(feature = "mysql")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MySqlServer {
    Mariadb,
    Mysql,
}

#[cfg(feature = "mysql")]
tokio::task_local! {
    static SERVER: MySqlServer;
}

#[cfg(feature = "mysql")]
impl MySqlServer {
    /// The one that the test runs on.
    pub fn here() -> MySqlServer {
        SERVER
            .try_with(|server| *server)
            .expect("a test that `on_mysql!` or `on_each!` wrote, and its own task")
    }

    /// Runs a test, or a task of one, on this server.
    pub async fn scope<T>(self, test: impl Future<Output = T>) -> T {
        SERVER.scope(self, test).await
    }

    pub fn dialect(self) -> limbeck::Dialect {
        match self {
            MySqlServer::Mariadb => limbeck::Dialect::Mariadb,
            MySqlServer::Mysql => limbeck::Dialect::Mysql,
        }
    }

    /// The name as people write it.
    pub fn name(self) -> &'static str {
        match self {
            MySqlServer::Mariadb => "MariaDB",
            MySqlServer::Mysql => "MySQL",
        }
    }

    /// Where the one that all tests share listens; none where there is none, and that said aloud.
    pub fn url(self) -> Option<String> {
        server(match self {
            MySqlServer::Mariadb => "LIMBECK_TEST_MARIADB_URL",
            MySqlServer::Mysql => "LIMBECK_TEST_MYSQL_URL",
        })
    }

    /// The server's list of sessions, which MySQL has twice: `information_schema.processlist` cannot be read there while a
    /// session runs a statement with a 4-byte character.
    pub fn processlist(self) -> &'static str {
        self.pick(
            "information_schema.processlist",
            "performance_schema.processlist",
        )
    }

    /// What differs between the two.
    pub fn pick<T>(self, mariadb: T, mysql: T) -> T {
        match self {
            MySqlServer::Mariadb => mariadb,
            MySqlServer::Mysql => mysql,
        }
    }
}

/// A table of the numbers from 1 on, up to this one, in its column `seq`. MariaDB has such tables by names of their own.
#[cfg(feature = "mysql")]
pub fn numbers(last: usize) -> String {
    format!(
        "JSON_TABLE(CONCAT('[1', REPEAT(',1', {last} - 1), ']'), '$[*]' COLUMNS (seq FOR ORDINALITY)) AS numbers"
    )
}

/// A fresh database on the test's server, and its URL; none where there is no server.
#[cfg(feature = "mysql")]
pub async fn mysql() -> Option<(sqlx::MySqlPool, String)> {
    Some(mysql_on(&MySqlServer::here().url()?).await)
}

/// A fresh database on that server, and its URL.
#[cfg(feature = "mysql")]
pub async fn mysql_on(admin: &str) -> (sqlx::MySqlPool, String) {
    use sqlx::Connection as _;
    let name = fresh_name();
    let mut connection = sqlx::MySqlConnection::connect(admin)
        .await
        .expect("the server");
    let create = format!("CREATE DATABASE {name}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(create))
        .execute(&mut connection)
        .await
        .expect("CREATE DATABASE");
    connection.close().await.expect("close");
    let url = with_database(admin, &name);
    let options = sqlx::mysql::MySqlConnectOptions::from_str(&url).expect("a URL");
    let pool = sqlx::mysql::MySqlPoolOptions::new()
        .max_connections(3)
        .connect_with(options)
        .await;
    (pool.expect("the new database"), url)
}

/// The URL with another database: the admin URL's path is one word.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub fn with_database(url: &str, name: &str) -> String {
    let (server, _) = url.rsplit_once('/').expect("a URL with a database");
    format!("{server}/{name}")
}

/// A database of a test's own, with what a test asks of it.
pub struct Database<DB: sqlx::Database> {
    pub pool: sqlx::Pool<DB>,
    pub url: String,
    pub dialect: limbeck::Dialect,
    _folder: Option<tempfile::TempDir>,
    _cleanup: Option<Cleanup>,
}

/// Drops a server's database when its test has ended, as well as it can: a soak makes thousands.
struct Cleanup {
    url: String,
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // To be looked at.
            return;
        }
        let url = self.url.clone();
        // A runtime of its own: the test's is ending.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            if let Ok(runtime) = runtime {
                runtime.block_on(drop_database(&url));
            }
        });
    }
}

async fn drop_database(url: &str) {
    #[allow(unused_imports)]
    use sqlx::Connection as _;
    let Some((_, name)) = url.rsplit_once('/') else {
        return;
    };
    #[cfg(feature = "postgres")]
    if url.starts_with("postgres")
        && let Ok(admin) = std::env::var("LIMBECK_TEST_POSTGRES_URL")
        && let Ok(mut connection) = sqlx::PgConnection::connect(&admin).await
    {
        let sql = sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"));
        let _ = sqlx::raw_sql(sql).execute(&mut connection).await;
    }
    #[cfg(feature = "mysql")]
    if url.starts_with("mysql")
        && let Ok(mut connection) = sqlx::MySqlConnection::connect(url).await
    {
        let sql = sqlx::AssertSqlSafe(format!("DROP DATABASE {name}"));
        let _ = sqlx::raw_sql(sql).execute(&mut connection).await;
    }
}

impl<DB: limbeck::migrator::Backend> Database<DB>
where
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    for<'q> sqlx::RawSql: sqlx::Execute<'q, DB>,
    for<'r> String: sqlx::Decode<'r, DB>,
    for<'r> Option<String>: sqlx::Decode<'r, DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    /// The first column of each row, as text; NULL is `NULL`.
    pub async fn strings(&self, query: &str) -> Vec<String> {
        use sqlx::Row as _;
        let connection = self.pool.acquire().await;
        let mut connection = connection.unwrap_or_else(|error| {
            let (size, idle) = (self.pool.size(), self.pool.num_idle());
            panic!("{error}, for {query}: of {size} connections {idle} idle")
        });
        // MySQL's other list fails while another test has a statement with a 4-byte character on its way.
        let asked = match self.dialect {
            limbeck::Dialect::Mysql => query.replace(
                "information_schema.processlist",
                "performance_schema.processlist",
            ),
            _ => query.to_owned(),
        };
        let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(asked))
            .fetch_all(&mut *connection)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}"));
        rows.iter()
            .map(|row| {
                let cell: Option<String> = row.try_get_unchecked(0).expect("text");
                cell.unwrap_or_else(|| "NULL".to_owned())
            })
            .collect()
    }

    /// Runs a script by hand.
    pub async fn run(&self, script: &str) {
        let mut connection = self.pool.acquire().await.expect("a connection");
        sqlx::raw_sql(sqlx::AssertSqlSafe(script.to_owned()))
            .execute(&mut *connection)
            .await
            .unwrap_or_else(|error| panic!("{script}: {error}"));
    }

    /// The names of the tables, sorted.
    pub async fn tables(&self) -> Vec<String> {
        self.strings(match self.dialect {
            limbeck::Dialect::Sqlite => {
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
            }
            limbeck::Dialect::Postgres => {
                "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
            }
            _ => {
                "SELECT CONVERT(table_name USING utf8mb4) FROM information_schema.tables \
                 WHERE table_schema = DATABASE() ORDER BY 1"
            }
        })
        .await
    }
}

pub async fn sqlite() -> Database<sqlx::Sqlite> {
    let file = SqliteFile::new().await;
    let url = file.url();
    let SqliteFile { pool, folder } = file;
    Database {
        pool,
        url,
        dialect: limbeck::Dialect::Sqlite,
        _folder: Some(folder),
        _cleanup: None,
    }
}

#[cfg(feature = "postgres")]
pub async fn postgres_database() -> Option<Database<sqlx::Postgres>> {
    let (pool, url) = postgres().await?;
    let mut database = of_postgres(pool, url.clone());
    database._cleanup = Some(Cleanup { url });
    Some(database)
}

/// A database that stands already.
#[cfg(feature = "postgres")]
pub fn of_postgres(pool: sqlx::PgPool, url: String) -> Database<sqlx::Postgres> {
    Database {
        pool,
        url,
        dialect: limbeck::Dialect::Postgres,
        _folder: None,
        _cleanup: None,
    }
}

#[cfg(feature = "mysql")]
pub async fn mysql_database() -> Option<Database<sqlx::MySql>> {
    let (pool, url) = mysql().await?;
    let mut database = of_mysql(pool, url.clone());
    database._cleanup = Some(Cleanup { url });
    Some(database)
}

/// A database that stands already.
#[cfg(feature = "mysql")]
pub fn of_mysql(pool: sqlx::MySqlPool, url: String) -> Database<sqlx::MySql> {
    Database {
        pool,
        url,
        dialect: MySqlServer::here().dialect(),
        _folder: None,
        _cleanup: None,
    }
}
