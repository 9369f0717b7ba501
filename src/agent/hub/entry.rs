//! What the hub keeps of one session.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::ClientId;
use super::approval::Docket;
use super::recognise::Foreground;
use super::typing::Keys;
use crate::agent::approve::Asked;
use crate::agent::broadcast::Broadcast;
use crate::agent::monitor::{Moment, Monitor, Scene};
use crate::agent::record::Track;
use crate::agent::tmux::{Guard, StreamId};
use crate::domain::{Prompt, Session, SessionState};
use crate::term::Size;

/// How soon a flooding pane is joined again while somebody looks: often enough to see it move.
const REJOIN_WATCHED: Duration = Duration::from_millis(250);
/// … and while nobody looks: its state still has to be known.
const REJOIN_UNWATCHED: Duration = Duration::from_secs(1);
/// How soon a screen with something we cannot draw is asked of tmux again: each look costs tmux a few kilobytes
/// before 3.6, so a program that does it all the time must not make it one after the other.
const REJOIN_DOUBTFUL: Duration = Duration::from_secs(2);
/// How long a client whose queue was full waits for its whole screen: about a frame of a slow link.
const CATCH_UP: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) session: Session,
    pub(super) monitor: Monitor,
    pub(super) broadcast: Broadcast,
    pub(super) watchers: BTreeMap<ClientId, Watcher>,
    /// The tool's program where it is in the foreground; else the foreground program that tmux named.
    pub(super) command: String,
    pub(super) foreground: Foreground,
    /// When the foreground has to be looked at again although nothing more is printed.
    pub(super) look_at: Option<Instant>,
    /// The pane's first process.
    pub(super) pid: i32,
    pub(super) link: Link,
    pub(super) rejoin_at: Option<Instant>,
    pub(super) typing: Option<mpsc::Sender<Keys>>,
    pub(super) docket: Docket,
    /// Judge at the next opportunity although nothing was printed.
    pub(super) recheck: bool,
    /// The tool's own id of its conversation, as a hook told it last.
    pub(super) conversation: String,
    /// The program has ended; the pane was kept.
    pub(super) dead: bool,
    /// The session's log, when one is kept.
    pub(super) track: Option<Track>,
    /// When the screen has to be looked at for the log.
    pub(super) rest_at: Option<Instant>,
    /// It prints more than is read, and the log says so.
    pub(super) is_flooding: bool,
}

/// How the pane's output reaches us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Not at all: not asked for yet, or given up.
    Absent,
    /// Asked for; `again` when the pane changed since.
    Joining {
        again: bool,
    },
    Joined(StreamId),
    /// Somebody else reads the pane's output; it is left to them.
    Taken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watcher {
    /// Since when it looks.
    pub(super) since: Instant,
    /// Has missed an update and needs the whole screen.
    pub(super) behind: bool,
}

/// Why a pane has to be joined again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Flooded,
    Doubtful,
    /// It did not succeed, or the output stopped coming although the pane is there.
    Lost,
    AtOnce,
}

impl Entry {
    pub(super) fn new(
        session: Session,
        pid: i32,
        (command, foreground): (String, Foreground),
        now: Moment,
    ) -> Self {
        Self {
            monitor: Monitor::new(Size::new(session.cols, session.rows), now),
            session,
            broadcast: Broadcast::default(),
            watchers: BTreeMap::new(),
            command,
            foreground,
            look_at: None,
            pid,
            link: Link::Absent,
            rejoin_at: None,
            typing: None,
            docket: Docket::default(),
            recheck: false,
            conversation: String::new(),
            dead: false,
            track: None,
            rest_at: None,
            is_flooding: false,
        }
    }

    /// Whether the screen can change no more. A pane in which a shell is in front after its tool has left goes on.
    pub(super) fn is_over(&self) -> bool {
        self.dead || self.session.state == SessionState::Lost
    }

    /// Whether the screen says anything: it can still change, and its output reaches us.
    pub(super) fn is_judged(&self) -> bool {
        !self.is_over() && self.link != Link::Taken
    }

    pub(super) fn scene(&self) -> Scene<'_> {
        Scene {
            tool: &self.session.tool,
            command: &self.command,
        }
    }

    pub(super) fn judge_again(&mut self) {
        self.recheck = true;
    }

    /// Plans a join, unless an earlier one is planned.
    pub(super) fn plan_join(&mut self, why: Again, now: Instant) {
        let delay = match why {
            Again::Flooded if self.watchers.is_empty() => REJOIN_UNWATCHED,
            Again::Flooded => REJOIN_WATCHED,
            Again::Doubtful | Again::Lost => REJOIN_DOUBTFUL,
            Again::AtOnce => Duration::ZERO,
        };
        let at = now + delay;
        self.rejoin_at = Some(self.rejoin_at.map_or(at, |planned| planned.min(at)));
    }

    /// When the screen should be looked at next; a little later does as well.
    pub(super) fn look_at(&self, now: Instant) -> Option<Instant> {
        let at = if self.recheck {
            Some(now)
        } else {
            self.monitor.wake_at()
        };
        at.filter(|_| self.is_judged())
    }

    /// When something else has to be done for this session next.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let update = self
            .broadcast
            .due(now)
            .filter(|_| !self.watchers.is_empty());
        let behind = self
            .watchers
            .values()
            .any(|watcher| watcher.behind)
            .then(|| now + CATCH_UP);
        [
            update,
            behind,
            self.rejoin_at,
            self.look_at,
            self.docket.alarm,
            self.rest_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// What the record keeps of a prompt of this session, as it is now.
    pub(super) fn asked(&self, prompt: &Prompt) -> Asked {
        Asked {
            session: self.session.id.clone(),
            name: self.session.name.clone(),
            tool: self.session.tool.clone(),
            dir: self.session.dir.clone(),
            prompt: prompt.id,
            kind: prompt.kind,
            subject: prompt.subject.clone(),
            question: prompt.question.clone(),
            evidence: prompt.evidence.clone(),
            before: self.screen(),
        }
    }

    /// The screen as text.
    pub(super) fn screen(&self) -> String {
        self.monitor.screen().text().join("\n")
    }

    /// What must hold in tmux for a key that answers the prompt on the screen: its lines still stand there.
    /// `None` when there are none, and nothing may be sent then.
    pub(super) fn guard(&self) -> Option<Guard> {
        let must_contain = self.monitor.evidence().to_vec();
        if must_contain.is_empty() {
            return None;
        }
        Some(Guard {
            pane_pid: self.pid,
            must_contain,
            command: None,
            cursor_row: None,
        })
    }
}
