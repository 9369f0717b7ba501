//! The daemon on a host: `cm-agent`.
//!
//! It owns what is known of this host's sessions ([`hub`]), learns it from tmux by push ([`tmux`]), and serves clients
//! over its socket ([`server`]). It never draws, never connects anywhere, and never outlives its user: sessions and
//! tmux servers go on without it and are found again by the next one.

pub mod approve;
pub mod audit;
mod broadcast;
mod budget;
pub mod daemon;
pub mod demo;
mod foreground;
mod found;
pub mod hook;
pub mod hub;
pub mod monitor;
pub mod peer;
pub mod place;
pub mod record;
mod recorder;
pub mod rules;
pub mod run;
pub mod server;
pub mod stdio;
pub mod tmux;

/// How the agent names itself to clients.
pub const NAME_AND_VERSION: &str = concat!("cm-agent ", env!("CARGO_PKG_VERSION"));
