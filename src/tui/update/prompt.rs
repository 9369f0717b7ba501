//! Answering the open prompt: only the one that was displayed, only after it could be seen, only once.

use crate::domain::Answer;
use crate::protocol::Request;
use crate::tui::effect::{Effect, Target};
use crate::tui::layout::layout;
use crate::tui::model::{Displayed, Model, Pending};
use crate::tui::toast::Level;

/// How long a prompt has to be on screen before a key answers it, in milliseconds: a key that was on its way when the
/// prompt appeared was meant for something else.
const PROTECTED: u64 = 250;
/// The longest part of a subject that a note repeats, in columns.
const REPEATED: usize = 60;

/// A frame that shows the model is on the terminal: remembers which prompt is in it.
pub fn painted(model: &mut Model) {
    let shown = if model.overlays.is_empty() {
        layout(model, model.area).prompt
    } else {
        None
    };
    let open = model
        .open_prompt()
        .map(|(host, session, prompt)| (Target::new(&host.id, &session.id), prompt.id));
    model.displayed = match (shown, open) {
        (Some(shown), Some((target, prompt))) => {
            let since = model
                .displayed
                .as_ref()
                .filter(|before| before.target == target && before.prompt == prompt)
                .map_or(model.now, |before| before.since);
            Some(Displayed {
                target,
                prompt,
                since,
                whole: shown.whole,
            })
        }
        _ => None,
    };
}

/// Sends `answer` to the prompt on screen, or says why not.
pub fn answer(model: &mut Model, answer: Answer, effects: &mut Vec<Effect>) {
    match checked(model, answer) {
        Ok((target, request, pending)) => {
            let id = model.next_request(pending);
            effects.push(Effect::Send {
                host: target.host,
                id,
                request,
            });
        }
        Err((text, hint)) => model.toast(Level::Refused, text, hint),
    }
}

type Refusal = (String, &'static str);

fn checked(model: &Model, answer: Answer) -> Result<(Target, Request, Pending), Refusal> {
    let refuse = |text: &str, hint| Err((text.to_owned(), hint));
    let open = model.open_prompt();
    let (displayed, (host, session, prompt)) = match (&model.displayed, open) {
        (Some(displayed), Some(open)) => (displayed, open),
        (None, Some(_)) => {
            return refuse(
                "not answered: the prompt has only just appeared",
                "look at it, then press again",
            );
        }
        (Some(_), None) => return refuse("not answered: the prompt is gone", ""),
        (None, None) => return refuse("nothing is asked here", ""),
    };
    let target = Target::new(&host.id, &session.id);
    if displayed.target != target || displayed.prompt != prompt.id {
        return refuse(
            "not answered: the prompt changed as you pressed",
            "look at it, then press again",
        );
    }
    if model.now.since(displayed.since) < PROTECTED {
        return refuse(
            "not answered: the prompt has only just appeared",
            "look at it, then press again",
        );
    }
    if !displayed.whole {
        return refuse(
            "not answered: not all of it can be read here",
            "attach, or make the terminal larger",
        );
    }
    if model.answer_under_way(&target, prompt.id).is_some() {
        return refuse("already answered; the tool has not reacted yet", "");
    }
    let Some(choice) = prompt.choice(answer) else {
        let word = if answer == Answer::Yes { "yes" } else { "no" };
        return Err((
            format!("it is not certain which choice means {word}"),
            "attach or type to answer",
        ));
    };
    let subject = if prompt.subject.is_empty() {
        &prompt.question
    } else {
        &prompt.subject
    };
    let text = format!(
        "{}: {} {} {}",
        session.name,
        crate::term::sanitize::label(&choice.label, REPEATED),
        model.settings.glyphs.dot(),
        crate::term::sanitize::label(subject, REPEATED)
    );
    let request = Request::AnswerPrompt {
        session: session.id.clone(),
        prompt: prompt.id,
        answer,
        message: String::new(),
    };
    let pending = Pending::Answer {
        target: target.clone(),
        prompt: prompt.id,
        answer,
        text,
    };
    Ok((target, request, pending))
}
