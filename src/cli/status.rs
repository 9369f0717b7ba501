//! `cm-tui status`: how many sessions are in which state and which need the person; one session in full; or what changes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use super::exit::CommandError;
use super::list::{folder, overview, table, tone, what};
use super::mode;
use super::pick::{self, Filter, Found, Place, Scope};
use super::reach::{Heard, Reach, World, block_on, unreached};
use super::say::{self, Tone};
use super::shape::SessionShape;
use super::{Globals, exit};
use crate::domain::{HostId, Session, SessionId, UnixMillis};
use crate::fleet::{FleetState, Host};
use crate::term::sanitize;
use crate::tui::clock::age;

/// The widest text on a line, in columns.
const COLUMNS: usize = 400;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    /// One session in full: its name or id, or the beginning of one
    pub session: Option<String>,

    /// Print each change of a state until interrupted; of one session, until its
    /// program ends
    #[arg(long, short)]
    pub follow: bool,

    #[command(flatten)]
    pub filter: Filter,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let world = World::new(globals)?;
    let scope = Scope::new(&world, &arguments.filter.place)?;
    let places = Place::all(&world.config);
    let is_coloured = globals.color.is_wanted();
    block_on(async {
        let mut reach = Reach::start(scope.hosts.clone());
        let found = if let Some(name) = &arguments.session {
            Some(pick::find(&mut reach, &scope, name).await?)
        } else {
            reach.settle().await?;
            None
        };
        if arguments.follow {
            let follower = Follower {
                arguments,
                scope: &scope,
                places: &places,
                is_coloured,
                only: found,
                told: BTreeMap::new(),
            };
            follower.run(&mut reach).await?;
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(Found { host, session }) = &found {
            let host = reach.state.host(host);
            let host = host.expect("it was found on a host that we have");
            if arguments.json {
                say::print_json(&SessionShape::of(host, session, &places))?;
            } else {
                say::print(&in_full(host, session, reach.now(), is_coloured))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let sessions: Vec<_> = pick::sessions(&reach.state, &scope)
            .filter(|(_, session)| arguments.filter.fits(&session.state))
            .collect();
        if arguments.json {
            say::print_json(&overview(&reach, &sessions, &places))?;
        } else {
            say::print(&summary(&reach, &sessions, is_coloured))?;
        }
        reach.missing(scope.is_named())?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The states of each host, and what needs the person.
fn summary(reach: &Reach, sessions: &[(&Host, &Session)], is_coloured: bool) -> String {
    let mut text = String::new();
    for host in &reach.state.hosts {
        let mut counts: BTreeMap<&str, (usize, Tone)> = BTreeMap::new();
        for (_, session) in sessions.iter().filter(|(on, _)| on.id == host.id) {
            let count = counts.entry(session.state.word()).or_default();
            *count = (count.0 + 1, tone(&session.state));
        }
        let counts: Vec<String> = counts
            .iter()
            .map(|(word, (count, tone))| tone.paint(&format!("{count} {word}"), is_coloured))
            .collect();
        let line = if unreached(host).is_some() {
            Tone::Bad.paint("not reached", is_coloured)
        } else if counts.is_empty() {
            "no sessions".to_owned()
        } else {
            counts.join(", ")
        };
        let _never = writeln!(text, "{}: {line}", host.id);
        if let Some(trouble) = &host.trouble {
            let message = sanitize::label(&trouble.message, COLUMNS);
            let _never = writeln!(text, "  {}", Tone::Bad.paint(&message, is_coloured));
        }
    }
    let waiting: Vec<_> = sessions
        .iter()
        .filter(|(_, session)| session.state.needs_you())
        .copied()
        .collect();
    if !waiting.is_empty() {
        text.push('\n');
        text.push_str(&table(&waiting, reach.now()).text(is_coloured));
    }
    text
}

/// Everything about one session, a fact a line.
fn in_full(host: &Host, session: &Session, now: UnixMillis, is_coloured: bool) -> String {
    let mut text = String::new();
    let mut fact = |label: &str, value: &str, tone: Tone| {
        let value = sanitize::label(value, COLUMNS);
        if !value.is_empty() {
            let _never = writeln!(text, "{label:<10}{}", tone.paint(&value, is_coloured));
        }
    };
    let plain = Tone::Plain;
    fact("session", &session.name, Tone::Heading);
    fact("id", session.id.as_str(), plain);
    fact("host", host.id.as_str(), plain);
    fact("tool", &session.tool, plain);
    fact("folder", &folder(host, session), plain);
    fact("task", session.task.as_deref().unwrap_or_default(), plain);
    fact("state", session.state.word(), tone(&session.state));
    let since = age(host.age(session.since, now));
    fact("since", &format!("{since} ago"), plain);
    fact("mode", &mode::words(host, &session.auto, now), plain);
    fact("rule", &session.rule, plain);
    fact("against", &session.disagreement, plain);
    let Some(prompt) = &session.prompt else {
        fact("what", &what(session), plain);
        return text;
    };
    fact("prompt", &prompt.id.0.to_string(), plain);
    fact("kind", prompt.kind.word(), plain);
    fact("question", &prompt.question, plain);
    fact("subject", &prompt.subject, Tone::Urgent);
    for choice in &prompt.choices {
        let answer = match choice.answer {
            Some(crate::domain::Answer::Yes) => "approve",
            Some(crate::domain::Answer::No) => "deny",
            None => "by hand",
        };
        fact("choice", &format!("{answer}: {}", choice.label), plain);
    }
    text
}

/// Prints what changes.
struct Follower<'a> {
    arguments: &'a Arguments,
    scope: &'a Scope,
    places: &'a [Place],
    is_coloured: bool,
    /// The one session that counts, if one does.
    only: Option<Found>,
    /// What was last said of each session: state and prompt.
    told: BTreeMap<(HostId, SessionId), String>,
}

#[derive(Serialize)]
struct Change<'s> {
    at: UnixMillis,
    what: &'static str,
    host: &'s HostId,
    session: Option<SessionShape<'s>>,
    id: &'s str,
}

impl Follower<'_> {
    async fn run(mut self, reach: &mut Reach) -> Result<(), CommandError> {
        if !self.tell(&reach.state, reach.now(), "now")? {
            return Ok(());
        }
        let mut lost: Vec<CommandError> = Vec::new();
        loop {
            let heard = reach.hear().await?;
            // A connection that breaks is told of once; it is sought again by itself.
            let missing = reach.unreached();
            for error in missing.iter().filter(|error| !lost.contains(error)) {
                say::complain(error);
            }
            lost = missing;
            if heard == Heard::Event && !self.tell(&reach.state, reach.now(), "changed")? {
                return Ok(());
            }
        }
    }

    /// Says what is new. Returns whether there is somebody to tell, and something that may change.
    fn tell(
        &mut self,
        state: &FleetState,
        now: UnixMillis,
        word: &'static str,
    ) -> Result<bool, CommandError> {
        let wanted = self
            .only
            .as_ref()
            .map(|only| (&only.host, &only.session.id));
        let sessions: Vec<(&Host, &Session)> = pick::sessions(state, self.scope)
            .filter(|(host, session)| {
                wanted.is_none_or(|(on, id)| *on == host.id && *id == session.id)
            })
            .collect();
        for (host, session) in &sessions {
            let key = (host.id.clone(), session.id.clone());
            // What is thought of a prompt changes while it is the same one.
            let prompt = session.prompt.as_ref();
            let asked = prompt.map(|prompt| (prompt.id, prompt.kind, &prompt.subject));
            let news = format!("{:?} {asked:?}", session.state);
            let before = self.told.insert(key, news.clone());
            let is_news = before.as_ref() != Some(&news);
            if !is_news || !self.arguments.filter.fits(&session.state) {
                continue;
            }
            if !self.line(host, session, now, word)? {
                return Ok(false);
            }
        }
        let is_here = |key: &(HostId, SessionId)| {
            let mut sessions = sessions.iter();
            sessions.any(|(host, session)| host.id == key.0 && session.id == key.1)
        };
        let gone: Vec<_> = self
            .told
            .keys()
            .filter(|key| !is_here(key))
            .cloned()
            .collect();
        for key in gone {
            self.told.remove(&key);
            if !self.removed(&key, now)? {
                return Ok(false);
            }
        }
        let is_over = match (wanted, sessions.first()) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(_), Some((_, session))) => session.state.is_over(),
        };
        Ok(!is_over)
    }

    fn line(
        &self,
        host: &Host,
        session: &Session,
        at: UnixMillis,
        what_happened: &'static str,
    ) -> Result<bool, CommandError> {
        if self.arguments.json {
            return say::print_json_line(&Change {
                at,
                what: what_happened,
                host: &host.id,
                session: Some(SessionShape::of(host, session, self.places)),
                id: session.id.as_str(),
            });
        }
        let state = tone(&session.state).paint(session.state.word(), self.is_coloured);
        say::print(&format!(
            "{}  {}  {state}  {}\n",
            host.id,
            sanitize::label(&session.name, COLUMNS),
            sanitize::label(&what(session), COLUMNS)
        ))
    }

    fn removed(&self, key: &(HostId, SessionId), at: UnixMillis) -> Result<bool, CommandError> {
        let (host, id) = key;
        if self.arguments.json {
            return say::print_json_line(&Change {
                at,
                what: "removed",
                host,
                session: None,
                id: id.as_str(),
            });
        }
        let state = Tone::Faint.paint("removed", self.is_coloured);
        say::print(&format!("{host}  {id}  {state}\n"))
    }
}
