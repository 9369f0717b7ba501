//! What one pane that prints without an end does to everything else.

use std::time::Duration;

use cm_tui::protocol::{Reply, Request};
use tokio::time::{Instant, sleep};

use super::Effort;
use super::idle::mib;
use crate::drawing::Dice;
use crate::process::{self, Meter};
use crate::stats::{Sample, percent};
use crate::table::Row;
use crate::terminal::{Painted, Terminal};
use crate::world::{self, World};

const SESSIONS: usize = 23;
/// The session behind all others in the list.
const FLOODED: &str = "s-flood";
/// In KiB.
const MEMORY: u64 = 32 << 10;

pub async fn measure(effort: Effort) -> Vec<Row> {
    let world = World::new();
    world.start_agent();
    let mut client = world.client().await;
    let flood = client
        .start("shell", None, FLOODED, &world.path("work"))
        .await;
    world
        .start(&mut client, SESSIONS, |number| format!("idle {number}"))
        .await;
    let server = world::servers(&client)[0];
    let mut dashboard = world.dashboard();
    dashboard
        .until("the list", |painted| painted.shows(FLOODED))
        .await;
    world::settle().await;
    select(&mut dashboard).await;
    let before = Meter::start(world.agent());
    let quiet = use_keys(&mut dashboard, effort.time(Duration::from_secs(15)), || ()).await;
    let (before, memory_before) = (before.share(), process::resident(server));

    let yes = Request::SendKeys {
        session: flood,
        bytes: b"yes\r".to_vec(),
    };
    assert_eq!(client.ask(yes).await, Reply::Done);
    drop(client);
    let meters = [world.agent(), dashboard.pid(), server].map(Meter::start);
    let mut memory = 0;
    let look = || memory = process::resident(server).max(memory);
    let sample = use_keys(&mut dashboard, effort.time(Duration::from_secs(60)), look).await;
    let [agent, painter, tmux] = meters.map(|meter| meter.share());
    let (extra, grown) = (agent - before, memory.saturating_sub(memory_before));
    vec![
        Row::new("one pane runs yes: key → paint", sample.describe())
            .bar("p99 ≤ 33 ms", sample.p99() <= Duration::from_millis(33))
            .note(format!(
                "{} keys; every other one leads to the flooded pane",
                sample.len()
            ))
            .note(format!("without the flood: {}", quiet.describe())),
        Row::new(
            "one pane runs yes: the agent's extra processor time",
            percent(extra),
        )
        .bar("≤ 10 % of one", extra <= 0.1)
        .note(format!(
            "dashboard {}; tmux itself {}, which parses all of it",
            percent(painter),
            percent(tmux)
        )),
        Row::new("one pane runs yes: tmux's extra memory", mib(grown))
            .bar("≤ 32 MB", grown <= MEMORY)
            .note("with the pane's own history of 5000 lines"),
    ]
}

/// Goes from one pane away and back to it for a while, as fast as a person who looks for something.
async fn use_keys(dashboard: &mut Terminal, time: Duration, mut each: impl FnMut()) -> Sample {
    let (mut times, mut dice, end) = (Vec::new(), Dice::new(1), Instant::now() + time);
    let is_flooded =
        |painted: &Painted| painted.selected().is_some_and(|row| row.contains(FLOODED));
    for key in ["k", "j"].into_iter().cycle() {
        if Instant::now() > end {
            break;
        }
        sleep(Duration::from_millis(100 + dice.below(200))).await;
        dashboard.forget();
        let pressed = std::time::Instant::now();
        dashboard.press(key);
        let moved = dashboard.until("the selection", |painted| {
            is_flooded(painted) == (key == "j")
        });
        times.push(moved.await.at.duration_since(pressed));
        each();
    }
    Sample::new(times)
}

/// Goes down the list until the pane that will be flooded is selected, which is not the first.
async fn select(dashboard: &mut Terminal) {
    for _ in 0..=SESSIONS {
        dashboard.press("j");
        sleep(Duration::from_millis(60)).await;
        let last = dashboard.forget();
        if last
            .and_then(|painted| painted.selected().cloned())
            .is_some_and(|row| row.contains(FLOODED))
        {
            return;
        }
    }
    panic!("{FLOODED} cannot be selected");
}
