//! Prompts are answered without a person, where one has switched that on for the session.
//!
//! What follows from what the rules say is looked at anew whenever something changes, and once more right before an answer
//! leaves. Whoever looks at the session has some time to be first.

use std::time::Instant;

use super::approval::{Ask, Pending, Road, Stage, Underway};
use super::{Hub, moment};
use crate::agent::approve::{Ended, Plan, Situation, Ticket, Version, Way, Who, plan};
use crate::agent::monitor::Moment;
use crate::domain::{Prompt, PromptId, SessionId, Source};
use crate::protocol::LogKind;

impl Hub {
    pub(super) fn consider_all(&mut self) {
        let all: Vec<SessionId> = self.sessions.keys().cloned().collect();
        for id in all {
            self.consider(&id, moment());
        }
    }

    /// Does what the time has come for.
    pub(super) fn look_after(&mut self, id: &SessionId, now: Moment) {
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        if entry.docket.alarm.is_none_or(|at| at > now.instant) {
            return;
        }
        if entry.docket.switch.expire(now.instant) {
            self.switch_changed(id);
        }
        self.see_outcomes(id, now.instant);
        self.consider(id, now);
    }

    /// Looks at everything that is open in a session: what may be answered by itself, and when.
    pub(super) fn consider(&mut self, id: &SessionId, now: Moment) {
        self.withdraw(id, |ask| ask.is_late(now.instant));
        let Some(entry) = self.sessions.get(id) else {
            return;
        };
        let cases: Vec<PromptId> = entry.docket.asks.iter().map(|ask| ask.case).collect();
        let shown = entry.docket.shown.as_ref().map(|(id, _)| *id);
        for case in cases.into_iter().chain(shown) {
            let Some((plan, since, races)) = self.planned(id, case, now.instant) else {
                continue;
            };
            let due = self.due(id, since);
            match plan {
                Ok(plan) if due <= now.instant => self.begin(id, case, plan),
                Ok(_) if races => {}
                // It keeps its tool from showing the dialog: at once or not at all.
                _ => self.withdraw(id, |ask| ask.case == case && !ask.races),
            }
        }
        self.advise(id, now);
        self.set_alarm(id, now.instant);
    }

    /// What may be done about one open question; `None` while it is not judged, or when there is nothing left to do.
    pub(super) fn planned(
        &mut self,
        id: &SessionId,
        case: PromptId,
        now: Instant,
    ) -> Option<(Result<Plan, String>, Instant, bool)> {
        let record_trouble = self.approvals.setup.recorder.trouble();
        let entry = self.sessions.get_mut(id)?;
        let spent = entry.docket.switch.spent(&self.approvals.limits, now);
        let docket = &entry.docket;
        let ask = docket.asks.iter().find(|ask| ask.case == case);
        let prompt = entry.session.prompt.as_ref();
        let (pending, kind, subject, way, evidence, races) = match (ask, &docket.shown) {
            (Some(ask), _) => (
                &ask.pending,
                ask.event.kind(),
                ask.event.subject.as_str(),
                Way::Hook,
                &[Source::Hook][..],
                ask.races,
            ),
            (None, Some((shown, pending))) if *shown == case => {
                let prompt = prompt.filter(|prompt| prompt.id == case)?;
                // What a hook asks is answered through it. Its dialog may stand there for a while after that, and would be
                // answered twice: the second time perhaps in place of the next one.
                let way = if docket.has_hook {
                    Way::None
                } else {
                    Way::Keys
                };
                (
                    pending,
                    prompt.kind,
                    prompt.subject.as_str(),
                    way,
                    prompt.evidence.as_slice(),
                    true,
                )
            }
            _ => return None,
        };
        if pending.is_done {
            return None;
        }
        let unknown = Version::Unknown;
        let rules = &self.approvals.setup.rules;
        let plan = plan(&Situation {
            auto: docket.switch.told(),
            kind,
            subject,
            way,
            evidence,
            disagreement: &entry.session.disagreement,
            version: self
                .approvals
                .versions
                .get(&entry.session.tool)
                .unwrap_or(&unknown),
            judgement: pending.judgement.as_ref()?,
            denies: self.approvals.setup.settings.deny,
            policy_trouble: rules
                .trouble
                .as_ref()
                .map(|trouble| trouble.message.as_str()),
            record_trouble: record_trouble.as_deref(),
            spent: spent.as_deref(),
        });
        Some((plan, pending.since, races))
    }

    /// When something that is open since then may be answered by itself.
    pub(super) fn due(&self, id: &SessionId, since: Instant) -> Instant {
        let watchers = self.sessions.get(id).map(|entry| &entry.watchers);
        let looks_since = watchers
            .into_iter()
            .flatten()
            .map(|(_, watcher)| watcher.since)
            .min();
        looks_since.map_or(since, |looks| since.max(looks) + self.approvals.takeover())
    }

    /// Claims an answer that no person gives, or rehearses it.
    fn begin(&mut self, id: &SessionId, case: PromptId, plan: Plan) {
        let Some(entry) = self.sessions.get(id) else {
            return;
        };
        let ask = entry.docket.asks.iter().find(|ask| ask.case == case);
        let road = ask.map_or(Road::Keys, |_| Road::Hook(case));
        let shown = ask.map_or(Some(case), |ask| ask.prompt);
        let asked = ask.map(|ask| prompt_of(ask.case, &ask.event.subject, ask.event.kind()));
        let known = entry
            .session
            .prompt
            .clone()
            .filter(|prompt| Some(prompt.id) == shown);
        let Some(prompt) = known.or(asked) else {
            return;
        };
        let is_rehearsal = entry.docket.switch.told().dry_run;
        let who = Who::Rule(plan.rule.clone());
        let Some(mut decision) = self.decision(id, &prompt, who.clone(), plan.answer) else {
            return;
        };
        if let Some(ask) = self.ask_of(id, case) {
            // To the letter, not as it is shown.
            decision.asked.subject.clone_from(&ask.event.subject);
            decision.asked.dir.clone_from(&ask.event.cwd);
        }
        decision.why = plan.why;
        self.done_with(id, case);
        if is_rehearsal {
            self.record_outcome(id, &decision, None, Ended::Rehearsed);
            let word = plan.answer.word();
            let detail = format!(
                "dry run: {word} by rule {}: {}",
                plan.rule, decision.asked.subject
            );
            self.log(id, LogKind::AutoConfirmed, detail);
            return self.withdraw(id, |ask| ask.case == case && !ask.races);
        }
        decision.way = road.way();
        let now = moment().instant;
        match self.approvals.arbiter.claim(case, who, plan.answer, now) {
            Ok(ticket) => self.note(
                id,
                Underway {
                    ticket,
                    prompt: shown,
                    road,
                    client: None,
                    decision,
                    intent: None,
                    stage: Stage::Noting,
                },
            ),
            Err(_) => self.withdraw(id, |ask| ask.case == case && !ask.races),
        }
    }

    fn ask_of(&self, id: &SessionId, case: PromptId) -> Option<&Ask> {
        let docket = &self.sessions.get(id)?.docket;
        docket.asks.iter().find(|ask| ask.case == case)
    }

    pub(super) fn pending(&mut self, id: &SessionId, case: PromptId) -> Option<&mut Pending> {
        let docket = &mut self.sessions.get_mut(id)?.docket;
        let ask = docket.asks.iter_mut().find(|ask| ask.case == case);
        let shown = docket.shown.as_mut().filter(|(id, _)| *id == case);
        ask.map(|ask| &mut ask.pending)
            .or(shown.map(|(_, pending)| pending))
    }

    fn done_with(&mut self, id: &SessionId, case: PromptId) {
        if let Some(pending) = self.pending(id, case) {
            pending.is_done = true;
        }
    }

    /// Whether an answer that no person gives may leave although some time has passed since it was planned.
    pub(super) fn may_still(&mut self, id: &SessionId, ticket: Ticket, now: Instant) -> bool {
        let Some(answer) = self.underway(id, ticket) else {
            return false;
        };
        let case = match answer.road {
            Road::Hook(case) => case,
            Road::Keys => answer.decision.asked.prompt,
        };
        let wanted = answer.decision.answer;
        if let Some(pending) = self.pending(id, case) {
            pending.is_done = false;
        }
        let plan = self.planned(id, case, now);
        let holds = plan.is_some_and(|(plan, since, _)| {
            plan.is_ok_and(|plan| plan.answer == wanted) && self.due(id, since) <= now
        });
        if holds {
            self.done_with(id, case);
        }
        holds
    }

    /// An answer that no person gives did not leave: a hook that cannot wait is let go. What else still holds is planned
    /// anew.
    pub(super) fn begin_again(&mut self, id: &SessionId, answer: &Underway) {
        if let Road::Hook(case) = answer.road {
            self.withdraw(id, |ask| ask.case == case && !ask.races);
        }
        self.set_alarm(id, moment().instant);
    }

    /// When the session wants to be looked after next.
    pub(super) fn set_alarm(&mut self, id: &SessionId, now: Instant) {
        let Some(entry) = self.sessions.get(id) else {
            return;
        };
        let deadlines = entry.docket.underway.iter().filter_map(|answer| {
            let Stage::Left { until, .. } = answer.stage else {
                return None;
            };
            Some(until)
        });
        let mut alarm: Vec<Instant> = deadlines.chain(entry.docket.switch.ends()).collect();
        alarm.extend(entry.docket.asks.iter().filter_map(Ask::ends));
        let asks = entry.docket.asks.iter().map(|ask| ask.case);
        let shown = entry.docket.shown.as_ref().map(|(id, _)| *id);
        let cases: Vec<PromptId> = asks.chain(shown).collect();
        for case in cases {
            if let Some((Ok(_), since, _)) = self.planned(id, case, now) {
                alarm.push(self.due(id, since));
            }
        }
        if let Some(entry) = self.sessions.get_mut(id) {
            entry.docket.alarm = alarm.into_iter().min();
        }
        self.reschedule(id);
    }
}

/// What a hook asks, before its tool has drawn it.
fn prompt_of(id: PromptId, subject: &str, kind: crate::domain::PromptKind) -> Prompt {
    Prompt {
        id,
        kind,
        subject: subject.to_owned(),
        question: String::new(),
        choices: Vec::new(),
        rule: String::new(),
        evidence: vec![Source::Hook],
        since: 0,
        advice: None,
    }
}
