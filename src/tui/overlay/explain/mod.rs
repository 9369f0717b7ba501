//! How a session's state is known: the rule and what it matched, what each source says, and which rules lost.
//!
//! Promise: it shows what the agent told last, and says when that can be out of date.

mod lines;
mod menu;

use std::path::PathBuf;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::lines::{Ink, Line, fact, lines};
use self::menu::Menu;
use super::{Command, Outcome, Scene, centred, foot, line, open_frame};
use crate::domain::{Explanation, Session};
use crate::fleet::Host;
use crate::term::{Emulator, Size};
use crate::tui::action::Action;
use crate::tui::effect::Target;
use crate::tui::fixture::{Fixture, picture};
use crate::tui::keymap::Context;
use crate::tui::theme::Role;

/// The widest it gets, in columns: rows of a screen of usual size fit, and lines are still easy to follow.
const WIDEST: u16 = 132;
/// Below this width words are saved, so that all keys can be told, in columns.
const NARROW: u16 = 48;
/// Columns that the frame takes.
const FRAME: u16 = 4;
/// Rows of the frame.
const EDGES: u16 = 2;

#[derive(Debug)]
pub struct ExplainPage {
    pub target: Target,
    name: String,
    told: Option<Told>,
    /// Why nothing newer is known: message and hint.
    error: Option<(String, String)>,
    /// Where a screen was kept.
    stored: Option<PathBuf>,
    menu: Option<Menu>,
    /// The first line shown.
    top: usize,
    /// The session when it was asked about last.
    asked_as: Option<Session>,
    /// Whether an answer is on its way.
    pub is_asking: bool,
}

#[derive(Debug)]
struct Told {
    explanation: Explanation,
    picture: Emulator,
}

impl ExplainPage {
    pub fn new(target: Target, name: String) -> Self {
        Self {
            target,
            name,
            told: None,
            error: None,
            stored: None,
            menu: None,
            top: 0,
            asked_as: None,
            is_asking: false,
        }
    }

    /// Whether the session is another one than it was when it was asked about.
    pub fn is_outdated(&self, session: &Session) -> bool {
        self.asked_as.as_ref() != Some(session)
    }

    pub fn asked(&mut self, session: &Session) {
        self.asked_as = Some(session.clone());
        self.is_asking = true;
    }

    /// What was asked before counts no more: the host may have become another one.
    pub fn forget(&mut self) {
        self.asked_as = None;
    }

    pub fn tell(&mut self, explanation: Explanation) {
        self.is_asking = false;
        self.error = None;
        self.told = Some(Told {
            picture: picture(&explanation.look),
            explanation,
        });
    }

    pub fn fail(&mut self, message: String, hint: String) {
        self.is_asking = false;
        self.error = Some((message, hint));
    }

    pub fn kept(&mut self, folder: PathBuf) {
        self.stored = Some(folder);
    }

    pub fn contexts(&self) -> &'static [Context] {
        match self.menu {
            Some(_) => &[Context::Form],
            None => &[Context::Page],
        }
    }

    pub fn key(&mut self, action: Option<Action>, scene: &Scene<'_>) -> Outcome {
        let Some(menu) = &mut self.menu else {
            return self.read(action, scene);
        };
        if action == Some(Action::Cancel) {
            self.menu = None;
        } else if let Some(label) = menu.key(action)
            && let Some(menu) = self.menu.take()
        {
            return Outcome::Ask(Command::Store(Box::new(Fixture {
                session: self.name.clone(),
                at: scene.now.unix,
                label,
                judged: menu.judged,
            })));
        }
        Outcome::Stay
    }

    fn read(&mut self, action: Option<Action>, scene: &Scene<'_>) -> Outcome {
        let room = usize::from(self.area(scene.area, scene).height.saturating_sub(EDGES));
        let half = (room / 2).max(1);
        // How many lines there are depends on the width.
        let count = self.lines(scene, inner_width(scene.area)).len();
        let last = count.saturating_sub(room);
        let top = self.top.min(last);
        self.top = match action {
            Some(Action::Cancel | Action::Explain) => return Outcome::Close,
            Some(Action::Contradict) => {
                let judged = self.told.as_ref().map(|told| told.explanation.clone());
                self.menu = judged.map(Menu::new);
                top
            }
            Some(Action::Down | Action::NextItem) => (top + 1).min(last),
            Some(Action::Up | Action::PreviousItem) => top.saturating_sub(1),
            Some(Action::HalfPageDown | Action::ScrollDown) => (top + half).min(last),
            Some(Action::HalfPageUp | Action::ScrollUp) => top.saturating_sub(half),
            Some(Action::First) => 0,
            Some(Action::Last) => last,
            _ => top,
        };
        Outcome::Stay
    }

    fn host<'a>(&self, scene: &Scene<'a>) -> Option<&'a Host> {
        scene.fleet.host(&self.target.host)
    }

    fn lines(&self, scene: &Scene<'_>, columns: u16) -> Vec<Line> {
        let mut shown = self.notes(scene, columns);
        if let Some(told) = &self.told {
            let ink = Ink {
                scene,
                screen: told.picture.screen(),
                host: self.host(scene),
            };
            shown.extend(lines(&told.explanation, &ink, columns));
        }
        shown
    }

    /// What there is to say before the explanation.
    fn notes(&self, scene: &Scene<'_>, columns: u16) -> Vec<Line> {
        let host = self.host(scene);
        let session = host.and_then(|host| host.sessions.get(&self.target.session));
        let mut notes = Vec::new();
        if let Some((message, hint)) = &self.error {
            notes.extend(fact("not told", message, Role::Error, columns));
            if !hint.is_empty() {
                notes.extend(fact("", hint, Role::Muted, columns));
            }
        } else if self.told.is_none() {
            let words = format!("asking {}", self.target.host);
            notes.extend(fact("wait", &words, Role::Muted, columns));
        }
        let out_of_date = match host {
            _ if session.is_none() => Some("the session is gone"),
            Some(host) if !host.is_live() => Some("the host is not connected"),
            _ => None,
        };
        if let Some(words) = out_of_date {
            notes.extend(fact("outdated", words, Role::Stale, columns));
        }
        if let Some(folder) = &self.stored {
            let folder = folder.to_string_lossy();
            notes.extend(fact("kept in", &folder, Role::Finished, columns));
        }
        if !notes.is_empty() && self.told.is_some() {
            notes.push(Line::Gap);
        }
        notes
    }

    /// As high as the whole text needs, so that nothing moves while it is scrolled or the menu is open.
    pub fn area(&self, screen: Rect, scene: &Scene<'_>) -> Rect {
        let count = self.lines(scene, inner_width(screen)).len();
        let rows = u16::try_from(count).unwrap_or(u16::MAX);
        centred(screen, WIDEST, rows.saturating_add(EDGES).max(18))
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let inner = open_frame(buffer, area, &format!("Why {}", self.name), scene);
        if let Some(menu) = &self.menu {
            menu.draw(buffer, area, inner, scene);
            return;
        }
        let shown = self.lines(scene, inner.width);
        let room = usize::from(inner.height);
        let last = shown.len().saturating_sub(room);
        let top = self.top.min(last);
        let nothing = Emulator::new(Size::new(1, 1));
        let screen = self.told.as_ref().map_or(&nothing, |told| &told.picture);
        let ink = Ink {
            scene,
            screen: screen.screen(),
            host: self.host(scene),
        };
        for (index, text) in (0..inner.height).zip(shown.iter().skip(top)) {
            text.draw(buffer, line(inner, index), &ink);
        }
        let mut hints = vec![(Action::Cancel, "close")];
        if self.told.is_some() {
            let words = if area.width < NARROW {
                "wrong"
            } else {
                "this is wrong"
            };
            hints.insert(0, (Action::Contradict, words));
        }
        if last > 0 {
            hints.insert(0, (Action::Down, "more"));
        }
        foot(buffer, area, &hints, scene);
    }
}

/// Columns of text on a screen of this size.
fn inner_width(screen: Rect) -> u16 {
    centred(screen, WIDEST, 1).width.saturating_sub(FRAME)
}
