//! Decisions in the words of the record: what the hub decides is handed to the audit.

use std::future::Future;
use std::pin::Pin;

use super::approve::{Decision, Ended, Intent, Recorder, Way, Who};
use super::audit::{Audit, AuditClock};
use crate::domain::decision::{self, Decider, Phase, Record, Ruling, excerpt};
use crate::domain::{Answer, RecordSeq};

/// The record of a host.
#[derive(Debug)]
pub struct Book {
    audit: Audit,
    clock: AuditClock,
}

impl Book {
    pub fn new(audit: Audit) -> Self {
        Self {
            audit,
            clock: AuditClock::start(),
        }
    }

    fn record(&self, decision: &Decision) -> Record {
        Record {
            when: self.clock.now(),
            phase: Phase::Intent,
            by: match &decision.by {
                Who::Person(client) => Decider::Person {
                    client: client.clone(),
                },
                Who::Rule(rule) => Decider::Policy {
                    rule: rule.clone(),
                    policy: decision.policy.clone(),
                    mode: decision.mode,
                },
            },
            decision: match decision.answer {
                Answer::Yes => Ruling::Allow,
                Answer::No => Ruling::Deny,
            },
            message: decision.message.clone(),
            way: match decision.way {
                Way::Hook => decision::Way::Hook,
                Way::Keys => decision::Way::Keys,
                Way::Nowhere => decision::Way::None,
            },
            why: decision.why.clone(),
            session: decision.session.clone(),
            name: decision.name.clone(),
            tool: decision.tool.clone(),
            dir: decision.dir.clone(),
            prompt: decision.prompt,
            kind: decision.kind,
            subject: decision.subject.clone(),
            question: decision.question.clone(),
            evidence: decision.evidence.clone(),
            before: excerpt(&decision.before),
            after: String::new(),
            late: false,
        }
    }
}

impl Recorder for Book {
    fn intent(&self, decision: Decision) -> Pin<Box<dyn Future<Output = Intent> + Send>> {
        let (audit, record) = (self.audit.clone(), self.record(&decision));
        Box::pin(async move {
            let recorded = audit.intent(record).await;
            recorded
                .map(|RecordSeq(seq)| seq)
                .map_err(|error| error.to_string())
        })
    }

    fn outcome(&self, decision: &Decision, intent: Option<u64>, ended: Ended, after: &str) {
        let ended = match ended {
            Ended::Delivered => decision::Ended::Delivered,
            Ended::Refused(why) => decision::Ended::Refused { why },
            Ended::Unknown => decision::Ended::Unknown,
            Ended::Rehearsed => decision::Ended::Rehearsed,
        };
        let intent = intent.map(RecordSeq);
        let record = self.record(decision);
        let outcome = record.outcome(intent, ended, self.clock.now());
        let outcome = Record {
            after: excerpt(after),
            ..outcome
        };
        if let Err(error) = self.audit.outcome(outcome) {
            tracing::warn!(%error, "an outcome is missing in the record");
        }
    }

    fn trouble(&self) -> Option<String> {
        self.audit.health().borrow().clone()
    }
}
