//! Where a session can be started: folders on hosts, with the names and the tools that the user gave them.

use super::super::Scene;
use crate::domain::HostId;
use crate::tui::rows::{Selection, home, short_dir};

/// A folder on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub host: HostId,
    /// Short, as people write it.
    pub dir: String,
    /// What the user calls it, if it has a name.
    pub name: Option<String>,
    /// The tool that it is meant for, if one is said.
    pub tool: Option<String>,
}

impl Place {
    pub(super) fn new(host: &HostId, dir: impl Into<String>) -> Self {
        Self {
            host: host.clone(),
            dir: dir.into(),
            name: None,
            tool: None,
        }
    }
}

/// The places there are: the selected one, the one we are in, those with a name, then all others, host by host.
pub(super) fn known_places(
    scene: &Scene<'_>,
    selected: Option<&Selection>,
    here: &str,
) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let mut add = |place: Place| {
        let same = |other: &&mut Place| other.host == place.host && other.dir == place.dir;
        match places.iter_mut().find(same) {
            Some(known) => {
                known.name = known.name.take().or(place.name);
                known.tool = known.tool.take().or(place.tool);
            }
            None => places.push(place),
        }
    };
    let named = || {
        scene.settings.contexts.iter().map(|context| Place {
            host: context.host.clone(),
            dir: context.dir.clone().unwrap_or_else(|| "~".to_owned()),
            name: Some(context.name.clone()),
            tool: context.tool.clone(),
        })
    };
    match selected {
        Some(Selection::Session { target, .. }) => {
            if let Some(host) = scene.fleet.host(&target.host)
                && let Some(session) = host.sessions.get(&target.session)
            {
                add(Place::new(&host.id, short_dir(&session.dir, home(host))));
            }
        }
        Some(Selection::Host(host)) => {
            let first = named().find(|place| place.host == *host);
            add(first.unwrap_or_else(|| Place::new(host, "~")));
        }
        None => {}
    }
    let local = HostId::local();
    if !here.is_empty() {
        let home = scene.fleet.host(&local).and_then(home);
        add(Place::new(&local, short_dir(here, home)));
    }
    named().for_each(&mut add);
    for host in &scene.fleet.hosts {
        let mut dirs: Vec<_> = host
            .sessions
            .values()
            .map(|session| short_dir(&session.dir, home(host)))
            .collect();
        dirs.sort();
        dirs.push("~".to_owned());
        for dir in dirs {
            add(Place::new(&host.id, dir));
        }
    }
    places
}
