//! What hosts tell: facts go into the fleet, answers to whoever asked.

use super::{call, explain, keys, prompt, scroll};
use crate::domain::{Answer, HostId};
use crate::fleet::{HostNotice, Notice, RequestId, SendError};
use crate::protocol::{Event, Failure, FailureKind, LogKind, Reply, Request};
use crate::tui::effect::{Effect, Target};
use crate::tui::layout::layout;
use crate::tui::look;
use crate::tui::model::{Dirty, Model, Pending};
use crate::tui::overlay::{ModeForm, Overlay, RuleForm};
use crate::tui::toast::Level;

pub fn take(model: &mut Model, notice: HostNotice, effects: &mut Vec<Effect>) {
    let Some(HostNotice { host, notice }) = model.own.hide(notice) else {
        return;
    };
    match notice {
        Notice::Replied { id, reply } => {
            model.raise(Dirty::Soon);
            replied(model, id, *reply, effects);
        }
        Notice::Screen(update) => {
            let seen = model
                .watched
                .iter()
                .any(|target| target.host == host && target.session == update.session);
            if seen {
                model.raise(Dirty::Soon);
            }
            model.fleet.apply(
                HostNotice {
                    host,
                    notice: Notice::Screen(update),
                },
                model.now.unix,
            );
        }
        notice => {
            model.raise(Dirty::Soon);
            let connected = matches!(notice, Notice::Connected(_));
            let before = trouble(model, &host);
            if let Notice::Event(event) = &notice {
                let news = call::news(model, &host, event);
                call::call(model, &news, effects);
                told_confirmed(model, event);
            }
            model.fleet.apply(
                HostNotice {
                    host: host.clone(),
                    notice,
                },
                model.now.unix,
            );
            told_trouble(model, &host, before, trouble(model, &host));
            if !model.waiting().is_empty() {
                model.toasts.unsay(keys::NOBODY);
            }
            if connected {
                let id = model.next_request(Pending::Status);
                effects.push(Effect::Send {
                    host,
                    id,
                    request: Request::Status,
                });
            }
        }
    }
}

/// Where there is no room for the log, a note says what was answered by itself.
fn told_confirmed(model: &mut Model, event: &Event) {
    if let Event::Logged(line) = event
        && line.what == LogKind::AutoConfirmed
        && layout(model, model.area).log.is_none()
    {
        let (word, _) = look::event(line.what);
        let text = format!("{}: {word} {}", line.name, line.detail);
        model.toast(Level::Done, text, "");
    }
}

fn trouble(model: &Model, host: &HostId) -> Option<Failure> {
    model.fleet.host(host)?.trouble.clone()
}

/// The list has one line for what is wrong with a host; the whole of it, with what to do, needs a toast.
fn told_trouble(model: &mut Model, host: &HostId, before: Option<Failure>, now: Option<Failure>) {
    let words = |failure: &Failure| format!("{host}: {}", failure.message);
    if before == now {
        return;
    }
    if let Some(gone) = before {
        model.toasts.withdraw(&words(&gone));
    }
    if let Some(failure) = now {
        model.toast(Level::Failed, words(&failure), failure.hint);
    }
}

/// A request that never left is one that failed.
pub fn not_sent(model: &mut Model, id: RequestId, error: SendError) {
    let hint = match error {
        SendError::Busy => "try again in a moment",
        SendError::UnknownHost => "",
    };
    let failure = Failure {
        kind: FailureKind::Refused,
        message: error.to_string(),
        hint: hint.to_owned(),
    };
    replied(model, id, Reply::Failed(failure), &mut Vec::new());
}

fn replied(model: &mut Model, id: RequestId, reply: Reply, effects: &mut Vec<Effect>) {
    let Some(pending) = model.pending.remove(&id) else {
        return;
    };
    match (pending, reply) {
        (pending, Reply::Failed(failure)) => failed(model, id, pending, failure),
        (Pending::Start { host, attach }, Reply::Started(session)) => {
            model
                .overlays
                .retain(|overlay| !matches!(overlay, Overlay::Start(_)));
            expect(model, &host, session, attach);
        }
        (Pending::Demo, Reply::Started(session))
            if model.expected.is_none() && model.target().is_none() =>
        {
            expect(model, &HostId::local(), session, false);
        }
        (Pending::Kill { name }, _) => model.toast(Level::Done, format!("ended {name}"), ""),
        (Pending::Rename { name }, _) => {
            model
                .overlays
                .retain(|overlay| !matches!(overlay, Overlay::Rename(_)));
            model.toast(Level::Done, format!("renamed to {name}"), "");
        }
        (Pending::Answer { text, .. }, _) => model.toast(Level::Done, text, ""),
        (Pending::Suggest { .. }, Reply::Rule(rule)) => {
            if let Some(form) = rule_form(model) {
                form.tell(rule);
            }
        }
        (Pending::AddRule { of, prompt }, _) => {
            let before = model.overlays.len();
            model
                .overlays
                .retain(|overlay| !matches!(overlay, Overlay::Rule(_)));
            model.toast(Level::Done, "the rule is in place", "");
            // Whoever has closed the page since has not said yes.
            if model.overlays.len() < before {
                prompt::send(model, &of, &prompt, (Answer::Yes, ""), effects);
            }
        }
        (Pending::Mode { name, mode }, _) => {
            model
                .overlays
                .retain(|overlay| !matches!(overlay, Overlay::Mode(_)));
            model.toast(Level::Done, format!("{name}: mode {}", mode.word()), "");
        }
        (Pending::History { target }, Reply::History(lines)) => {
            let waiting = model
                .scroll
                .as_mut()
                .filter(|scroll| scroll.target == target && scroll.waiting == Some(id));
            if let Some(scroll) = waiting {
                scroll.add(lines);
                scroll::settle(model, effects);
            }
        }
        (Pending::Explain { target }, Reply::Explanation(explanation)) => {
            explain::told(model, &target, *explanation);
        }
        (Pending::Status, Reply::Status(status)) => model.servers = status.servers,
        _ => {}
    }
}

/// The page that a rule is shown on; there is one at most.
fn rule_form(model: &mut Model) -> Option<&mut RuleForm> {
    model.overlays.iter_mut().find_map(|overlay| match overlay {
        Overlay::Rule(form) => Some(&mut **form),
        _ => None,
    })
}

fn mode_form(model: &mut Model) -> Option<&mut ModeForm> {
    model.overlays.iter_mut().find_map(|overlay| match overlay {
        Overlay::Mode(form) => Some(&mut **form),
        _ => None,
    })
}

fn expect(model: &mut Model, host: &HostId, session: crate::domain::SessionId, attach: bool) {
    let target = Target {
        host: host.clone(),
        session,
    };
    model.expected = Some((target, attach));
}

fn failed(model: &mut Model, id: RequestId, pending: Pending, failure: Failure) {
    let Failure {
        kind,
        message,
        hint,
    } = failure;
    let level = if kind == FailureKind::Refused {
        Level::Refused
    } else {
        Level::Failed
    };
    match pending {
        Pending::Start { .. } => {
            for overlay in &mut model.overlays {
                if let Overlay::Start(form) = overlay {
                    form.fail(message, hint);
                    return;
                }
            }
            model.toast(level, format!("not started: {message}"), hint);
        }
        Pending::Rename { name } => {
            for overlay in &mut model.overlays {
                if let Overlay::Rename(form) = overlay {
                    form.fail(message, hint);
                    return;
                }
            }
            model.toast(level, format!("not renamed to {name}: {message}"), hint);
        }
        Pending::Demo => model.toast(level, format!("demo not started: {message}"), hint),
        Pending::Kill { name } => model.toast(level, format!("{name} not ended: {message}"), hint),
        Pending::Answer { .. } => model.toast(level, format!("not answered: {message}"), hint),
        Pending::Keys { name } => model.toast(
            level,
            format!("{name} did not get the keys: {message}"),
            hint,
        ),
        Pending::History { target } => {
            if let Some(scroll) = &mut model.scroll
                && scroll.target == target
                && scroll.waiting == Some(id)
            {
                scroll.give_up();
            }
            model.toast(level, format!("no history: {message}"), hint);
        }
        Pending::Suggest { .. } | Pending::AddRule { .. } => match rule_form(model) {
            Some(form) => form.fail(message, hint),
            None => model.toast(level, format!("no rule added: {message}"), hint),
        },
        Pending::Mode { name, .. } => match mode_form(model) {
            Some(form) => form.fail(message, hint),
            None => model.toast(level, format!("{name} keeps its mode: {message}"), hint),
        },
        Pending::Explain { target } => explain::failed(model, &target, message, hint),
        // Only the list of servers on the empty page is missing without it.
        Pending::Status => {}
    }
}
