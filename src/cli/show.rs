//! `cm-tui show SESSION`: its screen as it is now.

use std::process::ExitCode;

use serde::Serialize;

use super::exit::{CommandError, Exit};
use super::pick::{self, Found, Scope, Where};
use super::reach::{Reach, World, block_on, unreached};
use super::{Globals, exit, say};
use crate::domain::{HostId, SessionState};
use crate::term::{Screen, sanitize};

/// The widest row that is printed, in columns: wider than any pane that can be made.
const COLUMNS: usize = 1000;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    /// Its name or id, or the beginning of one
    pub session: String,

    /// With its colours, whatever --color says
    #[arg(long, conflicts_with = "json")]
    pub ansi: bool,

    #[command(flatten)]
    pub place: Where,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Shown<'s> {
    host: &'s HostId,
    id: &'s str,
    name: &'s str,
    cols: u16,
    rows: u16,
    cursor: (u16, u16),
    lines: Vec<String>,
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let world = World::new(globals)?;
    let scope = Scope::new(&world, &arguments.place)?;
    let has_colours = arguments.ansi || globals.color.is_wanted();
    block_on(async {
        let mut reach = Reach::start(scope.hosts.clone());
        let found = pick::find(&mut reach, &scope, &arguments.session).await?;
        let Found { host, session } = &found;
        reach.fleet.watch(&[(host.clone(), session.id.clone())]);
        let mirror = loop {
            if let Some(mirror) = reach.state.screen(host, &session.id) {
                break mirror;
            }
            match reach.state.session(host, &session.id) {
                Some(session) if session.state != SessionState::Lost => {}
                _ => return Err(gone(&session.name)),
            }
            if let Some(error) = reach.state.host(host).and_then(unreached) {
                return Err(error);
            }
            reach.hear().await?;
        };
        let screen = mirror.screen();
        if arguments.json {
            let (size, cursor) = (screen.size(), screen.cursor());
            say::print_json(&Shown {
                host,
                id: session.id.as_str(),
                name: &session.name,
                cols: size.cols,
                rows: size.rows,
                cursor: (cursor.col, cursor.row),
                lines: screen.text(),
            })?;
        } else {
            say::print(&rows(screen, has_colours))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The rows down to the last that says something.
fn rows(screen: &Screen, has_colours: bool) -> String {
    let text = screen.text();
    let last = text.iter().rposition(|row| !row.trim().is_empty());
    let count = last.map_or(0, |last| last + 1);
    let mut printed = String::new();
    for (row, plain) in text.iter().enumerate().take(count) {
        if has_colours {
            // Cells and their attributes; nothing else of what the program wrote.
            printed.push_str(&screen.styled_row(row as u16));
            printed.push_str("\x1b[0m");
        } else {
            // Blanks in front belong to the picture.
            let blank = plain.len() - plain.trim_start_matches(' ').len();
            printed.push_str(&" ".repeat(blank));
            printed.push_str(&sanitize::label(plain, COLUMNS));
        }
        printed.push('\n');
    }
    printed
}

fn gone(name: &str) -> CommandError {
    let name = sanitize::label(name, COLUMNS);
    CommandError::new(Exit::NotFound, format!("{name} is gone"), "")
}
