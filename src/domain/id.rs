//! Names that cannot be mixed up: every id is its own type.
//!
//! None of them is a display name. What a person calls a session may change or repeat; an id never does while the
//! thing it names exists.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A machine as the client sees it: `local`, or the name of a context's host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostId(String);

impl HostId {
    /// The name of the machine that the dashboard itself runs on.
    pub const LOCAL: &'static str = "local";

    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    pub fn local() -> Self {
        Self::new(Self::LOCAL)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One session of one agent. Made by the agent; unique on its host for as long as the session's tmux server lives,
/// and the same again after the agent restarts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(String);

impl SessionId {
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One appearance of a prompt. The same question asked again is another prompt; ids never repeat in one agent run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PromptId(pub u64);

/// The position of an event in one agent run: 1, 2, 3, … without gaps.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// Where a session lives in tmux: a pane id is only meaningful together with the run of the server that gave it,
/// because a restarted server counts from `%0` again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PaneRef {
    /// The server's socket.
    pub socket: PathBuf,
    pub server_pid: i32,
    /// When the server started, in seconds since 1970 (`#{start_time}`).
    pub server_started: i64,
    /// The number behind `%`.
    pub pane: u32,
}

impl PaneRef {
    /// tmux's own notation, `%N`.
    pub fn target(&self) -> String {
        format!("%{}", self.pane)
    }
}

impl fmt::Display for PaneRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{} of {}", self.pane, self.socket.display())
    }
}
