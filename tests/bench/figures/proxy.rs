//! What `cm-agent run` costs a tool, beside the same tool without it, taking turns.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::pty::OpenptFlags;

use super::Effort;
use crate::lab::AGENT;
use crate::process;
use crate::stats::{Sample, ms};
use crate::table::Row;
use crate::world::World;

const STARTS: usize = 40;
const KEYS: usize = 4000;
const FLOODS: usize = 8;
/// Lines of 79 characters: some seconds of the busiest build.
const LINES: usize = 250_000;

#[derive(Clone, Copy)]
enum Way {
    Plain,
    Proxied,
}

const WAYS: [Way; 2] = [Way::Plain, Way::Proxied];

impl Way {
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &[],
            Self::Proxied => &[AGENT, "run", "--"],
        }
    }
}

#[expect(clippy::unused_async, reason = "all figures are called alike")]
pub async fn measure(effort: Effort) -> Vec<Row> {
    let world = World::new();
    world.start_plain(1);
    vec![start(&world, effort), flood(&world, effort), echo(effort)]
}

/// From asking tmux for a window to the first command of its tool.
fn start(world: &World, effort: Effort) -> Row {
    let fifo = make_fifo(world);
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..effort.count(STARTS) {
        for way in WAYS {
            let begun = Instant::now();
            open_window(world, way, &format!("echo >{fifo}"));
            let _said = std::fs::read(&fifo).unwrap();
            times[way as usize].push(begun.elapsed());
        }
    }
    let [plain, proxied] = times.map(|times| Sample::new(times).median());
    let more = proxied.saturating_sub(plain);
    Row::new("start of a tool behind the proxy", format!("+{}", ms(more)))
        .bar("≤ +10 ms", more <= Duration::from_millis(10))
        .note(format!(
            "p50 {} instead of {}, tmux included",
            ms(proxied),
            ms(plain)
        ))
}

/// A large file, printed in a pane of tmux.
fn flood(world: &World, effort: Effort) -> Row {
    let (fifo, big) = (make_fifo(world), world.path("big"));
    let line = "0123456789".repeat(8);
    std::fs::write(&big, vec![line; LINES].join("\n")).unwrap();
    let script = format!("echo >{fifo}; cat {}; echo >{fifo}", big.display());
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..effort.count(FLOODS) {
        for way in WAYS {
            open_window(world, way, &script);
            let _begins = std::fs::read(&fifo).unwrap();
            let begun = Instant::now();
            let _ends = std::fs::read(&fifo).unwrap();
            times[way as usize].push(begun.elapsed());
        }
    }
    let [plain, proxied] = times.map(|times| Sample::new(times).median().as_secs_f64());
    let speed = |seconds: f64| (LINES * 81) as f64 / seconds / 1e6;
    Row::new(
        "a flood through the proxy",
        format!("{:.0} %", plain / proxied * 100.0),
    )
    .bar("≥ 80 % of without", plain / proxied >= 0.8)
    .note(format!(
        "{:.0} MB/s instead of {:.0} MB/s, what tmux takes",
        speed(proxied),
        speed(plain)
    ))
}

/// From a key to its echo, on a terminal that this program holds; and what the proxy needs.
fn echo(effort: Effort) -> Row {
    let mut panes = WAYS.map(Pane::open);
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..effort.count(KEYS) {
        for (pane, times) in panes.iter_mut().zip(&mut times) {
            times.push(pane.echo());
        }
    }
    let proxy = panes[Way::Proxied as usize].child.id().cast_signed();
    let memory = (process::resident(proxy), process::proportional(proxy));
    let [plain, proxied] = times.map(Sample::new);
    let more = proxied.p99().saturating_sub(plain.p99());
    Row::new("key → echo behind the proxy", proxied.describe())
        .bar("p99 ≤ +1 ms", more <= Duration::from_millis(1))
        .beside(format!("without: {}", plain.describe()))
        .note(format!(
            "the proxy has {:.1} MiB resident, {:.1} MiB its own share",
            memory.0 as f64 / 1024.0,
            memory.1 as f64 / 1024.0
        ))
}

/// A terminal of ours with `cat` in it.
struct Pane {
    ours: File,
    child: Child,
}

impl Pane {
    fn open(way: Way) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = rustix::pty::openpt(flags).unwrap();
        rustix::pty::grantpt(&ours).unwrap();
        rustix::pty::unlockpt(&ours).unwrap();
        let name = rustix::pty::ptsname(&ours, Vec::new()).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = rustix::fs::open(&*name, flags, Mode::empty()).unwrap();
        let theirs = || Stdio::from(theirs.try_clone().unwrap());
        let child = Command::new("setsid")
            .arg("--ctty")
            .args(way.words())
            .args(["sh", "-c", "stty raw -echo; echo r; exec cat"])
            .stdin(theirs())
            .stdout(theirs())
            .stderr(theirs())
            .spawn()
            .unwrap();
        let mut ours = File::from(ours);
        let mut ready = [0; 2];
        ours.read_exact(&mut ready).unwrap();
        Self { ours, child }
    }

    fn echo(&mut self) -> Duration {
        let (begun, mut key) = (Instant::now(), *b"k");
        self.ours.write_all(&key).unwrap();
        self.ours.read_exact(&mut key).unwrap();
        begun.elapsed()
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn make_fifo(world: &World) -> String {
    let fifo = world.path("said");
    // The other figures have made it.
    let _made = rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0);
    fifo.display().to_string()
}

fn open_window(world: &World, way: Way, script: &str) {
    let mut words = vec!["new-window", "-d", "-t", "work:"];
    words.extend(way.words());
    words.extend(["sh", "-c", script]);
    world.tmux("default", &words);
}
