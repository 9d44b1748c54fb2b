//! What the tests of cuts, kills and stops ask of each database, so that each is written once.

use limbeck::migrator::Backend;
use limbeck::{Dialect, Migrations, Migrator};
use sqlx::{AssertSqlSafe, Pool, Row as _};

/// A database under fault.
pub trait Engine: Backend {
    /// Connections to this URL, as a service opens them.
    async fn connect(url: &str) -> Pool<Self>;

    /// A migrator with the code that [`super::revisions`] asks for.
    fn migrator(pool: &Pool<Self>, files: Migrations) -> Migrator<Pool<Self>>;

    /// Each row's cells as text, joined.
    async fn rows(pool: &Pool<Self>, query: &str) -> Vec<String>;

    async fn run(pool: &Pool<Self>, script: &str);

    /// How many of these sessions of the server are still there.
    async fn open(pool: &Pool<Self>, sessions: &[u32]) -> usize;

    /// How many of them are in a statement or a transaction.
    async fn busy(pool: &Pool<Self>, sessions: &[u32]) -> usize;
}

macro_rules! engine {
    ($database:ty, $pool:ty, $options:ty, $open:expr, $busy:expr) => {
        impl Engine for $database {
            async fn connect(url: &str) -> Pool<Self> {
                let options: $options = url.parse().expect("a URL");
                <$pool>::new().max_connections(3).connect_lazy_with(options)
            }

            fn migrator(pool: &Pool<Self>, files: Migrations) -> Migrator<Pool<Self>> {
                let has_code = files.get("r6").is_some_and(|revision| {
                    let mut sections = revision.sections().iter();
                    sections.any(|section| section.mode() == limbeck::revision::Mode::Rust)
                });
                let migrator = Migrator::new(pool, files);
                if !has_code {
                    return migrator;
                }
                migrator
                    .on_upgrade("r6", |connection| {
                        Box::pin(async move {
                            let done = "SELECT count(*) FROM audit WHERE rev = 'r6'";
                            let done: i64 =
                                sqlx::query_scalar(done).fetch_one(&mut *connection).await?;
                            if done == 0 {
                                sqlx::query("INSERT INTO audit VALUES ('r6')")
                                    .execute(connection)
                                    .await?;
                            }
                            Ok(())
                        })
                    })
                    .on_downgrade("r6", |connection| {
                        Box::pin(async move {
                            let done = "SELECT count(*) FROM audit WHERE rev = '-r6'";
                            let done: i64 =
                                sqlx::query_scalar(done).fetch_one(&mut *connection).await?;
                            if done == 0 {
                                sqlx::query("INSERT INTO audit VALUES ('-r6')")
                                    .execute(connection)
                                    .await?;
                            }
                            Ok(())
                        })
                    })
                    .idempotent("r6")
            }

            async fn rows(pool: &Pool<Self>, query: &str) -> Vec<String> {
                let mut connection = pool.acquire().await.expect("a connection");
                let rows = sqlx::raw_sql(AssertSqlSafe(query.to_owned()))
                    .fetch_all(&mut *connection)
                    .await
                    .unwrap_or_else(|error| panic!("{query}: {error}"));
                let text = |row: &<$database as sqlx::Database>::Row| {
                    let cells = (0..row.len()).map(|index| {
                        let cell: Option<String> = row.try_get_unchecked(index).expect("text");
                        cell.unwrap_or_else(|| "NULL".to_owned())
                    });
                    cells.collect::<Vec<_>>().join(" | ")
                };
                rows.iter().map(text).collect()
            }

            async fn run(pool: &Pool<Self>, script: &str) {
                let mut connection = pool.acquire().await.expect("a connection");
                sqlx::raw_sql(AssertSqlSafe(script.to_owned()))
                    .execute(&mut *connection)
                    .await
                    .unwrap_or_else(|error| panic!("{script}: {error}"));
            }

            async fn open(pool: &Pool<Self>, sessions: &[u32]) -> usize {
                count::<Self>(pool, sessions, $open).await
            }

            async fn busy(pool: &Pool<Self>, sessions: &[u32]) -> usize {
                count::<Self>(pool, sessions, $busy).await
            }
        }
    };
}

engine!(
    sqlx::Sqlite,
    sqlx::sqlite::SqlitePoolOptions,
    sqlx::sqlite::SqliteConnectOptions,
    "",
    ""
);
engine!(
    sqlx::Postgres,
    sqlx::postgres::PgPoolOptions,
    sqlx::postgres::PgConnectOptions,
    "SELECT pid::text FROM pg_stat_activity WHERE pid",
    "SELECT pid::text FROM pg_stat_activity WHERE state <> 'idle' AND pid"
);
engine!(
    sqlx::MySql,
    sqlx::mysql::MySqlPoolOptions,
    sqlx::mysql::MySqlConnectOptions,
    "SELECT CONVERT(id, CHAR) FROM information_schema.processlist WHERE id",
    "SELECT CONVERT(id, CHAR) FROM information_schema.processlist WHERE (command <> 'Sleep' \
     OR id IN (SELECT trx_mysql_thread_id FROM information_schema.innodb_trx)) AND id"
);

async fn count<E: Engine>(pool: &Pool<E>, sessions: &[u32], query: &str) -> usize {
    if sessions.is_empty() {
        return 0;
    }
    let numbers: Vec<String> = sessions.iter().map(u32::to_string).collect();
    E::rows(pool, &format!("{query} IN ({})", numbers.join(", ")))
        .await
        .len()
}

/// All tables and views, sorted.
pub async fn tables<E: Engine>(pool: &Pool<E>, dialect: Dialect) -> Vec<String> {
    E::rows(
        pool,
        match dialect {
            Dialect::Sqlite => "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name",
            Dialect::Postgres => "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1",
            _ => "SELECT CONVERT(table_name, CHAR) FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1",
        },
    )
    .await
}

/// The schema as the catalog has it, limbeck's own tables included.
pub async fn schema<E: Engine>(pool: &Pool<E>, dialect: Dialect) -> Vec<String> {
    let mut queries: Vec<String> = Vec::new();
    match dialect {
        Dialect::Sqlite => queries.push("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2, 3".to_owned()),
        Dialect::Postgres => queries.extend([
            "SELECT c.relname::text, c.relkind::text, a.attname::text, format_type(a.atttypid, a.atttypmod), \
             a.attnotnull::text, pg_get_expr(d.adbin, d.adrelid) FROM pg_class c \
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
             LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum \
             WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, 3".to_owned(),
            "SELECT c.relname::text, pg_get_indexdef(i.indexrelid), i.indisvalid::text, i.indisready::text \
             FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
             WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1".to_owned(),
            "SELECT conname::text, pg_get_constraintdef(oid), convalidated::text FROM pg_constraint \
             WHERE connamespace = 'public'::regnamespace ORDER BY 1".to_owned(),
            "SELECT viewname::text, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1".to_owned(),
        ]),
        _ => {
            for table in tables(pool, dialect).await {
                queries.push(format!("SHOW CREATE TABLE `{table}`"));
            }
            queries.push("SELECT CONVERT(trigger_name, CHAR) FROM information_schema.triggers WHERE trigger_schema = DATABASE()".to_owned());
            queries.push("SELECT CONVERT(routine_name, CHAR) FROM information_schema.routines WHERE routine_schema = DATABASE()".to_owned());
        }
    }
    let mut lines = Vec::new();
    for query in queries {
        for row in E::rows(pool, &query).await {
            lines.push(without_counter(&row));
        }
    }
    lines
}

/// `AUTO_INCREMENT=n` is the ledger's rows, not its shape.
fn without_counter(row: &str) -> String {
    let words = row
        .split(' ')
        .filter(|word| !word.starts_with("AUTO_INCREMENT="));
    words.collect::<Vec<_>>().join(" ")
}

/// Every row of every table that `is_wanted`, as text, sorted.
pub async fn content<E: Engine>(
    pool: &Pool<E>,
    dialect: Dialect,
    is_wanted: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut lines = Vec::new();
    for table in tables(pool, dialect)
        .await
        .into_iter()
        .filter(|table| is_wanted(table))
    {
        let columns = E::rows(
            pool,
            &match dialect {
                Dialect::Sqlite => format!("SELECT name FROM pragma_table_info('{table}') ORDER BY cid"),
                Dialect::Postgres => format!("SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '{table}' ORDER BY ordinal_position"),
                _ => format!("SELECT CONVERT(column_name, CHAR) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{table}' ORDER BY ordinal_position"),
            },
        )
        .await;
        let cells = columns.iter().map(|column| match dialect {
            Dialect::Sqlite => format!("CAST(\"{column}\" AS TEXT)"),
            Dialect::Postgres => format!("\"{column}\"::text"),
            _ => format!("CONVERT(`{column}`, CHAR)"),
        });
        let query = format!(
            "SELECT {} FROM {table}",
            cells.collect::<Vec<_>>().join(", ")
        );
        let mut rows = E::rows(pool, &query).await;
        rows.sort();
        lines.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
    }
    lines
}

/// Drops everything, so that the database can be used once more.
pub async fn wipe<E: Engine>(pool: &Pool<E>, dialect: Dialect) {
    match dialect {
        Dialect::Postgres => E::run(pool, "DROP SCHEMA public CASCADE; CREATE SCHEMA public").await,
        _ => {
            for table in tables(pool, dialect).await {
                // MariaDB: a view goes by its own word.
                let kind = if table == "v" { "VIEW" } else { "TABLE" };
                E::run(pool, &format!("DROP {kind} {table}")).await;
            }
        }
    }
}
