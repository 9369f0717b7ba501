//! Other dashboards on the same load, when they are installed: in `PATH` or in the folder `$CM_BENCH_PEERS`.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use tokio::time::sleep;

use super::busy::SESSIONS;
use crate::process::Meter;
use crate::stats::percent;
use crate::terminal::Terminal;
use crate::world::World;

/// What another dashboard needs.
pub struct Peer {
    pub name: &'static str,
    /// Of one processor, for it and the programs that it starts.
    pub share: f64,
    /// What tmux needs while it looks, and while nobody does; unknown when it was not measured.
    pub tmux: Option<(f64, f64)>,
}

impl Peer {
    pub fn describe(&self) -> String {
        match self.tmux {
            Some((watched, alone)) => format!(
                "{} {} (tmux itself {}, unwatched {})",
                self.name,
                percent(self.share),
                percent(watched),
                percent(alone)
            ),
            None => format!("{} {} (published)", self.name, percent(self.share)),
        }
    }
}

/// Another dashboard, how it is started, and what it shows once it has found all sessions.
const KNOWN: [(&str, &[&str], &str); 2] = [
    ("tmuxcc", &[], "24 agents"),
    ("workmux", &["dashboard"], "Work on the shop"),
];

/// Measures those that are there, one after the other.
pub async fn measure(time: Duration) -> Vec<Peer> {
    let mut measured = Vec::new();
    for (name, arguments, sign) in KNOWN {
        let Some(program) = find(name) else { continue };
        let world = World::new();
        let server = world.start_plain(SESSIONS);
        let mut attached = attach(&world);
        if name == "workmux" {
            introduce(&world, &program, server);
        }
        sleep(Duration::from_secs(2)).await;
        let alone = Meter::start(server);
        sleep(time / 2).await;
        let alone = alone.share();
        let mut command = world.command(program.to_str().unwrap());
        command.args(arguments);
        let mut terminal = Terminal::start(&command);
        terminal.until(sign, |painted| painted.shows(sign)).await;
        sleep(Duration::from_secs(2)).await;
        let (own, tmux) = (Meter::start(terminal.pid()), Meter::start(server));
        sleep(time).await;
        measured.push(Peer {
            name,
            share: own.share(),
            tmux: Some((tmux.share(), alone)),
        });
        // At the end of its input the client detaches.
        drop(attached.stdin.take());
        let _ended = attached.wait();
    }
    measured
}

/// tmuxcc leaves out sessions that nobody is attached to. A control client takes part in no drawing.
fn attach(world: &World) -> Child {
    let mut client = world.command("tmux");
    client.args([
        "-L",
        "default",
        "-C",
        "attach-session",
        "-f",
        "ignore-size,no-output",
    ]);
    client
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// workmux knows of a tool by that tool's hooks, and asks for the font at its first start.
fn introduce(world: &World, program: &Path, server: i32) {
    let settings = world.path("home/.config/workmux");
    std::fs::create_dir_all(&settings).unwrap();
    std::fs::write(settings.join("config.yaml"), "nerdfont: false\n").unwrap();
    let socket = world.tmux("default", &["display-message", "-p", "#{socket_path}"]);
    for pane in world
        .tmux("default", &["list-panes", "-a", "-F", "#{pane_id}"])
        .lines()
    {
        let mut hook = world.command(program.to_str().unwrap());
        hook.env("TMUX", format!("{},{server},0", socket.trim()))
            .env("TMUX_PANE", pane);
        assert!(
            hook.args(["set-window-status", "working"])
                .status()
                .unwrap()
                .success()
        );
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let chosen = std::env::var_os("CM_BENCH_PEERS").map(|folder| PathBuf::from(folder).join(name));
    chosen
        .filter(|file| file.is_file())
        .or_else(|| cm_tui::agent::tmux::find_program(name))
}
