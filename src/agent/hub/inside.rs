//! Who is no operator: a process inside a session that we manage may only call the hook of that session.
//!
//! The tools that are watched run as the same user as the person who watches. So whoever connects is held against the panes
//! of our own tmux servers ([`Peer`]): a parent that is a pane's process or the server, a pane's terminal, or the pane in its
//! environment. That holds for a person at a shell in such a session too, as nothing tells the two apart: the dashboard and
//! the commands are for another terminal. What stays possible without a sandbox: a process that leaves its parents, its
//! terminal and its environment behind where no proxy keeps hold of it, and tmux itself.

use tracing::warn;

use super::entry::Entry;
use super::hooks::is_in;
use super::{ClientId, Hub, moment};
use crate::agent::approve::Asked;
use crate::agent::peer::{Peer, terminal};
use crate::domain::{Origin, PromptId, PromptKind, Session, SessionId};
use crate::protocol::{Failure, FailureKind, LogKind, Request};
use crate::term::sanitize;

/// Where a client stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Outside,
    /// In this session, if it is known which.
    Inside(Option<SessionId>),
}

impl Hub {
    pub(super) fn place_of(&self, client: ClientId) -> Place {
        self.clients
            .peer(client)
            .map_or(Place::Outside, |peer| self.place(peer))
    }

    pub(super) fn place(&self, peer: &Peer) -> Place {
        if peer.is_lost {
            return Place::Inside(None);
        }
        let managed = || {
            self.sessions
                .iter()
                .filter(|(_, entry)| entry.session.origin == Origin::Managed)
        };
        let by_parent = managed().find(|(_, entry)| peer.chain.contains(&entry.pid));
        let by_pane = || {
            let pane = peer.pane.as_ref()?;
            managed().find(|(_, entry)| is_in(entry, pane))
        };
        let by_terminal = || {
            let own = peer.terminal?;
            managed().find(|(_, entry)| terminal(entry.pid) == Some(own))
        };
        if let Some((id, _)) = by_parent.or_else(by_pane).or_else(by_terminal) {
            return Place::Inside(Some(id.clone()));
        }
        let is_of_a_server = self
            .servers
            .iter()
            .filter(|server| server.managed)
            .any(|server| {
                let named = peer.pane.as_ref().map(|pane| pane.server_pid);
                peer.chain.contains(&server.pid) || named == Some(server.pid)
            });
        if is_of_a_server {
            Place::Inside(None)
        } else {
            Place::Outside
        }
    }

    /// Refuses what only an operator may ask for.
    pub(super) fn refuse_insiders(
        &mut self,
        client: ClientId,
        request: &Request,
    ) -> Option<Failure> {
        if matches!(
            request,
            Request::Ping | Request::Hook(_) | Request::Decide(_)
        ) {
            return None;
        }
        let Place::Inside(session) = self.place_of(client) else {
            return None;
        };
        let name = self.clients.name(client);
        // Its name alone: what comes with it is foreign text of any length.
        let order = format!("{request:?}");
        let order = order.split(|c: char| !c.is_alphanumeric()).next();
        self.note_insider(session.as_ref(), client, &name, order.unwrap_or_default());
        Some(insider())
    }

    /// Tells people that somebody tried, and the record as well.
    pub(super) fn note_insider(
        &mut self,
        session: Option<&SessionId>,
        client: ClientId,
        name: &str,
        order: &str,
    ) {
        warn!(
            client = client.0,
            ?session,
            "an order from inside a session was refused"
        );
        let nowhere = SessionId::new("");
        let name = sanitize::for_log(name);
        self.log(
            session.unwrap_or(&nowhere),
            LogKind::Refused,
            format!("{name}, from inside the session"),
        );
        if self.approvals.insiders.take(moment().instant) {
            let entry = session.and_then(|session| self.sessions.get(session));
            let text = |of: fn(&Session) -> &String| {
                entry.map_or_else(String::new, |entry| of(&entry.session).clone())
            };
            let asked = Asked {
                session: session.unwrap_or(&nowhere).clone(),
                name: text(|session| &session.name),
                tool: text(|session| &session.tool),
                dir: text(|session| &session.dir),
                prompt: PromptId(0),
                kind: PromptKind::Other,
                subject: format!("{order} of {name}"),
                question: String::new(),
                evidence: Vec::new(),
                before: entry.map_or_else(String::new, Entry::screen),
            };
            let why = "an order from inside a session";
            self.approvals.setup.recorder.refused(asked, why);
        }
    }
}

pub(super) fn insider() -> Failure {
    Failure {
        kind: FailureKind::Refused,
        message: "a program inside a session that cm-agent manages cannot give orders".to_owned(),
        hint: "use a terminal outside of it".to_owned(),
    }
}
