//! What reaches the loop, one value for each.

use std::path::PathBuf;

use crossterm::event::{KeyEvent, MouseEvent};

use super::calling::Told;
use super::questions::QuestionId;
use super::settings::Loaded;
use crate::domain::HostId;
use crate::fleet::{HostNotice, RequestId, SendError};
use crate::transport::asking::Question;

/// Something happened; `update` decides what it means.
#[derive(Debug)]
pub enum Msg {
    Key(KeyEvent),
    Paste(String),
    Mouse(MouseEvent),
    /// Columns and rows.
    Resized(u16, u16),
    /// Whether the terminal has the keyboard now.
    Focused(bool),
    /// The frame that shows the model as it is now is on the terminal.
    Painted,
    /// The time that the model asked for has come.
    Ticked,
    Notice(HostNotice),
    /// A host can go on only when the person answers.
    Asked {
        id: QuestionId,
        host: HostId,
        question: Question,
    },
    /// Nobody waits for the answer to this question any more.
    Withdrawn(QuestionId),
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
    /// A session of another host could not be shown, or its connection broke.
    NotAttached {
        message: String,
        hint: String,
    },
    /// A command that calls somebody has ended.
    Told(Told),
    /// A screen was kept in this folder, or could not be, with the reason in one line.
    Stored(Result<PathBuf, String>),
    /// A session of another host could be shown now, but keys that are being typed are meant for something else.
    Interrupted {
        name: String,
    },
}
