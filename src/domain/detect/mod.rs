//! Tells a session's state from what its pane shows: screen, cursor, title and foreground program.
//!
//! Pure: no clock, no I/O; the same [`Look`] gives the same [`Verdict`]. What needs time (how long a screen must stand
//! still, when starting has taken too long) is the caller's.
//!
//! Promise: what is not certain is never an approval. Everything in a pane can be imitated by what a tool prints, so a
//! prompt must stand at the live end of the screen, with nothing but its own footer below it, while the tool itself is
//! in front; text above an input box or a shell prompt is only text. A choice means "yes" only if its label says so and
//! grants nothing beyond this one request. In a dialog that a profile describes it also needs all that is at stake to be
//! readable. Anything else that looks like a permission has an empty subject: a person may answer it, a policy never.

mod buttons;
mod dialog;
mod dismissed;
mod generic;
mod line;
mod menu;
mod paint;
mod rule;
mod screen;
mod shape;
mod subject;
mod wrap;

use std::ops::Range;
use std::time::Duration;

pub use paint::{Paint, Painted};
pub use rule::{Matcher, Pattern, Region, Rule, RuleState};
pub use shape::{Above, Breaks, Dialog, Form, InputBox, Placement, Subject};

use self::dialog::Miss;
use self::menu::Menu;
use self::screen::Screen;
use super::{Choice, PromptKind, SessionState, ToolProfile, Tools};

/// How long after its last output a program without rules of its own still counts as busy: long enough for one that
/// redraws once a second. Whoever judged a look as working earlier than that looks again then.
pub const BUSY: Duration = Duration::from_secs(2);

/// One settled moment of one pane.
#[derive(Clone, Debug)]
pub struct Look<'a> {
    /// The profile's id. An unknown one is read like a shell.
    pub tool: &'a str,
    /// The visible rows, top first, trailing blanks trimmed.
    pub rows: &'a [String],
    /// How many columns the pane has.
    pub cols: u16,
    /// Row and column of the cursor, from 0.
    pub cursor: (u16, u16),
    pub cursor_visible: bool,
    /// Whether the alternate screen is on.
    pub alternate: bool,
    pub title: &'a str,
    /// The foreground program's name (`#{pane_current_command}`). Must be current: a tool's dialogs and titles count
    /// only while the tool is in front.
    pub command: &'a str,
    /// How long ago the pane last wrote something.
    pub quiet_for: Duration,
    /// How the cells are painted, if that is known. What is told by paint alone is not seen without it.
    pub paint: Option<&'a dyn Painted>,
}

/// What a look means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Never [`SessionState::Lost`]. [`SessionState::Exited`] (without code) means that the tool has left and a shell
    /// is in front.
    pub state: SessionState,
    /// Present exactly with [`SessionState::Approval`] and [`SessionState::Question`].
    pub prompt: Option<FoundPrompt>,
    /// The name of the rule or dialog that decided, for example `claude-code: command`.
    pub rule: String,
    /// The first and the last row that it matched, from 0; absent when the screen had no part in it.
    pub rows: Option<(u16, u16)>,
}

/// A [`Prompt`](super::Prompt) without what only the caller knows. Texts are as on the screen: not cleaned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPrompt {
    pub kind: PromptKind,
    /// What is at stake, one line per row of the screen; empty when not all of it can be seen.
    pub subject: String,
    pub question: String,
    pub choices: Vec<Choice>,
}

/// Judges looks with the rules of all tools.
#[derive(Clone, Debug)]
pub struct Detector {
    tools: Tools,
}

impl Detector {
    pub fn new(tools: Tools) -> Self {
        Self { tools }
    }

    /// The profile of a tool that has rules of its own.
    pub fn profile(&self, tool: &str) -> Option<&ToolProfile> {
        self.tools
            .get(tool)
            .filter(|profile| profile.id != Tools::SHELL)
    }

    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Judges one look. Takes well below a millisecond.
    pub fn judge(&self, look: &Look<'_>) -> Verdict {
        let screen = Screen::new(look);
        match self.profile(look.tool) {
            Some(profile) => judge_tool(profile, look, &screen),
            None => judge_shell(look, &screen),
        }
    }
}

impl Verdict {
    fn of(state: SessionState, rule: impl Into<String>) -> Self {
        Self {
            state,
            prompt: None,
            rule: rule.into(),
            rows: None,
        }
    }

    fn asking(prompt: FoundPrompt, rule: impl Into<String>) -> Self {
        let state = prompt.kind.state();
        Self {
            state,
            prompt: Some(prompt),
            rule: rule.into(),
            rows: None,
        }
    }

    fn at(self, rows: Range<usize>) -> Self {
        let first = u16::try_from(rows.start).unwrap_or(u16::MAX);
        let last = u16::try_from(rows.end.saturating_sub(1)).unwrap_or(u16::MAX);
        Self {
            rows: Some((first, last.max(first))),
            ..self
        }
    }
}

fn judge_tool(profile: &ToolProfile, look: &Look<'_>, screen: &Screen<'_>) -> Verdict {
    if !profile.runs_as(look.command) {
        return judge_stranger(look, screen);
    }
    let input = profile.input.as_ref().and_then(|shape| screen.input(shape));
    if input.is_none()
        && let Some((dialog, found)) = find_dialog(profile, screen)
    {
        let rule = format!("{}: {}", profile.id, dialog.name);
        return Verdict::asking(found.prompt, rule).at(found.rows);
    }
    let seen = rule::Seen::new(screen, input.as_ref(), profile.turn.as_ref());
    // `max_by_key` would prefer the last of equals.
    let best = profile
        .rules
        .iter()
        .filter(|rule| rule.fits(&seen))
        .rev()
        .max_by_key(|rule| rule.priority);
    if let Some(rule) = best {
        return rule.verdict(&profile.id, &seen);
    }
    // A profile that knows its dialogs is not second-guessed.
    if profile.dialogs.is_empty() {
        if let Some(prompt) = generic::menu(screen, true) {
            return Verdict::asking(prompt, "menu").at(screen.end());
        }
        if let Some(prompt) = generic::question(screen) {
            return Verdict::asking(prompt, "question").at(screen.end());
        }
        if generic::can_be_interrupted(screen) || look.quiet_for < BUSY {
            return Verdict::of(
                SessionState::Working {
                    activity: String::new(),
                },
                "busy",
            );
        }
    }
    Verdict::of(SessionState::Unknown, "nothing fits")
}

/// A prompt as a dialog shows it, and the rows from its question to its last option.
#[derive(Debug)]
struct Asked {
    prompt: FoundPrompt,
    rows: Range<usize>,
}

/// The first dialog that fits and says what is at stake, else the first that fits: some differ only in that.
fn find_dialog<'p>(profile: &'p ToolProfile, screen: &Screen<'_>) -> Option<(&'p Dialog, Asked)> {
    let menu = Menu::find(screen);
    let fitting = profile.dialogs.iter().filter_map(|dialog| {
        let asked = try_dialog(dialog, screen, menu.as_ref()).ok()?;
        Some((dialog, asked))
    });
    let mut first = None;
    for found in fitting {
        let prompt = &found.1.prompt;
        if !prompt.subject.is_empty() || !prompt.kind.is_permission() {
            return Some(
                first
                    .filter(|_| found.1.prompt.subject.is_empty())
                    .unwrap_or(found),
            );
        }
        first.get_or_insert(found);
    }
    first
}

/// Holds one dialog against the screen. `menu` is the lowest menu that is marked by a sign.
fn try_dialog(dialog: &Dialog, screen: &Screen<'_>, menu: Option<&Menu>) -> Result<Asked, Miss> {
    match dialog.form {
        Form::Menu => dialog::find(dialog, screen, menu.ok_or(Miss::Form)?),
        Form::Buttons => buttons::find(dialog, screen),
        Form::Line => line::find(dialog, screen),
    }
}

/// Something else is in front of where a tool should be.
fn judge_stranger(look: &Look<'_>, screen: &Screen<'_>) -> Verdict {
    if generic::is_shell(look.command) && !look.alternate && screen.is_at_shell_prompt() {
        Verdict::of(
            SessionState::Exited {
                code: None,
                signal: None,
            },
            "shell prompt",
        )
        .at(screen.end())
    } else {
        Verdict::of(SessionState::Unknown, "another program is in front")
    }
}

fn judge_shell(look: &Look<'_>, screen: &Screen<'_>) -> Verdict {
    let working = |activity: &str| SessionState::Working {
        activity: activity.to_owned(),
    };
    if let Some(prompt) = generic::question(screen) {
        return Verdict::asking(prompt, "question").at(screen.end());
    }
    if let Some(prompt) = generic::menu(screen, false) {
        return Verdict::asking(prompt, "menu").at(screen.end());
    }
    if !look.alternate && screen.is_at_shell_prompt() {
        return Verdict::of(SessionState::Idle, "shell prompt").at(screen.end());
    }
    let activity = if generic::is_shell(look.command) {
        ""
    } else {
        look.command
    };
    Verdict::of(working(activity), "no shell prompt")
}
