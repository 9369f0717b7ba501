//! `cm-agent stdio`: standard input and output joined to the daemon's socket, which is started when none runs.
//!
//! This is what a client runs at the far end of an SSH connection. Promise: nothing but protocol bytes on standard
//! output, and the end of either side ends the other. A daemon that was left running by an older version, and cannot
//! speak with this client, is replaced by ours when that helps.

use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy, stdin, stdout};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;
use tokio_util::bytes::BytesMut;
use tracing::warn;

use crate::paths::Paths;
use crate::protocol::{self, FailureKind, Greeting, HELLO_DEADLINE, Hello, MAGIC, NEWEST, OLDEST};
use crate::transport::connection::{ConnectionError, MessageReader};
use crate::transport::local::{self, StartError};
use crate::transport::retire;

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
                && let Err(error) = retire::retire(paths).await
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
    let mut output = stdout();
    send(&mut output, &agent.greeting).await?;
    output.flush().await?;

    let (input, early) = from_client.into_parts();
    let mut input = early.as_ref().chain(input);
    let (from_agent, early) = agent.reader.into_parts();
    let mut from_agent = early.as_ref().chain(from_agent);
    let mut to_agent = agent.writer;
    let inward = async {
        copy(&mut input, &mut to_agent).await?;
        to_agent.shutdown().await
    };
    let outward = async {
        copy(&mut from_agent, &mut output).await?;
        output.flush().await
    };
    tokio::pin!(inward);
    tokio::select! {
        // The client has said all it had to say; what the agent still answers is passed on.
        said = &mut inward => {
            said?;
            Ok(())
        }
        heard = outward => Ok(heard?),
    }
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
    send(&mut writer, hello).await?;
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

async fn send(stream: &mut (impl AsyncWrite + Unpin), body: &[u8]) -> std::io::Result<()> {
    // A body that was read is shorter than the limit of a hello.
    stream.write_all(&(body.len() as u32).to_be_bytes()).await?;
    stream.write_all(body).await
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
