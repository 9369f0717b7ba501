//! `cm-tui send SESSION TEXT`: types a text into a session, and enter.
//!
//! Promise: the text arrives as one block where the program takes one, cleaned of what acts on a terminal; it is not typed
//! into a permission prompt, where a letter may be an answer, unless that is forced.

use std::process::ExitCode;

use super::exit::{CommandError, Exit};
use super::pick::{self, Found, Scope, Where};
use super::reach::{Reach, World, block_on};
use super::{Globals, exit};
use crate::domain::SessionState;
use crate::protocol::Request;
use crate::term::sanitize;

const ENTER: &[u8] = b"\r";
/// The widest name that is repeated, in columns.
const COLUMNS: usize = 120;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    /// Its name or id, or the beginning of one
    pub session: String,

    /// What to type; several words are joined by blanks. After "--" it may begin
    /// with "-"
    #[arg(required = true)]
    pub text: Vec<String>,

    /// Do not press enter at the end
    #[arg(long)]
    pub no_enter: bool,

    /// Type even while it waits for a permission, where a letter may be an answer
    #[arg(long)]
    pub force: bool,

    #[command(flatten)]
    pub place: Where,
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let world = World::new(globals)?;
    let scope = Scope::new(&world, &arguments.place)?;
    block_on(async {
        let mut reach = Reach::start(scope.hosts.clone());
        let Found { host, session } = pick::find(&mut reach, &scope, &arguments.session).await?;
        if session.state == SessionState::Approval && !arguments.force {
            let name = sanitize::label(&session.name, COLUMNS);
            return Err(CommandError::new(
                Exit::Refused,
                format!("{name} waits for a permission: what is typed may answer it"),
                format!("cm-tui approve {name}, cm-tui deny {name}, or send with --force"),
            ));
        }
        let (id, text) = (session.id, arguments.text.join(" "));
        if !text.is_empty() {
            let request = Request::Paste {
                session: id.clone(),
                text,
            };
            reach.order(&host, request).await?;
        }
        if !arguments.no_enter {
            let request = Request::SendKeys {
                session: id,
                bytes: ENTER.to_vec(),
            };
            reach.order(&host, request).await?;
        }
        Ok(ExitCode::SUCCESS)
    })
}
