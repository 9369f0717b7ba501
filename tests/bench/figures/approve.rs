//! How long a tool's hook waits for a rule's answer, while prompts come from many sessions at once.
//!
//! What `cm-agent hook` does is done here in process, over the daemon's own socket: connect, say hello, ask, and once the
//! answer is there say so. The record is on a real disk and synced before each answer leaves.

use std::path::Path;
use std::time::{Duration, Instant};

use cm_tui::agent::hook;
use cm_tui::domain::{Answer, HookEvent, HookPane, Mode, Session};
use cm_tui::protocol::{Reply, Request, ToAgent, ToClient};
use cm_tui::transport::connection::{greet, read_fact};
use tokio::net::UnixStream;
use tokio::time::MissedTickBehavior;

use super::Effort;
use crate::stats::Sample;
use crate::table::Row;
use crate::world::World;

/// Tools that ask, in turn.
const ASKING: usize = 8;
const A_SECOND: u32 = 50;
const FULL: Duration = Duration::from_secs(20);

pub async fn measure(effort: Effort) -> Vec<Row> {
    let world = World::new();
    let config = world.paths().config_file();
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    // More than a session may spend usually.
    std::fs::write(config, "[approve]\nper_hour = 100000\nper_day = 100000\n").unwrap();
    world.start_agent();
    let mut client = world.client().await;
    let ids = world
        .start(&mut client, ASKING, |number| format!("idle {number}"))
        .await;
    for id in &ids {
        let set = Request::SetMode {
            session: id.clone(),
            mode: Mode::Policy,
            screen: false,
            dry_run: false,
            hours: None,
        };
        assert_eq!(client.ask(set).await, Reply::Done);
    }
    let sessions: Vec<Session> = ids
        .iter()
        .map(|id| client.state.hosts[0].sessions[id].clone())
        .collect();
    std::fs::write(world.path("work/notes"), "one\n").unwrap();
    let socket = world.paths().socket();
    // Until the tool's program has said its version nothing is answered.
    while ask(&socket, event(&sessions[0], "PermissionRequest", 1))
        .await
        .1
        != Some(Answer::Yes)
    {
        tell(&socket, event(&sessions[0], "PostToolUse", 1)).await;
    }
    tell(&socket, event(&sessions[0], "PostToolUse", 1)).await;
    let mut beat = tokio::time::interval(Duration::from_secs(1) / A_SECOND);
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let wanted = effort.time(FULL).as_secs() as usize * A_SECOND as usize;
    let mut asked = tokio::task::JoinSet::new();
    for number in 2..wanted + 2 {
        beat.tick().await;
        let (socket, session) = (socket.clone(), sessions[number % ASKING].clone());
        asked.spawn(async move {
            let answer = ask(&socket, event(&session, "PermissionRequest", number)).await;
            tell(&socket, event(&session, "PostToolUse", number)).await;
            answer
        });
    }
    let answers = asked.join_all().await;
    let unanswered = answers
        .iter()
        .filter(|(_, answer)| *answer != Some(Answer::Yes))
        .count();
    let sample = Sample::new(answers.into_iter().map(|(time, _)| time).collect());
    let (median, p99) = (sample.median(), sample.p99());
    let is_met = median <= Duration::from_millis(10) && p99 <= Duration::from_millis(100);
    vec![
        Row::new("hook asks → rule answers, recorded and synced", sample.describe())
            .bar("p50 ≤ 10 ms, p99 ≤ 100 ms", is_met && unanswered == 0)
            .note(format!(
                "{wanted} prompts of {ASKING} sessions, {A_SECOND} a second, {unanswered} of them not answered; without the start of cm-agent hook"
            )),
    ]
}

/// Asks as `cm-agent hook` does; returns how long that took, and the answer.
async fn ask(socket: &Path, event: HookEvent) -> (Duration, Option<Answer>) {
    let start = Instant::now();
    let stream = UnixStream::connect(socket).await.unwrap();
    let (_, mut reader, mut writer) = greet(stream.into_split(), hook::CLIENT, None)
        .await
        .unwrap();
    for (id, request) in [(1, Request::Decide(event)), (2, Request::Ping)] {
        writer.send(&ToAgent { id, request }).await.unwrap();
    }
    let decision = loop {
        let body = reader.next().await.unwrap().expect("the agent hung up");
        if let Some(ToClient::Reply {
            id: 1,
            reply: Reply::Decision(decision),
        }) = read_fact(&body)
        {
            break decision;
        }
    };
    let time = start.elapsed();
    let arrived = ToAgent {
        id: 1,
        request: Request::Ping,
    };
    writer.send(&arrived).await.unwrap();
    while let Some(body) = reader.next().await.unwrap() {
        if let Some(ToClient::Reply { id: 1, .. }) = read_fact(&body) {
            break;
        }
    }
    (time, decision.map(|decision| decision.answer))
}

/// Tells what the tool did then.
async fn tell(socket: &Path, event: HookEvent) {
    let stream = UnixStream::connect(socket).await.unwrap();
    let told =
        cm_tui::transport::ask(stream.into_split(), hook::CLIENT, Request::Hook(event)).await;
    assert_eq!(told.unwrap(), Reply::Done);
}

/// What a session's tool says of its command of that number; each is another one.
fn event(session: &Session, name: &str, number: usize) -> HookEvent {
    HookEvent {
        tool: session.tool.clone(),
        event: name.to_owned(),
        conversation: session.id.to_string(),
        cwd: session.dir.clone(),
        pane: Some(HookPane {
            socket: session.pane.socket.to_string_lossy().into_owned(),
            server_pid: session.pane.server_pid,
            pane: session.pane.pane,
        }),
        action: "Bash".to_owned(),
        subject: format!("head -n {number} notes"),
        detail: String::new(),
    }
}
