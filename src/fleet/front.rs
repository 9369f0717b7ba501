//! What the client holds of the fleet: it hands requests over and receives notices, and waits for neither.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::backoff::Gate;
use super::host::{HostTask, Wish};
use super::notice::{HostNotice, RequestId};
use super::road::{Boxed, HostSpec, Road};
use super::wake;
use crate::domain::{HostId, SessionId};
use crate::protocol::Request;

/// Requests that wait for one host; a person makes a few a second.
pub(super) const ORDERS: usize = 256;
/// Notices that wait for the dashboard. When full, the host's socket is not read: the agent then sends whole screens
/// instead of every update.
const NOTICES: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error("no such host")]
    UnknownHost,
    /// The host takes no more requests right now. The request was not sent.
    #[error("too many requests are waiting")]
    Busy,
}

/// The front of all host tasks. Dropping it ends them.
pub struct Fleet {
    /// In the order they are shown.
    hosts: Vec<Front>,
    /// Hosts that were taken away and have not ended yet.
    leaving: Vec<(HostId, oneshot::Receiver<()>)>,
    notices: mpsc::Sender<HostNotice>,
    gate: Arc<Gate>,
    slept: watch::Receiver<Duration>,
    /// Tells of sleep, until the first host needs it: to this machine there is no line that sleep could break.
    sleep: Option<Boxed<'static, ()>>,
    /// Aborts the tasks when dropped.
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Front {
    id: HostId,
    wish: watch::Sender<Wish>,
    orders: mpsc::Sender<(RequestId, Request)>,
    wanted: watch::Sender<BTreeSet<SessionId>>,
    ended: oneshot::Receiver<()>,
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet")
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

impl Fleet {
    /// Starts the host tasks; call inside a tokio runtime. Notices come in the order they happened per host.
    pub fn start(hosts: Vec<HostSpec>) -> (Self, mpsc::Receiver<HostNotice>) {
        Self::start_with_clock(hosts, wake::boot_clock)
    }

    /// As [`Self::start`], with a clock that goes on while the machine sleeps.
    pub fn start_with_clock(
        hosts: Vec<HostSpec>,
        boot: impl Fn() -> Duration + Send + 'static,
    ) -> (Self, mpsc::Receiver<HostNotice>) {
        let (notices, received) = mpsc::channel(NOTICES);
        let (awake, slept) = watch::channel(Duration::ZERO);
        let mut fleet = Self {
            hosts: Vec::new(),
            leaving: Vec::new(),
            notices,
            gate: Arc::default(),
            slept,
            sleep: Some(Box::pin(wake::watch_sleep(boot, awake))),
            tasks: JoinSet::new(),
        };
        fleet.set_hosts(hosts);
        (fleet, received)
    }

    /// Makes these the hosts of the fleet, in this order. One that is there already keeps its connection when the way
    /// to it is the same, and is reached anew when not. The requests of one that is taken away are all answered; nothing
    /// else is heard of it. Of two with one id the first counts.
    pub fn set_hosts(&mut self, hosts: Vec<HostSpec>) {
        while self.tasks.try_join_next().is_some() {}
        self.leaving
            .retain_mut(|(_, ended)| ended.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        if hosts.iter().any(|spec| spec.road.is_remote())
            && let Some(sleep) = self.sleep.take()
        {
            self.tasks.spawn(sleep);
        }
        let mut before = std::mem::take(&mut self.hosts);
        for spec in hosts {
            if self.front(&spec.id).is_some() {
                continue;
            }
            let known = before.iter().position(|front| front.id == spec.id);
            let front = match known.map(|at| before.swap_remove(at)) {
                Some(front) => {
                    front.wish.send_if_modified(|wish| {
                        let is_other = wish.road != spec.road;
                        wish.road = spec.road;
                        is_other
                    });
                    front
                }
                None => self.add(spec),
            };
            self.hosts.push(front);
        }
        for front in before {
            self.leaving.push((front.id, front.ended));
        }
    }

    fn add(&mut self, spec: HostSpec) -> Front {
        let (orders, orders_rx) = mpsc::channel(ORDERS);
        let (wanted, wanted_rx) = watch::channel(BTreeSet::new());
        let (wish, wish_rx) = watch::channel(Wish {
            road: spec.road,
            reconnects: 0,
        });
        let (ending, ended) = oneshot::channel();
        // Its last words must not mix with the first ones of its successor.
        let namesake = self.leaving.iter().position(|(id, _)| *id == spec.id);
        let predecessor = namesake.map(|at| self.leaving.swap_remove(at).1);
        let task = HostTask::new(
            spec.id.clone(),
            self.notices.clone(),
            Arc::clone(&self.gate),
            self.slept.clone(),
            (wish_rx, orders_rx, wanted_rx),
        );
        self.tasks.spawn(async move {
            if let Some(predecessor) = predecessor {
                let _ended = predecessor.await;
            }
            task.run().await;
            drop(ending);
        });
        Front {
            id: spec.id,
            wish,
            orders,
            wanted,
            ended,
        }
    }

    fn front(&self, id: &HostId) -> Option<&Front> {
        self.hosts.iter().find(|front| front.id == *id)
    }

    /// The way to a host as its settings are now, and where its questions go.
    pub(super) fn way(&self, id: &HostId) -> Option<(Road, mpsc::Sender<HostNotice>)> {
        let front = self.front(id)?;
        Some((front.wish.borrow().road.clone(), self.notices.clone()))
    }

    /// The hosts, in the order they are shown.
    pub fn hosts(&self) -> impl Iterator<Item = &HostId> {
        self.hosts.iter().map(|front| &front.id)
    }

    /// Reaches a host anew at once, whatever it is doing now: the human asked for it.
    pub fn reconnect(&self, host: &HostId) {
        if let Some(front) = self.front(host) {
            front.wish.send_modify(|wish| wish.reconnects += 1);
        }
    }

    /// Hands a request over without waiting; the answer comes as [`super::Notice::Replied`] with the same id.
    ///
    /// # Errors
    /// When the request was not taken; no answer will come.
    pub fn send(&self, host: &HostId, id: RequestId, request: Request) -> Result<(), SendError> {
        let front = self.front(host).ok_or(SendError::UnknownHost)?;
        front
            .orders
            .try_send((id, request))
            .map_err(|_full| SendError::Busy)
    }

    /// Says which sessions' screens are wanted from now on, on all hosts together. Kept across reconnects.
    pub fn watch(&self, sessions: &[(HostId, SessionId)]) {
        for front in &self.hosts {
            let wanted: BTreeSet<SessionId> = sessions
                .iter()
                .filter(|(on, _)| *on == front.id)
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
