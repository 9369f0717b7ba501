//! When the dashboard has to wake by itself.
//!
//! Promise: never, unless something that is on screen changes with time alone, or a call that was held back is due.

use super::clock::Moment;
use super::layout::{density, layout, too_small};
use super::look::TURN_MILLIS;
use super::model::Model;
use super::rows::{Row, rows};
use crate::domain::SessionState;
use crate::fleet::Host;

/// How often ages are drawn again, in milliseconds: they are shown to the second.
const AGE_MILLIS: u64 = 1_000;

/// The next moment ([`Moment::mono`]) at which something changes by itself.
pub fn next_wake(model: &Model) -> Option<u64> {
    let mono = model.now.mono;
    let after = |step: u64| (mono / step + 1) * step;
    let moving = if too_small(model.area) || model.typing.is_some() || !ages_in_sight(model) {
        None
    } else if working_in_sight(model) {
        Some(after(TURN_MILLIS))
    } else {
        Some(after(AGE_MILLIS))
    };
    moving
        .into_iter()
        .chain(model.toasts.next_end())
        .chain(model.calls.next_due())
        .min()
}

/// Whether anything on the page has an age.
fn ages_in_sight(model: &Model) -> bool {
    let is_dated = |host: &Host| host.away_since.is_some();
    model.sessions().next().is_some()
        || (model.fleet.hosts.len() > 1 && model.fleet.hosts.iter().any(is_dated))
}

fn working_in_sight(model: &Model) -> bool {
    if model.settings.reduced_motion {
        return false;
    }
    let page = layout(model, model.area);
    let Some(list) = page.list else {
        return false;
    };
    rows(&model.fleet, &model.filter, density(model.area))
        .iter()
        .skip(model.list_top)
        .take(usize::from(list.height))
        .any(|row| match row {
            Row::Session { host, session, .. } => {
                host.is_live() && matches!(session.state, SessionState::Working { .. })
            }
            _ => false,
        })
}

/// How long after `from` the moment `wake` is, in milliseconds.
pub fn until(wake: u64, from: Moment) -> u64 {
    wake.saturating_sub(from.mono)
}
