//! One message: several statements, limbeck's own and a revision's, sent together. It remembers whose each
//! part is, so that an error is attributed to the statement that raised it.

use super::ALL;
use crate::dialect::session::{self, Bound};
use crate::dialect::{Dialect, Family, mysql, operators};

/// A statement of a revision's section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The step's place in its message and the statement's in its section, both counted from 0.
    pub step: usize,
    pub statement: usize,
}

#[derive(Debug)]
struct Part {
    /// Where its text begins, in bytes.
    start: usize,
    whose: Whose,
}

/// Whose statement a part is.
#[derive(Debug)]
enum Whose {
    Own,
    /// Limbeck's compare-and-swap of the heads: an error there may mean that somebody else moved them.
    Swap,
    /// Limbeck's write of rows that nobody else may touch, and the proof that they are there: an error of a guard there means
    /// that a trigger, rule or view swallowed or changed them.
    Write,
    Commit,
    Revision(Origin),
}

/// The statements of a message and their text.
#[derive(Debug, Default)]
pub struct Message {
    text: String,
    parts: Vec<Part>,
    /// The database whose spelling limbeck's own statements get; none: sent as they are.
    dialect: Option<Dialect>,
    /// How many rows of a revision's statement are kept at least.
    shown: usize,
    /// The conditions of limbeck's own statements.
    bound: Option<Bound>,
}

/// The origin of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    pub origin: Origin,
    /// The byte of the statement's text that the server pointed at.
    pub offset: Option<usize>,
}

impl Message {
    /// A message that the server's list of sessions shows as this run's.
    pub(crate) fn marked(dialect: Dialect, marker: &str) -> Message {
        Message {
            text: marker.to_owned(),
            parts: Vec::new(),
            dialect: Some(dialect),
            shown: 0,
            bound: None,
        }
    }

    /// The same message, whose own statements wait for the locks of limbeck's tables no longer than this.
    pub(crate) fn within(mut self, bound: Bound) -> Message {
        self.bound = Some(bound);
        self
    }

    /// The marker once more, before the next statement: MySQL's list of sessions shows each by itself.
    pub(crate) fn mark(&mut self, marker: &str) {
        self.text.push_str(marker);
    }

    pub(crate) fn own(&mut self, statement: &str) {
        self.push(statement, Whose::Own);
    }

    pub(crate) fn own_all<S: AsRef<str>>(&mut self, statements: &[S]) {
        for statement in statements {
            self.own(statement.as_ref());
        }
    }

    /// From here on limbeck's own statements are under the message's bound, where that is made of settings of the transaction:
    /// never around a revision's statements.
    pub(crate) fn bound(&mut self) {
        self.own_all(&self.settings(Bound::begin));
    }

    /// Ends [`Message::bound`] in a transaction that goes on.
    pub(crate) fn unbound(&mut self) {
        self.own_all(&self.settings(Bound::end));
    }

    /// From here on a revision's statements wait for locks as the session does.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code))]
    pub(crate) fn unlimited(&mut self) {
        let end = |bound: &Bound, dialect| bound.end_limit(dialect).into_iter().collect();
        self.own_all(&self.settings(end));
    }

    fn settings(&self, of: impl Fn(&Bound, Dialect) -> Vec<String>) -> Vec<String> {
        let known = self.bound.as_ref().zip(self.dialect);
        known.map_or_else(Vec::new, |(bound, dialect)| of(bound, dialect))
    }

    /// A statement of limbeck's own under the bound, in a transaction that goes on; the place of its result.
    pub(crate) fn own_bound(&mut self, statement: &str) -> usize {
        self.bound();
        let place = self.len();
        self.own(statement);
        self.unbound();
        place
    }

    /// Writing statements of limbeck's own as a transaction under the bound that may write, whatever the session's defaults
    /// are. SQLite has no such defaults.
    pub(crate) fn alone<S: AsRef<str>>(&mut self, statements: &[S]) {
        let dialect = self
            .dialect
            .filter(|dialect| dialect.family() != Family::Sqlite);
        let Some(dialect) = dialect else {
            return self.own_all(statements);
        };
        self.own(session::begin(dialect));
        self.bound();
        self.own_all(statements);
        self.commit();
    }

    pub(crate) fn of_revision(&mut self, statement: &str, origin: Origin) {
        self.push(statement, Whose::Revision(origin));
    }

    /// The compare-and-swap of the heads.
    pub(crate) fn swap_all(&mut self, statements: &[String]) {
        for statement in statements {
            self.push(statement, Whose::Swap);
        }
    }

    /// Writes to limbeck's own tables with their guards.
    pub(crate) fn write_all<S: AsRef<str>>(&mut self, statements: &[S]) {
        for statement in statements {
            self.push(statement.as_ref(), Whose::Write);
        }
    }

    pub(crate) fn commit(&mut self) {
        self.push("COMMIT", Whose::Commit);
    }

    fn push(&mut self, statement: &str, whose: Whose) {
        self.parts.push(Part {
            start: self.text.len(),
            whose,
        });
        let is_own = !matches!(
            self.parts.last(),
            Some(Part {
                whose: Whose::Revision(_),
                ..
            })
        );
        let statement = match &self.bound {
            Some(bound) if is_own => bound.repertoire.fit(statement),
            _ => statement.into(),
        };
        match (self.dialect.filter(|_| is_own), &self.bound) {
            (Some(dialect), Some(bound)) if dialect.is_mysql_family() => {
                self.text.push_str(&mysql::bounded(&statement, bound.limit));
            }
            (Some(dialect), _) => self.text.push_str(&operators::own(dialect, &statement)),
            (None, _) => self.text.push_str(&statement),
        }
        // A revision's statement ends in its last token, and SQLite keeps what stands between that and the semicolon. One of
        // limbeck's own may end in a line comment.
        self.text.push_str(if is_own { "\n;\n" } else { ";\n" });
    }

    /// The number of statements so far: the result of the next one has this index.
    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }

    /// Tells whether it holds a statement of a revision's.
    pub(crate) fn has_statements(&self) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| matches!(part.whose, Whose::Revision(_)))
    }

    /// The place of the last statement of a revision's, or of the first statement where there is none.
    pub(crate) fn last_statement(&self) -> usize {
        let mut parts = self.parts.iter();
        parts
            .rposition(|part| matches!(part.whose, Whose::Revision(_)))
            .unwrap_or(0)
    }

    /// Whose statement the result of this index is.
    pub(crate) fn origin(&self, index: usize) -> Option<&Origin> {
        match &self.parts.get(index)?.whose {
            Whose::Revision(origin) => Some(origin),
            _ => None,
        }
    }

    /// Tells whether the statement after `completed` results is part of the compare-and-swap.
    pub(crate) fn is_swap(&self, completed: usize) -> bool {
        matches!(
            self.parts.get(completed).map(|part| &part.whose),
            Some(Whose::Swap)
        )
    }

    /// Tells whether the statement after `completed` results is part of a write to limbeck's own tables.
    pub(crate) fn is_write(&self, completed: usize) -> bool {
        matches!(
            self.parts.get(completed).map(|part| &part.whose),
            Some(Whose::Write)
        )
    }

    /// Tells whether the statement after `completed` results begins the message or is its `COMMIT`.
    pub(crate) fn begins_or_commits(&self, completed: usize) -> bool {
        let whose = self.parts.get(completed).map(|part| &part.whose);
        match whose {
            Some(Whose::Own) => completed == 0,
            Some(Whose::Commit) => true,
            _ => false,
        }
    }

    /// Tells whether a `COMMIT` of this message is among its first `completed` results.
    pub(crate) fn has_committed(&self, completed: usize) -> bool {
        let mut parts = self.parts.iter().take(completed);
        parts.any(|part| matches!(part.whose, Whose::Commit))
    }

    /// Tells whether it is a transaction from its beginning to its end: what fails in it leaves nothing.
    pub(crate) fn is_transaction(&self, begin: &str) -> bool {
        let begins = self
            .parts
            .first()
            .is_some_and(|part| self.text[part.start..].starts_with(begin));
        let ends = self
            .parts
            .last()
            .is_some_and(|part| matches!(part.whose, Whose::Commit));
        begins && ends
    }

    /// How many rows of each result are kept, in the statements' order: all of limbeck's own, of a revision's
    /// as many as are to be shown. A migration that selects a million rows must not fill the memory.
    pub(crate) fn keep(&self, shown: usize) -> Vec<usize> {
        self.parts
            .iter()
            .map(|part| match part.whose {
                Whose::Revision(_) => shown.max(self.shown),
                _ => ALL,
            })
            .collect()
    }

    /// Keeps the first rows of a revision's statement too.
    pub(crate) fn show_rows(&mut self, rows: usize) {
        self.shown = rows;
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whose fault an error is that arose after `completed` results, at the server's `position`, counted in
    /// characters from 1 over the whole message. None: limbeck's own statement, or the commit.
    ///
    /// A syntax error anywhere in a message fails it before its first statement: then the position alone
    /// tells which one it is.
    pub(crate) fn blame(&self, completed: usize, position: Option<usize>) -> Option<Blame> {
        let byte = position.and_then(|position| {
            self.text
                .char_indices()
                .nth(position.saturating_sub(1))
                .map(|(byte, _)| byte)
        });
        let index = match byte {
            Some(byte) => self
                .parts
                .partition_point(|part| part.start <= byte)
                .checked_sub(1)?,
            // MySQL's CALL gives a result for each of its SELECTs.
            None => completed.min(self.parts.len().checked_sub(1)?),
        };
        let part = self.parts.get(index)?;
        let origin = self.origin(index)?.clone();
        Some(Blame {
            origin,
            offset: byte.map(|byte| byte - part.start),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        let mut message = Message::marked(Dialect::Postgres, "/* é */ ");
        message.own("BEGIN");
        message.of_revision(
            "SELECT 1",
            Origin {
                step: 0,
                statement: 0,
            },
        );
        message.of_revision(
            "SELECT x",
            Origin {
                step: 0,
                statement: 1,
            },
        );
        message.commit();
        message
    }

    #[test]
    fn a_position_counts_characters_over_the_whole_message() {
        let message = message();
        let character = message.text().chars().position(|c| c == 'x').unwrap() + 1;
        let blame = message.blame(0, Some(character)).unwrap();
        assert_eq!(
            blame,
            Blame {
                origin: Origin {
                    step: 0,
                    statement: 1
                },
                offset: Some(7)
            }
        );
    }

    #[test]
    fn without_a_position_the_number_of_results_tells() {
        let message = message();
        assert_eq!(message.blame(2, None).unwrap().origin.statement, 1);
        assert_eq!(message.blame(0, None), None);
        assert_eq!(message.blame(3, None), None, "the commit is limbeck's own");
        assert_eq!(message.blame(9, None), None);
        assert!(!message.has_committed(3) && message.has_committed(4));
    }

    #[test]
    fn a_call_with_results_of_its_own_is_blamed_for_its_error() {
        let mut message = Message::default();
        message.own("SELECT 1");
        message.of_revision(
            "CALL p()",
            Origin {
                step: 0,
                statement: 4,
            },
        );
        assert_eq!(message.blame(3, None).unwrap().origin.statement, 4);
    }
}
