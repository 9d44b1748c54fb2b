//! The page `docs/workflow.md`, done: each block of commands is run in its order, in one folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::repository;

/// A fenced block: what stands behind the fence, the text, and its line in the page.
struct Block {
    info: String,
    text: String,
    line: usize,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in (1..).zip(page.lines()) {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(info), None) => {
                open = Some(Block {
                    info: info.to_owned(),
                    text: String::new(),
                    line: number,
                });
            }
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block without an end");
    blocks
}

fn run(folder: &Path, script: &str) -> Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_limbeck"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [binary.parent().expect("a folder").to_owned()];
    let path = std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&path)));
    Command::new("sh")
        .args(["-e", "-c", script])
        .current_dir(folder)
        .env("PATH", path.expect("a path"))
        .env("DATABASE_URL", "sqlite:app.db")
        .output()
        .expect("a shell")
}

/// The one file that `migrations/*_slug.sql` means.
fn file(folder: &Path, pattern: &str) -> PathBuf {
    let (directory, name) = pattern.split_once("/*").expect("a folder and a pattern");
    let files = std::fs::read_dir(folder.join(directory)).expect("a folder");
    let mut found: Vec<PathBuf> = files
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(name))
        .collect();
    assert_eq!(found.len(), 1, "{pattern}: {found:?}");
    found.remove(0)
}

#[test]
fn the_page_can_be_followed() {
    let page = std::fs::read_to_string(repository().join("docs/workflow.md")).expect("the page");
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let mut commands = 0;
    for block in blocks(&page) {
        let words: Vec<&str> = block.info.split_whitespace().collect();
        match words[..] {
            ["sh"] | ["sh", "exits=1" | "exits=3"] => {
                let expected = words
                    .get(1)
                    .map_or(0, |word| if *word == "exits=3" { 3 } else { 1 });
                let output = run(folder, &block.text);
                assert_eq!(
                    output.status.code(),
                    Some(expected),
                    "docs/workflow.md:{}: {}{}",
                    block.line,
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr)
                );
                commands += block.text.lines().count();
            }
            ["sql", name] if !name.contains('*') => {
                std::fs::write(folder.join(name), &block.text).expect("a file");
            }
            ["sql", pattern] => {
                let path = file(folder, pattern);
                let text = std::fs::read_to_string(&path).expect("a revision file");
                let header = text.find("-- @upgrade").expect("a section");
                std::fs::write(&path, format!("{}{}", &text[..header], block.text))
                    .expect("a revision file");
            }
            _ => panic!("docs/workflow.md:{}: what is `{}`?", block.line, block.info),
        }
    }
    assert!(commands > 25, "{commands}");
    let script = std::fs::read_to_string(folder.join("upgrade.sql")).expect("the script");
    assert!(script.contains("CREATE TABLE accounts"), "{script}");
    let end = run(folder, "limbeck current --check-heads && limbeck current");
    assert!(end.status.success(), "{end:?}");
}
