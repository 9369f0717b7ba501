//! The inbox: moving, scrolling and marking in it.

use crate::tui::action::Action;
use crate::tui::cards::{self, Card};
use crate::tui::effect::Target;
use crate::tui::inbox::Inbox;
use crate::tui::model::{Model, Page};
use crate::tui::sight::PromptRef;
use crate::tui::toast::Level;

use super::select;

pub fn open(model: &mut Model) {
    // A filter that hides a session would hide its selection as well.
    model.filter.text.clear();
    model.scroll = None;
    model.inbox = Some(Inbox::new());
}

/// Does what an action means in the inbox; returns whether it means something of its own there.
pub fn run(model: &mut Model, action: Action) -> bool {
    let Some(rows) = cards::body(model).map(|body| usize::from(body.height.max(1))) else {
        return false;
    };
    // Two lines stay in sight.
    let page = i64::try_from(rows.saturating_sub(2).max(1)).unwrap_or(1);
    match action {
        Action::Down => step(model, 1),
        Action::Up => step(model, -1),
        Action::First => step(model, i64::MIN),
        Action::Last => step(model, i64::MAX),
        Action::ScrollDown => scroll(model, page),
        Action::ScrollUp => scroll(model, -page),
        Action::HalfPageDown => scroll(model, (page / 2).max(1)),
        Action::HalfPageUp => scroll(model, -(page / 2).max(1)),
        Action::Mark => mark(model),
        Action::Inbox => model.inbox = None,
        Action::Back => {
            if let Some(inbox) = &mut model.inbox
                && !inbox.marked.is_empty()
            {
                inbox.marked.clear();
            } else {
                model.inbox = None;
            }
        }
        Action::Open => {
            model.inbox = None;
            model.page = Page::Screen;
        }
        // There is no list to narrow, and no screen to scroll.
        Action::Filter | Action::ScrollLive => {}
        _ => return false,
    }
    true
}

/// The wheel: by lines, without another selection.
pub fn scroll(model: &mut Model, by: i64) {
    if let Some(inbox) = &mut model.inbox {
        inbox.follow = false;
        inbox.top = moved(inbox.top, by);
        // Settled again by what is there.
        inbox.offset = inbox.offset.saturating_sub(by);
    }
}

fn moved(from: usize, by: i64) -> usize {
    let by_how_many = usize::try_from(by.unsigned_abs()).unwrap_or(usize::MAX);
    if by < 0 {
        from.saturating_sub(by_how_many)
    } else {
        from.saturating_add(by_how_many)
    }
}

fn step(model: &mut Model, by: i64) {
    let open = open_prompts(model);
    let Some(inbox) = &mut model.inbox else {
        return;
    };
    let place = moved(inbox.place, by).min(open.len().saturating_sub(1));
    inbox.follow = true;
    if let Some(of) = open.get(place) {
        inbox.place = place;
        select::select_waiting(model, of.target.clone());
    }
}

/// All open prompts, in the order of the inbox.
fn open_prompts(model: &Model) -> Vec<PromptRef> {
    let waiting = model.waiting().into_iter();
    waiting
        .filter_map(|(host, session)| {
            let prompt = session.prompt.as_ref()?;
            Some(PromptRef::new(Target::new(&host.id, &session.id), prompt))
        })
        .collect()
}

fn mark(model: &mut Model) {
    let Some((host, session, prompt)) = model.open_prompt() else {
        return;
    };
    let of = PromptRef::new(Target::new(&host.id, &session.id), prompt);
    let other = model
        .inbox
        .as_ref()
        .and_then(|inbox| inbox.marked.iter().find(|other| **other != of))
        .and_then(|other| model.prompt(other));
    if let Some((_, their_session, theirs)) = other
        && !cards::is_like((session, prompt), (their_session, theirs))
    {
        let text = format!("not marked: {} asks something else", their_session.name);
        model.toast(
            Level::Refused,
            text,
            "only identical prompts are answered together",
        );
        return;
    }
    if let Some(inbox) = &mut model.inbox
        && !inbox.marked.remove(&of)
    {
        inbox.marked.insert(of);
    }
}

/// Keeps the selection on a prompt that is open, its card where it was, and marks on what is there.
pub fn settle(model: &mut Model) {
    if model.inbox.is_none() {
        return;
    }
    let open = open_prompts(model);
    let at = open
        .iter()
        .position(|of| model.target() == Some(&of.target));
    let Some(inbox) = &mut model.inbox else {
        return;
    };
    inbox.marked.retain(|of| open.contains(of));
    if let Some(at) = at {
        inbox.place = at;
    } else {
        inbox.place = inbox.place.min(open.len().saturating_sub(1));
        inbox.follow = true;
        let neighbour = open.get(inbox.place).map(|of| of.target.clone());
        if let Some(target) = neighbour {
            select::select_waiting(model, target);
        }
    }
    settle_place(model);
}

fn settle_place(model: &mut Model) {
    let Some(body) = cards::body(model) else {
        return;
    };
    let rows = usize::from(body.height);
    let cards = cards::cards(model, body.width);
    let total = cards.last().map_or(0, Card::end);
    let chosen = cards
        .iter()
        .find(|card| model.target() == Some(&card.of.target))
        .map(|card| (card.first, card.first + card.lines.len()));
    let anchor = model.inbox.as_ref().and_then(|inbox| {
        let anchor = inbox.anchor.as_ref()?;
        let card = cards.iter().find(|card| card.of.target == *anchor)?;
        i64::try_from(card.first).ok()
    });
    let selected = model.target().cloned();
    let Some(inbox) = &mut model.inbox else {
        return;
    };
    let most = total.saturating_sub(rows);
    let mut top = match anchor {
        Some(anchor) => {
            let top = anchor.saturating_sub(inbox.offset).max(0);
            usize::try_from(top).unwrap_or(0)
        }
        None => inbox.top,
    };
    top = top.min(most);
    let Some((first, end)) = chosen else {
        inbox.top = top;
        inbox.anchor = None;
        return;
    };
    if inbox.follow {
        // All of it, or its beginning.
        if end > top + rows {
            top = end.saturating_sub(rows);
        }
        top = top.min(first).min(most);
    }
    inbox.top = top;
    inbox.anchor = selected;
    let line = |line: usize| i64::try_from(line).unwrap_or(i64::MAX);
    inbox.offset = line(first).saturating_sub(line(top));
}
