//! The list as rows: who needs you, then every context with its sessions.
//!
//! Promise: a session keeps its place in its context whatever its state, and a host whether it is there or not; the order
//! depends on nothing that changes while they live, except a session's name.

use std::collections::BTreeMap;

use super::effect::Target;
use crate::domain::{HostId, Session};
use crate::fleet::{FleetState, Host};

/// Which part of the list a row is in. A session that needs you has a row in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Waiting,
    Tree,
}

/// What can be selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    Session {
        target: Target,
        part: Part,
    },
    /// A host without sessions.
    Host(HostId),
}

impl Selection {
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Session { target, .. } => Some(target),
            Self::Host(_) => None,
        }
    }

    pub fn host(&self) -> &HostId {
        match self {
            Self::Session { target, .. } => &target.host,
            Self::Host(host) => host,
        }
    }

    /// Whether it is the same session or host, in whichever part of the list.
    pub fn is_same(&self, other: &Self) -> bool {
        self.target() == other.target() && self.host() == other.host()
    }
}

/// How much room the list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Density {
    /// Titles, contexts and gaps.
    Full,
    /// Sessions only, each once, waiting ones first.
    Flat,
}

#[derive(Clone, Debug)]
pub enum Row<'a> {
    /// The title of the first part, with how many wait.
    Title(usize),
    Gap,
    /// A context: host and folder, as a path on the host; or a host alone, when it has no sessions.
    Group {
        host: &'a Host,
        dir: Option<String>,
        count: usize,
    },
    Session {
        host: &'a Host,
        session: &'a Session,
        part: Part,
    },
}

impl Row<'_> {
    /// What selecting this row selects.
    pub fn selects(&self) -> Option<Selection> {
        match self {
            Self::Session {
                host,
                session,
                part,
            } => Some(Selection::Session {
                target: Target::new(&host.id, &session.id),
                part: *part,
            }),
            Self::Group {
                host, dir: None, ..
            } => Some(Selection::Host(host.id.clone())),
            _ => None,
        }
    }
}

/// What the list is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub text: String,
    /// Whether keys go into it now.
    pub editing: bool,
}

impl Filter {
    /// Whether every word occurs in what a session shows; a leading `!` turns it round.
    pub fn matches(&self, host: &Host, session: &Session) -> bool {
        self.fits(&format!(
            "{} {} {} {} {}",
            session.name,
            host.id,
            session.tool,
            session.dir,
            session.state.word()
        ))
    }

    /// Whether a host without sessions is shown.
    pub fn matches_host(&self, host: &Host) -> bool {
        self.fits(host.id.as_str())
    }

    fn fits(&self, shown: &str) -> bool {
        let (inverted, words) = match self.text.strip_prefix('!') {
            Some(words) => (true, words),
            None => (false, self.text.as_str()),
        };
        if words.trim().is_empty() {
            return true;
        }
        let shown = shown.to_lowercase();
        let all = words
            .split_whitespace()
            .all(|word| shown.contains(&word.to_lowercase()));
        all != inverted
    }
}

/// A folder as people write it: `~` for the home folder.
pub fn short_dir(dir: &str, home: Option<&str>) -> String {
    let home = home
        .map(|home| home.trim_end_matches('/'))
        .filter(|home| !home.is_empty());
    match home.and_then(|home| dir.strip_prefix(home)) {
        Some("") => "~".to_owned(),
        Some(rest) if rest.starts_with('/') => format!("~{rest}"),
        _ => dir.to_owned(),
    }
}

pub fn home(host: &Host) -> Option<&str> {
    host.welcome.as_ref().map(|welcome| welcome.home.as_str())
}

/// The sessions that wait, oldest first on our own clock.
pub fn waiting<'a>(fleet: &'a FleetState, filter: &Filter) -> Vec<(&'a Host, &'a Session)> {
    let mut waiting: Vec<_> = fleet
        .hosts
        .iter()
        .flat_map(|host| host.sessions.values().map(move |session| (host, session)))
        .filter(|(host, session)| {
            session.state.needs_you() && host.is_live() && filter.matches(host, session)
        })
        .collect();
    waiting.sort_by_key(|(host, session)| {
        let since = session.since.saturating_add_signed(host.clock_offset);
        (since, host.id.clone(), session.id.clone())
    });
    waiting
}

/// All rows, top first.
pub fn rows<'a>(fleet: &'a FleetState, filter: &Filter, density: Density) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    let waiting = waiting(fleet, filter);
    if !waiting.is_empty() && density == Density::Full {
        rows.push(Row::Title(waiting.len()));
    }
    rows.extend(waiting.iter().map(|(host, session)| Row::Session {
        host,
        session,
        part: Part::Waiting,
    }));
    for host in &fleet.hosts {
        let groups = groups(host, filter);
        if host.sessions.is_empty() {
            let alone = fleet.hosts.len() == 1 && host.is_live() && host.trouble.is_none();
            if !alone && filter.matches_host(host) {
                push_alone(&mut rows, host, density);
            }
            continue;
        }
        match density {
            Density::Full => push_host(&mut rows, host, groups),
            Density::Flat => rows.extend(
                groups
                    .into_values()
                    .flatten()
                    .filter(|session| !(session.state.needs_you() && host.is_live()))
                    .map(|session| Row::Session {
                        host,
                        session,
                        part: Part::Tree,
                    }),
            ),
        }
    }
    rows
}

fn groups<'a>(host: &'a Host, filter: &Filter) -> BTreeMap<String, Vec<&'a Session>> {
    let mut groups: BTreeMap<String, Vec<&Session>> = BTreeMap::new();
    for session in host.sessions.values() {
        if filter.matches(host, session) {
            let dir = short_dir(&session.dir, home(host));
            groups.entry(dir).or_default().push(session);
        }
    }
    for sessions in groups.values_mut() {
        sessions.sort_by(|a, b| (a.created, &a.name, &a.id).cmp(&(b.created, &b.name, &b.id)));
    }
    groups
}

/// A host that has no sessions.
fn push_alone<'a>(rows: &mut Vec<Row<'a>>, host: &'a Host, density: Density) {
    // Hosts without sessions stand close together: a gap for each would push the others out of sight.
    let follows_another = matches!(rows.last(), Some(Row::Group { dir: None, .. }));
    if density == Density::Full && !follows_another {
        gap(rows);
    }
    rows.push(Row::Group {
        host,
        dir: None,
        count: 0,
    });
}

fn push_host<'a>(
    rows: &mut Vec<Row<'a>>,
    host: &'a Host,
    groups: BTreeMap<String, Vec<&'a Session>>,
) {
    for (dir, sessions) in groups {
        gap(rows);
        rows.push(Row::Group {
            host,
            dir: Some(dir),
            count: sessions.len(),
        });
        rows.extend(sessions.into_iter().map(|session| Row::Session {
            host,
            session,
            part: Part::Tree,
        }));
    }
}

fn gap(rows: &mut Vec<Row<'_>>) {
    if !rows.is_empty() {
        rows.push(Row::Gap);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/home/a", "~")]
    #[case("/home/a/src", "~/src")]
    #[case("/home/ab", "/home/ab")]
    #[case("/", "/")]
    #[case("", "")]
    fn folders_are_shortened_at_a_whole_name(#[case] dir: &str, #[case] shown: &str) {
        assert_eq!(short_dir(dir, Some("/home/a/")), shown);
        assert_eq!(short_dir(dir, None), dir);
        assert_eq!(short_dir(dir, Some("/")), dir);
    }
}
