//! Dialogs that ask on the last line and read a line: `Run shell command? (Y)es/(N)o [Yes]:`.
//!
//! Promise: a key is told only while nothing is typed yet. A half-typed answer belongs to whoever types it; only one that
//! declines can be sent off.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use unicode_width::UnicodeWidthStr as _;

use super::dialog::Miss;
use super::menu::meaning;
use super::screen::Screen;
use super::shape::{Dialog, Subject};
use super::wrap::{Wrap, Wrapped, unwrap};
use super::{Asked, FoundPrompt};
use crate::domain::{Answer, Choice};

/// How many rows the question may take: the longest known one has three in a pane of 40 columns.
const QUESTION_ROWS: usize = 6;

/// The question at the live end, and what is typed behind it.
struct Question {
    rows: Range<usize>,
    text: String,
    typed: String,
}

pub(super) fn find(dialog: &Dialog, screen: &Screen<'_>) -> Result<Asked, Miss> {
    if !screen.cursor_is_at_end() {
        return Err(Miss::Cursor);
    }
    let question = Question::find(dialog, screen).ok_or(Miss::Question)?;
    dialog.fits_pane(screen)?;
    let subject = subject(&dialog.subject, screen, &question).unwrap_or_default();
    let can_agree = !subject.is_empty() && dialog.kind.can_be_agreed_to();
    let is_refusal = dialog
        .refuse
        .as_ref()
        .is_some_and(|refuse| refuse.is_match(&question.typed));
    let choices = options(&question.text)
        .map(|(letter, label)| {
            let answer = meaning(&label).filter(|answer| *answer == Answer::No || can_agree);
            let (keys, answer) = match answer {
                _ if question.typed.is_empty() => (format!("{letter}\r"), answer),
                Some(Answer::No) if is_refusal => ("\r".to_owned(), answer),
                _ => (String::new(), None),
            };
            Choice {
                label,
                keys,
                answer,
            }
        })
        .collect();
    Ok(Asked {
        prompt: FoundPrompt {
            kind: dialog.kind,
            subject,
            question: question.text,
            choices,
        },
        rows: question.rows,
    })
}

impl Question {
    /// The fewest rows at the end that the dialog's question matches. Such a line is cut wherever the pane ends.
    fn find(dialog: &Dialog, screen: &Screen<'_>) -> Option<Self> {
        let end = screen.lines.len();
        let cols = usize::from(screen.look.cols);
        let mut text = String::new();
        for start in (end.saturating_sub(QUESTION_ROWS)..end).rev() {
            let row = screen.lines[start].raw;
            if start + 1 == end {
                row.clone_into(&mut text);
            } else {
                // A blank at the edge is part of the line, but not of the row as it is told.
                let gap = cols.saturating_sub(row.width());
                if gap > 1 {
                    break;
                }
                text.insert_str(0, &" ".repeat(gap));
                text.insert_str(0, row);
            }
            if let Some(typed) = dialog.question.behind(&text) {
                let typed = typed.trim().to_owned();
                let asked = text.trim_end().strip_suffix(&typed).unwrap_or(&text);
                return Some(Self {
                    rows: start..end,
                    text: asked.trim_end().to_owned(),
                    typed,
                });
            }
        }
        None
    }
}

/// What is at stake; nothing unless all of it can be seen.
fn subject(shape: &Subject, screen: &Screen<'_>, question: &Question) -> Option<String> {
    if let Some(pattern) = &shape.question {
        return pattern.group(&question.text).map(str::to_owned);
    }
    if !shape.inverse {
        return None;
    }
    // Blank rows have no paint where trailing blanks are trimmed. What stands above must be seen to be something else.
    let lines = &screen.lines;
    let is_marked = |row: usize| {
        let paint = screen.paint(row, lines[row].indent());
        paint.is_some_and(|paint| paint.inverse)
    };
    let is_part = |row: &usize| lines[*row].raw.is_empty() || is_marked(*row);
    let top = (0..question.rows.start)
        .rev()
        .take_while(is_part)
        .last()
        .filter(|&top| top > 0)?;
    let first = (top..question.rows.start).find(|&row| !lines[row].raw.is_empty())?;
    // One blank row stands above it, always.
    if first == top || question.rows.start == first {
        return None;
    }
    let rows: Vec<_> = lines[first..question.rows.start]
        .iter()
        .map(|line| Wrapped {
            text: line.raw,
            column: 0,
        })
        .collect();
    let wrap = Wrap {
        limit: usize::from(screen.look.cols).saturating_sub(shape.wrap),
        breaks: shape.breaks,
    };
    unwrap(&rows, wrap)
}

/// The letter and the words of each `(Y)es`.
fn options(question: &str) -> impl Iterator<Item = (char, String)> {
    static OPTION: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\(([A-Z])\)([a-z](?:[a-z' ]*[a-z])?)").expect("a constant pattern")
    });
    OPTION.captures_iter(question).filter_map(|found| {
        let (letter, rest) = (found.get(1)?.as_str(), found.get(2)?.as_str());
        let key = letter.chars().next()?.to_ascii_lowercase();
        Some((key, format!("{letter}{rest}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_in_brackets_is_an_option() {
        let question = "Run shell command? (Y)es/(N)o/(S)kip all/(D)on't ask again [Yes]:";
        let found: Vec<_> = options(question).collect();
        let named = |key, label: &str| (key, label.to_owned());
        assert_eq!(
            found,
            [
                named('y', "Yes"),
                named('n', "No"),
                named('s', "Skip all"),
                named('d', "Don't ask again")
            ]
        );
    }
}
