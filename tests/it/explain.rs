//! `cm-tui explain`, the real program, over every recorded screen: what it prints is what the label says.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Output};

use serde::Deserialize;

use crate::samples::Sample;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cm-tui");

/// Labels that are not what the screen shows, with what it does show, and why.
const WRONG_LABELS: [(&str, &str, &str); 1] = [(
    "claude-code/idle-start",
    "question",
    "the same start-up dialog as in auto-mode-offer, which is labelled a question",
)];

/// Labels that name one of two keys that do the same, and the one that is printed: by its label the key of the first
/// option is the favourite, everywhere else on the same screens.
const OTHER_KEYS: [(&str, &str, &str); 4] = [
    ("codex/cmd-touch-enter", "approve", "y"),
    ("codex/create-file", "approve", "y"),
    ("gemini-cli/cmd-touch-enter", "approve", "1"),
    ("codex/cmd-deny-digit", "deny", "Escape"),
];

#[derive(Deserialize)]
struct Told {
    state: String,
    prompt_kind: String,
    subject: String,
    approve_keys: String,
    deny_keys: String,
    rule: String,
    evidence: Vec<serde_json::Value>,
}

fn run(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    Command::new(PROGRAM)
        .arg("explain")
        .args(arguments)
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .output()
        .unwrap()
}

fn told(arguments: &[&str]) -> Vec<Told> {
    let output = run(arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let objects = text.lines();
    objects
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn only(told: Vec<Told>) -> Told {
    let [only] = <[Told; 1]>::try_from(told).ok().unwrap();
    only
}

/// Screens that do not show what their labels say, with what is told of them, and why: less than the label, never more.
const CANNOT_BE_SEEN: [(&str, &[&str], &str); 9] = [
    (
        "aider/adv-cat-sleep",
        &["state"],
        "what is in front is neither the tool nor a shell: nobody knows",
    ),
    ("copilot/adv-cat-sleep", &["state"], "the same"),
    ("opencode/adv-cat-sleep", &["state"], "the same"),
    ("qwen-code/adv-cat-sleep", &["state"], "the same"),
    (
        "copilot/adv-cmd-contains-menu-60x20",
        &["subject"],
        "three blanks at the edge of a row cannot be told from a line break",
    ),
    (
        "opencode/adv-cmd-contains-menu-60x20",
        &["subject"],
        "the same",
    ),
    (
        "opencode/create-outside",
        &["kind", "subject", "yes"],
        "a yes opens a folder; the file is named in the transcript only",
    ),
    (
        "opencode/create-outside-60x20",
        &["kind", "subject", "yes"],
        "the same",
    ),
    (
        "opencode/interrupted-retry",
        &["state"],
        "a message of the user looks like a failure but for the colour of its bar",
    ),
];

#[test]
fn every_recorded_screen_is_told_as_it_is_labelled() {
    let mut wrong = Vec::new();
    let mut confusion: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    // What has no attributes cannot be told from a picture of it.
    let samples: Vec<_> = Sample::all()
        .iter()
        .filter(|sample| sample.screen.is_some())
        .collect();
    assert!(samples.len() >= 700, "{} screens", samples.len());
    let folders: Vec<_> = samples.iter().map(|sample| sample.folder()).collect();
    let mut arguments = vec!["--json"];
    for folder in &folders {
        arguments.extend(["--fixture", folder.to_str().unwrap()]);
    }
    let all_told = told(&arguments);
    assert_eq!(all_told.len(), samples.len());
    for (sample, told) in samples.iter().zip(all_told) {
        let (name, label) = (&sample.name, &sample.meta);
        let relabelled = WRONG_LABELS.iter().find(|wrong| wrong.0 == *name);
        let state = relabelled.map_or(label.state.as_str(), |wrong| wrong.1);
        let pair = (label.tool.clone(), state.to_owned(), told.state.clone());
        *confusion.entry(pair).or_default() += 1;
        let unseen = CANNOT_BE_SEEN.iter().find(|unseen| unseen.0 == *name);
        let mut hold = |what: &str, found: &str, wanted: &str| {
            let is_known = unseen.is_some_and(|unseen| unseen.1.contains(&what))
                && (what != "state" || found != "approval")
                && (what != "yes" || found.is_empty());
            if is_known == (found == wanted) {
                wrong.push(format!(
                    "{name}: {what} “{found}”, not “{wanted}” ({})",
                    told.rule
                ));
            }
        };
        hold("state", &told.state, state);
        let is_approval = state == "approval";
        let only_approval =
            |text: &Option<String>| text.clone().filter(|_| is_approval).unwrap_or_default();
        // What cannot be read in full is not told, and not to be agreed to.
        let is_visible = label.subject_visible != Some(false);
        let key = |which: &str, labelled: &Option<String>| {
            let other = OTHER_KEYS
                .iter()
                .find(|other| other.0 == *name && other.1 == which);
            other.map_or_else(|| only_approval(labelled), |other| other.2.to_owned())
        };
        let visible = |text: String| if is_visible { text } else { String::new() };
        hold(
            "kind",
            &told.prompt_kind,
            &only_approval(&label.prompt_kind),
        );
        hold(
            "subject",
            &told.subject,
            &visible(only_approval(&label.subject)),
        );
        hold(
            "yes",
            &told.approve_keys,
            &visible(key("approve", &label.approve_keys)),
        );
        hold("no", &told.deny_keys, &key("deny", &label.deny_keys));
        assert!(!told.evidence.is_empty());
        if label.adversarial && !is_approval {
            hold(
                "adversarial",
                if told.state == "approval" {
                    "taken"
                } else {
                    ""
                },
                "",
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut table = String::new();
    for ((tool, wanted, found), count) in confusion {
        writeln!(table, "{tool:11} {wanted:9} -> {found:9} {count:3}").unwrap();
    }
    insta::assert_snapshot!("confusion", table);
}

#[test]
fn a_screen_is_judged_without_its_label() {
    let dir = tempfile::tempdir().unwrap();
    let sample = Sample::named("claude-code/cmd-rm-rf").folder();
    fs::copy(sample.join("screen.ans"), dir.path().join("screen.ans")).unwrap();
    let meta = fs::read_to_string(sample.join("meta.toml")).unwrap();
    let known = meta.lines().take_while(|line| !line.starts_with("state"));
    let known: Vec<&str> = known.collect();
    fs::write(dir.path().join("meta.toml"), known.join("\n")).unwrap();
    let arguments = ["--fixture", dir.path().to_str().unwrap(), "--json"];
    let found = only(told(&arguments));
    assert_eq!(
        (found.state.as_str(), found.subject.as_str()),
        ("approval", "rm -rf build")
    );
    assert_eq!(
        (found.approve_keys.as_str(), found.deny_keys.as_str()),
        ("1", "Escape")
    );

    // A label that lies changes nothing.
    let lie = known.join("\n") + "\nstate = \"idle\"\nsubject = \"ls\"\n";
    fs::write(dir.path().join("meta.toml"), lie).unwrap();
    assert_eq!(only(told(&arguments)).subject, "rm -rf build");

    // Without the cursor nobody knows whether the dialog is alive.
    fs::write(dir.path().join("meta.toml"), "").unwrap();
    assert_ne!(only(told(&arguments)).state, "approval");
}

#[test]
fn people_are_told_in_words() {
    let sample = Sample::named("codex/cmd-push-60x20").folder();
    let output = run(&["--fixture", sample.to_str().unwrap()]);
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r"
    codex: approval
      kind     command
      asks     Would you like to run the following command?
      subject  git push --force origin main
      approve  y
      deny     Escape
      rule     codex: command
      title    title: [ . ] Action Required | shop
      process  foreground program: codex
      screen   codex: command (rows 6 to 18): Would you like to run the following command? ⏎  ⏎ Environment: local ⏎  ⏎ Reason: Needed to finish the task you asked for? ⏎  ⏎ $ git push --force origin main …
      lost     codex: question: something else stands below the options
      lost     codex: dialog: a dialog is open
      lost     codex: action required: a dialog is open
      lost     codex: some dialog: a dialog is open
    ");
}

#[test]
fn bad_input_is_one_clear_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let said = |arguments: &[&str]| {
        let output = run(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), text.replace(path, "DIR"))
    };
    let (code, text) = said(&["--fixture", path, "--json"]);
    insta::assert_snapshot!(text, @"cm-tui: cannot read DIR/screen.ans: No such file or directory (os error 2)");
    assert_eq!(code, Some(1));
    fs::write(dir.path().join("screen.ans"), "$ \n").unwrap();
    fs::write(dir.path().join("meta.toml"), "cols = \"wide\"\n").unwrap();
    let (code, text) = said(&["--fixture", path]);
    insta::assert_snapshot!(text, @r#"cm-tui: DIR/meta.toml is not a description of a screen: invalid type: string "wide", expected u16"#);
    assert_eq!(code, Some(1));
    let (code, text) = said(&["--stream", "/nowhere/stream.raw"]);
    insta::assert_snapshot!(text, @"cm-tui: cannot read /nowhere/stream.raw: No such file or directory (os error 2)");
    assert_eq!(code, Some(1));
    assert_eq!(said(&[]).0, Some(2));
    assert_eq!(said(&["--fixture", path, "--stream", path]).0, Some(2));
    assert_eq!(said(&["--fixture", path, "--cols", "0"]).0, Some(2));
}
