//! What fails on a living connection, and harms nothing else.

use std::time::Duration;

use cm_tui::transport::asking::Asker;
use cm_tui::transport::ssh::settings::Settings;
use cm_tui::transport::ssh::{Connection, Ended, SshError, SshErrorKind};
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::exec::{connect, finish};
use super::fake::{Fake, Script};
use super::lab::{PATIENCE, Sshd};
use super::network::Proxy;

async fn open(settings: &Settings) -> Result<Connection, SshError> {
    Connection::open(settings, &Asker::nobody()).await
}

fn said(error: &SshError, port: u16) -> String {
    format!("{:?}: {}\nhint: {}", error.kind, error.message, error.hint)
        .replace(&port.to_string(), "PORT")
}

#[tokio::test]
async fn a_second_session_is_refused_clearly_where_one_is_the_limit() {
    let sshd = Sshd::start(|config| {
        config.line("MaxSessions 1");
    });
    let connection = connect(&sshd).await;
    let first = connection.exec("cat").await.unwrap();
    let error = connection.exec("true").await.unwrap_err();
    insta::assert_snapshot!(said(&error, sshd.port), @r"
    Refused: host “lab” does not open a session: too many at once
    hint: raise MaxSessions in its sshd_config, or close other sessions
    ");
    // The first one has not noticed, and makes room when it ends.
    assert_eq!(finish(first).await.1.status, Some(0));
    let next = connection.exec("exit 3").await.unwrap();
    assert_eq!(finish(next).await.1.status, Some(3));
}

#[tokio::test]
async fn a_command_that_the_host_refuses_is_an_error_and_no_more() {
    let fake = Fake::start(Script {
        password: Some("pw"),
        ..Script::default()
    })
    .await;
    let connection = fake.connect().await;
    let error = connection.exec("refuse").await.unwrap_err();
    insta::assert_snapshot!(said(&error, fake.port), @r"
    Refused: host “lab” does not run commands: not permitted
    hint: does the account allow commands?
    ");
    finish(connection.exec("something").await.unwrap()).await;
}

#[tokio::test]
async fn a_command_that_a_signal_ends_says_which() {
    let fake = Fake::start(Script {
        password: Some("pw"),
        ..Script::default()
    })
    .await;
    let connection = fake.connect().await;
    let (_, ended) = finish(connection.exec("signal").await.unwrap()).await;
    assert_eq!(ended.signal.as_deref(), Some("KILL"));
    assert_eq!(ended.status, None);
}

#[tokio::test]
async fn of_a_flood_of_errors_only_the_end_is_kept() {
    let fake = Fake::start(Script {
        password: Some("pw"),
        ..Script::default()
    })
    .await;
    let connection = fake.connect().await;
    let (_, ended) = finish(connection.exec("flood errors").await.unwrap()).await;
    assert_eq!(ended.stderr.len(), 8 << 10);
    assert!(ended.stderr.ends_with("the end"));
}

#[tokio::test]
async fn every_channel_that_the_host_opens_is_refused() {
    let mut fake = Fake::start(Script {
        password: Some("pw"),
        ..Script::default()
    })
    .await;
    let connection = fake.connect().await;
    finish(connection.exec("open channels").await.unwrap()).await;
    let said = fake.opened.wait_for(|said| !said.is_empty()).await.unwrap();
    assert_eq!(said.len(), 7);
    assert!(
        said.iter().all(|said| said.ends_with("refused")),
        "{said:?}"
    );
}

/// A wait for a channel that is never confirmed ends with the connection, and with whoever waits.
#[tokio::test]
async fn a_channel_that_is_never_confirmed_holds_nobody() {
    let fake = Fake::start(Script {
        password: Some("pw"),
        never_confirms: true,
        ..Script::default()
    })
    .await;
    let connection = fake.connect().await;
    let waiting = connection.exec("true");
    let (error, ()) = tokio::join!(waiting, async {
        fake.is_waited_for().await;
        connection.cut();
    });
    assert_eq!(error.unwrap_err().kind, SshErrorKind::Lost);
}

/// From the moment that the client waits, time goes as fast as nothing else happens.
#[tokio::test]
async fn what_is_never_answered_is_given_up() {
    let fake = Fake::start(Script {
        password: Some("pw"),
        never_confirms: true,
        ..Script::default()
    })
    .await;
    let connection = fake.connect().await;
    let waiting = tokio::spawn(async move { connection.exec("true").await });
    fake.is_waited_for().await;
    tokio::time::pause();
    let error = waiting.await.unwrap().unwrap_err();
    tokio::time::resume();
    insta::assert_snapshot!(said(&error, fake.port), @r"
    Refused: host “lab” does not run a command: no answer within 20 s
    hint: is it overloaded?
    ");

    let fake = Fake::start(Script {
        is_mute: true,
        ..Script::default()
    })
    .await;
    let settings = fake.settings();
    let waiting = tokio::spawn(async move { open(&settings).await });
    fake.is_waited_for().await;
    tokio::time::pause();
    let error = waiting.await.unwrap().unwrap_err();
    insta::assert_snapshot!(said(&error, fake.port), @r"
    Unreachable: cannot log in to “lab”: no answer within 120 s
    hint: is it overloaded?
    ");
}

/// Reads nothing of `yes`, while `cat` on the same connection is answered every time.
#[tokio::test]
async fn a_stalled_reader_loses_its_own_channel_and_harms_no_other() {
    let sshd = Sshd::start(|_| {});
    let connection = connect(&sshd).await;
    let mut echo = connection.exec("cat").await.unwrap();
    let mut stalled = connection.exec("exec yes stalled").await.unwrap();
    let mut answer = [0; 4];
    stalled.stdout.read_exact(&mut answer).await.unwrap();
    // Until it has lost its channel, and beyond.
    let mut lost = Box::pin(stalled.end.wait());
    let mut after = 0;
    while after < 50 {
        echo.stdin.write_all(b"ping").await.unwrap();
        timeout(PATIENCE, echo.stdout.read_exact(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&answer, b"ping");
        if after > 0 {
            after += 1;
        } else if let Ok(ended) = timeout(Duration::ZERO, &mut lost).await {
            assert_eq!(ended.status, None);
            after = 1;
        }
    }
    // What came in time is there, then the reason.
    let mut rest = Vec::new();
    let error = stalled.stdout.read_to_end(&mut rest).await.unwrap_err();
    assert!(rest.len() > 1 << 20, "{}", rest.len());
    assert_eq!(error.kind(), std::io::ErrorKind::OutOfMemory);
}

#[tokio::test]
async fn input_that_the_command_never_reads_harms_no_other_channel() {
    let sshd = Sshd::start(|_| {});
    let connection = connect(&sshd).await;
    let mut deaf = connection.exec("exec sleep 1000").await.unwrap();
    let mut echo = connection.exec("cat").await.unwrap();
    let writing = tokio::spawn(async move {
        let error = deaf.stdin.write_all(&vec![0; 64 << 20]).await.unwrap_err();
        (error.kind(), deaf.end.wait().await)
    });
    let mut answer = [0; 4];
    for _ in 0..50 {
        echo.stdin.write_all(b"ping").await.unwrap();
        echo.stdout.read_exact(&mut answer).await.unwrap();
    }
    // A write that waits for window does not outlast its connection.
    assert!(!writing.is_finished());
    connection.cut();
    let (error, ended) = timeout(PATIENCE, writing).await.unwrap().unwrap();
    assert_eq!(error, std::io::ErrorKind::BrokenPipe);
    assert_eq!(ended, Ended::default());
}

/// The rows of a dead network: idle, writing, and with a full send buffer.
#[rstest]
#[case::idle(0)]
#[case::writing(64 << 10)]
#[case::send_buffer_full(64 << 20)]
#[tokio::test]
async fn a_frozen_network_is_noticed(#[case] bytes: usize) {
    let sshd = Sshd::start(|_| {});
    let proxy = Proxy::start(sshd.port);
    let settings = Settings {
        alive_interval: Duration::from_secs(2),
        alive_count_max: 2,
        ..through(&proxy, &sshd)
    };
    let connection = open(&settings).await.unwrap();
    let mut exec = connection.exec("echo up; cat > /dev/null").await.unwrap();
    exec.stdout.read_exact(&mut [0; 3]).await.unwrap();
    proxy.freeze();
    let writing = tokio::spawn(async move {
        let _lost = exec.stdin.write_all(&vec![0; bytes]).await;
        exec.end.wait().await
    });
    let error = timeout(PATIENCE, connection.ended()).await.unwrap();
    assert_eq!(error.kind, SshErrorKind::Lost);
    assert!(error.message.ends_with("no answer any more"), "{error}");
    assert_eq!(
        timeout(PATIENCE, writing).await.unwrap().unwrap(),
        Ended::default()
    );
}

#[tokio::test]
async fn a_stopped_host_is_noticed_while_a_reader_stalls() {
    let sshd = Sshd::start(|_| {});
    let settings = Settings {
        alive_interval: Duration::from_secs(2),
        alive_count_max: 2,
        ..sshd.settings()
    };
    let connection = open(&settings).await.unwrap();
    let mut exec = connection
        .exec("echo $PPID; exec sleep 1000")
        .await
        .unwrap();
    let mut text = String::new();
    while !text.ends_with('\n') {
        text.push(char::from(exec.stdout.read_u8().await.unwrap()));
    }
    let pid = Pid::from_raw(text.trim().parse().unwrap()).unwrap();
    let mut stalled = connection.exec("exec yes stalled").await.unwrap();
    stalled.stdout.read_u8().await.unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let error = timeout(PATIENCE, connection.ended()).await.unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    assert!(error.message.ends_with("no answer any more"), "{error}");
}

#[rstest]
#[case::closed(Proxy::cut, "the host closed it")]
#[case::reset(Proxy::reset, "the host reset it")]
#[tokio::test]
async fn a_network_that_is_cut_ends_the_connection_at_once_with_an_error_for_readers(
    #[case] end: fn(&Proxy),
    #[case] why: &str,
) {
    let sshd = Sshd::start(|_| {});
    let proxy = Proxy::start(sshd.port);
    let connection = open(&through(&proxy, &sshd)).await.unwrap();
    let mut exec = connection.exec("echo up; cat").await.unwrap();
    exec.stdout.read_exact(&mut [0; 3]).await.unwrap();
    end(&proxy);
    let error = connection.ended().await;
    assert_eq!(error.kind, SshErrorKind::Lost);
    assert!(error.message.ends_with(why), "{error}");
    let error = exec.stdout.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted);
}

/// The host behind a proxy. Its key is looked up under its own port.
fn through(proxy: &Proxy, sshd: &Sshd) -> Settings {
    let mut settings = sshd.settings();
    settings.port = proxy.port;
    settings.trust.alias = Some(format!("[127.0.0.1]:{}", sshd.port));
    settings
}

#[tokio::test]
async fn the_last_clone_closes_the_connection() {
    let sshd = Sshd::start(|_| {});
    let connection = connect(&sshd).await;
    let clone = connection.clone();
    let mut exec = connection.exec("echo up; cat").await.unwrap();
    drop(connection);
    exec.stdout.read_exact(&mut [0; 3]).await.unwrap();
    drop(clone);
    let error = exec.stdout.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted);
    sshd.logged("Connection closed by");
}

#[tokio::test]
async fn a_command_whose_ends_are_dropped_is_hung_up_on() {
    let mut fake = Fake::start(Script {
        password: Some("pw"),
        ..Script::default()
    })
    .await;
    let connection = fake.connect().await;
    drop(connection.exec("stay").await.unwrap());
    fake.closed.wait_for(|count| *count == 1).await.unwrap();
}
