//! The thread that reads: takes in the descriptors of panes and never stops emptying them.

use std::{
    io,
    os::unix::net::{UnixListener as StdListener, UnixStream as StdStream},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::Interest,
    net::{UnixListener, UnixStream},
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use super::super::handover::receive_fd;
use super::{Shared, StreamId};

/// Bytes taken from a socket in one read; about what the kernel lets tmux put there before it has to wait.
const READ: usize = 128 * 1024;

/// A burst larger than this is read in fewer, larger steps, which saves most of the wake-ups of a flood.
const BURST: usize = 16 * 1024;

/// The pause after a burst: not visible, and long enough to collect a larger one.
const BURST_PAUSE: Duration = Duration::from_millis(1);

/// The pause between two rounds of throwing away. tmux writes 20 MB/s at most, which is 100 kB in this time, and the
/// kernel holds more than that: tmux never has to buffer.
const DISCARD_PAUSE: Duration = Duration::from_millis(5);

/// How long a connected helper may take to say who it is.
const HANDOVER: Duration = Duration::from_secs(2);

/// The reading thread.
#[derive(Clone)]
pub(super) struct Reader {
    shared: Arc<Shared>,
    /// One for all streams: tasks of this thread take turns and no one waits while holding it.
    scratch: Arc<Mutex<Box<[u8]>>>,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let scratch = vec![0; READ].into_boxed_slice();
        Self {
            shared,
            scratch: Arc::new(Mutex::new(scratch)),
        }
    }

    pub(super) async fn accept(self, listener: StdListener) {
        let listener = match UnixListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                warn!(%error, "cannot listen for pane descriptors");
                return;
            }
        };
        loop {
            match listener.accept().await {
                Ok((helper, _)) => {
                    let reader = self.clone();
                    tokio::spawn(async move {
                        match timeout(HANDOVER, reader.receive(helper)).await {
                            Ok(Ok((stream, pane))) => reader.read(stream, pane).await,
                            Ok(Err(error)) => debug!(%error, "no pane descriptor"),
                            Err(_) => debug!("a helper did not say which pane it brings"),
                        }
                    });
                }
                Err(error) => {
                    // Out of descriptors, most likely; reading must go on.
                    warn!(%error, "cannot accept a pane descriptor");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn receive(&self, helper: UnixStream) -> io::Result<(StreamId, UnixStream)> {
        let refused = |why: &str| io::Error::new(io::ErrorKind::PermissionDenied, why);
        if helper.peer_cred()?.uid() != self.shared.uid {
            return Err(refused("from another user"));
        }
        let (id, fd) = loop {
            helper.readable().await?;
            match helper.try_io(Interest::READABLE, || receive_fd(&helper)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => break result?,
            }
        };
        let stream = StreamId::parse(&id).ok_or_else(|| refused("no stream id"))?;
        if !self.shared.state().awaited.remove(&stream) {
            return Err(refused("nobody waits for this stream"));
        }
        let pane = StdStream::from(fd);
        let pane = match pane.set_nonblocking(true) {
            Ok(()) => UnixStream::from_std(pane),
            Err(error) => Err(error),
        };
        match pane {
            Ok(pane) => Ok((stream, pane)),
            Err(error) => {
                self.shared.end(stream);
                Err(error)
            }
        }
    }

    pub(super) async fn read(&self, stream: StreamId, pane: UnixStream) {
        while pane.readable().await.is_ok() {
            let Some(got) = self.drain(stream, &pane) else {
                break;
            };
            if self.shared.is_discarding(stream) {
                sleep(DISCARD_PAUSE).await;
            } else if got > BURST {
                sleep(BURST_PAUSE).await;
            }
        }
        self.shared.end(stream);
    }

    /// Takes what is there, but not for ever; `None` at the end.
    fn drain(&self, stream: StreamId, pane: &UnixStream) -> Option<usize> {
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let mut got = 0;
        while got < 2 * READ {
            match pane.try_read(&mut scratch) {
                Ok(0) => return None,
                Ok(count) => {
                    got += count;
                    self.shared
                        .push(stream, scratch.get(..count).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        Some(got)
    }
}
