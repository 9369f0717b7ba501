//! The shapes that a profile describes: the box a tool takes its next task in, and the dialogs it shows. A [`Dialog`] is the
//! only way to a permission.

use super::Pattern;
use crate::domain::PromptKind;

/// Where a tool takes its next task: a row that begins like `prompt`, directly below one like `open` and above one like
/// `close` if those are given, near the end of the screen.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct InputBox {
    pub open: Option<Pattern>,
    pub prompt: Pattern,
    pub close: Option<Pattern>,
    /// Whether the cursor must be visible, or must not.
    pub cursor_visible: Option<bool>,
    /// The most rows with text that may follow it: a message of the user may look like the box, but what came of it
    /// follows.
    #[serde(default = "rows_below")]
    pub below: usize,
}

/// A footer and a short list of commands.
fn rows_below() -> usize {
    12
}

/// A menu that asks something.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Dialog {
    pub name: String,
    pub kind: PromptKind,
    /// How it takes its answer.
    #[serde(default)]
    pub form: Form,
    /// With [`Form::Buttons`]: what they are called, from left to right.
    #[serde(default)]
    pub buttons: Vec<String>,
    /// The question above the menu, as one line even where it wraps. With [`Form::Line`] it ends where the answer begins;
    /// letters in brackets in it are the answers.
    pub question: Pattern,
    #[serde(default)]
    pub placement: Placement,
    /// All that may follow the menu down to the end of the screen, as one line. Default: nothing.
    pub footer: Option<Pattern>,
    /// What the pane's title must be while the dialog is open, for tools that say so.
    pub title: Option<Pattern>,
    /// Lines that are never part of this dialog.
    #[serde(default)]
    pub none: Vec<Pattern>,
    /// What must stand above the question.
    pub above: Option<Above>,
    /// Whether the tool shows the cursor while it asks, or hides it.
    pub cursor_visible: Option<bool>,
    /// Whether the tool keeps the cursor on the selected option.
    #[serde(default)]
    pub cursor_on_mark: bool,
    /// Whether the options have numbers that choose them at once.
    #[serde(default = "yes")]
    pub numbered: bool,
    /// What the option that agrees is called, when that is not a plain yes. Nothing but it agrees then.
    pub yes: Option<Pattern>,
    /// What an option that declines is called, when that is not a plain no. Where only Enter decides and it is marked,
    /// Enter it is.
    pub refuse: Option<Pattern>,
    /// The keys that always decline, whatever the options are.
    pub no: Option<String>,
    /// Whether a letter in brackets behind an option chooses it.
    #[serde(default)]
    pub letters: bool,
    #[serde(default)]
    pub subject: Subject,
}

/// How a dialog takes its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A menu with one option per row, one of which bears a sign.
    #[default]
    Menu,
    /// Buttons in one row of a box with a bar on its left; the chosen one has another background. Its first lines are the
    /// question.
    Buttons,
    /// The last line asks, and a line is typed behind it.
    Line,
}

/// Where a dialog asks its question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Directly above the menu.
    #[default]
    AboveMenu,
    /// Above what is at stake, which stands between it and the menu.
    AboveSubject,
}

/// What stands above a dialog's question: its title, or what the transcript says of the request.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Above {
    /// The lowest line above the question that matches this …
    pub find: Pattern,
    /// … or, with `next`, the first one with text below it …
    #[serde(default)]
    pub next: bool,
    /// … must match this.
    pub is: Pattern,
    /// Whether it may be missing because the screen is too small to show it.
    #[serde(default)]
    pub optional: bool,
}

/// Where a dialog says what is at stake.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Subject {
    /// It is always this.
    pub text: Option<String>,
    /// It is part of the question: the pattern's group.
    pub question: Option<Pattern>,
    /// It begins below the last such line; the pattern's group, if any, is its first line. Below a question it may be left
    /// out: then it begins there.
    pub start: Option<Pattern>,
    /// It ends above the last such line; default: above the question. Below a question: above the first such line;
    /// default: above the menu.
    pub end: Option<Pattern>,
    /// What each line begins with that is not part of it.
    pub strip: Option<Pattern>,
    /// A line of it that says that something is left out.
    pub hidden: Option<Pattern>,
    /// It stands in inverse rows directly above the question.
    pub inverse: bool,
    /// How many columns the tool leaves free at the right edge of the pane (or of a box with a bar on its left) where it
    /// wraps it.
    pub wrap: usize,
    /// Where the tool wraps it.
    pub breaks: Breaks,
    /// The most rows that the tool gives its box, including edges: one that tall may have left something out without a sign.
    pub tallest: Option<usize>,
    /// The part of it that counts: the pattern's group. What does not match is not understood.
    pub part: Option<Pattern>,
    /// A shorter name for it: the group of the lowest such line above the question, when what was found ends with it.
    pub short: Option<Pattern>,
}

/// Where a tool wraps text, apart from blanks.
///
/// A lone `-` at the end of a row is taken for the beginning of the next word, which is what it is in all but the rarest
/// commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Breaks {
    #[default]
    Blanks,
    /// Behind hyphens at the beginning of a word.
    Hyphens,
    /// Behind hyphens, slashes, dots, brackets and other marks anywhere.
    Marks,
}

fn yes() -> bool {
    true
}
