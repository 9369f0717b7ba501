//! Which sessions are meant: filters by context, tag and state, and a session by the beginning of its name or id.
//!
//! Promise: what is misspelt is refused with what was probably meant, and what means several is refused with all of them.

use std::path::Path;

use clap::Args;
use unicode_width::UnicodeWidthStr;

use super::exit::{CommandError, Exit};
use super::reach::{Reach, World};
use crate::config::{Config, nearest};
use crate::domain::{HostId, Session, SessionState};
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

    /// Whether a session is at this place: on its host, and in its folder.
    pub fn holds(&self, host: &Host, session: &Session) -> bool {
        if self.host != host.id {
            return false;
        }
        let Some(dir) = &self.dir else {
            return true;
        };
        let home = host.welcome.as_ref().map_or("", |welcome| &welcome.home);
        let dir = match Path::new(dir).strip_prefix("~") {
            Ok(rest) => Path::new(home).join(rest),
            Err(_absolute) => dir.into(),
        };
        Path::new(&session.dir).starts_with(dir)
    }
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

    pub fn holds(&self, host: &Host, session: &Session) -> bool {
        self.places
            .as_ref()
            .is_none_or(|places| places.iter().any(|place| place.holds(host, session)))
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
    let name = sanitize::label(name, COLUMNS);
    let hint = if let Some(near) = nearest(&name, known.clone()) {
        format!("did you mean “{}”?", sanitize::label(near, COLUMNS))
    } else {
        let known = known.take(LISTED);
        let listed: Vec<String> = known.map(|name| sanitize::label(name, COLUMNS)).collect();
        if listed.is_empty() {
            "there is none".to_owned()
        } else {
            format!("there are: {}", listed.join(", "))
        }
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
    let has_id = |state: &FleetState| {
        let mut sessions = state.hosts.iter().flat_map(|host| host.sessions.keys());
        sessions.any(|id| id.as_str() == name)
    };
    reach.settle_until(has_id).await?;
    choose(&reach.state, scope, name, reach.unreached())
}

fn choose(
    state: &FleetState,
    scope: &Scope,
    name: &str,
    unreached: Vec<CommandError>,
) -> Result<Found, CommandError> {
    let all: Vec<(&Host, &Session)> = sessions(state, scope).collect();
    let is_exact = |session: &Session| session.name == name || session.id.as_str() == name;
    let begins = |session: &Session| {
        !name.is_empty()
            && (session.name.starts_with(name) || session.id.as_str().starts_with(name))
    };
    let mut fitting: Vec<_> = all
        .iter()
        .filter(|(_, session)| is_exact(session))
        .collect();
    if fitting.is_empty() {
        fitting = all.iter().filter(|(_, session)| begins(session)).collect();
    }
    match fitting.as_slice() {
        [(host, session)] => Ok(Found {
            host: host.id.clone(),
            session: (*session).clone(),
        }),
        [] => {
            let names = all.iter().map(|(_, session)| session.name.as_str());
            let missing = unreached.into_iter().next();
            Err(match (missing, nearest(name, names.clone())) {
                // It may be there.
                (Some(host), None) => CommandError::new(
                    Exit::Unreachable,
                    format!(
                        "no session is called “{}”, and {host}",
                        sanitize::label(name, COLUMNS)
                    ),
                    host.hint,
                ),
                _ => no_such("session", name, names),
            })
        }
        several => {
            let lines = described(several.iter().take(LISTED).map(|found| **found));
            Err(CommandError::new(
                Exit::NotFound,
                format!(
                    "{} sessions are called “{}…”",
                    several.len(),
                    sanitize::label(name, COLUMNS)
                ),
                format!("name one of:\n{}", lines.join("\n")),
            ))
        }
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
            .filter(|session| scope.holds(host, session))
            .collect();
        sessions.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        sessions.into_iter().map(move |session| (host, session))
    })
}

/// A line for each, by which it can be told from the others.
fn described<'s>(sessions: impl Iterator<Item = (&'s Host, &'s Session)>) -> Vec<String> {
    let rows: Vec<_> = sessions
        .map(|(host, session)| {
            let name = sanitize::label(&session.name, COLUMNS);
            let id = sanitize::label(session.id.as_str(), COLUMNS);
            let rest = format!("{} on {}, {}", session.tool, host.id, session.state.word());
            (name, id, sanitize::label(&rest, COLUMNS))
        })
        .collect();
    let names = rows.iter().map(|(name, ..)| name.width()).max();
    let ids = rows.iter().map(|(_, id, _)| id.width()).max();
    let pad = |text: &str, columns: Option<usize>| {
        " ".repeat(columns.unwrap_or(0).saturating_sub(text.width()))
    };
    rows.iter()
        .map(|(name, id, rest)| {
            let (after_name, after_id) = (pad(name, names), pad(id, ids));
            format!("  {name}{after_name}  {id}{after_id}  {rest}")
        })
        .collect()
}
