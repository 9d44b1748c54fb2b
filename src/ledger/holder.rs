//! The process that holds the migration lock.

use std::fmt;

/// Who holds the lock, as far as it can be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Holder {
    /// The host of the holding process.
    pub host: Option<String>,
    /// Its process id on that host.
    pub pid: Option<i64>,
    /// The application's name and version.
    pub application: Option<String>,
    /// The server's number for its session.
    pub session: Option<String>,
    /// Since when, by the database's clock, RFC 3339.
    pub since: Option<String>,
    /// The revision that it runs.
    pub revision: Option<String>,
    /// The statement that it runs.
    pub statement: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Holder::default() {
            return f
                .write_str("another connection holds it, which this role or database cannot show");
        }
        write!(
            f,
            "held by {}",
            self.application
                .as_deref()
                .unwrap_or("an application without a name")
        )?;
        if let Some(host) = &self.host {
            write!(f, " on host {host}")?;
        }
        if let Some(pid) = self.pid {
            write!(f, ", process {pid}")?;
        }
        if let Some(session) = &self.session {
            write!(f, ", session {session} of the server")?;
        }
        if let Some(since) = &self.since {
            write!(f, ", since {since}")?;
        }
        if let Some(revision) = &self.revision {
            write!(f, ", at revision {revision}")?;
        }
        if let Some(statement) = &self.statement {
            write!(f, ", in: {}", excerpt(statement))?;
        }
        Ok(())
    }
}

/// The beginning of a long text, on one line.
pub(crate) fn excerpt(text: &str) -> String {
    const LIMIT: usize = 300;
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= LIMIT {
        return flat;
    }
    let mut short: String = flat.chars().take(LIMIT).collect();
    short.push('…');
    short
}
