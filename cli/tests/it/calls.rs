//! The binary, called from a folder of a test's own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A temporary folder.
pub struct Folder(pub tempfile::TempDir);

/// What a call of the binary gave.
#[derive(Debug)]
pub struct Called {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    /// With these files in it.
    pub fn of(files: &[(&str, &str)]) -> Folder {
        let folder = Folder::new();
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The folders above the file too.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Every file below a folder, by its path from there; none where there is no such folder.
    pub fn files(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.path(name), Path::new(""), &mut files);
        files
    }

    pub fn call(&self, arguments: &[&str]) -> Called {
        self.call_with(arguments, &[])
    }

    pub fn call_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Called {
        let output = self
            .command(arguments)
            .envs(environment.iter().copied())
            .output()
            .expect("the binary starts");
        Called::from(output)
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_limbeck"));
        command
            .args(arguments)
            .env_remove("DATABASE_URL")
            .current_dir(self.0.path())
            .stdin(Stdio::null());
        command
    }
}

impl From<std::process::Output> for Called {
    fn from(output: std::process::Output) -> Called {
        Called {
            code: output.status.code().expect("it ends by itself"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

impl Called {
    /// The document of a call that did its work.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Kind and message of a call under `--json` that did not.
    pub fn error(&self) -> (String, String) {
        assert_eq!((self.code, &*self.stdout), (1, ""), "{}", self.stderr);
        let line = self.stderr.lines().last().expect("an error");
        let error: Value = serde_json::from_str(line).expect("a line of JSON");
        let text = |key: &str| error["error"][key].as_str().expect("text").to_owned();
        (text("kind"), text("message"))
    }
}

/// The texts under a key of each object of a list.
pub fn texts<'v>(list: &'v Value, key: &str) -> Vec<&'v str> {
    let list = list.as_array().expect("a list");
    list.iter()
        .map(|one| one[key].as_str().expect("text"))
        .collect()
}

fn collect(folder: &Path, above: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("an entry").path();
        let name = above.join(path.file_name().expect("a name"));
        if path.is_dir() {
            collect(&path, &name, files);
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            files.insert(name.to_string_lossy().into_owned(), bytes);
        }
    }
}
