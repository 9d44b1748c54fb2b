//! The commands, a file for each: its arguments, whose doc comments are the texts of `--help`, and its [`Run`]. Modules
//! with the name of a thing hold what several commands share.

mod adopt;
mod authoring;
mod branches;
mod check;
mod completions;
mod current;
mod desired_schema;
mod diff;
mod downgrade;
mod drawing;
mod dump;
mod edit;
mod ensure_version;
mod graph;
mod heads;
mod history;
mod import;
mod init;
mod man;
mod merge;
mod origin;
mod plan;
mod program_text;
mod resolve;
mod revision;
mod revision_list;
mod run_steps;
mod scratch;
mod show;
mod stamp;
mod status;
mod upgrade;

use clap::Subcommand;

use crate::call::{Call, Exit, Run};
use crate::error::CliError;
use crate::options::Uses;

pub use self::authoring::NewFileArgs;
pub use self::desired_schema::{DesiredArgs, FilterArgs};
pub use self::origin::Tool;
pub use self::run_steps::ScriptArgs;

/// Makes [`Command`] of the list of commands: each module's public items are this one's too.
macro_rules! commands {
    ($($module:ident: $name:ident($args:ty),)*) => {
        $(pub use self::$module::*;)*

        /// What to do.
        // Each variant's text is that of its arguments.
        #[allow(missing_docs)]
        #[derive(Debug, Clone, Subcommand)]
        #[command(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Command {
            $($name($args),)*
        }

        impl Command {
            /// The common options that the command of this name uses. Its name is its module's.
            fn uses(name: &str) -> Uses {
                match name {
                    $(stringify!($module) => <$args as Run>::USES,)*
                    _ => Uses::Database,
                }
            }
        }

        impl Run for Command {
            async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
                match self {
                    $(Command::$name(command) => command.run(call).await,)*
                }
            }

            fn scratch_url(&self) -> Option<&str> {
                match self {
                    $(Command::$name(command) => command.scratch_url(),)*
                }
            }
        }
    };
}

// In the order of `--help`.
commands! {
    init: Init(InitArgs),
    revision: Revision(Box<RevisionArgs>),
    merge: Merge(MergeArgs),
    edit: Edit(EditArgs),
    plan: Plan(PlanArgs),
    upgrade: Upgrade(UpgradeArgs),
    downgrade: Downgrade(DowngradeArgs),
    current: Current(CurrentArgs),
    history: History(HistoryArgs),
    graph: Graph(GraphArgs),
    heads: Heads(HeadsArgs),
    branches: Branches(BranchesArgs),
    show: Show(ShowArgs),
    stamp: Stamp(StampArgs),
    check: Check(CheckArgs),
    diff: Diff(DiffArgs),
    dump: Dump(DumpArgs),
    scratch: Scratch(ScratchArgs),
    status: Status(StatusArgs),
    resolve: Resolve(ResolveArgs),
    import: Import(ImportArgs),
    adopt: Adopt(AdoptArgs),
    ensure_version: EnsureVersion(EnsureVersionArgs),
    completions: Completions(CompletionsArgs),
    man: Man(ManArgs),
}

/// A command with those of the common options that it uses.
pub(crate) fn with_its_options(command: clap::Command) -> clap::Command {
    let uses = Command::uses(command.get_name());
    uses.leave_in(command)
}

/// The program as its help shows it, for generators that do not look whether an option is hidden: a command has the common
/// options that it uses as its own, and none is handed down.
pub(crate) fn with_own_options(program: clap::Command) -> clap::Command {
    let commands = Command::augment_subcommands(clap::Command::new("limbeck"));
    program
        .mut_args(|option| option.global(false))
        .mut_subcommands(|command| {
            let name = command.get_name();
            let alone = commands.find_subcommand(name).cloned();
            let uses = Command::uses(name);
            uses.add_to(alone.unwrap_or(command))
        })
}
