//! A crate in `tests/`, built by cargo as a user would: `embed`, and `beside` of the command line's tests.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A copy of it. It has one place, so that cargo does not build limbeck again in each test and run; so it is one test's
/// at a time.
pub struct Crate {
    pub folder: PathBuf,
    _alone: File,
}

#[derive(Debug, PartialEq)]
pub enum Built {
    Fresh,
    Anew,
}

impl Crate {
    pub fn new() -> Crate {
        Crate::of("embed")
    }

    /// Of the one that is called so.
    pub fn of(name: &str) -> Crate {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&root).expect("a folder");
        let alone = File::create(root.join("lock")).expect("a lock file");
        alone.lock().expect("the lock");
        let folder = root.join("crate");
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("the last test's copy");
        }
        let repository = super::repository();
        copy(&repository.join("tests").join(name), &folder);
        let copied = Crate {
            folder,
            _alone: alone,
        };
        let path = serde_json::to_string(&repository).expect("a string");
        let manifest = copied.read("Cargo.toml");
        assert!(manifest.contains(r#"path = "../..""#));
        let manifest = manifest.replace(r#"path = "../..""#, &format!("path = {path}"));
        copied.write("Cargo.toml", &manifest);
        // The same versions as here: they are on this machine already.
        let lock = repository.join("Cargo.lock");
        if lock.exists() {
            fs::copy(lock, copied.folder.join("Cargo.lock")).expect("the lock file");
        }
        copied
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.folder.join(path), text).expect("a file of the copy");
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).expect("a file of the copy")
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.folder.join(path)).expect("a file of the copy");
    }

    fn cargo(&self, offline: bool) -> Output {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Command::new(cargo)
            .args(["build", "--message-format=json"])
            .args(offline.then_some("--offline"))
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", self.target())
            .output()
            .expect("cargo runs")
    }

    pub fn target(&self) -> PathBuf {
        self.folder.with_file_name("target")
    }

    /// The last try's output; that it may need the network says only the first one, by its own words.
    fn try_build(&self) -> Output {
        let output = self.cargo(true);
        if String::from_utf8_lossy(&output.stderr).contains("--offline") {
            return self.cargo(false);
        }
        output
    }

    pub fn build(&self) -> Built {
        let output = self.try_build();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let fresh = String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("cargo writes JSON"))
            .find(|message| {
                message["reason"] == "compiler-artifact"
                    && message["target"]["name"] == "embed"
                    && message["target"]["kind"][0] == "bin"
            })
            .and_then(|message| message["fresh"].as_bool());
        match fresh.expect("cargo reports the binary") {
            true => Built::Fresh,
            false => Built::Anew,
        }
    }

    /// What the build says that must fail.
    pub fn refused(&self) -> String {
        let output = self.try_build();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "this should not build");
        assert!(
            !errors.contains("panicked"),
            "an error is no panic:\n{errors}"
        );
        errors
    }

    /// Id, path, checksum and verdict of each embedded revision.
    pub fn run(&self) -> Vec<[String; 4]> {
        let program = self
            .target()
            .join("debug")
            .join(format!("embed{}", std::env::consts::EXE_SUFFIX));
        let output = Command::new(program).output().expect("the binary runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout)
            .expect("text")
            .lines()
            .map(|line| {
                let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
                words.try_into().expect("four words a line")
            })
            .collect()
    }

    /// The ids, having seen that each embedded revision is its file's.
    pub fn ids(&self) -> String {
        let lines = self.run();
        for [id, _, _, verdict] in &lines {
            assert_eq!(verdict, "same", "{id}");
        }
        let ids: Vec<_> = lines.into_iter().map(|[id, ..]| id).collect();
        ids.join(" ")
    }

    pub fn checksum(&self, wanted: &str) -> String {
        let lines = self.run();
        let line = lines.into_iter().find(|[id, ..]| id == wanted);
        let [_, _, checksum, _] = line.expect("an embedded revision");
        checksum
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if !from.is_dir() {
            fs::copy(from, to).expect("a copy");
        } else if entry.file_name() != "target" {
            copy(&from, &to);
        }
    }
}
