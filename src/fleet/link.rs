//! One live connection to one agent: requests out, their answers matched, the wanted screens asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::front::ORDERS;
use super::notice::RequestId;
use super::road::{BoxReader, BoxWriter, Boxed};
use crate::domain::SessionId;
use crate::protocol::{Failure, Request, ToAgent};
use crate::transport::connection::{ConnectionError, MessageReader, MessageWriter};

/// One live connection. Dropping it cuts all that it runs over.
pub(super) struct Link {
    pub(super) reader: MessageReader<BoxReader>,
    /// To the task that writes; when it is full the host does not read.
    outgoing: mpsc::Sender<ToAgent>,
    pub(super) writing: JoinSet<Result<(), ConnectionError>>,
    next_id: u64,
    /// Requests without an answer, by their number on the wire.
    pub(super) pending: BTreeMap<u64, Asked>,
    pub(super) watched: BTreeSet<SessionId>,
    /// Knows why the stream ended.
    pub(super) ended: Option<Boxed<'static, Failure>>,
    /// How often the agent is asked for a sign of life over a network.
    pub(super) interval: Option<Duration>,
    _guard: Box<dyn Send>,
}

/// Who wants the answer to a request.
pub(super) enum Asked {
    Client(RequestId),
    /// We do, to tell the client which tools there are.
    Tools,
    /// We do, to see it alive and to know how long the way is. Asked then.
    Ping(Instant),
    /// We do, to know whether the session is watched.
    Watch(SessionId),
    Nobody,
}

impl Link {
    pub(super) fn new(
        (reader, writer): (MessageReader<BoxReader>, MessageWriter<BoxWriter>),
        guard: Box<dyn Send>,
        ended: Option<Boxed<'static, Failure>>,
        interval: Option<Duration>,
    ) -> Self {
        let (outgoing, to_write) = mpsc::channel(ORDERS);
        let mut writing = JoinSet::new();
        writing.spawn(write(writer, to_write));
        Self {
            reader,
            outgoing,
            writing,
            next_id: 0,
            pending: BTreeMap::new(),
            watched: BTreeSet::new(),
            ended,
            interval,
            _guard: guard,
        }
    }

    /// Sends a request; false when the host does not read.
    pub(super) fn ask(&mut self, asked: Asked, request: Request) -> bool {
        self.next_id += 1;
        let id = self.next_id;
        let sent = self.outgoing.try_send(ToAgent { id, request }).is_ok();
        if sent {
            self.pending.insert(id, asked);
        }
        sent
    }

    pub(super) fn watch(&mut self, wanted: &BTreeSet<SessionId>) {
        let gone: Vec<SessionId> = self.watched.difference(wanted).cloned().collect();
        let new: Vec<SessionId> = wanted.difference(&self.watched).cloned().collect();
        for session in gone {
            self.watched.remove(&session);
            self.ask(Asked::Nobody, Request::Unwatch { session });
        }
        for session in new {
            self.watch_one(&session);
        }
    }

    pub(super) fn watch_one(&mut self, session: &SessionId) {
        let request = Request::Watch {
            session: session.clone(),
        };
        if !self.watched.contains(session) && self.ask(Asked::Watch(session.clone()), request) {
            self.watched.insert(session.clone());
        }
    }
}

async fn write(
    mut writer: MessageWriter<BoxWriter>,
    mut messages: mpsc::Receiver<ToAgent>,
) -> Result<(), ConnectionError> {
    while let Some(message) = messages.recv().await {
        writer.queue(&message)?;
        while let Ok(message) = messages.try_recv() {
            writer.queue(&message)?;
        }
        writer.flush().await?;
    }
    Ok(())
}
