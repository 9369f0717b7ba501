//! The selection: a session or host that stays selected while rows come, go and change.

use crate::tui::effect::Target;
use crate::tui::layout::{density, layout};
use crate::tui::model::{Model, Selection};
use crate::tui::rows::{Part, Row, rows};

/// Where a key moves the selection to.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Down(usize),
    Up(usize),
    First,
    Last,
}

/// The rows that can be selected, with their places in the list.
fn stops(model: &Model) -> Vec<(usize, Selection)> {
    list(model)
        .iter()
        .enumerate()
        .filter_map(|(index, row)| Some((index, row.selects()?)))
        .collect()
}

fn list(model: &Model) -> Vec<Row<'_>> {
    rows(&model.fleet, &model.filter, density(model.area))
}

pub fn step(model: &mut Model, step: Step) {
    let stops = stops(model);
    if stops.is_empty() {
        return;
    }
    let at = stops
        .iter()
        .position(|(_, stop)| model.selection.as_ref() == Some(stop))
        .unwrap_or(0);
    let last = stops.len() - 1;
    let next = match step {
        Step::Down(by) => (at + by).min(last),
        Step::Up(by) => at.saturating_sub(by),
        Step::First => 0,
        Step::Last => last,
    };
    choose(model, stops[next].1.clone());
    // At the very top the titles come into sight as well.
    if next == 0 {
        model.list_top = 0;
    }
}

fn choose(model: &mut Model, selection: Selection) {
    if model.target() != selection.target() {
        model.scroll = None;
    }
    model.selection = Some(selection);
    model.follow = true;
}

/// Selects a session in its context, or among those that wait when it is only there.
pub fn select(model: &mut Model, target: Target) {
    let in_tree = Selection::Session {
        target: target.clone(),
        part: Part::Tree,
    };
    let is_there = stops(model).iter().any(|(_, stop)| *stop == in_tree);
    choose(
        model,
        if is_there {
            in_tree
        } else {
            Selection::Session {
                target,
                part: Part::Waiting,
            }
        },
    );
}

/// Selects what a click hit and returns it, if the row can be selected.
pub fn select_row(model: &mut Model, index: usize) -> Option<Selection> {
    let selection = list(model).get(index)?.selects()?;
    choose(model, selection.clone());
    Some(selection)
}

/// Selects the next session that waits, after the selected one, round and round. Returns whether any waits.
pub fn next_waiting(model: &mut Model) -> bool {
    let waiting: Vec<_> = model
        .waiting()
        .into_iter()
        .map(|(host, session)| Target::new(&host.id, &session.id))
        .collect();
    if waiting.is_empty() {
        return false;
    }
    let at = waiting
        .iter()
        .position(|target| model.target() == Some(target));
    let next = at.map_or(0, |at| (at + 1) % waiting.len());
    let target = waiting[next].clone();
    // A filter that hides it would hide what matters most.
    if model
        .session(&target)
        .is_some_and(|(host, session)| !model.filter.matches(host, session))
    {
        model.filter.text.clear();
    }
    select_waiting(model, target);
    true
}

/// Selects a session among those that wait.
pub fn select_waiting(model: &mut Model, target: Target) {
    if let Some(inbox) = &mut model.inbox {
        inbox.follow = true;
    }
    let part = Part::Waiting;
    choose(model, Selection::Session { target, part });
}

/// Keeps the selection on a row that exists, and in sight while keys move it.
pub fn settle(model: &mut Model) {
    let stops = stops(model);
    let found = model.selection.as_ref().and_then(|selection| {
        let exact = stops.iter().find(|(_, stop)| stop == selection);
        let same = || stops.iter().find(|(_, stop)| stop.is_same(selection));
        // The last session of a host leaves its host behind.
        let left = Selection::Host(selection.host().clone());
        let host = || stops.iter().find(|(_, stop)| *stop == left);
        exact.or_else(same).or_else(host).cloned()
    });
    // A session that is gone hands the selection to whatever took its place.
    let now = found.or_else(|| {
        let after = stops.iter().find(|(row, _)| *row >= model.selected_row);
        after.or(stops.last()).cloned()
    });
    if let Some((row, selection)) = now {
        if model.target() != selection.target() {
            model.scroll = None;
        }
        model.selected_row = row;
        model.selection = Some(selection);
    } else {
        model.selection = None;
        model.scroll = None;
    }
    let height = layout(model, model.area)
        .list
        .map_or(0, |list| usize::from(list.height));
    if height == 0 {
        return;
    }
    let total = list(model).len();
    if model.follow && model.selection.is_some() {
        model.list_top = model.list_top.min(model.selected_row);
        if model.selected_row >= model.list_top + height {
            model.list_top = model.selected_row + 1 - height;
        }
    }
    model.list_top = model.list_top.min(total.saturating_sub(height));
}
