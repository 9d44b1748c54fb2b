//! The log: what a subscriber of `tracing` is told of a run.

use std::sync::{Arc, Mutex};

use limbeck::{Migrations, Migrator, Source};

use crate::support::{migrations, on_each};

/// The names of spans with their fields, and events with their levels, as a subscriber is told them.
struct Heard(Mutex<Vec<String>>);

struct Fields(String);

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

impl tracing::Subscriber for Heard {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("limbeck") && *metadata.level() <= tracing::Level::INFO
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        let mut fields = Fields(span.metadata().name().to_owned());
        span.record(&mut fields);
        self.0.lock().expect("a lock").push(fields.0);
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(event.metadata().level().to_string());
        event.record(&mut fields);
        self.0.lock().expect("a lock").push(fields.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// The lines that an upgrade tells.
async fn lines<S: Source>(migrator: &Migrator<S>) -> Vec<String> {
    let heard = Arc::new(Heard(Mutex::new(Vec::new())));
    let guard = tracing::subscriber::set_default(heard.clone());
    let _ = migrator.upgrade_to_head().await;
    drop(guard);
    let lines = heard.0.lock().expect("a lock");
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
