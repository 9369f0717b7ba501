//! A session: one tool in one tmux pane, and what state it is in.

use serde::{Deserialize, Serialize};

use super::{AutoConfirm, PaneRef, Prompt, SessionId};

/// Milliseconds since 1970 on the clock of the host that says it. Only for showing ages: nothing is decided by it.
pub type UnixMillis = u64;

/// Everything a client knows of a session besides its screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: SessionId,
    /// What people call it. Ours are `[a-z0-9][a-z0-9_-]*`; foreign ones are cleaned tmux names.
    pub name: String,
    /// The profile's id, for example `claude-code`; `shell` when no profile fits.
    pub tool: String,
    pub origin: Origin,
    pub pane: PaneRef,
    /// The number behind `$` of the tmux session.
    pub tmux_session: u32,
    /// The folder it was started in, or the pane's folder for foreign sessions. Cleaned.
    pub dir: String,
    /// What it was asked to do at the start, if that is known.
    pub task: Option<String>,
    pub cols: u16,
    pub rows: u16,
    /// People attached to its tmux session right now.
    pub attached: u32,
    pub created: UnixMillis,
    pub state: SessionState,
    /// When `state` began.
    pub since: UnixMillis,
    /// Why `state` is believed: the name of the rule.
    pub rule: String,
    /// Which sources say something else, in words; empty when all agree. Cleaned.
    #[serde(default)]
    pub disagreement: String,
    /// Who answers its prompts when no person does.
    #[serde(default)]
    pub auto: AutoConfirm,
    /// The open prompt; present exactly while `state` needs an answer.
    pub prompt: Option<Prompt>,
}

/// Whose tmux server the session runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// On a server of ours: sized, named and killed by us.
    Managed,
    /// On another server of the user; the label is the socket's file name, cleaned. Never resized.
    Foreign(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Started; nothing recognised yet.
    Starting,
    /// Busy, with what the tool says it does (may be empty).
    Working { activity: String },
    /// Waits for a permission.
    Approval,
    /// Waits for an answer that is not a permission.
    Question,
    /// Waits for the next task.
    Idle,
    /// Done with its task and says so.
    Finished,
    /// The last turn failed, with the tool's words (may be empty).
    Error { text: String },
    /// The program ended: `code` of a normal exit, else the `signal` that ended it.
    Exited {
        code: Option<i32>,
        signal: Option<i32>,
    },
    /// Its tmux server is gone. Never comes back by itself.
    Lost,
    /// Nothing is certain.
    Unknown,
}

impl SessionState {
    /// Whether a person has to do something.
    pub fn needs_you(&self) -> bool {
        matches!(self, Self::Approval | Self::Question)
    }

    /// Whether no program runs any more.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Exited { .. } | Self::Lost)
    }

    /// One word, the same in every view, in logs and in documents.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Working { .. } => "working",
            Self::Approval => "approval",
            Self::Question => "question",
            Self::Idle => "idle",
            Self::Finished => "finished",
            Self::Error { .. } => "error",
            Self::Exited { .. } => "exited",
            Self::Lost => "lost",
            Self::Unknown => "unknown",
        }
    }
}
