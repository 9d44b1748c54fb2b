//! MySQL and MariaDB: bodies of stored programs and compound statements, without `DELIMITER`.
//!
//! Most of the words that open and close blocks are names or functions elsewhere: `IF(`, `REPEAT(`, a
//! column `end`. What tells them apart is where they stand. A block begins where a statement may begin,
//! and its END stands there too; the END of a CASE expression stands where an operand has just ended.

use super::lexer::{Keyword, Lexeme, Token};

#[derive(Default)]
pub(super) struct Compound {
    mode: Mode,
    stack: Vec<Open>,
    parens: usize,
    /// A statement of the body may begin here.
    starts: bool,
    /// In `<<label>>` of MariaDB's Oracle mode.
    label: bool,
    /// The block that the END just before closed: the `IF` of `END IF` opens none.
    closed: Option<Block>,
    before: Before,
}

struct Open {
    block: Block,
    at: usize,
    /// The parentheses around it. A word in deeper ones is not this block's.
    parens: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Begin,
    If,
    CaseStatement,
    CaseExpression,
    Loop,
    Repeat,
    /// A REPEAT whose condition has begun.
    Until,
    While,
    For,
    Package,
    /// Between a routine's AS and its BEGIN, in Oracle mode.
    Declarations,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nothing of the statement is seen.
    #[default]
    Start,
    /// After a first BEGIN, which may be a transaction's.
    Begin(usize),
    /// After a first SET, and then in the settings of MariaDB's `SET STATEMENT … FOR`.
    Set,
    Settings,
    /// Between CREATE or ALTER and the kind of object.
    Head {
        create: bool,
    },
    /// From PROCEDURE or FUNCTION to the end of the parameters.
    Parameters,
    /// After TRIGGER, up to EACH ROW; after EVENT, up to DO.
    EachRow,
    Do,
    /// Where a body begins with its first verb or block. `returns`: RETURN begins one too, rather than
    /// naming the type as in Oracle mode. `routine`: AS may begin Oracle mode's declarations.
    Header {
        returns: bool,
        routine: bool,
    },
    /// After that AS.
    As,
    /// Within a block.
    Inside,
    /// No block can begin: the next semicolon ends the statement.
    Plain,
}

#[derive(Clone, Copy)]
struct Before {
    token: Token,
    keyword: Keyword,
}

impl Default for Before {
    fn default() -> Self {
        Before {
            token: Token::Punct(b';'),
            keyword: Keyword::NONE,
        }
    }
}

impl Compound {
    pub fn token(&mut self, lexeme: Lexeme, keyword: Keyword) {
        if matches!(lexeme.token, Token::CodeOpen | Token::CodeClose) || self.mode == Mode::Plain {
            return;
        }
        let before = std::mem::replace(
            &mut self.before,
            Before {
                token: lexeme.token,
                keyword,
            },
        );
        if lexeme.token == Token::Word && before.token != Token::Punct(b'.') {
            self.word(lexeme.start, keyword.as_str(), before);
        } else {
            self.symbol(lexeme.token, before);
        }
        if lexeme.token != Token::Word || keyword.as_str() != "END" {
            self.closed = None;
        }
    }

    /// Takes a semicolon, and answers whether it ends the whole statement.
    pub fn semicolon(&mut self) -> bool {
        if self.stack.is_empty() {
            return true;
        }
        self.mode = Mode::Inside;
        self.starts = true;
        self.label = false;
        self.closed = None;
        self.before = Before::default();
        false
    }

    /// Where the innermost open block begins.
    pub fn unfinished(&self) -> Option<usize> {
        self.stack.last().map(|open| open.at)
    }

    fn symbol(&mut self, token: Token, before: Before) {
        let starts = std::mem::take(&mut self.starts);
        match (self.mode, token) {
            (_, Token::Punct(b'(')) => self.parens += 1,
            (_, Token::Punct(b')')) => {
                self.parens = self.parens.saturating_sub(1);
                if self.parens == 0 && self.mode == Mode::Parameters {
                    self.mode = Mode::Header {
                        returns: false,
                        routine: true,
                    };
                }
            }
            // A label's colon; the `=` of a `:=` takes it back.
            (Mode::Inside, Token::Punct(b':')) => self.starts = true,
            (Mode::Inside, Token::Punct(b'<')) if starts => {
                self.label = true;
            }
            (Mode::Inside, Token::Punct(b'>'))
                if self.label && before.token == Token::Punct(b'>') =>
            {
                self.label = false;
                self.starts = true;
            }
            (Mode::As | Mode::Start | Mode::Begin(_) | Mode::Set, _) => self.mode = self.plain(),
            _ => {}
        }
    }

    fn word(&mut self, at: usize, word: &str, before: Before) {
        match self.mode {
            Mode::Start => self.start(at, word, before),
            Mode::Begin(_) if word == "WORK" => self.mode = Mode::Plain,
            Mode::Begin(opener) => {
                self.open(Block::Begin, opener);
                self.starts = word != "NOT";
                self.inside(at, word, before);
            }
            Mode::Set if word == "STATEMENT" => self.mode = Mode::Settings,
            Mode::Set => self.mode = Mode::Plain,
            Mode::Settings if word == "FOR" && self.parens == 0 => self.mode = Mode::Start,
            Mode::Head { create } if self.parens == 0 => self.head(at, word, before, create),
            Mode::Parameters if self.parens == 0 && matches!(word, "AS" | "IS") => {
                self.mode = Mode::As;
            }
            Mode::EachRow if word == "ROW" && before.keyword.as_str() == "EACH" => {
                self.mode = Mode::Header {
                    returns: true,
                    routine: false,
                };
            }
            Mode::Do if word == "DO" && self.parens == 0 => {
                self.mode = Mode::Header {
                    returns: true,
                    routine: false,
                };
            }
            Mode::Header { returns, routine }
                if self.parens == 0 || !routine || begins_query(word, before) =>
            {
                self.header(at, word, before, returns, routine);
            }
            Mode::As => {
                self.open(Block::Declarations, at);
                self.starts = true;
                self.inside(at, word, before);
            }
            Mode::Inside => self.inside(at, word, before),
            Mode::Settings
            | Mode::Head { .. }
            | Mode::Parameters
            | Mode::EachRow
            | Mode::Do
            | Mode::Header { .. }
            | Mode::Plain => {}
        }
    }

    fn start(&mut self, at: usize, word: &str, before: Before) {
        match word {
            "CREATE" => self.mode = Mode::Head { create: true },
            "ALTER" => self.mode = Mode::Head { create: false },
            "SET" => self.mode = Mode::Set,
            "BEGIN" => self.mode = Mode::Begin(at),
            "DECLARE" => {
                self.open(Block::Declarations, at);
            }
            _ if is_block(word) => {
                self.starts = true;
                self.mode = Mode::Inside;
                self.inside(at, word, before);
            }
            _ => self.mode = Mode::Plain,
        }
    }

    fn head(&mut self, at: usize, word: &str, before: Before, create: bool) {
        match word {
            // The user of `DEFINER = user@host`.
            _ if matches!(before.token, Token::Punct(b'=' | b'@')) => {}
            "OR" | "REPLACE" | "AGGREGATE" | "DEFINER" => {}
            "PROCEDURE" | "FUNCTION" if create => self.mode = Mode::Parameters,
            "TRIGGER" if create => self.mode = Mode::EachRow,
            "EVENT" => self.mode = Mode::Do,
            "PACKAGE" if create => self.open(Block::Package, at),
            _ => self.mode = Mode::Plain,
        }
    }

    fn header(&mut self, at: usize, word: &str, before: Before, returns: bool, routine: bool) {
        match (word, before.keyword.as_str()) {
            // The other trigger's name; the character set's and the type's words.
            (_, "FOLLOWS" | "PRECEDES") | ("SET", "CHARACTER" | "CHAR" | "RETURNS") => {}
            ("RETURNS", _) => {
                self.mode = Mode::Header {
                    returns: true,
                    routine,
                };
            }
            ("RETURN", _) if !returns => {}
            ("AS" | "IS", _) if routine => self.mode = Mode::As,
            ("BEGIN", _) => {
                self.starts = true;
                self.mode = Mode::Inside;
                self.inside(at, word, before);
            }
            _ if is_block(word) => {
                self.starts = true;
                self.mode = Mode::Inside;
                self.inside(at, word, before);
            }
            _ if is_verb(word) => {
                self.mode = self.plain();
                self.starts = false;
            }
            _ => {}
        }
    }

    fn inside(&mut self, at: usize, word: &str, before: Before) {
        let starts = std::mem::take(&mut self.starts);
        if self.label {
            return;
        }
        let top = self
            .stack
            .last()
            .filter(|open| open.parens == self.parens)
            .map(|open| open.block);
        match word {
            "BEGIN" if starts => {
                match self.stack.last_mut() {
                    // A package's own BEGIN and its END are the package's.
                    Some(open) if matches!(open.block, Block::Declarations | Block::Package) => {
                        open.block = Block::Begin;
                        open.at = at;
                    }
                    _ => self.open(Block::Begin, at),
                }
                self.starts = true;
            }
            "ATOMIC" if before.keyword.as_str() == "NOT" && top == Some(Block::Begin) => {
                self.starts = true;
            }
            // The second word of END IF and the like.
            _ if is_block(word) && self.closed.is_some_and(|b| b != Block::CaseExpression) => {}
            "CASE" if starts => self.open(Block::CaseStatement, at),
            "CASE" => self.open(Block::CaseExpression, at),
            "IF" if starts => self.open(Block::If, at),
            "WHILE" if starts => self.open(Block::While, at),
            "FOR" if starts => self.open(Block::For, at),
            "LOOP" if starts => {
                self.open(Block::Loop, at);
                self.starts = true;
            }
            "REPEAT" if starts => {
                self.open(Block::Repeat, at);
                self.starts = true;
            }
            // Oracle mode writes LOOP for DO.
            "DO" | "LOOP" if !starts && matches!(top, Some(Block::While | Block::For)) => {
                self.starts = true;
            }
            "THEN" | "ELSE" if top.is_some_and(|block| block != Block::CaseExpression) => {
                self.starts = true;
            }
            "UNTIL" if starts && top == Some(Block::Repeat) => {
                if let Some(open) = self.stack.last_mut() {
                    open.block = Block::Until;
                }
            }
            "END" => self.end(top, starts, before),
            "FOR" if before.keyword.as_str() == "HANDLER" => {
                self.mode = Mode::Header {
                    returns: true,
                    routine: false,
                };
            }
            "PROCEDURE" | "FUNCTION" if top == Some(Block::Package) => {
                self.mode = Mode::Parameters;
            }
            "AS" | "IS" if top == Some(Block::Package) => self.starts = true,
            _ => {}
        }
    }

    fn end(&mut self, top: Option<Block>, starts: bool, before: Before) {
        let Some(block) = top else { return };
        let closes = match block {
            Block::CaseExpression | Block::Until => ends_operand(before),
            _ => starts,
        };
        if closes {
            self.stack.pop();
            self.closed = Some(block);
            self.mode = self.plain();
        }
    }

    fn open(&mut self, block: Block, at: usize) {
        self.mode = Mode::Inside;
        self.stack.push(Open {
            block,
            at,
            parens: self.parens,
        });
    }

    fn plain(&self) -> Mode {
        if self.stack.is_empty() {
            Mode::Plain
        } else {
            Mode::Inside
        }
    }
}

/// Words that are reserved and open a block where a statement may begin. BEGIN is not reserved.
fn is_block(word: &str) -> bool {
    matches!(word, "IF" | "CASE" | "LOOP" | "REPEAT" | "WHILE" | "FOR")
}

/// Tells whether a query in parentheses begins, as in `CREATE PROCEDURE p() (SELECT 1) UNION …`.
fn begins_query(word: &str, before: Before) -> bool {
    before.token == Token::Punct(b'(') && matches!(word, "SELECT" | "TABLE" | "VALUES" | "WITH")
}

/// Whether an expression can end at the token: then an END behind it is no column of that name.
fn ends_operand(token: Before) -> bool {
    match token.token {
        Token::Punct(symbol) => symbol == b')',
        Token::Word => !matches!(
            token.keyword.as_str(),
            "AND"
                | "BETWEEN"
                | "BINARY"
                | "CASE"
                | "COLLATE"
                | "DISTINCT"
                | "DIV"
                | "ELSE"
                | "ESCAPE"
                | "IN"
                | "INTERVAL"
                | "IS"
                | "LIKE"
                | "MOD"
                | "NOT"
                | "OR"
                | "REGEXP"
                | "RLIKE"
                | "SOUNDS"
                | "THEN"
                | "UNTIL"
                | "WHEN"
                | "XOR"
        ),
        _ => true,
    }
}

/// First words of the statements that may be a routine's whole body, or a handler's.
fn is_verb(word: &str) -> bool {
    matches!(
        word,
        "ALTER"
            | "ANALYZE"
            | "BINLOG"
            | "CACHE"
            | "CALL"
            | "CHANGE"
            | "CHECK"
            | "CHECKSUM"
            | "CLOSE"
            | "COMMIT"
            | "CREATE"
            | "DEALLOCATE"
            | "DELETE"
            | "DESC"
            | "DESCRIBE"
            | "DO"
            | "DROP"
            | "EXECUTE"
            | "EXPLAIN"
            | "FETCH"
            | "FLUSH"
            | "GET"
            | "GRANT"
            | "HANDLER"
            | "INSERT"
            | "INSTALL"
            | "ITERATE"
            | "KILL"
            | "LEAVE"
            | "LOAD"
            | "LOCK"
            | "OPEN"
            | "OPTIMIZE"
            | "PREPARE"
            | "PURGE"
            | "RELEASE"
            | "RENAME"
            | "REPAIR"
            | "REPLACE"
            | "RESET"
            | "RESIGNAL"
            | "RETURN"
            | "REVOKE"
            | "ROLLBACK"
            | "SAVEPOINT"
            | "SELECT"
            | "SET"
            | "SHOW"
            | "SIGNAL"
            | "START"
            | "STOP"
            | "TABLE"
            | "TRUNCATE"
            | "UNINSTALL"
            | "UNLOCK"
            | "UPDATE"
            | "USE"
            | "VALUES"
            | "WITH"
            | "XA"
    )
}
