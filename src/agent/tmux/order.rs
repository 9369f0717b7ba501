//! What can be asked of tmux, and what comes back, as plain values.

use std::path::PathBuf;

use super::{facts::PaneRef, streams::StreamId};

/// A session to start on a managed server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// `[a-z0-9][a-z0-9_-]{0,31}`, not in use on that server.
    pub name: String,
    /// The program and its arguments; never seen by a shell. No NUL bytes.
    pub argv: Vec<String>,
    /// Where it runs; an absolute path.
    pub dir: PathBuf,
    /// Added to the server's environment. On tmux 3.0 and 3.1 the values are visible in the process list.
    pub env: Vec<(String, String)>,
    /// tmux user options (`@cm_…`) of the new pane, set in the same command list as the start.
    pub options: Vec<(String, String)>,
    /// Columns and rows; `None` means [`TmuxConfig::size`](super::TmuxConfig::size).
    pub size: Option<(u16, u16)>,
}

/// A pane's screen at one moment and the stream that goes on from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// The stream whose first byte is the first one that `seed` does not cover. An earlier stream of this pane
    /// ends. The stream of a dead pane ends at once.
    pub stream: StreamId,
    /// The pane's width.
    pub cols: u16,
    /// The pane's height.
    pub rows: u16,
    /// Brings a fresh emulator of that size to the pane's state: screen, other screen, cursor, modes, unfinished
    /// sequence. Unknown to tmux, hence not in it: the current colours, character sets, bracketed paste.
    pub seed: Vec<u8>,
    /// The pane's first process at that moment.
    pub pid: i32,
    /// The program had ended at that moment.
    pub dead: bool,
    /// The alternate screen was shown at that moment.
    pub alternate: bool,
    /// Lines that tmux kept above the screen at that moment.
    pub history: u32,
}

/// What must hold inside the tmux server at the moment of sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The pane's first process.
    pub pane_pid: i32,
    /// Texts that the visible screen must contain, each within one line; compared literally. One that tmux cannot
    /// compare literally (control characters) makes the send fail.
    pub must_contain: Vec<String>,
    /// The foreground program's name.
    pub command: Option<String>,
    /// The cursor's row, from 0.
    pub cursor_row: Option<u16>,
}

/// The outcome of a guarded send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// tmux wrote the bytes to the pane's program.
    Sent,
    /// Nothing was written; the first condition that did not hold, as tmux saw it.
    Refused {
        /// Which.
        why: Refusal,
    },
}

/// A condition of a [`Guard`] that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another process than the expected one runs in the pane.
    OtherProcess,
    /// The program has ended.
    Dead,
    /// Copy mode, a menu or the like would take the keys.
    InMode,
    /// The pane's input is switched off or sent to several panes at once.
    InputDiverted,
    /// Another program is in the foreground.
    OtherCommand,
    /// The cursor is elsewhere.
    CursorMoved,
    /// The text with this index in [`Guard::must_contain`] is not on the screen.
    TextMissing(usize),
}

/// One line of a pane's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryLine {
    /// The text with SGR sequences; from tmux 3.4 on it may contain OSC 8 links. Feed it to an emulator.
    pub bytes: Vec<u8>,
}

/// A part of a pane's history, oldest line first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Lines that tmux keeps above the screen.
    pub total: u32,
    /// How far above the screen the first of `lines` is: 1 is the line just above it; 0 when there are none.
    pub first: u32,
    /// The lines.
    pub lines: Vec<HistoryLine>,
}

/// A new session's pane and where it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The pane.
    pub pane: PaneRef,
    /// Its first process.
    pub pid: i32,
}
