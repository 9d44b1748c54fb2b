//! The process that holds the migration lock.

use std::fmt;

use chrono::{DateTime, Utc};

use super::row::{read_time, time_in_words};
use crate::graph::RevisionId;
use crate::sql::mask;

/// Who holds the lock, as far as it can be seen.
///
/// It may be anybody: of its statement no literal is shown.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
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
    /// Since when, by the database's clock.
    pub since: Option<DateTime<Utc>>,
    /// The revision that it runs.
    pub revision: Option<RevisionId>,
    /// The statement that it runs, `?` in the place of strings and numbers: what it does and to what is seen, not
    /// passwords and people's data.
    #[cfg_attr(feature = "serde", serde(serialize_with = "masked"))]
    pub statement: Option<String>,
}

impl Holder {
    /// A session of the server's, as a row of its number, application, client, since when, and text: the marker in the text
    /// tells more than the server knows.
    pub(crate) fn of_session(row: &[Option<String>]) -> Holder {
        let text = |index: usize| row.get(index).cloned().flatten();
        let query = text(4).unwrap_or_default();
        let marker = query
            .strip_prefix("/* limbeck ")
            .and_then(|rest| rest.split_once(" */"));
        let application = text(1).unwrap_or_default();
        // Code of the user's sends statements of its own.
        let shown = application
            .strip_prefix("limbeck ")
            .filter(|words| words.contains('='));
        let field = |name: &str| {
            let words = marker.map(|(words, _)| words).or(shown)?;
            words
                .split("; ")
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
                .map(str::to_owned)
        };
        let holder = Holder {
            host: field("host").or_else(|| text(2)),
            pid: field("pid").and_then(|pid| pid.parse().ok()),
            application: field("application").or_else(|| {
                Some(application.clone()).filter(|name| !name.is_empty() && shown.is_none())
            }),
            session: text(0),
            since: text(3).as_deref().and_then(read_time),
            revision: field("revision").map(RevisionId::from),
            statement: Some(
                marker
                    .map_or(query.as_str(), |(_, rest)| without_own(rest))
                    .trim(),
            )
            .filter(|statement| !statement.is_empty())
            .map(str::to_owned),
        };
        holder.masked()
    }

    /// The holder as others may see it. Whoever fills in a statement ends with this.
    #[must_use]
    pub(crate) fn masked(mut self) -> Holder {
        self.statement = self.statement.as_deref().map(mask);
        self
    }
}

/// How limbeck's own statements begin that stand before a revision's in its message.
const OWN: [&str; 8] = [
    "BEGIN ISOLATION LEVEL",
    "START TRANSACTION",
    "SAVEPOINT limbeck_step",
    "SET LOCAL lock_timeout",
    "SET LOCAL statement_timeout",
    "SET SESSION lock_wait_timeout",
    "/*M! SET STATEMENT lock_wait_timeout",
    "SELECT IF(EXISTS (SELECT 1 FROM",
];

fn without_own(message: &str) -> &str {
    let mut rest = message.trim_start();
    while OWN.iter().any(|own| rest.starts_with(own)) {
        let Some((_, behind)) = rest.split_once("\n;\n") else {
            break;
        };
        rest = behind.trim_start();
    }
    rest
}

/// What was masked already stays as it is.
#[cfg(feature = "serde")]
fn masked<S: serde::Serializer>(
    statement: &Option<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&statement.as_deref().map(mask), serializer)
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holder")
            .field("host", &self.host)
            .field("pid", &self.pid)
            .field("application", &self.application)
            .field("session", &self.session)
            .field("since", &self.since)
            .field("revision", &self.revision)
            .field("statement", &self.statement.as_deref().map(mask))
            .finish()
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Holder::default() {
            return f
                .write_str("another connection holds it, which this role or database cannot show");
        }
        match &self.application {
            Some(application) => write!(f, "held by {}", excerpt(application))?,
            None => f.write_str("held by an application without a name")?,
        }
        if let Some(host) = &self.host {
            write!(f, " on host {}", excerpt(host))?;
        }
        if let Some(pid) = self.pid {
            write!(f, ", process {pid}")?;
        }
        if let Some(session) = &self.session {
            write!(f, ", session {session} of the server")?;
        }
        if let Some(since) = self.since {
            write!(f, ", since {}", time_in_words(since))?;
        }
        if let Some(revision) = &self.revision {
            write!(f, ", at revision {revision}")?;
        }
        if let Some(statement) = &self.statement {
            write!(f, ", in: {}", excerpt(&mask(statement)))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_shows_no_literal_in_any_way() {
        let holder = Holder {
            application: Some("app\n1.0".to_owned()),
            host: Some("h\r\nheld by nobody".to_owned()),
            statement: Some("ALTER ROLE a\n  PASSWORD 'hunter2'".to_owned()),
            ..Holder::default()
        };
        assert_eq!(
            holder.to_string(),
            "held by app 1.0 on host h held by nobody, in: ALTER ROLE a PASSWORD ?"
        );
        let mut said = format!(
            "{holder:?}{holder:#?}{:?}",
            holder.clone().masked().statement
        );
        #[cfg(feature = "serde")]
        said.push_str(&serde_json::to_string(&holder).expect("JSON"));
        assert!(
            said.contains("ALTER ROLE a PASSWORD ?") && !said.contains("hunter2"),
            "{said}"
        );
    }
}
