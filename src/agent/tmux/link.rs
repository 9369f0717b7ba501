//! How the rest of this room reaches a connected server: orders in, replies out.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use tokio::sync::{mpsc, oneshot};

use super::{
    command::CommandList, error::TmuxError, facts::ServerRef, parse::Reply, version::Version,
};

/// A list of commands on its way.
#[derive(Debug)]
pub struct Order {
    pub list: CommandList,
    pub reply: oneshot::Sender<Result<Vec<Reply>, TmuxError>>,
}

/// How to reach a connected server; a cheap clone.
#[derive(Clone, Debug)]
pub struct Link {
    /// The server.
    pub server: ServerRef,
    /// Its version.
    pub version: Version,
    /// To its client.
    pub orders: mpsc::Sender<Order>,
    /// Bytes of captured text that a server of 3.2 to 3.5 never frees.
    pub leaked: Arc<AtomicU64>,
    /// Sessions that are being started there.
    pub starting: Arc<AtomicUsize>,
}

impl Link {
    /// Runs `list` and returns all its replies.
    pub async fn run(&self, list: CommandList) -> Result<Vec<Reply>, TmuxError> {
        let gone = || TmuxError::NoServer {
            socket: self.server.socket.clone(),
        };
        let (reply, replies) = oneshot::channel();
        let order = Order { list, reply };
        self.orders.send(order).await.map_err(|_closed| gone())?;
        let replies = replies.await.map_err(|_closed| TmuxError::Interrupted)??;
        match replies.iter().find(|reply| !reply.ok) {
            Some(refused) => Err(TmuxError::Refused {
                message: refused.text(),
            }),
            None => Ok(replies),
        }
    }

    /// Notes replies that hold captured text.
    pub fn note_captures(&self, replies: &[Reply]) {
        let lines = replies.iter().flat_map(|reply| &reply.lines);
        let bytes: usize = lines.map(Vec::len).sum();
        self.leaked.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns the captured bytes that the server may not have freed.
    pub fn leaked(&self) -> u64 {
        self.leaked.load(Ordering::Relaxed)
    }
}

/// A place that is taken until the session that it is for has been started.
#[derive(Debug)]
pub struct Reserved(Arc<AtomicUsize>);

impl Reserved {
    /// Takes a place on `link`.
    pub fn new(link: &Link) -> Self {
        link.starting.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&link.starting))
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
