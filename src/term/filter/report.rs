//! Operating system commands that tell something about the program: titles, notifications, status reports.

use crate::term::{Signal, sanitize};

/// How many columns of a title or notification are kept: as many as any list or bar shows.
const TEXT_COLS: usize = 256;

/// Reads the payload of an OSC. `is_whole` is false when its end was cut off at the limit: a title may be cut, while
/// half a status could mean something else.
pub fn read(payload: &[u8], is_whole: bool) -> Option<Signal> {
    let text = String::from_utf8_lossy(payload);
    let (number, rest) = text.split_once(';')?;
    let shown = |text: &str| sanitize::label(text, TEXT_COLS);
    match number {
        "0" | "2" => Some(Signal::Title(shown(rest))),
        // `9;4;…` is a progress bar, not a message.
        "9" if rest == "4" || rest.starts_with("4;") => None,
        "9" => Some(Signal::Notification(shown(rest))),
        "777" => {
            let message = rest.strip_prefix("notify;")?;
            Some(Signal::Notification(shown(&message.replacen(';', ": ", 1))))
        }
        "7501" if is_whole => Some(Signal::ProgramStatus(rest.to_owned())),
        _ => None,
    }
}
