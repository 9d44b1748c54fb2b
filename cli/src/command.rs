//! The commands and their arguments, as clap reads them. Doc comments here are the texts of `--help`.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, ColorChoice, Subcommand};

use super::adopt::AdoptArgs;
use super::author::{EditArgs, InitArgs, MergeArgs, RevisionArgs};
use super::check::CheckArgs;
use super::graph::GraphArgs;
use super::import::ImportArgs;
use super::redact::Redactor;
use limbeck::Dialect;

/// Options that every command takes, before or after its name. `Debug` shows no password.
#[derive(Clone, Args)]
#[command(next_help_heading = "Options of every command")]
#[non_exhaustive]
pub struct Options {
    /// The folder of the revision files.
    #[arg(long, global = true, value_name = "DIR", default_value = "migrations")]
    pub dir: PathBuf,

    /// Read the folders inside of it too. By itself a revision file in one is an error.
    #[arg(long, global = true)]
    pub subfolders: bool,

    /// The database: sqlite:, postgres: or mysql: (mariadb:). Default: DATABASE_URL, from the environment or a
    /// .env file.
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,

    /// The version table's name. Default: limbeck_version; alembic_version takes over from Alembic.
    #[arg(long, global = true, value_name = "NAME")]
    pub version_table: Option<String>,

    /// The schema (PostgreSQL), database (MySQL) or attached file (SQLite) of limbeck's tables. Default: the
    /// current one; @current is the same whatever else the search path names.
    #[arg(long, global = true, value_name = "NAME")]
    pub version_schema: Option<String>,

    /// PostgreSQL: the search path of every look and step, whatever the session has. Behind a pooler another client may have
    /// set the session's.
    #[arg(long, global = true, value_name = "NAMES", value_delimiter = ',')]
    pub search_path: Vec<String>,

    /// PostgreSQL: the role of every look and step.
    #[arg(long, global = true, value_name = "NAME")]
    pub role: Option<String>,

    /// How long the server may take to answer, and to have a place for one more connection.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 15)]
    pub connect_timeout: u32,

    /// How answers are written.
    #[command(flatten)]
    pub form: Form,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("dir", &self.dir)
            .field("database_url", &Redactor::url(self.database_url.as_deref()))
            .field("version_table", &self.version_table)
            .field("version_schema", &self.version_schema)
            .field("search_path", &self.search_path)
            .field("role", &self.role)
            .field("connect_timeout", &self.connect_timeout)
            .field("form", &self.form)
            .finish()
    }
}

/// How answers are written.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of every command")]
#[non_exhaustive]
pub struct Form {
    /// Print one JSON document on standard output, and an error as JSON on the last line of standard error.
    #[arg(long, global = true)]
    pub json: bool,

    /// When to colour what is printed. By itself on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_name = "WHEN", default_value_t)]
    pub color: ColorChoice,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
#[non_exhaustive]
pub enum Command {
    /// Make a folder with a first revision, and show what a service needs to carry it.
    Init(InitArgs),
    /// Write a new revision file.
    Revision(Box<RevisionArgs>),
    /// Write a revision that joins heads.
    Merge(MergeArgs),
    /// Open a revision's file in the editor.
    Edit(EditArgs),
    /// Show the steps of a run, without running it.
    Plan(PlanArgs),
    /// Upgrade to a target: a revision, head, heads, +2, label@head, …
    Upgrade(UpgradeArgs),
    /// Undo everything above a target: a revision, base, -1, label@base, …
    Downgrade(DowngradeArgs),
    /// Show where the database is.
    Current(CurrentArgs),
    /// List revisions, newest first.
    History(HistoryArgs),
    /// Draw the revisions, with their branches and merges.
    Graph(GraphArgs),
    /// List the revisions that none follows.
    Heads(HeadsArgs),
    /// List the revisions that several follow.
    Branches(BranchesArgs),
    /// Show the revisions that an identifier names: an id or a part of one, a label, heads, current, …
    Show(ShowArgs),
    /// Say that the database is at these revisions, without running anything.
    Stamp(StampArgs),
    /// Compare the database with the desired schema, and exit with 3 where they differ.
    Check(CheckArgs),
    /// Show where the database stands: pending, unknown, edited and unfinished revisions, and who holds the lock.
    #[command(after_help = "Example:\n  limbeck status --json")]
    Status,
    /// Settle what a run cannot: an interrupted statement, a step that is given up, an edit that is meant.
    Resolve(ResolveArgs),
    /// Turn another tool's migrations into revision files.
    Import(ImportArgs),
    /// Stamp the place at which another tool's version table says that the database is.
    Adopt(AdoptArgs),
    /// Create limbeck's tables where they are missing.
    #[command(
        name = "ensure_version",
        after_help = "Example:\n  limbeck ensure_version --database-url sqlite:app.db"
    )]
    EnsureVersion,
    /// Print what a shell needs to complete these commands.
    Completions(CompletionsArgs),
    /// Print the manual page.
    #[command(after_help = "Example:\n  limbeck man | man -l -")]
    Man,
}

impl Command {
    /// A URL beside the database's, whose password is printed no more than that one's.
    pub(super) fn scratch_url(&self) -> Option<&str> {
        match self {
            Command::Check(args) => args.desired.scratch_url.as_deref(),
            Command::Revision(args) => args.desired.scratch_url.as_deref(),
            _ => None,
        }
    }
}

/// Arguments of `plan`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  limbeck plan\n  limbeck plan --from= --to=billing@head\n  limbeck plan --downgrade --to=-1"
)]
#[non_exhaustive]
pub struct PlanArgs {
    /// The current heads, separated by commas, empty for a fresh database. Default: where the database is.
    #[arg(long, value_name = "HEADS", allow_hyphen_values = true)]
    pub from: Option<String>,

    /// Where to go; may be given several times. Default for an upgrade: heads.
    #[arg(
        long,
        value_name = "TARGET",
        allow_hyphen_values = true,
        required_if_eq("downgrade", "true")
    )]
    pub to: Vec<String>,

    /// Plan a downgrade.
    #[arg(long)]
    pub downgrade: bool,
}

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

/// Arguments of `upgrade`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  limbeck upgrade head\n  limbeck upgrade +1 --dry-run\n  limbeck upgrade 1a6f:head --sql --dialect postgres > upgrade.sql"
)]
#[non_exhaustive]
pub struct UpgradeArgs {
    /// Where to go; several targets are reached in one run.
    #[arg(value_name = "TARGET", required = true, allow_negative_numbers = true)]
    pub targets: Vec<String>,

    /// Show the steps and run none.
    #[arg(long, conflicts_with = "sql")]
    pub dry_run: bool,

    /// Whether a script is wanted.
    #[command(flatten)]
    pub script: ScriptArgs,
}

/// Arguments of `downgrade`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  limbeck downgrade -1\n  limbeck downgrade base --yes\n  limbeck downgrade head:1a6f --sql"
)]
#[non_exhaustive]
pub struct DowngradeArgs {
    /// The revision that stays, or base. With --sql a range, FROM:TO.
    #[arg(value_name = "TARGET", allow_negative_numbers = true)]
    pub target: String,

    /// Show the steps and run none.
    #[arg(long, conflicts_with = "sql")]
    pub dry_run: bool,

    /// Do not ask, on a terminal, whether the steps shown are meant.
    #[arg(long)]
    pub yes: bool,

    /// Whether a script is wanted.
    #[command(flatten)]
    pub script: ScriptArgs,
}

/// Arguments of `current`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  limbeck current -v\n  limbeck current --check-heads")]
#[non_exhaustive]
pub struct CurrentArgs {
    /// Show all that the files say.
    #[arg(short, long)]
    pub verbose: bool,

    /// Exit with 3 unless every head is applied.
    #[arg(long)]
    pub check_heads: bool,
}

/// Arguments of `history`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "On a terminal the lines of the graph are drawn beside the revisions, as `limbeck graph` does. \
                  Elsewhere there is a line for each, `parents -> revision, message`.\n\n\
                  Examples:\n  \
                  limbeck history -i\n  \
                  limbeck history -r 1a6f:5c09 --no-graph"
)]
#[non_exhaustive]
pub struct HistoryArgs {
    /// Show all that the files say.
    #[arg(short, long)]
    pub verbose: bool,

    /// A:B, A: or :B, both ends included; current may stand for an end.
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub rev_range: Option<String>,

    /// Ask the database, and mark what is current.
    #[arg(short, long)]
    pub indicate_current: bool,

    /// Draw the graph, wherever the list goes.
    #[arg(long, overrides_with = "no_graph")]
    pub graph: bool,

    /// Draw no graph.
    #[arg(long, overrides_with = "graph")]
    pub no_graph: bool,
}

/// Arguments of `heads`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  limbeck heads -v")]
#[non_exhaustive]
pub struct HeadsArgs {
    /// Show all that the files say.
    #[arg(short, long)]
    pub verbose: bool,

    /// Leave out what another revision consumes by depends_on: the rows of a version table that is up to date.
    #[arg(long)]
    pub resolve_dependencies: bool,
}

/// Arguments of `branches`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  limbeck branches")]
#[non_exhaustive]
pub struct BranchesArgs {
    /// Show all that the files say.
    #[arg(short, long)]
    pub verbose: bool,
}

/// Arguments of `show`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  limbeck show 1a6f\n  limbeck show billing@head")]
#[non_exhaustive]
pub struct ShowArgs {
    /// The identifier.
    #[arg(value_name = "REV", allow_negative_numbers = true)]
    pub revision: String,
}

/// Arguments of `stamp`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  limbeck stamp head\n  limbeck stamp --purge 1a6f")]
#[non_exhaustive]
pub struct StampArgs {
    /// Where the database is said to be.
    #[arg(value_name = "REV", required = true, allow_negative_numbers = true)]
    pub revisions: Vec<String>,

    /// Remove all rows of the version table first, also those that these files do not know.
    #[arg(long)]
    pub purge: bool,

    /// Whether a script is wanted.
    #[command(flatten)]
    pub script: ScriptArgs,
}

/// Arguments of `resolve`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  limbeck resolve 1a6f --applied")]
#[non_exhaustive]
pub struct ResolveArgs {
    /// The revision of the unfinished step, or the one that was edited.
    #[arg(value_name = "REV")]
    pub revision: String,

    /// The answer.
    #[command(flatten)]
    pub answer: Answer,
}

/// Arguments of `completions`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  limbeck completions bash > /etc/bash_completion.d/limbeck")]
#[non_exhaustive]
pub struct CompletionsArgs {
    /// Which shell.
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// What a person found, one of these.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
#[non_exhaustive]
pub struct Answer {
    /// The interrupted statement took effect: the step goes on after it.
    #[arg(long)]
    pub applied: bool,

    /// The interrupted statement did not take effect: it runs again.
    #[arg(long)]
    pub not_applied: bool,

    /// The unfinished step is given up: what it did was undone by hand.
    #[arg(long)]
    pub abandoned: bool,

    /// The edit of the applied revision is meant: its new checksum is recorded.
    #[arg(long)]
    pub accept: bool,
}
