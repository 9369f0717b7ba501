//! What the parts of the way cost, each alone.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cm_tui::domain::Tools;
use cm_tui::domain::detect::{Detector, Look};
use cm_tui::term::{Emulator, Fed, Size};

use super::Effort;
use crate::drawing;
use crate::stats::Sample;
use crate::table::Row;

const SIZE: Size = Size {
    cols: 160,
    rows: 50,
};
const ROUNDS: usize = 4000;
/// What one look may cost: a screen that changes at every frame of a spinner then takes a fiftieth of one core at most.
const LOOK: Duration = Duration::from_micros(200);

#[expect(clippy::unused_async, reason = "all figures are called alike")]
pub async fn measure(effort: Effort) -> Vec<Row> {
    let (rounds, cells) = (
        effort.count(ROUNDS),
        drawing::Size {
            cols: SIZE.cols,
            rows: SIZE.rows,
        },
    );
    let frames: Vec<String> = (0..rounds)
        .map(|number| drawing::busy(cells, number))
        .collect();
    let bytes: usize = frames.iter().map(String::len).sum();
    let mut emulator = Emulator::new(SIZE);
    let mut fed = Fed::default();
    emulator.feed(drawing::idle(cells, "0").as_bytes(), &mut fed);

    let times = Sample::new(
        frames
            .iter()
            .map(|frame| {
                fed.drawn.clear();
                fed.signals.clear();
                timed(|| emulator.feed(frame.as_bytes(), &mut fed))
            })
            .collect(),
    );
    // The quietest moment: what others do on this machine is not the emulator's doing.
    let speed = bytes as f64 / rounds as f64 / times.median().as_secs_f64() / 1e6;

    let detector = Detector::new(Tools::built_in());
    let looks = |text: &str| {
        let mut emulator = Emulator::new(SIZE);
        emulator.feed(text.as_bytes(), &mut Fed::default());
        Sample::new(
            (0..rounds)
                .map(|_| {
                    timed(|| {
                        let rows = emulator.screen().text();
                        let cursor = emulator.screen().cursor();
                        detector.judge(&Look {
                            tool: "claude-code",
                            rows: &rows,
                            cols: SIZE.cols,
                            cursor: (cursor.row, cursor.col),
                            cursor_visible: cursor.visible,
                            alternate: true,
                            title: "✳ Work on the shop",
                            command: "claude",
                            quiet_for: Duration::from_millis(30),
                            paint: None,
                        })
                    })
                })
                .collect(),
        )
    };
    let idle = drawing::idle(cells, "0");
    let working = looks(&(idle.clone() + &drawing::busy(cells, 0)));
    let asking = looks(&(idle.clone() + &drawing::prompt(cells, drawing::now())));

    let before = emulator.screen().clone();
    emulator.feed(drawing::busy(cells, 7).as_bytes(), &mut fed);
    let screen = emulator.screen();
    let sample = |work: &dyn Fn() -> usize| Sample::new((0..rounds).map(|_| timed(work)).collect());
    let difference = sample(&|| screen.difference(&before).len());
    let keyframe = sample(&|| screen.keyframe().len());
    let copy = sample(&|| black_box(screen.clone()).size().rows.into());
    vec![
        Row::new(
            "part: emulation of a working tool",
            format!("{speed:.0} MB/s, a frame {}", us(&times)),
        )
        .note(format!(
            "{rounds} frames of {} bytes at {SIZE}",
            bytes / rounds
        )),
        Row::new(
            "part: one look at a screen",
            format!("working {}; asking {}", us(&working), us(&asking)),
        )
        .bar("≤ 200 µs p99", working.p99().max(asking.p99()) <= LOOK)
        .note(format!("at {SIZE}, with reading the screen's text")),
        Row::new(
            "part: what a client is sent",
            format!(
                "difference {}; keyframe {}; copy of a screen {}",
                us(&difference),
                us(&keyframe),
                us(&copy)
            ),
        )
        .note(format!(
            "at {SIZE}; a difference of {} bytes, a keyframe of {}",
            screen.difference(&before).len(),
            screen.keyframe().len()
        )),
    ]
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn us(sample: &Sample) -> String {
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    format!(
        "p50 {:.0} µs p99 {:.0} µs",
        us(sample.median()),
        us(sample.p99())
    )
}
