//! A pane's screen in its own colours, cropped so that what matters stays in sight.
//!
//! Promise: only cleaned cells are drawn, each as wide as the pane had it; what is cut off is marked at the edge; the
//! cursor is always inside the window.

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::brush::width;
use crate::term::{CellRef, Colour, Screen, sanitize};
use crate::tui::colours::Colours;
use crate::tui::look::GlyphSet;

/// Which part of a screen is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The row at the top; below zero are lines that scrolled off.
    pub top: i64,
    pub left: u16,
}

/// The window of `area` onto a screen, `up` lines above the live place.
pub fn window(screen: &Screen, area: Rect, up: u32) -> Window {
    let size = screen.size();
    let cursor = screen.cursor();
    let top = if size.rows <= area.height {
        0
    } else {
        let last = last_row(screen).max(cursor.row);
        (last + 1).saturating_sub(area.height).min(cursor.row)
    };
    let left = if size.cols <= area.width || !cursor.visible {
        0
    } else {
        // The last column is the mark's.
        (cursor.col.min(size.cols - 1) + 2)
            .saturating_sub(area.width)
            .min(size.cols - area.width)
    };
    Window {
        top: i64::from(top) - i64::from(up),
        left,
    }
}

/// The lowest row with anything on it.
fn last_row(screen: &Screen) -> u16 {
    (0..screen.size().rows)
        .rev()
        .find(|row| !blank_from(screen, *row, 0))
        .unwrap_or(0)
}

fn blank_from(screen: &Screen, row: u16, col: u16) -> bool {
    (col..screen.size().cols).all(|col| {
        screen
            .cell(row, col)
            .is_none_or(|cell| matches!(cell.text(), "" | " "))
    })
}

/// A screen to draw.
#[derive(Debug)]
pub struct ScreenView<'a> {
    pub screen: &'a Screen,
    /// Lines that scrolled off, the first one at the top of the window.
    pub above: Option<&'a Screen>,
    pub window: Window,
    pub glyphs: GlyphSet,
    pub colours: Colours,
    /// The style of the marks at the edges.
    pub mark: Style,
    /// In place of the pane's own colours, when the screen is out of date.
    pub stale: Option<Style>,
    pub cursor: bool,
}

impl ScreenView<'_> {
    pub fn draw(&self, buffer: &mut Buffer, area: Rect) {
        let area = area.intersection(buffer.area);
        for y in 0..area.height {
            let line = Rect::new(area.x, area.y + y, area.width, 1);
            let row = self.window.top + i64::from(y);
            if let Ok(row) = u16::try_from(row) {
                self.draw_row(buffer, line, self.screen, row);
            } else if let Some(above) = self.above {
                self.draw_row(buffer, line, above, y);
            }
        }
        self.draw_cursor(buffer, area);
    }

    fn draw_row(&self, buffer: &mut Buffer, line: Rect, screen: &Screen, row: u16) {
        let size = screen.size();
        if row >= size.rows || line.width == 0 {
            return;
        }
        let left = self.window.left;
        let mut x = 0;
        while x < line.width {
            let Some(cell) = screen.cell(row, left + x) else {
                break;
            };
            let target = &mut buffer[(line.x + x, line.y)];
            self.style_cell(target, cell);
            let cut = (cell.is_wide() && x + 1 == line.width) || cell.is_wide_continuation();
            if cut {
                target.set_symbol(" ");
                x += 1;
                continue;
            }
            set_symbol(target, cell);
            x += 1;
            if cell.is_wide() {
                let second = &mut buffer[(line.x + x, line.y)];
                self.style_cell(second, cell);
                second.set_symbol(" ");
                x += 1;
            }
        }
        let edge = left.saturating_add(line.width);
        if size.cols > edge && !blank_from(screen, row, edge) {
            mark(
                buffer,
                line.right() - 1,
                line.y,
                self.glyphs.pick("›", ">"),
                self.mark,
            );
        }
        if left > 0 && (0..=left).any(|col| written(screen, row, col)) {
            mark(
                buffer,
                line.x,
                line.y,
                self.glyphs.pick("‹", "<"),
                self.mark,
            );
        }
    }

    fn style_cell(&self, target: &mut Cell, cell: CellRef<'_>) {
        target.reset();
        if let Some(stale) = self.stale {
            target.set_style(stale);
            return;
        }
        target.fg = self.color(cell.fg());
        target.bg = self.color(cell.bg());
        for (set, modifier) in [
            (cell.bold(), Modifier::BOLD),
            (cell.dim(), Modifier::DIM),
            (cell.italic(), Modifier::ITALIC),
            (cell.underline(), Modifier::UNDERLINED),
            (cell.inverse(), Modifier::REVERSED),
        ] {
            target.modifier.set(modifier, set);
        }
    }

    fn color(&self, colour: Colour) -> Color {
        let wanted = match colour {
            Colour::Default => return Color::Reset,
            Colour::Indexed(index) => Color::Indexed(index),
            Colour::Rgb(r, g, b) => Color::Rgb(r, g, b),
        };
        self.colours.reduce(wanted).unwrap_or(Color::Reset)
    }

    fn draw_cursor(&self, buffer: &mut Buffer, area: Rect) {
        let cursor = self.screen.cursor();
        let last = self.screen.size().cols - 1;
        let y = i64::from(cursor.row) - self.window.top;
        let x = cursor.col.min(last).checked_sub(self.window.left);
        if let (true, Some(x), Ok(y)) = (self.cursor && cursor.visible, x, u16::try_from(y))
            && x < area.width
            && y < area.height
        {
            buffer[(area.x + x, area.y + y)]
                .modifier
                .toggle(Modifier::REVERSED);
        }
    }
}

fn written(screen: &Screen, row: u16, col: u16) -> bool {
    screen
        .cell(row, col)
        .is_some_and(|cell| !matches!(cell.text(), "" | " "))
}

/// Writes a mark over a cell. Half of a wide character that it would leave behind goes as well.
fn mark(buffer: &mut Buffer, x: u16, y: u16, symbol: &str, style: Style) {
    if x > buffer.area.x && width(buffer[(x - 1, y)].symbol()) > 1 {
        buffer[(x - 1, y)].set_symbol(" ");
    }
    let cell = &mut buffer[(x, y)];
    cell.reset();
    cell.set_symbol(symbol).set_style(style);
}

fn set_symbol(target: &mut Cell, cell: CellRef<'_>) {
    let text = cell.text();
    if text.is_empty() {
        target.set_symbol(" ");
        return;
    }
    let symbol = sanitize::cell(text);
    let room = if cell.is_wide() { 2 } else { 1 };
    // Where two width tables disagree, columns matter more than the character.
    let ascii = symbol.len() == 1;
    if ascii || (1..=room).contains(&width(&symbol)) {
        target.set_symbol(&symbol);
    } else {
        target.set_symbol("·");
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::term::{Emulator, Fed, Size};

    fn emulator(cols: u16, rows: u16, text: &str) -> Emulator {
        let mut emulator = Emulator::new(Size::new(cols, rows));
        emulator.feed(text.as_bytes(), &mut Fed::default());
        emulator
    }

    fn shown(emulator: &Emulator, columns: u16, rows: u16, up: u32) -> Vec<String> {
        let area = Rect::new(0, 0, columns, rows);
        let mut buffer = Buffer::empty(area);
        let view = ScreenView {
            screen: emulator.screen(),
            above: None,
            window: window(emulator.screen(), area, up),
            glyphs: GlyphSet::Unicode,
            colours: Colours::True,
            mark: Style::default(),
            stale: None,
            cursor: true,
        };
        view.draw(&mut buffer, area);
        (0..rows)
            .map(|y| {
                let row: String = (0..columns).map(|x| buffer[(x, y)].symbol()).collect();
                row.trim_end().to_owned()
            })
            .collect()
    }

    #[test]
    fn a_screen_that_fits_is_shown_as_it_is() {
        let pane = emulator(8, 2, "abc\r\ndef");
        assert_eq!(shown(&pane, 8, 2, 0), ["abc", "def"]);
    }

    #[test]
    fn a_tall_screen_shows_its_last_lines_and_a_wide_one_a_mark() {
        let pane = emulator(8, 4, "1\r\n2 long ll\r3\r\n4\r\x1b[?25l");
        assert_eq!(shown(&pane, 4, 2, 0).len(), 2);
        let pane = emulator(8, 4, "one\r\n12345678\r\n\x1b[?25l");
        assert_eq!(shown(&pane, 4, 3, 0), ["one", "123›", ""]);
        assert_eq!(shown(&pane, 4, 2, 1), ["one", "123›"]);
    }

    #[test]
    fn an_empty_bottom_does_not_push_the_text_out() {
        let pane = emulator(8, 40, "$ ls\r\n$ ");
        assert_eq!(shown(&pane, 8, 4, 0)[0], "$ ls");
    }

    #[test]
    fn the_cursor_stays_in_sight_at_the_cost_of_the_other_side() {
        let pane = emulator(12, 1, "0123456789");
        assert_eq!(shown(&pane, 6, 1, 0), ["‹789"]);
    }

    #[rstest]
    #[case(4, "日 本")]
    #[case(3, "日›")]
    #[case(5, "日 本 ›")]
    fn wide_characters_are_never_cut_in_half(#[case] columns: u16, #[case] row: &str) {
        let pane = emulator(8, 2, "日本語\x1b[?25l");
        let line = &shown(&pane, columns, 1, 0)[0];
        assert!(
            line.starts_with('日') && line.len() >= row.len() - 4,
            "{line}"
        );
        assert!(width(&line.replace(' ', "")) <= columns);
    }

    #[test]
    fn hidden_characters_in_cells_do_not_pass() {
        let pane = emulator(20, 1, "a\u{202e}b\u{200b}c\u{9b}31m");
        let line = &shown(&pane, 20, 1, 0)[0];
        assert!(
            line.chars()
                .all(|c| !c.is_control() && c != '\u{202e}' && c != '\u{200b}'),
            "{line:?}"
        );
    }
}
