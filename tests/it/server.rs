//! The agent and many clients: what one of them does, or what one pane does, is no trouble for the others.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use cm_tui::domain::{HostId, Seq, SessionId, SessionState};
use cm_tui::protocol::{
    Event, FailureKind, MAX_KEYS, MAX_MESSAGE, MAX_TEXT, Reply, Request, Resume, ToAgent, ToClient,
    Welcome,
};
use cm_tui::transport::connection::{MessageReader, MessageWriter, greet, read_fact};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::lab::{AGENT, Client, Lab};

/// A client that says exactly what a test wants.
struct Raw {
    welcome: Welcome,
    reader: MessageReader<OwnedReadHalf>,
    writer: MessageWriter<OwnedWriteHalf>,
}

impl Raw {
    async fn connect(lab: &Lab, resume: Option<Resume>) -> Self {
        let stream = UnixStream::connect(lab.paths.socket()).await.unwrap();
        let (welcome, reader, writer) = greet(stream.into_split(), "test", resume).await.unwrap();
        Self {
            welcome,
            reader,
            writer,
        }
    }

    async fn send(&mut self, message: &impl Serialize) {
        self.writer.send(message).await.unwrap();
    }

    async fn fact(&mut self) -> ToClient {
        let body = self
            .reader
            .next()
            .await
            .unwrap()
            .expect("the agent hung up");
        read_fact(&body).expect("a fact")
    }

    async fn event(&mut self) -> (Seq, Event) {
        loop {
            if let ToClient::Event { seq, event } = self.fact().await {
                return (seq, event);
            }
        }
    }

    async fn answer(&mut self, wanted: u64) -> Reply {
        loop {
            match self.fact().await {
                ToClient::Reply { id, reply } if id == wanted => return reply,
                _ => {}
            }
        }
    }

    async fn ask(&mut self, id: u64, request: Request) -> Reply {
        self.send(&ToAgent { id, request }).await;
        self.answer(id).await
    }
}

fn keys(session: &SessionId, text: &str) -> Request {
    Request::SendKeys {
        session: session.clone(),
        bytes: text.into(),
    }
}

async fn connected(lab: &Lab) -> Client {
    let mut client = lab.client();
    client.connected().await;
    client
}

#[tokio::test]
async fn one_client_too_many_is_refused_and_the_others_stay() {
    let lab = Lab::new();
    lab.start_agent();
    let mut clients = Vec::new();
    for _ in 0..256 {
        clients.push(Raw::connect(&lab, None).await);
    }
    let stream = UnixStream::connect(lab.paths.socket()).await.unwrap();
    assert!(greet(stream.into_split(), "test", None).await.is_err());
    for client in &mut clients {
        assert_eq!(client.ask(1, Request::Ping).await, Reply::Done);
    }
    // Room is made as soon as one leaves.
    clients.pop();
    let mut next = loop {
        let stream = UnixStream::connect(lab.paths.socket()).await.unwrap();
        if let Ok((welcome, reader, writer)) = greet(stream.into_split(), "test", None).await {
            break Raw {
                welcome,
                reader,
                writer,
            };
        }
    };
    assert_eq!(next.ask(1, Request::Ping).await, Reply::Done);
}

#[tokio::test]
async fn what_cannot_be_read_is_skipped_and_what_is_over_a_limit_is_said() {
    #[derive(Serialize)]
    struct Newer {
        id: u64,
        request: &'static str,
    }
    let lab = Lab::new();
    lab.start_agent();
    let mut client = Raw::connect(&lab, None).await;
    client.send(&"garbage").await;
    client.send(&[0u8; 5000].as_slice()).await;
    client
        .send(&Newer {
            id: 7,
            request: "teleport",
        })
        .await;
    let Reply::Failed(unknown) = client.answer(7).await else {
        panic!("teleported")
    };
    assert_eq!(unknown.kind, FailureKind::Unsupported);
    let long = Request::SendKeys {
        session: SessionId::new("s"),
        bytes: vec![b'x'; MAX_KEYS + 1],
    };
    let Reply::Failed(keys) = client.ask(8, long).await else {
        panic!("typed")
    };
    assert_eq!(
        (keys.kind, keys.message.as_str()),
        (
            FailureKind::Invalid,
            "keys of 4097 bytes is over the limit of 4096"
        )
    );
    // One that a well-behaved client would not even send.
    let paste = ToAgent {
        id: 9,
        request: Request::Paste {
            session: SessionId::new("s"),
            text: "x".repeat(MAX_TEXT + 1),
        },
    };
    let body = cm_tui::protocol::encode(&paste).unwrap();
    let stream = UnixStream::connect(lab.paths.socket()).await.unwrap();
    let (read, write) = stream.into_split();
    let (_, mut reader, writer) = greet((read, write), "test", None).await.unwrap();
    let mut raw = writer.into_inner();
    raw.write_all(&(body.len() as u32).to_be_bytes())
        .await
        .unwrap();
    raw.write_all(&body).await.unwrap();
    let refused = loop {
        let body = reader.next().await.unwrap().unwrap();
        if let Some(ToClient::Reply {
            id: 9,
            reply: Reply::Failed(failure),
        }) = read_fact(&body)
        {
            break failure;
        }
    };
    assert_eq!(
        (refused.kind, refused.message.as_str()),
        (
            FailureKind::Invalid,
            "text of 65537 is over the limit of 65536"
        )
    );
    // A message that is announced too long ends this connection and no other.
    raw.write_all(&(MAX_MESSAGE as u32 + 1).to_be_bytes())
        .await
        .unwrap();
    while let Ok(Some(_)) = reader.next().await {}
    assert_eq!(client.ask(10, Request::Ping).await, Reply::Done);
}

#[tokio::test]
async fn a_client_that_never_reads_delays_nobody() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = connected(&lab).await;
    let busy = client.start("shell", None, "busy", &lab.path("work")).await;
    client.watch(&busy);
    let mut deaf = Raw::connect(&lab, None).await;
    deaf.send(&ToAgent {
        id: 1,
        request: Request::Watch {
            session: busy.clone(),
        },
    })
    .await;
    // More answers than its socket and its queue hold; the agent stops reading it, or lets it go.
    for id in 2..4000 {
        let list = deaf.writer.queue(&ToAgent {
            id,
            request: Request::Tools,
        });
        list.unwrap();
    }
    let flooding = tokio::spawn(async move {
        // Fails or stands still, as the agent likes.
        let _end = deaf.writer.flush().await;
        deaf
    });
    let print =
        "i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo line $i of many; done; echo all''printed\r";
    assert_eq!(client.ask(keys(&busy, print)).await, Reply::Done);
    client.sees(&busy, "allprinted").await;
    let Reply::Status(status) = client.ask(Request::Status).await else {
        panic!("no status")
    };
    assert!(status.clients <= 2);
    flooding.abort();
    assert_eq!(client.ask(Request::Ping).await, Reply::Done);
}

#[tokio::test]
async fn all_who_watch_end_on_the_same_screen() {
    let lab = Lab::new();
    lab.start_agent();
    let (mut one, mut two) = (connected(&lab).await, connected(&lab).await);
    let id = one.start("shell", None, "shared", &lab.path("work")).await;
    two.session(&id, "the session", |_| true).await;
    one.watch(&id);
    // What is waited for stands nowhere in the typed line, and is the last thing that the pane shows.
    let print = "i=0; while [ $i -lt 300 ]; do i=$((i+1)); printf '\\033[3%dm%d\\033[m ' $((i%8)) $i; done; printf the''end; exec cat >/dev/null\r";
    assert_eq!(one.ask(keys(&id, print)).await, Reply::Done);
    two.watch(&id);
    for client in [&mut one, &mut two] {
        client.sees(&id, "theend").await;
        assert_eq!(client.ask(keys(&id, "")).await, Reply::Done);
    }
    // Of two that see its end, one may still wait for the cursor.
    loop {
        let screen = |client: &Client| {
            client
                .state
                .screen(&HostId::local(), &id)
                .map(|mirror| mirror.screen().keyframe())
        };
        if screen(&one) == screen(&two) {
            break;
        }
        tokio::select! {
            () = one.hears("the rest") => {}
            () = two.hears("the rest") => {}
        }
    }
    let mut late = connected(&lab).await;
    late.session(&id, "the session", |_| true).await;
    late.watch(&id);
    late.sees(&id, "theend").await;
    let shown = |client: &Client| {
        client
            .state
            .screen(&HostId::local(), &id)
            .unwrap()
            .screen()
            .text()
    };
    assert_eq!(shown(&one), shown(&late));
}

#[tokio::test]
async fn a_client_that_comes_back_gets_exactly_what_it_missed() {
    let lab = Lab::new();
    lab.start_agent();
    let mut witness = Raw::connect(&lab, None).await;
    let mut leaver = Raw::connect(&lab, None).await;
    let (seq, first) = leaver.event().await;
    assert!(matches!(first, Event::Snapshot { .. }));
    let run = leaver.welcome.run;
    drop(leaver);
    let mut client = connected(&lab).await;
    let id = client
        .start("shell", None, "missed", &lab.path("work"))
        .await;
    client.in_state(&id, "idle").await;
    assert_eq!(
        client
            .ask(Request::Kill {
                session: id.clone()
            })
            .await,
        Reply::Done
    );
    let mut all = Vec::new();
    while !all
        .iter()
        .any(|(_, event)| matches!(event, Event::SessionRemoved(_)))
    {
        let (at, event) = witness.event().await;
        if at > seq {
            all.push((at, event));
        }
    }
    let mut back = Raw::connect(&lab, Some(Resume { run, seq })).await;
    assert!(back.welcome.resumed);
    let mut missed = Vec::new();
    while missed.len() < all.len() {
        missed.push(back.event().await);
    }
    assert_eq!(missed, all);
    assert!(
        all.iter()
            .zip(seq.0 + 1..)
            .all(|((at, _), number)| at.0 == number)
    );
    // Somebody who knows of another run, or of the future, is told everything.
    for resume in [
        Resume { run: run ^ 1, seq },
        Resume {
            run,
            seq: Seq(u64::MAX),
        },
    ] {
        let mut stranger = Raw::connect(&lab, Some(resume)).await;
        assert!(!stranger.welcome.resumed);
        assert!(matches!(stranger.event().await.1, Event::Snapshot { .. }));
    }
}

#[tokio::test]
async fn a_pane_that_stops_in_the_middle_of_a_frame_stops_nothing_else() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = connected(&lab).await;
    let stuck = client
        .start("shell", None, "stuck", &lab.path("work"))
        .await;
    client.watch(&stuck);
    let half = keys(&stuck, "printf 'half-%s\\033[?2026h' frame; sleep 60\r");
    assert_eq!(client.ask(half).await, Reply::Done);
    client.sees(&stuck, "half-frame").await;
    let other = client
        .start("shell", None, "other", &lab.path("work"))
        .await;
    client.in_state(&other, "idle").await;
}

#[tokio::test]
async fn a_pane_that_is_piped_elsewhere_is_left_alone_and_costs_nothing() {
    let lab = Lab::new();
    lab.tmux(
        "mine",
        &[
            "new-session",
            "-d",
            "-s",
            "piped",
            "-x",
            "80",
            "-y",
            "20",
            "cat",
        ],
    );
    lab.tmux("mine", &["pipe-pane", "-t", "piped", "cat > /dev/null"]);
    lab.start_agent();
    let mut client = connected(&lab).await;
    let found = client.named("piped").await;
    client
        .session(&found.id, "the pipe", |session| {
            session.state == SessionState::Unknown
        })
        .await;
    // Whatever would have its screen judged again.
    lab.tmux(
        "mine",
        &["select-pane", "-t", "piped", "-T", "another title"],
    );
    lab.tmux("mine", &["rename-session", "-t", "piped", "renamed"]);
    client.named("renamed").await;
    let id = client.start("shell", None, "next", &lab.path("work")).await;
    client.in_state(&id, "idle").await;
    let before = cpu_ticks(lab.agent_pid());
    for _ in 0..20 {
        assert_eq!(client.ask(Request::Ping).await, Reply::Done);
    }
    assert!(cpu_ticks(lab.agent_pid()) - before < 50);
    lab.tmux("mine", &["pipe-pane", "-t", "renamed"]);
    client
        .session(&found.id, "its own eyes", |session| {
            session.state != SessionState::Unknown
        })
        .await;
}

/// Processor time used so far, in hundredths of a second.
fn cpu_ticks(pid: i32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[tokio::test]
async fn however_often_the_agent_is_killed_the_same_sessions_come_back() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = connected(&lab).await;
    let mut started = BTreeSet::new();
    for name in ["one", "two", "three"] {
        let id = client.start("shell", None, name, &lab.path("work")).await;
        let print = keys(&id, "while true; do echo busy; sleep 0.05; done\r");
        assert_eq!(client.ask(print).await, Reply::Done);
        started.insert(id);
    }
    for round in 0..3 {
        let pid = lab.agent_pid();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        client
            .until("the loss", |state| {
                (!state.hosts[0].is_live()).then_some(())
            })
            .await;
        client.connected().await;
        assert_ne!(lab.agent_pid(), pid);
        let Reply::Sessions(sessions) = client.ask(Request::List).await else {
            panic!("no list in round {round}")
        };
        let ids: Vec<SessionId> = sessions.iter().map(|session| session.id.clone()).collect();
        assert_eq!(ids, started.iter().cloned().collect::<Vec<_>>());
        // Each of them is still read: its state is found again.
        for id in &started {
            client.in_state(id, "working").await;
        }
    }
}

#[tokio::test]
async fn without_tmux_clients_are_told_what_to_do() {
    let lab = Lab::new();
    let empty = lab.path("empty");
    std::fs::create_dir(&empty).unwrap();
    lab.start_agent_with(|command| command.env("PATH", &empty));
    let mut client = connected(&lab).await;
    let trouble = client
        .until("the trouble", |state| state.hosts[0].trouble.clone())
        .await;
    insta::assert_snapshot!(
        format!("{}\nhint: {}", trouble.message, trouble.hint),
        @"
    tmux is not installed on this host
    hint: install tmux 3.2 or newer, then stop the agent: cm-agent stop
    "
    );
    let start = cm_tui::protocol::StartSession {
        tool: "shell".into(),
        dir: "~".into(),
        task: None,
        name: None,
    };
    assert_eq!(client.fails(Request::Start(start)).await, trouble);
}

/// What `cm-agent` says on standard error, with this world's folder as `LAB`.
fn says(lab: &Lab, command: &mut std::process::Command) -> String {
    let output = command.output().unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let text = text.replace(lab.dir.path().to_str().unwrap(), "LAB");
    format!(
        "{}\nexit {}",
        text.trim_end(),
        output.status.code().unwrap()
    )
}

#[test]
fn a_daemon_that_cannot_serve_says_why_and_what_to_do() {
    let lab = Lab::new();
    let run = &lab.paths.run_dir;
    let serve = || {
        let mut command = lab.command(AGENT);
        command.arg("serve");
        command
    };
    let mut said = Vec::new();
    said.push(says(&lab, lab.command(AGENT).arg("status")));
    std::fs::create_dir_all(run).unwrap();
    mode(run, 0o755);
    said.push(says(&lab, &mut serve()));
    said.push(says(&lab, serve().arg("--detach")));
    std::fs::remove_dir(run).unwrap();
    std::os::unix::fs::symlink(lab.path("work"), run).unwrap();
    said.push(says(&lab, &mut serve()));
    std::fs::remove_file(run).unwrap();
    std::fs::write(run, "").unwrap();
    said.push(says(&lab, &mut serve()));
    said.push(says(&lab, lab.command(AGENT).arg("status")));
    said.push(says(&lab, serve().env("XDG_STATE_HOME", run)));
    std::fs::remove_file(run).unwrap();
    mode(&lab.path("run"), 0o777);
    said.push(says(&lab, &mut serve()));
    mode(&lab.path("run"), 0o700);
    let long = lab.path("run").join("x".repeat(100));
    said.push(says(&lab, serve().env("XDG_RUNTIME_DIR", &long)).replace(&"x".repeat(100), "XXX"));
    said.push(says(
        &lab,
        serve().env_remove("HOME").env("HOME", "relative"),
    ));
    std::fs::remove_dir(run).unwrap();
    lab.start_agent();
    said.push(says(&lab, &mut serve()).replace(&lab.agent_pid().to_string(), "PID"));
    said.push(says(&lab, serve().arg("--detach")).replace(&lab.agent_pid().to_string(), "PID"));
    insta::assert_snapshot!("agent_refusals", said.join("\n\n"));
}

fn mode(path: &std::path::Path, mode: u32) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}
