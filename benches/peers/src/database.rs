//! Databases in the state that a measurement begins with, and what stands in them after it.

use std::cell::RefCell;
use std::fs::{self, File};
use std::path::PathBuf;
use std::str::FromStr as _;

use anyhow::{Context as _, Result, ensure};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _, raw_sql};
use tokio::runtime::Handle;

/// Where a peer connects to.
#[derive(Debug, Clone)]
pub enum Database {
    Postgres { port: u16, name: String },
    Sqlite { path: PathBuf },
}

impl Database {
    /// The same one, by way of a proxy.
    pub fn through(&self, proxy: u16) -> Database {
        match self {
            Database::Postgres { name, .. } => Database::Postgres {
                port: proxy,
                name: name.clone(),
            },
            Database::Sqlite { .. } => self.clone(),
        }
    }

    pub fn url(&self) -> String {
        match self {
            Database::Postgres { port, name } => {
                format!("postgres://postgres@127.0.0.1:{port}/{name}")
            }
            Database::Sqlite { path } => format!("sqlite://{}?mode=rwc", path.display()),
        }
    }
}

/// Makes databases of one kind. A name is one database: making it again replaces it.
pub trait Engine {
    fn empty(&self, name: &str) -> Result<Database>;

    fn copy(&self, from: &Database, name: &str) -> Result<Database>;

    fn remove(&self, database: &Database) -> Result<()>;

    /// The tables and indexes of the workload, and the rows of its last table.
    fn contents(&self, database: &Database) -> Result<(i64, i64, i64)>;

    /// A text from a query.
    fn ask(&self, database: &Database, query: &str) -> Result<String>;

    /// That exactly so many revisions were really run.
    fn verify(&self, database: &Database, revisions: usize) -> Result<()> {
        let (tables, indexes, rows) = self.contents(database)?;
        let count = i64::try_from(revisions)?;
        ensure!(
            (tables, indexes) == (count, count),
            "{revisions} revisions should be applied to {}, and there are {tables} tables and {indexes} indexes",
            database.url()
        );
        ensure!(
            revisions == 0 || rows == 2,
            "the last table of {} has {rows} rows",
            database.url()
        );
        Ok(())
    }
}

pub struct Postgres {
    runtime: Handle,
    port: u16,
    /// Outside of all databases that are measured.
    admin: RefCell<PgConnection>,
}

impl Postgres {
    pub fn new(runtime: Handle, url: &str) -> Result<Postgres> {
        let options = PgConnectOptions::from_str(url).context("PEERS_POSTGRES")?;
        let port = options.get_port();
        let admin = runtime.block_on(PgConnection::connect_with(&options))?;
        Ok(Postgres {
            runtime,
            port,
            admin: RefCell::new(admin),
        })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    fn run(&self, sql: String) -> Result<()> {
        let mut admin = self.admin.borrow_mut();
        self.runtime
            .block_on(raw_sql(AssertSqlSafe(sql)).execute(&mut *admin))?;
        Ok(())
    }

    fn create(&self, name: &str, template: &str) -> Result<Database> {
        self.run(format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"))?;
        self.run(format!(
            "CREATE DATABASE \"{name}\" TEMPLATE \"{template}\""
        ))?;
        let database = Database::Postgres {
            port: self.port,
            name: name.to_owned(),
        };
        // The first session in a database fills caches that all later ones share.
        self.contents(&database)?;
        // No checkpoint in the middle of what is timed that the copying is the cause of.
        self.run("CHECKPOINT".to_owned())?;
        Ok(database)
    }
}

impl Engine for Postgres {
    fn empty(&self, name: &str) -> Result<Database> {
        self.create(name, "template0")
    }

    fn copy(&self, from: &Database, name: &str) -> Result<Database> {
        let Database::Postgres { name: template, .. } = from else {
            unreachable!("an engine is asked about its own databases");
        };
        self.create(name, template)
    }

    fn remove(&self, database: &Database) -> Result<()> {
        let Database::Postgres { name, .. } = database else {
            unreachable!("an engine is asked about its own databases");
        };
        self.run(format!("DROP DATABASE \"{name}\" WITH (FORCE)"))
    }

    fn contents(&self, database: &Database) -> Result<(i64, i64, i64)> {
        self.runtime.block_on(async {
            let mut connection = PgConnection::connect(&database.url()).await?;
            let (tables, indexes, last) = sqlx::query_as::<_, (i64, i64, Option<String>)>(
                "SELECT (SELECT count(*) FROM pg_tables WHERE tablename ~ '^peer_[0-9]+$'), \
                 (SELECT count(*) FROM pg_indexes WHERE indexname ~ '^peer_[0-9]+_note$'), \
                 (SELECT max(tablename)::text FROM pg_tables WHERE tablename ~ '^peer_[0-9]+$')",
            )
            .fetch_one(&mut connection)
            .await?;
            let rows = match last {
                Some(table) => {
                    sqlx::query_scalar(AssertSqlSafe(rows_of(&table)))
                        .fetch_one(&mut connection)
                        .await?
                }
                None => 0,
            };
            connection.close().await?;
            Ok((tables, indexes, rows))
        })
    }

    fn ask(&self, database: &Database, query: &str) -> Result<String> {
        self.runtime.block_on(async {
            let mut connection = PgConnection::connect(&database.url()).await?;
            let answer = sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
                .fetch_one(&mut connection)
                .await?;
            connection.close().await?;
            Ok(answer)
        })
    }
}

pub struct Sqlite {
    runtime: Handle,
    folder: PathBuf,
}

impl Sqlite {
    pub fn new(runtime: Handle, folder: PathBuf) -> Result<Sqlite> {
        fs::create_dir_all(&folder)?;
        Ok(Sqlite { runtime, folder })
    }

    /// A file and what may stand beside it.
    fn clear(path: &std::path::Path) -> Result<()> {
        for behind in ["", "-journal", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(behind);
            match fs::remove_file(&name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.db"))
    }

    async fn open(database: &Database) -> Result<SqliteConnection> {
        let options = SqliteConnectOptions::from_str(&database.url())?.create_if_missing(false);
        Ok(SqliteConnection::connect_with(&options).await?)
    }
}

impl Engine for Sqlite {
    fn empty(&self, name: &str) -> Result<Database> {
        let path = self.path(name);
        Sqlite::clear(&path)?;
        Ok(Database::Sqlite { path })
    }

    fn copy(&self, from: &Database, name: &str) -> Result<Database> {
        let Database::Sqlite { path: template } = from else {
            unreachable!("an engine is asked about its own databases");
        };
        let path = self.path(name);
        Sqlite::clear(&path)?;
        fs::copy(template, &path)?;
        // What is timed writes its own pages, not the copy's.
        File::open(&path)?.sync_all()?;
        Ok(Database::Sqlite { path })
    }

    fn remove(&self, database: &Database) -> Result<()> {
        let Database::Sqlite { path } = database else {
            unreachable!("an engine is asked about its own databases");
        };
        Sqlite::clear(path)
    }

    fn contents(&self, database: &Database) -> Result<(i64, i64, i64)> {
        self.runtime.block_on(async {
            let mut connection = Sqlite::open(database).await?;
            let (tables, indexes, last) = sqlx::query_as::<_, (i64, i64, Option<String>)>(
                "SELECT count(*) FILTER (WHERE type = 'table' AND name GLOB 'peer_[0-9]*'), \
                 count(*) FILTER (WHERE type = 'index' AND name GLOB 'peer_[0-9]*_note'), \
                 max(name) FILTER (WHERE type = 'table' AND name GLOB 'peer_[0-9]*') FROM sqlite_master",
            )
            .fetch_one(&mut connection)
            .await?;
            let rows = match last {
                Some(table) => sqlx::query_scalar(AssertSqlSafe(rows_of(&table)))
                    .fetch_one(&mut connection)
                    .await?,
                None => 0,
            };
            connection.close().await?;
            Ok((tables, indexes, rows))
        })
    }

    fn ask(&self, database: &Database, query: &str) -> Result<String> {
        self.runtime.block_on(async {
            let mut connection = Sqlite::open(database).await?;
            let answer = sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
                .fetch_one(&mut connection)
                .await?;
            connection.close().await?;
            Ok(answer)
        })
    }
}

fn rows_of(table: &str) -> String {
    format!("SELECT count(*) FROM {table}")
}
