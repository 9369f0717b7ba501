//! Answering a prompt: claimed, written down, given to the tool once, and looked after until it is seen what came of it.
//!
//! An answer goes through the hook that waits for it, else as the key of that one option, typed only while the prompt that
//! was shown stands. It has arrived when the hook has passed it on and the prompt is gone. When that is not seen in time the
//! outcome is unknown: this is said, the key is never repeated, and what still stands there is another prompt.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::approval::{Approval, Road, Stage, Underway};
use super::orders::no_session;
use super::{ClientId, Hub, moment, tmux_failure};
use crate::agent::approve::{Decision, Ended, Intent, Outcome, Ticket, Way, Who};
use crate::agent::tmux::{Guard, PaneRef, Refusal, Sent, Tmux};
use crate::domain::{Answer, HookDecision, Prompt, PromptId, SessionId};
use crate::protocol::{Failure, FailureKind, LogKind, Reply};

/// How long a person's answer waits for its place in the record: a disk that is slower must not hold up people.
const PERSON_WAITS: Duration = Duration::from_millis(250);
/// How long an answer that no person gives waits for it: a disk that is slower cannot be relied on.
const RULE_WAITS: Duration = Duration::from_secs(5);
/// How soon it has to be seen that an answer has arrived: tools redraw within half a second, and a client waits five.
const SEEN_WITHIN: Duration = Duration::from_secs(4);

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
        let shown = self
            .sessions
            .get(session)
            .and_then(|entry| entry.session.prompt.clone())
            .filter(|shown| shown.id == prompt);
        let decision = shown.and_then(|shown| self.decision(session, &shown, who.clone(), answer));
        let now = moment().instant;
        let arbiter = &mut self.approvals.arbiter;
        let ticket = match arbiter.claim(prompt, who, answer, now) {
            Ok(ticket) => ticket,
            Err(refusal) => {
                // Who came too late has answered all the same.
                if let Some(decision) = decision {
                    let ended = Ended::Refused(refusal.words());
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
    fn keys(
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
            way: Way::Nowhere,
            why: String::new(),
            session: session.clone(),
            name: entry.session.name.clone(),
            tool: entry.session.tool.clone(),
            dir: entry.session.dir.clone(),
            prompt: prompt.id,
            kind: prompt.kind,
            subject: prompt.subject.clone(),
            question: prompt.question.clone(),
            evidence: prompt.evidence.clone(),
            before: entry.monitor.screen().text().join("\n"),
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

    /// An answer is in the record, or a person's goes on without: it leaves, if everything still holds.
    pub(super) fn noted(&mut self, session: &SessionId, ticket: Ticket, intent: &Intent) {
        let now = moment().instant;
        let Some(answer) = self.underway(session, ticket) else {
            return;
        };
        let is_automatic = answer.client.is_none();
        let (prompt, road, wanted) = (answer.prompt, answer.road, answer.decision.answer);
        answer.intent = intent.as_ref().ok().copied();
        if let (true, Err(why)) = (is_automatic, intent) {
            let why = format!("the record cannot be written: {why}");
            self.not_sent(session, ticket, &why);
            return self.stop_automatic(session, &why);
        }
        if is_automatic && !self.may_still(session, ticket, now) {
            return self.not_sent(session, ticket, "a person is looking");
        }
        // What was shown has to be what is shown.
        let stands = self.sessions.get(session).is_some_and(|entry| {
            let shown = entry.session.prompt.as_ref().map(|prompt| prompt.id);
            match road {
                Road::Keys => shown == prompt,
                Road::Hook(case) => {
                    (prompt.is_none() || shown == prompt)
                        && entry.docket.asks.iter().any(|ask| ask.case == case)
                }
            }
        });
        if !stands {
            return self.not_sent(
                session,
                ticket,
                "the prompt has changed; nothing was answered",
            );
        }
        if let Err(refusal) = self.approvals.arbiter.send(ticket, now) {
            return self.not_sent(session, ticket, &refusal.words());
        }
        match road {
            Road::Hook(case) => self.give_to_hook(session, ticket, case, now),
            Road::Keys => match prompt.map(|prompt| self.keys(session, prompt, wanted)) {
                Some(Ok((keys, guard, pane, tmux))) => {
                    if let Some(answer) = self.underway(session, ticket) {
                        answer.stage = Stage::Typing;
                    }
                    let session = session.clone();
                    self.beside_approving(async move {
                        let sent = tmux.send_guarded(&pane, &guard, keys.as_bytes()).await;
                        Approval::KeySent {
                            session,
                            ticket,
                            result: sent.map_err(|error| tmux_failure(&error)),
                        }
                    });
                }
                Some(Err(failure)) => self.not_sent(session, ticket, &failure.message),
                None => self.not_sent(session, ticket, "there is no prompt"),
            },
        }
    }

    fn give_to_hook(&mut self, session: &SessionId, ticket: Ticket, case: PromptId, now: Instant) {
        let Some(entry) = self.sessions.get_mut(session) else {
            return;
        };
        let docket = &mut entry.docket;
        let ask = docket.asks.extract_if(.., |ask| ask.case == case).next();
        let answer = docket
            .underway
            .iter_mut()
            .find(|answer| answer.ticket == ticket);
        let (Some(ask), Some(answer)) = (ask, answer) else {
            return;
        };
        answer.stage = Stage::Left {
            until: now + SEEN_WITHIN,
            hook: Some((ask.client, ask.request)),
        };
        let decision = HookDecision {
            answer: answer.decision.answer,
            message: answer.decision.message.clone(),
        };
        self.clients
            .reply(ask.client, ask.request, Reply::Decision(Some(decision)));
        self.set_alarm(session, now);
    }

    pub(super) fn key_sent(
        &mut self,
        session: &SessionId,
        ticket: Ticket,
        result: Result<Sent, Failure>,
    ) {
        let now = moment().instant;
        match result {
            Ok(Sent::Refused { why }) => self.not_sent(session, ticket, refusal_words(&why)),
            Ok(Sent::Sent) => {
                if let Some(answer) = self.underway(session, ticket) {
                    answer.stage = Stage::Left {
                        until: now + SEEN_WITHIN,
                        hook: None,
                    };
                }
                self.see_outcomes(session, now);
            }
            // Nobody knows whether it was typed: it is looked at as if it was.
            Err(failure) => {
                tracing::warn!(message = failure.message, "a key was sent into the unknown");
                if let Some(answer) = self.underway(session, ticket) {
                    answer.stage = Stage::Left {
                        until: now + SEEN_WITHIN,
                        hook: None,
                    };
                }
                self.see_outcomes(session, now);
            }
        }
    }

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
        let mut detail = format!("{word}: {}", decision.subject);
        if let Who::Rule(rule) = &decision.by {
            detail = format!("{word} by rule {rule}: {}", decision.subject);
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

    /// An answer did not leave: the prompt is open again, unless somebody else has it.
    fn not_sent(&mut self, session: &SessionId, ticket: Ticket, why: &str) {
        self.approvals.arbiter.settle(ticket, Outcome::NotSent);
        let Some(entry) = self.sessions.get_mut(session) else {
            return;
        };
        let mut found = entry
            .docket
            .underway
            .extract_if(.., |answer| answer.ticket == ticket);
        let Some(answer) = found.next() else {
            return;
        };
        drop(found);
        if answer.client.is_none() {
            self.begin_again(session, &answer);
        }
        let ended = Ended::Refused(why.to_owned());
        self.record_outcome(session, &answer.decision, answer.intent, ended);
        if let Some((client, id)) = answer.client {
            self.clients.reply(client, id, Reply::Failed(refused(why)));
        }
    }

    pub(super) fn record_outcome(
        &self,
        session: &SessionId,
        decision: &Decision,
        intent: Option<u64>,
        ended: Ended,
    ) {
        let entry = self.sessions.get(session);
        let after = entry.map_or_else(String::new, |entry| {
            entry.monitor.screen().text().join("\n")
        });
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

fn refusal_words(why: &Refusal) -> &'static str {
    match why {
        Refusal::OtherProcess => "another process runs in the pane now; nothing was sent",
        Refusal::Dead => "the program has ended; nothing was sent",
        Refusal::InMode => "somebody scrolls in the pane (copy mode); nothing was sent",
        Refusal::InputDiverted => "the pane's input is switched off or shared; nothing was sent",
        Refusal::OtherCommand => "another program is in the foreground; nothing was sent",
        Refusal::CursorMoved => "the screen has moved on; nothing was sent",
        Refusal::TextMissing(_) => "the prompt is no longer on the screen; nothing was sent",
    }
}
