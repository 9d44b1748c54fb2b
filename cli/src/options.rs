//! Options that several commands take, as clap reads them. Doc comments here are texts of `--help`.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Args, ColorChoice, Command};

use crate::redact::Redactor;

/// The heading of the common options in a help.
pub(crate) const HEADING: &str = "Common options";

/// Options that the commands have in common: before a command's name all of them, after it those that it uses. `Debug` shows no password.
#[derive(Clone, Args)]
#[command(next_help_heading = HEADING)]
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

impl Options {
    /// The longest that a connection may take.
    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout.into())
    }
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
#[command(next_help_heading = HEADING)]
#[non_exhaustive]
pub struct Form {
    /// Print one JSON document on standard output, and an error as JSON on the last line of standard error.
    #[arg(long, global = true)]
    pub json: bool,

    /// When to colour what is printed. By itself on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_name = "WHEN", default_value_t)]
    pub color: ColorChoice,
}

/// The common options that a command uses, beside those of its answer's [`Form`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uses {
    Nothing,
    /// Those of the revision files.
    Files,
    /// Those of the revision files and of the database.
    Database,
}

impl Uses {
    fn contain(self, option: &str) -> bool {
        match option {
            "json" | "color" => true,
            "dir" | "subfolders" => self != Uses::Nothing,
            _ => self == Uses::Database,
        }
    }

    /// The command without the common options that it does not use: its help does not list them, and after its name
    /// they are unknown. Before the name, as in an alias for every command, they are read and have no effect.
    pub(crate) fn leave_in(self, command: Command) -> Command {
        let unused = common().filter(|option| !self.contain(option.get_id().as_str()));
        command.args(unused.map(unknown))
    }

    /// The command, which has none of them yet, with those that it uses as its own.
    pub(crate) fn add_to(self, command: Command) -> Command {
        let used = common().filter(|option| self.contain(option.get_id().as_str()));
        command.args(used.map(|option| option.global(false)))
    }
}

fn common() -> impl Iterator<Item = Arg> {
    let all = Options::augment_args(Command::new("limbeck"));
    all.get_arguments().cloned().collect::<Vec<_>>().into_iter()
}

/// Stands in a command for an option of the whole program, which clap would hand down else.
fn unknown(option: Arg) -> Arg {
    option
        .hide(true)
        .action(ArgAction::Set)
        .num_args(0..=1)
        .default_missing_value("")
        .default_value(None)
        .value_parser(Unknown)
}

/// Reads no value, and says what clap says of an option that is not there.
#[derive(Debug, Clone)]
struct Unknown;

impl TypedValueParser for Unknown {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        option: Option<&Arg>,
        _value: &OsStr,
    ) -> Result<String, clap::Error> {
        let name = option.and_then(Arg::get_long).unwrap_or_default();
        let usage = command.clone().render_usage();
        let mut error = clap::Error::new(ErrorKind::UnknownArgument).with_cmd(command);
        error.insert(
            ContextKind::InvalidArg,
            ContextValue::String(format!("--{name}")),
        );
        error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
        Err(error)
    }
}
