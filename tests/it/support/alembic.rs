//! A real Alembic.
//!
//! `LIMBECK_TEST_ALEMBIC` names a Python that has `alembic`, `sqlalchemy` and `psycopg2`; `tests/run.sh` makes
//! one.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// The standard output of an Alembic command that has to succeed.
pub fn alembic(
    python: impl AsRef<OsStr>,
    folder: &Path,
    environment: &[(&str, &str)],
    arguments: &[&str],
) -> String {
    let output = Command::new(python)
        .args(["-m", "alembic"])
        .args(arguments)
        .current_dir(folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .envs(environment.iter().copied())
        .output()
        .expect("Python runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "alembic {arguments:?} failed:\n{errors}"
    );
    String::from_utf8(output.stdout).expect("text")
}
