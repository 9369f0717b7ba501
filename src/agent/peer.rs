//! Which process is at the other end of the socket, and where it comes from.
//!
//! A tool that the agent watches has the same user as the person who watches it. So the process behind a connection is
//! held against the panes of our own servers: by its parents, by its terminal, and by the pane that its environment names.
//! Read from `/proc`. A process that is gone before it can be looked at counts as one from inside. Without `/proc` (macOS)
//! nothing can be told, and everybody of the user counts as a person.

use std::fs::{self, File};
use std::io::Read as _;

use crate::domain::HookPane;

/// The most parents that are followed: a deeper tree is not one that a person made.
const MOST_PARENTS: usize = 64;
/// How much of an environment is read, in bytes: more than the system lets a shell hand over in practice.
const ENVIRONMENT: u64 = 256 << 10;

/// A process and where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its own number, its parent's, and so on.
    pub chain: Vec<i32>,
    /// The device number of its terminal.
    pub terminal: Option<i32>,
    /// The pane that its environment names.
    pub pane: Option<HookPane>,
    /// It was gone before it could be looked at.
    pub is_lost: bool,
}

impl Peer {
    /// What is not a process of this machine, or cannot be told.
    pub fn elsewhere() -> Self {
        Self::default()
    }

    /// Looks a process up; blocks for some 0.1 ms.
    pub fn of(pid: Option<i32>) -> Self {
        if !cfg!(target_os = "linux") {
            return Self::elsewhere();
        }
        let Some(pid) = pid.filter(|pid| *pid > 0) else {
            return Self {
                is_lost: true,
                ..Self::default()
            };
        };
        let first = Facts::of(pid);
        let mut chain = vec![pid];
        let mut next = first.as_ref().map(|facts| facts.parent);
        while let Some(parent) = next.filter(|parent| *parent > 1)
            && chain.len() < MOST_PARENTS
        {
            chain.push(parent);
            next = Facts::of(parent).map(|facts| facts.parent);
        }
        Self {
            chain,
            terminal: first.as_ref().and_then(|facts| facts.terminal),
            pane: pane(pid),
            is_lost: first.is_none(),
        }
    }
}

/// The device number of the terminal that a process stands at.
pub fn terminal(pid: i32) -> Option<i32> {
    Facts::of(pid)?.terminal
}

struct Facts {
    parent: i32,
    terminal: Option<i32>,
}

impl Facts {
    fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in brackets may hold anything, brackets too.
        let (_, rest) = stat.rsplit_once(')')?;
        // State, parent, group, session, terminal: proc(5).
        let mut fields = rest.split_ascii_whitespace().skip(1);
        let parent = fields.next()?.parse().ok()?;
        let terminal: i32 = fields.nth(2)?.parse().ok()?;
        Some(Self {
            parent,
            terminal: Some(terminal).filter(|device| *device != 0),
        })
    }
}

/// The pane in the environment that a process was started with.
fn pane(pid: i32) -> Option<HookPane> {
    let mut bytes = Vec::new();
    File::open(format!("/proc/{pid}/environ"))
        .ok()?
        .take(ENVIRONMENT)
        .read_to_end(&mut bytes)
        .ok()?;
    let value = |name: &str| {
        bytes
            .split(|byte| *byte == 0)
            .find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
            .map(|value| String::from_utf8_lossy(value).into_owned())
    };
    super::hook::pane_of(&value("TMUX")?, &value("TMUX_PANE")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_is_known_by_its_parents() {
        let own = std::process::id().cast_signed();
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .env("TMUX", "/tmp/tmux-1/cm,77,0")
            .env("TMUX_PANE", "%3")
            .spawn()
            .unwrap();
        let pid = child.id().cast_signed();
        // Its environment is that of its program once that has begun.
        let peer = std::iter::repeat_with(|| Peer::of(Some(pid)))
            .find(|peer| peer.pane.as_ref().is_some_and(|pane| pane.pane == 3))
            .unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(&peer.chain[..2], [pid, own]);
        assert_eq!(peer.pane.unwrap().server_pid, 77);
        assert!(!peer.is_lost);
        assert!(Peer::of(Some(i32::MAX)).is_lost);
        assert!(Peer::of(None).is_lost);
    }
}
