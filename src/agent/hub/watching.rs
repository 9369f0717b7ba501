//! What sessions show reaches those who watch: what was drawn, or the whole screen for who missed something.

use std::time::Instant;

use super::entry::Watcher;
use super::{ClientId, Hub};
use crate::domain::SessionId;
use crate::protocol::ScreenUpdate;

impl Hub {
    /// Sends what waits and is due to those who watch.
    pub(super) fn publish(&mut self, id: &SessionId, now: Instant) {
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        if entry.watchers.is_empty() || entry.broadcast.due(now).is_none_or(|at| at > now) {
            return;
        }
        let (version, bytes) = entry.broadcast.take(entry.monitor.screen(), now);
        for (client, watcher) in &mut entry.watchers {
            if !watcher.behind {
                let update = ScreenUpdate {
                    session: id.clone(),
                    version,
                    keyframe: None,
                    bytes: bytes.clone(),
                };
                watcher.behind = !self.clients.show(*client, update);
            }
        }
    }

    /// Sends the whole screen to those who missed something.
    pub(super) fn catch_up(&mut self, id: &SessionId, now: Instant) {
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        if !entry.watchers.values().any(|watcher| watcher.behind) {
            return;
        }
        // What waits is part of the keyframe: it must not be sent a second time on top of it.
        if entry.broadcast.due(now).is_some() {
            entry.broadcast.replaced(now);
            for watcher in entry.watchers.values_mut() {
                watcher.behind = true;
            }
        }
        let size = entry.monitor.screen().size();
        let bytes = entry.monitor.screen().keyframe();
        for (client, watcher) in &mut entry.watchers {
            if watcher.behind {
                let update = ScreenUpdate {
                    session: id.clone(),
                    version: entry.broadcast.version(),
                    keyframe: Some((size.cols, size.rows)),
                    bytes: bytes.clone(),
                };
                watcher.behind = !self.clients.show(*client, update);
            }
        }
    }

    /// A client wants to see this session from now on.
    pub(super) fn watch(&mut self, id: &SessionId, client: ClientId) {
        if let Some(entry) = self.sessions.get_mut(id) {
            if entry.watchers.is_empty() {
                // What was kept for watchers who are gone is of another time.
                entry.broadcast.replaced(Instant::now());
            }
            let since = Instant::now();
            entry
                .watchers
                .entry(client)
                .and_modify(|watcher| watcher.behind = true)
                .or_insert(Watcher {
                    since,
                    behind: true,
                });
        }
        self.catch_up(id, Instant::now());
        self.reschedule(id);
    }

    pub(super) fn unwatch(&mut self, id: &SessionId, client: ClientId) {
        if let Some(entry) = self.sessions.get_mut(id) {
            entry.watchers.remove(&client);
            if entry.watchers.is_empty() {
                entry.broadcast.replaced(Instant::now());
            }
        }
        self.reschedule(id);
    }
}
