//! How long a subcommand takes as a whole process, from its start to its end, with an agent that runs.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::Effort;
use crate::stats::{Sample, ms};
use crate::table::Row;
use crate::world::{self, World};

const SESSIONS: usize = 20;
const STARTS: usize = 100;

pub async fn measure(effort: Effort) -> Vec<Row> {
    let world = World::new();
    world.start_agent();
    let mut client = world.client().await;
    world
        .start(&mut client, SESSIONS, |number| format!("idle {number}"))
        .await;
    drop(client);
    world::settle().await;
    let mut times = Vec::new();
    for _ in 0..effort.count(STARTS) {
        let mut list = world.command(env!("CARGO_BIN_EXE_cm-tui"));
        list.arg("list");
        let started = Instant::now();
        let output = list.stderr(Stdio::inherit()).output().unwrap();
        times.push(started.elapsed());
        let lines = String::from_utf8_lossy(&output.stdout).lines().count();
        assert_eq!((output.status.code(), lines), (Some(0), SESSIONS + 1));
    }
    let sample = Sample::new(times);
    let measured = format!("p50 {}, max {}", ms(sample.median()), ms(sample.max()));
    vec![
        Row::new("cm-tui list, whole process, agent running", measured)
            .bar("≤ 30 ms", sample.median() <= Duration::from_millis(30))
            .note(format!("{} starts, {SESSIONS} sessions", sample.len())),
    ]
}
