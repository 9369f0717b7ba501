//! The inbox as one long page: every open prompt whole, oldest first, each as a card of lines.
//!
//! Promise: a card holds all that there is to read before an answer, never cut; how much of it is in sight is for the
//! page to say.

use std::ops::Range;

use ratatui::layout::Rect;

use super::about;
use super::effect::Target;
use super::layout::{MEDIUM, layout};
use super::model::Model;
use super::rows::{home, short_dir};
use super::sight::{Glimpse, PromptRef};
use super::subject;
use super::theme::Role;
use super::widget::wrap;
use crate::domain::{Prompt, Session};
use crate::fleet::Host;

/// Columns left of a subject.
pub const INDENT: u16 = 4;

#[derive(Clone, Debug)]
pub enum Line {
    /// Whose prompt it is.
    Head,
    /// Where, in a terminal too narrow for one line of both.
    Place,
    Text(String, Role),
    Gap,
}

#[derive(Clone, Debug)]
pub struct Card<'a> {
    pub of: PromptRef,
    pub host: &'a Host,
    pub session: &'a Session,
    pub prompt: &'a Prompt,
    /// Which line of the page is its first.
    pub first: usize,
    pub lines: Vec<Line>,
    /// How many of them, from the first, have to be read before an answer.
    pub to_read: usize,
}

impl Card<'_> {
    pub fn end(&self) -> usize {
        self.first + self.lines.len()
    }

    /// Which of the lines to read are among `rows` lines of the page from `top` on.
    fn visible(&self, top: usize, rows: usize) -> Range<usize> {
        let start = top.saturating_sub(self.first).min(self.to_read);
        let end = (top + rows).saturating_sub(self.first).min(self.to_read);
        start..end.max(start)
    }

    /// Whether all that has to be read is among them.
    pub fn is_whole(&self, top: usize, rows: usize) -> bool {
        self.visible(top, rows) == (0..self.to_read)
    }

    pub fn place(&self) -> String {
        let dir = short_dir(&self.session.dir, home(self.host));
        format!("{} {dir}", self.host.id)
    }

    /// Whether the same is asked: one answer can then stand for both.
    pub fn is_like(&self, session: &Session, prompt: &Prompt) -> bool {
        is_like((self.session, self.prompt), (session, prompt))
    }
}

/// Whether two sessions ask the same of the same tool.
pub fn is_like(one: (&Session, &Prompt), other: (&Session, &Prompt)) -> bool {
    one.0.tool == other.0.tool
        && one.1.kind == other.1.kind
        && subject::text(one.1) == subject::text(other.1)
}

/// All cards, wrapped for a page of this width.
pub fn cards(model: &Model, columns: u16) -> Vec<Card<'_>> {
    let mut cards: Vec<Card<'_>> = Vec::new();
    for (host, session) in model.waiting() {
        let Some(prompt) = &session.prompt else {
            continue;
        };
        let first = cards.last().map_or(0, Card::end);
        let of = PromptRef::new(Target::new(&host.id, &session.id), prompt);
        cards.push(card(model, of, (host, session, prompt), first, columns));
    }
    // Below the last one there is nothing to keep apart.
    if let Some(last) = cards.last_mut() {
        last.lines.pop();
    }
    cards
}

fn card<'a>(
    model: &'a Model,
    of: PromptRef,
    (host, session, prompt): (&'a Host, &'a Session, &'a Prompt),
    first: usize,
    columns: u16,
) -> Card<'a> {
    let glyphs = model.settings.glyphs;
    let room = columns.saturating_sub(INDENT + 1);
    let mut lines = vec![Line::Head];
    if columns < MEDIUM {
        lines.push(Line::Place);
    }
    let text = subject::lines(prompt, room, glyphs).into_iter();
    lines.extend(text.map(|line| Line::Text(line, Role::Name)));
    let mut say = |words: &str, role: Role| {
        let wrapped = wrap(words, room).into_iter();
        lines.extend(wrapped.map(|line| Line::Text(line, role)));
    };
    for warning in subject::warnings(prompt) {
        say(&format!("{} {warning}", glyphs.pick("▲", "!")), Role::Error);
    }
    let to_read = lines.len();
    let mut say = |words: &str, role: Role| {
        let wrapped = wrap(words, room).into_iter();
        lines.extend(wrapped.map(|line| Line::Text(line, role)));
    };
    if !session.auto.stopped.is_empty() {
        say(
            &format!("switched off by itself: {}", session.auto.stopped),
            Role::Error,
        );
    }
    if let Some((words, role)) = about::advice(model, host, prompt) {
        say(&words, role);
    }
    let seen = about::evidence(prompt);
    say(&format!("seen by {seen}"), Role::Muted);
    lines.push(Line::Gap);
    Card {
        of,
        host,
        session,
        prompt,
        first,
        lines,
        to_read,
    }
}

/// Where the cards are in this terminal, if the inbox is open.
pub fn body(model: &Model) -> Option<Rect> {
    layout(model, model.area).inbox.map(|page| page.body)
}

/// What of the prompts a frame of `model` shows, and whether the selected one is among it.
pub fn glimpses(model: &Model) -> (Vec<Glimpse>, Option<PromptRef>) {
    let (Some(body), Some(inbox)) = (body(model), &model.inbox) else {
        return (Vec::new(), None);
    };
    let mut chosen = None;
    let mut glimpses = Vec::new();
    for card in cards(model, body.width) {
        let visible = card.visible(inbox.top, usize::from(body.height));
        if visible.is_empty() {
            continue;
        }
        if model.target() == Some(&card.of.target) {
            chosen = Some(card.of.clone());
        }
        glimpses.push(Glimpse {
            of: card.of.clone(),
            prompt: card.prompt.clone(),
            columns: body.width,
            lines: card.to_read,
            visible,
        });
    }
    (glimpses, chosen)
}
