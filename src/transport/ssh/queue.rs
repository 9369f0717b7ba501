//! Bytes between the pump of a channel and its reader: bounded, and the pump never waits long.
//!
//! russh gives window back when it receives, not when we consume, and stands still while one channel is not taken
//! from: so the pump must take everything, and this is where it stays until somebody reads it.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::bytes::{Buf, Bytes};

/// What may lie unread. Twice the window of a channel, so that one full window in flight never overflows it.
pub(super) const MOST_UNREAD: usize = 4 << 20;
/// What a message costs beside its bytes, so that a flood of tiny ones is bounded as well.
const MESSAGE_COST: usize = 64;

/// How a stream of bytes came to its end.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// The far program closed it.
    Eof,
    /// The connection ended, or the reader was too slow: what came before may be incomplete.
    Broken(io::ErrorKind, String),
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Bytes>,
    cost: usize,
    end: Option<End>,
    reader: Option<Waker>,
    is_abandoned: bool,
}

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    taken: Notify,
}

/// The reader left nothing free for too long.
#[derive(Debug)]
pub(super) struct Overflow;

impl Queue {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds bytes; waits up to `grace` when too much is unread. A queue without reader takes everything and keeps
    /// nothing.
    pub async fn push(&self, bytes: Bytes, grace: Duration) -> Result<(), Overflow> {
        let cost = bytes.len() + MESSAGE_COST;
        if !self.try_push(&bytes, cost) {
            let room = async {
                loop {
                    let taken = self.taken.notified();
                    if self.try_push(&bytes, cost) {
                        break;
                    }
                    taken.await;
                }
            };
            timeout(grace, room).await.map_err(|_elapsed| Overflow)?;
        }
        Ok(())
    }

    fn try_push(&self, bytes: &Bytes, cost: usize) -> bool {
        let mut state = self.state();
        if state.is_abandoned || bytes.is_empty() {
            return true;
        }
        if state.cost + cost > MOST_UNREAD && state.cost > 0 {
            return false;
        }
        state.cost += cost;
        state.chunks.push_back(bytes.clone());
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        true
    }

    /// Ends the stream behind what is unread; only the first end counts.
    pub fn end(&self, end: End) {
        let mut state = self.state();
        state.end.get_or_insert(end);
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }

    /// The reader is gone.
    pub fn abandon(&self) {
        {
            let mut state = self.state();
            state.is_abandoned = true;
            state.chunks.clear();
            state.cost = 0;
        }
        self.taken.notify_one();
    }

    pub fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        let before = buffer.filled().len();
        while buffer.remaining() > 0
            && let Some(chunk) = state.chunks.front_mut()
        {
            let count = chunk.len().min(buffer.remaining());
            buffer.put_slice(chunk.get(..count).unwrap_or_default());
            chunk.advance(count);
            let is_empty = chunk.is_empty();
            state.cost -= count;
            if is_empty {
                state.cost -= MESSAGE_COST;
                state.chunks.pop_front();
            }
        }
        if buffer.filled().len() > before {
            drop(state);
            self.taken.notify_one();
            return Poll::Ready(Ok(()));
        }
        match &state.end {
            Some(End::Eof) => Poll::Ready(Ok(())),
            Some(End::Broken(kind, why)) => Poll::Ready(Err(io::Error::new(*kind, why.clone()))),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use proptest::prelude::*;

    use super::*;

    async fn read(queue: &Queue, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; most];
        let mut buffer = ReadBuf::new(&mut bytes);
        poll_fn(|cx| queue.poll_read(cx, &mut buffer)).await?;
        Ok(buffer.filled().to_vec())
    }

    const GRACE: Duration = Duration::from_millis(250);

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_nothing_overflows_and_one_that_goes_on_does_not() {
        let queue = Queue::new();
        let full = Bytes::from(vec![0; MOST_UNREAD - MESSAGE_COST]);
        queue.push(full.clone(), GRACE).await.unwrap();
        queue.push(full.clone(), GRACE).await.unwrap_err();
        let (pushed, taken) = tokio::join!(queue.push(full, GRACE), read(&queue, MOST_UNREAD));
        pushed.unwrap();
        assert_eq!(taken.unwrap().len(), MOST_UNREAD - MESSAGE_COST);
        queue.abandon();
        for _ in 0..3 {
            let bytes = Bytes::from(vec![0; MOST_UNREAD]);
            queue.push(bytes, GRACE).await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_came_before_a_break_is_read_before_it_is_told() {
        let queue = Queue::new();
        queue
            .push(Bytes::from_static(b"last"), GRACE)
            .await
            .unwrap();
        let kind = io::ErrorKind::ConnectionAborted;
        queue.end(End::Broken(kind, "cut".into()));
        queue.end(End::Eof);
        assert_eq!(read(&queue, 9).await.unwrap(), b"last");
        assert_eq!(read(&queue, 9).await.unwrap_err().kind(), kind);
    }

    proptest! {
        #[test]
        fn bytes_arrive_whole_and_in_order(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
            step in 1usize..50,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let read = runtime.block_on(async {
                let queue = Queue::new();
                for chunk in &chunks {
                    queue.push(Bytes::from(chunk.clone()), GRACE).await.unwrap();
                }
                queue.end(End::Eof);
                let mut all = Vec::new();
                loop {
                    let part = read(&queue, step).await.unwrap();
                    if part.is_empty() {
                        assert_eq!(queue.state().cost, 0);
                        return all;
                    }
                    all.extend(part);
                }
            });
            prop_assert_eq!(read, chunks.concat());
        }
    }
}
