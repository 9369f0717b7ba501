//! Which servers there are: finds sockets by inotify, keeps one connection per server, starts our own.
//!
//! A socket file proves nothing: it stays behind when a server is killed, and appears just before a server listens.
//! So each one is tried by connecting, and tried again a few times after the folder has changed.

use std::{
    collections::HashSet,
    convert::Infallible,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, event::ModifyKind};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};
use tracing::warn;

use super::{
    command::CommandList,
    context::Context,
    error::TmuxError,
    facts::TmuxEvent,
    link::{Link, Reserved},
    managed,
    socket::{START, Watch, answers},
};

/// When the folder is looked at after a change: a server listens a moment after it has made its socket.
const LOOK_AGAIN: [Duration; 3] = [
    Duration::from_millis(20),
    Duration::from_millis(200),
    Duration::from_secs(2),
];

/// 64 servers of 50 sessions are more than the agent can read; a search ends here.
const MANAGED_SERVERS: usize = 64;

/// A wish for a managed server with room for one more session.
pub type Place = oneshot::Sender<Result<(Link, Reserved), TmuxError>>;

/// Finds servers and starts ours; the only one who does.
pub struct Servers {
    context: Arc<Context>,
    places: mpsc::Receiver<Place>,
    /// Says that the socket folder changed; one pending message is as good as many.
    changed: mpsc::Receiver<()>,
    /// Kept so that it goes on watching.
    watcher: Option<RecommendedWatcher>,
    watched: HashSet<PathBuf>,
    tasks: JoinSet<PathBuf>,
    /// When to look at the folder, soonest last.
    looks: Vec<Instant>,
}

impl Servers {
    /// Prepares the watch; nothing happens before [`Servers::run`].
    pub fn new(context: Arc<Context>, places: mpsc::Receiver<Place>) -> Self {
        let (tell, changed) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let matters = event.is_ok_and(|event| {
                matches!(
                    event.kind,
                    EventKind::Create(_)
                        | EventKind::Remove(_)
                        | EventKind::Modify(ModifyKind::Name(_))
                )
            });
            if matters {
                // Full means that a look is due anyway.
                let _full = tell.try_send(());
            }
        });
        let folder = &context.config.socket_dir;
        let watcher = watcher
            .and_then(|mut watcher| {
                watcher.watch(folder, RecursiveMode::NonRecursive)?;
                Ok(watcher)
            })
            .inspect_err(|error| warn!(%error, "cannot watch the folder of tmux sockets"))
            .ok();
        Self {
            context,
            places,
            changed,
            watcher,
            watched: HashSet::new(),
            tasks: JoinSet::new(),
            looks: Vec::new(),
        }
    }

    /// Watches until shutdown.
    pub async fn run(mut self) {
        let stop = self.context.stop.clone();
        if self.watcher.is_none() {
            let folder = self.context.config.socket_dir.clone();
            let message = "new tmux servers in this folder are not noticed".to_owned();
            let hint = "raise fs.inotify.max_user_instances, then restart cm-agent";
            self.context.problem(&folder, message, hint).await;
        }
        let (survey, mut surveyed) = mpsc::channel(1);
        self.look(Some(&survey));
        drop(survey);
        let context = Arc::clone(&self.context);
        tokio::spawn(async move {
            // Ends when the last holder has let go of it; nothing is ever sent.
            if surveyed.recv().await.is_none() {
                context.report(TmuxEvent::Surveyed).await;
            }
        });
        loop {
            let next_look = self.looks.last().copied();
            tokio::select! {
                () = stop.cancelled() => break,
                Some(()) = self.changed.recv() => {
                    let now = Instant::now();
                    self.looks = LOOK_AGAIN.iter().rev().map(|pause| now + *pause).collect();
                }
                () = sleep_until(next_look.unwrap_or_else(Instant::now)), if next_look.is_some() => {
                    self.looks.pop();
                    self.look(None);
                }
                Some(ended) = self.tasks.join_next() => {
                    if let Ok(socket) = ended {
                        self.watched.remove(&socket);
                        // Another server may have taken the socket meanwhile.
                        self.looks.push(Instant::now());
                    }
                }
                Some(place) = self.places.recv() => {
                    // A server that is stopped must hold up neither those who wait nor our own end.
                    let found = stop.run_until_cancelled(timeout(2 * START, self.place())).await;
                    let found = found.map_or(Err(TmuxError::ShutDown), |found| {
                        found.unwrap_or(Err(TmuxError::Interrupted))
                    });
                    // The asker may have given up.
                    let _gone = place.send(found);
                }
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// Starts a task for every socket that answers and has none.
    fn look(&mut self, survey: Option<&mpsc::Sender<Infallible>>) {
        let entries = std::fs::read_dir(&self.context.config.socket_dir);
        let found = entries.into_iter().flatten().flatten();
        let extra = self.context.config.extra_sockets.iter().cloned();
        let sockets: Vec<_> = found.map(|entry| entry.path()).chain(extra).collect();
        for socket in sockets {
            if !self.watched.contains(&socket) && answers(&socket) {
                self.watch(socket, survey.cloned());
            }
        }
    }

    fn watch(&mut self, socket: PathBuf, survey: Option<mpsc::Sender<Infallible>>) {
        self.watched.insert(socket.clone());
        let task = Watch {
            context: Arc::clone(&self.context),
            socket,
        };
        self.tasks.spawn(task.run(survey));
    }

    /// Returns a managed server with room, the first in the order of names.
    async fn place(&mut self) -> Result<(Link, Reserved), TmuxError> {
        for number in 1..=MANAGED_SERVERS {
            let socket = managed::socket(&self.context.config, number);
            let link = match self.context.link(&socket) {
                Some(link) => link,
                None => self.start(&socket).await?,
            };
            if !link.server.managed {
                continue;
            }
            let sessions = link.run(CommandList::new("list-sessions -F x")).await?;
            let sessions = sessions.first().map_or(0, |reply| reply.lines.len());
            let starting = link.starting.load(Ordering::Relaxed);
            // The monitor session is one too many.
            if sessions.saturating_sub(1) + starting < managed::SESSIONS_A_SERVER {
                let reserved = Reserved::new(&link);
                return Ok((link, reserved));
            }
        }
        Err(TmuxError::Invalid {
            what: "one more session",
            why: "there are more than 3000 already",
        })
    }

    async fn start(&mut self, socket: &Path) -> Result<Link, TmuxError> {
        let Context {
            config,
            configuration,
            ..
        } = &*self.context;
        if !answers(socket) {
            managed::start(config, configuration, socket).await?;
        }
        if !self.watched.contains(socket) {
            self.watch(socket.to_owned(), None);
        }
        let mut links = self.context.links.subscribe();
        let connected = links.wait_for(|links| links.contains_key(socket));
        let connected = timeout(START, connected).await;
        match connected {
            Ok(Ok(links)) => links.get(socket).cloned(),
            _ => None,
        }
        .ok_or_else(|| TmuxError::NoServer {
            socket: socket.to_owned(),
        })
    }
}
