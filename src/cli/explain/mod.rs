//! `cm-tui explain`: how the state of a session is known (`session`), or judges a stored screen or the end of a recorded
//! stream as the agent would, and says why.
//!
//! Promise: of what is stored only what a pane shows is judged. A label that stands in the same file is never read.

mod keys;
mod picture;
mod report;
mod session;

use std::path::PathBuf;
use std::process::ExitCode;

use self::picture::Picture;
use self::report::Report;
use super::exit::{self, CommandError};
use super::pick::Where;
use super::{Globals, say};
use crate::config;
use crate::domain::Tools;
use crate::domain::detect::Detector;
use crate::paths::Paths;

/// What to judge, and how to tell of it.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    /// A session: its name or id, or the beginning of one
    #[arg(
        value_name = "SESSION",
        required_unless_present_any = ["fixture", "stream"],
        conflicts_with_all = ["fixture", "stream", "tool", "cols", "rows"]
    )]
    pub session: Option<String>,

    /// A folder with screen.ans (as tmux capture-pane -e -p writes it) and meta.toml; may be given several times
    #[arg(long, value_name = "DIR", conflicts_with = "stream")]
    pub fixture: Vec<PathBuf>,

    /// A file with the raw output of a pane; a meta.toml beside it may name tool and size
    #[arg(long, value_name = "FILE")]
    pub stream: Option<PathBuf>,

    /// The tool's id, instead of the one that meta.toml names
    #[arg(long, value_name = "ID")]
    pub tool: Option<String>,

    /// The pane's width, instead of the one that meta.toml names
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub cols: Option<u16>,

    /// The pane's height, instead of the one that meta.toml names
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub rows: Option<u16>,

    #[command(flatten)]
    pub place: Where,

    /// Print one JSON object, on a line of its own
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    if let Some(session) = &arguments.session {
        return session::run(session, arguments, globals);
    }
    let overrides = picture::Meta {
        tool: arguments.tool.clone(),
        cols: arguments.cols,
        rows: arguments.rows,
        ..picture::Meta::default()
    };
    let detector = Detector::new(tools());
    let fixtures = arguments.fixture.iter();
    let fixtures = fixtures.map(|dir| Picture::of_fixture(dir, overrides.clone()));
    let streams = arguments.stream.iter();
    let streams = streams.map(|file| Picture::of_stream(file, overrides.clone()));
    for picture in fixtures.chain(streams) {
        let report = Report::of(&picture?, &detector);
        say::print(&if arguments.json {
            report.json()
        } else {
            report.text()
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The profiles that the agent would use: a broken one of the user's is left out, as the agent does.
fn tools() -> Tools {
    Paths::from_env().map_or_else(
        |_| Tools::built_in(),
        |paths| Tools::with(config::load_tools(&paths.tools_dir()).profiles),
    )
}
