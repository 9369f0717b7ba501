//! `cm-agent stdio`: standard input and output joined to the daemon's socket, which is started when none runs.
//!
//! This is what a client runs at the far end of an SSH connection. Promise: nothing but protocol bytes on standard
//! output, and the end of either side ends the other.

use std::path::Path;

use tokio::io::{AsyncWriteExt, copy, stdin, stdout};

use crate::paths::Paths;
use crate::transport::local::{self, StartError};

#[derive(Debug, thiserror::Error)]
pub enum StdioError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("connection to the agent failed")]
    Io(#[from] std::io::Error),
}

/// Bridges until one side ends.
pub async fn bridge(paths: &Paths, agent_program: &Path) -> Result<(), StdioError> {
    let stream = local::connect_or_start(paths, agent_program).await?;
    let (mut from_agent, mut to_agent) = stream.into_split();
    let (mut input, mut output) = (stdin(), stdout());
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
