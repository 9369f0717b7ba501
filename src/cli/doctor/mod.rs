//! `cm-tui doctor`: what this machine needs, each with a verdict and the command that mends it.
//!
//! Promise: nothing is changed and nothing is started; a check that cannot be made says so and is no failure.

mod checks;
mod logout;

use std::process::ExitCode;

use serde::Serialize;

use super::Globals;
use super::exit::{CommandError, Exit};
use super::reach::{block_on, paths};
use super::say::{self, Tone};
use crate::term::sanitize;

/// The widest text on a line, in columns.
const COLUMNS: usize = 300;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = "Exit codes: 0 nothing fails, 1 something does, 2 wrong usage")]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    /// It works, but not as well as it could.
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    #[serde(rename = "check")]
    what: &'static str,
    verdict: Verdict,
    says: String,
    /// A command, or what to do; empty when there is nothing to mend.
    mend: String,
}

impl Check {
    pub fn new(
        what: &'static str,
        verdict: Verdict,
        says: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            what,
            verdict,
            says: says.into(),
            mend: mend.into(),
        }
    }

    pub fn ok(what: &'static str, says: impl Into<String>) -> Self {
        Self::new(what, Verdict::Ok, says, "")
    }
}

#[derive(Serialize)]
struct Report<'c> {
    worst: Verdict,
    checks: &'c [Check],
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let paths = paths()?;
    let checks = block_on(async { Ok(checks::all(&paths, globals).await) })?;
    let worst = checks.iter().map(|check| check.verdict).max();
    let worst = worst.unwrap_or(Verdict::Ok);
    if arguments.json {
        say::print_json(&Report {
            worst,
            checks: &checks,
        })?;
    } else {
        say::print(&text(&checks, globals.color.is_wanted()))?;
    }
    Ok(match worst {
        Verdict::Ok | Verdict::Warn => ExitCode::SUCCESS,
        Verdict::Fail => Exit::Failed.into(),
    })
}

fn text(checks: &[Check], is_coloured: bool) -> String {
    let lines = checks.iter().map(|check| {
        let (word, tone) = match check.verdict {
            Verdict::Ok => ("ok  ", Tone::Good),
            Verdict::Warn => ("warn", Tone::Urgent),
            Verdict::Fail => ("fail", Tone::Bad),
        };
        let word = tone.paint(word, is_coloured);
        let says = sanitize::label(&check.says, COLUMNS);
        let mend = sanitize::label(&check.mend, COLUMNS);
        let mend = if mend.is_empty() {
            String::new()
        } else {
            format!("      {:<12}→ {mend}\n", "")
        };
        format!("{word}  {:<12}{says}\n{mend}", check.what)
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_is_a_line_and_what_mends_it_another() {
        let checks = [
            Check::ok("tmux", "3.5a"),
            Check::new("disk", Verdict::Fail, "full", "df -h"),
        ];
        insta::assert_snapshot!(text(&checks, false), @r"
        ok    tmux        3.5a
        fail  disk        full
                          → df -h
        ");
    }
}
