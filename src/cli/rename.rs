//! `cm-tui rename SESSION NAME`.

use std::process::ExitCode;

use super::exit::CommandError;
use super::pick::{self, Found, Scope, Where};
use super::reach::{Reach, World, block_on, unreached};
use super::{Globals, exit, say};
use crate::domain::Session;
use crate::protocol::Request;
use crate::term::sanitize;

/// The widest name that is repeated, in columns.
const COLUMNS: usize = 120;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    /// Its name or id, or the beginning of one
    pub session: String,

    /// The new name. Characters that do not fit become "-", and a name that is
    /// taken gets a number
    pub name: String,

    #[command(flatten)]
    pub place: Where,
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let world = World::new(globals)?;
    let scope = Scope::new(&world, &arguments.place)?;
    block_on(async {
        let mut reach = Reach::start(scope.hosts.clone());
        let Found { host, session } = pick::find(&mut reach, &scope, &arguments.session).await?;
        let request = Request::Rename {
            session: session.id.clone(),
            name: arguments.name.clone(),
        };
        reach.order(&host, request).await?;
        let wanted = sanitize::session_name(&arguments.name);
        if session.name == wanted {
            say::print(&format!("{wanted} is called so already\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        // What it is called now is told a moment after tmux has taken the name.
        let renamed = loop {
            match reach.state.session(&host, &session.id) {
                Some(now) if now.name == session.name => {}
                Some(now) => break now.name.clone(),
                None => return Err(gone(&session)),
            }
            if let Some(error) = reach.state.host(&host).and_then(unreached) {
                return Err(error);
            }
            reach.hear().await?;
        };
        let (from, to) = (
            sanitize::label(&session.name, COLUMNS),
            sanitize::label(&renamed, COLUMNS),
        );
        say::print(&format!("{from} is now {to}\n"))?;
        Ok(ExitCode::SUCCESS)
    })
}

fn gone(session: &Session) -> CommandError {
    let name = sanitize::label(&session.name, COLUMNS);
    CommandError::new(exit::Exit::NotFound, format!("{name} is gone"), "")
}
