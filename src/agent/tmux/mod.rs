//! Everything the daemon knows about tmux: which servers and panes there are, what they print, and how to type into
//! them without hitting the wrong one.
//!
//! tmux pushes: one control client per server carries commands and notifications, and every joined pane hands the
//! agent a descriptor with its raw bytes. Nothing is polled and no process stays behind. The room reports facts
//! ([`TmuxEvent`]) and carries out orders; it never decides, parses no screen and keeps no emulator.
//!
//! | to … | call |
//! | --- | --- |
//! | learn of servers and panes | [`Events::recv`] |
//! | see a pane | [`Tmux::join`], then [`Streams::take`] for what follows |
//! | type | [`Tmux::send`], [`Tmux::paste`], [`Tmux::send_guarded`] |
//! | start and end sessions | [`Tmux::new_session`], [`Tmux::kill`] |
//!
//! Managed servers (sockets `cm`, `cm-2`, …) are ours: own configuration, pinned size, hooks. All others are the
//! user's: watched, never resized, never configured.

mod client;
mod command;
mod context;
mod error;
mod facts;
mod handover;
mod join;
mod link;
mod managed;
mod operate;
mod order;
mod panes;
mod parse;
mod servers;
mod sessions;
mod socket;
mod streams;
mod version;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

pub use self::{
    error::TmuxError,
    facts::{PaneDeath, PaneInfo, PaneRef, ServerRef, TmuxEvent},
    handover::{FdPassError, fdpass},
    managed::MONITOR,
    order::{Guard, History, HistoryLine, Join, NewSession, Refusal, Sent, Started},
    streams::{Chunk, StreamId, Streams},
    version::Version,
};

use self::{
    context::Context,
    servers::{Place, Servers},
    sessions::{NAME_RULE, OPTION_RULE, SIZE_RULE, is_name, is_option, is_size},
};

/// Facts waiting for the hub. Each server holds its newest pane list back while this is full, so nothing is lost.
const EVENTS: usize = 64;

/// Starts of sessions waiting for a server; callers wait when it is full.
const PLACES: usize = 16;

/// How long a server may take to close our pipes at shutdown.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where tmux is and how we use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TmuxConfig {
    /// The tmux program; resolved, so that a later change of `PATH` changes nothing.
    pub tmux: PathBuf,
    /// The folder of tmux's sockets, see [`socket_dir`]. Created with mode 0700 when missing, and refused unless it
    /// is a real folder of ours that nobody else may write to.
    pub socket_dir: PathBuf,
    /// Socket name of the first managed server, `cm`; further ones are `cm-2`, `cm-3`, …
    pub label: String,
    /// Our own 0700 folder: `tmux.conf` and `panes.sock` are written here. Its path must be the same after a
    /// restart of the agent: that is how panes piped by a predecessor are told from those of the user.
    pub run_dir: PathBuf,
    /// Absolute path of `cm-agent`, run as `cm-agent fdpass SOCKET ID` by the tmux server.
    pub agent_program: PathBuf,
    /// Columns and rows of a managed session that nobody is attached to.
    pub size: (u16, u16),
    /// Sockets outside `socket_dir` that are watched too.
    pub extra_sockets: Vec<PathBuf>,
    /// Bytes of captured text that a server may lose for our joins (tmux 3.2 to 3.5 never free what a control client
    /// captures) before further joins are made by a process each, which leaks nothing and costs 2 ms. Some 16 MiB,
    /// about 2000 joins, are a good measure.
    pub capture_leak: u64,
    /// Names of the user options (`@cm_…`) that [`PaneInfo::options`] shows; tmux cannot list them by itself.
    pub options: Vec<String>,
}

/// Returns the folder in which tmux keeps this user's sockets: `$TMUX_TMPDIR/tmux-UID`, else `/tmp/tmux-UID`.
pub fn socket_dir() -> PathBuf {
    let base = std::env::var_os("TMUX_TMPDIR").filter(|dir| !dir.is_empty());
    let base = base.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    base.join(format!("tmux-{}", rustix::process::getuid().as_raw()))
}

/// The door to all tmux servers; a cheap clone.
#[derive(Clone, Debug)]
pub struct Tmux {
    context: Arc<Context>,
    places: mpsc::Sender<Place>,
    finished: CancellationToken,
}

/// What tmux reports. The owner must keep receiving; when it is slow, newer pane lists replace older ones.
#[derive(Debug)]
pub struct Events {
    events: mpsc::Receiver<TmuxEvent>,
    streams: Streams,
}

impl Events {
    /// Waits for the next fact; `None` after [`Tmux::shutdown`]. Safe to cancel.
    pub async fn recv(&mut self) -> Option<TmuxEvent> {
        self.events.recv().await
    }

    /// Returns the output of all joined panes; a cheap clone.
    pub fn streams(&self) -> Streams {
        self.streams.clone()
    }
}

impl Tmux {
    /// Starts watching: checks tmux's version and the folders, listens for pane descriptors, and looks for servers.
    /// Starts no server; the first [`Tmux::new_session`] does. Call inside a tokio runtime.
    ///
    /// # Errors
    ///
    /// When tmux is missing or too old, a folder is unsafe, or the pane socket cannot be opened.
    pub async fn start(config: TmuxConfig) -> Result<(Self, Events), TmuxError> {
        let version = installed_version(&config.tmux).await?;
        check(&config)?;
        managed::check_folder(&config.socket_dir)?;
        managed::check_folder(&config.run_dir)?;
        let configuration = managed::write_configuration(&config, version)?;
        let pane_socket = config.run_dir.join("panes.sock");
        let streams = Streams::listen(&pane_socket)?;
        let (event_tx, events) = mpsc::channel(EVENTS);
        let context = Arc::new(Context {
            owner: owner(&pane_socket),
            pane_socket,
            version,
            configuration,
            streams: streams.clone(),
            events: event_tx,
            links: watch::Sender::default(),
            stop: CancellationToken::new(),
            config,
        });
        let (places, wishes) = mpsc::channel(PLACES);
        let servers = Servers::new(Arc::clone(&context), wishes);
        let finished = CancellationToken::new();
        let finish = finished.clone().drop_guard();
        tokio::spawn(async move {
            servers.run().await;
            drop(finish);
        });
        let tmux = Self {
            context,
            places,
            finished,
        };
        Ok((tmux, Events { events, streams }))
    }

    /// Stops watching: gives back all pipes and ends the control clients. Servers and sessions go on, and so do the
    /// hooks of managed servers, which must work without us. Other handles get [`TmuxError::ShutDown`] from then on.
    pub async fn shutdown(self) {
        let links: Vec<_> = self.context.links.borrow().values().cloned().collect();
        for link in links {
            // A server that does not answer notices by itself when the descriptors are closed.
            let _late = timeout(FAREWELL, self.release_all(&link)).await;
        }
        self.context.stop.cancel();
        self.finished.cancelled().await;
        self.context.streams.stop();
    }
}

async fn installed_version(program: &Path) -> Result<Version, TmuxError> {
    let output = tokio::process::Command::new(program).arg("-V").output();
    let output = output.await.map_err(|source| TmuxError::Program {
        program: program.to_owned(),
        source,
    })?;
    Version::parse(&String::from_utf8_lossy(&output.stdout))?.require()
}

/// Refuses what could not be written into a tmux command.
fn check(config: &TmuxConfig) -> Result<(), TmuxError> {
    let invalid = |what, why| Err(TmuxError::Invalid { what, why });
    let plain = |path: &Path| {
        let text = path.to_str();
        path.is_absolute() && text.is_some_and(|text| !text.chars().any(char::is_control))
    };
    if !plain(&config.run_dir) || !plain(&config.agent_program) {
        return invalid(
            "the agent's paths",
            "they must be absolute, in UTF-8, on one line",
        );
    }
    if !is_name(&config.label) {
        return invalid("the socket name", NAME_RULE);
    }
    if !is_size(config.size) {
        return invalid("the size", SIZE_RULE);
    }
    if !config.options.iter().all(|key| is_option(key)) {
        return invalid("an option name", OPTION_RULE);
    }
    Ok(())
}

/// Marks pipes as ours: the same for every run of this agent, different for an agent with another folder.
fn owner(pane_socket: &Path) -> String {
    // FNV-1a; it must not change from one build to the next.
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let bytes = pane_socket.as_os_str().as_encoded_bytes();
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, hash))
}

/// Returns the program file `name` of `PATH`, for [`TmuxConfig::tmux`].
pub fn find_program(name: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    file.is_file() && rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok()
}
