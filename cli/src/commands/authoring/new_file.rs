//! The options of a new revision file.

use clap::Args;
use limbeck::revision::FileTemplate;

/// What every new revision file takes.
#[derive(Debug, Clone, Args)]
#[non_exhaustive]
pub struct NewFileArgs {
    /// The revision's id. Default: twelve random hex digits.
    #[arg(long, value_name = "ID")]
    pub rev_id: Option<String>,

    /// A label of the branch that begins with the revision; may be given several times.
    #[arg(long = "branch-label", value_name = "LABEL")]
    pub branch_labels: Vec<String>,

    /// The file's name, from {revision}, {slug} (the message), {year}, {month}, {day}, {hour}, {minute} and
    /// {second}.
    #[arg(long, value_name = "TEMPLATE", default_value_t)]
    pub file_template: FileTemplate,

    /// Open the new file in the editor that VISUAL or EDITOR names, and check it afterwards.
    #[arg(long)]
    pub edit: bool,
}
