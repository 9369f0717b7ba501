//! What the program's promises cost, measured in one run against the real daemon, dashboard and tmux.
//!
//! `cargo bench` prints one table: figure, measured, bar, whether the bar is met, and what others need. A missed bar is
//! a result, not an error: only a figure that could not be measured, or an interrupt, gives an exit code. `cargo bench
//! -- --quick` measures shorter, `cargo bench -- NAME…` only what is named. Linux only: it reads `/proc`.
//!
//! | file | idea |
//! | --- | --- |
//! | `figures/` | what is measured, a file each |
//! | `actors.rs` | the parts that this program plays in panes and beside the agent |
//! | `drawing.rs` | the screens that the actors draw |
//! | `world.rs` | a home, tmux servers, agent and sessions that end with their figure |
//! | `far.rs` | a host behind a real sshd, and the `ssh` program beside us |
//! | `terminal.rs` | a program on a terminal, and what it paints when |
//! | `process.rs` | processor time and memory of processes |
//! | `stats.rs`, `table.rs` | quantiles; rows for people |
#![expect(
    clippy::unwrap_used,
    reason = "what cannot be measured ends its figure; the table says so"
)]
#![expect(
    clippy::cast_precision_loss,
    reason = "what is measured is far below 2⁵²"
)]
#![expect(clippy::print_stdout, reason = "the table goes to standard output")]

mod actors;
mod drawing;
mod far;
mod figures;
#[path = "../it/lab.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod lab;
#[path = "../it/sshd/network.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod network;
mod process;
#[path = "../it/sshd/lab.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod sshd_lab;
mod stats;
mod table;
mod terminal;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use self::figures::{Effort, FIGURES, Figure};
use self::table::Row;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(part) = actors::part(&arguments) {
        actors::play(&part);
        return ExitCode::SUCCESS;
    }
    // `cargo test --benches` starts us without it: then there is nothing to do.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let effort = if arguments.iter().any(|argument| argument == "--quick") {
        Effort::Quick
    } else {
        Effort::Full
    };
    let names: Vec<&String> = arguments
        .iter()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wanted = |figure: &Figure| {
        names.is_empty() || names.iter().any(|name| figure.name.contains(name.as_str()))
    };
    println!("{}\n", world::machine());
    let mut rows = Vec::new();
    for figure in FIGURES.iter().filter(|figure| wanted(figure)) {
        println!(
            "{} … (others keep {:.1} of the processors busy)",
            figure.name,
            process::load()
        );
        match measure(figure, effort) {
            Measured::Rows(found) => rows.extend(found),
            Measured::Failed => rows.push(Row::failed(figure.name)),
            Measured::Interrupted => return ExitCode::from(130),
        }
    }
    println!("\n{}", table::print(&rows));
    if rows.iter().any(Row::has_failed) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

enum Measured {
    Rows(Vec<Row>),
    Failed,
    Interrupted,
}

/// Everything that a figure has started ends with it: also when it panics, and when somebody interrupts.
fn measure(figure: &Figure, effort: Effort) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let run = AssertUnwindSafe(|| {
        runtime.block_on(async {
            let mut interrupt = signal(SignalKind::interrupt()).unwrap();
            let mut terminate = signal(SignalKind::terminate()).unwrap();
            tokio::select! {
                rows = (figure.run)(effort) => Measured::Rows(rows),
                _ = interrupt.recv() => Measured::Interrupted,
                _ = terminate.recv() => Measured::Interrupted,
            }
        })
    });
    catch_unwind(run).unwrap_or(Measured::Failed)
}
