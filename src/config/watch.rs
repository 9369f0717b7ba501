//! Tells when something in a folder changed.
//!
//! Folders are watched, not files: editors replace a file instead of writing into it. A folder that does not exist yet
//! is waited for through its nearest existing parent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// How long changes are gathered: saving a file is several of them within a few milliseconds.
const QUIET: Duration = Duration::from_millis(100);
/// The longest that a notice is held back while changes keep coming.
const LONGEST: Duration = Duration::from_secs(1);
/// How many notices may wait unread, in both queues. When it is full a notice is dropped: the waiting ones make the reader look
/// again anyway.
const WAITING: usize = 64;

/// These paths changed, each named once. What happened to them has to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed(pub Vec<PathBuf>);

#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error("cannot watch “{path}” for changes", path = path.display())]
    Watch {
        path: PathBuf,
        #[source]
        source: notify::Error,
    },
}

/// Watches folders (not what is in their subfolders) until the receiver is dropped. Needs a tokio runtime.
pub fn watch(folders: Vec<PathBuf>) -> Result<mpsc::Receiver<Changed>, WatchError> {
    let (raw_tx, raw_rx) = mpsc::channel(WAITING);
    let first = folders.first().cloned().unwrap_or_default();
    let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // Reading a file is an event as well, and would make whoever reloads it reload it for ever.
        if let Ok(event) = event
            && !matches!(event.kind, EventKind::Access(_))
        {
            drop(raw_tx.try_send(event.paths));
        }
    })
    .map_err(|source| WatchError::Watch {
        path: first,
        source,
    })?;
    let mut task = Task {
        watcher,
        targets: folders.into_iter().map(Target::new).collect(),
        raw: raw_rx,
    };
    task.follow()?;
    let (tx, rx) = mpsc::channel(WAITING);
    tokio::spawn(task.run(tx));
    Ok(rx)
}

/// A folder that is wanted, and the existing one that is watched for it.
#[derive(Debug)]
struct Target {
    wanted: PathBuf,
    watched: Option<PathBuf>,
}

impl Target {
    fn new(wanted: PathBuf) -> Self {
        Self {
            wanted,
            watched: None,
        }
    }

    fn nearest(&self) -> PathBuf {
        self.wanted
            .ancestors()
            .find(|path| path.is_dir())
            .unwrap_or(Path::new("/"))
            .to_owned()
    }

    /// Whether a change of `path` is one of the folder, or makes it appear.
    fn concerns(&self, path: &Path) -> bool {
        path.parent() == Some(&self.wanted) || self.wanted.starts_with(path)
    }
}

struct Task {
    watcher: RecommendedWatcher,
    targets: Vec<Target>,
    raw: mpsc::Receiver<Vec<PathBuf>>,
}

impl Task {
    /// Watches each folder itself if it exists now, else the nearest parent that does.
    fn follow(&mut self) -> Result<(), WatchError> {
        for target in &mut self.targets {
            loop {
                let nearest = target.nearest();
                // A folder that was removed and made again has a new identity: only a fresh watch sees it.
                if target.watched.as_ref() != Some(&nearest) || nearest == target.wanted {
                    self.watcher
                        .watch(&nearest, RecursiveMode::NonRecursive)
                        .map_err(|source| WatchError::Watch {
                            path: nearest.clone(),
                            source,
                        })?;
                }
                target.watched = Some(nearest);
                // A folder that was made meanwhile, was made unseen.
                if target.watched.as_ref() == Some(&target.nearest()) {
                    break;
                }
            }
        }
        Ok(())
    }

    fn relevant(&self, mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
        paths.retain(|path| self.targets.iter().any(|target| target.concerns(path)));
        paths
    }

    async fn run(mut self, tx: mpsc::Sender<Changed>) {
        loop {
            let first = tokio::select! {
                () = tx.closed() => return,
                first = self.raw.recv() => first,
            };
            let Some(first) = first else {
                return;
            };
            let mut paths = self.relevant(first);
            if paths.is_empty() {
                continue;
            }
            let latest = Instant::now() + LONGEST;
            while let Ok(Some(more)) =
                timeout_at(latest.min(Instant::now() + QUIET), self.raw.recv()).await
            {
                paths.extend(self.relevant(more));
            }
            // First watch what is there now, then tell: whoever reads after the notice misses nothing.
            if let Err(error) = self.follow() {
                tracing::warn!(%error, "settings are no longer watched");
            }
            paths.sort();
            paths.dedup();
            drop(tx.try_send(Changed(paths)));
        }
    }
}
