//! A host that is reached by SSH: a real sshd on loopback with an agent behind it, and what the `ssh` program says to
//! the same one.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use cm_tui::config::SshTransport;
use cm_tui::domain::HostId;
use cm_tui::fleet::deploy::{DeployConfig, Install};
use cm_tui::fleet::{HostSpec, Remote, RemoteConfig, Road};
use cm_tui::term::Passing;
use cm_tui::transport::asking::Asker;
use cm_tui::transport::ssh::Connection;
use cm_tui::transport::ssh::resolve::HostFields;

use super::lab::AGENT;
use super::sshd_lab::{Sshd, user};

/// The agent's road over a channel.
pub const STDIO: &str = concat!("exec ", env!("CARGO_BIN_EXE_cm-agent"), " stdio");

pub struct Far {
    pub sshd: Sshd,
}

impl Far {
    pub fn new() -> Self {
        // As many logins at once as a figure needs.
        let sshd = Sshd::start(|config| {
            config.line("MaxStartups 200");
            config.line("MaxSessions 20");
        });
        Self { sshd }
    }

    pub async fn connect(&self) -> Connection {
        Connection::open(&self.sshd.settings(), &Asker::nobody())
            .await
            .unwrap()
    }

    /// The `ssh` program with the same key and the same trust, and nothing of the user's.
    pub fn ssh(&self, options: &[&str], command: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-F",
            "none",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "BatchMode=yes",
        ])
        .arg("-o")
        .arg(format!(
            "UserKnownHostsFile={}",
            self.sshd.known_hosts().display()
        ))
        .arg("-i")
        .arg(&self.sshd.key.path)
        .args(["-p", &self.sshd.port.to_string(), "-l", &user()])
        .args(options)
        .args(["--", "127.0.0.1", command])
        .env_remove("SSH_AUTH_SOCK")
        .stderr(Stdio::null());
        ssh
    }

    /// The host as the fleet reaches it, through this port of loopback.
    pub fn spec(&self, port: u16) -> HostSpec {
        let config = self.sshd.dir.path().join(format!("ssh_config_{port}"));
        let known = self.sshd.dir.path().join("known_alias");
        let lines = self.sshd.known_lines();
        let alias = lines.replace(&format!("[127.0.0.1]:{}", self.sshd.port), "lab");
        std::fs::write(&known, alias).unwrap();
        let text = format!(
            "Host lab\n HostName 127.0.0.1\n Port {port}\n User {}\n IdentityFile {}\n IdentitiesOnly yes\n \
             IdentityAgent none\n HostKeyAlias lab\n UserKnownHostsFile {}\n GlobalKnownHostsFile /dev/null\n",
            user(),
            self.sshd.key.path.display(),
            known.display(),
        );
        std::fs::write(&config, text).unwrap();
        let remote = Remote::new(RemoteConfig {
            fields: HostFields {
                config_file: Some(config),
                ..HostFields::named("lab")
            },
            transport: SshTransport::Ssh,
            deploy: DeployConfig {
                host: "lab".to_owned(),
                agent: Some(AGENT.into()),
                install: Install::Never,
                own_program: AGENT.into(),
                agents_dir: None,
            },
            passing: Passing::Filtered,
        });
        HostSpec {
            id: HostId::new("lab"),
            road: Road::Remote(remote.into()),
        }
    }

    /// tmux on the host's own servers.
    pub fn tmux_at(socket: &Path, arguments: &[&str]) {
        let status = Command::new("tmux")
            .arg("-S")
            .arg(socket)
            .args(arguments)
            .status();
        assert!(status.unwrap().success());
    }

    /// tmux on the host, as a session there has it.
    pub fn tmux(&self, arguments: &[&str]) {
        let dir = self.sshd.dir.path();
        let output = Command::new("tmux")
            .args(["-f", "/dev/null", "-L", "bench"])
            .args(arguments)
            .env_remove("TMUX")
            .env("TMUX_TMPDIR", dir.join("tmux"))
            .env("CM_SSHD_LAB", dir.join(""))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

/// A program on pipes that answers what it is given.
pub struct Peer {
    child: std::process::Child,
    pub stdin: ChildStdin,
    pub stdout: ChildStdout,
}

impl Peer {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self {
            child,
            stdin,
            stdout,
        }
    }

    /// How long these bytes take there and back.
    pub fn round_trip(&mut self, bytes: &[u8]) -> Duration {
        let mut back = vec![0; bytes.len()];
        let sent = Instant::now();
        self.stdin.write_all(bytes).unwrap();
        self.stdout.read_exact(&mut back).unwrap();
        sent.elapsed()
    }

    /// How long until this byte comes back, among others.
    pub fn key(&mut self, key: u8) -> Duration {
        let sent = Instant::now();
        self.stdin.write_all(&[key]).unwrap();
        self.until(key);
        sent.elapsed()
    }

    pub fn until(&mut self, key: u8) {
        let mut buffer = [0; 4096];
        loop {
            let count = self.stdout.read(&mut buffer).unwrap();
            assert!(count > 0, "ssh ended");
            if buffer[..count].contains(&key) {
                return;
            }
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}
