//! The rules of the host and the health of its record: what happens when either changes, and how a person adds a rule.

use std::sync::Arc;

use super::answers::refused;
use super::approval::{Approval, Road, Rules};
use super::{ClientId, Hub, HubMsg};
use crate::domain::{PromptId, SessionId};
use crate::protocol::{Failure, FailureKind, Reply};

/// How it is said that decisions cannot be recorded.
const UNRECORDED: &str = "the record of decisions cannot be written";

/// In words for people.
pub(super) fn unrecorded(why: &str) -> String {
    format!("{UNRECORDED}: {why}")
}

impl Hub {
    /// The policy was changed on disk, by whom nobody knows: what was switched on, was for the old one.
    pub(super) fn rules_loaded(&mut self, rules: Rules) {
        let known = self.approvals.setup.rules.judge.hash();
        let why = match &rules.trouble {
            Some(trouble) => format!("the policy does not load: {}", trouble.message),
            None if rules.judge.hash() == known => return self.take_rules(rules),
            None => "the policy was changed on disk".to_owned(),
        };
        self.stop_all(&why);
        self.take_rules(rules);
    }

    /// The record can be written no more, or again: people go on, nothing else does.
    pub(super) fn record_health(&mut self, trouble: Option<&str>) {
        let message = trouble.map(unrecorded);
        if let Some(message) = &message {
            self.stop_all(message);
        }
        let is_ours = |failure: &Failure| failure.message.starts_with(UNRECORDED);
        if message.is_some() || self.trouble.as_ref().is_some_and(is_ours) {
            self.set_trouble(message.map(|message| Failure {
                kind: FailureKind::Failed,
                message,
                hint: "nothing is answered by itself until it can be".to_owned(),
            }));
        }
    }

    /// From now on these rules count, for what is open as well.
    pub(super) fn take_rules(&mut self, rules: Rules) {
        let before = self.approvals.setup.rules.trouble.clone();
        let trouble = rules.trouble.clone();
        self.approvals.setup.rules = rules;
        if before != trouble && (trouble.is_some() || self.trouble == before) {
            self.set_trouble(trouble);
        }
        let mut open = Vec::new();
        for (id, entry) in &mut self.sessions {
            let asks = entry.docket.asks.iter().map(|ask| ask.case);
            let shown = entry.docket.shown.as_ref().map(|(id, _)| *id);
            open.extend(asks.chain(shown).map(|case| (id.clone(), case)));
        }
        for (id, case) in open {
            self.judge_case(&id, case);
        }
    }

    /// Answers with the rule that would allow what the prompt asks.
    pub(super) fn suggest_rule(
        &mut self,
        client: ClientId,
        id: u64,
        session: &SessionId,
        prompt: PromptId,
    ) {
        let case = match self.road_to(session, prompt) {
            Road::Hook(case) => case,
            Road::Keys => prompt,
        };
        let Some(case) = self.case(session, case) else {
            return self.fail(client, id, refused("the prompt has changed"));
        };
        let judge = Arc::clone(&self.approvals.setup.rules.judge);
        let hub = self.own.clone();
        tokio::spawn(async move {
            let suggested = tokio::task::spawn_blocking(move || judge.suggest(&case)).await;
            let reply = Reply::Rule(suggested.unwrap_or(None));
            // Without a hub the client is gone as well.
            let _told = hub.send(HubMsg::Replied { client, id, reply }).await;
        });
    }

    /// Adds a rule to the host's policy, for a person.
    pub(super) fn add_rule(&mut self, client: ClientId, id: u64, text: String) {
        let files = self.approvals.setup.rule_files.clone();
        self.beside_approving(async move {
            let added = tokio::task::spawn_blocking(move || files.add(&text)).await;
            let result = added.unwrap_or_else(|_crashed| Err(refused("the rule was not added")));
            Approval::RuleAdded { client, id, result }
        });
    }
}
