//! Integration tests, one module per room.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agent;
mod attach;
mod chaos;
mod cli;
mod config;
mod deploy;
mod domain;
mod evidence;
mod explain;
mod explain_session;
mod fleet;
mod floors;
mod known_hosts;
mod lab;
mod live;
mod mishaps;
mod monitor;
mod notify;
mod openssh;
mod outer;
mod policy;
mod protocol;
mod readme;
mod record;
mod recordings;
mod run;
mod server;
mod ssh_settings;
mod sshd;
mod term;
mod tmux;
mod tui;
mod whole;
