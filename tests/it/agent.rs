//! The daemon with real tmux servers, as a client sees it.

use cm_tui::domain::{Answer, Origin, SessionState};
use cm_tui::protocol::{FailureKind, HistoryPage, LogKind, Reply, Request};

use crate::lab::{AGENT, Lab, exited_with};

#[tokio::test]
async fn a_session_is_started_seen_typed_into_and_killed() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let id = client
        .start("shell", None, "scratch", &lab.path("work"))
        .await;
    let session = client.session(&id, "the session", |_| true).await;
    assert_eq!(
        (session.name.as_str(), session.tool.as_str()),
        ("scratch", "shell")
    );
    assert_eq!(session.origin, Origin::Managed);
    client.watch(&id);
    let keys = Request::SendKeys {
        session: id.clone(),
        bytes: b"echo sum-$((20+3))\r".to_vec(),
    };
    assert_eq!(client.ask(keys).await, Reply::Done);
    client.sees(&id, "sum-23").await;
    let paste = Request::Paste {
        session: id.clone(),
        text: "echo pa\u{1b}sted-$((1+1))".into(),
    };
    assert_eq!(client.ask(paste).await, Reply::Done);
    client.sees(&id, "echo pasted-").await;
    assert_eq!(
        client
            .ask(Request::Kill {
                session: id.clone()
            })
            .await,
        Reply::Done
    );
    client
        .until("the end", |state| {
            state.hosts[0].sessions.is_empty().then_some(())
        })
        .await;
    assert!(
        client.state.hosts[0]
            .log
            .iter()
            .any(|line| line.what == LogKind::Killed && line.name == "scratch")
    );
}

#[tokio::test]
async fn sessions_of_other_servers_are_found_watched_and_never_resized() {
    let lab = Lab::new();
    lab.tmux(
        "mine",
        &[
            "new-session",
            "-d",
            "-s",
            "work",
            "-x",
            "90",
            "-y",
            "20",
            "cat",
        ],
    );
    // tmux 3.2 starts it with another size.
    lab.tmux(
        "mine",
        &["resize-window", "-t", "work", "-x", "90", "-y", "20"],
    );
    lab.start_agent();
    let mut client = lab.client();
    let found = client.named("work").await;
    assert_eq!(found.origin, Origin::Foreign("mine".into()));
    assert_eq!((found.cols, found.rows), (90, 20));
    client.watch(&found.id);
    lab.tmux(
        "mine",
        &["send-keys", "-t", "work", "-l", "hello from outside"],
    );
    client.sees(&found.id, "hello from outside").await;
    // Another server appears while we watch, and another session on it.
    lab.tmux("later", &["new-session", "-d", "-s", "late", "cat"]);
    client.named("late").await;
    lab.tmux("later", &["kill-server"]);
    client
        .until("its end", |state| {
            state.hosts[0]
                .sessions
                .values()
                .all(|session| session.name != "late")
                .then_some(())
        })
        .await;
    assert_eq!(
        lab.tmux(
            "mine",
            &[
                "display-message",
                "-p",
                "-t",
                "work",
                "#{window_width}x#{window_height}"
            ]
        ),
        "90x20\n"
    );
}

#[tokio::test]
async fn a_tool_behind_a_wrapper_is_found_and_so_is_its_end() {
    let lab = Lab::new();
    std::os::unix::fs::symlink("/bin/cat", lab.path("work/claude")).unwrap();
    // The wrapper leads the foreground and goes on after the tool, so tmux names it all the time.
    let wrapper = "sh -c 'echo before; read go; ./claude; echo after; read end'";
    lab.tmux("others", &["new-session", "-d", "-s", "mine", wrapper]);
    lab.start_agent();
    let mut client = lab.client();
    let session = client.named("mine").await;
    assert_eq!(session.tool, "shell");
    client.watch(&session.id);
    client.sees(&session.id, "before").await;
    lab.tmux(
        "others",
        &["send-keys", "-t", "mine", "Enter", "hello", "Enter"],
    );
    client
        .session(&session.id, "the tool", |session| {
            session.tool == "claude-code"
        })
        .await;
    lab.tmux("others", &["send-keys", "-t", "mine", "C-d"]);
    client.sees(&session.id, "after").await;
    client
        .session(&session.id, "its end", |session| session.tool == "shell")
        .await;
}

#[tokio::test]
async fn a_killed_daemon_comes_back_to_the_same_sessions() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let id = client
        .start("shell", None, "keeper", &lab.path("work"))
        .await;
    client.watch(&id);
    let before = client.session(&id, "the session", |_| true).await;
    let pid = rustix::process::Pid::from_raw(lab.agent_pid()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    client
        .until("the loss", |state| {
            (!state.hosts[0].is_live()).then_some(())
        })
        .await;
    // The client starts it again by itself.
    client.connected().await;
    let type_again = Request::SendKeys {
        session: id.clone(),
        bytes: b"echo still-$((40+2))\r".to_vec(),
    };
    let after = client
        .session(&id, "the same session", |session| session.tool == "shell")
        .await;
    assert_eq!(
        (after.name, after.pane, after.created),
        (before.name, before.pane, before.created)
    );
    assert_eq!(client.ask(type_again).await, Reply::Done);
    client.sees(&id, "still-42").await;
}

#[tokio::test]
async fn an_exit_code_is_told_and_the_last_screen_stays() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let id = client
        .start("shell", None, "short", &lab.path("work"))
        .await;
    client.watch(&id);
    let keys = Request::SendKeys {
        session: id.clone(),
        bytes: b"echo last words; exit 7\r".to_vec(),
    };
    assert_eq!(client.ask(keys).await, Reply::Done);
    client
        .session(&id, "its end", |session| exited_with(session, 7))
        .await;
    client.sees(&id, "last words").await;
    let typed = client
        .fails(Request::SendKeys {
            session: id.clone(),
            bytes: b"x".to_vec(),
        })
        .await;
    assert_eq!(
        typed.message,
        "short has exited; nothing reads what is typed"
    );
}

#[tokio::test]
async fn a_server_that_dies_leaves_its_sessions_lost_not_gone() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let id = client
        .start("shell", None, "victim", &lab.path("work"))
        .await;
    let session = client.session(&id, "the session", |_| true).await;
    let pid = rustix::process::Pid::from_raw(session.pane.server_pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    client.in_state(&id, "lost").await;
    let typed = client
        .fails(Request::SendKeys {
            session: id.clone(),
            bytes: b"x".to_vec(),
        })
        .await;
    assert_eq!(typed.kind, FailureKind::NotFound);
    assert_eq!(
        client
            .ask(Request::Kill {
                session: id.clone()
            })
            .await,
        Reply::Done
    );
    client
        .until("the end", |state| {
            state.hosts[0].sessions.is_empty().then_some(())
        })
        .await;
    // A new session gets a new server.
    client.start("shell", None, "next", &lab.path("work")).await;
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let mut try_start = async |tool: &str, dir: &str| {
        let start = cm_tui::protocol::StartSession {
            tool: tool.into(),
            dir: dir.into(),
            task: None,
            name: None,
        };
        client.fails(Request::Start(start)).await
    };
    let folder = try_start("shell", "/does/not/exist").await;
    assert_eq!(
        folder.message,
        "cannot start in /does/not/exist: no such folder"
    );
    let unknown = try_start("clod", "~").await;
    assert_eq!(unknown.message, "no tool is called “clod”");
    assert!(unknown.hint.contains("claude-code"), "{}", unknown.hint);
    let missing = try_start("aider", "~").await;
    assert_eq!(
        missing.message,
        "Aider is not installed: no program “aider” was found"
    );
    assert!(missing.hint.starts_with("looked in /"), "{}", missing.hint);
}

#[tokio::test]
async fn a_prompt_is_answered_once_and_only_while_it_stands() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let id = client
        .start("demo", Some("asking"), "asks", &lab.path("work"))
        .await;
    let waiting = client.in_state(&id, "approval").await;
    let prompt = waiting.prompt.unwrap();
    let yes = Request::AnswerPrompt {
        session: id.clone(),
        prompt: prompt.id,
        answer: Answer::Yes,
        message: String::new(),
    };
    assert_eq!(client.ask(yes.clone()).await, Reply::Done);
    client.in_state(&id, "working").await;
    let late = client.fails(yes).await;
    assert_eq!(late.kind, FailureKind::Refused);
    assert!(
        late.message.starts_with("already decided: yes by cm-tui"),
        "{}",
        late.message
    );
    let answered = client.state.hosts[0]
        .log
        .iter()
        .any(|line| line.what == LogKind::Answered);
    assert!(answered, "{:?}", client.state.hosts[0].log);
}

#[tokio::test]
async fn names_are_ours_unique_and_can_be_changed() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let first = client
        .start("shell", None, "My Project!", &lab.path("work"))
        .await;
    let one = client.session(&first, "the session", |_| true).await;
    let second = client
        .start("shell", None, "My Project!", &lab.path("work"))
        .await;
    let two = client.session(&second, "the session", |_| true).await;
    assert_eq!(two.name, format!("{}-2", one.name));
    assert_eq!(
        client
            .ask(Request::Rename {
                session: second.clone(),
                name: "other".into()
            })
            .await,
        Reply::Done
    );
    client
        .session(&second, "the new name", |session| session.name == "other")
        .await;
}

#[tokio::test]
async fn sessions_started_at_the_same_time_get_different_names() {
    let lab = Lab::new();
    lab.start_agent();
    let (mut one, mut two) = (lab.client(), lab.client());
    one.connected().await;
    two.connected().await;
    let work = lab.path("work");
    let (first, second) = tokio::join!(
        one.start("shell", None, "same", &work),
        two.start("shell", None, "same", &work)
    );
    let first = one.session(&first, "the first", |_| true).await;
    let second = one.session(&second, "the second", |_| true).await;
    let mut names = [first.name, second.name];
    names.sort();
    assert_eq!(names, ["same", "same-2"]);
}

#[tokio::test]
async fn history_comes_in_pages_oldest_line_first() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let id = client.start("shell", None, "long", &lab.path("work")).await;
    client.watch(&id);
    let keys = Request::SendKeys {
        session: id.clone(),
        bytes: b"seq 1 200; echo do''ne\r".to_vec(),
    };
    assert_eq!(client.ask(keys).await, Reply::Done);
    client.sees(&id, "done").await;
    let page = async |client: &mut crate::lab::Client, skip| {
        let page = HistoryPage { skip, lines: 10 };
        match client
            .ask(Request::History {
                session: id.clone(),
                page,
            })
            .await
        {
            Reply::History(lines) => lines
                .iter()
                .map(|line| line.trim().parse::<u32>().unwrap())
                .collect::<Vec<_>>(),
            other => panic!("no history: {other:?}"),
        }
    };
    let newest = page(&mut client, 0).await;
    let older = page(&mut client, 10).await;
    assert_eq!(newest.len(), 10);
    assert!(newest.is_sorted() && older.is_sorted());
    assert_eq!(older.last().unwrap() + 1, *newest.first().unwrap());
}

#[test]
fn a_second_daemon_steps_back_and_a_stale_socket_is_no_obstacle() {
    let lab = Lab::new();
    std::fs::create_dir_all(&lab.paths.run_dir).unwrap();
    std::fs::set_permissions(
        &lab.paths.run_dir,
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    drop(std::os::unix::net::UnixListener::bind(lab.paths.socket()).unwrap());
    lab.start_agent();
    let second = lab.command(AGENT).arg("serve").output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(second.status.success());
    assert!(
        said.contains(&format!(
            "cm-agent already runs (process {})",
            lab.agent_pid()
        )),
        "{said}"
    );
    let status = lab.command(AGENT).arg("status").output().unwrap();
    assert!(String::from_utf8_lossy(&status.stdout).contains("sessions  0"));
    lab.stop_agent();
    // Stopped, it is gone: all that it had to write is on disk.
    let lock = std::fs::File::open(lab.paths.lock()).unwrap();
    let free = rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    assert_eq!(free, Ok(()));
    let again = lab.command(AGENT).arg("stop").output().unwrap();
    assert_eq!(again.status.code(), Some(3));
}

#[test]
fn a_run_folder_that_others_can_enter_is_refused_with_the_mending_command() {
    let lab = Lab::new();
    std::fs::create_dir_all(&lab.paths.run_dir).unwrap();
    std::fs::set_permissions(
        &lab.paths.run_dir,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let refused = lab.command(AGENT).arg("serve").output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(
        said.contains(&format!(
            "hint: close it: chmod 700 {}",
            lab.paths.run_dir.display()
        )),
        "{said}"
    );
}

#[tokio::test]
async fn twenty_clients_at_once_start_exactly_one_agent() {
    let lab = Lab::new();
    let mut bridges: Vec<_> = (0..20)
        .map(|_| {
            let mut command = lab.command(AGENT);
            command
                .arg("stdio")
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let mut client = lab.client();
    client.connected().await;
    let status = client.ask(Request::Status).await;
    let Reply::Status(status) = status else {
        panic!("{status:?}")
    };
    assert_eq!(status.pid, lab.agent_pid());
    for bridge in &mut bridges {
        drop(bridge.stdin.take());
        assert!(bridge.wait().unwrap().success());
    }
}

#[tokio::test]
async fn a_flooding_pane_is_shown_and_does_not_stop_others() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let flood = client
        .start("shell", None, "flood", &lab.path("work"))
        .await;
    let calm = client.start("shell", None, "calm", &lab.path("work")).await;
    client.watch(&flood);
    client.watch(&calm);
    let yes = Request::SendKeys {
        session: flood.clone(),
        bytes: b"yes flooding\r".to_vec(),
    };
    assert_eq!(client.ask(yes).await, Reply::Done);
    client.sees(&flood, "flooding").await;
    let keys = Request::SendKeys {
        session: calm.clone(),
        bytes: b"echo calm-$((5+5))\r".to_vec(),
    };
    assert_eq!(client.ask(keys).await, Reply::Done);
    client.sees(&calm, "calm-10").await;
    let stop = Request::SendKeys {
        session: flood.clone(),
        bytes: b"\x03".to_vec(),
    };
    assert_eq!(client.ask(stop).await, Reply::Done);
    let keys = Request::SendKeys {
        session: flood.clone(),
        bytes: b"echo after-$((6+6))\r".to_vec(),
    };
    assert_eq!(client.ask(keys).await, Reply::Done);
    client.sees(&flood, "after-12").await;
    let state = client.session(&flood, "its state", |_| true).await.state;
    assert_ne!(state, SessionState::Lost);
}

/// Calls the hook as a tool in that pane would; returns what it wrote.
fn call_hook(lab: &Lab, pane: Option<&cm_tui::domain::PaneRef>, event: &str) -> String {
    let output = start_hook(lab, pane, event).wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

fn start_hook(
    lab: &Lab,
    pane: Option<&cm_tui::domain::PaneRef>,
    event: &str,
) -> std::process::Child {
    use std::io::Write as _;
    let mut command = lab.command(AGENT);
    if let Some(pane) = pane {
        let tmux = format!("{},{},0", pane.socket.display(), pane.server_pid);
        command
            .env("TMUX", tmux)
            .env("TMUX_PANE", format!("%{}", pane.pane));
    }
    let mut child = command
        .arg("hook")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // One that has no daemon to tell does not read.
    let _written = child.stdin.take().unwrap().write_all(event.as_bytes());
    child
}

/// A pane with a stand-in that has the tool's name and says nothing.
async fn silent_tool(
    lab: &Lab,
    client: &mut crate::lab::Client,
    tool: &str,
    name: &str,
) -> cm_tui::domain::Session {
    let (folder, program) = (lab.path(name), lab.path(name).join(tool));
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy("/bin/sleep", &program).unwrap();
    let (folder, program) = (folder.to_str().unwrap(), program.to_str().unwrap());
    lab.tmux(
        "mine",
        &[
            "new-session",
            "-d",
            "-s",
            name,
            "-c",
            folder,
            "--",
            program,
            "1000",
        ],
    );
    let found = client.named(name).await;
    client
        .session(&found.id, "the tool", |session| session.tool != "shell")
        .await
}

#[tokio::test]
async fn a_hook_reaches_the_session_of_its_pane() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let session = silent_tool(&lab, &mut client, "claude", "one").await;
    let other = silent_tool(&lab, &mut client, "claude", "two").await;
    let event = r#"{"hook_event_name":"PermissionRequest","session_id":"s","cwd":"/","tool_name":"Bash",
        "tool_input":{"command":"rm -rf build"}}"#;
    // It waits for a person.
    let hook = start_hook(&lab, Some(&session.pane), event);
    let waiting = client.in_state(&session.id, "approval").await;
    let prompt = waiting.prompt.unwrap();
    assert_eq!(
        (prompt.subject.as_str(), prompt.choices.len()),
        ("rm -rf build", 0)
    );
    let explain = Request::Explain {
        session: session.id.clone(),
    };
    let Reply::Explanation(explanation) = client.ask(explain).await else {
        panic!("no explanation");
    };
    assert_eq!(explanation.subject, "rm -rf build");
    assert_eq!(explanation.claims[0].rule, "PermissionRequest Bash");
    assert_ne!(
        client
            .session(&other.id, "the other", |_| true)
            .await
            .state
            .word(),
        "approval"
    );
    // Without the daemon nobody answers, and it leaves the tool's own dialog in charge.
    lab.stop_agent();
    let output = hook.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

#[tokio::test]
async fn a_hook_of_a_tool_with_a_daemon_goes_by_its_folder() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let first = silent_tool(&lab, &mut client, "codex", "one").await;
    let second = silent_tool(&lab, &mut client, "codex", "two").await;
    let cwd = lab.path("two");
    let event = format!(
        r#"{{"hook_event_name":"PreToolUse","turn_id":"t","session_id":"s","cwd":"{}","tool_name":"Bash"}}"#,
        cwd.display()
    );
    // Its environment is that of the first pane.
    assert_eq!(call_hook(&lab, Some(&first.pane), &event), "");
    client
        .session(&second.id, "work", |session| {
            session.rule == "hook: PreToolUse Bash"
        })
        .await;
    let first = client.session(&first.id, "the first", |_| true).await;
    assert_ne!(first.rule, "hook: PreToolUse Bash");
}

#[tokio::test]
async fn a_hook_without_a_daemon_is_silent_and_starts_none() {
    let lab = Lab::new();
    assert_eq!(call_hook(&lab, None, r#"{"hook_event_name":"Stop"}"#), "");
    assert_eq!(call_hook(&lab, None, "garbage"), "");
    assert!(!lab.paths.socket().exists());
    lab.start_agent();
    assert_eq!(call_hook(&lab, None, "garbage"), "");
    assert_eq!(call_hook(&lab, None, r#"{"hook_event_name":"Stop"}"#), "");
}

#[tokio::test]
async fn a_tool_that_we_start_is_told_to_call_the_hook_and_nobodys_settings_are_touched() {
    let lab = Lab::new();
    let bin = lab.path("bin");
    std::fs::create_dir(&bin).unwrap();
    let script = format!(
        "#!/bin/sh\nprintf '%s' \"$1\" > {0}/argument\necho written\nexec sleep 1000\n",
        bin.display()
    );
    std::fs::write(bin.join("claude"), script).unwrap();
    let runnable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(bin.join("claude"), runnable).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    lab.start_agent_with(|command| command.env("PATH", path));
    let mut client = lab.client();
    client.connected().await;
    let id = client
        .start("claude-code", None, "mine", &lab.path("work"))
        .await;
    let session = client
        .session(&id, "the program", |session| session.tool == "claude-code")
        .await;
    client.watch(&id);
    client.sees(&id, "written").await;
    let event = r#"{"hook_event_name":"PreToolUse","session_id":"s","cwd":"/","tool_name":"Bash"}"#;
    assert_eq!(call_hook(&lab, Some(&session.pane), event), "");
    let argument = std::fs::read_to_string(bin.join("argument")).unwrap();
    let settings = argument.strip_prefix("--settings=").unwrap();
    let settings: serde_json::Value = serde_json::from_str(settings).unwrap();
    let command = settings.pointer("/hooks/PermissionRequest/0/hooks/0/command");
    assert_eq!(
        command.unwrap().as_str().unwrap(),
        format!("'{AGENT}' hook claude-code")
    );
    let home: Vec<_> = std::fs::read_dir(lab.path("home")).unwrap().collect();
    let written = home
        .iter()
        .any(|entry| entry.as_ref().unwrap().file_name() == ".claude");
    assert!(!written, "{home:?}");
}
