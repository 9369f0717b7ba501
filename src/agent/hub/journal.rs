//! Numbered events, kept for clients that come back, and the lines of the event log.
//!
//! Promise: numbers have no gaps; whoever was away for less than the kept events misses nothing.

use std::collections::VecDeque;

use crate::domain::Seq;
use crate::protocol::{Event, LogLine, Resume};

/// Events kept for resuming: minutes of a busy host. More than half of a client's queue would not fit it anyway.
const KEPT: usize = 512;
/// Log lines kept for a client that connects: some screens full.
const LOG_LINES: usize = 200;
/// How many bytes of them a client is told: they share one message with all sessions.
const LOG_BYTES: usize = 128 << 10;

#[derive(Debug)]
pub(super) struct Journal {
    run: u64,
    seq: Seq,
    kept: VecDeque<Event>,
    log: VecDeque<LogLine>,
}

impl Journal {
    pub(super) fn new(run: u64) -> Self {
        Self {
            run,
            seq: Seq(0),
            kept: VecDeque::new(),
            log: VecDeque::new(),
        }
    }

    pub(super) fn run(&self) -> u64 {
        self.run
    }

    pub(super) fn seq(&self) -> Seq {
        self.seq
    }

    pub(super) fn record(&mut self, event: Event) {
        self.seq = self.seq.next();
        self.kept.push_back(event);
        if self.kept.len() > KEPT {
            self.kept.pop_front();
        }
    }

    pub(super) fn note(&mut self, line: LogLine) {
        self.log.push_back(line);
        if self.log.len() > LOG_LINES {
            self.log.pop_front();
        }
    }

    /// The newest lines, oldest first.
    pub(super) fn log(&self) -> Vec<LogLine> {
        let mut left = LOG_BYTES;
        let told = self.log.iter().rev().take_while(|line| {
            let size = line.name.len() + line.detail.len();
            let fits = size <= left;
            left = left.saturating_sub(size);
            fits
        });
        let start = self.log.len() - told.count();
        self.log.range(start..).cloned().collect()
    }

    /// What somebody who knows everything up to `resume` has missed, or `None` when that cannot be told.
    pub(super) fn missed(&self, resume: Resume) -> Option<Vec<(Seq, Event)>> {
        let behind = usize::try_from(self.seq.0.checked_sub(resume.seq.0)?).ok()?;
        if resume.run != self.run || behind > self.kept.len() {
            return None;
        }
        let numbers = (resume.seq.0 + 1..).map(Seq);
        Some(
            numbers
                .zip(self.kept.iter().skip(self.kept.len() - behind).cloned())
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing_missed(7, 600, Some(0))]
    #[case::a_few(7, 590, Some(10))]
    #[case::too_many(7, 10, None)]
    #[case::another_run(8, 600, None)]
    #[case::from_the_future(7, 601, None)]
    fn what_was_missed_is_told_or_said_to_be_unknown(
        #[case] run: u64,
        #[case] seq: u64,
        #[case] missed: Option<usize>,
    ) {
        let mut journal = Journal::new(7);
        for _ in 0..600 {
            journal.record(Event::Troubled(None));
        }
        let told = journal.missed(Resume { run, seq: Seq(seq) });
        assert_eq!(told.as_ref().map(Vec::len), missed);
        if let Some((last, _)) = told.as_ref().and_then(|told| told.last()) {
            assert_eq!(*last, journal.seq());
        }
    }
}
