//! A session's mode: set by a person, and switched off by whatever speaks against it.

use std::time::{Duration, Instant};

use super::orders::no_session;
use super::policy::unrecorded;
use super::{ClientId, Hub, moment};
use crate::agent::approve::Wish;
use crate::domain::{Mode, SessionId};
use crate::protocol::{Failure, FailureKind, LogKind, Reply};

/// The longest time that a mode may be set for, in hours: nobody remembers what was switched on a week ago.
const LONGEST_HOURS: u32 = 24 * 7;

pub(super) fn wish(mode: Mode, screen: bool, dry_run: bool, hours: Option<u32>) -> Wish {
    let hours = hours.map(|hours| hours.clamp(1, LONGEST_HOURS));
    Wish {
        mode,
        screen,
        dry_run,
        lasts: hours.map(|hours| Duration::from_secs(u64::from(hours) * 3600)),
    }
}

impl Hub {
    /// A person sets a session's mode.
    pub(super) fn set_mode(&mut self, client: ClientId, id: &SessionId, wish: Wish) -> Reply {
        let trouble = self.approvals.setup.rules.trouble.clone();
        let recorder = &self.approvals.setup.recorder;
        let trouble = recorder.trouble().map_or(trouble, |why| {
            Some(Failure {
                kind: FailureKind::Failed,
                message: unrecorded(&why),
                hint: "make room, then set the mode again".to_owned(),
            })
        });
        if let (true, Some(trouble)) = (wish.mode != Mode::Ask, trouble) {
            return Reply::Failed(trouble);
        }
        let now = moment();
        let Some(entry) = self.sessions.get_mut(id) else {
            return Reply::Failed(no_session());
        };
        entry
            .docket
            .switch
            .set(wish, &self.approvals.limits, now.instant, now.wall);
        let tool = entry.session.tool.clone();
        if wish.mode != Mode::Ask {
            self.ask_version(&tool);
        }
        let by = self.clients.name(client);
        let dry = if wish.dry_run { " (dry run)" } else { "" };
        self.log(
            id,
            LogKind::Switched,
            format!("to {}{dry}, by {by}", wish.mode.word()),
        );
        self.switch_changed(id);
        self.consider(id, now);
        Reply::Done
    }

    /// Switches a session off that was on, and says why.
    pub(super) fn stop_automatic(&mut self, id: &SessionId, why: &str) {
        let stopped = self
            .sessions
            .get_mut(id)
            .is_some_and(|entry| entry.docket.switch.stop(why));
        if stopped {
            self.switch_changed(id);
        }
    }

    pub(super) fn stop_all(&mut self, why: &str) {
        let all: Vec<SessionId> = self.sessions.keys().cloned().collect();
        for id in all {
            self.stop_automatic(&id, why);
        }
    }

    /// Tells everybody how a session's switch stands now.
    pub(super) fn switch_changed(&mut self, id: &SessionId) {
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        entry.session.auto = entry.docket.switch.told().clone();
        let stopped = entry.session.auto.stopped.clone();
        if let Some(prompt) = &mut entry.session.prompt
            && let Some(advice) = &mut prompt.advice
        {
            advice.answers_at = None;
        }
        self.announce(id);
        if !stopped.is_empty() {
            self.log(id, LogKind::Switched, format!("to ask: {stopped}"));
        }
        // Hooks that cannot wait for a person were kept for a rule.
        let is_on = self
            .sessions
            .get(id)
            .is_some_and(|entry| entry.docket.switch.is_on());
        if !is_on {
            self.withdraw(id, |ask| !ask.races);
        }
        self.set_alarm(id, Instant::now());
    }
}
