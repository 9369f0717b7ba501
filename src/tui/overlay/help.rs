//! All keys, generated from the action table: those that do something here and now first, then all by category;
//! filterable.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Outcome, Scene, centred, foot, inner, line, open_frame};
use crate::tui::action::{Action, Category, Danger, Spec, TABLE};
use crate::tui::keymap::{Chord, Context, Lookup};
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, Input, wrap};

#[derive(Clone, Debug)]
pub struct HelpPage {
    filter: Input,
    /// Where the page was opened.
    here: &'static [Context],
    /// What would have done something there.
    offered: Vec<Action>,
    /// The first line shown.
    top: usize,
}

enum Line {
    Title(&'static str),
    Gap,
    /// A line of what a key does; only the first one has the keys.
    Action {
        keys: String,
        words: String,
        danger: Danger,
    },
}

/// The most columns with the frame.
pub const COLUMNS: u16 = 84;
/// Columns of the keys, where there is room.
const KEYS: u16 = 17;

impl HelpPage {
    pub fn new(here: &'static [Context], offered: Vec<Action>) -> Self {
        Self {
            filter: Input::default(),
            here,
            offered,
            top: 0,
        }
    }

    pub fn height(&self, scene: &Scene<'_>) -> u16 {
        u16::try_from(self.lines(scene).len() + 4)
            .unwrap_or(u16::MAX)
            .max(10)
    }

    pub fn paste(&mut self, text: &str) {
        self.filter.paste(text);
        self.top = 0;
    }

    pub fn key(&mut self, key: KeyEvent, action: Option<Action>, scene: &Scene<'_>) -> Outcome {
        let last = self.lines(scene).len().saturating_sub(1);
        match action {
            Some(Action::NextItem) => self.top = (self.top + 1).min(last),
            Some(Action::PreviousItem) => self.top = self.top.saturating_sub(1),
            Some(Action::NextField) => self.top = (self.top + 10).min(last),
            Some(Action::PreviousField) => self.top = self.top.saturating_sub(10),
            Some(Action::Accept) => return Outcome::Close,
            _ => {
                if self.filter.key(key) {
                    self.top = 0;
                }
            }
        }
        Outcome::Stay
    }

    fn lines(&self, scene: &Scene<'_>) -> Vec<Line> {
        let words = self.filter.text().to_lowercase();
        let mut lines = Vec::new();
        // What is looked for is found once, among all.
        if self.filter.is_empty() {
            let here = TABLE
                .iter()
                .filter(|spec| spec.rank.is_some() && self.offered.contains(&spec.action))
                .filter_map(|spec| Some((self.keys_here(spec, scene)?, spec.help.to_owned(), spec)))
                .collect();
            section(&mut lines, "Here, now", here, scene);
        }
        for category in Category::ALL {
            let title = category.title();
            let found = TABLE
                .iter()
                .filter(|spec| spec.category == category)
                .map(|spec| (keys(spec, scene), help(spec, scene), spec))
                .filter(|(keys, help, spec)| {
                    let text = format!("{keys} {} {help} {title}", spec.name).to_lowercase();
                    words.split_whitespace().all(|word| text.contains(word))
                })
                .collect();
            section(&mut lines, title, found, scene);
        }
        lines
    }

    /// The keys that do it where the page was opened; `None` where others have them all.
    fn keys_here(&self, spec: &Spec, scene: &Scene<'_>) -> Option<String> {
        let keymap = &scene.settings.keymap;
        let keys = keymap
            .chords(spec.action)
            .filter(|chord| keymap.lookup(self.here, &chord.0) == Lookup::Action(spec.action));
        joined(keys)
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let inner = open_frame(buffer, area, "Keys", scene);
        let glyphs = scene.settings.glyphs;
        let row = line(inner, 0);
        Brush::new(buffer, row, glyphs).put("find", scene.style(Role::Muted));
        let field = Rect {
            x: row.x + 6.min(row.width),
            width: row.width.saturating_sub(6),
            ..row
        };
        self.filter
            .draw(buffer, field, scene.style(Role::Text), true);
        let lines = self.lines(scene);
        let room = inner.height.saturating_sub(2);
        let top = self.top.min(lines.len().saturating_sub(usize::from(room)));
        for (index, shown) in (2..inner.height).zip(lines.iter().skip(top)) {
            let mut brush = Brush::new(buffer, line(inner, index), glyphs);
            match shown {
                Line::Gap => {}
                Line::Title(title) => {
                    brush.put(title, scene.style(Role::Name));
                }
                Line::Action {
                    keys,
                    words,
                    danger,
                } => {
                    let role = match danger {
                        Danger::Safe => Role::Text,
                        Danger::Ends => Role::Error,
                    };
                    brush
                        .column(keys, keys_wide(inner.width), scene.style(Role::Key))
                        .put(words, scene.style(role));
                }
            }
        }
        if lines.is_empty() {
            Brush::new(buffer, line(inner, 2), glyphs)
                .put("No key does that.", scene.style(Role::Muted));
        }
        let mut hints = vec![(Action::Cancel, "close")];
        if lines.len() > usize::from(room) {
            hints.insert(0, (Action::NextItem, "more"));
        }
        foot(buffer, area, &hints, scene);
    }
}

type Row = (String, String, &'static Spec);

fn section(lines: &mut Vec<Line>, title: &'static str, rows: Vec<Row>, scene: &Scene<'_>) {
    if rows.is_empty() {
        return;
    }
    if !lines.is_empty() {
        lines.push(Line::Gap);
    }
    lines.push(Line::Title(title));
    let inside = inner(centred(scene.area, COLUMNS, u16::MAX)).width;
    for (mut keys, help, spec) in rows {
        let wrapped = wrap(&help, inside.saturating_sub(keys_wide(inside)));
        lines.extend(wrapped.into_iter().map(|words| Line::Action {
            keys: std::mem::take(&mut keys),
            words,
            danger: spec.danger,
        }));
    }
}

/// Columns of the keys on a page of `inside` columns.
fn keys_wide(inside: u16) -> u16 {
    KEYS.min(inside / 3)
}

fn joined<'a>(keys: impl Iterator<Item = &'a Chord>) -> Option<String> {
    let keys: Vec<_> = keys.map(ToString::to_string).collect();
    (!keys.is_empty()).then(|| keys.join("  "))
}

fn keys(spec: &Spec, scene: &Scene<'_>) -> String {
    joined(scene.settings.keymap.chords(spec.action)).unwrap_or_else(|| "no key".to_owned())
}

/// What a row of the table says, and which of its keys answer instead while a prompt is open.
fn help(spec: &Spec, scene: &Scene<'_>) -> String {
    let keymap = &scene.settings.keymap;
    let taken = keymap.chords(spec.action).filter(|chord| {
        spec.contexts.contains(&Context::Fleet)
            && matches!(
                keymap.lookup(&[Context::Prompt], &chord.0),
                Lookup::Action(_)
            )
    });
    match joined(taken) {
        Some(taken) => format!(
            "{}; {taken} only without a prompt.",
            spec.help.trim_end_matches('.')
        ),
        None => spec.help.to_owned(),
    }
}
