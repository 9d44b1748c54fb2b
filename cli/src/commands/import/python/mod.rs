//! Python source, read and not run, as far as a revision's identity goes: the module's docstring, and names to
//! which the module itself assigns literals.

mod lexer;

use std::collections::HashMap;

use lexer::{Kind, Lexer, Token};

/// A value that needs no running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    None,
    Text(String),
    /// A tuple, list or set of texts.
    List(Vec<String>),
}

/// A line, and what it assigns.
pub(super) type Assigned = (usize, Literal);

/// What a module says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Module {
    pub docstring: Option<String>,
    /// The line and the value of each name; of several assignments the last.
    pub assigned: HashMap<String, Assigned>,
}

/// What cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PythonError {
    pub line: usize,
    pub problem: String,
}

/// Reads what the module assigns to the names that are `wanted`. What stands in functions, classes and
/// conditions is not looked at.
pub(super) fn read(source: &str, wanted: &[&str]) -> Result<Module, PythonError> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let tokens = Lexer::new(source).tokens()?;
    let mut module = Module::default();
    let mut is_first = true;
    for line in tokens.split(|token| token.kind == Kind::Newline) {
        let Some(first) = line.first() else { continue };
        if first.column > 0 || matches!(&first.kind, Kind::Name(name) if BLOCKS.contains(&&**name))
        {
            is_first = false;
            continue;
        }
        for statement in line.split(|token| token.kind == Kind::Op(';')) {
            if std::mem::take(&mut is_first)
                && let Some(Literal::Text(text)) = value(statement)
            {
                module.docstring = Some(text);
            }
            if let Some((name, found)) = assignment(statement, wanted)? {
                module.assigned.insert(name, found);
            }
        }
    }
    Ok(module)
}

/// What begins a compound statement: behind its colon may stand statements that are not the module's.
const BLOCKS: [&str; 12] = [
    "if", "elif", "else", "for", "while", "with", "try", "except", "finally", "def", "class",
    "async",
];

/// `name = literal` or `name: annotation = literal`.
fn assignment(
    statement: &[Token],
    wanted: &[&str],
) -> Result<Option<(String, Assigned)>, PythonError> {
    let [
        Token {
            kind: Kind::Name(name),
            line,
            ..
        },
        rest @ ..,
    ] = statement
    else {
        return Ok(None);
    };
    if !wanted.contains(&&**name) {
        return Ok(None);
    }
    let not_literal = || PythonError {
        line: *line,
        problem: format!(
            "`{name}` is no literal, and limbeck reads revision files without running them: write the value \
             itself here"
        ),
    };
    let expression = match rest {
        [
            Token {
                kind: Kind::Op('='),
                ..
            },
            rest @ ..,
        ] => rest,
        [
            Token {
                kind: Kind::Op(':'),
                ..
            },
            rest @ ..,
        ] => match after_annotation(rest) {
            Some(rest) => rest,
            None => return Ok(None),
        },
        // `+=` and the like.
        [
            Token {
                kind: Kind::Op(_), ..
            },
            Token {
                kind: Kind::Op('='),
                ..
            },
            ..,
        ] => {
            return Err(not_literal());
        }
        _ => return Ok(None),
    };
    let value = value(expression).ok_or_else(not_literal)?;
    Ok(Some((name.clone(), (*line, value))))
}

/// What follows the `=` that stands in no bracket.
fn after_annotation(tokens: &[Token]) -> Option<&[Token]> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Op('(' | '[' | '{') => depth += 1,
            Kind::Op(')' | ']' | '}') => depth = depth.saturating_sub(1),
            Kind::Op('=') if depth == 0 => return Some(&tokens[index + 1..]),
            _ => {}
        }
    }
    None
}

/// The value of a whole expression, if it is a literal.
fn value(tokens: &[Token]) -> Option<Literal> {
    match without_parentheses(tokens) {
        [
            Token {
                kind: Kind::Name(name),
                ..
            },
        ] => (name == "None").then_some(Literal::None),
        // A dictionary.
        [
            Token {
                kind: Kind::Op('{'),
                ..
            },
            Token {
                kind: Kind::Op('}'),
                ..
            },
        ] => None,
        [
            Token {
                kind: Kind::Op(open),
                ..
            },
            inner @ ..,
            Token {
                kind: Kind::Op(close),
                ..
            },
        ] if matches!((open, close), ('(', ')') | ('[', ']') | ('{', '}')) => list(inner),
        tokens if has_comma(tokens) => list(tokens),
        tokens => text(tokens).map(Literal::Text),
    }
}

/// What stands in parentheses that only group: those of a tuple hold a comma, or nothing.
fn without_parentheses(tokens: &[Token]) -> &[Token] {
    let is_open = |token: &Token| token.kind == Kind::Op('(');
    let is_close = |token: &Token| token.kind == Kind::Op(')');
    let opened = tokens.iter().take_while(|token| is_open(token)).count();
    let closed = tokens
        .iter()
        .rev()
        .take_while(|token| is_close(token))
        .count();
    let pairs = opened.min(closed);
    match tokens.get(pairs..tokens.len() - pairs) {
        Some(inner) if pairs > 0 && !inner.is_empty() && !has_comma(inner) => inner,
        _ => tokens,
    }
}

fn has_comma(tokens: &[Token]) -> bool {
    tokens.iter().any(|token| token.kind == Kind::Op(','))
}

/// Texts between commas; a comma may end them.
fn list(tokens: &[Token]) -> Option<Literal> {
    let mut items: Vec<&[Token]> = tokens.split(|token| token.kind == Kind::Op(',')).collect();
    if items.last().is_some_and(|last| last.is_empty()) {
        items.pop();
    }
    let texts: Option<Vec<String>> = items
        .into_iter()
        .map(|item| text(without_parentheses(item)))
        .collect();
    texts.map(Literal::List)
}

/// One string, or several beside each other.
fn text(tokens: &[Token]) -> Option<String> {
    if tokens.is_empty() {
        return None;
    }
    tokens
        .iter()
        .map(|token| match &token.kind {
            Kind::Text(Some(text)) => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::strategy::Strategy as _;

    fn assigned(source: &str) -> Literal {
        let module =
            read(source, &["revision"]).unwrap_or_else(|error| panic!("{source}: {error:?}"));
        module.assigned["revision"].1.clone()
    }

    #[test]
    fn literals_in_all_their_forms() {
        let text = |text: &str| Literal::Text(text.to_owned());
        let list = |items: &[&str]| Literal::List(items.iter().map(ToString::to_string).collect());
        for (source, expected) in [
            ("revision = 'a1'", text("a1")),
            ("revision='a1'", text("a1")),
            ("import x\r\nrevision = \"a1\"\r\n", text("a1")),
            ("revision: str = 'a1'  # the id", text("a1")),
            (
                "revision: Union[str, Sequence[str], None] = None",
                Literal::None,
            ),
            ("revision: \"Dict[str, int]\" = 'a1'", text("a1")),
            ("revision = u'a' R'\\1' \"\"\"b\"\"\"", text("a\\1b")),
            ("revision = (\n    'a'  # one\n    'b'\n)", text("ab")),
            ("revision = \\\n    'a1'", text("a1")),
            ("revision = '\\x61\\u0062\\143\\'\\q'", text("abc'\\q")),
            ("revision = ()", list(&[])),
            ("revision = ('a',)", list(&["a"])),
            ("revision = 'a', 'b'", list(&["a", "b"])),
            ("revision = ['a', \"b\" 'c',\n]", list(&["a", "bc"])),
            ("revision = {'a', 'b'}", list(&["a", "b"])),
            ("revision = (('a'))", text("a")),
            ("revision = ('a', ('b' 'c'))", list(&["a", "bc"])),
            ("revision = 'a'; revision = 'b'", text("b")),
            (
                "revision = 'a'\nif True: revision = 'b'\nif x:\n    revision = 'c'\n",
                text("a"),
            ),
            ("def f():\n    revision = 'b'\nrevision = 'a'", text("a")),
            ("x = '''\nrevision = 'b'\n'''\nrevision = 'a'", text("a")),
            ("x = f(\nrevision = 'b'\n)\nrevision = 'a'", text("a")),
        ] {
            assert_eq!(assigned(source), expected, "{source}");
        }
        assert_eq!(
            read("revision: str\nother = 1", &["revision"]),
            Ok(Module::default())
        );
    }

    #[test]
    fn what_would_have_to_run_is_refused_with_its_line() {
        for source in [
            "\nrevision = make()",
            "\nrevision = f'{x}'",
            "\nrevision = b'a'",
            "\nrevision = 'a' + 'b'",
            "\nrevision = 'a' if x else 'b'",
            "\nrevision += 'a'",
            "\nrevision = 12",
            "\nrevision = {}",
            "\nrevision = [None]",
            "\nrevision = other = 'a'",
            "\nrevision =",
            "\nrevision = ('a'",
            "\nrevision = 'a')",
            "\nrevision = [('a', 'b')]",
            "\nrevision = ('a', , 'b')",
        ] {
            let error = read(source, &["revision"]).expect_err(source);
            assert_eq!(error.line, 2, "{source}");
        }
        let error = read("a = 1\nb = 'x\nc = 2", &[]).expect_err("a string without end");
        assert_eq!(error.line, 2);
        let error = read("a = '''x\n\n", &[]).expect_err("a string without end");
        assert_eq!(error.line, 1);
    }

    proptest::proptest! {
        /// Whatever a folder holds, reading it ends.
        #[test]
        fn any_text_is_read_or_refused(
            words in proptest::collection::vec(
                proptest::prop_oneof![
                    proptest::sample::select(vec![
                        "revision", "=", ":", "'", "\"", "\"\"\"", "'''", "\\", "\n", "\r\n", "(", ")", "[", "]",
                        "{", "}", ",", ";", "#", "r", "b", "None", " ", "x4", "u00", "777", "é",
                    ]).prop_map(str::to_owned),
                    ".*",
                ],
                0..40,
            )
        ) {
            let _ = read(&words.concat(), &["revision"]);
        }
    }

    #[test]
    fn brackets_may_be_deep() {
        let deep = "(".repeat(100_000);
        let source = format!("revision = {deep}'a'{}", ")".repeat(100_000));
        assert_eq!(assigned(&source), Literal::Text("a".to_owned()));
        assert!(
            read(
                &format!("revision = {}", "[".repeat(100_000)),
                &["revision"]
            )
            .is_err()
        );
    }

    #[test]
    fn the_docstring_is_the_first_statement() {
        let docstring = |source| read(source, &[]).expect("Python").docstring;
        assert_eq!(docstring("# x\n\n'''a\nb'''\n"), Some("a\nb".to_owned()));
        assert_eq!(docstring("import x\n'a'"), None);
        assert_eq!(docstring("x = 'a'"), None);
        assert_eq!(docstring(""), None);
    }
}
