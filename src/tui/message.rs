//! What reaches the loop, one value for each.

use crossterm::event::{KeyEvent, MouseEvent};

use super::settings::Loaded;
use crate::fleet::{HostNotice, RequestId, SendError};

/// Something happened; `update` decides what it means.
#[derive(Debug)]
pub enum Msg {
    Key(KeyEvent),
    Paste(String),
    Mouse(MouseEvent),
    /// Columns and rows.
    Resized(u16, u16),
    /// The frame that shows the model as it is now is on the terminal.
    Painted,
    /// The time that the model asked for has come.
    Ticked,
    Notice(HostNotice),
    /// A request could not be handed over.
    NotSent {
        id: RequestId,
        error: SendError,
    },
    /// The config or a theme was saved, and this is what it says now.
    Reloaded(Box<Loaded>),
    /// The program that had the terminal ended; the error is one line for people.
    Returned {
        error: Option<String>,
    },
}
