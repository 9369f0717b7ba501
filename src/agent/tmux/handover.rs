//! How a pane's descriptor travels: from the helper that tmux starts, over a Unix socket, to the agent.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::net::UnixStream as StdStream},
    path::Path,
};

use rustix::{
    io::FdFlags,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags,
    },
};
use tokio::net::UnixStream;

/// Receives one message with one descriptor; further descriptors are closed.
pub fn receive_fd(helper: &UnixStream) -> io::Result<(Vec<u8>, OwnedFd)> {
    let mut text = [0; 64];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut body = [IoSliceMut::new(&mut text)];
    let message = rustix::net::recvmsg(helper, &mut body, &mut control, RecvFlags::empty())?;
    let mut fds = control
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        })
        .flatten();
    let fd = fds
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no descriptor in it"))?;
    fds.for_each(drop);
    rustix::io::fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
    let id = text.get(..message.bytes).unwrap_or_default().to_vec();
    Ok((id, fd))
}

/// Why the helper could not hand its descriptor over.
#[derive(Debug, thiserror::Error)]
#[error("cannot hand the pane over to {socket}")]
pub struct FdPassError {
    socket: String,
    #[source]
    source: io::Error,
}

/// Hands this process's standard input to the agent that listens on `socket`, as the stream `id`. The body of
/// `cm-agent fdpass`, which tmux starts for each joined pane; it exits at once.
pub fn fdpass(socket: &Path, id: &str) -> Result<(), FdPassError> {
    hand_over(socket, id).map_err(|source| FdPassError {
        socket: socket.display().to_string(),
        source,
    })
}

fn hand_over(socket: &Path, id: &str) -> io::Result<()> {
    let agent = StdStream::connect(socket)?;
    let stdin = rustix::stdio::stdin();
    let fds = [stdin];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    let body = [IoSlice::new(id.as_bytes())];
    rustix::net::sendmsg(&agent, &body, &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}
