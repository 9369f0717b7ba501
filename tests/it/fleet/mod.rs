//! The client's side: what is known of a host, and the task that keeps its connection, against a scripted agent.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod many;
mod nat;
mod rows;
mod skew;
pub mod ssh;
mod state;

use std::collections::BTreeSet;
use std::time::Duration;

use cm_tui::domain::{AutoConfirm, HostId, Origin, PaneRef, Seq, Session, SessionId, SessionState};
use cm_tui::fleet::{Fleet, HostNotice, HostSpec, Notice, RequestId, SendError};
use cm_tui::paths::Paths;
use cm_tui::protocol::{
    Event, Failure, FailureKind, Greeting, Hello, NEWEST, Reply, Request, Resume, ScreenUpdate,
    ToAgent, ToClient, Tool, Welcome,
};
use cm_tui::transport::connection::{
    FromClient, MessageReader, MessageWriter, read_order, receive_hello,
};
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

fn sid(name: &str) -> SessionId {
    SessionId::new(name)
}

fn session(name: &str) -> Session {
    Session {
        id: sid(name),
        name: name.into(),
        tool: "shell".into(),
        origin: Origin::Managed,
        pane: PaneRef {
            socket: "/s".into(),
            server_pid: 1,
            server_started: 1,
            pane: 1,
        },
        tmux_session: 1,
        dir: "/".into(),
        task: None,
        cols: 20,
        rows: 3,
        attached: 0,
        created: 0,
        state: SessionState::Idle,
        since: 0,
        rule: String::new(),
        disagreement: String::new(),
        auto: AutoConfirm::default(),
        prompt: None,
    }
}

fn snapshot(names: &[&str]) -> Event {
    Event::Snapshot {
        sessions: names.iter().map(|name| session(name)).collect(),
        log: Vec::new(),
        trouble: None,
    }
}

fn changed(name: &str) -> Event {
    Event::SessionChanged(Box::new(session(name)))
}

fn keyframe(name: &str, version: u64, text: &str) -> ScreenUpdate {
    ScreenUpdate {
        session: sid(name),
        version,
        keyframe: Some((20, 3)),
        bytes: text.into(),
    }
}

fn update(name: &str, version: u64, text: &str) -> ScreenUpdate {
    ScreenUpdate {
        keyframe: None,
        ..keyframe(name, version, text)
    }
}

fn failure(message: &str) -> Failure {
    Failure {
        kind: FailureKind::Failed,
        message: message.into(),
        hint: "do this".into(),
    }
}

fn welcome(run: u64, resumed: bool) -> Welcome {
    Welcome {
        version: NEWEST,
        agent: "fake 1".into(),
        run,
        host: "here".into(),
        now: 1000,
        home: "/".into(),
        resumed,
    }
}

/// A client's fleet, and the place where its agent would listen.
struct Scene {
    _dir: TempDir,
    listener: UnixListener,
    fleet: Fleet,
    notices: mpsc::Receiver<HostNotice>,
}

/// The agent's end of one connection.
struct Agent {
    reader: MessageReader<OwnedReadHalf>,
    writer: MessageWriter<OwnedWriteHalf>,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("cm").tempdir().unwrap();
        let base = dir.path().to_owned();
        let paths = Paths::from_lookup(|_| Some(base.clone())).unwrap();
        std::fs::create_dir(&paths.run_dir).unwrap();
        let listener = UnixListener::bind(paths.socket()).unwrap();
        let (fleet, notices) = Fleet::start(vec![HostSpec::local(paths, "/nonexistent".into())]);
        Self {
            _dir: dir,
            listener,
            fleet,
            notices,
        }
    }

    async fn accept(&mut self) -> (Hello, Agent) {
        let (stream, _) = self.listener.accept().await.unwrap();
        let (hello, _, reader, writer) = receive_hello(stream.into_split()).await.unwrap();
        (hello, Agent { reader, writer })
    }

    /// A connection whose client has been told `names`, as number `seq` of run 7.
    async fn connected(&mut self, seq: u64, names: &[&str]) -> Agent {
        let (_, mut agent) = self.accept().await;
        agent.greet(welcome(7, false)).await;
        agent.event(seq, snapshot(names)).await;
        while !matches!(self.next().await, Notice::Event(_)) {}
        agent
    }

    async fn next(&mut self) -> Notice {
        self.notices.recv().await.unwrap().notice
    }

    async fn lost(&mut self) -> Failure {
        loop {
            if let Notice::Disconnected(failure) = self.next().await {
                return failure;
            }
        }
    }

    async fn event(&mut self) -> Event {
        loop {
            if let Notice::Event(event) = self.next().await {
                return *event;
            }
        }
    }

    fn ask(&self, id: u64, request: Request) -> Result<(), SendError> {
        self.fleet.send(&HostId::local(), RequestId(id), request)
    }

    fn watch(&self, names: &[&str]) {
        let wanted: Vec<_> = names
            .iter()
            .map(|name| (HostId::local(), sid(name)))
            .collect();
        self.fleet.watch(&wanted);
    }
}

impl Agent {
    async fn greet(&mut self, welcome: Welcome) {
        self.writer.send(&Greeting::Welcome(welcome)).await.unwrap();
    }

    async fn send(&mut self, message: ToClient) {
        self.writer.send(&message).await.unwrap();
    }

    async fn event(&mut self, seq: u64, event: Event) {
        self.send(ToClient::Event {
            seq: Seq(seq),
            event,
        })
        .await;
    }

    async fn order(&mut self) -> ToAgent {
        let body = self.reader.next().await.unwrap().expect("the client left");
        match read_order(&body) {
            FromClient::Order(order) => order,
            other => panic!("not an order: {other:?}"),
        }
    }

    /// The next order that is none of the task's own questions.
    async fn wish(&mut self) -> ToAgent {
        loop {
            let order = self.order().await;
            if !matches!(order.request, Request::Tools | Request::Ping) {
                return order;
            }
        }
    }
}

#[tokio::test]
async fn after_a_loss_exactly_what_was_missed_is_asked_for() {
    let mut scene = Scene::new();
    let mut agent = scene.connected(40, &["a"]).await;
    agent.event(41, changed("b")).await;
    assert_eq!(scene.event().await, changed("b"));
    drop(agent);
    assert!(
        scene
            .lost()
            .await
            .message
            .starts_with("lost cm-agent: connection ")
    );
    let (hello, mut agent) = scene.accept().await;
    assert_eq!(
        hello.resume,
        Some(Resume {
            run: 7,
            seq: Seq(41)
        })
    );
    agent.greet(welcome(7, true)).await;
    agent.event(42, changed("c")).await;
    assert_eq!(scene.event().await, changed("c"));
    // The same again: nothing was doubled or skipped.
    drop(agent);
    let (hello, _agent) = scene.accept().await;
    assert_eq!(
        hello.resume,
        Some(Resume {
            run: 7,
            seq: Seq(42)
        })
    );
}

#[tokio::test]
async fn an_agent_that_cannot_tell_what_was_missed_tells_everything() {
    let mut scene = Scene::new();
    drop(scene.connected(40, &["a"]).await);
    let (_, mut agent) = scene.accept().await;
    agent.greet(welcome(8, false)).await;
    agent.event(3, snapshot(&["z"])).await;
    assert_eq!(scene.event().await, snapshot(&["z"]));
    drop(agent);
    let (hello, _agent) = scene.accept().await;
    assert_eq!(
        hello.resume,
        Some(Resume {
            run: 8,
            seq: Seq(3)
        })
    );
}

#[rstest::rstest]
#[case::one_is_missing(43)]
#[case::one_comes_twice(41)]
#[case::nonsense(u64::MAX)]
#[tokio::test]
async fn events_out_of_order_lead_to_a_fresh_snapshot(#[case] seq: u64) {
    let mut scene = Scene::new();
    let mut agent = scene.connected(41, &["a"]).await;
    agent.event(seq, changed("b")).await;
    scene.lost().await;
    let (hello, mut agent) = scene.accept().await;
    assert_eq!(hello.resume, None);
    agent.greet(welcome(7, false)).await;
    agent.event(u64::MAX, snapshot(&["a", "b"])).await;
    assert_eq!(scene.event().await, snapshot(&["a", "b"]));
    // The highest number there is does no harm either.
    agent.event(u64::MAX, changed("c")).await;
    scene.event().await;
}

#[tokio::test]
async fn a_refusal_is_told_in_the_agents_own_words() {
    let mut scene = Scene::new();
    let (_, mut agent) = scene.accept().await;
    let refused = Failure {
        kind: FailureKind::Unsupported,
        message: "cm-tui speaks protocol 1 to 1, cm-agent 3 to 4".into(),
        hint: "upgrade cm-tui; cm-agent is newer".into(),
    };
    agent
        .writer
        .send(&Greeting::Refused(refused.clone()))
        .await
        .unwrap();
    assert_eq!(scene.lost().await, refused);
    // It is tried again.
    let (_, mut agent) = scene.accept().await;
    agent.greet(welcome(7, false)).await;
}

#[tokio::test]
async fn every_request_is_answered_once_also_when_the_connection_ends() {
    let mut scene = Scene::new();
    let mut agent = scene.connected(1, &[]).await;
    for id in 1..=5 {
        scene.ask(id, Request::Status).unwrap();
    }
    let first = agent.wish().await;
    for _ in 2..=5 {
        agent.wish().await;
    }
    agent
        .send(ToClient::Reply {
            id: first.id,
            reply: Reply::Done,
        })
        .await;
    agent
        .send(ToClient::Reply {
            id: first.id,
            reply: Reply::Done,
        })
        .await;
    agent
        .send(ToClient::Reply {
            id: 999,
            reply: Reply::Done,
        })
        .await;
    drop(agent);
    let (mut done, mut failed) = (BTreeSet::new(), BTreeSet::new());
    loop {
        match scene.next().await {
            Notice::Replied { id, reply } => match *reply {
                Reply::Done => assert!(done.insert(id)),
                Reply::Failed(failure) => {
                    assert_eq!(failure.message, "not connected to cm-agent");
                    assert!(failed.insert(id));
                }
                other => panic!("{other:?}"),
            },
            Notice::Disconnected(_) => break,
            _ => {}
        }
    }
    assert_eq!(done, BTreeSet::from([RequestId(1)]));
    assert_eq!(failed, (2..=5).map(RequestId).collect());
}

#[tokio::test]
async fn what_is_watched_is_watched_again_after_a_loss() {
    let mut scene = Scene::new();
    let mut agent = scene.connected(1, &["a", "b"]).await;
    scene.watch(&["a", "b"]);
    let mut asked = BTreeSet::from([
        agent.wish().await.request.watched(),
        agent.wish().await.request.watched(),
    ]);
    assert_eq!(asked, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    drop(agent);
    scene.watch(&["b", "c"]);
    let (_, mut agent) = scene.accept().await;
    agent.greet(welcome(7, true)).await;
    asked = BTreeSet::from([
        agent.wish().await.request.watched(),
        agent.wish().await.request.watched(),
    ]);
    assert_eq!(asked, BTreeSet::from(["b".to_owned(), "c".to_owned()]));
    // One that is not there yet is asked for again when it appears.
    let again = agent_refuses_and_announces(&mut scene, &mut agent).await;
    assert_eq!(again, "c");
}

async fn agent_refuses_and_announces(scene: &mut Scene, agent: &mut Agent) -> String {
    // Tools was 1; the two watches were 2 and 3, in the order of their names.
    agent
        .send(ToClient::Reply {
            id: 3,
            reply: Reply::Failed(failure("that session is gone")),
        })
        .await;
    agent.event(2, changed("c")).await;
    scene.event().await;
    agent.wish().await.request.watched()
}

#[tokio::test]
async fn screens_that_nobody_asked_for_are_not_kept() {
    let mut scene = Scene::new();
    let mut agent = scene.connected(1, &["a", "b"]).await;
    scene.watch(&["a"]);
    agent.wish().await;
    agent
        .send(ToClient::Screen(keyframe("b", 1, "unasked")))
        .await;
    agent
        .send(ToClient::Screen(keyframe("a", 1, "asked")))
        .await;
    loop {
        if let Notice::Screen(update) = scene.next().await {
            assert_eq!(update.session, sid("a"));
            break;
        }
    }
}

#[tokio::test]
async fn messages_of_a_newer_agent_are_skipped() {
    #[derive(serde::Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Newer {
        Weather { rain: bool },
    }
    let mut scene = Scene::new();
    let mut agent = scene.connected(1, &[]).await;
    agent
        .writer
        .send(&Newer::Weather { rain: true })
        .await
        .unwrap();
    agent.writer.send(&"nonsense").await.unwrap();
    agent.event(2, changed("a")).await;
    assert_eq!(scene.event().await, changed("a"));
}

#[tokio::test]
async fn the_tools_are_told_once_for_each_connection() {
    let mut scene = Scene::new();
    let (_, mut agent) = scene.accept().await;
    agent.greet(welcome(7, false)).await;
    let asked = agent.order().await;
    assert_eq!(asked.request, Request::Tools);
    let tool = Tool {
        id: "t".into(),
        name: "T".into(),
        short: "t".into(),
        program: None,
        takes_task: false,
        is_untested: false,
        command: Vec::new(),
    };
    agent
        .send(ToClient::Reply {
            id: asked.id,
            reply: Reply::Tools(vec![tool.clone()]),
        })
        .await;
    loop {
        if let Notice::Tools(tools) = scene.next().await {
            assert_eq!(tools, [tool]);
            break;
        }
    }
}

#[tokio::test]
async fn what_is_too_large_to_send_fails_alone() {
    let mut scene = Scene::new();
    let mut agent = scene.connected(1, &[]).await;
    scene
        .ask(
            1,
            Request::Paste {
                session: sid("a"),
                text: "x".repeat(2 << 20),
            },
        )
        .unwrap();
    scene.ask(2, Request::Status).unwrap();
    assert_eq!(agent.wish().await.request, Request::Status);
    loop {
        match scene.next().await {
            Notice::Replied {
                id: RequestId(1),
                reply,
            } => {
                let Reply::Failed(failure) = *reply else {
                    panic!("sent")
                };
                assert_eq!(failure.kind, FailureKind::Invalid);
                break;
            }
            Notice::Disconnected(failure) => panic!("{failure:?}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn an_agent_that_never_reads_holds_up_nobody() {
    let mut scene = Scene::new();
    let _agent = scene.connected(1, &[]).await;
    let text = "x".repeat(60_000);
    let mut failed = 0;
    // Whatever does not fit the wire and its queue is answered at once; nothing waits, nothing is lost silently.
    for id in 0..2000 {
        match scene.ask(
            id,
            Request::Paste {
                session: sid("a"),
                text: text.clone(),
            },
        ) {
            Ok(()) => tokio::task::yield_now().await,
            Err(error) => {
                assert_eq!(error, SendError::Busy);
                tokio::task::yield_now().await;
            }
        }
        while let Ok(notice) = scene.notices.try_recv() {
            if let Notice::Replied { reply, .. } = notice.notice {
                assert!(matches!(*reply, Reply::Failed(_)));
                failed += 1;
            }
        }
    }
    assert!(failed > 1000, "{failed} failed");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_falls_silent_is_asked_and_then_counts_as_lost() {
    let mut scene = Scene::new();
    let mut agent = scene.connected(1, &["a"]).await;
    let start = tokio::time::Instant::now();
    assert_eq!(agent.order().await.request, Request::Tools);
    assert_eq!(agent.order().await.request, Request::Ping);
    assert_eq!(
        scene.lost().await.message,
        "lost cm-agent: no answer within 10 s"
    );
    assert_eq!(start.elapsed().as_secs(), 10);
    // One that answers is kept.
    let (_, mut agent) = scene.accept().await;
    agent.greet(welcome(7, true)).await;
    for _ in 0..10 {
        let asked = agent.order().await;
        agent
            .send(ToClient::Reply {
                id: asked.id,
                reply: Reply::Done,
            })
            .await;
    }
    assert!(start.elapsed() > Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_lets_clients_in_only_to_lose_them_is_not_asked_without_end() {
    let mut scene = Scene::new();
    let start = tokio::time::Instant::now();
    for _ in 0..8 {
        drop(scene.connected(1, &[]).await);
    }
    assert!(
        start.elapsed() > Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}

trait Watched {
    fn watched(self) -> String;
}

impl Watched for Request {
    fn watched(self) -> String {
        match self {
            Self::Watch { session } => session.as_str().to_owned(),
            other => panic!("not a watch: {other:?}"),
        }
    }
}
