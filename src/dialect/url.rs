//! The database that a URL names.

use super::Dialect;

/// The reason why a URL names no database. Of the URL it holds the scheme alone: a password may stand in the rest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It begins with no scheme.
    #[error(
        "the database URL names no database system: it begins with sqlite:, postgres: or mysql:"
    )]
    NoScheme,
    /// Its scheme is that of no database that limbeck speaks.
    #[error(
        "the database URL begins with `{scheme}:`: limbeck speaks sqlite:, postgres: (postgresql:), mysql: \
         and mariadb:{}",
        driver_hint(.scheme)
    )]
    #[non_exhaustive]
    UnknownScheme {
        /// The scheme.
        scheme: String,
    },
    /// Its user and host do not stand behind two slashes: sqlx would take all of it, the password too, for a database's
    /// name, and send it to the server of this host.
    #[error(
        "the database URL has its user and host not behind two slashes, as postgres://user@host/name has"
    )]
    NoSlashes,
}

fn driver_hint(scheme: &str) -> &'static str {
    if scheme.contains('+') {
        " (leave out the driver behind the `+`)"
    } else {
        ""
    }
}

impl Dialect {
    /// The database that a URL's scheme names, as sqlx reads it: `sqlite:`, `postgres:` or `postgresql:`, `mysql:`,
    /// `mariadb:`. Nothing is connected to.
    ///
    /// ```
    /// use limbeck::Dialect;
    ///
    /// assert_eq!(Dialect::of_url("postgresql://localhost/shop")?, Dialect::Postgres);
    /// # Ok::<(), limbeck::error::UrlError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`UrlError`]: no scheme, another one, or a server whose user and host stand not behind two slashes.
    pub fn of_url(url: &str) -> Result<Dialect, UrlError> {
        let (scheme, _) = url.split_once(':').ok_or(UrlError::NoScheme)?;
        let is_scheme =
            |character: char| character.is_ascii_alphanumeric() || "+-.".contains(character);
        if scheme.is_empty() || !scheme.chars().all(is_scheme) {
            return Err(UrlError::NoScheme);
        }
        let dialect = match scheme {
            "sqlite" => Dialect::Sqlite,
            "postgres" | "postgresql" => Dialect::Postgres,
            "mysql" => Dialect::Mysql,
            "mariadb" => Dialect::Mariadb,
            _ => {
                return Err(UrlError::UnknownScheme {
                    scheme: scheme.to_owned(),
                });
            }
        };
        if lacks_slashes(url) {
            return Err(UrlError::NoSlashes);
        }
        Ok(dialect)
    }
}

/// Whether the URL of a server has its user and host not behind two slashes: the driver takes all of it, the password
/// too, for a database's name, and sends it to the server of this host.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_names_the_database() {
        for (url, expected) in [
            ("sqlite:app.db", Dialect::Sqlite),
            ("sqlite::memory:", Dialect::Sqlite),
            ("postgres://localhost/x", Dialect::Postgres),
            ("postgresql://localhost/x", Dialect::Postgres),
            ("mysql://localhost/x", Dialect::Mysql),
            ("mariadb://localhost/x", Dialect::Mariadb),
        ] {
            assert_eq!(Dialect::of_url(url), Ok(expected), "{url}");
        }
        for url in ["", "app.db", "/var/app.db", ":x", "./a:b"] {
            assert_eq!(Dialect::of_url(url), Err(UrlError::NoScheme), "{url:?}");
        }
        assert_eq!(
            Dialect::of_url("mysql:user:password@host/x"),
            Err(UrlError::NoSlashes)
        );
        let error = Dialect::of_url("postgresql+asyncpg://u:secret@localhost/x").unwrap_err();
        assert!(error.to_string().contains("leave out the driver"));
        assert!(!error.to_string().contains("secret"));
    }

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
