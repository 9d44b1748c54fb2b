//! Whether a semicolon ends the statement it stands in.

use super::compound::Compound;
use super::error::{SplitError, SplitErrorKind};
use super::lexer::{Keyword, Lexeme, Token};
use crate::dialect::{Dialect, Family};

/// Follows one statement, token by token. A new statement takes a new one.
pub(super) enum Tracker {
    Sqlite(Trigger),
    Postgres(Routine),
    Mysql(Compound),
}

impl Tracker {
    pub fn new(dialect: Dialect) -> Self {
        match dialect.family() {
            Family::Sqlite => Tracker::Sqlite(Trigger::default()),
            Family::Postgres => Tracker::Postgres(Routine::default()),
            Family::Mysql => Tracker::Mysql(Compound::default()),
        }
    }

    /// Takes a token that is no delimiter.
    pub fn token(&mut self, lexeme: Lexeme, keyword: Keyword) -> Result<(), SplitError> {
        match self {
            Tracker::Sqlite(trigger) => trigger.token(lexeme, keyword.as_str()),
            Tracker::Postgres(routine) => return routine.token(lexeme, keyword.as_str()),
            Tracker::Mysql(compound) => compound.token(lexeme, keyword),
        }
        Ok(())
    }

    /// Takes a delimiter, and answers whether it ends the statement.
    pub fn ends_statement(&mut self) -> bool {
        match self {
            Tracker::Sqlite(trigger) => trigger.semicolon(),
            Tracker::Postgres(routine) => routine.semicolon(),
            Tracker::Mysql(compound) => compound.semicolon(),
        }
    }

    /// What is still open at the end of the text.
    pub fn finish(&self) -> Result<(), SplitError> {
        let unfinished = match self {
            Tracker::Sqlite(trigger) => trigger.unfinished(),
            Tracker::Postgres(routine) => return routine.finish(),
            Tracker::Mysql(compound) => compound.unfinished(),
        };
        match unfinished {
            Some(offset) => Err(SplitError::new(SplitErrorKind::UnterminatedBody, offset)),
            None => Ok(()),
        }
    }
}

/// SQLite: the automaton of `sqlite3_complete`. Its grammar wants a `;` before a trigger's END, so that a
/// CASE's END needs no counting.
#[derive(Default)]
pub(super) struct Trigger {
    state: TriggerState,
    /// The body's BEGIN, or the trigger's own first word before it is seen.
    opener: usize,
    begun: bool,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum TriggerState {
    #[default]
    Start,
    Explain,
    Create,
    /// Where it is in the body, or before it.
    Trigger,
    /// The same just after a `;`.
    Semicolon,
    /// The same just after `; END`.
    End,
    Other,
}

impl Trigger {
    fn token(&mut self, lexeme: Lexeme, word: &str) {
        use TriggerState::{Create, End, Explain, Other, Semicolon, Start, Trigger};
        if matches!(self.state, Start | Explain) && word == "CREATE" {
            self.opener = lexeme.start;
        }
        self.state = match (self.state, word) {
            (Start, "EXPLAIN") => Explain,
            (Start | Explain, "CREATE") | (Create, "TEMP" | "TEMPORARY") => Create,
            // EXPLAIN QUERY PLAN CREATE …: any words may stand between.
            (Explain, "TEMP" | "TEMPORARY" | "TRIGGER" | "END" | "EXPLAIN") => Other,
            (Explain, _) => Explain,
            (Create, "TRIGGER") => Trigger,
            (Semicolon, "END") => End,
            (Trigger | Semicolon | End, _) => Trigger,
            (Start | Create | Other, _) => Other,
        };
        if self.state == Trigger && word == "BEGIN" && !self.begun {
            self.begun = true;
            self.opener = lexeme.start;
        }
    }

    fn semicolon(&mut self) -> bool {
        match self.state {
            TriggerState::Trigger | TriggerState::Semicolon => {
                self.state = TriggerState::Semicolon;
                false
            }
            _ => true,
        }
    }

    /// Without a BEGIN there is no body to end: that text is SQLite's to refuse.
    fn unfinished(&self) -> Option<usize> {
        let open = matches!(self.state, TriggerState::Trigger | TriggerState::Semicolon);
        (open && self.begun).then_some(self.opener)
    }
}

/// PostgreSQL: parentheses, and the SQL-standard body of a function or procedure.
#[derive(Default)]
pub(super) struct Routine {
    head: Head,
    parens: usize,
    paren_opener: usize,
    /// BEGIN ATOMIC and the CASEs in it that are open.
    blocks: usize,
    block_opener: usize,
    before: Before,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Head {
    #[default]
    Start,
    Create,
    CreateOr,
    Routine,
    Copy(usize),
    Other,
}

/// The token before, as far as it matters.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Before {
    #[default]
    Other,
    /// After AS or a dot every word is a name, a reserved one too.
    Name,
    Begin(usize),
    From,
}

impl Routine {
    fn token(&mut self, lexeme: Lexeme, word: &str) -> Result<(), SplitError> {
        let before = std::mem::take(&mut self.before);
        match lexeme.token {
            Token::Punct(b'(') => {
                if self.parens == 0 {
                    self.paren_opener = lexeme.start;
                }
                self.parens += 1;
            }
            Token::Punct(b')') => self.parens = self.parens.saturating_sub(1),
            Token::Punct(b'.') => self.before = Before::Name,
            _ => {}
        }
        self.head = match (self.head, word) {
            (Head::Start, "CREATE") => Head::Create,
            (Head::Start, "COPY") => Head::Copy(lexeme.start),
            (Head::Create, "OR") => Head::CreateOr,
            (Head::CreateOr, "REPLACE") => Head::Create,
            (Head::Create, "FUNCTION" | "PROCEDURE") => Head::Routine,
            (head @ (Head::Routine | Head::Copy(_)), _) => head,
            // `(SELECT 1)` and the like are statements too.
            (Head::Start | Head::Create | Head::CreateOr | Head::Other, _) => Head::Other,
        };
        if before == Before::Name {
            return Ok(());
        }
        match (self.head, word) {
            (Head::Copy(_), "FROM") if self.parens == 0 => self.before = Before::From,
            (Head::Copy(start), "STDIN") if before == Before::From => {
                return Err(SplitError::new(SplitErrorKind::CopyFromStdin, start));
            }
            (Head::Routine, "AS") => self.before = Before::Name,
            (Head::Routine, "BEGIN") => self.before = Before::Begin(lexeme.start),
            (Head::Routine, "ATOMIC") if self.blocks == 0 && self.parens == 0 => {
                if let Before::Begin(opener) = before {
                    self.blocks = 1;
                    self.block_opener = opener;
                }
            }
            (Head::Routine, "CASE") if self.blocks > 0 => self.blocks += 1,
            (Head::Routine, "END") => self.blocks = self.blocks.saturating_sub(1),
            _ => {}
        }
        Ok(())
    }

    fn semicolon(&mut self) -> bool {
        self.before = Before::Other;
        self.parens == 0 && self.blocks == 0
    }

    fn finish(&self) -> Result<(), SplitError> {
        if self.parens > 0 {
            let kind = SplitErrorKind::UnterminatedParenthesis;
            return Err(SplitError::new(kind, self.paren_opener));
        }
        if self.blocks > 0 {
            let kind = SplitErrorKind::UnterminatedBody;
            return Err(SplitError::new(kind, self.block_opener));
        }
        Ok(())
    }
}
