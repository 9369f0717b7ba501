//! What the client knows of all hosts: a plain value that changes only through [`FleetState::apply`].
//!
//! Promise: applying the same notices in the same order gives the same state; nothing here waits, draws or sends.
//! A lost host keeps its sessions and their last screens.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::notice::{HostNotice, Notice};
use crate::domain::{HostId, Session, SessionId, UnixMillis};
use crate::protocol::{Event, Failure, LogLine, MAX_LIST, ScreenUpdate, Tool, Welcome};
use crate::term::{Emulator, Fed, Screen, Size};

/// How many screens are kept that nobody watches any more, so that going back to a session shows it at once.
const KEPT_SCREENS: usize = 8;
/// How many lines of the event log are kept per host: some hours of a busy day.
const LOG_LINES: usize = 500;

#[derive(Debug, Default)]
pub struct FleetState {
    pub hosts: Vec<Host>,
}

/// One machine.
#[derive(Debug)]
pub struct Host {
    pub id: HostId,
    pub connection: ConnectionState,
    /// Since when what is shown of it may be old, by our own clock; `None` while it is live. Stays the same however
    /// often it is tried again.
    pub away_since: Option<UnixMillis>,
    /// Why the last attempt or connection failed, until it is connected: also while it is being tried again.
    pub failure: Option<Failure>,
    /// Nothing is tried by itself any more: its login failed too often, or its key or settings are wrong.
    pub needs_human: bool,
    /// What is being done to reach it: a few words without a subject, empty when there is nothing to say.
    pub step: &'static str,
    /// How long its agent last took to answer, the way there and back.
    pub round_trip: Option<Duration>,
    /// What the agent said of itself when it last answered.
    pub welcome: Option<Welcome>,
    /// By id, so that a session keeps its place while its state changes.
    pub sessions: BTreeMap<SessionId, Session>,
    /// Screens that are or were watched.
    pub screens: BTreeMap<SessionId, Mirror>,
    /// Oldest first.
    pub log: VecDeque<LogLine>,
    pub tools: Vec<Tool>,
    /// What is wrong with the host as a whole.
    pub trouble: Option<Failure>,
    /// Add to the host's clock to get ours, in milliseconds.
    pub clock_offset: i64,
    /// How many updates of screens have been taken in.
    updates: u64,
    /// When it was last heard, on our own clock.
    heard: UnixMillis,
}

/// Moments are on our own clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// Being reached, for the first time or again.
    Connecting,
    /// Being reached; a question waits for the human.
    Asking,
    Connected,
    /// Still connected, but nothing was heard since then: what is shown may be old.
    Stale {
        since: UnixMillis,
    },
    /// No connection ([`Host::failure`] says why); tried again after a pause, or when the human wants it
    /// ([`Host::needs_human`]). Since when: later failures do not begin it anew.
    Lost {
        since: UnixMillis,
    },
}

/// The copy of one session's screen.
#[derive(Debug)]
pub struct Mirror {
    emulator: Emulator,
    version: u64,
    /// False after a gap, until the next keyframe.
    in_step: bool,
    /// Which update of the host was its last: the higher, the later.
    touched: u64,
}

impl Mirror {
    pub fn screen(&self) -> &Screen {
        self.emulator.screen()
    }

    /// Counts up with every change: two equal versions of one session show the same screen.
    pub fn version(&self) -> u64 {
        self.version
    }

    fn from_keyframe(update: &ScreenUpdate, (cols, rows): (u16, u16)) -> Self {
        let mut mirror = Self {
            emulator: Emulator::new(Size::new(cols, rows)),
            version: 0,
            in_step: true,
            touched: 0,
        };
        mirror.feed(update);
        mirror
    }

    fn feed(&mut self, update: &ScreenUpdate) {
        self.emulator.feed(&update.bytes, &mut Fed::default());
        self.version = update.version;
    }
}

impl Host {
    pub fn new(id: HostId) -> Self {
        Self {
            id,
            connection: ConnectionState::Connecting,
            away_since: None,
            failure: None,
            needs_human: false,
            step: "",
            round_trip: None,
            welcome: None,
            sessions: BTreeMap::new(),
            screens: BTreeMap::new(),
            log: VecDeque::new(),
            tools: Vec::new(),
            trouble: None,
            clock_offset: 0,
            updates: 0,
            heard: 0,
        }
    }

    /// Whether what is known of it is how it is now.
    pub fn is_live(&self) -> bool {
        self.connection == ConnectionState::Connected
    }

    /// Whether what is sent to it may arrive: a host that is only stale may yet answer.
    pub fn is_connected(&self) -> bool {
        matches!(
            self.connection,
            ConnectionState::Connected | ConnectionState::Stale { .. }
        )
    }

    /// How long ago `then` (host clock) was, in milliseconds, when our clock says `now`.
    pub fn age(&self, then: UnixMillis, now: UnixMillis) -> u64 {
        now.saturating_sub(then.saturating_add_signed(self.clock_offset))
    }

    /// There is no connection any more.
    fn lose(&mut self, failure: Failure, now: UnixMillis) {
        let since = self.leave(now);
        self.failure = Some(failure);
        self.connection = ConnectionState::Lost { since };
    }

    /// Returns since when it is away.
    fn leave(&mut self, now: UnixMillis) -> UnixMillis {
        self.round_trip = None;
        self.step = "";
        *self.away_since.get_or_insert(now)
    }

    fn come_back(&mut self) {
        self.away_since = None;
        self.connection = ConnectionState::Connected;
    }

    fn apply_event(&mut self, event: Event) {
        match event {
            Event::Snapshot {
                sessions,
                log,
                trouble,
            } => {
                self.sessions = sessions
                    .into_iter()
                    .map(|session| (session.id.clone(), session))
                    .collect();
                self.screens.retain(|id, _| self.sessions.contains_key(id));
                self.log = log.into();
                self.trouble = trouble;
            }
            Event::SessionChanged(session) => {
                if self.sessions.len() < MAX_LIST || self.sessions.contains_key(&session.id) {
                    self.sessions.insert(session.id.clone(), *session);
                }
            }
            Event::SessionRemoved(id) => {
                self.sessions.remove(&id);
                self.screens.remove(&id);
            }
            Event::Logged(line) => self.log.push_back(line),
            Event::Troubled(trouble) => self.trouble = trouble,
        }
        while self.log.len() > LOG_LINES {
            self.log.pop_front();
        }
    }

    fn apply_screen(&mut self, update: &ScreenUpdate) {
        if !self.sessions.contains_key(&update.session) {
            return;
        }
        self.updates += 1;
        if let Some(size) = update.keyframe {
            self.screens
                .insert(update.session.clone(), Mirror::from_keyframe(update, size));
        } else if let Some(mirror) = self.screens.get_mut(&update.session) {
            mirror.in_step &= mirror.version.checked_add(1) == Some(update.version);
            if mirror.in_step {
                mirror.feed(update);
            }
        }
        if let Some(mirror) = self.screens.get_mut(&update.session) {
            mirror.touched = self.updates;
        }
    }

    /// Lets go of screens that are not among `watched`, but for the ones that changed last.
    fn keep_screens(&mut self, watched: &[(HostId, SessionId)]) {
        let is_watched = |id: &SessionId| {
            watched
                .iter()
                .any(|(host, session)| *host == self.id && session == id)
        };
        let idle = self.screens.iter().filter(|(id, _)| !is_watched(id));
        let mut idle: Vec<(u64, SessionId)> = idle
            .map(|(id, mirror)| (mirror.touched, id.clone()))
            .collect();
        idle.sort();
        let surplus = idle.len().saturating_sub(KEPT_SCREENS);
        for (_, id) in idle.into_iter().take(surplus) {
            self.screens.remove(&id);
        }
    }
}

impl FleetState {
    pub fn new(hosts: impl IntoIterator<Item = HostId>) -> Self {
        Self {
            hosts: hosts.into_iter().map(Host::new).collect(),
        }
    }

    /// Makes these the hosts, in this order. What is known of one that stays is kept.
    pub fn set_hosts(&mut self, hosts: impl IntoIterator<Item = HostId>) {
        let mut before = std::mem::take(&mut self.hosts);
        for id in hosts {
            let known = before.iter().position(|host| host.id == id);
            let host = known.map_or_else(|| Host::new(id), |at| before.swap_remove(at));
            self.hosts.push(host);
        }
    }

    pub fn host(&self, id: &HostId) -> Option<&Host> {
        self.hosts.iter().find(|host| host.id == *id)
    }

    pub fn session(&self, host: &HostId, session: &SessionId) -> Option<&Session> {
        self.host(host)?.sessions.get(session)
    }

    pub fn screen(&self, host: &HostId, session: &SessionId) -> Option<&Mirror> {
        self.host(host)?.screens.get(session)
    }

    /// Says which screens are watched from now on. Of the others only a few are kept: each is as large as its pane.
    pub fn keep_screens(&mut self, watched: &[(HostId, SessionId)]) {
        for host in &mut self.hosts {
            host.keep_screens(watched);
        }
    }

    /// Takes in one notice. Notices of unknown hosts are ignored. Replies and questions are
    /// not state: whoever asked reads the one, whoever can answer takes the other (here they would be answered "no").
    pub fn apply(&mut self, notice: HostNotice, now: UnixMillis) {
        let Some(host) = self.hosts.iter_mut().find(|host| host.id == notice.host) else {
            return;
        };
        // Whatever is said of a connection that stands was heard over it, but for its silence.
        if host.is_connected() && !matches!(notice.notice, Notice::Stale) {
            host.heard = now;
        }
        match notice.notice {
            Notice::Connecting => {
                host.leave(now);
                host.needs_human = false;
                host.connection = ConnectionState::Connecting;
            }
            Notice::Step(words) => {
                host.step = words;
                host.connection = ConnectionState::Connecting;
            }
            Notice::Asked(_) => host.connection = ConnectionState::Asking,
            Notice::Connected(welcome) => {
                host.clock_offset = now.cast_signed().saturating_sub(welcome.now.cast_signed());
                host.welcome = Some(*welcome);
                host.heard = now;
                host.step = "";
                host.failure = None;
                host.come_back();
            }
            Notice::Heard(time) => host.round_trip = Some(time),
            Notice::Stale => {
                let since = *host.away_since.get_or_insert(host.heard);
                host.connection = ConnectionState::Stale { since };
            }
            Notice::Fresh => host.come_back(),
            Notice::Disconnected(failure) => host.lose(failure, now),
            Notice::Halted(failure) => {
                host.lose(failure, now);
                host.needs_human = true;
            }
            Notice::Event(event) => host.apply_event(*event),
            Notice::Screen(update) => host.apply_screen(&update),
            Notice::Tools(tools) => host.tools = tools,
            Notice::Replied { .. } => {}
        }
    }
}
