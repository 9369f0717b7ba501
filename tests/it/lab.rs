//! A world of its own for one test: home, folders, tmux sockets and agent, all in a temp folder and all gone at the end.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use cm_tui::domain::{HostId, Session, SessionId, SessionState};
use cm_tui::fleet::{Fleet, FleetState, HostNotice, HostSpec, Notice, RequestId};
use cm_tui::paths::Paths;
use cm_tui::protocol::{Event, Failure, Reply, Request, StartSession};
use cm_tui::transport::asking::Asked;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Long enough for a busy machine; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

const VARIABLES: [&str; 6] = [
    "HOME",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "XDG_DATA_HOME",
    "TMUX_TMPDIR",
];

pub const AGENT: &str = env!("CARGO_BIN_EXE_cm-agent");

/// The temp folder and what runs in it.
pub struct Lab {
    pub dir: TempDir,
    pub paths: Paths,
}

impl Lab {
    pub fn new() -> Self {
        // Socket paths are short, so that a long temp folder of the machine does not matter.
        let dir = tempfile::Builder::new().prefix("cm").tempdir().unwrap();
        for folder in ["home", "run", "tmux", "work"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(dir.path().join(folder), private).unwrap();
        }
        let base = dir.path().to_owned();
        write_agent_program(&base);
        let paths = Paths::from_lookup(|name| variable(&base, name)).unwrap();
        Self { dir, paths }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A command that sees only this world.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear();
        for name in VARIABLES {
            command.env(name, variable(self.dir.path(), name).unwrap());
        }
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command
            .env("TERM", "xterm-256color")
            .env("LANG", "C.UTF-8")
            .env("SHELL", "/bin/sh")
            .env("CM_LOG", "debug");
        command.current_dir(self.path("work")).stdin(Stdio::null());
        command
    }

    /// tmux on a socket of this world.
    pub fn tmux(&self, socket: &str, args: &[&str]) -> String {
        let output = self
            .command("tmux")
            .args(["-L", socket, "-f", "/dev/null"])
            .args(args)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "tmux {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// Starts the agent by hand, so that its environment is this world's.
    pub fn start_agent(&self) {
        self.start_agent_with(|command| command);
    }

    /// As [`Self::start_agent`], in a changed environment.
    pub fn start_agent_with(&self, change: impl FnOnce(&mut Command) -> &mut Command) {
        let mut command = self.command(AGENT);
        change(&mut command);
        let mut child = command
            .args(["serve", "--detach"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut stdout, &mut said).unwrap();
        assert_eq!(said, "ready\n");
        // Reaped when it ends, so that it is gone when a test says so.
        std::thread::spawn(move || child.wait());
    }

    pub fn agent_pid(&self) -> i32 {
        std::fs::read_to_string(self.paths.lock())
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }

    pub fn stop_agent(&self) {
        assert!(
            self.command(AGENT)
                .arg("stop")
                .stdout(Stdio::null())
                .status()
                .unwrap()
                .success()
        );
    }

    pub fn client(&self) -> Client {
        Client::of(HostSpec::local(self.paths.clone(), self.path("cm-agent")))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let agent = std::fs::read_to_string(self.paths.lock())
            .ok()
            .and_then(|pid| pid.trim().parse().ok());
        let stopped = self
            .command(AGENT)
            .arg("stop")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        // One that takes no more clients cannot be asked; code 3 says that none runs.
        if stopped.is_ok_and(|status| !matches!(status.code(), Some(0 | 3)))
            && let Some(pid) = agent.and_then(rustix::process::Pid::from_raw)
        {
            let _ended = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        let sockets = std::fs::read_dir(self.path("tmux").join(socket_folder()));
        for socket in sockets.into_iter().flatten().flatten() {
            let mut kill = self.command("tmux");
            kill.arg("-S").arg(socket.path()).arg("kill-server");
            let _ended = kill.stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
    }
}

/// The agent as a client starts it: in this world's environment, whatever the test's own is.
fn write_agent_program(base: &Path) {
    use std::fmt::Write as _;
    let mut script = String::from("#!/bin/sh\nexec env -i");
    for name in VARIABLES {
        write!(
            script,
            " {name}={}",
            variable(base, name).unwrap().display()
        )
        .unwrap();
    }
    let path = std::env::var("PATH").unwrap();
    writeln!(
        script,
        " PATH='{path}' LANG=C.UTF-8 SHELL=/bin/sh CM_LOG=debug {AGENT} \"$@\""
    )
    .unwrap();
    let file = base.join("cm-agent");
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
}

pub fn socket_folder() -> String {
    format!("tmux-{}", rustix::process::getuid().as_raw())
}

fn variable(base: &Path, name: &str) -> Option<PathBuf> {
    let folder = match name {
        "HOME" => "home",
        "XDG_RUNTIME_DIR" => "run",
        "XDG_CONFIG_HOME" => "home/.config",
        "XDG_STATE_HOME" => "home/.local/state",
        "XDG_DATA_HOME" => "home/.local/share",
        "TMUX_TMPDIR" => "tmux",
        _ => return None,
    };
    Some(base.join(folder))
}

/// A client without a screen, of one host.
pub struct Client {
    pub fleet: Fleet,
    pub host: HostId,
    notices: mpsc::Receiver<HostNotice>,
    pub state: FleetState,
    replies: Vec<(RequestId, Reply)>,
    last_id: u64,
    wishes: Vec<(HostId, SessionId)>,
    /// What only a human can answer, unanswered.
    pub questions: Vec<Asked>,
    /// How often everything was told anew instead of what was missed.
    pub snapshots: usize,
}

impl Client {
    pub fn of(host: HostSpec) -> Self {
        Self::of_all(vec![host])
    }

    /// Requests go to the first of them.
    pub fn of_all(hosts: Vec<HostSpec>) -> Self {
        let id = hosts[0].id.clone();
        let (fleet, notices) = Fleet::start(hosts);
        let state = FleetState::new(fleet.hosts().cloned());
        Self {
            fleet,
            host: id,
            notices,
            state,
            replies: Vec::new(),
            last_id: 0,
            wishes: Vec::new(),
            questions: Vec::new(),
            snapshots: 0,
        }
    }

    /// Takes in one notice.
    pub async fn hears(&mut self, what: &str) {
        let heard = timeout(PATIENCE, self.notices.recv()).await;
        let notice =
            heard.unwrap_or_else(|_| panic!("waited in vain for {what}: {:#?}", self.state.hosts));
        let notice = notice.expect("the fleet ended");
        match notice.notice {
            Notice::Replied { id, reply } => self.replies.push((id, *reply)),
            Notice::Asked(asked) => self.questions.push(asked),
            ref told => {
                let is_snapshot = matches!(told, Notice::Event(event) if matches!(**event, Event::Snapshot { .. }));
                self.snapshots += usize::from(is_snapshot);
                self.state.apply(notice, 0);
            }
        }
    }

    /// Takes in notices until `found` finds something.
    pub async fn until<T>(
        &mut self,
        what: &str,
        mut found: impl FnMut(&FleetState) -> Option<T>,
    ) -> T {
        loop {
            if let Some(value) = found(&self.state) {
                return value;
            }
            self.hears(what).await;
        }
    }

    pub async fn ask(&mut self, request: Request) -> Reply {
        self.last_id += 1;
        let id = RequestId(self.last_id);
        self.fleet.send(&self.host, id, request).unwrap();
        loop {
            if let Some(at) = self.replies.iter().position(|(replied, _)| *replied == id) {
                return self.replies.swap_remove(at).1;
            }
            self.hears("a reply").await;
        }
    }

    pub async fn connected(&mut self) {
        self.until("the connection", |state| {
            state.hosts[0].is_live().then_some(())
        })
        .await;
    }

    pub async fn start(
        &mut self,
        tool: &str,
        task: Option<&str>,
        name: &str,
        dir: &Path,
    ) -> SessionId {
        let start = StartSession {
            tool: tool.into(),
            dir: dir.to_str().unwrap().into(),
            task: task.map(Into::into),
            name: Some(name.into()),
        };
        match self.ask(Request::Start(start)).await {
            Reply::Started(id) => id,
            other => panic!("not started: {other:?}"),
        }
    }

    pub async fn fails(&mut self, request: Request) -> Failure {
        match self.ask(request).await {
            Reply::Failed(failure) => failure,
            other => panic!("did not fail: {other:?}"),
        }
    }

    pub async fn session(
        &mut self,
        id: &SessionId,
        what: &str,
        is: impl Fn(&Session) -> bool,
    ) -> Session {
        let host = self.host.clone();
        self.until(what, |state| {
            state
                .session(&host, id)
                .filter(|session| is(session))
                .cloned()
        })
        .await
    }

    pub async fn named(&mut self, name: &str) -> Session {
        let by_name = |state: &FleetState| {
            state.hosts[0]
                .sessions
                .values()
                .find(|session| session.name == name)
                .cloned()
        };
        self.until(name, by_name).await
    }

    pub async fn in_state(&mut self, id: &SessionId, word: &str) -> Session {
        self.session(id, word, |session| session.state.word() == word)
            .await
    }

    pub fn watch(&mut self, id: &SessionId) {
        self.wishes.push((self.host.clone(), id.clone()));
        self.fleet.watch(&self.wishes);
    }

    /// Watches exactly these.
    pub fn watch_all<'a>(&mut self, ids: impl Iterator<Item = &'a SessionId>) {
        let wishes: Vec<_> = ids.map(|id| (self.host.clone(), id.clone())).collect();
        if wishes != self.wishes {
            self.wishes = wishes;
            self.fleet.watch(&self.wishes);
        }
    }

    /// Takes in one notice if one comes in time.
    pub async fn hears_within(&mut self, patience: Duration) -> bool {
        match timeout(patience, self.notices.recv()).await {
            Err(_elapsed) => false,
            Ok(notice) => {
                let notice = notice.expect("the fleet ended");
                if !matches!(notice.notice, Notice::Replied { .. }) {
                    self.state.apply(notice, 0);
                }
                true
            }
        }
    }

    /// Waits until a watched screen shows `text`; returns the row.
    pub async fn sees(&mut self, id: &SessionId, text: &str) -> String {
        let host = self.host.clone();
        self.until(text, |state| {
            let rows = state.screen(&host, id)?.screen().text();
            rows.into_iter().find(|row| row.contains(text))
        })
        .await
    }
}

/// Whether the session's program ended with this exit code.
pub fn exited_with(session: &Session, expected: i32) -> bool {
    matches!(session.state, SessionState::Exited { code: Some(code), .. } if code == expected)
}
