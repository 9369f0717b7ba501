//! What came of an answer that left: looked after until it is seen, told to people and to the record.
//!
//! It has arrived when the hook has passed it on and the prompt is gone. When that is not seen in time the outcome is
//! unknown: this is said, the key is never repeated, and what still stands there is another prompt.

use std::time::Instant;

use super::approval::{Stage, Underway};
use super::entry::Entry;
use super::{Hub, moment};
use crate::agent::approve::{Asked, Decision, Ended, Outcome, Ticket, Who};
use crate::domain::{Prompt, SessionId};
use crate::protocol::{Failure, FailureKind, LogKind, Reply};

impl Hub {
    /// Looks which answers have arrived, and which should have.
    pub(super) fn see_outcomes(&mut self, session: &SessionId, now: Instant) {
        let Some(entry) = self.sessions.get_mut(session) else {
            return;
        };
        let shown = entry.session.prompt.as_ref().map(|prompt| prompt.id);
        let outcome = |answer: &Underway| {
            let Stage::Left { until, hook } = answer.stage else {
                return None;
            };
            let is_gone = answer.prompt.is_none() || answer.prompt != shown;
            if is_gone && hook.is_none() {
                Some((Ended::Delivered, false))
            } else {
                (until <= now).then_some((Ended::Unknown, !is_gone))
            }
        };
        let (mut seen, mut unseen) = (Vec::new(), Vec::new());
        for answer in entry.docket.underway.drain(..) {
            match outcome(&answer) {
                Some((ended, stands)) => seen.push((ended, stands, answer)),
                None => unseen.push(answer),
            }
        }
        entry.docket.underway = unseen;
        for (ended, stands, answer) in seen {
            self.ended(session, answer, &ended);
            if ended == Ended::Unknown {
                self.stop_automatic(session, "nobody can tell whether an answer has arrived");
                if stands {
                    self.renew_prompt(session);
                }
            }
        }
        self.set_alarm(session, now);
    }

    /// A prompt that stands although it was answered may be the same question once more: whoever answers it again has to
    /// have seen it since.
    fn renew_prompt(&mut self, session: &SessionId) {
        let now = moment();
        if let Some(entry) = self.sessions.get_mut(session) {
            entry.monitor.renew_prompt(now.wall, &mut self.last_prompt);
            self.state_changed(session);
        }
    }

    /// Says what came of an answer that left.
    fn ended(&mut self, session: &SessionId, answer: Underway, ended: &Ended) {
        let Underway {
            ticket,
            client,
            decision,
            intent,
            ..
        } = answer;
        let outcome = match ended {
            Ended::Delivered => Outcome::Delivered,
            _ => Outcome::Unknown,
        };
        self.approvals.arbiter.settle(ticket, outcome);
        self.record_outcome(session, &decision, intent, ended.clone());
        let word = decision.answer.word();
        let mut detail = format!("{word}: {}", decision.asked.subject);
        if let Who::Rule(rule) = &decision.by {
            detail = format!("{word} by rule {rule}: {}", decision.asked.subject);
        }
        let detail = detail.trim_end_matches(": ").to_owned();
        let is_unknown = outcome == Outcome::Unknown;
        let detail = if is_unknown {
            format!("outcome unknown: {detail}")
        } else {
            detail
        };
        let kind = match &decision.by {
            Who::Person(_) => LogKind::Answered,
            Who::Rule(_) => LogKind::AutoConfirmed,
        };
        self.log(session, kind, detail);
        let now = moment().instant;
        if let Some(entry) = self.sessions.get_mut(session) {
            let switch = &mut entry.docket.switch;
            match &decision.by {
                Who::Rule(_) => switch.spend(now),
                Who::Person(_) => {
                    if switch.answered_by_person(decision.answer, &self.approvals.limits) {
                        self.switch_changed(session);
                    }
                }
            }
        }
        if let Some((client, id)) = client {
            let reply = if is_unknown {
                Reply::Failed(Failure {
                    kind: FailureKind::Failed,
                    message: format!("outcome unknown: {word} was sent, and nothing is seen of it"),
                    hint: "look at the session; the answer is not repeated".to_owned(),
                })
            } else {
                Reply::Done
            };
            self.clients.reply(client, id, reply);
        }
    }

    /// A prompt is gone that nobody of ours answered: its tool's own terminal did, or the tool gave it up.
    pub(super) fn withdrawn(&mut self, session: &SessionId, prompt: &Prompt) {
        let now = moment().instant;
        if let Some(entry) = self.sessions.get_mut(session)
            && prompt.kind.can_be_agreed_to()
            && !prompt.subject.is_empty()
            && entry.docket.withdrawals.take(now)
        {
            let why = if entry.session.state.is_over() {
                "its program has ended"
            } else {
                "answered at its own terminal, or given up"
            };
            // What it looked like is gone with it.
            let asked = Asked {
                before: String::new(),
                ..entry.asked(prompt)
            };
            let recorder = &self.approvals.setup.recorder;
            recorder.withdrawn(asked, why, &entry.screen());
        }
        self.log(session, LogKind::Withdrawn, prompt.subject.clone());
    }

    pub(super) fn record_outcome(
        &self,
        session: &SessionId,
        decision: &Decision,
        intent: Option<u64>,
        ended: Ended,
    ) {
        let entry = self.sessions.get(session);
        let after = entry.map_or_else(String::new, Entry::screen);
        let recorder = &self.approvals.setup.recorder;
        recorder.outcome(decision, intent, ended, &after);
    }

    pub(super) fn underway(
        &mut self,
        session: &SessionId,
        ticket: Ticket,
    ) -> Option<&mut Underway> {
        let docket = &mut self.sessions.get_mut(session)?.docket;
        docket
            .underway
            .iter_mut()
            .find(|answer| answer.ticket == ticket)
    }
}
