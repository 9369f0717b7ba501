//! How long a byte that was written in a pane takes to the dashboard's model.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use cm_tui::domain::HostId;
use rustix::fs::{CWD, FileType, Mode};
use tokio::time::Instant;

use super::Effort;
use crate::drawing::{now, read_stamp};
use crate::stats::Sample;
use crate::table::Row;
use crate::world::{self, World};

const SESSIONS: usize = 100;
const BUSY: usize = 10;

pub async fn measure(effort: Effort) -> Vec<Row> {
    let (row, floor) = (through_us(effort).await, through_tmux(effort).await);
    vec![row, floor]
}

async fn through_us(effort: Effort) -> Row {
    let world = World::new();
    world.start_agent();
    let mut client = world.client().await;
    // Every tenth is busy, so that both servers have some.
    let task = |number: usize| {
        let part = if number.is_multiple_of(SESSIONS / BUSY) {
            "busy"
        } else {
            "idle"
        };
        format!("{part} {}", number / (SESSIONS / BUSY))
    };
    let sessions = world.start(&mut client, SESSIONS, task).await;
    for id in &sessions {
        client.watch(id);
    }
    let busy: Vec<_> = sessions.iter().step_by(SESSIONS / BUSY).cloned().collect();
    let mut seen = vec![(0, None); busy.len()];
    let mut times = Vec::new();
    let warm = Instant::now() + Duration::from_secs(3);
    let end = warm + effort.time(Duration::from_secs(30));
    client
        .until("the last frame", |state| {
            let arrived = now();
            for (id, (version, last)) in busy.iter().zip(&mut seen) {
                let Some(mirror) = state.screen(&HostId::local(), id) else {
                    continue;
                };
                if std::mem::replace(version, mirror.version()) == mirror.version() {
                    continue;
                }
                let row = mirror.screen().row_text(mirror.screen().size().rows - 9);
                let drawn = read_stamp(&row);
                if let Some(drawn) = drawn.filter(|drawn| last.replace(*drawn) != Some(*drawn))
                    && Instant::now() > warm
                {
                    times.push(arrived.saturating_sub(drawn));
                }
            }
            (Instant::now() > end).then_some(())
        })
        .await;
    let sample = Sample::new(times);
    let is_met =
        sample.median() <= Duration::from_millis(1) && sample.p99() <= Duration::from_millis(5);
    let servers = world::servers(&client).len();
    Row::new("byte in a pane → dashboard's model", sample.describe())
        .bar("p50 ≤ 1 ms, p99 ≤ 5 ms", is_met)
        .beside("others 126–401 ms")
        .note(format!(
            "{} frames; {SESSIONS} sessions on {servers} tmux servers, all watched, {BUSY} of them draw 10 times a second",
            sample.len()
        ))
}

/// The same load without us: what tmux itself needs to hand a byte on, on this machine as it is now.
async fn through_tmux(effort: Effort) -> Row {
    let world = World::new();
    let fifo = world.path("bytes");
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    world.start_plain(BUSY);
    let pipe = format!("exec cat > '{}'", fifo.display());
    world.tmux("default", &["pipe-pane", "-t", "work:0", &pipe]);
    let frames = effort.count(200);
    let (tell, told) = tokio::sync::oneshot::channel();
    // Not a task of the runtime, which would wait for it at its end.
    std::thread::spawn(move || {
        let mut lines = BufReader::new(File::open(fifo).unwrap())
            .split(b'\x1b')
            .map(Result::unwrap);
        let mut next = || loop {
            let piece = lines.next().expect("the pane goes on");
            if let Some(drawn) = read_stamp(&String::from_utf8_lossy(&piece)) {
                return now().saturating_sub(drawn);
            }
        };
        tell.send((0..frames).map(|_| next()).collect())
    });
    let sample = Sample::new(told.await.unwrap());
    Row::new("the same by tmux alone, into cat", sample.describe())
        .beside("0.1–0.2 ms on a quiet machine")
        .note(format!(
            "{} frames of one of {BUSY} panes: what the machine and tmux take of the row above",
            sample.len()
        ))
}
