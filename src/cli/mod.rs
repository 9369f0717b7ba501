//! `cm-tui` on the command line: without a subcommand it is the dashboard.
//!
//! One file per subcommand. They speak to the same fleet as the dashboard does; none has a way of its own.

mod audit;
mod dashboard;
mod explain;
mod explain_session;
mod history;
mod policy;

use std::ffi::OsString;
use std::path::PathBuf;

pub use audit::{
    AuditArguments, AuditCommand, AuditCommandError, Verified, VerifyArguments, verify,
};
use clap::{Parser, Subcommand};
pub use dashboard::{DashboardError, dashboard};
pub use explain::{ExplainArguments, ExplainError, explain};
pub use explain_session::{ExplainSessionError, Explained, explain_session};
pub use history::{HistoryArguments, HistoryError, Row, Told, history};
pub use policy::{PolicyArguments, PolicyError, policy};

/// A live dashboard for AI coding tools that run in tmux.
///
/// Shows every session of this machine, says which one needs you and for what, answers with one key, starts, attaches
/// and kills. Sessions run in tmux and live on when the dashboard ends.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(
    name = "cm-tui",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
pub struct Arguments {
    /// Start three stand-in tools to try every key with: no account, real tmux sessions
    #[arg(long)]
    pub demo: bool,

    /// The program of the agent, when it is neither beside cm-tui nor in PATH
    #[arg(long, value_name = "PROGRAM", global = true)]
    pub agent: Option<PathBuf>,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What `cm-tui` does besides the dashboard.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Say how the state of a session, a stored screen or a recorded stream is known
    Explain(ExplainArguments),
    /// Check the record of decisions
    Audit(AuditArguments),
    /// Search what was decided, on all hosts
    History(HistoryArguments),
    /// Say what the policy would answer, and whether its files are right
    Policy(PolicyArguments),
}

/// Reads the arguments; prints help or an error and ends the process where that is what they ask for.
pub fn arguments(words: impl IntoIterator<Item = OsString>) -> Arguments {
    Arguments::parse_from(words)
}
