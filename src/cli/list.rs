//! `cm-tui list`: every session, one a line.

use std::process::ExitCode;

use super::exit::CommandError;
use super::pick::{Filter, Place, Scope, sessions};
use super::reach::{Reach, World, block_on};
use super::say::{self, Tone};
use super::shape::{HostShape, Overview, SessionShape};
use super::table::Table;
use super::{Globals, exit};
use crate::domain::{Mode, Session, SessionState, UnixMillis};
use crate::fleet::Host;
use crate::tui::clock::rough_age;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    #[command(flatten)]
    pub filter: Filter,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let world = World::new(globals)?;
    let scope = Scope::new(&world, &arguments.filter.place)?;
    block_on(async {
        let mut reach = Reach::start(scope.hosts.clone());
        reach.settle().await?;
        let sessions: Vec<_> = sessions(&reach.state, &scope)
            .filter(|(_, session)| arguments.filter.fits(&session.state))
            .collect();
        if arguments.json {
            say::print_json(&overview(&reach, &sessions, &Place::all(&world.config)))?;
        } else if !sessions.is_empty() {
            let is_coloured = globals.color.is_wanted();
            say::print(&table(&sessions, reach.now()).text(is_coloured))?;
        } else if reach.unreached().len() < reach.state.hosts.len() {
            // Where nobody answered, nobody knows.
            say::aside("no sessions");
        }
        reach.missing(scope.is_named())?;
        Ok(ExitCode::SUCCESS)
    })
}

/// All that is known of hosts and these sessions.
pub fn overview<'s>(
    reach: &'s Reach,
    sessions: &[(&'s Host, &'s Session)],
    places: &'s [Place],
) -> Overview<'s> {
    Overview {
        hosts: reach.state.hosts.iter().map(HostShape::of).collect(),
        sessions: sessions
            .iter()
            .map(|(host, session)| SessionShape::of(host, session, places))
            .collect(),
    }
}

/// One session a line.
pub fn table(sessions: &[(&Host, &Session)], now: UnixMillis) -> Table {
    let mut table = Table::new(&[
        "session", "host", "tool", "state", "mode", "for", "folder", "what",
    ]);
    for (host, session) in sessions {
        let age = rough_age(host.age(session.since, now));
        table.row(vec![
            (&session.name, Tone::Heading),
            (host.id.as_str(), Tone::Plain),
            (&session.tool, Tone::Plain),
            (session.state.word(), tone(&session.state)),
            (session.auto.mode.word(), mode_tone(session.auto.mode)),
            (&age, Tone::Plain),
            (&folder(host, session), Tone::Plain),
            (&what(session), Tone::Plain),
        ]);
    }
    table
}

pub fn tone(state: &SessionState) -> Tone {
    match state {
        SessionState::Approval | SessionState::Question => Tone::Urgent,
        SessionState::Working { .. } | SessionState::Starting => Tone::Busy,
        SessionState::Finished => Tone::Good,
        SessionState::Error { .. } | SessionState::Lost => Tone::Bad,
        SessionState::Idle => Tone::Plain,
        SessionState::Exited { .. } | SessionState::Unknown => Tone::Faint,
    }
}

fn mode_tone(mode: Mode) -> Tone {
    match mode {
        Mode::Ask => Tone::Faint,
        Mode::Policy => Tone::Plain,
        Mode::Yes => Tone::Urgent,
    }
}

/// Its folder, `~` for the home folder of its host.
pub fn folder(host: &Host, session: &Session) -> String {
    let home = host.welcome.as_ref().map_or("", |welcome| &welcome.home);
    match session.dir.strip_prefix(home) {
        Some("") if !home.is_empty() => "~".to_owned(),
        Some(rest) if !home.is_empty() && rest.starts_with('/') => format!("~{rest}"),
        _ => session.dir.clone(),
    }
}

/// What it is about: what it asks, what it does, how it ended, else its task.
pub fn what(session: &Session) -> String {
    if let Some(prompt) = &session.prompt {
        let about = if prompt.subject.is_empty() {
            &prompt.question
        } else {
            &prompt.subject
        };
        return format!("{}: {about}", prompt.kind.word());
    }
    match &session.state {
        SessionState::Working { activity } if !activity.is_empty() => activity.clone(),
        SessionState::Error { text } if !text.is_empty() => text.clone(),
        SessionState::Exited {
            code: Some(code), ..
        } => format!("exit code {code}"),
        SessionState::Exited {
            signal: Some(signal),
            ..
        } => format!("killed by signal {signal}"),
        _ => session.task.clone().unwrap_or_default(),
    }
}
