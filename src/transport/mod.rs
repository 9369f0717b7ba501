//! How bytes reach the other side: streams, and messages over them.
//!
//! [`connection`] speaks the protocol over any byte stream; [`local`] makes streams out of Unix sockets on this
//! machine, and starts the agent there when none runs; [`retire`] ends one that is too old; [`ssh`] makes them to other
//! machines, `openssh` with the system's own `ssh`, and [`asking`] is how the human is asked on the way. Nothing here
//! knows what a message means.

#[cfg(feature = "client")]
pub mod asking;
pub mod connection;
pub mod local;
#[cfg(feature = "client")]
pub mod openssh;
pub mod retire;
#[cfg(feature = "client")]
pub mod ssh;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use self::connection::ConnectionError;
use crate::protocol::{REPLY_DEADLINE, Reply, Request, ToAgent, ToClient};

/// Greets an agent, asks one thing and returns its answer: all that a short command needs.
pub async fn ask<R, W>(
    stream: (R, W),
    client: &str,
    request: Request,
) -> Result<Reply, ConnectionError>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (_welcome, mut reader, mut writer) = connection::greet(stream, client, None).await?;
    writer.send(&ToAgent { id: 1, request }).await?;
    let answer = async {
        while let Some(body) = reader.next().await? {
            if let Some(ToClient::Reply { id: 1, reply }) = connection::read_fact(&body) {
                return Ok(reply);
            }
        }
        Err(ConnectionError::Closed)
    };
    timeout(REPLY_DEADLINE, answer)
        .await
        .map_err(|_elapsed| ConnectionError::Silent)?
}
