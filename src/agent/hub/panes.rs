//! tmux's facts become sessions: found, changed, ended, lost.

use std::path::Path;

use tracing::info;

use super::entry::{Again, Entry, Link};
use super::recognise::Foreground;
use super::{Hub, moment};
use crate::agent::tmux::{PaneInfo, PaneRef, ServerRef};
use crate::domain::{AutoConfirm, Origin, Session, SessionId, SessionState, Tools};
use crate::protocol::{Event, LogKind};
use crate::term::sanitize;

/// What we keep of a session in tmux itself, so that any later agent finds it again.
pub const OPTION_TOOL: &str = "@cm_tool";
pub const OPTION_DIR: &str = "@cm_dir";
pub const OPTION_TASK: &str = "@cm_task";
/// All of them, for [`TmuxConfig::options`](crate::agent::tmux::TmuxConfig::options).
pub const OPTIONS: [&str; 3] = [OPTION_TOOL, OPTION_DIR, OPTION_TASK];

/// The widest name shown, in columns.
const NAME_COLS: usize = 40;
/// The longest folder and task shown, in columns.
const TEXT_COLS: usize = 400;

impl Hub {
    pub(super) fn server_up(&mut self, server: ServerRef) {
        info!(
            label = server.label,
            pid = server.pid,
            version = server.version,
            managed = server.managed,
            "server found"
        );
        self.settled(&server);
        self.servers.retain(|known| known.socket != server.socket);
        self.servers.push(server);
    }

    /// A server of the user that ends has closed its sessions; one of ours never ends by itself.
    pub(super) fn server_down(&mut self, server: &ServerRef, reason: &str) {
        info!(label = server.label, reason, "server gone");
        self.settled(server);
        self.servers.retain(|known| known != server);
        if server.managed {
            self.sessions_failed(reason);
        }
        let mine = |entry: &Entry| server.owns(&entry.session.pane);
        let ids: Vec<SessionId> = self
            .sessions
            .iter()
            .filter(|(_, entry)| mine(entry))
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            if server.managed {
                let Some(entry) = self.sessions.get_mut(&id) else {
                    continue;
                };
                entry.link = Link::Absent;
                entry.rejoin_at = None;
                let rule = format!(
                    "the tmux server ended: {}",
                    sanitize::label(reason, NAME_COLS)
                );
                if entry.monitor.declare(SessionState::Lost, &rule, moment()) {
                    self.state_changed(&id);
                }
                self.reschedule(&id);
            } else {
                self.remove(&id, Some(LogKind::Killed));
            }
        }
    }

    /// Compares what tmux has with what is known.
    pub(super) fn see_panes(&mut self, server: &ServerRef, panes: Vec<PaneInfo>) {
        let first_look = !self
            .sessions
            .values()
            .any(|entry| server.owns(&entry.session.pane));
        let seen: Vec<SessionId> = panes.iter().map(|pane| session_id(&pane.pane)).collect();
        let gone: Vec<SessionId> = self
            .sessions
            .iter()
            .filter(|(id, entry)| server.owns(&entry.session.pane) && !seen.contains(id))
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            self.remove(&id, Some(LogKind::Killed));
        }
        for (id, pane) in seen.into_iter().zip(panes) {
            if self.sessions.contains_key(&id) {
                self.update_pane(&id, server, &pane);
            } else {
                self.add_pane(&id, server, &pane, first_look);
            }
        }
    }

    fn add_pane(&mut self, id: &SessionId, server: &ServerRef, pane: &PaneInfo, first_look: bool) {
        let now = moment();
        let foreground = Foreground::of(pane);
        let found = self.recognise(&foreground, pane.pid);
        let session = describe(id, server, pane, found.tool);
        let managed = session.origin == Origin::Managed;
        let mut entry = Entry::new(session, pane.pid, (found.command, foreground), now);
        entry.monitor.set_title(&pane.title, now.instant);
        let (state, since) = (
            entry.monitor.conclusion().state.clone(),
            entry.monitor.conclusion().since,
        );
        (entry.session.state, entry.session.since) = (state, since);
        self.sessions.insert(id.clone(), entry);
        self.keep(id);
        self.announce(id);
        if managed && !first_look {
            let task = self
                .sessions
                .get(id)
                .and_then(|entry| entry.session.task.clone());
            self.log(id, LogKind::Started, task.unwrap_or_default());
        } else if !first_look {
            self.log(id, LogKind::Found, "");
        }
        self.bury(id, pane);
        self.join(id);
        self.reschedule(id);
        self.session_listed(id);
    }

    fn update_pane(&mut self, id: &SessionId, server: &ServerRef, pane: &PaneInfo) {
        let foreground = Foreground::of(pane);
        let found = self.recognise(&foreground, pane.pid);
        let described = describe(id, server, pane, found.tool.clone());
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        let now = moment();
        let resized = (entry.session.cols, entry.session.rows) != (pane.cols, pane.rows);
        // A program that replaced another one in the same pane brings a new screen and new rules.
        let replaced = entry.pid != pane.pid;
        entry.dead = pane.dead.is_some();
        entry.foreground = foreground;
        let switched = entry.session.tool != described.tool;
        let is_other = switched || replaced;
        entry.monitor.set_title(&pane.title, now.instant);
        entry.pid = pane.pid;
        // A shell that walks through folders stays where it was found; a tool that starts there moves.
        let dir = if switched {
            described.dir
        } else {
            entry.session.dir.clone()
        };
        let known = Session {
            name: described.name,
            tool: described.tool,
            tmux_session: described.tmux_session,
            dir,
            task: described.task,
            cols: pane.cols,
            rows: pane.rows,
            attached: pane.attached,
            ..entry.session.clone()
        };
        let changed = known != entry.session;
        entry.takes(found);
        entry.session = known;
        let untied = matches!(entry.link, Link::Absent) && pane.dead.is_none();
        let freed = entry.link == Link::Taken && !pane.piped_by_other;
        if freed {
            entry.link = Link::Absent;
        }
        if resized || replaced || untied || freed {
            entry.plan_join(Again::AtOnce, now.instant);
        }
        if changed {
            self.announce(id);
        }
        if is_other {
            self.stop_automatic(id, "another program runs in the pane");
        }
        self.bury(id, pane);
        self.reschedule(id);
    }

    /// Takes note of a program that ended in a pane that was kept.
    fn bury(&mut self, id: &SessionId, pane: &PaneInfo) {
        let (Some(death), Some(entry)) = (pane.dead, self.sessions.get_mut(id)) else {
            return;
        };
        entry.dead = true;
        let state = SessionState::Exited {
            code: death.status,
            signal: death.signal,
        };
        if entry.session.state != state
            && entry.monitor.declare(state, "the program ended", moment())
        {
            self.keep_last(id);
            self.state_changed(id);
        }
    }

    /// Forgets a session that is gone.
    pub(super) fn remove(&mut self, id: &SessionId, why: Option<LogKind>) {
        self.keep_last(id);
        if let Some(why) = why {
            self.log(id, why, "");
        }
        self.withdraw(id, |_| true);
        self.sessions.remove(id);
        self.streams.retain(|_, session| session != id);
        self.looks.set(id, None);
        self.agenda.set(id, None);
        self.emit(Event::SessionRemoved(id.clone()));
    }
}

fn option(pane: &PaneInfo, key: &str) -> Option<String> {
    let value = pane.options.get(key)?;
    Some(sanitize::label(value, TEXT_COLS))
}

/// The tool that a session was started with. In a shell anything may run, so that is no choice.
pub(super) fn chosen_tool(pane: &PaneInfo) -> Option<String> {
    option(pane, OPTION_TOOL).filter(|tool| tool != Tools::SHELL)
}

/// What tmux says of a pane, as a session. Every text is cleaned here.
fn describe(id: &SessionId, server: &ServerRef, pane: &PaneInfo, tool: String) -> Session {
    let name = if pane.panes_in_session > 1 {
        format!(
            "{}:{}.{}",
            pane.session_name, pane.window_index, pane.pane_index
        )
    } else {
        pane.session_name.clone()
    };
    Session {
        id: id.clone(),
        name: sanitize::label(&name, NAME_COLS),
        tool,
        origin: if server.managed {
            Origin::Managed
        } else {
            Origin::Foreign(sanitize::label(&server.label, NAME_COLS))
        },
        pane: pane.pane.clone(),
        tmux_session: pane.session_id,
        dir: option(pane, OPTION_DIR).unwrap_or_else(|| sanitize::label(&pane.path, TEXT_COLS)),
        task: option(pane, OPTION_TASK),
        cols: pane.cols,
        rows: pane.rows,
        attached: pane.attached,
        created: pane.created.max(0).cast_unsigned() * 1000,
        state: SessionState::Starting,
        since: 0,
        rule: String::new(),
        disagreement: String::new(),
        auto: AutoConfirm::default(),
        prompt: None,
    }
}

/// The id of the session in a pane: the same for every agent that looks at this run of the server.
pub(super) fn session_id(pane: &PaneRef) -> SessionId {
    let label = Path::new(&pane.socket)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    SessionId::new(format!(
        "{}.{}.{}",
        sanitize::label(&label, NAME_COLS),
        pane.server_pid,
        pane.pane
    ))
}
