//! The whole way: the fleet, a real sshd, the agent that it starts there, and a real tmux.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cm_tui::config::SshTransport;
use cm_tui::domain::HostId;
use cm_tui::fleet::deploy::{DeployConfig, Install};
use cm_tui::fleet::{ConnectionState, HostSpec, Remote, RemoteConfig, Road};
use cm_tui::paths::Paths;
use cm_tui::protocol::{Failure, Reply, Request};
use cm_tui::term::Passing;
use cm_tui::transport::asking::{Answer, Question};
use cm_tui::transport::ssh::resolve::HostFields;
use rstest::rstest;

use crate::lab::{AGENT, Client, socket_folder};
use crate::sshd::lab::{Config, Sshd, user};
use crate::sshd::network::Proxy;

/// A host called `lab`, whose agent is the one that was built, and a network to it that can be cut.
pub struct Site {
    pub sshd: Sshd,
    pub network: Proxy,
}

impl Site {
    pub fn new(change: impl FnOnce(&mut Config)) -> Self {
        let sshd = Sshd::start(|config| {
            prepare(config);
            change(config);
        });
        let network = Proxy::start(sshd.port);
        let site = Self { sshd, network };
        site.trust(&site.sshd.host_keys[0].public);
        let text = format!(
            "Host lab\n HostName 127.0.0.1\n Port {}\n User {}\n IdentityFile {}\n IdentitiesOnly yes\n \
             IdentityAgent none\n HostKeyAlias lab\n UserKnownHostsFile {}\n GlobalKnownHostsFile /dev/null\n \
             StrictHostKeyChecking ask\n ConnectTimeout 60\n",
            site.network.port,
            user(),
            site.sshd.key.path.display(),
            site.sshd.known_hosts().display(),
        );
        std::fs::write(site.path("ssh_config"), text).unwrap();
        std::fs::create_dir(site.path("work")).unwrap();
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.sshd.dir.path().join(name)
    }

    /// Makes this the only key that is known of the host.
    fn trust(&self, key: &str) {
        std::fs::write(self.sshd.known_hosts(), format!("lab {key}\n")).unwrap();
    }

    pub(super) fn config(&self, transport: SshTransport) -> RemoteConfig {
        config(&self.path("ssh_config"), transport)
    }

    fn spec(&self, transport: SshTransport) -> HostSpec {
        spec(self.config(transport))
    }

    pub(super) fn client(&self) -> Client {
        Client::of(self.spec(SshTransport::Ssh))
    }

    /// A client on the host itself.
    pub fn neighbour(&self) -> Client {
        Client::of(HostSpec::local(paths(&self.sshd), "/nonexistent".into()))
    }

    /// What tmux itself says of the sessions that we started there.
    fn tmux_sessions(&self) -> String {
        let output = Command::new("tmux")
            .arg("-S")
            .arg(self.path("tmux").join(socket_folder()).join("cm"))
            .args(["list-sessions", "-F", "#{session_name}"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// The variables with which an agent works in a lab.
pub(super) fn prepare(config: &mut Config) {
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    config.variables.extend([
        variable("LANG", "C.UTF-8"),
        variable("SHELL", "/bin/sh"),
        variable("CM_LOG", "debug"),
    ]);
}

/// Where an agent in a lab keeps its files.
pub fn paths(sshd: &Sshd) -> Paths {
    let paths = Paths::from_lookup(|name| {
        let folder = match name {
            "HOME" => "home",
            "XDG_RUNTIME_DIR" => "run",
            "XDG_CONFIG_HOME" => "home/.config",
            "XDG_STATE_HOME" => "home/.local/state",
            _ => return None,
        };
        Some(sshd.dir.path().join(folder))
    });
    paths.unwrap()
}

/// The host that this `ssh_config` calls `lab`, with the agent that was built.
pub(super) fn config(ssh_config: &Path, transport: SshTransport) -> RemoteConfig {
    RemoteConfig {
        fields: HostFields {
            config_file: Some(ssh_config.to_owned()),
            ..HostFields::named("lab")
        },
        transport,
        deploy: DeployConfig {
            host: "lab".into(),
            agent: Some(AGENT.into()),
            install: Install::Never,
            own_program: AGENT.into(),
            agents_dir: None,
        },
        passing: Passing::Filtered,
    }
}

pub(super) fn spec(config: RemoteConfig) -> HostSpec {
    HostSpec {
        id: HostId::new("lab"),
        road: Road::Remote(Remote::new(config).into()),
    }
}

pub(super) async fn lost(client: &mut Client) -> Failure {
    client
        .until("the loss", |state| state.hosts[0].failure.clone())
        .await
}

pub(super) async fn halted(client: &mut Client) -> Failure {
    client
        .until("the halt", |state| {
            let host = &state.hosts[0];
            host.failure.clone().filter(|_| host.needs_human)
        })
        .await
}

pub(super) async fn question(client: &mut Client) -> cm_tui::transport::asking::Asked {
    while client.questions.is_empty() {
        client.hears("a question").await;
    }
    client.questions.remove(0)
}

#[rstest]
#[case::ours(SshTransport::Ssh)]
#[case::the_systems(SshTransport::OpenSsh)]
#[tokio::test]
async fn sessions_of_a_host_are_seen_started_and_killed(#[case] transport: SshTransport) {
    let site = Site::new(|_| {});
    let mut client = Client::of(site.spec(transport));
    client.connected().await;
    let id = client.start("shell", None, "far", &site.path("work")).await;
    let session = client.session(&id, "the session", |_| true).await;
    assert_eq!(session.name, "far");
    assert!(site.tmux_sessions().contains("far"));
    client.watch(&id);
    let keys = Request::Paste {
        session: id.clone(),
        text: "echo $((6 * 7)) is there\r".into(),
    };
    assert_eq!(client.ask(keys).await, Reply::Done);
    client.sees(&id, "42 is there").await;
    let host = &client.state.hosts[0];
    assert!(host.round_trip.is_some());
    let killed = client
        .ask(Request::Kill {
            session: id.clone(),
        })
        .await;
    assert_eq!(killed, Reply::Done);
    let host = HostId::new("lab");
    client
        .until("the end of the session", |state| {
            state.session(&host, &id).is_none().then_some(())
        })
        .await;
    assert!(!site.tmux_sessions().contains("far"));
}

#[tokio::test]
async fn no_event_is_lost_or_doubled_when_the_network_is_cut_again_and_again() {
    let site = Site::new(|_| {});
    let mut client = site.client();
    client.connected().await;
    // Cut before it is heard, everything would be told as events, which is as good.
    while client.snapshots == 0 {
        client.hears("everything at once").await;
    }
    let mut neighbour = site.neighbour();
    neighbour.connected().await;
    let mut expected = Vec::new();
    for round in 0..5 {
        client.connected().await;
        site.network.cut();
        lost(&mut client).await;
        // This happens while nobody listens over the network.
        let name = format!("round-{round}");
        let dir = site.path("work");
        let id = neighbour.start("shell", None, &name, &dir).await;
        neighbour.session(&id, "it", |_| true).await;
        expected.push(name.clone());
        if round == 3 {
            let killed = neighbour
                .ask(Request::Kill {
                    session: id.clone(),
                })
                .await;
            assert_eq!(killed, Reply::Done);
            expected.pop();
        } else {
            client.named(&name).await;
        }
    }
    client.connected().await;
    let names = |client: &Client| {
        let mut names: Vec<_> = client.state.hosts[0]
            .sessions
            .values()
            .map(|session| session.name.clone())
            .collect();
        names.sort();
        names
    };
    while names(&client) != expected {
        client.hears("all sessions").await;
    }
    // Told once in full, and from then on only what was missed.
    assert_eq!(client.snapshots, 1);
}

#[tokio::test]
async fn a_login_shell_that_prints_harms_nothing() {
    let site = Site::new(|config| {
        let mut rc = String::new();
        writeln!(rc, "echo 'Welcome to the lab'; printf 'no line end'").unwrap();
        // bash reads this for commands that come over a network; what other shells do is in the tests of deploying.
        std::fs::write(config.dir.join("home/.bashrc"), rc).unwrap();
    });
    let mut client = site.client();
    client.connected().await;
    assert!(matches!(
        client.ask(Request::Status).await,
        Reply::Status(_)
    ));
}

#[tokio::test]
async fn an_unknown_key_is_asked_about_once_and_a_no_is_not_repeated() {
    let site = Site::new(|_| {});
    std::fs::write(site.sshd.known_hosts(), "").unwrap();
    let mut client = site.client();
    let asked = question(&mut client).await;
    assert!(
        matches!(&asked.question, Question::HostKey(key) if key.fingerprint.starts_with("SHA256:"))
    );
    asked.answer(Answer::No);
    let failure = halted(&mut client).await;
    assert!(failure.message.contains("lab"), "{failure:?}");
    client.fleet.reconnect(&HostId::new("lab"));
    question(&mut client).await.answer(Answer::Yes);
    client.connected().await;
    let known = std::fs::read_to_string(site.sshd.known_hosts()).unwrap();
    assert!(known.starts_with("lab "), "{known}");
}

#[tokio::test]
async fn a_changed_key_is_refused_without_a_question() {
    let site = Site::new(|_| {});
    site.trust(&site.sshd.key.public);
    let mut client = site.client();
    let failure = halted(&mut client).await;
    let file = site.sshd.known_hosts();
    let said = format!("{} {}", failure.message, failure.hint);
    assert!(said.contains(file.to_str().unwrap()), "{said}");
    assert!(client.questions.is_empty());
}

#[tokio::test]
async fn two_refused_logins_are_the_last_until_the_human_says_so() {
    let site = Site::new(|_| {});
    std::fs::write(site.path("authorized_keys"), "").unwrap();
    let mut client = site.client();
    let failure = halted(&mut client).await;
    assert!(failure.message.contains("lab"), "{failure:?}");
    let asked = question(&mut client).await;
    assert!(matches!(asked.question, Question::TryAgain { .. }));
    let key = format!("{}\n", site.sshd.key.public);
    std::fs::write(site.path("authorized_keys"), key).unwrap();
    asked.answer(Answer::Yes);
    client.connected().await;
}

#[tokio::test]
async fn a_host_without_an_agent_says_why_and_its_sessions_are_seen_and_ended_all_the_same() {
    let site = Site::new(|_| {});
    let socket = site.path("tmux").join(socket_folder());
    std::fs::create_dir_all(&socket).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&socket, private).unwrap();
    let tmux = |arguments: &[&str]| {
        let mut command = Command::new("tmux");
        // The mark by which the lab ends what is left of it.
        command.env("CM_SSHD_LAB", site.sshd.dir.path());
        command.env_remove("TMUX").env("HOME", site.path("home"));
        command
            .arg("-S")
            .arg(socket.join("default"))
            .args(arguments);
        let done = command.stdin(Stdio::null()).status().unwrap();
        assert!(done.success());
    };
    tmux(&[
        "-f",
        "/dev/null",
        "new-session",
        "-d",
        "-s",
        "mine",
        "echo by hand; exec cat",
    ]);
    let mut config = site.config(SshTransport::Ssh);
    config.deploy.agent = Some("/nonexistent/cm-agent".into());
    let mut client = Client::of(spec(config));
    client.connected().await;
    let trouble = client
        .until("why", |state| state.hosts[0].trouble.clone())
        .await;
    assert!(
        trouble.message.contains("/nonexistent/cm-agent"),
        "{trouble:?}"
    );
    assert!(!trouble.hint.is_empty());
    let id = client.named("mine").await.id;
    client.watch(&id);
    client.sees(&id, "by hand").await;
    let refused = client
        .fails(Request::Rename {
            session: id.clone(),
            name: "x".into(),
        })
        .await;
    assert_eq!(
        refused.message,
        "without cm-agent on lab that cannot be done"
    );
    let killed = client
        .ask(Request::Kill {
            session: id.clone(),
        })
        .await;
    assert_eq!(killed, Reply::Done);
    let gone = client.fails(Request::Kill { session: id }).await;
    assert!(gone.message.contains("gone"), "{gone:?}");
}

#[tokio::test]
async fn one_session_at_a_time_is_enough() {
    let site = Site::new(|config| {
        config.line("MaxSessions 1");
    });
    let mut client = site.client();
    client.connected().await;
    assert!(matches!(
        client.ask(Request::Status).await,
        Reply::Status(_)
    ));
}

#[tokio::test]
async fn a_frozen_network_makes_a_host_stale_then_lost_and_leaves_its_sessions_on_screen() {
    let site = Site::new(|_| {});
    // The agent's silence is to be noticed before that of sshd.
    let patient = "ServerAliveInterval 1\nServerAliveCountMax 100\n";
    let text = std::fs::read_to_string(site.path("ssh_config")).unwrap();
    std::fs::write(site.path("ssh_config"), format!("{text}{patient}")).unwrap();
    let mut client = site.client();
    client.connected().await;
    let id = client.start("shell", None, "far", &site.path("work")).await;
    client.session(&id, "it", |_| true).await;
    site.network.freeze();
    client
        .until("staleness", |state| {
            matches!(state.hosts[0].connection, ConnectionState::Stale { .. }).then_some(())
        })
        .await;
    let failure = lost(&mut client).await;
    assert!(failure.message.contains("no answer"), "{failure:?}");
    let host = &client.state.hosts[0];
    assert!(host.sessions.contains_key(&id) && host.away_since.is_some());
    site.network.thaw();
    client.connected().await;
    let host = &client.state.hosts[0];
    assert!(host.sessions.contains_key(&id) && host.away_since.is_none());
}

/// The hosts behind it must not have it lock us out: what counts there are the logins, not for whom they were.
#[tokio::test]
async fn a_jump_host_that_refuses_us_is_tried_twice_however_many_hosts_are_behind_it() {
    let site = Site::new(|_| {});
    std::fs::write(site.path("authorized_keys"), "").unwrap();
    let mut text = std::fs::read_to_string(site.path("ssh_config")).unwrap();
    text.push_str("Host behind-*\n ProxyJump lab\n");
    std::fs::write(site.path("ssh_config"), text).unwrap();
    let specs = (0..8).map(|number| {
        let name = format!("behind-{number}");
        let mut config = site.config(SshTransport::Ssh);
        config.fields.name.clone_from(&name);
        HostSpec {
            id: HostId::new(name),
            road: Road::Remote(Remote::new(config).into()),
        }
    });
    let mut client = Client::of_all(specs.collect());
    client
        .until("the halt of all", |state| {
            let all = state.hosts.iter().all(|host| host.needs_human);
            all.then_some(())
        })
        .await;
    let attempts = || site.sshd.log().matches("Connection from").count();
    assert_eq!(attempts(), 2, "{}", site.sshd.log());
    // Who is urged tries.
    client.fleet.reconnect(&HostId::new("behind-7"));
    client
        .until("the halt after another attempt", |state| {
            let host = &state.hosts[7];
            (host.needs_human && attempts() > 2).then_some(())
        })
        .await;
    assert_eq!(attempts(), 3, "{}", site.sshd.log());
}
