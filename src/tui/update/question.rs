//! Questions of hosts: each opens by itself while nothing else has the keys, and waits as a notice otherwise.
//!
//! Promise: a question never takes keys that somebody types into something else, and one that goes hands none of them on
//! as commands.

use crate::domain::HostId;
use crate::transport::asking::{Answer, Question};
use crate::tui::effect::Effect;
use crate::tui::layout::too_small;
use crate::tui::model::{Dirty, Model};
use crate::tui::overlay::{Overlay, QuestionForm};
use crate::tui::questions::{QuestionId, Waiting};
use crate::tui::toast::Level;

pub fn asked(model: &mut Model, id: QuestionId, host: HostId, question: Question) {
    model.raise(Dirty::Now);
    let is_set_aside = match model.overlays.last() {
        Some(Overlay::Question(_)) => false,
        _ => is_busy(model),
    };
    model.questions.add(Waiting {
        id,
        host,
        question,
        is_set_aside,
    });
}

/// Whether keys go to something that a question must not come over.
fn is_busy(model: &Model) -> bool {
    !model.overlays.is_empty()
        || model.typing.is_some()
        || model.filter.editing
        || !model.chord.is_empty()
        // Its keys are y and n as well.
        || model.shows_prompt()
        || model.inbox.is_some()
        || model.now.mono < model.deaf_until
}

/// Nobody waits for the answer any more.
pub fn withdrawn(model: &mut Model, id: QuestionId) {
    let Some(gone) = model.questions.remove(id) else {
        return;
    };
    model.raise(Dirty::Now);
    let before = model.overlays.len();
    model
        .overlays
        .retain(|overlay| !matches!(overlay, Overlay::Question(form) if form.id() == id));
    if model.overlays.len() < before {
        // Somebody may be in the middle of a password.
        model.deaf_until = model.now.mono + super::keys::DEAF_MILLIS;
        let words = format!("{} does not wait for the answer any more", gone.host);
        model.toast(Level::Refused, words, "");
    }
}

/// Opens what `host` asks, else what waits longest.
pub fn open(model: &mut Model, host: Option<&HostId>) {
    model.questions.take_up();
    let waiting = host
        .and_then(|host| model.questions.of(host))
        .or_else(|| model.questions.iter().next());
    match waiting.map(QuestionForm::new) {
        Some(form) => model.overlays.push(Overlay::Question(Box::new(form))),
        None => model.toast(Level::Done, "no host asks anything", ""),
    }
}

/// The next question opens by itself when it was not set aside.
pub fn settle(model: &mut Model) {
    if is_busy(model) {
        return;
    }
    let next = model
        .questions
        .iter()
        .find(|waiting| !waiting.is_set_aside)
        .map(QuestionForm::new);
    if let Some(form) = next {
        model.overlays.push(Overlay::Question(Box::new(form)));
        model.raise(Dirty::Now);
    }
}

pub fn answer(model: &mut Model, id: QuestionId, answer: Answer, effects: &mut Vec<Effect>) {
    if model.questions.remove(id).is_some() {
        effects.push(Effect::Answer { id, answer });
    }
}

/// A frame that shows the model is on the terminal.
pub fn painted(model: &mut Model) {
    let (area, now) = (model.area, model.now);
    if let Some(Overlay::Question(form)) = model.overlays.last_mut() {
        if too_small(area) {
            form.hidden();
        } else {
            form.painted(area, now);
        }
    }
}
