//! The same tests in two sizes: a sample in every run, the whole numbers under `tests/soak.sh`, which sets
//! `LIMBECK_SOAK` and prints the table that the tests fill.

use std::fmt::Display;
use std::io::Write as _;

/// Whether the whole numbers are asked for.
pub fn is_full() -> bool {
    std::env::var_os("LIMBECK_SOAK").is_some()
}

/// How often to do something: so often in every run, and so often in a soak.
pub fn times(sample: usize, full: usize) -> usize {
    if is_full() { full } else { sample }
}

/// A row of the table: what was done to limbeck, how often, how often it came out wrong, and what was
/// measured. Told before the test asserts that nothing was wrong, so that a failure stands in the table too.
pub fn tell(fault: &str, runs: usize, wrong: usize, figure: impl Display) {
    let row = format!("| {fault} | {runs} | {wrong} | {figure} |");
    match std::env::var_os("LIMBECK_SOAK_TABLE") {
        Some(path) => {
            // One write of a short line: tests run side by side.
            let mut file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .expect("the table of the soak");
            file.write_all(format!("{row}\n").as_bytes())
                .expect("a row of the table");
        }
        None => println!("{row}"),
    }
}
