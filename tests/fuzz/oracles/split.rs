//! The statement splitter: any text, each dialect.

use limbeck::{Dialect, sql};

pub fn check(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    for dialect in Dialect::ALL {
        match sql::split(dialect, text) {
            Ok(statements) => check_statements(dialect, text, &statements),
            Err(error) => {
                assert!(
                    text.is_char_boundary(error.offset()),
                    "{dialect}: {error:?}"
                );
                assert!(!error.to_string().is_empty());
                assert_eq!(
                    sql::position(text, error.offset()),
                    place(text, error.offset())
                );
            }
        }
    }
}

fn check_statements(dialect: Dialect, text: &str, statements: &[sql::Statement<'_>]) {
    if !statements.is_empty() {
        let joined: String = statements.iter().map(sql::Statement::piece).collect();
        assert_eq!(joined, text, "{dialect}: the pieces are the text");
    }
    for statement in statements {
        let (span, piece) = (statement.span(), statement.piece_span());
        assert!(
            piece.start <= span.start && span.end <= piece.end && !span.is_empty(),
            "{dialect}: {statement:?}"
        );
        assert_eq!(statement.text(), &text[span.clone()]);
        assert_eq!(statement.piece(), &text[piece]);
        // What no database takes for a space may stand at either end.
        assert_eq!(
            statement.text().trim_matches([' ', '\t', '\n', '\r']),
            statement.text(),
            "{dialect}"
        );
        assert_eq!(sql::position(text, span.start), place(text, span.start));
        let kind = sql::classify(dialect, statement.text());
        assert_eq!(kind, sql::classify(dialect, statement.text()));
        check_alone(dialect, text, statement.text());
    }
}

/// A statement taken out of its text is still that one statement: it is sent alone. Under a `DELIMITER` of its
/// own, and inside the comment that MySQL executes, a text means less alone.
fn check_alone(dialect: Dialect, whole: &str, text: &str) {
    let upper = whole.to_ascii_uppercase();
    if dialect.is_mysql_family()
        && (upper.contains("DELIMITER") || whole.contains("/*!") || whole.contains("/*M!"))
    {
        return;
    }
    // Two dashes that end a text are MySQL's comment, before anything but a space they are not.
    if dialect.is_mysql_family() && text.ends_with("--") {
        return;
    }
    let alone =
        sql::split(dialect, text).unwrap_or_else(|error| panic!("{dialect}: {text:?}: {error}"));
    let texts: Vec<&str> = alone.iter().map(sql::Statement::text).collect();
    assert_eq!(texts, [text], "{dialect}");
}

/// Line and column of a byte, counted one character at a time.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let (mut line, mut column) = (1, 1);
    for (at, character) in text.char_indices() {
        if at >= offset {
            break;
        }
        (line, column) = if character == '\n' {
            (line + 1, 1)
        } else {
            (line, column + 1)
        };
    }
    (line, column)
}
