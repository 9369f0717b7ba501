//! Which servers there are: finds sockets by inotify, keeps one connection per server, starts our own.
//!
//! A socket file proves nothing: it stays behind when a server is killed, and appears just before a server listens.
//! So each one is tried by connecting, and tried again a few times after the folder has changed.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, event::ModifyKind};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{
    TmuxConfig,
    client::{Client, End, Known},
    command::{CommandList, quote},
    error::TmuxError,
    facts::TmuxEvent,
    link::{Link, Reserved},
    managed,
    streams::Streams,
    version::Version,
};

/// When the folder is looked at after a change: a server listens a moment after it has made its socket.
const LOOK_AGAIN: [Duration; 3] = [
    Duration::from_millis(20),
    Duration::from_millis(200),
    Duration::from_secs(2),
];

/// Pauses between attempts to connect to a server that is there but ends our connection. A refusal that lasts (another
/// protocol version) is reported after the last one.
const RECONNECT: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
];

/// How often a server that refuses us is tried after that.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);

/// How long a server of ours may take from its start to our connection.
const START: Duration = Duration::from_secs(10);

/// 64 servers of 50 sessions are more than the agent can read; a search ends here.
const MANAGED_SERVERS: usize = 64;

/// What all tasks of this room share.
#[derive(Debug)]
pub struct Context {
    /// As given.
    pub config: TmuxConfig,
    /// Of the installed program.
    pub version: Version,
    /// The configuration file of our servers.
    pub configuration: PathBuf,
    /// What our pipes are marked with.
    pub owner: String,
    /// Where helpers bring the panes' descriptors.
    pub pane_socket: PathBuf,
    /// The panes' output.
    pub streams: Streams,
    /// Facts for the hub; a full queue delays them, it never delays orders.
    pub events: mpsc::Sender<TmuxEvent>,
    /// The connected servers.
    pub links: watch::Sender<HashMap<PathBuf, Link>>,
    /// Cancelled at shutdown.
    pub stop: CancellationToken,
}

impl Context {
    /// Says how a server is reached now.
    pub fn publish(&self, socket: &Path, link: Option<Link>) {
        self.links.send_modify(|links| {
            match link {
                Some(link) => links.insert(socket.to_owned(), link),
                None => links.remove(socket),
            };
        });
    }

    fn link(&self, socket: &Path) -> Option<Link> {
        self.links.borrow().get(socket).cloned()
    }

    /// Reports a fact when the hub is ready for it, but does not hold up the shutdown.
    async fn report(&self, event: TmuxEvent) {
        let _stopped = self.stop.run_until_cancelled(self.events.send(event)).await;
    }

    async fn problem(&self, socket: &Path, message: String, hint: &str) {
        let problem = TmuxEvent::Problem {
            socket: socket.to_owned(),
            message,
            hint: hint.to_owned(),
        };
        self.report(problem).await;
    }
}

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

/// Whether a server of this user listens on `socket`.
fn answers(socket: &Path) -> bool {
    let is_ours = std::fs::symlink_metadata(socket).is_ok_and(|found| {
        found.file_type().is_socket() && found.uid() == rustix::process::getuid().as_raw()
    });
    is_ours && try_socket(socket)
}

fn try_socket(socket: &Path) -> bool {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    // Without waiting: this is the thread that everything runs on.
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let tried = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .and_then(|ours| rustix::net::connect(&ours, &SocketAddrUnix::new(socket)?));
    // With its queue full it is busy, not gone.
    matches!(tried, Ok(()) | Err(rustix::io::Errno::AGAIN))
}

/// Watches one socket from the moment it answers until it does not any more.
struct Watch {
    context: Arc<Context>,
    socket: PathBuf,
}

impl Watch {
    async fn run(self, survey: Option<mpsc::Sender<Infallible>>) -> PathBuf {
        let mut known = Known::default();
        known.survey = survey;
        let mut failures = 0;
        let mut reason = String::new();
        let mut is_reported = false;
        while answers(&self.socket) {
            let end = self.connect(&mut known).await;
            known.survey = None;
            match end {
                End::Stopped => return self.socket,
                End::Exit(why) => {
                    debug!(socket = %self.socket.display(), why, "control client ended");
                    reason = why;
                    failures = 1;
                    is_reported = false;
                }
                End::Failed(why) => {
                    failures += 1;
                    reason = why;
                }
            }
            let pause = RECONNECT.get(failures).copied();
            if pause.is_none() && !is_reported {
                is_reported = true;
                let message = format!("this tmux server refuses us: {reason}");
                let hint =
                    "if tmux was upgraded, its sessions must end before the server can be watched";
                self.context.problem(&self.socket, message, hint).await;
            }
            let pause = sleep(pause.unwrap_or(REFUSED_PAUSE));
            if self.context.stop.run_until_cancelled(pause).await.is_none() {
                return self.socket;
            }
        }
        if let Some(server) = known.server {
            let reason = if reason.is_empty() {
                "the server ended".to_owned()
            } else {
                reason
            };
            let down = TmuxEvent::ServerDown { server, reason };
            self.context.report(down).await;
        }
        self.socket
    }

    async fn connect(&self, known: &mut Known) -> End {
        let managed = timeout(START, self.is_managed());
        let managed = match self.context.stop.run_until_cancelled(managed).await {
            None => return End::Stopped,
            Some(Ok(Ok(managed))) => managed,
            Some(Ok(Err(error))) => return End::Failed(error.to_string()),
            Some(Err(_elapsed)) => return End::Failed("it does not answer".to_owned()),
        };
        match Client::connect(&self.context, self.socket.clone(), managed) {
            Ok(client) => client.run(known, &self.context.stop).await,
            Err(error) => End::Failed(error.to_string()),
        }
    }

    /// Whether this is a server of ours; if so, sees to it that it has our newest configuration and a monitor session.
    async fn is_managed(&self) -> Result<bool, TmuxError> {
        let Context {
            config,
            configuration,
            version,
            ..
        } = &*self.context;
        if !managed::is_named_like_ours(config, &self.socket) {
            return Ok(false);
        }
        let mut command = managed::command(config, &self.socket);
        if version.is_complete() {
            command.arg("-N");
        }
        let read_again = format!("source-file {}", quote(&configuration.to_string_lossy()));
        let condition = format!("#{{{}}}", managed::MARK);
        command.args(["show-options", "-gqv", managed::MARK, ";"]);
        command.args(["if-shell", "-F", &condition, &read_again]);
        let output = command.output().await;
        let output = output.map_err(|source| TmuxError::Program {
            program: config.tmux.clone(),
            source,
        })?;
        if !output.stdout.starts_with(b"1") {
            return Ok(false);
        }
        managed::start(config, configuration, &self.socket).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

    use super::*;

    #[test]
    fn a_server_that_takes_no_more_connections_is_there_and_holds_up_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let server = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&server, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        assert!(!answers(&path));
        rustix::net::listen(&server, 0).unwrap();
        for _ in 0..5 {
            assert!(answers(&path));
        }
        drop(server);
        assert!(!answers(&path));
    }
}
