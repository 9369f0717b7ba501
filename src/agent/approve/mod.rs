//! What may be answered, by whom, and when by nobody: the rules of approving, as pure values.
//!
//! Time is passed in; there is no clock, network, file or tmux here. The hub carries out what this room says. Promise: one
//! answer per prompt, whoever asks; nothing is answered by itself that a person has not switched on, that no rule names, or
//! that cannot be recorded; and there is no way from an error to a yes.
//!
//! | file | idea |
//! | --- | --- |
//! | `arbiter.rs` | one answer per prompt, whoever gives it |
//! | `switch.rs` | a session's mode: when it ends, what it may spend, why it was switched off |
//! | `automatic.rs` | whether one prompt may be answered without a person |
//! | `asked.rs` | which hook speaks of which prompt |
//! | `allowance.rs` | how often is recorded what a program can bring about by itself |
//! | `output.rs` | the only words that a tool's hook is ever given |
//! | `version.rs` | whether the tool is one that the rules were tested with |
//! | `judge.rs` | what judges a prompt, and what keeps the record, as this room sees them |
//!
//! A mode does not outlive the daemon: after a restart every session asks. What a person switched on was for the rules
//! and counts of that run, and nothing that a pane's own tmux server keeps could be trusted to say it again.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::string_slice
    )
)]

mod allowance;
mod arbiter;
mod asked;
mod automatic;
mod judge;
mod output;
mod switch;
mod version;

pub use allowance::Allowance;
pub use arbiter::{Arbiter, Outcome, Refusal, Ticket, Who};
pub use asked::{is_exactly, may_be, may_be_decided};
pub use automatic::{Plan, Situation, plan};
pub use judge::{Asked, Case, Decision, Ended, Intent, Judge, Judgement, Recorder, Way};
pub use output::output;
pub use switch::{Limits, Switch, Wish};
pub use version::{Version, number};
