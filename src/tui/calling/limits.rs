//! How often commands are run.
//!
//! Promise: what comes too often waits, at most one for each session, and is given out again when its time has come. The
//! caller then asks whether it still holds.

use std::collections::{BTreeMap, VecDeque};

use super::News;
use crate::config::CallWay;
use crate::domain::{HostId, SessionId};
use crate::tui::clock::Moment;

/// The least time between two calls for one session, in milliseconds: about what it takes to come and look. A session
/// whose state flickers says nothing new in between.
pub const SAME_SESSION: u64 = 10_000;
/// How many calls there may be in a [`WINDOW`]: one for each of as many sessions as people watch at a time. More are a
/// fault of ours or of a tool, and services that pass messages on refuse them.
pub const MOST: usize = 10;
/// In milliseconds.
pub const WINDOW: u64 = 60_000;

type Id = (HostId, SessionId);

#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// When each session was last told of; older than [`SAME_SESSION`] is forgotten.
    told: BTreeMap<Id, Moment>,
    /// The last calls, at most [`MOST`], oldest first.
    last: VecDeque<Moment>,
    held: BTreeMap<Id, News>,
    /// What was wrong with a way when it was last used.
    failed: BTreeMap<CallWay, String>,
}

impl Calls {
    /// Whether to tell it now; if so it counts as done, else it is held back.
    pub fn may_tell(&mut self, news: &News, now: Moment) -> bool {
        let id = news.id();
        if self.free_at(&id) > now.mono {
            self.held.insert(id, news.clone());
            return false;
        }
        self.held.remove(&id);
        self.told.retain(|_, then| now.since(*then) < SAME_SESSION);
        self.told.insert(id, now);
        if self.last.len() == MOST {
            self.last.pop_front();
        }
        self.last.push_back(now);
        true
    }

    /// Takes out what was held back and may be told now. Whoever does not tell it has lost nothing but it.
    pub fn due(&mut self, now: Moment) -> Option<News> {
        let id = self
            .held
            .keys()
            .find(|id| self.free_at(id) <= now.mono)
            .cloned()?;
        self.held.remove(&id)
    }

    /// When something that is held back may be told, on the clock of [`Moment::mono`].
    pub fn next_due(&self) -> Option<u64> {
        self.held.keys().map(|id| self.free_at(id)).min()
    }

    /// Takes in how a command ended. Returns what is wrong, if that was not said before.
    pub fn ended(&mut self, way: CallWay, outcome: Result<(), String>) -> Option<String> {
        match outcome {
            Ok(()) => {
                self.failed.remove(&way);
                None
            }
            Err(why) => {
                let before = self.failed.insert(way, why.clone());
                (before.as_ref() != Some(&why)).then_some(why)
            }
        }
    }

    /// The settings have changed: what is still wrong is said again.
    pub fn start_anew(&mut self) {
        self.failed.clear();
    }

    fn free_at(&self, id: &Id) -> u64 {
        let same = self.told.get(id).map(|then| then.mono + SAME_SESSION);
        let all = self.last.front().filter(|_| self.last.len() == MOST);
        let all = all.map(|then| then.mono + WINDOW);
        same.into_iter().chain(all).max().unwrap_or(0)
    }
}
