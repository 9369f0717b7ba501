//! The rows of a look as the rules read them: frames taken off, rules told from text, and the live end found.

use std::sync::LazyLock;

use regex::Regex;

use super::shape::InputBox;
use super::{Look, Paint, Pattern};

/// How far from the end of the screen an input box may begin: a long draft with a menu of commands below it.
const INPUT_REACH: usize = 30;
/// How many nested frames a line may stand in: a command in a box in a dialog.
const FRAMES: usize = 2;

/// One row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// As it is, trailing blanks trimmed.
    pub raw: &'a str,
    /// Without the frame around it. Leading blanks are kept.
    pub text: &'a str,
    /// The column of the pane where `text` begins, from 0.
    pub column: usize,
    /// How many frames it stands in.
    pub frames: usize,
    /// Whether there is nothing to read: blank, or only the lines of a frame.
    pub is_blank: bool,
}

impl<'a> Line<'a> {
    fn new(row: &'a str) -> Self {
        let raw = row.trim_end();
        let (text, column, frames) = unframe(raw);
        let trimmed = text.trim();
        Self {
            raw,
            text,
            column,
            frames,
            is_blank: trimmed.is_empty() || trimmed.chars().all(is_frame),
        }
    }

    pub fn trimmed(&self) -> &'a str {
        self.text.trim()
    }

    /// How many blanks it begins with.
    pub fn indent(&self) -> usize {
        self.text.chars().take_while(|&c| c == ' ').count()
    }
}

/// Takes off the `│` on both sides, and tells in which column the rest begins and how many frames it stood in. One side
/// alone is not a frame but a mark in the margin.
fn unframe(mut text: &str) -> (&str, usize, usize) {
    let (mut column, mut frames) = (0, 0);
    while frames < FRAMES {
        let left = text.trim_start();
        let inner = left
            .strip_prefix('│')
            .and_then(|rest| rest.trim_end().strip_suffix('│'));
        let Some(inner) = inner else {
            break;
        };
        column += text.len() - left.len() + 1 + usize::from(inner.starts_with(' '));
        text = inner.strip_prefix(' ').unwrap_or(inner).trim_end();
        frames += 1;
    }
    (text, column, frames)
}

/// Box drawing and block elements.
fn is_frame(c: char) -> bool {
    matches!(c, '\u{2500}'..='\u{259f}')
}

/// A whole look, prepared once.
#[derive(Debug)]
pub(super) struct Screen<'a> {
    /// Up to the last row that is not blank.
    pub lines: Vec<Line<'a>>,
    pub look: &'a Look<'a>,
}

impl<'a> Screen<'a> {
    pub fn new(look: &'a Look<'a>) -> Self {
        let mut lines: Vec<Line<'a>> = look.rows.iter().map(|row| Line::new(row)).collect();
        let end = lines
            .iter()
            .rposition(|line| !line.raw.is_empty())
            .map_or(0, |last| last + 1);
        lines.truncate(end);
        Self { lines, look }
    }

    /// The last `count` lines that are not blank, lowest first.
    pub fn last(&self, count: usize) -> impl Iterator<Item = &Line<'a>> {
        self.lines
            .iter()
            .rev()
            .filter(|line| !line.is_blank)
            .take(count)
    }

    /// What stands from row `from` on, as one line.
    pub fn joined(&self, from: usize) -> String {
        join(self.lines.get(from..).unwrap_or_default())
    }

    /// The last row with text.
    pub fn end(&self) -> std::ops::Range<usize> {
        self.lines.len().saturating_sub(1)..self.lines.len()
    }

    pub fn cursor_row(&self) -> usize {
        usize::from(self.look.cursor.0)
    }

    /// How a cell is painted, if that is known.
    pub fn paint(&self, row: usize, col: usize) -> Option<Paint> {
        let paint = self.look.paint?;
        Some(paint.paint(u16::try_from(row).ok()?, u16::try_from(col).ok()?))
    }

    /// The first column behind `from` that has another background, or the width of the pane.
    pub fn edge(&self, row: usize, from: usize) -> Option<usize> {
        let cols = usize::from(self.look.cols);
        let background = self.paint(row, from)?.background;
        let other = |col: &usize| {
            self.paint(row, *col)
                .is_some_and(|paint| paint.background != background)
        };
        Some((from..cols).find(other).unwrap_or(cols))
    }

    /// Whether the visible cursor stands right behind the last text, as a program's question leaves it.
    pub fn cursor_is_at_end(&self) -> bool {
        let Some(last) = self.lines.last() else {
            return false;
        };
        let width = unicode_width::UnicodeWidthStr::width(last.raw);
        let column = usize::from(self.look.cursor.1);
        let is_behind =
            self.cursor_row() + 1 == self.lines.len() && (width..=width + 2).contains(&column);
        // Behind a row that is full the next one begins.
        let is_below = width + 1 >= usize::from(self.look.cols)
            && self.cursor_row() == self.lines.len()
            && column <= 1;
        self.look.cursor_visible && (is_behind || is_below)
    }

    /// Whether the cursor stands behind the prompt of a shell or an interpreter, at the live end.
    pub fn is_at_shell_prompt(&self) -> bool {
        static PROMPT: LazyLock<Regex> = LazyLock::new(|| {
            // A name, a folder or nothing at all, then the sign; or an interpreter's.
            Regex::new(r"^(\(\S+\) ?)?(\[?\S*([@:~/]\S*)?( \S+)?\]? ?)?[$#%❯➜λ»](\s|$)|^(>>>|\.\.\.|In \[\d+\]:|>|\((gd|pd|rd)b\)|\w+(=[#>]|>)$)(\s|$)")
                .expect("a constant pattern")
        });
        self.look.cursor_visible
            && self.cursor_row() + 1 == self.lines.len()
            && self
                .lines
                .last()
                .is_some_and(|line| PROMPT.is_match(line.raw))
    }

    /// The rows of the input box, if it is drawn.
    pub fn input(&self, shape: &InputBox) -> Option<std::ops::Range<usize>> {
        if shape
            .cursor_visible
            .is_some_and(|wanted| wanted != self.look.cursor_visible)
        {
            return None;
        }
        let is = |pattern: &Pattern, row: usize| {
            self.lines
                .get(row)
                .is_some_and(|line| pattern.is_match(line.raw))
        };
        let end = self.lines.len();
        let reach = end.saturating_sub(INPUT_REACH);
        (reach..end).rev().find_map(|row| {
            let follows = shape
                .open
                .as_ref()
                .is_none_or(|open| row > 0 && is(open, row - 1));
            if !follows || !is(&shape.prompt, row) {
                return None;
            }
            let last = match &shape.close {
                Some(close) => (row + 1..end).find(|&below| is(close, below))?,
                None => row,
            };
            let below = self.lines[last + 1..]
                .iter()
                .filter(|line| !line.raw.is_empty())
                .count();
            (below <= shape.below).then_some(row..last + 1)
        })
    }
}

/// The lines that are not blank, as one.
pub(super) fn join(lines: &[Line<'_>]) -> String {
    let texts: Vec<&str> = lines
        .iter()
        .filter(|line| !line.is_blank)
        .map(Line::trimmed)
        .collect();
    texts.join(" ")
}
