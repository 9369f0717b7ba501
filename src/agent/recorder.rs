//! Decisions in the words of the record: what the hub decides is handed to the audit.

use std::future::Future;
use std::pin::Pin;

use super::approve::{Asked, Decision, Ended, Intent, Recorder, Way, Who};
use super::audit::{Audit, AuditClock};
use crate::domain::decision::{Decider, Phase, Record, Ruling, excerpt};
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
        let by = match &decision.by {
            Who::Person(client) => Decider::Person {
                client: client.clone(),
            },
            Who::Rule(rule) => Decider::Policy {
                rule: rule.clone(),
                policy: decision.policy.clone(),
                mode: decision.mode,
            },
        };
        let verdict = match decision.answer {
            Answer::Yes => Ruling::Allow,
            Answer::No => Ruling::Deny,
        };
        let record = self.about(decision.asked.clone(), by, verdict);
        Record {
            message: decision.message.clone(),
            way: decision.way,
            why: decision.why.clone(),
            ..record
        }
    }

    fn about(&self, asked: Asked, by: Decider, decision: Ruling) -> Record {
        Record {
            when: self.clock.now(),
            phase: Phase::Intent,
            by,
            decision,
            message: String::new(),
            way: Way::None,
            why: String::new(),
            session: asked.session,
            name: asked.name,
            tool: asked.tool,
            dir: asked.dir,
            prompt: asked.prompt,
            kind: asked.kind,
            subject: asked.subject,
            question: asked.question,
            evidence: asked.evidence,
            before: excerpt(&asked.before),
            after: String::new(),
            late: false,
        }
    }

    /// What we did not decide has no intent.
    fn only_outcome(&self, record: &Record, ended: Ended) {
        self.keep(record.outcome(None, ended, self.clock.now()));
    }

    fn keep(&self, outcome: Record) {
        if let Err(error) = self.audit.outcome(outcome) {
            tracing::warn!(%error, "an outcome is missing in the record");
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
        let intent = intent.map(RecordSeq);
        let record = self.record(decision);
        let outcome = record.outcome(intent, ended, self.clock.now());
        let outcome = Record {
            after: excerpt(after),
            ..outcome
        };
        self.keep(outcome);
    }

    fn withdrawn(&self, asked: Asked, why: &str, after: &str) {
        let record = self.about(asked, Decider::Agent, Ruling::None);
        let record = Record {
            why: why.to_owned(),
            after: excerpt(after),
            ..record
        };
        self.only_outcome(&record, Ended::Withdrawn);
    }

    fn refused(&self, asked: Asked, why: &str) {
        let record = self.about(asked, Decider::Agent, Ruling::Deny);
        let why = why.to_owned();
        self.only_outcome(&record, Ended::Refused { why });
    }

    fn trouble(&self) -> Option<String> {
        self.audit.health().borrow().clone()
    }
}
