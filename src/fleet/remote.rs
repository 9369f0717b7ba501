//! A host over SSH: its settings, the connection, the agent found or put there, and the stream to it.
//!
//! One connection carries all of it; nothing of it outlives the stream. Promise: every failure is one line that names
//! the host, and says whether trying again can help.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::deploy::launch::{LAUNCH, Launch};
use super::deploy::{DeployConfig, DeployError, Deployer};
use super::line::{Command, Line};
use super::road::{BoxReader, BoxWriter, Boxed, DialError, Errand, Retry, Stream};
use super::standin::StandIn;
use crate::config::SshTransport;
use crate::protocol::{Failure, FailureKind};
use crate::term::{Passing, sanitize};
use crate::transport::ssh::resolve::HostFields;
use crate::transport::ssh::{Ended, SshError, SshErrorKind};

/// How long a command that has stopped talking may take to say how it ended.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// What may be on its way between us and a stand-in, in bytes: a keyframe passes in a few turns.
const STAND_IN: usize = 64 << 10;
/// The longest line of a host that is repeated, in columns.
const LONGEST_WORDS: usize = 160;

/// How a host is reached over SSH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteConfig {
    pub fields: HostFields,
    pub transport: SshTransport,
    pub deploy: DeployConfig,
    /// How much the host may say to the terminal of a person who is attached.
    pub passing: Passing,
}

/// A host over SSH, with what the human said about it.
#[derive(Debug)]
pub struct Remote {
    config: RemoteConfig,
    /// Remembers whether an agent may be put there.
    deployer: Mutex<Deployer>,
}

impl PartialEq for Remote {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config
    }
}

impl Remote {
    pub fn new(config: RemoteConfig) -> Self {
        Self {
            deployer: Mutex::new(Deployer::new(config.deploy.clone())),
            config,
        }
    }

    pub fn config(&self) -> &RemoteConfig {
        &self.config
    }

    /// Goes the way once. Dropping the future cuts what it has begun.
    pub(super) async fn dial(&self, errand: Errand) -> Result<Stream, DialError> {
        let RemoteConfig {
            fields, transport, ..
        } = &self.config;
        let (line, interval) = Line::open(fields, *transport, &errand).await?;
        let found = tokio::select! {
            biased;
            why = line.ended() => return Err(why.into()),
            found = self.find(&line, &errand) => found?,
        };
        let (reader, writer, end) = match found {
            Found::Agent(reader, writer, end) => (reader, writer, end),
            Found::Nothing(why) => return Ok(stand_in(line, &fields.name, why, interval)),
        };
        Ok(Stream {
            reader,
            writer,
            ended: Some(Box::pin(why_ended(line.ended(), fields.name.clone(), end))),
            guard: Box::new(line),
            interval,
        })
    }

    /// Finds the agent or puts it there, and starts it.
    async fn find(&self, line: &Line, errand: &Errand) -> Result<Found, DialError> {
        errand.step.send_replace("looking for cm-agent");
        let mut deployer = self.deployer.lock().await;
        let ready = match deployer.prepare(line, &errand.asker, &errand.step).await {
            Ok(ready) => ready,
            Err(error) if can_do_without(&error) => return Ok(Found::Nothing(error.failure())),
            Err(error) => return Err(error.into()),
        };
        errand.step.send_replace("starting cm-agent");
        let host = &self.config.fields.name;
        let (reader, writer, end) = start(line, host, &ready.path).await?;
        Ok(Found::Agent(reader, writer, end))
    }
}

/// What a host has.
enum Found {
    Agent(BoxReader, BoxWriter, Boxed<'static, Ended>),
    Nothing(Failure),
}

/// Whether the host can be used without an agent: nothing that the next attempt may mend is missing.
fn can_do_without(error: &DeployError) -> bool {
    error.leaves_a_shell() && DialError::retry_of(error) == Retry::AfterHuman
}

fn stand_in(line: Line, host: &str, why: Failure, interval: Option<Duration>) -> Stream {
    let (near, far) = tokio::io::duplex(STAND_IN);
    let (reader, writer) = tokio::io::split(near);
    let gone = line.ended();
    let mut serving = JoinSet::new();
    serving.spawn(StandIn::new(line, host.to_owned(), why).run(far));
    Stream {
        reader: Box::new(reader),
        writer: Box::new(writer),
        ended: Some(Box::pin(async { gone.await.failure() })),
        // Ends it, and with it the line.
        guard: Box::new(serving),
        interval,
    }
}

async fn start(
    line: &Line,
    host: &str,
    path: &str,
) -> Result<(BoxReader, BoxWriter, Boxed<'static, Ended>), DialError> {
    let launch = Launch::new(host, path)?;
    let Command {
        mut stdin,
        stdout,
        end,
    } = line.exec(LAUNCH).await?;
    // When the shell does not read, its output and its end say why.
    let _unread = stdin.write_all(&launch.head).await;
    let _unread = stdin.flush().await;
    match launch.skip(host, stdout).await {
        Ok(stdout) => Ok((Box::new(stdout), stdin, end)),
        Err(error) => {
            let mut error = DialError::from(error);
            drop(stdin);
            if let Ok(ended) = timeout(LAST_WORDS, end).await
                && let Some(words) = last_line(&ended.stderr)
            {
                error.failure.message = format!("{} ({words})", error.failure.message);
            }
            Err(error)
        }
    }
}

/// Why the stream of a started agent ended.
async fn why_ended(
    mut gone: Boxed<'static, SshError>,
    host: String,
    end: Boxed<'static, Ended>,
) -> Failure {
    let ended = tokio::select! {
        biased;
        why = &mut gone => return why.failure(),
        ended = end => ended,
    };
    let how = match (&ended.status, &ended.signal) {
        (Some(0), _) => String::new(),
        (Some(status), _) => format!(" (exit {status})"),
        (None, Some(signal)) => format!(" (killed by {})", sanitize::label(signal, LONGEST_WORDS)),
        // The connection took it along, and is about to say why.
        (None, None) => return gone.await.failure(),
    };
    let words = last_line(&ended.stderr)
        .map(|words| format!(": {words}"))
        .unwrap_or_default();
    Failure {
        kind: FailureKind::Failed,
        message: format!("cm-agent on “{host}” ended{how}{words}"),
        hint: "connecting again by itself; sessions go on".to_owned(),
    }
}

fn last_line(stderr: &str) -> Option<String> {
    stderr
        .lines()
        .rev()
        .map(|line| sanitize::label(line.trim(), LONGEST_WORDS))
        .find(|line| !line.is_empty())
}

impl From<SshError> for DialError {
    fn from(error: SshError) -> Self {
        let retry = match error.kind {
            SshErrorKind::Unreachable | SshErrorKind::Lost | SshErrorKind::Refused => Retry::Soon,
            SshErrorKind::Authentication => Retry::OnceMore,
            SshErrorKind::Untrusted | SshErrorKind::Settings => Retry::AfterHuman,
        };
        Self {
            failure: error.failure(),
            retry,
        }
    }
}

impl DialError {
    fn retry_of(error: &DeployError) -> Retry {
        match error {
            DeployError::Ssh(_)
            // Something went wrong on the way; the next attempt may have more luck.
            | DeployError::Random(_)
            | DeployError::Truncated { .. }
            | DeployError::Changed { .. }
            | DeployError::Incomplete { .. } => Retry::Soon,
            // The host is as it is until somebody changes it; each attempt would be a login for nothing.
            _ => Retry::AfterHuman,
        }
    }
}

impl From<DeployError> for DialError {
    fn from(error: DeployError) -> Self {
        match error {
            DeployError::Ssh(error) => error.into(),
            error => Self {
                failure: error.failure(),
                retry: Self::retry_of(&error),
            },
        }
    }
}
