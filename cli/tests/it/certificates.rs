//! Certificates for the servers of the tests, by openssl.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A folder that servers may read, with `NAME.pem` and `NAME.key` for each certificate:
///
/// | name | signed by | for |
/// |---|---|---|
/// | `ours`, `another` | themselves | authorities |
/// | `good` | `ours` | 127.0.0.1 and localhost |
/// | `elsewhere` | `ours` | localhost and db.example.com |
/// | `nameless` | `ours` | no host |
/// | `expired` | `ours` | 127.0.0.1, in the year 2020 |
/// | `itself` | itself, as `openssl req -x509` does | an authority that is a server's |
/// | `client` | `ours` | a client |
pub struct Certificates(tempfile::TempDir);

impl Certificates {
    pub fn new() -> Certificates {
        let certificates = Certificates(tempfile::tempdir().expect("a temporary folder"));
        fs::set_permissions(certificates.0.path(), fs::Permissions::from_mode(0o755))
            .expect("a folder that others may enter");
        for name in ["ours", "another", "itself"] {
            certificates.authority(name);
        }
        let own = "subjectAltName=IP:127.0.0.1,DNS:localhost";
        certificates.signed(&["openssl"], "good", own);
        let other = "subjectAltName=DNS:localhost,DNS:db.example.com";
        certificates.signed(&["openssl"], "elsewhere", other);
        certificates.signed(&["openssl"], "nameless", "basicConstraints=CA:FALSE");
        certificates.signed(&["openssl"], "client", "basicConstraints=CA:FALSE");
        certificates.signed(&["faketime", "2020-01-01", "openssl"], "expired", own);
        certificates
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The text with the path of each file that stands in braces: `sslrootcert={ours.pem}`.
    pub fn expand(&self, text: &str) -> String {
        let folder = format!("{}/", self.0.path().display());
        text.replace('{', &folder).replace('}', "")
    }

    /// Gives one certificate the name of another.
    pub fn copy(&self, from: &str, to: &str) {
        for kind in ["pem", "key"] {
            fs::copy(
                self.path(&format!("{from}.{kind}")),
                self.path(&format!("{to}.{kind}")),
            )
            .expect("a copy");
        }
    }

    fn authority(&self, name: &str) {
        self.key(name);
        self.run(
            &["openssl"],
            &format!("req -x509 -new -key {name}.key -subj /CN={name} -days 3650 -out {name}.pem"),
        );
    }

    fn signed(&self, openssl: &[&str], name: &str, extension: &str) {
        self.key(name);
        fs::write(self.path("extension"), extension).expect("a file");
        self.run(
            &["openssl"],
            &format!("req -new -key {name}.key -subj /CN=localhost -out request"),
        );
        self.run(
            openssl,
            &format!(
                "x509 -req -in request -CA ours.pem -CAkey ours.key -set_serial 1 -days 30 -extfile extension \
                 -out {name}.pem"
            ),
        );
    }

    fn key(&self, name: &str) {
        self.run(
            &["openssl"],
            &format!("ecparam -genkey -name prime256v1 -noout -out {name}.key"),
        );
        // The server runs as another user.
        let all = fs::Permissions::from_mode(0o644);
        fs::set_permissions(self.path(&format!("{name}.key")), all).expect("a key");
    }

    fn run(&self, program: &[&str], words: &str) {
        let output = Command::new(program[0])
            .args(&program[1..])
            .args(words.split(' '))
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{program:?}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program:?} {words}: {said}");
    }
}
