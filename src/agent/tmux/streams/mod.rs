//! Raw pane output: how a pane's descriptor reaches the agent, and the thread that never stops reading.
//!
//! tmux buffers without limit what nobody reads from a pipe, so reading must not depend on the rest of the agent:
//! a thread of its own reads every stream into a bounded buffer and throws away what does not fit. A stream that
//! lost bytes is useless and says so; joining the pane again starts a new one.

mod reader;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    hash::{BuildHasher as _, RandomState},
    io,
    os::unix::{fs::PermissionsExt as _, net::UnixListener as StdListener},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use self::reader::Reader;
use super::error::TmuxError;

/// Unread bytes kept of one stream: some hundred full redraws of a coloured screen. More means that the pane floods or
/// the agent is behind, and a new join is cheaper than parsing it all.
const BUFFER: usize = 256 * 1024;

/// How long a pane's descriptor may take to arrive: tmux only has to start a small program.
const ARRIVAL: Duration = Duration::from_secs(10);

/// One run of a pane's pipe; never used twice, also not by another run of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u64);

impl StreamId {
    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What arrived on one stream since the last [`Streams::take`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The stream.
    pub stream: StreamId,
    /// The bytes, in order and without gaps; empty once the stream overflowed. At most 256 KiB.
    pub bytes: Vec<u8>,
    /// Bytes were thrown away: join the pane again. Reported once.
    pub overflowed: bool,
    /// No more bytes will come: the pane was closed, joined again or released, or its descriptor never arrived.
    /// Reported once, after the last bytes.
    pub ended: bool,
}

/// The output of all joined panes; a cheap clone.
#[derive(Clone, Debug)]
pub struct Streams {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Notify,
    /// Distinguishes this run of the agent from others.
    run: u32,
    next: AtomicU32,
    stop: CancellationToken,
    uid: u32,
}

#[derive(Debug, Default)]
struct State {
    /// Streams whose descriptor is on its way.
    awaited: HashSet<StreamId>,
    buffers: HashMap<StreamId, Buffer>,
    /// Streams with news, in the order in which the news came.
    news: Vec<StreamId>,
}

#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    /// Whether the owner of the pane knows of the stream; until then everything is kept.
    is_open: bool,
    has_news: bool,
    flow: Flow,
    ended: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flow {
    #[default]
    Kept,
    /// Thrown away because there was too much, which `take` has not told yet.
    Overflowed,
    /// Thrown away.
    Discarded,
}

impl Streams {
    /// Listens on `socket` (replacing what a predecessor left there) and starts the reading thread, which ends with
    /// [`Streams::stop`].
    pub(super) fn listen(socket: &Path) -> Result<Self, TmuxError> {
        let failed = |what| {
            let path = socket.to_owned();
            move |source| TmuxError::File { what, path, source }
        };
        match std::fs::remove_file(socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove")(error));
            }
            _ => {}
        }
        let listener = StdListener::bind(socket).map_err(failed("listen on"))?;
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(socket, private).map_err(failed("protect"))?;
        listener
            .set_nonblocking(true)
            .map_err(failed("listen on"))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed("listen on"))?;
        let streams = Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                wake: Notify::new(),
                run: RandomState::new().hash_one(std::process::id()) as u32,
                next: AtomicU32::new(0),
                stop: CancellationToken::new(),
                uid: rustix::process::getuid().as_raw(),
            }),
        };
        let reader = Reader::new(Arc::clone(&streams.shared));
        let stop = streams.shared.stop.clone();
        thread::Builder::new()
            .name("pane-reader".to_owned())
            .spawn(move || {
                // Dropping the runtime closes all descriptors.
                runtime.block_on(stop.run_until_cancelled(reader.accept(listener)));
            })
            .map_err(failed("start a thread to read from"))?;
        Ok(streams)
    }

    /// Waits until [`Streams::take`] has something; may wake once too often. Safe to cancel; one waiter at a time.
    pub async fn ready(&self) {
        self.shared.wake.notified().await;
    }

    /// Appends one chunk per stream with news to `chunks`; the bytes of one stream come in order.
    pub fn take(&self, chunks: &mut Vec<Chunk>) {
        let mut state = self.shared.state();
        for stream in std::mem::take(&mut state.news) {
            let Some(buffer) = state.buffers.get_mut(&stream) else {
                continue;
            };
            buffer.has_news = false;
            let overflowed = buffer.flow == Flow::Overflowed;
            if overflowed {
                buffer.flow = Flow::Discarded;
            }
            chunks.push(Chunk {
                stream,
                bytes: std::mem::take(&mut buffer.bytes),
                overflowed,
                ended: buffer.ended,
            });
            if buffer.ended {
                state.buffers.remove(&stream);
            }
        }
    }

    /// Lets what `stream` holds and brings come out of [`Streams::take`]. To be called once the owner has taken in the
    /// [`Join`](super::Join): the first bytes may be here before that, and must not come before the picture.
    pub fn open(&self, stream: StreamId) {
        self.shared.change(stream, |buffer| {
            buffer.is_open = true;
            !buffer.bytes.is_empty() || buffer.ended || buffer.flow == Flow::Overflowed
        });
    }

    /// Throws away what `stream` holds and brings from now on, without a report: for a pane over its byte budget.
    /// Reading goes on, cheaply. Only a new join brings the pane back.
    pub fn discard(&self, stream: StreamId) {
        if let Some(buffer) = self.shared.state().buffers.get_mut(&stream) {
            buffer.flow = Flow::Discarded;
            buffer.bytes = Vec::new();
        }
    }

    /// Announces a stream whose descriptor tmux is about to be asked for.
    pub(super) fn expect(&self) -> StreamId {
        let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let stream = StreamId(u64::from(self.shared.run) << 32 | u64::from(number));
        let mut state = self.shared.state();
        state.awaited.insert(stream);
        state.buffers.insert(stream, Buffer::default());
        stream
    }

    /// Gives up a stream that was not opened, without a report.
    pub fn forget(&self, stream: StreamId) {
        let mut state = self.shared.state();
        state.awaited.remove(&stream);
        state.buffers.remove(&stream);
    }

    /// Ends `stream`, whose descriptor will not come.
    pub(super) fn close(&self, stream: StreamId) {
        self.shared.state().awaited.remove(&stream);
        self.shared.end(stream);
    }

    /// Ends `stream` if its descriptor does not arrive in time.
    pub(super) fn watch_arrival(&self, stream: StreamId) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            sleep(ARRIVAL).await;
            let late = shared.state().awaited.remove(&stream);
            if late {
                warn!(%stream, "the pane's descriptor did not arrive");
                shared.end(stream);
            }
        });
    }

    /// Ends the thread and closes all descriptors.
    pub(super) fn stop(&self) {
        self.shared.stop.cancel();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, stream: StreamId, change: impl FnOnce(&mut Buffer) -> bool) {
        let mut state = self.state();
        let Some(buffer) = state.buffers.get_mut(&stream) else {
            return;
        };
        if change(buffer) && buffer.is_open && !buffer.has_news {
            buffer.has_news = true;
            state.news.push(stream);
            drop(state);
            self.wake.notify_one();
        }
    }

    fn push(&self, stream: StreamId, bytes: &[u8]) {
        self.change(stream, |buffer| {
            if buffer.flow != Flow::Kept {
                return false;
            }
            if buffer.bytes.len() + bytes.len() > BUFFER {
                buffer.bytes = Vec::new();
                buffer.flow = Flow::Overflowed;
            } else {
                buffer.bytes.extend_from_slice(bytes);
            }
            true
        });
    }

    fn end(&self, stream: StreamId) {
        self.change(stream, |buffer| {
            buffer.ended = true;
            true
        });
    }

    fn is_discarding(&self, stream: StreamId) -> bool {
        let state = self.state();
        state
            .buffers
            .get(&stream)
            .is_none_or(|buffer| buffer.flow != Flow::Kept)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream as StdStream;

    use tokio::net::UnixStream;

    use super::*;

    fn pair(streams: &Streams) -> (StreamId, StdStream) {
        let stream = streams.expect();
        let (tmux, pane) = StdStream::pair().unwrap();
        let (_, reader) = (
            pane.set_nonblocking(true),
            UnixStream::from_std(pane).unwrap(),
        );
        assert!(streams.shared.state().awaited.remove(&stream));
        let task = Reader::new(Arc::clone(&streams.shared));
        tokio::spawn(async move { task.read(stream, reader).await });
        (stream, tmux)
    }

    fn listening() -> (tempfile::TempDir, Streams) {
        let dir = tempfile::tempdir().unwrap();
        let streams = Streams::listen(&dir.path().join("panes.sock")).unwrap();
        (dir, streams)
    }

    async fn until_ended(streams: &Streams, stream: StreamId) -> Chunk {
        let mut all = Chunk {
            stream,
            bytes: Vec::new(),
            overflowed: false,
            ended: false,
        };
        let mut chunks = Vec::new();
        while !all.ended {
            streams.ready().await;
            streams.take(&mut chunks);
            for chunk in chunks.drain(..).filter(|chunk| chunk.stream == stream) {
                all.bytes.extend(chunk.bytes);
                all.overflowed |= chunk.overflowed;
                all.ended |= chunk.ended;
            }
        }
        all
    }

    #[tokio::test]
    async fn bytes_arrive_in_order_and_the_end_comes_last() {
        let (_dir, streams) = listening();
        let (stream, tmux) = pair(&streams);
        let writer = thread::spawn(move || {
            for number in 0..1000 {
                io::Write::write_all(&mut &tmux, format!("{number}\n").as_bytes()).unwrap();
            }
        });
        streams.open(stream);
        let all = until_ended(&streams, stream).await;
        writer.join().unwrap();
        let expected: String = (0..1000)
            .flat_map(|n| [n.to_string(), "\n".into()])
            .collect();
        assert!(all.bytes == expected.as_bytes() && !all.overflowed);
    }

    #[tokio::test]
    async fn first_bytes_wait_until_the_stream_is_opened() {
        let (_dir, streams) = listening();
        let (early, mut chunks) = (streams.expect(), Vec::new());
        streams.shared.push(early, b"first");
        streams.close(early);
        streams.take(&mut chunks);
        assert_eq!(chunks, []);
        streams.open(early);
        let all = until_ended(&streams, early).await;
        assert_eq!(all.bytes, b"first");
        let never = streams.expect();
        streams.shared.push(never, b"x");
        streams.forget(never);
        assert!(streams.shared.state().buffers.is_empty());
    }

    #[tokio::test]
    async fn unread_stream_overflows_once_and_is_still_read_to_its_end() {
        let (_dir, streams) = listening();
        let (stream, tmux) = pair(&streams);
        let writer = thread::spawn(move || {
            io::Write::write_all(&mut &tmux, &vec![b'x'; 8 * BUFFER]).unwrap();
        });
        // Nothing is taken until the writer is through: it never had to wait for us.
        tokio::task::spawn_blocking(move || writer.join().unwrap())
            .await
            .unwrap();
        streams.open(stream);
        let all = until_ended(&streams, stream).await;
        assert!(all.overflowed && all.bytes.is_empty());
        assert!(streams.shared.state().buffers.is_empty());
    }

    #[tokio::test]
    async fn descriptor_nobody_waits_for_is_closed() {
        let (dir, streams) = listening();
        let helper = StdStream::connect(dir.path().join("panes.sock")).unwrap();
        io::Write::write_all(&mut &helper, b"0123456789abcdef").unwrap();
        let mut rest = Vec::new();
        tokio::task::spawn_blocking(move || io::Read::read_to_end(&mut &helper, &mut rest))
            .await
            .unwrap()
            .unwrap();
        assert!(streams.shared.state().news.is_empty());
        streams.stop();
    }
}
