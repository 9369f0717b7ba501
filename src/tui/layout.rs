//! Where everything is: one pure function of the model and the size, for views and the mouse alike.
//!
//! Promise: no rectangle leaves the terminal, at any size; what there is no room for is `None`.

use ratatui::layout::Rect;

use super::about;
use super::action::Action;
use super::look;
use super::model::{Model, Page};
use super::notes::notes;
use super::rows::Density;
use super::subject;
use super::theme::Role;
use super::widget::{width, wrap};
use crate::domain::{Answer, Prompt, PromptKind, Session};

/// Lines of a subject that is too long to be answered below the screen: they say which one it is, and the list keeps
/// its room.
const CUT_TO: usize = 5;
/// Below this the page says what it needs instead.
pub const SMALLEST: (u16, u16) = (40, 12);
/// From here on list and screen stand side by side, with all columns.
const WIDE: u16 = 100;
/// From here on list and screen stand side by side.
pub const MEDIUM: u16 = 60;
/// Rows of the terminal below which the inbox has no title.
const TITLE_FROM: u16 = 16;
/// Rows of the terminal below which the list's titles and gaps cost more than they tell. Not of the list: that would change
/// with every prompt.
const FLAT_BELOW: u16 = 18;

/// A session's screen with the line that says what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pane {
    pub header: Rect,
    /// What is wrong with its host; no lines when nothing is.
    pub notice: Rect,
    pub body: Rect,
}

/// The open prompt, laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptBox {
    pub area: Rect,
    /// The subject, wrapped; the last line says so when it is not all there.
    pub subject: Vec<String>,
    /// Whether all of the subject is there.
    pub whole: bool,
    /// How many of the last lines of the subject are warnings about it.
    pub warned: usize,
    /// What kind it is, where, and how it is known.
    pub facts: String,
    /// Whether the facts stand behind the last line of the subject.
    pub facts_inline: bool,
    /// Columns left of the subject.
    pub indent: u16,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    pub top: Rect,
    pub list: Option<Rect>,
    /// The line between list and screen.
    pub divider: Option<Rect>,
    pub pane: Option<Pane>,
    pub prompt: Option<PromptBox>,
    pub log: Option<Rect>,
    pub hints: Rect,
    /// Horizontal rules, top first.
    pub rules: Vec<Rect>,
    /// The heavy frame of typing mode, around `pane`.
    pub frame: Option<Rect>,
    /// In place of list and screen, while there is no session.
    pub empty: Option<Rect>,
    /// In place of list, screen and prompt.
    pub inbox: Option<InboxPage>,
    /// Where notes stand; only what nobody has to read is below them.
    pub notes: Rect,
}

/// The page of all open prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InboxPage {
    /// No lines in a low terminal.
    pub title: Rect,
    pub body: Rect,
    /// The keys for the selected prompt.
    pub keys: Rect,
}

/// How much room the list has in a terminal of this size.
pub fn density(area: Rect) -> Density {
    if area.height < FLAT_BELOW {
        Density::Flat
    } else {
        Density::Full
    }
}

/// Whether the terminal is too small for the page.
pub fn too_small(area: Rect) -> bool {
    area.width < SMALLEST.0 || area.height < SMALLEST.1
}

/// Whether enter shows the page of what is selected, because the list fills the terminal.
pub fn enter_looks(model: &Model) -> bool {
    !side_by_side(model.area) && model.page == Page::List && model.inbox.is_none()
}

/// Whether list and screen stand side by side.
pub fn side_by_side(area: Rect) -> bool {
    area.width >= MEDIUM
}

pub fn layout(model: &Model, area: Rect) -> Layout {
    if too_small(area) {
        return Layout::default();
    }
    let row = |y: u16| Rect::new(area.x, y, area.width, 1);
    let mut layout = Layout {
        top: row(area.top()),
        hints: row(area.bottom() - 1),
        notes: Rect::new(area.x, area.y + 1, area.width, area.height - 2),
        ..Layout::default()
    };
    if model.typing.is_some() {
        let frame = Rect::new(area.x, area.y + 1, area.width, area.height - 2);
        layout.frame = Some(frame);
        layout.pane = Some(Pane {
            header: Rect::new(frame.x, frame.y, frame.width, 1),
            notice: Rect::default(),
            body: inner(frame, if side_by_side(area) { 2 } else { 1 }, 1),
        });
        return layout;
    }
    layout.rules.push(row(area.top() + 1));
    let mut middle = Rect::new(area.x, area.y + 2, area.width, area.height - 3);
    // From the bottom up: the log goes first when room is short, the prompt never.
    let log_lines = log_lines(model, area);
    if log_lines > 0 {
        layout.log = Some(take_bottom(&mut middle, log_lines));
        layout.rules.push(take_bottom(&mut middle, 1));
    }
    if model.inbox.is_some() {
        inbox(model, &mut layout, middle);
        return layout;
    }
    if let Some((_, session, prompt)) = model.open_prompt() {
        let most = (middle.height / 2).max(2) - 1;
        let mut prompt = prompt_box(model, session, prompt, area.width, most);
        prompt.area = take_bottom(&mut middle, prompt.area.height);
        layout.prompt = Some(prompt);
        layout.rules.insert(1, take_bottom(&mut middle, 1));
        // A note must not cover what somebody is about to answer.
        layout.notes.height = middle.bottom() - layout.notes.y;
    }
    // With several hosts the list says how each of them is.
    if model.sessions().next().is_none() && model.fleet.hosts.len() < 2 {
        layout.empty = Some(middle);
        return layout;
    }
    let pane = |area: Rect| {
        let body = below(area, 2);
        let wanted = notice(model, body.width).len();
        // The screen keeps most of the room.
        let lines = u16::try_from(wanted)
            .unwrap_or(u16::MAX)
            .min(body.height / 2);
        Pane {
            header: Rect { height: 1, ..area },
            notice: Rect {
                height: lines,
                ..body
            },
            body: below(body, if lines > 0 { lines + 1 } else { 0 }),
        }
    };
    if side_by_side(area) {
        let list = list_width(area.width);
        layout.list = Some(Rect {
            width: list,
            ..middle
        });
        layout.divider = Some(Rect::new(area.x + list, middle.y, 1, middle.height));
        layout.pane = Some(pane(Rect::new(
            area.x + list + 2,
            middle.y,
            area.width - list - 3,
            middle.height,
        )));
    } else if model.page == Page::Screen && model.selection.is_some() {
        layout.pane = Some(pane(Rect::new(
            area.x + 1,
            middle.y,
            area.width - 2,
            middle.height,
        )));
    } else {
        layout.list = Some(middle);
    }
    layout
}

/// The inbox takes the whole middle; notes take their room from it, so that they cover nothing.
fn inbox(model: &Model, layout: &mut Layout, mut middle: Rect) {
    let keys = take_bottom(&mut middle, 1);
    layout.rules.insert(1, take_bottom(&mut middle, 1));
    let lines = notes(model, middle.width).into_iter();
    let lines: usize = lines.map(|note| note.lines.len()).sum();
    let most = middle.height / 2;
    let lines = u16::try_from(lines).unwrap_or(most).min(most);
    layout.notes = take_bottom(&mut middle, lines);
    let title = if model.area.height < TITLE_FROM { 0 } else { 2 };
    layout.inbox = Some(InboxPage {
        title: Rect {
            height: u16::from(title > 0),
            ..middle
        },
        body: below(middle, title),
        keys,
    });
}

/// What is wrong with the host of the selected session, wrapped.
pub fn notice(model: &Model, columns: u16) -> Vec<(String, Role)> {
    let Some((host, _)) = model.selected() else {
        return Vec::new();
    };
    let said = about::host(model, host).into_iter();
    said.flat_map(|(words, role)| {
        let lines = wrap(&words, columns).into_iter();
        lines.map(move |line| (line, role))
    })
    .collect()
}

/// What is left of `area` without its first `lines`.
fn below(area: Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    Rect {
        y: area.y + lines,
        height: area.height - lines,
        ..area
    }
}

fn inner(area: Rect, x: u16, y: u16) -> Rect {
    Rect::new(
        area.x + x,
        area.y + y,
        area.width.saturating_sub(2 * x),
        area.height.saturating_sub(2 * y),
    )
}

fn take_bottom(area: &mut Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    area.height -= lines;
    Rect::new(area.x, area.bottom(), area.width, lines)
}

fn log_lines(model: &Model, area: Rect) -> u16 {
    if model.fleet.hosts.iter().all(|host| host.log.is_empty()) {
        return 0;
    }
    match area.height {
        0..27 => 0,
        27..32 => 2,
        32..46 => 4,
        _ => 6,
    }
}

fn list_width(columns: u16) -> u16 {
    match columns {
        0..WIDE => (columns * 9 / 20).clamp(30, 42),
        WIDE..150 => 46,
        _ => 56,
    }
}

/// Whether the prompt can be answered by key at all: at least one answer is certain.
pub fn answerable(prompt: &Prompt) -> bool {
    prompt.choice(Answer::Yes).is_some() || prompt.choice(Answer::No).is_some()
}

/// The words on the prompt's chip.
pub fn chip(kind: PromptKind) -> &'static str {
    match kind {
        PromptKind::Trust => "  TRUST?  ",
        PromptKind::Plan => "  PLAN?   ",
        PromptKind::Login => "  LOG IN  ",
        PromptKind::Question => " QUESTION ",
        _ => " APPROVE? ",
    }
}

fn prompt_box(
    model: &Model,
    session: &Session,
    prompt: &Prompt,
    columns: u16,
    most: u16,
) -> PromptBox {
    let dot = model.settings.glyphs.dot();
    let indent = if columns < MEDIUM {
        3
    } else {
        width(chip(prompt.kind)) + 2
    };
    let room = columns.saturating_sub(indent + 1);
    let mut subject = subject::lines(prompt, room, model.settings.glyphs);
    let alert = model.settings.glyphs.pick("▲", "!");
    let warnings = subject::warnings(prompt).into_iter();
    let warnings: Vec<_> = warnings
        .flat_map(|words| wrap(&format!("{alert} {words}"), room))
        .collect();
    let mut warned = warnings.len();
    subject.extend(warnings);
    // One line of `most` is for the keys.
    let lines = usize::from(most.saturating_sub(1).max(1));
    let whole = subject.len() <= lines;
    if !whole {
        let shown = lines.min(CUT_TO);
        let left_out = subject.len() + 1 - shown;
        subject.truncate(shown - 1);
        let ellipsis = model.settings.glyphs.ellipsis();
        let keymap = &model.settings.keymap;
        let how = match keymap.shown(Action::Inbox, model.contexts()) {
            Some(key) => format!("press {key} to read"),
            None => "in the inbox".to_owned(),
        };
        subject.push(format!("{ellipsis} {left_out} more lines: {how}"));
        warned = 0;
    }
    let kind = if prompt.kind.is_permission() {
        "permission"
    } else {
        prompt.kind.word()
    };
    let host = model
        .target()
        .and_then(|target| model.fleet.host(&target.host));
    let home = host.and_then(super::rows::home);
    let dir = super::rows::short_dir(&session.dir, home);
    let said = host.and_then(|host| about::advice(model, host, prompt));
    let is_first = look::pending(prompt).is_some()
        || prompt
            .advice
            .as_ref()
            .is_some_and(|advice| !advice.waits.is_empty());
    let mut facts = match said {
        // What happens by itself, or why it does not, comes first: it may be all there is room for.
        Some((words, _)) if is_first => format!("{words} {dot} {kind} {dot} in {dir}"),
        Some((words, _)) => {
            format!(
                "{kind} {dot} in {dir} {dot} {words} {dot} seen by {}",
                prompt.rule
            )
        }
        None => format!("{kind} {dot} in {dir} {dot} seen by {}", prompt.rule),
    };
    let last = subject.last().map_or(0, |line| width(line));
    let facts_inline = last + 3 + width(&facts) <= room;
    let facts_line = !facts_inline && subject.len() < lines;
    if !facts_inline && !facts_line {
        facts.clear();
    }
    let height = u16::try_from(subject.len()).unwrap_or(most) + u16::from(facts_line) + 1;
    PromptBox {
        area: Rect::new(0, 0, columns, height),
        subject,
        whole,
        warned,
        facts,
        facts_inline,
        indent,
    }
}
