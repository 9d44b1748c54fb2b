//! Python's tokens: names, strings with their values, and single characters.

use super::PythonError;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    /// From 1.
    pub line: usize,
    /// From 0.
    pub column: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, a keyword or a number.
    Name(String),
    /// None for bytes, and for what is only known when it runs.
    Text(Option<String>),
    Op(char),
    /// The end of a logical line.
    Newline,
}

pub(super) struct Lexer<'s> {
    source: &'s str,
    at: usize,
    line: usize,
    line_start: usize,
    /// How many brackets are open: line breaks in them mean nothing.
    depth: usize,
    tokens: Vec<Token>,
}

impl<'s> Lexer<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Lexer {
            source,
            at: 0,
            line: 1,
            line_start: 0,
            depth: 0,
            tokens: Vec::new(),
        }
    }

    pub(super) fn tokens(mut self) -> Result<Vec<Token>, PythonError> {
        while let Some(character) = self.peek() {
            let start = (self.line, self.at - self.line_start);
            let kind = match character {
                '\n' => {
                    self.bump();
                    if self.depth > 0 {
                        continue;
                    }
                    Kind::Newline
                }
                '#' => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.bump();
                    }
                    continue;
                }
                // A backslash joins two lines.
                '\\' => {
                    self.bump();
                    if self.rest().starts_with("\r\n") {
                        self.bump();
                    }
                    self.bump();
                    continue;
                }
                '"' | '\'' => self.string("")?,
                c if c.is_whitespace() => {
                    self.bump();
                    continue;
                }
                c if c.is_alphanumeric() || c == '_' => {
                    let word = self.word();
                    match self.peek() {
                        Some('"' | '\'') if is_prefix(word) => self.string(word)?,
                        _ => Kind::Name(word.to_owned()),
                    }
                }
                c => {
                    self.bump();
                    match c {
                        '(' | '[' | '{' => self.depth += 1,
                        ')' | ']' | '}' => self.depth = self.depth.saturating_sub(1),
                        _ => {}
                    }
                    Kind::Op(c)
                }
            };
            self.tokens.push(Token {
                kind,
                line: start.0,
                column: start.1,
            });
        }
        Ok(self.tokens)
    }

    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        if character == '\n' {
            self.line += 1;
            self.line_start = self.at;
        }
        Some(character)
    }

    fn word(&mut self) -> &'s str {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// A string from its quote on.
    fn string(&mut self, prefix: &str) -> Result<Kind, PythonError> {
        let line = self.line;
        let unended = || PythonError {
            line,
            problem: "a string that begins here has no end".to_owned(),
        };
        let prefix = prefix.to_ascii_lowercase();
        let is_raw = prefix.contains('r');
        let quote = self.bump().ok_or_else(unended)?;
        let triple: String = [quote; 3].iter().collect();
        let is_long = self.source[self.at - quote.len_utf8()..].starts_with(&triple);
        if is_long {
            self.bump();
            self.bump();
        }
        let mut text = String::new();
        loop {
            if is_long && self.rest().starts_with(&triple) {
                self.bump();
                self.bump();
                self.bump();
                break;
            }
            match self.bump().ok_or_else(unended)? {
                c if c == quote && !is_long => break,
                '\n' if !is_long => return Err(unended()),
                '\\' if is_raw => {
                    text.push('\\');
                    text.extend(self.bump());
                }
                '\\' => self.escape(&mut text).ok_or_else(unended)?,
                c => text.push(c),
            }
        }
        let is_text = !prefix.contains(['b', 'f', 't']);
        Ok(Kind::Text(is_text.then_some(text)))
    }

    /// What follows a backslash. An escape that Python does not know stands for itself.
    fn escape(&mut self, text: &mut String) -> Option<()> {
        let character = self.bump()?;
        let simple = match character {
            '\n' => return Some(()),
            '\r' if self.peek() == Some('\n') => {
                self.bump();
                return Some(());
            }
            '\\' | '\'' | '"' => character,
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' | 'u' | 'U' | '0'..='7' => {
                let (digits, radix) = match character {
                    'x' => (2, 16),
                    'u' => (4, 16),
                    'U' => (8, 16),
                    _ => (3, 8),
                };
                if radix == 8 {
                    self.at -= 1;
                }
                let number: String = self
                    .rest()
                    .chars()
                    .take(digits)
                    .take_while(|c| c.is_digit(radix))
                    .collect();
                self.at += number.len();
                let code = u32::from_str_radix(&number, radix).ok();
                code.and_then(char::from_u32)
                    .unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => {
                text.push('\\');
                character
            }
        };
        text.push(simple);
        Some(())
    }
}

/// What may stand before a string's quote.
fn is_prefix(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    matches!(
        &*word,
        "r" | "u" | "b" | "f" | "t" | "br" | "rb" | "fr" | "rf" | "tr" | "rt"
    )
}
