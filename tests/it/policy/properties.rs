//! What holds for every set of rules.

use cm_tui::domain::PromptKind;
use cm_tui::domain::command;
use cm_tui::domain::policy::{Policy, RuleFile, Verdict};
use proptest::prelude::*;

use super::place::Place;

/// Rules that meet in many ways, each loading alone.
fn rule(number: usize, shape: usize, verdict: &str) -> String {
    let programs = ["ls", "cat", "git", "make"];
    let program = programs[shape % programs.len()];
    let word = ["src", "x", "-l", "status"][(shape / 4) % 4];
    let head = format!("[[rule]]\nname = 'r{number}'\nverdict = '{verdict}'\n");
    let body = match (verdict, shape / 16 % 3) {
        ("allow", 0) => format!(
            "program = '{program}'\noptions = ['-l']\noperands = 'text'\nmatch = ['{program} a']\n"
        ),
        ("allow", 1) => format!(
            "program = '{program}'\noptions = ['-l']\noperands = 'paths'\nmatch = ['{program} a']\n"
        ),
        ("allow", _) => format!("argv = ['{program}', '{word}']\nmatch = ['{program} {word}']\n"),
        (_, 0) => format!("program = '{program}'\nmatch = ['{program} a']\n"),
        (_, 1) => format!("words = ['{word}']\nmatch = ['any {word}']\n"),
        _ => format!("contains = ['{word}']\nmatch = ['any {word}']\n"),
    };
    let not_match = if verdict == "allow" {
        "not_match = ['other']\n"
    } else {
        ""
    };
    format!("{head}{body}{not_match}")
}

fn rules(verdicts: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let one = (0..48_usize, prop::sample::select(verdicts));
    prop::collection::vec(one, 0..6).prop_map(|shapes| {
        let numbered = shapes.into_iter().enumerate();
        numbered
            .map(|(number, (shape, verdict))| rule(number, shape, verdict))
            .collect()
    })
}

fn subject() -> impl Strategy<Value = String> {
    let word = prop::sample::select(
        &[
            "ls",
            "cat",
            "git",
            "make",
            "src",
            "x",
            "-l",
            "status",
            "README.md",
            "env",
            ".env",
        ][..],
    );
    prop::collection::vec(word, 1..5).prop_map(|words| words.join(" "))
}

/// Those rules that load together: a rule that others always go before is refused.
fn load(rules: &[String]) -> Option<Policy> {
    let text = format!("shipped = false\n{}", rules.concat());
    Policy::load(&[("rules".to_owned(), text)]).ok()
}

fn config() -> ProptestConfig {
    ProptestConfig::with_cases(200)
}

#[test]
fn no_rules_allow_what_a_rule_denies() {
    let place = Place::new();
    proptest!(config(), |(rules in rules(&["allow", "ask", "deny"]), subject in subject())| {
        let judge = |policy: &Policy| place.judge(policy, PromptKind::Command, "", &subject).verdict;
        let Some(all) = load(&rules) else { return Ok(()) };
        for tightening in rules.iter().filter(|rule| !rule.contains("'allow'")) {
            let alone = format!("shipped = false\n{tightening}");
            let alone = Policy::load(&[("one".to_owned(), alone)]).unwrap();
            // Alone, without a rule that allows, it says ask or deny to everything; deny only where it applies.
            if judge(&alone) == Verdict::Deny {
                prop_assert_eq!(judge(&all), Verdict::Deny);
            }
        }
        // Another rule that asks or denies never loosens.
        let less: Vec<String> = rules.iter().filter(|rule| rule.contains("'allow'")).cloned().collect();
        if let Some(less) = load(&less) {
            prop_assert!(judge(&all) >= judge(&less));
        }
    });
}

#[test]
fn order_and_file_of_rules_never_matter() {
    let place = Place::new();
    let rules = rules(&["allow", "ask", "deny"]);
    proptest!(config(), |(rules in rules, subject in subject(), turn in 0..6_usize, cut in 0..6_usize)| {
        let mut turned = rules.clone();
        turned.rotate_left(turn.min(rules.len()));
        turned.reverse();
        let (one, other) = turned.split_at(cut.min(turned.len()));
        let one = format!("shipped = false\n{}", one.concat());
        let split = [("b".to_owned(), one), ("a".to_owned(), other.concat())];
        match (load(&rules), Policy::load(&split)) {
            (None, Err(_)) => {}
            (Some(whole), Ok(split)) => {
                let judge = |policy: &Policy| place.judge(policy, PromptKind::Command, "", &subject);
                prop_assert_eq!(judge(&whole), judge(&split));
            }
            (whole, split) => prop_assert!(false, "{} but {split:?}", whole.is_some()),
        }
    });
}

#[test]
fn rules_of_a_context_count_in_it_as_those_of_all_and_nowhere_else() {
    let place = Place::new();
    let kinds = || rules(&["allow", "ask", "deny"]);
    proptest!(config(), |(general in rules(&["ask", "deny"]), own in kinds(), subject in subject())| {
        let renamed: Vec<String> = own.iter().map(|rule| rule.replace("name = 'r", "name = 'own")).collect();
        let file = |name: &str, text: String, contexts: &[&str]| RuleFile {
            name: name.to_owned(),
            text,
            contexts: contexts.iter().map(ToString::to_string).collect(),
        };
        let everywhere = file("all", format!("shipped = false\n{}", general.concat()), &[]);
        let scoped = [everywhere.clone(), file("own", renamed.concat(), &["shop"])];
        let joined = [everywhere.clone(), file("own", renamed.concat(), &[])];
        let (Ok(scoped), Ok(joined)) = (Policy::load_files(&scoped), Policy::load_files(&joined)) else {
            return Ok(());
        };
        let without = Policy::load_files(&[everywhere]).unwrap();
        let judge = |contexts: Option<&[&str]>, policy: &Policy| {
            place.judge_in(contexts, policy, PromptKind::Command, "", &subject)
        };
        prop_assert_eq!(judge(Some(&["shop"]), &scoped), judge(Some(&["shop"]), &joined));
        prop_assert_eq!(judge(Some(&["api"]), &scoped), judge(Some(&[]), &without));
        prop_assert_eq!(judge(Some(&[]), &scoped), judge(Some(&[]), &without));
        let unknown = judge(None, &scoped).verdict;
        prop_assert_ne!(unknown, Verdict::Allow);
        prop_assert!(unknown >= judge(Some(&[]), &without).verdict, "never less than outside");
    });
}

#[test]
fn nothing_is_read_into_any_text() {
    let (place, policy) = (Place::new(), Policy::shipped());
    proptest!(|(text in "\\PC{0,40}|[ -~]{0,40}|(?s:.{0,20})")| {
        let judged = place.judge(&policy, PromptKind::Command, "", &text);
        let Ok(words) = command::words(&text) else {
            prop_assert_eq!(judged.verdict, Verdict::Ask);
            return Ok(());
        };
        prop_assert!(!words.is_empty());
        prop_assert!(text.chars().all(|c| matches!(c, ' '..='~')));
        // Nothing is made up: without quotes and spaces both are the same.
        let bare = |text: &str| -> String { text.chars().filter(|c| !" '\"".contains(*c)).collect() };
        prop_assert_eq!(bare(&text), bare(&words.concat()));
    });
}
