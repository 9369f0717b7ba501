//! One line that text is typed into.
//!
//! Promise: what it holds is one line of clean text, whatever was pasted.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui_textarea::TextArea;

use super::brush::clean;
use super::field::draw_field;

/// The most characters one line takes: a long task, not a file.
const LONGEST: usize = 4_000;

#[derive(Clone, Debug)]
pub struct Input {
    area: TextArea<'static>,
}

impl Input {
    pub fn new(text: &str) -> Self {
        let mut area = TextArea::new(vec![clean(text).into_owned()]);
        area.set_cursor_line_style(Style::default());
        area.move_cursor(ratatui_textarea::CursorMove::End);
        Self { area }
    }

    pub fn text(&self) -> &str {
        self.area.lines().first().map_or("", String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.text().is_empty()
    }

    /// Takes an editing key. Returns whether the text changed.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter | KeyCode::Tab | KeyCode::BackTab | KeyCode::Esc => false,
            // A line feed and a return.
            KeyCode::Char('j' | 'm') if control => false,
            KeyCode::Char('u') if control => self.area.delete_line_by_head(),
            KeyCode::Char(_) if !control && self.text().len() >= LONGEST => false,
            _ => self.area.input(key),
        }
    }

    pub fn paste(&mut self, text: &str) {
        let room = LONGEST.saturating_sub(self.text().len());
        let line: String = clean(text.trim()).chars().take(room).collect();
        self.area.insert_str(line);
    }

    /// Draws the line; `focused` shows the cursor, and scrolls the text to it.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, style: Style, focused: bool) {
        draw_field(&self.area, buffer, area, style, focused);
    }
}

impl Default for Input {
    fn default() -> Self {
        Self::new("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_text_stays_one_clean_line() {
        let mut input = Input::new("a");
        input.paste("b\nc\u{1b}[31m\u{202e}d");
        assert_eq!(input.text(), "ab c·[31m·d");
        assert!(!input.key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)));
        assert!(input.key(KeyEvent::new(KeyCode::Backspace, KeyModifiers::NONE)));
        assert_eq!(input.text(), "ab c·[31m·");
    }
}
