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

use std::fmt;
use std::str::FromStr;

pub(crate) use names::{BadName, Names};
pub(crate) use quote::comment;

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
    /// MySQL 8.
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

/// Whether the URL of a server has its user and host not behind two slashes: the driver takes all of it, the password
/// too, for a database's name, and sends it to the server of this host.
#[cfg_attr(not(feature = "autogenerate"), allow(dead_code))]
pub(crate) fn lacks_slashes(url: &str) -> bool {
    let Some((scheme, behind)) = url.split_once(':') else {
        return false;
    };
    let is_server = ["postgres", "postgresql", "mysql", "mariadb"].contains(&scheme);
    let behind = behind.split(['?', '#']).next().unwrap_or_default();
    let rest = behind.trim_start_matches('/');
    let user = rest.rsplit_once('@').map(|(user, _)| user);
    is_server
        && match behind.len() - rest.len() {
            2 => false,
            0 | 1 => user.is_some(),
            _ => user.is_some_and(|user| user.contains(':')),
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

#[cfg(test)]
mod tests {
    use super::lacks_slashes;

    #[test]
    fn a_user_and_a_host_stand_behind_two_slashes() {
        for (url, expected) in [
            ("postgres:u:p@h/d", true),
            ("mysql:u@h/d", true),
            ("mariadb:/u:p@h/d", true),
            ("postgresql:///u:p@h/d", true),
            ("postgres:\\\\u:p@h/d", true),
            ("postgres://u:p@h/d", false),
            ("postgres://u:p@h/d@e", false),
            ("postgres:///a@b", false),
            ("postgres:///d?user=u:p@h", false),
            ("postgres:d", false),
            ("sqlite:a:b@c", false),
            ("d", false),
        ] {
            assert_eq!(lacks_slashes(url), expected, "{url}");
        }
    }
}
