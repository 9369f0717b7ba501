//! `cm-tui ctx`: contexts in the settings, listed, tried and changed in place.
//!
//! Promise: a change keeps every comment and the order of the file, and is written whole or not at all, and only when the
//! result can be read.

mod change;
mod edit;
mod import;
mod legacy;
mod look;
mod ssh_config;
mod test;

use std::process::ExitCode;

use super::exit::{self, CommandError};
use super::{Globals, pick};
use crate::config::Contexts;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    #[command(subcommand)]
    pub order: Order,
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum Order {
    /// Add a context to the settings
    #[command(after_help = exit::HELP)]
    Add(change::Add),
    /// List the contexts, one a line
    #[command(visible_alias = "ls", after_help = exit::HELP)]
    List(look::List),
    /// Show one context in full
    #[command(after_help = exit::HELP)]
    Show(look::Show),
    /// Connect to the host of a context; say each step and its time
    #[command(after_help = exit::HELP)]
    Test(test::Arguments),
    /// Change a context, or open the settings in your editor
    #[command(after_help = exit::HELP)]
    Edit(change::Edit),
    /// Take a context out of the settings; its sessions live on
    #[command(visible_alias = "rm", after_help = exit::HELP)]
    Remove(Named),
    /// Take contexts over: a contexts.json, or the hosts of ~/.ssh/config
    #[command(after_help = exit::HELP)]
    Import(import::Arguments),
    /// Connect to a context and show it again
    #[command(after_help = exit::HELP)]
    Enable(Named),
    /// Keep a context, but neither connect to it nor show it
    #[command(after_help = exit::HELP)]
    Disable(Named),
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Named {
    /// The context
    pub name: String,
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    match &arguments.order {
        Order::Add(arguments) => change::add(arguments),
        Order::List(arguments) => look::list(arguments, globals),
        Order::Show(arguments) => look::show(arguments, globals),
        Order::Test(arguments) => test::run(arguments, globals),
        Order::Edit(arguments) => change::edit(arguments),
        Order::Remove(named) => change::remove(&named.name),
        Order::Import(arguments) => import::run(arguments),
        Order::Enable(named) => change::switch(&named.name, true),
        Order::Disable(named) => change::switch(&named.name, false),
    }
}

/// Nothing is called so, with what was probably meant.
fn no_context(contexts: &Contexts, name: &str) -> CommandError {
    pick::no_such("context", name, contexts.keys().map(String::as_str))
}
