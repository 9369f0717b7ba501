//! What a host's row says of each fault, in full, over a real sshd where one can have it. Agents of another age are in
//! `skew.rs`.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use cm_tui::config::SshTransport;
use cm_tui::fleet::FleetState;
use cm_tui::fleet::deploy::Install;
use cm_tui::protocol::Failure;
use cm_tui::transport::asking::Question;
use rstest::rstest;
use russh::MethodKind;

use super::ssh::{Site, config, halted, lost, question, spec};
use crate::lab::{AGENT, Client};
use crate::sshd::fake::{Fake, Script};
use crate::sshd::human::secrets;
use crate::sshd::lab::{Config, user};
use crate::sshd::network::{Manners, peer};

/// Message and hint, without what differs from run to run.
fn row(failure: &Failure, changing: &[(&str, &str)]) -> String {
    let row = format!("{}\nhint: {}", failure.message, failure.hint);
    changing
        .iter()
        .fold(row, |row, (from, to)| row.replace(from, to))
}

/// A client of a host with this address, which no sshd is behind.
fn client_of(dir: &Path, host_name: &str, port: u16) -> Client {
    let ssh_config = dir.join("ssh_config");
    let text = format!(
        "Host lab\n HostName {host_name}\n Port {port}\n User me\n IdentityFile {0}/none\n IdentitiesOnly yes\n \
         IdentityAgent none\n UserKnownHostsFile {0}/known_hosts\n GlobalKnownHostsFile /dev/null\n ConnectTimeout 2\n",
        dir.display()
    );
    std::fs::write(&ssh_config, text).unwrap();
    Client::of(spec(config(&ssh_config, SshTransport::Ssh)))
}

/// What is wrong with a host that is connected all the same.
async fn trouble(client: &mut Client) -> Failure {
    client
        .until("the trouble", |state: &FleetState| {
            state.hosts[0].trouble.clone()
        })
        .await
}

#[tokio::test]
async fn an_unknown_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut client = client_of(dir.path(), "no-such-host.invalid", 22);
    insta::assert_snapshot!(row(&lost(&mut client).await, &[]), @r"
    cannot find host “no-such-host.invalid”: no such host
    hint: is the name right? try: ssh lab
    ");
}

#[tokio::test]
async fn a_closed_port() {
    let dir = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut client = client_of(dir.path(), "127.0.0.1", port);
    let failure = lost(&mut client).await;
    insta::assert_snapshot!(row(&failure, &[(&port.to_string(), "PORT")]), @r"
    cannot reach host “lab” at 127.0.0.1:PORT: connection refused
    hint: is sshd running there? try: ssh lab
    ");
}

#[tokio::test]
async fn no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let mut client = client_of(dir.path(), "127.0.0.1", peer(Manners::Says("")));
    insta::assert_snapshot!(row(&lost(&mut client).await, &[]), @r"
    cannot connect to “lab”: no answer in time
    hint: is an SSH server behind that port?
    ");
}

#[tokio::test]
async fn a_wrong_key() {
    let site = Site::new(|_| {});
    std::fs::write(site.path("authorized_keys"), "").unwrap();
    let mut client = site.client();
    let failure = halted(&mut client).await;
    let lab = site.path("").display().to_string();
    let me = format!(" as {}:", user());
    insta::assert_snapshot!(row(&failure, &[(&lab, "LAB/"), (&me, " as me:")]), @r"
    cannot log in to “lab” as me: permission denied (tried key LAB/id; the host takes publickey)
    hint: try: ssh lab
    ");
}

#[tokio::test]
async fn a_wrong_password_twice() {
    let fake = Fake::start(Script {
        methods: vec![MethodKind::Password],
        password: Some("right"),
        ..Script::default()
    })
    .await;
    let mut client = client_of(fake.dir.path(), "127.0.0.1", fake.port);
    let message = loop {
        let asked = question(&mut client).await;
        match &asked.question {
            Question::Secrets(_) => asked.answer(secrets(&["wrong"])),
            Question::TryAgain { message, .. } => break message.clone(),
            other => panic!("{other:?}"),
        }
    };
    let failure = halted(&mut client).await;
    assert_eq!(message, failure.message);
    insta::assert_snapshot!(row(&failure, &[]), @r"
    cannot log in to “lab” as me: permission denied (tried password; the host takes password)
    hint: try: ssh lab
    ");
}

#[tokio::test]
async fn a_changed_key() {
    let site = Site::new(|_| {});
    let file = site.sshd.known_hosts();
    let other = &site.sshd.key.public;
    std::fs::write(&file, format!("# mine\n\nlab {other}\n")).unwrap();
    let mut client = site.client();
    let failure = halted(&mut client).await;
    let file = file.display().to_string();
    let (shown, rest) = failure.hint.split_once("; ").unwrap();
    assert!(
        shown.starts_with("it showed ssh-ed25519 SHA256:"),
        "{shown}"
    );
    let failure = Failure {
        hint: rest.to_owned(),
        ..failure.clone()
    };
    insta::assert_snapshot!(row(&failure, &[(&file, "FILE")]), @r"
    host key of “lab” changed: FILE:3
    hint: only if you know that this is right: ssh-keygen -R 'lab' -f 'FILE' (there is no way to go on without that)
    ");
}

/// Programs that say this instead of what they are, before all others.
fn with_programs(config: &mut Config, programs: &[(&str, &str)]) {
    let bin = config.dir.join("bin");
    std::fs::create_dir(&bin).unwrap();
    for (name, text) in programs {
        let program = bin.join(name);
        std::fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", bin.display());
    config.variables.push(("PATH".to_owned(), path));
}

#[tokio::test]
async fn no_tmux() {
    let site = Site::new(|config| {
        let bin = config.dir.join("bin");
        std::fs::create_dir(&bin).unwrap();
        for name in ["sh", "cat", "head", "uname", "df", "setsid"] {
            symlink(format!("/usr/bin/{name}"), bin.join(name)).unwrap();
        }
        let path = bin.display().to_string();
        config.variables.push(("PATH".to_owned(), path));
    });
    let mut client = site.client();
    client.connected().await;
    insta::assert_snapshot!(row(&trouble(&mut client).await, &[]), @r"
    tmux is not installed on this host
    hint: install tmux 3.2 or newer, then stop the agent: cm-agent stop
    ");
    // Nor is there a way without an agent.
    let mut config = site.config(SshTransport::Ssh);
    config.deploy.agent = None;
    let mut client = Client::of(spec(config));
    client.connected().await;
    insta::assert_snapshot!(row(&trouble(&mut client).await, &[]), @r"
    no tmux on lab
    hint: install tmux 3.0 or newer there
    ");
}

#[tokio::test]
async fn tmux_too_old() {
    let site = Site::new(|config| with_programs(config, &[("tmux", "echo tmux 2.9a")]));
    let mut client = site.client();
    client.connected().await;
    insta::assert_snapshot!(row(&trouble(&mut client).await, &[]), @r"
    tmux 2.9a is too old: 3.0 is the oldest that works, 3.2 or newer does everything
    hint: install tmux 3.2 or newer, then stop the agent: cm-agent stop
    ");
}

#[rstest]
#[case::for_ever(
    "yes",
    "the login shell of lab prints too much on standard output
hint: let its start-up files print only when a person is there; try: ssh lab true"
)]
#[case::and_ends(
    "echo This account is closed.; exit 1",
    "the login shell of lab does not run commands (exit 1): This account is closed.
hint: it must run what it is given; try: ssh lab echo works"
)]
#[tokio::test]
async fn a_login_shell_that_prints_and_does_nothing_else(#[case] prints: &str, #[case] said: &str) {
    let site = Site::new(|config| {
        std::fs::write(config.dir.join("home/.bashrc"), prints).unwrap();
    });
    let mut client = site.client();
    let failure = halted(&mut client).await;
    assert_eq!(row(&failure, &[]), said);
}

#[tokio::test]
async fn a_full_disk() {
    let can_mount = std::process::Command::new("unshare")
        .args(["-m", "sh", "-c", "mount -t tmpfs none /mnt"])
        .output();
    if !can_mount.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this user cannot mount");
        return;
    }
    let site = Site::new(|config| {
        let script = config.dir.join("small");
        // The shell stands in the folder that is mounted over, so it steps in again.
        let text = "#!/bin/sh\nexec unshare -m sh -c '\n\
                    mount -t tmpfs -o size=16k none \"$HOME\" && cd \"$HOME\" && exec sh -c \"$SSH_ORIGINAL_COMMAND\"'\n";
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
        config.line(format!("ForceCommand {}", script.display()));
    });
    let mut config = site.config(SshTransport::Ssh);
    config.deploy.agent = None;
    config.deploy.install = Install::Always;
    let mut client = Client::of(spec(config));
    client.connected().await;
    let failure = trouble(&mut client).await;
    let needed = std::fs::metadata(AGENT).unwrap().len();
    let needed = ((needed + (1 << 20)) >> 20) + 1;
    insta::assert_snapshot!(row(&failure, &[(&format!(" {needed} "), " SO MANY ")]), @r"
    no room for cm-agent on lab: 0 MiB are free, SO MANY are needed
    hint: free some space in the home folder; look with: ssh lab df -h .
    ");
}

#[tokio::test]
async fn an_architecture_without_an_agent() {
    let uname = "[ \"$1\" = -m ] && echo s390x || echo Linux";
    let site = Site::new(|config| with_programs(config, &[("uname", uname)]));
    let mut config = site.config(SshTransport::Ssh);
    config.deploy.agent = None;
    config.deploy.install = Install::Always;
    let mut client = Client::of(spec(config));
    client.connected().await;
    let failure = trouble(&mut client).await;
    insta::assert_snapshot!(row(&failure, &[(AGENT, "OWN")]), @r"
    no cm-agent on lab, and there is none to install on Linux s390x: OWN is for x86_64
    hint: on lab: cargo install --path . --locked --no-default-features --bin cm-agent (in a checkout of cm-tui)
    ");
}

/// With one session at a time everything works (see `ssh.rs`); with none nothing does.
#[tokio::test]
async fn no_sessions_at_all() {
    let site = Site::new(|config| {
        config.line("MaxSessions 0");
    });
    let mut client = site.client();
    insta::assert_snapshot!(row(&lost(&mut client).await, &[]), @r"
    host “lab” does not open a session: too many at once
    hint: raise MaxSessions in its sshd_config, or close other sessions
    ");
}
