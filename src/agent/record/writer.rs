//! The thread that writes: takes what was gathered, appends it, starts new segments and prunes old ones.
//!
//! Promise: a session's files are written in the order in which the hub said it; a disk that fails costs what was to be
//! written, never the agent, and numbers stay without gaps.

use std::collections::HashMap;
use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;
use tracing::{debug, warn};

use super::cast::{self, Code};
use super::queue::{Item, Queue, What};
use super::scribe::Scribe;
use super::segments::{self, CAST, Open, TEXT};
use super::{About, Limits, read};
use crate::domain::UnixMillis;
use crate::term::{Size, sanitize};

/// A recording goes on in a new file after so many bytes: what a tool draws in some ten minutes of work. Only whole files
/// are pruned.
const CAST_SEGMENT: u64 = 4 << 20;
/// … and lines, of which a page is found by counting from the beginning of a file.
const TEXT_SEGMENT: u64 = 1 << 20;
/// The longest line, in bytes: as long as a row of the widest pane with marks on every character. Longer ones are cut.
const LONGEST: usize = 8 << 10;
/// The longest note, in columns.
const NOTE_COLS: usize = 300;
/// The most text in one event, in bytes, of which JSON may make six times as much: an event fits a piece of a recording, and so
/// a message. Longer output is several events at the same time.
const EVENT: usize = 32 << 10;
/// How many of the last lines tell what was shown before a restart: a few screens.
const REMEMBERED: usize = 200;

/// Writes until the queue is closed.
pub(super) fn run(queue: &Arc<Queue>, dir: PathBuf, limits: Limits, tell: &watch::Sender<u64>) {
    let mut writer = Writer {
        dir,
        limits,
        logs: HashMap::new(),
        has_grown: true,
    };
    while let Some(items) = queue.take() {
        let mut has_lines = false;
        for item in items {
            writer.take(item);
        }
        for log in writer.logs.values_mut() {
            has_lines |= !log.lines.is_empty();
            log.flush();
        }
        if has_lines {
            tell.send_modify(|times| *times = times.wrapping_add(1));
        }
        if std::mem::take(&mut writer.has_grown) {
            writer.prune();
        }
    }
}

struct Writer {
    dir: PathBuf,
    limits: Limits,
    logs: HashMap<u64, Log>,
    /// A segment or a session was begun: there may be too much.
    has_grown: bool,
}

/// One session's files.
struct Log {
    dir: PathBuf,
    about: About,
    is_full: Arc<AtomicBool>,
    cast: Option<Open>,
    /// Events that are not written yet.
    events: Vec<u8>,
    /// When the last event was.
    last: UnixMillis,
    size: Option<Size>,
    text: Option<Open>,
    /// Lines that are not written yet.
    lines: Vec<u8>,
    /// The number of the next line, and of the first one in `lines`.
    next: u64,
    unwritten: u64,
    scribe: Scribe,
}

impl Writer {
    fn take(&mut self, item: Item) {
        let Item {
            track,
            at,
            what,
            is_full,
        } = item;
        match what {
            What::Open(about) => match Log::open(&self.dir, *about, is_full) {
                Ok(log) => {
                    self.logs.insert(track, log);
                    self.has_grown = true;
                }
                Err(error) => warn!(%error, "a session's output is not kept"),
            },
            What::Close => {
                if let Some(mut log) = self.logs.remove(&track) {
                    log.flush();
                    log.shorten(self.limits.session);
                    self.has_grown = true;
                }
            }
            what => {
                if let Some(log) = self.logs.get_mut(&track) {
                    self.has_grown |= log.take(at, what);
                }
            }
        }
    }

    /// Removes what is over the limits. A file that is written to stays.
    fn prune(&self) {
        let open: Vec<&Path> = self.logs.values().map(|log| log.dir.as_path()).collect();
        for log in self.logs.values() {
            log.shorten(self.limits.session);
        }
        let mut all = read::folders(&self.dir);
        all.sort_unstable_by_key(|folder| folder.written);
        let mut total: u64 = all.iter().map(|folder| folder.bytes).sum();
        for folder in &all {
            if total <= self.limits.total {
                return;
            }
            if !open.contains(&folder.dir.as_path()) {
                debug!(folder = %folder.dir.display(), "the oldest log is removed");
                if fs::remove_dir_all(&folder.dir).is_ok() {
                    total -= folder.bytes;
                }
            }
        }
        // Only sessions that run are left: each gives up its oldest recording in turn.
        let share = self.limits.total / (self.logs.len() as u64).max(1);
        for log in self.logs.values().filter(|_| total > self.limits.total) {
            log.shorten(share);
        }
    }
}

/// The last place up to `most` where a text can be cut.
fn boundary(text: &str, most: usize) -> usize {
    let most = most.min(text.len());
    let cut = (0..=most).rev().find(|at| text.is_char_boundary(*at));
    cut.unwrap_or(0)
}

/// Removes the oldest files of a kind until the others fit; the last one stays.
fn shorten(dir: &Path, kind: &str, limit: u64) {
    let mut found = segments::list(dir, kind);
    found.pop();
    let mut total: u64 = found.iter().map(|segment| segment.bytes).sum();
    for segment in found {
        if total <= limit {
            return;
        }
        if fs::remove_file(segments::path(dir, segment.number, kind)).is_ok() {
            total -= segment.bytes;
        }
    }
}

impl Log {
    fn open(dir: &Path, about: About, is_full: Arc<AtomicBool>) -> io::Result<Self> {
        let dir = dir.join(about.key());
        match DirBuilder::new().mode(0o700).create(&dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        if !fs::symlink_metadata(&dir)?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory));
        }
        let text = Open::last(&dir, TEXT)?;
        let mut scribe = Scribe::default();
        let next = match &text {
            Some(open) => {
                let lines = fs::read(segments::path(&dir, open.number, TEXT))?;
                let lines = String::from_utf8_lossy(&lines);
                let lines: Vec<&str> = lines.lines().collect();
                let told = lines.iter().rev().filter_map(|line| read::output(line));
                let mut last: Vec<&str> = told.take(REMEMBERED).collect();
                last.reverse();
                scribe.remember(last.into_iter());
                open.number + lines.len() as u64
            }
            None => 1,
        };
        let log = Self {
            about,
            is_full,
            cast: None,
            events: Vec::new(),
            last: 0,
            size: None,
            text,
            lines: Vec::new(),
            next,
            unwritten: next,
            scribe,
            dir,
        };
        log.write_about()?;
        Ok(log)
    }

    /// Written beside and renamed, so that nobody reads half of it.
    fn write_about(&self) -> io::Result<()> {
        let beside = self.dir.join("about.new");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(&beside)?;
        serde_json::to_writer(&mut file, &self.about)?;
        fs::rename(beside, self.dir.join(read::ABOUT))
    }

    /// Whether a segment was begun.
    fn take(&mut self, at: UnixMillis, what: What) -> bool {
        let mut has_grown = false;
        match what {
            What::Keyframe(size, bytes) => has_grown = self.keyframe(at, size, &bytes),
            What::Drawn(bytes) => self.event(at, Code::Output, &String::from_utf8_lossy(&bytes)),
            What::Scrolled { lines, repaints } => {
                let mut scribe = std::mem::take(&mut self.scribe);
                for line in &lines {
                    let tell = &mut |line: &str| has_grown |= self.line(at, 'o', line);
                    scribe.scrolled(line, repaints, tell);
                }
                self.scribe = scribe;
            }
            What::Screen {
                lines,
                is_alternate,
                is_still,
            } => {
                let mut scribe = std::mem::take(&mut self.scribe);
                let tell = &mut |line: &str| has_grown |= self.line(at, 'o', line);
                scribe.screen(&lines, is_alternate, is_still, tell);
                self.scribe = scribe;
            }
            What::Note(text) => {
                let text = sanitize::label(&text, NOTE_COLS);
                self.event(at, Code::Marker, &text);
                has_grown = self.line(at, '-', &text);
            }
            What::Exit(code) => self.event(at, Code::Exit, &code.to_string()),
            What::Open(_) | What::Close => {}
        }
        has_grown
    }

    /// The whole screen: a new segment begins with it when the last one is full or cannot be gone on with.
    fn keyframe(&mut self, at: UnixMillis, size: Size, bytes: &[u8]) -> bool {
        self.flush();
        if self.cast.is_none() {
            self.cast = Open::last(&self.dir, CAST).ok().flatten();
            // As long as nobody listened; a clock that was set back tells nothing.
            let written = segments::list(&self.dir, CAST).pop();
            self.last = written.map_or(at, |segment| segment.written);
        }
        let goes_on = self
            .cast
            .as_ref()
            .is_some_and(|cast| cast.bytes > 0 && cast.bytes < CAST_SEGMENT);
        if goes_on {
            if self.size != Some(size) {
                self.event(at, Code::Resize, &format!("{}x{}", size.cols, size.rows));
            }
        } else {
            let number = self.cast.as_ref().map_or(1, |cast| cast.number + 1);
            match Open::create(&self.dir, number, CAST) {
                Ok(cast) => self.cast = Some(cast),
                Err(error) => return self.failed(&error),
            }
            self.events = cast::header(&self.about, size, at);
            self.last = at;
        }
        self.size = Some(size);
        self.event(at, Code::Output, cast::RESET);
        self.event(at, Code::Output, &String::from_utf8_lossy(bytes));
        !goes_on
    }

    /// Nothing is recorded before the first whole screen.
    fn event(&mut self, at: UnixMillis, code: Code, data: &str) {
        if self.cast.is_some() {
            let mut rest = data;
            loop {
                let cut = boundary(rest, EVENT);
                let (head, tail) = rest.split_at(cut);
                let after = at.saturating_sub(self.last);
                cast::event(&mut self.events, after, code, head);
                self.last = at;
                rest = tail;
                if rest.is_empty() {
                    return;
                }
            }
        }
    }

    /// Whether a segment was begun.
    fn line(&mut self, at: UnixMillis, kind: char, text: &str) -> bool {
        let (text, _) = text.split_at(boundary(text, LONGEST));
        let buffered = self.lines.len() as u64;
        let is_full = self
            .text
            .as_ref()
            .is_none_or(|open| open.bytes + buffered >= TEXT_SEGMENT);
        if is_full {
            self.flush();
            match Open::create(&self.dir, self.next, TEXT) {
                Ok(text) => self.text = Some(text),
                Err(error) => return self.failed(&error),
            }
        }
        let _never = writeln!(self.lines, "{}\t{at}\t{kind}\t{text}", self.next);
        self.next += 1;
        is_full
    }

    /// Lines are small and say most: they get a quarter of the room.
    fn shorten(&self, limit: u64) {
        shorten(&self.dir, CAST, limit / 4 * 3);
        shorten(&self.dir, TEXT, limit / 4);
    }

    /// Writes what was gathered.
    fn flush(&mut self) {
        let events = std::mem::take(&mut self.events);
        if let Some(cast) = self.cast.as_mut().filter(|_| !events.is_empty()) {
            let written = cast.write(&events);
            let is_full = cast.bytes >= CAST_SEGMENT;
            if let Err(error) = written {
                self.failed(&error);
            } else if is_full {
                self.is_full.store(true, Ordering::Relaxed);
            }
        }
        let lines = std::mem::take(&mut self.lines);
        if let Some(text) = self.text.as_mut().filter(|_| !lines.is_empty()) {
            match text.write(&lines) {
                Ok(()) => self.unwritten = self.next,
                Err(error) => {
                    // Nobody has read them: their numbers are free.
                    self.next = self.unwritten;
                    self.failed(&error);
                }
            }
        }
    }

    /// The recording has a hole from here on, until it is given the whole screen.
    fn failed(&mut self, error: &io::Error) -> bool {
        warn!(%error, folder = %self.dir.display(), "a session's output is not kept");
        self.is_full.store(true, Ordering::Relaxed);
        false
    }
}
