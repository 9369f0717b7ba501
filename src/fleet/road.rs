//! How a host is reached: a way there, and the stream to its agent that going it yields.
//!
//! Promise: a stream owns all that it needs (connections, children); dropping it leaves nothing behind. A failure says
//! whether trying again can help.

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::remote::Remote;
use crate::domain::HostId;
use crate::paths::Paths;
use crate::protocol::{Failure, FailureKind};
use crate::transport::asking::Asker;
use crate::transport::local;

pub type BoxReader = Box<dyn AsyncRead + Send + Unpin>;
pub type BoxWriter = Box<dyn AsyncWrite + Send + Unpin>;
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One host of the fleet and the way to it.
#[derive(Clone, Debug, PartialEq)]
pub struct HostSpec {
    pub id: HostId,
    pub road: Road,
}

impl HostSpec {
    /// This machine.
    pub fn local(paths: Paths, agent_program: PathBuf) -> Self {
        Self {
            id: HostId::local(),
            road: Road::Local(Local {
                paths,
                agent_program,
            }),
        }
    }
}

/// A way to a host. Two that are equal lead to the same place in the same way: a host whose settings did not change
/// keeps its connection.
#[derive(Clone, Debug)]
pub enum Road {
    Local(Local),
    Remote(Arc<Remote>),
    /// Any other stream. Equal only to itself.
    Other(Arc<dyn Dial>),
}

/// Another way to get a stream to an agent.
pub trait Dial: fmt::Debug + Send + Sync {
    /// Goes the way once. Dropping the future gives up and leaves nothing behind.
    fn dial(&self, errand: Errand) -> Boxed<'_, Result<Stream, DialError>>;
}

/// The agent of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where it listens.
    pub paths: Paths,
    /// Its program, to start it when none runs.
    pub agent_program: PathBuf,
}

impl PartialEq for Road {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Local(one), Self::Local(two)) => one == two,
            (Self::Remote(one), Self::Remote(two)) => one == two,
            (Self::Other(one), Self::Other(two)) => Arc::ptr_eq(one, two),
            _ => false,
        }
    }
}

impl Road {
    /// Whether it leads over a network, so that attempts are rare and spread, and silence is patiently waited out.
    pub(super) fn is_remote(&self) -> bool {
        !matches!(self, Self::Local(_))
    }

    /// Goes the way once. Safe to cancel.
    pub(super) async fn dial(&self, errand: Errand) -> Result<Stream, DialError> {
        match self {
            Self::Local(local) => local.dial().await,
            Self::Remote(remote) => remote.dial(errand).await,
            Self::Other(dial) => dial.dial(errand).await,
        }
    }
}

impl Local {
    async fn dial(&self) -> Result<Stream, DialError> {
        let stream = local::connect_or_start(&self.paths, &self.agent_program)
            .await
            .map_err(|error| DialError {
                failure: Failure {
                    kind: FailureKind::Failed,
                    message: chain(&error),
                    hint: error.hint(),
                },
                retry: Retry::Soon,
            })?;
        let (reader, writer) = stream.into_split();
        Ok(Stream {
            reader: Box::new(reader),
            writer: Box::new(writer),
            guard: Box::new(()),
            ended: None,
            interval: None,
        })
    }
}

/// What goes along on the way to a host.
#[derive(Debug)]
pub struct Errand {
    /// For what only the human can answer.
    pub asker: Asker,
    /// What is being done right now, as [`super::Notice::Step`].
    pub step: watch::Sender<&'static str>,
}

/// A stream to an agent that waits to be greeted.
pub struct Stream {
    pub reader: BoxReader,
    pub writer: BoxWriter,
    /// Cuts everything when it is dropped.
    pub guard: Box<dyn Send>,
    /// Completes when the stream has ended, and says why in better words than "closed".
    pub ended: Option<Boxed<'static, Failure>>,
    /// How often the agent is asked for a sign of life over a network; `None` is ours.
    pub interval: Option<Duration>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}

/// Why a host was not reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialError {
    pub failure: Failure,
    pub retry: Retry,
}

/// When trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// After a pause, by itself.
    Soon,
    /// The login was refused: once more by itself, then only when the human says so. Servers lock out who fails often.
    OnceMore,
    /// Never by itself: only the human can mend it.
    AfterHuman,
}

/// An error with its causes in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
