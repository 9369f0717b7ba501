//! The pane that the dashboard itself runs in.
//!
//! It is no session of the fleet: shown, it would mirror itself without end; typed into, every key would come back as
//! the next one; attached to, it would lock its own terminal.

use crate::domain::{HostId, Session, SessionId};
use crate::fleet::{HostNotice, Notice};
use crate::protocol::Event;

/// Our place in tmux, if we are in one, and what the agent says of it.
#[derive(Debug, Default)]
pub struct OwnPane {
    place: Option<(i32, u32)>,
    session: Option<Session>,
}

impl OwnPane {
    /// From the values of `TMUX` (`socket,pid,session`) and `TMUX_PANE` (`%N`).
    pub fn new(tmux: Option<&str>, pane: Option<&str>) -> Self {
        let pid = tmux.and_then(|tmux| tmux.rsplit(',').nth(1)?.parse().ok());
        let pane = pane.and_then(|pane| pane.strip_prefix('%')?.parse().ok());
        Self {
            place: pid.zip(pane),
            session: None,
        }
    }

    pub fn from_env() -> Self {
        let variable = |name| std::env::var(name).ok();
        Self::new(
            variable("TMUX").as_deref(),
            variable("TMUX_PANE").as_deref(),
        )
    }

    /// Whether `session` is in the very tmux session that shows us, so that attaching would show us within ourselves.
    pub fn shares_tmux_session(&self, host: &HostId, session: &Session) -> bool {
        let same = |own: &Session| {
            own.pane.server_pid == session.pane.server_pid
                && own.tmux_session == session.tmux_session
        };
        *host == HostId::local() && self.session.as_ref().is_some_and(same)
    }

    /// Takes what is about our own pane out of `notice`; `None` when nothing is left.
    pub fn hide(&mut self, mut notice: HostNotice) -> Option<HostNotice> {
        if self.place.is_none() || notice.host != HostId::local() {
            return Some(notice);
        }
        if let Notice::Event(event) = &mut notice.notice {
            match &mut **event {
                Event::Snapshot { sessions, log, .. } => {
                    let own = sessions.iter().position(|session| self.is(session));
                    self.session = own.map(|at| sessions.remove(at));
                    log.retain(|line| !self.is_id(&line.session));
                }
                Event::SessionChanged(session) if self.is(session) => {
                    self.session = Some((**session).clone());
                    return None;
                }
                Event::Logged(line) if self.is_id(&line.session) => return None,
                _ => {}
            }
        }
        Some(notice)
    }

    fn is(&self, session: &Session) -> bool {
        self.place == Some((session.pane.server_pid, session.pane.pane))
    }

    fn is_id(&self, id: &SessionId) -> bool {
        self.session.as_ref().is_some_and(|own| own.id == *id)
    }
}
