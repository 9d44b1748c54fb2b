//! A password that a connection was given stands in nothing that limbeck says: no error, no log, no `Debug`, no
//! output, no table.

use std::error::Error as _;
use std::fmt::Write as _;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use limbeck::{Error, Migrations, Migrator, Purge, Range, Resolution, Source};

use crate::support::migrations;
use crate::support::soak::tell;

/// As it is, and as it stands in a URL.
const PASSWORDS: [(&str, &str); 3] = [
    ("geheimQzjX", "geheimQzjX"),
    ("p@ss:w/rd?QzjX#x", "p%40ss%3Aw%2Frd%3FQzjX%23x"),
    ("sesam'\"\\QzjX öffne", "sesam%27%22%5CQzjX%20%C3%B6ffne"),
];

/// Part of each of them, and of nothing else here: found even where the rest was changed on the way.
const MARK: &str = "QzjX";

/// Everything that a subscriber is told by limbeck, at every level.
#[derive(Default)]
struct Heard(Mutex<String>);

/// Hears what is said on this thread, until both of the others are dropped.
fn listen() -> (
    Arc<Heard>,
    tracing::subscriber::DefaultGuard,
    tracing::Dispatch,
) {
    // While there is one subscriber only, tracing asks the thread that comes by a place first whether anybody
    // wants to hear of it, and remembers: a test on a thread without one would speak for this one.
    let second = tracing::Dispatch::new(Heard::default());
    let heard = Arc::new(Heard::default());
    (
        heard.clone(),
        tracing::subscriber::set_default(heard),
        second,
    )
}

struct Fields<'a>(&'a mut String);

impl tracing::field::Visit for Fields<'_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl tracing::Subscriber for Heard {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("limbeck")
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        let mut heard = self.0.lock().expect("a lock");
        let _ = write!(heard, "\n{}", span.metadata().name());
        span.record(&mut Fields(&mut heard));
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut Fields(&mut self.0.lock().expect("a lock")));
    }

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut heard = self.0.lock().expect("a lock");
        heard.push('\n');
        event.record(&mut Fields(&mut heard));
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// Steps of each kind, the last of which fails.
fn failing() -> Migrations {
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE t (id INT);\n-- @downgrade\nDROP TABLE t;\n",
        ),
        (
            "b",
            "a",
            "",
            "-- @upgrade autocommit\nINSERT INTO t VALUES (1);\n-- @downgrade\n",
        ),
        (
            "c",
            "b",
            "",
            "-- @require\nSELECT id FROM t WHERE id = 2;\n-- @upgrade\nINSERT INTO nowhere VALUES (1);\n-- @downgrade\n",
        ),
    ])
}

fn say_error(said: &mut String, error: &Error) {
    let _ = writeln!(said, "{error}\n{error:?}\n{error:#?}");
    let mut next = error.source();
    while let Some(cause) = next {
        let _ = writeln!(said, "{cause}\n{cause:?}");
        next = cause.source();
    }
}

fn say<T: std::fmt::Debug>(said: &mut String, result: Result<T, Error>) {
    match result {
        Ok(value) => {
            let _ = writeln!(said, "{value:?}\n{value:#?}");
        }
        Err(error) => say_error(said, &error),
    }
}

/// All that every call says, in whatever way it can be asked.
async fn all_that_is_said<S: Source>(migrator: &Migrator<S>) -> String {
    let mut said = format!("{migrator:?}\n{migrator:#?}\n");
    say(&mut said, migrator.current().await);
    say(&mut said, migrator.status().await);
    say(&mut said, migrator.plan_upgrade("head").await);
    say(&mut said, migrator.upgrade("b").await);
    say(&mut said, migrator.upgrade_to_head().await);
    say(&mut said, migrator.status().await);
    say(&mut said, migrator.ledger().await);
    say(&mut said, migrator.history(&Range::all()).await);
    say(&mut said, migrator.require_head().await);
    say(&mut said, migrator.wait_for_head(Duration::ZERO).await);
    say(
        &mut said,
        migrator.resolve("c", Resolution::Abandoned).await,
    );
    say(&mut said, migrator.downgrade("base").await);
    say(&mut said, migrator.stamp("a", Purge::Keep).await);
    say(&mut said, migrator.ensure_tables().await);
    said
}

/// Where no connection ever comes, sqlx tries until this is over.
const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(20);

async fn unused_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Connections that are refused, that lead nowhere, that are broken off, or that the server turns away.
async fn check_lazy<DB>(url: &str, limit: Duration, said: &mut String)
where
    DB: limbeck::Backend,
    sqlx::Pool<DB>: limbeck::IntoSource<Source = sqlx::Pool<DB>>,
{
    let pool = sqlx::pool::PoolOptions::<DB>::new()
        .acquire_timeout(limit)
        .connect_lazy(url);
    match pool {
        Ok(pool) => {
            let migrator = Migrator::new(pool, failing()).lock_wait(Duration::from_millis(100));
            // One that cannot connect cannot in any call.
            match migrator.current().await {
                Ok(_) => said.push_str(&all_that_is_said(&migrator).await),
                Err(error) => {
                    say_error(said, &error);
                    say(said, migrator.upgrade_to_head().await);
                    say(said, migrator.status().await);
                    let _ = writeln!(said, "{migrator:?}");
                }
            }
        }
        // What sqlx says of a URL that it cannot read is not limbeck's.
        Err(error) => drop(error),
    }
}

/// A server's port that takes each connection and breaks it off, until the test's process ends.
fn rude_server() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    // A thread of its own: while the program runs, this one waits for it.
    std::thread::spawn(move || listener.incoming().for_each(drop));
    port
}

#[tokio::test]
async fn connections_that_fail() {
    let (heard, _guard, _second) = listen();
    let (closed, rude) = (unused_port().await, rude_server());
    // No resolver asks anybody for this one, which could take its time.
    let unknown = format!("{}.invalid", "h".repeat(64));
    let (mut said, mut runs) = (String::new(), 0);
    for (_, password) in PASSWORDS {
        for server in [
            format!("127.0.0.1:{closed}"),
            format!("127.0.0.1:{rude}"),
            unknown.clone(),
        ] {
            #[cfg(feature = "postgres")]
            for url in [
                format!("postgres://app:{password}@{server}/x?sslmode=prefer"),
                format!("postgres://app@{server}/x?password={password}"),
                format!("postgres://app:{password}@{server}/x?sslmode=verify-full"),
            ] {
                check_lazy::<sqlx::Postgres>(&url, SHORT, &mut said).await;
                runs += 1;
            }
            #[cfg(feature = "mysql")]
            for url in [
                format!("mysql://app:{password}@{server}/x"),
                format!("mariadb://app:{password}@{server}/x?ssl-mode=required"),
            ] {
                check_lazy::<sqlx::MySql>(&url, SHORT, &mut said).await;
                runs += 1;
            }
        }
    }
    for server in [format!("127.0.0.1:{closed}"), format!("127.0.0.1:{rude}")] {
        for scheme in ["postgres", "mysql"] {
            said.push_str(&cli_says(
                &format!("{scheme}://app:{}@{server}/x", PASSWORDS[0].1),
                &[],
            ));
            runs += 8;
        }
    }
    said.push_str(&heard.0.lock().expect("a lock"));
    assert!(said.contains("connect"), "errors were said: {said}");
    let found = said.matches(MARK).count();
    tell(
        "passwords of connections that fail",
        runs,
        found,
        format!("{} bytes of texts", said.len()),
    );
    assert_eq!(found, 0, "{}", around(&said));
}

/// Runs that get through, one that fails in a statement, and servers that turn the user away.
#[cfg(feature = "mysql")]
#[tokio::test]
async fn a_user_of_mariadb() {
    let Some(db) = crate::support::servers::mysql_database().await else {
        return;
    };
    let (heard, _guard, _second) = listen();
    let name = db
        .strings("SELECT CONVERT(DATABASE() USING utf8mb4)")
        .await
        .remove(0);
    let (mut found, mut bytes) = (Vec::new(), 0);
    for (at, (password, in_url)) in PASSWORDS.into_iter().enumerate() {
        let user = format!("u{at}_{name}");
        let literal = password.replace('\\', "\\\\").replace('\'', "\\'");
        for host in ["localhost", "127.0.0.1"] {
            db.run(&format!("CREATE USER '{user}'@'{host}' IDENTIFIED BY '{literal}'; GRANT ALL ON {name}.* TO '{user}'@'{host}'")).await;
        }
        let url = |password: &str, database: &str| {
            let server = db
                .url
                .rsplit_once('@')
                .map_or(db.url.as_str(), |(_, server)| server);
            let server = server.split_once('/').map_or(server, |(server, _)| server);
            format!("mysql://{user}:{password}@{server}/{database}")
        };
        let mut said = String::new();
        check_lazy::<sqlx::MySql>(&url(in_url, &name), LONG, &mut said).await;
        assert!(
            said.contains("AlreadyThere") || said.contains("Migrated"),
            "it got through: {said}"
        );
        check_lazy::<sqlx::MySql>(&url(&format!("wrong{in_url}"), &name), LONG, &mut said).await;
        assert!(said.contains("Access denied"), "it was turned away: {said}");
        check_lazy::<sqlx::MySql>(&url(in_url, "nowhere"), LONG, &mut said).await;
        said.push_str(&cli_says(&url(in_url, &name), &[]));
        said.push_str(&cli_says(&url(&format!("wrong{in_url}"), &name), &[]));
        said.push_str(&cli_says(&url(in_url, "nowhere"), &[]));
        said.push_str(&everything_stored(&db).await);
        for host in ["localhost", "127.0.0.1"] {
            db.run(&format!("DROP USER '{user}'@'{host}'")).await;
        }
        for table in db.tables().await {
            db.run(&format!("DROP TABLE `{table}`")).await;
        }
        bytes += said.len();
        if said.contains(MARK) {
            found.push(around(&said));
        }
    }
    let log = heard.0.lock().expect("a lock").clone();
    assert!(log.contains("step finished"), "it was logged: {log}");
    if log.contains(MARK) {
        found.push(around(&log));
    }
    tell(
        "passwords of a user, mariadb",
        PASSWORDS.len() * 6,
        found.len(),
        format!("{bytes} bytes of texts"),
    );
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_user_of_postgres() {
    let Some(db) = crate::support::servers::postgres_database().await else {
        return;
    };
    let (heard, _guard, _second) = listen();
    let name = db
        .strings("SELECT current_database()::text")
        .await
        .remove(0);
    let (mut found, mut bytes) = (Vec::new(), 0);
    for (_, in_url) in PASSWORDS {
        let server = db
            .url
            .rsplit_once('@')
            .map_or(db.url.as_str(), |(_, server)| server);
        let server = server.split_once('/').map_or(server, |(server, _)| server);
        let user = db
            .url
            .trim_start_matches("postgres://")
            .split(['@', ':'])
            .next()
            .unwrap_or_default();
        let urls = [
            format!("postgres://{user}:{in_url}@{server}/{name}"),
            format!("postgres://{user}@{server}/{name}?password={in_url}"),
            format!("postgres://nobody_{name}:{in_url}@{server}/{name}"),
            format!("postgres://{user}:{in_url}@{server}/nowhere_{name}"),
        ];
        let mut said = String::new();
        for url in &urls {
            check_lazy::<sqlx::Postgres>(url, LONG, &mut said).await;
            said.push_str(&cli_says(url, &[]));
        }
        assert!(
            said.contains("Migrated") && said.contains("does not exist"),
            "{said}"
        );
        let without = format!("postgres://nobody_{name}@{server}/{name}");
        said.push_str(&cli_says(&without, &[("PGPASSWORD", PASSWORDS[0].0)]));
        said.push_str(&everything_stored(&db).await);
        for table in db.tables().await {
            db.run(&format!("DROP TABLE \"{table}\"")).await;
        }
        bytes += said.len();
        if said.contains(MARK) {
            found.push(around(&said));
        }
    }
    let log = heard.0.lock().expect("a lock").clone();
    assert!(log.contains("step finished"), "it was logged: {log}");
    if log.contains(MARK) {
        found.push(around(&log));
    }
    tell(
        "passwords of a user, postgres",
        PASSWORDS.len() * 9,
        found.len(),
        format!("{bytes} bytes of texts"),
    );
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A password in a revision's own SQL is as public as the file. It is where the statement's text is, and nowhere
/// else: in the error and the ledger's `error` if the statement fails, in the ledger's `down_sql`; not in logs.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn passwords_in_a_revisions_sql() {
    let Some(db) = crate::support::servers::postgres_database().await else {
        return;
    };
    let (heard, _guard, _second) = listen();
    let name = db
        .strings("SELECT current_database()::text")
        .await
        .remove(0);
    let role = format!("role_{name}");
    let files = migrations(&[
        (
            "a",
            "",
            "",
            &format!(
                "-- @upgrade\nCREATE ROLE {role} PASSWORD 'upQzjX';\n-- @downgrade\nALTER ROLE {role} PASSWORD 'downQzjX';\nDROP ROLE {role};\n"
            ),
        ),
        (
            "b",
            "a",
            "",
            &format!("-- @upgrade\nCREATE ROLE {role} PASSWORD 'againQzjX';\n-- @downgrade\n"),
        ),
    ]);
    let migrator = Migrator::new(&db.pool, files);
    let report = migrator.upgrade("a").await.expect("a role");
    assert!(!format!("{report:?}").contains("upQzjX"));
    let error = migrator
        .upgrade_to_head()
        .await
        .expect_err("the role is there");
    let stored = everything_stored(&db).await;
    let down = migrator.downgrade("base").await;
    let log = heard.0.lock().expect("a lock").clone();
    assert!(down.is_ok(), "{down:?}");
    assert!(
        error.to_string().contains("againQzjX"),
        "the statement is shown: {error}"
    );
    assert!(stored.contains("againQzjX"), "the ledger has the error");
    assert!(stored.contains("downQzjX"), "the ledger has the way down");
    assert!(!stored.contains("upQzjX"), "{stored}");
    assert!(!log.contains(MARK), "{}", around(&log));
}

/// Every cell of limbeck's own tables.
async fn everything_stored<DB: limbeck::Backend>(
    db: &crate::support::servers::Database<DB>,
) -> String
where
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    for<'q> sqlx::RawSql: sqlx::Execute<'q, DB>,
    for<'r> String: sqlx::Decode<'r, DB>,
    for<'r> Option<String>: sqlx::Decode<'r, DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    let columns = [
        "message",
        "db_user",
        "host",
        "session",
        "application",
        "error",
        "down_sql",
        "statement",
        "fingerprint",
    ];
    let mut stored = String::new();
    for column in columns {
        stored.push_str(
            &db.strings(&format!("SELECT {column} FROM limbeck_history"))
                .await
                .join("\n"),
        );
    }
    for column in ["holder", "host", "application", "session"] {
        stored.push_str(
            &db.strings(&format!("SELECT {column} FROM limbeck_history_lock"))
                .await
                .join("\n"),
        );
    }
    assert!(stored.len() > 20, "{stored}");
    stored
}

/// What the program writes, as text and as JSON.
fn cli_says(url: &str, environment: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    for revision in failing().iter() {
        std::fs::write(folder.path().join(revision.path()), revision.text()).expect("a file");
    }
    let mut said = String::new();
    for command in [
        &["status"][..],
        &["upgrade", "head"],
        &["current", "-v"],
        &["downgrade", "base", "--yes"],
    ] {
        for json in [&[][..], &["--json"]] {
            let output = Command::new(env!("CARGO_BIN_EXE_limbeck"))
                .args(command)
                .args(json)
                .arg("--dir")
                .arg(folder.path())
                .env("DATABASE_URL", url)
                .env("RUST_LOG", "trace")
                .envs(environment.iter().copied())
                .current_dir(folder.path())
                .output()
                .expect("the binary starts");
            said.push_str(&String::from_utf8_lossy(&output.stdout));
            said.push_str(&String::from_utf8_lossy(&output.stderr));
        }
    }
    assert!(!said.is_empty());
    said
}

/// Where the mark stands, for the failure's text.
fn around(said: &str) -> String {
    let Some(at) = said.find(MARK) else {
        return String::new();
    };
    let start = said.floor_char_boundary(at.saturating_sub(200));
    said[start..said.floor_char_boundary(at + 60)].to_owned()
}
