//! A text of several lines that can be edited.
//!
//! Promise: what it holds is clean text, whatever was pasted or came from elsewhere, and what it shows is what it holds.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui_textarea::{CursorMove, TextArea};

use super::brush::clean;
use super::field::draw_field;

/// The most bytes: a page of rules, and far below what one message takes.
const LONGEST: usize = 8_000;

#[derive(Clone, Debug)]
pub struct Editor {
    area: TextArea<'static>,
}

impl Editor {
    pub fn new(text: &str) -> Self {
        let mut area = TextArea::new(lines(text));
        area.set_cursor_line_style(Style::default());
        area.move_cursor(CursorMove::Top);
        Self { area }
    }

    pub fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    /// How many lines there are.
    pub fn height(&self) -> u16 {
        u16::try_from(self.area.lines().len()).unwrap_or(u16::MAX)
    }

    /// Takes an editing key. Returns whether the text changed.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let is_full = self.text().len() >= LONGEST;
        match key.code {
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Esc => false,
            KeyCode::Char(_) if !control && is_full => false,
            KeyCode::Enter if is_full => false,
            _ => self.area.input(key),
        }
    }

    pub fn paste(&mut self, text: &str) {
        let room = LONGEST.saturating_sub(self.text().len());
        let text: String = lines(text).join("\n").chars().take(room).collect();
        self.area.insert_str(text);
    }

    /// Draws the text; `focused` shows the cursor, and scrolls to it.
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, style: Style, focused: bool) {
        draw_field(&self.area, buffer, area, style, focused);
    }
}

fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<_> = text.lines().map(|line| clean(line).into_owned()).collect();
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_lines_and_nothing_else() {
        let mut editor = Editor::new("[[rule]]\nname = \"a\u{202e}\"\u{1b}[2J");
        assert_eq!(editor.text(), "[[rule]]\nname = \"a·\"·[2J");
        assert!(editor.key(KeyEvent::from(KeyCode::Enter)));
        editor.paste("x\u{200b}y\nz");
        assert_eq!(editor.text(), "\nx·y\nz[[rule]]\nname = \"a·\"·[2J");
    }
}
