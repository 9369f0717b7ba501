//! Whether a screen that was joined in the middle of fast output is tmux's own, cell by cell.

use std::time::Duration;

use cm_tui::domain::{HostId, Session, SessionId};
use cm_tui::term::{CellRef, Colour, Emulator, Fed, Screen, Size};
use tokio::time::{sleep, timeout};

use super::Effort;
use crate::drawing::Dice;
use crate::lab::Client;
use crate::table::Row;
use crate::world::World;

/// Bytes a second of each pane: two that are parsed whole, one near the budget, one that floods.
const PANES: [u32; 4] = [40_000, 120_000, 220_000, 0];
const ROUNDS: usize = 5;
/// By then doubtful colours have been asked for again, and what tmux answers has been shown.
const AUDIT: Duration = Duration::from_secs(3);

pub async fn measure(effort: Effort) -> Vec<Row> {
    let world = World::new();
    world.start_agent();
    let mut client = world.client().await;
    let task = |number: usize| format!("noise {} {}", number + 1, PANES[number]);
    let sessions = world.start(&mut client, PANES.len(), task).await;
    drop(client);
    let (mut dice, mut at_once, mut wrong, mut joins) = (Dice::new(20), 0, Vec::new(), 0);
    for round in 0..effort.count(ROUNDS) {
        // An agent that starts joins every pane, wherever its output is just then.
        world.stop_agent();
        sleep(Duration::from_millis(100 + dice.below(400))).await;
        world.start_agent();
        let mut client = world.client().await;
        for id in &sessions {
            client.watch(id);
            let shown = client.until("the screen", |state| {
                state.screen(&HostId::local(), id).map(|_| ())
            });
            shown.await;
        }
        sleep(Duration::from_millis(dice.below(500))).await;
        for id in &sessions {
            let pane = client.session(id, "the session", |_| true).await;
            toggle(&world, &pane);
            client.sees(id, &format!("halt {round} end")).await;
            joins += 1;
            at_once += compare(&world, &client, id, &pane).len();
        }
        // The colours that a picture does not tell are asked for again once the screen stands still.
        let never = client.until("nothing", |_| None::<()>);
        assert!(timeout(AUDIT, never).await.is_err());
        for id in &sessions {
            let pane = client.session(id, "the session", |_| true).await;
            wrong.extend(compare(&world, &client, id, &pane));
            toggle(&world, &pane);
        }
    }
    let mut later = Row::new(
        "the same after 3 s of quiet",
        format!("{} wrong cells", wrong.len()),
    )
    .note("doubtful colours are asked for again once the screen stands still");
    for cell in wrong.iter().take(5) {
        later = later.note(cell);
    }
    let row = Row::new(
        "joins under fast output, against tmux's grid",
        format!("{at_once} wrong cells"),
    )
    .bar("0", at_once == 0)
    .note(format!(
        "{joins} joins of panes that print up to {} kB/s, and as fast as tmux takes it; by programs that had set their pen before",
        PANES[2] / 1000
    ));
    vec![row, later]
}

/// Makes the pane pause or go on, past our own way of typing.
fn toggle(world: &World, session: &Session) {
    let socket = session
        .pane
        .socket
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    world.tmux(&socket, &["send-keys", "-t", &session.pane.target(), "x"]);
}

fn compare(world: &World, client: &Client, id: &SessionId, session: &Session) -> Vec<String> {
    let socket = session
        .pane
        .socket
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let capture = world.tmux(
        &socket,
        &[
            "capture-pane",
            "-p",
            "-e",
            "-N",
            "-t",
            &session.pane.target(),
        ],
    );
    let mut judge = Emulator::new(Size::new(session.cols, session.rows));
    // tmux marks line drawing by SO and SI.
    judge.feed(b"\x1b)0", &mut Fed::default());
    judge.feed(
        capture
            .trim_end_matches('\n')
            .replace('\n', "\r\n")
            .as_bytes(),
        &mut Fed::default(),
    );
    let mirror = client.state.screen(&HostId::local(), id).unwrap();
    differences(&session.name, mirror.screen(), judge.screen())
}

fn differences(name: &str, ours: &Screen, judge: &Screen) -> Vec<String> {
    let size = judge.size();
    assert_eq!(ours.size(), size);
    let all = (0..size.rows).flat_map(|row| (0..size.cols).map(move |col| (row, col)));
    let looks = all.map(|(row, col)| {
        (
            row,
            col,
            look(ours.cell(row, col).unwrap()),
            look(judge.cell(row, col).unwrap()),
        )
    });
    looks
        .filter(|(_, _, ours, judge)| ours != judge)
        .map(|(row, col, ours, judge)| {
            format!("{name} {row},{col}: {ours:?} where tmux shows {judge:?}")
        })
        .collect()
}

/// Everything that a person could see of a cell. A blank is a blank, and its foreground does not show.
fn look(cell: CellRef<'_>) -> (String, Colour, Colour, [bool; 5]) {
    let text = if cell.text().is_empty() {
        " "
    } else {
        cell.text()
    };
    let fg = if text == " " && !cell.inverse() {
        Colour::Default
    } else {
        cell.fg()
    };
    let attributes = [
        cell.bold(),
        cell.dim(),
        cell.italic(),
        cell.underline(),
        cell.inverse(),
    ];
    (text.to_owned(), fg, cell.bg(), attributes)
}
