//! Another host: a tmux server of its own, and the command that attaches to it, on a terminal there.

use std::path::PathBuf;
use std::process::Stdio;

use cm_tui::fleet::attach::{COMMAND, End, Far, Place, Window, show};
use cm_tui::term::Size;
use cm_tui::transport::ssh::SshError;
use tempfile::TempDir;

use super::person::{Pair, set_size};

pub struct Tmux {
    dir: TempDir,
    pub socket: PathBuf,
}

impl Tmux {
    /// One session, `work`, that runs `program`. With the status line it fills 24 rows, so attaching resizes nothing.
    pub fn new(program: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("cm").tempdir().unwrap();
        // What a shell would read as something else must not matter.
        let socket = dir.path().join("it's $HOME; \"x\" \\");
        let tmux = Self { dir, socket };
        tmux.run(&[
            "new-session",
            "-d",
            "-s",
            "work",
            "-x",
            "80",
            "-y",
            "23",
            program,
        ]);
        tmux
    }

    fn command(&self, program: &str) -> std::process::Command {
        let mut command = std::process::Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.dir.path())
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .env("SHELL", "/bin/sh")
            .current_dir(self.dir.path());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> String {
        let mut command = self.command("tmux");
        command
            .args(["-f", "/dev/null", "-S"])
            .arg(&self.socket)
            .args(arguments);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub fn place(&self) -> Place {
        let format = "#{pid} #{start_time} #{pane_id} #{session_id}";
        let said = self.run(&["list-panes", "-a", "-F", format]);
        let mut words = said.split(' ');
        let mut next = || words.next().unwrap().trim_start_matches(['%', '$']);
        Place {
            socket: self.socket.clone(),
            server_pid: next().parse().unwrap(),
            server_started: next().parse().unwrap(),
            pane: next().parse().unwrap(),
            tmux_session: next().parse().unwrap(),
        }
    }

    /// Every client of the server has gone or is about to: waits for the last one.
    pub fn has_no_client(&self) {
        let hook = "if-shell -F '#{==:#{session_attached},0}' 'wait-for -S alone'";
        self.run(&["set-hook", "-g", "client-detached", hook]);
        let clients = self.run(&["list-clients"]);
        if !clients.is_empty() {
            self.run(&["wait-for", "alone"]);
        }
    }

    /// The command in a login shell, as sshd starts it.
    pub fn start(&self, shell: &[&str], size: Size) -> Far {
        let pair = Pair::open(size);
        let mut command = self.command("setsid");
        let inner = || Stdio::from(pair.theirs.try_clone().unwrap());
        command
            .args(["--ctty", "--wait"])
            .args(shell)
            .args(["-c", COMMAND])
            .stdin(inner())
            .stdout(inner())
            .stderr(inner());
        let mut child = tokio::process::Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (output, input) = pair.streams();
        let Pair { ours, theirs, .. } = pair;
        drop(theirs);
        Far {
            input: Box::new(input),
            output: Box::new(output),
            end: Box::pin(async move {
                let status = child.wait().await.unwrap();
                match status.code() {
                    // What killed its child.
                    Some(code @ 129..) => End::Signal((code - 128).to_string()),
                    Some(code) => End::Status(code.unsigned_abs()),
                    None => End::Signal(String::new()),
                }
            }),
            window: Box::new(move |window| match window {
                Window::Size(size) => set_size(&ours, size, 0),
                Window::Redraw(size) => {
                    set_size(&ours, size, 8);
                    set_size(&ours, size, 0);
                }
            }),
        }
    }

    pub async fn show(&self, shell: &str, size: Size) -> Result<Far, SshError> {
        show(self.start(&[shell], size), "gpu-2", &self.place()).await
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let mut command = self.command("tmux");
        command.arg("-S").arg(&self.socket).arg("kill-server");
        let _ended = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}
