//! Approving, for real: a daemon, tmux, and a tool that asks, calls its hook and remembers every byte it is given.

mod automatic;
mod hook;
mod inside;
mod kills;
mod races;
mod stage;
pub mod tool;
