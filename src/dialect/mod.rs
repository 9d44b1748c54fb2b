//! The databases whose SQL limbeck writes: names, quoting, and the statements that steer a session. Pure: no I/O, and
//! no other module of the crate is used here.

#[cfg_attr(not(feature = "mysql"), allow(dead_code))]
pub(crate) mod mysql;
// Pure text, but only a backend sends it.
#[cfg_attr(not(feature = "_sqlx"), allow(dead_code))]
mod names;
#[cfg(feature = "_sqlx")]
pub(crate) mod operators;
#[cfg_attr(not(feature = "_sqlx"), allow(dead_code))]
pub(crate) mod path;
#[cfg_attr(not(feature = "_sqlx"), allow(dead_code))]
mod quote;
#[cfg_attr(not(feature = "_sqlx"), allow(dead_code))]
pub(crate) mod repertoire;
#[cfg_attr(not(all(feature = "postgres", feature = "mysql")), allow(dead_code))]
pub(crate) mod session;
mod url;

use std::fmt;
use std::str::FromStr;

pub(crate) use names::{BadName, Names};
pub(crate) use quote::comment;
pub use url::UrlError;
#[cfg(feature = "autogenerate")]
pub(crate) use url::lacks_slashes;

/// A database whose SQL limbeck speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
#[non_exhaustive]
pub enum Dialect {
    /// SQLite 3.
    Sqlite,
    /// PostgreSQL 12 and later.
    Postgres,
    /// MySQL 8.0 and later.
    Mysql,
    /// MariaDB 10.6 and later.
    Mariadb,
}

impl Dialect {
    /// Every dialect, in the order in which they are declared.
    pub const ALL: [Dialect; 4] = [
        Dialect::Sqlite,
        Dialect::Postgres,
        Dialect::Mysql,
        Dialect::Mariadb,
    ];

    /// The name as it stands in a section's brackets: `sqlite`, `postgres`, `mysql`, `mariadb`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgres",
            Dialect::Mysql => "mysql",
            Dialect::Mariadb => "mariadb",
        }
    }

    /// The family: one grammar and one wire protocol.
    pub(crate) fn family(self) -> Family {
        match self {
            Dialect::Sqlite => Family::Sqlite,
            Dialect::Postgres => Family::Postgres,
            Dialect::Mysql | Dialect::Mariadb => Family::Mysql,
        }
    }

    /// Tells whether this is MySQL or MariaDB: one grammar, one wire protocol.
    #[must_use]
    pub fn is_mysql_family(self) -> bool {
        self.family() == Family::Mysql
    }
}

/// Databases with one grammar and one wire protocol. Shared texts ask for the family; a member's own ways stand in its own
/// files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Sqlite,
    Postgres,
    Mysql,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name is none of [`Dialect::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown database `{0}`: expected sqlite, postgres, mysql or mariadb")]
pub struct UnknownDialect(pub String);

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Dialect::ALL
            .into_iter()
            .find(|dialect| dialect.name() == name)
            .ok_or_else(|| UnknownDialect(name.to_owned()))
    }
}
