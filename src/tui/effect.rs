//! What `update` asks the world to do. Plain data; the loop carries it out.

use std::path::PathBuf;

use super::calling::Order;
use super::fixture::Fixture;
use super::questions::QuestionId;
use crate::domain::{HostId, Session, SessionId};
use crate::fleet::RequestId;
use crate::fleet::attach::Place;
use crate::protocol::{MAX_KEYS, Request};
use crate::transport::asking::Answer;

/// A session wherever it runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    pub host: HostId,
    pub session: SessionId,
}

impl Target {
    pub fn new(host: &HostId, session: &SessionId) -> Self {
        Self {
            host: host.clone(),
            session: session.clone(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Send {
        host: HostId,
        id: RequestId,
        request: Request,
    },
    /// What the person says to a host's question.
    Answer { id: QuestionId, answer: Answer },
    /// Tries a host again at once.
    Reconnect(HostId),
    /// Exactly these screens are wanted from now on.
    Watch(Vec<Target>),
    /// Hands the terminal to tmux until the person detaches.
    Attach(Attach),
    /// Opens a terminal on another host, and hands ours to it once it is there.
    AttachOver(AttachOver),
    /// Keeps a screen on disk.
    Store(Box<Fixture>),
    /// Calls somebody who looks elsewhere, with these words where the terminal has room for words.
    Call(String),
    /// Runs a command that calls somebody.
    Tell(Box<Order>),
    /// Stops the process as ctrl-z does in other programs.
    Suspend,
    /// Draws every cell again.
    Redraw,
    /// Ends the dashboard.
    Quit,
}

/// Which session of another host is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachOver {
    pub host: HostId,
    /// What people call the session.
    pub name: String,
    pub place: Place,
}

/// Where a session of this machine is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attach {
    pub socket: PathBuf,
    /// The number behind `$`.
    pub tmux_session: u32,
    /// The number behind `%`.
    pub pane: u32,
}

impl Attach {
    pub fn to(session: &Session) -> Self {
        Self {
            socket: session.pane.socket.clone(),
            tmux_session: session.tmux_session,
            pane: session.pane.pane,
        }
    }

    /// The arguments of `tmux`: shows the pane, then attaches, in one command list. `-u` because we draw UTF-8 in the
    /// same terminal.
    pub fn arguments(&self) -> Vec<std::ffi::OsString> {
        let pane = format!("%{}", self.pane);
        let mut arguments = vec![
            "-u".into(),
            "-S".into(),
            self.socket.clone().into_os_string(),
        ];
        let commands = [
            "select-window",
            "-t",
            &pane,
            ";",
            "select-pane",
            "-t",
            &pane,
            ";",
            "attach-session",
            "-t",
            &format!("${}", self.tmux_session),
        ];
        arguments.extend(commands.into_iter().map(Into::into));
        arguments
    }
}

/// Joins keys that go to the same session one after another, so that fast typing costs few messages. Only the last of
/// the joined ids is kept: its failure stands for all.
pub fn join_keys(effects: Vec<Effect>) -> Vec<Effect> {
    let mut joined: Vec<Effect> = Vec::with_capacity(effects.len());
    for effect in effects {
        if let (
            Some(Effect::Send {
                host,
                id,
                request: Request::SendKeys { session, bytes },
            }),
            Effect::Send {
                host: next_host,
                id: next_id,
                request:
                    Request::SendKeys {
                        session: next_session,
                        bytes: next_bytes,
                    },
            },
        ) = (joined.last_mut(), &effect)
            && host == next_host
            && session == next_session
            && bytes.len() + next_bytes.len() <= MAX_KEYS
        {
            *id = *next_id;
            bytes.extend_from_slice(next_bytes);
            continue;
        }
        joined.push(effect);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(session: &str, id: u64, bytes: &[u8]) -> Effect {
        Effect::Send {
            host: HostId::local(),
            id: RequestId(id),
            request: Request::SendKeys {
                session: SessionId::new(session),
                bytes: bytes.to_vec(),
            },
        }
    }

    #[test]
    fn neighbouring_keys_of_one_session_travel_together() {
        let typed = vec![
            keys("a", 1, b"x"),
            keys("a", 2, b"y"),
            keys("b", 3, b"z"),
            Effect::Redraw,
            keys("b", 4, b"!"),
        ];
        assert_eq!(
            join_keys(typed),
            [
                keys("a", 2, b"xy"),
                keys("b", 3, b"z"),
                Effect::Redraw,
                keys("b", 4, b"!")
            ]
        );
    }

    #[test]
    fn attaching_names_socket_pane_and_session_by_number() {
        let attach = Attach {
            socket: "/run/cm".into(),
            tmux_session: 3,
            pane: 7,
        };
        let arguments: Vec<_> = attach
            .arguments()
            .iter()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect();
        assert_eq!(
            arguments.join(" "),
            "-u -S /run/cm select-window -t %7 ; select-pane -t %7 ; attach-session -t $3"
        );
    }
}
