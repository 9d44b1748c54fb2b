//! `limbeck scratch`: a program beside a database of its own, which is gone when it has ended.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use limbeck::Dialect;
use sqlx::{Connection as _, PgConnection};

use crate::calls::Folder;
use crate::support::on_each;
use crate::support::servers::Database;

const LIMBECK: &str = env!("CARGO_BIN_EXE_limbeck");

fn folder() -> Folder {
    let folder = Folder::of(&[
        (
            "migrations/a1.sql",
            "-- revision: a1\n-- down_revision: none\n\n-- @upgrade\nCREATE TABLE shop (id INTEGER);\n",
        ),
        (
            "migrations/b1.sql",
            "-- revision: b1\n-- down_revision: none\n\n-- @upgrade\nCREATE TABLE users (id INTEGER);\n",
        ),
    ]);
    folder.write("tmp/.keep", "");
    folder
}

/// The databases that runs have made, or the folders.
macro_rules! places {
    ($db:expr, $folder:expr) => {
        match $db.dialect {
            Dialect::Sqlite => {
                let names = $folder.files("tmp").into_keys();
                names.filter(|name| name != ".keep").collect()
            }
            Dialect::Postgres => {
                let names = "SELECT datname FROM pg_database WHERE datname LIKE 'limbeck_run_%'";
                $db.strings(names).await
            }
            _ => {
                let names = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'limbeck_run_%'";
                $db.strings(names).await
            }
        }
    };
}

/// The place that the program was given.
fn name_of(url: &str) -> &str {
    let url = url.trim();
    let path = url.split('?').next().expect("a URL");
    let mut parts = path.rsplit('/');
    let last = parts.next().expect("a name");
    match last {
        "scratch.db" => parts.next().expect("its folder"),
        name => name,
    }
}

on_each! {
    async fn a_program_has_a_database_at_the_heads(db) {
        let folder = folder();
        let temporary = folder.path("tmp").display().to_string();
        let call = |program: &[&str], code: i32| {
            let arguments = [&["scratch", "--database-url", &db.url, "--"], program].concat();
            let said = folder.call_with(&arguments, &[("TMPDIR", &temporary)]);
            assert_eq!(said.code, code, "{program:?}: {said:?}");
            said
        };
        // Its output is all that is printed.
        let said = call(&["sh", "-c", "printf '%s %s' \"$DATABASE_URL\" \"$SQLX_OFFLINE\""], 0);
        assert!(said.stdout.ends_with(" false"), "{said:?}");
        assert_eq!(said.stderr, "");
        let name = name_of(said.stdout.trim_end_matches(" false")).to_owned();
        assert!(name.starts_with("limbeck_run_"), "{name}");
        let heads = call(&[LIMBECK, "current", "--check-heads"], 0);
        assert!(heads.stdout.contains("a1") && heads.stdout.contains("b1"), "{heads:?}");
        // Its code is the program's, also by a signal.
        call(&["sh", "-c", "exit 42"], 42);
        call(&["sh", "-c", "kill -9 $$"], 137);
        // Under another name.
        let other = [
            "scratch", "--database-url", &db.url, "--env", "APP_URL", "--", "sh", "-c", "echo \"$APP_URL\" \"${DATABASE_URL-none}\"",
        ];
        let said = folder.call_with(&other, &[("TMPDIR", &temporary)]);
        assert!(said.stdout.trim().ends_with(" none"), "{said:?}");
        // A program that is not there, and a revision that fails.
        let said = call(&["./nowhere"], 1);
        assert!(said.stderr.contains("`./nowhere` could not be started"), "{said:?}");
        folder.write("migrations/c1.sql", "-- revision: c1\n-- down_revision: a1\n\n-- @upgrade\nINSERT INTO nowhere VALUES (1);\n");
        let said = call(&["echo", "never"], 1);
        assert!(said.stderr.contains("c1") && said.stdout.is_empty(), "{said:?}");
        let places: Vec<String> = places!(db, folder);
        assert!(!places.iter().any(|place| place.contains(&name)), "{places:?}");
        if db.dialect == Dialect::Sqlite {
            assert_eq!(places, Vec::<String>::new());
        }
        // The database that was named has nothing of it.
        assert_eq!(db.tables().await, Vec::<String>::new());
    }

    async fn a_signal_leaves_nothing(db) {
        let folder = folder();
        let temporary = folder.path("tmp").display().to_string();
        let arguments = ["scratch", "--database-url", &db.url, "--", "sh", "-c", "echo \"$DATABASE_URL\"; exec sleep 600"];
        let mut running = folder
            .command(&arguments)
            .env("TMPDIR", &temporary)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut url = String::new();
        let stdout = running.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut url).expect("the URL");
        let name = name_of(&url).to_owned();
        let is_there = async || {
            let places: Vec<String> = places!(db, folder);
            places.iter().any(|place| place.contains(&name))
        };
        assert!(is_there().await, "{name}");
        let kill = std::process::Command::new("kill").arg(running.id().to_string()).status();
        assert!(kill.expect("kill runs").success());
        let status = running.wait().expect("it ends");
        // The program was killed.
        assert_eq!(status.code(), Some(137));
        assert!(!is_there().await, "{name}");
    }
}

macro_rules! left_overs {
    ($db:expr, $hold:expr, $release:expr) => {{
        let db = $db;
        let folder = folder();
        let old = |hex: &str| format!("limbeck_run_1795000000_{hex}");
        let (left, held) = (old("00000000aaaa"), old("00000000bbbb"));
        let young = "limbeck_run_9795000000_00000000cccc";
        let all = [&*left, &*held, young, "limbeck_run_mine"];
        for name in all {
            db.run(&format!("DROP DATABASE IF EXISTS {name}")).await;
        }
        let holder = $hold(&db, &held).await;
        for name in all.into_iter().filter(|name| *name != held) {
            db.run(&format!("CREATE DATABASE {name}")).await;
        }
        let said = folder.call(&["scratch", "--database-url", &db.url, "--", "true"]);
        assert_eq!(said.code, 0, "{said:?}");
        let there: Vec<String> = places!(db, folder);
        let found: Vec<&str> = all
            .into_iter()
            .filter(|name| there.iter().any(|one| one == name))
            .collect();
        assert_eq!(found, all[1..]);
        $release(holder).await;
        for name in &all[1..] {
            // Nobody holds them now: another test's run may be first.
            db.run(&format!("DROP DATABASE IF EXISTS {name}")).await;
        }
    }};
}

/// The left-overs of a killed run go with the next, and nothing else does.
#[tokio::test]
async fn left_overs_on_postgres() {
    let Some(db) = crate::support::servers::postgres_database().await else {
        return;
    };
    let hold = async |db: &Database<sqlx::Postgres>, name: &str| {
        let url = crate::support::servers::with_database(&db.url, name);
        for _ in 0..100 {
            db.run(&format!("CREATE DATABASE {name}")).await;
            match PgConnection::connect(&url).await {
                Ok(session) => return session,
                // Another test's run has found it without a session, and removed it.
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("3D000") => {}
                Err(error) => panic!("{error}"),
            }
        }
        panic!("it is gone each time");
    };
    let release = async |session: PgConnection| session.close().await.expect("an orderly end");
    left_overs!(db, hold, release);
}

mod of_mysql {
    use super::*;

    async fn left_overs() {
        let Some(db) = crate::support::servers::mysql_database().await else {
            return;
        };
        let hold = async |db: &Database<sqlx::MySql>, name: &str| {
            let mut session = db.pool.acquire().await.expect("a session");
            let lock = format!("SELECT GET_LOCK('{name}', 0)");
            sqlx::raw_sql(sqlx::AssertSqlSafe(lock))
                .execute(&mut *session)
                .await
                .expect("the lock");
            db.run(&format!("CREATE DATABASE {name}")).await;
            session
        };
        let release = async |session| drop(session);
        left_overs!(db, hold, release);
    }

    crate::support::on_mysql!(left_overs);
}

#[test]
fn what_it_needs_is_said() {
    let folder = folder();
    let said = folder.call(&["scratch", "--json", "--", "true"]);
    assert_eq!(said.error().0, "no_database_url");
    let said = folder.call(&["scratch", "--database-url", "sqlite:x.db", "true"]);
    assert_eq!(said.code, 2, "{said:?}");
}
