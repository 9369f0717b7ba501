//! The newest decisions that fit, read from the end of the record: nobody waits for years of it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::entry::Entry;
use super::files;
use super::line::{Line, MAX_LINE};
use crate::domain::decision::{DecisionFilter, RecordSeq, Recorded};

/// How many bytes one page looks through at most: a part of a second; whoever wants more asks for the next page.
pub const SCAN: u64 = 64 << 20;
/// What is read at once, in bytes: some tens of decisions.
const BLOCK: usize = 64 << 10;
/// How much the wall clock may have been set back, in milliseconds, before decisions after that are overlooked by a search
/// for the newest ones.
const SET_BACK: u64 = 24 * 60 * 60 * 1000;

/// Some decisions, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub records: Vec<Recorded>,
    /// Where the next page begins, as its `before`; `None` when nothing older can fit.
    pub more: Option<RecordSeq>,
}

/// Looks for at most `limit` decisions in at most `bytes` bytes of lines that fit, older than `before`. One that is larger
/// than that by itself is a page of its own. Damaged lines are passed over.
pub fn page(
    dir: &Path,
    filter: &DecisionFilter,
    before: Option<RecordSeq>,
    limit: usize,
    bytes: usize,
) -> io::Result<Page> {
    let mut page = Page::default();
    let (mut looked_through, mut taken) = (0, 0);
    let segments = files::segments(dir)?;
    for file in segments.iter().rev() {
        let begins = file.head.as_ref().map(|(seq, _)| RecordSeq(*seq));
        if begins
            .zip(before)
            .is_some_and(|(begins, before)| begins >= before)
        {
            continue;
        }
        let mut lines = Backward::new(File::open(&file.path)?, file.end);
        while let Some(text) = lines.next()? {
            let Some(line) = Line::read(&text).filter(Line::is_whole) else {
                continue;
            };
            let seq = RecordSeq(line.seq);
            if before.is_some_and(|before| seq >= before) {
                continue;
            }
            looked_through += text.len() as u64;
            let older = RecordSeq(line.seq.saturating_add(1));
            let Some(record) = Entry::decision(line.entry) else {
                continue;
            };
            if filter
                .since
                .is_some_and(|since| record.when.wall.saturating_add(SET_BACK) < since)
            {
                return Ok(page);
            }
            if filter.fits(&record) {
                let full = page.records.len() >= limit
                    || (taken + text.len() > bytes && !page.records.is_empty());
                if full {
                    page.more = Some(older);
                    return Ok(page);
                }
                taken += text.len();
                page.records.push(Recorded { seq, record });
            }
            if looked_through >= SCAN {
                page.more = Some(seq);
                return Ok(page);
            }
        }
    }
    Ok(page)
}

/// The lines of a file, the last one first.
struct Backward {
    file: File,
    /// What stands before this place has not been read.
    unread: u64,
    /// What was read and not given out.
    held: Vec<u8>,
}

impl Backward {
    fn new(file: File, end: u64) -> Self {
        Self {
            file,
            unread: end,
            held: Vec::new(),
        }
    }

    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = self.held.iter().rposition(|byte| *byte == b'\n') {
                let line = self.held.split_off(at + 1);
                self.held.truncate(at);
                return Ok(Some(line));
            }
            if self.unread == 0 {
                let first = std::mem::take(&mut self.held);
                return Ok((!first.is_empty()).then_some(first));
            }
            if self.held.len() > MAX_LINE {
                // No line of ours: what is left of it will not be one either.
                self.held.clear();
            }
            let len = self.unread.min(BLOCK as u64);
            self.unread -= len;
            let mut block = vec![0; usize::try_from(len).unwrap_or(BLOCK)];
            self.file.read_exact_at(&mut block, self.unread)?;
            block.append(&mut self.held);
            self.held = block;
        }
    }
}
