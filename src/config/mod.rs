//! Configuration as plain data; knows no room above it.
//!
//! [`Config`] is the user's `config.toml`, with a [`ContextConfig`] for each place where work runs, [`parse()`] reads any TOML of ours (profiles, themes) with errors that name
//! line and column, [`watch`] tells when something in a folder changed. Nothing here applies a setting, and nothing is
//! fatal: the caller shows the error and keeps what it had.

mod calls;
mod contexts;
mod files;
mod parse;
mod policy;
mod settings;
pub mod watch;

pub use calls::{
    CallState, CallWay, CallWhen, Notify, NotifyConfig, NotifyRule, PLACEHOLDERS, Part, parts,
};
pub use contexts::{AttachOutput, ContextConfig, Contexts, Install, LocalContexts, SshTransport};
pub use files::{LoadedTools, load, load_tools, point_out, read};
#[cfg(feature = "client")]
pub(crate) use parse::nearest;
pub use parse::{ConfigError, Fault, Schema, Warning, parse};
pub use policy::{HostPolicy, PolicyFiles, load_policy};
pub use settings::{ApproveConfig, Config, Glyphs, KeyList, SAMPLE, SessionConfig, TmuxConfig};
