//! `cm-agent serve`: one daemon per user, from its lock to its last breath.
//!
//! Promise: never two of them, however many are started at once; the socket is only open to its user; when the daemon
//! ends, in whatever way, sessions live on.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FlockOperation;
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::audit::{Audit, AuditConfig, Opened};
use super::hub::{self, Approval, ApproveSetup, Hub, HubConfig, HubMsg, HubSender, OPTIONS};
use super::record::{Limits, Recorder, Writing};
use super::recorder::Book;
use super::rules::RuleFiles;
use super::server;
use super::tmux::{self, TmuxConfig};
use crate::config::{self, Config, LoadedTools};
use crate::domain::Tools;
use crate::paths::{DirError, Paths, private_dir};
use crate::protocol::{Failure, FailureKind};
use crate::transport::local::{self, LocalError};

/// What tmux 3.2 to 3.5 may lose to our joins, in bytes, before they are made in a dearer way: half of what a flooding
/// pane may cost the tmux server.
const CAPTURE_LEAK: u64 = 16 << 20;

#[derive(Debug, Error)]
pub enum DaemonError {
    #[error(transparent)]
    Folder(#[from] DirError),
    #[error("cm-agent already runs (process {pid})")]
    AlreadyRuns { pid: String },
    #[error("cannot lock {}", path.display())]
    Lock {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Socket(#[from] LocalError),
    #[error("cannot ask the system for {what}")]
    System {
        what: &'static str,
        #[source]
        source: io::Error,
    },
}

impl DaemonError {
    /// What to do about it; may be empty.
    pub fn hint(&self) -> String {
        match self {
            Self::Folder(error) => error.hint(),
            Self::AlreadyRuns { .. } => "nothing to do; to restart it: cm-agent stop".to_owned(),
            Self::Socket(LocalError::PathTooLong(_)) => {
                "set XDG_RUNTIME_DIR to a shorter path".to_owned()
            }
            _ => String::new(),
        }
    }
}

/// Serves until stopped. `ready` is called once clients can connect.
pub async fn serve(paths: &Paths, ready: impl FnOnce()) -> Result<(), DaemonError> {
    private_dir(&paths.run_dir)?;
    let lock = lock(&paths.lock())?;
    let listener = local::listen(&paths.socket())?;
    let stop = CancellationToken::new();
    let agent_program = std::env::current_exe().map_err(|source| DaemonError::System {
        what: "our own path",
        source,
    })?;
    let run = random().map_err(|source| DaemonError::System {
        what: "random bytes",
        source,
    })?;

    let settings = settings(paths);
    let rule_files = RuleFiles::new(paths.clone());
    let (audit, earlier) = Audit::start(AuditConfig::new(paths.audit_dir())).map_err(|source| {
        DaemonError::System {
            what: "a thread for the record",
            source,
        }
    })?;
    let (tools, trouble) = load_tools(paths, Tools::built_in());
    let (own, orders) = hub::channel();
    let (recorder, writing) = recorder(paths, &settings).unzip();
    let config = HubConfig {
        tmux: tmux_config(paths, &settings, &agent_program),
        agent_program,
        home: paths.home.clone(),
        audit_dir: paths.audit_dir(),
        tools: tools.clone(),
        // Elsewhere tmux names a pane by its program's file: it would not be known for the tool.
        proxies: settings.session.proxy && cfg!(target_os = "linux"),
        recorder,
        run,
        approve: ApproveSetup {
            settings: settings.approve,
            rules: rule_files.load(),
            recorder: Arc::new(Book::new(audit.clone())),
            rule_files: rule_files.clone(),
        },
    };
    let hub = Hub::new(config, own.clone(), stop.clone());
    spawn_signals(&stop)?;
    tokio::spawn(watch_tools(
        paths.clone(),
        tools,
        trouble,
        own.clone(),
        stop.clone(),
    ));
    tokio::spawn(watch_rules(rule_files, own.clone(), stop.clone()));
    tokio::spawn(watch_record(audit.clone(), earlier, own.clone()));
    tokio::spawn(server::serve(listener, own, stop));
    info!(version = super::NAME_AND_VERSION, socket = %paths.socket().display(), "ready");
    ready();
    hub.run(orders).await;
    if let Some(writing) = writing {
        writing.finish();
    }
    // What was decided last is not to be lost with the process.
    if let Err(error) = audit.flush().await {
        warn!(%error, "the record is not complete");
    }
    // While the lock is held nobody else can have put a socket there.
    if let Err(source) = std::fs::remove_file(paths.socket()) {
        warn!(%source, "cannot remove the socket");
    }
    drop(lock);
    Ok(())
}

/// Holds the lock for as long as the file lives; the system lets go of it however we end.
fn lock(path: &Path) -> Result<File, DaemonError> {
    let failed = |source| DaemonError::Lock {
        path: path.to_owned(),
        source,
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid).map_err(failed)?;
            return Err(DaemonError::AlreadyRuns {
                pid: pid.trim().chars().take(10).collect(),
            });
        }
        Err(errno) => return Err(failed(errno.into())),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(file)
}

fn random() -> io::Result<u64> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// The user's settings, or the defaults when they cannot be read: the dashboard is where that is said.
fn settings(paths: &Paths) -> Config {
    config::load(&paths.config_file()).map_or_else(
        |error| {
            warn!(%error, "settings cannot be read; using defaults");
            Config::default()
        },
        |(settings, _warnings)| settings,
    )
}

/// Keeps what sessions print, where the user wants that. A folder that cannot be used costs the logs, not the agent.
fn recorder(paths: &Paths, settings: &Config) -> Option<(Recorder, Writing)> {
    let logs = settings.logs;
    if !logs.keep {
        return None;
    }
    let limits = Limits {
        total: u64::from(logs.total_mib) << 20,
        session: u64::from(logs.session_mib) << 20,
    };
    Recorder::start(paths.logs_dir(), limits)
        .inspect_err(|error| warn!(%error, hint = error.hint(), "what sessions print is not kept"))
        .ok()
}

fn tmux_config(paths: &Paths, settings: &Config, agent_program: &Path) -> Option<TmuxConfig> {
    Some(TmuxConfig {
        tmux: tmux::find_program("tmux")?,
        socket_dir: tmux::socket_dir(),
        label: "cm".to_owned(),
        run_dir: paths.run_dir.clone(),
        agent_program: agent_program.to_owned(),
        size: (settings.session.cols, settings.session.rows),
        extra_sockets: settings.tmux.sockets.clone(),
        capture_leak: CAPTURE_LEAK,
        options: OPTIONS.map(str::to_owned).to_vec(),
    })
}

/// The built-in profiles with the user's own over them. A broken file leaves its tool as it was in `last`.
fn load_tools(paths: &Paths, last: Tools) -> (Tools, Option<Failure>) {
    let LoadedTools {
        profiles,
        warnings,
        errors,
    } = config::load_tools(&paths.tools_dir());
    for warning in &warnings {
        warn!(%warning, "tool profile");
    }
    let trouble = errors.first().map(|error| Failure {
        kind: FailureKind::Invalid,
        message: error.to_string(),
        hint: error.hint.clone().unwrap_or_default(),
    });
    let tools = if errors.is_empty() {
        Tools::with(profiles)
    } else {
        last
    };
    (tools, trouble)
}

/// Reads the tool profiles again whenever one is saved.
async fn watch_tools(
    paths: Paths,
    mut tools: Tools,
    trouble: Option<Failure>,
    hub: HubSender,
    stop: CancellationToken,
) {
    if trouble.is_some()
        && hub
            .send(HubMsg::ToolsLoaded {
                tools: tools.clone(),
                trouble,
            })
            .await
            .is_err()
    {
        return;
    }
    let mut changes = match config::watch::watch(vec![paths.tools_dir()]) {
        Ok(changes) => changes,
        Err(error) => return warn!(%error, "changed tool profiles need a restart"),
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            news = changes.recv() => if news.is_none() { return },
        }
        let trouble;
        (tools, trouble) = load_tools(&paths, tools);
        if hub
            .send(HubMsg::ToolsLoaded {
                tools: tools.clone(),
                trouble,
            })
            .await
            .is_err()
        {
            return;
        }
    }
}

/// Reads the policy again whenever one of its files is saved.
async fn watch_rules(files: RuleFiles, hub: HubSender, stop: CancellationToken) {
    let mut folders = files.folders();
    let mut changes = match config::watch::watch(folders.clone()) {
        Ok(changes) => changes,
        Err(error) => return warn!(%error, "a changed policy needs a restart"),
    };
    loop {
        // Once at the beginning as well: it may have changed before it was watched.
        let reading = files.clone();
        let read = move || (reading.folders(), reading.load());
        let Ok((wanted, rules)) = tokio::task::spawn_blocking(read).await else {
            return;
        };
        let loaded = HubMsg::Approval(Approval::RulesLoaded(rules));
        if hub.send(loaded).await.is_err() {
            return;
        }
        if wanted != folders {
            // A context has its rules elsewhere now. What is watched already is not given up for it.
            match config::watch::watch(wanted.clone()) {
                Ok(all) => changes = all,
                Err(error) => warn!(%error, "changed rules of a context need a restart"),
            }
            folders = wanted;
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            news = changes.recv() => if news.is_none() { return },
        }
    }
}

/// Tells the hub when the record can be written no more, and when it can be again.
async fn watch_record(audit: Audit, opened: oneshot::Receiver<Opened>, hub: HubSender) {
    let mut health = audit.health();
    drop(audit);
    tokio::select! {
        // What an earlier run left open is never answered again: its prompts have other numbers now, and every mode is off.
        opened = opened => for note in opened.iter().flat_map(|opened| &opened.notes) {
            warn!(note, "the record of decisions");
        },
        changed = health.changed() => if changed.is_err() { return },
    }
    loop {
        let trouble = health.borrow_and_update().clone();
        let told = HubMsg::Approval(Approval::RecordHealth(trouble));
        if hub.send(told).await.is_err() || health.changed().await.is_err() {
            return;
        }
    }
}

/// Ends the daemon in order on the usual signals.
fn spawn_signals(stop: &CancellationToken) -> Result<(), DaemonError> {
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut arrivals = signal(kind).map_err(|source| DaemonError::System {
            what: "signals",
            source,
        })?;
        let stop = stop.clone();
        tokio::spawn(async move {
            arrivals.recv().await;
            stop.cancel();
        });
    }
    // The terminal that started us may close; that is not our end.
    let mut hang_ups = signal(SignalKind::hangup()).map_err(|source| DaemonError::System {
        what: "signals",
        source,
    })?;
    tokio::spawn(async move { while hang_ups.recv().await.is_some() {} });
    Ok(())
}

/// Leaves the session and folder of whoever started us, so that we outlive them.
pub fn detach() {
    if let Err(errno) = rustix::process::setsid() {
        error!(%errno, "cannot leave the terminal's session");
    }
    if let Err(source) = std::env::set_current_dir("/") {
        error!(%source, "cannot leave the working folder");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_daemon_is_told_who_runs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.lock");
        let first = lock(&path).unwrap();
        let Err(DaemonError::AlreadyRuns { pid }) = lock(&path) else {
            panic!("two daemons")
        };
        assert_eq!(pid, std::process::id().to_string());
        drop(first);
        lock(&path).unwrap();
    }
}
