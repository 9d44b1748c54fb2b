//! The schema that the applied revisions make.

use sqlx::Pool;

use super::Migrator;
use crate::aim::Target;
use crate::autogenerate::{Autogenerate, Reflect};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::plan;
use crate::revision::{Mode, Revision, RevisionError, Section, SectionKind};
use crate::sql::{self, Class, DdlVerb};
use crate::standing::StandingError;
use crate::status::Status;

/// What the applied revisions make, as a desired schema.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AppliedSchema {
    /// Their `@upgrade` sections, which a comparison runs on its scratch database. Errors name the file and its line.
    pub desired: Autogenerate,
    /// What is not run there, each in words: code, and statements that reach beyond a database. What those make of the
    /// schema shows as a difference.
    pub left_out: Vec<String>,
}

impl<DB: Reflect> Migrator<Pool<DB>> {
    /// What the applied revisions make: compared with the database, it says what somebody changed by hand.
    ///
    /// The sections run on the scratch database statement by statement, each in a session as its step finds it, and without
    /// rows: what a revision makes of the schema by the rows that it finds shows as a difference. Code is not run, nor are
    /// `GRANT`, `REVOKE` and statements that reach beyond the database (roles, other databases, the server's settings).
    ///
    /// ```no_run
    /// # async fn f(migrator: limbeck::Migrator<sqlx::PgPool>) -> Result<(), limbeck::Error> {
    /// let applied = migrator.applied_schema().await?;
    /// let comparison = migrator.compare_schema(&applied.desired).await?;
    /// for change in comparison.changes() {
    ///     println!("to be as its revisions made it: {change}");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`status`](Self::status). [`Error::Standing`] where the database has revisions that are not embedded.
    pub async fn applied_schema(&self) -> Result<AppliedSchema, Error> {
        let mut run = self.run().await?;
        let found = run.status_and_dialect().await;
        run.close(&found).await;
        let (status, dialect) = found?;
        if !status.unknown.is_empty() {
            return Err(StandingError::NotEmbedded {
                action: "build",
                unknown: status.unknown,
            }
            .into());
        }
        let mut applied = AppliedSchema {
            desired: Autogenerate::from_sql(""),
            left_out: unfinished(&status).into_iter().collect(),
        };
        let graph = self.migrations.graph();
        let are_applied = graph.ancestors(&status.current);
        let all = plan::upgrade(graph, &[""; 0], &[Target::heads()])?;
        let mut files = Vec::new();
        for step in &all {
            let revision = self.migrations.get(&step.revision);
            let Some(revision) = revision.filter(|_| are_applied.contains(&step.revision)) else {
                continue;
            };
            let Some(section) = revision.section(SectionKind::Upgrade, dialect) else {
                continue;
            };
            if section.mode() == Mode::Rust {
                let left_out = format!("the code of {} is not run", revision.id());
                applied.left_out.push(left_out);
                continue;
            }
            let sql = alone::<DB>(revision, section, dialect, &mut applied.left_out)?;
            files.push((revision.path().to_owned(), sql));
        }
        applied.desired = Autogenerate::from_revisions(files);
        Ok(applied)
    }
}

/// The statements of a section that are run, each where it stands in its file.
fn alone<DB: Reflect>(
    revision: &Revision,
    section: &Section,
    dialect: Dialect,
    left_out: &mut Vec<String>,
) -> Result<String, RevisionError> {
    let blank = |text: &str| -> String {
        let blanks = text.chars();
        blanks.map(|c| if c == '\n' { c } else { ' ' }).collect()
    };
    let text = revision.text();
    let mut sql = String::with_capacity(text.len());
    let mut end = 0;
    for (number, statement) in (1..).zip(revision.statements(section, dialect)?) {
        sql.push_str(&blank(&text[end..statement.offset()]));
        end = statement.offset() + statement.text().len();
        if is_of_privileges(dialect, statement.text()) {
            sql.push_str(&blank(statement.text()));
            continue;
        }
        if let Some(why) = DB::reaches_beyond(statement.text()) {
            let why = why.split(", so").next().unwrap_or_default();
            let why = why.trim_end_matches(": leave it out");
            left_out.push(format!(
                "statement {number} of {} ({}:{}) is not run: {why}",
                revision.id(),
                revision.path(),
                statement.line()
            ));
            sql.push_str(&blank(statement.text()));
            continue;
        }
        sql.push_str(statement.text());
        sql.push(';');
        // Its own semicolon, where it has one.
        if text[end..].starts_with(';') {
            end += 1;
        }
    }
    Ok(sql)
}

/// What is not compared.
fn is_of_privileges(dialect: Dialect, statement: &str) -> bool {
    let kind = sql::classify(dialect, statement);
    matches!(kind.class(), Class::Ddl(ddl) if matches!(ddl.verb, DdlVerb::Grant | DdlVerb::Revoke))
}

fn unfinished(status: &Status) -> Option<String> {
    let step = status.unfinished.as_ref()?;
    Some(format!(
        "the {} of {} is unfinished: what it did so far shows as a difference",
        step.action, step.revision
    ))
}
