//! The tables as they stand in `docs/autogenerate.md`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

pub(super) const YES: &str = "✓";
pub(super) const NO: &str = "–";

pub(super) fn marks(done: [bool; 3]) -> String {
    done.map(|done| if done { YES } else { NO }).join(" ")
}

/// The first row counts what is done.
pub(super) fn table(rows: &[[String; 5]]) -> String {
    let count = |column: usize| {
        let count = |at: usize| {
            let marked = rows.iter().filter(|row| {
                let mark = row[column].split(' ').nth(at);
                mark == Some(YES)
            });
            marked.count().to_string()
        };
        format!("**{}**", [0, 1, 2].map(count).join(" "))
    };
    let counts = [1, 2, 3, 4].map(count);
    let mut text = String::from(
        "| kind | limbeck | Alembic 1.20 | Atlas | sea-orm |\n|---|---|---|---|---|\n",
    );
    writeln!(text, "| **of {}** | {} |", rows.len(), counts.join(" | ")).expect("a string");
    for row in rows {
        writeln!(text, "| {} |", row.join(" | ")).expect("a string");
    }
    text
}

/// Tests of several databases write to one file.
static PAGE: Mutex<()> = Mutex::new(());

pub(super) fn check(database: &str, table: &str) {
    let _guard = PAGE.lock();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/autogenerate.md");
    let page = fs::read_to_string(&path).expect("the page");
    let begin = format!("<!-- measured: {database} -->\n");
    let end = format!("<!-- end of {database} -->");
    let (above, rest) = page.split_once(&begin).expect("where the table begins");
    let (found, below) = rest.split_once(&end).expect("where it ends");
    if std::env::var_os("LIMBECK_BLESS").is_some() {
        fs::write(&path, [above, &begin, table, &end, below].concat()).expect("the page");
        return;
    }
    let wrong: Vec<String> = table
        .lines()
        .filter(|line| !found.lines().any(|other| other == *line))
        .map(|line| format!("measured: {line}"))
        .collect();
    assert!(
        found == table,
        "docs/autogenerate.md says something else of {database}; LIMBECK_BLESS=1 writes what is measured:\n{}",
        wrong.join("\n")
    );
}
