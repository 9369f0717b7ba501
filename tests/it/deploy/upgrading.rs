//! A new agent beside a daemon of another age.

use std::fs::File;
use std::process::Stdio;

use cm_tui::paths::Paths;
use cm_tui::protocol::{
    self, Failure, FailureKind, Greeting, Hello, NEWEST, OLDEST, Reply, Request, ToAgent, ToClient,
    Welcome,
};
use cm_tui::transport::connection::{
    self, ConnectionError, FromClient, MessageReader, MessageWriter,
};
use cm_tui::transport::local;
use rustix::fs::FlockOperation;
use tokio::net::{UnixListener, UnixStream};
use tokio::process::Child;

use crate::lab::{AGENT, Lab};

/// A daemon that speaks only the versions of another age. It ends when it is told to.
pub struct Daemon {
    listener: UnixListener,
    _lock: File,
    speaks: (u16, u16),
}

impl Daemon {
    pub fn start(paths: &Paths, speaks: (u16, u16)) -> Self {
        cm_tui::paths::private_dir(&paths.run_dir).unwrap();
        let lock = File::create(paths.lock()).unwrap();
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
        Self {
            listener: local::listen(&paths.socket()).unwrap(),
            _lock: lock,
            speaks,
        }
    }

    /// Serves until one client has told it to stop.
    pub async fn run(self) {
        loop {
            let (stream, _) = self.listener.accept().await.unwrap();
            if serve(stream, self.speaks).await.is_some() {
                return;
            }
        }
    }
}

async fn serve(stream: UnixStream, speaks: (u16, u16)) -> Option<()> {
    let (reader, writer) = stream.into_split();
    let (mut reader, mut writer) = (MessageReader::new(reader), MessageWriter::new(writer));
    let hello: Hello = protocol::decode(&reader.next().await.ok()??).unwrap();
    if hello.newest < speaks.0 || hello.oldest > speaks.1 {
        let failure = Failure {
            kind: FailureKind::Unsupported,
            message: format!(
                "cm-tui speaks protocol {} to {}, cm-agent {} to {}",
                hello.oldest, hello.newest, speaks.0, speaks.1
            ),
            hint: "upgrade cm-tui; cm-agent is newer".into(),
        };
        writer.send(&Greeting::Refused(failure)).await.ok()?;
        return None;
    }
    let welcome = Welcome {
        version: hello.newest.min(speaks.1),
        agent: "cm-agent of another age".into(),
        run: 1,
        host: "here".into(),
        now: 0,
        home: "/".into(),
        resumed: false,
    };
    writer.send(&Greeting::Welcome(welcome)).await.ok()?;
    let order = reader.next().await.ok()??;
    let FromClient::Order(ToAgent { id, request }) = connection::read_order(&order) else {
        panic!("no order")
    };
    assert_eq!(request, Request::Stop);
    let reply = Reply::Done;
    writer.send(&ToClient::Reply { id, reply }).await.ok()
}

/// `cm-agent stdio`, and what greeting through it gives.
async fn greet(lab: &Lab) -> (Result<Welcome, ConnectionError>, Child) {
    let mut command = tokio::process::Command::from(lab.command(AGENT));
    let mut child = command
        .arg("stdio")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let streams = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
    let greeted = connection::greet(streams, "test", None).await;
    (greeted.map(|(welcome, ..)| welcome), child)
}

#[tokio::test]
async fn an_older_daemon_is_replaced_by_ours() {
    let lab = Lab::new();
    let old = tokio::spawn(Daemon::start(&lab.paths, (0, OLDEST - 1)).run());
    let (welcome, mut child) = greet(&lab).await;
    old.await.unwrap();
    assert_eq!(welcome.unwrap().version, NEWEST);
    child.wait().await.unwrap();
    assert_ne!(lab.agent_pid().cast_unsigned(), std::process::id());
}

#[tokio::test]
async fn many_clients_that_come_at_once_replace_it_once() {
    let lab = Lab::new();
    let old = tokio::spawn(Daemon::start(&lab.paths, (0, OLDEST - 1)).run());
    let (a, b, c, d) = tokio::join!(greet(&lab), greet(&lab), greet(&lab), greet(&lab));
    old.await.unwrap();
    let runs = [a, b, c, d].map(|(welcome, _)| welcome.unwrap().run);
    assert!(runs.iter().all(|run| *run == runs[0]), "{runs:?}");
}

#[tokio::test]
async fn a_newer_daemon_stays_and_says_why() {
    let lab = Lab::new();
    let newer = tokio::spawn(Daemon::start(&lab.paths, (NEWEST + 1, NEWEST + 2)).run());
    let (refused, _child) = greet(&lab).await;
    let Err(ConnectionError::Refused(failure)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        failure.message,
        "cm-tui speaks protocol 1 to 1, cm-agent 2 to 3"
    );
    assert!(!newer.is_finished());
    newer.abort();
}

#[tokio::test]
async fn an_older_daemon_can_be_stopped_by_hand() {
    let lab = Lab::new();
    let old = tokio::spawn(Daemon::start(&lab.paths, (0, OLDEST - 1)).run());
    let mut command = tokio::process::Command::from(lab.command(AGENT));
    let output = command.arg("stop").output().await.unwrap();
    assert_eq!(output.stdout, b"stopped; sessions live on\n");
    old.await.unwrap();
}
