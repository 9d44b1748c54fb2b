//! Each value of `sslmode` and `ssl-mode`, on servers with TLS, without, and with TLS alone. The server says whether a
//! session was encrypted; an error's advice is followed.

use std::time::Duration;

use crate::calls::{Called, Folder};
use crate::certificates::Certificates;
use crate::support::rig::{Own, rig};
use crate::support::servers::{Database, MySqlServer, of_mysql, of_postgres};

/// Writes down what the server knows of the session.
const REVISION: &str = "\
-- The session, as the server knows it
--
-- revision: a1
-- down_revision: none

-- @upgrade [postgres]
CREATE TABLE session AS
    SELECT CASE WHEN ssl THEN 'encrypted' ELSE 'plain' END AS state FROM pg_stat_ssl WHERE pid = pg_backend_pid();
-- @upgrade [mariadb]
CREATE TABLE session AS
    SELECT CASE WHEN variable_value = '' THEN 'plain' ELSE 'encrypted' END AS state
    FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher';
-- @upgrade [mysql]
CREATE TABLE session AS
    SELECT CASE WHEN variable_value = '' THEN 'plain' ELSE 'encrypted' END AS state
    FROM performance_schema.session_status WHERE variable_name = 'Ssl_cipher';
-- @downgrade
DROP TABLE session;
";

#[derive(Debug, Clone, Copy)]
enum Expected {
    Encrypted,
    Plain,
    /// Refused with these words, and let in by what they say, in one step or several.
    Advised(&'static [&'static str]),
    /// Refused with these words, by something that the URL alone cannot change.
    Refused(&'static [&'static str]),
    /// The URL cannot be read.
    Invalid(&'static [&'static str]),
}

use Expected::{Advised, Encrypted, Invalid, Plain, Refused};

/// A row: the server, the user, the URL's parameters, what is expected.
type Row = (&'static str, &'static str, &'static str, Expected);

const NO_TLS: Expected = Advised(&["the server has no TLS"]);
const UNKNOWN: Expected = Advised(&["not signed by an authority that the system trusts"]);
const NOT_BY: Expected = Advised(&["not signed by the authority in", "another.pem"]);
const NAMES: Expected = Advised(&[
    "for localhost, db.example.com",
    "names 127.0.0.1",
    "not valid for name",
]);
const NAMELESS: Expected = Advised(&["names 127.0.0.1", "no subjectAltName"]);
const AUTHORITY: Expected = Advised(&["certificate of an authority (CA:TRUE"]);
const EXPIRED: Expected = Refused(&["has expired"]);
const UNREADABLE: Expected = Refused(&["none.pem\"", "cannot be read", "Correct its path"]);
const NO_CERTIFICATE: Expected = Refused(&["good.key\"", "holds no certificate"]);
const OWN_CERTIFICATE: Expected = Advised(&["asks for a client's certificate"]);

#[rustfmt::skip]
const POSTGRES: &[Row] = &[
    ("off", "anyhow", "", Plain),
    ("off", "anyhow", "sslmode=disable", Plain),
    ("off", "anyhow", "sslmode=allow", Plain),
    ("off", "anyhow", "sslmode=prefer", Plain),
    ("off", "anyhow", "sslmode=require", NO_TLS),
    ("off", "anyhow", "sslmode=verify-ca", NO_TLS),
    ("off", "anyhow", "sslmode=verify-full&sslrootcert={ours.pem}", NO_TLS),
    // A plain session, which TLS alone could help: the server has none.
    ("off", "encrypted", "sslmode=prefer", Refused(&["does not let this user in", "no encryption"])),

    ("good", "anyhow", "", Encrypted),
    ("good", "anyhow", "sslmode=disable", Plain),
    ("good", "anyhow", "sslmode=allow", Plain),
    ("good", "anyhow", "sslmode=prefer", Encrypted),
    ("good", "anyhow", "sslmode=require", Encrypted),
    ("good", "anyhow", "sslmode=verify-ca", UNKNOWN),
    ("good", "anyhow", "sslmode=verify-full", UNKNOWN),
    ("good", "anyhow", "sslmode=require&sslrootcert={another.pem}", Encrypted),
    ("good", "anyhow", "sslmode=verify-ca&sslrootcert={ours.pem}", Encrypted),
    ("good", "anyhow", "sslmode=verify-full&sslrootcert={ours.pem}", Encrypted),
    ("good", "anyhow", "sslmode=verify-ca&sslrootcert={another.pem}", NOT_BY),
    ("good", "anyhow", "sslmode=verify-full&sslrootcert={another.pem}", NOT_BY),
    ("good", "anyhow", "sslmode=verify-ca&sslrootcert={none.pem}", UNREADABLE),
    ("good", "anyhow", "sslmode=verify-full&sslrootcert={none.pem}", UNREADABLE),
    ("good", "anyhow", "sslmode=verify-full&sslrootcert=system", Refused(&["\"system\"", "Leave the parameter out"])),
    ("good", "anyhow", "sslmode=verify-ca&sslrootcert={good.key}", NO_CERTIFICATE),
    ("good", "anyhow", "sslmode=verify-full&sslrootcert={good.key}", NO_CERTIFICATE),
    ("good", "anyhow", "sslmode=REQUIRED", Invalid(&["\"REQUIRED\"", "require, verify-ca or verify-full"])),
    ("good", "anyhow", "sslmode=", Invalid(&["require, verify-ca or verify-full"])),

    // pg_hba.conf with `hostssl` for this user.
    ("good", "encrypted", "", Encrypted),
    ("good", "encrypted", "sslmode=disable", Advised(&["without TLS", "`sslmode=disable` asks for none", "no encryption"])),
    ("good", "encrypted", "sslmode=allow", Advised(&["without TLS", "`sslmode=allow` asks for none", "no encryption"])),
    ("good", "encrypted", "sslmode=prefer", Encrypted),
    ("good", "encrypted", "sslmode=require", Encrypted),
    ("good", "encrypted", "sslmode=verify-ca", UNKNOWN),
    ("good", "encrypted", "sslmode=verify-full", UNKNOWN),
    // And with `reject` for all that is not.
    ("good", "rejected", "sslmode=disable", Advised(&["without TLS", "`sslmode=disable` asks for none", "rejects"])),
    ("good", "rejected", "sslmode=prefer", Encrypted),

    // With `hostnossl`.
    ("good", "plain", "", Advised(&["over TLS", "`hostnossl`", "SSL encryption"])),
    ("good", "plain", "sslmode=disable", Plain),
    ("good", "plain", "sslmode=allow", Plain),
    ("good", "plain", "sslmode=prefer", Advised(&["over TLS", "`hostnossl`", "SSL encryption"])),
    ("good", "plain", "sslmode=require", Advised(&["over TLS", "`hostnossl`", "SSL encryption"])),
    // First the authority, then pg_hba.conf.
    ("good", "plain", "sslmode=verify-ca", UNKNOWN),
    ("good", "plain", "sslmode=verify-full", UNKNOWN),
    // With no line at all.
    ("good", "nobody", "sslmode=disable", Refused(&["without TLS", "needs a line for this user"])),
    ("good", "nobody", "sslmode=require", Refused(&["over TLS", "needs a line for this user"])),

    // With `clientcert`.
    ("good", "certified", "sslmode=require", OWN_CERTIFICATE),
    ("good", "certified", "sslmode=require&sslcert={client.pem}&sslkey={client.key}", Encrypted),
    ("good", "certified", "sslmode=verify-full&sslrootcert={ours.pem}&sslcert={client.pem}&sslkey={client.key}", Encrypted),
    ("good", "certified", "sslmode=require&sslcert={another.pem}&sslkey={another.key}", Refused(&["does not accept the certificate", "`sslcert`"])),
    ("good", "certified", "sslmode=require&sslcert={client.pem}", Refused(&["belong together", "`sslkey`"])),
    ("good", "certified", "sslmode=require&sslcert={none.pem}&sslkey={client.key}", UNREADABLE),
    ("good", "certified", "sslmode=require&sslcert={client.pem}&sslkey={none.pem}", UNREADABLE),
    ("good", "certified", "sslmode=require&sslcert={client.pem}&sslkey={client.pem}", Refused(&["`sslkey`", "holds no key"])),

    ("elsewhere", "anyhow", "sslmode=prefer", Encrypted),
    ("elsewhere", "anyhow", "sslmode=require", Encrypted),
    ("elsewhere", "anyhow", "sslmode=verify-ca&sslrootcert={ours.pem}", Encrypted),
    ("elsewhere", "anyhow", "sslmode=verify-full&sslrootcert={ours.pem}", NAMES),
    ("nameless", "anyhow", "sslmode=verify-ca&sslrootcert={ours.pem}", Encrypted),
    ("nameless", "anyhow", "sslmode=verify-full&sslrootcert={ours.pem}", NAMELESS),
    ("expired", "anyhow", "sslmode=require", Encrypted),
    ("expired", "anyhow", "sslmode=verify-ca&sslrootcert={ours.pem}", EXPIRED),
    ("expired", "anyhow", "sslmode=verify-full&sslrootcert={ours.pem}", EXPIRED),
    ("itself", "anyhow", "sslmode=require", Encrypted),
    ("itself", "anyhow", "sslmode=verify-ca&sslrootcert={itself.pem}", AUTHORITY),
    ("itself", "anyhow", "sslmode=verify-full&sslrootcert={itself.pem}", AUTHORITY),
    // A server that speaks TLS 1.1 alone.
    ("old", "anyhow", "sslmode=disable", Plain),
    ("old", "anyhow", "sslmode=prefer", Advised(&["no version or cipher of TLS in common"])),
    ("old", "anyhow", "sslmode=require", Advised(&["no version or cipher of TLS in common"])),
];

const DENIED: Expected = Advised(&[
    "demands TLS, and `ssl-mode=DISABLED` asks for none",
    "Access denied",
]);

#[rustfmt::skip]
const MARIADB: &[Row] = &[
    ("off", "anyhow", "", Plain),
    ("off", "anyhow", "ssl-mode=DISABLED", Plain),
    ("off", "anyhow", "ssl-mode=PREFERRED", Plain),
    ("off", "anyhow", "ssl-mode=REQUIRED", NO_TLS),
    ("off", "anyhow", "ssl-mode=VERIFY_CA", NO_TLS),
    ("off", "anyhow", "ssl-mode=VERIFY_IDENTITY&ssl-ca={ours.pem}", NO_TLS),

    ("good", "anyhow", "", Encrypted),
    ("good", "anyhow", "ssl-mode=DISABLED", Plain),
    ("good", "anyhow", "ssl-mode=PREFERRED", Encrypted),
    ("good", "anyhow", "ssl-mode=REQUIRED", Encrypted),
    ("good", "anyhow", "ssl-mode=VERIFY_CA", UNKNOWN),
    ("good", "anyhow", "ssl-mode=VERIFY_IDENTITY", UNKNOWN),
    ("good", "anyhow", "ssl-mode=REQUIRED&ssl-ca={another.pem}", Encrypted),
    ("good", "anyhow", "ssl-mode=VERIFY_CA&ssl-ca={ours.pem}", Encrypted),
    ("good", "anyhow", "ssl-mode=VERIFY_IDENTITY&ssl-ca={ours.pem}", Encrypted),
    ("good", "anyhow", "ssl-mode=VERIFY_CA&ssl-ca={another.pem}", NOT_BY),
    ("good", "anyhow", "ssl-mode=VERIFY_IDENTITY&ssl-ca={another.pem}", NOT_BY),
    ("good", "anyhow", "ssl-mode=VERIFY_CA&ssl-ca={none.pem}", UNREADABLE),
    ("good", "anyhow", "ssl-mode=VERIFY_IDENTITY&ssl-ca={good.key}", NO_CERTIFICATE),
    ("good", "anyhow", "ssl-mode=require", Invalid(&["\"require\"", "REQUIRED, VERIFY_CA or VERIFY_IDENTITY"])),

    // An account with REQUIRE SSL.
    ("good", "encrypted", "", Encrypted),
    ("good", "encrypted", "ssl-mode=DISABLED", DENIED),
    ("good", "encrypted", "ssl-mode=PREFERRED", Encrypted),
    ("good", "encrypted", "ssl-mode=REQUIRED", Encrypted),
    ("good", "encrypted", "ssl-mode=VERIFY_CA", UNKNOWN),
    ("good", "encrypted", "ssl-mode=VERIFY_IDENTITY", UNKNOWN),
    // With REQUIRE X509.
    ("good", "certified", "ssl-mode=REQUIRED", Refused(&["does not let this user in", "Access denied"])),
    ("good", "certified", "ssl-mode=REQUIRED&ssl-cert={client.pem}&ssl-key={client.key}", Encrypted),
    ("good", "certified", "ssl-mode=REQUIRED&ssl-cert={another.pem}&ssl-key={another.key}", Refused(&["does not accept the certificate", "`ssl-cert`"])),
    ("good", "certified", "ssl-mode=REQUIRED&ssl-cert={client.pem}", Refused(&["belong together", "`ssl-key`"])),

    // `require_secure_transport = ON`.
    ("demands", "anyhow", "", Encrypted),
    ("demands", "anyhow", "ssl-mode=DISABLED", DENIED),
    ("demands", "anyhow", "ssl-mode=PREFERRED", Encrypted),
    ("demands", "anyhow", "ssl-mode=REQUIRED", Encrypted),
    ("demands", "anyhow", "ssl-mode=VERIFY_CA", UNKNOWN),
    ("demands", "anyhow", "ssl-mode=VERIFY_IDENTITY", UNKNOWN),

    ("elsewhere", "anyhow", "ssl-mode=PREFERRED", Encrypted),
    ("elsewhere", "anyhow", "ssl-mode=REQUIRED", Encrypted),
    ("elsewhere", "anyhow", "ssl-mode=VERIFY_CA&ssl-ca={ours.pem}", Encrypted),
    ("elsewhere", "anyhow", "ssl-mode=VERIFY_IDENTITY&ssl-ca={ours.pem}", NAMES),
    ("nameless", "anyhow", "ssl-mode=VERIFY_IDENTITY&ssl-ca={ours.pem}", NAMELESS),
    ("expired", "anyhow", "ssl-mode=VERIFY_CA&ssl-ca={ours.pem}", EXPIRED),
    ("itself", "anyhow", "ssl-mode=VERIFY_CA&ssl-ca={itself.pem}", AUTHORITY),
    ("itself", "anyhow", "ssl-mode=VERIFY_IDENTITY&ssl-ca={itself.pem}", AUTHORITY),
];

/// MySQL says itself what a session lacks that it refuses.
const DEMANDED: Expected = Advised(&[
    "demands TLS, and `ssl-mode=DISABLED` asks for none",
    "insecure transport",
]);

/// MySQL's default login, `caching_sha2_password`. The server remembers who was let in, and asks no more of them then: what is
/// refused stands first.
#[rustfmt::skip]
const SECRET: &[Row] = if cfg!(feature = "mysql-rsa") {
    &[
        ("off", "secret:right", "", Plain),
        ("good", "secret:right", "ssl-mode=DISABLED", Plain),
        ("good", "secret:right", "ssl-mode=REQUIRED", Encrypted),
        ("good", "secret:wrong", "ssl-mode=REQUIRED", Refused(&["does not let this user in", "Access denied"])),
    ]
} else {
    &[
        ("off", "secret:right", "", Refused(&["needs TLS, or RSA, and the server has no TLS", "`mysql-rsa`"])),
        ("good", "secret:right", "ssl-mode=DISABLED", Advised(&["needs TLS, or RSA, and `ssl-mode=DISABLED`", "`mysql-rsa`"])),
        ("good", "secret:right", "ssl-mode=REQUIRED", Encrypted),
        ("good", "secret:wrong", "ssl-mode=REQUIRED", Refused(&["does not let this user in", "Access denied"])),
    ]
};

/// The rows of the server that the test runs on.
fn rows_here() -> Vec<Row> {
    match MySqlServer::here() {
        MySqlServer::Mariadb => MARIADB.to_vec(),
        MySqlServer::Mysql => {
            let shared = MARIADB.iter().map(|row| match *row {
                ("demands", user, parameters @ "ssl-mode=DISABLED", _) => {
                    ("demands", user, parameters, DEMANDED)
                }
                row => row,
            });
            // It takes no certificate that has expired.
            let shared = shared.filter(|(state, ..)| *state != "expired");
            shared.chain(SECRET.iter().copied()).collect()
        }
    }
}

/// A folder with the revision, and the certificates.
struct Bench {
    folder: Folder,
    certificates: Certificates,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            folder: Folder::of(&[("migrations/a1.sql", REVISION)]),
            certificates: Certificates::new(),
        }
    }

    /// Calls the program where the system trusts that file's authorities alone.
    fn call_trusting(&self, trusted: &str, words: &[&str], url: &str) -> Called {
        let trusted = self.certificates.path(trusted).display().to_string();
        self.folder.call_with(
            &[words, &["--json", "--database-url", url]].concat(),
            &[("SSL_CERT_FILE", &trusted), ("SSL_CERT_DIR", "")],
        )
    }

    fn call(&self, words: &[&str], url: &str) -> Called {
        self.call_trusting("another.pem", words, url)
    }

    /// Follows an error's advice until the program is let in.
    fn follow(&self, url: &str, called: &Called) -> Result<(), String> {
        let (_, message) = called.error();
        let mut told = vec![message];
        let mut url = url.to_owned();
        loop {
            let last = told.last().expect("the error");
            let Some(next) = self.advised(&url, last) else {
                return Err(format!("no advice for {url}: {told:#?}"));
            };
            url = next;
            let called = self.call(&["status"], &url);
            if called.code == 0 {
                return Ok(());
            }
            told.push(called.error().1);
            if told.len() > 3 {
                return Err(format!("the advice does not help: {told:#?}"));
            }
        }
    }

    /// The URL with what the message says: the authority, the client's certificate, or another mode.
    fn advised(&self, url: &str, message: &str) -> Option<String> {
        let (server, parameters) = url.split_once('?')?;
        let mut quoted = message.split('`').skip(1).step_by(2);
        let added = quoted
            .clone()
            .find_map(|quoted| match quoted {
                "sslrootcert=" => Some("sslrootcert={ours.pem}"),
                "ssl-ca=" => Some("ssl-ca={ours.pem}"),
                "sslcert=" => Some("sslcert={client.pem}&sslkey={client.key}"),
                "ssl-cert=" => Some("ssl-cert={client.pem}&ssl-key={client.key}"),
                _ => None,
            })
            .or_else(|| {
                quoted.find(|quoted| {
                    quoted.contains("mode=") && !parameters.split('&').any(|given| given == *quoted)
                })
            })?;
        let (name, _) = added.split_once('=')?;
        let kept: Vec<&str> = parameters
            .split('&')
            .filter(|given| given.split('=').next() != Some(name) && !given.is_empty())
            .chain([added])
            .collect();
        let parameters = self.certificates.expand(&kept.join("&"));
        Some(format!("{server}?{parameters}"))
    }
}

/// Every row on its server: `$to` brings the server into the row's state and gives its URL, `$states` reads what the
/// revision wrote there.
macro_rules! every_row {
    ($bench:expr, $rows:expr, |$state:ident| $to:expr, $states:expr) => {{
        let mut wrong = Vec::new();
        let mut last = "";
        let mut server = String::new();
        for (state, user, parameters, expected) in $rows {
            let $state: &str = state;
            if $state != last {
                server = $to;
                last = $state;
            }
            let parameters = $bench.certificates.expand(parameters);
            let url = format!("{}?{parameters}", with_user(&server, user));
            let called = $bench.call(&["upgrade", "head"], &url);
            let row = format!("{state}, {user}, {parameters}");
            let refused = |kind: &str, words: &[&str]| {
                let (code, text) = (called.code, &called.stderr);
                let is_told = code == 1 && words.iter().all(|word| called.error().1.contains(word));
                if is_told && called.error().0 == kind {
                    Ok(())
                } else {
                    Err(format!("{row}: {words:?} were expected: {code}, {text}"))
                }
            };
            let came = match expected {
                Encrypted | Plain if called.code != 0 => Err(format!(
                    "{row}: {expected:?} was expected: {}",
                    called.stderr
                )),
                Encrypted | Plain => {
                    let states = $states;
                    let back = $bench.call(&["downgrade", "base", "--yes"], &url);
                    assert_eq!(back.code, 0, "{row}: {}", back.stderr);
                    if states == [format!("{expected:?}").to_lowercase()] {
                        Ok(())
                    } else {
                        Err(format!("{row}: {expected:?} was expected, {states:?} was"))
                    }
                }
                Advised(words) => refused("rejected", words).and_then(|()| {
                    $bench
                        .follow(&url, &called)
                        .map_err(|error| format!("{row}: {error}"))
                }),
                Refused(words) => refused("rejected", words),
                Invalid(words) => refused("invalid_database_url", words),
            };
            wrong.extend(came.err());
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }};
}

fn with_user(url: &str, user: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (_, rest) = rest.split_once('@').expect("a user");
    format!("{scheme}://{user}@{rest}")
}

/// By the names of an authority that a URL gives or that the system has, and of a host: on a server with this certificate.
fn by_authorities_and_names(bench: &Bench, url: &str, verified: &str, signed: &str) {
    let called = bench.call_trusting("ours.pem", &["status"], &format!("{url}?{verified}"));
    let (_, message) = called.error();
    assert!(message.contains("for localhost, "), "{message}");
    // The names that the error told: with the authority that the system has.
    let named = url.replace("127.0.0.1", "localhost");
    let called = bench.call_trusting("ours.pem", &["status"], &format!("{named}?{verified}"));
    assert_eq!(called.code, 0, "{}", called.stderr);
    // A system without any.
    std::fs::write(bench.certificates.path("empty.pem"), "").expect("a file");
    let signed = format!("{url}?{signed}");
    let called = bench.call_trusting("empty.pem", &["status"], &signed);
    let (kind, message) = called.error();
    assert_eq!(kind, "rejected");
    assert!(message.contains("the system has none"), "{message}");
    let advised = bench.advised(&signed, &message).expect("an authority");
    let called = bench.call_trusting("empty.pem", &["status"], &advised);
    assert_eq!(called.code, 0, "{}", called.stderr);
}

/// Lines for `COPY … TO`.
fn rows(text: &str) -> String {
    let rows: Vec<String> = text.lines().map(|line| format!("('{line}')")).collect();
    rows.join(", ")
}

/// A PostgreSQL that has each certificate, and users for each kind of line in pg_hba.conf.
async fn postgres(own: &Own, certificates: &Certificates) {
    let db = plainly(own).await;
    for user in [
        "anyhow",
        "encrypted",
        "rejected",
        "plain",
        "certified",
        "nobody",
    ] {
        db.run(&format!("CREATE ROLE {user} LOGIN SUPERUSER")).await;
    }
    for name in ["good", "elsewhere", "nameless", "expired", "itself", "ours"] {
        for file in [format!("{name}.pem"), format!("{name}.key")] {
            let rows = rows(&certificates.read(&file));
            // The server takes no key that others may read.
            db.run(&format!(
                "COPY (VALUES {rows}) TO PROGRAM 'umask 077; cat > {file}'"
            ))
            .await;
        }
    }
    let rules = rows(
        "host all postgres,anyhow 127.0.0.1/32 trust\n\
         hostssl all encrypted,rejected 127.0.0.1/32 trust\n\
         host all rejected 127.0.0.1/32 reject\n\
         hostnossl all plain 127.0.0.1/32 trust\n\
         hostssl all certified 127.0.0.1/32 trust clientcert=verify-ca",
    );
    db.run(&format!(
        "COPY (VALUES {rules}) TO PROGRAM 'cat > pg_hba.conf'"
    ))
    .await;
    db.pool.close().await;
}

/// The server, over a session of its own without TLS.
async fn plainly(own: &Own) -> Database<sqlx::Postgres> {
    let url = format!("{}?sslmode=disable", own.url);
    let pool = sqlx::PgPool::connect(&url).await.expect("PostgreSQL");
    of_postgres(pool, url)
}

/// Brings the server into a state: without TLS, with a certificate, with TLS 1.1 alone.
async fn postgres_to(own: &Own, state: &str) -> String {
    let certificate = match state {
        "off" | "old" => "good",
        name => name,
    };
    let versions = match state {
        "old" => ("TLSv1.1", "TLSv1.1"),
        _ => ("TLSv1.2", "TLSv1.3"),
    };
    let settings = [
        ("ssl_cert_file", format!("{certificate}.pem")),
        ("ssl_key_file", format!("{certificate}.key")),
        ("ssl_ca_file", "ours.pem".to_owned()),
        ("ssl_min_protocol_version", versions.0.to_owned()),
        ("ssl_max_protocol_version", versions.1.to_owned()),
        ("ssl", if state == "off" { "off" } else { "on" }.to_owned()),
    ];
    let db = plainly(own).await;
    for (name, value) in &settings {
        db.run(&format!("ALTER SYSTEM SET {name} = '{value}'"))
            .await;
    }
    db.run("SELECT pg_reload_conf()").await;
    db.pool.close().await;
    // A session that begins with the new settings begins after the server has read its certificates: it takes no
    // connection in between.
    loop {
        let db = plainly(own).await;
        let mut is_there = true;
        for (name, value) in &settings {
            is_there &= db.strings(&format!("SHOW {name}")).await == [value.clone()];
        }
        db.pool.close().await;
        if is_there {
            return own.url.clone();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_on_postgres() {
    let Some(rig) = rig() else { return };
    let own = rig.own_postgres(None, &[]).await;
    let bench = Bench::new();
    postgres(&own, &bench.certificates).await;
    every_row!(bench, POSTGRES, |state| postgres_to(&own, state).await, {
        let db = plainly(&own).await;
        db.strings("SELECT state FROM session").await
    });
    let url = postgres_to(&own, "elsewhere").await;
    by_authorities_and_names(&bench, &url, "sslmode=verify-full", "sslmode=verify-ca");
}

async fn tls() {
    let Some(rig) = rig() else { return };
    let bench = Bench::new();
    bench.certificates.copy("good", "live");
    let options = bench
        .certificates
        .expand("--ssl-cert={live.pem} --ssl-key={live.key} --ssl-ca={ours.pem}");
    let options: Vec<&str> = options.split(' ').collect();
    let own = rig.own_mysql(&options).await;
    let off = MySqlServer::here().pick("--skip-ssl", "--tls-version=");
    let off = rig.own_mysql(&[off]).await;
    let admin = |url: &str| {
        let url = url.to_owned();
        async move {
            let pool = sqlx::MySqlPool::connect(&url).await.expect("MariaDB");
            of_mysql(pool, url)
        }
    };
    let (encrypting, plain) = (admin(&own.url).await, admin(&off.url).await);
    for db in [&encrypting, &plain] {
        for (user, requires) in [
            ("anyhow", "NONE"),
            ("encrypted", "SSL"),
            ("certified", "X509"),
        ] {
            db.run(&format!(
                "CREATE USER {user}@'%' REQUIRE {requires}; GRANT ALL ON *.* TO {user}@'%'"
            ))
            .await;
        }
        db.run("CREATE USER secret@'%' IDENTIFIED BY 'right'; GRANT ALL ON *.* TO secret@'%'")
            .await;
    }
    let reload = MySqlServer::here().pick("FLUSH SSL", "ALTER INSTANCE RELOAD TLS");
    let to = async |state: &str| {
        if state == "off" {
            return off.url.clone();
        }
        let (certificate, demands) = match state {
            "demands" => ("good", "ON"),
            name => (name, "OFF"),
        };
        bench.certificates.copy(certificate, "live");
        encrypting
            .run(&format!(
                "{reload}; SET GLOBAL require_secure_transport = {demands}"
            ))
            .await;
        own.url.clone()
    };
    every_row!(bench, &rows_here(), |state| to(state).await, {
        let db = if state == "off" { &plain } else { &encrypting };
        db.strings("SELECT state FROM session").await
    });
    let url = to("elsewhere").await;
    by_authorities_and_names(
        &bench,
        &url,
        "ssl-mode=VERIFY_IDENTITY",
        "ssl-mode=VERIFY_CA",
    );
}

crate::support::on_mysql!(
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    tls
);
