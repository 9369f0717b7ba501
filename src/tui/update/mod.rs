//! Decides what a message means: changes the model and says what the world shall do.
//!
//! Promise: no I/O, no clock; the same messages at the same moments give the same model and the same effects.

mod call;
mod explain;
mod inbox;
mod keys;
mod mouse;
mod notice;
mod overlay;
mod prompt;
mod question;
mod scroll;
mod select;
mod start;
mod typing;

use ratatui::layout::Rect;
use zeroize::Zeroizing;

use super::clock::Moment;
use super::effect::{Attach, AttachOver, Effect, Target};
use super::layout::layout;
use super::message::Msg;
use super::model::{Dirty, Model};
use super::settings::Loaded;
use super::toast::Level;
use crate::fleet::Notice;
use crate::fleet::attach::Place;

pub use start::demo;

pub fn update(model: &mut Model, msg: Msg, now: Moment) -> Vec<Effect> {
    model.now = now;
    let mut effects = Vec::new();
    match msg {
        Msg::Painted => {
            prompt::painted(model);
            question::painted(model);
            return effects;
        }
        Msg::Focused(is_here) => {
            model.attention.focused(is_here);
            return effects;
        }
        Msg::Key(event) => {
            model.raise(Dirty::Now);
            model.attention.touched(now);
            keys::press(model, event, &mut effects);
        }
        Msg::Paste(text) => {
            model.raise(Dirty::Now);
            // It may be a password.
            typing::paste(model, &Zeroizing::new(text), &mut effects);
        }
        Msg::Mouse(event) => {
            model.attention.touched(now);
            mouse::event(model, event, &mut effects);
        }
        Msg::Resized(columns, rows) => {
            model.area = Rect::new(0, 0, columns, rows);
            model.raise(Dirty::Now);
        }
        Msg::Ticked => {
            model.toasts.expire(now);
            model.raise(Dirty::Soon);
        }
        Msg::Notice(notice) => {
            let is_screen = matches!(notice.notice, Notice::Screen(_));
            notice::take(model, notice, &mut effects);
            if is_screen {
                // Output moves no session and no row; it comes too often to look for that.
                return effects;
            }
        }
        Msg::Asked { id, host, question } => question::asked(model, id, host, question),
        Msg::Withdrawn(id) => question::withdrawn(model, id),
        Msg::NotSent { id, error } => {
            model.raise(Dirty::Now);
            notice::not_sent(model, id, error);
        }
        Msg::Reloaded(loaded) => reloaded(model, *loaded),
        Msg::Returned { error } => {
            model.raise(Dirty::Now);
            if let Some(error) = error {
                model.toast(Level::Failed, error, "");
            }
        }
        Msg::NotAttached { message, hint } => {
            model.raise(Dirty::Now);
            model.toast(Level::Failed, message, hint);
        }
        Msg::Told(told) => call::told(model, told),
        Msg::Stored(stored) => explain::stored(model, stored),
        Msg::Interrupted { name } => {
            model.raise(Dirty::Now);
            let words = format!("{name} is not shown: you are in the middle of something else");
            model.toast(
                Level::Refused,
                words,
                "attach to it again when you are done",
            );
        }
    }
    settle(model, &mut effects);
    effects
}

fn reloaded(model: &mut Model, loaded: Loaded) {
    model.raise(Dirty::Now);
    let is_clean = loaded.problems.is_empty();
    // What is still wrong is said again below.
    for text in std::mem::take(&mut model.complaints) {
        model.toasts.withdraw(&text);
    }
    // Other files in the same folder, or the folder itself, may be what has changed.
    if let Some(settings) = loaded
        .settings
        .filter(|settings| *settings != model.settings)
    {
        if settings.notify != model.settings.notify {
            model.calls.start_anew();
        }
        model.settings = settings;
        model.chord.clear();
        if is_clean {
            model.toast(Level::Done, "settings applied", "");
        }
    }
    for problem in loaded.problems {
        model.complaints.push(problem.text.clone());
        model.toast(Level::Failed, problem.text, problem.hint);
    }
}

/// What has to hold after every message: the selection exists, what is seen is watched.
fn settle(model: &mut Model, effects: &mut Vec<Effect>) {
    if let Some((target, attach)) = model.expected.clone()
        && model.session(&target).is_some()
    {
        model.expected = None;
        select::select(model, target.clone());
        if attach {
            self::attach(model, &target, effects);
        }
    }
    typing::settle(model);
    inbox::settle(model);
    select::settle(model);
    question::settle(model);
    explain::settle(model, effects);
    call::settle(model, effects);
    let seen = seen(model);
    if seen != model.watched {
        model.watched.clone_from(&seen);
        let watched: Vec<_> = seen
            .iter()
            .map(|target| (target.host.clone(), target.session.clone()))
            .collect();
        model.fleet.keep_screens(&watched);
        effects.push(Effect::Watch(seen));
    }
}

/// The sessions whose screens are on ours.
fn seen(model: &Model) -> Vec<Target> {
    if layout(model, model.area).pane.is_none() {
        return Vec::new();
    }
    let target = model.typing.as_ref().or(model.target());
    target
        .filter(|target| model.session(target).is_some())
        .cloned()
        .into_iter()
        .collect()
}

/// Hands the terminal to the session, if that is possible.
fn attach(model: &mut Model, target: &Target, effects: &mut Vec<Effect>) {
    let Some((host, session)) = model.session(target) else {
        return;
    };
    if session.state == crate::domain::SessionState::Lost {
        let words = format!("{} is lost: its tmux server is gone", session.name);
        model.toast(Level::Refused, words, "");
    } else if model.own.shares_tmux_session(&host.id, session) {
        let words = format!(
            "{} is in the tmux session that you are in: attaching would show the dashboard within itself",
            session.name
        );
        model.toast(
            Level::Refused,
            words,
            "go there with tmux's own keys, or press i to type into it",
        );
    } else if host.id.as_str() == crate::domain::HostId::LOCAL {
        effects.push(Effect::Attach(Attach::to(session)));
    } else {
        let over = AttachOver {
            host: host.id.clone(),
            name: session.name.clone(),
            place: Place::of(session),
        };
        let words = format!("opening {} on {}", over.name, over.host);
        model.toast(Level::Done, words, "");
        effects.push(Effect::AttachOver(over));
    }
}
