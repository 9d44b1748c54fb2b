//! The corpus of `tests/fuzz`, on any toolchain: what each target asks of an input, the same function asks here.
//! Two more targets have no public door and are replayed in `src/fuzzing.rs`.

use std::path::Path;

#[path = "../fuzz/oracles/graph.rs"]
mod graph;
#[path = "../fuzz/oracles/revision_file.rs"]
mod revision_file;
#[path = "../fuzz/oracles/split.rs"]
mod split;
#[path = "../fuzz/oracles/target.rs"]
mod target;

/// Each input in turn; says which one it is that fails.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/corpus")
        .join(target);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    for path in &paths {
        let input = std::fs::read(path).expect("an input");
        if let Err(panic) = std::panic::catch_unwind(|| check(&input)) {
            eprintln!("the input is {}", path.display());
            std::panic::resume_unwind(panic);
        }
    }
    assert!(
        paths.len() > 20,
        "{} inputs in {}",
        paths.len(),
        folder.display()
    );
}

#[test]
fn revision_files() {
    replay("revision_file", revision_file::check);
}

#[test]
fn splitter() {
    replay("split", split::check);
}

#[test]
fn targets() {
    replay("target", target::check);
}

#[test]
fn graphs() {
    replay("graph", graph::check);
}
