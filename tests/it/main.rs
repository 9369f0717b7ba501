//! Integration tests, one module per room.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agent;
mod chaos;
mod config;
mod domain;
mod fleet;
mod floors;
mod lab;
mod mishaps;
mod monitor;
mod protocol;
mod readme;
mod server;
mod term;
mod tmux;
mod tui;
mod whole;
