//! What russh calls back: the key of the host, the banner, the end, and channels that the host opens, which are all
//! refused: nothing was ever asked for that would need one.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{ChannelOpenHandle, DisconnectReason, Handler, Msg, Session};
use russh::keys::PublicKeyOrCertificate;
use russh::{Channel, ChannelOpenFailure, Names};

use super::errors;
use super::life::Life;
use super::trust::{Doubt, Judge, UnknownKey};
use super::{SshError, SshErrorKind};

/// How much of a banner is kept, in bytes: enough for the line that says why a login is refused.
const MOST_BANNER: usize = 2048;

/// What the host said before the login: foreign text.
#[derive(Clone, Debug, Default)]
pub(super) struct Banner(Arc<Mutex<String>>);

impl Banner {
    /// One clean line; may be empty.
    pub fn line(&self) -> String {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
        crate::term::sanitize::label(last.unwrap_or_default(), 200)
    }

    fn add(&self, text: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST_BANNER.saturating_sub(kept.len());
        kept.extend(text.chars().take(room / 4));
    }
}

/// Why russh was told to stop, or stopped by itself.
#[derive(Debug)]
pub(super) enum Stop {
    Unknown(Box<UnknownKey>),
    Refused(SshError),
    Russh(russh::Error),
}

impl From<russh::Error> for Stop {
    fn from(error: russh::Error) -> Self {
        Self::Russh(error)
    }
}

pub(super) struct Host {
    name: String,
    life: Arc<Life>,
    judge: Judge,
    banner: Banner,
    /// Before the first key exchange the end is told by the attempt to connect, which knows more.
    is_connected: bool,
}

impl Host {
    pub fn new(name: &str, life: &Arc<Life>, judge: Judge, banner: &Banner) -> Self {
        Self {
            name: name.to_owned(),
            life: Arc::clone(life),
            judge,
            banner: banner.clone(),
            is_connected: false,
        }
    }
}

impl Drop for Host {
    /// russh drops it with its session, however that ended.
    fn drop(&mut self) {
        if self.is_connected {
            self.life
                .end(errors::lost(&self.name, "the connection ended"));
        }
    }
}

async fn refuse(reply: ChannelOpenHandle) -> Result<(), Stop> {
    reply
        .reject(ChannelOpenFailure::AdministrativelyProhibited)
        .await;
    Ok(())
}

impl Handler for Host {
    type Error = Stop;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Stop> {
        match self.judge.check(shown) {
            Ok(()) => Ok(true),
            Err(Doubt::Unknown(key)) => Err(Stop::Unknown(key)),
            Err(Doubt::Refused(why)) => Err(Stop::Refused(why)),
        }
    }

    async fn kex_done(
        &mut self,
        _secret: Option<&[u8]>,
        _names: &Names,
        _session: &mut Session,
    ) -> Result<(), Stop> {
        self.is_connected = true;
        Ok(())
    }

    async fn auth_banner(&mut self, banner: &str, _session: &mut Session) -> Result<(), Stop> {
        self.banner.add(banner);
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Stop>) -> Result<(), Stop> {
        let why = match &reason {
            DisconnectReason::ReceivedDisconnect(said) => {
                errors::hung_up(&self.name, &said.message)
            }
            DisconnectReason::Error(Stop::Refused(why)) => why.clone(),
            DisconnectReason::Error(Stop::Unknown(_)) => SshError::new(
                SshErrorKind::Untrusted,
                format!("host “{}” suddenly shows another key", self.name),
                "",
            ),
            DisconnectReason::Error(Stop::Russh(error)) => errors::broken(&self.name, error),
        };
        self.life.end(why);
        match reason {
            DisconnectReason::ReceivedDisconnect(_) => Ok(()),
            DisconnectReason::Error(error) => Err(error),
        }
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _connected_address: &str,
        _connected_port: u32,
        _originator_address: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Stop> {
        refuse(reply).await
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _socket_path: &str,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Stop> {
        refuse(reply).await
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Stop> {
        refuse(reply).await
    }

    async fn server_channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Stop> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _channel: Channel<Msg>,
        _host_to_connect: &str,
        _port_to_connect: u32,
        _originator_address: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Stop> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _channel: Channel<Msg>,
        _socket_path: &str,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Stop> {
        refuse(reply).await
    }

    async fn server_channel_open_x11(
        &mut self,
        _channel: Channel<Msg>,
        _originator_address: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Stop> {
        refuse(reply).await
    }
}
