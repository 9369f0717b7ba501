//! Key events → the bytes a program in a session expects, as xterm sends them.
//!
//! Promise: a key that has no bytes gives none; nothing here decides whether keys may be sent.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// How the program wants its cursor keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CursorKeys {
    #[default]
    Normal,
    /// DECCKM is set: `ESC O A` in place of `ESC [ A`.
    Application,
}

const ESC: u8 = 0x1b;

/// The bytes of one key press; empty for keys that no terminal sends.
pub fn bytes(key: KeyEvent, cursor: CursorKeys) -> Vec<u8> {
    match key.code {
        KeyCode::Char(c) => character(c, key.modifiers),
        KeyCode::Enter => prefixed(key.modifiers, b"\r"),
        KeyCode::Tab if key.modifiers.contains(KeyModifiers::SHIFT) => b"\x1b[Z".to_vec(),
        KeyCode::Tab => prefixed(key.modifiers, b"\t"),
        KeyCode::BackTab => b"\x1b[Z".to_vec(),
        KeyCode::Esc => prefixed(key.modifiers, b"\x1b"),
        KeyCode::Backspace if key.modifiers.contains(KeyModifiers::CONTROL) => {
            prefixed(key.modifiers, b"\x08")
        }
        KeyCode::Backspace => prefixed(key.modifiers, b"\x7f"),
        KeyCode::Up => letter(b'A', key.modifiers, cursor),
        KeyCode::Down => letter(b'B', key.modifiers, cursor),
        KeyCode::Right => letter(b'C', key.modifiers, cursor),
        KeyCode::Left => letter(b'D', key.modifiers, cursor),
        KeyCode::End => letter(b'F', key.modifiers, cursor),
        KeyCode::Home => letter(b'H', key.modifiers, cursor),
        KeyCode::Insert => tilde(2, key.modifiers),
        KeyCode::Delete => tilde(3, key.modifiers),
        KeyCode::PageUp => tilde(5, key.modifiers),
        KeyCode::PageDown => tilde(6, key.modifiers),
        KeyCode::F(number) => function(number, key.modifiers),
        _ => Vec::new(),
    }
}

/// Alt is an escape in front.
fn prefixed(modifiers: KeyModifiers, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1);
    if modifiers.contains(KeyModifiers::ALT) {
        out.push(ESC);
    }
    out.extend_from_slice(bytes);
    out
}

fn character(c: char, modifiers: KeyModifiers) -> Vec<u8> {
    if modifiers.contains(KeyModifiers::CONTROL)
        && let Some(control) = control(c)
    {
        return prefixed(modifiers, &[control]);
    }
    let shifted = modifiers.contains(KeyModifiers::SHIFT) && c.is_ascii_lowercase();
    let c = if shifted { c.to_ascii_uppercase() } else { c };
    prefixed(modifiers, c.encode_utf8(&mut [0; 4]).as_bytes())
}

/// What ctrl makes of a character, as far as terminals agree.
fn control(c: char) -> Option<u8> {
    match c.to_ascii_lowercase() {
        c @ 'a'..='z' => Some(c as u8 - b'a' + 1),
        ' ' | '@' | '2' => Some(0),
        '[' | '3' => Some(0x1b),
        '\\' | '4' => Some(0x1c),
        ']' | '5' => Some(0x1d),
        '^' | '6' | '~' => Some(0x1e),
        '_' | '7' | '/' | '-' => Some(0x1f),
        '8' | '?' => Some(0x7f),
        _ => None,
    }
}

/// xterm's number for a set of modifiers; 1 is none.
fn number_of(modifiers: KeyModifiers) -> u8 {
    let bit = |modifier, value| {
        if modifiers.contains(modifier) {
            value
        } else {
            0
        }
    };
    1 + bit(KeyModifiers::SHIFT, 1) + bit(KeyModifiers::ALT, 2) + bit(KeyModifiers::CONTROL, 4)
}

fn letter(last: u8, modifiers: KeyModifiers, cursor: CursorKeys) -> Vec<u8> {
    match (number_of(modifiers), cursor) {
        (1, CursorKeys::Normal) => vec![ESC, b'[', last],
        (1, CursorKeys::Application) => vec![ESC, b'O', last],
        (number, _) => format!("\x1b[1;{number}{}", char::from(last)).into_bytes(),
    }
}

fn tilde(code: u8, modifiers: KeyModifiers) -> Vec<u8> {
    match number_of(modifiers) {
        1 => format!("\x1b[{code}~").into_bytes(),
        number => format!("\x1b[{code};{number}~").into_bytes(),
    }
}

fn function(number: u8, modifiers: KeyModifiers) -> Vec<u8> {
    /// F5 and up; the numbers have gaps since the VT220.
    const CODES: [u8; 8] = [15, 17, 18, 19, 20, 21, 23, 24];
    match number {
        1..=4 => {
            let last = b'P' + number - 1;
            match number_of(modifiers) {
                1 => vec![ESC, b'O', last],
                modified => format!("\x1b[1;{modified}{}", char::from(last)).into_bytes(),
            }
        }
        5..=12 => tilde(CODES[usize::from(number - 5)], modifiers),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const NONE: KeyModifiers = KeyModifiers::NONE;
    const CTRL: KeyModifiers = KeyModifiers::CONTROL;
    const ALT: KeyModifiers = KeyModifiers::ALT;
    const SHIFT: KeyModifiers = KeyModifiers::SHIFT;

    #[rstest]
    #[case(KeyCode::Char('a'), NONE, b"a")]
    #[case(KeyCode::Char('é'), NONE, "é".as_bytes())]
    #[case(KeyCode::Char('A'), SHIFT, b"A")]
    #[case(KeyCode::Char('c'), CTRL, b"\x03")]
    #[case(KeyCode::Char('c'), CTRL.union(ALT), b"\x1b\x03")]
    #[case(KeyCode::Char(' '), CTRL, b"\0")]
    #[case(KeyCode::Char('5'), CTRL, b"\x1d")]
    #[case(KeyCode::Char('x'), ALT, b"\x1bx")]
    #[case(KeyCode::Enter, NONE, b"\r")]
    #[case(KeyCode::Enter, ALT, b"\x1b\r")]
    #[case(KeyCode::Esc, NONE, b"\x1b")]
    #[case(KeyCode::Tab, NONE, b"\t")]
    #[case(KeyCode::BackTab, SHIFT, b"\x1b[Z")]
    #[case(KeyCode::Backspace, NONE, b"\x7f")]
    #[case(KeyCode::Backspace, ALT, b"\x1b\x7f")]
    #[case(KeyCode::Up, NONE, b"\x1b[A")]
    #[case(KeyCode::Up, CTRL, b"\x1b[1;5A")]
    #[case(KeyCode::Left, SHIFT.union(ALT), b"\x1b[1;4D")]
    #[case(KeyCode::Home, NONE, b"\x1b[H")]
    #[case(KeyCode::Delete, NONE, b"\x1b[3~")]
    #[case(KeyCode::PageUp, SHIFT, b"\x1b[5;2~")]
    #[case(KeyCode::F(1), NONE, b"\x1bOP")]
    #[case(KeyCode::F(4), CTRL, b"\x1b[1;5S")]
    #[case(KeyCode::F(5), NONE, b"\x1b[15~")]
    #[case(KeyCode::F(12), SHIFT, b"\x1b[24;2~")]
    #[case(KeyCode::F(20), NONE, b"")]
    #[case(KeyCode::CapsLock, NONE, b"")]
    fn keys_are_sent_as_xterm_does(
        #[case] code: KeyCode,
        #[case] modifiers: KeyModifiers,
        #[case] expected: &[u8],
    ) {
        assert_eq!(
            bytes(KeyEvent::new(code, modifiers), CursorKeys::Normal),
            expected
        );
    }

    #[rstest]
    #[case(KeyCode::Up, NONE, b"\x1bOA")]
    #[case(KeyCode::End, NONE, b"\x1bOF")]
    #[case(KeyCode::Up, ALT, b"\x1b[1;3A")]
    fn application_mode_changes_only_plain_cursor_keys(
        #[case] code: KeyCode,
        #[case] modifiers: KeyModifiers,
        #[case] expected: &[u8],
    ) {
        assert_eq!(
            bytes(KeyEvent::new(code, modifiers), CursorKeys::Application),
            expected
        );
    }
}
