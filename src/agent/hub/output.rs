//! Output becomes screens, and screens become states.

use std::time::Instant;

use tracing::{debug, warn};

use super::entry::{Again, Entry, Link};
use super::{Hub, HubMsg, moment};
use crate::agent::monitor::{Intake, Moment, Scene};
use crate::agent::tmux::{Chunk, Join, Streams, TmuxError};
use crate::domain::{Prompt, Session, SessionId, SessionState, Source};
use crate::protocol::LogKind;
use crate::term::Size;

impl Hub {
    /// Takes in what one pane printed.
    pub(super) fn read(&mut self, chunk: &Chunk, streams: &Streams) {
        let Some(id) = self.streams.get(&chunk.stream).cloned() else {
            return;
        };
        let (Some(entry), Some(tmux)) = (self.sessions.get_mut(&id), &self.tmux) else {
            return;
        };
        let now = moment();
        if !chunk.bytes.is_empty() {
            match entry.feed(&chunk.bytes, now) {
                Intake::Drawn => {}
                Intake::Doubtful => entry.plan_join(Again::Doubtful, now.instant),
                Intake::Flooded => {
                    streams.discard(chunk.stream);
                    entry.plan_join(Again::Flooded, now.instant);
                }
            }
        }
        if chunk.overflowed {
            entry.record_flood(now);
            entry.plan_join(Again::Flooded, now.instant);
        }
        if chunk.ended {
            self.streams.remove(&chunk.stream);
            if entry.link == Link::Joined(chunk.stream) {
                entry.link = Link::Absent;
                // Usually the pane is gone, which tmux tells. If not, somebody has closed or replaced our pipe.
                if !entry.is_over() {
                    entry.plan_join(Again::Lost, now.instant);
                    let (tmux, pane) = (tmux.clone(), entry.session.pane.clone());
                    tokio::spawn(async move {
                        if let Err(error) = tmux.disown(&pane).await {
                            debug!(%error, "a pane is gone");
                        }
                    });
                }
            }
        }
        self.publish(&id, now.instant);
        self.reschedule(&id);
    }

    /// Does what the time has come for, once for each session: whatever is due again at once has its turn after
    /// clients and tmux had theirs.
    pub(super) fn keep_appointments(&mut self) {
        let now = moment();
        let looks = std::iter::from_fn(|| self.looks.due(now.instant));
        let mut due: Vec<SessionId> = looks.collect();
        due.extend(std::iter::from_fn(|| self.agenda.due(now.instant)));
        due.sort_unstable();
        due.dedup();
        for id in due {
            self.publish(&id, now.instant);
            self.judge(&id, now);
            self.look_after(&id, now);
            self.catch_up(&id, now.instant);
            self.rest(&id, now);
            if self
                .sessions
                .get(&id)
                .is_some_and(|entry| entry.rejoin_at.is_some_and(|at| at <= now.instant))
            {
                self.join(&id);
            }
            self.reschedule(&id);
        }
    }

    pub(super) fn reschedule(&mut self, id: &SessionId) {
        let (entry, now) = (self.sessions.get(id), Instant::now());
        self.looks
            .set(id, entry.and_then(|entry| entry.look_at(now)));
        self.agenda
            .set(id, entry.and_then(|entry| entry.wake_at(now)));
    }

    pub(super) fn reschedule_all(&mut self) {
        let all: Vec<SessionId> = self.sessions.keys().cloned().collect();
        for id in all {
            self.reschedule(&id);
        }
    }

    /// Asks tmux for the pane's screen and its further output.
    pub(super) fn join(&mut self, id: &SessionId) {
        let (Some(entry), Some(tmux)) = (self.sessions.get_mut(id), &self.tmux) else {
            return;
        };
        entry.rejoin_at = None;
        if let Link::Joining { again } = &mut entry.link {
            *again = true;
            return;
        }
        if entry.link == Link::Taken || entry.session.state == SessionState::Lost {
            return;
        }
        entry.link = Link::Joining { again: false };
        let (tmux, pane, hub, session) = (
            tmux.clone(),
            entry.session.pane.clone(),
            self.own.clone(),
            id.clone(),
        );
        tokio::spawn(async move {
            let result = tmux.join(&pane).await;
            // Without a hub there is nobody left to show the pane to.
            let _told = hub.send(HubMsg::PaneJoined { session, result }).await;
        });
    }

    /// Starts a session's screen afresh from what tmux gave.
    pub(super) fn joined(&mut self, id: &SessionId, result: Result<Join, TmuxError>) {
        let Some(entry) = self.sessions.get_mut(id) else {
            if let (Ok(join), Some(tmux)) = (result, &self.tmux) {
                tmux.streams().forget(join.stream);
            }
            return;
        };
        let again = entry.link == Link::Joining { again: true };
        let now = moment();
        match result {
            Ok(join) => {
                // What an earlier stream still holds is on the picture already.
                self.streams.retain(|_, session| session != id);
                self.streams.insert(join.stream, id.clone());
                if let Some(tmux) = &self.tmux {
                    tmux.streams().open(join.stream);
                }
                entry.link = Link::Joined(join.stream);
                entry.pid = join.pid;
                entry.dead = join.dead;
                let size = Size::new(join.cols, join.rows);
                if entry.monitor.join(size, &join.seed, now.instant) {
                    entry.record_whole(now);
                }
                let resized = (entry.session.cols, entry.session.rows) != (join.cols, join.rows);
                (entry.session.cols, entry.session.rows) = (join.cols, join.rows);
                entry.broadcast.replaced(now.instant);
                for watcher in entry.watchers.values_mut() {
                    watcher.behind = true;
                }
                if again {
                    entry.plan_join(Again::AtOnce, now.instant);
                }
                if resized {
                    self.announce(id);
                }
                self.catch_up(id, now.instant);
            }
            Err(TmuxError::PipedByOther { .. }) => {
                entry.link = Link::Taken;
                if entry.monitor.declare(
                    SessionState::Unknown,
                    "its output is piped to another program",
                    now,
                ) {
                    self.state_changed(id);
                }
            }
            Err(error) => {
                entry.link = Link::Absent;
                if !entry.is_over() {
                    entry.plan_join(if again { Again::AtOnce } else { Again::Lost }, now.instant);
                }
                debug!(session = %id, %error, "cannot join the pane");
            }
        }
        self.reschedule(id);
    }

    /// Looks at a settled screen.
    fn judge(&mut self, id: &SessionId, now: Moment) {
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        let is_past = |at: &mut Instant| *at <= now.instant;
        let looks = entry.look_at.take_if(is_past).is_some();
        let due = entry.recheck || looks || entry.monitor.wake_at().as_mut().is_some_and(is_past);
        if !due || !entry.is_judged() {
            return;
        }
        self.look_again(id, now.instant);
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        entry.recheck = false;
        let scene = Scene {
            tool: &entry.session.tool,
            command: &entry.command,
        };
        let changed = entry
            .monitor
            .judge(scene, now, &mut self.last_prompt, &self.detector);
        // Only once the screen stands still: a picture of one that moves shows nothing.
        if entry.monitor.wants_audit() {
            entry.plan_join(Again::Doubtful, now.instant);
        }
        if changed {
            self.state_changed(id);
        }
    }

    /// Takes over a new conclusion, tells everybody and writes a line.
    pub(super) fn state_changed(&mut self, id: &SessionId) {
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        let conclusion = entry.monitor.conclusion().clone();
        let before = std::mem::replace(&mut entry.session.state, conclusion.state);
        let waited = entry.session.prompt.take();
        entry.session.prompt = conclusion.prompt;
        entry.session.since = conclusion.since;
        entry.session.rule = conclusion.rule;
        entry.session.disagreement = conclusion.disagreement;
        let arbiter = &mut self.approvals.arbiter;
        let answered = waited
            .as_ref()
            .is_some_and(|waited| arbiter.is_taken(waited.id));
        let left = waited
            .as_ref()
            .filter(|waited| {
                entry
                    .session
                    .prompt
                    .as_ref()
                    .is_none_or(|prompt| prompt.id != waited.id)
            })
            .map(|waited| waited.id);
        let same_prompt = match (&waited, &entry.session.prompt) {
            (Some(old), Some(new)) => is_same(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        if let Some(gone) = waited.as_ref().filter(|_| left.is_some()) {
            entry.docket.remember(gone.clone());
        }
        let line = log_line(&before, &entry.session, same_prompt);
        let withdrawn = waited.filter(|_| !answered && !same_prompt);
        self.prompt_changed(id, left);
        self.announce(id);
        if let Some(prompt) = withdrawn {
            self.withdrawn(id, &prompt);
        }
        if let Some((what, detail)) = line {
            self.log(id, what, detail);
        }
    }
}

impl Entry {
    fn feed(&mut self, bytes: &[u8], now: Moment) -> Intake {
        let is_watched = !self.watchers.is_empty();
        if is_watched {
            self.broadcast
                .before(self.monitor.screen(), bytes.len(), now.instant);
        }
        let mut drawn = Vec::new();
        let intake = self.monitor.output(bytes, &mut drawn, now);
        if is_watched {
            self.broadcast.drawn(&drawn);
        }
        self.record(drawn, intake, now);
        intake
    }
}

/// Whether it is still the same prompt for people: a hook tells of one before the tool has drawn what it offers.
fn is_same(old: &Prompt, new: &Prompt) -> bool {
    let was_told_early = old.choices.is_empty() && !old.subject.is_empty();
    let bare = |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace()).collect() };
    // The hook tells to the letter what the screen wraps; of a small pane only the hook knows it.
    let is_named = new.evidence.contains(&Source::Hook)
        && old.choices == new.choices
        && !new.choices.is_empty()
        && (old.subject.is_empty() || bare(&old.subject) == bare(&new.subject));
    old.id == new.id
        || old.kind == new.kind && (is_named || was_told_early && old.subject == new.subject)
}

/// The line that a new state is worth, if any. Going back and forth between working and idle within one task is not
/// news: only what a person waits for is.
fn log_line(
    before: &SessionState,
    session: &Session,
    same_prompt: bool,
) -> Option<(LogKind, String)> {
    let same = std::mem::discriminant(before) == std::mem::discriminant(&session.state);
    let subject = || {
        session
            .prompt
            .as_ref()
            .map_or_else(String::new, |prompt| prompt.subject.clone())
    };
    match &session.state {
        // Another source that says the same is no news.
        SessionState::Approval | SessionState::Question if same_prompt => None,
        SessionState::Approval | SessionState::Question => Some((LogKind::Waiting, subject())),
        _ if same => None,
        SessionState::Working { activity } => Some((LogKind::Working, activity.clone())),
        SessionState::Idle if *before != SessionState::Starting => {
            Some((LogKind::Idle, String::new()))
        }
        SessionState::Finished => Some((LogKind::Finished, String::new())),
        SessionState::Error { text } => Some((LogKind::Failed, text.clone())),
        SessionState::Exited { code, signal } => {
            Some((LogKind::Exited, exit_words(*code, *signal)))
        }
        SessionState::Lost => {
            warn!(session = %session.id, "lost");
            Some((LogKind::Lost, session.rule.clone()))
        }
        _ => None,
    }
}

fn exit_words(code: Option<i32>, signal: Option<i32>) -> String {
    match (code, signal) {
        (_, Some(signal)) => format!("by signal {signal}"),
        (Some(code), None) => format!("with code {code}"),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Choice, PromptId, PromptKind};

    fn prompt(id: u64, subject: &str, offers: bool) -> Prompt {
        let choice = Choice {
            label: "Yes".into(),
            keys: "1".into(),
            answer: None,
        };
        Prompt {
            id: PromptId(id),
            kind: PromptKind::Command,
            subject: subject.into(),
            question: String::new(),
            choices: offers.then_some(choice).into_iter().collect(),
            rule: String::new(),
            since: 0,
            evidence: Vec::new(),
            advice: None,
        }
    }

    #[test]
    fn a_prompt_that_was_told_before_it_was_drawn_is_not_another_one() {
        let early = prompt(1, "ls", false);
        assert!(is_same(&early, &prompt(2, "ls", true)));
        assert!(!is_same(&early, &prompt(2, "rm", true)));
        assert!(!is_same(&prompt(1, "", false), &prompt(2, "", true)));
        assert!(!is_same(&prompt(1, "ls", true), &prompt(2, "ls", true)));
        assert!(is_same(&prompt(1, "ls", true), &prompt(1, "ls", true)));
    }
}
