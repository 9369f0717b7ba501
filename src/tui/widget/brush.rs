//! Writes text on one line of the buffer: cleaned, measured, and cut with a mark where it does not fit.
//!
//! Promise: no text reaches the buffer but through here (and cells of a pane through `screen`), so nothing foreign does
//! unclean; nothing is ever written outside the line.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use unicode_segmentation::UnicodeSegmentation as _;

use crate::term::sanitize;
use crate::tui::look::GlyphSet;

/// Foreign text on one line, without anything that a terminal or an eye could mistake. Spaces at the ends stay.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let before = text.len() - text.trim_start_matches(' ').len();
    let after = text.len() - text.trim_end_matches(' ').len();
    let label = sanitize::label(text, usize::MAX);
    Cow::Owned(format!("{:before$}{label}{:after$}", "", ""))
}

/// Columns that cleaned text takes.
pub fn width(text: &str) -> u16 {
    u16::try_from(sanitize::width(text)).unwrap_or(u16::MAX)
}

/// A name in at most `columns`, cut in its middle: names that begin alike differ at their ends.
pub fn short_name(name: &str, columns: u16, glyphs: GlyphSet) -> String {
    let name = clean(name);
    let Some(rest) = columns.checked_sub(1).filter(|_| width(&name) > columns) else {
        return name.into_owned();
    };
    let end = rest / 2;
    let head = fitting(name.graphemes(true), rest - end);
    let mut tail = fitting(name.graphemes(true).rev(), end);
    tail.reverse();
    format!("{}{}{}", head.concat(), glyphs.ellipsis(), tail.concat())
}

/// The first graphemes that take at most `columns`.
fn fitting<'a>(graphemes: impl Iterator<Item = &'a str>, columns: u16) -> Vec<&'a str> {
    let mut used = 0;
    let fits = |grapheme: &&str| {
        used += width(grapheme);
        used <= columns
    };
    graphemes.take_while(fits).collect()
}

/// One line being written from left to right.
#[derive(Debug)]
pub struct Brush<'b> {
    buffer: &'b mut Buffer,
    x: u16,
    y: u16,
    end: u16,
    glyphs: GlyphSet,
}

impl<'b> Brush<'b> {
    /// Starts at the left of the first line of `area`.
    pub fn new(buffer: &'b mut Buffer, area: Rect, glyphs: GlyphSet) -> Self {
        let area = area.intersection(buffer.area);
        let end = if area.height == 0 {
            area.x
        } else {
            area.right()
        };
        Self {
            buffer,
            x: area.x,
            y: area.y,
            end,
            glyphs,
        }
    }

    /// What it writes on, for what stands elsewhere.
    pub fn buffer(&mut self) -> &mut Buffer {
        self.buffer
    }

    pub fn room(&self) -> u16 {
        self.end.saturating_sub(self.x)
    }

    /// Writes text, cut with a mark at the end of the line.
    pub fn put(&mut self, text: &str, style: Style) -> &mut Self {
        let room = self.room();
        self.put_within(text, room, style)
    }

    /// Writes text in at most `columns`, cut with a mark where it does not fit.
    pub fn put_within(&mut self, text: &str, columns: u16, style: Style) -> &mut Self {
        let columns = columns.min(self.room());
        let text = clean(text);
        let fits = width(&text) <= columns;
        let limit = if fits {
            columns
        } else {
            columns.saturating_sub(1)
        };
        let mut used = 0;
        for grapheme in text.graphemes(true) {
            let wide = width(grapheme);
            if used + wide > limit {
                break;
            }
            self.cell(grapheme, wide, style);
            used += wide;
        }
        if !fits && columns > 0 {
            self.cell(self.glyphs.ellipsis(), 1, style);
        }
        self
    }

    /// Writes text and fills up to `columns`.
    pub fn column(&mut self, text: &str, columns: u16, style: Style) -> &mut Self {
        let end = self.x.saturating_add(columns).min(self.end);
        self.put_within(text, columns, style);
        self.x = end;
        self
    }

    /// Writes text so that it ends where `columns` do.
    pub fn column_right(&mut self, text: &str, columns: u16, style: Style) -> &mut Self {
        let columns = columns.min(self.room());
        let pad = columns.saturating_sub(width(&clean(text)));
        self.skip(pad).put_within(text, columns - pad, style)
    }

    pub fn skip(&mut self, columns: u16) -> &mut Self {
        self.x = self.x.saturating_add(columns).min(self.end);
        self
    }

    /// Keeps `columns` free at the end of the line.
    pub fn keep(&mut self, columns: u16) -> &mut Self {
        self.end = self.end.saturating_sub(columns).max(self.x);
        self
    }

    /// Fills the rest of the line.
    pub fn rule(&mut self, style: Style) {
        while self.room() > 0 {
            self.cell(self.glyphs.rule(), 1, style);
        }
    }

    fn cell(&mut self, symbol: &str, wide: u16, style: Style) {
        if wide == 0 || self.room() < wide {
            return;
        }
        for covered in 0..wide {
            let cell = &mut self.buffer[(self.x + covered, self.y)];
            cell.reset();
            cell.set_style(style);
        }
        self.buffer[(self.x, self.y)].set_symbol(symbol);
        self.x += wide;
    }
}

/// Blanks an area and gives it `style`.
pub fn fill(buffer: &mut Buffer, area: Rect, style: Style) {
    let area = area.intersection(buffer.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            buffer[(x, y)].reset();
            buffer[(x, y)].set_style(style);
        }
    }
}

/// Lays the selection over an area that is already drawn. A reversed selection drops the colours underneath, which would
/// otherwise become a patchwork of backgrounds.
pub fn select(buffer: &mut Buffer, area: Rect, style: Style) {
    let area = area.intersection(buffer.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            let cell = &mut buffer[(x, y)];
            if style.add_modifier.contains(Modifier::REVERSED) {
                cell.fg = Color::Reset;
                cell.bg = Color::Reset;
            }
            cell.set_style(style);
        }
    }
}

/// A frame around an area; what is inside is blanked.
pub fn frame(buffer: &mut Buffer, area: Rect, glyphs: GlyphSet, heavy: bool, style: Style) {
    fill(buffer, area, Style::default());
    let area = area.intersection(buffer.area);
    if area.width < 2 || area.height < 2 {
        return;
    }
    let [top_left, top_right, low_left, low_right, across, down] = match (glyphs, heavy) {
        (GlyphSet::Ascii, false) => ["+", "+", "+", "+", "-", "|"],
        (GlyphSet::Ascii, true) => ["#", "#", "#", "#", "=", "#"],
        (GlyphSet::Unicode, false) => ["╭", "╮", "╰", "╯", "─", "│"],
        (GlyphSet::Unicode, true) => ["┏", "┓", "┗", "┛", "━", "┃"],
    };
    let (left, right) = (area.left(), area.right() - 1);
    let (top, bottom) = (area.top(), area.bottom() - 1);
    let mut set = |x: u16, y: u16, symbol: &str| {
        buffer[(x, y)].set_symbol(symbol).set_style(style);
    };
    for x in left..=right {
        set(x, top, across);
        set(x, bottom, across);
    }
    for y in top..=bottom {
        set(left, y, down);
        set(right, y, down);
    }
    set(left, top, top_left);
    set(right, top, top_right);
    set(left, bottom, low_left);
    set(right, bottom, low_right);
}

/// Cuts text into lines of at most `columns`, at spaces where it can. Line ends in the text stay line ends. Nothing is
/// lost but the spaces a line is cut at.
pub fn wrap(text: &str, columns: u16) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        wrap_line(&clean(paragraph), columns, &mut lines);
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

fn wrap_line(text: &str, columns: u16, lines: &mut Vec<String>) {
    let mut line = String::new();
    let mut used = 0;
    for word in text.split_word_bounds() {
        let wide = width(word);
        if used + wide > columns && !line.is_empty() {
            let blank = word.chars().all(|c| c == ' ');
            lines.push(std::mem::take(&mut line).trim_end().to_owned());
            used = 0;
            if blank {
                continue;
            }
        }
        if wide <= columns {
            line.push_str(word);
            used += wide;
            continue;
        }
        for grapheme in word.graphemes(true) {
            let wide = width(grapheme);
            if used + wide > columns && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push_str(grapheme);
            used += wide;
        }
    }
    lines.push(line);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("shop", "shop")]
    #[case("report-part-10", "report…rt-10")]
    #[case("日本語日本語日本語", "日本語…本語")]
    fn a_long_name_keeps_both_its_ends(#[case] name: &str, #[case] shown: &str) {
        let short = short_name(name, 12, GlyphSet::Unicode);
        assert!(width(&short) <= 12, "{short}");
        assert_eq!(short, shown);
    }

    fn line(columns: u16, write: impl FnOnce(&mut Brush<'_>)) -> String {
        let area = Rect::new(0, 0, columns, 1);
        let mut buffer = Buffer::empty(area);
        write(&mut Brush::new(&mut buffer, area, GlyphSet::Unicode));
        (0..columns)
            .map(|x| buffer[(x, 0)].symbol().to_owned())
            .collect()
    }

    #[rstest]
    #[case("shop", "shop  ")]
    #[case("trainer", "train…")]
    #[case("日本語", "日 本 語 ")]
    #[case("日本語x", "日 本 …")]
    #[case("a\u{1b}[31mb", "a·[31…")]
    #[case("\u{202e}abc", "·abc")]
    #[case(" a ", " a")]
    fn text_is_cleaned_and_cut_with_a_mark(#[case] text: &str, #[case] shown: &str) {
        let written = line(6, |brush| {
            brush.put(text, Style::default());
        });
        assert_eq!(written.trim_end(), shown.trim_end());
    }

    #[test]
    fn columns_stay_where_they_are() {
        let shown = line(12, |brush| {
            brush
                .column("a", 4, Style::default())
                .column("long name", 4, Style::default())
                .column_right("9", 4, Style::default());
        });
        assert_eq!(shown, "a   lon…   9");
    }

    #[rstest]
    #[case("rm -rf build", 6, &["rm -rf", "build"])]
    #[case("abcdefgh", 3, &["abc", "def", "gh"])]
    #[case("a\nb", 9, &["a", "b"])]
    #[case("", 9, &[""])]
    #[case("日本語", 4, &["日本", "語"])]
    fn long_text_wraps(#[case] text: &str, #[case] columns: u16, #[case] lines: &[&str]) {
        assert_eq!(wrap(text, columns), lines);
    }

    proptest! {
        #[test]
        fn wrapping_loses_nothing_but_spaces(text in "[a-z ;/\u{4e00}-\u{4e10}-]{0,60}", columns in 2u16..20) {
            let dense = |text: &str| text.replace(' ', "");
            let lines = wrap(&text, columns);
            prop_assert_eq!(dense(&lines.concat()), dense(&text));
            for line in lines {
                prop_assert!(width(&line) <= columns);
            }
        }

        #[test]
        fn nothing_is_written_outside(text in ".{0,40}", x in 0u16..12, columns in 0u16..12) {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 3));
            Brush::new(&mut buffer, Rect::new(x, 1, columns, 1), GlyphSet::Unicode).put(&text, Style::default());
            for y in [0, 2] {
                for x in 0..10 {
                    prop_assert_eq!(buffer[(x, y)].symbol(), " ");
                }
            }
        }
    }
}
