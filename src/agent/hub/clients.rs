//! Who is connected, and how facts and screens reach them without ever waiting for one.

use std::collections::{HashMap, HashSet};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::inside::{Place, insider};
use super::{Hub, moment};
use crate::agent::hook;
use crate::agent::peer::Peer;
use crate::domain::Seq;
use crate::protocol::{Event, Failure, Reply, Resume, ScreenUpdate, ToClient, Welcome};
use crate::term::sanitize;

/// The widest name of a client that is told, in columns.
const NAME_COLS: usize = 40;

/// One connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// The way to one client.
#[derive(Debug)]
pub struct ClientPort {
    pub id: ClientId,
    /// Program and version, as it says. Foreign text.
    pub name: String,
    /// The process behind it.
    pub peer: Peer,
    pub facts: mpsc::Sender<ToClient>,
    pub screens: mpsc::Sender<ScreenUpdate>,
    /// Cancelled to let the client go.
    pub gone: CancellationToken,
}

#[derive(Debug, Default)]
pub(super) struct Clients {
    ports: HashMap<ClientId, ClientPort>,
    /// Those that only call a hook: they are told nothing of what happens.
    hooks: HashSet<ClientId>,
}

impl Clients {
    pub(super) fn len(&self) -> usize {
        self.ports.len()
    }

    pub(super) fn insert(&mut self, port: ClientPort) {
        self.ports.insert(port.id, port);
    }

    pub(super) fn remove(&mut self, client: ClientId) {
        self.ports.remove(&client);
        self.hooks.remove(&client);
    }

    pub(super) fn tell(&mut self, seq: Seq, event: &Event) {
        let mut all: Vec<ClientId> = self.ports.keys().copied().collect();
        all.retain(|client| !self.hooks.contains(client));
        for client in all {
            self.send(
                client,
                ToClient::Event {
                    seq,
                    event: event.clone(),
                },
            );
        }
    }

    pub(super) fn reply(&mut self, client: ClientId, id: u64, reply: Reply) {
        self.send(client, ToClient::Reply { id, reply });
    }

    /// How a client is named to people: as it calls itself, with its number.
    pub(super) fn name(&self, client: ClientId) -> String {
        let name = self
            .ports
            .get(&client)
            .map_or("", |port| port.name.as_str());
        format!("{} #{}", sanitize::label(name, NAME_COLS), client.0)
    }

    pub(super) fn peer(&self, client: ClientId) -> Option<&Peer> {
        self.ports.get(&client).map(|port| &port.peer)
    }

    /// Puts a fact into the client's queue. A client whose queue is full is let go: it reconnects and resumes, so
    /// nothing is lost.
    pub(super) fn send(&mut self, client: ClientId, fact: ToClient) {
        let Some(port) = self.ports.get(&client) else {
            return;
        };
        if port.facts.try_send(fact).is_err() {
            warn!(client = client.0, "client does not read; letting it go");
            port.gone.cancel();
            self.ports.remove(&client);
        }
    }

    /// Whether the update found room in the client's queue.
    pub(super) fn show(&self, client: ClientId, update: ScreenUpdate) -> bool {
        self.ports
            .get(&client)
            .is_some_and(|port| port.screens.try_send(update).is_ok())
    }
}

impl Hub {
    /// Lets a client in: the answer to its hello first, then what it does not know.
    pub(super) fn welcome(
        &mut self,
        port: ClientPort,
        version: u16,
        resume: Option<Resume>,
        welcome: oneshot::Sender<Result<Welcome, Failure>>,
    ) {
        let is_hook = port.name == hook::CLIENT;
        if let (false, Place::Inside(session)) = (is_hook, self.place(&port.peer)) {
            self.note_insider(session.as_ref(), port.id, &port.name, "a connection");
            // It may be gone already; then there is nobody to tell.
            let _told = welcome.send(Err(insider()));
            return;
        }
        let missed = resume.and_then(|resume| self.journal.missed(resume));
        let greeting = Welcome {
            version,
            agent: crate::agent::NAME_AND_VERSION.to_owned(),
            run: self.journal.run(),
            host: sanitize::label(
                rustix::system::uname()
                    .nodename()
                    .to_string_lossy()
                    .as_ref(),
                64,
            ),
            now: moment().wall,
            home: self.config.home.to_string_lossy().into_owned(),
            resumed: missed.is_some(),
        };
        let client = port.id;
        info!(
            client = client.0,
            name = sanitize::for_log(&port.name),
            resumed = missed.is_some(),
            "client joined"
        );
        self.clients.insert(port);
        if welcome.send(Ok(greeting)).is_err() {
            return self.farewell(client);
        }
        if is_hook {
            self.clients.hooks.insert(client);
            return;
        }
        let facts = missed.unwrap_or_else(|| {
            let snapshot = Event::Snapshot {
                sessions: self
                    .sessions
                    .values()
                    .map(|entry| entry.session.clone())
                    .collect(),
                log: self.journal.log(),
                trouble: self.trouble.clone(),
            };
            vec![(self.journal.seq(), snapshot)]
        });
        for (seq, event) in facts {
            self.clients.send(client, ToClient::Event { seq, event });
        }
    }

    pub(super) fn farewell(&mut self, client: ClientId) {
        self.clients.remove(client);
        self.hook_left(client);
        for entry in self.sessions.values_mut() {
            entry.watchers.remove(&client);
        }
    }
}
