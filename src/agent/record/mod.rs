//! What sessions printed, kept on their host: a recording that can be played again, and the lines of it as text.
//!
//! ```text
//! logs/SESSION-KEY/about.json        whose it is
//!                  000000000001.cast asciicast v3; a segment begins with the whole screen
//!                  000000000001.log  NUMBER TIME KIND TEXT; a segment is called by its first number
//! ```
//!
//! The recording holds what the emulator drew, not what the program printed: plain drawing in whole sequences and valid
//! text, so that playing it does nothing to a terminal but draw, and every byte that is no text is already what was shown
//! for it. The lines are what scrolled off and the screens that stood still, not every repaint (`scribe.rs`); they are
//! numbered from 1 without gaps, also over restarts, which is how a reader goes on where it was.
//!
//! The hub only puts things into a bounded queue (`queue.rs`); one thread writes them (`writer.rs`), a few times a second.
//! Nothing is forced to the disk: what a crash of the host tears is cut off when the session is opened again. When the disk
//! is slower than the panes the recording has a hole, a marker says so, and it goes on with the whole screen.
//!
//! Everything is readable by its user only: what a screen shows may be secret. `[logs] keep = false` switches it off.

pub mod cast;
mod queue;
mod read;
mod scribe;
mod segments;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub use self::queue::Track;
use self::queue::{Queue, What};
pub use self::read::{ReadError, Wanted};
use crate::domain::{SessionId, UnixMillis};
use crate::paths::{DirError, private_dir};
use crate::protocol::{KeptLog, LogPage, RecordingCursor, RecordingPage};

/// What may be kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all sessions together. The oldest ended sessions go first, then the oldest segments.
    pub total: u64,
    /// Bytes of one session.
    pub session: u64,
}

/// Whose log it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub session: SessionId,
    pub name: String,
    pub tool: String,
    pub dir: String,
    /// When the session was created.
    pub created: UnixMillis,
}

impl About {
    /// The folder's name: the session's id and when it began, since ids come again after a restart of the host. Only
    /// characters that mean nothing to a file system are left.
    fn key(&self) -> String {
        let id = self.session.as_str().chars().take(64);
        let id: String = id
            .map(|c| match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => c,
                _ => '-',
            })
            .collect();
        format!("{id}-{}", self.created / 1000)
    }
}

/// The way to what is kept. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Recorder {
    dir: PathBuf,
    queue: Arc<Queue>,
    /// Changes whenever lines were written.
    written: watch::Receiver<u64>,
}

/// The thread that writes; to be ended in order.
#[derive(Debug)]
pub struct Writing {
    queue: Arc<Queue>,
    thread: JoinHandle<()>,
}

impl Writing {
    /// Writes what waits and ends. Blocks for as long as that takes: the queue is bounded.
    pub fn finish(self) {
        self.queue.close();
        // A thread that panicked has said so on its own.
        let _ended = self.thread.join();
    }
}

impl Recorder {
    /// Keeps logs under `dir`, which is made if it is not there.
    pub fn start(dir: PathBuf, limits: Limits) -> Result<(Self, Writing), DirError> {
        private_dir(&dir)?;
        let queue = Arc::new(Queue::default());
        let (tell, written) = watch::channel(0);
        let thread = std::thread::Builder::new()
            .name("record".to_owned())
            .spawn({
                let (queue, dir) = (Arc::clone(&queue), dir.clone());
                move || writer::run(&queue, dir, limits, &tell)
            })
            .map_err(|source| DirError::Io {
                path: dir.clone(),
                source,
            })?;
        let writing = Writing {
            queue: Arc::clone(&queue),
            thread,
        };
        let recorder = Self {
            dir,
            queue,
            written,
        };
        Ok((recorder, writing))
    }

    /// Starts or goes on with the log of a session. It is closed when the track is dropped, and stays until it is pruned.
    pub fn open(&self, about: About, at: UnixMillis) -> Track {
        let track = Track::new(Arc::clone(&self.queue));
        track.push(at, What::Open(Box::new(about)));
        track
    }

    /// Changes whenever lines were written.
    pub fn written(&self) -> watch::Receiver<u64> {
        self.written.clone()
    }

    /// The logs that are there, the last written first. Reads the disk.
    pub fn list(&self) -> Vec<KeptLog> {
        read::list(&self.dir)
    }

    /// A page of lines. Reads the disk.
    pub fn page(&self, session: &SessionId, wanted: &Wanted) -> Result<LogPage, ReadError> {
        read::page(&read::folder(&self.dir, session)?, wanted)
    }

    /// A piece of the recording. Reads the disk.
    pub fn recording(
        &self,
        session: &SessionId,
        from: RecordingCursor,
    ) -> Result<RecordingPage, ReadError> {
        read::recording(&read::folder(&self.dir, session)?, from)
    }
}
