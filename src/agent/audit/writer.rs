//! The thread that writes: whatever waits is one group with one sync, and what cannot be written is told at once.
//!
//! While writing fails, decisions of people and outcomes are kept in memory (they have happened), everything else is
//! refused (it has not). Each new order, and a timer, tries again; what was kept is then written first, marked late,
//! behind an entry that says why.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use tokio::sync::{oneshot, watch};
use tracing::{error, info, warn};

use super::book::{Book, Prepared};
use super::disk::Disk;
use super::entry::Entry;
use super::reopen::reopen;
use super::{AuditConfig, AuditError, Opened};
use crate::domain::decision::{Record, RecordSeq};

/// The most orders of one group: more would let the first wait for the writing of too many others.
const GROUP: usize = 256;
/// The most decisions that are kept while nothing can be written: more than a person makes in a day. What comes after is
/// counted.
const KEPT: usize = 1000;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Order {
    Intent {
        record: Box<Record>,
        reply: oneshot::Sender<Result<RecordSeq, AuditError>>,
    },
    Outcome(Box<Record>),
    Flush(oneshot::Sender<Result<(), AuditError>>),
}

#[derive(Debug)]
pub(super) struct Writer {
    config: AuditConfig,
    disk: Box<dyn Disk>,
    /// Before `health` in the order of dropping: who sees that end finds the files free.
    book: Option<Book>,
    health: watch::Sender<Option<String>>,
    /// Taken when the record is open.
    opened: Option<oneshot::Sender<Opened>>,
    /// Why writing fails, since when it does.
    trouble: Option<String>,
    kept: VecDeque<Record>,
    lost: u64,
}

impl Writer {
    pub(super) fn new(
        config: AuditConfig,
        disk: Box<dyn Disk>,
        health: watch::Sender<Option<String>>,
        opened: oneshot::Sender<Opened>,
    ) -> Self {
        Self {
            config,
            disk,
            health,
            opened: Some(opened),
            book: None,
            trouble: None,
            kept: VecDeque::new(),
            lost: 0,
        }
    }

    /// Runs until nobody can order any more.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        survive_size_limit();
        self.recover();
        loop {
            let first = if self.is_well() {
                match orders.recv() {
                    Ok(order) => Some(order),
                    Err(_all_gone) => return,
                }
            } else {
                match orders.recv_timeout(self.config.retry) {
                    Ok(order) => Some(order),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            };
            let group: Vec<Order> = first
                .into_iter()
                .chain(orders.try_iter())
                .take(GROUP)
                .collect();
            if !self.is_well() {
                self.recover();
            }
            self.carry_out(group);
        }
        // The last chance of what is kept.
        self.recover();
    }

    fn is_well(&self) -> bool {
        self.book.is_some() && self.trouble.is_none()
    }

    fn carry_out(&mut self, group: Vec<Order>) {
        if !self.is_well() {
            for order in group {
                self.refuse(order);
            }
            return;
        }
        let mut entries = Vec::with_capacity(group.len());
        let mut waiting = Vec::with_capacity(group.len());
        for order in group {
            match order {
                Order::Intent { record, reply } => match prepare(&record) {
                    Ok(entry) => {
                        entries.push(entry);
                        waiting.push(Order::Intent { record, reply });
                    }
                    Err(error) => tell(reply, Err(error)),
                },
                Order::Outcome(record) => match prepare(&record) {
                    Ok(entry) => {
                        entries.push(entry);
                        waiting.push(Order::Outcome(record));
                    }
                    Err(error) => error!(%error, "an outcome is not in the record"),
                },
                Order::Flush(reply) => waiting.push(Order::Flush(reply)),
            }
        }
        match self.commit(&entries) {
            Ok(seqs) => {
                let mut seqs = seqs.into_iter();
                for order in waiting {
                    match order {
                        Order::Intent { reply, .. } => {
                            tell(reply, seqs.next().ok_or(AuditError::Gone));
                        }
                        Order::Outcome(_) => {
                            seqs.next();
                        }
                        Order::Flush(reply) => tell(reply, Ok(())),
                    }
                }
            }
            Err(reason) => {
                self.fail(reason);
                for order in waiting {
                    self.refuse(order);
                }
            }
        }
    }

    fn commit(&mut self, entries: &[Prepared]) -> Result<Vec<RecordSeq>, String> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let Some(book) = &mut self.book else {
            return Err("it is not open".to_owned());
        };
        book.commit(&mut *self.disk, entries)
            .map_err(|error| error.to_string())
    }

    /// Nothing can be written: whoever waits is told, what has happened is kept.
    fn refuse(&mut self, order: Order) {
        let reason = self.trouble.clone().unwrap_or_default();
        match order {
            Order::Intent { record, reply } => {
                let kept = !record.by.is_automatic() && self.keep(*record);
                tell(reply, Err(AuditError::Unwritable { reason, kept }));
            }
            Order::Outcome(record) => {
                self.keep(*record);
            }
            Order::Flush(reply) => tell(
                reply,
                Err(AuditError::Unwritable {
                    reason,
                    kept: !self.kept.is_empty(),
                }),
            ),
        }
    }

    fn keep(&mut self, record: Record) -> bool {
        if self.kept.len() == KEPT {
            self.lost += 1;
            return false;
        }
        self.kept.push_back(Record {
            late: true,
            ..record
        });
        true
    }

    fn fail(&mut self, reason: String) {
        if self.trouble.is_none() {
            warn!(reason, "decisions cannot be recorded");
        }
        self.trouble = Some(reason.clone());
        self.health.send_replace(Some(reason));
    }

    /// Tries to write again, beginning with what was kept. What an earlier run left is told when it is known whether that
    /// is possible.
    fn recover(&mut self) {
        let mut found = None;
        if self.book.is_none() {
            match reopen(&self.config, &mut *self.disk) {
                Ok((book, opened)) => {
                    self.book = Some(book);
                    for note in &opened.notes {
                        warn!(note, "the record of decisions");
                    }
                    found = Some(opened);
                }
                Err(error) => return self.fail(error.to_string()),
            }
        }
        match self.trouble.clone().map(|reason| self.catch_up(reason)) {
            Some(Err(reason)) => self.fail(reason),
            caught_up => {
                if caught_up.is_some() {
                    info!("decisions are recorded again");
                    self.trouble = None;
                }
                self.health
                    .send_if_modified(|health| health.take().is_some());
            }
        }
        if let Some(opened) = found
            && let Some(reply) = self.opened.take()
        {
            tell(reply, opened);
        }
    }

    /// Writes why there is a gap, then what was kept.
    fn catch_up(&mut self, reason: String) -> Result<(), String> {
        let lost = self.lost;
        let resumed = Prepared::of(&Entry::Resumed { reason, lost });
        // Alone, so that a disk that still fails costs no more than this.
        self.commit(&resumed.into_iter().collect::<Vec<_>>())?;
        self.lost = 0;
        while !self.kept.is_empty() {
            let group = self.kept.len().min(GROUP);
            let kept = self.kept.iter().take(group);
            let entries: Vec<Prepared> = kept.filter_map(|record| prepare(record).ok()).collect();
            self.commit(&entries)?;
            self.kept.drain(..group);
        }
        Ok(())
    }
}

fn prepare(record: &Record) -> Result<Prepared, AuditError> {
    let entry = Entry::Decision(Box::new(record.clone()));
    Prepared::of(&entry).map_err(|len| AuditError::TooLarge { len })
}

/// Whoever asked may have stopped waiting.
fn tell<T>(reply: oneshot::Sender<T>, value: T) {
    let _gone = reply.send(value).is_err();
}

/// A limit on the size of files ends a process by signal, unless somebody listens; then the write fails, which is dealt
/// with.
fn survive_size_limit() {
    let flag = std::sync::Arc::default();
    let signal = rustix::process::Signal::XFSZ.as_raw();
    if let Err(error) = signal_hook::flag::register(signal, flag) {
        warn!(%error, "a limit on the size of files would end this process");
    }
}
