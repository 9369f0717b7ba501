//! What the hub keeps of approving: the rules, the record, and each session's open questions and answers on their way.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{ClientId, Hub, HubMsg};
use crate::agent::approve::{
    Allowance, Arbiter, Decision, Intent, Judge, Judgement, Limits, Recorder, Switch, Ticket,
    Version,
};
use crate::agent::tmux::Sent;
use crate::config::ApproveConfig;
use crate::domain::{HookEvent, Prompt, PromptId, SessionId};
use crate::protocol::{Failure, Reply};

/// How long a tool is kept from showing its dialog while a rule may still answer: the record of a healthy disk takes some
/// ten milliseconds, and nobody sees a dialog that comes a tenth of a second later.
pub(super) const BLOCKED: Duration = Duration::from_millis(100);

/// How many prompts of a session that are gone are known: an answer to an older one is to a picture of another time.
const MOST_PAST: usize = 8;

/// The rules of the host as they were read last.
#[derive(Clone, Debug)]
pub struct Rules {
    pub judge: Arc<dyn Judge>,
    /// Why they cannot be relied on: then nothing is answered by itself.
    pub trouble: Option<Failure>,
}

/// What the hub is given to approve with.
#[derive(Clone, Debug)]
pub struct ApproveSetup {
    pub settings: ApproveConfig,
    pub rules: Rules,
    pub recorder: Arc<dyn Recorder>,
    /// Where rules are kept; the one file that we write is the first of them.
    pub rule_files: crate::agent::rules::RuleFiles,
}

/// What comes back from beside the hub.
#[derive(Debug)]
pub enum Approval {
    /// The rules have looked at a prompt, or at what a hook asks.
    Judged {
        session: SessionId,
        case: PromptId,
        judgement: Judgement,
    },
    /// An answer is on disk, or cannot be; it may leave.
    Noted {
        session: SessionId,
        ticket: Ticket,
        intent: Intent,
    },
    /// The key was typed, or not.
    KeySent {
        session: SessionId,
        ticket: Ticket,
        result: Result<Sent, Failure>,
    },
    /// What a tool's program says its version is.
    Versioned { tool: String, version: Version },
    /// The files of the policy were read again.
    RulesLoaded(Rules),
    /// Why the record cannot be written; `None` when it can.
    RecordHealth(Option<String>),
    /// A rule was added for a client, or could not be.
    RuleAdded {
        client: ClientId,
        id: u64,
        result: Result<Rules, Failure>,
    },
}

#[derive(Debug)]
pub(super) struct Approvals {
    pub(super) setup: ApproveSetup,
    pub(super) limits: Limits,
    pub(super) arbiter: Arbiter,
    /// By the profile's id.
    pub(super) versions: HashMap<String, Version>,
    /// Orders from inside sessions that are recorded.
    pub(super) insiders: Allowance,
}

impl Approvals {
    pub(super) fn new(setup: ApproveSetup) -> Self {
        let settings = &setup.settings;
        let limits = Limits {
            per_hour: settings.per_hour,
            per_day: settings.per_day,
            denials: settings.denials,
            yes: Duration::from_secs(u64::from(settings.yes_hours) * 3600),
        };
        Self {
            setup,
            limits,
            arbiter: Arbiter::default(),
            versions: HashMap::new(),
            insiders: Allowance::default(),
        }
    }

    pub(super) fn takeover(&self) -> Duration {
        Duration::from_secs(self.setup.settings.takeover_seconds.into())
    }
}

/// What a session has to do with approving.
#[derive(Debug, Default)]
pub(super) struct Docket {
    pub(super) switch: Switch,
    /// Its tool calls the hooks that its profile names, the one for permissions among them.
    pub(super) has_hook: bool,
    /// Hooks that wait for an answer, the oldest first.
    pub(super) asks: Vec<Ask>,
    /// The question that a hook was given the answer of last, and until when its dialog may still be drawn.
    pub(super) given: Option<(PromptId, HookEvent, Instant)>,
    /// The prompt that is told, as a question of its own.
    pub(super) shown: Option<(PromptId, Pending)>,
    /// Prompts that are gone, the oldest first: who answers one of them is too late, and has answered all the same.
    pub(super) past: VecDeque<Prompt>,
    /// Answers between their claim and their outcome.
    pub(super) underway: Vec<Underway>,
    /// Prompts that went away unanswered, as far as they are recorded.
    pub(super) withdrawals: Allowance,
    /// When something of it is due.
    pub(super) alarm: Option<Instant>,
}

impl Docket {
    pub(super) fn remember(&mut self, gone: Prompt) {
        self.past.push_back(gone);
        while self.past.len() > MOST_PAST {
            self.past.pop_front();
        }
    }
}

/// A hook that asked and waits.
#[derive(Debug)]
pub(super) struct Ask {
    /// Its own number among the prompts.
    pub(super) case: PromptId,
    pub(super) client: ClientId,
    pub(super) request: u64,
    pub(super) event: HookEvent,
    /// Whether the tool's dialog stands beside it, so that it can wait for a person.
    pub(super) races: bool,
    /// The prompt that shows what it asks.
    pub(super) prompt: Option<PromptId>,
    /// The prompt for which it was told to the monitor once more.
    pub(super) retold: Option<PromptId>,
    pub(super) pending: Pending,
}

impl Ask {
    /// When it goes back to its tool, which shows nothing until then; `None` where a dialog stands beside it.
    pub(super) fn ends(&self) -> Option<Instant> {
        (!self.races).then(|| self.pending.since + BLOCKED)
    }

    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.ends().is_some_and(|ends| ends <= now)
    }
}

/// What may be answered by itself, and has not been yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) since: Instant,
    pub(super) judgement: Option<Judgement>,
    /// It was answered, or rehearsed, or given up.
    pub(super) is_done: bool,
}

impl Pending {
    pub(super) fn new(since: Instant) -> Self {
        Self {
            since,
            judgement: None,
            is_done: false,
        }
    }
}

/// How one answer travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Road {
    /// To the hook of this number.
    Hook(PromptId),
    Keys,
}

/// An answer between its claim and its outcome.
#[derive(Debug)]
pub(super) struct Underway {
    pub(super) ticket: Ticket,
    /// The prompt that it answers as people saw it, if it was shown.
    pub(super) prompt: Option<PromptId>,
    pub(super) road: Road,
    /// Who waits to hear of it.
    pub(super) client: Option<(ClientId, u64)>,
    pub(super) decision: Decision,
    pub(super) intent: Option<u64>,
    pub(super) stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Being written down.
    Noting,
    /// Handed to tmux, which has not answered.
    Typing,
    /// The tool has it, or is about to: what follows has to be seen by then.
    Left {
        until: Instant,
        /// The hook that has to say that it has passed it on.
        hook: Option<(ClientId, u64)>,
    },
}

impl Hub {
    pub(super) fn approve(&mut self, approval: Approval) {
        match approval {
            Approval::Judged {
                session,
                case,
                judgement,
            } => self.judged(&session, case, judgement),
            Approval::Noted {
                session,
                ticket,
                intent,
            } => self.noted(&session, ticket, &intent),
            Approval::KeySent {
                session,
                ticket,
                result,
            } => self.key_sent(&session, ticket, result),
            Approval::Versioned { tool, version } => {
                self.approvals.versions.insert(tool, version);
                self.consider_all();
            }
            Approval::RulesLoaded(rules) => self.rules_loaded(rules),
            Approval::RecordHealth(trouble) => self.record_health(trouble.as_deref()),
            Approval::RuleAdded { client, id, result } => {
                let reply = match result {
                    Ok(rules) => {
                        self.take_rules(rules);
                        Reply::Done
                    }
                    Err(failure) => Reply::Failed(failure),
                };
                self.clients.reply(client, id, reply);
            }
        }
    }

    /// Sends what came of work beside the hub back to it.
    pub(super) fn beside_approving(&self, work: impl Future<Output = Approval> + Send + 'static) {
        let hub = self.own.clone();
        tokio::spawn(async move {
            let approval = work.await;
            // Without a hub there is nobody left to tell.
            let _told = hub.send(HubMsg::Approval(approval)).await;
        });
    }
}
