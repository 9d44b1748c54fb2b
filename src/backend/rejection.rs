//! Connections that are refused for good: no retry brings them about.

use std::fmt;

/// Why a database refused a connection, where the same call fails again until somebody changes something.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # async fn f() {
/// use limbeck::error::Rejection;
///
/// // Also for a connection of the service's own.
/// if let Err(error) = sqlx::SqlitePool::connect("sqlite://no/such/folder/app.db").await {
///     assert_eq!(Rejection::of(&error), Some(Rejection::File));
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rejection {
    /// The user, the password, the way to prove it, or the host that the connection comes from.
    Login,
    /// The user may not use this database.
    Forbidden,
    /// There is no such database.
    NoDatabase,
    /// The server demands TLS and the connection has none, or the other way round; or a certificate is not trusted.
    Tls,
    /// The file cannot be opened, or is no SQLite database.
    File,
    /// The connection's options.
    Options,
    /// The pool was closed, which this process did itself.
    PoolClosed,
}

impl Rejection {
    /// The reason, if no retry helps against this error of a connection that could not be had. None for whatever may be
    /// better in a moment: a server that starts, that has no place, that does not answer.
    #[must_use]
    pub fn of(error: &sqlx::Error) -> Option<Rejection> {
        #[cfg(feature = "sqlite")]
        if let Some(rejection) = super::sqlite::rejection(error) {
            return Some(rejection);
        }
        #[cfg(feature = "postgres")]
        if let Some(rejection) = super::postgres::rejection(error) {
            return Some(rejection);
        }
        #[cfg(feature = "mysql")]
        if let Some(rejection) = super::mysql::rejection(error) {
            return Some(rejection);
        }
        Rejection::of_client(error)
    }

    /// The reason of an error that no server sent.
    fn of_client(error: &sqlx::Error) -> Option<Rejection> {
        match error {
            sqlx::Error::Tls(_) => Some(Rejection::Tls),
            // rustls gives its own errors so: a certificate that is not trusted, or no longer valid.
            sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Some(Rejection::Tls)
            }
            sqlx::Error::Configuration(_) | sqlx::Error::Protocol(_) => {
                let text = error.to_string();
                if text.contains("RSA") {
                    // MySQL's default login sends the password encrypted, or over TLS.
                    Some(Rejection::Tls)
                } else if ["authentication", "auth plugin", "SASL"]
                    .iter()
                    .any(|words| text.contains(words))
                {
                    Some(Rejection::Login)
                } else if matches!(error, sqlx::Error::Configuration(_)) {
                    Some(Rejection::Options)
                } else {
                    None
                }
            }
            sqlx::Error::InvalidArgument(_) => Some(Rejection::Options),
            sqlx::Error::PoolClosed => Some(Rejection::PoolClosed),
            _ => None,
        }
    }
}

/// The reason, and what to do about it.
impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rejection::Login => {
                "the server does not let this user in. Correct the user or the password, or give the user a login from \
                 this host (PostgreSQL: pg_hba.conf); where the server demands TLS, the connection needs it too"
            }
            Rejection::Forbidden => {
                "this user may not connect to this database. Grant it (PostgreSQL: CONNECT), or name another database"
            }
            Rejection::NoDatabase => {
                "there is no such database. Create it first, or correct its name"
            }
            Rejection::Tls => {
                "server and connection do not agree about TLS. Give the service's sqlx a TLS feature, set `sslmode` \
                 (MySQL, MariaDB: `ssl-mode`) as the server demands it, and let it trust the server's certificate"
            }
            Rejection::File => {
                "the file cannot be opened as a SQLite database. Look at its path and its rights; `?mode=rwc` in the URL \
                 creates a file that is missing, not a folder"
            }
            Rejection::Options => "the connection's options are not accepted. Correct them",
            Rejection::PoolClosed => {
                "the pool is closed. Call before it is, or give the migrator an open one"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn errors_of_the_client() {
        let protocol = |text: &str| sqlx::Error::Protocol(text.to_owned());
        for (error, expected) in [
            (sqlx::Error::PoolClosed, Some(Rejection::PoolClosed)),
            (sqlx::Error::PoolTimedOut, None),
            (sqlx::Error::WorkerCrashed, None),
            (sqlx::Error::Tls("no".into()), Some(Rejection::Tls)),
            (
                sqlx::Error::Io(Error::new(ErrorKind::InvalidData, "certificate")),
                Some(Rejection::Tls),
            ),
            (sqlx::Error::Io(ErrorKind::ConnectionRefused.into()), None),
            (sqlx::Error::Io(ErrorKind::UnexpectedEof.into()), None),
            (
                sqlx::Error::Configuration("no such option".into()),
                Some(Rejection::Options),
            ),
            (
                protocol("unknown authentication plugin: dialog"),
                Some(Rejection::Login),
            ),
            (
                protocol("unsupported SASL authentication mechanism"),
                Some(Rejection::Login),
            ),
            (protocol("unexpected packet"), None),
        ] {
            assert_eq!(Rejection::of(&error), expected, "{error}");
        }
    }
}
