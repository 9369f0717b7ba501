//! The record of decisions: what was decided about which prompt, by whom and why, on disk before the answer leaves.
//!
//! Promise: what [`Audit::intent`] has acknowledged is on disk, and survives the end of the agent and of the system; what
//! cannot be written is said at once, so that nothing is answered by itself without a trace; nothing is ever deleted;
//! every change made to the files behind our back is found by [`verify()`], down to the line.
//!
//! # Files
//! `decisions-000001.jsonl`, `-000002`, … ([`Paths::audit_dir`](crate::paths::Paths::audit_dir), 0700/0600): one line an entry, ASCII only, each with its number, its
//! length, a CRC-32 of what it says and a BLAKE3 chain over all lines before it, across files (`line.rs`). A file starts
//! with a line that names the end of the file before it. `tip` says how far the record has been written, so that a cut at
//! the end of a line is found as well; it is written after the lines and never ahead of them. What a crash left of a line is
//! cut off, kept in `*.torn`, and that is an entry of its own. One writer at a time holds `lock`.
//!
//! The chain has no secret: who may write the files can forge all of them from the first change on. It shows faults and
//! edits by hand, and lets anyone who noted a hash earlier prove more.
//!
//! | file | idea |
//! | --- | --- |
//! | `line.rs` | what a line is |
//! | `entry.rs` | what an entry says |
//! | `disk.rs` | the five things that are asked of the system, and can fail |
//! | `files.rs` | which files there are, and up to where each counts |
//! | `walk.rs` | one file held against its chain |
//! | `verify.rs` | all of them, for people |
//! | `query.rs` | the newest decisions that fit, without reading everything |
//! | `reopen.rs` | where an earlier run stopped |
//! | `book.rs` | the place where lines are added, and new files begun |
//! | `writer.rs` | the thread that writes: groups, failure, recovery |
//! | `clock.rs` | now, on three clocks |

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod book;
mod clock;
mod disk;
mod entry;
mod files;
mod line;
mod query;
mod reopen;
mod verify;
mod walk;
mod writer;

use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

pub use clock::AuditClock;
pub use disk::{Disk, RealDisk, Segment};
pub use line::printable;
use thiserror::Error;
use tokio::sync::{oneshot, watch};

pub use self::query::{Page, SCAN, page};
pub use self::verify::{Damage, Finding, Report, VerifyError, verify};
use self::writer::{Order, Writer};
use crate::domain::decision::{Record, RecordSeq, Recorded};

/// The most orders that wait for the writer. It takes them as fast as the disk syncs groups of them: when this many wait,
/// the disk hangs, and that is said instead of waiting behind it.
const QUEUE: usize = 1024;
/// How large a file gets, in bytes, before the next one is begun: some ten thousand decisions, read through in a second.
const SEGMENT: u64 = 64 << 20;
/// How soon writing is tried again when nothing new has to be written: space comes back when somebody makes room, and a
/// person who did looks at the screen for a second.
const RETRY: Duration = Duration::from_secs(1);

/// Where and how the record is kept.
#[derive(Clone, Debug)]
pub struct AuditConfig {
    pub dir: PathBuf,
    /// Bytes after which the next file is begun.
    pub segment: u64,
    pub retry: Duration,
}

impl AuditConfig {
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            segment: SEGMENT,
            retry: RETRY,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AuditError {
    /// `kept`: it waits in memory and is written, marked late, once that is possible.
    #[error("the decision cannot be recorded: {reason}")]
    Unwritable { reason: String, kept: bool },
    #[error("the decision cannot be recorded: the disk does not keep up")]
    Busy,
    #[error(
        "the decision cannot be recorded: {len} bytes are over the limit of {}",
        line::MAX_LINE
    )]
    TooLarge { len: usize },
    #[error("the decision cannot be recorded: its writer has ended")]
    Gone,
}

/// What an earlier run left, told once the files are open: before that nothing is acknowledged.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    /// Intents of earlier runs that have no outcome, oldest first: the answer may have arrived. They must never be answered
    /// again by themselves. Each stays among them, run after run, until an outcome for it is recorded.
    pub unsettled: Vec<Recorded>,
    /// What was found wrong and how it was dealt with, in words; empty when all is well.
    pub notes: Vec<String>,
}

/// The way to the one thread that writes. Cheap to clone; when the last one is dropped the thread writes what it has and
/// ends.
#[derive(Clone, Debug)]
pub struct Audit {
    orders: SyncSender<Order>,
    health: watch::Receiver<Option<String>>,
}

impl Audit {
    /// Opens the record beside the caller. A folder that cannot be opened shows in [`Self::health`] and is tried again.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(config: AuditConfig) -> std::io::Result<(Self, oneshot::Receiver<Opened>)> {
        Self::start_on(config, Box::new(RealDisk))
    }

    /// As [`Self::start`], on another disk.
    pub fn start_on(
        config: AuditConfig,
        disk: Box<dyn Disk>,
    ) -> std::io::Result<(Self, oneshot::Receiver<Opened>)> {
        let (orders, waiting) = std::sync::mpsc::sync_channel(QUEUE);
        let (health_tx, health) = watch::channel(Some("it is not open yet".to_owned()));
        let (opened_tx, opened) = oneshot::channel();
        let writer = Writer::new(config, disk, health_tx, opened_tx);
        std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run(&waiting))?;
        Ok((Self { orders, health }, opened))
    }

    /// Records that an answer is about to leave; returns once that is on disk. As slow as the disk: the caller has a
    /// deadline. Dropping the future takes nothing back: the intent may be recorded all the same, so its outcome has to be.
    ///
    /// # Errors
    /// When it is not on disk. A person may still answer; nothing may be answered without one.
    pub async fn intent(&self, record: Record) -> Result<RecordSeq, AuditError> {
        let (reply, written) = oneshot::channel();
        self.send(Order::Intent {
            record: Box::new(record),
            reply,
        })?;
        written.await.map_err(|_ended| AuditError::Gone)?
    }

    /// Records what came of an intent, or of a decision that had none. Returns at once; it is written with the next group,
    /// and kept (marked late) while that is not possible.
    ///
    /// # Errors
    /// When it was not even taken; the intent then counts as unsettled.
    pub fn outcome(&self, record: Record) -> Result<(), AuditError> {
        self.send(Order::Outcome(Box::new(record)))
    }

    /// Returns once all that was ordered before is on disk, or cannot be.
    ///
    /// # Errors
    /// When it is not on disk.
    pub async fn flush(&self) -> Result<(), AuditError> {
        let (reply, written) = oneshot::channel();
        self.send(Order::Flush(reply))?;
        written.await.map_err(|_ended| AuditError::Gone)?
    }

    /// Lets go of the record and returns when what was ordered is written and the files are free. Whoever has a clone keeps
    /// them busy.
    pub async fn close(self) {
        let Self { orders, mut health } = self;
        drop(orders);
        while health.changed().await.is_ok() {}
    }

    /// Why nothing can be written, for the banner; `None` while all is well.
    pub fn health(&self) -> watch::Receiver<Option<String>> {
        self.health.clone()
    }

    pub fn is_writable(&self) -> bool {
        self.health.borrow().is_none()
    }

    fn send(&self, order: Order) -> Result<(), AuditError> {
        self.orders.try_send(order).map_err(|error| match error {
            TrySendError::Full(_) => AuditError::Busy,
            TrySendError::Disconnected(_) => AuditError::Gone,
        })
    }
}
