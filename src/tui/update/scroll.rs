//! Looking back: first within the screen, then into the history, page by page.

use crate::protocol::Request;
use crate::tui::effect::Effect;
use crate::tui::layout::layout;
use crate::tui::model::{Model, Pending};
use crate::tui::scroll::Scrollback;
use crate::tui::toast::Level;
use crate::tui::widget::window;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Back,
    Forward,
}

/// Scrolls by a page that keeps two lines in sight.
pub fn page(model: &mut Model, way: Way, effects: &mut Vec<Effect>) {
    let height = layout(model, model.area)
        .pane
        .map_or(0, |pane| pane.body.height);
    lines(
        model,
        way,
        u32::from(height.saturating_sub(2).max(1)),
        effects,
    );
}

pub fn lines(model: &mut Model, way: Way, by: u32, effects: &mut Vec<Effect>) {
    let Some(target) = model.target().cloned() else {
        return;
    };
    if model
        .scroll
        .as_ref()
        .is_none_or(|scroll| scroll.target != target)
    {
        if way == Way::Forward {
            return;
        }
        model.scroll = Some(Scrollback::new(target));
    }
    if let Some(scroll) = &mut model.scroll {
        scroll.goal = match way {
            Way::Back => scroll.goal.saturating_add(by),
            Way::Forward => scroll.up.saturating_sub(by),
        };
    }
    settle(model, effects);
    // Back at the live place there is nothing to remember.
    if way == Way::Forward && model.scroll.as_ref().is_some_and(|scroll| scroll.up == 0) {
        model.scroll = None;
    }
}

/// Moves as near to the goal as is known, and asks for what is not.
pub fn settle(model: &mut Model, effects: &mut Vec<Effect>) {
    let body = layout(model, model.area).pane.map(|pane| pane.body);
    let Some((body, target)) = body.zip(model.scroll.as_ref().map(|scroll| scroll.target.clone()))
    else {
        return;
    };
    let Some(screen) = model.mirror(&target).map(crate::fleet::Mirror::screen) else {
        return;
    };
    let inside = u32::try_from(window(screen, body, 0).top).unwrap_or(0);
    let is_live = model
        .session(&target)
        .is_some_and(|(host, _)| host.is_live());
    let Some(scroll) = &mut model.scroll else {
        return;
    };
    let most = inside + scroll.known();
    scroll.up = scroll.goal.min(most);
    let above = scroll.goal.saturating_sub(inside);
    let wanted = if above > 0 && is_live {
        scroll.wanted(above)
    } else {
        None
    };
    if scroll.is_complete() || !is_live {
        scroll.goal = scroll.up;
    }
    let nothing = scroll.is_complete() && most == 0;
    if nothing {
        model.scroll = None;
        model.toast(Level::Done, "nothing has scrolled off", "");
    } else if let Some(page) = wanted {
        let id = model.next_request(Pending::History {
            target: target.clone(),
        });
        if let Some(scroll) = &mut model.scroll {
            scroll.waiting = Some(id);
        }
        let request = Request::History {
            session: target.session,
            page,
        };
        effects.push(Effect::Send {
            host: target.host,
            id,
            request,
        });
    }
}
