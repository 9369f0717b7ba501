//! Where an earlier run stopped: its last line is found, what a crash left of another is set aside, and intents that
//! nobody ended are told.
//!
//! Promise: nothing whole is cut off. Only what has no line break at the end of the last file is torn; anything else that
//! is wrong stays as it is for [`verify`](super::verify()), and the record goes on in a new file that says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::book::{Book, BookError, Current, Prepared, after, failed};
use super::disk::Disk;
use super::entry::{After, Began, Entry, Tip};
use super::files::{self, SegmentFile};
use super::line::{Hash, Link};
use super::walk::{Walked, walk};
use super::{AuditConfig, Opened};
use crate::domain::decision::{Phase, RecordSeq, Recorded};
use crate::paths::private_dir;

/// Opens the record and says what was found. Another writer is refused.
pub(super) fn reopen(
    config: &AuditConfig,
    disk: &mut dyn Disk,
) -> Result<(Book, Opened), BookError> {
    private_dir(&config.dir)?;
    let lock = lock(&config.dir)?;
    let mut reopening = Reopening {
        dir: &config.dir,
        opened: Opened::default(),
        cut: None,
    };
    reopening.close_files()?;
    let mut segments = reopening.segments()?;
    let tip_path = config.dir.join(files::TIP);
    let tip = fs::read(&tip_path).ok();
    let tip = tip.as_deref().map(Tip::read);
    let mut book = Book {
        dir: config.dir.clone(),
        _lock: lock,
        limit: config.segment,
        current: None,
        before: None,
        began: Began::First,
        link: Link::default(),
        open: BTreeSet::new(),
    };
    let mut damage = Vec::new();
    if let Some(last) = segments.pop() {
        let walked = reopening.last(&last, &segments, &mut book)?;
        damage.extend(
            walked
                .found
                .iter()
                .map(|found| format!("line {} of {}: {}", found.line, last.name(), found.damage)),
        );
        book.link = walked.link;
        book.before = Some(after(last.number, walked.end, &walked.link));
        damage.extend(reopening.held_against(tip.flatten(), &mut book));
        if damage.is_empty() {
            let path = &last.path;
            let mut file = disk
                .open(path)
                .map_err(|error| failed("open", path, error))?;
            // What an earlier run wrote without a sync counts from now on.
            match file.sync() {
                Ok(()) => {
                    book.began = Began::Full;
                    book.current = Some(Current {
                        file,
                        number: last.number,
                        end: walked.end,
                    });
                }
                Err(source) => {
                    let reason = failed("sync", path, source).to_string();
                    book.began = Began::Left { reason };
                }
            }
        }
    } else if tip.flatten().is_some_and(|(seq, _)| seq > 0) {
        damage.extend(reopening.held_against(tip.flatten(), &mut book));
    }
    if let Some(reason) = damage.first() {
        let reason = match damage.len() {
            1 => reason.clone(),
            more => format!("{reason}; and {} more", more - 1),
        };
        reopening.opened.notes.push(format!("damage: {reason}"));
        book.began = Began::Damaged { reason };
    }
    book.say_tip(disk);
    sync(&tip_path)?;
    if let Some((bytes, kept)) = reopening.cut {
        let note = format!("a torn line of {bytes} bytes was set aside in {kept}");
        reopening.opened.notes.push(note);
        if let Ok(entry) = Prepared::of(&Entry::Cut { bytes, kept }) {
            book.commit(disk, &[entry])?;
        }
    }
    Ok((book, reopening.opened))
}

struct Reopening<'a> {
    dir: &'a Path,
    opened: Opened,
    /// The torn line that was set aside: its length, and the name of the file that keeps it.
    cut: Option<(u64, String)>,
}

impl Reopening<'_> {
    /// Takes everybody else's rights away, should a copy or a restored backup have brought some.
    fn close_files(&mut self) -> Result<(), BookError> {
        let dir = self.dir;
        for entry in fs::read_dir(dir).map_err(|error| failed("read", dir, error))? {
            let entry = entry.map_err(|error| failed("read", dir, error))?;
            let (path, found) = (entry.path(), entry.metadata());
            let found = found.map_err(|error| failed("read", &path, error))?;
            if found.is_file() && found.permissions().mode() & 0o077 != 0 {
                fs::set_permissions(&path, Permissions::from_mode(0o600))
                    .map_err(|error| failed("close", &path, error))?;
                let name = entry.file_name();
                let note = format!("{} was open to other users", name.to_string_lossy());
                self.opened.notes.push(note);
            }
        }
        Ok(())
    }

    /// The files that hold at least one line. The last may have been begun by a run that ended at that very moment.
    fn segments(&mut self) -> Result<Vec<SegmentFile>, BookError> {
        let read = |dir: &Path| files::segments(dir).map_err(|error| failed("read", dir, error));
        let mut segments = read(self.dir)?;
        while let Some(last) = segments.last().filter(|last| last.head.is_none()) {
            let walked = walk(
                last.read()
                    .map_err(|error| failed("read", &last.path, error))?,
                Link::default(),
                |_| {},
            );
            let walked = walked.map_err(|error| failed("read", &last.path, error))?;
            if walked.lines > 0 {
                break;
            }
            let aside = aside(&last.path);
            fs::rename(&last.path, &aside).map_err(|error| failed("move", &last.path, error))?;
            self.cut = Some((last.len, file_name(&aside)));
            segments = read(self.dir)?;
        }
        Ok(segments)
    }

    /// Walks through the last file, sets a torn line aside, and finds what is unsettled.
    fn last(
        &mut self,
        last: &SegmentFile,
        earlier: &[SegmentFile],
        book: &mut Book,
    ) -> Result<Walked, BookError> {
        let path = &last.path;
        let io = |error| failed("read", path, error);
        let mut intents: BTreeMap<RecordSeq, Option<Recorded>> = BTreeMap::new();
        let mut start = Link::default();
        if let Some((seq, head)) = &last.head {
            intents.extend(head.open.iter().map(|seq| (*seq, None)));
            start = head
                .after
                .as_ref()
                .and_then(After::link)
                .unwrap_or_default();
            start.seq = seq.saturating_sub(1);
        }
        let walked = walk(last.read().map_err(io)?, start, |line| {
            let Some(record) = Entry::decision(line.entry) else {
                return;
            };
            if let Some(intent) = record.ends() {
                intents.remove(&intent);
            } else if record.phase == Phase::Intent && !record.late {
                let seq = RecordSeq(line.seq);
                intents.insert(seq, Some(Recorded { seq, record }));
            }
        })
        .map_err(io)?;
        if walked.torn > 0 {
            let kept = set_aside(path, walked.end).map_err(|error| failed("mend", path, error))?;
            self.cut = Some((walked.torn, kept));
        }
        for file in earlier.iter().rev() {
            if intents.values().all(Option::is_some) {
                break;
            }
            let read = file
                .read()
                .map_err(|error| failed("read", &file.path, error))?;
            let seen = walk(read, Link::default(), |line| {
                let seq = RecordSeq(line.seq);
                if let Some(missing @ None) = intents.get_mut(&seq) {
                    *missing = Entry::decision(line.entry).map(|record| Recorded { seq, record });
                }
            });
            seen.map_err(|error| failed("read", &file.path, error))?;
        }
        book.open = intents.keys().copied().collect();
        self.opened.unsettled = intents.into_values().flatten().collect();
        Ok(walked)
    }

    /// Holds the end of the chain against what was noted of it; goes on behind what is missing.
    fn held_against(&self, tip: Option<(u64, Hash)>, book: &mut Book) -> Option<String> {
        let link = book.link;
        match tip {
            None => Some("the file “tip” is missing or cannot be read".to_owned()),
            Some((seq, _)) if seq > link.seq => {
                book.link.seq = seq;
                Some(format!(
                    "the record in “{}” ended at entry {seq}, now at {}",
                    self.dir.display(),
                    link.seq
                ))
            }
            Some((seq, hash)) if seq == link.seq && hash != link.hash => {
                Some(format!("entry {seq}, the last one, was exchanged"))
            }
            Some(_) => None,
        }
    }
}

fn lock(dir: &Path) -> Result<File, BookError> {
    let path = dir.join(files::LOCK);
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(false).mode(0o600);
    let file = options
        .open(&path)
        .map_err(|error| failed("open", &path, error))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(BookError::Locked(dir.to_owned())),
        Err(errno) => Err(failed("lock", &path, errno.into())),
    }
}

/// Copies what stands behind `end` to a file of its own, then cuts it off. Returns that file's name.
fn set_aside(path: &Path, end: u64) -> io::Result<String> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    file.seek(SeekFrom::Start(end))?;
    let mut torn = Vec::new();
    file.read_to_end(&mut torn)?;
    let aside = aside(path);
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    let mut kept = options.open(&aside)?;
    io::Write::write_all(&mut kept, &torn)?;
    kept.sync_all()?;
    file.set_len(end)?;
    file.sync_all()?;
    Ok(file_name(&aside))
}

/// A name for what is set aside that is not taken.
fn aside(path: &Path) -> PathBuf {
    let name = file_name(path);
    let free = (1..10_000)
        .map(|number| path.with_file_name(format!("{name}.{number}.torn")))
        .find(|aside| !aside.exists());
    free.unwrap_or_else(|| path.with_extension("torn"))
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn sync(path: &Path) -> Result<(), BookError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|error| failed("sync", path, error))
}
