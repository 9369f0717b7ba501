//! One line for a password or a code.
//!
//! Promise: what was typed is wiped from memory when the line goes, is never moved by growing, and is neither drawn (unless
//! whoever asks says that it may be) nor printed.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_segmentation::UnicodeSegmentation as _;
use zeroize::{Zeroize as _, Zeroizing};

use super::brush::{Brush, clean, width};
use crate::transport::asking::Secret;
use crate::tui::look::GlyphSet;

/// The most bytes one line takes. Its memory is taken at once and never grows, because growing would leave a copy behind;
/// longer than any passphrase, and what OpenSSH takes.
const LONGEST: usize = 1024;

/// Pasted text that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

pub struct SecretInput {
    text: Zeroizing<String>,
    is_echoed: bool,
}

impl SecretInput {
    pub fn new(is_echoed: bool) -> Self {
        Self {
            text: Zeroizing::new(String::with_capacity(LONGEST)),
            is_echoed,
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Hands the text over and is empty afterwards.
    pub fn take(&mut self) -> Secret {
        let taken = std::mem::replace(&mut *self.text, String::with_capacity(LONGEST));
        Secret::new(taken)
    }

    /// Takes an editing key; the cursor is always at the end.
    pub fn key(&mut self, key: KeyEvent) {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if control => self.text.zeroize(),
            KeyCode::Char('h') if control => self.delete(),
            KeyCode::Backspace => self.delete(),
            KeyCode::Char(c) if !control && self.text.len() + c.len_utf8() <= LONGEST => {
                self.text.push(c);
            }
            _ => {}
        }
    }

    fn delete(&mut self) {
        self.text.pop();
    }

    /// Adds the first line of pasted text; the end of a line never submits anything.
    pub fn paste(&mut self, text: &str) -> Result<(), TooLong> {
        let line = text.split(['\n', '\r']).next().unwrap_or_default();
        let chars = || line.chars().filter(|c| !c.is_control());
        let bytes: usize = chars().map(char::len_utf8).sum();
        if self.text.len() + bytes > LONGEST {
            return Err(TooLong);
        }
        self.text.extend(chars());
        Ok(())
    }

    /// Draws the line; its end stays in sight.
    pub fn draw(
        &self,
        buffer: &mut Buffer,
        area: Rect,
        glyphs: GlyphSet,
        style: Style,
        focused: bool,
    ) {
        let mut brush = Brush::new(buffer, area, glyphs);
        let style = if focused {
            style.add_modifier(Modifier::UNDERLINED)
        } else {
            style
        };
        let room = brush.room().saturating_sub(1);
        if self.is_echoed {
            brush.put(&end_of(&clean(&self.text), room), style);
        } else {
            let marks = self.text.graphemes(true).count().min(usize::from(room));
            brush.put(&glyphs.pick("•", "*").repeat(marks), style);
        }
        if focused {
            brush.put(" ", style.add_modifier(Modifier::REVERSED));
            let rest = usize::from(brush.room());
            brush.put(&" ".repeat(rest), style);
        }
    }
}

/// As much of the end as fits.
fn end_of(text: &str, columns: u16) -> String {
    let mut used = 0;
    let shown: Vec<&str> = text
        .graphemes(true)
        .rev()
        .take_while(|grapheme| {
            used += width(grapheme);
            used <= columns
        })
        .collect();
    shown.into_iter().rev().collect()
}

impl fmt::Debug for SecretInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretInput(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> SecretInput {
        let mut input = SecretInput::new(false);
        for c in text.chars() {
            input.key(KeyEvent::from(KeyCode::Char(c)));
        }
        input
    }

    fn drawn(input: &SecretInput, columns: u16) -> String {
        let area = Rect::new(0, 0, columns, 1);
        let mut buffer = Buffer::empty(area);
        input.draw(
            &mut buffer,
            area,
            GlyphSet::Unicode,
            Style::default(),
            false,
        );
        let row: String = (0..columns).map(|x| buffer[(x, 0)].symbol()).collect();
        row.trim_end().to_owned()
    }

    #[test]
    fn what_is_typed_is_neither_drawn_nor_printed() {
        let mut input = typed("hunter2");
        assert_eq!(drawn(&input, 20), "•••••••");
        assert!(!format!("{input:?}").contains("hunter2"));
        input.key(KeyEvent::from(KeyCode::Backspace));
        assert_eq!(input.take().expose(), "hunter");
        assert!(input.is_empty());
    }

    #[test]
    fn its_memory_never_moves() {
        let mut input = SecretInput::new(true);
        let before = input.text.as_ptr();
        input.paste(&"x".repeat(LONGEST)).unwrap();
        input.key(KeyEvent::from(KeyCode::Char('y')));
        assert_eq!(input.paste("y"), Err(TooLong));
        assert_eq!((input.text.as_ptr(), input.text.len()), (before, LONGEST));
        assert_eq!(input.take().expose().as_ptr(), before);
    }

    #[test]
    fn a_pasted_line_is_taken_as_it_is_without_its_end() {
        let mut input = SecretInput::new(true);
        input.paste(" pä ss\u{1b}\nsecond").unwrap();
        assert_eq!(input.text(), " pä ss");
        assert_eq!(drawn(&input, 5), "ä ss");
    }
}
