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
    /// Knows the passwords of this URL: each reading of it, since which one counts may be what is wrong with it.
    pub(super) fn of(url: Option<&str>) -> Redactor {
        let mut secrets = Vec::new();
        if let Some(url) = url {
            let mut spans = parameter_passwords(url, 0, url.len());
            for user in user_starts(url) {
                let colon = url[user..].find(':').map(|length| user + length + 1);
                let ends = url[user..].match_indices('@').map(|(at, _)| user + at);
                spans.extend(colon.into_iter().flat_map(|from| {
                    ends.clone()
                        .filter(move |end| *end >= from)
                        .map(move |end| (from, end))
                }));
            }
            for (start, end) in spans {
                let raw = &url[start..end];
                // A fragment is no part of a parameter.
                for raw in [raw, raw.split('#').next().unwrap_or(raw)] {
                    secrets.push(raw.to_owned());
                    secrets.push(percent_decoded(raw));
                    secrets.push(percent_decoded(&raw.replace('+', " ")));
                }
            }
        }
        secrets.retain(|secret| !secret.is_empty());
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Redactor { secrets }
    }

    /// This URL without its passwords.
    pub(super) fn url(url: Option<&str>) -> Option<String> {
        url.map(|text| Redactor::of(url).clean(text))
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

/// What a URL of a server begins with.
const SERVERS: [&str; 4] = ["postgres", "postgresql", "mysql", "mariadb"];

/// Each word that holds `://`, or begins as the URL of a server with or without slashes, without what stands between
/// the user's `:` and the last `@`.
fn without_urls_passwords(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = 0;
    for (colon, _) in text.match_indices(':') {
        if colon < rest || !begins_url(text, colon) {
            continue;
        }
        let is_outside =
            |character: char| character.is_whitespace() || "'\"`<>".contains(character);
        let end = text[colon..]
            .find(is_outside)
            .map_or(text.len(), |length| colon + length);
        let mut spans = Vec::from_iter(userinfo_password(text, colon, end));
        spans.extend(parameter_passwords(text, colon, end));
        spans.sort_unstable();
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

/// Whether a URL's scheme ends at this `:`.
fn begins_url(text: &str, colon: usize) -> bool {
    if text[colon..].starts_with("://") {
        return true;
    }
    let is_scheme =
        |character: char| character.is_ascii_alphanumeric() || "+-.".contains(character);
    let scheme = text[..colon]
        .rsplit(|character| !is_scheme(character))
        .next()
        .unwrap_or_default();
    is_server(scheme)
}

/// Whether this scheme is that of a server, a driver's name behind it or not.
fn is_server(scheme: &str) -> bool {
    let name = scheme.split('+').next().unwrap_or_default();
    SERVERS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Where the user's part of a URL may begin: behind the scheme and its slashes, or at once. The URL of a file has none,
/// unless it is written as that of a server.
fn user_starts(url: &str) -> Vec<usize> {
    let Some((scheme, behind)) = url.split_once(':') else {
        return Vec::new();
    };
    let user = url.len() - behind.trim_start_matches(['/', '\\']).len();
    match behind.starts_with("//") {
        true => vec![user],
        false if scheme.trim_start() == "sqlite" => Vec::new(),
        false => vec![user, 0],
    }
}

/// The place of `password` in `scheme://user:password@host`, whose `:` stands at `colon`.
fn userinfo_password(text: &str, colon: usize, end: usize) -> Option<(usize, usize)> {
    let behind = text[colon + 1..end].trim_start_matches(['/', '\\']);
    let user = end - behind.len();
    let at = user + text[user..end].rfind('@')?;
    let colon = user + text[user..at].find(':')?;
    Some((colon + 1, at))
}

/// The places of the values of parameters that hold secrets, and of `…` in any `password=…`, which stand between
/// `start` and `end`.
fn parameter_passwords(text: &str, start: usize, end: usize) -> Vec<(usize, usize)> {
    const KEY: &str = "password=";
    const PARTS: [&str; 7] = [
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "secret",
        "token",
        "credential",
    ];
    let mut spans = Vec::new();
    let mut parameter = start
        + text[start..end]
            .find('?')
            .map_or(end - start, |length| length + 1);
    while parameter < end {
        let to = text[parameter..end]
            .find('&')
            .map_or(end, |length| parameter + length);
        if let Some((key, _)) = text[parameter..to].split_once('=') {
            let name = percent_decoded(key).to_ascii_lowercase();
            let is_secret = PARTS.iter().any(|part| name.contains(part));
            if is_secret || name == "key" || name == "hexkey" {
                spans.push((parameter + key.len() + 1, to));
            }
        }
        parameter = to + 1;
    }
    let lower = text[start..end].to_ascii_lowercase();
    for (found, _) in lower.match_indices(KEY) {
        let from = start + found + KEY.len();
        let to = text[from..end]
            .find(|character: char| character == '&' || character.is_whitespace())
            .map_or(end, |length| from + length);
        if !spans.iter().any(|(_, known)| *known == to) {
            spans.push((from, to));
        }
    }
    spans
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

pub(super) fn percent_decoded(text: &str) -> String {
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
            ("is postgres:u:p@h/d it", "is postgres:u:***@h/d it"),
            ("'mysql:/u:p@h/d'", "'mysql:/u:***@h/d'"),
            ("postgresql+asyncpg:u:p@h", "postgresql+asyncpg:u:***@h"),
            ("MariaDB:\\\\u:p@h", "MariaDB:\\\\u:***@h"),
            ("postgres:///u:p@h", "postgres:///u:***@h"),
            ("postgres:u@h:5432/d", "postgres:u@h:5432/d"),
            ("say mysql: u:p@h", "say mysql: u:p@h"),
            ("src/postgres.rs:12: a@b", "src/postgres.rs:12: a@b"),
            (
                "a://h/d?p%61ssword=x&sslmode=on&sslpassword=y&PASSWD=z",
                "a://h/d?p%61ssword=***&sslmode=on&sslpassword=***&PASSWD=***",
            ),
            (
                "a://h/d?options=-c%20x.password=y&user=u",
                "a://h/d?options=-c%20x.password=***&user=u",
            ),
            (
                "a://h/d?keepalive=1&monkey=2",
                "a://h/d?keepalive=1&monkey=2",
            ),
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
        for (url, secret) in [
            ("postgres:app:s3cr3t@db/x", "s3cr3t"),
            ("mysql:/app:s3cr3t@db/x", "s3cr3t"),
            ("postgres:///app:s3cr3t@db/x", "s3cr3t"),
            ("postgres://app:s3cr3t@db/x@y", "s3cr3t"),
            ("postgres://app:s3@cr3t@db/x?y=@", "s3@cr3t"),
            (
                "postgres://%2Fvar%2Frun/x?user=u&password=s3cr3t#y",
                "s3cr3t",
            ),
            ("mysql://u@h/x?socket=/run/m.sock&password=s3cr3t", "s3cr3t"),
            ("postgres://h/x?sslpassword=s3+cr3t", "s3 cr3t"),
            ("postgres://app:s3 cr3t@db/x", "s3 cr3t"),
            ("host=db password=s3cr3t user=u", "s3cr3t"),
        ] {
            let known = Redactor::of(Some(url));
            assert_eq!(known.clean(&format!("x {secret} x")), "x *** x", "{url}");
            assert!(!known.clean(url).contains(secret), "{url}");
        }
        let file = "sqlite:/data/a:b@c.db";
        assert_eq!(Redactor::of(Some(file)).clean(file), file);
        let repeated = Redactor::of(Some("mysql://u:aa@h"));
        assert_eq!(repeated.clean("aaa aa"), "aaa ***");
    }
}
