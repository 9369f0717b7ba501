//! Opening channels on a live connection: the requests on them, their answers, and what a refusal means.
//!
//! Each is opened by the task that serves it afterwards, so that a channel which is confirmed when nobody waits for it
//! any more is closed again.

use std::sync::Arc;

use russh::client::{Handle, Msg};
use russh::{Channel, ChannelMsg, ChannelOpenFailure};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::channel::{self, Ends};
use super::handler::Host;
use super::life::Life;
use super::{SshError, errors};
use crate::term::Size;

/// What a session channel is opened for.
pub(super) struct Order {
    pub command: &'static str,
    pub terminal: Option<(String, Size)>,
}

impl Order {
    pub fn exec(command: &'static str) -> Self {
        Self {
            command,
            terminal: None,
        }
    }
}

/// Opens a session channel and serves it to its end.
pub(super) struct ChannelTask {
    pub name: String,
    pub life: Arc<Life>,
    pub handle: Arc<Handle<Host>>,
    pub sizes: Option<watch::Receiver<channel::Window>>,
    pub ready: oneshot::Sender<Result<Ends, SshError>>,
    /// Among the channels of the connection.
    pub place: OwnedSemaphorePermit,
}

impl ChannelTask {
    pub async fn run(self, order: Order) {
        let opened = match self.life.race(self.open()).await {
            Ok(Ok(channel)) => self.order(channel, order).await,
            Ok(Err(error)) => Err(not_opened(&self.name, "open a session", &error)),
            Err(why) => Err(why),
        };
        let channel = match opened {
            Ok(channel) => channel,
            Err(error) => {
                // Whoever asked may have stopped waiting.
                let _gone = self.ready.send(Err(error));
                return;
            }
        };
        let (ends, served) = channel::serve(channel, &self.life, channel::GRACE, self.sizes);
        drop(self.handle);
        // When nobody waits any more, the ends are dropped here, and the channel is closed as unused.
        drop(self.ready.send(Ok(ends)));
        served.run().await;
        drop(self.place);
    }

    /// At the limit of sessions sshd still counts one that has ended until its next round, which is over when it has
    /// refused: so a refusal counts only the second time.
    async fn open(&self) -> Result<Channel<Msg>, russh::Error> {
        match self.handle.channel_open_session().await {
            Err(russh::Error::ChannelOpenFailure(ChannelOpenFailure::ConnectFailed)) => {
                self.handle.channel_open_session().await
            }
            opened => opened,
        }
    }

    async fn order(
        &self,
        mut channel: Channel<Msg>,
        order: Order,
    ) -> Result<Channel<Msg>, SshError> {
        if let Some((term, size)) = &order.terminal {
            let (cols, rows) = (u32::from(size.cols), u32::from(size.rows));
            let asking = channel.request_pty(true, term, cols, rows, 0, 0, &[]);
            self.asked(asking).await?;
            self.granted(&mut channel, "give a terminal").await?;
        }
        self.asked(channel.exec(true, order.command)).await?;
        self.granted(&mut channel, "run commands").await?;
        Ok(channel)
    }

    async fn asked(
        &self,
        asking: impl Future<Output = Result<(), russh::Error>>,
    ) -> Result<(), SshError> {
        self.life
            .race(asking)
            .await?
            .map_err(|error| errors::broken(&self.name, &error))
    }

    /// Waits for the answer to what was asked on a channel.
    async fn granted(&self, channel: &mut Channel<Msg>, what: &str) -> Result<(), SshError> {
        loop {
            let message = self.life.race(channel.wait()).await?;
            match message {
                Some(ChannelMsg::Success) => return Ok(()),
                Some(ChannelMsg::Failure) => {
                    // It goes unread from here on.
                    let _gone = self.life.race(channel.close()).await;
                    let hint = "does the account allow commands?";
                    return Err(errors::refused(&self.name, what, "not permitted", hint));
                }
                Some(_) => {}
                None => {
                    return Err(match self.life.why() {
                        Some(why) => why,
                        None => errors::refused(&self.name, what, "it closed the channel", ""),
                    });
                }
            }
        }
    }
}

/// Opens a channel that goes on to another host, and serves it to its end.
pub(super) struct TunnelTask {
    pub name: String,
    pub life: Arc<Life>,
    pub handle: Arc<Handle<Host>>,
    pub host: String,
    pub port: u16,
    pub ready: oneshot::Sender<Result<Ends, SshError>>,
}

impl TunnelTask {
    pub async fn run(self) {
        let Self { host, port, .. } = &self;
        let what = format!("connect on to {host}:{port}");
        let port = u32::from(*port);
        let opening = self
            .handle
            .channel_open_direct_tcpip(host, port, "127.0.0.1", 0);
        let error = match self.life.race(opening).await {
            Ok(Ok(channel)) => {
                let grace = channel::TUNNEL_GRACE;
                let (ends, served) = channel::serve(channel, &self.life, grace, None);
                drop(self.handle);
                // As with a session: without anybody who waits, it is unused.
                drop(self.ready.send(Ok(ends)));
                return served.run().await;
            }
            Ok(Err(error)) => not_opened(&self.name, &what, &error),
            Err(why) => why,
        };
        // Whoever asked may have stopped waiting.
        let _gone = self.ready.send(Err(error));
    }
}

/// Why a channel was not opened.
fn not_opened(name: &str, what: &str, error: &russh::Error) -> SshError {
    let russh::Error::ChannelOpenFailure(failure) = error else {
        return errors::broken(name, error);
    };
    let (why, hint) = match failure {
        // What sshd says when it reaches MaxSessions.
        ChannelOpenFailure::ConnectFailed if what == "open a session" => (
            "too many at once",
            "raise MaxSessions in its sshd_config, or close other sessions",
        ),
        ChannelOpenFailure::ConnectFailed => (
            "it cannot reach that",
            "is the host behind it up, and dialled out if it has to? is the jump host right?",
        ),
        ChannelOpenFailure::AdministrativelyProhibited => (
            "not permitted",
            "see AllowTcpForwarding, MaxSessions in its sshd_config",
        ),
        ChannelOpenFailure::ResourceShortage => ("it lacks resources", "is it overloaded?"),
        _ => ("it refused", ""),
    };
    errors::refused(name, what, why, hint)
}
