//! An answer that is written down leaves, if everything still holds: through the hook, or as one key.
//!
//! Promise: what was shown is what is answered, and what is uncertain is not sent.

use std::time::{Duration, Instant};

use super::answers::refused;
use super::approval::{Approval, Road, Stage};
use super::{Hub, moment, tmux_failure};
use crate::agent::approve::{self, Ended, Intent, Outcome, Ticket};
use crate::agent::tmux::{Refusal, Sent};
use crate::domain::{HookDecision, PromptId, SessionId};
use crate::protocol::{Failure, Reply};

/// How soon it has to be seen that an answer has arrived: tools redraw within half a second, and a client waits five.
const SEEN_WITHIN: Duration = Duration::from_secs(4);
/// How long after its hook's answer a tool may still draw the dialog, and we may still read it: less than half a second, and
/// some more on a busy host.
const LINGERS: Duration = Duration::from_secs(2);

impl Hub {
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
            self.not_sent(session, ticket, &Ended::Refused { why: why.clone() });
            return self.stop_automatic(session, &why);
        }
        if is_automatic && !self.may_still(session, ticket, now) {
            let why = Ended::Refused {
                why: "a person is looking".to_owned(),
            };
            return self.not_sent(session, ticket, &why);
        }
        // What was shown has to be what is shown.
        let stands = self.sessions.get(session).is_some_and(|entry| {
            let shown = entry.session.prompt.as_ref().map(|prompt| prompt.id);
            match road {
                Road::Keys => shown == prompt,
                Road::Hook(case) => {
                    (prompt.is_none() || shown == prompt)
                        && entry
                            .docket
                            .asks
                            .iter()
                            .any(|ask| ask.case == case && !ask.is_late(now))
                }
            }
        });
        if !stands {
            // Somebody else may have answered it meanwhile; else it goes no further than this.
            let ended = match self.approvals.arbiter.send(ticket, now) {
                Err(refusal @ approve::Refusal::Taken { .. }) => Ended::Refused {
                    why: refusal.words(),
                },
                _ => Ended::Withdrawn,
            };
            return self.not_sent(session, ticket, &ended);
        }
        if let Err(refusal) = self.approvals.arbiter.send(ticket, now) {
            return self.not_sent(
                session,
                ticket,
                &Ended::Refused {
                    why: refusal.words(),
                },
            );
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
                Some(Err(failure)) => {
                    self.not_sent(
                        session,
                        ticket,
                        &Ended::Refused {
                            why: failure.message,
                        },
                    );
                }
                None => self.not_sent(session, ticket, &Ended::Withdrawn),
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
        docket.given = Some((case, ask.event, now + LINGERS));
        let decision = HookDecision {
            answer: answer.decision.answer,
            message: answer.decision.message.clone(),
        };
        self.clients
            .reply(ask.client, ask.request, Reply::Decision(Some(decision)));
        // Who answers from now on is too late.
        self.approvals.arbiter.close(case, now);
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
            Ok(Sent::Refused { why }) => {
                let why = Ended::Refused {
                    why: refusal_words(&why).to_owned(),
                };
                self.not_sent(session, ticket, &why);
            }
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

    /// An answer did not leave: the prompt is open again, unless somebody else has it.
    fn not_sent(&mut self, session: &SessionId, ticket: Ticket, ended: &Ended) {
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
        self.record_outcome(session, &answer.decision, answer.intent, ended.clone());
        if let Some((client, id)) = answer.client {
            let why = match ended {
                Ended::Refused { why } => why,
                _ => "the prompt has changed; nothing was answered",
            };
            self.clients.reply(client, id, Reply::Failed(refused(why)));
        }
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
