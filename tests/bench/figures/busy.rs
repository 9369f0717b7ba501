//! What 24 working sessions cost that are all looked at.

use std::time::Duration;

use tokio::time::sleep;

use super::{Effort, peers};
use crate::process::Meter;
use crate::stats::percent;
use crate::table::Row;
use crate::world::{self, World};

pub const SESSIONS: usize = 24;
/// What the two lightest others need for the same, as published in the projects' own comparison; for runs without them.
const PUBLISHED: [(&str, f64); 2] = [("workmux", 0.044), ("tmuxcc", 0.116)];

pub async fn measure(effort: Effort) -> Vec<Row> {
    let time = effort.time(Duration::from_secs(20));
    let mut world = World::new();
    world.start_agent();
    let mut client = world.client().await;
    world
        .start(&mut client, SESSIONS, |number| format!("busy {number}"))
        .await;
    let servers = world::servers(&client);
    // The client would not read its notices while we sleep.
    drop(client);
    let watcher = world.watcher();
    let mut dashboard = world.dashboard();
    dashboard
        .until("the list", |painted| painted.shows("s-000"))
        .await;
    world::settle().await;
    let calls = world.tmux_calls();
    let meters = [world.agent(), dashboard.pid(), watcher, servers[0]].map(Meter::start);
    sleep(time).await;
    let [agent, painter, watching, tmux] = meters.map(|meter| meter.share());
    let calls = world.tmux_calls() - calls;
    let sum = agent + painter + watching;
    drop(dashboard);
    drop(world);

    let mut others = peers::measure(time).await;
    let measured = others.len();
    for (name, share) in PUBLISHED {
        if !others.iter().any(|other| other.name == name) {
            others.push(peers::Peer {
                name,
                share,
                tmux: None,
            });
        }
    }
    let least = others
        .iter()
        .map(|other| other.share)
        .fold(f64::INFINITY, f64::min);
    let words: Vec<String> = others.iter().map(peers::Peer::describe).collect();
    let per_second = calls as f64 / time.as_secs_f64();
    vec![
        Row::new("tmux subprocesses a second, 24 sessions live", format!("{per_second:.2}"))
            .bar("0", calls == 0)
            .beside("tmuxcc 45, workmux 3"),
        Row::new("processor, 24 sessions that work, all watched", percent(sum))
            .bar("below the others", sum < least)
            .beside(words.join(", "))
            .note(format!(
                "agent {}, dashboard {}, client that applies every update of all sessions {}; tmux itself {}",
                percent(agent),
                percent(painter),
                percent(watching),
                percent(tmux),
            ))
            .note(match measured {
                0 => "the others are published numbers: they were not measured in this run",
                1 => "one of the others is a published number: it was not measured in this run",
                _ => "the others were measured in this run, with the same frames in the same sizes",
            }),
    ]
}
