//! Answering prompts: only what was displayed, only after it could be read, only once.
//!
//! Promise: an answer names the prompt that the last frame showed as the one that keys mean; whatever has changed since,
//! or was not wholly on screen for long enough, is not answered, and why is said.

use crate::domain::{Answer, Mode, Prompt, PromptId};
use crate::protocol::Request;
use crate::term::sanitize;
use crate::tui::cards;
use crate::tui::effect::{Effect, Target};
use crate::tui::layout::layout;
use crate::tui::model::{Model, Pending};
use crate::tui::overlay::{DenyForm, Overlay, RuleForm};
use crate::tui::sight::{Glimpse, PromptRef, Reading, is_same};
use crate::tui::subject;
use crate::tui::toast::Level;

/// The longest part of a subject that a note repeats, in columns.
const REPEATED: usize = 60;

/// A frame that shows the model is on the terminal: remembers what of which prompt is in it.
pub fn painted(model: &mut Model) {
    let (glimpses, chosen) = if !model.overlays.is_empty() || model.typing.is_some() {
        (Vec::new(), None)
    } else if model.inbox.is_some() {
        cards::glimpses(model)
    } else {
        match glimpse(model) {
            Some(glimpse) => {
                let of = glimpse.of.clone();
                (vec![glimpse], Some(of))
            }
            None => (Vec::new(), None),
        }
    };
    let now = model.now;
    let Model { sight, fleet, .. } = model;
    sight.keep(|of| {
        let session = fleet.session(&of.target.host, &of.target.session);
        let prompt = session.and_then(|session| session.prompt.as_ref());
        prompt.is_some_and(|prompt| prompt.id == of.prompt)
    });
    model.sight.painted(glimpses, chosen, now);
}

/// The prompt below list and screen.
fn glimpse(model: &Model) -> Option<Glimpse> {
    let shown = layout(model, model.area).prompt?;
    let (host, session, prompt) = model.open_prompt()?;
    let lines = shown.subject.len();
    let (lines, visible) = if shown.whole {
        (lines, 0..lines)
    } else {
        // In place of the last one stands how many are left out.
        (lines + 1, 0..lines - 1)
    };
    Some(Glimpse {
        of: PromptRef::new(Target::new(&host.id, &session.id), prompt),
        prompt: prompt.clone(),
        columns: shown.area.width,
        lines,
        visible,
    })
}

type Refusal = (String, &'static str);

fn refuse<T>(text: &str, hint: &'static str) -> Result<T, Refusal> {
    Err((text.to_owned(), hint))
}

/// Sends `answer` to the prompt on screen, or to all that are marked with it, or says why not.
pub fn answer(model: &mut Model, answer: Answer, effects: &mut Vec<Effect>) {
    let requests = checked(model, answer).and_then(|(of, _)| {
        let group = group(model, &of)?;
        let requests = group.iter().map(|of| request(model, of, answer, ""));
        requests.collect::<Result<Vec<_>, _>>()
    });
    match requests {
        Ok(requests) => {
            for request in requests {
                send_one(model, request, effects);
            }
            if let Some(inbox) = &mut model.inbox {
                inbox.marked.clear();
            }
        }
        Err((text, hint)) => model.toast(Level::Refused, text, hint),
    }
}

/// Opens the line for the words that go with a no, where the tool takes any.
pub fn deny_with_words(model: &mut Model) {
    let form = checked(model, Answer::No).and_then(|(of, prompt)| {
        no_marks(model)?;
        if !subject::takes_words(&prompt) {
            return refuse(
                "the tool takes no words here",
                "deny without, or type them in the session",
            );
        }
        Ok(DenyForm::new(of.clone(), name(model, &of), prompt))
    });
    match form {
        Ok(form) => model.overlays.push(Overlay::Deny(Box::new(form))),
        Err((text, hint)) => model.toast(Level::Refused, text, hint),
    }
}

/// Asks for the rule that would allow the prompt, and opens the page that shows it.
pub fn approve_with_rule(model: &mut Model, effects: &mut Vec<Effect>) {
    let checked = checked(model, Answer::Yes).and_then(|(of, prompt)| {
        no_marks(model)?;
        if prompt.kind.is_permission() {
            Ok((of, prompt))
        } else {
            let text = format!("a {} is for a person each time", prompt.kind.word());
            refuse(&text, "no rule can answer it")
        }
    });
    match checked {
        Ok((of, prompt)) => {
            let id = model.next_request(Pending::Suggest { of: of.clone() });
            effects.push(Effect::Send {
                host: of.target.host.clone(),
                id,
                request: Request::SuggestRule {
                    session: of.target.session.clone(),
                    prompt: of.prompt,
                },
            });
            let mode = mode(model, &of);
            let form = RuleForm::new(of.clone(), name(model, &of), prompt, mode);
            model.overlays.push(Overlay::Rule(Box::new(form)));
        }
        Err((text, hint)) => model.toast(Level::Refused, text, hint),
    }
}

/// Sends an answer that was given on a page over the prompt, if the prompt is still the one the page was opened for.
pub fn send(
    model: &mut Model,
    of: &PromptRef,
    prompt: &Prompt,
    (answer, message): (Answer, &str),
    effects: &mut Vec<Effect>,
) {
    let is_still = model
        .prompt(of)
        .is_some_and(|(_, _, now)| is_same(now, prompt));
    let request = if is_still {
        request(model, of, answer, message)
    } else {
        refuse("not answered: the prompt is another one by now", "")
    };
    match request {
        Ok(request) => send_one(model, request, effects),
        Err((text, hint)) => model.toast(Level::Refused, text, hint),
    }
}

fn send_one(
    model: &mut Model,
    (target, request, pending): (Target, Request, Pending),
    effects: &mut Vec<Effect>,
) {
    let id = model.next_request(pending);
    effects.push(Effect::Send {
        host: target.host,
        id,
        request,
    });
}

fn name(model: &Model, of: &PromptRef) -> String {
    let session = model.session(&of.target);
    session
        .map(|(_, session)| session.name.clone())
        .unwrap_or_default()
}

fn mode(model: &Model, of: &PromptRef) -> Mode {
    let session = model.session(&of.target);
    session
        .map(|(_, session)| session.auto.mode)
        .unwrap_or_default()
}

/// The prompt that keys mean, if it was displayed as it is, wholly, for long enough, and `answer` can be given.
fn checked(model: &Model, answer: Answer) -> Result<(PromptRef, Prompt), Refusal> {
    const AGAIN: &str = "look at it, then press again";
    let (displayed, (host, session, prompt)) = match (model.sight.chosen(), model.open_prompt()) {
        (Some(displayed), Some(open)) => (displayed, open),
        (None, Some(_)) if model.inbox.is_some() => {
            return refuse("not answered: it is not on screen", AGAIN);
        }
        (None, Some(_)) => {
            return refuse("not answered: the prompt has only just appeared", AGAIN);
        }
        (Some(_), None) => return refuse("not answered: the prompt is gone", ""),
        (None, None) => return refuse("nothing is asked here", ""),
    };
    let of = PromptRef::new(Target::new(&host.id, &session.id), prompt);
    if *displayed != of {
        return refuse("not answered: the prompt changed as you pressed", AGAIN);
    }
    if !model.sight.is_settled(model.now) {
        return refuse("not answered: the prompt has only just appeared", AGAIN);
    }
    match model.sight.reading(&of, prompt, model.now) {
        Reading::Whole => {}
        Reading::Unseen => {
            return refuse("not answered: the prompt changed as you pressed", AGAIN);
        }
        Reading::TooShort => {
            return refuse("not answered: the end of it has only just appeared", AGAIN);
        }
        Reading::Partly if model.inbox.is_some() => {
            return refuse(
                "not answered: not all of it has been on screen",
                "scroll through it first",
            );
        }
        Reading::Partly => {
            return refuse(
                "not answered: not all of it can be read here",
                "read it in the inbox, or attach",
            );
        }
    }
    // Whether it can be given at all.
    request(model, &of, answer, "")?;
    Ok((of, prompt.clone()))
}

/// What is marked is answered as a whole; what is for one prompt is not for many.
fn no_marks(model: &Model) -> Result<(), Refusal> {
    if model.marked() > 1 {
        return refuse(
            "several prompts are marked",
            "yes or no answers them together; esc drops the marks",
        );
    }
    Ok(())
}

/// The prompts that are answered when keys mean `of`: itself, or all that are marked with it. Each of them has been
/// read and asks the same.
fn group(model: &Model, of: &PromptRef) -> Result<Vec<PromptRef>, Refusal> {
    let Some(inbox) = model
        .inbox
        .as_ref()
        .filter(|inbox| !inbox.marked.is_empty())
    else {
        return Ok(vec![of.clone()]);
    };
    if !inbox.marked.contains(of) {
        return refuse(
            "not answered: others are marked, this one is not",
            "space marks it as well, esc drops the marks",
        );
    }
    let Some((_, session, prompt)) = model.prompt(of) else {
        return refuse("not answered: the prompt is gone", "");
    };
    for other in &inbox.marked {
        let Some((_, their_session, theirs)) = model.prompt(other) else {
            return refuse("not answered: a marked prompt is gone", "look again");
        };
        if !cards::is_like((session, prompt), (their_session, theirs)) {
            let text = format!("not answered: {} asks something else", their_session.name);
            return refuse(&text, "only identical prompts are answered together");
        }
        if model.sight.reading(other, theirs, model.now) != Reading::Whole {
            let text = format!("not answered: {} was not read whole", their_session.name);
            return refuse(&text, "go to it first");
        }
    }
    Ok(inbox.marked.iter().cloned().collect())
}

/// What is sent to answer the open prompt `of`, and what its reply will mean.
fn request(
    model: &Model,
    of: &PromptRef,
    answer: Answer,
    message: &str,
) -> Result<(Target, Request, Pending), Refusal> {
    let Some((_, session, prompt)) = model.prompt(of) else {
        return refuse("not answered: the prompt is gone", "");
    };
    if model.answer_under_way(&of.target, of.prompt).is_some() {
        return refuse("already answered; the tool has not reacted yet", "");
    }
    let Some(choice) = prompt.choice(answer) else {
        let word = if answer == Answer::Yes { "yes" } else { "no" };
        let text = format!("it is not certain which choice means {word}");
        return refuse(&text, "attach or type to answer");
    };
    let text = format!(
        "{}: {} {} {}",
        session.name,
        sanitize::label(&choice.label, REPEATED),
        model.settings.glyphs.dot(),
        sanitize::label(subject::text(prompt), REPEATED)
    );
    let prompt: PromptId = prompt.id;
    let request = Request::AnswerPrompt {
        session: session.id.clone(),
        prompt,
        answer,
        message: message.to_owned(),
    };
    let pending = Pending::Answer {
        target: of.target.clone(),
        prompt,
        answer,
        text,
    };
    Ok((of.target.clone(), request, pending))
}
