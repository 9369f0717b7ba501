//! Calling somebody who looks elsewhere, when a prompt appears that waits for a person.

use crate::domain::{HostId, Prompt, Session};
use crate::protocol::Event;
use crate::tui::effect::Effect;
use crate::tui::look;
use crate::tui::model::Model;

/// Who asks anew, if `event` says so. Asked before the event is applied.
pub fn news(model: &Model, host: &HostId, event: &Event) -> Option<String> {
    let sessions: &[Session] = match event {
        Event::SessionChanged(session) => std::slice::from_ref(session),
        Event::Snapshot { sessions, .. } => sessions,
        _ => return None,
    };
    let is_new = |session: &&Session| {
        let before = model.fleet.session(host, &session.id);
        let before = before.and_then(|before| before.prompt.as_ref());
        waits(session.prompt.as_ref())
            .is_some_and(|prompt| waits(before).is_none_or(|before| before.id != prompt.id))
    };
    let session = sessions.iter().find(is_new)?;
    Some(format!("cm-tui: {} on {host} needs you", session.name))
}

/// A prompt that nothing will answer by itself.
fn waits(prompt: Option<&Prompt>) -> Option<&Prompt> {
    prompt.filter(|prompt| look::pending(prompt).is_none())
}

pub fn call(model: &mut Model, words: Option<String>, effects: &mut Vec<Effect>) {
    if let Some(words) = words
        && model.attention.call(model.now)
    {
        effects.push(Effect::Call(words));
    }
}
