//! Pieces of a statement's text.

use crate::sql::Piece;

pub(super) fn name_of(piece: &Piece<'_>) -> Option<String> {
    if let Some(name) = piece.name() {
        return Some(name.into_owned());
    }
    let inner = piece.text.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.replace("''", "'"))
}

/// The parenthesis that closes the one at `open`.
pub(super) fn closing(pieces: &[Piece<'_>], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, piece) in pieces.iter().enumerate().skip(open) {
        match piece.text {
            "(" => depth += 1,
            ")" => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// The text from one piece to before another, without what says nothing: the table's own name before a column's, which
/// a rename of the table would leave behind, and `ASC`.
pub(super) fn expression(
    sql: &str,
    pieces: &[Piece<'_>],
    start: usize,
    end: usize,
    table: &str,
) -> String {
    let Some(first) = pieces.get(start).filter(|_| start < end) else {
        return String::new();
    };
    let mut text = String::new();
    let mut copied = first.range.start;
    let mut at = start;
    while at < end {
        let piece = &pieces[at];
        let next = pieces[at + 1..end].first();
        let qualifies = next.is_some_and(|next| next.text == ".")
            && (at == start || pieces[at - 1].text != ".")
            && piece
                .name()
                .is_some_and(|name| name.eq_ignore_ascii_case(table));
        let ascends = piece.is("ASC")
            && next.is_some_and(|next| matches!(next.text, "," | ")"))
            && at > start;
        if qualifies {
            text.push_str(&sql[copied..piece.range.start]);
            copied = pieces[at + 1].range.end;
            at += 1;
        } else if ascends {
            text.push_str(sql[copied..piece.range.start].trim_end());
            copied = piece.range.end;
        }
        at += 1;
    }
    text.push_str(&sql[copied..pieces[end - 1].range.end]);
    text
}
