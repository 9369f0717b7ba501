//! What is asked is judged, for people to see: each prompt, and each question of a hook, once.
//!
//! The rules look at it beside the hub; what they say is put to the prompt that is told.

use std::sync::Arc;

use super::approval::{Approval, Pending, Road};
use super::{Hub, moment};
use crate::agent::approve::{Case, Judgement, may_be};
use crate::agent::monitor::Moment;
use crate::domain::{Advice, Mode, Prompt, PromptId, SessionId, Source, UnixMillis};

impl Hub {
    /// What the session's prompt is, has changed: the old one is over, the new one is judged.
    pub(super) fn prompt_changed(&mut self, id: &SessionId, left: Option<PromptId>) {
        let now = moment();
        if let Some(left) = left {
            self.relink(id, left);
            self.approvals.arbiter.close(left, now.instant);
        } else {
            self.link(id);
        }
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        let shown = entry.session.prompt.as_ref().map(|prompt| prompt.id);
        match shown {
            None => entry.docket.shown = None,
            Some(prompt)
                if entry
                    .docket
                    .shown
                    .as_ref()
                    .is_none_or(|(id, _)| *id != prompt) =>
            {
                entry.docket.shown = Some((prompt, Pending::new(now.instant)));
                self.approvals.arbiter.open(prompt);
                // Opened before it could be linked, so that the link finds it.
                self.link(id);
                self.judge_case(id, prompt);
            }
            Some(_) => {}
        }
        self.compare(id);
        self.see_outcomes(id, now.instant);
        self.consider(id, now);
    }

    /// A dialog that shows something else than every hook asks for is one of two that should be the same.
    fn compare(&mut self, id: &SessionId) {
        let Some(entry) = self.sessions.get(id) else {
            return;
        };
        let Some(prompt) = &entry.session.prompt else {
            return;
        };
        let asks = &entry.docket.asks;
        let is_other = prompt.kind.is_permission()
            && entry
                .session
                .disagreement
                .contains("hook names another subject")
            && !asks.is_empty()
            && !asks.iter().any(|ask| may_be(&ask.event, prompt));
        if is_other {
            self.stop_automatic(id, "the hook and the screen name different subjects");
        }
    }

    /// Lets the rules look at a prompt, or at what a hook asks.
    pub(super) fn judge_case(&mut self, id: &SessionId, number: PromptId) {
        let Some(case) = self.case(id, number) else {
            return;
        };
        let (judge, session) = (Arc::clone(&self.approvals.setup.rules.judge), id.clone());
        self.beside_approving(async move {
            // It may look at files, on a disk that hangs.
            let judged = tokio::task::spawn_blocking(move || judge.judge(&case)).await;
            let judgement = judged.unwrap_or_else(|_crashed| Judgement {
                verdict: crate::domain::Verdict::Ask,
                rule: String::new(),
                why: "it cannot be judged".to_owned(),
            });
            Approval::Judged {
                session,
                case: number,
                judgement,
            }
        });
    }

    pub(super) fn case(&self, id: &SessionId, number: PromptId) -> Option<Case> {
        let entry = self.sessions.get(id)?;
        let tool = entry.session.tool.clone();
        if let Some(ask) = entry.docket.asks.iter().find(|ask| ask.case == number) {
            return Some(Case {
                tool,
                kind: ask.event.kind(),
                subject: ask.event.subject.clone(),
                dir: if ask.event.cwd.is_empty() {
                    entry.session.dir.clone()
                } else {
                    ask.event.cwd.clone()
                },
                source: Source::Hook,
            });
        }
        let prompt = entry.session.prompt.as_ref()?;
        (prompt.id == number).then(|| Case {
            tool,
            kind: prompt.kind,
            subject: prompt.subject.clone(),
            dir: entry.session.dir.clone(),
            source: told_by(prompt),
        })
    }

    pub(super) fn judged(&mut self, id: &SessionId, case: PromptId, judgement: Judgement) {
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        let docket = &mut entry.docket;
        if let Some(ask) = docket.asks.iter_mut().find(|ask| ask.case == case) {
            ask.pending.judgement = Some(judgement);
        } else if let Some((_, pending)) = docket.shown.as_mut().filter(|(id, _)| *id == case) {
            pending.judgement = Some(judgement);
        }
        self.consider(id, moment());
    }

    /// Puts what the rules say to the prompt that is told.
    pub(super) fn advise(&mut self, id: &SessionId, now: Moment) {
        let Some(prompt) = self
            .sessions
            .get(id)
            .and_then(|entry| entry.session.prompt.as_ref())
            .map(|prompt| prompt.id)
        else {
            return;
        };
        let case = match self.road_to(id, prompt) {
            Road::Hook(case) => case,
            Road::Keys => prompt,
        };
        let (answers_at, objection) = match self.planned(id, case, now.instant) {
            Some((Ok(_), since, _)) => {
                let left = self.due(id, since).saturating_duration_since(now.instant);
                (
                    Some(now.wall + left.as_millis() as UnixMillis),
                    String::new(),
                )
            }
            Some((Err(objection), ..)) => (None, objection),
            None => (None, String::new()),
        };
        let judgement = self
            .pending(id, case)
            .and_then(|pending| pending.judgement.clone());
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        // Where nobody but a person answers, that it waits is no news.
        let is_switched_on = entry.docket.switch.told().mode != Mode::Ask;
        let advice = judgement.map(|judgement| Advice {
            verdict: judgement.verdict,
            waits: if is_switched_on && objection != judgement.why {
                objection
            } else {
                String::new()
            },
            rule: judgement.rule,
            why: judgement.why,
            answers_at,
        });
        if let Some(prompt) = &mut entry.session.prompt
            && !is_same_advice(prompt.advice.as_ref(), advice.as_ref())
        {
            prompt.advice = advice;
            self.announce(id);
        }
    }
}

/// Who told the exact subject: of those who say that a prompt is open only these can.
fn told_by(prompt: &Prompt) -> Source {
    let exact = [Source::Hook, Source::Screen];
    let told = exact
        .into_iter()
        .find(|source| prompt.evidence.contains(source));
    told.or(prompt.evidence.first().copied())
        .unwrap_or(Source::Screen)
}

/// Whether people would see the same: a moment that comes nearer is not another one.
fn is_same_advice(one: Option<&Advice>, other: Option<&Advice>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            let near = match (one.answers_at, other.answers_at) {
                (Some(one), Some(other)) => one.abs_diff(other) < 100,
                (one, other) => one == other,
            };
            near && (one.verdict, &one.rule, &one.why, &one.waits)
                == (other.verdict, &other.rule, &other.why, &other.waits)
        }
        (one, other) => one == other,
    }
}
