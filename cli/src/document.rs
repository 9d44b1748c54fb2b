//! The JSON documents.

use std::sync::Arc;

use serde::Serialize;

use limbeck::Migrations;
use limbeck::{Action, Plan, Step};
use limbeck::{Outcome, Report};
use limbeck::{RevisionInfo, Status};

/// A run, planned or done.
#[derive(Debug, Serialize)]
pub(super) struct RunDocument {
    pub steps: Vec<StepDocument>,
    /// After the last step, sorted.
    pub heads: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// What a database has that is ahead of the files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// One step of a run.
#[derive(Debug, Serialize)]
pub(super) struct StepDocument {
    pub action: Action,
    pub revision: Arc<str>,
    /// After this step, sorted.
    pub heads: Vec<Arc<str>>,
    pub message: String,
}

impl StepDocument {
    fn new(step: &Step, heads: Vec<Arc<str>>, migrations: &Migrations) -> Self {
        let revision = migrations.get(&step.revision);
        StepDocument {
            action: step.action,
            revision: Arc::clone(&step.revision),
            heads,
            message: revision.map_or_else(String::new, |revision| revision.message().to_owned()),
        }
    }
}

impl RunDocument {
    pub(super) fn planned(plan: &Plan, migrations: &Migrations) -> Self {
        let mut steps = Vec::with_capacity(plan.steps().len());
        let mut walk = plan.walk();
        while let Some(step) = walk.advance() {
            let heads = walk.heads().iter().cloned().collect();
            steps.push(StepDocument::new(step, heads, migrations));
        }
        RunDocument {
            steps,
            heads: plan.heads().iter().map(ToString::to_string).collect(),
            outcome: None,
            unknown: Vec::new(),
        }
    }

    /// The steps that were run. The heads after each are reckoned back from those at the end.
    pub(super) fn done(report: &Report, migrations: &Migrations) -> Self {
        let mut heads: std::collections::BTreeSet<Arc<str>> =
            report.heads.iter().map(|id| Arc::from(&**id)).collect();
        let mut steps = Vec::with_capacity(report.steps.len());
        for step in report.steps.iter().rev().map(|report| &report.step) {
            steps.push(StepDocument::new(
                step,
                heads.iter().cloned().collect(),
                migrations,
            ));
            for added in &step.adds {
                heads.remove(added);
            }
            heads.extend(step.removes.iter().cloned());
        }
        steps.reverse();
        let (outcome, unknown) = match &report.outcome {
            Outcome::AlreadyThere => ("already_there", Vec::new()),
            Outcome::Migrated => ("migrated", Vec::new()),
            Outcome::Ahead { unknown, .. } => ("ahead", unknown.clone()),
            _ => ("unknown", Vec::new()),
        };
        RunDocument {
            steps,
            heads: report.heads.clone(),
            outcome: Some(outcome),
            unknown,
        }
    }
}

/// A list of revisions.
#[derive(Debug, Serialize)]
pub(super) struct ListDocument {
    pub revisions: Vec<Listed>,
    /// `current` only: whether every head is applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_heads: Option<bool>,
}

/// A revision in a list.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    #[serde(flatten)]
    pub info: RevisionInfo,
    /// Whether the files do not hold it: the database is ahead of them.
    pub unknown: bool,
}

/// Where the database stands.
#[derive(Debug, Serialize)]
pub(super) struct StatusDocument<'a> {
    pub ready: bool,
    #[serde(flatten)]
    pub status: &'a Status,
}

/// A script.
#[derive(Debug, Serialize)]
pub(super) struct ScriptDocument {
    pub sql: String,
}

/// What `resolve` settled.
#[derive(Debug, Serialize)]
pub(super) struct ResolveDocument<'a> {
    pub revision: &'a str,
    pub resolution: limbeck::Resolution,
}

/// The heads alone.
#[derive(Debug, Serialize)]
pub(super) struct HeadsDocument {
    pub heads: Vec<String>,
}
