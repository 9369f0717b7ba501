//! Starting and attaching, and what looks after this machine: doctor, agent, service, completions, man.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Ran, command, configure, run};
use crate::lab::Lab;

fn git(lab: &Lab, dir: &Path, arguments: &[&str]) -> String {
    let mut command = lab.command("git");
    command.current_dir(dir);
    for (name, value) in [("NAME", "lab"), ("EMAIL", "lab@localhost")] {
        command.env(format!("GIT_AUTHOR_{name}"), value);
        command.env(format!("GIT_COMMITTER_{name}"), value);
    }
    let output = command.args(arguments).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_session_is_started_where_it_was_asked_for() {
    let lab = Lab::new();
    lab.start_agent();
    let work = lab.path("work").canonicalize().unwrap();
    std::fs::create_dir(work.join("shop")).unwrap();
    configure(
        &lab,
        &format!("[contexts.work]\ndir = \"{}\"\n", work.display()),
    );
    let said = run(&lab, &["start", "shell", "--dir", "shop"]).ok();
    assert_eq!(
        said,
        format!("started shop on local in {}/shop\n", work.display())
    );
    let told = run(
        &lab,
        &[
            "start", "demo", "asking", "--ctx", "work", "--name", "api", "--json",
        ],
    )
    .json();
    assert_eq!(
        (&told["name"], &told["task"]),
        (&"api".into(), &"asking".into())
    );
    assert_eq!(told["contexts"], serde_json::json!(["local", "work"]));

    let said = run(&lab, &["start", "shel"]).fails(3);
    assert_eq!(
        said,
        "cm-tui: no tool is called “shel”\nhint: did you mean “shell”?\n"
    );
    let said = run(&lab, &["start", "shell", "--ctx", "wrok"]).fails(3);
    assert!(said.contains("did you mean “work”?"), "{said}");
    let said = run(&lab, &["start", "shell", "--dir", "/nowhere"]).fails(3);
    assert!(said.contains("no such folder"), "{said}");
    run(&lab, &["start"]).fails(2);
    let said = run(&lab, &["start", "shell", "--worktree"]).fails(1);
    assert!(said.contains("not a git repository"), "{said}");
    assert!(
        said.contains("\nhint: a worktree needs a git repository"),
        "{said}"
    );
}

#[test]
fn a_worktree_is_made_beside_the_repository_and_nothing_is_overwritten() {
    let lab = Lab::new();
    lab.start_agent();
    let work = lab.path("work").canonicalize().unwrap();
    let shop = work.join("shop");
    std::fs::create_dir_all(shop.join("web")).unwrap();
    std::fs::write(shop.join("web/page"), "old").unwrap();
    git(&lab, &shop, &["init", "-q"]);
    git(&lab, &shop, &["add", "."]);
    git(&lab, &shop, &["commit", "-q", "-m", "first"]);
    std::fs::write(shop.join("web/page"), "new").unwrap();

    let web = shop.join("web").display().to_string();
    let start = [
        "start",
        "shell",
        "--worktree",
        "--name",
        "Fix it",
        "--dir",
        &web,
    ];
    let said = run(&lab, &start).ok();
    let folder = work.join("shop-fix-it/web");
    assert_eq!(
        said,
        format!("started fix-it on local in {}\n", folder.display())
    );
    assert_eq!(
        git(&lab, &folder, &["branch", "--show-current"]),
        "cm/fix-it"
    );
    // What is not committed stays where it is.
    assert_eq!(std::fs::read_to_string(folder.join("page")).unwrap(), "old");
    assert_eq!(
        std::fs::read_to_string(shop.join("web/page")).unwrap(),
        "new"
    );
    let said = run(&lab, &start).fails(5);
    assert!(said.contains("shop-fix-it is there already"), "{said}");

    // A name that nobody chose gets a number.
    let start = ["start", "shell", "--worktree", "--dir", &web];
    assert!(run(&lab, &start).ok().contains("shop-shell/web"));
    assert!(run(&lab, &start).ok().contains("shop-shell-2/web"));
}

#[test]
fn attaching_needs_a_terminal() {
    let lab = Lab::new();
    let said = run(&lab, &["attach", "shop"]).fails(2);
    assert!(
        said.starts_with("cm-tui: attaching needs a terminal\n"),
        "{said}"
    );
}

#[tokio::test]
async fn attaching_shows_the_session_in_this_terminal_until_it_ends() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let work = lab.path("work");
    let id = client.start("shell", None, "shop", &work).await;
    client.session(&id, "shop", |_| true).await;
    // A terminal of our own: a pane of another tmux server.
    let line = format!(
        "{} --agent {} attach shop; tmux -L outer wait-for -S left; cat",
        env!("CARGO_BIN_EXE_cm-tui"),
        lab.path("cm-agent").display()
    );
    let size = ["new-session", "-d", "-x", "100", "-y", "30"];
    lab.tmux("outer", &[&size[..], &[line.as_str()]].concat());
    client
        .session(&id, "somebody attached", |session| session.attached == 1)
        .await;
    run(&lab, &["kill", "--force", "shop"]).ok();
    lab.tmux("outer", &["wait-for", "left"]);
}

#[test]
fn the_doctor_says_what_is_wrong_and_what_mends_it() {
    let lab = Lab::new();
    lab.start_agent();
    let told = run(&lab, &["doctor", "--json"]).json();
    let check = |told: &serde_json::Value, name: &str| {
        let checks = told["checks"].as_array().unwrap();
        checks
            .iter()
            .find(|one| one["check"] == name)
            .unwrap()
            .clone()
    };
    for name in [
        "tmux",
        "terminal",
        "settings",
        "policy",
        "ssh",
        "known_hosts",
        "sockets",
        "agent",
        "logout",
        "disk",
        "tool",
    ] {
        assert!(
            !check(&told, name)["says"].as_str().unwrap().is_empty(),
            "{name}"
        );
    }
    assert_eq!(check(&told, "tmux")["verdict"], "ok");
    assert_eq!(check(&told, "agent")["verdict"], "ok");
    let text = run(&lab, &["doctor"]).ok();
    assert!(text.starts_with("ok    tmux        tmux "), "{text}");

    configure(&lab, "theme = 1\n");
    std::fs::write(lab.paths.config_dir.join("policy.toml"), "verdct = 1\n").unwrap();
    let empty = lab.path("home");
    let mut doctor = command(&lab, &["doctor", "--json"]);
    let ran = Ran::of(
        &doctor
            .env("PATH", &empty)
            .env("TERM", "dumb")
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, 1, "{ran:?}");
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["worst"], "fail");
    for (name, verdict) in [
        ("tmux", "fail"),
        ("settings", "fail"),
        ("policy", "fail"),
        ("terminal", "warn"),
        ("ssh", "ok"),
    ] {
        let check = check(&told, name);
        assert_eq!(check["verdict"], verdict, "{check}");
        assert_eq!(check["mend"] == "", verdict == "ok", "{check}");
    }
}

#[test]
fn the_agent_of_a_host_is_asked_and_a_host_without_one_is_an_error() {
    let lab = Lab::new();
    let said = run(&lab, &["agent", "status", "local"]).ok();
    assert!(
        said.starts_with("cm-agent ") && said.contains(" runs on local as process "),
        "{said}"
    );
    let told = run(&lab, &["agent", "status", "local", "--json"]).json();
    assert_eq!(
        (&told["reached"], &told["pid"]),
        (&true.into(), &lab.agent_pid().into())
    );
    run(&lab, &["agent", "install", "local"]).ok();
    run(&lab, &["agent", "upgrade", "local"]).ok();
    configure(&lab, "[contexts.far]\nhost = \"127.0.0.1\"\nport = 1\n");
    for order in ["install", "upgrade", "status"] {
        let said = run(&lab, &["agent", order, "far"]).fails(4);
        assert!(
            said.starts_with("cm-tui: cannot reach “127.0.0.1”: "),
            "{said}"
        );
        run(&lab, &["agent", order, "fat"]).fails(3);
    }
}

#[test]
fn a_service_is_written_shown_started_and_taken_away() {
    let lab = Lab::new();
    let tools = lab.path("tools");
    std::fs::create_dir(&tools).unwrap();
    // In the place of systemd's own, which has no session here.
    let (program, calls) = (tools.join("systemctl"), lab.path("calls"));
    let script = format!(
        "#!/bin/sh\necho \"$@\" >>{}\necho active\n",
        calls.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let service = |order: &str, path: &str| {
        let mut command = command(&lab, &["service", order]);
        Ran::of(&command.env("PATH", path).output().unwrap())
    };
    let path = format!("{}:/usr/bin:/bin", tools.display());
    let file = lab
        .path("home")
        .join(".config/systemd/user/cm-agent.service");
    let said = service("status", &path).fails(3);
    assert!(said.ends_with("hint: cm-tui service install\n"), "{said}");
    service("remove", &path).fails(3);

    let said = service("install", &path).ok();
    let unit = std::fs::read_to_string(&file).unwrap();
    assert!(said.contains(&unit), "{said}");
    for line in [
        "KillMode=process",
        "Restart=on-failure",
        "WantedBy=default.target",
    ] {
        assert!(unit.lines().any(|one| one == line), "{unit}");
    }
    assert!(
        unit.contains(&format!(
            "ExecStart=\"{}\" serve\n",
            lab.path("cm-agent").display()
        )),
        "{unit}"
    );
    let said = service("status", &path).ok();
    assert_eq!(said, format!("{}: active\n", file.display()));
    service("remove", &path).ok();
    assert!(!file.exists());
    let calls = std::fs::read_to_string(calls).unwrap();
    assert_eq!(
        calls,
        "--user daemon-reload\n--user enable --now cm-agent.service\n\
         --user is-active cm-agent.service\n--user disable --now cm-agent.service\n"
    );

    // Without systemd the file is written all the same, and what would be run is named.
    let ran = service("install", "/nowhere");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.err.contains("not here: systemctl --user enable --now"),
        "{ran:?}"
    );
}

#[test]
fn completions_and_pages_know_every_subcommand() {
    let lab = Lab::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let text = run(&lab, &["completions", shell]).ok();
        assert!(
            text.contains("approve") && text.contains("doctor"),
            "{shell}"
        );
    }
    run(&lab, &["completions", "tcsh"]).fails(2);
    let page = run(&lab, &["man"]).ok();
    assert!(
        page.starts_with(".ie") && page.contains("cm\\-tui\\-list(1)"),
        "{page}"
    );
    let dir = lab.path("man");
    run(&lab, &["man", "--dir", dir.to_str().unwrap()]).ok();
    assert!(dir.join("cm-tui.1").exists() && dir.join("cm-tui-ctx-add.1").exists());
    run(&lab, &["man", "--dir", "/proc/nowhere"]).fails(1);
}
