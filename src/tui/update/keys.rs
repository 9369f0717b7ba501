//! Keys → actions → changes, while no form and no session takes the keys.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::select::Step;
use super::{attach, explain, inbox, overlay, prompt, question, scroll, select, start, typing};
use crate::domain::Answer;
use crate::tui::action::{Action, TABLE};
use crate::tui::effect::Effect;
use crate::tui::keymap::{Context, Key, Lookup};
use crate::tui::layout::{enter_looks, layout, side_by_side};
use crate::tui::model::{Model, Page};
use crate::tui::overlay::{HelpPage, KillQuestion, ModeForm, Overlay, Palette, RenameForm};
use crate::tui::toast::Level;

/// How long no key may come after typing ended by itself, in milliseconds, before keys are commands again: what was
/// being typed must not become commands.
pub const DEAF_MILLIS: u64 = 1_000;

/// What is said to who looks for the next that waits, and none does.
pub const NOBODY: &str = "nobody needs you";

pub fn press(model: &mut Model, event: KeyEvent, effects: &mut Vec<Effect>) {
    if event.kind == KeyEventKind::Release {
        return;
    }
    if model.now.mono < model.deaf_until {
        // Somebody who types on has not looked up yet: only a pause ends it.
        model.deaf_until = model.now.mono + DEAF_MILLIS;
        return;
    }
    model.toasts.seen(model.now);
    let key = Key::from(event);
    if !model.overlays.is_empty() {
        overlay::press(model, event, effects);
    } else if model.typing.is_some() {
        typing::press(model, event, effects);
    } else if model.filter.editing {
        press_filter(model, event);
    } else {
        model.chord.push(key);
        match model.settings.keymap.lookup(model.contexts(), &model.chord) {
            Lookup::Action(action) => {
                model.chord.clear();
                run(model, action, effects);
            }
            Lookup::Pending => {}
            Lookup::Nothing => model.chord.clear(),
        }
    }
}

fn press_filter(model: &mut Model, event: KeyEvent) {
    match model
        .settings
        .keymap
        .lookup(&[Context::Filter], &[event.into()])
    {
        Lookup::Action(Action::Accept) => model.filter.editing = false,
        Lookup::Action(Action::Cancel) => {
            model.filter.editing = false;
            model.filter.text.clear();
        }
        Lookup::Action(Action::NextItem) => select::step(model, Step::Down(1)),
        Lookup::Action(Action::PreviousItem) => select::step(model, Step::Up(1)),
        _ => match event.code {
            KeyCode::Backspace => {
                model.filter.text.pop();
            }
            KeyCode::Char('u') if event.modifiers.contains(KeyModifiers::CONTROL) => {
                model.filter.text.clear();
            }
            KeyCode::Char(c) if !event.modifiers.contains(KeyModifiers::CONTROL) => {
                model.filter.text.push(c);
            }
            _ => {}
        },
    }
}

/// Does what the user meant, on the main page.
pub fn run(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    if model.inbox.is_some() && inbox::run(model, action) {
        return;
    }
    let half = layout(model, model.area)
        .list
        .map_or(1, |list| usize::from(list.height / 2).max(1));
    match action {
        Action::Approve => prompt::answer(model, Answer::Yes, effects),
        Action::Deny => prompt::answer(model, Answer::No, effects),
        Action::DenyWithWords => prompt::deny_with_words(model),
        Action::ApproveWithRule => prompt::approve_with_rule(model, effects),
        Action::Inbox => inbox::open(model),
        Action::NextWaiting => {
            if !select::next_waiting(model) && !model.questions.is_empty() {
                question::open(model, None);
            } else if model.waiting().is_empty() {
                model.toast(Level::Done, NOBODY, "");
            }
        }
        Action::Down => select::step(model, Step::Down(1)),
        Action::Up => select::step(model, Step::Up(1)),
        Action::First => select::step(model, Step::First),
        Action::Last => select::step(model, Step::Last),
        Action::HalfPageDown => select::step(model, Step::Down(half)),
        Action::HalfPageUp => select::step(model, Step::Up(half)),
        Action::Open => open(model),
        Action::Back => back(model),
        Action::AnswerHost => question::open(model, None),
        Action::Reconnect => reconnect(model, effects),
        Action::Attach => {
            if enter_looks(model) {
                open(model);
            } else if let Some(action) = model.host_action() {
                act_on_host(model, action, effects);
            } else if let Some(target) = model.target().cloned() {
                attach(model, &target, effects);
            }
        }
        Action::Type => typing::enter(model),
        Action::Start => start::open(model),
        Action::Demo => effects.extend(start::demo(model)),
        Action::Kill | Action::Rename | Action::SetMode => ask(model, action),
        Action::Explain => explain::open(model),
        Action::Filter => model.filter.editing = true,
        Action::ScrollUp => scroll::page(model, scroll::Way::Back, effects),
        Action::ScrollDown => scroll::page(model, scroll::Way::Forward, effects),
        Action::ScrollLive => model.scroll = None,
        Action::Help => {
            let here = model.contexts();
            let offered = TABLE.iter().map(|spec| spec.action);
            let offered = offered.filter(|action| model.offers(*action)).collect();
            let page = HelpPage::new(here, offered);
            model.overlays.push(Overlay::Help(page));
        }
        Action::Palette => {
            let palette = Palette::new(&model.scene(), model.contexts());
            model.overlays.push(Overlay::Palette(palette));
        }
        Action::Quit => effects.push(Effect::Quit),
        Action::Suspend => effects.push(Effect::Suspend),
        Action::Redraw => effects.push(Effect::Redraw),
        // These belong to forms, and never come here.
        Action::Contradict
        | Action::Mark
        | Action::Submit
        | Action::LeaveTyping
        | Action::Accept
        | Action::AcceptAndAttach
        | Action::Cancel
        | Action::NextField
        | Action::PreviousField
        | Action::NextItem
        | Action::PreviousItem
        | Action::ConfirmYes
        | Action::ConfirmNo => {}
    }
}

/// What enter does on a host.
pub fn act_on_host(model: &mut Model, action: Action, effects: &mut Vec<Effect>) {
    let host = model.selected_host().map(|host| host.id.clone());
    match action {
        Action::AnswerHost => question::open(model, host.as_ref()),
        Action::Reconnect => reconnect(model, effects),
        _ => start::open(model),
    }
}

/// Tries the selected host again, unless it is there or waits for the person.
fn reconnect(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(host) = model.selected_host() else {
        return;
    };
    let id = host.id.clone();
    if model.asks(&id) {
        question::open(model, Some(&id));
    } else if host.is_live() {
        model.toast(Level::Done, format!("{id} is connected"), "");
    } else {
        effects.push(Effect::Reconnect(id.clone()));
        model.toast(Level::Done, format!("trying {id} again"), "");
    }
}

fn open(model: &mut Model) {
    if model.selection.is_some() {
        model.page = Page::Screen;
    }
}

/// One level back: the live screen, the whole list, the list page.
fn back(model: &mut Model) {
    if model.scroll.take().is_some() {
    } else if model.page == Page::Screen && !side_by_side(model.area) {
        model.page = Page::List;
    } else {
        model.filter.text.clear();
    }
}

fn ask(model: &mut Model, action: Action) {
    let Some((host, session)) = model.selected() else {
        return;
    };
    if !host.is_live() {
        let words = format!("{} is not connected", host.id);
        model.toast(Level::Refused, words, "");
        return;
    }
    let overlay = match action {
        Action::Kill => Overlay::Kill(KillQuestion::new(host, session)),
        Action::SetMode => Overlay::Mode(Box::new(ModeForm::new(host, session))),
        _ => Overlay::Rename(RenameForm::new(host, session)),
    };
    model.overlays.push(overlay);
}
