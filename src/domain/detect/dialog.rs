//! Holds the menu at the live end against the dialogs that a tool is known to show.

use super::menu::{Menu, MenuOption, meaning};
use super::rule::{Dialog, Placement, Subject};
use super::screen::{Line, Screen, join};
use super::{FoundPrompt, Pattern};
use crate::domain::{Answer, Choice};

/// How many rows a question may take: in a pane of 40 columns the longest known one has three.
const QUESTION_ROWS: usize = 4;
/// How many blank rows may stand between question and menu.
const GAP: usize = 2;
/// How far above the question the lines are that must not be there, in rows.
const HEADER: usize = 4;
/// The longest subject that is passed on, in bytes: a longer one cannot be read at a glance, and counts as not seen.
const LONGEST_SUBJECT: usize = 8 << 10;

/// The prompt, if this screen shows `dialog`. `menu` is the lowest of the screen.
pub(super) fn find(dialog: &Dialog, screen: &Screen<'_>, menu: &Menu) -> Option<FoundPrompt> {
    let title_fits = dialog
        .title
        .as_ref()
        .is_none_or(|title| title.is_match(screen.look.title));
    let cursor_fits =
        !dialog.cursor_on_mark || screen.cursor_row() == menu.options[menu.selected].row;
    if !title_fits || !cursor_fits || !footer_fits(dialog, screen, menu) {
        return None;
    }
    let question = Question::find(dialog, screen, menu)?;
    let near = question.rows.start.saturating_sub(HEADER);
    let forbidden = |line: &Line<'_>| {
        dialog
            .none
            .iter()
            .any(|pattern| pattern.is_match(line.trimmed()))
    };
    if screen.lines.iter().skip(near).any(forbidden) {
        return None;
    }
    let subject = subject(dialog, screen, menu, &question).unwrap_or_default();
    let choices = choices(dialog, menu, !subject.is_empty());
    Some(FoundPrompt {
        kind: dialog.kind,
        subject,
        question: question.text,
        choices,
    })
}

/// Whether only the dialog's own footer follows the menu.
fn footer_fits(dialog: &Dialog, screen: &Screen<'_>, menu: &Menu) -> bool {
    let tail = screen.joined(menu.rows.end);
    match &dialog.footer {
        Some(footer) => footer.is_match(&tail),
        None => tail.is_empty(),
    }
}

pub(super) struct Question {
    pub rows: std::ops::Range<usize>,
    pub text: String,
    /// Whether there is another place that could be it.
    is_ambiguous: bool,
}

impl Question {
    fn find(dialog: &Dialog, screen: &Screen<'_>, menu: &Menu) -> Option<Self> {
        match dialog.placement {
            Placement::AboveMenu => Self::directly_above(&dialog.question, screen, menu.rows.start),
            Placement::AboveSubject => {
                Self::anywhere_above(&dialog.question, screen, menu.rows.start)
            }
        }
    }

    /// The fewest lines directly above `end` that the pattern matches when they are joined.
    fn directly_above(pattern: &Pattern, screen: &Screen<'_>, end: usize) -> Option<Self> {
        let lines = &screen.lines;
        let last = (end.saturating_sub(GAP + 1)..end)
            .rev()
            .find(|&row| !lines[row].is_blank)?;
        let rows = (0..=last)
            .rev()
            .take(QUESTION_ROWS)
            .take_while(|&row| !lines[row].is_blank);
        for start in rows {
            let text = join(&lines[start..=last]);
            if pattern.is_match(&text) {
                return Some(Self {
                    rows: start..last + 1,
                    text,
                    is_ambiguous: false,
                });
            }
        }
        None
    }

    /// The lowest lines above `end` that the pattern matches.
    fn anywhere_above(pattern: &Pattern, screen: &Screen<'_>, end: usize) -> Option<Self> {
        let lines = &screen.lines;
        let mut found: Option<Self> = None;
        for start in (0..end).rev() {
            if lines[start].is_blank {
                continue;
            }
            let most = (start + QUESTION_ROWS).min(end);
            let fitting =
                (start + 1..=most).find(|&behind| pattern.is_match(&join(&lines[start..behind])));
            match (&mut found, fitting) {
                (_, None) => {}
                (None, Some(behind)) => {
                    let text = join(&lines[start..behind]);
                    found = Some(Self {
                        rows: start..behind,
                        text,
                        is_ambiguous: false,
                    });
                }
                // What is at stake may itself contain the question: then nobody can tell where it begins.
                (Some(question), Some(_)) => {
                    question.is_ambiguous = true;
                    break;
                }
            }
        }
        found
    }
}

/// What is at stake; nothing unless all of it can be seen.
fn subject(
    dialog: &Dialog,
    screen: &Screen<'_>,
    menu: &Menu,
    question: &Question,
) -> Option<String> {
    let shape: &Subject = &dialog.subject;
    if let Some(pattern) = &shape.question {
        return pattern.group(&question.text).map(str::to_owned);
    }
    let start = shape.start.as_ref()?;
    let lines = &screen.lines;
    let fits = |pattern: &Pattern, row: usize| pattern.is_match(lines[row].trimmed());
    let (first, end) = match dialog.placement {
        Placement::AboveMenu => {
            let end = match &shape.end {
                Some(end) => (0..question.rows.start).rev().find(|&row| fits(end, row))?,
                None => question.rows.start,
            };
            ((0..end).rev().find(|&row| fits(start, row))?, end)
        }
        // From the first beginning on: whatever imitates another one inside is shown as well.
        Placement::AboveSubject if question.is_ambiguous => return None,
        Placement::AboveSubject => {
            let end = menu.rows.start;
            ((question.rows.end..end).find(|&row| fits(start, row))?, end)
        }
    };
    let mut rows: Vec<&str> = start.group(lines[first].trimmed()).into_iter().collect();
    for line in &lines[first + 1..end] {
        if shape
            .hidden
            .as_ref()
            .is_some_and(|hidden| hidden.is_match(line.trimmed()))
        {
            return None;
        }
        let text = line.trimmed();
        rows.push(
            shape
                .strip
                .as_ref()
                .map_or(text, |strip| strip.strip_from(text)),
        );
    }
    if rows.iter().any(|row| {
        shape
            .hidden
            .as_ref()
            .is_some_and(|hidden| hidden.is_match(row))
    }) {
        return None;
    }
    let text = rows.join("\n").trim().to_owned();
    (!text.is_empty() && text.len() <= LONGEST_SUBJECT).then_some(text)
}

/// The options as choices. `is_clear` says whether all that is at stake can be seen: nothing else is agreed to.
fn choices(dialog: &Dialog, menu: &Menu, is_clear: bool) -> Vec<Choice> {
    let is_permission = dialog.kind.is_permission();
    let can_agree = is_permission && is_clear && dialog.numbered && menu.begins_with_one();
    let mut choices: Vec<Choice> = Vec::with_capacity(menu.options.len() + 1);
    for (index, option) in menu.options.iter().enumerate() {
        let label = first_column(&option.label);
        let answer = match meaning(label) {
            // The whole text counts here: a second column may say more than the first.
            Some(Answer::Yes) => {
                (can_agree && meaning(&option.label).is_some()).then_some(Answer::Yes)
            }
            other => other,
        };
        let keys = match (&dialog.no, answer) {
            (Some(no), Some(Answer::No)) => no.clone(),
            _ => keys(dialog, option, index == menu.selected),
        };
        choices.push(Choice {
            label: label.to_owned(),
            keys,
            answer,
        });
    }
    // The option may be cut off in a small pane, the key works all the same.
    if let Some(no) = &dialog.no
        && !choices
            .iter()
            .any(|choice| choice.answer == Some(Answer::No))
    {
        choices.push(Choice {
            label: "No (esc)".to_owned(),
            keys: no.clone(),
            answer: Some(Answer::No),
        });
    }
    choices
}

/// What chooses an option; empty when no single key is known to.
fn keys(dialog: &Dialog, option: &MenuOption, is_selected: bool) -> String {
    if dialog.letters
        && let Some(letter) = letter(&option.label)
    {
        return letter.to_owned();
    }
    match option.number {
        Some(number) if dialog.numbered && number < 10 => number.to_string(),
        _ if is_selected => "\r".to_owned(),
        _ => String::new(),
    }
}

/// The `y` of `Yes, proceed (y)`.
fn letter(label: &str) -> Option<&str> {
    let letter = label.trim_end().strip_suffix(')')?.rsplit('(').next()?;
    (letter.len() == 1 && letter.chars().all(|c| c.is_ascii_lowercase())).then_some(letter)
}

/// The label without the description in a second column.
fn first_column(label: &str) -> &str {
    label.split("   ").next().unwrap_or(label).trim()
}
