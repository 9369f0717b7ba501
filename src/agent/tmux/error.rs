//! What can go wrong with tmux, in words a person can act on.

use std::{io, path::PathBuf};

use super::{facts::PaneRef, version::Version};

/// A failed order or start. The outcome of an order is known (nothing happened) except for
/// [`TmuxError::Interrupted`].
#[derive(Debug, thiserror::Error)]
pub enum TmuxError {
    /// The program could not be run.
    #[error("cannot run {}", program.display())]
    Program {
        /// The configured path.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// tmux answered `-V` with something else than a version.
    #[error("cannot read the tmux version from “{text}”")]
    UnknownVersion {
        /// The answer, cut short.
        text: String,
    },
    /// Older than 3.0: no hooks, no exact input.
    #[error("tmux {found} is too old: 3.0 is the oldest that works, 3.2 or newer does everything")]
    TooOld {
        /// What is installed.
        found: Version,
    },
    /// A folder of ours or of tmux's is missing, is a link, belongs to somebody else or is open to others.
    #[error("cannot use the folder {}: {why}", path.display())]
    UnsafeFolder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file operation failed.
    #[error("cannot {what} {}", path.display())]
    File {
        /// The attempted action, as a verb.
        what: &'static str,
        /// The file, folder or socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A name, size, argument, text or key that cannot be passed to tmux unharmed.
    #[error("cannot use {what}: {why}")]
    Invalid {
        /// What was given.
        what: &'static str,
        /// The rule it breaks.
        why: &'static str,
    },
    /// The pane's server has ended or was replaced by another one on the same socket.
    #[error("the tmux server of pane {pane} is gone")]
    ServerGone {
        /// The stale reference.
        pane: PaneRef,
    },
    /// No connection to the server on this socket.
    #[error("no tmux server answers on {}", socket.display())]
    NoServer {
        /// The socket.
        socket: PathBuf,
    },
    /// A managed server could not be started.
    #[error("cannot start a tmux server on {}: {message}", socket.display())]
    Start {
        /// The socket.
        socket: PathBuf,
        /// What tmux said.
        message: String,
    },
    /// Only managed servers may be changed like this.
    #[error("{} is not a server of ours", socket.display())]
    NotManaged {
        /// The socket.
        socket: PathBuf,
    },
    /// The connection broke after the order was written: it may or may not have been carried out.
    #[error("the tmux server stopped answering; the order may or may not have been carried out")]
    Interrupted,
    /// tmux refused a command; nothing after it in the list was run.
    #[error("tmux refused: {message}")]
    Refused {
        /// tmux's own words.
        message: String,
    },
    /// The user pipes this pane to a program of theirs; it is left alone.
    #[error("pane {pane} is piped to another program")]
    PipedByOther {
        /// The pane.
        pane: PaneRef,
    },
    /// A reply that does not have the announced form.
    #[error("tmux gave an unexpected reply to {command}")]
    Protocol {
        /// The command.
        command: &'static str,
    },
    /// This room has been shut down.
    #[error("tmux is no longer watched")]
    ShutDown,
}

impl TmuxError {
    /// Returns what a person can do about it, if there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Program { .. } | Self::TooOld { .. } | Self::UnknownVersion { .. } => Some(
                "install tmux 3.2 or newer with the system's packages, e.g. apt install tmux or brew install tmux",
            ),
            Self::UnsafeFolder { .. } => {
                Some("make it a folder of your own with mode 0700, or set TMUX_TMPDIR to one")
            }
            Self::PipedByOther { .. } => Some(
                "end the other pipe with tmux pipe-pane, or watch the session by attaching to it",
            ),
            _ => None,
        }
    }
}
