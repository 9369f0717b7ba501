//! Whose hook it is that called: an event finds its session.

use std::path::Path;

use super::entry::Entry;
use super::orders::no_session;
use super::{Hub, moment};
use crate::domain::{HookEvent, HookPane, SessionId};
use crate::protocol::Reply;

impl Hub {
    /// Hands an event to the session that it speaks of, if that is certain.
    pub(super) fn hooked(&mut self, event: &HookEvent) -> Reply {
        let found = self.session_of(event);
        let Some((id, entry)) =
            found.and_then(|id| Some((id.clone(), self.sessions.get_mut(&id)?)))
        else {
            return Reply::Failed(no_session());
        };
        if !event.conversation.is_empty() {
            entry.conversation.clone_from(&event.conversation);
        }
        entry.monitor.hook(event, moment());
        self.reschedule(&id);
        Reply::Done
    }

    /// A conversation that was met before stays where it is. Else the pane says it; but a tool with a daemon of its own
    /// hands the environment of its first pane to all hooks, so there, and where the pane does not fit, the folder does,
    /// when it is the only one.
    fn session_of(&self, event: &HookEvent) -> Option<SessionId> {
        let mine = || {
            self.sessions
                .iter()
                .filter(|(_, entry)| entry.session.tool == event.tool && entry.is_judged())
        };
        let known = mine().find(|(_, entry)| {
            !event.conversation.is_empty() && entry.conversation == event.conversation
        });
        let by_pane = || {
            let pane = event.pane.as_ref()?;
            mine().find(|(_, entry)| is_in(entry, pane))
        };
        let by_folder = || {
            let mut there = mine().filter(|(_, entry)| {
                !event.cwd.is_empty() && Path::new(&entry.session.dir) == Path::new(&event.cwd)
            });
            there.next().filter(|_| there.next().is_none())
        };
        let found = if self.tools.get(&event.tool)?.has_daemon {
            known.or_else(by_folder)
        } else {
            by_pane().or(known).or_else(by_folder)
        };
        found.map(|(id, _)| id.clone())
    }
}

/// The socket may be named in several ways, the server's process in one.
fn is_in(entry: &Entry, pane: &HookPane) -> bool {
    let known = &entry.session.pane;
    known.pane == pane.pane
        && known.server_pid == pane.server_pid
        && known.socket.file_name() == Path::new(&pane.socket).file_name()
}
