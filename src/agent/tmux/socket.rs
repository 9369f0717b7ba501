//! One socket: whether a server listens there, and the connection to it for as long as one does.

use std::{
    convert::Infallible,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tracing::debug;

use super::{
    client::{Client, End, Known},
    command::quote,
    context::Context,
    error::TmuxError,
    facts::TmuxEvent,
    managed,
};

/// How long a server of ours may take from its start to our connection.
pub const START: Duration = Duration::from_secs(10);

/// Pauses between attempts to connect to a server that is there but ends our connection. A refusal that lasts (another
/// protocol version) is reported after the last one.
const RECONNECT: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
];

/// How often a server that refuses us is tried after that.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);

/// Whether a server of this user listens on `socket`.
pub fn answers(socket: &Path) -> bool {
    let is_ours = std::fs::symlink_metadata(socket).is_ok_and(|found| {
        found.file_type().is_socket() && found.uid() == rustix::process::getuid().as_raw()
    });
    is_ours && try_socket(socket)
}

fn try_socket(socket: &Path) -> bool {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    // Without waiting: this is the thread that everything runs on.
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let tried = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .and_then(|ours| rustix::net::connect(&ours, &SocketAddrUnix::new(socket)?));
    // With its queue full it is busy, not gone.
    matches!(tried, Ok(()) | Err(rustix::io::Errno::AGAIN))
}

/// Watches one socket from the moment it answers until it does not any more.
pub struct Watch {
    pub context: Arc<Context>,
    pub socket: PathBuf,
}

impl Watch {
    pub async fn run(self, survey: Option<mpsc::Sender<Infallible>>) -> PathBuf {
        let mut known = Known::default();
        known.survey = survey;
        let mut failures = 0;
        let mut reason = String::new();
        let mut is_reported = false;
        while answers(&self.socket) {
            let end = self.connect(&mut known).await;
            known.survey = None;
            match end {
                End::Stopped => return self.socket,
                End::Exit(why) => {
                    debug!(socket = %self.socket.display(), why, "control client ended");
                    reason = why;
                    failures = 1;
                    is_reported = false;
                }
                End::Failed(why) => {
                    failures += 1;
                    reason = why;
                }
            }
            let pause = RECONNECT.get(failures).copied();
            if pause.is_none() && !is_reported {
                is_reported = true;
                let message = format!("this tmux server refuses us: {reason}");
                let hint =
                    "if tmux was upgraded, its sessions must end before the server can be watched";
                self.context.problem(&self.socket, message, hint).await;
            }
            let pause = sleep(pause.unwrap_or(REFUSED_PAUSE));
            if self.context.stop.run_until_cancelled(pause).await.is_none() {
                return self.socket;
            }
        }
        if let Some(server) = known.server {
            let reason = if reason.is_empty() {
                "the server ended".to_owned()
            } else {
                reason
            };
            let down = TmuxEvent::ServerDown { server, reason };
            self.context.report(down).await;
        }
        self.socket
    }

    async fn connect(&self, known: &mut Known) -> End {
        let managed = timeout(START, self.is_managed());
        let managed = match self.context.stop.run_until_cancelled(managed).await {
            None => return End::Stopped,
            Some(Ok(Ok(managed))) => managed,
            Some(Ok(Err(error))) => return End::Failed(error.to_string()),
            Some(Err(_elapsed)) => return End::Failed("it does not answer".to_owned()),
        };
        match Client::connect(&self.context, self.socket.clone(), managed) {
            Ok(client) => client.run(known, &self.context.stop).await,
            Err(error) => End::Failed(error.to_string()),
        }
    }

    /// Whether this is a server of ours; if so, sees to it that it has our newest configuration and a monitor session.
    async fn is_managed(&self) -> Result<bool, TmuxError> {
        let Context {
            config,
            configuration,
            version,
            ..
        } = &*self.context;
        if !managed::is_named_like_ours(config, &self.socket) {
            return Ok(false);
        }
        let mut command = managed::command(config, &self.socket);
        if version.is_complete() {
            command.arg("-N");
        }
        let read_again = format!("source-file {}", quote(&configuration.to_string_lossy()));
        let condition = format!("#{{{}}}", managed::MARK);
        command.args(["show-options", "-gqv", managed::MARK, ";"]);
        command.args(["if-shell", "-F", &condition, &read_again]);
        let output = command.output().await;
        let output = output.map_err(|source| TmuxError::Program {
            program: config.tmux.clone(),
            source,
        })?;
        if !output.stdout.starts_with(b"1") {
            return Ok(false);
        }
        managed::start(config, configuration, &self.socket).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

    use super::*;

    #[test]
    fn a_server_that_takes_no_more_connections_is_there_and_holds_up_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let server = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&server, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        assert!(!answers(&path));
        rustix::net::listen(&server, 0).unwrap();
        for _ in 0..5 {
            assert!(answers(&path));
        }
        drop(server);
        assert!(!answers(&path));
    }
}
