//! What the client holds of the fleet: it hands requests over and receives notices, and waits for neither.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::host::HostTask;
use crate::domain::{HostId, SessionId};
use crate::paths::Paths;
use crate::protocol::{Event, Failure, Reply, Request, ScreenUpdate, Tool, Welcome};

/// Requests that wait for one host; a person makes a few a second.
pub(super) const ORDERS: usize = 256;
/// Notices that wait for the dashboard. When full, the host's socket is not read: the agent then sends whole screens
/// instead of every update.
const NOTICES: usize = 1024;

/// How the hosts are reached.
#[derive(Clone, Debug)]
pub struct FleetConfig {
    /// Where the agent of this machine listens.
    pub paths: Paths,
    /// The agent's program, to start it when none runs.
    pub agent_program: PathBuf,
}

/// What reached the client from one host.
#[derive(Debug)]
pub struct HostNotice {
    pub host: HostId,
    pub notice: Notice,
}

#[derive(Debug)]
pub enum Notice {
    Connecting,
    Connected(Box<Welcome>),
    /// The connection is gone (or never came about); it is tried again after a pause.
    Disconnected(Failure),
    Event(Box<Event>),
    Screen(ScreenUpdate),
    /// Sent once after each connect.
    Tools(Vec<Tool>),
    /// The answer to a request; also sent, as [`Reply::Failed`], when the connection ends before the answer came.
    Replied {
        id: RequestId,
        reply: Box<Reply>,
    },
}

/// Names one request of this client, so that its answer can be told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error("no such host")]
    UnknownHost,
    /// The host takes no more requests right now. The request was not sent.
    #[error("too many requests are waiting")]
    Busy,
}

/// The front of all host tasks. Dropping it ends them.
#[derive(Debug)]
pub struct Fleet {
    hosts: BTreeMap<HostId, Front>,
    /// Aborts the tasks when dropped.
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Front {
    orders: mpsc::Sender<(RequestId, Request)>,
    wanted: watch::Sender<BTreeSet<SessionId>>,
}

impl Fleet {
    /// Starts the host tasks; call inside a tokio runtime. Notices come in the order they happened per host.
    pub fn start(config: FleetConfig) -> (Self, mpsc::Receiver<HostNotice>) {
        let (notices, received) = mpsc::channel(NOTICES);
        let (orders, orders_rx) = mpsc::channel(ORDERS);
        let (wanted, wanted_rx) = watch::channel(BTreeSet::new());
        let host = HostId::local();
        let task = HostTask {
            host: host.clone(),
            config,
            notices,
            orders: orders_rx,
            wanted: wanted_rx,
            resume: None,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(task.run());
        (
            Self {
                hosts: BTreeMap::from([(host, Front { orders, wanted })]),
                _tasks: tasks,
            },
            received,
        )
    }

    /// The hosts, in the order they are shown.
    pub fn hosts(&self) -> impl Iterator<Item = &HostId> {
        self.hosts.keys()
    }

    /// Hands a request over without waiting; the answer comes as [`Notice::Replied`] with the same id.
    ///
    /// # Errors
    /// When the request was not taken; no answer will come.
    pub fn send(&self, host: &HostId, id: RequestId, request: Request) -> Result<(), SendError> {
        let front = self.hosts.get(host).ok_or(SendError::UnknownHost)?;
        front
            .orders
            .try_send((id, request))
            .map_err(|_full| SendError::Busy)
    }

    /// Says which sessions' screens are wanted from now on, on all hosts together. Kept across reconnects.
    pub fn watch(&self, sessions: &[(HostId, SessionId)]) {
        for (host, front) in &self.hosts {
            let wanted: BTreeSet<SessionId> = sessions
                .iter()
                .filter(|(on, _)| on == host)
                .map(|(_, session)| session.clone())
                .collect();
            front.wanted.send_if_modified(|current| {
                let changed = *current != wanted;
                *current = wanted;
                changed
            });
        }
    }
}
