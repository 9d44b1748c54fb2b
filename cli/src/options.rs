//! Options that several commands take, as clap reads them. Doc comments here are texts of `--help`.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, ColorChoice};

use crate::redact::Redactor;

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
