//! Hosts that cannot be reached: they dial out to a plain sshd, and are then hosts like any other. The README's
//! own lines are used here, with other ports.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cm_tui::config::SshTransport;
use cm_tui::fleet::HostSpec;
use cm_tui::protocol::Request;
use cm_tui::transport::asking::{Answer, Question};
use rstest::rstest;

use super::ssh::{config, halted, lost, paths, prepare, question, spec};
use crate::lab::Client;
use crate::sshd::lab::{Sshd, user};

const README: &str = include_str!("../../../README.md");

/// A host to which only its relay leads.
struct Nat {
    relay: Sshd,
    hidden: Sshd,
    /// Where the relay has the host.
    port: u16,
}

/// The host's own line to its relay.
struct DialOut(Child);

impl DialOut {
    /// Returns when the relay listens for the host; `None` when it does not give the port.
    fn start(ssh_config: &Path, port: u16, to: u16) -> Option<Self> {
        let line = README.lines().find(|line| line.starts_with("ssh -N "));
        let line = line.expect("the line with which a host dials out");
        let (shown, ours) = (
            "127.0.0.1:22022:127.0.0.1:22 ",
            format!("127.0.0.1:{port}:127.0.0.1:{to} "),
        );
        assert!(line.contains(shown), "{line}");
        let line = line.replace(shown, &ours);
        let mut words = line.split(' ');
        let mut child = Command::new(words.next().unwrap())
            // Says when the relay listens.
            .arg("-v")
            .arg("-F")
            .arg(ssh_config)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let dial = Self(child);
        let mut said = String::new();
        while stderr.read_line(&mut said).unwrap() > 0 {
            if said.contains("remote forward success") {
                // What else it says must not fill the pipe.
                std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
                return Some(dial);
            }
        }
        assert!(said.contains("remote port forwarding failed"), "{said}");
        None
    }
}

impl Drop for DialOut {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

impl Nat {
    /// The host has dialled out.
    fn new() -> (Self, DialOut) {
        let mut nat = Self {
            relay: Sshd::start(|_| {}),
            hidden: Sshd::start(prepare),
            port: 0,
        };
        std::fs::create_dir(nat.path("work")).unwrap();
        for _ in 0..20 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            nat.port = free.local_addr().unwrap().port();
            drop(free);
            nat.write_settings();
            nat.trust(&nat.hidden.host_keys[0].public);
            // Another process may take the port first; then it is another one.
            if let Some(dial) = DialOut::start(&nat.ssh_config(), nat.port, nat.hidden.port) {
                return (nat, dial);
            }
        }
        panic!("the relay finds no free port");
    }

    /// The host dials out once more.
    fn dial_out(&self) -> DialOut {
        DialOut::start(&self.ssh_config(), self.port, self.hidden.port).expect("the same port")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.hidden.dir.path().join(name)
    }

    fn ssh_config(&self) -> PathBuf {
        self.path("ssh_config")
    }

    /// The README's lines for the host, and what leads to the relay.
    fn write_settings(&self) {
        let start = README.find("Host lab\n").expect("the lines for a host");
        let (_, lab) = README.split_at(start);
        let (lab, _) = lab.split_once("```").unwrap();
        assert!(lab.contains("Port 22022\n"), "{lab}");
        let lab = lab.replace("22022", &self.port.to_string());
        let text = format!(
            "{lab}    IdentityFile {}\nHost bastion\n HostName 127.0.0.1\n Port {}\n IdentityFile {}\n\
             Host *\n User {}\n IdentitiesOnly yes\n IdentityAgent none\n UserKnownHostsFile {}\n \
             GlobalKnownHostsFile /dev/null\n StrictHostKeyChecking ask\n ConnectTimeout 60\n",
            self.hidden.key.path.display(),
            self.relay.port,
            self.relay.key.path.display(),
            user(),
            self.hidden.known_hosts().display(),
        );
        std::fs::write(self.ssh_config(), text).unwrap();
    }

    /// The relay is known, and of the host this key and no other; none when it is empty.
    fn trust(&self, key: &str) {
        let relay = &self.relay.host_keys[0].public;
        let mut lines = vec![format!("[127.0.0.1]:{} {relay}\n", self.relay.port)];
        if !key.is_empty() {
            lines.push(format!("lab {key}\n"));
        }
        std::fs::write(self.hidden.known_hosts(), lines.concat()).unwrap();
    }

    fn client(&self, transport: SshTransport) -> Client {
        Client::of(spec(config(&self.ssh_config(), transport)))
    }

    /// A client on the host itself.
    fn neighbour(&self) -> Client {
        Client::of(HostSpec::local(paths(&self.hidden), "/nonexistent".into()))
    }
}

#[rstest]
#[case::ours(SshTransport::Ssh)]
#[case::the_systems(SshTransport::OpenSsh)]
#[tokio::test]
async fn sessions_of_a_host_that_dials_out_are_seen_and_started(#[case] transport: SshTransport) {
    let (nat, _dial) = Nat::new();
    let mut client = nat.client(transport);
    client.connected().await;
    let id = client.start("shell", None, "far", &nat.path("work")).await;
    let session = client.session(&id, "the session", |_| true).await;
    assert_eq!(session.name, "far");
    client.watch(&id);
    client
        .ask(Request::Paste {
            session: id.clone(),
            text: "echo $((6 * 7)) is there\r".into(),
        })
        .await;
    client.sees(&id, "42 is there").await;
    // Somebody on the host sees the same, and both have logged in to the relay.
    let mut neighbour = nat.neighbour();
    neighbour.connected().await;
    assert_eq!(neighbour.named("far").await.id, id);
    assert!(nat.relay.log().matches("Accepted publickey").count() >= 2);
}

#[tokio::test]
async fn a_host_that_no_longer_dials_out_is_lost_and_is_back_with_everything_when_it_does() {
    let (nat, dial) = Nat::new();
    let mut client = nat.client(SshTransport::Ssh);
    client.connected().await;
    let mut neighbour = nat.neighbour();
    neighbour.connected().await;
    let id = client.start("shell", None, "far", &nat.path("work")).await;
    client.session(&id, "the session", |_| true).await;
    client.watch(&id);

    drop(dial);
    let failure = lost(&mut client).await;
    assert_eq!(
        failure.message,
        "connection to “lab” lost: the host closed it"
    );
    let refused = client
        .until("the refusal of the relay", |state| {
            let failure = state.hosts[0].failure.as_ref()?;
            failure.message.contains("bastion").then(|| failure.clone())
        })
        .await;
    let row = format!("{}\nhint: {}", refused.message, refused.hint);
    insta::assert_snapshot!(row.replace(&nat.port.to_string(), "PORT"), @r"
    cannot reach host “lab” through “bastion”: host “bastion” does not connect on to 127.0.0.1:PORT: it cannot reach that
    hint: is the host behind it up, and dialled out if it has to? is the jump host right?
    ");
    let host = &client.state.hosts[0];
    assert!(host.sessions.contains_key(&id) && host.away_since.is_some());
    // Life goes on where nobody can look.
    let second = neighbour
        .start("shell", None, "meanwhile", &nat.path("work"))
        .await;
    neighbour
        .ask(Request::Paste {
            session: id.clone(),
            text: "echo $((6 * 7)) meanwhile\r".into(),
        })
        .await;
    neighbour.watch(&id);
    neighbour.sees(&id, "42 meanwhile").await;

    let _dial = nat.dial_out();
    client.connected().await;
    client.session(&second, "the second one", |_| true).await;
    client.sees(&id, "42 meanwhile").await;
    let host = &client.state.hosts[0];
    assert!(host.sessions.contains_key(&id) && host.away_since.is_none());
    // Told once in full, and from then on only what was missed.
    assert_eq!(client.snapshots, 1);
}

#[tokio::test]
async fn the_key_of_a_host_that_dials_out_is_asked_about_under_its_own_name() {
    let (nat, _dial) = Nat::new();
    nat.trust("");
    let mut client = nat.client(SshTransport::Ssh);
    let asked = question(&mut client).await;
    assert!(
        matches!(&asked.question, Question::HostKey(key) if key.host == "lab"),
        "{asked:?}"
    );
    asked.answer(Answer::Yes);
    client.connected().await;
    let known = std::fs::read_to_string(nat.hidden.known_hosts()).unwrap();
    let added = known.lines().last().unwrap();
    assert!(added.starts_with("lab ssh-ed25519 "), "{known}");
}

/// Somebody else on the relay has taken the port.
#[tokio::test]
async fn another_host_in_its_place_is_refused_with_file_and_line() {
    let (nat, _dial) = Nat::new();
    nat.trust(&nat.relay.host_keys[0].public);
    let mut client = nat.client(SshTransport::Ssh);
    let failure = halted(&mut client).await;
    let file = nat.hidden.known_hosts().display().to_string();
    assert_eq!(
        failure.message,
        format!("host key of “lab” changed: {file}:2")
    );
    let hint = format!("only if you know that this is right: ssh-keygen -R 'lab' -f '{file}'");
    assert!(failure.hint.contains(&hint), "{failure:?}");
    assert!(client.questions.is_empty());
}
