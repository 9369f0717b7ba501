//! The place where lines are added: the file in use, the end of the chain, and what is still unsettled.
//!
//! Promise: what [`Book::commit`] returned is on disk; what it failed at counts as never written, whatever of it the disk
//! has. After a failed write the file is cut back to its last good line; after a failed sync nobody knows what the disk
//! has, so the file is left and the next one names its last good line.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tracing::warn;

use super::disk::{Disk, Segment};
use super::entry::{After, Began, Entry, FORMAT, Head, Tip};
use super::files;
use super::line::{self, Link, Text};
use crate::domain::RecordSeq;
use crate::domain::decision::Phase;
use crate::paths::DirError;

/// How many file names are tried when one is taken by what an earlier failure left.
const NAMES: u32 = 8;

#[derive(Debug, Error)]
pub(super) enum BookError {
    #[error(transparent)]
    Folder(#[from] DirError),
    #[error("another process writes the record in “{}”", .0.display())]
    Locked(PathBuf),
    #[error("cannot {what} “{}”: {source}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

/// An open record.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) dir: PathBuf,
    /// Held for as long as the record is open.
    pub(super) _lock: File,
    /// Bytes after which the next file is begun.
    pub(super) limit: u64,
    pub(super) current: Option<Current>,
    /// The end of the newest file that was written.
    pub(super) before: Option<After>,
    /// Why the next file is begun, when it is not because this one is full.
    pub(super) began: Began,
    pub(super) link: Link,
    /// Intents without an outcome.
    pub(super) open: BTreeSet<RecordSeq>,
}

/// The file that lines are added to.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) file: Box<dyn Segment>,
    pub(super) number: u32,
    /// Where its last good line ends.
    pub(super) end: u64,
}

/// An entry that is ready to be written.
#[derive(Debug)]
pub(super) struct Prepared {
    text: Text,
    settles: Settles,
}

/// What an entry means for the intents without an outcome.
#[derive(Clone, Copy, Debug)]
enum Settles {
    Nothing,
    Opens,
    Ends(RecordSeq),
}

impl Prepared {
    /// Fails with its length when it would make a line over the limit.
    pub(super) fn of(entry: &Entry) -> Result<Self, usize> {
        let settles = match entry {
            Entry::Decision(record) => match record.phase {
                // A late one is told after the fact: nothing of it is under way.
                Phase::Intent if record.late => Settles::Nothing,
                Phase::Intent => Settles::Opens,
                Phase::Outcome { of, .. } => of.map_or(Settles::Nothing, Settles::Ends),
            },
            _ => Settles::Nothing,
        };
        let json = serde_json::to_string(entry).unwrap_or_default();
        let text = Text::of(&json);
        // The envelope around it has less than 200 bytes.
        if text.len() + 200 > line::MAX_LINE {
            return Err(text.len());
        }
        Ok(Self { text, settles })
    }
}

impl Book {
    /// Writes entries and syncs them once. All of them are on disk, in this order, or none counts.
    pub(super) fn commit(
        &mut self,
        disk: &mut dyn Disk,
        entries: &[Prepared],
    ) -> Result<Vec<RecordSeq>, BookError> {
        if self
            .current
            .as_ref()
            .is_some_and(|current| current.end >= self.limit)
        {
            self.current = None;
        }
        if self.current.is_none() {
            self.begin(disk)?;
        }
        let path = self.path();
        let Some(current) = &mut self.current else {
            return Ok(Vec::new());
        };
        let (mut link, mut end) = (self.link, current.end);
        let mut seqs = Vec::with_capacity(entries.len());
        for entry in entries {
            let (text, next) = link.next(&entry.text);
            if let Err(source) = put(&mut *current.file, text.as_bytes()) {
                let cut = current.file.truncate(current.end);
                let error = failed("write", &path, source);
                if cut.is_err() {
                    self.leave(&error);
                }
                return Err(error);
            }
            link = next;
            end += text.len() as u64;
            seqs.push(RecordSeq(link.seq));
        }
        if let Err(source) = current.file.sync() {
            let error = failed("sync", &path, source);
            self.leave(&error);
            return Err(error);
        }
        current.end = end;
        self.link = link;
        self.before = Some(after(current.number, end, &link));
        for (entry, seq) in entries.iter().zip(&seqs) {
            match entry.settles {
                Settles::Nothing => {}
                Settles::Opens => {
                    self.open.insert(*seq);
                }
                Settles::Ends(intent) => {
                    self.open.remove(&intent);
                }
            }
        }
        self.say_tip(disk);
        Ok(seqs)
    }

    fn path(&self) -> PathBuf {
        let number = self.current.as_ref().map_or(0, |current| current.number);
        self.dir.join(files::name(number))
    }

    fn leave(&mut self, why: &BookError) {
        self.current = None;
        self.began = Began::Left {
            reason: why.to_string(),
        };
    }

    /// Makes the next file, with the line that says what it continues.
    fn begin(&mut self, disk: &mut dyn Disk) -> Result<(), BookError> {
        let first = self
            .before
            .as_ref()
            .map_or(1, |before| before.number.saturating_add(1));
        let mut number = first;
        let (path, mut file) = loop {
            let path = self.dir.join(files::name(number));
            match disk.create(&path) {
                Ok(file) => break (path, file),
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && number < first + NAMES =>
                {
                    number += 1;
                }
                Err(source) => return Err(failed("create", &path, source)),
            }
        };
        let head = Entry::Segment(Head {
            format: FORMAT,
            number,
            began: self.began.clone(),
            after: self.before.clone(),
            open: self.open.iter().copied().collect(),
        });
        let json = serde_json::to_string(&head).unwrap_or_default();
        let (text, link) = self.link.next(&Text::of(&json));
        let made = put(&mut *file, text.as_bytes())
            .and_then(|()| file.sync())
            .and_then(|()| disk.sync_folder(&self.dir));
        if let Err(source) = made {
            drop(file);
            // Nothing in it was ever acknowledged; should it stay, its name is passed over.
            if let Err(error) = disk.remove(&path) {
                warn!(%error, path = %path.display(), "a file of the record stays without use");
            }
            return Err(failed("begin", &path, source));
        }
        let end = text.len() as u64;
        self.link = link;
        self.before = Some(after(number, end, &link));
        self.began = Began::Full;
        self.current = Some(Current { file, number, end });
        Ok(())
    }

    /// Behind the lines, never ahead of them: when it cannot be written, it says less than there is.
    pub(super) fn say_tip(&self, disk: &mut dyn Disk) {
        let text = Tip::of(&self.link).text();
        if let Err(error) = disk.overwrite(&self.dir.join(files::TIP), text.as_bytes()) {
            warn!(%error, "the end of the record of decisions cannot be noted");
        }
    }
}

pub(super) fn after(number: u32, bytes: u64, link: &Link) -> After {
    After {
        number,
        bytes,
        seq: RecordSeq(link.seq),
        hash: line::to_hex(&link.hash),
    }
}

pub(super) fn failed(what: &'static str, path: &Path, source: io::Error) -> BookError {
    BookError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

/// One write for a whole line; what takes less than all has failed.
fn put(file: &mut dyn Segment, bytes: &[u8]) -> io::Result<()> {
    loop {
        match file.write(bytes) {
            Ok(len) if len == bytes.len() => return Ok(()),
            Ok(len) => {
                let message = format!("only {len} of {} bytes were taken", bytes.len());
                return Err(io::Error::new(io::ErrorKind::WriteZero, message));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
