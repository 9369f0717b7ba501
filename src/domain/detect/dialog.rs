//! Holds the menu at the live end against the dialogs that a tool is known to show.

use super::menu::{Menu, MenuOption, meaning};
use super::screen::{Line, Screen, join};
use super::shape::{Above, Dialog, Form, Placement};
use super::{Asked, FoundPrompt, Pattern, subject};
use crate::domain::{Answer, Choice};

/// How many rows a question may take: in a pane of 40 columns the longest known one has nine.
const QUESTION_ROWS: usize = 10;
/// The same where it may stand anywhere: each row is tried, and none of those has more than three.
const TITLE_ROWS: usize = 4;
/// How many blank rows may stand between question and menu.
const GAP: usize = 2;
/// How far above the question the lines are that must not be there, in rows.
const HEADER: usize = 4;
/// What tools read as the arrow keys.
const UP: &str = "\u{1b}[A";
const DOWN: &str = "\u{1b}[B";

/// Why a screen does not show a dialog: the first condition that failed, in the order they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    Form,
    Title,
    Cursor,
    Footer,
    Question,
    Forbidden,
    Above,
}

impl Miss {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Form => "nothing to choose from is at the end of the screen",
            Self::Title => "the title is another one",
            Self::Cursor => "the cursor is not where it would be",
            Self::Footer => "something else stands below the options",
            Self::Question => "its question is not there",
            Self::Forbidden => "a line is there that is never part of it",
            Self::Above => "what stands above the question is something else",
        }
    }

    /// Whether the question was there, so that somebody could take the screen for this dialog.
    pub fn is_near(self) -> bool {
        matches!(self, Self::Forbidden | Self::Above)
    }
}

impl Dialog {
    /// Whether title and cursor are those of this dialog.
    pub(super) fn fits_pane(&self, screen: &Screen<'_>) -> Result<(), Miss> {
        // A title that is not known speaks neither for nor against it.
        let title = screen.look.title;
        let title_fits = self
            .title
            .as_ref()
            .is_none_or(|pattern| title.is_empty() || pattern.is_match(title));
        let cursor_fits = self
            .cursor_visible
            .is_none_or(|wanted| wanted == screen.look.cursor_visible);
        if !title_fits {
            Err(Miss::Title)
        } else if !cursor_fits {
            Err(Miss::Cursor)
        } else {
            Ok(())
        }
    }

    /// Whether its question is on the screen, wherever.
    pub(super) fn is_asked(&self, screen: &Screen<'_>, menu: Option<&Menu>) -> bool {
        let end = menu.map_or(screen.lines.len(), |menu| menu.rows.start);
        match self.form {
            Form::Menu => Question::find(self, screen, end).is_some(),
            Form::Buttons | Form::Line => (0..screen.lines.len()).any(|row| {
                let text = screen.lines[row].trimmed();
                self.question.is_match(text)
            }),
        }
    }
}

/// The prompt, if this screen shows `dialog`. `menu` is the lowest of the screen.
pub(super) fn find(dialog: &Dialog, screen: &Screen<'_>, menu: &Menu) -> Result<Asked, Miss> {
    dialog.fits_pane(screen)?;
    if dialog.cursor_on_mark && screen.cursor_row() != menu.options[menu.selected].row {
        return Err(Miss::Cursor);
    }
    if !footer_fits(dialog, screen, menu) {
        return Err(Miss::Footer);
    }
    let question = Question::find(dialog, screen, menu.rows.start).ok_or(Miss::Question)?;
    let near = question.rows.start.saturating_sub(HEADER);
    let forbidden = |line: &Line<'_>| {
        dialog
            .none
            .iter()
            .any(|pattern| pattern.is_match(line.trimmed()))
    };
    if screen.lines.iter().skip(near).any(forbidden) {
        return Err(Miss::Forbidden);
    }
    let above = &screen.lines[..question.rows.start];
    if !dialog.above.as_ref().is_none_or(|shape| shape.fits(above)) {
        return Err(Miss::Above);
    }
    let subject = subject::find(dialog, screen, menu, &question).unwrap_or_default();
    let answers = Answers {
        dialog,
        menu,
        is_typing: dialog.cursor_on_mark && usize::from(screen.look.cursor.1) != menu.mark,
        can_agree: !subject.is_empty() && (!menu.is_numbered || menu.begins_with_one()),
    };
    let prompt = FoundPrompt {
        kind: dialog.kind,
        subject,
        question: question.text,
        choices: answers.choices(),
    };
    Ok(Asked {
        prompt,
        rows: question.rows.start..menu.rows.end,
    })
}

impl Above {
    fn fits(&self, lines: &[Line<'_>]) -> bool {
        let Some(row) = lines.iter().rposition(|line| self.find.is_match(line.raw)) else {
            return self.optional;
        };
        let line = if self.next {
            lines[row + 1..].iter().find(|line| !line.is_blank)
        } else {
            lines.get(row)
        };
        line.is_some_and(|line| self.is.is_match(line.trimmed()))
    }
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
    /// On one line even where it wraps.
    pub text: String,
    /// Whether there is another place that could be it.
    pub is_ambiguous: bool,
}

impl Question {
    /// `end` is where the menu begins.
    fn find(dialog: &Dialog, screen: &Screen<'_>, end: usize) -> Option<Self> {
        match dialog.placement {
            Placement::AboveMenu => Self::directly_above(&dialog.question, screen, end),
            Placement::AboveSubject => Self::anywhere_above(&dialog.question, screen, end),
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
            let most = (start + 1..end.min(start + TITLE_ROWS))
                .find(|&row| lines[row].is_blank)
                .unwrap_or(end.min(start + TITLE_ROWS));
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

/// The options of a dialog as choices.
struct Answers<'d> {
    dialog: &'d Dialog,
    menu: &'d Menu,
    /// Whether the marked option is a text field: then digits are text.
    is_typing: bool,
    /// Whether all that is at stake and all options above the marked one can be seen: nothing else is agreed to.
    can_agree: bool,
}

impl Answers<'_> {
    fn choices(&self) -> Vec<Choice> {
        let options = &self.menu.options;
        let mut choices: Vec<Choice> = Vec::with_capacity(options.len() + 1);
        for (index, option) in options.iter().enumerate() {
            let label = first_column(&option.label);
            let answer = self.answer(option);
            choices.push(Choice {
                label: label.to_owned(),
                keys: self.keys(index, answer),
                answer,
            });
        }
        // The option may be cut off in a small pane, the key works all the same.
        let declines = |choice: &Choice| choice.answer == Some(Answer::No);
        if let Some(no) = &self.dialog.no
            && !choices.iter().any(declines)
        {
            choices.push(Choice {
                label: "No (esc)".to_owned(),
                keys: no.clone(),
                answer: Some(Answer::No),
            });
        }
        choices
    }

    fn answer(&self, option: &MenuOption) -> Option<Answer> {
        let label = first_column(&option.label);
        let is = |pattern: &Option<Pattern>| {
            pattern
                .as_ref()
                .is_some_and(|pattern| pattern.is_match(label))
        };
        let can_agree = self.can_agree && !self.is_typing && self.dialog.kind.can_be_agreed_to();
        let says = match &self.dialog.yes {
            Some(_) if is(&self.dialog.yes) => Some(Answer::Yes),
            _ if is(&self.dialog.refuse) => Some(Answer::No),
            // The whole text counts for a yes: a second column may say more than the first.
            Some(_) => meaning(label).filter(|answer| *answer == Answer::No),
            None => match meaning(label) {
                Some(Answer::Yes) => meaning(&option.label),
                other => other,
            },
        };
        says.filter(|answer| *answer == Answer::No || can_agree)
    }

    /// What chooses an option; empty when nothing is known to.
    fn keys(&self, index: usize, answer: Option<Answer>) -> String {
        let (dialog, option) = (self.dialog, &self.menu.options[index]);
        let is_selected = index == self.menu.selected;
        let enter_decides = !dialog.numbered || option.number.is_none();
        if answer == Some(Answer::No)
            && let Some(no) = &dialog.no
        {
            let is_marked_refusal = enter_decides
                && is_selected
                && dialog
                    .refuse
                    .as_ref()
                    .is_some_and(|refuse| refuse.is_match(first_column(&option.label)));
            return if is_marked_refusal {
                "\r".to_owned()
            } else {
                no.clone()
            };
        }
        if dialog.letters
            && let Some(letter) = letter(&option.label)
        {
            return letter.to_owned();
        }
        if enter_decides {
            return self.way_to(index);
        }
        match option.number {
            Some(number) if number < 10 && !self.is_typing => number.to_string(),
            _ if is_selected && !self.is_typing => "\r".to_owned(),
            _ => String::new(),
        }
    }

    /// The arrow keys from the mark to an option, and Enter.
    fn way_to(&self, index: usize) -> String {
        let from = self.menu.selected;
        let mut keys = if index < from {
            UP.repeat(from - index)
        } else {
            DOWN.repeat(index - from)
        };
        keys.push('\r');
        keys
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
