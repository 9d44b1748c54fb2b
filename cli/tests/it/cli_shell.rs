//! Completions and the manual page, read by the programs that they are for.

use std::collections::BTreeSet;
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
        let heading = heading(&name);
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

fn heading(command: &str) -> String {
    format!(".SH {}\n", command.to_uppercase().replace('_', "\\_"))
}

type Options = BTreeSet<String>;

/// The options that begin a line of a help.
fn of_help(help: &str) -> Options {
    help.lines()
        .flat_map(|line| {
            let words = line.split_whitespace();
            words
                .take(2)
                .take_while(|word| word.starts_with('-') && *word != "-")
        })
        .map(|option| option.trim_end_matches(',').to_owned())
        .collect()
}

/// The text between two others, the first time that it is there.
fn between<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    let (_, rest) = text
        .split_once(begin)
        .unwrap_or_else(|| panic!("{begin:?} is there: {text}"));
    rest.split(end).next().expect("a first part")
}

/// The options that a script offers behind the program's name, or a command's.
fn of_script(shell: &str, script: &str, command: Option<&str>) -> Options {
    match shell {
        "bash" => {
            let case = command.map_or_else(
                || "        limbeck)\n".to_owned(),
                |name| format!("        limbeck__subcmd__{name})\n"),
            );
            let words = between(between(script, &case, ";;\n"), "opts=\"", "\"");
            let options = words.split(' ').filter(|word| word.starts_with('-'));
            options.map(str::to_owned).collect()
        }
        "zsh" => {
            let begin = command.map_or_else(
                || "local context".to_owned(),
                |name| format!("({name})\n_arguments"),
            );
            between(script, &begin, "&& ret=0")
                .lines()
                .filter_map(|line| line.strip_prefix('\''))
                .map(|line| match line.starts_with('(') {
                    true => line.split_once(')').expect("its end").1,
                    false => line,
                })
                .map(|line| line.trim_start_matches('*'))
                .filter(|line| line.starts_with('-'))
                .map(|line| {
                    line.split(['+', '=', '['])
                        .next()
                        .expect("a name")
                        .to_owned()
                })
                .collect()
        }
        "fish" => {
            let begin = command.map_or_else(
                || "complete -c limbeck -n \"__fish_limbeck_needs_command\"".to_owned(),
                |name| format!("complete -c limbeck -n \"__fish_limbeck_using_subcommand {name}\""),
            );
            script
                .lines()
                .filter_map(|line| line.strip_prefix(&begin))
                .flat_map(|line| {
                    let words: Vec<&str> = line
                        .split(" -d ")
                        .next()
                        .expect("options")
                        .split(' ')
                        .collect();
                    let options = words.windows(2).filter_map(|pair| match pair {
                        ["-s", short] => Some(format!("-{short}")),
                        ["-l", long] => Some(format!("--{long}")),
                        _ => None,
                    });
                    options.collect::<Vec<_>>()
                })
                .collect()
        }
        "powershell" | "elvish" => {
            let path = command.map_or_else(
                || "'limbeck'".to_owned(),
                |name| format!("'limbeck;{name}'"),
            );
            let (begin, end, offer) = match shell {
                "powershell" => (format!("{path} {{\n"), "break\n", "::new('"),
                _ => (format!("&{path}= {{\n"), "\n        }\n", "cand "),
            };
            between(script, &begin, end)
                .lines()
                .filter_map(|line| line.split_once(offer))
                .map(|(_, rest)| rest.split(['\'', ' ']).next().expect("a name"))
                .filter(|option| option.starts_with('-'))
                .map(str::to_owned)
                .collect()
        }
        _ => panic!("{shell} is read by no one"),
    }
}

/// The options in bold type: no others are.
fn of_page(section: &str) -> Options {
    let bold = section.split("\\fB").skip(1);
    bold.filter_map(|rest| rest.split("\\fR").next())
        .map(|text| text.replace("\\-", "-"))
        .filter(|text| text.starts_with('-'))
        .collect()
}

#[test]
fn completions_offer_what_the_help_lists() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = limbeck(&["completions", shell]);
        assert_eq!(of_script(shell, &script, None), listed(&[]), "{shell}");
        for name in commands() {
            let offered = of_script(shell, &script, Some(&name));
            let expected = listed(std::slice::from_ref(&name));
            assert_eq!(offered, expected, "{shell}, {name}");
        }
    }
}

#[test]
fn the_manual_page_has_for_each_command_what_its_help_lists() {
    let page = limbeck(&["man"]);
    let (_, mut rest) = page.split_once(".SH OPTIONS\n").expect("options");
    let mut before: Vec<String> = Vec::new();
    for name in commands() {
        let (section, behind) = rest.split_once(&heading(&name)).expect("a section");
        assert_eq!(of_page(section), listed(&before), "{before:?}: {section}");
        (rest, before) = (behind, vec![name]);
    }
    assert_eq!(of_page(rest), listed(&before), "{before:?}: {rest}");
}

/// The options that the help of the program or of a command lists.
fn listed(command: &[String]) -> Options {
    let arguments = command.iter().map(String::as_str).chain(["--help"]);
    of_help(&limbeck(&arguments.collect::<Vec<_>>()))
}
