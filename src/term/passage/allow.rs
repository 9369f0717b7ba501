//! The list of what may pass to the terminal. Whatever is not named here is dropped.

use super::keys::Order;
use super::modes::PRIVATE;

/// The most digits of a number: no terminal is larger, and more digits have no honest use.
const DIGITS: usize = 5;

/// What a control sequence is, as far as it may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It passes as it is.
    Drawing,
    /// Private modes are switched: those on the list pass.
    Modes,
    /// The keyboard protocol: passes as far as the stack allows.
    Keys(Order),
    Dropped,
}

/// BEL, BS, HT, LF, VT, FF, CR, SO, SI. Not ENQ, which terminals answer.
pub fn is_drawing_control(byte: u8) -> bool {
    matches!(byte, 0x07..=0x0f)
}

/// Cursor saved and restored, keypad modes, line moves, and the three character sets that programs draw with.
pub fn escape(marks: &[u8], last: u8) -> bool {
    match marks {
        [] => matches!(last, b'7' | b'8' | b'=' | b'>' | b'D' | b'E' | b'M'),
        [b'(' | b')' | b'*' | b'+'] => matches!(last, b'0' | b'A' | b'B'),
        _ => false,
    }
}

pub fn csi(marks: &[u8], params: &[u8], last: u8) -> Seen {
    let has_colon = params.contains(&b':');
    if !is_short(params) || (has_colon && last != b'm') {
        return Seen::Dropped;
    }
    let passes = match (marks, last) {
        (
            [],
            b'@'..=b'I' | b'K'..=b'M' | b'P' | b'S' | b'X' | b'Z' | b'`' | b'a' | b'b' | b'd'..=b'f' | b'm' | b'r',
        )
        // The cursor's shape.
        | ([b' '], b'q') => true,
        // With more numbers it asks for the mouse to be tracked.
        ([], b'T') => !params.contains(&b';'),
        // 3 erases what the person had on the terminal before.
        ([], b'J') => matches!(params, [] | b"0" | b"1" | b"2"),
        // Insert mode alone: the others lock the keyboard or change what Enter does.
        ([], b'h' | b'l') => params == b"4",
        // With numbers these are margins, and not the cursor.
        ([], b's' | b'u') => params.is_empty(),
        // modifyOtherKeys.
        ([b'>'], b'm') => params == b"4" || params.starts_with(b"4;"),
        ([b'?'], b'h' | b'l') => return Seen::Modes,
        ([mark @ (b'<' | b'=' | b'>')], b'u') => {
            return Order::read(*mark, numbers(params)).map_or(Seen::Dropped, Seen::Keys);
        }
        _ => false,
    };
    if passes { Seen::Drawing } else { Seen::Dropped }
}

/// Those of the modes that may be switched.
pub fn passing_modes(params: &[u8]) -> impl Iterator<Item = u16> {
    numbers(params).flatten().filter(|number| {
        PRIVATE
            .iter()
            .any(|mode| mode.number == *number && mode.passes)
    })
}

/// The numbers of a sequence; a missing one is `None`.
pub fn numbers(params: &[u8]) -> impl Iterator<Item = Option<u16>> {
    params.split(|byte| *byte == b';').map(|digits| {
        let text = std::str::from_utf8(digits).ok()?;
        text.parse().ok()
    })
}

fn is_short(params: &[u8]) -> bool {
    params
        .split(|byte| matches!(byte, b';' | b':'))
        .all(|number| number.len() <= DIGITS)
}
