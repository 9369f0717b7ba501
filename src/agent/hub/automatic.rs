//! Prompts are answered without a person, where one has switched that on for the session.
//!
//! The rules judge every prompt, for people to see; what follows from it is looked at anew whenever something changes, and
//! once more right before an answer leaves. Whoever looks at the session has some time to be first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answers::refused;
use super::approval::{Approval, Pending, Road, Rules, Stage, Underway};
use super::orders::no_session;
use super::{ClientId, Hub, HubMsg, moment};
use crate::agent::approve::{
    Case, Ended, Judgement, Plan, Situation, Ticket, Version, Way, Who, Wish, may_be, plan,
};
use crate::agent::monitor::Moment;
use crate::agent::tmux::find_program;
use crate::domain::{Advice, Mode, Prompt, PromptId, SessionId, Source, UnixMillis};
use crate::protocol::{Failure, FailureKind, LogKind, Reply};

/// The longest time that a mode may be set for, in hours: nobody remembers what was switched on a week ago.
const LONGEST_HOURS: u32 = 24 * 7;
/// How long a tool may take to say its version: some start a whole runtime for it, on a busy host.
const VERSION_WITHIN: Duration = Duration::from_secs(20);
/// How it is said that decisions cannot be recorded.
const UNRECORDED: &str = "the record of decisions cannot be written";
/// How much of that is listened to, in bytes.
const VERSION_WORDS: usize = 4 << 10;

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
                message: format!("{UNRECORDED}: {why}"),
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

    fn stop_all(&mut self, why: &str) {
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

    fn case(&self, id: &SessionId, number: PromptId) -> Option<Case> {
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
            source: prompt.evidence.first().copied().unwrap_or(Source::Screen),
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
    fn planned(
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
                // What a hook waits for is answered through it.
                let way = if docket.asks.is_empty() {
                    Way::Keys
                } else {
                    Way::Nowhere
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
    fn due(&self, id: &SessionId, since: Instant) -> Instant {
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
            decision.subject.clone_from(&ask.event.subject);
            decision.dir.clone_from(&ask.event.cwd);
        }
        decision.why = plan.why;
        self.done_with(id, case);
        if is_rehearsal {
            self.record_outcome(id, &decision, None, Ended::Rehearsed);
            let word = plan.answer.word();
            let detail = format!(
                "dry run: {word} by rule {}: {}",
                plan.rule, decision.subject
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

    fn ask_of(&self, id: &SessionId, case: PromptId) -> Option<&super::approval::Ask> {
        let docket = &self.sessions.get(id)?.docket;
        docket.asks.iter().find(|ask| ask.case == case)
    }

    fn pending(&mut self, id: &SessionId, case: PromptId) -> Option<&mut Pending> {
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
            Road::Keys => answer.decision.prompt,
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

    /// Puts what the rules say to the prompt that is told.
    fn advise(&mut self, id: &SessionId, now: Moment) {
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
        let answers_at = match self.planned(id, case, now.instant) {
            Some((Ok(_), since, _)) => {
                let left = self.due(id, since).saturating_duration_since(now.instant);
                Some(now.wall + left.as_millis() as UnixMillis)
            }
            _ => None,
        };
        let judgement = self
            .pending(id, case)
            .and_then(|pending| pending.judgement.clone());
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        let advice = judgement.map(|judgement| Advice {
            verdict: judgement.verdict,
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

    /// The policy was changed on disk, by whom nobody knows: what was switched on, was for the old one.
    pub(super) fn rules_loaded(&mut self, rules: Rules) {
        let known = self.approvals.setup.rules.judge.hash();
        let why = match &rules.trouble {
            Some(trouble) => format!("the policy does not load: {}", trouble.message),
            None if rules.judge.hash() == known => return self.take_rules(rules),
            None => "the policy was changed on disk".to_owned(),
        };
        self.stop_all(&why);
        self.take_rules(rules);
    }

    /// The record can be written no more, or again: people go on, nothing else does.
    pub(super) fn record_health(&mut self, trouble: Option<&str>) {
        let message = trouble.map(|why| format!("{UNRECORDED}: {why}"));
        if let Some(message) = &message {
            self.stop_all(message);
        }
        let is_ours = |failure: &Failure| failure.message.starts_with(UNRECORDED);
        if message.is_some() || self.trouble.as_ref().is_some_and(is_ours) {
            self.set_trouble(message.map(|message| Failure {
                kind: FailureKind::Failed,
                message,
                hint: "nothing is answered by itself until it can be".to_owned(),
            }));
        }
    }

    /// From now on these rules count, for what is open as well.
    pub(super) fn take_rules(&mut self, rules: Rules) {
        let before = self.approvals.setup.rules.trouble.clone();
        let trouble = rules.trouble.clone();
        self.approvals.setup.rules = rules;
        if before != trouble && (trouble.is_some() || self.trouble == before) {
            self.set_trouble(trouble);
        }
        let mut open = Vec::new();
        for (id, entry) in &mut self.sessions {
            let asks = entry.docket.asks.iter().map(|ask| ask.case);
            let shown = entry.docket.shown.as_ref().map(|(id, _)| *id);
            open.extend(asks.chain(shown).map(|case| (id.clone(), case)));
        }
        for (id, case) in open {
            self.judge_case(&id, case);
        }
    }

    /// Answers with the rule that would allow what the prompt asks.
    pub(super) fn suggest_rule(
        &mut self,
        client: ClientId,
        id: u64,
        session: &SessionId,
        prompt: PromptId,
    ) {
        let case = match self.road_to(session, prompt) {
            Road::Hook(case) => case,
            Road::Keys => prompt,
        };
        let Some(case) = self.case(session, case) else {
            return self.fail(client, id, refused("the prompt has changed"));
        };
        let judge = Arc::clone(&self.approvals.setup.rules.judge);
        let hub = self.own.clone();
        tokio::spawn(async move {
            let suggested = tokio::task::spawn_blocking(move || judge.suggest(&case)).await;
            let reply = Reply::Rule(suggested.unwrap_or(None));
            // Without a hub the client is gone as well.
            let _told = hub.send(HubMsg::Replied { client, id, reply }).await;
        });
    }

    /// Adds a rule to the host's policy, for a person.
    pub(super) fn add_rule(&mut self, client: ClientId, id: u64, text: String) {
        let files = self.approvals.setup.rule_files.clone();
        self.beside_approving(async move {
            let added = tokio::task::spawn_blocking(move || files.add(&text)).await;
            let result = added.unwrap_or_else(|_crashed| Err(refused("the rule was not added")));
            Approval::RuleAdded { client, id, result }
        });
    }

    /// Asks a tool's program for its version, as it is on disk now. What has no program of its own is as old as we are.
    fn ask_version(&mut self, tool: &str) {
        let Some(profile) = self.tools.get(tool) else {
            return;
        };
        let tested = profile.tested.clone();
        if profile.program.is_empty() {
            let known = tested.map_or(Version::Unknown, |_| Version::Tested);
            self.approvals.versions.insert(tool.to_owned(), known);
            return;
        }
        let program = profile
            .program
            .iter()
            .find_map(|program| find_program(program));
        let (Some(tested), Some(program)) = (tested, program) else {
            self.approvals.versions.remove(tool);
            return;
        };
        let tool = tool.to_owned();
        self.beside_approving(async move {
            let mut asked = tokio::process::Command::new(program);
            asked
                .arg("--version")
                .stdin(std::process::Stdio::null())
                .kill_on_drop(true);
            let said = tokio::time::timeout(VERSION_WITHIN, asked.output()).await;
            let version = match said {
                Ok(Ok(output)) if output.status.success() => {
                    let words = output.stdout.get(..VERSION_WORDS).unwrap_or(&output.stdout);
                    Version::of(&tested, &String::from_utf8_lossy(words))
                }
                _ => Version::Unknown,
            };
            Approval::Versioned { tool, version }
        });
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

/// Whether people would see the same: a moment that comes nearer is not another one.
fn is_same_advice(one: Option<&Advice>, other: Option<&Advice>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            let near = match (one.answers_at, other.answers_at) {
                (Some(one), Some(other)) => one.abs_diff(other) < 100,
                (one, other) => one == other,
            };
            near && (one.verdict, &one.rule, &one.why) == (other.verdict, &other.rule, &other.why)
        }
        (one, other) => one == other,
    }
}
