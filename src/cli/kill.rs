//! `cm-tui kill SESSION…`: ends sessions and their programs.
//!
//! Promise: either all that are named are found and agreed to, or none is ended.

use std::process::ExitCode;

use super::exit::{CommandError, Exit};
use super::pick::{self, Found, Scope, Where};
use super::reach::{Reach, World, block_on};
use super::{Globals, exit, say};
use crate::domain::Origin;
use crate::protocol::Request;
use crate::term::sanitize;

/// The widest name that is repeated, in columns.
const COLUMNS: usize = 120;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    /// Names or ids, or the beginnings of them
    #[arg(required = true, value_name = "SESSION")]
    pub sessions: Vec<String>,

    /// Do not ask. Needed where nobody can be asked
    #[arg(long, short)]
    pub force: bool,

    #[command(flatten)]
    pub place: Where,
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    if !arguments.force && !say::is_attended() {
        return Err(CommandError::new(
            Exit::Usage,
            "nobody is here to be asked; nothing was ended",
            "say --force to end sessions without asking",
        ));
    }
    let world = World::new(globals)?;
    let scope = Scope::new(&world, &arguments.place)?;
    block_on(async {
        let mut reach = Reach::start(scope.hosts.clone());
        let mut found: Vec<Found> = Vec::new();
        for name in &arguments.sessions {
            let one = pick::find(&mut reach, &scope, name).await?;
            let is_known = found
                .iter()
                .any(|other| other.host == one.host && other.session.id == one.session.id);
            if !is_known {
                found.push(one);
            }
        }
        if !arguments.force && !agreed(&found).await {
            return Err(CommandError::new(Exit::Refused, "nothing was ended", ""));
        }
        for Found { host, session } in &found {
            let request = Request::Kill {
                session: session.id.clone(),
            };
            reach.order(host, request).await?;
            say::print(&format!("ended {}\n", named(session)))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn agreed(found: &[Found]) -> bool {
    let lines: Vec<String> = found
        .iter()
        .map(|Found { host, session }| {
            let whose = match &session.origin {
                Origin::Managed => "",
                Origin::Foreign(_) => ", on a tmux server of your own",
            };
            let state = session.state.word();
            format!("  {} on {host}, {state}{whose}", named(session))
        })
        .collect();
    let question = format!("{}\nEnd this for good?", lines.join("\n"));
    // The hosts go on meanwhile.
    let asked = tokio::task::spawn_blocking(move || say::confirm(&question));
    asked.await.unwrap_or(false)
}

fn named(session: &crate::domain::Session) -> String {
    sanitize::label(&session.name, COLUMNS)
}
