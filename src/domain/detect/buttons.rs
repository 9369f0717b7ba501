//! Dialogs with buttons in one row, at the bottom of a box that has a heavy bar on its left and nothing on its right.
//!
//! Promise: which button is chosen is read from its background alone, and where that is not known nothing is agreed to. What
//! the box may have left out is not taken as seen.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::dialog::Miss;
use super::menu::meaning;
use super::screen::Screen;
use super::shape::{Dialog, Subject};
use super::wrap::{Wrap, Wrapped, unwrap};
use super::{Asked, FoundPrompt};
use crate::domain::{Answer, Choice};

/// The left edge of the box.
const BAR: char = '┃';
/// How far from the end of the screen the buttons may be, in rows: their hints may take rows of their own.
const REACH: usize = 6;
/// How many blank rows separate what is at stake from the buttons. A box that has been blown up to the whole pane and has
/// more than these has room to spare, so it shows everything.
const PADDING: usize = 2;

/// The box that the buttons are in.
struct Area<'s, 'a> {
    screen: &'s Screen<'a>,
    /// The column of its bar.
    bar: usize,
    /// The column behind it, if that is known.
    edge: Option<usize>,
    top: usize,
    /// The row of the buttons.
    buttons: usize,
    /// The row behind its last one.
    end: usize,
}

pub(super) fn find(dialog: &Dialog, screen: &Screen<'_>) -> Result<Asked, Miss> {
    let (area, columns) = Area::find(dialog, screen).ok_or(Miss::Form)?;
    dialog.fits_pane(screen)?;
    if !area.is_alone(dialog) {
        return Err(Miss::Footer);
    }
    let blank = |row: &usize| area.text(*row).trim().is_empty();
    let first = (area.top..area.buttons).find(|row| !blank(row));
    let first = first.ok_or(Miss::Question)?;
    let behind = (first..area.buttons).find(blank).unwrap_or(area.buttons);
    let question: Vec<&str> = (first..behind).map(|row| area.text(row).trim()).collect();
    let question = question.join(" ");
    if !dialog.question.is_match(&question) {
        return Err(Miss::Question);
    }
    let last = (behind..area.buttons).rfind(|row| !blank(row));
    let content = behind..last.map_or(behind, |last| last + 1);
    let forbidden = |row: usize| {
        let text = area.text(row).trim();
        dialog.none.iter().any(|pattern| pattern.is_match(text))
    };
    if content.clone().any(forbidden) {
        return Err(Miss::Forbidden);
    }
    let subject = area.subject(&dialog.subject, first..behind, content);
    let subject = subject.unwrap_or_default();
    let chosen = area.chosen(&columns);
    let can_agree = !subject.is_empty() && dialog.kind.can_be_agreed_to();
    let choices = dialog.buttons.iter().enumerate().map(|(index, label)| {
        let answer = meaning(label);
        let (answer, keys) = match (answer, &dialog.no) {
            (Some(Answer::No), Some(no)) => (answer, no.clone()),
            // To move and to decide are two keys, and between them anybody may have moved as well.
            _ if chosen != Some(index) => (None, String::new()),
            (Some(Answer::Yes), _) if !can_agree => (None, "\r".to_owned()),
            _ => (answer, "\r".to_owned()),
        };
        Choice {
            label: label.clone(),
            keys,
            answer,
        }
    });
    Ok(Asked {
        prompt: FoundPrompt {
            kind: dialog.kind,
            subject,
            question,
            choices: choices.collect(),
        },
        rows: first..area.buttons + 1,
    })
}

impl<'s, 'a> Area<'s, 'a> {
    /// The box with the buttons at the live end of the screen, and the column of each button.
    fn find(dialog: &Dialog, screen: &'s Screen<'a>) -> Option<(Self, Vec<usize>)> {
        let rows = screen.lines.len();
        let (buttons, columns) = (rows.saturating_sub(REACH)..rows)
            .rev()
            .find_map(|row| Some((row, columns(&dialog.buttons, screen.lines[row].raw)?)))?;
        let bar = bar(screen.lines[buttons].raw)?;
        let is_edge = |row: &usize| self::bar(screen.lines[*row].raw) == Some(bar);
        let top = (0..buttons).rev().take_while(is_edge).last()?;
        let end = (buttons..rows).take_while(is_edge).last()? + 1;
        // The row of the buttons has more than one background; the one above has only the box's.
        let edge = screen.edge(buttons.checked_sub(1)?, bar + 1);
        let area = Self {
            screen,
            bar,
            edge,
            top,
            buttons,
            end,
        };
        Some((area, columns))
    }

    /// What a row of the box says, without what stands beside it.
    fn text(&self, row: usize) -> &'a str {
        let raw = self.screen.lines[row].raw;
        let inside = self.edge.map_or(raw, |edge| before(raw, edge));
        let inside = inside.trim_start().strip_prefix(BAR).unwrap_or(inside);
        inside.trim_end_matches([' ', '█', '▀', '▄'])
    }

    /// Whether nothing but hints follows the buttons. What stands beside the box belongs to something else.
    fn is_alone(&self, dialog: &Dialog) -> bool {
        let inside: Vec<&str> = (self.buttons + 1..self.end)
            .map(|row| self.text(row).trim())
            .filter(|text| !text.is_empty())
            .collect();
        let hints = inside.join(" ");
        let hints_fit = hints.is_empty()
            || dialog
                .footer
                .as_ref()
                .is_some_and(|footer| footer.is_match(&hints));
        let is_beside = |row: usize| {
            let raw = self.screen.lines[row].raw;
            self.edge
                .map_or(raw, |edge| before(raw, edge))
                .trim()
                .is_empty()
        };
        hints_fit && (self.end..self.screen.lines.len()).all(is_beside)
    }

    /// The button with another background than the row around it, if it is the only one.
    fn chosen(&self, columns: &[usize]) -> Option<usize> {
        let plain = self.screen.paint(self.buttons, self.bar + 1)?.background;
        let mut marked = columns.iter().enumerate().filter(|(_, column)| {
            let paint = self.screen.paint(self.buttons, **column);
            paint.is_some_and(|paint| paint.background != plain)
        });
        let (chosen, _) = marked.next()?;
        marked.next().is_none().then_some(chosen)
    }

    /// What is at stake; nothing unless all of it can be seen.
    fn subject(
        &self,
        shape: &Subject,
        question: std::ops::Range<usize>,
        content: std::ops::Range<usize>,
    ) -> Option<String> {
        let edge = self
            .edge
            .unwrap_or_else(|| usize::from(self.screen.look.cols));
        let wrap = Wrap {
            limit: edge.saturating_sub(shape.wrap),
            breaks: shape.breaks,
        };
        let row = |row: usize| {
            let text = self.text(row);
            let trimmed = text.trim_start();
            Wrapped {
                text: trimmed,
                column: self.bar + 1 + text.width() - trimmed.width(),
            }
        };
        if let Some(pattern) = &shape.question {
            let rows: Vec<_> = question.map(row).collect();
            let text = unwrap(&rows, wrap)?.replace('\n', " ");
            return pattern.group(&text).map(str::to_owned);
        }
        let start = shape.start.as_ref()?;
        let room = self.buttons.saturating_sub(content.end);
        let is_low = self.end - self.top < shape.tallest? && self.top > 1;
        if !is_low && room <= PADDING {
            return None;
        }
        let first = (content.start..content.end).find(|&row| !self.text(row).trim().is_empty())?;
        let head = row(first);
        let text = start.group(head.text)?;
        let head = Wrapped {
            text,
            column: head.column + head.text.width() - text.width(),
        };
        // Deeper rows of the text keep what sets them off from its left edge.
        let indent = self.text(first).width() - self.text(first).trim_start().width();
        let rest = (first + 1..content.end).map(|row| {
            let text = self.text(row);
            let blanks = text.bytes().take(indent).take_while(|&byte| byte == b' ');
            let blanks = blanks.count();
            Wrapped {
                text: text.get(blanks..).unwrap_or_default(),
                column: self.bar + 1 + blanks,
            }
        });
        let rows: Vec<_> = std::iter::once(head).chain(rest).collect();
        unwrap(&rows, wrap).filter(|text| !text.is_empty())
    }
}

/// The column of the bar that a row begins with.
fn bar(row: &str) -> Option<usize> {
    let rest = row.trim_start_matches(' ');
    rest.starts_with(BAR).then(|| row.len() - rest.len())
}

/// The columns where the buttons begin, if the row has all of them and then nothing or, at a distance, hints.
fn columns(labels: &[String], row: &str) -> Option<Vec<usize>> {
    let mut rest = row.trim_start_matches(' ').strip_prefix(BAR)?;
    let mut columns = Vec::with_capacity(labels.len());
    for label in labels {
        let text = rest.trim_start_matches(' ');
        let is_apart = rest.len() - text.len() >= 2;
        rest = text.strip_prefix(label.as_str()).filter(|_| is_apart)?;
        columns.push(row.width() - text.width());
    }
    (!columns.is_empty() && (rest.is_empty() || rest.starts_with("  "))).then_some(columns)
}

/// The part of a row before a column.
fn before(row: &str, column: usize) -> &str {
    let mut width = 0;
    let end = row.char_indices().find_map(|(at, c)| {
        width += c.width().unwrap_or(0);
        (width > column).then_some(at)
    });
    end.and_then(|end| row.get(..end)).unwrap_or(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buttons_are_found_by_their_labels_in_order() {
        let labels = ["Yes", "Always", "No"].map(str::to_owned);
        let row = "  ┃   Yes   Always   No  enter confirm";
        assert_eq!(columns(&labels, row), Some(vec![6, 12, 21]));
        assert_eq!(columns(&labels, "  ┃  Yes Always No"), None);
        assert_eq!(columns(&labels, "  ┃  Yes   Always   Not now"), None);
        assert_eq!(columns(&labels, "  Yes   Always   No"), None);
    }

    #[test]
    fn a_row_is_cut_at_a_column() {
        assert_eq!(before("日本go", 4), "日本");
        assert_eq!(before("日本go", 5), "日本g");
        assert_eq!(before("go", 9), "go");
    }
}
