//! `cm-tui hooks` changes a tool's settings in a home of its own, and nothing but them.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rstest::rstest;
use serde_json::{Value, json};

use super::{Ran, command, run};
use crate::lab::Lab;

const CLAUDE: &str = ".claude/settings.json";
const CODEX: &str = ".codex/hooks.json";
/// Settings as people have them: their own order, indentation, hooks and secrets.
const BEFORE: &str = r#"{
    "model": "opus",
    "hooks": {
        "Stop": [
            { "hooks": [{ "type": "command", "command": "notify-send \"done\" é" }] }
        ]
    },
    "env": { "KEY": "s3cret" },
    "z": 1e3
}"#;

/// Puts settings into the home.
fn given(lab: &Lab, file: &str, text: &str) -> PathBuf {
    let path = lab.path("home").join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn backup(path: &Path) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(".cm-tui-backup");
    name.into()
}

/// What was said, with the lab's own folder taken out.
fn told(lab: &Lab, text: &str) -> String {
    text.replace(&lab.dir.path().display().to_string(), "LAB")
}

/// Everything in a folder.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn install(lab: &Lab, tool: &str) -> Ran {
    run(lab, &["hooks", "install", tool, "--yes"])
}

fn remove(lab: &Lab, tool: &str) -> Ran {
    run(lab, &["hooks", "remove", tool, "--yes"])
}

/// The state of one tool as programs read it.
fn status(lab: &Lab, tool: &str) -> Value {
    run(lab, &["hooks", "status", tool, "--json"]).json()[0].take()
}

#[test]
fn hooks_are_shown_as_a_change_and_put_among_what_is_there() {
    let lab = Lab::new();
    let path = given(&lab, CLAUDE, BEFORE);
    let out = install(&lab, "claude-code").ok();
    insta::assert_snapshot!(told(&lab, &out));
    let text = read(&path);
    assert_eq!(read(&backup(&path)), BEFORE);
    let settings: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        settings["hooks"]["Stop"][0]["hooks"][0]["command"],
        "notify-send \"done\" é"
    );
    let agent = lab.path("cm-agent").display().to_string();
    let entry = &settings["hooks"]["PermissionRequest"][0]["hooks"][0];
    assert_eq!(entry["command"], format!("'{agent}' hook claude-code"));
    // Every line that was there is there still, but for a comma.
    for line in BEFORE
        .lines()
        .filter(|line| !line.trim().starts_with(['}', ']']))
    {
        assert!(text.contains(line), "{line}");
    }
    assert_eq!(
        install(&lab, "claude-code").ok(),
        format!("Claude Code calls {agent} already\n")
    );
}

#[rstest]
#[case::with_hooks(Some(BEFORE))]
#[case::without(Some("{\n\t\"model\": \"x\"\n}\n"))]
#[case::empty(Some("{}"))]
#[case::empty_lists(Some("{ \"hooks\" : { \"Stop\": [ ] } }\n"))]
#[case::blank(Some(""))]
#[case::not_there(None)]
fn removing_leaves_the_file_as_it_was(
    #[case] before: Option<&str>,
    #[values("claude-code", "codex")] tool: &str,
) {
    let lab = Lab::new();
    let file = if tool == "codex" { CODEX } else { CLAUDE };
    let path = lab.path("home").join(file);
    if let Some(before) = before {
        given(&lab, file, before);
    }
    install(&lab, tool).ok();
    assert_eq!(status(&lab, tool)["hooks"], "installed");
    remove(&lab, tool).ok();
    assert_eq!(fs::read_to_string(&path).ok().as_deref(), before);
    // Nothing is left beside it.
    let left = names(path.parent().unwrap());
    assert_eq!(left.len(), usize::from(before.is_some()), "{left:?}");
    let out = remove(&lab, tool).ok();
    assert!(out.ends_with("does not call cm-agent\n"), "{out}");
}

#[test]
fn what_was_changed_since_stays_when_hooks_are_removed() {
    let lab = Lab::new();
    let path = given(&lab, CLAUDE, BEFORE);
    install(&lab, "claude-code").ok();
    fs::write(&path, read(&path).replace("opus", "haiku")).unwrap();
    remove(&lab, "claude-code").ok();
    assert_eq!(read(&path), BEFORE.replace("opus", "haiku"));
    // What was taken out can be found as well.
    assert!(read(&backup(&path)).contains("cm-agent"));
}

#[test]
fn a_link_stays_a_link_and_the_file_keeps_its_permissions() {
    let lab = Lab::new();
    let dotfiles = lab.path("home").join("dotfiles");
    fs::create_dir_all(&dotfiles).unwrap();
    let target = dotfiles.join("claude.json");
    fs::write(&target, BEFORE).unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
    let path = lab.path("home").join(CLAUDE);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    symlink("../dotfiles/claude.json", &path).unwrap();

    install(&lab, "claude-code").ok();
    assert!(read(&target).contains("cm-agent"));
    for file in [&target, &backup(&path)] {
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640, "{}", file.display());
    }
    assert_eq!(names(&dotfiles), ["claude.json"]);
    remove(&lab, "claude-code").ok();
    assert_eq!(read(&target), BEFORE);
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());

    fs::remove_file(&target).unwrap();
    let err = install(&lab, "claude-code").fails(1);
    assert!(err.contains("the link leads nowhere"), "{err}");
}

#[rstest]
#[case::cut_off("{\n  \"model\": \"x\",\n")]
#[case::with_comments("{\n  // mine\n}\n")]
#[case::a_list("[]")]
#[case::odd_hooks("{\"hooks\": {\"Stop\": {}}}")]
fn settings_that_are_broken_are_left_alone(#[case] before: &str) {
    let lab = Lab::new();
    let path = given(&lab, CLAUDE, before);
    for err in [
        install(&lab, "claude-code").fails(1),
        remove(&lab, "claude-code").fails(1),
    ] {
        let lines: Vec<&str> = err.lines().collect();
        assert_eq!(lines.len(), 2, "{err}");
        assert!(
            lines[0].contains(".claude/settings.json is left as it is: "),
            "{err}"
        );
        assert!(lines[1].starts_with("hint: "), "{err}");
    }
    assert_eq!(read(&path), before);
    assert_eq!(names(path.parent().unwrap()), ["settings.json"]);
    assert_eq!(status(&lab, "claude-code")["hooks"], "broken");
}

#[test]
fn without_somebody_to_ask_a_change_is_shown_and_not_made() {
    let lab = Lab::new();
    let path = given(&lab, CLAUDE, BEFORE);
    let ran = run(&lab, &["hooks", "install", "claude-code"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.out.contains("+        \"PermissionRequest\": "),
        "{}",
        ran.out
    );
    assert!(
        ran.err
            .contains("nobody is here to be asked; nothing was written"),
        "{}",
        ran.err
    );
    assert_eq!(read(&path), BEFORE);
}

#[rstest]
#[case::yes("y\n", 0)]
#[case::no("n\n", 5)]
#[case::enter("\n", 5)]
fn a_person_at_the_terminal_decides(#[case] typed: &str, #[case] code: i32) {
    use std::io::Write as _;

    let lab = Lab::new();
    let path = given(&lab, CLAUDE, BEFORE);
    let flags = rustix::pty::OpenptFlags::RDWR
        | rustix::pty::OpenptFlags::NOCTTY
        | rustix::pty::OpenptFlags::CLOEXEC;
    let ours = rustix::pty::openpt(flags).unwrap();
    rustix::pty::grantpt(&ours).unwrap();
    rustix::pty::unlockpt(&ours).unwrap();
    let name = rustix::pty::ptsname(&ours, Vec::new()).unwrap();
    // It must not become the terminal of the test itself.
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    let theirs = rustix::fs::open(&*name, flags, rustix::fs::Mode::empty()).unwrap();
    // A terminal keeps what is typed ahead.
    fs::File::from(ours.try_clone().unwrap())
        .write_all(typed.as_bytes())
        .unwrap();
    let output = command(&lab, &["hooks", "install", "claude-code"])
        .stdin(Stdio::from(theirs.try_clone().unwrap()))
        .stderr(Stdio::from(theirs))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(code));
    assert_eq!(read(&path) != BEFORE, code == 0);
}

/// A tool and an agent that are installed in the lab.
fn with_programs(lab: &Lab, names: &[&str]) -> PathBuf {
    let bin = lab.path("bin");
    fs::create_dir_all(&bin).unwrap();
    for name in names {
        fs::write(bin.join(name), "#!/bin/sh\n").unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    bin
}

fn installed_only(lab: &Lab, bin: &Path, arguments: &[&str]) -> Command {
    let mut command = command(lab, arguments);
    command.env("PATH", bin);
    command
}

#[test]
fn status_tells_of_each_tool_that_is_there() {
    let lab = Lab::new();
    let bin = with_programs(&lab, &["claude", "codex"]);
    install(&lab, "codex").ok();
    let text = installed_only(&lab, &bin, &["hooks", "status"])
        .output()
        .unwrap();
    insta::assert_snapshot!(told(&lab, &Ran::of(&text).ok()));
    let json = installed_only(&lab, &bin, &["hooks", "status", "--json"])
        .output()
        .unwrap();
    insta::assert_snapshot!(told(&lab, &Ran::of(&json).ok()));

    // One that is not installed but has hooks.
    let nowhere = lab.path("nowhere");
    let left = installed_only(&lab, &nowhere, &["hooks", "status", "--json"])
        .output()
        .unwrap();
    let tools = Ran::of(&left).json();
    assert_eq!(tools.as_array().unwrap().len(), 1, "{tools}");
}

#[test]
fn hooks_that_lead_nowhere_or_are_not_all_there_are_incomplete() {
    let lab = Lab::new();
    let bin = with_programs(&lab, &["cm-agent-old"]);
    let old = bin.join("cm-agent-old");
    let arguments = ["hooks", "install", "claude-code", "--yes"];
    let mut install_old = lab.command(super::PROGRAM);
    install_old.arg("--agent").arg(&old).args(arguments);
    Ran::of(&install_old.output().unwrap()).ok();
    assert_eq!(status(&lab, "claude-code")["hooks"], "installed");
    fs::remove_file(&old).unwrap();
    let lost = status(&lab, "claude-code");
    assert_eq!(
        (&lost["hooks"], &lost["agent"]),
        (&json!("incomplete"), &json!(old))
    );

    install(&lab, "claude-code").ok();
    let path = lab.path("home").join(CLAUDE);
    let text = read(&path);
    assert!(!text.contains("cm-agent-old"), "{text}");
    assert_eq!(status(&lab, "claude-code")["hooks"], "installed");

    fs::write(&path, text.replace("\"SessionEnd\"", "\"SessionStopped\"")).unwrap();
    let partial = status(&lab, "claude-code");
    assert_eq!(
        (&partial["hooks"], &partial["missing"]),
        (&json!("incomplete"), &json!(["SessionEnd"]))
    );
    // Ours under an event that nobody knows goes as well, and with it the file, which was not there before.
    remove(&lab, "claude-code").ok();
    assert!(!path.exists());
}

#[test]
fn the_folder_that_the_tool_is_told_to_use_is_used() {
    let lab = Lab::new();
    let other = lab.path("home").join("other");
    let output = command(&lab, &["hooks", "install", "codex", "--yes"])
        .env("CODEX_HOME", &other)
        .output()
        .unwrap();
    let out = Ran::of(&output).ok();
    assert!(out.contains("accepted “Hooks need review”"), "{out}");
    assert_eq!(names(&other), ["hooks.json"]);
    assert!(!lab.path("home").join(CODEX).exists());
}

#[test]
fn a_tool_without_such_settings_is_not_found() {
    let lab = Lab::new();
    let err = install(&lab, "aider").fails(3);
    insta::assert_snapshot!(err, @r"
    cm-tui: no tool is called “aider” whose hooks can be installed
    hint: these can be: claude-code, codex
    ");
    let mut wrong = lab.command(super::PROGRAM);
    wrong.args([
        "--agent",
        "/nowhere/cm-agent",
        "hooks",
        "install",
        "codex",
        "--yes",
    ]);
    let err = Ran::of(&wrong.output().unwrap()).fails(1);
    assert!(err.contains("there is no such program"), "{err}");
}
