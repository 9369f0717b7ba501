//! What a tool's own hook reports, and what follows from it.
//!
//! A hook is a command that the tool itself runs, with exact data: what it is about to do, to the letter. So nothing
//! here is guessed from a screen. It is still text that came from a model or a user: shown only after cleaning.

use serde::{Deserialize, Serialize};

/// One call of a hook. Texts are cleaned and bounded by whoever receives them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookEvent {
    /// The profile's id of the tool that called.
    pub tool: String,
    /// The tool's name of the event, for example `PermissionRequest`.
    pub event: String,
    /// The tool's own id of its conversation.
    pub conversation: String,
    /// The folder that the tool works in.
    pub cwd: String,
    /// Where the hook ran, if that was in tmux. A tool with a daemon of its own may name another pane of the user.
    pub pane: Option<HookPane>,
    /// What the tool calls the action, for example `Bash`.
    pub action: String,
    /// What is at stake, exactly: a command, a file, an address. Empty when the event has none.
    pub subject: String,
    /// The kind of a notification, or the words of an error.
    pub detail: String,
}

/// A pane as the environment of a program in it tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookPane {
    /// The socket of the tmux server.
    pub socket: String,
    pub server_pid: i32,
    /// The number behind `%`.
    pub pane: u32,
}
