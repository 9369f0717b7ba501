//! What speaks for a session's state: each source with its own claim, and why the others lost.
//!
//! A source may be stale or forged (anything that is printed in a pane can be imitated by what a tool prints), so none
//! but a hook is authority. They are ordered by trust; where two disagree, that is said.

use serde::{Deserialize, Serialize};

use super::{PromptKind, SessionState, UnixMillis};

/// Who says it, the most trusted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The tool's own hook: data that the tool itself handed over.
    Hook,
    /// A status report that the tool wrote to its terminal (OSC 7501).
    Status,
    /// The pane's title.
    Title,
    /// A bell or a notification (OSC 9, OSC 777).
    Notice,
    /// The foreground program and its end.
    Process,
    /// The rules of the tool's profile, held against the screen.
    Screen,
}

impl Source {
    /// One word, the same in every view, in logs and in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hook => "hook",
            Self::Status => "status",
            Self::Title => "title",
            Self::Notice => "notice",
            Self::Process => "process",
            Self::Screen => "screen",
        }
    }
}

/// What one source says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub source: Source,
    pub state: SessionState,
    /// With which prompt it waits, as far as the source tells.
    pub kind: Option<PromptKind>,
    /// The name of the rule, the hook's event, or the report's own words. Cleaned.
    pub rule: String,
    /// When the source began to say so.
    pub since: UnixMillis,
}

/// A rule that was looked at and did not decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dismissed {
    pub rule: String,
    /// For people, for example `the input box is drawn` or `priority 10 < 30`.
    pub why: String,
}

/// How a session's state came about, and all that is needed to judge it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub state: SessionState,
    pub kind: Option<PromptKind>,
    pub subject: String,
    /// The rule that said so.
    pub rule: String,
    /// The first and the last row of the screen that it matched, from 0.
    pub rows: Option<(u16, u16)>,
    pub since: UnixMillis,
    /// The most trusted first.
    pub claims: Vec<Claim>,
    /// Which sources say something else than what is told, in words; empty when all agree.
    pub disagreement: String,
    pub dismissed: Vec<Dismissed>,
    pub look: Pictured,
}

/// A screen as it was judged, to be stored as a fixture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pictured {
    pub tool: String,
    pub cols: u16,
    pub rows: u16,
    pub cursor_x: u16,
    pub cursor_y: u16,
    pub cursor_visible: bool,
    pub alternate_on: bool,
    pub pane_title: String,
    pub pane_current_command: String,
    /// One line per row, with SGR sequences only, as tmux's `capture-pane -e` writes it.
    pub ansi: String,
}
