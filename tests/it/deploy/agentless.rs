//! Sessions of a host without an agent, in a real tmux.

use std::os::fd::OwnedFd;
use std::process::Stdio;

use cm_tui::domain::{Origin, SessionState};
use cm_tui::fleet::agentless::{ATTACH, AgentlessError, attach_head, kill, list, view};
use cm_tui::term::{Emulator, Fed};
use rstest::rstest;
use rustix::event::{PollFd, PollFlags};
use rustix::process::PidfdFlags;

use super::login::{Login, TOOLS};

/// The user's own tmux server of a host.
struct Server<'a>(&'a Login);

impl Server<'_> {
    fn tmux(&self, args: &[&str]) -> String {
        let output = std::process::Command::new("tmux")
            .args(["-u", "-f", "/dev/null"])
            .args(args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("TERM", "xterm-256color")
            .env("HOME", self.0.home())
            .env("TMUX_TMPDIR", self.0.dir.path().join("tmux"))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// A session whose screen is complete when this returns.
    fn start(&self, name: &str, print: &str) {
        let signal = format!("shown-{}", name.replace(' ', "-"));
        let script = format!("printf '{print}'; tmux wait-for -S {signal}; exec cat");
        let size = ["-x", "60", "-y", "10"];
        let home = self.0.home().display().to_string();
        let mut args = vec!["new-session", "-d", "-s", name, "-c", &home];
        args.extend(size);
        args.push(&script);
        self.tmux(&args);
        self.tmux(&["wait-for", &signal]);
    }

    /// Ends the server; it is gone when this returns.
    fn end(&self) {
        let pid = self.tmux(&["display-message", "-p", "#{pid}"]);
        let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        let watched = rustix::process::pidfd_open(pid, PidfdFlags::empty()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        rustix::event::poll(&mut [PollFd::new(&watched, PollFlags::IN)], None).unwrap();
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ended = std::process::Command::new("tmux")
            .arg("kill-server")
            .env("TMUX_TMPDIR", self.0.dir.path().join("tmux"))
            .stderr(Stdio::null())
            .status();
    }
}

#[rstest]
#[tokio::test]
async fn every_login_shell_lists_shows_and_kills(
    #[values("bash", "dash", "zsh", "fish", "tcsh", "ksh", "busybox sh")] shell: &str,
) {
    let login = Login::new(shell);
    let server = Server(&login);
    server.start("first one", "\\033[31mrot\\033[m\\r\\n日本 plain");
    server.start("second", "x");
    // A pane that its session does not show is not listed.
    server.tmux(&["split-window", "-d", "-t", "second", "cat"]);

    let sessions = list(&login, "gpu-2").await.unwrap();
    let names: Vec<_> = sessions.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["first one", "second"]);
    let first = &sessions[0];
    assert_eq!((first.cols, first.attached), (60, 0));
    assert_eq!(first.dir, login.home().display().to_string());
    assert_eq!(first.state, SessionState::Unknown);
    assert_eq!(first.origin, Origin::Foreign("default".into()));

    let shown = view(&login, "gpu-2", first).await.unwrap();
    let mut emulator = Emulator::new(shown.size);
    emulator.feed(&shown.keyframe, &mut Fed::default());
    let text = emulator.screen().text();
    assert_eq!(text[..3], ["rot", "日本 plain", ""]);
    assert_eq!(emulator.screen().cursor().row, 1);
    let red = emulator.screen().cell(0, 0).unwrap().fg();
    assert_ne!(red, emulator.screen().cell(1, 0).unwrap().fg());

    kill(&login, "gpu-2", first).await.unwrap();
    let gone = view(&login, "gpu-2", first).await.unwrap_err();
    assert!(matches!(gone, AgentlessError::Gone { .. }), "{gone}");
    let gone = kill(&login, "gpu-2", first).await.unwrap_err();
    assert_eq!(gone.to_string(), "the session is gone from gpu-2");
    let left = list(&login, "gpu-2").await.unwrap();
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn a_restarted_server_is_another_one() {
    let login = Login::new("bash");
    let server = Server(&login);
    server.start("same", "x");
    let before = list(&login, "gpu-2").await.unwrap().remove(0);
    server.end();
    server.start("same", "x");
    let after = list(&login, "gpu-2").await.unwrap().remove(0);
    assert_eq!(after.pane.pane, before.pane.pane);
    let error = kill(&login, "gpu-2", &before).await.unwrap_err();
    assert!(matches!(error, AgentlessError::Gone { .. }), "{error}");
    assert_eq!(list(&login, "gpu-2").await.unwrap(), [after]);
}

#[tokio::test]
async fn without_a_server_there_are_no_sessions_and_without_tmux_a_reason() {
    let login = Login::new("bash");
    assert_eq!(list(&login, "gpu-2").await.unwrap(), []);
    let login = Login::new("/usr/bin/bash").with_only(&TOOLS);
    let error = list(&login, "gpu-2").await.unwrap_err();
    assert_eq!(error.failure().message, "no tmux on gpu-2");
    let login = Login::new("false");
    let error = list(&login, "gpu-2").await.unwrap_err();
    assert_eq!(
        error.failure().message,
        "the login shell of gpu-2 does not run commands (exit 1)"
    );
}

#[rstest]
#[tokio::test]
async fn attaching_gives_the_pane_to_the_terminal(#[values("bash", "fish", "tcsh")] shell: &str) {
    let login = Login::new(shell).with_env("TERM", "xterm-256color");
    let server = Server(&login);
    server.start("mine", "this is the pane");
    let session = list(&login, "gpu-2").await.unwrap().remove(0);

    let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
    let master = rustix::pty::openpt(flags).unwrap();
    rustix::pty::grantpt(&master).unwrap();
    rustix::pty::unlockpt(&master).unwrap();
    let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
    let size = rustix::termios::Winsize {
        ws_row: 12,
        ws_col: 70,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    rustix::termios::tcsetwinsize(&master, size).unwrap();
    let open = || -> OwnedFd {
        let name = name.to_str().unwrap();
        std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(name)
            .unwrap()
            .into()
    };
    let mut child = login
        .command(ATTACH)
        .stdin(open())
        .stdout(open())
        .stderr(open())
        .spawn()
        .unwrap();
    let mut terminal = std::fs::File::from(master);
    std::io::Write::write_all(&mut terminal, &attach_head(&session)).unwrap();
    let reading = tokio::task::spawn_blocking(move || {
        let (mut seen, mut chunk) = (String::new(), [0; 4096]);
        while !seen.contains("this is the pane") {
            let count = std::io::Read::read(&mut terminal, &mut chunk).unwrap();
            seen.push_str(&String::from_utf8_lossy(&chunk[..count]));
        }
        (terminal, seen)
    });
    let (terminal, _seen) = reading.await.unwrap();
    assert_eq!(list(&login, "gpu-2").await.unwrap()[0].attached, 1);
    server.tmux(&["kill-server"]);
    child.wait().await.unwrap();
    drop(terminal);
}
