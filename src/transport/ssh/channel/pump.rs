//! What moves the bytes of a channel, each way by itself.

use std::sync::Arc;
use std::time::Duration;

use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::{AsyncReadExt, DuplexStream};
use tokio::sync::watch;
use tokio_util::bytes::BytesMut;
use tokio_util::sync::CancellationToken;

use super::super::life::Life;
use super::super::queue::{End, Queue};
use super::{Ended, MOST_UNWRITTEN, Window};

/// What is kept of the host's error output, in bytes from the end.
const MOST_STDERR: usize = 8 << 10;

/// Why the pump stopped.
pub(super) enum Stop {
    /// The host closed the channel, or the connection ended.
    Closed,
    /// Nobody wants it any more.
    Unused,
    Overflow,
}

/// Takes what the host sends.
pub(super) struct Pump {
    reader: ChannelReadHalf,
    queue: Arc<Queue>,
    ended: Ended,
    stderr: Vec<u8>,
    /// Whether the host has closed the channel.
    pub is_closed: bool,
}

impl Pump {
    pub fn new(reader: ChannelReadHalf, queue: Arc<Queue>) -> Self {
        Self {
            reader,
            queue,
            ended: Ended::default(),
            stderr: Vec::new(),
            is_closed: false,
        }
    }

    pub async fn run(&mut self, life: &Life, unused: &CancellationToken, grace: Duration) -> Stop {
        loop {
            let message = tokio::select! {
                biased;
                () = unused.cancelled() => return Stop::Unused,
                message = self.reader.wait() => message,
                _why = life.ended() => return Stop::Closed,
            };
            match message {
                None => return Stop::Closed,
                Some(ChannelMsg::Data { data }) => {
                    if self.queue.push(data, grace).await.is_err() {
                        return Stop::Overflow;
                    }
                }
                Some(ChannelMsg::ExtendedData { data, .. }) => self.keep_stderr(&data),
                Some(ChannelMsg::Eof) => self.queue.end(End::Eof),
                Some(ChannelMsg::ExitStatus { exit_status }) => {
                    self.ended.status = Some(exit_status);
                }
                Some(ChannelMsg::ExitSignal { signal_name, .. }) => {
                    self.ended.signal = Some(match signal_name {
                        Sig::Custom(name) => name,
                        known => format!("{known:?}"),
                    });
                }
                // More may follow: order differs between hosts.
                Some(ChannelMsg::Close) => self.is_closed = true,
                Some(_) => {}
            }
        }
    }

    fn keep_stderr(&mut self, data: &[u8]) {
        self.stderr.extend_from_slice(data);
        let excess = self.stderr.len().saturating_sub(MOST_STDERR);
        self.stderr.drain(..excess);
    }

    /// Drops the receiver, which frees a connection that waits for it.
    pub fn finish(mut self) -> Ended {
        self.ended.stderr = String::from_utf8_lossy(&self.stderr).into_owned();
        self.ended
    }
}

/// Gives russh what the user writes, one piece after the other.
pub(super) async fn write(
    mut input: DuplexStream,
    channel: Arc<ChannelWriteHalf<Msg>>,
    life: Arc<Life>,
    over: CancellationToken,
) {
    let writing = async {
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(MOST_UNWRITTEN / 2);
            match input.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return channel.eof().await,
                Ok(_) => channel.data_bytes(buffer.split().freeze()).await?,
            }
        }
    };
    tokio::select! {
        // An error means that the connection is gone, which everybody learns in another way.
        _written = life.race(writing) => {}
        () = over.cancelled() => {}
    }
}

/// Tells the host new sizes. Apart from the writer, which may wait for window.
pub(super) async fn resize(
    mut sizes: watch::Receiver<Window>,
    channel: Arc<ChannelWriteHalf<Msg>>,
    life: Arc<Life>,
    over: CancellationToken,
) {
    let telling = async {
        while sizes.changed().await.is_ok() {
            let Window { size, has_pixels } = *sizes.borrow_and_update();
            let (cols, rows) = (u32::from(size.cols), u32::from(size.rows));
            let pixels = if has_pixels {
                (8 * cols, 16 * rows)
            } else {
                (0, 0)
            };
            if channel
                .window_change(cols, rows, pixels.0, pixels.1)
                .await
                .is_err()
            {
                return;
            }
        }
    };
    tokio::select! {
        _told = life.race(telling) => {}
        () = over.cancelled() => {}
    }
}
