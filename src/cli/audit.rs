//! `cm-tui audit verify`: holds the record of decisions of this machine against itself.
//!
//! Exit code 0: every line is as it was written; 1: something is not, and it is said where; 3: there is no such record.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::exit::{self, CommandError, Exit, chain};
use super::reach::paths;
use super::say;
use crate::agent::audit::{self, Report, VerifyError};
use crate::term::sanitize;

/// The longest text on a line, in columns: a path and what is wrong there.
const COLUMNS: usize = 400;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    #[command(subcommand)]
    pub order: Order,
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum Order {
    /// Find every line that was edited, removed, doubled or torn
    #[command(after_help = exit::HELP)]
    Verify(VerifyArguments),
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct VerifyArguments {
    /// One file by itself, or a folder, instead of the record of this machine
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, CommandError> {
    let Order::Verify(arguments) = &arguments.order;
    let path = match &arguments.file {
        Some(file) => file.clone(),
        None => paths()?.audit_dir(),
    };
    let report = audit::verify(&path).map_err(|error| refused(&error))?;
    let verified = Verified { path, report };
    say::print(&if arguments.json {
        verified.json()
    } else {
        verified.text()
    })?;
    Ok(if verified.report.findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        Exit::Failed.into()
    })
}

fn refused(error: &VerifyError) -> CommandError {
    let exit = match error {
        VerifyError::Nothing(_) | VerifyError::NoFile(_) => Exit::NotFound,
        VerifyError::Io { .. } => Exit::Failed,
    };
    CommandError::new(exit, chain(error), "")
}

/// What was verified, and what was found.
struct Verified {
    path: PathBuf,
    report: Report,
}

impl Verified {
    /// The report as one JSON object on one line, in printable ASCII.
    fn json(&self) -> String {
        let text = serde_json::to_string(&self.report);
        audit::printable(&text.expect("plain values with text for keys")) + "\n"
    }

    /// One line for each finding, with its file, line and offset, then what was read.
    fn text(&self) -> String {
        let report = &self.report;
        let mut text = String::new();
        for finding in &report.findings {
            let place = match finding.line {
                0 => finding.file.clone(),
                line => format!("{}:{line} (offset {})", finding.file, finding.offset),
            };
            let line = sanitize::label(&format!("{place}: {}", finding.damage), COLUMNS);
            let _never = writeln!(text, "{line}");
        }
        if report.more > 0 {
            let _never = writeln!(text, "… and {} more", report.more);
        }
        for note in &report.notes {
            let _never = writeln!(text, "note: {}", sanitize::label(note, COLUMNS));
        }
        let verdict = match report.findings.len() + report.more {
            0 => "as it was written".to_owned(),
            1 => "damaged in 1 place".to_owned(),
            places => format!("damaged in {places} places"),
        };
        let files = if report.files == 1 {
            "1 file".to_owned()
        } else {
            format!("{} files", report.files)
        };
        let path = sanitize::label(&self.path.display().to_string(), COLUMNS);
        let _never = writeln!(
            text,
            "{path}: {verdict}; {} entries in {} lines of {files}; the last is {} {}",
            report.decisions, report.lines, report.last, report.hash
        );
        text
    }
}
