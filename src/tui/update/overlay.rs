//! Keys for what lies on top, and what follows from it.

use crossterm::event::KeyEvent;

use super::{keys, prompt, question, select};
use crate::domain::Answer;
use crate::protocol::Request;
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::keymap::Lookup;
use crate::tui::model::{Model, Page, Pending};
use crate::tui::overlay::{Command, Outcome, Overlay};

pub fn press(model: &mut Model, event: KeyEvent, effects: &mut Vec<Effect>) {
    let action = match model
        .settings
        .keymap
        .lookup(model.contexts(), &[event.into()])
    {
        Lookup::Action(action) => Some(action),
        Lookup::Pending | Lookup::Nothing => None,
    };
    with_top(model, effects, |overlay, model| {
        overlay.key(event, action, &model.scene())
    });
}

/// Moves in the list on top, as the wheel does.
pub fn scroll(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    let event = KeyEvent::from(crossterm::event::KeyCode::Null);
    with_top(model, effects, |overlay, model| {
        overlay.key(event, Some(action), &model.scene())
    });
}

/// Hands pasted text to what lies on top. Returns whether something does.
pub fn paste(model: &mut Model, text: &str) -> bool {
    let Some(mut overlay) = model.overlays.pop() else {
        return false;
    };
    overlay.paste(text, &model.scene());
    model.overlays.push(overlay);
    true
}

fn with_top(
    model: &mut Model,
    effects: &mut Vec<Effect>,
    ask: impl FnOnce(&mut Overlay, &Model) -> Outcome,
) {
    // Taken out while it is asked, because it reads the rest of the model.
    let Some(mut overlay) = model.overlays.pop() else {
        return;
    };
    match ask(&mut overlay, model) {
        Outcome::Stay => model.overlays.push(overlay),
        Outcome::Close => {}
        Outcome::Do(command) => run(model, command, effects),
        Outcome::Ask(command) => {
            model.overlays.push(overlay);
            run(model, command, effects);
        }
    }
}

fn run(model: &mut Model, command: Command, effects: &mut Vec<Effect>) {
    match command {
        Command::Run(action) => keys::run(model, action, effects),
        Command::Select(target) => {
            model.filter.text.clear();
            select::select(model, target);
            model.page = Page::Screen;
        }
        Command::Start {
            host,
            start,
            attach,
        } => {
            let id = model.next_request(Pending::Start {
                host: host.clone(),
                attach,
            });
            effects.push(Effect::Send {
                host,
                id,
                request: Request::Start(start),
            });
        }
        Command::Kill { target, name } => {
            let id = model.next_request(Pending::Kill { name });
            let request = Request::Kill {
                session: target.session,
            };
            effects.push(Effect::Send {
                host: target.host,
                id,
                request,
            });
        }
        Command::Deny {
            of,
            prompt,
            message,
        } => prompt::send(model, &of, &prompt, (Answer::No, &message), effects),
        Command::AddRule { of, prompt, text } => {
            let host = of.target.host.clone();
            let id = model.next_request(Pending::AddRule { of, prompt });
            effects.push(Effect::Send {
                host,
                id,
                request: Request::AddRule { text },
            });
        }
        Command::SetMode { target, name, wish } => {
            let id = model.next_request(Pending::Mode {
                name,
                mode: wish.mode,
            });
            effects.push(Effect::Send {
                host: target.host,
                id,
                request: Request::SetMode {
                    session: target.session,
                    mode: wish.mode,
                    screen: wish.screen,
                    dry_run: wish.dry_run,
                    hours: wish.hours,
                },
            });
        }
        Command::Answer { id, answer } => question::answer(model, id, answer, effects),
        Command::Store(fixture) => effects.push(Effect::Store(fixture)),
        Command::Rename { target, name } => {
            let id = model.next_request(Pending::Rename { name: name.clone() });
            let request = Request::Rename {
                session: target.session,
                name,
            };
            effects.push(Effect::Send {
                host: target.host,
                id,
                request,
            });
        }
    }
}
