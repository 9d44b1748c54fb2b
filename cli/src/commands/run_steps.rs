//! Steps that are planned, run, or written as a script.

use clap::Args;
use limbeck::target::TargetError;
use limbeck::{Dialect, Error, Migrations, Plan, Report, Revision, Target};
use serde::Serialize;
use serde_json::Value;

use crate::call::{Call, Exit};
use crate::code;
use crate::connect::{Access, Opened};
use crate::database::Database;
use crate::error::CliError;
use crate::output::Output;
use crate::text;

/// How a run is to be done, or shown.
#[derive(Debug, Clone, Args)]
#[non_exhaustive]
pub struct ScriptArgs {
    /// Print the SQL as a script, without a database. The target may be a range, FROM:TO.
    #[arg(long)]
    pub sql: bool,

    /// What --sql is written for: sqlite, postgres, mysql or mariadb. Default: what the database URL says.
    #[arg(long, value_name = "NAME", requires = "sql")]
    pub dialect: Option<Dialect>,
}

pub(super) fn parse_all(texts: &[String]) -> Result<Vec<Target>, TargetError> {
    texts.iter().map(|text| text.parse()).collect()
}

/// What the database makes of the targets.
pub(super) async fn planned(
    targets: Vec<Target>,
    is_downgrade: bool,
    migrations: &Migrations,
    call: &Call<'_>,
) -> Result<Plan, CliError> {
    let opened = call.open(Access::Read, migrations).await?;
    let plan = match &targets[..] {
        [target] if is_downgrade => opened.database.plan_downgrade(target.clone()).await,
        _ => opened.database.plan_upgrade(targets).await,
    };
    opened.close().await;
    Ok(plan?)
}

pub(super) fn show_plan(
    plan: &Plan,
    migrations: &Migrations,
    output: &Output,
) -> Result<Exit, CliError> {
    let document = document(plan, migrations)?;
    output.answer(&document, || text::plan(migrations, plan))?;
    Ok(Exit::Done)
}

/// Ends the connections and tells what a run did.
pub(super) async fn finish(
    opened: Opened,
    report: Result<Report, Error>,
    migrations: &Migrations,
    output: &Output,
) -> Result<Exit, CliError> {
    opened.close().await;
    let report = report?;
    for note in &report.notes {
        output.note(&format!("note: {note}"));
    }
    let document = document(&report, migrations)?;
    output.answer(&document, || text::end_of_run(&report))?;
    Ok(Exit::Done)
}

/// A script.
#[derive(Debug, Serialize)]
struct ScriptDocument {
    sql: String,
}

pub(super) fn script(
    args: &ScriptArgs,
    call: &Call<'_>,
    write: impl FnOnce(&dyn Database) -> Result<String, Error>,
) -> Result<Exit, CliError> {
    let writer = call
        .context
        .script(call.context.migrations()?, args.dialect)?;
    let document = ScriptDocument {
        sql: write(&*writer)?,
    };
    call.output.answer_raw(&document, || document.sql.clone())?;
    Ok(Exit::Done)
}

/// A plan or a report, each of its steps with its revision's message, and with a mark where it is code.
pub(super) fn document(run: &impl Serialize, migrations: &Migrations) -> Result<Value, CliError> {
    let mut document = serde_json::to_value(run).map_err(std::io::Error::from)?;
    let steps = document.get_mut("steps").and_then(Value::as_array_mut);
    for step in steps.into_iter().flatten() {
        let text = |key: &str| step[key].as_str().unwrap_or_default();
        let (id, action) = (text("revision"), text("action"));
        let message = migrations.get(id).map_or("", Revision::message);
        let mark = code::mark_of_step(migrations, action, id);
        step["message"] = message.into();
        if let Some(mark) = mark {
            step["code"] = mark.into();
        }
    }
    Ok(document)
}
