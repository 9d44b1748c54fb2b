//! Advice on connections that TLS, or its lack, keeps from being made.

use std::fs;
use std::io;

use limbeck::Dialect;

use crate::redact::percent_decoded;

/// The reason of a connection's failure and what to do about it; none where TLS has no part in it.
pub(super) fn advice(dialect: Dialect, url: &str, error: &sqlx::Error) -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok();
    Asked::of(dialect, url, variable)?.advice(error, HAS_TLS)
}

/// The values that the mode has, if the URL has another.
pub(super) fn modes(error: &sqlx::Error) -> &'static str {
    if error.to_string().contains("for `ssl_mode`") {
        ": `sslmode` of PostgreSQL is disable, allow, prefer, require, verify-ca or verify-full; `ssl-mode` of MySQL and \
         MariaDB is DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY"
    } else {
        ""
    }
}

/// TLS in this program.
const HAS_TLS: bool = cfg!(feature = "tls");

const FEATURE: &str = "the feature `tls` of limbeck-cli";

/// The parameters of a database's URL, under each name that sqlx knows, the manual's first.
#[derive(Debug)]
struct Parameters {
    mode: [&'static str; 2],
    authority: &'static [&'static str],
    certificate: [&'static str; 2],
    key: [&'static str; 2],
    disable: &'static str,
    prefer: &'static str,
    require: &'static str,
    verify_authority: &'static str,
    /// The server's own settings.
    server: &'static str,
}

const POSTGRES: Parameters = Parameters {
    mode: ["sslmode", "ssl-mode"],
    authority: &["sslrootcert", "ssl-root-cert", "ssl-ca"],
    certificate: ["sslcert", "ssl-cert"],
    key: ["sslkey", "ssl-key"],
    disable: "sslmode=disable",
    prefer: "sslmode=prefer",
    require: "sslmode=require",
    verify_authority: "sslmode=verify-ca",
    server: "`ssl = on`, `ssl_cert_file`, `ssl_key_file`",
};

const MYSQL: Parameters = Parameters {
    mode: ["ssl-mode", "sslmode"],
    authority: &["ssl-ca", "sslca"],
    certificate: ["ssl-cert", "sslcert"],
    key: ["ssl-key", "sslkey"],
    disable: "ssl-mode=DISABLED",
    prefer: "ssl-mode=PREFERRED",
    require: "ssl-mode=REQUIRED",
    verify_authority: "ssl-mode=VERIFY_CA",
    server: "`ssl-cert`, `ssl-key`",
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Never TLS. PostgreSQL's `allow` is that too: sqlx does not try a second time.
    Plain,
    /// TLS where program and server have it.
    Preferred,
    /// TLS with any certificate.
    Encrypted,
    /// TLS with a certificate that is trusted.
    Verified,
}

/// TLS as a connection's URL and environment ask for it.
#[derive(Debug)]
struct Asked {
    dialect: Dialect,
    parameters: &'static Parameters,
    mode: Mode,
    /// The mode as it was given: `sslmode=allow`.
    given: String,
    authority: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

impl Asked {
    /// None for a database without a server.
    fn of(dialect: Dialect, url: &str, variable: impl Fn(&str) -> Option<String>) -> Option<Asked> {
        let (parameters, has_variables) = match dialect {
            Dialect::Postgres => (&POSTGRES, true),
            Dialect::Mysql | Dialect::Mariadb => (&MYSQL, false),
            _ => return None,
        };
        let value = |names: &[&str], name: &str| {
            parameter(url, names).or_else(|| has_variables.then(|| variable(name)).flatten())
        };
        let mode = value(&parameters.mode, "PGSSLMODE");
        let word = mode.as_deref().unwrap_or_default().to_ascii_lowercase();
        Some(Asked {
            dialect,
            parameters,
            mode: match &*word {
                "disable" | "allow" | "disabled" => Mode::Plain,
                "require" | "required" => Mode::Encrypted,
                "verify-ca" | "verify-full" | "verify_ca" | "verify_identity" => Mode::Verified,
                // sqlx's default, also for a variable that it cannot read.
                _ => Mode::Preferred,
            },
            given: match mode {
                Some(mode) => format!("{}={mode}", parameters.mode[0]),
                None => parameters.prefer.to_owned(),
            },
            authority: value(parameters.authority, "PGSSLROOTCERT"),
            certificate: value(&parameters.certificate, "PGSSLCERT"),
            key: value(&parameters.key, "PGSSLKEY"),
        })
    }

    fn advice(&self, error: &sqlx::Error, has_tls: bool) -> Option<String> {
        match error {
            sqlx::Error::Tls(error) => Some(self.no_handshake(&error.to_string())),
            sqlx::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                Some(self.handshake(&error.to_string()))
            }
            sqlx::Error::Io(error) => self.unreadable_file(error),
            sqlx::Error::Configuration(error) => self.options(&error.to_string(), has_tls),
            sqlx::Error::Database(error) => {
                let code = error.code().unwrap_or_default();
                self.server(&code, error.message(), has_tls)
            }
            _ => None,
        }
    }

    /// sqlx's errors before the two sides speak TLS.
    fn no_handshake(&self, text: &str) -> String {
        let Parameters { prefer, server, .. } = self.parameters;
        let given = &self.given;
        if text.contains("without TLS support") {
            format!(
                "this program is built without TLS, which `{given}` asks for. Build it with {FEATURE}, or connect without \
                 where nobody can listen: `{prefer}`"
            )
        } else if text.contains("server does not support TLS") {
            format!(
                "the server has no TLS, which `{given}` asks for. Switch it on there ({server}), or connect without where \
                 nobody can listen: `{prefer}`"
            )
        } else if text.contains("no root trust anchors") {
            format!(
                "no authority is known that could have signed the server's certificate: the system has none. {}",
                self.name_authority()
            )
        } else if let Some(path) = &self.authority
            && (text.contains("Invalid certificate") || text.contains("BadEncoding"))
        {
            self.no_certificate_in(path)
        } else {
            self.disagreement()
        }
    }

    /// rustls's own errors.
    fn handshake(&self, text: &str) -> String {
        let Parameters {
            mode: [mode, _],
            certificate: [certificate, _],
            key: [key, _],
            disable,
            require,
            verify_authority,
            ..
        } = self.parameters;
        if text.contains("UnknownIssuer") {
            return match &self.authority {
                Some(path) if !has_certificate(path) => self.no_certificate_in(path),
                Some(path) => format!(
                    "the server's certificate is not signed by the authority in \"{path}\", nor by one that the system \
                     trusts. {}",
                    self.name_authority()
                ),
                None => format!(
                    "the server's certificate is not signed by an authority that the system trusts. {}",
                    self.name_authority()
                ),
            };
        }
        if text.contains("CaUsedAsEndEntity") {
            return format!(
                "the server shows the certificate of an authority (CA:TRUE, as `openssl req -x509` makes them), which proves \
                 no server. Give the server one of its own that the authority signs, with basicConstraints=CA:FALSE and \
                 subjectAltName, or encrypt without a proof of who the server is: `{require}`"
            );
        }
        if let Some((_, names)) = text.split_once("certificate not valid for name ") {
            let (asked, names) = names.split_once(';').unwrap_or((names, ""));
            let asked = asked.trim_matches('"');
            return match presented(names).as_str() {
                "" => format!(
                    "the server's certificate is for no host, and the URL names {asked}: it has no subjectAltName, and the \
                     common name does not count. Renew it with one, or look at the authority alone: `{verify_authority}`"
                ),
                names => format!(
                    "the server's certificate is for {names}, and the URL names {asked}. Connect by the certificate's \
                     name, renew the certificate for the URL's, or look at the authority alone: `{verify_authority}`"
                ),
            };
        }
        if text.contains("Expired") || text.contains("certificate expired") {
            return "the server's certificate has expired. Renew it there, or set this machine's clock".to_owned();
        }
        if text.contains("NotValidYet") || text.contains("not valid yet") {
            return "the server's certificate is not valid yet. Set this machine's clock, or the server's".to_owned();
        }
        if text.contains("ProtocolVersion")
            || text.contains("HandshakeFailure")
            || text.contains("InsufficientSecurity")
            || text.contains("peer is incompatible")
        {
            return format!(
                "server and program have no version or cipher of TLS in common: the program speaks TLS 1.2 and 1.3. Let the \
                 server speak one of them, or connect without where nobody can listen: `{disable}`"
            );
        }
        if text.contains("CertificateRequired") {
            return self.name_certificate();
        }
        if text.contains("received fatal alert") && self.certificate.is_some() {
            return format!(
                "the server does not accept the certificate that `{certificate}` names. Give one that the server's authority \
                 signed, and its key (`{key}`)"
            );
        }
        if text.contains("invalid peer certificate") {
            return format!(
                "the server's certificate is not accepted. Renew it there, or encrypt without a proof of who the server is: \
                 `{require}` (now `{mode}` asks for one)"
            );
        }
        self.disagreement()
    }

    /// The file of a parameter, which sqlx's error does not name.
    fn unreadable_file(&self, error: &io::Error) -> Option<String> {
        let parameters = self.parameters;
        let authority = (self.mode == Mode::Verified).then_some(&self.authority);
        let certificate = (self.mode != Mode::Plain).then_some(&self.certificate);
        let key = (self.mode != Mode::Plain).then_some(&self.key);
        for (name, path) in [
            (parameters.certificate[0], certificate),
            (parameters.key[0], key),
            (parameters.authority[0], authority),
        ] {
            let Some(Some(path)) = path else { continue };
            match fs::read(path) {
                Err(of_file) if of_file.kind() == error.kind() => {
                    let system = if path == "system" && name == parameters.authority[0] {
                        ". Leave the parameter out: the authorities that the system trusts are known without"
                    } else {
                        ". Correct its path or its rights"
                    };
                    return Some(format!(
                        "the file \"{path}\", which `{name}` names, cannot be read{system}"
                    ));
                }
                _ => {}
            }
        }
        None
    }

    /// Options that sqlx refuses by itself.
    fn options(&self, text: &str, has_tls: bool) -> Option<String> {
        let Parameters {
            certificate: [certificate, _],
            key: [key, _],
            require,
            server,
            ..
        } = self.parameters;
        if text.contains("RSA auth backend disabled") {
            let needs = "MySQL's login for this user (`caching_sha2_password` or `sha256_password`) needs TLS, or RSA";
            let rsa = "the feature `mysql-rsa` of limbeck-cli";
            return Some(match self.mode {
                _ if !has_tls => format!(
                    "{needs}, and this program is built with neither: build it with {FEATURE}, or with {rsa}"
                ),
                Mode::Plain => {
                    format!(
                        "{needs}, and `{}` asks for no TLS. Set `{require}`, or build the program with {rsa}",
                        self.given
                    )
                }
                _ => format!(
                    "{needs}, and the server has no TLS. Switch it on there ({server}), or build the program with {rsa}"
                ),
            });
        }
        if text.contains("must be given together") {
            return Some(format!(
                "a client's certificate and its key belong together: `{certificate}` names the one, `{key}` the other"
            ));
        }
        if text.contains("no keys found") {
            return Some(format!(
                "the file that `{key}` names holds no key (PEM: PKCS #8, PKCS #1 or SEC 1, not encrypted)"
            ));
        }
        None
    }

    /// A server's refusal, by SQLSTATE and text.
    fn server(&self, code: &str, text: &str, has_tls: bool) -> Option<String> {
        let Parameters {
            disable, require, ..
        } = self.parameters;
        let given = &self.given;
        let is_asked = self.mode == Mode::Plain;
        let is_plain = is_asked || !has_tls;
        let what_to_do = match (has_tls, is_asked) {
            (true, _) => format!("set `{require}`"),
            (false, false) => format!("build this program with {FEATURE}"),
            (false, true) => format!("build this program with {FEATURE}, and set `{require}`"),
        };
        let asks_for_none = if is_asked {
            format!(", and `{given}` asks for none")
        } else {
            String::new()
        };
        // MySQL's `require_secure_transport`; PgBouncer's `client_tls_sslmode`.
        if ["insecure transport", "SSL required", "TLS required"]
            .iter()
            .any(|words| text.contains(words))
        {
            return Some(format!(
                "the server demands TLS{asks_for_none}: {what_to_do}"
            ));
        }
        if self.dialect != Dialect::Postgres {
            // Accounts with REQUIRE SSL, and MariaDB's `require_secure_transport`, are refused as a wrong password is.
            return (code == "28000" && is_plain).then(|| {
                format!(
                    "the server does not let this user in. Correct the user or the password; where the server or the account \
                     demands TLS{asks_for_none}, {what_to_do}"
                )
            });
        }
        if code != "28000" {
            return None;
        }
        if text.contains("client certificate") {
            return Some(self.name_certificate());
        }
        // "SSL off" and "SSL on" before PostgreSQL 14.
        if (text.ends_with("no encryption") || text.ends_with("SSL off")) && is_plain {
            return Some(format!(
                "pg_hba.conf does not let this user in from this host without TLS{asks_for_none}: {what_to_do}; if that is \
                 refused as well, pg_hba.conf needs a line for this user"
            ));
        }
        if text.ends_with("SSL encryption") || text.ends_with("SSL on") {
            return Some(format!(
                "pg_hba.conf does not let this user in from this host over TLS. It needs a line for this user (`hostssl` or \
                 `host`); where it has a `hostnossl` line, set `{disable}`"
            ));
        }
        None
    }

    fn name_authority(&self) -> String {
        format!(
            "Name the authority's file (PEM) by `{}=` in the URL, or add it to the system's store (the variable \
             SSL_CERT_FILE names another)",
            self.parameters.authority[0]
        )
    }

    fn no_certificate_in(&self, path: &str) -> String {
        format!(
            "the file \"{path}\", which `{}` names, holds no certificate that can be read (PEM)",
            self.parameters.authority[0]
        )
    }

    fn name_certificate(&self) -> String {
        format!(
            "the server asks for a client's certificate. Name it by `{}=` in the URL, and its key by `{}=`",
            self.parameters.certificate[0], self.parameters.key[0]
        )
    }

    fn disagreement(&self) -> String {
        format!(
            "server and program did not come to speak TLS, which `{}` asks for",
            self.given
        )
    }
}

/// The last value of a URL's parameter, as sqlx takes it.
fn parameter(url: &str, names: &[&str]) -> Option<String> {
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    let (_, query) = url.split_once('?')?;
    let decoded = |text: &str| percent_decoded(&text.replace('+', " "));
    let mut pairs = query.rsplit('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| names.contains(&&*decoded(name)))?;
    Some(decoded(value))
}

/// sqlx takes a file without a certificate for one that adds none.
fn has_certificate(path: &str) -> bool {
    let text = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&text).contains("-----BEGIN CERTIFICATE-----")
}

/// The names in rustls's words: `certificate is only valid for DnsName("a"), DnsName("b") or IpAddress(10.0.0.1)`.
fn presented(text: &str) -> String {
    let Some((_, names)) = text.split_once("only valid for ") else {
        return String::new();
    };
    let names: Vec<&str> = names
        .split(", ")
        .flat_map(|names| names.split(" or "))
        .map(|name| name.split_once('(').map_or(name, |(_, name)| name))
        .map(|name| name.trim_end_matches(')').trim_matches('"'))
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::error::Error as StdError;
    use std::fmt::{self, Write as _};

    use sqlx::error::{DatabaseError, ErrorKind};

    use super::*;

    /// A server's error, by SQLSTATE and text.
    #[derive(Debug)]
    struct Told(&'static str, &'static str);

    impl fmt::Display for Told {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.1)
        }
    }

    impl StdError for Told {}

    impl DatabaseError for Told {
        fn message(&self) -> &str {
            self.1
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }

        fn as_error(&self) -> &(dyn StdError + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn StdError + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn StdError + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    fn told(code: &'static str, text: &'static str) -> sqlx::Error {
        sqlx::Error::Database(Box::new(Told(code, text)))
    }

    fn asked(url: &str) -> Asked {
        let dialect = Dialect::of_url(url).unwrap();
        Asked::of(dialect, url, |_| None).unwrap()
    }

    #[test]
    fn what_a_url_asks() {
        for (url, mode, given) in [
            ("postgres://h/d", Mode::Preferred, "sslmode=prefer"),
            ("postgres://h/d?sslmode=allow", Mode::Plain, "sslmode=allow"),
            (
                "postgres://h/d?a=b&ssl-mode=Require",
                Mode::Encrypted,
                "sslmode=Require",
            ),
            (
                "postgres://h/d?sslmode=disable&sslmode=verify%2Dca",
                Mode::Verified,
                "sslmode=verify-ca",
            ),
            (
                "postgres://h/d#?sslmode=disable",
                Mode::Preferred,
                "sslmode=prefer",
            ),
            ("mysql://h/d", Mode::Preferred, "ssl-mode=PREFERRED"),
            (
                "mariadb://h/d?ssl-mode=disabled",
                Mode::Plain,
                "ssl-mode=disabled",
            ),
            (
                "mysql://h/d?sslmode=VERIFY_IDENTITY",
                Mode::Verified,
                "ssl-mode=VERIFY_IDENTITY",
            ),
        ] {
            let asked = asked(url);
            assert_eq!((asked.mode, &*asked.given), (mode, given), "{url}");
        }
        let asked = asked("postgres://h/d?ssl-ca=/a+b%20c.pem&sslkey=k");
        assert_eq!(asked.authority.as_deref(), Some("/a b c.pem"));
        assert_eq!(asked.key.as_deref(), Some("k"));

        let variable = |name: &str| Some(name.replace("PGSSLMODE", "verify-full"));
        let of = |url| Asked::of(Dialect::of_url(url).unwrap(), url, variable);
        let asked = of("postgres://h/d?sslcert=c").unwrap();
        assert_eq!(asked.mode, Mode::Verified);
        assert_eq!(asked.authority.as_deref(), Some("PGSSLROOTCERT"));
        assert_eq!(asked.certificate.as_deref(), Some("c"));
        assert_eq!(of("mysql://h/d").unwrap().mode, Mode::Preferred);
        assert!(of("sqlite:app.db").is_none());
    }

    /// Errors of servers that the tests do not have, and of programs with other features, in the very texts of the
    /// servers and of sqlx.
    #[test]
    fn advice_by_features_and_texts() {
        const WITH: bool = true;
        const WITHOUT: bool = false;
        let no_tls = || {
            sqlx::Error::Tls(
                "TLS upgrade required by connect options but SQLx was built without TLS support enabled".into(),
            )
        };
        let no_rsa = || {
            sqlx::Error::Configuration(
                "RSA auth backend disabled; enable feature `mysql-rsa` (or `rsa` if using sqlx-mysql directly) or use TLS."
                    .into(),
            )
        };
        let mysql = || {
            told(
                "HY000",
                "Connections using insecure transport are prohibited while --require_secure_transport=ON.",
            )
        };
        let denied = || {
            told(
                "28000",
                "Access denied for user 'app'@'localhost' (using password: YES)",
            )
        };
        let hba = |end: &'static str| {
            let texts = [
                "no pg_hba.conf entry for host \"::1\", user \"app\", database \"d\", no encryption",
                "no pg_hba.conf entry for host \"::1\", user \"app\", database \"d\", SSL off",
                "pg_hba.conf rejects connection for host \"::1\", user \"app\", database \"d\", no encryption",
                "no pg_hba.conf entry for host \"::1\", user \"app\", database \"d\", SSL on",
            ];
            let text = texts.into_iter().find(|text| text.contains(end));
            told("28000", text.expect("one of them"))
        };
        let refused = |text: &'static str| sqlx::Error::Tls(text.into());
        let mut told_so = String::new();
        for (url, has_tls, error) in [
            ("postgres://h/d?sslmode=require", WITHOUT, no_tls()),
            ("mysql://h/d?ssl-mode=REQUIRED", WITHOUT, no_tls()),
            ("postgres://h/d", WITHOUT, hba("no encryption")),
            ("postgres://h/d?sslmode=allow", WITHOUT, hba("SSL off")),
            ("mysql://h/d", WITHOUT, mysql()),
            ("mysql://h/d", WITHOUT, denied()),
            ("mysql://h/d", WITHOUT, no_rsa()),
            ("mysql://h/d", WITH, no_rsa()),
            ("mysql://h/d?ssl-mode=DISABLED", WITH, no_rsa()),
            ("mysql://h/d?ssl-mode=DISABLED", WITH, mysql()),
            ("mysql://h/d?ssl-mode=DISABLED", WITH, denied()),
            ("postgres://h/d?sslmode=allow", WITH, hba("SSL off")),
            ("postgres://h/d?sslmode=disable", WITH, hba("rejects")),
            ("postgres://h/d", WITH, hba("SSL on")),
            (
                "postgres://h/d?sslmode=disable",
                WITH,
                told("08P01", "SSL required"),
            ),
            (
                "postgres://h/d?sslmode=verify-ca",
                WITH,
                refused("keys may not be consistent: KeyMismatch"),
            ),
        ] {
            let advice = asked(url).advice(&error, has_tls).unwrap_or_default();
            let with = if has_tls { "with TLS" } else { "without TLS" };
            let _ = writeln!(told_so, "{url}, {with}: {advice}");
        }
        insta::assert_snapshot!(told_so, @r"
        postgres://h/d?sslmode=require, without TLS: this program is built without TLS, which `sslmode=require` asks for. Build it with the feature `tls` of limbeck-cli, or connect without where nobody can listen: `sslmode=prefer`
        mysql://h/d?ssl-mode=REQUIRED, without TLS: this program is built without TLS, which `ssl-mode=REQUIRED` asks for. Build it with the feature `tls` of limbeck-cli, or connect without where nobody can listen: `ssl-mode=PREFERRED`
        postgres://h/d, without TLS: pg_hba.conf does not let this user in from this host without TLS: build this program with the feature `tls` of limbeck-cli; if that is refused as well, pg_hba.conf needs a line for this user
        postgres://h/d?sslmode=allow, without TLS: pg_hba.conf does not let this user in from this host without TLS, and `sslmode=allow` asks for none: build this program with the feature `tls` of limbeck-cli, and set `sslmode=require`; if that is refused as well, pg_hba.conf needs a line for this user
        mysql://h/d, without TLS: the server demands TLS: build this program with the feature `tls` of limbeck-cli
        mysql://h/d, without TLS: the server does not let this user in. Correct the user or the password; where the server or the account demands TLS, build this program with the feature `tls` of limbeck-cli
        mysql://h/d, without TLS: MySQL's login for this user (`caching_sha2_password` or `sha256_password`) needs TLS, or RSA, and this program is built with neither: build it with the feature `tls` of limbeck-cli, or with the feature `mysql-rsa` of limbeck-cli
        mysql://h/d, with TLS: MySQL's login for this user (`caching_sha2_password` or `sha256_password`) needs TLS, or RSA, and the server has no TLS. Switch it on there (`ssl-cert`, `ssl-key`), or build the program with the feature `mysql-rsa` of limbeck-cli
        mysql://h/d?ssl-mode=DISABLED, with TLS: MySQL's login for this user (`caching_sha2_password` or `sha256_password`) needs TLS, or RSA, and `ssl-mode=DISABLED` asks for no TLS. Set `ssl-mode=REQUIRED`, or build the program with the feature `mysql-rsa` of limbeck-cli
        mysql://h/d?ssl-mode=DISABLED, with TLS: the server demands TLS, and `ssl-mode=DISABLED` asks for none: set `ssl-mode=REQUIRED`
        mysql://h/d?ssl-mode=DISABLED, with TLS: the server does not let this user in. Correct the user or the password; where the server or the account demands TLS, and `ssl-mode=DISABLED` asks for none, set `ssl-mode=REQUIRED`
        postgres://h/d?sslmode=allow, with TLS: pg_hba.conf does not let this user in from this host without TLS, and `sslmode=allow` asks for none: set `sslmode=require`; if that is refused as well, pg_hba.conf needs a line for this user
        postgres://h/d?sslmode=disable, with TLS: pg_hba.conf does not let this user in from this host without TLS, and `sslmode=disable` asks for none: set `sslmode=require`; if that is refused as well, pg_hba.conf needs a line for this user
        postgres://h/d, with TLS: pg_hba.conf does not let this user in from this host over TLS. It needs a line for this user (`hostssl` or `host`); where it has a `hostnossl` line, set `sslmode=disable`
        postgres://h/d?sslmode=disable, with TLS: the server demands TLS, and `sslmode=disable` asks for none: set `sslmode=require`
        postgres://h/d?sslmode=verify-ca, with TLS: server and program did not come to speak TLS, which `sslmode=verify-ca` asks for
        ");
        // TLS has no part in these.
        for (url, has_tls, error) in [
            ("postgres://h/d", WITH, hba("no encryption")),
            (
                "postgres://h/d",
                WITHOUT,
                told("28P01", "password authentication failed for user \"app\""),
            ),
            ("mysql://h/d", WITH, denied()),
            (
                "mysql://h/d",
                WITH,
                sqlx::Error::Configuration("anything else".into()),
            ),
            (
                "postgres://h/d",
                WITH,
                sqlx::Error::Io(io::ErrorKind::ConnectionRefused.into()),
            ),
        ] {
            let advice = asked(url).advice(&error, has_tls);
            assert_eq!(advice, None, "{url}, {error}");
        }
    }

    #[test]
    fn names_of_a_certificate() {
        for (text, names) in [
            (
                " certificate is only valid for DnsName(\"db.example.com\")",
                "db.example.com",
            ),
            (
                " certificate is only valid for DnsName(\"a\"), DnsName(\"*.b\") or IpAddress(10.0.0.1)",
                "a, *.b, 10.0.0.1",
            ),
            (
                " certificate is not valid for any names (according to its subjectAltName extension)",
                "",
            ),
        ] {
            assert_eq!(presented(text), names);
        }
    }
}
