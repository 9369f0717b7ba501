//! What is known about tmux: servers, panes and what happened to them, as plain values.
//!
//! A pane is addressed by [`PaneRef`] only. tmux reuses pane ids after a restart and matches names by prefix, so
//! the reference carries the server process it was seen in, and every order is refused when that process is gone.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

pub use crate::domain::PaneRef;

/// One run of one tmux server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRef {
    /// Its socket.
    pub socket: PathBuf,
    /// The socket's file name: what `tmux -L` takes when the socket lies in the usual folder.
    pub label: String,
    /// Its process id.
    pub pid: i32,
    /// When it started, in seconds since the epoch.
    pub started: i64,
    /// As it calls itself, e.g. `3.3a`.
    pub version: String,
    /// Started by us with our configuration; never true for a server of the user.
    pub managed: bool,
}

impl ServerRef {
    /// Returns the reference of pane `%pane` of this server.
    pub fn pane(&self, pane: u32) -> PaneRef {
        PaneRef {
            socket: self.socket.clone(),
            server_pid: self.pid,
            server_started: self.started,
            pane,
        }
    }

    /// Whether `pane` was seen in this very run of this server.
    pub fn owns(&self, pane: &PaneRef) -> bool {
        self.socket == pane.socket
            && self.pid == pane.server_pid
            && self.started == pane.server_started
    }
}

/// How the program of a kept (`remain-on-exit`) pane ended. Both are `None` while tmux does
/// not know yet, which is told by a later list, or cannot tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaneDeath {
    /// Its exit status.
    pub status: Option<i32>,
    /// The signal that ended it; tmux tells from 3.3 on.
    pub signal: Option<i32>,
}

/// A pane as tmux described it last. Texts come from programs and people: clean them before showing them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaneInfo {
    /// Its address.
    pub pane: PaneRef,
    /// The number in `$N`.
    pub session_id: u32,
    /// Only for display; names are never addresses.
    pub session_name: String,
    /// The number in `@N`.
    pub window_id: u32,
    /// The window's place in its session.
    pub window_index: u32,
    /// The pane's place in its window.
    pub pane_index: u32,
    /// All panes of all windows of the session.
    pub panes_in_session: u32,
    /// Width in cells.
    pub cols: u16,
    /// Height in cells.
    pub rows: u16,
    /// The pane's first process.
    pub pid: i32,
    /// The name of the foreground program.
    pub command: String,
    /// The foreground program's folder; line ends and tabs in it are shown as `?`.
    pub path: String,
    /// The title set by the program.
    pub title: String,
    /// Set once the program has ended and the pane was kept.
    pub dead: Option<PaneDeath>,
    /// The alternate screen is shown.
    pub alternate: bool,
    /// In copy mode or another mode that takes the keys.
    pub in_mode: bool,
    /// Somebody else pipes this pane, so it cannot be joined.
    pub piped_by_other: bool,
    /// Human clients attached to the session; our control clients are not counted.
    pub attached: u32,
    /// When the session was created, in seconds since the epoch.
    pub created: i64,
    /// The non-empty user options among [`TmuxConfig::options`](super::TmuxConfig::options), with their `@`.
    pub options: BTreeMap<String, String>,
}

/// A fact about tmux. Ordered per server: `ServerUp`, any number of `Panes`, `ServerDown`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TmuxEvent {
    /// A server answers; its panes follow.
    ServerUp {
        /// The server.
        server: ServerRef,
    },
    /// A server ended or cannot be reached any more; every [`PaneRef`] of it is void.
    ServerDown {
        /// The server.
        server: ServerRef,
        /// In words, for a person.
        reason: String,
    },
    /// All panes of a server, in tmux's order, after something changed. Intermediate states may be skipped when
    /// the receiver is slow; the last one never is.
    Panes {
        /// The server.
        server: ServerRef,
        /// Without those of our own monitor session.
        panes: Vec<PaneInfo>,
    },
    /// Every server that was there at the start has been reported with its panes, or could not be reached. Sent once.
    Surveyed,
    /// A socket that cannot be watched, and what a person can do about it.
    Problem {
        /// The socket, or the folder of sockets.
        socket: PathBuf,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
}
