//! The byte stream under russh, which we can cut and which notices when nothing can be written any more.
//!
//! russh sends no keepalive while its write is blocked, so a dead network under load would go unnoticed for ever: a
//! write that cannot go on for too long fails here. Promise: after the end of the life every read and write fails at
//! once, whatever the stream beneath is: a socket, a channel of a jump host, the pipes of a command.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::life::Life;

/// Any byte stream that a connection can run over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

/// What is kept of the first bytes of a host: more than the line with which an SSH server introduces itself.
const MOST_FIRST_BYTES: usize = 512;

/// The first bytes that a host sent: they tell what it is when it is no SSH server.
#[derive(Clone, Debug, Default)]
pub(super) struct FirstBytes(Arc<Mutex<Vec<u8>>>);

impl FirstBytes {
    /// Its first line, when it sent something and nothing of that introduces an SSH server.
    pub fn of_a_stranger(&self) -> Option<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        let is_ssh = text.lines().any(|line| line.starts_with("SSH-"));
        let first = text.lines().next().filter(|_| !is_ssh);
        first.map(str::to_owned)
    }

    /// Keeps what there is room for; says whether there is more.
    fn keep(&self, bytes: &[u8]) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST_FIRST_BYTES.saturating_sub(kept.len());
        kept.extend(bytes.iter().take(room));
        kept.len() < MOST_FIRST_BYTES
    }
}

pub(super) struct Guarded {
    stream: Box<dyn Stream>,
    /// Until enough is known.
    first: Option<FirstBytes>,
    // One for each direction, because each wakes its own waiter.
    read_over: Pin<Box<WaitForCancellationFutureOwned>>,
    write_over: Pin<Box<WaitForCancellationFutureOwned>>,
    /// How long a write may be blocked.
    patience: Option<Duration>,
    /// Runs while a write is blocked.
    blocked: Option<Pin<Box<Sleep>>>,
}

impl Guarded {
    pub fn new(stream: Box<dyn Stream>, life: &Arc<Life>, patience: Option<Duration>) -> Self {
        Self {
            stream,
            first: None,
            read_over: Box::pin(life.over()),
            write_over: Box::pin(life.over()),
            patience,
            blocked: None,
        }
    }

    /// Keeps the first bytes that are read.
    pub fn keep_first(mut self, first: &FirstBytes) -> Self {
        self.first = Some(first.clone());
        self
    }

    /// Lets a finished write through, and ends one that is blocked for too long.
    fn watch<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let (Poll::Pending, Some(patience)) = (&poll, self.patience) else {
            self.blocked = None;
            return poll;
        };
        let blocked = self
            .blocked
            .get_or_insert_with(|| Box::pin(sleep(patience)));
        match blocked.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn cut<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_over.as_mut().poll(cx).is_ready() {
            return cut();
        }
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let Some(first) = &self.first {
            let read = buffer.filled().get(before..).unwrap_or_default();
            if !first.keep(read) {
                self.first = None;
            }
        }
        poll
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.write_over.as_mut().poll(cx).is_ready() {
            return cut();
        }
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write_over.as_mut().poll(cx).is_ready() {
            return cut();
        }
        let poll = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(cx, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write_over.as_mut().poll(cx).is_ready() {
            return cut();
        }
        let poll = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.watch(cx, poll)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;
    use crate::transport::ssh::{SshError, SshErrorKind};

    #[tokio::test(start_paused = true)]
    async fn a_blocked_write_fails_after_its_patience_and_a_slow_one_does_not() {
        let (ours, mut theirs) = duplex(8);
        let life = Life::new();
        let patience = Duration::from_secs(60);
        let mut guarded = Guarded::new(Box::new(ours), &life, Some(patience));
        for _ in 0..10 {
            let (written, ()) = tokio::join!(guarded.write_all(&[0; 8]), async {
                sleep(patience / 2).await;
                theirs.read_exact(&mut [0; 8]).await.unwrap();
            });
            written.unwrap();
        }
        guarded.write_all(&[0; 8]).await.unwrap();
        let error = guarded.write_all(&[0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn the_end_wakes_a_reader_and_a_writer_that_wait() {
        let (ours, _theirs) = duplex(8);
        let life = Life::new();
        let guarded = Guarded::new(Box::new(ours), &life, None);
        let (mut reader, mut writer) = tokio::io::split(guarded);
        let mut buffer = [0; 1];
        let (read, written, ()) = tokio::join!(
            reader.read(&mut buffer),
            writer.write_all(&[0; 64]),
            async { life.end(SshError::new(SshErrorKind::Lost, "cut", "")) }
        );
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        let kind = written.unwrap_err().kind();
        assert_eq!(kind, io::ErrorKind::ConnectionAborted);
    }
}
