//! Whether one prompt may be answered without a person. Every doubt leaves it to one.

use super::{Judgement, Version, Way};
use crate::domain::{Answer, AutoConfirm, Mode, PromptKind, Source, Verdict};

/// How the rule is called that answers in the mode `yes`, where no rule of the policy does.
const YES_MODE: &str = "yes mode";

/// Everything that is looked at.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    pub auto: &'a AutoConfirm,
    pub kind: PromptKind,
    /// What is at stake, exactly.
    pub subject: &'a str,
    /// How the answer would travel.
    pub way: Way,
    /// Who says that the prompt is open.
    pub evidence: &'a [Source],
    /// Who says something else; empty when all agree.
    pub disagreement: &'a str,
    pub version: &'a Version,
    pub judgement: &'a Judgement,
    /// Whether what a rule denies is denied by itself, instead of left to a person.
    pub denies: bool,
    /// Why the policy cannot be relied on.
    pub policy_trouble: Option<&'a str>,
    /// Why nothing can be recorded.
    pub record_trouble: Option<&'a str>,
    /// Why the session may spend no more now.
    pub spent: Option<&'a str>,
}

/// An answer that may be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub answer: Answer,
    pub rule: String,
    pub why: String,
}

/// The answer that may be given without a person.
///
/// # Errors
/// Why there is none, in words for people.
pub fn plan(situation: &Situation<'_>) -> Result<Plan, String> {
    let Situation {
        auto,
        kind,
        way,
        judgement,
        ..
    } = *situation;
    if auto.mode == Mode::Ask {
        return Err(auto.stopped.clone());
    }
    if !kind.is_permission() {
        return Err(format!("a {} is never answered by itself", kind.word()));
    }
    let troubles = [
        situation.record_trouble,
        situation.policy_trouble,
        situation.spent,
    ];
    if let Some(trouble) = troubles.into_iter().flatten().next() {
        return Err(trouble.to_owned());
    }
    if situation.subject.is_empty() {
        return Err("it is not known exactly what is at stake".to_owned());
    }
    if let Some(objection) = situation.version.objection() {
        return Err(objection);
    }
    match way {
        Way::None => return Err("nothing can be answered".to_owned()),
        Way::Hook => {}
        Way::Keys => by_keys(situation)?,
    }
    let (rule, why) = (judgement.rule.clone(), judgement.why.clone());
    match (judgement.verdict, auto.mode) {
        // A rule that refuses is stronger than a session that agrees to everything.
        (Verdict::Deny, _) if situation.denies => Ok(Plan {
            answer: Answer::No,
            rule,
            why,
        }),
        (Verdict::Deny, _) | (Verdict::Ask, Mode::Policy | Mode::Ask) => Err(why),
        (Verdict::Allow, _) => Ok(Plan {
            answer: Answer::Yes,
            rule,
            why,
        }),
        (Verdict::Ask, Mode::Yes) => Ok(Plan {
            answer: Answer::Yes,
            rule: YES_MODE.to_owned(),
            why: "the session agrees to everything".to_owned(),
        }),
    }
}

/// A screen can be imitated by whatever is printed on it: it takes a switch of its own, and a second source that says the
/// same.
fn by_keys(situation: &Situation<'_>) -> Result<(), String> {
    if !situation.auto.screen {
        return Err("only the screen tells of it".to_owned());
    }
    if !situation.disagreement.is_empty() {
        return Err(format!("sources disagree: {}", situation.disagreement));
    }
    let others = situation
        .evidence
        .iter()
        .filter(|source| !matches!(source, Source::Screen | Source::Process))
        .count();
    if !situation.evidence.contains(&Source::Screen) || others == 0 {
        return Err("only one source tells of it".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const KINDS: [PromptKind; 11] = [
        PromptKind::Command,
        PromptKind::Edit,
        PromptKind::Create,
        PromptKind::Read,
        PromptKind::Fetch,
        PromptKind::ToolCall,
        PromptKind::Other,
        PromptKind::Trust,
        PromptKind::Plan,
        PromptKind::Login,
        PromptKind::Question,
    ];

    fn auto(mode: Mode) -> AutoConfirm {
        AutoConfirm {
            mode,
            ..AutoConfirm::default()
        }
    }

    fn judged(verdict: Verdict) -> Judgement {
        Judgement {
            verdict,
            rule: "ls".into(),
            why: "because".into(),
        }
    }

    fn situation<'a>(auto: &'a AutoConfirm, judgement: &'a Judgement) -> Situation<'a> {
        static TESTED: Version = Version::Tested;
        Situation {
            auto,
            kind: PromptKind::Command,
            subject: "ls",
            way: Way::Hook,
            evidence: &[Source::Hook],
            disagreement: "",
            version: &TESTED,
            judgement,
            denies: false,
            policy_trouble: None,
            record_trouble: None,
            spent: None,
        }
    }

    #[rstest]
    #[case(Mode::Ask, Verdict::Allow, None)]
    #[case(Mode::Policy, Verdict::Allow, Some("ls"))]
    #[case(Mode::Policy, Verdict::Ask, None)]
    #[case(Mode::Policy, Verdict::Deny, None)]
    #[case(Mode::Yes, Verdict::Allow, Some("ls"))]
    #[case(Mode::Yes, Verdict::Ask, Some("yes mode"))]
    #[case(Mode::Yes, Verdict::Deny, None)]
    fn the_mode_and_the_rule_decide(
        #[case] mode: Mode,
        #[case] verdict: Verdict,
        #[case] rule: Option<&str>,
    ) {
        let (auto, judgement) = (auto(mode), judged(verdict));
        let plan = plan(&situation(&auto, &judgement)).ok();
        assert!(
            plan.as_ref()
                .is_none_or(|plan| plan.answer == Answer::Yes && !plan.why.is_empty())
        );
        assert_eq!(plan.as_ref().map(|plan| plan.rule.as_str()), rule);
    }

    #[test]
    fn a_rule_denies_by_itself_only_where_that_was_chosen() {
        let (auto, judgement) = (auto(Mode::Yes), judged(Verdict::Deny));
        let mut chosen = situation(&auto, &judgement);
        chosen.denies = true;
        assert_eq!(plan(&chosen).unwrap().answer, Answer::No);
    }

    static UNKNOWN: Version = Version::Unknown;

    type Change = fn(&mut Situation<'static>);

    #[rstest]
    #[case::record(|s: &mut Situation<'static>| s.record_trouble = Some("no space"), "no space")]
    #[case::policy(|s: &mut Situation<'static>| s.policy_trouble = Some("does not load"), "does not load")]
    #[case::spent(|s: &mut Situation<'static>| s.spent = Some("60 an hour"), "60 an hour")]
    #[case::subject(|s: &mut Situation<'static>| s.subject = "", "it is not known exactly what is at stake")]
    #[case::version(|s: &mut Situation<'static>| s.version = &UNKNOWN, "the tool's version is not known")]
    #[case::no_way(|s: &mut Situation<'static>| s.way = Way::None, "nothing can be answered")]
    #[case::screen(|s: &mut Situation<'static>| s.way = Way::Keys, "only the screen tells of it")]
    fn each_doubt_leaves_it_to_a_person(#[case] change: Change, #[case] why: &str) {
        static AUTO: AutoConfirm = AutoConfirm {
            mode: Mode::Yes,
            screen: false,
            dry_run: false,
            until: None,
            stopped: String::new(),
        };
        let judgement: &'static Judgement = Box::leak(Box::new(judged(Verdict::Allow)));
        let mut doubted = situation(&AUTO, judgement);
        change(&mut doubted);
        assert_eq!(plan(&doubted).unwrap_err(), why);
    }

    #[rstest]
    #[case(&[Source::Screen], "", false)]
    #[case(&[Source::Process, Source::Screen], "", false)]
    #[case(&[Source::Status, Source::Title], "", false)]
    #[case(&[Source::Title, Source::Screen], "", true)]
    #[case(&[Source::Status, Source::Screen], "title says working", false)]
    fn a_key_needs_two_sources_that_agree(
        #[case] evidence: &[Source],
        #[case] disagreement: &str,
        #[case] expected: bool,
    ) {
        let mut auto = auto(Mode::Policy);
        auto.screen = true;
        let judgement = judged(Verdict::Allow);
        let mut by_key = situation(&auto, &judgement);
        by_key.way = Way::Keys;
        by_key.evidence = evidence;
        by_key.disagreement = disagreement;
        assert_eq!(plan(&by_key).is_ok(), expected);
    }

    proptest! {
        /// Whatever else holds: no question, trust, plan or login, nothing without a switch, a subject, a tested version and
        /// a record, and no yes against a rule.
        #[test]
        fn what_must_never_be_answered_never_is(
            kind in 0..KINDS.len(), mode in 0..3usize, verdict in 0..3usize, screen in any::<bool>(), denies in any::<bool>(),
            way in 0..3usize, empty in any::<bool>(), tested in any::<bool>(), recorded in any::<bool>(), two in any::<bool>(),
        ) {
            let mut auto = auto([Mode::Ask, Mode::Policy, Mode::Yes][mode]);
            auto.screen = screen;
            let judgement = judged([Verdict::Allow, Verdict::Ask, Verdict::Deny][verdict]);
            let version = if tested { Version::Tested } else { Version::Unknown };
            let evidence: &[Source] = if two { &[Source::Title, Source::Screen] } else { &[Source::Screen] };
            let situation = Situation {
                kind: KINDS[kind],
                subject: if empty { "" } else { "ls" },
                way: [Way::Hook, Way::Keys, Way::None][way],
                evidence,
                version: &version,
                denies,
                record_trouble: (!recorded).then_some("full"),
                ..situation(&auto, &judgement)
            };
            if let Ok(plan) = plan(&situation) {
                prop_assert!(situation.kind.is_permission() && !empty && tested && recorded);
                prop_assert!(auto.mode != Mode::Ask && situation.way != Way::None);
                prop_assert!(situation.way == Way::Hook || screen && two);
                match plan.answer {
                    Answer::Yes => prop_assert!(judgement.verdict != Verdict::Deny),
                    Answer::No => prop_assert!(judgement.verdict == Verdict::Deny && denies),
                }
            }
        }
    }
}
