//! Who answers when nobody does, from the command line: told, chosen, agreed to.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rstest::rstest;
use rustix::pty::OpenptFlags;

use super::{Ran, command, run};
use crate::lab::Lab;

const NOBODY: &str =
    "cm-tui: nobody is here to agree to the mode yes (--yes agrees); nothing was changed\n";

/// A terminal at which `typed` was typed ahead: the end of a person, and that of a program.
fn terminal(typed: &str) -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = rustix::pty::openpt(flags).unwrap();
    rustix::pty::grantpt(&ours).unwrap();
    rustix::pty::unlockpt(&ours).unwrap();
    let name = rustix::pty::ptsname(&ours, Vec::new()).unwrap();
    // It must not become the terminal of the test itself.
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    let theirs = rustix::fs::open(&*name, flags, rustix::fs::Mode::empty()).unwrap();
    let mut keyboard = File::from(ours.try_clone().unwrap());
    keyboard.write_all(typed.as_bytes()).unwrap();
    (ours, theirs)
}

fn attended(lab: &Lab, typed: &str, arguments: &[&str]) -> Ran {
    let (_person, theirs) = terminal(typed);
    let output = command(lab, arguments)
        .stdin(Stdio::from(theirs.try_clone().unwrap()))
        .stderr(Stdio::from(theirs))
        .output();
    Ran::of(&output.unwrap())
}

async fn lab_with_shop() -> Lab {
    lab_with_rules("").await
}

async fn lab_with_rules(text: &str) -> Lab {
    let lab = Lab::new();
    std::fs::create_dir_all(&lab.paths.config_dir).unwrap();
    std::fs::write(lab.paths.policy_file(), text).unwrap();
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let id = client.start("shell", None, "shop", &lab.path("work")).await;
    client.session(&id, "shop", |_| true).await;
    lab
}

fn mode_of(lab: &Lab) -> serde_json::Value {
    run(lab, &["status", "shop", "--json"]).json()["auto"].take()
}

#[tokio::test]
async fn a_mode_is_told_chosen_and_seen_wherever_sessions_are_listed() {
    let lab = lab_with_shop().await;
    assert_eq!(run(&lab, &["mode", "shop"]).ok(), "shop: ask\n");
    let none = serde_json::json!(
        {"mode": "ask", "screen": false, "dry_run": false, "until": null, "stopped": ""}
    );
    assert_eq!(mode_of(&lab), none);

    let said = run(&lab, &["mode", "sh", "policy", "--dry-run", "--screen"]).ok();
    assert_eq!(said, "shop: policy (dry run, screen)\n");
    let said = run(&lab, &["mode", "shop", "yes", "--yes", "--hours", "3"]).ok();
    assert_eq!(said, "shop: yes, ends in 3h\n");
    let told = run(&lab, &["list", "--json"]).json();
    let auto = &told["sessions"][0]["auto"];
    assert_eq!(
        (&auto["mode"], &auto["dry_run"]),
        (&"yes".into(), &false.into())
    );
    assert!(auto["until"].is_u64(), "{auto}");
    let table = run(&lab, &["list"]).ok();
    let columns = |line: usize| table.lines().nth(line).unwrap().split_whitespace().nth(4);
    assert_eq!(
        (columns(0), columns(1)),
        (Some("MODE"), Some("yes")),
        "{table}"
    );
    let text = run(&lab, &["status", "shop"]).ok();
    assert!(text.contains("\nmode      yes, ends in 3h\n"), "{text}");

    assert_eq!(run(&lab, &["mode", "shop", "ask"]).ok(), "shop: ask\n");
    assert_eq!(mode_of(&lab), none);
}

#[tokio::test]
async fn what_is_no_mode_of_a_session_is_refused_and_changes_nothing() {
    let lab = lab_with_shop().await;
    assert_eq!(run(&lab, &["mode", "shop", "yes"]).fails(5), NOBODY);
    let said = run(&lab, &["mode", "shop", "ask", "--screen"]).fails(2);
    assert!(said.contains("say nothing of the mode ask"), "{said}");
    let said = run(&lab, &["mode", "shop", "--dry-run"]).fails(2);
    assert!(said.contains("[MODE]") || said.contains("<MODE>"), "{said}");
    let said = run(&lab, &["mode", "shop", "always"]).fails(2);
    assert!(said.contains("invalid value 'always'"), "{said}");
    for hours in ["0", "169"] {
        let said = run(&lab, &["mode", "shop", "policy", "--hours", hours]).fails(2);
        assert!(said.contains("1..=168"), "{said}");
    }
    let said = run(&lab, &["mode", "shp", "policy"]).fails(3);
    assert!(said.contains("did you mean “shop”?"), "{said}");
    assert_eq!(mode_of(&lab)["mode"], "ask");
}

#[tokio::test]
async fn rules_that_do_not_load_switch_no_mode_on_and_say_why() {
    let lab = lab_with_rules("[[rule]]\nname = 1\n").await;
    for mode in [&["policy"][..], &["yes", "--yes"]] {
        let said = run(&lab, &[&["mode", "shop"], mode].concat()).fails(1);
        assert!(
            said.contains("policy.toml:1:1: a rule has no name"),
            "{said}"
        );
    }
    assert_eq!(mode_of(&lab)["mode"], "ask");
    let work = lab.path("work").display().to_string();
    let start = [
        "start", "shell", "--dir", &work, "-n", "one", "--mode", "policy",
    ];
    let said = run(&lab, &start).fails(1);
    assert!(
        said.starts_with("cm-tui: it was started, and asks: "),
        "{said}"
    );
    assert_eq!(run(&lab, &["mode", "one"]).ok(), "one: ask\n");
}

#[rstest]
#[case::the_word("yes\n", 0)]
#[case::its_name("shop\n", 0)]
#[case::a_letter("y\n", 5)]
#[case::enter("\n", 5)]
#[case::end_of_input("\u{4}", 5)]
#[tokio::test]
async fn yes_to_everything_wants_a_word_typed_out(#[case] typed: &str, #[case] code: i32) {
    let lab = lab_with_shop().await;
    let ran = attended(&lab, typed, &["mode", "shop", "yes"]);
    assert_eq!(ran.code, code, "{ran:?}");
    let is_on = mode_of(&lab)["mode"] == "yes";
    assert_eq!(is_on, code == 0);
}

#[tokio::test]
async fn a_session_starts_in_a_mode() {
    let lab = Lab::new();
    lab.start_agent();
    let start = |more: &[&str]| {
        let work = lab.path("work").display().to_string();
        let all = [&["start", "shell", "--dir", &work], more].concat();
        run(&lab, &all)
    };
    assert_eq!(start(&["--mode", "yes"]).fails(5), NOBODY);
    let said = start(&["--mode", "ask", "--hours", "2"]).fails(2);
    assert!(said.contains("say nothing of the mode ask"), "{said}");
    let said = start(&["--screen"]).fails(2);
    assert!(said.contains("--mode <MODE>"), "{said}");
    let none = run(&lab, &["list", "--json"]).json();
    assert_eq!(none["sessions"], serde_json::json!([]));

    let told = start(&["-n", "one", "--mode", "policy", "--dry-run", "--json"]).json();
    assert_eq!(told["auto"]["mode"], "policy");
    assert_eq!(told["auto"]["dry_run"], true);
    let said = start(&["-n", "two", "--mode", "yes", "--yes"]).ok();
    assert!(said.ends_with(", yes, ends in 8h\n"), "{said}");
    let said = start(&["-n", "three"]).ok();
    assert!(said.ends_with("work\n"), "{said}");
    assert_eq!(run(&lab, &["mode", "three"]).ok(), "three: ask\n");

    let work = lab.path("work").display().to_string();
    let four = [
        "start", "shell", "--dir", &work, "-n", "four", "--mode", "yes",
    ];
    let ran = attended(&lab, "no\n", &four);
    assert_eq!(ran.code, 5, "{ran:?}");
    run(&lab, &["status", "four"]).fails(3);
    let ran = attended(&lab, "four\n", &four);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(run(&lab, &["mode", "four"]).ok(), "four: yes, ends in 8h\n");
}
