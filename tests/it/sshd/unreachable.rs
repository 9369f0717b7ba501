//! Hosts that cannot be connected to, and the line that says why.

use std::time::Duration;

use cm_tui::transport::asking::Asker;
use cm_tui::transport::ssh::settings::Settings;
use cm_tui::transport::ssh::{Connection, SshError, SshErrorKind};
use rstest::rstest;

use super::fake::{Fake, Script};
use super::lab::{Sshd, settings};
use super::network::{Manners, peer};

async fn open(settings: &Settings) -> Result<Connection, SshError> {
    Connection::open(settings, &Asker::nobody()).await
}

/// Settings for a peer that is no SSH server.
fn to(port: u16) -> Settings {
    let nothing = "/nowhere".as_ref();
    settings(port, nothing, nothing)
}

/// The same, with little time.
fn soon(port: u16) -> Settings {
    Settings {
        connect_timeout: Duration::from_secs(2),
        ..to(port)
    }
}

fn said(error: &SshError, port: u16) -> String {
    format!("{:?}: {}\nhint: {}", error.kind, error.message, error.hint)
        .replace(&port.to_string(), "PORT")
}

#[tokio::test]
async fn an_unknown_name_is_said_to_be_one() {
    let settings = Settings {
        host_name: "no-such-host.invalid".to_owned(),
        ..to(22)
    };
    let error = open(&settings).await.unwrap_err();
    insta::assert_snapshot!(said(&error, 22), @r"
    Unreachable: cannot find host “no-such-host.invalid”: no such host
    hint: is the name right? try: ssh lab
    ");
}

#[tokio::test]
async fn a_closed_port_is_said_to_refuse() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = open(&to(port)).await.unwrap_err();
    insta::assert_snapshot!(said(&error, port), @r"
    Unreachable: cannot reach host “lab” at 127.0.0.1:PORT: connection refused
    hint: is sshd running there? try: ssh lab
    ");
}

#[tokio::test]
async fn a_silent_host_is_given_up_in_time() {
    let port = peer(Manners::Says(""));
    let error = open(&soon(port)).await.unwrap_err();
    insta::assert_snapshot!(said(&error, port), @r"
    Unreachable: cannot connect to “lab”: no answer in time
    hint: is an SSH server behind that port?
    ");
}

#[tokio::test]
async fn a_host_that_falls_silent_after_its_banner_is_given_up_in_time() {
    let port = peer(Manners::Says("SSH-2.0-mute\r\n"));
    let error = open(&soon(port)).await.unwrap_err();
    insta::assert_snapshot!(said(&error, port), @r"
    Unreachable: cannot connect to “lab”: no answer in time
    hint: is an SSH server behind that port?
    ");
}

#[tokio::test]
async fn another_kind_of_server_is_told_apart() {
    let words = "HTTP/1.1 400 Bad Request\r\nServer: web\r\n\r\n";
    let port = peer(Manners::Says(words));
    let waited = open(&soon(port)).await.unwrap_err();
    let port = peer(Manners::HangsUp(words));
    let error = open(&to(port)).await.unwrap_err();
    assert_eq!(waited.message, error.message);
    insta::assert_snapshot!(said(&error, port), @r"
    Unreachable: cannot connect to “lab”: what answers is not an SSH server (“HTTP/1.1 400 Bad Request”)
    hint: is the port right?
    ");
}

#[rstest]
#[case::at_once("")]
#[case::after_its_banner("SSH-2.0-busy\r\n")]
#[tokio::test]
async fn a_host_that_hangs_up_early_may_have_too_many_logins(#[case] words: &'static str) {
    let port = peer(Manners::HangsUp(words));
    let error = open(&to(port)).await.unwrap_err();
    assert_eq!(error.kind, SshErrorKind::Unreachable);
    assert!(
        error.message.contains("hung up before the login"),
        "{error}"
    );
}

#[tokio::test]
async fn a_host_that_hangs_up_at_the_login_is_not_taken_for_a_refusal() {
    let fake = Fake::start(Script {
        hangs_up: true,
        ..Script::default()
    })
    .await;
    let error = open(&fake.settings()).await.unwrap_err();
    insta::assert_snapshot!(said(&error, fake.port), @r"
    Unreachable: cannot log in to “lab”: the host closed it
    hint: it may have too many logins at once (MaxStartups)
    ");
}

#[tokio::test]
async fn without_a_common_algorithm_the_line_says_what_the_host_offers() {
    let sshd = Sshd::start(|config| {
        config.line("Ciphers aes128-cbc");
    });
    let error = open(&sshd.settings()).await.unwrap_err();
    insta::assert_snapshot!(said(&error, sshd.port), @r#"
    Settings: cannot connect to “lab”: no common cipher; it offers aes128-cbc
    hint: allow one of them with Ciphers in ~/.ssh/config, or use transport = "openssh"
    "#);
}

#[tokio::test]
async fn a_list_that_names_nothing_we_can_do_is_named() {
    let mut settings = to(22);
    settings.algorithms.ciphers = vec!["aes128-cbc".to_owned(), "none".to_owned()];
    let error = open(&settings).await.unwrap_err();
    insta::assert_snapshot!(said(&error, 22), @r#"
    Settings: cannot connect to “lab”: Ciphers names nothing that we support
    hint: change Ciphers in ~/.ssh/config, or use transport = "openssh" for this host
    "#);
}
