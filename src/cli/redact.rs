//! Passwords stay out of everything that is printed.

/// What stands where a password stood.
const HIDDEN: &str = "***";

/// Takes passwords out of texts: any in something that looks like a URL, and the known ones wherever they
/// stand as a word.
#[derive(Debug, Clone, Default)]
pub(super) struct Redactor {
    /// The longest first.
    secrets: Vec<String>,
}

impl Redactor {
    /// Knows the passwords of this URL.
    pub(super) fn of(url: Option<&str>) -> Redactor {
        let mut secrets = Vec::new();
        if let Some(url) = url {
            let (start, end) = (0, url.len());
            let mut spans = Vec::from_iter(userinfo_password(url, start, end));
            // An `@` in the query is no end of the user's part.
            let query = url.find(['?', '#']).unwrap_or(end);
            spans.extend(userinfo_password(url, start, query));
            spans.extend(parameter_password(url, start, end));
            for (start, end) in spans {
                let raw = &url[start..end];
                secrets.push(raw.to_owned());
                secrets.push(percent_decoded(raw));
                secrets.push(percent_decoded(&raw.replace('+', " ")));
            }
        }
        secrets.retain(|secret| !secret.is_empty());
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Redactor { secrets }
    }

    /// Knows those of both.
    pub(super) fn and(mut self, other: Redactor) -> Redactor {
        self.secrets.extend(other.secrets);
        self.secrets
            .sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        self.secrets.dedup();
        self
    }

    /// The text without passwords.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut text = without_urls_passwords(text);
        for secret in &self.secrets {
            text = without_word(&text, secret);
        }
        text
    }
}

/// Each word that holds `://`, without what stands between the user's `:` and the last `@`.
fn without_urls_passwords(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = 0;
    while let Some(found) = text[rest..].find("://") {
        let scheme_end = rest + found;
        let is_outside =
            |character: char| character.is_whitespace() || "'\"`<>".contains(character);
        let end = text[scheme_end..]
            .find(is_outside)
            .map_or(text.len(), |length| scheme_end + length);
        let mut spans = Vec::from_iter(userinfo_password(text, scheme_end, end));
        spans.extend(parameter_password(text, scheme_end, end));
        for (from, to) in spans {
            if to > rest {
                clean.push_str(&text[rest..from.max(rest)]);
                clean.push_str(HIDDEN);
                rest = to;
            }
        }
        clean.push_str(&text[rest..end.max(rest)]);
        rest = end.max(rest);
    }
    clean.push_str(&text[rest..]);
    clean
}

/// The place of `password` in `scheme://user:password@host`, which stands between `start` and `end`.
fn userinfo_password(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let user = start + text[start..end].find("://")? + 3;
    let at = user + text[user..end].rfind('@')?;
    let colon = user + text[user..at].find(':')?;
    Some((colon + 1, at))
}

/// The place of `…` in `password=…`, which stands between `start` and `end`.
fn parameter_password(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    const KEY: &str = "password=";
    let from = start + text[start..end].find(KEY)? + KEY.len();
    let to = text[from..end]
        .find('&')
        .map_or(end, |length| from + length);
    Some((from, to))
}

/// The text without a secret that stands as a word of its own: a short password is part of many words.
fn without_word(text: &str, secret: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = 0;
    let mut search = 0;
    while let Some(found) = text[search..].find(secret) {
        let start = search + found;
        let end = start + secret.len();
        let is_inner = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
        if is_inner(text[..start].chars().next_back()) || is_inner(text[end..].chars().next()) {
            // On by one character, so that no occurrence is missed.
            search = start + text[start..].chars().next().map_or(1, char::len_utf8);
            continue;
        }
        clean.push_str(&text[rest..start]);
        clean.push_str(HIDDEN);
        rest = end;
        search = end;
    }
    clean.push_str(&text[rest..]);
    clean
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1..at + 3);
        let byte = pair
            .filter(|_| bytes[at] == b'%')
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        decoded.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_go_from_any_text() {
        let nobody = Redactor::default();
        let table = [
            (
                "no such host: 'postgres://app:hunter2@db/x'",
                "no such host: 'postgres://app:***@db/x'",
            ),
            ("mysql://u:p@ss@h/d and more", "mysql://u:***@h/d and more"),
            ("mysql://u:a/b@h/d", "mysql://u:***@h/d"),
            ("postgres://u@h:5432/d", "postgres://u@h:5432/d"),
            ("postgres://h:5432/d", "postgres://h:5432/d"),
            (
                "postgres://h/d?user=u&password=pw&sslmode=require x",
                "postgres://h/d?user=u&password=***&sslmode=require x",
            ),
            ("a://b:c@d then e://f:g@h", "a://b:***@d then e://f:***@h"),
            (
                "a://b:c@d?password=e then f",
                "a://b:***@d?password=*** then f",
            ),
            ("a://b:c@d?password=e@f", "a://b:******"),
            ("://", "://"),
            ("ü://ü:ü@ü", "ü://ü:***@ü"),
        ];
        for (text, clean) in table {
            assert_eq!(nobody.clean(text), clean, "{text}");
        }
    }

    #[test]
    fn a_known_password_goes_wherever_it_is_a_word() {
        let known = Redactor::of(Some("postgres://app:p%40ss+w@db/x?password=q"));
        for text in [
            "for \"p@ss+w\"",
            "for \"p%40ss+w\"",
            "for \"p@ss w\"",
            "for \"q\"",
        ] {
            assert_eq!(known.clean(text), "for \"***\"", "{text}");
        }
        assert_eq!(known.clean("a quick q, aq, q1"), "a quick ***, aq, q1");
        let repeated = Redactor::of(Some("mysql://u:aa@h"));
        assert_eq!(repeated.clean("aaa aa"), "aaa ***");
    }
}
