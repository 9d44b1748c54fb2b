//! Tokens of the four dialects, as far as a splitter must tell them apart.
//!
//! Every byte is looked at a bounded number of times: an opener that is never closed ends the run
//! with an error, so that no second search starts behind it.

use super::error::{SplitError, SplitErrorKind};
use crate::dialect::{Dialect, Family};

/// What the `mysql` client keeps of a `DELIMITER` argument, in bytes. The bound keeps the comparison at
/// each position constant.
pub(super) const MAX_DELIMITER: usize = 15;

/// MariaDB leaves `/*!NNNNN` comments of these versions to MySQL.
const MYSQL_ONLY_VERSIONS: std::ops::RangeInclusive<u32> = 50_700..=99_999;
/// No server reaches it. `mariadb-dump` writes its sandbox marker under it.
const NO_VERSION: u32 = 999_999;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword or an unquoted identifier.
    Word,
    /// An identifier in quotes.
    QuotedName,
    /// A string, dollar-quoted ones too.
    Text,
    Number,
    /// `$1`, `@x`, `@@global.x`.
    Variable,
    /// What ends a statement if nothing is open: `;`, or what `DELIMITER` set.
    Delimiter,
    /// `/*!`: what follows is code on MySQL or MariaDB.
    CodeOpen,
    /// The `*/` of a [`Token::CodeOpen`].
    CodeClose,
    /// Any other single character, always ASCII.
    Punct(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lexeme {
    pub token: Token,
    pub start: usize,
    pub end: usize,
}

/// A word in upper case if it is short enough to be a keyword, else empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keyword {
    bytes: [u8; Keyword::MAX],
    length: usize,
}

impl Keyword {
    const MAX: usize = 20;
    pub const NONE: Keyword = Keyword {
        bytes: [0; Keyword::MAX],
        length: 0,
    };

    pub fn of(lexeme: Lexeme, sql: &str) -> Keyword {
        let mut keyword = Keyword::NONE;
        let word = &sql[lexeme.start..lexeme.end];
        if lexeme.token == Token::Word && word.len() <= Keyword::MAX && word.is_ascii() {
            keyword.length = word.len();
            keyword.bytes[..word.len()].copy_from_slice(word.as_bytes());
            keyword.bytes.make_ascii_uppercase();
        }
        keyword
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).expect("only ASCII words are taken")
    }
}

/// What a backslash in a plain string is, which a setting of the server decides: MySQL's `NO_BACKSLASH_ESCAPES`,
/// PostgreSQL's `standard_conforming_strings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backslash {
    Escapes,
    IsPlain,
}

impl Backslash {
    /// As the server has it unless it is told otherwise.
    pub fn by_default(dialect: Dialect) -> Self {
        if dialect.is_mysql_family() {
            Backslash::Escapes
        } else {
            Backslash::IsPlain
        }
    }

    pub fn other(self) -> Self {
        match self {
            Backslash::Escapes => Backslash::IsPlain,
            Backslash::IsPlain => Backslash::Escapes,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    dialect: Dialect,
    backslash: Backslash,
    /// The first backslash where no server takes one: outside of strings, but for MySQL's `\N`.
    stray_backslash: Option<usize>,
    sql: &'a str,
    bytes: &'a [u8],
    pos: usize,
    delimiter: &'a str,
    /// Where the `/*!` stands that the current position is in.
    code_comment: Option<usize>,
    /// The token before was the word `AS`: only there does MySQL 9 have dollar quotes.
    after_as: bool,
    #[cfg(any(test, fuzzing))]
    pub steps: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(dialect: Dialect, sql: &'a str) -> Self {
        Lexer::reading(dialect, Backslash::by_default(dialect), sql)
    }

    pub fn reading(dialect: Dialect, backslash: Backslash, sql: &'a str) -> Self {
        Lexer {
            dialect,
            backslash,
            stray_backslash: None,
            sql,
            bytes: sql.as_bytes(),
            pos: 0,
            delimiter: ";",
            code_comment: None,
            after_as: false,
            #[cfg(any(test, fuzzing))]
            steps: 0,
        }
    }

    pub fn stray_backslash(&self) -> Option<usize> {
        self.stray_backslash
    }

    pub fn in_code_comment(&self) -> bool {
        self.code_comment.is_some()
    }

    /// Whether a `DELIMITER` command is in force that set something other than `;`.
    pub fn has_own_delimiter(&self) -> bool {
        self.delimiter != ";"
    }

    /// The next token, or `None` at the end.
    pub fn next(&mut self) -> Result<Option<Lexeme>, SplitError> {
        let after_as = std::mem::take(&mut self.after_as);
        self.skip_trivia()?;
        let start = self.pos;
        let Some(byte) = self.peek(0) else {
            return match self.code_comment {
                Some(opener) => Err(SplitError::new(SplitErrorKind::UnterminatedComment, opener)),
                None => Ok(None),
            };
        };
        let token = self.token(byte, after_as)?;
        let lexeme = Lexeme {
            token,
            start,
            end: self.pos,
        };
        self.after_as = match token {
            Token::CodeOpen | Token::CodeClose => after_as,
            Token::Word => self.sql[start..self.pos].eq_ignore_ascii_case("as"),
            _ => false,
        };
        Ok(Some(lexeme))
    }

    /// Reads the rest of the line as the argument of a `DELIMITER` command whose word has just been
    /// read, if it is one: white space or the end must follow.
    pub fn delimiter_command(&mut self, word: Lexeme) -> Result<bool, SplitError> {
        if self.peek(0).is_some_and(|byte| !self.is_space(byte)) {
            return Ok(false);
        }
        let end = self.scan(self.pos, |byte| byte == b'\n');
        let argument = self.sql[self.pos..end]
            .split_ascii_whitespace()
            .next()
            .unwrap_or_default();
        let argument = ['\'', '"', '`']
            .into_iter()
            .find_map(|quote| argument.strip_prefix(quote)?.strip_suffix(quote))
            .unwrap_or(argument);
        if argument.is_empty() || argument.len() > MAX_DELIMITER || argument.contains('\\') {
            let kind = SplitErrorKind::InvalidDelimiter {
                delimiter: argument.to_owned(),
            };
            return Err(SplitError::new(kind, word.start));
        }
        self.delimiter = argument;
        self.pos = end;
        Ok(true)
    }

    fn token(&mut self, byte: u8, after_as: bool) -> Result<Token, SplitError> {
        let start = self.pos;
        if self.at_delimiter(start) {
            self.pos += self.delimiter.len();
            return Ok(Token::Delimiter);
        }
        let family = self.dialect.is_mysql_family();
        let escapes = self.backslash == Backslash::Escapes;
        match byte {
            b'\'' => {
                self.quoted(
                    start,
                    start,
                    byte,
                    escapes,
                    SplitErrorKind::UnterminatedString,
                )?;
                Ok(Token::Text)
            }
            b'"' if family => {
                let kind = SplitErrorKind::UnterminatedString;
                self.quoted(start, start, byte, escapes, kind)?;
                Ok(Token::Text)
            }
            b'"' => self.quoted_name(byte),
            b'`' if self.dialect.family() != Family::Postgres => self.quoted_name(byte),
            b'[' if self.dialect.family() == Family::Sqlite => {
                let close = self.scan(start, |byte| byte == b']');
                if close == self.bytes.len() {
                    let kind = SplitErrorKind::UnterminatedIdentifier;
                    return Err(SplitError::new(kind, start));
                }
                self.pos = close + 1;
                Ok(Token::QuotedName)
            }
            b'e' | b'E'
                if self.dialect.family() == Family::Postgres && self.peek(1) == Some(b'\'') =>
            {
                self.escape_string(start)?;
                Ok(Token::Text)
            }
            b'$' if self.dialect.family() == Family::Postgres => self.dollar(),
            b'$' if self.dialect == Dialect::Mysql && after_as => match self.dollar_tag() {
                Some(_) => self.dollar(),
                None => Ok(self.word()),
            },
            b'@' if family => Ok(self.variable()),
            b'/' if family && self.peek(1) == Some(b'*') => {
                self.code_comment.get_or_insert(start);
                // The prefix and a version are skipped here: they are no tokens of the code.
                let marker = if self.peek(2) == Some(b'M') { 4 } else { 3 };
                self.pos += marker + self.version(start + marker).0;
                Ok(Token::CodeOpen)
            }
            b'*' if self.in_code_comment() && self.peek(1) == Some(b'/') => {
                self.code_comment = None;
                self.pos += 2;
                Ok(Token::CodeClose)
            }
            b'\\' if self.dialect.family() == Family::Postgres => {
                let end = self.scan(start + 1, |byte| byte.is_ascii_whitespace());
                let command = self.sql[start..end].chars().take(32).collect();
                let kind = SplitErrorKind::PsqlCommand { command };
                Err(SplitError::new(kind, start))
            }
            b'0'..=b'9' => Ok(self.number()),
            _ if is_word_start(byte)
                || (byte == b'$' && self.dialect.family() != Family::Postgres) =>
            {
                Ok(self.word())
            }
            _ => {
                if byte == b'\\' && !(family && self.peek(1) == Some(b'N')) {
                    self.stray_backslash.get_or_insert(start);
                }
                self.pos += 1;
                Ok(Token::Punct(byte))
            }
        }
    }

    /// Skips white space and comments, but not a delimiter that looks like one: the `mysql` client
    /// looks for its delimiter first.
    fn skip_trivia(&mut self) -> Result<(), SplitError> {
        while let Some(byte) = self.peek(0) {
            if self.at_delimiter(self.pos) {
                break;
            }
            match byte {
                b'-' if self.peek(1) == Some(b'-') && self.dashes_comment() => self.skip_line(),
                b'#' if self.dialect.is_mysql_family() => self.skip_line(),
                b'/' if self.peek(1) == Some(b'*') => match self.block_comment() {
                    Block::Plain { nesting } => self.skip_block(nesting)?,
                    Block::Code => break,
                },
                _ if self.is_space(byte) => self.pos += 1,
                _ => break,
            }
            self.step(1);
        }
        Ok(())
    }

    /// MySQL wants white space, a control character or the end after `--`: `1--1` is 2.
    fn dashes_comment(&self) -> bool {
        !self.dialect.is_mysql_family()
            || self
                .peek(2)
                .is_none_or(|byte| byte == b' ' || byte.is_ascii_control())
    }

    /// PostgreSQL alone ends such a comment at a carriage return too; no server does at a form feed, a vertical
    /// tab or a line separator of Unicode.
    fn skip_line(&mut self) {
        let at_return = self.dialect.family() == Family::Postgres;
        self.pos = self.scan(self.pos, |byte| {
            byte == b'\n' || (at_return && byte == b'\r')
        });
    }

    fn block_comment(&self) -> Block {
        let inside_code = self.in_code_comment();
        let maria = self.dialect == Dialect::Mariadb;
        let marker = match (self.dialect.family(), self.peek(2), self.peek(3)) {
            (Family::Mysql, Some(b'!'), _) => 3,
            (Family::Mysql, Some(b'M'), Some(b'!')) if maria => 4,
            (Family::Postgres, ..) => {
                return Block::Plain {
                    nesting: usize::MAX,
                };
            }
            _ => return Block::Plain { nesting: 0 },
        };
        let (digits, version) = self.version(self.pos + marker);
        let never = version == NO_VERSION
            || (maria && marker == 3 && MYSQL_ONLY_VERSIONS.contains(&version))
            || (!maria && digits == 5 && version == 99_999);
        if never {
            // A server that skips such a comment looks one level deep for others.
            Block::Plain {
                nesting: usize::from(!inside_code),
            }
        } else {
            Block::Code
        }
    }

    /// The digits of the version that stands at `at`, five or six, and their value. Fewer are code.
    fn version(&self, at: usize) -> (usize, u32) {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let digits = rest
            .iter()
            .take(6)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits < 5 {
            return (0, 0);
        }
        let value = rest[..digits]
            .iter()
            .fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
        (digits, value)
    }

    /// Skips a block comment in which `/*` opens another, at most `nesting` levels deep.
    fn skip_block(&mut self, nesting: usize) -> Result<(), SplitError> {
        let opener = self.pos;
        let mut depth = 0;
        let mut at = opener + 2;
        loop {
            at = self.scan(at, |byte| byte == b'*' || byte == b'/');
            match (self.bytes.get(at), self.bytes.get(at + 1)) {
                (Some(b'*'), Some(b'/')) if depth == 0 => break,
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    at += 2;
                }
                (Some(b'/'), Some(b'*')) if depth < nesting => {
                    depth += 1;
                    at += 2;
                }
                (Some(_), _) => at += 1,
                (None, _) if self.dialect.family() == Family::Sqlite => {
                    self.pos = self.bytes.len();
                    return Ok(());
                }
                (None, _) => {
                    return Err(SplitError::new(SplitErrorKind::UnterminatedComment, opener));
                }
            }
        }
        self.pos = at + 2;
        Ok(())
    }

    fn quoted_name(&mut self, quote: u8) -> Result<Token, SplitError> {
        let start = self.pos;
        let kind = SplitErrorKind::UnterminatedIdentifier;
        self.quoted(start, start, quote, false, kind)?;
        Ok(Token::QuotedName)
    }

    /// Reads from the quote at `at` to the one that closes it. A doubled quote stands for itself; with
    /// `backslash` a backslash takes away the next byte's meaning.
    fn quoted(
        &mut self,
        opener: usize,
        at: usize,
        quote: u8,
        backslash: bool,
        kind: SplitErrorKind,
    ) -> Result<(), SplitError> {
        let mut at = at + 1;
        loop {
            at = self.scan(at, |byte| byte == quote || (backslash && byte == b'\\'));
            match self.bytes.get(at) {
                None => return Err(SplitError::new(kind, opener)),
                Some(b'\\') if backslash => at += 2,
                Some(_) if self.bytes.get(at + 1) == Some(&quote) => at += 2,
                Some(_) => break,
            }
        }
        self.pos = at + 1;
        Ok(())
    }

    /// An `E'…'` string with its continuations: a string that follows after white space with a line
    /// feed belongs to it and keeps its escapes (PostgreSQL manual, 4.1.2.1 and 4.1.2.2).
    fn escape_string(&mut self, start: usize) -> Result<(), SplitError> {
        let mut at = start + 1;
        loop {
            self.quoted(start, at, b'\'', true, SplitErrorKind::UnterminatedString)?;
            let mut next = self.pos;
            let mut newline = false;
            while let Some(&byte) = self.bytes.get(next) {
                if self.is_space(byte) {
                    newline |= byte == b'\n' || byte == b'\r';
                    next += 1;
                    self.step(1);
                } else if self.bytes[next..].starts_with(b"--") {
                    next = self.scan(next, |byte| byte == b'\n' || byte == b'\r');
                } else {
                    break;
                }
            }
            if !newline || self.bytes.get(next) != Some(&b'\'') {
                return Ok(());
            }
            at = next;
        }
    }

    /// `$$` or `$tag$` at the current position, if it opens a dollar-quoted string. MySQL's tag may begin with a digit.
    fn dollar_tag(&mut self) -> Option<&'a str> {
        let start = self.pos;
        let with_digit = self.dialect == Dialect::Mysql;
        let end = match self.peek(1)? {
            b'$' => start + 1,
            byte if is_word_start(byte) || (with_digit && byte.is_ascii_digit()) => self
                .scan(start + 1, |byte| {
                    !is_word_start(byte) && !byte.is_ascii_digit()
                }),
            _ => return None,
        };
        (self.bytes.get(end) == Some(&b'$')).then(|| &self.sql[start..=end])
    }

    fn dollar(&mut self) -> Result<Token, SplitError> {
        let start = self.pos;
        let Some(tag) = self.dollar_tag() else {
            self.pos = self.scan(start + 1, |byte| !byte.is_ascii_digit());
            return Ok(if self.pos > start + 1 {
                Token::Variable
            } else {
                Token::Punct(b'$')
            });
        };
        let mut at = start + tag.len();
        loop {
            at = self.scan(at, |byte| byte == b'$');
            if at == self.bytes.len() {
                let kind = SplitErrorKind::UnterminatedDollarQuote {
                    tag: tag.to_owned(),
                };
                return Err(SplitError::new(kind, start));
            }
            if self.tag_at(at, tag) {
                self.pos = at + tag.len();
                return Ok(Token::Text);
            }
            at += 1;
        }
    }

    /// Compares byte by byte and stops at the first difference. A tag has dollar signs at its ends
    /// alone, so the next comparison starts at or behind where this one stopped.
    fn tag_at(&mut self, at: usize, tag: &str) -> bool {
        let same = self.bytes[at..]
            .iter()
            .zip(tag.as_bytes())
            .take_while(|(left, right)| left == right)
            .count();
        self.step(same);
        same == tag.len()
    }

    fn variable(&mut self) -> Token {
        let start = self.pos;
        // At most two: a longer run, looked through to its end at each of its signs, would be quadratic.
        let name = start + if self.peek(1) == Some(b'@') { 2 } else { 1 };
        self.pos = name;
        loop {
            self.pos = self.scan_word(self.pos);
            if self.peek(0) != Some(b'.') {
                break;
            }
            self.pos += 1;
        }
        if self.pos == name {
            // `@'host'` and `@`name``: the quotes are a token of their own.
            self.pos = start + 1;
            return Token::Punct(b'@');
        }
        Token::Variable
    }

    /// Numbers only have to end where the next token begins. PostgreSQL's end before letters, so that
    /// what follows is still seen as `E'…'` or a word with `$` in it.
    fn number(&mut self) -> Token {
        self.pos = if self.dialect.family() == Family::Postgres {
            self.scan(self.pos, |byte| !byte.is_ascii_digit())
        } else {
            self.scan_word(self.pos)
        };
        Token::Number
    }

    fn word(&mut self) -> Token {
        self.pos = self.scan_word(self.pos);
        Token::Word
    }

    /// Where the word that `from` is in ends: at a delimiter too, as the second `$` of `END$$`.
    fn scan_word(&mut self, from: usize) -> usize {
        let mut at = from;
        while let Some(&byte) = self.bytes.get(at) {
            let stops = !is_word(byte)
                || (at > from
                    && !is_plain(byte)
                    && self.has_own_delimiter()
                    && self.at_delimiter(at));
            if stops {
                break;
            }
            self.step(1);
            at += 1;
        }
        at
    }

    /// A delimiter made of letters must stand as a word of its own.
    fn at_delimiter(&self, at: usize) -> bool {
        let delimiter = self.delimiter.as_bytes();
        self.bytes[at..].starts_with(delimiter)
            && !(is_plain(delimiter[0])
                && self
                    .bytes
                    .get(at + delimiter.len())
                    .is_some_and(|&byte| is_word(byte)))
    }

    fn is_space(&self, byte: u8) -> bool {
        // SQLite's tokenizer has no vertical tab.
        byte.is_ascii_whitespace() || (byte == 0x0b && self.dialect.family() != Family::Sqlite)
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.pos + ahead).copied()
    }

    /// The first position at or after `from` whose byte `stop` wants, or the end.
    fn scan(&mut self, from: usize, stop: impl Fn(u8) -> bool) -> usize {
        let from = from.min(self.bytes.len());
        let found = self.bytes[from..].iter().position(|&byte| stop(byte));
        let end = found.map_or(self.bytes.len(), |index| from + index);
        self.step(end - from + 1);
        end
    }

    #[cfg_attr(not(any(test, fuzzing)), expect(clippy::unused_self, unused_variables))]
    fn step(&mut self, count: usize) {
        #[cfg(any(test, fuzzing))]
        {
            self.steps += count;
        }
    }
}

enum Block {
    Plain { nesting: usize },
    Code,
}

/// A letter, `_`, or any byte of a character beyond ASCII, as in all four databases.
fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_word(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
