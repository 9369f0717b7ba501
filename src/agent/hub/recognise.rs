//! Which tool a pane runs, and whether it still does.
//!
//! tmux says when the foreground program changes, but names only the leader of its group. Where that is no tool by
//! itself, the programs behind it are looked at: when tmux tells of the pane, and again with its output, because a
//! wrapper starts its tool later, and ends later than it, without a word from tmux.

use std::time::{Duration, Instant};

use super::Hub;
use super::entry::Entry;
use super::panes::chosen_tool;
use crate::agent::foreground;
use crate::agent::tmux::PaneInfo;
use crate::domain::tool::Program;
use crate::domain::{SessionId, Tools};

/// How often a pane that prints is looked at again at most: a look reads a few files, and a tool stays for minutes.
const LOOK_GAP: Duration = Duration::from_secs(1);

/// What was found out about a pane's foreground.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recognised {
    /// The profile's id.
    pub(super) tool: String,
    /// The program of the tool where it runs; else the one that tmux named.
    pub(super) command: String,
}

/// What is needed to look at a pane again.
#[derive(Clone, Debug)]
pub(super) struct Foreground {
    /// The leader, as tmux said last.
    pub(super) leader: String,
    title: String,
    /// The tool that the session was started with.
    chosen: Option<String>,
    looked: Instant,
}

impl Foreground {
    pub(super) fn of(pane: &PaneInfo) -> Self {
        Self {
            leader: pane.command.clone(),
            title: pane.title.clone(),
            chosen: chosen_tool(pane),
            looked: Instant::now(),
        }
    }
}

impl Hub {
    pub(super) fn recognise(&self, foreground: &Foreground, pid: i32) -> Recognised {
        let Foreground {
            leader,
            title,
            chosen,
            ..
        } = foreground;
        let runs = |id: &str, name: &str| self.tools.get(id).is_some_and(|tool| tool.runs_as(name));
        let as_named = |tool: &str| Recognised {
            tool: tool.to_owned(),
            command: leader.clone(),
        };
        if let Some(chosen) = chosen
            && runs(chosen, leader)
        {
            return as_named(chosen);
        }
        let programs = foreground::programs(pid);
        match chosen {
            // A tool that was chosen stays the session's, whatever stands in front of it.
            Some(chosen) => Recognised {
                tool: chosen.clone(),
                command: programs
                    .iter()
                    .map(Program::name)
                    .find(|name| runs(chosen, name))
                    .unwrap_or(leader)
                    .to_owned(),
            },
            None => self.tools.recognise(leader, title, &programs).map_or_else(
                || as_named(Tools::SHELL),
                |(tool, command)| Recognised {
                    tool: tool.id.clone(),
                    command: command.to_owned(),
                },
            ),
        }
    }

    /// Before a screen is judged: whether a tool that hides behind a wrapper has come or gone.
    pub(super) fn look_again(&mut self, id: &SessionId, now: Instant) {
        let Some(entry) = self.sessions.get(id) else {
            return;
        };
        let may_hide =
            entry.command != entry.foreground.leader || entry.session.tool == Tools::SHELL;
        if !may_hide || entry.dead {
            return;
        }
        let next = entry.foreground.looked + LOOK_GAP;
        let found = (now >= next).then(|| self.recognise(&entry.foreground, entry.pid));
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        // What it prints last may be the tool's screen.
        entry.look_at = found.is_none().then_some(next);
        if let Some(found) = found {
            entry.foreground.looked = now;
            if entry.takes(found) {
                self.announce(id);
            }
        }
    }
}

impl Entry {
    /// Takes over what runs now; returns whether the session is of another tool.
    pub(super) fn takes(&mut self, found: Recognised) -> bool {
        let switched = self.session.tool != found.tool;
        if switched || self.command != found.command {
            self.judge_again();
        }
        self.session.tool = found.tool;
        self.command = found.command;
        switched
    }
}
