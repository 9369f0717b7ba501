//! Actions and sessions in one fuzzy list. Each row shows its key, so that the palette teaches.

use crossterm::event::KeyEvent;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Command, Outcome, Scene, first_shown, foot, line, open_frame};
use crate::tui::action::{Action, Category, TABLE};
use crate::tui::effect::Target;
use crate::tui::keymap::Context;
use crate::tui::look;
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, Input};

/// Columns of a name, of its key, and of the page below which only those two are shown.
const NAME: u16 = 18;
const KEY: u16 = 8;
const NARROW: u16 = 50;

#[derive(Clone, Debug)]
pub struct Palette {
    input: Input,
    chosen: usize,
    items: Vec<Item>,
    /// Indexes of items, best first.
    found: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Item {
    command: Command,
    glyph: &'static str,
    role: Role,
    name: String,
    detail: String,
    key: String,
}

impl Palette {
    /// Lists what there is now; what changes while it is open is seen when it opens again.
    /// The keys are those that act `here`, where it was opened.
    pub fn new(scene: &Scene<'_>, here: &[Context]) -> Self {
        let mut items = Vec::new();
        for host in &scene.fleet.hosts {
            for session in host.sessions.values() {
                let look = scene.settings.glyphs.state(&session.state);
                items.push(Item {
                    command: Command::Select(Target::new(&host.id, &session.id)),
                    glyph: look.glyph,
                    role: look.role,
                    name: session.name.clone(),
                    detail: format!(
                        "{} on {}, {}",
                        session.tool,
                        host.id,
                        look::words(session).0
                    ),
                    key: String::new(),
                });
            }
        }
        // A prompt is answered only while it is seen, which a palette over it prevents.
        let actions = TABLE.iter().filter(|spec| {
            !matches!(spec.category, Category::Form | Category::Answer)
                && spec.contexts.contains(&Context::Fleet)
                && spec.action != Action::Palette
                || matches!(
                    spec.action,
                    Action::NextWaiting | Action::AnswerHost | Action::Inbox
                )
        });
        items.extend(actions.map(|spec| {
            Item {
                command: Command::Run(spec.action),
                glyph: scene.settings.glyphs.step(),
                role: Role::Muted,
                name: spec.name.replace('-', " "),
                detail: spec.help.to_owned(),
                key: scene
                    .settings
                    .keymap
                    .shown(spec.action, here)
                    .unwrap_or_default(),
            }
        }));
        let mut palette = Self {
            input: Input::default(),
            chosen: 0,
            found: Vec::new(),
            items,
        };
        palette.search();
        palette
    }

    fn search(&mut self) {
        self.chosen = 0;
        let pattern = Pattern::parse(
            self.input.text(),
            CaseMatching::Ignore,
            Normalization::Smart,
        );
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut buffer = Vec::new();
        let mut found: Vec<(u32, usize)> = Vec::new();
        for (index, item) in self.items.iter().enumerate() {
            // A hit in the name counts more than one in the words behind it.
            let name = pattern.score(Utf32Str::new(&item.name, &mut buffer), &mut matcher);
            let all = format!("{} {}", item.name, item.detail);
            let anywhere = pattern.score(Utf32Str::new(&all, &mut buffer), &mut matcher);
            let score = name.map(|score| score * 2).max(anywhere);
            found.extend(score.map(|score| (score, index)));
        }
        found.sort_by_key(|(score, index)| (std::cmp::Reverse(*score), *index));
        self.found = found.into_iter().map(|(_, index)| index).collect();
    }

    pub fn paste(&mut self, text: &str) {
        self.input.paste(text);
        self.search();
    }

    pub fn key(&mut self, key: KeyEvent, action: Option<Action>, _scene: &Scene<'_>) -> Outcome {
        let last = self.found.len().saturating_sub(1);
        match action {
            Some(Action::NextItem | Action::NextField) => self.chosen = (self.chosen + 1).min(last),
            Some(Action::PreviousItem | Action::PreviousField) => {
                self.chosen = self.chosen.saturating_sub(1);
            }
            Some(Action::Accept) => {
                return match self.found.get(self.chosen) {
                    Some(index) => Outcome::Do(self.items[*index].command.clone()),
                    None => Outcome::Stay,
                };
            }
            _ => {
                if self.input.key(key) {
                    self.search();
                }
            }
        }
        Outcome::Stay
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let inner = open_frame(buffer, area, "Commands and sessions", scene);
        let glyphs = scene.settings.glyphs;
        let row = line(inner, 0);
        Brush::new(buffer, row, glyphs).put(":", scene.style(Role::Key));
        let field = Rect {
            x: row.x + 2.min(row.width),
            width: row.width.saturating_sub(2),
            ..row
        };
        self.input
            .draw(buffer, field, scene.style(Role::Text), true);
        let room = usize::from(inner.height.saturating_sub(2));
        let first = first_shown(self.chosen, room);
        // Few columns of what it is tell less than the whole name.
        let name = if inner.width < NARROW {
            inner.width.saturating_sub(KEY + 5)
        } else {
            NAME
        };
        for (index, (place, item)) in
            (2..inner.height).zip(self.found.iter().enumerate().skip(first))
        {
            let row = line(inner, index);
            let item = &self.items[*item];
            let mut brush = Brush::new(buffer, row, glyphs);
            let marker = if place == self.chosen {
                glyphs.bar()
            } else {
                " "
            };
            brush
                .put(marker, scene.style(Role::Key))
                .put(item.glyph, scene.style(item.role))
                .skip(1)
                .column(&item.name, name, scene.style(Role::Name))
                .skip(1);
            let detail = brush.room().saturating_sub(KEY + 1);
            brush
                .column(&item.detail, detail, scene.style(Role::Muted))
                .skip(1)
                .column_right(&item.key, KEY, scene.style(Role::Key));
            if place == self.chosen {
                crate::tui::widget::select(buffer, row, scene.style(Role::Selection));
            }
        }
        if self.found.is_empty() {
            Brush::new(buffer, line(inner, 2), glyphs)
                .put("Nothing is called that.", scene.style(Role::Muted));
        }
        foot(
            buffer,
            area,
            &[
                (Action::Accept, "go"),
                (Action::NextItem, "next"),
                (Action::Cancel, "close"),
            ],
            scene,
        );
    }
}
