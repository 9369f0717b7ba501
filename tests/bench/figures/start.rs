//! How long the dashboard takes from its start to the first frame with sessions in it.

use std::time::Duration;

use tokio::time::sleep;

use super::Effort;
use crate::stats::{Sample, ms};
use crate::table::Row;
use crate::world::{self, World};

const SESSIONS: usize = 100;
const STARTS: usize = 20;

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
        let mut dashboard = world.dashboard();
        let painted = dashboard
            .until("a session's name", |painted| painted.shows("s-000"))
            .await;
        times.push(painted.at.duration_since(dashboard.started));
        drop(dashboard);
        sleep(Duration::from_millis(200)).await;
    }
    let sample = Sample::new(times);
    let measured = format!("p50 {}, max {}", ms(sample.median()), ms(sample.max()));
    vec![
        Row::new(
            "start → first frame with sessions, daemon running",
            measured,
        )
        .bar("≤ 50 ms", sample.max() <= Duration::from_millis(50))
        .note(format!("{} starts, {SESSIONS} sessions", sample.len())),
    ]
}
