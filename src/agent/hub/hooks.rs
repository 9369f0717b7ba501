//! A tool's own hook calls: whose it is, what it says, and, when it asks, who answers it.
//!
//! A hook that asks about a permission is answered with a yes, a no, or nothing, which leaves the tool's dialog in charge. It
//! waits for a person where the tool shows its dialog meanwhile; a person's answer then goes through the hook, bound to this
//! one request. When the dialog was answered in the pane, or the hook is gone, the question is withdrawn.

use std::path::Path;

use super::approval::{Ask, Pending, Road, Stage};
use super::entry::Entry;
use super::inside::Place;
use super::orders::no_session;
use super::{ClientId, Hub, moment};
use crate::agent::approve::{is_exactly, may_be, may_be_decided};
use crate::domain::{HookEvent, HookPane, PromptId, SessionId};
use crate::protocol::Reply;

/// The most hooks of one session that wait: some tools ask for several things at once, none for that many.
const MOST_ASKS: usize = 32;

impl Hub {
    /// Hands an event to the session that it speaks of, if that is certain.
    pub(super) fn hooked(&mut self, client: ClientId, event: &HookEvent) -> Reply {
        let Some(id) = self.hear_hook(client, event) else {
            return Reply::Failed(no_session());
        };
        // A turn that is over waits for nothing.
        if matches!(
            event.event.as_str(),
            "Stop" | "StopFailure" | "UserPromptSubmit" | "SessionEnd"
        ) {
            self.withdraw(&id, |_| true);
        }
        Reply::Done
    }

    fn hear_hook(&mut self, client: ClientId, event: &HookEvent) -> Option<SessionId> {
        let id = self.session_of(event)?;
        // From inside a session a hook speaks of that session only; a tool with a daemon of its own has one for all.
        if let Place::Inside(home) = self.place_of(client)
            && home.is_some_and(|home| home != id)
            && !self.tools.get(&event.tool)?.has_daemon
        {
            return None;
        }
        let hooks = self
            .tools
            .get(&event.tool)
            .and_then(|tool| tool.hooks.as_ref());
        let names =
            |name: &str| hooks.is_some_and(|hooks| hooks.events.iter().any(|event| event == name));
        let has_hook = names(&event.event) && names("PermissionRequest");
        let entry = self.sessions.get_mut(&id)?;
        entry.docket.has_hook |= has_hook;
        if !event.conversation.is_empty() {
            entry.conversation.clone_from(&event.conversation);
        }
        entry.monitor.hook(event, moment());
        self.reschedule(&id);
        Some(id)
    }

    /// A hook asks. Answers it at once, or keeps it waiting.
    pub(super) fn asked(&mut self, client: ClientId, request: u64, event: HookEvent) {
        let nothing = Reply::Decision(None);
        let Some(id) = self.hear_hook(client, &event) else {
            return self.clients.reply(client, request, nothing);
        };
        let hooks = self
            .tools
            .get(&event.tool)
            .and_then(|tool| tool.hooks.as_ref());
        let races = hooks.is_some_and(|hooks| hooks.races);
        let Some(entry) = self.sessions.get_mut(&id) else {
            return;
        };
        let may_wait = races || entry.docket.switch.is_on();
        if !may_wait || !may_be_decided(&event) || entry.docket.asks.len() >= MOST_ASKS {
            return self.clients.reply(client, request, nothing);
        }
        self.last_prompt += 1;
        let case = PromptId(self.last_prompt);
        self.approvals.arbiter.open(case);
        entry.docket.asks.push(Ask {
            case,
            client,
            request,
            event,
            races,
            prompt: None,
            retold: None,
            pending: Pending::new(moment().instant),
        });
        self.link(&id);
        self.judge_case(&id, case);
    }

    /// Finds out which waiting hook asks for what the prompt shows, so that one answer is enough for both.
    pub(super) fn link(&mut self, id: &SessionId) {
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        let Some(prompt) = &entry.session.prompt else {
            return;
        };
        let asks = &mut entry.docket.asks;
        if asks.iter().any(|ask| ask.prompt == Some(prompt.id)) {
            return;
        }
        if let Some(ask) = asks
            .iter_mut()
            .find(|ask| ask.prompt.is_none() && is_exactly(&ask.event, prompt))
        {
            ask.prompt = Some(prompt.id);
            self.approvals.arbiter.part(prompt.id);
            self.approvals.arbiter.merge(prompt.id, ask.case);
            return;
        }
        let now = moment().instant;
        if let Some((case, event, until)) = &entry.docket.given
            && now < *until
            && !prompt.subject.is_empty()
            && may_be(event, prompt)
        {
            self.approvals.arbiter.merge(prompt.id, *case);
        }
        let asks = &mut entry.docket.asks;
        // Of several that were asked at once the last one was heard; the screen shows another one of them.
        let other = asks
            .iter_mut()
            .find(|ask| ask.retold != Some(prompt.id) && may_be(&ask.event, prompt));
        if let Some(ask) = other {
            ask.retold = Some(prompt.id);
            entry.monitor.hook(&ask.event, moment());
            self.reschedule(id);
        }
    }

    /// The prompt that hooks were linked to is gone, and the same question may stand there again under another number.
    pub(super) fn relink(&mut self, id: &SessionId, gone: PromptId) {
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        let mut was_linked = Vec::new();
        for ask in &mut entry.docket.asks {
            if ask.prompt == Some(gone) {
                ask.prompt = None;
                was_linked.push(ask.case);
            }
        }
        self.link(id);
        self.withdraw(id, |ask| {
            ask.prompt.is_none() && was_linked.contains(&ask.case)
        });
    }

    /// Leaves questions to the tool's own dialog. One whose answer has left already is not among them.
    pub(super) fn withdraw(&mut self, id: &SessionId, which: impl Fn(&Ask) -> bool) {
        let Some(entry) = self.sessions.get_mut(id) else {
            return;
        };
        for ask in entry.docket.asks.extract_if(.., |ask| which(ask)) {
            self.approvals.arbiter.close(ask.case, moment().instant);
            self.clients
                .reply(ask.client, ask.request, Reply::Decision(None));
        }
    }

    /// A hook is gone, and with it all that it asked.
    pub(super) fn hook_left(&mut self, client: ClientId) {
        for entry in self.sessions.values_mut() {
            for ask in entry.docket.asks.extract_if(.., |ask| ask.client == client) {
                self.approvals.arbiter.close(ask.case, moment().instant);
            }
        }
    }

    /// A hook says that its tool has the answer.
    pub(super) fn acknowledged(&mut self, client: ClientId, request: u64) {
        let mut found = None;
        for (id, entry) in &mut self.sessions {
            for answer in &mut entry.docket.underway {
                if let Stage::Left { hook, .. } = &mut answer.stage
                    && *hook == Some((client, request))
                {
                    *hook = None;
                    found = Some(id.clone());
                }
            }
        }
        if let Some(id) = found {
            self.see_outcomes(&id, moment().instant);
        }
    }

    /// The hook that an answer to this prompt goes through.
    pub(super) fn road_to(&self, id: &SessionId, prompt: PromptId) -> Road {
        let asks = self.sessions.get(id).map(|entry| &entry.docket.asks);
        asks.into_iter()
            .flatten()
            .find(|ask| ask.prompt == Some(prompt))
            .map_or(Road::Keys, |ask| Road::Hook(ask.case))
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
pub(super) fn is_in(entry: &Entry, pane: &HookPane) -> bool {
    let known = &entry.session.pane;
    known.pane == pane.pane
        && known.server_pid == pane.server_pid
        && known.socket.file_name() == Path::new(&pane.socket).file_name()
}
