//! The end of an agent: because a person wants it, or because it is too old to speak with us and the one beside us shall take
//! its place.
//!
//! It holds because the greeting and [`Request::Stop`] are the same in every version of the protocol. Promises: a newer
//! agent is never ended by an older program, one that speaks with us only when a person says so, and sessions live on (tmux
//! holds them).

use std::io;
use std::time::Duration;

use rustix::fs::FlockOperation;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::connection::{self, ConnectionError};
use super::local::{self, StartError};
use crate::paths::Paths;
use crate::protocol::{NEWEST, OLDEST, REPLY_DEADLINE, Request, ToAgent, ToClient};

/// Which agents are ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Every one that understands us.
    Any,
    /// Only one that speaks nothing that we speak.
    TooOld,
}

#[derive(Debug, Error)]
pub enum RetireError {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the running cm-agent does not end")]
    Stays,
}

/// How long an agent may take to end after it was told to: it closes a few files.
const LEAVE_DEADLINE: Duration = Duration::from_secs(10);

/// Tells the agent at the other end of a fresh stream to end. Returns whether it was told to.
///
/// # Errors
/// When it does not understand us, which is what a newer one says.
pub async fn stop<R, W>(stream: (R, W), client: &str, whom: Whom) -> Result<bool, ConnectionError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    // As if we spoke all versions there ever were: what follows is the same in each.
    let (welcome, mut reader, mut writer) =
        connection::greet_as(stream, client, None, (0, NEWEST)).await?;
    if whom == Whom::TooOld && welcome.version >= OLDEST {
        return Ok(false);
    }
    let order = ToAgent {
        id: 1,
        request: Request::Stop,
    };
    writer.send(&order).await?;
    let answer = async {
        while let Some(body) = reader.next().await? {
            if let Some(ToClient::Reply { id: 1, .. }) = connection::read_fact(&body) {
                break;
            }
        }
        Ok(true)
    };
    match timeout(REPLY_DEADLINE, answer).await {
        // It stopped before its answer left: that is what was asked for.
        Ok(Err(ConnectionError::Closed)) => Ok(true),
        Ok(answered) => answered,
        Err(_elapsed) => Err(ConnectionError::Silent),
    }
}

/// Ends the agent of this machine, and waits until it is gone: what it knew is then on disk, and another one can start. However
/// many do this at once, the agent that follows is not harmed. Returns whether there was one to end.
///
/// # Errors
/// When it cannot be reached, or stays.
pub async fn retire(paths: &Paths, whom: Whom) -> Result<bool, RetireError> {
    // Nobody starts another one while we look at its lock.
    let _turn = local::take_turn(paths).await?;
    let stream = match local::connect(&paths.socket()).await {
        Ok(stream) => stream,
        Err(error) if local::means_no_agent(&error) => return Ok(false),
        Err(error) => return Err(ConnectionError::Io(error).into()),
    };
    if !stop(stream.into_split(), "cm-agent", whom).await? {
        return Ok(false);
    }
    let lock = paths.lock();
    let leaving = tokio::task::spawn_blocking(move || {
        let file = std::fs::File::open(lock)?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
        Ok(true)
    });
    match timeout(LEAVE_DEADLINE, leaving).await {
        Ok(left) => left
            .map_err(io::Error::other)
            .flatten()
            .map_err(|error| ConnectionError::Io(error).into()),
        Err(_elapsed) => Err(RetireError::Stays),
    }
}
