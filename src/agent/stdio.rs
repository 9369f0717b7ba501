//! `cm-agent stdio`: standard input and output joined to the daemon's socket, which is started when none runs.
//!
//! This is what a client runs at the far end of an SSH connection. Promise: nothing but protocol bytes on standard
//! output, and the end of either side ends the other. A daemon that was left running by an older version, and cannot
//! speak with this client, is replaced by ours when that helps.

use std::fs::File;
use std::io::{Cursor, ErrorKind, Read, Write};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::thread;

use tokio::io::{AsyncWriteExt as _, stdin};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::bytes::BytesMut;
use tracing::warn;

use crate::paths::Paths;
use crate::protocol::{self, FailureKind, Greeting, HELLO_DEADLINE, Hello, MAGIC, NEWEST, OLDEST};
use crate::transport::connection::{ConnectionError, MessageReader};
use crate::transport::local::{self, StartError};
use crate::transport::retire::{self, Whom};

#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("connection to the agent failed")]
    Io(#[from] std::io::Error),
    #[error("no greeting")]
    Greeting(#[source] ConnectionError),
}

/// Bridges until one side ends.
pub async fn bridge(paths: &Paths, agent_program: &Path) -> Result<(), StdioError> {
    let stream = local::connect_or_start(paths, agent_program).await?;
    let mut from_client = MessageReader::new(stdin());
    let Some(hello) = first(&mut from_client).await? else {
        return Ok(());
    };
    let agent = match pass(stream, &hello).await {
        Ok(Some(agent)) if !is_for_another_age(&hello, &agent) => Some(agent),
        // It is of another age, or was about to end: once more, with what runs then.
        greeted => {
            if let Ok(Some(_)) = greeted
                && let Err(error) = retire::retire(paths, Whom::TooOld).await
            {
                warn!(%error, "the running agent cannot be replaced");
            }
            let stream = local::connect_or_start(paths, agent_program).await?;
            pass(stream, &hello).await?
        }
    };
    let Some(agent) = agent else {
        return Ok(());
    };
    let (_, from_client) = from_client.into_parts();
    let (reader, from_agent) = agent.reader.into_parts();
    let stream = reader
        .reunite(agent.writer)
        .map_err(std::io::Error::other)?
        .into_std()?;
    stream.set_nonblocking(false)?;
    let inward = pass_on(
        "inward",
        Cursor::new(from_client).chain(File::from(std::io::stdin().as_fd().try_clone_to_owned()?)),
        stream.try_clone()?,
    )?;
    let outward = pass_on(
        "outward",
        Cursor::new(message(&agent.greeting))
            .chain(Cursor::new(from_agent))
            .chain(stream),
        File::from(std::io::stdout().as_fd().try_clone_to_owned()?),
    )?;
    // The other direction ends with the process.
    tokio::select! {
        ended = inward => ended,
        ended = outward => ended,
    }
    .unwrap_or(Ok(()))
    .map_err(StdioError::Io)
}

/// Carries bytes one way until there are no more, in a thread that waits in the kernel: whatever stands between a byte's
/// coming and its going on is felt with every key.
fn pass_on(
    name: &str,
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
) -> std::io::Result<oneshot::Receiver<std::io::Result<()>>> {
    let (done, ended) = oneshot::channel();
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            // Nobody hears it when the other direction has ended before.
            let _unheard = done.send(match std::io::copy(&mut from, &mut to) {
                // The other side has left: its end, like that of its own words.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                copied => copied.map(drop),
            });
        })?;
    Ok(ended)
}

/// A daemon that has answered a hello.
struct Greeted {
    greeting: BytesMut,
    reader: MessageReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

/// Hands the client's hello to a daemon; `None` when that closed.
async fn pass(stream: UnixStream, hello: &[u8]) -> Result<Option<Greeted>, StdioError> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = MessageReader::new(reader);
    writer.write_all(&message(hello)).await?;
    Ok(first(&mut reader).await?.map(|greeting| Greeted {
        greeting,
        reader,
        writer,
    }))
}

async fn first<R: tokio::io::AsyncRead + Unpin>(
    reader: &mut MessageReader<R>,
) -> Result<Option<BytesMut>, StdioError> {
    timeout(HELLO_DEADLINE, reader.next())
        .await
        .unwrap_or(Err(ConnectionError::Silent))
        .map_err(StdioError::Greeting)
}

/// A body as it goes over the wire. One that was read is shorter than the limit of a hello.
fn message(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes(), body].concat()
}

/// Whether the daemon refused a client that we would not refuse.
fn is_for_another_age(hello: &[u8], agent: &Greeted) -> bool {
    let Ok(Greeting::Refused(failure)) = protocol::decode(&agent.greeting) else {
        return false;
    };
    let fits =
        |hello: Hello| hello.magic == MAGIC && hello.oldest <= NEWEST && hello.newest >= OLDEST;
    failure.kind == FailureKind::Unsupported && protocol::decode(hello).is_ok_and(fits)
}
