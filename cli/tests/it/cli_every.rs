//! Every command and every exit code, on each database: that nothing of the list is left out is checked by `--help`.

use std::collections::BTreeSet;

use crate::cli::Place;
use crate::support::on_each;

/// A call on the database of the test, and how it has to end.
const CALLS: &[(&[&str], i32)] = &[
    (&["status"], 0),
    (&["ensure_version"], 0),
    (&["plan"], 0),
    (&["plan", "--downgrade", "--to=-1"], 1),
    (&["upgrade", "heads", "--dry-run"], 0),
    (&["upgrade", "nowhere"], 1),
    (&["upgrade", "billing"], 0),
    (&["current"], 0),
    (&["current", "--check-heads"], 3),
    (&["upgrade", "heads"], 0),
    (&["upgrade", "heads"], 0),
    (&["current", "--check-heads"], 0),
    (&["history", "-i"], 0),
    (&["history", "-r", "nowhere:"], 1),
    (&["graph", "-i"], 0),
    (&["heads"], 0),
    (&["branches"], 0),
    (&["show", "current"], 0),
    (&["show", "nowhere"], 1),
    (&["check"], 0),
    (&["check", "--schema", "more.sql"], 3),
    (&["check", "--schema", "nowhere.sql"], 1),
    (&["check", "--include", "nothing:x"], 2),
    (&["diff"], 0),
    (&["dump"], 0),
    (&["dump", "--output", "nowhere/schema.sql"], 1),
    (&["scratch", "--", "sh", "-c", "echo \"$DATABASE_URL\""], 0),
    (&["scratch", "--", "sh", "-c", "echo no; exit 3"], 3),
    (&["scratch", "--", "./nowhere"], 1),
    (&["scratch"], 2),
    (&["downgrade", "-1", "--dry-run"], 0),
    (&["downgrade", "-1"], 0),
    (&["downgrade", "nowhere"], 1),
    (&["stamp", "heads"], 0),
    (&["stamp", "nowhere"], 1),
    (&["stamp", "d1"], 0),
    (&["upgrade", "heads", "--sql"], 0),
    (&["downgrade", "heads:base", "--sql"], 0),
    (&["stamp", "heads", "--sql"], 0),
    (&["resolve", "a1", "--applied"], 1),
    (&["resolve", "a1"], 2),
    (&["revision", "-m", "more", "--rev-id", "f1"], 0),
    (&["revision", "-m", "more", "--rev-id", "f1"], 1),
    (&["revision", "--autogenerate", "-m", "too early"], 1),
    (&["upgrade", "heads"], 0),
    (&["revision", "--autogenerate", "-m", "nothing"], 0),
    (
        &[
            "revision",
            "--autogenerate",
            "-m",
            "generated",
            "--schema=more.sql",
            "--rev-id=g1",
        ],
        0,
    ),
    (&["upgrade", "heads"], 0),
    (&["check", "--schema", "more.sql"], 0),
    (&["revision", "-m", "more", "--schema=more.sql"], 2),
    (&["merge", "heads"], 1),
    (&["edit", "f1"], 0),
    (&["init", "elsewhere"], 0),
    (&["init", "elsewhere"], 1),
    (&["import", "sqlx", "nothing", "--dir", "imported"], 1),
    (&["adopt", "--from", "sqlx"], 1),
    (&["completions", "fish"], 0),
    (&["man"], 0),
    (&["upgrad"], 2),
];

on_each! {
    async fn every_command_and_exit_code(db) {
        let place = Place::diamond();
        let schema: String = ["ta", "tb", "tc", "te"].map(|table| format!("CREATE TABLE {table} (id INTEGER);\n")).concat();
        place.write("schema.sql", &schema);
        place.write("more.sql", &format!("{schema}CREATE TABLE tf (id INTEGER);\n"));
        let mut called = BTreeSet::new();
        for (arguments, code) in CALLS {
            let said = place.call_with(
                arguments,
                &[("DATABASE_URL", &db.url), ("VISUAL", "true"), ("EDITOR", "true")],
            );
            assert_eq!(said.code, *code, "{arguments:?}: {}{}", said.stdout, said.stderr);
            // An answer or an error, and no line that is neither.
            assert_eq!(said.stdout.is_empty(), *code == 1 || *code == 2, "{arguments:?}: {}", said.stdout);
            assert_eq!(said.stderr.contains("error: "), *code == 1 || *code == 2, "{arguments:?}: {}", said.stderr);
            if *code != 2 {
                called.insert(arguments[0].to_owned());
            }
        }
        let help = place.call(&["--help"]).stdout;
        let commands = help.split("Commands:").nth(1).expect("commands");
        let listed: BTreeSet<String> = commands
            .lines()
            .skip(1)
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')))
            .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
            .filter(|name| name != "help")
            .collect();
        assert_eq!(called, listed);
    }
}
