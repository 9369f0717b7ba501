//! `cm-tui audit verify`: holds the record of decisions of this machine against itself.
//!
//! Exit code 0: every line is as it was written; 1: something is not, and it is said where; 3: there is no such record.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use thiserror::Error;

use crate::agent::audit::{self, Report, VerifyError};
use crate::paths::{Paths, PathsError};
use crate::term::sanitize;

/// The longest text on a line, in columns: a path and what is wrong there.
const COLUMNS: usize = 400;

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct AuditArguments {
    #[command(subcommand)]
    pub command: AuditCommand,
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum AuditCommand {
    /// Find every line that was edited, removed, doubled or torn
    Verify(VerifyArguments),
}

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct VerifyArguments {
    /// One file by itself, or a folder, instead of the record of this machine
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Error)]
pub enum AuditCommandError {
    #[error(transparent)]
    Paths(#[from] PathsError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

impl AuditCommandError {
    /// 3 when there is nothing to verify, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Verify(VerifyError::Nothing(_) | VerifyError::NoFile(_)) => 3,
            _ => 1,
        }
    }
}

/// What was verified, and what was found.
#[derive(Clone, Debug)]
pub struct Verified {
    pub path: PathBuf,
    pub report: Report,
}

/// Verifies a file, a folder, or the record of this machine.
pub fn verify(arguments: &VerifyArguments) -> Result<Verified, AuditCommandError> {
    let path = match &arguments.file {
        Some(file) => file.clone(),
        None => Paths::from_env()?.audit_dir(),
    };
    let report = audit::verify(&path)?;
    Ok(Verified { path, report })
}

impl Verified {
    /// 0 when all is as it was written, else 1.
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.report.findings.is_empty())
    }

    /// The report as one JSON object on one line, in printable ASCII.
    pub fn json(&self) -> String {
        let text = serde_json::to_string(&self.report);
        audit::printable(&text.expect("plain values with text for keys")) + "\n"
    }

    /// One line for each finding, with its file, line and offset, then what was read.
    pub fn text(&self) -> String {
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
            "{path}: {verdict}; {} decisions in {} lines of {files}; the last is {} {}",
            report.decisions, report.lines, report.last, report.hash
        );
        text
    }
}
