//! The tokens of a piece of SQL, for those who compare or rewrite it.

use std::borrow::Cow;
use std::ops::Range;

use super::lexer::{Lexer, Token};
use crate::dialect::Dialect;

/// A token, without the white space and comments around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub kind: PieceKind,
    /// As it stands there.
    pub text: &'a str,
    pub range: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PieceKind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in quotes.
    Quoted,
    /// A string.
    Text,
    /// A number, a sign, anything else.
    Other,
}

impl<'a> Piece<'a> {
    /// The name that it is, without quotes, if it can be one.
    pub(crate) fn name(&self) -> Option<Cow<'a, str>> {
        match self.kind {
            PieceKind::Word => Some(Cow::Borrowed(self.text)),
            PieceKind::Quoted => {
                let quote = self.text.chars().next()?;
                let inner = self.text.get(1..self.text.len().checked_sub(1)?)?;
                let doubled = format!("{quote}{quote}");
                Some(if quote != '[' && inner.contains(&doubled) {
                    Cow::Owned(inner.replace(&doubled, &quote.to_string()))
                } else {
                    Cow::Borrowed(inner)
                })
            }
            PieceKind::Text | PieceKind::Other => None,
        }
    }

    /// Whether it is this keyword, given in upper case, without quotes.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        match self.kind {
            PieceKind::Word | PieceKind::Other => self.text.eq_ignore_ascii_case(keyword),
            PieceKind::Quoted | PieceKind::Text => false,
        }
    }
}

/// The tokens of `sql`. From something that is opened and never closed on, the rest is one.
pub(crate) fn pieces(dialect: Dialect, sql: &str) -> Vec<Piece<'_>> {
    let mut lexer = Lexer::new(dialect, sql);
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    loop {
        match lexer.next() {
            Ok(None) => return pieces,
            Ok(Some(lexeme)) => pieces.push(Piece {
                kind: match lexeme.token {
                    Token::Word => PieceKind::Word,
                    Token::QuotedName => PieceKind::Quoted,
                    Token::Text => PieceKind::Text,
                    _ => PieceKind::Other,
                },
                text: &sql[lexeme.start..lexeme.end],
                range: lexeme.start..lexeme.end,
            }),
            Err(_) => {
                let start = pieces.last().map_or(0, |last| last.range.end);
                pieces.push(Piece {
                    kind: PieceKind::Other,
                    text: &sql[start..],
                    range: start..sql.len(),
                });
                return pieces;
            }
        }
    }
}
