//! The commands that plan and run: `plan`, `upgrade`, `downgrade`, `stamp`, `resolve`, `ensure_version`.

use std::sync::Arc;
use std::time::Duration;

use super::command::{DowngradeArgs, PlanArgs, ResolveArgs, ScriptArgs, StampArgs, UpgradeArgs};
use super::connect::{Access, Opened};
use super::context::Context;
use super::document::{self, HeadsDocument, ResolveDocument, ScriptDocument};
use super::error::CliError;
use super::output::Output;
use super::{progress, text};
use limbeck::plan::{self, Plan, Purge};
use limbeck::target::{Bound, TargetError};
use limbeck::{Error, Migrations, Range, Report, Resolution, Target};

pub(super) async fn plan(
    args: &PlanArgs,
    context: &dyn Context,
    output: &Output,
) -> Result<u8, CliError> {
    let mut targets = parse_all(&args.to)?;
    if targets.is_empty() {
        targets.push(Target::heads());
    }
    if args.downgrade && targets.len() > 1 {
        return Err(CliError::Usage("a downgrade has one target".to_owned()));
    }
    let migrations = context.migrations()?;
    let plan = match &args.from {
        Some(heads) => {
            let heads: Vec<&str> = heads
                .split(',')
                .map(str::trim)
                .filter(|head| !head.is_empty())
                .collect();
            let graph = migrations.graph();
            match &targets[..] {
                [target] if args.downgrade => plan::downgrade(graph, &heads, target)?,
                targets => plan::upgrade(graph, &heads, targets)?,
            }
        }
        None => planned(targets, args.downgrade, &migrations, context, output).await?,
    };
    show_plan(&plan, &migrations, output)
}

pub(super) async fn upgrade(
    args: &UpgradeArgs,
    context: &dyn Context,
    output: &Output,
) -> Result<u8, CliError> {
    if args.script.sql {
        let [target] = &args.targets[..] else {
            return Err(CliError::Usage(
                "a script has one target, or one range FROM:TO".to_owned(),
            ));
        };
        let range = script_range(target)?;
        return script(&args.script, context, output, |database| {
            database.upgrade_sql(&range)
        });
    }
    let targets = parse_all(&args.targets)?;
    let migrations = context.migrations()?;
    if args.dry_run {
        let plan = planned(targets, false, &migrations, context, output).await?;
        return show_plan(&plan, &migrations, output);
    }
    let opened = open(Access::Write, &migrations, context, output).await?;
    let report = opened.database.upgrade(targets).await;
    finish(opened, report, &migrations, output).await
}

pub(super) async fn downgrade(
    args: &DowngradeArgs,
    context: &dyn Context,
    output: &Output,
) -> Result<u8, CliError> {
    if args.script.sql {
        let range = if args.target.contains(':') {
            args.target.parse()?
        } else {
            return Err(TargetError::Malformed {
                expression: args.target.clone(),
                reason: "a downgrade's script needs both ends: `from:to`",
            }
            .into());
        };
        return script(&args.script, context, output, |database| {
            database.downgrade_sql(&range)
        });
    }
    let target: Target = args.target.parse()?;
    let migrations = context.migrations()?;
    if args.dry_run {
        let plan = planned(vec![target], true, &migrations, context, output).await?;
        return show_plan(&plan, &migrations, output);
    }
    let opened = open(Access::Write, &migrations, context, output).await?;
    if !args.yes && output.can_ask() {
        let plan = opened.database.plan_downgrade(target.clone()).await?;
        if !plan.is_empty() {
            let shown = text::plan(&migrations, &plan);
            if !output.confirm(&format!("{shown}Undo this?"))? {
                return Err(CliError::NotConfirmed);
            }
        }
    }
    let report = opened.database.downgrade(target).await;
    finish(opened, report, &migrations, output).await
}

pub(super) async fn stamp(
    args: &StampArgs,
    context: &dyn Context,
    output: &Output,
) -> Result<u8, CliError> {
    let purge = if args.purge {
        Purge::Clear
    } else {
        Purge::Keep
    };
    if args.script.sql {
        let (from, to) = match &args.revisions[..] {
            [range] if range.contains(':') => ends(range)?,
            revisions => (Vec::new(), parse_all(revisions)?),
        };
        return script(&args.script, context, output, |database| {
            database.stamp_sql(&from, &to, purge)
        });
    }
    let targets = parse_all(&args.revisions)?;
    let migrations = context.migrations()?;
    let opened = open(Access::Write, &migrations, context, output).await?;
    let report = opened.database.stamp(targets, purge).await;
    finish(opened, report, &migrations, output).await
}

pub(super) async fn resolve(
    args: &ResolveArgs,
    context: &dyn Context,
    output: &Output,
) -> Result<u8, CliError> {
    let answer = &args.answer;
    let resolution = match (answer.applied, answer.not_applied, answer.abandoned) {
        (true, _, _) => Resolution::Applied,
        (_, true, _) => Resolution::NotApplied,
        (_, _, true) => Resolution::Abandoned,
        _ => Resolution::Accepted,
    };
    let migrations = context.migrations()?;
    // A step of a revision that the files do not hold can be settled too: by its full id.
    let named = match args.revision.parse() {
        Ok(target) => plan::resolve(migrations.graph(), &target).unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let revision: Arc<str> = match &named[..] {
        [one] => Arc::clone(one),
        _ => Arc::from(&*args.revision),
    };
    let opened = open(Access::Write, &migrations, context, output).await?;
    let settled = opened.database.resolve(&revision, resolution).await;
    opened.close().await;
    settled?;
    let document = ResolveDocument {
        revision: &revision,
        resolution,
    };
    output.answer(&document, || match resolution {
        Resolution::Applied => {
            format!("{revision}: the interrupted statement counts as done; run the command again\n")
        }
        Resolution::NotApplied => {
            format!("{revision}: the interrupted statement will run again; run the command again\n")
        }
        Resolution::Abandoned => format!("{revision}: the unfinished step is given up\n"),
        Resolution::Accepted => format!("{revision}: its new checksum is recorded\n"),
        _ => format!("{revision}: settled\n"),
    })?;
    Ok(0)
}

pub(super) async fn ensure_version(context: &dyn Context, output: &Output) -> Result<u8, CliError> {
    let migrations = context.migrations()?;
    let opened = open(Access::Write, &migrations, context, output).await?;
    let heads = match opened.database.ensure_tables().await {
        Ok(()) => opened.database.current().await,
        Err(error) => Err(error),
    };
    opened.close().await;
    let document = HeadsDocument { heads: heads? };
    output.answer(&document, || text::heads(&document.heads))?;
    Ok(0)
}

fn parse_all(texts: &[String]) -> Result<Vec<Target>, TargetError> {
    texts.iter().map(|text| text.parse()).collect()
}

/// What the database makes of the targets.
async fn planned(
    targets: Vec<Target>,
    is_downgrade: bool,
    migrations: &Migrations,
    context: &dyn Context,
    output: &Output,
) -> Result<Plan, CliError> {
    let opened = open(Access::Read, migrations, context, output).await?;
    let plan = match &targets[..] {
        [target] if is_downgrade => opened.database.plan_downgrade(target.clone()).await,
        _ => opened.database.plan_upgrade(targets).await,
    };
    opened.close().await;
    Ok(plan?)
}

fn show_plan(plan: &Plan, migrations: &Migrations, output: &Output) -> Result<u8, CliError> {
    let document = document::run(plan, migrations)?;
    output.answer(&document, || text::plan(migrations, plan))?;
    Ok(0)
}

/// Opens the database for a command that cannot do without.
pub(super) async fn open(
    access: Access,
    migrations: &Migrations,
    context: &dyn Context,
    output: &Output,
) -> Result<Opened, CliError> {
    let observer = progress::observer(migrations.clone(), output.clone());
    let opened = context
        .open(migrations.clone(), access, Duration::MAX, Some(observer))
        .await?;
    if let Some(file) = &opened.missing_file {
        output.note(&format!(
            "note: there is no file {file} yet: it counts as an empty database"
        ));
    }
    Ok(opened)
}

/// Ends the connections and tells what a run did.
async fn finish(
    opened: Opened,
    report: Result<Report, Error>,
    migrations: &Migrations,
    output: &Output,
) -> Result<u8, CliError> {
    opened.close().await;
    let report = report?;
    for note in &report.notes {
        output.note(&format!("note: {note}"));
    }
    let document = document::run(&report, migrations)?;
    output.answer(&document, || text::end_of_run(&report))?;
    Ok(0)
}

fn script(
    args: &ScriptArgs,
    context: &dyn Context,
    output: &Output,
    write: impl FnOnce(&dyn super::database::Database) -> Result<String, Error>,
) -> Result<u8, CliError> {
    let writer = context.script(context.migrations()?, args.dialect)?;
    let document = ScriptDocument {
        sql: write(&*writer)?,
    };
    output.answer_raw(&document, || document.sql.clone())?;
    Ok(0)
}

/// A range, or from an empty database to a target.
fn script_range(text: &str) -> Result<Range, TargetError> {
    if text.contains(':') {
        text.parse()
    } else {
        Ok(Range::new(Bound::Open, text.parse::<Target>()?))
    }
}

/// Both ends of a stamp's range.
fn ends(text: &str) -> Result<(Vec<Target>, Vec<Target>), TargetError> {
    let range: Range = text.parse()?;
    let end = |bound: &Bound, open: Vec<Target>| match bound {
        Bound::Open => Ok(open),
        Bound::At(target) => Ok(vec![target.clone()]),
        Bound::Current => Err(TargetError::Malformed {
            expression: text.to_owned(),
            reason: "a script is written without a database: `current` means nothing there",
        }),
    };
    Ok((
        end(range.lower(), Vec::new())?,
        end(range.upper(), vec![Target::heads()])?,
    ))
}
