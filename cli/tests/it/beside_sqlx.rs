//! `docs/beside-sqlx.md`: the crate in `tests/beside`, whose queries sqlx's macros check, built as the page says.

use std::fs;
use std::process::{Command, Output};

use crate::support::{embed::Crate, repository};

fn succeeds(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_page_can_be_followed() {
    let service = Crate::of("beside");
    let run = |program: &[&str], environment: &[(&str, &str)]| {
        let mut command = Command::new(program[0]);
        command
            .args(&program[1..])
            .current_dir(&service.folder)
            .env("CARGO_TARGET_DIR", service.target())
            .env_remove("DATABASE_URL")
            .envs(environment.iter().copied());
        command.output().expect("it starts")
    };
    let page = fs::read_to_string(repository().join("docs/beside-sqlx.md")).expect("the page");
    for (name, part) in [
        (
            "build.rs",
            "fn main() {\n    limbeck::codegen::embed(\"migrations\");\n}\n",
        ),
        (
            "src/main.rs",
            "    #[sqlx::test(migrations = false)]\n    async fn a_user_is_listed(pool: SqlitePool) -> Result<(), \
             Box<dyn std::error::Error>> {\n        let _ = Migrator::new(&pool, \
             limbeck::embedded!()).upgrade_to_head().await?;\n",
        ),
    ] {
        assert!(
            page.contains(part) && service.read(name).contains(part),
            "{name}"
        );
    }
    let limbeck = env!("CARGO_BIN_EXE_limbeck");
    let scratch = |program: &[&str], environment: &[(&str, &str)]| {
        let call = [
            &[limbeck, "scratch", "--database-url", "sqlite:", "--"],
            program,
        ]
        .concat();
        run(&call, environment)
    };
    // As `cargo sqlx prepare` sets it.
    fs::create_dir(service.folder.join(".sqlx")).expect("a folder");
    let prepared = service.folder.join(".sqlx").display().to_string();
    let prepare = [("SQLX_OFFLINE_DIR", &*prepared)];
    let tested = succeeds(&scratch(&["cargo", "test", "--quiet"], &prepare));
    assert!(tested.contains("1 passed"), "{tested}");
    let queries = fs::read_dir(&prepared).expect("it is there").count();
    assert_eq!(queries, 2);

    // Without a database, what was prepared serves; and each query is asked anew.
    let source = service.read("src/main.rs");
    service.write("src/main.rs", &format!("{source}\n// Once more.\n"));
    let build = ["cargo", "build", "--quiet"];
    succeeds(&run(&build, &[("SQLX_OFFLINE", "true")]));

    // A revision alone is enough for a new build, and the query that it breaks is named.
    service.write(
        "migrations/b1.sql",
        "-- revision: b1\n-- down_revision: a1\n\n-- @upgrade\nALTER TABLE users RENAME COLUMN name TO full_name;\n",
    );
    let broken = scratch(&build, &[]);
    let errors = String::from_utf8_lossy(&broken.stderr);
    assert!(!broken.status.success());
    assert!(
        errors.contains("no such column: name") && errors.contains("src/main.rs:13"),
        "{errors}"
    );
}
