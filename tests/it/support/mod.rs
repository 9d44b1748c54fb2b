//! What the tests share: revisions written in a line, and a database of its own for each test.

pub mod alembic;
pub mod boots;
pub mod embed;
pub mod examples;
#[cfg(unix)]
pub mod forward;
#[cfg(unix)]
pub mod places;
pub mod proxy;
#[cfg(unix)]
pub mod rig;
pub mod secrets;
pub mod servers;
pub mod soak;
pub mod trace;
pub mod versions;

use std::path::{Path, PathBuf};

use limbeck::{Migrations, Revision};

/// The repository's folder: that of the package whose tests these are, or the one above it.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find(|folder| folder.join("tests/servers.sh").is_file())
        .expect("the repository")
        .to_owned()
}

/// A revision file's text: id, parents (empty: none), further header lines, sections.
pub fn file(id: &str, down: &str, header: &str, sections: &str) -> String {
    let down = if down.is_empty() { "none" } else { down };
    format!(
        "-- Revision {id}\n--\n-- revision: {id}\n-- down_revision: {down}\n{header}\n{sections}"
    )
}

/// Migrations of such files; the path of each is `<id>.sql`.
pub fn migrations(files: &[(&str, &str, &str, &str)]) -> Migrations {
    let revisions = files.iter().map(|(id, down, header, sections)| {
        Revision::parse(format!("{id}.sql"), file(id, down, header, sections))
            .expect("a valid file")
    });
    Migrations::new(revisions).expect("a valid graph")
}

/// Writes each test once for each database. In the body `db` is a [`servers::Database`] of its own.
macro_rules! on_each {
    ($($(#[$doc:meta])* async fn $name:ident($db:ident) $body:block)*) => {
        mod sqlite {
            #[allow(unused_imports)]
            use super::*;
            $($(#[$doc])* #[tokio::test]
            async fn $name() {
                let $db = $crate::support::servers::sqlite().await;
                $body
            })*
        }
        #[cfg(feature = "postgres")]
        mod postgres {
            #[allow(unused_imports)]
            use super::*;
            $($(#[$doc])* #[tokio::test]
            async fn $name() {
                let Some($db) = $crate::support::servers::postgres_database().await else { return };
                $body
            })*
        }
        #[cfg(feature = "mysql")]
        mod mariadb {
            #[allow(unused_imports)]
            use super::*;
            $crate::support::on_each!(@ Mariadb $($(#[$doc])* $name($db) $body)*);
        }
        #[cfg(feature = "mysql")]
        mod mysql {
            #[allow(unused_imports)]
            use super::*;
            $crate::support::on_each!(@ Mysql $($(#[$doc])* $name($db) $body)*);
        }
    };
    (@ $server:ident $($(#[$doc:meta])* $name:ident($db:ident) $body:block)*) => {
        $($(#[$doc])* #[tokio::test]
        async fn $name() {
            $crate::support::servers::MySqlServer::$server.scope(Box::pin(async {
                let Some($db) = $crate::support::servers::mysql_database().await else { return };
                $body
            })).await;
        })*
    };
}
pub(crate) use on_each;

/// Makes a test of each of these functions for MariaDB and one for MySQL: what they ask for a database gets one of
/// that server.
#[cfg(feature = "mysql")]
macro_rules! on_mysql {
    ($($name:ident),* $(,)?) => { $crate::support::on_mysql!(#[tokio::test] $($name),*); };
    (#[$test:meta] $($name:ident),*) => {
        $crate::support::on_mariadb!(#[$test] $($name),*);
        mod mysql {
            $crate::support::on_mysql!(@ #[$test] Mysql $($name),*);
        }
    };
    (@ #[$test:meta] $server:ident $($name:ident),*) => {
        $(#[$test] async fn $name() {
            $crate::support::servers::MySqlServer::$server.scope(Box::pin(super::$name())).await
        })*
    };
}

/// As [`on_mysql`], for what only MariaDB has.
#[cfg(feature = "mysql")]
macro_rules! on_mariadb {
    ($($name:ident),* $(,)?) => { $crate::support::on_mariadb!(#[tokio::test] $($name),*); };
    (#[$test:meta] $($name:ident),*) => {
        mod mariadb {
            $crate::support::on_mysql!(@ #[$test] Mariadb $($name),*);
        }
    };
}
#[cfg(feature = "mysql")]
pub(crate) use {on_mariadb, on_mysql};
