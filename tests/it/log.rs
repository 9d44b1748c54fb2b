//! The log: what a subscriber of `tracing` is told of a run.

use std::sync::{Arc, LazyLock, Mutex};

use limbeck::migrator::Source;
use limbeck::{Migrations, Migrator};

use crate::support::{migrations, on_each, servers};

/// The names of spans with their fields, and events with their levels, as a subscriber is told them.
#[derive(Default)]
struct Heard {
    /// Tells whether sqlx is heard too.
    is_sqlx_heard: bool,
    lines: Mutex<Vec<String>>,
}

struct Fields(String);

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

impl tracing::Subscriber for Heard {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        let target = metadata.target();
        let is_heard =
            target.starts_with("limbeck") || (self.is_sqlx_heard && target.starts_with("sqlx"));
        is_heard && *metadata.level() <= tracing::Level::INFO
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        let mut fields = Fields(span.metadata().name().to_owned());
        span.record(&mut fields);
        self.lines.lock().expect("a lock").push(fields.0);
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(event.metadata().level().to_string());
        event.record(&mut fields);
        self.lines.lock().expect("a lock").push(fields.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// Two subscribers that live as long as the process. While `tracing` knows of one alone, it asks the thread that comes to an
/// event first: a test without a subscriber would turn that event off for all others.
static TWO_SUBSCRIBERS: LazyLock<[tracing::Dispatch; 2]> =
    LazyLock::new(|| std::array::from_fn(|_| tracing::Dispatch::new(Heard::default())));

/// Listens on this thread.
fn listen(heard: &Arc<Heard>) -> tracing::subscriber::DefaultGuard {
    LazyLock::force(&TWO_SUBSCRIBERS);
    tracing::subscriber::set_default(heard.clone())
}

/// The lines that an upgrade tells.
async fn lines<S: Source>(migrator: &Migrator<S>) -> Vec<String> {
    let heard = Arc::new(Heard::default());
    let guard = listen(&heard);
    let _ = migrator.upgrade_to_head().await;
    drop(guard);
    let lines = heard.lines.lock().expect("a lock");
    lines.clone()
}

fn line<'l>(lines: &'l [String], words: &str) -> &'l str {
    let mut found = lines.iter().filter(|line| line.contains(words));
    let line = found
        .next()
        .unwrap_or_else(|| panic!("{words}\nin\n{lines:#?}"));
    assert_eq!(found.next(), None, "{words}");
    line
}

fn steps(last: &str) -> Migrations {
    migrations(&[
        ("a", "", "", "-- @upgrade\nCREATE TABLE a (id INT);\n"),
        ("b", "a", "", &format!("-- @upgrade\n{last};\n")),
    ])
}

on_each! {
    /// Spans and events carry revision, action and duration, and no event has a second field `message`.
    async fn each_step_is_told(db) {
        let lines = lines(&Migrator::new(&db.pool, steps("CREATE TABLE b (id INT)"))).await;
        for expected in [
            "limbeck.upgrade version_table=\"limbeck_version\"",
            "limbeck.step revision=a action=\"upgrade\"",
            "limbeck.step revision=b action=\"upgrade\"",
            "INFO message=step finished revision=b action=\"upgrade\" duration_ms=",
        ] {
            line(&lines, expected);
        }
        let started = line(&lines, "message=step started revision=b");
        assert!(started.contains(" description=\"Revision b\""), "{started}");
        for told in &lines {
            assert!(told.matches(" message=").count() <= 1, "{told}");
        }
    }

    /// A boot with nothing to do leaves one line, with the heads.
    async fn nothing_to_do_is_told(db) {
        let migrator = Migrator::new(&db.pool, steps("CREATE TABLE b (id INT)"));
        let _ = migrator.upgrade_to_head().await.expect("upgrade");
        let told = lines(&migrator).await;
        let events: Vec<&String> = told.iter().filter(|line| line.contains(" message=")).collect();
        assert_eq!(events.len(), 1, "{told:#?}");
        let there = line(&told, "message=the database is at the target");
        assert!(there.starts_with("INFO ") && there.contains("heads=b"), "{there}");
    }

    /// So does a boot of an older binary, which names the revisions that it does not embed.
    async fn a_database_ahead_is_told(db) {
        let _ = Migrator::new(&db.pool, steps("CREATE TABLE b (id INT)"))
            .upgrade_to_head()
            .await
            .expect("upgrade");
        let old = migrations(&[("a", "", "", "-- @upgrade\nCREATE TABLE a (id INT);\n")]);
        let told = lines(&Migrator::new(&db.pool, old)).await;
        let ahead = line(&told, "message=the database is ahead of this binary");
        assert!(ahead.starts_with("INFO "), "{ahead}");
        assert!(ahead.contains("heads=b") && ahead.contains("unknown=b"), "{ahead}");
    }

    /// A failed step is an error in the log too, with its revision.
    async fn a_failed_step_is_told(db) {
        let told = lines(&Migrator::new(&db.pool, steps("CREATE TABLE a (id INT)"))).await;
        let failed = line(&told, "message=step failed");
        assert!(failed.starts_with("ERROR ") && failed.contains("revision=\"b\" kind=\"statement_failed\" place=\"b.sql:7:1\""), "{failed}");
    }
}

/// With a threshold of nothing every statement is a slow one.
macro_rules! slow_statements {
    ($(#[$test:meta])? $name:ident, $database:ident, $options:ty, $statement:literal, $told:expr) => {
        $(#[$test])?
        async fn $name() {
            use sqlx::ConnectOptions as _;
            let Some(db) = servers::$database().await else {
                return;
            };
            let options = (*db.pool.connect_options()).clone();
            let options =
                options.log_slow_statements(log::LevelFilter::Warn, std::time::Duration::ZERO);
            let pool = <$options>::new()
                .connect_with(options)
                .await
                .expect("the server");
            let heard = Arc::new(Heard {
                is_sqlx_heard: true,
                ..Heard::default()
            });
            let _guard = listen(&heard);
            let is_told = |word: &str| {
                heard
                    .lines
                    .lock()
                    .expect("a lock")
                    .iter()
                    .any(|line| line.contains(word))
            };
            let _ = sqlx::raw_sql("SELECT 'control'")
                .execute(&pool)
                .await
                .expect("a statement");
            assert!(is_told("control"), "{:?}", heard.lines);
            let body = concat!(
                "INSERT INTO a SELECT 1 WHERE 'secret' = '';\n",
                $statement,
                ";\n-- @downgrade\nDELETE FROM a WHERE 'secret' = ''"
            );
            for (words, table) in [("", "first_version"), ("autocommit", "second_version")] {
                let files = migrations(&[
                    (
                        "a",
                        "",
                        "",
                        "-- @upgrade\nCREATE TABLE IF NOT EXISTS a (id INT);\n",
                    ),
                    ("b", "a", "", &format!("-- @upgrade {words}\n{body};\n")),
                ]);
                let _ = Migrator::new(&pool, files)
                    .version_table(table)
                    .upgrade_to_head()
                    .await
                    .expect("the upgrade");
            }
            let fails =
                migrations(&[("c", "", "", "-- @upgrade\nINSERT INTO secret VALUES (1);\n")]);
            let migrator = Migrator::new(&pool, fails).version_table("other_version");
            let _ = migrator.upgrade_to_head().await.expect_err("a failure");
            let lines = heard.lines.lock().expect("a lock");
            let printed: Vec<_> = lines
                .iter()
                .filter(|line| line.contains("slow_threshold") && line.contains("secret"))
                .collect();
            assert_eq!(printed, [""; 0]);
            // Limbeck's own go on being told, and what the server says to a migration.
            assert!(
                lines
                    .iter()
                    .any(|line| line.contains("slow_threshold") && line.contains("first_version"))
            );
            let told: Option<&str> = $told;
            assert!(
                told.is_none_or(|words| lines.iter().any(|line| line.contains(words))),
                "{lines:#?}"
            );
        }
    };
}

slow_statements!(
    #[tokio::test]
    postgres_statements_that_are_slow_are_not_printed,
    postgres_database,
    sqlx::postgres::PgPoolOptions,
    "DO $$ BEGIN RAISE WARNING 'a word of the server'; END $$",
    Some("a word of the server")
);
slow_statements!(
    statements_that_are_slow_are_not_printed,
    mysql_database,
    sqlx::mysql::MySqlPoolOptions,
    "SELECT 1",
    None
);

mod mysql_family {
    use super::*;
    crate::support::on_mysql!(statements_that_are_slow_are_not_printed);
}
