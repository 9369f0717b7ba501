//! One answer per prompt, whoever gives it: two dashboards, a script, a rule.
//!
//! An answer is claimed, sent and settled. The first claim that is accepted wins; only a no may push aside a yes that has
//! not left yet. From [`Arbiter::send`] on nothing can be taken back, and nothing else is let through. What is certain not
//! to have left ([`Outcome::NotSent`]) opens the prompt again; what is unknown never does: it might be the second answer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::domain::{Answer, PromptId};

/// How long a claim may stay unsent before others may claim: recording takes milliseconds, a disk that hangs is given up
/// after less than this.
const LEASE: Duration = Duration::from_secs(10);
/// How long a prompt that is gone is remembered: whoever answers it later looks at a picture of another time, and needs no
/// more than to be told so.
const REMEMBERED: Duration = Duration::from_secs(60);

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A person, by the name of the client.
    Person(String),
    /// Nobody; the rule of this name.
    Rule(String),
}

impl Who {
    fn is_person(&self) -> bool {
        matches!(self, Self::Person(_))
    }

    /// For people.
    pub fn words(&self) -> String {
        match self {
            Self::Person(client) => client.clone(),
            Self::Rule(rule) => format!("rule {rule}"),
        }
    }
}

/// A claim that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    prompt: PromptId,
    number: u64,
}

/// Why an answer is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such prompt, or it went away long ago.
    Unknown,
    /// It went away unanswered.
    Gone,
    /// Somebody else answered, or is about to; `ago` is since then.
    Taken {
        who: Who,
        answer: Answer,
        ago: Duration,
    },
    /// A person has taken over, so no rule answers any more.
    TakenOver,
}

impl Refusal {
    /// One line for people.
    pub fn words(&self) -> String {
        match self {
            Self::Unknown | Self::Gone => "the prompt has changed; nothing was answered".to_owned(),
            Self::Taken { who, answer, ago } => format!(
                "already decided: {} by {}, {} s ago",
                answer.word(),
                who.words(),
                ago.as_secs()
            ),
            Self::TakenOver => "a person has taken over".to_owned(),
        }
    }
}

/// What came of an answer that was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// It left, and nobody knows whether it arrived.
    Unknown,
    /// It certainly did not leave.
    NotSent,
}

#[derive(Clone, Debug)]
enum Stage {
    Open,
    /// Accepted, but still here.
    Claimed(Claim),
    /// On its way, or arrived.
    Sent(Claim),
}

#[derive(Clone, Debug)]
struct Claim {
    number: u64,
    who: Who,
    answer: Answer,
    at: Instant,
}

impl Claim {
    fn taken(&self, now: Instant) -> Refusal {
        Refusal::Taken {
            who: self.who.clone(),
            answer: self.answer,
            ago: now.saturating_duration_since(self.at),
        }
    }
}

#[derive(Debug)]
struct Case {
    stage: Stage,
    /// A person has answered once, whatever came of it.
    person: bool,
    gone: Option<Instant>,
}

/// All prompts that may be answered, and those that lately could be.
#[derive(Debug, Default)]
pub struct Arbiter {
    cases: BTreeMap<PromptId, Case>,
    /// Prompts that are the same as another one.
    same: BTreeMap<PromptId, PromptId>,
    last_number: u64,
}

impl Arbiter {
    /// A prompt has appeared. One that is known stays as it is.
    pub fn open(&mut self, prompt: PromptId) {
        let prompt = self.resolve(prompt);
        self.cases.entry(prompt).or_insert(Case {
            stage: Stage::Open,
            person: false,
            gone: None,
        });
    }

    /// Two names for one prompt: what its hook asked, and what the screen shows of it. Whatever was decided of either
    /// counts for both from now on.
    pub fn merge(&mut self, one: PromptId, other: PromptId) {
        let (one, other) = (self.resolve(one), self.resolve(other));
        if one == other {
            return;
        }
        let Some(case) = self.cases.remove(&one) else {
            return;
        };
        self.same.insert(one, other);
        let rank = |stage: &Stage| match stage {
            Stage::Open => 0,
            Stage::Claimed(_) => 1,
            Stage::Sent(_) => 2,
        };
        let kept = self.cases.entry(other).or_insert(Case {
            stage: Stage::Open,
            person: false,
            gone: None,
        });
        kept.person |= case.person;
        if rank(&case.stage) > rank(&kept.stage) {
            kept.stage = case.stage;
        }
    }

    /// A prompt that was taken for the same as another one is one of its own after all.
    pub fn part(&mut self, prompt: PromptId) {
        if self.same.remove(&prompt).is_some() {
            self.open(prompt);
        }
    }

    /// Asks for the right to answer.
    ///
    /// # Errors
    /// When somebody else has it, or there is nothing to answer.
    pub fn claim(
        &mut self,
        prompt: PromptId,
        who: Who,
        answer: Answer,
        now: Instant,
    ) -> Result<Ticket, Refusal> {
        let prompt = self.resolve(prompt);
        let case = self.cases.get_mut(&prompt).ok_or(Refusal::Unknown)?;
        case.person |= who.is_person();
        match &case.stage {
            Stage::Sent(claim) => return Err(claim.taken(now)),
            _ if case.gone.is_some() => return Err(Refusal::Gone),
            Stage::Claimed(claim) => {
                let is_pushed_aside = claim.answer == Answer::Yes && answer == Answer::No;
                let is_stale = now.saturating_duration_since(claim.at) >= LEASE;
                if !is_pushed_aside && !is_stale {
                    return Err(claim.taken(now));
                }
            }
            Stage::Open => {}
        }
        if case.person && !who.is_person() {
            return Err(Refusal::TakenOver);
        }
        self.last_number = self.last_number.saturating_add(1);
        let number = self.last_number;
        case.stage = Stage::Claimed(Claim {
            number,
            who,
            answer,
            at: now,
        });
        Ok(Ticket { prompt, number })
    }

    /// The last look before an answer leaves. After a yes to this it has to leave, or be settled as not sent.
    ///
    /// # Errors
    /// When somebody else was let through, the prompt is gone, or a person has taken over from a rule.
    pub fn send(&mut self, ticket: Ticket, now: Instant) -> Result<(), Refusal> {
        let prompt = self.resolve(ticket.prompt);
        let case = self.cases.get_mut(&prompt).ok_or(Refusal::Unknown)?;
        let claim = match &case.stage {
            Stage::Claimed(claim) if claim.number == ticket.number => claim.clone(),
            Stage::Claimed(claim) | Stage::Sent(claim) => return Err(claim.taken(now)),
            Stage::Open => return Err(Refusal::Gone),
        };
        if case.gone.is_some() {
            case.stage = Stage::Open;
            return Err(Refusal::Gone);
        }
        if case.person && !claim.who.is_person() {
            case.stage = Stage::Open;
            return Err(Refusal::TakenOver);
        }
        case.stage = Stage::Sent(Claim { at: now, ..claim });
        Ok(())
    }

    /// Says what came of a claim. One that was pushed aside has no say.
    pub fn settle(&mut self, ticket: Ticket, outcome: Outcome) {
        let prompt = self.resolve(ticket.prompt);
        let Some(case) = self.cases.get_mut(&prompt) else {
            return;
        };
        let is_its_own = match &case.stage {
            Stage::Claimed(claim) | Stage::Sent(claim) => claim.number == ticket.number,
            Stage::Open => false,
        };
        if is_its_own && outcome == Outcome::NotSent {
            case.stage = Stage::Open;
        }
    }

    /// The prompt is not there any more. Forgets those that are gone for long.
    pub fn close(&mut self, prompt: PromptId, now: Instant) {
        let prompt = self.resolve(prompt);
        if let Some(case) = self.cases.get_mut(&prompt) {
            case.gone.get_or_insert(now);
        }
        self.cases.retain(|_, case| {
            case.gone
                .is_none_or(|gone| now.saturating_duration_since(gone) <= REMEMBERED)
        });
        let cases = &self.cases;
        self.same.retain(|_, other| cases.contains_key(other));
    }

    /// Whether an answer has been let through, or is about to be.
    pub fn is_taken(&self, prompt: PromptId) -> bool {
        let case = self.cases.get(&self.resolve(prompt));
        case.is_some_and(|case| !matches!(case.stage, Stage::Open))
    }

    fn resolve(&self, prompt: PromptId) -> PromptId {
        // A merge always leads to one that was not merged itself at that time, so the way is short and has an end.
        let mut prompt = prompt;
        while let Some(other) = self.same.get(&prompt) {
            prompt = *other;
        }
        prompt
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const P: PromptId = PromptId(1);
    const Q: PromptId = PromptId(2);

    fn person(name: &str) -> Who {
        Who::Person(name.into())
    }

    fn rule() -> Who {
        Who::Rule("ls".into())
    }

    fn opened() -> (Arbiter, Instant) {
        let mut arbiter = Arbiter::default();
        arbiter.open(P);
        (arbiter, Instant::now())
    }

    #[test]
    fn the_loser_is_told_what_was_decided_by_whom_and_when() {
        let (mut arbiter, start) = opened();
        let ticket = arbiter.claim(P, person("X"), Answer::Yes, start).unwrap();
        let sent = start + Duration::from_secs(5);
        arbiter.send(ticket, sent).unwrap();
        let later = sent + Duration::from_secs(2);
        let refusal = arbiter
            .claim(P, person("Y"), Answer::No, later)
            .unwrap_err();
        assert_eq!(refusal.words(), "already decided: yes by X, 2 s ago");
    }

    #[test]
    fn a_no_pushes_aside_a_yes_that_has_not_left() {
        let (mut arbiter, now) = opened();
        let yes = arbiter.claim(P, person("X"), Answer::Yes, now).unwrap();
        let no = arbiter.claim(P, person("Y"), Answer::No, now).unwrap();
        assert!(matches!(
            arbiter.send(yes, now),
            Err(Refusal::Taken {
                answer: Answer::No,
                ..
            })
        ));
        arbiter.send(no, now).unwrap();
    }

    #[test]
    fn a_person_ends_what_a_rule_has_begun_even_in_vain() {
        let (mut arbiter, now) = opened();
        let ticket = arbiter.claim(P, rule(), Answer::Yes, now).unwrap();
        arbiter.claim(P, person("X"), Answer::Yes, now).unwrap_err();
        assert_eq!(arbiter.send(ticket, now), Err(Refusal::TakenOver));
        assert_eq!(
            arbiter.claim(P, rule(), Answer::Yes, now),
            Err(Refusal::TakenOver)
        );
        arbiter.claim(P, person("X"), Answer::Yes, now).unwrap();
    }

    #[test]
    fn what_is_certain_not_to_have_left_may_be_answered_again_and_what_is_unknown_may_not() {
        let (mut arbiter, now) = opened();
        let ticket = arbiter.claim(P, person("X"), Answer::Yes, now).unwrap();
        arbiter.send(ticket, now).unwrap();
        arbiter.settle(ticket, Outcome::NotSent);
        let ticket = arbiter.claim(P, person("X"), Answer::Yes, now).unwrap();
        arbiter.send(ticket, now).unwrap();
        arbiter.settle(ticket, Outcome::Unknown);
        arbiter.claim(P, person("X"), Answer::No, now).unwrap_err();
        assert!(arbiter.is_taken(P));
    }

    #[test]
    fn old_prompts_are_refused_and_then_forgotten() {
        let (mut arbiter, start) = opened();
        let at = |seconds| start + Duration::from_secs(seconds);
        arbiter.close(P, start);
        let claim = |arbiter: &mut Arbiter, now| arbiter.claim(P, person("X"), Answer::Yes, now);
        assert_eq!(claim(&mut arbiter, at(1)), Err(Refusal::Gone));
        arbiter.close(Q, at(61));
        assert_eq!(claim(&mut arbiter, at(61)), Err(Refusal::Unknown));
        assert!(arbiter.cases.is_empty());
    }

    #[test]
    fn a_claim_that_nobody_sends_ends_with_its_lease() {
        let (mut arbiter, start) = opened();
        let first = arbiter.claim(P, person("X"), Answer::Yes, start).unwrap();
        let later = start + LEASE;
        let second = arbiter.claim(P, person("Y"), Answer::Yes, later).unwrap();
        arbiter.send(first, later).unwrap_err();
        arbiter.send(second, later).unwrap();
    }

    #[test]
    fn what_a_hook_decided_counts_for_what_the_screen_shows() {
        let (mut arbiter, now) = opened();
        let ticket = arbiter.claim(P, rule(), Answer::Yes, now).unwrap();
        arbiter.send(ticket, now).unwrap();
        arbiter.open(Q);
        arbiter.merge(Q, P);
        arbiter.claim(Q, person("X"), Answer::No, now).unwrap_err();
        assert!(arbiter.is_taken(Q));
    }

    #[test]
    fn what_went_furthest_counts_for_both_names_of_a_prompt() {
        let (mut arbiter, now) = opened();
        arbiter.open(Q);
        let ticket = arbiter.claim(P, rule(), Answer::Yes, now).unwrap();
        let other = arbiter.claim(Q, rule(), Answer::Yes, now).unwrap();
        arbiter.merge(P, Q);
        arbiter.send(ticket, now).unwrap_err();
        arbiter.send(other, now).unwrap();
        let third = PromptId(3);
        arbiter.open(third);
        arbiter.merge(Q, third);
        let refused = arbiter.claim(third, person("X"), Answer::No, now);
        let words = refused.unwrap_err().words();
        assert_eq!(words, "already decided: yes by rule ls, 0 s ago");
    }

    #[test]
    fn whoever_took_over_one_name_of_a_prompt_took_over_the_other() {
        for (from, to) in [(P, Q), (Q, P)] {
            let (mut arbiter, now) = opened();
            arbiter.open(Q);
            let ticket = arbiter.claim(P, person("X"), Answer::Yes, now).unwrap();
            arbiter.settle(ticket, Outcome::NotSent);
            arbiter.merge(from, to);
            let refused = arbiter.claim(Q, rule(), Answer::Yes, now).unwrap_err();
            assert_eq!(refused.words(), "a person has taken over");
        }
    }

    #[test]
    fn the_same_question_asked_again_is_answered_again() {
        let (mut arbiter, now) = opened();
        let ticket = arbiter.claim(P, rule(), Answer::Yes, now).unwrap();
        arbiter.send(ticket, now).unwrap();
        arbiter.open(Q);
        arbiter.merge(Q, P);
        arbiter.part(Q);
        arbiter.part(P);
        assert!(arbiter.is_taken(P) && !arbiter.is_taken(Q));
        arbiter.claim(Q, person("X"), Answer::Yes, now).unwrap();
    }

    /// Three who answer at once, each in three steps, in every order there is.
    #[test]
    fn in_every_order_one_answer_leaves_and_a_timely_no_wins() {
        let actors = [
            (person("X"), Answer::Yes),
            (person("Y"), Answer::No),
            (rule(), Answer::Yes),
        ];
        let mut orders = vec![Vec::new()];
        for _ in 0..6 {
            orders = orders
                .into_iter()
                .flat_map(|order: Vec<usize>| {
                    (0..3)
                        .filter(|actor| order.iter().filter(|one| *one == actor).count() < 2)
                        .map(|actor| [order.as_slice(), &[actor]].concat())
                        .collect::<Vec<_>>()
                })
                .collect();
        }
        assert_eq!(orders.len(), 90);
        for order in orders {
            let (mut arbiter, now) = opened();
            let mut tickets = [None; 3];
            let mut steps = [0; 3];
            let mut left = Vec::new();
            let mut said_no_in_time = false;
            for actor in &order {
                let (who, answer) = &actors[*actor];
                if steps[*actor] == 0 {
                    tickets[*actor] = arbiter.claim(P, who.clone(), *answer, now).ok();
                    said_no_in_time |= *answer == Answer::No && left.is_empty();
                } else if let Some(ticket) = tickets[*actor]
                    && arbiter.send(ticket, now).is_ok()
                {
                    left.push(*answer);
                    arbiter.settle(ticket, Outcome::Delivered);
                }
                steps[*actor] += 1;
            }
            assert!(left.len() <= 1, "{order:?}: {left:?}");
            if said_no_in_time {
                assert!(!left.contains(&Answer::Yes), "{order:?}");
            }
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Open(u64),
        Merge(u64, u64),
        Claim(u64, bool, bool),
        Send(usize),
        Settle(usize, u8),
        Close(u64),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let prompt = 1..4u64;
        prop_oneof![
            prompt.clone().prop_map(Step::Open),
            (prompt.clone(), 1..4u64).prop_map(|(one, other)| Step::Merge(one, other)),
            (prompt.clone(), any::<bool>(), any::<bool>())
                .prop_map(|(prompt, person, yes)| Step::Claim(prompt, person, yes)),
            (0..8usize).prop_map(Step::Send),
            (0..8usize, 0..3u8).prop_map(|(ticket, outcome)| Step::Settle(ticket, outcome)),
            prompt.prop_map(Step::Close),
            (0..20u64).prop_map(Step::Wait),
        ]
    }

    proptest! {
        /// However claims, merges and ends follow each other: an answer that may have arrived is the only one, and no
        /// rule answers after a person did.
        #[test]
        fn one_answer_for_each_prompt(steps in prop::collection::vec(step(), 0..60)) {
            let mut arbiter = Arbiter::default();
            let mut now = Instant::now();
            let mut tickets: Vec<(Ticket, bool)> = Vec::new();
            let mut sent: Vec<Ticket> = Vec::new();
            for step in steps {
                match step {
                    Step::Open(prompt) => arbiter.open(PromptId(prompt)),
                    Step::Merge(one, other) => {
                        // Two that were both answered are two prompts.
                        let both = arbiter.is_taken(PromptId(one)) && arbiter.is_taken(PromptId(other));
                        if !both {
                            arbiter.merge(PromptId(one), PromptId(other));
                        }
                    }
                    Step::Claim(prompt, person, yes) => {
                        let who = if person { Who::Person("X".into()) } else { rule() };
                        let answer = if yes { Answer::Yes } else { Answer::No };
                        if let Ok(ticket) = arbiter.claim(PromptId(prompt), who, answer, now) {
                            tickets.push((ticket, person));
                        }
                    }
                    Step::Send(at) => {
                        if let Some((ticket, person)) = tickets.get(at).copied() {
                            let root = arbiter.resolve(ticket.prompt);
                            let person_was_there = arbiter.cases.get(&root).is_some_and(|case| case.person);
                            if arbiter.send(ticket, now).is_ok() {
                                prop_assert!(person || !person_was_there);
                                let twice = sent.iter().any(|other| arbiter.resolve(other.prompt) == root);
                                prop_assert!(!twice, "answered twice");
                                sent.push(ticket);
                            }
                        }
                    }
                    Step::Settle(at, outcome) => {
                        if let Some((ticket, _)) = tickets.get(at).copied() {
                            let outcome = [Outcome::Delivered, Outcome::Unknown, Outcome::NotSent][usize::from(outcome)];
                            arbiter.settle(ticket, outcome);
                            if outcome == Outcome::NotSent {
                                sent.retain(|other| *other != ticket);
                            }
                        }
                    }
                    Step::Close(prompt) => arbiter.close(PromptId(prompt), now),
                    Step::Wait(seconds) => now += Duration::from_secs(seconds),
                }
                // What was forgotten is another prompt when it is opened again; the hub's numbers never repeat.
                let known: Vec<PromptId> = arbiter.cases.keys().copied().collect();
                sent.retain(|ticket| known.contains(&arbiter.resolve(ticket.prompt)));
            }
        }
    }
}
