//! From a statement's first words to its [`Kind`].

use super::ddl;
use super::kind::{Class, DdlVerb, InTransaction, Kind, TransactionControl};
use super::lexer::{Keyword, Lexeme, Lexer, Token};
use crate::dialect::{Dialect, Family};

use InTransaction::{Allowed, Commits, Controls, Ignored, Refused, Unknown};

/// Says what a statement that [`split`](super::split) gave does, as far as its words show.
///
/// Sources: for PostgreSQL the manual's reference pages ("cannot be executed inside a transaction
/// block"); for MySQL and MariaDB their manuals' lists of statements that cause an implicit commit; for
/// SQLite its pages on PRAGMA and VACUUM.
#[must_use]
pub fn classify(dialect: Dialect, statement: &str) -> Kind {
    let mut words = Words::new(dialect, statement);
    while words.eat_symbol(b'(') {}
    let first = words.next_keyword();
    match dialect.family() {
        Family::Sqlite => sqlite(&mut words, first.as_str()),
        Family::Postgres => postgres(&mut words, first.as_str()),
        Family::Mysql => mysql(&mut words, first.as_str()),
    }
}

pub(super) fn kind(class: Class, in_transaction: InTransaction) -> Kind {
    Kind {
        class,
        in_transaction,
        safe_to_repeat: false,
    }
}

fn control(control: TransactionControl) -> Kind {
    kind(Class::Transaction(control), Controls)
}

/// Work on what is stored, not on what it says: always harmless to repeat.
fn maintenance(words: &mut Words<'_>, in_transaction: InTransaction) -> Kind {
    words.skip_rest();
    Kind {
        class: Class::Maintenance,
        in_transaction,
        safe_to_repeat: !words.uncertain(),
    }
}

fn sqlite(words: &mut Words<'_>, first: &str) -> Kind {
    match first {
        "BEGIN" => control(TransactionControl::Begin),
        "COMMIT" | "END" => control(TransactionControl::Commit),
        "ROLLBACK" => rollback(words),
        "SAVEPOINT" | "RELEASE" => kind(Class::Savepoint, Allowed),
        "SELECT" | "VALUES" | "EXPLAIN" => kind(Class::Query, Allowed),
        "WITH" => with(words),
        "INSERT" | "UPDATE" | "DELETE" | "REPLACE" => kind(Class::Dml, Allowed),
        "CREATE" | "ALTER" | "DROP" => ddl::classify(words, first, Allowed),
        "VACUUM" => maintenance(words, Refused),
        "ANALYZE" | "REINDEX" => maintenance(words, Allowed),
        "ATTACH" => kind(Class::Session, Allowed),
        // Refused as soon as the transaction has touched the attached database.
        "DETACH" => kind(Class::Session, Refused),
        "PRAGMA" => pragma(words),
        _ => kind(Class::Other, Unknown),
    }
}

fn pragma(words: &mut Words<'_>) -> Kind {
    let mut name = words.next_keyword();
    if words.eat_symbol(b'.') {
        name = words.next_keyword();
    }
    let sets = words.eat_symbol(b'=') || words.eat_symbol(b'(');
    const PROCESS: [&str; 4] = [
        "HARD_HEAP_LIMIT",
        "SOFT_HEAP_LIMIT",
        "TEMP_STORE_DIRECTORY",
        "DATA_STORE_DIRECTORY",
    ];
    if sets && PROCESS.contains(&name.as_str()) {
        return kind(Class::Process, Allowed);
    }
    let in_transaction = match name.as_str() {
        "WAL_CHECKPOINT" => Refused,
        // Into WAL and out of it; between other modes SQLite says nothing, and does nothing once something is written.
        "JOURNAL_MODE" if sets => Refused,
        "SYNCHRONOUS" if sets => Refused,
        "FOREIGN_KEYS" if sets => Ignored,
        // It empties what lives in the temporary database, or refuses to.
        "TEMP_STORE" | "TEMP_STORE_DIRECTORY" if sets => Refused,
        _ => Allowed,
    };
    kind(Class::Session, in_transaction)
}

fn postgres(words: &mut Words<'_>, first: &str) -> Kind {
    match first {
        "BEGIN" => control(TransactionControl::Begin),
        "START" if words.eat("TRANSACTION") => control(TransactionControl::Begin),
        "COMMIT" | "ROLLBACK" if words.eat("PREPARED") => {
            kind(Class::Transaction(TransactionControl::TwoPhase), Refused)
        }
        "COMMIT" | "END" => control(TransactionControl::Commit),
        "ROLLBACK" => rollback(words),
        "ABORT" => control(TransactionControl::Rollback),
        "PREPARE" if words.eat("TRANSACTION") => control(TransactionControl::TwoPhase),
        "SAVEPOINT" | "RELEASE" => kind(Class::Savepoint, Allowed),
        "SET" if words.eat("TRANSACTION") || words.eat("CONSTRAINTS") => {
            kind(Class::TransactionSettings, Allowed)
        }
        "DISCARD" if words.eat("ALL") => kind(Class::Session, Refused),
        "SET" | "RESET" | "DISCARD" | "PREPARE" | "DEALLOCATE" | "LISTEN" | "UNLISTEN"
        | "NOTIFY" | "LOAD" | "DECLARE" | "CLOSE" => kind(Class::Session, Allowed),
        "SELECT" => select_into(words),
        "VALUES" | "TABLE" | "SHOW" | "FETCH" | "MOVE" => kind(Class::Query, Allowed),
        "EXPLAIN" => explain(words),
        "WITH" => with(words),
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "COPY" => kind(Class::Dml, Allowed),
        // A COMMIT in the code raises an error inside a transaction: it cannot end it.
        "CALL" | "DO" | "EXECUTE" => kind(Class::Procedural, Allowed),
        "LOCK" => kind(Class::Lock, Allowed),
        "VACUUM" => maintenance(words, Refused),
        "ANALYZE" | "ANALYSE" | "CHECKPOINT" => maintenance(words, Allowed),
        "CLUSTER" => cluster(words),
        "REINDEX" => reindex(words),
        "CREATE" | "ALTER" | "DROP" | "COMMENT" | "GRANT" | "REVOKE" | "TRUNCATE" | "REFRESH"
        | "SECURITY" | "REASSIGN" | "IMPORT" => ddl::classify(words, first, Allowed),
        _ => kind(Class::Other, Unknown),
    }
}

/// `CLUSTER` without a table works through all of them, in a transaction each.
fn cluster(words: &mut Words<'_>) -> Kind {
    if words.peek_is_symbol(b'(') {
        words.skip_parens();
    }
    words.eat("VERBOSE");
    let in_transaction = if words.peek().is_some() {
        Allowed
    } else {
        Refused
    };
    maintenance(words, in_transaction)
}

fn reindex(words: &mut Words<'_>) -> Kind {
    let mut concurrently = false;
    if words.eat_symbol(b'(') {
        while let Some(word) = words.take() {
            match (word.token, words.keyword(word).as_str()) {
                (Token::Punct(b')'), _) => break,
                (_, "CONCURRENTLY") => {
                    let value = words.peek_keyword();
                    concurrently = !matches!(value.as_str(), "FALSE" | "OFF");
                }
                _ => {}
            }
        }
    }
    let object = words.next_keyword();
    concurrently |= words.eat("CONCURRENTLY");
    let refused = concurrently || matches!(object.as_str(), "DATABASE" | "SYSTEM" | "SCHEMA");
    let mut kind = maintenance(words, if refused { Refused } else { Allowed });
    // An interrupted one leaves an invalid index beside the old one, and another with each try.
    kind.safe_to_repeat &= !concurrently;
    kind
}

/// `SELECT … INTO table` creates one.
fn select_into(words: &mut Words<'_>) -> Kind {
    let mut depth = 0_usize;
    while let Some(word) = words.take() {
        match (word.token, words.keyword(word).as_str()) {
            (Token::Punct(b'('), _) => depth += 1,
            (Token::Punct(b')'), _) => depth = depth.saturating_sub(1),
            (_, "INTO") if depth == 0 => return kind(Class::Dml, Allowed),
            _ => {}
        }
    }
    kind(Class::Query, Allowed)
}

/// `EXPLAIN ANALYZE` runs what it explains.
fn explain(words: &mut Words<'_>) -> Kind {
    let mut runs = words.eat("ANALYZE") || words.eat("ANALYSE");
    if words.peek_is_symbol(b'(') {
        while let Some(word) = words.take() {
            match (word.token, words.keyword(word).as_str()) {
                (Token::Punct(b')'), _) => break,
                (_, "ANALYZE" | "ANALYSE") => runs = true,
                _ => {}
            }
        }
    }
    words.eat("VERBOSE");
    let reads = matches!(words.peek_keyword().as_str(), "SELECT" | "VALUES" | "TABLE");
    let class = if runs && !reads {
        Class::Dml
    } else {
        Class::Query
    };
    kind(class, Allowed)
}

fn mysql(words: &mut Words<'_>, first: &str) -> Kind {
    match first {
        "BEGIN" if words.peek().is_none() || words.eat("WORK") => {
            control(TransactionControl::Begin)
        }
        "BEGIN" | "IF" | "CASE" | "LOOP" | "REPEAT" | "WHILE" | "FOR" | "DECLARE" | "CALL"
        | "EXECUTE" => kind(Class::Procedural, Unknown),
        "START" if words.eat("TRANSACTION") => control(TransactionControl::Begin),
        "COMMIT" => control(TransactionControl::Commit),
        "ROLLBACK" => rollback(words),
        "XA" => control(TransactionControl::TwoPhase),
        "SAVEPOINT" | "RELEASE" => kind(Class::Savepoint, Allowed),
        "SET" => mysql_set(words),
        "SELECT" | "VALUES" | "TABLE" | "SHOW" | "DESCRIBE" | "DESC" | "HELP" | "CHECKSUM"
        | "HANDLER" => kind(Class::Query, Allowed),
        "EXPLAIN" => explain(words),
        "ANALYZE" if !analyzes_tables(words) => explain_analyze(words),
        "WITH" => with(words),
        "INSERT" | "UPDATE" | "DELETE" | "REPLACE" => kind(Class::Dml, Allowed),
        "LOAD" if !words.eat("INDEX") => kind(Class::Dml, Allowed),
        "DO" => kind(Class::Procedural, Allowed),
        "USE" | "PREPARE" | "DEALLOCATE" | "KILL" => kind(Class::Session, Allowed),
        "DROP" if words.eat("PREPARE") => kind(Class::Session, Allowed),
        "LOCK" | "UNLOCK" if words.eat("INSTANCE") => kind(Class::Lock, Allowed),
        "LOCK" | "UNLOCK" => kind(Class::Lock, Commits),
        // MariaDB's manual lists them among those that commit; its server does not.
        "LOAD" | "CACHE" if words.dialect == Dialect::Mariadb => maintenance(words, Allowed),
        "ANALYZE" | "OPTIMIZE" | "CHECK" | "REPAIR" | "LOAD" | "CACHE" => {
            maintenance(words, Commits)
        }
        "CREATE" | "ALTER" | "DROP" | "RENAME" | "TRUNCATE" | "GRANT" | "REVOKE" => {
            ddl::classify(words, first, Commits)
        }
        "FLUSH" if flush_locks(words) => kind(Class::Lock, Commits),
        "RESET" if words.eat("PERSIST") => kind(Class::Other, Allowed),
        "FLUSH" | "RESET" | "INSTALL" | "UNINSTALL" | "START" | "STOP" | "CHANGE" | "BACKUP"
        | "IMPORT" | "CLONE" | "RESTART" | "SHUTDOWN" => kind(Class::Other, Commits),
        "SIGNAL" | "RESIGNAL" | "GET" | "PURGE" | "BINLOG" => kind(Class::Other, Allowed),
        _ => kind(Class::Other, Unknown),
    }
}

/// `FLUSH TABLES … WITH READ LOCK` and `… FOR EXPORT` lock tables for the session.
fn flush_locks(words: &mut Words<'_>) -> bool {
    let mut before = Keyword::NONE;
    while let Some(word) = words.take() {
        let keyword = words.keyword(word);
        match (before.as_str(), keyword.as_str()) {
            ("WITH", "READ") | ("FOR", "EXPORT") => return true,
            _ => before = keyword,
        }
    }
    false
}

/// Whether `ANALYZE` is the one of tables rather than MariaDB's of a statement.
fn analyzes_tables(words: &mut Words<'_>) -> bool {
    matches!(
        words.peek_keyword().as_str(),
        "TABLE" | "TABLES" | "LOCAL" | "NO_WRITE_TO_BINLOG"
    )
}

/// MariaDB's `ANALYZE statement` runs the statement.
fn explain_analyze(words: &mut Words<'_>) -> Kind {
    if words.eat("FORMAT") {
        words.eat_symbol(b'=');
        words.take();
    }
    let class = if words.peek_keyword().as_str() == "SELECT" {
        Class::Query
    } else {
        Class::Dml
    };
    kind(class, Allowed)
}

fn mysql_set(words: &mut Words<'_>) -> Kind {
    if words.eat("STATEMENT") {
        // The settings are for the statement behind FOR.
        let mut depth = 0_usize;
        while let Some(word) = words.take() {
            match (word.token, words.keyword(word).as_str()) {
                (Token::Punct(b'('), _) => depth += 1,
                (Token::Punct(b')'), _) => depth = depth.saturating_sub(1),
                (_, "FOR") if depth == 0 => {
                    let first = words.next_keyword();
                    // Not twice: a chain of them must not recurse.
                    return if first.as_str() == "SET" {
                        kind(Class::Session, Unknown)
                    } else {
                        mysql(words, first.as_str())
                    };
                }
                _ => {}
            }
        }
        return kind(Class::Other, Unknown);
    }
    let scope = words.eat("SESSION") || words.eat("LOCAL");
    if words.eat("TRANSACTION") {
        return kind(
            Class::TransactionSettings,
            if scope { Allowed } else { Refused },
        );
    }
    if words.eat("PASSWORD") || (words.eat("DEFAULT") && words.eat("ROLE")) {
        return kind(Class::Ddl(ddl::rights(DdlVerb::Alter)), Commits);
    }
    // Each assignment may be the one of autocommit, which commits when it switches it on.
    let mut assigns = true;
    let mut global = false;
    while let Some(word) = words.take() {
        let text = words.text(word);
        let name = text.rsplit(['.', '@']).next().unwrap_or(text);
        let system = word.token == Token::Word || text.starts_with("@@");
        match (word.token, words.keyword(word).as_str()) {
            (Token::Punct(b','), _) => {
                assigns = true;
                global = false;
            }
            (Token::Punct(b'='), _) => assigns = false,
            (_, "GLOBAL" | "PERSIST" | "PERSIST_ONLY") if assigns => global = true,
            _ if assigns && !global && system && name.eq_ignore_ascii_case("autocommit") => {
                return kind(Class::Session, Commits);
            }
            _ => {}
        }
    }
    kind(Class::Session, Allowed)
}

/// `ROLLBACK [WORK|TRANSACTION] [TO …]`.
fn rollback(words: &mut Words<'_>) -> Kind {
    let _ = words.eat("WORK") || words.eat("TRANSACTION");
    if words.eat("TO") {
        kind(Class::Savepoint, Allowed)
    } else {
        control(TransactionControl::Rollback)
    }
}

/// A WITH writes if its main statement does or, in PostgreSQL, one in it: then the verb stands at the
/// beginning of parentheses.
fn with(words: &mut Words<'_>) -> Kind {
    let mut depth = 0_usize;
    let mut opens = false;
    while let Some(word) = words.take() {
        let keyword = words.keyword(word);
        let verb = matches!(
            keyword.as_str(),
            "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "MERGE"
        );
        match word.token {
            Token::Punct(b'(') => depth += 1,
            Token::Punct(b')') => depth = depth.saturating_sub(1),
            // `SELECT … FOR UPDATE` locks rows and changes none; `REPLACE(…)` is a function.
            Token::Word if verb && opens && !words.peek_is_symbol(b'(') => {
                return kind(Class::Dml, Allowed);
            }
            Token::Word
                if depth == 0 && matches!(keyword.as_str(), "SELECT" | "VALUES" | "TABLE") =>
            {
                return if words.dialect.family() == Family::Postgres {
                    select_into(words)
                } else {
                    kind(Class::Query, Allowed)
                };
            }
            _ => {}
        }
        opens = matches!(word.token, Token::Punct(b'(' | b')'));
    }
    kind(Class::Query, Allowed)
}

/// The tokens of one statement. What cannot be read as a token ends them.
pub(super) struct Words<'a> {
    pub dialect: Dialect,
    sql: &'a str,
    lexer: Lexer<'a>,
    peeked: Option<Lexeme>,
    /// A `/*! … */` was seen, or something that cannot be read.
    uncertain: bool,
}

impl<'a> Words<'a> {
    fn new(dialect: Dialect, sql: &'a str) -> Self {
        Words {
            dialect,
            sql,
            lexer: Lexer::new(dialect, sql),
            peeked: None,
            uncertain: false,
        }
    }

    pub fn uncertain(&self) -> bool {
        self.uncertain
    }

    pub fn take(&mut self) -> Option<Lexeme> {
        if let Some(lexeme) = self.peeked.take() {
            return Some(lexeme);
        }
        loop {
            match self.lexer.next() {
                Ok(Some(lexeme)) if matches!(lexeme.token, Token::CodeOpen | Token::CodeClose) => {
                    self.uncertain = true;
                }
                Ok(lexeme) => return lexeme,
                Err(_) => {
                    self.uncertain = true;
                    self.lexer = Lexer::new(self.dialect, "");
                    return None;
                }
            }
        }
    }

    pub fn peek(&mut self) -> Option<Lexeme> {
        if self.peeked.is_none() {
            self.peeked = self.take();
        }
        self.peeked
    }

    pub fn text(&self, lexeme: Lexeme) -> &'a str {
        &self.sql[lexeme.start..lexeme.end]
    }

    pub fn keyword(&self, lexeme: Lexeme) -> Keyword {
        Keyword::of(lexeme, self.sql)
    }

    pub fn peek_keyword(&mut self) -> Keyword {
        self.peek()
            .map_or(Keyword::NONE, |lexeme| self.keyword(lexeme))
    }

    pub fn next_keyword(&mut self) -> Keyword {
        self.take()
            .map_or(Keyword::NONE, |lexeme| self.keyword(lexeme))
    }

    /// Takes the next token if it is this word, in upper case here.
    pub fn eat(&mut self, word: &str) -> bool {
        let is = self.peek_keyword().as_str() == word;
        if is {
            self.peeked = None;
        }
        is
    }

    pub fn peek_is_symbol(&mut self, symbol: u8) -> bool {
        self.peek()
            .is_some_and(|lexeme| lexeme.token == Token::Punct(symbol))
    }

    pub fn eat_symbol(&mut self, symbol: u8) -> bool {
        let is = self.peek_is_symbol(symbol);
        if is {
            self.peeked = None;
        }
        is
    }

    /// Skips from an opening parenthesis to behind the one that closes it.
    pub fn skip_parens(&mut self) {
        let mut depth = 0_usize;
        while let Some(lexeme) = self.take() {
            match lexeme.token {
                Token::Punct(b'(') => depth += 1,
                Token::Punct(b')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }

    pub fn skip_rest(&mut self) {
        while self.take().is_some() {}
    }
}
