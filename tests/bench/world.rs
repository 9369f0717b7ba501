//! A world for one figure: home, tmux servers, agent and sessions, all gone at its end.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cm_tui::domain::SessionId;
use cm_tui::paths::Paths;

use super::actors;
use super::lab::{AGENT, Client, Lab};
use super::process;
use super::terminal::Terminal;

pub struct World {
    /// Ends before `lab`, on whose servers it runs.
    watchers: Vec<Child>,
    lab: Lab,
}

impl World {
    /// A world whose agent runs, without sessions.
    pub fn new() -> Self {
        let world = Self {
            watchers: Vec::new(),
            lab: Lab::new(),
        };
        let bin = world.path("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(std::env::current_exe().unwrap(), bin.join(actors::TOOL))
            .unwrap();
        let tmux = cm_tui::agent::tmux::find_program("tmux").expect("tmux is not installed");
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> '{}'\nexec '{}' \"$@\"\n",
            world.calls().display(),
            tmux.display()
        );
        let wrapper = bin.join("tmux");
        std::fs::write(&wrapper, script).unwrap();
        std::fs::set_permissions(wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .unwrap();
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.lab.path(name)
    }

    pub fn paths(&self) -> &Paths {
        &self.lab.paths
    }

    /// A command that sees only this world: our `tmux` and the stand-in tool come first.
    pub fn command(&self, program: &str) -> Command {
        let mut paths = vec![self.path("bin")];
        paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        let mut command = self.lab.command(program);
        command
            .env("PATH", std::env::join_paths(paths).unwrap())
            .env("CM_LOG", "info")
            .env("COLORTERM", "truecolor");
        command
    }

    /// Starts the agent as users have it, and waits until it serves.
    pub fn start_agent(&self) {
        let mut agent = self.command(AGENT);
        let mut child = agent
            .args(["serve", "--detach"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        std::io::BufRead::read_line(
            &mut std::io::BufReader::new(child.stdout.take().unwrap()),
            &mut said,
        )
        .unwrap();
        assert_eq!(said, "ready\n");
        // Reaped when it ends.
        std::thread::spawn(move || child.wait());
    }

    pub fn stop_agent(&self) {
        self.lab.stop_agent();
    }

    pub fn agent(&self) -> i32 {
        self.lab.agent_pid()
    }

    pub async fn client(&self) -> Client {
        let mut client = self.lab.client();
        client.connected().await;
        client
    }

    /// Starts sessions, each with the task that belongs to its number.
    pub async fn start(
        &self,
        client: &mut Client,
        count: usize,
        task: impl Fn(usize) -> String,
    ) -> Vec<SessionId> {
        let mut ids = Vec::new();
        for number in 0..count {
            let name = format!("s-{number:03}");
            ids.push(
                client
                    .start(
                        "claude-code",
                        Some(&task(number)),
                        &name,
                        &self.path("work"),
                    )
                    .await,
            );
        }
        ids
    }

    /// Starts working tools on tmux's usual socket, without us: a window each. Returns the server's process.
    pub fn start_plain(&self, count: usize) -> i32 {
        let tool = self.path("bin").join(actors::TOOL);
        for number in 0..count {
            let task = format!("busy {number}");
            let start: &[&str] = match number {
                0 => &["new-session", "-d", "-x", "120", "-y", "40", "-s", "work"],
                _ => &["new-window", "-d", "-t", "work:"],
            };
            self.tmux(
                "default",
                &[start, &[tool.to_str().unwrap(), "--", &task]].concat(),
            );
        }
        self.tmux("default", &["display-message", "-p", "#{pid}"])
            .trim()
            .parse()
            .unwrap()
    }

    /// The dashboard on a terminal.
    pub fn dashboard(&self) -> Terminal {
        Terminal::start(&self.command(env!("CARGO_BIN_EXE_cm-tui")))
    }

    /// A client without a screen that watches everything; returns its process.
    pub fn watcher(&mut self) -> i32 {
        let program = std::env::current_exe().unwrap();
        let child = self
            .command(program.to_str().unwrap())
            .arg(actors::WATCH)
            .spawn()
            .unwrap();
        let pid = child.id().cast_signed();
        self.watchers.push(child);
        pid
    }

    /// The programs called `tmux` that the agent has started so far.
    pub fn tmux_calls(&self) -> usize {
        std::fs::read_to_string(self.calls())
            .unwrap_or_default()
            .lines()
            .count()
    }

    fn calls(&self) -> PathBuf {
        self.path("tmux-calls")
    }

    pub fn tmux(&self, socket: &str, args: &[&str]) -> String {
        self.lab.tmux(socket, args)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for watcher in &mut self.watchers {
            let _ended = watcher.kill().and_then(|()| watcher.wait());
        }
    }
}

/// The processes of the tmux servers that our sessions run on.
pub fn servers(client: &Client) -> Vec<i32> {
    let mut pids: Vec<i32> = client.state.hosts[0]
        .sessions
        .values()
        .map(|session| session.pane.server_pid)
        .collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

/// What the numbers depend on.
pub fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or(": unknown processor");
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let tmux = Command::new("tmux")
        .arg("-V")
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    format!(
        "{count} × {}, {}, load {:.1}",
        model.trim_start_matches([' ', '\t', ':']),
        String::from_utf8_lossy(&tmux).trim(),
        process::load(),
    )
}

/// Lets things settle: screens drawn, states judged, prompts gone.
pub async fn settle() {
    tokio::time::sleep(Duration::from_secs(3)).await;
}
