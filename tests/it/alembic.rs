//! A database that a real Alembic manages: taken over, and handed back.
//!
//! `LIMBECK_TEST_ALEMBIC` names a Python that has `alembic`, `sqlalchemy` and `psycopg2`; `tests/run.sh` makes
//! one.

use std::fs;
use std::path::PathBuf;

use limbeck::error::RefusedError;
use limbeck::plan::Purge;
use limbeck::{Error, Migrations, Migrator, Outcome};

use crate::support::alembic::alembic;
use crate::support::migrations;
use crate::support::servers::{Database, server};

/// Each: id, parent, and for both programs what goes up and down. 1 ── 2 ── 3 ── 4
const REVISIONS: [Pair; 4] = [
    Pair {
        id: "1a6f2c80b311",
        down: "",
        python: (
            r#"op.create_table("accounts", sa.Column("id", sa.Integer, primary_key=True))"#,
            r#"op.drop_table("accounts")"#,
        ),
        sql: (
            "CREATE TABLE accounts (id INTEGER PRIMARY KEY);",
            "DROP TABLE accounts;",
        ),
    },
    Pair {
        id: "5c09d7e4a2f8",
        down: "1a6f2c80b311",
        python: (
            r#"op.create_table("invoices", sa.Column("id", sa.Integer, primary_key=True))"#,
            r#"op.drop_table("invoices")"#,
        ),
        sql: (
            "CREATE TABLE invoices (id INTEGER PRIMARY KEY);",
            "DROP TABLE invoices;",
        ),
    },
    Pair {
        id: "8b3e61f0c57d",
        down: "5c09d7e4a2f8",
        python: (
            r#"op.add_column("invoices", sa.Column("total", sa.Integer))"#,
            r#"op.drop_column("invoices", "total")"#,
        ),
        sql: (
            "ALTER TABLE invoices ADD COLUMN total INTEGER;",
            "ALTER TABLE invoices DROP COLUMN total;",
        ),
    },
    Pair {
        id: "d240b9f6137a",
        down: "8b3e61f0c57d",
        python: (
            r#"op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))"#,
            r#"op.drop_table("notes")"#,
        ),
        sql: (
            "CREATE TABLE notes (id INTEGER PRIMARY KEY);",
            "DROP TABLE notes;",
        ),
    },
];

const IDS: [&str; 4] = [
    REVISIONS[0].id,
    REVISIONS[1].id,
    REVISIONS[2].id,
    REVISIONS[3].id,
];

struct Pair {
    id: &'static str,
    down: &'static str,
    python: (&'static str, &'static str),
    sql: (&'static str, &'static str),
}

/// The first `count` revisions, and one more of this id on top.
fn embedded(count: usize, on_top: Option<&str>) -> Migrations {
    let mut files: Vec<(&str, &str, String)> = REVISIONS[..count]
        .iter()
        .map(|Pair { id, down, sql, .. }| {
            let (up, down_sql) = sql;
            let sections = format!("-- @upgrade\n{up}\n-- @downgrade\n{down_sql}\n");
            (*id, *down, sections)
        })
        .collect();
    if let Some(id) = on_top {
        let sections = "-- @upgrade\nCREATE TABLE on_top (id INTEGER);\n".to_owned();
        files.push((id, IDS[count - 1], sections));
    }
    let files: Vec<(&str, &str, &str, &str)> = files
        .iter()
        .map(|(id, down, sections)| (*id, *down, "", sections.as_str()))
        .collect();
    migrations(&files)
}

/// A project of Alembic's own, for one database.
struct Alembic {
    python: PathBuf,
    project: tempfile::TempDir,
    url: String,
}

impl Alembic {
    /// None where there is no Alembic, which is said aloud.
    fn new(url: &str) -> Option<Alembic> {
        let python = server("LIMBECK_TEST_ALEMBIC")?.into();
        let project = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            let path = project.path().join(name);
            fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        write("alembic.ini", "[alembic]\nscript_location = %(here)s\n");
        write(
            "script.py.mako",
            "revision = ${repr(up_revision)}\ndown_revision = ${repr(down_revision)}\n",
        );
        write(
            "env.py",
            r#"
import os
from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(os.environ["ALEMBIC_TEST_URL"], poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"#,
        );
        for Pair {
            id, down, python, ..
        } in REVISIONS
        {
            let (up, down_code) = python;
            let down = match down {
                "" => "None".to_owned(),
                id => format!("{id:?}"),
            };
            let text = format!(
                "import sqlalchemy as sa\nfrom alembic import op\n\nrevision = {id:?}\ndown_revision = {down}\n\n\
                 def upgrade():\n    {up}\n\ndef downgrade():\n    {down_code}\n"
            );
            write(&format!("versions/{id}.py"), &text);
        }
        Some(Alembic {
            python,
            project,
            // SQLAlchemy's names: a file's absolute path comes after three slashes.
            url: url
                .replacen("postgres://", "postgresql+psycopg2://", 1)
                .replacen("sqlite://", "sqlite:///", 1),
        })
    }

    /// Its standard output.
    fn run(&self, arguments: &[&str]) -> String {
        let environment = [("ALEMBIC_TEST_URL", &*self.url)];
        alembic(&self.python, self.project.path(), &environment, arguments)
    }

    /// What it reads in the version table: `1a6f2c80b311 (head)`, say.
    fn current(&self) -> String {
        self.run(&["current"]).trim().to_owned()
    }
}

/// Alembic's tables and the application's, without limbeck's own.
async fn tables<DB>(db: &Database<DB>) -> Vec<String>
where
    DB: limbeck::migrator::Backend,
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    for<'q> sqlx::RawSql: sqlx::Execute<'q, DB>,
    for<'r> String: sqlx::Decode<'r, DB>,
    for<'r> Option<String>: sqlx::Decode<'r, DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    let mut tables = db.tables().await;
    tables.retain(|table| !table.starts_with("limbeck_"));
    tables
}

macro_rules! with_alembic {
    ($($(#[$doc:meta])* async fn $name:ident($db:ident, $alembic:ident) $body:block)*) => {
        mod sqlite {
            use super::*;
            $($(#[$doc])* #[tokio::test]
            async fn $name() {
                let $db = crate::support::servers::sqlite().await;
                let Some($alembic) = Alembic::new(&$db.url) else { return };
                $body
            })*
        }
        #[cfg(feature = "postgres")]
        mod postgres {
            use super::*;
            $($(#[$doc])* #[tokio::test]
            async fn $name() {
                let Some($db) = crate::support::servers::postgres_database().await else { return };
                let Some($alembic) = Alembic::new(&$db.url) else { return };
                $body
            })*
        }
    };
}

with_alembic! {
    async fn a_database_goes_to_limbeck_and_back(db, alembic) {
        let [one, two, three, four] = IDS;
        alembic.run(&["upgrade", two]);
        assert_eq!(tables(&db).await, ["accounts", "alembic_version", "invoices"]);

        let migrator = Migrator::new(&db.pool, embedded(4, None)).version_table("alembic_version");
        let status = migrator.status().await.expect("status");
        assert_eq!((status.current, status.pending), (vec![two.to_owned()], vec![three.to_owned(), four.to_owned()]));
        assert!(!db.tables().await.iter().any(|table| table.starts_with("limbeck_")), "status writes nothing");

        let report = migrator.upgrade(four).await.expect("limbeck goes on");
        let steps: Vec<_> = report.steps.iter().map(|step| &*step.step.revision).collect();
        assert_eq!(steps, [three, four]);
        assert_eq!(alembic.current(), format!("{four} (head)"));
        assert_eq!(alembic.run(&["heads"]).trim(), format!("{four} (head)"));

        let report = migrator.downgrade(one).await.expect("limbeck goes back, over Alembic's revision too");
        assert_eq!((report.steps.len(), report.current), (3, vec![one.to_owned()]));
        assert_eq!(alembic.current(), one);
        assert_eq!(tables(&db).await, ["accounts", "alembic_version"]);

        alembic.run(&["upgrade", "head"]);
        assert_eq!(tables(&db).await, ["accounts", "alembic_version", "invoices", "notes"]);
        let report = migrator.upgrade_to_head().await.expect("limbeck boots");
        assert_eq!((report.outcome, report.current), (Outcome::AlreadyThere, vec![four.to_owned()]));
        let status = migrator.status().await.expect("status");
        assert!(status.is_ready(), "{status:?}");

        // What limbeck did and found, and nothing of what Alembic did.
        let ledger = migrator.ledger().await.expect("the ledger");
        let rows: Vec<(&str, &str, &str)> = ledger
            .iter()
            .map(|row| (row.action.name(), row.revision.as_str(), row.state.name()))
            .collect();
        let expected = [
            ("baseline", one, "done"),
            ("baseline", two, "done"),
            ("upgrade", three, "done"),
            ("upgrade", four, "done"),
            ("downgrade", four, "done"),
            ("downgrade", three, "done"),
            ("downgrade", two, "done"),
        ];
        assert_eq!(rows, expected);

        // And all of it again from what Alembic left.
        let report = migrator.downgrade("base").await.expect("limbeck undoes everything");
        assert_eq!((report.steps.len(), report.current.len()), (4, 0));
        assert_eq!(alembic.current(), "");
        assert_eq!(tables(&db).await, ["alembic_version"]);
        let report = migrator.upgrade_to_head().await.expect("limbeck does everything");
        assert_eq!(report.steps.len(), 4);
        assert_eq!(alembic.current(), format!("{four} (head)"));
        alembic.run(&["downgrade", "base"]);
        assert_eq!(tables(&db).await, ["alembic_version"]);
        assert!(migrator.current().await.expect("current").is_empty());
    }

    /// Alembic's column holds 32 characters.
    async fn an_id_that_alembic_cannot_hold_is_refused(db, alembic) {
        let four = IDS[3];
        alembic.run(&["upgrade", "head"]);
        let before = db.tables().await;
        let fits = "x".repeat(32);
        let long = "x".repeat(33);

        let migrator = Migrator::new(&db.pool, embedded(4, Some(&long))).version_table("alembic_version");
        for error in [
            migrator.upgrade_to_head().await.map(drop).expect_err("too long"),
            migrator.plan_upgrade("head").await.map(drop).expect_err("too long"),
            migrator.stamp("head", Purge::Keep).await.map(drop).expect_err("too long"),
        ] {
            let Error::Refused(RefusedError::IdTooLong { revision, length, width, .. }) = &error else {
                panic!("{error}")
            };
            assert_eq!((revision, *length, *width), (&long, 33, 32));
        }
        assert_eq!(db.tables().await, before, "no table was made");
        assert_eq!(alembic.current(), format!("{four} (head)"));
        // The revisions below it are not touched by that.
        let report = migrator.upgrade(four).await.expect("there already");
        assert_eq!(report.outcome, Outcome::AlreadyThere);

        let migrator = Migrator::new(&db.pool, embedded(4, Some(&fits))).version_table("alembic_version");
        let report = migrator.upgrade_to_head().await.expect("32 characters fit");
        assert_eq!(report.current, [fits.as_str()]);
        assert_eq!(db.strings("SELECT version_num FROM alembic_version").await, [fits]);
    }

    /// A database that limbeck made from nothing, in Alembic's table: Alembic goes on.
    async fn a_database_that_limbeck_made_goes_to_alembic(db, alembic) {
        let [_, two, _, four] = IDS;
        let migrator = Migrator::new(&db.pool, embedded(4, None)).version_table("alembic_version");
        let _ = migrator.upgrade(two).await.expect("from nothing");
        assert_eq!(alembic.current(), two);
        alembic.run(&["upgrade", "head"]);
        assert_eq!(migrator.current().await.expect("current"), [four]);
        alembic.run(&["downgrade", "-1"]);
        let report = migrator.upgrade_to_head().await.expect("limbeck goes on");
        assert_eq!(report.steps.len(), 1);
        alembic.run(&["stamp", "base"]);
        assert!(migrator.current().await.expect("current").is_empty());
    }
}
