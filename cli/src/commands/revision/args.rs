//! The arguments of `revision`.

use clap::Args;

use crate::commands::authoring::NewFileArgs;
use crate::commands::desired_schema::DesiredArgs;

/// Write a new revision file.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
    limbeck revision -m 'Add the users table'\n  \
    limbeck revision -m 'Invoices' --head base --branch-label billing\n  \
    limbeck revision -m 'Totals' --head billing@head --depends-on 1a6f --edit\n  \
    limbeck upgrade head && limbeck revision -m 'As schema.sql has it' --autogenerate")]
#[non_exhaustive]
pub struct RevisionArgs {
    /// What the revision does, in a line; it names the file too. Further lines may follow.
    #[arg(short, long, default_value = "", hide_default_value = true)]
    pub message: String,

    /// What the new revision follows: a revision, a branch as in billing@head, or base for a first revision.
    /// Default: the one head.
    #[arg(long, value_name = "REV", allow_hyphen_values = true)]
    pub head: Option<String>,

    /// Let --head be a revision that others follow already: a branch begins there.
    #[arg(long)]
    pub splice: bool,

    /// What must be applied before, on whatever branch: a revision or a label; may be given several times.
    #[arg(long, value_name = "REV", allow_hyphen_values = true)]
    pub depends_on: Vec<String>,

    /// Write what leads from the database to the desired schema, both ways. The database has to be at the heads. Where
    /// nothing differs, nothing is written.
    #[arg(long)]
    pub autogenerate: bool,

    /// With --autogenerate, write what drops or narrows data as statements; else it is written as a comment.
    #[arg(long, requires = "autogenerate")]
    pub allow_lossy: bool,

    /// With --autogenerate, write forms that do not lock large tables for long: on PostgreSQL in several revisions where one
    /// cannot do it, on MySQL and MariaDB the first of ALGORITHM=INSTANT and INPLACE, LOCK=NONE that the server takes.
    #[arg(long, requires = "autogenerate")]
    pub online: bool,

    /// What --autogenerate compares with.
    #[command(flatten)]
    pub desired: DesiredArgs,

    /// The file.
    #[command(flatten)]
    pub file: NewFileArgs,
}
