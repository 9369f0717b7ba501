//! Everything the dashboard shows and remembers, as one plain value.
//!
//! Promise: only `update` changes it, views only read it; the selection is a session or a host, never a place in a list.

use std::collections::BTreeMap;

use ratatui::layout::Rect;

use super::action::Action;
use super::attention::Attention;
use super::calling::Calls;
use super::clock::Moment;
use super::effect::Target;
use super::inbox::Inbox;
use super::keymap::{Context, Key};
use super::overlay::{Overlay, Scene};
use super::own::OwnPane;
use super::questions::Questions;
pub use super::rows::Selection;
use super::rows::{self, Filter};
use super::scroll::Scrollback;
use super::settings::Settings;
use super::sight::{PromptRef, Sight};
use super::subject;
use super::toast::{Level, Toasts};
use crate::domain::{Answer, HostId, Mode, Prompt, PromptId, Session};
use crate::fleet::{FleetState, Host, Mirror, RequestId};

/// What fills a terminal that is too narrow for list and screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    #[default]
    List,
    Screen,
}

/// What a reply will mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pending {
    Start {
        host: HostId,
        attach: bool,
    },
    Demo,
    Kill {
        name: String,
    },
    Rename {
        name: String,
    },
    Answer {
        target: Target,
        prompt: PromptId,
        answer: Answer,
        text: String,
    },
    Keys {
        name: String,
    },
    Status,
    History {
        target: Target,
    },
    Explain {
        target: Target,
    },
    /// The rule that would allow this.
    Suggest {
        of: PromptRef,
    },
    /// With the rule in place, the prompt is answered with yes, if it is still this one.
    AddRule {
        of: PromptRef,
        prompt: Box<Prompt>,
    },
    Mode {
        name: String,
        mode: Mode,
    },
}

/// How soon a change has to be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dirty {
    #[default]
    No,
    /// With the next frame that output alone would cause.
    Soon,
    /// At once: somebody pressed a key.
    Now,
}

#[derive(Debug)]
pub struct Model {
    pub fleet: FleetState,
    pub settings: Settings,
    pub area: Rect,
    pub now: Moment,
    pub selection: Option<Selection>,
    /// The first row of the list that is shown.
    pub list_top: usize,
    /// Whether the list scrolls to keep the selection in sight; the wheel ends that until a key moves the selection.
    pub follow: bool,
    /// The row of the selection when it was last looked for, so that a session that goes hands it to its neighbour.
    pub selected_row: usize,
    pub page: Page,
    /// The session that gets the keys.
    pub typing: Option<Target>,
    pub filter: Filter,
    /// The last one is on top and takes the keys.
    pub overlays: Vec<Overlay>,
    /// What hosts ask; the one that is open is among them.
    pub questions: Questions,
    pub toasts: Toasts,
    pub scroll: Option<Scrollback>,
    /// What of the open prompts has been on screen.
    pub sight: Sight,
    /// The page of all open prompts, while it is shown.
    pub inbox: Option<Inbox>,
    pub attention: Attention,
    /// Who was called, and what waits to be told.
    pub calls: Calls,
    /// The beginning of a chord.
    pub chord: Vec<Key>,
    pub pending: BTreeMap<RequestId, Pending>,
    /// The session to select (and whether to attach to it) as soon as it is known.
    pub expected: Option<(Target, bool)>,
    pub watched: Vec<Target>,
    pub last_click: Option<(Moment, Selection)>,
    /// What was wrong with the settings when they were last read.
    pub complaints: Vec<String>,
    /// The pane we run in ourselves.
    pub own: OwnPane,
    /// The folder the dashboard was started in.
    pub here: String,
    /// The tmux servers that are watched, by name.
    pub servers: Vec<String>,
    /// Until then ([`Moment::mono`]) keys are ignored.
    pub deaf_until: u64,
    pub dirty: Dirty,
    last_request: u64,
}

impl Model {
    pub fn new(hosts: impl IntoIterator<Item = HostId>, settings: Settings, area: Rect) -> Self {
        Self {
            fleet: FleetState::new(hosts),
            settings,
            area,
            now: Moment::default(),
            selection: None,
            list_top: 0,
            follow: true,
            selected_row: 0,
            page: Page::default(),
            typing: None,
            filter: Filter::default(),
            overlays: Vec::new(),
            questions: Questions::default(),
            toasts: Toasts::default(),
            scroll: None,
            sight: Sight::default(),
            inbox: None,
            attention: Attention::default(),
            calls: Calls::default(),
            chord: Vec::new(),
            pending: BTreeMap::new(),
            expected: None,
            watched: Vec::new(),
            last_click: None,
            complaints: Vec::new(),
            own: OwnPane::default(),
            here: String::new(),
            servers: Vec::new(),
            deaf_until: 0,
            dirty: Dirty::Now,
            last_request: 0,
        }
    }

    /// An id that no other request of this run has.
    pub fn next_request(&mut self, meaning: Pending) -> RequestId {
        self.last_request += 1;
        let id = RequestId(self.last_request);
        self.pending.insert(id, meaning);
        id
    }

    pub fn target(&self) -> Option<&Target> {
        self.selection.as_ref().and_then(Selection::target)
    }

    /// The selected session, if it still exists.
    pub fn selected(&self) -> Option<(&Host, &Session)> {
        self.target().and_then(|target| self.session(target))
    }

    /// The selected host, or the one of the selected session.
    pub fn selected_host(&self) -> Option<&Host> {
        self.fleet.host(self.selection.as_ref()?.host())
    }

    /// Whether the host waits for an answer of the person.
    pub fn asks(&self, host: &HostId) -> bool {
        self.questions.of(host).is_some()
    }

    /// How many questions wait that no overlay shows.
    pub fn questions_aside(&self) -> usize {
        let is_open = |overlay: &Overlay| matches!(overlay, Overlay::Question(_));
        if self.overlays.iter().any(is_open) {
            0
        } else {
            self.questions.len()
        }
    }

    pub fn session(&self, target: &Target) -> Option<(&Host, &Session)> {
        let host = self.fleet.host(&target.host)?;
        Some((host, host.sessions.get(&target.session)?))
    }

    pub fn mirror(&self, target: &Target) -> Option<&Mirror> {
        self.fleet.screen(&target.host, &target.session)
    }

    /// The open prompt of the selected session, as long as its host can be reached.
    pub fn open_prompt(&self) -> Option<(&Host, &Session, &Prompt)> {
        let (host, session) = self.selected()?;
        let prompt = session.prompt.as_ref()?;
        (host.is_live() && self.typing.is_none()).then_some((host, session, prompt))
    }

    /// Whether keys may be meant for a prompt: one that is open, or that the last frame showed as open.
    pub fn shows_prompt(&self) -> bool {
        self.sight.chosen().is_some() || self.open_prompt().is_some()
    }

    /// The prompt `of`, as long as it is open and its host can be reached.
    pub fn prompt(&self, of: &PromptRef) -> Option<(&Host, &Session, &Prompt)> {
        let (host, session) = self.session(&of.target)?;
        let prompt = session.prompt.as_ref()?;
        (host.is_live() && prompt.id == of.prompt).then_some((host, session, prompt))
    }

    /// The answer to `prompt` that is on its way.
    pub fn answer_under_way(&self, target: &Target, prompt: PromptId) -> Option<Answer> {
        self.pending.values().find_map(|pending| match pending {
            Pending::Answer {
                target: asked,
                prompt: id,
                answer,
                ..
            } if asked == target && *id == prompt => Some(*answer),
            _ => None,
        })
    }

    /// Who reads keys now, first asked first.
    pub fn contexts(&self) -> &'static [Context] {
        if let Some(overlay) = self.overlays.last() {
            overlay.contexts()
        } else if self.typing.is_some() {
            &[Context::Typing]
        } else if self.filter.editing {
            &[Context::Filter]
        } else if self.inbox.is_some() {
            if self.shows_prompt() {
                &[Context::Prompt, Context::Inbox, Context::Fleet]
            } else {
                &[Context::Inbox, Context::Fleet]
            }
        } else if self.shows_prompt() {
            &[Context::Prompt, Context::Fleet]
        } else {
            &[Context::Fleet]
        }
    }

    /// What enter does on the selected host; `None` while a session is selected.
    pub fn host_action(&self) -> Option<Action> {
        let Some(Selection::Host(id)) = &self.selection else {
            return None;
        };
        let host = self.fleet.host(id)?;
        Some(if self.asks(id) {
            Action::AnswerHost
        } else if host.is_live() {
            Action::Start
        } else {
            Action::Reconnect
        })
    }

    /// What overlays may read.
    pub fn scene(&self) -> Scene<'_> {
        Scene {
            fleet: &self.fleet,
            settings: &self.settings,
            now: self.now,
            area: self.area,
            questions: self.questions.len(),
        }
    }

    /// Whether `action` would do something now, as far as the hint bar goes.
    pub fn offers(&self, action: Action) -> bool {
        let live = self.selected().is_some_and(|(host, _)| host.is_live());
        match action {
            Action::Approve => self.certain(Answer::Yes),
            Action::Deny => self.certain(Answer::No),
            // What is for one prompt is not for many.
            Action::DenyWithWords | Action::ApproveWithRule if self.marked() > 1 => false,
            Action::DenyWithWords => {
                let takes_words =
                    |(_, _, prompt): (&Host, &Session, &Prompt)| subject::takes_words(prompt);
                self.certain(Answer::No) && self.open_prompt().is_some_and(takes_words)
            }
            Action::ApproveWithRule => {
                let is_permission =
                    |(_, _, prompt): (&Host, &Session, &Prompt)| prompt.kind.is_permission();
                self.certain(Answer::Yes) && self.open_prompt().is_some_and(is_permission)
            }
            Action::Mark => self.inbox.is_some() && self.certain(Answer::Yes),
            Action::Back => self.inbox.is_some(),
            Action::ScrollLive => self.scroll.is_some(),
            Action::Inbox => self.inbox.is_none() && !self.waiting().is_empty(),
            Action::NextWaiting => !self.waiting().is_empty() || self.questions_aside() > 0,
            Action::AnswerHost => self.questions_aside() > 0,
            Action::Reconnect => self.selected_host().is_some_and(|host| !host.is_live()),
            // On a host it answers, reconnects or starts: always something.
            Action::Attach => live || self.host_action().is_some(),
            Action::Kill | Action::SetMode => live,
            // Over itself it only closes, which another key says.
            Action::Explain => live && self.overlays.is_empty(),
            Action::Type => {
                live && self
                    .selected()
                    .is_some_and(|(_, session)| !session.state.is_over())
            }
            Action::Filter => self.inbox.is_none() && self.sessions().next().is_some(),
            _ => true,
        }
    }

    /// How many prompts of the inbox are marked.
    pub fn marked(&self) -> usize {
        self.inbox.as_ref().map_or(0, |inbox| inbox.marked.len())
    }

    fn certain(&self, answer: Answer) -> bool {
        self.open_prompt()
            .is_some_and(|(_, _, prompt)| prompt.choice(answer).is_some())
    }

    pub fn toast(&mut self, level: Level, text: impl Into<String>, hint: impl Into<String>) {
        self.toasts.add(level, text, hint, self.now);
    }

    pub fn raise(&mut self, dirty: Dirty) {
        self.dirty = self.dirty.max(dirty);
    }

    /// All sessions there are.
    pub fn sessions(&self) -> impl Iterator<Item = (&Host, &Session)> {
        self.fleet
            .hosts
            .iter()
            .flat_map(|host| host.sessions.values().map(move |session| (host, session)))
    }

    /// The sessions that wait, oldest first, whatever the filter.
    pub fn waiting(&self) -> Vec<(&Host, &Session)> {
        rows::waiting(&self.fleet, &Filter::default())
    }
}
