//! How the bytes get to a host: over a socket, through a jump host, or through a command.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::life::Life;
use super::places::{self, Place};
use super::settings::{Route, Settings};
use super::stream::Stream;
use super::{SshError, SshErrorKind, errors, socket};

/// For settings that name no time limit: what a host on the other side of the world with a slow disk needs, and not
/// more than a human waits for.
const CONNECT_DEADLINE: Duration = Duration::from_secs(30);
/// What is kept of a command's error output, in bytes.
const MOST_SAID: usize = 512;

/// A byte stream to a host, before anything was said on it.
pub(super) struct Way {
    pub stream: Box<dyn Stream>,
    /// `ADDRESS:PORT`; empty when we do not see it.
    pub address: String,
    /// Until the login is done.
    pub place: Place,
    /// For the key exchange.
    pub deadline: Instant,
    pub said: Said,
}

/// How long a command that has ended may take to be heard out.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The last words of a command on the way.
#[derive(Clone)]
pub(super) struct Said {
    bytes: Arc<Mutex<VecDeque<u8>>>,
    /// Nothing more is said.
    all: CancellationToken,
}

impl Said {
    fn new() -> Self {
        Self {
            bytes: Arc::default(),
            all: CancellationToken::new(),
        }
    }

    /// Where no command is on the way.
    fn nothing() -> Self {
        let said = Self::new();
        said.all.cancel();
        said
    }

    /// What it said, when it has ended; its output may be closed before that.
    pub async fn words(&self) -> String {
        let _late = timeout(LAST_WORDS, self.all.cancelled()).await;
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let (front, back) = bytes.as_slices();
        String::from_utf8_lossy(&[front, back].concat()).into_owned()
    }

    fn keep(&self, bytes: &[u8]) {
        let mut kept = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(bytes);
        let excess = kept.len().saturating_sub(MOST_SAID);
        kept.drain(..excess);
    }
}

/// Finds the way. `through` is the last jump host, connected.
pub(super) async fn find(
    settings: &Settings,
    through: Option<&Connection>,
    life: &Arc<Life>,
) -> Result<Way, SshError> {
    let limit = if settings.connect_timeout.is_zero() {
        CONNECT_DEADLINE
    } else {
        settings.connect_timeout
    };
    if let Some(jump) = through {
        let place = places::take(&format!("through {}", jump.door())).await;
        let deadline = Instant::now() + limit;
        let ends = jump.tunnel(&settings.host_name, settings.port).await;
        let ends =
            ends.map_err(|error| errors::not_carried(&settings.name, jump.door(), &error))?;
        return Ok(Way {
            stream: Box::new(tokio::io::join(ends.output, ends.input)),
            address: String::new(),
            place,
            deadline,
            said: Said::nothing(),
        });
    }
    if settings.route == Route::Descriptor {
        return Err(SshError::new(
            SshErrorKind::Settings,
            format!(
                "cannot connect to “{}”: ProxyUseFdpass hands over a descriptor, which only ssh itself takes",
                settings.name
            ),
            "set transport = \"openssh\" for this host",
        ));
    }
    if let Route::Command(command) = &settings.route {
        // What is behind a command is not known: it may always be the same jump host.
        let place = places::take("through a command").await;
        let deadline = Instant::now() + limit;
        let said = Said::new();
        let stream = start(command, settings, life, &said)?;
        return Ok(Way {
            stream,
            address: String::new(),
            place,
            deadline,
            said,
        });
    }
    let socket = socket::connect(settings, limit).await?;
    life.own(socket.duplicate);
    Ok(Way {
        stream: Box::new(socket.stream),
        address: socket.address.to_string(),
        place: socket.place,
        deadline: socket.deadline,
        said: Said::nothing(),
    })
}

/// Starts the command in the user's shell, as ssh does, in a process group of its own: it must neither get the keys
/// nor the signals of our terminal, and all of it is killed at the end.
fn start(
    command: &str,
    settings: &Settings,
    life: &Arc<Life>,
    said: &Said,
) -> Result<Box<dyn Stream>, SshError> {
    let failed = |why: String| {
        SshError::new(
            SshErrorKind::Settings,
            format!(
                "cannot connect to “{}”: its ProxyCommand does not start: {why}",
                settings.name
            ),
            "check ProxyCommand in ~/.ssh/config",
        )
    };
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let mut child = Command::new(shell.unwrap_or_else(|| "/bin/sh".into()))
        .arg("-c")
        .arg(format!("exec {command}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed("it has no pipes".to_owned()));
    };
    // It ends with the connection.
    let _watching = tokio::spawn(watch(child, stderr, Arc::clone(life), said.clone()));
    Ok(Box::new(tokio::io::join(stdout, stdin)))
}

/// Listens to the command's complaints, kills it when the connection ends, and buries it.
async fn watch(mut child: Child, mut stderr: impl AsyncRead + Unpin, life: Arc<Life>, said: Said) {
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let listening = async {
        let mut buffer = [0; MOST_SAID];
        while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
            said.keep(buffer.get(..count).unwrap_or_default());
        }
        said.all.cancel();
        // Closed, which says nothing about the command.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _why = life.ended() => {}
        () = listening => {}
    }
    if let Some(group) = group {
        // It may have ended by itself.
        let _gone = kill_process_group(group, Signal::KILL);
    }
    let _status = child.wait().await;
}
