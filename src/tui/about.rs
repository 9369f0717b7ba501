//! What there is to say about a host beside what runs on it, and about a prompt beside what it asks: why, and what to do.

use super::action::Action;
use super::clock::rough_age;
use super::keymap::Context;
use super::look;
use super::model::Model;
use super::questions::subject;
use super::theme::Role;
use crate::domain::Prompt;
use crate::fleet::{ConnectionState, Host};
use crate::protocol::Failure;

/// The paragraphs about `host`, what matters most first; none when all is well.
pub fn host(model: &Model, host: &Host) -> Vec<(String, Role)> {
    let mut said = Vec::new();
    let key = |action: Action, does: &str| {
        let key = model.settings.keymap.shown(action, &[Context::Fleet]);
        key.map_or_else(String::new, |key| format!("{key} {does}"))
    };
    let since = |then: u64| {
        rough_age(model.now.unix.saturating_sub(then))
            .trim()
            .to_owned()
    };
    if let Some(waiting) = model.questions.of(&host.id) {
        let words = format!(
            "{} needs your answer: {}",
            host.id,
            subject(&waiting.question)
        );
        said.push((words, Role::NeedsYou));
        said.push((key(Action::AnswerHost, "shows what it asks"), Role::Muted));
    }
    if let Some(failure) = failure(host) {
        said.push((failure.message.clone(), Role::Error));
        said.push((failure.hint.clone(), Role::Text));
    }
    let again = key(Action::Reconnect, "tries again at once");
    match &host.connection {
        ConnectionState::Lost { since: then } if !host.needs_human => {
            said.push((format!("lost for {}; {again}", since(*then)), Role::Muted));
        }
        ConnectionState::Lost { .. } if !model.asks(&host.id) => {
            let words = format!("it is not tried again by itself; {again}");
            said.push((words, Role::NeedsYou));
        }
        ConnectionState::Stale { since: then } => {
            let words = format!(
                "nothing heard for {}: this may be out of date",
                since(*then)
            );
            said.push((words, Role::NeedsYou));
        }
        // What it waits for is said above.
        ConnectionState::Connecting if model.asks(&host.id) => {}
        ConnectionState::Connecting => {
            let colon = if host.step.is_empty() { "" } else { ": " };
            let step = format!("{colon}{}", host.step);
            let words = format!("connecting{step}{}", model.settings.glyphs.ellipsis());
            said.push((words, Role::Muted));
        }
        ConnectionState::Lost { .. } | ConnectionState::Asking => {}
        ConnectionState::Connected => {
            if let Some(trouble) = &host.trouble {
                said.push((trouble.message.clone(), Role::Error));
                said.push((trouble.hint.clone(), Role::Text));
            }
        }
    }
    said.retain(|(words, _)| !words.is_empty());
    said
}

/// Why a host is not connected; also while it is being tried again, but not while it asks: then the question counts.
pub fn failure(host: &Host) -> Option<&Failure> {
    let asks = host.connection == ConnectionState::Asking;
    host.failure.as_ref().filter(|_| !asks)
}

/// What the host's policy says of a prompt; with the time that is left, if it will be answered by itself.
pub fn advice(model: &Model, host: &Host, prompt: &Prompt) -> Option<(String, Role)> {
    let advice = prompt.advice.as_ref()?;
    let verdict = advice.verdict.word();
    if let Some(at) = look::pending(prompt) {
        let at = at.saturating_add_signed(host.clock_offset);
        // Rounded up: it says 1 until it happens.
        let seconds = at.saturating_sub(model.now.unix).div_ceil(1_000);
        let by = if advice.rule.is_empty() {
            advice.why.clone()
        } else {
            format!("rule {}", advice.rule)
        };
        let key = |action: Action| {
            let contexts = [Context::Prompt];
            model.settings.keymap.shown(action, &contexts)
        };
        let keys: Vec<_> = [Action::Approve, Action::Deny]
            .into_iter()
            .filter_map(key)
            .collect();
        let words = match verdict {
            "allow" => "allowed",
            "deny" => "denied",
            other => other,
        };
        let dot = model.settings.glyphs.dot();
        let keys = keys.join(" or ");
        let words = format!("{words} by {by} in {seconds} s {dot} {keys} takes over");
        return Some((words, Role::NeedsYou));
    }
    if !advice.waits.is_empty() {
        let words = format!("waits for you: {}", advice.waits);
        return Some((words, Role::NeedsYou));
    }
    let mut words = format!("policy: {verdict}");
    let joint = if advice.rule.is_empty() {
        ","
    } else {
        words = format!("{words}, rule {}", advice.rule);
        ":"
    };
    if !advice.why.is_empty() {
        words = format!("{words}{joint} {}", advice.why);
    }
    Some((words, Role::Muted))
}

/// Who says that a prompt is open, and by which rule.
pub fn evidence(prompt: &Prompt) -> String {
    let sources: Vec<_> = prompt.evidence.iter().map(|source| source.word()).collect();
    if sources.is_empty() {
        prompt.rule.clone()
    } else {
        format!("{}: {}", sources.join(" and "), prompt.rule)
    }
}
