//! Connections that no retry brings about, each by a real server's refusal; and those that one may bring about.

use std::error::Error as _;
use std::time::Duration;

use limbeck::error::{DatabaseState, Rejection, RunError};
use limbeck::{Error, Migrations, Migrator};
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::support::rig::rig;
use crate::support::servers::{MySqlServer, of_mysql, of_postgres};

fn none() -> Migrations {
    Migrations::new([]).expect("an empty graph")
}

/// Asks over this pool, which gets no connection.
macro_rules! refused {
    ($pool:expr) => {{
        let migrator = Migrator::new($pool, none());
        let error = migrator
            .upgrade_to_head()
            .await
            .map(drop)
            .expect_err("no connection");
        let status = migrator
            .status()
            .await
            .map(drop)
            .expect_err("no connection");
        assert_eq!(status.kind(), error.kind());
        error
    }};
}

fn rejected(error: &Error, expected: Rejection, case: &str) {
    let told = format!(
        "{case}: {error}: {:?}",
        error.source().map(ToString::to_string)
    );
    assert_eq!(error.kind(), "rejected", "{told}");
    assert!(!error.is_connection(), "{told}");
    assert_eq!(error.state(), DatabaseState::NothingSent);
    let Error::Run(run) = error else {
        panic!("{told}")
    };
    let RunError::Rejected { reason, source, .. } = &**run else {
        panic!("{told}")
    };
    assert_eq!(*reason, expected, "{told}");
    assert_eq!(Rejection::of(source), Some(expected));
    assert!(!error.to_string().contains(&source.to_string()), "{told}");
    if let Some(of_server) = source.as_database_error() {
        let line = format!("{error:#}");
        assert_eq!(line.matches(of_server.message()).count(), 1, "{line}");
    }
}

fn may_come(error: &Error, case: &str) {
    let told = format!(
        "{case}: {error}: {:?}",
        error.source().map(ToString::to_string)
    );
    assert!(error.is_connection(), "{told}");
}

fn pg(options: PgConnectOptions) -> sqlx::PgPool {
    let pool = PgPoolOptions::new().acquire_timeout(Duration::from_secs(2));
    pool.connect_lazy_with(options)
}

fn mysql(options: MySqlConnectOptions) -> sqlx::MySqlPool {
    let pool = MySqlPoolOptions::new().acquire_timeout(Duration::from_secs(2));
    pool.connect_lazy_with(options)
}

#[tokio::test]
async fn by_postgres() {
    let Some(rig) = rig() else { return };
    let server = rig.own_postgres(None, &[]).await;
    let admin: PgConnectOptions = server.url.parse().expect("a URL");
    let db = of_postgres(pg(admin.clone()), server.url.clone());
    db.run(
        "CREATE ROLE locked LOGIN PASSWORD 'right'; CREATE ROLE kept_out LOGIN; CREATE ROLE encrypted LOGIN; \
         CREATE ROLE nobody NOLOGIN; CREATE ROLE plain LOGIN; CREATE ROLE one LOGIN CONNECTION LIMIT 1",
    )
    .await;
    for database in ["closed", "shut"] {
        db.run(&format!("CREATE DATABASE {database}")).await;
    }
    db.run("REVOKE CONNECT ON DATABASE closed FROM PUBLIC; ALTER DATABASE shut ALLOW_CONNECTIONS false")
        .await;
    let folder = db.strings("SHOW data_directory").await.remove(0);
    let rules = "host all locked 127.0.0.1/32 scram-sha-256\nhost all kept_out 127.0.0.1/32 reject\n\
                 hostssl all encrypted 127.0.0.1/32 trust\nhost all encrypted 127.0.0.1/32 reject\n\
                 host all all 127.0.0.1/32 trust";
    let rules: Vec<String> = rules.lines().map(|line| format!("('{line}')")).collect();
    db.run(&format!(
        "COPY (VALUES {}) TO '{folder}/pg_hba.conf'",
        rules.join(", ")
    ))
    .await;
    db.run("SELECT pg_reload_conf()").await;
    // The postmaster has read it once it refuses.
    let as_user = |user: &str| admin.clone().username(user);
    while pg(as_user("kept_out")).acquire().await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for (case, options, expected) in [
        (
            "a wrong password",
            as_user("locked").password("wrong"),
            Rejection::Login,
        ),
        ("no password", as_user("locked"), Rejection::Login),
        ("pg_hba.conf", as_user("kept_out"), Rejection::Login),
        (
            "pg_hba.conf with TLS alone",
            as_user("encrypted"),
            Rejection::Login,
        ),
        ("an unknown role", as_user("unknown"), Rejection::Login),
        (
            "a role without a login",
            as_user("nobody"),
            Rejection::Login,
        ),
        (
            "an unknown database",
            admin.clone().database("nowhere"),
            Rejection::NoDatabase,
        ),
        (
            "no right to connect",
            as_user("plain").database("closed"),
            Rejection::Forbidden,
        ),
        (
            "a database that takes none",
            admin.clone().database("shut"),
            Rejection::Forbidden,
        ),
        (
            "an unknown setting",
            admin.clone().options([("no_such_setting", "1")]),
            Rejection::Options,
        ),
        (
            "a setting's value",
            admin.clone().options([("statement_timeout", "soon")]),
            Rejection::Options,
        ),
        (
            "TLS",
            admin.clone().ssl_mode(PgSslMode::Require),
            Rejection::Tls,
        ),
    ] {
        rejected(&refused!(pg(options)), expected, case);
    }
    let pool = pg(as_user("locked").password("right"));
    assert!(Migrator::new(&pool, none()).status().await.is_ok());
    pool.close().await;
    rejected(&refused!(&pool), Rejection::PoolClosed, "a closed pool");

    let taken = pg(as_user("one"));
    let _taken = taken.acquire().await.expect("the one");
    may_come(&refused!(pg(as_user("one"))), "no place for one more");
    may_come(&refused!(pg(admin.clone().port(1))), "nobody listens");
}

#[tokio::test]
async fn by_pgbouncer() {
    let Some(rig) = rig() else { return };
    let url = rig.pgbouncer("transaction").await;
    let options: PgConnectOptions = url.parse().expect("a URL");
    let unknown = options.clone().database("nowhere");
    for (case, options, expected) in [
        ("an unknown database", unknown, Rejection::NoDatabase),
        (
            "an unknown user",
            options.username("unknown"),
            Rejection::Login,
        ),
    ] {
        // PgBouncer lets whoever comes next wait before it asks the server again.
        let said = Migrator::new(pg(options), none()).status().await;
        rejected(&said.expect_err("no connection"), expected, case);
    }
}

async fn on_the_server() {
    let Some(rig) = rig() else { return };
    // MySQL has TLS unless it is told not to.
    let no_tls = MySqlServer::here().pick("--skip-ssl", "--tls-version=");
    let options = ["--disconnect-on-expired-password=ON", no_tls];
    let server = rig.own_mysql(&options).await;
    let admin: MySqlConnectOptions = server.url.parse().expect("a URL");
    let db = of_mysql(mysql(admin.clone()), server.url.clone());
    for user in [
        "locked@'%' IDENTIFIED BY 'right'",
        "plain@'%'",
        "shut@'%' ACCOUNT LOCK",
        "encrypted@'%' REQUIRE SSL",
        "late@'%' IDENTIFIED BY 'right' PASSWORD EXPIRE",
        "elsewhere@'10.1.2.3'",
        "one@'%' WITH MAX_USER_CONNECTIONS 1",
    ] {
        db.run(&format!("CREATE USER {user}")).await;
    }
    db.run("CREATE DATABASE closed").await;
    let as_user = |user: &str| admin.clone().username(user).database("information_schema");
    for (case, options, expected) in [
        (
            "a wrong password",
            as_user("locked").password("wrong"),
            Rejection::Login,
        ),
        ("no password", as_user("locked"), Rejection::Login),
        ("an unknown user", as_user("unknown"), Rejection::Login),
        (
            "another host's user",
            as_user("elsewhere"),
            Rejection::Login,
        ),
        ("a locked account", as_user("shut"), Rejection::Login),
        (
            "a password that has expired",
            as_user("late").password("right"),
            Rejection::Login,
        ),
        (
            "a user with TLS alone",
            as_user("encrypted"),
            Rejection::Login,
        ),
        (
            "an unknown database",
            admin.clone().database("nowhere"),
            Rejection::NoDatabase,
        ),
        (
            "no right on the database",
            as_user("plain").database("closed"),
            Rejection::Forbidden,
        ),
        (
            "TLS",
            admin.clone().ssl_mode(MySqlSslMode::Required),
            Rejection::Tls,
        ),
    ] {
        rejected(&refused!(mysql(options)), expected, case);
    }
    let pool = mysql(as_user("locked").password("right"));
    pool.close().await;
    rejected(&refused!(&pool), Rejection::PoolClosed, "a closed pool");

    let taken = mysql(as_user("one"));
    let _taken = taken.acquire().await.expect("the one");
    may_come(&refused!(mysql(as_user("one"))), "no place for one more");
    may_come(&refused!(mysql(admin.clone().port(1))), "nobody listens");

    db.run("SET GLOBAL require_secure_transport = ON").await;
    rejected(
        &refused!(mysql(as_user("plain"))),
        // MariaDB has no word of its own for it.
        MySqlServer::here().pick(Rejection::Login, Rejection::Tls),
        "a server with TLS alone",
    );
}

#[tokio::test]
async fn by_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    std::fs::write(
        file("text.db"),
        "no database, but a text of some length. ".repeat(100),
    )
    .expect("a file");
    let pool = |options| SqlitePoolOptions::new().connect_lazy_with(options);
    let options = SqliteConnectOptions::new();
    for (case, options) in [
        ("a missing file", options.clone().filename(file("none.db"))),
        (
            "a missing folder",
            options
                .clone()
                .filename(file("none/a.db"))
                .create_if_missing(true),
        ),
        ("a folder", options.clone().filename(folder.path())),
    ] {
        rejected(&refused!(pool(options)), Rejection::File, case);
    }
    // SQLite opens it, and sees what it is at the first look.
    let error = refused!(pool(options.clone().filename(file("text.db"))));
    assert_eq!(error.kind(), "bookkeeping", "{error}");
    assert!(!error.is_connection());
    let pool = pool(options.filename(file("new.db")).create_if_missing(true));
    pool.close().await;
    rejected(&refused!(&pool), Rejection::PoolClosed, "a closed pool");
}

crate::support::on_mysql!(on_the_server);
