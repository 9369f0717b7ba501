//! SSH to one host: the only importer of russh, whose types never leave this room.
//!
//! russh is a protocol engine, not an ssh client: settings, trust, the order of authentication, prompts, dead peers and
//! back-pressure are decided here. Promise: nothing waits for ever (each wait is raced against the end of the
//! connection and a deadline), and a channel that nobody reads stops nobody else.

mod algorithms;
mod auth;
mod channel;
mod connection;
mod errors;
mod handler;
mod jumps;
pub mod known_hosts;
mod life;
mod opening;
mod places;
mod queue;
pub mod resolve;
mod route;
pub mod settings;
mod socket;
mod stream;
mod trust;

use thiserror::Error;

pub use self::channel::{Ended, Exec, ExecEnd, Input, Output, Pty};
pub use self::connection::Connection;
use crate::protocol::{Failure, FailureKind};

/// Why a host cannot be used. Its text is one line for the host's row.
#[derive(Clone, Debug, Error)]
#[error("{message}")]
pub struct SshError {
    pub kind: SshErrorKind,
    /// What failed, with its name, and why; lower case, no full stop.
    pub message: String,
    /// What to do; may be empty.
    pub hint: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SshErrorKind {
    /// The network, or the far end: worth trying again after a pause.
    Unreachable,
    /// The login was refused: the second time in a row only the human decides to try again.
    Authentication,
    /// Key unknown and not accepted, changed or revoked: only a human can mend it.
    Untrusted,
    /// Wrong settings: trying again helps only after they were changed.
    Settings,
    /// The connection was there and is gone.
    Lost,
    /// The host refused what was asked on a live connection: a channel, a command.
    Refused,
}

impl SshError {
    pub fn new(kind: SshErrorKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// As the host's row shows it.
    pub fn failure(&self) -> Failure {
        Failure {
            kind: FailureKind::Failed,
            message: self.message.clone(),
            hint: self.hint.clone(),
        }
    }
}
