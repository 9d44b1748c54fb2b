//! The options that a command's help lists, and that it uses each of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::calls::Folder;

/// The common options that a command uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Uses {
    Form,
    Files,
    Database,
}
use Uses::{Database, Files, Form};

const FORM: &[&str] = &["--json", "--color", "--help"];
const FILES: &[&str] = &["--dir", "--subfolders"];
const DATABASE: &[&str] = &[
    "--database-url",
    "--version-table",
    "--version-schema",
    "--search-path",
    "--role",
    "--connect-timeout",
];

/// Each command as it is called, which common options it uses, and its own options.
#[rustfmt::skip]
const COMMANDS: &[(&[&str], Uses, &[&str])] = &[
    (&["init", "new", "--rev-id=z1"], Files, &["--message", "--rev-id", "--branch-label", "--file-template", "--edit"]),
    (&["revision", "--autogenerate", "--head=base", "--rev-id=a2", "--splice"], Database, &[
        "--message", "--head", "--splice", "--depends-on", "--autogenerate", "--allow-lossy", "--online", "--schema",
        "--scratch-url", "--include", "--exclude", "--rev-id", "--branch-label", "--file-template", "--edit",
    ]),
    (&["merge"], Files, &["--splice", "--message", "--rev-id", "--branch-label", "--file-template", "--edit"]),
    (&["edit", "head"], Database, &[]),
    (&["plan"], Database, &["--from", "--to", "--downgrade"]),
    (&["upgrade", "head"], Database, &["--dry-run", "--sql", "--dialect"]),
    (&["downgrade", "base"], Database, &["--dry-run", "--yes", "--sql", "--dialect"]),
    (&["current"], Database, &["--verbose", "--check-heads"]),
    (&["history"], Database, &["--verbose", "--rev-range", "--indicate-current", "--graph", "--no-graph"]),
    (&["graph"], Database, &["--format", "--rev-range", "--indicate-current"]),
    (&["heads"], Database, &["--verbose", "--resolve-dependencies"]),
    (&["branches"], Database, &["--verbose"]),
    (&["show", "a1"], Database, &[]),
    (&["stamp", "head"], Database, &["--purge", "--sql", "--dialect"]),
    (&["check"], Database, &["--schema", "--scratch-url", "--include", "--exclude"]),
    (&["diff"], Database, &["--sql", "--scratch-url", "--include", "--exclude"]),
    (&["dump"], Database, &["--output", "--include", "--exclude"]),
    (&["scratch", "--", "true"], Database, &["--env"]),
    (&["status"], Database, &[]),
    (&["resolve", "a1", "--applied"], Database, &["--applied", "--not-applied", "--abandoned", "--accept"]),
    (&["import", "sqlx", "old"], Files, &["--dialect", "--python", "--scratch-url", "--offline"]),
    (&["adopt", "--from", "sqlx"], Database, &["--from", "--table", "--table-schema"]),
    (&["ensure_version"], Database, &[]),
    (&["completions", "bash"], Form, &[]),
    (&["man"], Form, &[]),
];

fn place() -> Folder {
    Folder::of(&[
        (
            "migrations/a1.sql",
            "-- revision: a1\n-- down_revision: none\n\n-- @upgrade\nSELECT 1;\n",
        ),
        ("schema.sql", ""),
    ])
}

/// The long options that a help begins a line with.
fn listed(help: &str) -> BTreeSet<&str> {
    help.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            match words.next()? {
                short if short.starts_with('-') && short.ends_with(',') => words.next(),
                long if long.starts_with("--") => Some(long),
                _ => None,
            }
        })
        .collect()
}

#[test]
fn help_lists_what_a_command_uses() {
    let place = place();
    let help = place.call(&["--help"]).stdout;
    let commands = help.split("Commands:").nth(1).expect("commands");
    let commands: BTreeSet<&str> = commands
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            line.strip_prefix("  ")
                .filter(|rest| !rest.starts_with(' '))
        })
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    let of_table: BTreeSet<&str> = COMMANDS.iter().map(|(call, _, _)| call[0]).collect();
    assert_eq!(commands, of_table);

    for (call, uses, own) in COMMANDS {
        let mut expected: BTreeSet<&str> = own.iter().chain(FORM).copied().collect();
        if *uses != Form {
            expected.extend(FILES);
        }
        if *uses == Database {
            expected.extend(DATABASE);
        }
        let help = place.call(&[call[0], "--help"]).stdout;
        assert_eq!(listed(&help), expected, "{}: {help}", call[0]);
    }
}

/// Each in a folder of its own, since some of them write.
#[test]
fn a_common_option_is_used_or_unknown() {
    let values = BTreeMap::from([
        ("--dir", Some("no/such")),
        ("--subfolders", None),
        ("--database-url", Some("nowhere:secret")),
        ("--version-table", Some("v")),
        ("--version-schema", Some("v")),
        ("--search-path", Some("v")),
        ("--role", Some("v")),
        ("--connect-timeout", Some("1")),
    ]);
    for (call, uses, _) in COMMANDS {
        for option in FILES.iter().chain(DATABASE) {
            let value = values[option];
            let given: Vec<&str> = [*option].into_iter().chain(value).collect();
            let is_used = *uses == Database || *uses == Files && FILES.contains(option);
            // Behind `--` is what another program gets.
            let own = call.iter().position(|word| *word == "--");
            let (own, others) = call.split_at(own.unwrap_or(call.len()));
            let arguments = [own, &given, others].concat();
            let after = place().call_with(&arguments, &[("EDITOR", "true")]);
            let unknown = format!("error: unexpected argument '{option}' found");
            assert_eq!(
                after.stderr.contains(&unknown),
                !is_used,
                "{call:?} {given:?}: {}",
                after.stderr
            );
            assert_eq!(after.code == 2, !is_used, "{call:?} {given:?}");
            if !is_used {
                assert!(after.stderr.contains("Usage: limbeck "), "{}", after.stderr);
                assert!(!after.stderr.contains("secret"), "{}", after.stderr);
                // As an alias of all commands has it.
                let before = place().call(&[&given[..], *call].concat());
                let without = place().call(call);
                assert_eq!(
                    before.code, without.code,
                    "{given:?} {call:?}: {}",
                    before.stderr
                );
                assert_eq!(before.stdout, without.stdout, "{given:?} {call:?}");
            } else if *option == "--database-url" {
                // It is the database that is looked for.
                assert!(
                    after
                        .stderr
                        .contains("the database URL begins with `nowhere:`"),
                    "{call:?}: {}",
                    after.stderr
                );
            }
        }
    }
}
