//! The socket to a host: every address of its name in turn, within one deadline, and set up so that a dead network
//! is noticed.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream as StdStream};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

use super::places::{self, Place};
use super::settings::Settings;
use super::{SshError, SshErrorKind};

/// What the kernel takes at most (Linux; others take more): seconds between two probes, probes, and milliseconds without an
/// acknowledgement. Settings that ask for more patience than these are met by ours: a probe more harms nobody.
const LONGEST_PAUSE: Duration = Duration::from_secs(32_767);
const MOST_PROBES: u32 = 127;
const LONGEST_SILENCE: u32 = i32::MAX as u32;

/// A connected socket.
pub(super) struct Socket {
    pub stream: TcpStream,
    /// A second descriptor of it.
    pub duplicate: StdStream,
    pub address: SocketAddr,
    pub place: Place,
    /// What is left of the time to connect.
    pub deadline: Instant,
}

/// Connects to the first address of the host that answers. Waiting for a place is not counted against `limit`.
pub(super) async fn connect(settings: &Settings, limit: Duration) -> Result<Socket, SshError> {
    let start = Instant::now();
    let addresses = resolve(settings, start + limit).await?;
    let mut left = limit.saturating_sub(start.elapsed());
    let mut failure = None;
    let count = addresses.len();
    for (tried, address) in addresses.into_iter().enumerate() {
        let place = places::take(&address.to_string()).await;
        let start = Instant::now();
        // A silent address must not eat the time of those behind it.
        let share = left / u32::try_from(count - tried).unwrap_or(1);
        match timeout_at(start + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                left = left.saturating_sub(start.elapsed());
                let (stream, duplicate) = set_up(stream, settings)
                    .map_err(|error| unreachable(settings, address, &error))?;
                return Ok(Socket {
                    stream,
                    duplicate,
                    address,
                    place,
                    deadline: Instant::now() + left,
                });
            }
            Ok(Err(error)) => failure = Some(unreachable(settings, address, &error)),
            Err(_elapsed) => {
                let error = io::ErrorKind::TimedOut.into();
                failure = Some(unreachable(settings, address, &error));
            }
        }
        left = left.saturating_sub(start.elapsed());
    }
    Err(failure.unwrap_or_else(|| unknown_name(settings, "it has no address")))
}

async fn resolve(settings: &Settings, deadline: Instant) -> Result<Vec<SocketAddr>, SshError> {
    let name = settings.host_name.as_str();
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, settings.port)]);
    }
    match timeout_at(deadline, lookup_host((name, settings.port))).await {
        Ok(Ok(addresses)) => Ok(addresses.collect()),
        Ok(Err(_unknown)) => Err(unknown_name(settings, "no such host")),
        Err(_elapsed) => Err(unknown_name(settings, "the name server does not answer")),
    }
}

fn unknown_name(settings: &Settings, why: &str) -> SshError {
    SshError::new(
        SshErrorKind::Unreachable,
        format!("cannot find host “{}”: {why}", settings.host_name),
        format!("is the name right? try: ssh {}", settings.name),
    )
}

fn unreachable(settings: &Settings, address: SocketAddr, error: &io::Error) -> SshError {
    let name = &settings.name;
    let (why, hint) = match error.kind() {
        io::ErrorKind::ConnectionRefused => (
            "connection refused".to_owned(),
            format!("is sshd running there? try: ssh {name}"),
        ),
        io::ErrorKind::TimedOut => (
            "no answer".to_owned(),
            "is it switched on, and is there a way to it (VPN, firewall)?".to_owned(),
        ),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => (
            "no way to it".to_owned(),
            "is this machine online (VPN)?".to_owned(),
        ),
        _ => (error.to_string(), format!("try: ssh {name}")),
    };
    SshError::new(
        SshErrorKind::Unreachable,
        format!("cannot reach host “{name}” at {address}: {why}"),
        hint,
    )
}

/// How long the far end may leave us without a sign before the connection counts as dead; none when the settings
/// switch that off.
pub(super) fn patience(settings: &Settings) -> Option<Duration> {
    let interval = settings.alive_interval;
    (!interval.is_zero()).then(|| interval * settings.alive_count_max.saturating_add(1))
}

/// Keystrokes leave at once (without `nodelay` every key can wait 40 ms for an acknowledgement), and the kernel
/// notices a dead network also while russh sends no keepalive: before the login, and when the send buffer is full.
fn set_up(stream: TcpStream, settings: &Settings) -> io::Result<(TcpStream, StdStream)> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(&stream, true)?;
    if let Some(patience) = patience(settings) {
        let pause = settings
            .alive_interval
            .clamp(Duration::from_secs(1), LONGEST_PAUSE);
        #[cfg(not(target_os = "macos"))]
        sockopt::set_tcp_keepidle(&stream, pause)?;
        sockopt::set_tcp_keepintvl(&stream, pause)?;
        sockopt::set_tcp_keepcnt(&stream, settings.alive_count_max.clamp(1, MOST_PROBES))?;
        #[cfg(target_os = "linux")]
        sockopt::set_tcp_user_timeout(
            &stream,
            u32::try_from(patience.as_millis())
                .map_or(LONGEST_SILENCE, |millis| millis.min(LONGEST_SILENCE)),
        )?;
        #[cfg(not(target_os = "linux"))]
        let _unused = patience;
    }
    let stream = stream.into_std()?;
    let duplicate = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, duplicate))
}
