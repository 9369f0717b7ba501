//! The collected cases of `tests/policy`: what went wrong elsewhere, text that hides something, and what tools ask when
//! they only look. A line is a subject, as it is or as a JSON string; `@ kind=… dir=…` says what the next ones are.

use std::fs;
use std::path::{Path, PathBuf};

use cm_tui::domain::PromptKind;
use cm_tui::domain::policy::{Policy, Verdict};

use super::place::Place;

struct Subject {
    /// `FILE:LINE`.
    at: String,
    kind: PromptKind,
    dir: String,
    text: String,
}

fn kind(word: &str) -> PromptKind {
    serde_json::from_value(word.into()).unwrap()
}

fn subjects(folder: &str) -> Vec<Subject> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/policy")
        .join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.iter().flat_map(|file| subjects_of(file)).collect()
}

fn subjects_of(file: &Path) -> Vec<Subject> {
    let name = file.file_name().unwrap().to_str().unwrap();
    let text = fs::read_to_string(file).unwrap();
    let (mut what, mut dir) = (PromptKind::Command, String::new());
    let mut subjects = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(settings) = line.strip_prefix("@ ") {
            dir.clear();
            for setting in settings.split(' ') {
                match setting.split_once('=').unwrap() {
                    ("kind", word) => what = kind(word),
                    ("dir", path) => path.clone_into(&mut dir),
                    other => panic!("{name}: {other:?}"),
                }
            }
        } else if !line.starts_with('#') {
            let text = if line.starts_with('"') {
                serde_json::from_str(line).unwrap()
            } else {
                line.to_owned()
            };
            subjects.push(Subject {
                at: format!("{name}:{}", number + 1),
                kind: what,
                dir: dir.clone(),
                text,
            });
        }
    }
    subjects
}

/// The subjects of a folder that the shipped rules allow, and how many there are.
fn allowed(folder: &str) -> (Vec<String>, usize) {
    let (place, policy) = (Place::new(), Policy::shipped());
    let subjects = subjects(folder);
    let allowed = subjects.iter().filter(|subject| {
        let judged = place.judge(&policy, subject.kind, &subject.dir, &subject.text);
        judged.verdict == Verdict::Allow
    });
    let allowed = allowed.map(|subject| format!("{} {:?}", subject.at, subject.text));
    (allowed.collect(), subjects.len())
}

#[test]
fn nothing_that_went_wrong_elsewhere_is_allowed() {
    let (allowed, all) = allowed("refused");
    assert!(all >= 800, "only {all}");
    assert!(allowed.is_empty(), "{allowed:#?}");
}

#[test]
fn nothing_that_hides_something_is_allowed() {
    let (allowed, all) = allowed("hidden");
    assert!(all >= 400, "only {all}");
    assert!(allowed.is_empty(), "{allowed:#?}");
}

#[test]
fn most_of_what_only_looks_is_allowed() {
    let (place, policy) = (Place::new(), Policy::shipped());
    let subjects = subjects("benign");
    let mut asked = Vec::new();
    for subject in &subjects {
        let judged = place.judge(&policy, subject.kind, &subject.dir, &subject.text);
        if judged.verdict != Verdict::Allow {
            asked.push(format!("{} {:?}: {}", subject.at, subject.text, judged.why));
        }
    }
    let (all, asked_of) = (subjects.len(), asked.len());
    println!("{asked_of} of {all} ask: {asked:#?}");
    assert!(all >= 300, "only {all}");
    assert!(
        (all - asked_of) * 100 >= all * 85,
        "{asked_of} of {all} ask: {asked:#?}"
    );
}

/// The rules are not needed to refuse what hides something: the widest rules do not allow it either.
#[test]
fn no_rule_can_allow_what_hides_something() {
    let place = Place::new();
    let wide = "[[rule]]\nname = 'w'\nverdict = 'allow'\nprogram = 'PROGRAM'\nsubcommand = []\noperands = 'text'\n\
        match = ['PROGRAM x']\nnot_match = ['other']\n";
    let programs = ["ls", "cat", "git", "grep", "rg", "head", "pwd"];
    let rules = programs.map(|program| {
        let rule = wide
            .replace("subcommand = []\n", "")
            .replace("PROGRAM", program);
        rule.replace("'w'", &format!("'w-{program}'"))
    });
    let read = "[[rule]]\nname = 'r'\nverdict = 'allow'\nkind = ['read', 'edit']\npath = ['**']\nmatch = ['a']\nnot_match = ['../a']\n";
    let policy = Policy::load(&[("wide".to_owned(), rules.concat() + read)]).unwrap();
    for subject in subjects("hidden") {
        let judged = place.judge(&policy, subject.kind, &subject.dir, &subject.text);
        assert_eq!(
            judged.verdict,
            Verdict::Ask,
            "{} {:?}",
            subject.at,
            subject.text
        );
    }
}
