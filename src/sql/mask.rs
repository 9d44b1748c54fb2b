//! A foreign statement without its literals.

/// The statement with `?` for each literal and nothing for each comment, on one line: what it does and to what is seen,
/// passwords and people's data are not.
///
/// No dialect is asked for, and the text may end anywhere, as servers cut it. Whatever the databases would read
/// differently, so that one's literal is the other's code, is masked to the end of the text: a quote behind a backslash,
/// `#` and `--` before what may be a string, comments in comments, a string in square brackets, dollar quotes. So are
/// names in double quotes, which are strings to MySQL. Masked text stays as it is when it is masked again.
pub(crate) fn mask(sql: &str) -> String {
    /// Enough for what is shown, and a bound on the time.
    const LIMIT: usize = 4096;
    let sql = &sql[..sql.floor_char_boundary(LIMIT)];
    let mut masker = Masker {
        sql,
        at: 0,
        masked: String::new(),
        has_gap: false,
        setting: Setting::None,
        is_first: true,
    };
    while let Some(character) = masker.rest().chars().next() {
        let is_readable = masker.token(character);
        if is_readable.is_none() {
            masker.push("?");
            break;
        }
    }
    masker.masked
}

/// How far a statement is that gives settings values: there a word may be one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Setting {
    None,
    /// After `ALTER`: `SET` may come.
    Perhaps,
    Name,
    Value,
}

struct Masker<'s> {
    sql: &'s str,
    at: usize,
    masked: String,
    /// White space or a comment stands before the next token.
    has_gap: bool,
    setting: Setting,
    /// The next word begins a statement.
    is_first: bool,
}

impl<'s> Masker<'s> {
    fn rest(&self) -> &'s str {
        &self.sql[self.at..]
    }

    /// Reads the next token. None: what follows cannot be told apart with certainty.
    fn token(&mut self, character: char) -> Option<()> {
        let rest = self.rest();
        let length = character.len_utf8();
        match character {
            _ if character.is_whitespace() => self.skip(length),
            '\'' | '"' => {
                let end = quoted(rest, character)?;
                self.push("?");
                self.at += end;
            }
            '`' => {
                let name = rest[1..].split('`').next()?;
                let is_name = name.chars().all(is_of_word)
                    && name.chars().next().is_some_and(|first| !first.is_numeric());
                let end = name.len() + 2;
                if !is_name || rest.len() < end {
                    return None;
                }
                self.push(&rest[..end]);
                self.at += end;
            }
            '[' => {
                if may_open(&rest[..rest.find(']')?]) {
                    return None;
                }
                self.push("[");
                self.at += length;
            }
            '-' if rest.starts_with("--") => {
                let is_spaced = rest[2..].chars().next().is_none_or(char::is_whitespace);
                self.skip(line_comment(rest, !is_spaced)?);
            }
            '#' => self.skip(line_comment(rest, true)?),
            '/' if rest.starts_with("/*") => self.skip(block_comment(rest)?),
            '$' => {
                let tag = rest[1..].find(|character| !is_of_name(character));
                let is_quote = tag.is_none_or(|end| rest[1 + end..].starts_with('$'));
                let is_parameter = rest[1..].starts_with(|first: char| first.is_ascii_digit());
                if is_quote && !is_parameter {
                    return None;
                }
                self.push("$");
                self.at += length;
                // `$1` is a parameter and no number.
                self.take_while(|character| character.is_ascii_digit());
            }
            _ if character.is_numeric()
                || character == '.'
                    && rest[1..].starts_with(char::is_numeric)
                    && !self.masked.ends_with(is_of_word) =>
            {
                self.push("?");
                self.at += rest
                    .find(|character| !is_of_name(character) && character != '.')
                    .unwrap_or(rest.len());
            }
            _ if is_of_word(character) => self.word(),
            _ => {
                if character == ';' {
                    self.setting = Setting::None;
                    self.is_first = true;
                } else if matches!(character, '=' | '(') && self.setting == Setting::Name {
                    self.setting = Setting::Value;
                }
                self.push(&rest[..length]);
                self.at += length;
            }
        }
        Some(())
    }

    fn word(&mut self) {
        let rest = self.rest();
        let length = rest
            .find(|character| !is_of_word(character))
            .unwrap_or(rest.len());
        let word = &rest[..length];
        let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
        let is_first = std::mem::take(&mut self.is_first);
        if self.setting == Setting::Value {
            self.push("?");
            self.at += length;
            return;
        }
        if is_first && (is("SET") || is("PRAGMA")) || self.setting == Setting::Perhaps && is("SET")
        {
            self.setting = Setting::Name;
        } else if is_first && is("ALTER") {
            self.setting = Setting::Perhaps;
        } else if self.setting == Setting::Name && is("TO") {
            self.setting = Setting::Value;
        }
        self.push(word);
        self.at += length;
    }

    fn skip(&mut self, length: usize) {
        self.has_gap = true;
        self.at += length;
    }

    fn push(&mut self, token: &str) {
        if std::mem::take(&mut self.has_gap) && !self.masked.is_empty() {
            self.masked.push(' ');
        }
        self.masked.push_str(token);
    }

    /// Takes more of the token before.
    fn take_while(&mut self, is_part: impl Fn(char) -> bool) {
        let rest = self.rest();
        let length = rest
            .find(|character| !is_part(character))
            .unwrap_or(rest.len());
        self.masked.push_str(&rest[..length]);
        self.at += length;
    }
}

fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn is_of_word(character: char) -> bool {
    is_of_name(character) || character == '$'
}

/// The length of a string or quoted name in which all databases agree.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut backslashes = 0;
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            backslashes += 1;
            continue;
        }
        if character == quote {
            if backslashes % 2 == 1 {
                return None;
            }
            match characters.peek() {
                Some((_, next)) if *next == quote => {
                    characters.next();
                }
                _ => return Some(at + 1),
            }
        }
        backslashes = 0;
    }
    None
}

/// The length of a comment to the end of the line, which may be code to some database.
fn line_comment(text: &str, may_be_code: bool) -> Option<usize> {
    let line = text.split('\n').next()?;
    let returned = line.strip_suffix('\r').unwrap_or(line).contains('\r');
    if returned || may_be_code && (may_open(&line[1..]) || line.contains('[')) {
        return None;
    }
    Some(line.len())
}

/// Whether a string or a comment may begin in this text.
fn may_open(text: &str) -> bool {
    text.contains(['\'', '"', '`', '$', '#']) || text.contains("--") || text.contains("/*")
}

/// The length of a comment that is one to every database.
fn block_comment(text: &str) -> Option<usize> {
    let inner = &text[2..2 + text[2..].find("*/")?];
    let is_code = inner.starts_with('!') || inner.starts_with("M!");
    if inner.contains("/*") || is_code {
        return None;
    }
    Some(inner.len() + 4)
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn literals_are_masked_and_what_is_done_is_seen() {
        let table = [
            (
                "UPDATE users SET mail = 'ann@x.org', age=41 WHERE id = -17",
                "UPDATE users SET mail = ?, age=? WHERE id = -?",
            ),
            (
                "ALTER ROLE app PASSWORD 'hunter2'; SELECT 1",
                "ALTER ROLE app PASSWORD ?; SELECT ?",
            ),
            ("SELECT 'it''s', \"a \"\"b\"", "SELECT ?, ?"),
            ("SELECT 'a\\\\', b", "SELECT ?, b"),
            ("SELECT 'it\\'s hunter2', 'x', y", "SELECT ?"),
            ("SELECT 'C:\\', 'hunter2'", "SELECT ?"),
            (
                "INSERT INTO t1 VALUES (0xFF, x'AB', 1.5e10, .5)",
                "INSERT INTO t1 VALUES (?, x?, ?, ?)",
            ),
            ("SELECT `a b`, c", "SELECT ?"),
            (
                "UPDATE `users` SET `mail` = 'x'",
                "UPDATE `users` SET `mail` = ?",
            ),
            ("DO $$ hunter2 $$ LANGUAGE sql", "DO ?"),
            ("DO $a$ hunter2 $a$", "DO ?"),
            ("SELECT 1$$hunter2 x$$", "SELECT ??"),
            ("SELECT $1, a$b, $12", "SELECT $1, a$b, $12"),
            (
                "SELECT /* hunter2 */ a -- hunter2\n, b # hunter2\n, c",
                "SELECT a , b , c",
            ),
            ("SELECT 5--'a\nhunter2'", "SELECT ??"),
            ("SELECT a #>> '{a\nhunter2}'", "SELECT a ?"),
            ("SELECT a -- b\r'c\nhunter2'", "SELECT a ?"),
            ("SELECT a -- don't\n, 'b'", "SELECT a , ?"),
            ("/* a /* b */ hunter2 */", "?"),
            ("SELECT /*!50000 '*/ hunter2' */ 1", "SELECT ?"),
            ("SELECT a[1], b FROM t", "SELECT a[?], b FROM t"),
            ("SELECT [it's] = 'hunter2'", "SELECT ?"),
            ("SELECT [a -- b] = 'x\nhunter2'", "SELECT ?"),
            (
                "SET app.token = hunter2, b = c; SELECT a",
                "SET app.token = ?, ? = ?; SELECT a",
            ),
            ("set app.token to hunter2", "set app.token to ?"),
            (
                "ALTER ROLE x SET app.token = hunter2",
                "ALTER ROLE x SET app.token = ?",
            ),
            ("ALTER TABLE a RENAME TO b", "ALTER TABLE a RENAME TO b"),
            ("PRAGMA key(hunter2)", "PRAGMA key(?)"),
            ("GRANT ALL ON *.* TO 'bob'@'h'", "GRANT ALL ON *.* TO ?@?"),
            (
                "SELECT '漢字', ü FROM \u{fffd}",
                "SELECT ?, ü FROM \u{fffd}",
            ),
            ("", ""),
        ];
        for (sql, masked) in table {
            assert_eq!(mask(sql), masked, "{sql}");
            assert_eq!(mask(masked), masked, "{masked}");
        }
    }

    /// Servers cut long statements at any byte, and so does the bound on time.
    #[test]
    fn a_cut_anywhere_shows_no_literal() {
        let statements = [
            "INSERT INTO t VALUES ('hunter2 hunter2', \"hunter2\", E'\\\\hunter2', 'a''hunter2')",
            "/* hunter2 */ SELECT $x$ hunter2 $x$, 'hunter2' -- hunter2 'hunter2'",
            "SET a = hunter2; ALTER ROLE a SET b TO hunter2; SELECT N'hunter2', U&'hunter2', _utf8'hunter2'",
            "SELECT '\u{fc}hunter2' # hunter2",
        ];
        for sql in statements {
            for end in 0..=sql.len() {
                let cut = &sql[..sql.floor_char_boundary(end)];
                let masked = mask(cut);
                assert!(!masked.contains("hun"), "{cut} as {masked}");
            }
        }
        let long = format!("SELECT {}, 'hunter2'", "a,".repeat(5000));
        assert!(mask(&long).len() <= 4096);
    }
}
