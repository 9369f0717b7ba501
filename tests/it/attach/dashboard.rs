//! The dashboard lends its terminal to a session of another host, and has it back afterwards.
//!
//! The dashboard takes the terminal of its process, so it runs in a process of its own: this test program once more.

use std::process::Stdio;
use std::sync::Arc;

use cm_tui::config::SshTransport;
use cm_tui::domain::{AutoConfirm, HostId, Origin, PaneRef, Session, SessionId, SessionState};
use cm_tui::fleet::deploy::{DeployConfig, Install};
use cm_tui::fleet::{Fleet, Here, HostNotice, HostSpec, Notice, Remote, RemoteConfig, Road};
use cm_tui::paths::Paths;
use cm_tui::protocol::{Event, Welcome};
use cm_tui::term::{Passing, Size};
use cm_tui::transport::ssh::resolve::HostFields;
use cm_tui::tui::own::OwnPane;
use cm_tui::tui::{Options, run};
use tokio::sync::mpsc;

use super::PATIENCE;
use super::far::Tmux;
use super::person::Person;
use crate::sshd::lab::{Sshd, user};

const HOST: &str = "gpu-2";

#[tokio::test]
async fn the_dashboard_lends_its_terminal_and_has_it_back() {
    let mut person = Person::new(Size::new(132, 38));
    let before = person.discipline();
    let mut command = tokio::process::Command::new("setsid");
    command
        .args(["--ctty", "--wait"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture"])
        .arg("attach::dashboard::a_dashboard_with_a_session_on_another_host")
        .env("TERM", "xterm-256color")
        .env_remove("TMUX")
        .env_remove("TMUX_PANE")
        .kill_on_drop(true);
    let inner = || Stdio::from(person.inside());
    command.stdin(inner()).stdout(inner()).stderr(inner());
    let mut child = command.spawn().unwrap();
    person.sees("train").await;
    person.types(b"\r").await;
    person.sees("[work]").await;
    person.types(b"hello\r").await;
    person.sees("hello").await;
    // Another size, as the person's terminal tells it.
    person.resize(Size::new(140, 40));
    person
        .until("the last row", |person| {
            let rows = person.emulator.screen().text();
            rows.get(39).is_some_and(|row| row.contains("[work]"))
        })
        .await;
    person.types(b"\x1d").await;
    person.sees("train").await;
    assert!(person.outer.seen.is_alternate && person.outer.seen.has(2004));
    // Its own keys work again.
    person.types(b"q").await;
    let left = tokio::time::timeout(PATIENCE, child.wait());
    let (status, ()) = tokio::join!(left, person.is_clean(&before));
    assert!(status.unwrap().unwrap().success());
}

#[tokio::test]
#[ignore = "is run by the test above, in a terminal of its own"]
async fn a_dashboard_with_a_session_on_another_host() {
    let sshd = Sshd::start(|_| {});
    let tmux = Tmux::new("cat");
    let dir = tempfile::Builder::new().prefix("cm").tempdir().unwrap();
    let folder = dir.path().display().to_string();
    let paths = Paths::from_lookup(|_| Some(folder.clone().into())).unwrap();
    let config = format!(
        "Host {HOST}\n HostName 127.0.0.1\n Port {}\n User {}\n IdentityFile {}\n IdentitiesOnly yes\n \
         IdentityAgent none\n UserKnownHostsFile {}\n GlobalKnownHostsFile /dev/null\n",
        sshd.port,
        user(),
        sshd.key.path.display(),
        sshd.known_hosts().display(),
    );
    std::fs::write(dir.path().join("ssh_config"), config).unwrap();
    let remote = Remote::new(RemoteConfig {
        fields: HostFields {
            config_file: Some(dir.path().join("ssh_config")),
            ..HostFields::named(HOST)
        },
        transport: SshTransport::Ssh,
        deploy: DeployConfig {
            host: HOST.to_owned(),
            agent: None,
            install: Install::Never,
            own_program: "/bin/false".into(),
            agents_dir: None,
        },
        passing: Passing::Filtered,
    });
    // What its agent would say is told below.
    let (fleet, mut unheard) = Fleet::start(vec![HostSpec {
        id: HostId::new(HOST),
        road: Road::Remote(Arc::new(remote)),
    }]);
    tokio::spawn(async move { while unheard.recv().await.is_some() {} });
    let (tell, notices) = mpsc::channel(8);
    for notice in [
        Notice::Connected(Box::new(welcome())),
        Notice::Event(Box::new(Event::Snapshot {
            sessions: vec![session(&tmux)],
            log: Vec::new(),
            trouble: None,
        })),
    ] {
        let host = HostId::new(HOST);
        tell.send(HostNotice { host, notice }).await.unwrap();
    }
    let options = Options {
        machine: Here {
            paths,
            agent_program: "/bin/false".into(),
        },
        hosts: vec![HostId::new(HOST)],
        here: "/".to_owned(),
        own: OwnPane::default(),
        demo: false,
    };
    run(options, fleet, notices).await.unwrap();
}

fn welcome() -> Welcome {
    Welcome {
        version: 1,
        agent: "cm-agent 0.1.0".to_owned(),
        run: 1,
        host: HOST.to_owned(),
        now: 0,
        home: "/root".to_owned(),
        resumed: false,
    }
}

fn session(tmux: &Tmux) -> Session {
    let place = tmux.place();
    Session {
        id: SessionId::new("s1"),
        name: "train".to_owned(),
        tool: "shell".to_owned(),
        origin: Origin::Managed,
        pane: PaneRef {
            socket: place.socket,
            server_pid: place.server_pid,
            server_started: place.server_started,
            pane: place.pane,
        },
        tmux_session: place.tmux_session,
        dir: "/".to_owned(),
        task: None,
        cols: 80,
        rows: 24,
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
