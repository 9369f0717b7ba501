//! The ways to a host: jump hosts, commands, and how many log in at a time.

use cm_tui::transport::asking::{Answer, Asker, Question};
use cm_tui::transport::ssh::resolve::{HostFields, resolve};
use cm_tui::transport::ssh::settings::{Route, Settings, UnknownKeys};
use cm_tui::transport::ssh::{Connection, SshError, SshErrorKind};
use futures::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::exec::finish;
use super::human::answers;
use super::lab::{KeyPair, PATIENCE, Sshd, run, settings, user};

async fn open(settings: &Settings) -> Result<Connection, SshError> {
    Connection::open(settings, &Asker::nobody()).await
}

/// `inner` as it is reached through these.
fn behind(hops: &[&Sshd], inner: &Sshd) -> Settings {
    Settings {
        route: Route::Jump(hops.iter().map(|hop| hop.settings()).collect()),
        ..inner.settings()
    }
}

#[tokio::test]
async fn two_jumps_lead_to_the_host_and_each_key_is_checked() {
    let labs = [(); 3].map(|()| Sshd::start(|_| {}));
    let [outer, middle, inner] = &labs;
    let settings = behind(&[outer, middle], inner);
    let connection = open(&settings).await.unwrap();
    let exec = connection
        .exec("head -c 3000000 /dev/zero; exit 3")
        .await
        .unwrap();
    let (text, ended) = finish(exec).await;
    assert_eq!((text.len(), ended.status), (3_000_000, Some(3)));
    drop(connection);
    for sshd in &labs {
        sshd.logged("Connection closed by");
    }
    // Each hop in turn is not the one that is known.
    for (index, sshd) in labs.iter().enumerate() {
        let true_lines = sshd.known_lines();
        let other_key = labs[(index + 1) % 3].host_keys[0].public.as_str();
        let wrong = format!("[127.0.0.1]:{} {other_key}\n", sshd.port);
        std::fs::write(sshd.known_hosts(), wrong).unwrap();
        let error = open(&settings).await.unwrap_err();
        assert_eq!(error.kind, SshErrorKind::Untrusted, "{error}");
        assert!(error.message.contains(&sshd.port.to_string()), "{error}");
        std::fs::write(sshd.known_hosts(), true_lines).unwrap();
    }
}

#[tokio::test]
async fn hosts_behind_one_jump_host_share_its_connection() {
    let [bastion, one, other] = [(); 3].map(|()| Sshd::start(|_| {}));
    let (to_one, to_other) = (behind(&[&bastion], &one), behind(&[&bastion], &other));
    let (first, second) = tokio::join!(open(&to_one), open(&to_other));
    let (first, second) = (first.unwrap(), second.unwrap());
    let logins = bastion.log().matches("Accepted publickey").count();
    assert_eq!(logins, 1);
    // One of them going away leaves the other alone.
    first.cut();
    first.ended().await;
    let exec = second.exec("echo still here").await.unwrap();
    assert_eq!(finish(exec).await.0, "still here\n");
    // When the jump host's connection is gone, the next one is new.
    drop((first, second));
    bastion.logged("Connection closed by");
    drop(open(&to_one).await.unwrap());
    assert_eq!(bastion.log().matches("Accepted publickey").count(), 2);
}

#[tokio::test]
async fn a_no_to_a_jump_host_is_the_answer_for_all_hosts_that_wait_for_it() {
    let [bastion, one, other] = [(); 3].map(|()| Sshd::start(|_| {}));
    std::fs::write(bastion.known_hosts(), "").unwrap();
    let mut hop = bastion.settings();
    hop.trust.unknown = UnknownKeys::Ask;
    let to = |sshd: &Sshd| Settings {
        route: Route::Jump(vec![hop.clone()]),
        ..sshd.settings()
    };
    let (to_one, to_other) = (to(&one), to(&other));
    let (asker, questions) = answers(vec![Answer::No, Answer::Yes]);
    let (first, second) = tokio::join!(
        Connection::open(&to_one, &asker),
        Connection::open(&to_other, &asker)
    );
    assert_eq!(first.unwrap_err().kind, SshErrorKind::Untrusted);
    assert_eq!(second.unwrap_err().kind, SshErrorKind::Untrusted);
    // Who comes later is a new attempt.
    drop(Connection::open(&to_one, &asker).await.unwrap());
    drop(asker);
    assert_eq!(questions.await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_host_that_its_jump_host_cannot_reach_is_refused_with_both_names() {
    let bastion = Sshd::start(|_| {});
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let settings = Settings {
        name: "inner".to_owned(),
        route: Route::Jump(vec![bastion.settings()]),
        ..settings(port, &bastion.key.path, &bastion.known_hosts())
    };
    let error = open(&settings).await.unwrap_err();
    let said = format!("{error}\nhint: {}", error.hint).replace(&port.to_string(), "PORT");
    assert_eq!(error.kind, SshErrorKind::Unreachable);
    insta::assert_snapshot!(said, @r"
    cannot reach host “inner” through “lab”: host “lab” does not connect on to 127.0.0.1:PORT: it cannot reach that
    hint: is the host behind it up, and dialled out if it has to? is the jump host right?
    ");
}

#[tokio::test]
async fn a_command_can_be_the_way_and_ends_with_the_connection() {
    let sshd = Sshd::start(|_| {});
    let ended = sshd.dir.path().join("ended");
    run(std::process::Command::new("mkfifo").arg(&ended));
    // The shell holds the fifo open: it is seen to end.
    let relay = format!(
        "sh -c 'exec 9<>{}; {} ; exit'",
        ended.display(),
        ssh_relay(&sshd)
    );
    let settings = Settings {
        route: Route::Command(relay),
        ..sshd.settings()
    };
    let connection = open(&settings).await.unwrap();
    let exec = connection.exec("echo through").await.unwrap();
    assert_eq!(finish(exec).await.0, "through\n");
    let mut reader = tokio::net::unix::pipe::OpenOptions::new()
        .open_receiver(&ended)
        .unwrap();
    connection.cut();
    // The end of the file: nobody can write any more.
    assert_eq!(reader.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_jump_host_may_itself_be_behind_a_command() {
    let [relay, bastion, inner] = [(); 3].map(|()| Sshd::start(|_| {}));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    // Nobody is at its own address.
    let known = bastion
        .known_lines()
        .replace(&bastion.port.to_string(), &port.to_string());
    std::fs::write(bastion.known_hosts(), known).unwrap();
    let command = ssh_relay(&relay).replace(
        &format!("-W 127.0.0.1:{}", relay.port),
        &format!("-W 127.0.0.1:{}", bastion.port),
    );
    let hop = Settings {
        port,
        route: Route::Command(command),
        ..bastion.settings()
    };
    let settings = Settings {
        route: Route::Jump(vec![hop]),
        ..inner.settings()
    };
    let connection = open(&settings).await.unwrap();
    let exec = connection.exec("echo through").await.unwrap();
    assert_eq!(finish(exec).await.0, "through\n");
}

/// The system's ssh as a relay to the same sshd.
fn ssh_relay(sshd: &Sshd) -> String {
    format!(
        "ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile={} -i {} -p {} -W 127.0.0.1:{} {}@127.0.0.1",
        sshd.known_hosts().display(),
        sshd.key.path.display(),
        sshd.port,
        sshd.port,
        user()
    )
}

#[tokio::test]
async fn a_command_that_fails_is_quoted() {
    let sshd = Sshd::start(|_| {});
    let settings = Settings {
        route: Route::Command("sh -c 'echo no way out >&2; exit 1'".to_owned()),
        ..sshd.settings()
    };
    let error = open(&settings).await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Unreachable);
    insta::assert_snapshot!(error.message, @"cannot connect to “lab”: the host hung up before the login (“no way out”)");
}

/// sshd refuses everybody who comes while a dozen are logging in. There are never more than six, and as many that sshd
/// has let in and still counts.
#[tokio::test]
async fn many_hosts_on_one_machine_log_in_a_few_at_a_time() {
    let sshd = Sshd::start(|config| {
        config.line("MaxStartups 12:100:12");
    });
    let settings = sshd.settings();
    let opening = (0..24).map(|_| open(&settings));
    for outcome in futures::future::join_all(opening).await {
        drop(outcome.unwrap());
    }
    assert!(
        !sshd.log().contains("beginning MaxStartups throttling"),
        "{}",
        sshd.log()
    );
}

#[tokio::test]
async fn an_unknown_key_is_asked_about_once_and_remembered() {
    let sshd = Sshd::start(|_| {});
    std::fs::write(sshd.known_hosts(), "").unwrap();
    let mut settings = sshd.settings();
    settings.trust.unknown = UnknownKeys::Ask;
    // No is no.
    let (asker, _questions) = answers(vec![Answer::No]);
    let error = Connection::open(&settings, &asker).await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Untrusted);
    assert_eq!(std::fs::read_to_string(sshd.known_hosts()).unwrap(), "");
    let (asker, questions) = answers(vec![Answer::Yes]);
    drop(Connection::open(&settings, &asker).await.unwrap());
    drop(Connection::open(&settings, &asker).await.unwrap());
    drop(asker);
    let questions = questions.await.unwrap();
    let [Question::HostKey(question)] = questions.as_slice() else {
        panic!("{questions:?}");
    };
    let port = sshd.port;
    assert_eq!(question.host, format!("[127.0.0.1]:{port}"));
    assert_eq!(question.address, format!("127.0.0.1:{port}"));
    let shown = std::process::Command::new("ssh-keygen")
        .args(["-l", "-f"])
        .arg(sshd.host_keys[0].path.with_extension("pub"))
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains(&question.fingerprint),
        "{shown} {question:?}"
    );
    // What is remembered is enough without anybody to ask.
    settings.trust.unknown = UnknownKeys::Refuse;
    drop(open(&settings).await.unwrap());
    // The host is asked for the key that is known, though it has others that we like better.
    let ecdsa = format!("[127.0.0.1]:{port} {}\n", sshd.host_keys[1].public);
    std::fs::write(sshd.known_hosts(), ecdsa).unwrap();
    drop(open(&settings).await.unwrap());
}

/// `RevokedHostKeys` beats what is known, as in `ssh`.
#[tokio::test]
async fn a_key_in_the_list_of_revoked_ones_is_refused_also_when_it_is_known() {
    let sshd = Sshd::start(|_| {});
    let base = sshd.dir.path();
    let config = base.join("ssh_config");
    std::fs::write(
        &config,
        format!(
            "Host lab\nHostName 127.0.0.1\nPort {}\nUser {}\nIdentityFile {}\nIdentitiesOnly yes\nIdentityAgent none\n\
             UserKnownHostsFile {}\nGlobalKnownHostsFile /dev/null\nRevokedHostKeys {}\n",
            sshd.port,
            user(),
            sshd.key.path.display(),
            sshd.known_hosts().display(),
            base.join("revoked").display(),
        ),
    )
    .unwrap();
    let fields = HostFields {
        config_file: Some(config.clone()),
        ..HostFields::named("lab")
    };
    let ssh = |words: &str| {
        let output = std::process::Command::new("ssh")
            .args(["-T", "-o", "BatchMode=yes", "-F"])
            .arg(&config)
            .args(["lab", "true"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(words), "{said}");
        output.status.success()
    };
    let ours = || async {
        let settings = resolve(&fields).await?;
        open(&settings).await
    };
    let keys = sshd.host_keys.iter().map(|key| key.public.as_str());
    let keys: Vec<&str> = keys.collect();
    let none = format!("# nobody\n\n{}\n", sshd.key.public);
    std::fs::write(base.join("revoked"), &none).unwrap();
    assert!(ssh(""));
    drop(ours().await.unwrap());
    std::fs::write(base.join("revoked"), none + &keys.join("\n")).unwrap();
    assert!(!ssh("revoked by file"));
    let error = ours().await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Untrusted, "{error}");
    assert!(error.message.contains("revoked"), "{error}");
    // Without its list `ssh` believes nobody.
    std::fs::remove_file(base.join("revoked")).unwrap();
    assert!(!ssh(""));
    ours().await.unwrap_err();
    // A list in the form that only `ssh` reads.
    run(std::process::Command::new("ssh-keygen")
        .args(["-q", "-k", "-f"])
        .arg(base.join("revoked"))
        .arg(sshd.host_keys[0].path.with_extension("pub")));
    let error = ours().await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Settings, "{error}");
    assert!(error.hint.contains("openssh"), "{}", error.hint);
}

#[tokio::test]
async fn a_host_with_a_certificate_of_a_known_authority_is_known() {
    let mut authority = None;
    let sshd = Sshd::start(|config| {
        let ours = KeyPair::new(&config.dir.join("authority"), "ed25519", "");
        let key = KeyPair::new(&config.dir.join("host_ed25519"), "ed25519", "");
        let certificate = ours.certify(&key, &["-h", "-n", "127.0.0.1", "-V", "+1h"]);
        config.line(format!("HostCertificate {}", certificate.display()));
        authority = Some(ours);
    });
    let line = |key: &KeyPair| format!("@cert-authority * {}\n", key.public);
    std::fs::write(sshd.known_hosts(), line(&authority.unwrap())).unwrap();
    drop(open(&sshd.settings()).await.unwrap());
    std::fs::write(sshd.known_hosts(), line(&sshd.key)).unwrap();
    let error = open(&sshd.settings()).await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Untrusted);
}

/// What goes through a jump host is read as slowly as its reader wants, and other hosts behind it do not suffer.
#[tokio::test]
async fn a_stalled_reader_behind_a_jump_host_harms_no_other_host() {
    let [bastion, one, other] = [(); 3].map(|()| Sshd::start(|_| {}));
    let stalling = open(&behind(&[&bastion], &one)).await.unwrap();
    let fine = open(&behind(&[&bastion], &other)).await.unwrap();
    let mut stalled = stalling.exec("exec yes stalled").await.unwrap();
    stalled.stdout.read_u8().await.unwrap();
    let mut lost = Box::pin(stalled.end.wait());
    let mut echo = fine.exec("cat").await.unwrap();
    let mut answer = [0; 4];
    let mut after = 0;
    while after < 20 {
        echo.stdin.write_all(b"ping").await.unwrap();
        echo.stdout.read_exact(&mut answer).await.unwrap();
        if after > 0 {
            after += 1;
        } else if (&mut lost).now_or_never().is_some() {
            after = 1;
        }
    }
    // Only the channel is lost.
    let exec = stalling.exec("echo still here").await.unwrap();
    assert_eq!(finish(exec).await.0, "still here\n");
}

/// A person may think for as long as the host waits; those who need nobody are not to wait for that.
#[tokio::test]
async fn questions_that_nobody_answers_keep_no_other_host_behind_a_jump_host() {
    let bastion = Sshd::start(|_| {});
    let inner = Sshd::start(|config| {
        config.line("PasswordAuthentication yes");
    });
    let settings = behind(&[&bastion], &inner);
    let asking = Settings {
        authentications: vec!["password".to_owned()],
        ..settings.clone()
    };
    let (asker, mut questions) = Asker::new();
    let mut waiting = futures::future::join_all((0..8).map(|_| Connection::open(&asking, &asker)));
    let mut pending = Vec::new();
    while pending.len() < 8 {
        tokio::select! {
            ended = &mut waiting => panic!("{ended:?}"),
            question = tokio::time::timeout(PATIENCE, questions.recv()) => pending.push(question.unwrap()),
        }
    }
    drop(open(&settings).await.unwrap());
}
