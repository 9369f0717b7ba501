//! The mouse: a click selects, a second one attaches, the wheel scrolls what is under it.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::{attach, inbox, keys, overlay, scroll, select};
use crate::tui::action::Action;
use crate::tui::effect::Effect;
use crate::tui::layout::{density, layout};
use crate::tui::model::{Dirty, Model};
use crate::tui::rows::rows;

/// Two clicks on a row within this time are one double click, in milliseconds; what desktops use.
const DOUBLE: u64 = 400;
/// Lines per turn of the wheel.
const WHEEL: u16 = 3;

pub fn event(model: &mut Model, event: MouseEvent, effects: &mut Vec<Effect>) {
    let way = match event.kind {
        MouseEventKind::Down(MouseButton::Left) => None,
        MouseEventKind::ScrollUp => Some(scroll::Way::Back),
        MouseEventKind::ScrollDown => Some(scroll::Way::Forward),
        _ => return,
    };
    model.raise(Dirty::Now);
    if !model.overlays.is_empty() {
        match way {
            Some(scroll::Way::Back) => overlay::scroll(model, Action::PreviousItem, effects),
            Some(scroll::Way::Forward) => overlay::scroll(model, Action::NextItem, effects),
            None => {}
        }
        return;
    }
    if model.typing.is_some() {
        return;
    }
    if model.inbox.is_some() {
        match way {
            Some(scroll::Way::Back) => inbox::scroll(model, -i64::from(WHEEL)),
            Some(scroll::Way::Forward) => inbox::scroll(model, i64::from(WHEEL)),
            None => {}
        }
        return;
    }
    let page = layout(model, model.area);
    let at = Position::new(event.column, event.row);
    let list = page.list.filter(|list| list.contains(at));
    let on_screen = page.pane.is_some_and(|pane| pane.body.contains(at));
    match (way, list) {
        (None, Some(list)) => click(model, usize::from(event.row - list.y), effects),
        (Some(way), Some(list)) => {
            let total = rows(&model.fleet, &model.filter, density(model.area)).len();
            let most = total.saturating_sub(usize::from(list.height));
            model.follow = false;
            model.list_top = match way {
                scroll::Way::Back => model.list_top.saturating_sub(usize::from(WHEEL)),
                scroll::Way::Forward => (model.list_top + usize::from(WHEEL)).min(most),
            };
        }
        (Some(way), None) if on_screen => scroll::lines(model, way, u32::from(WHEEL), effects),
        _ => {}
    }
}

fn click(model: &mut Model, row: usize, effects: &mut Vec<Effect>) {
    let Some(selection) = select::select_row(model, model.list_top + row) else {
        return;
    };
    let again = model
        .last_click
        .take()
        .is_some_and(|(at, before)| before == selection && model.now.since(at) <= DOUBLE);
    if !again {
        model.last_click = Some((model.now, selection));
    } else if let Some(target) = selection.target() {
        attach(model, target, effects);
    } else if let Some(action) = model.host_action() {
        keys::act_on_host(model, action, effects);
    }
}
