//! How a subcommand ends: one of six exit codes, and for all but the first a line that says why and one that says what to do.
//!
//! Promise: scripts can rely on the codes ([`Exit`]); `--help` of every subcommand lists them ([`HELP`]).

use std::process::ExitCode;

use thiserror::Error;

use crate::fleet::SendError;
use crate::protocol::{Failure, FailureKind};
use crate::term::sanitize;

/// What `--help` says of the exit codes.
pub const HELP: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found (or not clear which),
4 host not reached, 5 refused: it may work at another time";

/// The widest message of an agent that is repeated, in columns.
const COLUMNS: usize = 400;

/// The exit codes of every subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Failed = 1,
    /// The arguments do not go together; clap ends with the same code for what it does not understand.
    Usage = 2,
    /// No session, context or tool is called so, or several are.
    NotFound = 3,
    Unreachable = 4,
    /// It is possible, but not now or not so: a prompt that changed, a question that was answered with no.
    Refused = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a subcommand did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct CommandError {
    pub exit: Exit,
    /// What failed, with its name, and why. Cleaned.
    pub message: String,
    /// What to do about it; may be empty, may have several lines.
    pub hint: String,
}

impl CommandError {
    pub fn new(exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: hint.into(),
        }
    }

    pub fn failed(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message, hint)
    }

    /// `what` failed for a reason that the system gave, with its causes.
    pub fn because(what: impl std::fmt::Display, cause: &dyn std::error::Error) -> Self {
        Self::failed(format!("{what}: {}", chain(cause)), "")
    }

    /// The agent is another one than it says.
    pub fn other_answer() -> Self {
        Self::failed("the agent answers something else", "")
    }

    /// What an agent said.
    pub fn of(failure: &Failure) -> Self {
        let exit = match failure.kind {
            FailureKind::NotFound => Exit::NotFound,
            FailureKind::Refused => Exit::Refused,
            FailureKind::Unsupported | FailureKind::Invalid | FailureKind::Failed => Exit::Failed,
        };
        let clean = |text: &str| sanitize::label(text, COLUMNS);
        Self::new(exit, clean(&failure.message), clean(&failure.hint))
    }
}

/// What an error says, with its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

impl From<SendError> for CommandError {
    fn from(error: SendError) -> Self {
        Self::because("cannot ask the agent", &error)
    }
}
