//! A project of a real Alembic's, made by its own commands.

use std::fs;
use std::path::PathBuf;

use crate::calls::Folder;
use crate::support::alembic::alembic;
use crate::support::servers::server;

/// A project in `old/` of a folder: `old/alembic.ini`, and the scripts in `old/scripts/`.
pub struct Project<'f> {
    pub python: String,
    folder: &'f Folder,
}

impl<'f> Project<'f> {
    /// None where there is no Alembic, which is said aloud. `url` is one of limbeck's.
    pub fn new(folder: &'f Folder, url: &str) -> Option<Project<'f>> {
        Project::with("LIMBECK_TEST_ALEMBIC", folder, url)
    }

    /// By the Alembic that this variable names.
    pub fn with(variable: &str, folder: &'f Folder, url: &str) -> Option<Project<'f>> {
        let python = server(variable)?;
        let project = Project { python, folder };
        fs::create_dir_all(folder.path("old")).expect("a folder");
        project.run(&["init", "scripts"]);
        // SQLAlchemy's names: a file's absolute path comes after three slashes.
        let url = url
            .replacen("postgres://", "postgresql+psycopg2://", 1)
            .replacen("sqlite://", "sqlite:///", 1);
        let ini = folder.read("old/alembic.ini");
        let (above, below) = ini
            .split_once("sqlalchemy.url = ")
            .expect("Alembic's template");
        let (_, below) = below.split_once('\n').expect("a line");
        folder.write(
            "old/alembic.ini",
            format!("{above}sqlalchemy.url = {url}\n{below}"),
        );
        Some(project)
    }

    /// The command line that imports it.
    pub fn import(&self) -> [&str; 6] {
        [
            "import",
            "alembic",
            "old",
            "--json",
            "--python",
            &self.python,
        ]
    }

    /// Its standard output.
    pub fn run(&self, arguments: &[&str]) -> String {
        alembic(&self.python, &self.folder.path("old"), &[], arguments)
    }

    /// `alembic revision`, and what its functions do: lines of Python.
    pub fn revision(&self, id: &str, options: &[&str], up: &[&str], down: &[&str]) {
        self.run(&[&["revision", "--rev-id", id, "-m", id], options].concat());
        let path = self.file(id);
        let text = fs::read_to_string(&path).expect("the new file");
        let parts: Vec<&str> = text.split("    pass\n").collect();
        let [head, between, tail] = parts[..] else {
            panic!("Alembic's template is another one: {text}")
        };
        let text = [head, &block(up), between, &block(down), tail].concat();
        fs::write(path, text).expect("a file");
    }

    /// Revisions one after the other, written without Alembic: each call of it starts a Python.
    pub fn chain<'r>(
        &self,
        revisions: impl IntoIterator<Item = (&'r str, &'r [&'r str], &'r [&'r str])>,
    ) {
        let mut parent = "None".to_owned();
        for (id, up, down) in revisions {
            let text = format!(
                "import sqlalchemy as sa\nfrom alembic import op\n\nrevision = '{id}'\ndown_revision = {parent}\n\n\n\
                 def upgrade():\n{}\n\ndef downgrade():\n{}",
                block(up),
                block(down)
            );
            let path = format!("old/scripts/versions/{id}_{id}.py");
            self.folder.write(&path, text);
            parent = format!("'{id}'");
        }
    }

    pub fn file(&self, id: &str) -> PathBuf {
        let versions = fs::read_dir(self.folder.path("old/scripts/versions")).expect("its folder");
        versions
            .map(|entry| entry.expect("an entry").path())
            .find(|path| {
                let name = path.file_name().expect("a name").to_string_lossy();
                name.starts_with(&format!("{id}_"))
            })
            .expect("the revision's file")
    }

    /// ```text
    /// a1 ─┬─ b1 (shop) ─┬─ m1 ─ n1
    ///     └─ c1 ────────┘
    /// x1 (audit, depends on b1)
    /// ```
    pub fn with_branches(&self) {
        self.revision(
            "a1",
            &[],
            &[
                r#"op.create_table("users", sa.Column("id", sa.Integer, primary_key=True),"#,
                r#"    sa.Column("email", sa.String(80), nullable=False, server_default="a;b"))"#,
                r#"op.create_index("users_email", "users", ["email"], unique=True)"#,
            ],
            &[
                r#"op.drop_index("users_email", table_name="users")"#,
                r#"op.drop_table("users")"#,
            ],
        );
        self.revision(
            "b1",
            &["--branch-label", "shop"],
            &[
                r#"op.create_table("orders", sa.Column("id", sa.Integer, primary_key=True),"#,
                r#"    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id")))"#,
            ],
            &[r#"op.drop_table("orders")"#],
        );
        self.revision(
            "c1",
            &["--head", "a1", "--splice"],
            &[
                r#"op.add_column("users", sa.Column("name", sa.String(40)))"#,
                r#"op.execute("INSERT INTO users (id, name) VALUES (1, 'it''s; -- me')")"#,
            ],
            &[
                "op.execute('DELETE FROM users')",
                r#"op.drop_column("users", "name")"#,
            ],
        );
        self.run(&["merge", "--rev-id", "m1", "-m", "both", "b1", "c1"]);
        self.revision(
            "n1",
            &["--head", "m1"],
            &[r#"op.add_column("orders", sa.Column("total", sa.Integer, server_default="0"))"#],
            &[r#"op.drop_column("orders", "total")"#],
        );
        self.revision(
            "x1",
            &[
                "--head",
                "base",
                "--branch-label",
                "audit",
                "--depends-on",
                "b1",
            ],
            &[r#"op.create_table("audits", sa.Column("id", sa.Integer, primary_key=True))"#],
            &[r#"op.drop_table("audits")"#],
        );
    }
}

/// A function's body.
fn block(lines: &[&str]) -> String {
    match lines {
        [] => "    pass\n".to_owned(),
        lines => lines.iter().map(|line| format!("    {line}\n")).collect(),
    }
}
