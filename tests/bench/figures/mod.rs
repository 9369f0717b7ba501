//! What is measured: each figure starts a world of its own and returns its rows of the table.

mod approve;
mod busy;
mod cli;
mod echo;
mod flood;
mod hosts;
mod idle;
mod joins;
mod parts;
mod peers;
mod prompt;
mod proxy;
mod ssh;
mod start;

use std::pin::Pin;
use std::time::Duration;

use super::table::Row;

/// How long to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Shows that everything works; the numbers say little.
    Quick,
    Full,
}

impl Effort {
    /// `full`, or a quarter of it.
    pub fn time(self, full: Duration) -> Duration {
        match self {
            Self::Quick => full / 4,
            Self::Full => full,
        }
    }

    /// `full`, or a quarter of it.
    pub fn count(self, full: usize) -> usize {
        match self {
            Self::Quick => full.div_ceil(4),
            Self::Full => full,
        }
    }
}

type Rows = Pin<Box<dyn Future<Output = Vec<Row>>>>;

pub struct Figure {
    /// What it is called on the command line.
    pub name: &'static str,
    pub run: fn(Effort) -> Rows,
}

/// All figures, in the order of the table.
pub const FIGURES: [Figure; 13] = [
    Figure {
        name: "echo",
        run: |effort| Box::pin(echo::measure(effort)),
    },
    Figure {
        name: "prompt",
        run: |effort| Box::pin(prompt::measure(effort)),
    },
    Figure {
        name: "approve",
        run: |effort| Box::pin(approve::measure(effort)),
    },
    Figure {
        name: "busy",
        run: |effort| Box::pin(busy::measure(effort)),
    },
    Figure {
        name: "idle",
        run: |effort| Box::pin(idle::measure(effort)),
    },
    Figure {
        name: "start",
        run: |effort| Box::pin(start::measure(effort)),
    },
    Figure {
        name: "cli",
        run: |effort| Box::pin(cli::measure(effort)),
    },
    Figure {
        name: "flood",
        run: |effort| Box::pin(flood::measure(effort)),
    },
    Figure {
        name: "joins",
        run: |effort| Box::pin(joins::measure(effort)),
    },
    Figure {
        name: "parts",
        run: |effort| Box::pin(parts::measure(effort)),
    },
    Figure {
        name: "proxy",
        run: |effort| Box::pin(proxy::measure(effort)),
    },
    Figure {
        name: "ssh",
        run: |effort| Box::pin(ssh::measure(effort)),
    },
    Figure {
        name: "hosts",
        run: |effort| Box::pin(hosts::measure(effort)),
    },
];
