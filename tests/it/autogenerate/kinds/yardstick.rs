//! What databases hold, asked of `yardstick.py`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::folder;

/// A process that answers.
pub(super) struct Yardstick {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Yardstick {
    pub(super) fn new(python: &str) -> Yardstick {
        let mut child = Command::new(python)
            .arg(folder().join("yardstick.py"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python runs");
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Yardstick {
            child,
            questions,
            answers,
        }
    }

    pub(super) fn picture(&mut self, url: &str) -> Vec<String> {
        let questions = self.questions.as_mut().expect("until it is dropped");
        writeln!(questions, "{url}").expect("it reads");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("it answers");
        serde_json::from_str(&line).expect("JSON: yardstick.py said why on standard error")
    }
}

impl Drop for Yardstick {
    fn drop(&mut self) {
        drop(self.questions.take());
        let _ = self.child.wait();
    }
}
