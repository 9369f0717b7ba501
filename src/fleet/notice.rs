//! What reaches the client from its hosts, and how its requests are named.

use std::time::Duration;

use crate::domain::HostId;
use crate::protocol::{Event, Failure, Reply, ScreenUpdate, Tool, Welcome};
use crate::transport::asking::Asked;

/// What reached the client from one host.
#[derive(Debug)]
pub struct HostNotice {
    pub host: HostId,
    pub notice: Notice,
}

#[derive(Debug)]
pub enum Notice {
    /// The host is being connected to, for the first time or again.
    Connecting,
    /// What is being done to connect: a few words without a subject.
    Step(&'static str),
    /// Only the human can answer this; the attempt waits for it. Dropping it answers "no".
    Asked(Asked),
    Connected(Box<Welcome>),
    /// The agent answered; how long it took, the way there and back. Only of hosts that are far away.
    Heard(Duration),
    /// The connection stands, but nothing has been heard over it for longer than is usual.
    Stale,
    /// Something was heard again.
    Fresh,
    /// The connection is gone (or never came about); it is tried again after a pause.
    Disconnected(Failure),
    /// As [`Self::Disconnected`], but it is not tried again by itself: only after [`super::Fleet::reconnect`], a "yes"
    /// to [`crate::transport::asking::Question::TryAgain`] when that was asked, or another way to the host.
    Halted(Failure),
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
