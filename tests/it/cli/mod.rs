//! The command line: the real program against a real agent.

mod contexts;
mod help;
mod hooks;
mod host;
mod modes;
mod remote;
mod sessions;

use std::process::{Command, Output};

use crate::lab::Lab;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cm-tui");

/// `cm-tui` in the lab's world, without a terminal.
fn command(lab: &Lab, arguments: &[&str]) -> Command {
    let mut command = lab.command(PROGRAM);
    command.arg("--agent").arg(lab.path("cm-agent"));
    command.args(arguments);
    command
}

fn run(lab: &Lab, arguments: &[&str]) -> Ran {
    Ran::of(&command(lab, arguments).output().unwrap())
}

/// How a subcommand ended, and what it said.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

    /// What it printed, when it went well.
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    #[track_caller]
    fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// What it complained of, when it printed nothing else and ended with `code`.
    #[track_caller]
    fn fails(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{self:?}");
        self.err
    }
}

/// Writes the settings of the lab.
fn configure(lab: &Lab, text: &str) {
    std::fs::create_dir_all(&lab.paths.config_dir).unwrap();
    std::fs::write(lab.paths.config_file(), text).unwrap();
}

fn configured(lab: &Lab) -> String {
    std::fs::read_to_string(lab.paths.config_file()).unwrap()
}
