//! Commands on a connection.

use std::time::Duration;

use cm_tui::term::Size;
use cm_tui::transport::asking::Asker;
use cm_tui::transport::ssh::settings::Settings;
use cm_tui::transport::ssh::{Connection, Ended, Exec, SshErrorKind};
use futures::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::lab::Sshd;

pub async fn connect(sshd: &Sshd) -> Connection {
    Connection::open(&sshd.settings(), &Asker::nobody())
        .await
        .unwrap()
}

/// Sends bytes there and back at once, and holds what came against what was sent.
pub async fn comes_back(connection: &Connection, sent: Vec<u8>) {
    let mut exec = connection.exec("exec cat").await.unwrap();
    let copy = sent.clone();
    let writing = tokio::spawn(async move {
        exec.stdin.write_all(&copy).await.unwrap();
        exec.stdin.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    exec.stdout.read_to_end(&mut received).await.unwrap();
    writing.await.unwrap();
    assert!(
        received == sent,
        "{} of {} bytes",
        received.len(),
        sent.len()
    );
    assert_eq!(exec.end.wait().await.status, Some(0));
}

/// What a command says, and how it ends.
pub async fn finish(exec: Exec) -> (String, Ended) {
    let Exec {
        stdin,
        mut stdout,
        end,
    } = exec;
    drop(stdin);
    let mut text = String::new();
    stdout.read_to_string(&mut text).await.unwrap();
    (text, end.wait().await)
}

#[tokio::test]
async fn a_command_gets_its_input_and_gives_output_errors_and_status() {
    let sshd = Sshd::start(|_| {});
    let connection = connect(&sshd).await;
    let mut exec = connection.exec("cat; echo bad >&2; exit 7").await.unwrap();
    exec.stdin.write_all(b"through").await.unwrap();
    exec.stdin.shutdown().await.unwrap();
    let (text, ended) = finish(exec).await;
    assert_eq!(text, "through");
    let expected = Ended {
        status: Some(7),
        signal: None,
        stderr: "bad\n".to_owned(),
    };
    assert_eq!(ended, expected);
}

#[tokio::test]
async fn a_cut_ends_everything_that_waits() {
    let sshd = Sshd::start(|_| {});
    let connection = connect(&sshd).await;
    let mut exec = connection.exec("echo up; exec cat").await.unwrap();
    let mut up = [0; 3];
    exec.stdout.read_exact(&mut up).await.unwrap();
    let ended = tokio::spawn({
        let connection = connection.clone();
        async move { connection.ended().await }
    });
    connection.cut();
    assert_eq!(ended.await.unwrap().kind, SshErrorKind::Lost);
    let error = exec.stdout.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted);
    assert_eq!(exec.end.wait().await, Ended::default());
    let error = connection.exec("true").await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Lost);
}

#[tokio::test]
async fn a_terminal_has_the_size_that_it_is_told() {
    let sshd = Sshd::start(|_| {});
    let connection = connect(&sshd).await;
    let command =
        "echo $TERM; stty size; until [ \"$(stty size)\" = '50 132' ]; do sleep 0.05; done; exit 4";
    let mut pty = connection
        .pty(command, "xterm-256color", Size::new(80, 24))
        .await
        .unwrap();
    let mut text = String::new();
    while !text.contains("24 80") {
        text.push(char::from(pty.output.read_u8().await.unwrap()));
    }
    assert!(text.starts_with("xterm-256color"), "{text}");
    pty.resize(Size::new(132, 50));
    assert_eq!(pty.end.wait().await.status, Some(4));
}

/// On several threads, where a pump can be faster than its reader.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn much_goes_both_ways_without_loss() {
    let sshd = Sshd::start(|_| {});
    let connection = connect(&sshd).await;
    let sent: Vec<u8> = (0..32 << 20)
        .map(|index: u32| (index % 251) as u8)
        .collect();
    comes_back(&connection, sent).await;
}

#[tokio::test]
async fn a_seventh_command_waits_until_another_has_ended() {
    let sshd = Sshd::start(|_| {});
    let connection = connect(&sshd).await;
    let mut running = Vec::new();
    for _ in 0..6 {
        running.push(connection.exec("cat").await.unwrap());
    }
    let mut seventh = Box::pin(connection.exec("echo in"));
    assert!((&mut seventh).now_or_never().is_none());
    finish(running.pop().unwrap()).await;
    assert_eq!(finish(seventh.await.unwrap()).await.0, "in\n");
}

/// More than the kernel's own keepalive takes; such numbers stand in real settings.
#[rstest::rstest]
#[case(Duration::from_secs(60), 1000)]
#[case(Duration::from_secs(86_400), 3)]
#[case(Duration::from_secs(i32::MAX as u64), i32::MAX as u32)]
#[tokio::test]
async fn settings_of_great_patience_are_no_hindrance(
    #[case] alive_interval: Duration,
    #[case] alive_count_max: u32,
) {
    let sshd = Sshd::start(|_| {});
    let settings = Settings {
        alive_interval,
        alive_count_max,
        ..sshd.settings()
    };
    let connection = Connection::open(&settings, &Asker::nobody()).await.unwrap();
    let exec = connection.exec("echo here").await.unwrap();
    assert_eq!(finish(exec).await.0, "here\n");
}
