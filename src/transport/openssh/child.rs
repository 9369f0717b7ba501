//! One running `ssh`: its complaints are kept, and it is killed and buried when it is not needed any more.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Ended;
use crate::transport::ssh::SshError;

/// What is kept of the error output, in bytes from the end.
const MOST_STDERR: usize = 8 << 10;
/// How long the rest of the error output is waited for once `ssh` has ended: it is in the pipe already, but a
/// `ProxyCommand` that lives on would hold the pipe open.
const REST_DEADLINE: Duration = Duration::from_secs(1);

pub(super) struct Watched {
    /// The host's, for errors.
    pub name: String,
    /// In a process group of its own.
    pub child: Child,
    pub cut: CancellationToken,
    /// Set when nobody holds its output and its end any more.
    pub unused: CancellationToken,
    pub failed: watch::Sender<Option<SshError>>,
    pub ended: oneshot::Sender<Ended>,
}

impl Watched {
    pub async fn run(mut self, mut stderr: impl AsyncRead + Unpin) {
        let mut said = Said::default();
        let status = {
            let listening = async {
                said.listen(&mut stderr).await;
                std::future::pending::<()>().await;
            };
            tokio::select! {
                status = self.child.wait() => status.ok(),
                () = self.cut.cancelled() => None,
                () = self.unused.cancelled() => None,
                () = listening => None,
            }
        };
        let Some(status) = status else {
            self.kill().await;
            return;
        };
        let _rest = timeout(REST_DEADLINE, said.listen(&mut stderr)).await;
        let ended = Ended {
            status: status.code().map(i32::cast_unsigned),
            signal: status.signal().map(|number| number.to_string()),
            stderr: said.words(),
        };
        if let Some(error) = ended.failure(&self.name) {
            self.failed.send_if_modified(|first| {
                let is_first = first.is_none();
                first.get_or_insert(error);
                is_first
            });
        }
        // Whoever ran it may not care how it ended.
        let _gone = self.ended.send(ended);
    }

    /// Kills `ssh` with all that it has started, and waits for its end.
    async fn kill(&mut self) {
        let group = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(group) = group {
            // It may have ended by itself meanwhile.
            let _gone = kill_process_group(group, Signal::KILL);
        }
        if let Err(error) = self.child.wait().await {
            tracing::warn!(%error, host = %self.name, "cannot wait for the end of ssh");
        }
    }
}

/// The end of what was said.
#[derive(Default)]
struct Said(VecDeque<u8>);

impl Said {
    async fn listen(&mut self, stderr: &mut (impl AsyncRead + Unpin)) {
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
            self.0.extend(buffer.iter().take(count));
            let excess = self.0.len().saturating_sub(MOST_STDERR);
            self.0.drain(..excess);
        }
    }

    fn words(self) -> String {
        String::from_utf8_lossy(&Vec::from(self.0)).into_owned()
    }
}
