//! Which sessions are meant: filters by context, tag and state, and a session by the beginning of its name or id.
//!
//! Promise: what is misspelt is refused with what was probably meant, and what means several is refused with all of them.

use std::path::Path;

use clap::Args;
use unicode_width::UnicodeWidthStr;

use super::exit::{CommandError, Exit};
use super::reach::{Reach, World};
use crate::config::{Config, nearest};
use crate::domain::{HostId, Session, SessionId, SessionState};
use crate::fleet::{FleetState, Host, HostSpec, host_of};
use crate::term::sanitize;

/// The widest name or line that is repeated, in columns.
const COLUMNS: usize = 120;
/// How many names are listed in a hint: more would push the message off the screen.
const LISTED: usize = 20;

/// Where: the contexts that count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct Where {
    /// Only this context: its host, and its folder if it has one. "local" is this
    /// machine. May be repeated
    #[arg(long, value_name = "NAME")]
    pub ctx: Vec<String>,

    /// Only contexts with this tag. May be repeated
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
}

/// Which sessions to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct Filter {
    #[command(flatten)]
    pub place: Where,

    /// Only sessions in this state. May be repeated; "waiting" is approval or
    /// question
    #[arg(long, value_name = "STATE", value_parser = STATES)]
    pub state: Vec<String>,
}

/// The words for `--state`.
const STATES: [&str; 11] = [
    "starting", "working", "approval", "question", "waiting", "idle", "finished", "error",
    "exited", "lost", "unknown",
];

impl Filter {
    pub fn fits(&self, state: &SessionState) -> bool {
        let fits = |word: &String| word == state.word() || (word == "waiting" && state.needs_you());
        self.state.is_empty() || self.state.iter().any(fits)
    }
}

/// A context, or a host that no context names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub name: String,
    pub host: HostId,
    /// As the settings say it.
    pub dir: Option<String>,
}

impl Place {
    /// All places of the settings that are switched on, by name, and this machine.
    pub fn all(config: &Config) -> Vec<Self> {
        let contexts = &config.contexts;
        let named = contexts.iter().filter_map(|(name, context)| {
            Some(Self {
                name: name.clone(),
                host: host_of(contexts, name)?,
                dir: context.dir.clone(),
            })
        });
        let mut places: Vec<Self> = named.collect();
        if !contexts.contains_key(HostId::LOCAL) {
            places.insert(0, Self::whole(HostId::local()));
        }
        places
    }

    fn whole(host: HostId) -> Self {
        Self {
            name: host.to_string(),
            host,
            dir: None,
        }
    }

    /// Whether what works in `dir` is at this place: on its host, where `home` is the home folder, and in its folder.
    pub fn holds(&self, host: &HostId, home: &str, dir: &str) -> bool {
        if self.host != *host {
            return false;
        }
        let Some(whole) = &self.dir else {
            return true;
        };
        let whole = match Path::new(whole).strip_prefix("~") {
            Ok(rest) => Path::new(home).join(rest),
            Err(_absolute) => whole.into(),
        };
        Path::new(dir).starts_with(whole)
    }
}

/// The home folder of a host; empty until its agent has said it.
pub fn home(host: &Host) -> &str {
    host.welcome.as_ref().map_or("", |welcome| &welcome.home)
}

/// The places that count, and the ways to their hosts.
#[derive(Clone, Debug)]
pub struct Scope {
    /// `None`: everywhere.
    places: Option<Vec<Place>>,
    pub hosts: Vec<HostSpec>,
}

impl Scope {
    /// # Errors
    /// When no context is called so, or has such a tag, or it is switched off.
    pub fn new(world: &World, wanted: &Where) -> Result<Self, CommandError> {
        let hosts = world.hosts();
        if wanted.ctx.is_empty() && wanted.tag.is_empty() {
            return Ok(Self {
                places: None,
                hosts,
            });
        }
        let mut places = Vec::new();
        for name in &wanted.ctx {
            places.push(place(world, &hosts, name)?);
        }
        if !wanted.tag.is_empty() {
            let tagged = tagged(&world.config, &wanted.tag)?;
            if wanted.ctx.is_empty() {
                places = tagged;
            } else {
                places.retain(|place| tagged.contains(place));
            }
        }
        let hosts = hosts
            .into_iter()
            .filter(|spec| places.iter().any(|place| place.host == spec.id))
            .collect();
        Ok(Self {
            places: Some(places),
            hosts,
        })
    }

    /// Whether the person said which hosts are meant.
    pub fn is_named(&self) -> bool {
        self.places.is_some()
    }

    /// As [`Place::holds`], for any of the places.
    pub fn holds(&self, host: &HostId, home: &str, dir: &str) -> bool {
        self.places
            .as_ref()
            .is_none_or(|places| places.iter().any(|place| place.holds(host, home, dir)))
    }
}

/// The place that is called so: a context, else a host.
///
/// # Errors
/// When there is none, or it is switched off.
pub fn place(world: &World, hosts: &[HostSpec], name: &str) -> Result<Place, CommandError> {
    let all = Place::all(&world.config);
    if let Some(place) = all.iter().find(|place| place.name == name) {
        return Ok(place.clone());
    }
    if world.config.contexts.contains_key(name) {
        return Err(CommandError::new(
            Exit::Refused,
            format!("the context “{name}” is switched off"),
            format!("cm-tui ctx enable {name}"),
        ));
    }
    if let Some(spec) = hosts.iter().find(|spec| spec.id.as_str() == name) {
        return Ok(Place::whole(spec.id.clone()));
    }
    let names = all.iter().map(|place| place.name.as_str());
    Err(no_such("context", name, names))
}

fn tagged(config: &Config, tags: &[String]) -> Result<Vec<Place>, CommandError> {
    let has = |place: &Place, tag: &String| {
        let context = config.contexts.get(&place.name);
        context.is_some_and(|context| context.tags.contains(tag))
    };
    let all = Place::all(config);
    for tag in tags {
        if !all.iter().any(|place| has(place, tag)) {
            let mut known: Vec<&str> = config
                .contexts
                .values()
                .filter(|context| context.enabled)
                .flat_map(|context| context.tags.iter().map(String::as_str))
                .collect();
            known.sort_unstable();
            known.dedup();
            return Err(no_such("tag", tag, known.into_iter()));
        }
    }
    let is_tagged = |place: &Place| tags.iter().any(|tag| has(place, tag));
    Ok(all.into_iter().filter(is_tagged).collect())
}

/// Nothing is called so; with what was probably meant, or what there is.
pub fn no_such<'n>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'n str> + Clone,
) -> CommandError {
    let listed = known.clone().take(LISTED);
    let listed: Vec<String> = listed.map(|name| sanitize::label(name, COLUMNS)).collect();
    unknown(what, name, known, &format!(" {}", listed.join(", ")))
}

fn unknown<'n>(
    what: &str,
    name: &str,
    mut known: impl Iterator<Item = &'n str> + Clone,
    listed: &str,
) -> CommandError {
    let name = sanitize::label(name, COLUMNS);
    let hint = if let Some(near) = nearest(&name, known.clone()) {
        format!("did you mean “{}”?", sanitize::label(near, COLUMNS))
    } else if known.next().is_none() {
        format!("there are no {what}s")
    } else {
        format!("there are:{listed}")
    };
    let message = format!("no {what} is called “{name}”");
    CommandError::new(Exit::NotFound, message, hint)
}

/// One session that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub host: HostId,
    pub session: Session,
}

/// Waits for the hosts and finds the session that `name` means: what is called exactly so comes before what begins so. An
/// id that is told in full needs no other host.
///
/// # Errors
/// When none is meant, or several are; when a host is not reached that may have had it.
pub async fn find(reach: &mut Reach, scope: &Scope, name: &str) -> Result<Found, CommandError> {
    let found = find_any(reach, scope, name).await?;
    found.ok_or_else(|| none(name, &running(&reach.state, scope), reach.unreached()))
}

/// As [`find`], but that none is meant is no error.
pub async fn find_any(
    reach: &mut Reach,
    scope: &Scope,
    name: &str,
) -> Result<Option<Found>, CommandError> {
    let has_id = |state: &FleetState| {
        let mut sessions = state.hosts.iter().flat_map(|host| host.sessions.keys());
        sessions.any(|id| id.as_str() == name)
    };
    reach.settle_until(has_id).await?;
    let running = running(&reach.state, scope);
    let meant = one(name, &running)?;
    Ok(meant.and_then(|one| {
        let session = reach.state.session(&one.host, &one.id)?;
        Some(Found {
            host: one.host.clone(),
            session: session.clone(),
        })
    }))
}

/// What a name can mean.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub host: HostId,
    /// Names it for good.
    pub id: SessionId,
    /// Another word that names it.
    pub alias: Option<SessionId>,
    pub name: String,
    /// What else it can be told by.
    pub rest: String,
}

impl Candidate {
    pub fn is_called(&self, name: &str) -> bool {
        self.words().any(|word| word == name)
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        let ids = self.alias.iter().chain([&self.id]);
        ids.map(SessionId::as_str).chain([self.name.as_str()])
    }
}

fn running(state: &FleetState, scope: &Scope) -> Vec<Candidate> {
    let candidate = |(host, session): (&Host, &Session)| Candidate {
        host: host.id.clone(),
        id: session.id.clone(),
        alias: None,
        name: session.name.clone(),
        rest: format!("{} on {}, {}", session.tool, host.id, session.state.word()),
    };
    sessions(state, scope).map(candidate).collect()
}

/// The one that `name` means, if any is meant.
///
/// # Errors
/// When several are.
pub fn one<'c>(
    name: &str,
    candidates: &'c [Candidate],
) -> Result<Option<&'c Candidate>, CommandError> {
    let all = || candidates.iter();
    let begins = |one: &&Candidate| one.words().any(|word| word.starts_with(name));
    let mut fitting: Vec<_> = all().filter(|one| one.is_called(name)).collect();
    if fitting.is_empty() && !name.is_empty() {
        fitting = all().filter(begins).collect();
    }
    if let [] | [_] = fitting.as_slice() {
        return Ok(fitting.pop());
    }
    let name = sanitize::label(name, COLUMNS);
    Err(CommandError::new(
        Exit::NotFound,
        format!("{} sessions are called “{name}…”", fitting.len()),
        format!("name one of:{}", described(fitting.into_iter())),
    ))
}

/// None of these is meant; `missing` says who was not heard and may have had it.
pub fn none(name: &str, candidates: &[Candidate], missing: Vec<CommandError>) -> CommandError {
    let names = candidates.iter().map(|one| one.name.as_str());
    match missing.into_iter().next() {
        Some(error) if nearest(name, names.clone()).is_none() => {
            let name = sanitize::label(name, COLUMNS);
            let message = format!("no session is called “{name}”, and {error}");
            CommandError { message, ..error }
        }
        _ => unknown("session", name, names, &described(candidates.iter())),
    }
}

/// The sessions of a scope, host by host, oldest first.
pub fn sessions<'s>(
    state: &'s FleetState,
    scope: &'s Scope,
) -> impl Iterator<Item = (&'s Host, &'s Session)> {
    state.hosts.iter().flat_map(move |host| {
        let mut sessions: Vec<&Session> = host
            .sessions
            .values()
            .filter(|session| scope.holds(&host.id, home(host), &session.dir))
            .collect();
        sessions.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        sessions.into_iter().map(move |session| (host, session))
    })
}

/// A line for each, by which it can be told from the others; begins with the end of a line.
fn described<'c>(candidates: impl Iterator<Item = &'c Candidate>) -> String {
    let clean = |text: &str| sanitize::label(text, COLUMNS);
    let rows: Vec<_> = candidates
        .take(LISTED)
        .map(|one| (clean(&one.name), clean(one.id.as_str()), clean(&one.rest)))
        .collect();
    let names = rows.iter().map(|(name, ..)| name.width()).max();
    let ids = rows.iter().map(|(_, id, _)| id.width()).max();
    let pad = |text: &str, columns: Option<usize>| {
        " ".repeat(columns.unwrap_or(0).saturating_sub(text.width()))
    };
    let lines = rows.iter().map(|(name, id, rest)| {
        let (after_name, after_id) = (pad(name, names), pad(id, ids));
        format!("\n  {name}{after_name}  {id}{after_id}  {rest}")
    });
    lines.collect()
}
