//! A real sshd of our own on loopback, with keys, an agent and a network that can fail, all gone at the end.
//!
//! It runs as the user of the tests (root here, so that no account has to be touched). The sessions in it get a home
//! folder and variables of their own, so nothing reads or writes the user's files.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use cm_tui::transport::ssh::settings::{
    Algorithms, IdentityAgent, Route, Settings, Trust, UnknownKeys,
};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Long enough for a busy machine; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The variable by which the processes of a lab are found at its end.
const MARK: &str = "CM_SSHD_LAB";

/// Runs a program to its end, and fails with its complaint.
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A key pair in `PATH` and `PATH.pub`.
#[derive(Clone, Debug)]
pub struct KeyPair {
    pub path: PathBuf,
    /// Type and key, without comment.
    pub public: String,
}

impl KeyPair {
    /// Makes one, or takes the one that is there; `kind` as `ssh-keygen -t` takes it, with an empty passphrase for none.
    pub fn new(path: &Path, kind: &str, passphrase: &str) -> Self {
        if !path.exists() {
            Self::make(path, kind, passphrase);
        }
        let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
        let public = public.split(' ').take(2).collect::<Vec<_>>().join(" ");
        Self {
            path: path.to_owned(),
            public,
        }
    }

    fn make(path: &Path, kind: &str, passphrase: &str) {
        run(Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-C", "lab", "-N", passphrase])
            .args(if kind == "rsa" {
                &["-b", "2048"][..]
            } else {
                &[]
            })
            .arg("-f")
            .arg(path));
    }

    /// Signs a certificate for `key`, which is put beside it as `NAME-cert.pub`. `options` go to `ssh-keygen -s`.
    pub fn certify(&self, key: &Self, options: &[&str]) -> PathBuf {
        run(Command::new("ssh-keygen")
            .args(["-q", "-I", "lab", "-s"])
            .arg(&self.path)
            .args(options)
            .arg(key.path.with_extension("pub")));
        let mut path = key.path.clone().into_os_string();
        path.push("-cert.pub");
        path.into()
    }
}

/// What sshd is told beyond what every lab needs.
pub struct Config {
    /// Where the lab keeps its files.
    pub dir: PathBuf,
    /// Further lines of `sshd_config`. The first one for a keyword counts, and these stand first.
    pub lines: Vec<String>,
    /// Lines of `authorized_keys`; the lab's own key is added.
    pub authorized: Vec<String>,
    /// Variables of the sessions; `HOME` is a folder of the lab.
    pub variables: Vec<(String, String)>,
    /// The types of its host keys.
    pub host_keys: Vec<&'static str>,
}

impl Config {
    pub fn line(&mut self, line: impl Into<String>) -> &mut Self {
        self.lines.push(line.into());
        self
    }
}

/// A running sshd.
pub struct Sshd {
    pub dir: TempDir,
    pub port: u16,
    /// The key that may log in.
    pub key: KeyPair,
    pub host_keys: Vec<KeyPair>,
    log: Arc<Log>,
    child: Child,
}

#[derive(Default)]
struct Log {
    text: Mutex<String>,
    grown: Condvar,
}

impl Log {
    /// Waits until `found` says something about the text.
    fn wait<T>(&self, what: &str, found: impl Fn(&str) -> Option<T>) -> T {
        let mut text = self.text.lock().unwrap();
        loop {
            if let Some(found) = found(&text) {
                return found;
            }
            let (now, waited) = self.grown.wait_timeout(text, PATIENCE).unwrap();
            text = now;
            assert!(!waited.timed_out(), "no {what} in the log of sshd:\n{text}");
        }
    }
}

impl Sshd {
    pub fn start(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("cm-sshd")
            .tempdir()
            .unwrap();
        let base = dir.path().to_owned();
        // sshd as root wants this folder, and leaves it to the system to make it.
        if rustix::process::geteuid().is_root() {
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        for folder in ["home", "run", "tmux"] {
            std::fs::create_dir(base.join(folder)).unwrap();
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(base.join(folder), private).unwrap();
        }
        let variable =
            |name: &str, folder: &str| (name.to_owned(), base.join(folder).display().to_string());
        let mut config = Config {
            dir: base.clone(),
            lines: Vec::new(),
            authorized: Vec::new(),
            variables: vec![
                variable(MARK, ""),
                variable("HOME", "home"),
                variable("XDG_RUNTIME_DIR", "run"),
                variable("XDG_CONFIG_HOME", "home/.config"),
                variable("XDG_STATE_HOME", "home/.local/state"),
                variable("TMUX_TMPDIR", "tmux"),
            ],
            host_keys: vec!["ed25519", "ecdsa"],
        };
        change(&mut config);
        let key = KeyPair::new(&base.join("id"), "ed25519", "");
        let host_key = |kind: &&str| KeyPair::new(&base.join(format!("host_{kind}")), kind, "");
        let host_keys: Vec<KeyPair> = config.host_keys.iter().map(host_key).collect();
        let authorized = [&key.public]
            .into_iter()
            .chain(&config.authorized)
            .fold(String::new(), |all, line| all + line + "\n");
        std::fs::write(base.join("authorized_keys"), authorized).unwrap();
        std::fs::write(base.join("sshd_config"), config_text(&config, &host_keys)).unwrap();
        let (child, port, log) = start_sshd(&base);
        let sshd = Self {
            dir,
            port,
            key,
            host_keys,
            log,
            child,
        };
        std::fs::write(sshd.known_hosts(), sshd.known_lines()).unwrap();
        sshd
    }

    /// The file that the settings name; it knows the host's keys.
    pub fn known_hosts(&self) -> PathBuf {
        self.dir.path().join("known_hosts")
    }

    pub fn known_lines(&self) -> String {
        self.host_keys.iter().fold(String::new(), |mut lines, key| {
            writeln!(lines, "[127.0.0.1]:{} {}", self.port, key.public).unwrap();
            lines
        })
    }

    /// Waits until sshd has logged this.
    pub fn logged(&self, words: &str) {
        self.log
            .wait(words, |text| text.contains(words).then_some(()));
    }

    pub fn log(&self) -> String {
        self.log.text.lock().unwrap().clone()
    }

    /// For a login with the lab's key, nothing asked.
    pub fn settings(&self) -> Settings {
        settings(self.port, &self.key.path, &self.known_hosts())
    }
}

/// Settings for a host on this port of loopback.
pub fn settings(port: u16, key: &Path, known_hosts: &Path) -> Settings {
    Settings {
        name: "lab".to_owned(),
        host_name: "127.0.0.1".to_owned(),
        port,
        user: user(),
        identity_files: vec![key.to_owned()],
        certificate_files: Vec::new(),
        identities_only: true,
        identity_agent: IdentityAgent::None,
        route: Route::Direct,
        trust: Trust {
            user_files: vec![known_hosts.to_owned()],
            global_files: Vec::new(),
            revoked: None,
            alias: None,
            unknown: UnknownKeys::Refuse,
            is_hashed: false,
        },
        alive_interval: Duration::from_secs(15),
        alive_count_max: 3,
        // A busy machine is no reason to fail.
        connect_timeout: PATIENCE,
        authentications: ["publickey", "keyboard-interactive", "password"]
            .map(str::to_owned)
            .to_vec(),
        password_prompts: 3,
        algorithms: Algorithms::default(),
    }
}

/// Who runs the tests, and so who logs in.
pub fn user() -> String {
    run(Command::new("id").arg("-un")).trim().to_owned()
}

fn config_text(config: &Config, host_keys: &[KeyPair]) -> String {
    let mut text = config.lines.join("\n");
    let variables: Vec<String> = config
        .variables
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let base = config.dir.display();
    write!(
        text,
        "\nListenAddress 127.0.0.1\nPidFile none\nAuthorizedKeysFile {base}/authorized_keys\nStrictModes no\n\
         UsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         PrintMotd no\nLogLevel VERBOSE\nSubsystem sftp internal-sftp\nSetEnv {}\n",
        variables.join(" ")
    )
    .unwrap();
    for key in host_keys {
        writeln!(text, "HostKey {}", key.path.display()).unwrap();
    }
    text
}

/// Starts sshd on a free port. Another process may take the port first; then it is another one.
fn start_sshd(base: &Path) -> (Child, u16, Arc<Log>) {
    for _ in 0..20 {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        // It must be called by its whole path, because it starts itself again for each connection.
        let mut child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-p", &port.to_string(), "-f"])
            .arg(base.join("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Log::default());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let writer = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                *writer.text.lock().unwrap() += &(line + "\n");
                writer.grown.notify_all();
            }
        });
        let is_up = log.wait("start", |text| {
            if text.contains("Server listening on") {
                Some(true)
            } else {
                text.contains("Cannot bind any address").then_some(false)
            }
        });
        if is_up {
            return (child, port, log);
        }
        child.wait().unwrap();
    }
    panic!("sshd finds no free port");
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
        kill_marked(self.dir.path());
    }
}

/// Kills what the sessions of a lab have left behind.
fn kill_marked(dir: &Path) {
    let mark = format!("{MARK}={}", dir.display());
    let mut processes = std::fs::read_dir("/proc").unwrap();
    while let Some(Ok(process)) = processes.next() {
        let Ok(environment) = std::fs::read(process.path().join("environ")) else {
            continue;
        };
        let is_ours = environment
            .split(|byte| *byte == 0)
            .any(|variable| variable.starts_with(mark.as_bytes()));
        let pid = process.file_name().to_string_lossy().parse().ok();
        if is_ours && let Some(pid) = pid.and_then(Pid::from_raw) {
            let _gone = kill_process(pid, Signal::KILL);
        }
    }
}

/// An ssh-agent of our own.
pub struct Agent {
    pub socket: PathBuf,
    child: Child,
}

impl Agent {
    pub fn start(dir: &Path) -> Self {
        let socket = dir.join("agent.sock");
        let mut child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It says where it listens when it does.
        let mut said = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut said).unwrap();
        assert!(said.starts_with("SSH_AUTH_SOCK="), "{said}");
        Self { socket, child }
    }

    /// Adds a key, and its certificate when one is beside it.
    pub fn add(&self, key: &KeyPair) {
        run(Command::new("ssh-add")
            .arg("-q")
            .arg(&key.path)
            .env("SSH_AUTH_SOCK", &self.socket));
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}
