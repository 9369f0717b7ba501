//! What happened to a session that somebody may want to know, and by which ways they are told.

use crate::config::{CallState, CallWay, CallWhen, NotifyConfig, NotifyRule};
use crate::domain::{HostId, PromptId, Session, SessionId, SessionState};
use crate::tui::look;

const WAYS: [CallWay; 3] = [CallWay::Terminal, CallWay::Command, CallWay::Webhook];

/// One session has begun to wait, is done, or has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    pub host: HostId,
    pub session: Session,
    pub state: CallState,
    /// Where it runs: the names of the contexts that hold it, and their tags. Empty until somebody who knows fills it in.
    pub contexts: Vec<String>,
    pub tags: Vec<String>,
}

impl News {
    /// What is new about `now`, if anything is. `before` is what was known of the session.
    ///
    /// A prompt that something else will answer is not. That work ended or failed is, as long as it was seen going on: a
    /// session that is met for the first time has told whoever was there.
    pub fn between(host: &HostId, before: Option<&Session>, now: &Session) -> Option<Self> {
        let state = CallState::of(&now.state)?;
        let is_new = match state {
            CallState::Approval | CallState::Question => {
                let waits = |session: &Session| waiting(session);
                waits(now).is_some_and(|prompt| before.and_then(waits) != Some(prompt))
            }
            CallState::Idle => {
                before.is_some_and(|before| matches!(before.state, SessionState::Working { .. }))
            }
            CallState::Finished => before.is_some_and(|before| {
                let state = &before.state;
                !matches!(state, SessionState::Finished | SessionState::Idle) && !state.is_over()
            }),
            CallState::Error => {
                before.is_some_and(|before| !matches!(before.state, SessionState::Error { .. }))
            }
            CallState::Exited | CallState::Lost => {
                before.is_some_and(|before| !before.state.is_over())
            }
        };
        is_new.then(|| Self {
            host: host.clone(),
            session: now.clone(),
            state,
            contexts: Vec::new(),
            tags: Vec::new(),
        })
    }

    pub fn id(&self) -> (HostId, SessionId) {
        (self.host.clone(), self.session.id.clone())
    }

    /// Whether this is how the session still is.
    pub fn holds(&self, now: Option<&Session>) -> bool {
        now.is_some_and(|now| {
            CallState::of(&now.state) == Some(self.state) && waiting(now) == waiting(&self.session)
        })
    }
}

/// The prompt of a session that nothing will answer by itself.
fn waiting(session: &Session) -> Option<PromptId> {
    let prompt = session.prompt.as_ref()?;
    look::pending(prompt).is_none().then_some(prompt.id)
}

/// By which ways `news` are told. `is_away`: nobody looks at the dashboard.
pub fn ways(config: &NotifyConfig, news: &News, is_away: bool) -> Vec<CallWay> {
    let rule = config.rules.iter().find(|rule| fits(rule, news));
    let when = rule.and_then(|rule| rule.when).unwrap_or(config.when);
    let is_wanted = |way: &CallWay| {
        let send = rule.and_then(|rule| rule.send.as_ref());
        send.is_none_or(|send| send.contains(way))
    };
    let is_time = is_away || when == CallWhen::Always;
    WAYS.into_iter()
        .filter(|way| is_time && is_wanted(way) && config.has(*way))
        .collect()
}

fn fits(rule: &NotifyRule, news: &News) -> bool {
    let any = |wanted: &[String], is_there: &dyn Fn(&String) -> bool| {
        wanted.is_empty() || wanted.iter().any(is_there)
    };
    (rule.states.is_empty() || rule.states.contains(&news.state))
        && any(&rule.contexts, &|name| {
            news.contexts.contains(name) || name == news.host.as_str()
        })
        && any(&rule.tags, &|tag| news.tags.contains(tag))
}
