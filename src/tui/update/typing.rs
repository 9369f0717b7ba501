//! Typing mode: every key goes to the session, except the one that leaves.

use crossterm::event::KeyEvent;

use super::overlay;
use crate::protocol::{MAX_TEXT, Request};
use crate::term::sanitize;
use crate::tui::effect::Effect;
use crate::tui::keymap::{Context, Lookup};
use crate::tui::model::{Model, Pending};
use crate::tui::passthrough::{self, CursorKeys};
use crate::tui::toast::Level;

pub fn enter(model: &mut Model) {
    let Some((host, session)) = model.selected() else {
        return;
    };
    let name = session.name.clone();
    if !host.is_live() {
        let words = format!("{} is not connected", host.id);
        model.toast(Level::Refused, words, "");
    } else if session.state.is_over() {
        model.toast(
            Level::Refused,
            format!("{name} has ended: nobody would read it"),
            "",
        );
    } else {
        model.typing = model.target().cloned();
        model.scroll = None;
    }
}

pub fn press(model: &mut Model, event: KeyEvent, effects: &mut Vec<Effect>) {
    // The first key of a longer chord leaves as well: a way out must not depend on the second one.
    let looked_up = model
        .settings
        .keymap
        .lookup(&[Context::Typing], &[event.into()]);
    if looked_up != Lookup::Nothing {
        model.typing = None;
        return;
    }
    let Some(target) = model.typing.clone() else {
        return;
    };
    let application = model
        .mirror(&target)
        .is_some_and(|mirror| mirror.screen().application_cursor());
    let cursor = if application {
        CursorKeys::Application
    } else {
        CursorKeys::Normal
    };
    let bytes = passthrough::bytes(event, cursor);
    if bytes.is_empty() {
        return;
    }
    let id = model.next_request(Pending::Keys {
        name: name_of(model),
    });
    let request = Request::SendKeys {
        session: target.session,
        bytes,
    };
    effects.push(Effect::Send {
        host: target.host,
        id,
        request,
    });
}

/// Text arrived as one block: it goes where keys go now.
pub fn paste(model: &mut Model, text: &str, effects: &mut Vec<Effect>) {
    if overlay::paste(model, text) {
        return;
    }
    if model.filter.editing {
        model.filter.text.push_str(&sanitize::label(text, 200));
        return;
    }
    let Some(target) = model.typing.clone() else {
        model.toast(
            Level::Refused,
            "pasted text is not a command",
            "type into the session first",
        );
        return;
    };
    let text = sanitize::for_paste(text);
    if text.len() > MAX_TEXT {
        let words = format!(
            "not pasted: {} KB, and {} KB is the most",
            text.len() >> 10,
            MAX_TEXT >> 10
        );
        model.toast(Level::Refused, words, "attach and paste there");
        return;
    }
    let id = model.next_request(Pending::Keys {
        name: name_of(model),
    });
    let request = Request::Paste {
        session: target.session,
        text,
    };
    effects.push(Effect::Send {
        host: target.host,
        id,
        request,
    });
}

fn name_of(model: &Model) -> String {
    let session = model
        .typing
        .as_ref()
        .and_then(|target| model.session(target));
    session
        .map(|(_, session)| session.name.clone())
        .unwrap_or_default()
}

/// Ends typing when nobody reads any more: what is typed next must not become commands by surprise, so it is said.
pub fn settle(model: &mut Model) {
    let Some(target) = &model.typing else {
        return;
    };
    let reason = match model.session(target) {
        None => Some("the session is gone"),
        Some((_, session)) if session.state.is_over() => Some("the session has ended"),
        // A host that is only stale may yet take what is typed.
        Some((host, _)) if !host.is_connected() => Some("the connection is lost"),
        Some(_) => None,
    };
    if let Some(reason) = reason {
        model.typing = None;
        model.deaf_until = model.now.mono + super::keys::DEAF_MILLIS;
        model.toast(Level::Failed, format!("typing ended: {reason}"), "");
    }
}
