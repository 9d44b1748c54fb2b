//! A password that a connection was given stands in nothing that limbeck says: no error, no log, no `Debug`, no
//! output, no table.

use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use limbeck::migrator::Source;
use limbeck::plan::Purge;
use limbeck::{Error, Migrator, Range, Resolution};

use crate::support::migrations;
use crate::support::secrets::{
    MARK, PASSWORDS, around, everything_stored, failing, rude_server, unused_port,
};
use crate::support::soak::tell;

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

/// Connections that are refused, that lead nowhere, that are broken off, or that the server turns away.
async fn check_lazy<DB>(url: &str, limit: Duration, said: &mut String)
where
    DB: limbeck::migrator::Backend,
    sqlx::Pool<DB>: limbeck::migrator::IntoSource<Source = sqlx::Pool<DB>>,
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
async fn a_user() {
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
        &format!(
            "passwords of a user, {}",
            crate::support::servers::MySqlServer::here().name()
        ),
        PASSWORDS.len() * 3,
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
        }
        assert!(
            said.contains("Migrated") && said.contains("does not exist"),
            "{said}"
        );
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
        PASSWORDS.len() * 4,
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

crate::support::on_mysql!(a_user);
