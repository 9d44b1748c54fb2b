//! Where a command's migrations and its database come from.

use std::path::Path;
use std::time::Duration;

use futures_util::future::BoxFuture;
use limbeck::migrations::MigrationsError;
use limbeck::{Dialect, Migrations};

use crate::connect::{self, Access, Observer, Opened, Opening};
use crate::database::Database;
use crate::error::CliError;
use crate::options::Options;
use crate::redact::Redactor;

/// What a command runs on. The binary reads a folder and connects to a URL ([`FromOptions`]); whoever brings
/// embedded migrations and a pool brings another one.
pub(super) trait Context: Sync {
    /// The migrations.
    fn migrations(&self) -> Result<Migrations, MigrationsError>;

    /// The folder that the migrations are read from, and new ones are written to; none where they are part of
    /// the program.
    fn folder(&self) -> Option<&Path> {
        None
    }

    /// The URL that is named, for who makes a database beside that one.
    fn named(&self) -> Result<Named<'_>, CliError> {
        Err(CliError::new(
            "no_database_url",
            "these commands have a pool and no URL: run the program `limbeck`",
        ))
    }

    /// What becomes of folders inside of [`folder`](Context::folder).
    fn subfolders(&self) -> Subfolders {
        Subfolders::Refused
    }

    /// Whether a database is named at all, and whether by this very call.
    fn naming(&self) -> Naming;

    /// Connects. `patience` is how long the first connection may take at most; a context may have less.
    fn open(
        &self,
        migrations: Migrations,
        access: Access,
        patience: Duration,
        observer: Option<Observer>,
    ) -> BoxFuture<'_, Result<Opened, CliError>>;

    /// What writes scripts, for this database or else for the one that is named.
    fn script(
        &self,
        migrations: Migrations,
        dialect: Option<Dialect>,
    ) -> Result<Box<dyn Database>, CliError>;
}

/// A database by its URL, and how it is connected to.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub url: &'a str,
    pub options: &'a Options,
}

/// What becomes of folders inside of a folder of revision files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subfolders {
    /// A revision file in one is an error.
    Refused,
    /// They are read as well.
    Read,
}

impl Subfolders {
    /// The migrations of a folder.
    pub(super) fn read(self, folder: &Path) -> Result<Migrations, MigrationsError> {
        match self {
            Subfolders::Refused => Migrations::from_dir(folder),
            Subfolders::Read => Migrations::from_tree(folder),
        }
    }
}

/// How a database is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    Nowhere,
    /// In the environment.
    Around,
    /// In the arguments.
    Here,
}

/// A folder and a URL.
pub(super) struct FromOptions {
    options: Options,
    url: Option<String>,
    naming: Naming,
    unreadable_dotenv: bool,
}

impl FromOptions {
    /// Looks for the URL: the option, the environment, the `.env` file here or in a folder above.
    pub(super) fn new(options: Options) -> Self {
        const VARIABLE: &str = "DATABASE_URL";
        let given = |url: &String| !url.is_empty();
        let mut unreadable_dotenv = false;
        let mut naming = Naming::Here;
        let mut url = options.database_url.clone().filter(given);
        if url.is_none() {
            naming = Naming::Around;
            url = std::env::var(VARIABLE).ok().filter(given);
        }
        if url.is_none()
            && let Ok(lines) = dotenvy::dotenv_iter()
        {
            for line in lines {
                match line {
                    Ok((key, value)) if key == VARIABLE && given(&value) => {
                        url = Some(value);
                        break;
                    }
                    Ok(_) => {}
                    // Its text is not told: a password may stand there.
                    Err(_) => unreadable_dotenv = true,
                }
            }
        }
        if url.is_none() {
            naming = Naming::Nowhere;
        }
        FromOptions {
            options,
            url,
            naming,
            unreadable_dotenv,
        }
    }

    /// A command that needs a database was given none.
    fn no_url(&self) -> CliError {
        let dotenv = match self.unreadable_dotenv {
            true => " (the .env file has a line that cannot be read)",
            false => "",
        };
        CliError::new(
            "no_database_url",
            format!(
                "no database is named: give --database-url, or set DATABASE_URL in the environment or a .env file{dotenv}"
            ),
        )
    }

    /// Knows the password of the URL.
    pub(super) fn redactor(&self) -> Redactor {
        Redactor::of(self.url.as_deref())
    }
}

impl Context for FromOptions {
    fn migrations(&self) -> Result<Migrations, MigrationsError> {
        self.subfolders().read(&self.options.dir)
    }

    fn subfolders(&self) -> Subfolders {
        match self.options.subfolders {
            true => Subfolders::Read,
            false => Subfolders::Refused,
        }
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.options.dir)
    }

    fn named(&self) -> Result<Named<'_>, CliError> {
        Ok(Named {
            url: self.url.as_deref().ok_or_else(|| self.no_url())?,
            options: &self.options,
        })
    }

    fn naming(&self) -> Naming {
        self.naming
    }

    fn open(
        &self,
        migrations: Migrations,
        access: Access,
        patience: Duration,
        observer: Option<Observer>,
    ) -> BoxFuture<'_, Result<Opened, CliError>> {
        Box::pin(async move {
            let Named { url, options } = self.named()?;
            let opening = Opening {
                url,
                options,
                migrations,
                access,
                limit: patience.min(options.connect_timeout()),
                observer,
            };
            connect::open(opening).await
        })
    }

    fn script(
        &self,
        migrations: Migrations,
        dialect: Option<Dialect>,
    ) -> Result<Box<dyn Database>, CliError> {
        let dialect = match (dialect, self.url.as_deref()) {
            (Some(dialect), _) => dialect,
            (None, Some(url)) => Dialect::of_url(url)?,
            (None, None) => {
                return Err(CliError::new(
                    "no_dialect",
                    "what the script is for is not known: give --dialect, or a database URL",
                ));
            }
        };
        Ok(connect::script(&self.options, migrations, dialect))
    }
}
