//! What was decided about a prompt: by whom, under which rule, on what evidence, and what came of it.
//!
//! These values are what the record of decisions keeps (`agent::audit`), one JSON object each. Promise: the names of the
//! fields and of the variants are stable; one may be added, none changes its meaning.
//!
//! | field | meaning |
//! | --- | --- |
//! | `when` | `wall`: ms since 1970; `monotonic`: ms of a clock that is never set, within `boot` (the system's boot id) |
//! | `phase` | `"intent"` before the answer leaves; `{"outcome": {"of": N, "ended": …}}` after, `of` the intent's number |
//! | `by` | `{"person": {"client"}}`, `{"policy": {"rule", "policy", "mode"}}`, `"terminal"` or `"agent"` |
//! | `decision` | `"allow"` or `"deny"`, with `message` for the tool; `"none"` when nobody of ours decided |
//! | `way` | `"hook"`, `"keys"` or `"none"` |
//! | `why` | one line for people |
//! | `session`, `name`, `tool`, `dir` | where: the session's id and its name at that time, the profile's id, the folder |
//! | `prompt`, `kind`, `subject`, `question`, `evidence` | what was asked, in full, and which sources said so |
//! | `before`, `after` | the end of the screen, at most [`EXCERPT`] bytes |
//! | `late` | written after the fact, because the record could not be written in time |
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::string_slice
    )
)]

use serde::{Deserialize, Serialize};

use super::{Mode, PromptId, PromptKind, SessionId, Source, UnixMillis};

/// The most bytes of a screen that a record keeps: the dialog and some lines around it; a whole screen with every line full
/// is three times that.
pub const EXCERPT: usize = 4 << 10;

/// The place of an entry in the record of one host: 1, 2, 3, … without gaps, over all of its files. Entries that the record
/// makes about itself have a number too.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct RecordSeq(pub u64);

/// One decision, in one phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub when: When,
    pub phase: Phase,
    pub by: Decider,
    pub decision: Ruling,
    /// What the tool is told with it; mostly empty.
    #[serde(default)]
    pub message: String,
    pub way: Way,
    /// The reason in one line, for people.
    pub why: String,
    pub session: SessionId,
    /// What the session was called then.
    pub name: String,
    /// The profile's id.
    pub tool: String,
    pub dir: String,
    pub prompt: PromptId,
    pub kind: PromptKind,
    /// Exactly what was at stake, never cut.
    pub subject: String,
    pub question: String,
    /// Which sources said that the prompt is open, the most trusted first.
    #[serde(default)]
    pub evidence: Vec<Source>,
    /// The end of the screen when it was decided; see [`excerpt`].
    #[serde(default)]
    pub before: String,
    /// The end of the screen when the outcome was known.
    #[serde(default)]
    pub after: String,
    /// Written when the record could be written again. Set by the record itself.
    #[serde(default)]
    pub late: bool,
}

/// A record and its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    pub seq: RecordSeq,
    pub record: Record,
}

/// One moment on three clocks: people compare the first, the order of events is told by the second within the third.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct When {
    pub wall: UnixMillis,
    /// Milliseconds since the system started, sleep included.
    pub monotonic: u64,
    /// Names the run of the system; empty where the system has none.
    pub boot: String,
}

/// Who decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decider {
    /// A person, at this client: its name and number, for example `cm-tui 0.1.0 #3`.
    Person { client: String },
    /// A rule, without a person.
    Policy {
        rule: String,
        /// The hash of the whole policy that the rule stood in.
        policy: String,
        mode: Mode,
    },
    /// Somebody at the tool's own terminal.
    Terminal,
    /// Nobody: the agent says what became of a prompt.
    Agent,
}

impl Decider {
    /// Whether no person decided.
    pub fn is_automatic(&self) -> bool {
        matches!(self, Self::Policy { .. })
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    Allow,
    Deny,
    /// Whoever decided did it elsewhere, and what, is not known.
    None,
}

impl Ruling {
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::None => "none",
        }
    }
}

/// How the answer travels to the tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// As the return value of the tool's own hook.
    Hook,
    Keys,
    /// Not at all: a dry run, or somebody else answered.
    None,
}

impl Way {
    pub fn word(self) -> &'static str {
        match self {
            Self::Hook => "hook",
            Self::Keys => "keys",
            Self::None => "none",
        }
    }
}

/// Before or after. An intent without an outcome is an answer of which nobody knows whether it arrived: it is never given
/// again by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Intent,
    Outcome {
        /// The intent that it ends; `None` when there was none, or it could not be written in time.
        of: Option<RecordSeq>,
        ended: Ended,
    },
}

/// What came of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The tool has it, and the prompt is gone.
    Delivered,
    /// It was not given to the tool.
    Refused { why: String },
    /// It was given to the tool, and nobody can tell what came of it.
    Unknown,
    /// The prompt went away before the answer reached it.
    Withdrawn,
    /// A dry run: what would have been answered.
    Rehearsed,
}

impl Ended {
    /// One word, the same in every view and in documents.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused { .. } => "refused",
            Self::Unknown => "unknown",
            Self::Withdrawn => "withdrawn",
            Self::Rehearsed => "dry run",
        }
    }
}

impl Record {
    /// The intent that this outcome ends.
    pub fn ends(&self) -> Option<RecordSeq> {
        match self.phase {
            Phase::Outcome { of, .. } => of,
            Phase::Intent => None,
        }
    }

    /// The same decision with its outcome. `intent` is the number that the intent got, if it got one.
    #[must_use]
    pub fn outcome(&self, intent: Option<RecordSeq>, ended: Ended, when: When) -> Self {
        Self {
            when,
            phase: Phase::Outcome { of: intent, ended },
            ..self.clone()
        }
    }

    /// Every text of it, to be bounded.
    pub fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        [
            &mut self.message,
            &mut self.why,
            &mut self.name,
            &mut self.tool,
            &mut self.dir,
            &mut self.subject,
            &mut self.question,
            &mut self.before,
            &mut self.after,
        ]
        .into_iter()
    }
}

/// The end of a screen as a record keeps it: at most [`EXCERPT`] bytes, blank lines at its end left out.
pub fn excerpt(screen: &str) -> String {
    let screen = screen.trim_end();
    let from = screen.len().saturating_sub(EXCERPT);
    let from = (from..=screen.len()).find(|at| screen.is_char_boundary(*at));
    from.and_then(|from| screen.get(from..))
        .unwrap_or_default()
        .to_owned()
}

/// Which records are wanted. What is absent does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionFilter {
    /// Stands in the subject, the question, the reason, the message or the rule; case does not matter.
    #[serde(default)]
    pub text: Option<String>,
    /// The session's id, or its name.
    #[serde(default)]
    pub session: Option<String>,
    #[serde(default)]
    pub tool: Option<String>,
    #[serde(default)]
    pub decision: Option<Ruling>,
    #[serde(default)]
    pub by: Option<DeciderKind>,
    /// Not older than this.
    #[serde(default)]
    pub since: Option<UnixMillis>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeciderKind {
    /// A person, at a client or at the tool's own terminal.
    Human,
    Policy,
}

impl DecisionFilter {
    pub fn fits(&self, record: &Record) -> bool {
        let named = |wanted: &String| *wanted == record.name || wanted == record.session.as_str();
        self.session.as_ref().is_none_or(named)
            && self.tool.as_ref().is_none_or(|tool| *tool == record.tool)
            && self.decision.is_none_or(|wanted| wanted == record.decision)
            && self.by.is_none_or(|by| match record.by {
                Decider::Person { .. } | Decider::Terminal => by == DeciderKind::Human,
                Decider::Policy { .. } => by == DeciderKind::Policy,
                Decider::Agent => false,
            })
            && self.since.is_none_or(|since| record.when.wall >= since)
            && self.text.as_ref().is_none_or(|text| says(record, text))
    }
}

fn says(record: &Record, text: &str) -> bool {
    let text = text.to_lowercase();
    let rule = match &record.by {
        Decider::Policy { rule, .. } => rule.as_str(),
        _ => "",
    };
    [
        record.subject.as_str(),
        &record.question,
        &record.why,
        &record.message,
        rule,
    ]
    .into_iter()
    .any(|hay| hay.to_lowercase().contains(&text))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn record() -> Record {
        Record {
            when: When {
                wall: 1_700_000_000_000,
                monotonic: 5_000,
                boot: "b0".into(),
            },
            phase: Phase::Intent,
            by: Decider::Policy {
                rule: "read.ls".into(),
                policy: "9f2c".into(),
                mode: Mode::Policy,
            },
            decision: Ruling::Allow,
            message: String::new(),
            way: Way::Hook,
            why: "a rule allows it".into(),
            session: SessionId::new("cm.7.3"),
            name: "api".into(),
            tool: "claude-code".into(),
            dir: "/srv/api".into(),
            prompt: PromptId(4),
            kind: PromptKind::Command,
            subject: "ls -l".into(),
            question: "Do you want to proceed?".into(),
            evidence: vec![Source::Hook, Source::Screen],
            before: String::new(),
            after: String::new(),
            late: false,
        }
    }

    #[test]
    fn the_names_in_json_are_stable() {
        let intent = serde_json::to_string(&record()).unwrap();
        insta::assert_snapshot!(intent, @r#"{"when":{"wall":1700000000000,"monotonic":5000,"boot":"b0"},"phase":"intent","by":{"policy":{"rule":"read.ls","policy":"9f2c","mode":"policy"}},"decision":"allow","message":"","way":"hook","why":"a rule allows it","session":"cm.7.3","name":"api","tool":"claude-code","dir":"/srv/api","prompt":4,"kind":"command","subject":"ls -l","question":"Do you want to proceed?","evidence":["hook","screen"],"before":"","after":"","late":false}"#);
        let ended = [
            Ended::Delivered,
            Ended::Refused {
                why: "copy mode".into(),
            },
            Ended::Rehearsed,
        ];
        let phases = ended.map(|ended| Phase::Outcome {
            of: Some(RecordSeq(7)),
            ended,
        });
        insta::assert_snapshot!(serde_json::to_string(&phases).unwrap(), @r##"[{"outcome":{"of":7,"ended":"delivered"}},{"outcome":{"of":7,"ended":{"refused":{"why":"copy mode"}}}},{"outcome":{"of":7,"ended":"rehearsed"}}]"##);
    }

    #[test]
    fn the_words_are_the_names_in_json() {
        for ruling in [Ruling::Allow, Ruling::Deny, Ruling::None] {
            assert_eq!(serde_json::to_value(ruling).unwrap(), ruling.word());
        }
        for way in [Way::Hook, Way::Keys, Way::None] {
            assert_eq!(serde_json::to_value(way).unwrap(), way.word());
        }
        for ended in [Ended::Delivered, Ended::Unknown, Ended::Withdrawn] {
            assert_eq!(serde_json::to_value(&ended).unwrap(), ended.word());
        }
    }

    #[test]
    fn an_outcome_is_the_same_decision_at_another_time() {
        let (intent, when) = (record(), When::default());
        let outcome = intent.outcome(Some(RecordSeq(7)), Ended::Delivered, when.clone());
        assert_eq!((intent.ends(), outcome.ends()), (None, Some(RecordSeq(7))));
        assert_eq!(outcome.when, when);
        let (when, phase) = (intent.when.clone(), intent.phase.clone());
        let again = Record {
            when,
            phase,
            ..outcome
        };
        assert_eq!(again, intent);
    }

    #[test]
    fn only_a_rule_decides_without_a_person() {
        let client = "cm-tui 0.1.0 #3".into();
        let others = [
            Decider::Person { client },
            Decider::Terminal,
            Decider::Agent,
        ];
        assert!(record().by.is_automatic());
        assert!(!others.iter().any(Decider::is_automatic));
    }

    #[test]
    fn every_text_can_be_bounded_but_those_that_name() {
        let mut bounded = record();
        bounded.texts_mut().for_each(String::clear);
        let json = serde_json::to_value(&bounded).unwrap();
        let texts = json.as_object().unwrap().iter();
        let texts = texts.filter(|(_, value)| value.as_str().is_some_and(|text| !text.is_empty()));
        let kept: Vec<&String> = texts.map(|(name, _)| name).collect();
        assert_eq!(kept, ["decision", "kind", "phase", "session", "way"]);
    }

    fn wanted(change: impl FnOnce(&mut DecisionFilter)) -> DecisionFilter {
        let mut filter = DecisionFilter::default();
        change(&mut filter);
        filter
    }

    #[rstest]
    #[case::anything(wanted(|_| {}), true)]
    #[case::text_in_any_case(wanted(|filter| filter.text = Some("LS -L".into())), true)]
    #[case::rule(wanted(|filter| filter.text = Some("read.ls".into())), true)]
    #[case::other_text(wanted(|filter| filter.text = Some("rm".into())), false)]
    #[case::by_name(wanted(|filter| filter.session = Some("api".into())), true)]
    #[case::by_id(wanted(|filter| filter.session = Some("cm.7.3".into())), true)]
    #[case::other_session(wanted(|filter| filter.session = Some("ap".into())), false)]
    #[case::tool(wanted(|filter| filter.tool = Some("codex".into())), false)]
    #[case::denied(wanted(|filter| filter.decision = Some(Ruling::Deny)), false)]
    #[case::automatic(wanted(|filter| filter.by = Some(DeciderKind::Policy)), true)]
    #[case::human(wanted(|filter| filter.by = Some(DeciderKind::Human)), false)]
    #[case::since_then(wanted(|filter| filter.since = Some(1_700_000_000_000)), true)]
    #[case::since_later(wanted(|filter| filter.since = Some(1_700_000_000_001)), false)]
    fn a_filter_takes_what_fits_all_of_it(#[case] filter: DecisionFilter, #[case] fits: bool) {
        assert_eq!(filter.fits(&record()), fits);
    }

    #[test]
    fn somebody_at_the_terminal_is_a_person() {
        let by = |kind| wanted(|filter| filter.by = Some(kind));
        let mut there = record();
        there.by = Decider::Terminal;
        assert!(by(DeciderKind::Human).fits(&there));
        assert!(!by(DeciderKind::Policy).fits(&there));
    }

    #[test]
    fn an_excerpt_is_the_end_of_the_screen_and_whole_characters() {
        assert_eq!(excerpt("one\ntwo\n\n  \n"), "one\ntwo");
        let long = "日".repeat(EXCERPT);
        let kept = excerpt(&long);
        assert!(kept.len() <= EXCERPT && kept.len() > EXCERPT - 3);
        assert!(kept.chars().all(|c| c == '日'));
    }
}
