//! Completions and the manual page, read by the programs that they are for.

use std::io::Write as _;
use std::process::{Command, Stdio};

fn limbeck(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_limbeck"))
        .args(arguments)
        .output()
        .expect("the binary");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The commands that the program's help lists.
fn commands() -> Vec<String> {
    let help = limbeck(&["--help"]);
    let commands = help.split("Commands:").nth(1).expect("commands");
    let commands: Vec<String> = commands
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect();
    assert!(commands.len() >= 20, "{help}");
    commands
}

#[test]
fn bash_completes_commands_and_options() {
    let script = limbeck(&["completions", "bash"]);
    let complete = |line: &str, words: &str, at: usize| {
        let asked = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={at}; COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}\n\
             _limbeck limbeck \"${{COMP_WORDS[$COMP_CWORD]}}\" \"${{COMP_WORDS[$((COMP_CWORD-1))]}}\"\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"\n"
        );
        let mut bash = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash");
        bash.stdin
            .take()
            .expect("its input")
            .write_all(asked.as_bytes())
            .expect("it reads");
        let output = bash.wait_with_output().expect("its end");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let commands = complete("limbeck up", "limbeck up", 1);
    assert_eq!(commands.trim(), "upgrade");
    let options = complete("limbeck downgrade --y", "limbeck downgrade --y", 2);
    assert_eq!(options.trim(), "--yes");
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(
            limbeck(&["completions", shell]).contains("upgrade"),
            "{shell}"
        );
    }
}

#[test]
fn the_manual_page_has_every_command() {
    let page = limbeck(&["man"]);
    assert!(page.contains(".TH limbeck"), "{page}");
    for name in commands() {
        let heading = format!(".SH {}\n", name.to_uppercase().replace('_', "\\_"));
        assert!(page.contains(&heading), "{name}");
    }
}

#[test]
fn every_command_has_an_example() {
    for name in commands() {
        let text = limbeck(&[&name, "--help"]);
        assert!(
            text.contains("Example") && text.contains("\n  limbeck "),
            "{name}: {text}"
        );
    }
}
