//! Answering a prompt: claimed, and written down before it leaves.
//!
//! An answer goes through the hook that waits for it, else as the key of that one option, typed only while the prompt that
//! was shown stands. How it leaves and what comes of it is told in `sending` and `outcomes`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::approval::{Approval, Road, Stage, Underway};
use super::orders::no_session;
use super::{ClientId, Hub, moment};
use crate::agent::approve::{Decision, Ended, Outcome, Way, Who};
use crate::agent::tmux::{Guard, PaneRef, Tmux};
use crate::domain::{Answer, Prompt, PromptId, SessionId};
use crate::protocol::{Failure, FailureKind};

/// How long a person's answer waits for its place in the record: a disk that is slower must not hold up people.
const PERSON_WAITS: Duration = Duration::from_millis(250);
/// How long an answer that no person gives waits for it: a disk that is slower cannot be relied on.
const RULE_WAITS: Duration = Duration::from_secs(5);

impl Hub {
    /// A person answers.
    pub(super) fn answer(
        &mut self,
        client: ClientId,
        id: u64,
        session: &SessionId,
        prompt: PromptId,
        answer: Answer,
        message: &str,
    ) {
        let who = Who::Person(self.clients.name(client));
        let road = self.road_to(session, prompt);
        if let Err(failure) = self.check(session, prompt, answer, message, road) {
            return self.fail(client, id, failure);
        }
        let shown = self.sessions.get(session).and_then(|entry| {
            let mut known = entry.docket.past.iter().chain(&entry.session.prompt);
            known.find(|known| known.id == prompt).cloned()
        });
        let decision = shown.and_then(|shown| self.decision(session, &shown, who.clone(), answer));
        let now = moment().instant;
        let arbiter = &mut self.approvals.arbiter;
        let ticket = match arbiter.claim(prompt, who, answer, now) {
            Ok(ticket) => ticket,
            Err(refusal) => {
                // Who came too late has answered all the same.
                if let Some(decision) = decision {
                    let ended = Ended::Refused {
                        why: refusal.words(),
                    };
                    self.record_outcome(session, &decision, None, ended);
                }
                return self.fail(client, id, refused(refusal.words()));
            }
        };
        let Some(mut decision) = decision else {
            self.approvals.arbiter.settle(ticket, Outcome::NotSent);
            return self.fail(client, id, no_session());
        };
        message.clone_into(&mut decision.message);
        decision.way = road.way();
        self.note(
            session,
            Underway {
                ticket,
                prompt: Some(prompt),
                road,
                client: Some((client, id)),
                decision,
                intent: None,
                stage: Stage::Noting,
            },
        );
    }

    /// Whether the answer can be given at all; anything uncertain is a refusal.
    fn check(
        &self,
        session: &SessionId,
        prompt: PromptId,
        answer: Answer,
        message: &str,
        road: Road,
    ) -> Result<(), Failure> {
        let (known, _) = self.find(session)?;
        // What was decided already is said by the arbiter.
        let is_shown = known.prompt.as_ref().is_some_and(|open| open.id == prompt);
        if !is_shown || self.approvals.arbiter.is_taken(prompt) || road != Road::Keys {
            return Ok(());
        }
        if !message.is_empty() {
            return Err(Failure {
                hint: "answer without words, then type them into the session".to_owned(),
                ..refused("this prompt takes a key and no words; nothing was answered")
            });
        }
        self.keys(session, prompt, answer).map(drop)
    }

    /// The exact keys and what must hold when they are sent.
    pub(super) fn keys(
        &self,
        session: &SessionId,
        prompt: PromptId,
        answer: Answer,
    ) -> Result<(String, Guard, PaneRef, Tmux), Failure> {
        let (known, tmux) = self.find(session)?;
        let open = known.prompt.as_ref().filter(|open| open.id == prompt);
        let open = open.ok_or_else(|| refused("the prompt has changed; nothing was answered"))?;
        let entry = self.sessions.get(session).ok_or_else(no_session)?;
        let choice = open
            .choice(answer)
            .ok_or_else(|| refused("no key of this prompt means that for certain"))?;
        let guard = entry
            .guard()
            .ok_or_else(|| refused("the prompt cannot be found on the screen any more"))?;
        Ok((choice.keys.clone(), guard, known.pane.clone(), tmux))
    }

    /// What the record keeps of an answer to a prompt.
    pub(super) fn decision(
        &self,
        session: &SessionId,
        prompt: &Prompt,
        by: Who,
        answer: Answer,
    ) -> Option<Decision> {
        let entry = self.sessions.get(session)?;
        Some(Decision {
            by,
            mode: entry.docket.switch.told().mode,
            policy: self.approvals.setup.rules.judge.hash(),
            answer,
            message: String::new(),
            way: Way::None,
            why: String::new(),
            asked: entry.asked(prompt),
        })
    }

    /// Writes an answer down before it leaves.
    pub(super) fn note(&mut self, session: &SessionId, answer: Underway) {
        let Some(entry) = self.sessions.get_mut(session) else {
            return;
        };
        let waits = if answer.client.is_some() {
            PERSON_WAITS
        } else {
            RULE_WAITS
        };
        let (ticket, decision) = (answer.ticket, answer.decision.clone());
        entry.docket.underway.push(answer);
        let (recorder, session) = (Arc::clone(&self.approvals.setup.recorder), session.clone());
        self.beside_approving(async move {
            let intent = timeout(waits, recorder.intent(decision))
                .await
                .unwrap_or_else(|_elapsed| Err("the disk does not keep up".to_owned()));
            Approval::Noted {
                session,
                ticket,
                intent,
            }
        });
    }
}

impl Road {
    pub(super) fn way(self) -> Way {
        match self {
            Self::Hook(_) => Way::Hook,
            Self::Keys => Way::Keys,
        }
    }
}

pub(super) fn refused(message: impl Into<String>) -> Failure {
    Failure {
        kind: FailureKind::Refused,
        message: message.into(),
        hint: "look at the session and answer again".to_owned(),
    }
}
