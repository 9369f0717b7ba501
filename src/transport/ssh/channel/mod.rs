//! One channel: a command on the host, its bytes in both directions, and how it ended.
//!
//! Two tasks serve it. The pump always takes what the host sends, because russh stands still (keepalive included) as
//! long as one channel is not taken from. The writer alone gives bytes to russh, because a write there must not be
//! cancelled. Promise: neither outlives the connection, nobody waits for ever, and a reader that takes nothing loses
//! its own channel and harms no other.

mod pump;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelReadHalf, ChannelWriteHalf};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::pump::{Pump, Stop, resize, write};
use super::life::Life;
use super::queue::{End, Queue};
use crate::term::Size;

/// How long the pump waits for a reader that has left [`super::queue::MOST_UNREAD`] bytes unread, before it closes the
/// channel: a busy machine needs some milliseconds, and all channels of the connection wait meanwhile.
pub(super) const GRACE: Duration = Duration::from_millis(250);
/// The same for a connection that runs through this channel: it is cut only when it is really stuck.
pub(super) const TUNNEL_GRACE: Duration = Duration::from_secs(2);
/// What is written but not yet given to russh, in bytes; writers wait when it is full.
const MOST_UNWRITTEN: usize = 64 << 10;
/// How long closing a channel may take; only a connection that is about to be noticed as dead needs longer.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// A command that runs on the host. Dropping output and end hangs up on it.
#[derive(Debug)]
pub struct Exec {
    pub stdin: Input,
    pub stdout: Output,
    pub end: ExecEnd,
}

/// A command that runs on the host in a terminal of its own.
#[derive(Debug)]
pub struct Pty {
    pub input: Input,
    pub output: Output,
    pub end: ExecEnd,
    pub window: WindowSize,
}

/// The size of a terminal on a host.
#[derive(Debug)]
pub struct WindowSize(watch::Sender<Window>);

impl Pty {
    /// Tells the host the size of the terminal; only the latest counts.
    pub fn resize(&self, size: Size) {
        self.window.resize(size);
    }
}

impl WindowSize {
    /// Tells the host the size of the terminal; only the latest counts.
    pub fn resize(&self, size: Size) {
        self.0.send_if_modified(|now| {
            let is_new = now.size != size;
            now.size = size;
            is_new
        });
    }

    /// Makes programs there draw everything again: the size in pixels changes, which signals a change of the window and
    /// moves nothing.
    pub fn redraw(&self) {
        self.0.send_modify(|now| now.has_pixels = !now.has_pixels);
    }
}

/// What the host is told of the terminal's window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    size: Size,
    /// Whether a size in pixels is told; it says nothing but that something changed.
    has_pixels: bool,
}

impl Window {
    pub fn new(size: Size) -> Self {
        Self {
            size,
            has_pixels: false,
        }
    }
}

/// Bytes to the command. Shutting it down, or dropping it, is the end of its input.
#[derive(Debug)]
pub struct Input(DuplexStream);

impl AsyncWrite for Input {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Bytes from the command. An end without the connection's is the command's own; else it is an error.
pub struct Output {
    queue: Arc<Queue>,
    _in_use: Arc<DropGuard>,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Output")
    }
}

impl AsyncRead for Output {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.queue.poll_read(cx, buffer)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.queue.abandon();
    }
}

/// How a command ended, once it has.
pub struct ExecEnd {
    ended: oneshot::Receiver<Ended>,
    _in_use: Arc<DropGuard>,
}

impl std::fmt::Debug for ExecEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ExecEnd")
    }
}

impl ExecEnd {
    /// Waits until the channel is closed: after the command has ended and its output is closed.
    pub async fn wait(self) -> Ended {
        self.ended.await.unwrap_or_default()
    }
}

/// Neither status nor signal: the connection ended first, or the host does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    pub status: Option<u32>,
    /// Without `SIG`: `TERM`, …
    pub signal: Option<String>,
    /// The last 8 KiB of the error output, as the host sent it: clean it before it is shown.
    pub stderr: String,
}

/// The ends of a channel that its user holds.
pub(super) struct Ends {
    pub input: Input,
    pub output: Output,
    pub end: ExecEnd,
}

impl Ends {
    pub fn exec(self) -> Exec {
        Exec {
            stdin: self.input,
            stdout: self.output,
            end: self.end,
        }
    }

    pub fn pty(self, size: watch::Sender<Window>) -> Pty {
        Pty {
            input: self.input,
            output: self.output,
            end: self.end,
            window: WindowSize(size),
        }
    }
}

/// The side of a channel that serves its user; [`Served::run`] is its task.
pub(super) struct Served {
    life: Arc<Life>,
    reader: ChannelReadHalf,
    writer: Arc<ChannelWriteHalf<Msg>>,
    queue: Arc<Queue>,
    input: DuplexStream,
    ended: oneshot::Sender<Ended>,
    unused: CancellationToken,
    grace: Duration,
    sizes: Option<watch::Receiver<Window>>,
}

/// Joins an open channel to the ends that its user gets.
pub(super) fn serve(
    channel: Channel<Msg>,
    life: &Arc<Life>,
    grace: Duration,
    sizes: Option<watch::Receiver<Window>>,
) -> (Ends, Served) {
    let (reader, writer) = channel.split();
    let queue = Queue::new();
    let (ours, theirs) = duplex(MOST_UNWRITTEN);
    let (ended, wait) = oneshot::channel();
    let unused = CancellationToken::new();
    let in_use = Arc::new(unused.clone().drop_guard());
    let ends = Ends {
        input: Input(theirs),
        output: Output {
            queue: Arc::clone(&queue),
            _in_use: Arc::clone(&in_use),
        },
        end: ExecEnd {
            ended: wait,
            _in_use: in_use,
        },
    };
    let served = Served {
        life: Arc::clone(life),
        reader,
        writer: Arc::new(writer),
        queue,
        input: ours,
        ended,
        unused,
        grace,
        sizes,
    };
    (ends, served)
}

impl Served {
    pub async fn run(self) {
        let over = CancellationToken::new();
        let writing = write(
            self.input,
            Arc::clone(&self.writer),
            Arc::clone(&self.life),
            over.clone(),
        );
        let _writing = tokio::spawn(writing);
        if let Some(sizes) = self.sizes {
            let sizing = resize(
                sizes,
                Arc::clone(&self.writer),
                Arc::clone(&self.life),
                over.clone(),
            );
            let _sizing = tokio::spawn(sizing);
        }
        let _over = over.drop_guard();
        let mut pump = Pump::new(self.reader, Arc::clone(&self.queue));
        let stop = pump.run(&self.life, &self.unused, self.grace).await;
        let (is_closed, queue) = (pump.is_closed, self.queue);
        let ended = pump.finish();
        match stop {
            Stop::Closed => match self.life.why() {
                Some(why) if !is_closed => {
                    queue.end(End::Broken(io::ErrorKind::ConnectionAborted, why.message));
                }
                _ => queue.end(End::Eof),
            },
            Stop::Unused => {}
            Stop::Overflow => {
                let why = "what the host sends was not read in time";
                queue.end(End::Broken(io::ErrorKind::OutOfMemory, why.to_owned()));
            }
        }
        if !is_closed {
            close(&self.writer, &self.life).await;
        }
        // Nobody may wait for it.
        let _unread = self.ended.send(ended);
    }
}

/// Closes a channel that nobody takes from any more.
pub(super) async fn close(writer: &ChannelWriteHalf<Msg>, life: &Life) {
    // The connection may be gone, and the channel with it.
    let _gone = life.race_within(CLOSE_DEADLINE, writer.close()).await;
}
