//! What all tasks of this room share, and how they report.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{TmuxConfig, facts::TmuxEvent, link::Link, streams::Streams, version::Version};

/// What all tasks of this room share.
#[derive(Debug)]
pub struct Context {
    /// As given.
    pub config: TmuxConfig,
    /// Of the installed program.
    pub version: Version,
    /// The configuration file of our servers.
    pub configuration: PathBuf,
    /// What our pipes are marked with.
    pub owner: String,
    /// Where helpers bring the panes' descriptors.
    pub pane_socket: PathBuf,
    /// The panes' output.
    pub streams: Streams,
    /// Facts for the hub; a full queue delays them, it never delays orders.
    pub events: mpsc::Sender<TmuxEvent>,
    /// The connected servers.
    pub links: watch::Sender<HashMap<PathBuf, Link>>,
    /// Cancelled at shutdown.
    pub stop: CancellationToken,
}

impl Context {
    /// Says how a server is reached now.
    pub fn publish(&self, socket: &Path, link: Option<Link>) {
        self.links.send_modify(|links| {
            match link {
                Some(link) => links.insert(socket.to_owned(), link),
                None => links.remove(socket),
            };
        });
    }

    pub fn link(&self, socket: &Path) -> Option<Link> {
        self.links.borrow().get(socket).cloned()
    }

    /// Reports a fact when the hub is ready for it, but does not hold up the shutdown.
    pub async fn report(&self, event: TmuxEvent) {
        let _stopped = self.stop.run_until_cancelled(self.events.send(event)).await;
    }

    pub async fn problem(&self, socket: &Path, message: String, hint: &str) {
        let problem = TmuxEvent::Problem {
            socket: socket.to_owned(),
            message,
            hint: hint.to_owned(),
        };
        self.report(problem).await;
    }
}
