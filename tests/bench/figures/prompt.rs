//! How long a prompt that was drawn takes until it is shown as waiting.

use std::collections::BTreeSet;
use std::time::Duration;

use cm_tui::agent::monitor::SETTLE;
use cm_tui::domain::{Session, SessionState};

use super::Effort;
use crate::drawing::{now, read_stamp};
use crate::stats::Sample;
use crate::table::Row;
use crate::world::World;

/// Tools that ask at the same time, each on its own.
const ASKING: usize = 8;
const ROUNDS: usize = 30;
/// How often the dashboard's own screen is looked at: one tool asks alone, so that it is clear what changed.
const SHOWN: usize = 60;

pub async fn measure(effort: Effort) -> Vec<Row> {
    let rows = [in_model(effort).await, on_screen(effort).await];
    rows.into()
}

async fn in_model(effort: Effort) -> Row {
    let world = World::new();
    world.start_agent();
    let mut client = world.client().await;
    let rounds = effort.count(ROUNDS);
    let log = world.path("asked");
    let task = |number: usize| format!("ask {} {} {rounds}", number + 1, log.display());
    world.start(&mut client, ASKING, task).await;
    let (mut seen, mut times, drawn) = (BTreeSet::new(), Vec::new(), ASKING * rounds);
    let found = client.until("the last prompt", |state| {
        let arrived = now();
        let is_over = |session: &Session| {
            session.state == SessionState::Idle && session.rule.ends_with("prompt")
        };
        for session in state.hosts[0].sessions.values() {
            let drawn = session
                .prompt
                .as_ref()
                .and_then(|prompt| read_stamp(&prompt.subject));
            if let Some(drawn) = drawn.filter(|drawn| seen.insert(*drawn)) {
                times.push(arrived.saturating_sub(drawn));
            }
        }
        let all = || {
            std::fs::read_to_string(&log)
                .unwrap_or_default()
                .lines()
                .count()
                == drawn
        };
        let are_over = state.hosts[0].sessions.values().all(is_over);
        (times.len() == drawn || are_over && all()).then_some(())
    });
    found.await;
    let sample = Sample::new(times);
    let unseen = drawn - sample.len();
    Row::new("prompt drawn → waiting, in the model", sample.describe())
        .bar("p99 ≤ 100 ms", unseen == 0 && sample.p99() <= Duration::from_millis(100))
        .beside("tmuxcc 172–401 ms")
        .note(format!(
            "{drawn} prompts of {ASKING} tools, {unseen} of them never seen; of the time {} ms that a screen has to stand still",
            SETTLE.as_millis()
        ))
}

async fn on_screen(effort: Effort) -> Row {
    let world = World::new();
    world.start_agent();
    let mut client = world.client().await;
    let (log, rounds) = (world.path("asked"), effort.count(SHOWN));
    world.start(&mut client, 1, |_| "idle 0".to_owned()).await;
    let mut dashboard = world.dashboard();
    dashboard
        .until("the list", |painted| painted.shows("s-000"))
        .await;
    let ask = format!("ask 1 {} {rounds}", log.display());
    client
        .start("claude-code", Some(&ask), "asks", &world.path("work"))
        .await;
    drop(client);
    let start = (std::time::Instant::now(), now());
    let mut times = Vec::new();
    let mut rounds_left = rounds;
    while rounds_left > 0 {
        let shown = dashboard
            .until("a prompt", |painted| painted.shows("1 need you"))
            .await;
        let wall = start.1 + shown.at.duration_since(start.0);
        let drawn = std::fs::read_to_string(&log).unwrap();
        let micros = drawn.lines().filter_map(|line| line.parse().ok());
        let drawn = micros
            .map(Duration::from_micros)
            .filter(|drawn| *drawn < wall)
            .max()
            .unwrap();
        times.push(wall.saturating_sub(drawn));
        dashboard
            .until("no prompt", |painted| painted.shows("0 need you"))
            .await;
        rounds_left -= 1;
    }
    let sample = Sample::new(times);
    Row::new(
        "prompt drawn → waiting, painted by the dashboard",
        sample.describe(),
    )
    .bar("p99 ≤ 100 ms", sample.p99() <= Duration::from_millis(100))
    .beside("tmuxcc 172–401 ms")
}
