//! What 100 sessions cost in which nothing happens.

use std::time::Duration;

use tokio::time::sleep;

use super::Effort;
use crate::process::{self, Meter};
use crate::stats::percent;
use crate::table::Row;
use crate::world::{self, World};

const SESSIONS: usize = 100;
/// In KiB.
const MEMORY: u64 = 30 << 10;

pub async fn measure(effort: Effort) -> Vec<Row> {
    let world = World::new();
    world.start_agent();
    let mut client = world.client().await;
    world
        .start(&mut client, SESSIONS, |number| format!("idle {number}"))
        .await;
    drop(client);
    let mut dashboard = world.dashboard();
    dashboard
        .until("the list", |painted| painted.shows("s-000"))
        .await;
    // Every session is looked at once: the dashboard has then seen many screens.
    for _ in 0..SESSIONS {
        dashboard.press("j");
        sleep(Duration::from_millis(20)).await;
    }
    world::settle().await;
    let meters = [world.agent(), dashboard.pid()].map(Meter::start);
    sleep(effort.time(Duration::from_secs(20))).await;
    let [agent, painter] = meters.map(|meter| meter.share());
    let pids = [world.agent(), dashboard.pid()];
    let ([agent_memory, own_memory], [agent_part, own_part]) =
        (pids.map(process::resident), pids.map(process::proportional));
    vec![
        Row::new(
            "processor, 100 sessions that wait",
            format!("agent {}, dashboard {}", percent(agent), percent(painter)),
        )
        .bar("≤ 0.2 % each", agent <= 0.002 && painter <= 0.002)
        .note("the agent's control clients of tmux are counted with it"),
        Row::new(
            "memory, 100 sessions",
            format!("agent {}, dashboard {}", mib(agent_memory), mib(own_memory)),
        )
        .bar(
            "≤ 30 MB each",
            agent_memory <= MEMORY && own_memory <= MEMORY,
        )
        .note(format!(
            "resident; shared pages counted in parts: agent {}, dashboard {}",
            mib(agent_part),
            mib(own_part)
        )),
    ]
}

pub fn mib(kib: u64) -> String {
    format!("{:.1} MB", kib as f64 / 1024.0)
}
