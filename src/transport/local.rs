//! The Unix socket on this machine, both ends of it, and who is on the other side.
//!
//! Promise: the socket is never open to anybody else, not even for a moment: it is bound inside a checked 0700
//! folder, and each peer's user id is asked of the kernel.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::FlockOperation;
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::Command;
use tokio::time::timeout;

use crate::paths::{DirError, Paths, private_dir};

/// The longest socket path, in bytes: `sun_path` holds 108 on Linux and 104 on macOS, with a closing NUL.
const LONGEST_PATH: usize = 103;

#[derive(Debug, Error)]
pub enum LocalError {
    #[error("socket path {} is longer than {LONGEST_PATH} bytes", .0.display())]
    PathTooLong(PathBuf),
    #[error("cannot listen on {}", path.display())]
    Bind {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("a process of user {uid} tried to connect")]
    OtherUser { uid: u32 },
    #[error("cannot tell who connects")]
    NoPeer(#[source] io::Error),
}

/// Listens on `path`. The caller holds the lock that makes it the only agent, so a socket found there is a leftover.
///
/// # Errors
/// When the path is too long or cannot be bound.
pub fn listen(path: &Path) -> Result<UnixListener, LocalError> {
    if path.as_os_str().len() > LONGEST_PATH {
        return Err(LocalError::PathTooLong(path.to_owned()));
    }
    let failed = |source| LocalError::Bind {
        path: path.to_owned(),
        source,
    };
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .map_err(failed)?;
    Ok(listener)
}

/// Lets only processes of our own user in.
///
/// # Errors
/// [`LocalError::OtherUser`] for anybody else, root included.
pub fn check_peer(stream: &UnixStream) -> Result<(), LocalError> {
    let uid = stream.peer_cred().map_err(LocalError::NoPeer)?.uid();
    if uid == rustix::process::geteuid().as_raw() {
        Ok(())
    } else {
        Err(LocalError::OtherUser { uid })
    }
}

/// Connects to an agent, or says why none answers.
pub async fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path).await
}

/// Why no agent could be reached or started.
#[derive(Debug, Error)]
pub enum StartError {
    #[error(transparent)]
    Folder(#[from] DirError),
    #[error("cannot connect to {}", path.display())]
    Connect {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot run {}", program.display())]
    Program {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The agent's own words.
    #[error("cm-agent did not start: {0}")]
    Refused(String),
    #[error("cm-agent ended as soon as it was started")]
    Crashed { log: PathBuf },
    #[error("cm-agent did not start within {} s", READY_DEADLINE.as_secs())]
    Silent,
}

impl StartError {
    /// What to do about it; may be empty.
    pub fn hint(&self) -> String {
        match self {
            Self::Folder(error) => error.hint(),
            Self::Crashed { log } => format!("its log says why: {}", log.display()),
            Self::Program { .. } => "install cm-agent beside cm-tui".to_owned(),
            Self::Connect { .. } | Self::Refused(_) | Self::Silent => {
                "try: cm-agent serve".to_owned()
            }
        }
    }
}

/// How long a new agent may take until it accepts clients: it binds a socket; tmux is looked for afterwards.
const READY_DEADLINE: Duration = Duration::from_secs(10);
/// What a new agent says when it accepts clients.
pub const READY: &str = "ready";

/// Connects to the agent; starts one when none runs. However many do this at once, one agent is started.
///
/// # Errors
/// When the run folder is unsafe, the agent's program cannot be run, or the agent says why it cannot serve.
pub async fn connect_or_start(
    paths: &Paths,
    agent_program: &Path,
) -> Result<UnixStream, StartError> {
    let socket = paths.socket();
    match connect(&socket).await {
        Err(error) if means_no_agent(&error) => {}
        connected => {
            return connected.map_err(|source| StartError::Connect {
                path: socket,
                source,
            });
        }
    }
    let _turn = take_turn(paths).await?;
    // Whoever had the turn before us has probably started it.
    if let Ok(stream) = connect(&socket).await {
        return Ok(stream);
    }
    start(agent_program).await.map_err(|error| match error {
        StartError::Refused(words) if words.is_empty() => StartError::Crashed {
            log: paths.log_file("cm-agent"),
        },
        error => error,
    })?;
    connect(&socket)
        .await
        .map_err(|source| StartError::Connect {
            path: socket,
            source,
        })
}

/// Waits for the right to start an agent, or to end one for good; it passes on when the file is dropped.
pub(super) async fn take_turn(paths: &Paths) -> Result<File, StartError> {
    private_dir(&paths.run_dir)?;
    let path = paths.run_dir.join("start.lock");
    let failed = {
        let path = path.clone();
        move |source| StartError::Connect { path, source }
    };
    let waiting = tokio::task::spawn_blocking(move || {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
        io::Result::Ok(file)
    });
    waiting
        .await
        .map_err(io::Error::other)
        .flatten()
        .map_err(failed)
}

/// Starts an agent of its own session and waits until it says that it serves.
async fn start(program: &Path) -> Result<(), StartError> {
    let failed = |source| StartError::Program {
        program: program.to_owned(),
        source,
    };
    let mut child = Command::new(program)
        .args(["serve", "--detach"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Sessions must not believe that they run inside the tmux that we were started in.
        .env_remove("TMUX")
        .env_remove("TMUX_PANE")
        .spawn()
        .map_err(failed)?;
    let Some(stdout) = child.stdout.take() else {
        return Err(StartError::Silent);
    };
    let mut words = String::new();
    let said = timeout(READY_DEADLINE, BufReader::new(stdout).read_line(&mut words)).await;
    match said {
        Ok(Ok(_)) if words.trim_end() == READY => Ok(()),
        Ok(Ok(_)) => Err(StartError::Refused(crate::term::sanitize::label(
            words.trim_end(),
            300,
        ))),
        Ok(Err(source)) => Err(failed(source)),
        Err(_elapsed) => Err(StartError::Silent),
    }
}

/// Whether a failed connect means that no agent runs (rather than that it cannot be reached).
pub fn means_no_agent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            // It ended while we waited to be let in.
            | io::ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_only_we_may_use_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.sock");
        drop(listen(&path).unwrap());
        assert!(means_no_agent(&connect(&path).await.unwrap_err()));
        let listener = listen(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let (client, served) = tokio::join!(connect(&path), listener.accept());
        drop(client.unwrap());
        check_peer(&served.unwrap().0).unwrap();
    }

    #[tokio::test]
    async fn a_path_that_does_not_fit_a_socket_address_is_named() {
        let path = PathBuf::from("/").join("x".repeat(120));
        assert!(matches!(listen(&path), Err(LocalError::PathTooLong(_))));
    }
}
