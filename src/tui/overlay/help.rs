//! All keys, generated from the action table: those that work here first, then the rest by category; filterable.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Outcome, Scene, foot, line, open_frame};
use crate::tui::action::{Action, Category, Danger, Spec, TABLE};
use crate::tui::keymap::Context;
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, Input};

#[derive(Clone, Debug)]
pub struct HelpPage {
    filter: Input,
    /// Where the page was opened.
    here: &'static [Context],
    /// The first line shown.
    top: usize,
}

enum Line {
    Title(&'static str),
    Gap,
    Action { keys: String, spec: &'static Spec },
}

impl HelpPage {
    pub fn new(here: &'static [Context]) -> Self {
        Self {
            filter: Input::default(),
            here,
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
        let is_here = |spec: &Spec| {
            spec.rank.is_some()
                && spec
                    .contexts
                    .iter()
                    .any(|context| self.here.contains(context))
        };
        let first = TABLE.iter().filter(|spec| is_here(spec)).collect();
        self.section(&mut lines, "Here", first, &words, scene);
        for category in Category::ALL {
            let specs = TABLE
                .iter()
                .filter(|spec| spec.category == category)
                .collect();
            self.section(&mut lines, category.title(), specs, &words, scene);
        }
        lines
    }

    fn section(
        &self,
        lines: &mut Vec<Line>,
        title: &'static str,
        specs: Vec<&'static Spec>,
        words: &str,
        scene: &Scene<'_>,
    ) {
        let shown: Vec<_> = specs
            .into_iter()
            .map(|spec| (keys(spec, scene), spec))
            .filter(|(keys, spec)| {
                let text = format!("{keys} {} {} {title}", spec.name, spec.help).to_lowercase();
                words.split_whitespace().all(|word| text.contains(word))
            })
            .collect();
        if shown.is_empty() || (title == "Here" && !self.filter.is_empty()) {
            return;
        }
        if !lines.is_empty() {
            lines.push(Line::Gap);
        }
        lines.push(Line::Title(title));
        lines.extend(
            shown
                .into_iter()
                .map(|(keys, spec)| Line::Action { keys, spec }),
        );
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
                Line::Action { keys, spec } => {
                    let danger = match spec.danger {
                        Danger::Safe => Role::Text,
                        Danger::Ends => Role::Error,
                    };
                    brush
                        .column(keys, 17.min(inner.width / 3), scene.style(Role::Key))
                        .put(spec.help, scene.style(danger));
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

fn keys(spec: &Spec, scene: &Scene<'_>) -> String {
    let keys: Vec<_> = scene
        .settings
        .keymap
        .chords(spec.action)
        .map(ToString::to_string)
        .collect();
    if keys.is_empty() {
        "no key".to_owned()
    } else {
        keys.join("  ")
    }
}
