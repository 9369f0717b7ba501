//! Calling somebody who looks elsewhere, when a session begins to wait, is done or has failed.

use crate::config::CallWay;
use crate::domain::{HostId, Session};
use crate::protocol::Event;
use crate::tui::calling::{News, Told, order, ways};
use crate::tui::effect::{Effect, Target};
use crate::tui::model::{Dirty, Model};
use crate::tui::toast::Level;

/// What `event` tells that is new. Asked before the event is applied.
pub fn news(model: &Model, host: &HostId, event: &Event) -> Vec<News> {
    let sessions: &[Session] = match event {
        Event::SessionChanged(session) => std::slice::from_ref(session),
        Event::Snapshot { sessions, .. } => sessions,
        _ => return Vec::new(),
    };
    let news = sessions.iter().filter_map(|session| {
        let before = model.fleet.session(host, &session.id);
        News::between(host, before, session)
    });
    news.map(|news| placed(model, news)).collect()
}

/// The same, with where it runs.
fn placed(model: &Model, mut news: News) -> News {
    let Some(host) = model.fleet.host(&news.host) else {
        return news;
    };
    for context in &model.settings.contexts {
        if context.holds(host, &news.session) {
            news.contexts.push(context.name.clone());
            news.tags.extend(context.tags.iter().cloned());
        }
    }
    news
}

pub fn call(model: &mut Model, news: &[News], effects: &mut Vec<Effect>) {
    for news in news {
        tell(model, news, effects);
    }
}

/// What was held back and may be told now. The bell that was not rung is not rung later: it says nothing that the last one
/// did not.
pub fn settle(model: &mut Model, effects: &mut Vec<Effect>) {
    while let Some(news) = model.calls.due(model.now) {
        if news.holds(model.fleet.session(&news.host, &news.session.id)) {
            let ways = ways(&model.settings.notify, &news, is_away(model, &news));
            tell_by_command(model, &news, &ways, effects);
        }
    }
}

fn tell(model: &mut Model, news: &News, effects: &mut Vec<Effect>) {
    let ways = ways(&model.settings.notify, news, is_away(model, news));
    if ways.contains(&CallWay::Terminal) && model.attention.may_call(model.now) {
        effects.push(Effect::Call(format!("cm-tui: {}", news.sentence())));
    }
    tell_by_command(model, news, &ways, effects);
}

fn tell_by_command(model: &mut Model, news: &News, ways: &[CallWay], effects: &mut Vec<Effect>) {
    let commands = ways.iter().filter(|way| **way != CallWay::Terminal);
    let commands: Vec<CallWay> = commands.copied().collect();
    if commands.is_empty() || !model.calls.may_tell(news, model.now) {
        return;
    }
    for way in commands {
        let arguments = model.settings.notify.arguments(way);
        let order = order(way, arguments, news, model.now.unix);
        effects.push(Effect::Tell(Box::new(order)));
    }
}

/// Whether nobody sees the session. Whoever is attached sees the one they are attached to, and no other.
fn is_away(model: &Model, news: &News) -> bool {
    let target = Target::new(&news.host, &news.session.id);
    let is_attached = model.attention.is_lent() && model.target() == Some(&target);
    !is_attached && model.attention.is_away(model.now)
}

pub fn told(model: &mut Model, told: Told) {
    let word = told.way.word();
    if let Some(why) = model.calls.ended(told.way, told.outcome) {
        model.raise(Dirty::Now);
        let hint = format!("see “{word}” under [notify] in config.toml");
        model.toast(Level::Failed, format!("no notification: {why}"), hint);
    }
}
