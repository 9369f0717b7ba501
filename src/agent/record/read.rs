//! Reads what is kept, while it is written: pages of lines, pieces of a recording, and which logs there are.
//!
//! Promise: a page never holds half a line, is bounded whatever was asked, and says where the next one begins; whoever asks
//! from there on has every line once.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use regex::{Regex, RegexBuilder};
use thiserror::Error;

use super::About;
use super::cast;
use super::segments::{self, CAST, Segment, TEXT};
use crate::domain::{SessionId, UnixMillis};
use crate::protocol::{
    KeptLine, KeptLog, LogCursor, LogPage, LogsWanted, MAX_LIST, RecordingCursor, RecordingPage,
};

/// The file that says whose log it is.
pub(super) const ABOUT: &str = "about.json";
/// The most lines in a page: they fit a message however they are framed.
const PAGE_LINES: usize = 2000;
/// The most text in a page, in bytes.
const PAGE_BYTES: usize = 256 << 10;
/// How much is looked through for one page, in bytes: some ten milliseconds, so that a search that finds nothing lets others
/// have their turn.
const LOOKED_THROUGH: usize = 4 << 20;
/// The most of a recording in one piece: a message has four times the room, and every event fits.
const PIECE: u64 = 256 << 10;
/// How large a search pattern may grow in memory: many times what a person types.
const PATTERN: usize = 1 << 20;

#[derive(Debug, Error)]
pub enum ReadError {
    #[error("nothing is kept of that session")]
    NotKept,
    #[error("cannot read what is kept")]
    Io(#[from] io::Error),
    #[error("the pattern cannot be used: {0}")]
    Pattern(String),
}

/// What is wanted of a log.
#[derive(Clone, Debug)]
pub struct Wanted {
    from: LogCursor,
    since: UnixMillis,
    grep: Option<Regex>,
}

impl Wanted {
    pub fn of(wanted: &LogsWanted) -> Result<Self, ReadError> {
        let compile = |pattern: &String| RegexBuilder::new(pattern).size_limit(PATTERN).build();
        let grep = wanted.grep.as_ref().map(compile).transpose();
        Ok(Self {
            from: wanted.from,
            since: wanted.since.unwrap_or(0),
            // Its text has several lines, of which the last says what is wrong.
            grep: grep.map_err(|error| {
                let text = error.to_string();
                ReadError::Pattern(text.lines().last().unwrap_or_default().trim().to_owned())
            })?,
        })
    }

    /// The same from another line on.
    pub fn from_line(&mut self, number: u64) {
        self.from = LogCursor::Line(number);
    }
}

/// The text of a stored line that was printed; `None` for notes and what is no line.
pub(super) fn output(line: &str) -> Option<&str> {
    let mut fields = line.splitn(4, '\t').skip(2);
    (fields.next()? == "o").then(|| fields.next()).flatten()
}

/// A log's folder.
pub(super) struct Folder {
    pub(super) dir: PathBuf,
    pub(super) bytes: u64,
    pub(super) written: UnixMillis,
}

impl Folder {
    fn of(dir: PathBuf) -> Self {
        let files = [CAST, TEXT].map(|kind| segments::list(&dir, kind));
        let all = || files.iter().flatten();
        Self {
            bytes: all().map(|segment| segment.bytes).sum(),
            written: all().map(|segment| segment.written).max().unwrap_or(0),
            dir,
        }
    }

    fn about(&self) -> Option<About> {
        serde_json::from_slice(&fs::read(self.dir.join(ABOUT)).ok()?).ok()
    }

    fn key(&self) -> String {
        let name = self.dir.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// All of them, in no order.
pub(super) fn folders(dir: &Path) -> Vec<Folder> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| Folder::of(entry.path()))
        .collect()
}

/// The folder of a session, named by its id or by its folder's name. What is asked for is compared, never made a path.
pub(super) fn folder(dir: &Path, session: &SessionId) -> Result<PathBuf, ReadError> {
    let mut found = folders(dir);
    // Ids come again after a restart of the host: the log that was written last is meant.
    found.sort_unstable_by_key(|folder| std::cmp::Reverse(folder.written));
    let is_meant = |folder: &Folder| {
        folder.key() == session.as_str()
            || folder
                .about()
                .is_some_and(|about| about.session == *session)
    };
    let found = found.into_iter().find(is_meant).ok_or(ReadError::NotKept)?;
    Ok(found.dir)
}

/// The last written first; as many as a message may hold.
pub(super) fn list(dir: &Path) -> Vec<KeptLog> {
    let mut found = folders(dir);
    found.sort_unstable_by_key(|folder| std::cmp::Reverse(folder.written));
    let kept = found.into_iter().take(MAX_LIST).filter_map(|folder| {
        let about = folder.about()?;
        Some(KeptLog {
            key: folder.key(),
            session: about.session,
            name: about.name,
            tool: about.tool,
            dir: about.dir,
            created: about.created,
            written: folder.written,
            bytes: folder.bytes,
        })
    });
    kept.collect()
}

/// A page of lines.
pub(super) fn page(dir: &Path, wanted: &Wanted) -> Result<LogPage, ReadError> {
    let segments = segments::list(dir, TEXT);
    let first = segments.first().map_or(1, |segment| segment.number);
    let from = match wanted.from {
        LogCursor::Line(number) => number.max(first),
        LogCursor::Last(count) => last(dir, &segments, count)?.max(first),
    };
    let mut page = LogPage {
        lines: Vec::new(),
        next: from,
        is_end: true,
    };
    let (mut bytes, mut seen) = (0, 0);
    for (at, segment) in segments.iter().enumerate() {
        let after = segments.get(at + 1);
        let is_before = after.is_some_and(|after| after.number <= page.next);
        // Written last before that time: nothing in it is younger.
        let is_old = segment.written < wanted.since && after.is_some();
        if is_old && let Some(after) = after {
            page.next = page.next.max(after.number);
        }
        if is_before || is_old {
            continue;
        }
        let Some(text) = whole_lines(&segments::path(dir, segment.number, TEXT))? else {
            // Pruned a moment ago.
            continue;
        };
        page.next = page.next.max(segment.number);
        let skipped = usize::try_from(page.next - segment.number).unwrap_or(usize::MAX);
        for line in text.lines().skip(skipped) {
            if page.lines.len() >= PAGE_LINES || bytes >= PAGE_BYTES || seen >= LOOKED_THROUGH {
                page.is_end = false;
                return Ok(page);
            }
            seen += line.len();
            let number = page.next;
            page.next += 1;
            let Some(line) = parse(number, line) else {
                continue;
            };
            let fits = wanted
                .grep
                .as_ref()
                .is_none_or(|grep| grep.is_match(&line.text));
            if fits && line.at >= wanted.since {
                bytes += line.text.len();
                page.lines.push(line);
            }
        }
    }
    Ok(page)
}

/// The number of the line with which the last `count` lines begin.
fn last(dir: &Path, segments: &[Segment], count: u64) -> io::Result<u64> {
    let Some(segment) = segments.last() else {
        return Ok(1);
    };
    let text = whole_lines(&segments::path(dir, segment.number, TEXT))?.unwrap_or_default();
    Ok((segment.number + text.lines().count() as u64).saturating_sub(count))
}

/// What is written up to the last line break; `None` when the file is gone.
fn whole_lines(path: &Path) -> io::Result<Option<String>> {
    let mut text = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let end = text.iter().rposition(|byte| *byte == b'\n');
    text.truncate(end.map_or(0, |at| at + 1));
    Ok(Some(match String::from_utf8(text) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }))
}

/// Lines count up by one from the number that their file is called by; what a line says of it is for people.
fn parse(number: u64, line: &str) -> Option<KeptLine> {
    let mut fields = line.splitn(4, '\t').skip(1);
    let (at, kind, text) = (fields.next()?, fields.next()?, fields.next()?);
    Some(KeptLine {
        number,
        at: at.parse().ok()?,
        is_note: kind != "o",
        text: text.to_owned(),
    })
}

/// A piece of a recording that is one from its first segment to its last.
pub(super) fn recording(dir: &Path, from: RecordingCursor) -> Result<RecordingPage, ReadError> {
    let segments = segments::list(dir, CAST);
    let Some(segment) = segments
        .iter()
        .find(|segment| segment.number >= from.segment)
    else {
        return Ok(RecordingPage {
            bytes: Vec::new(),
            next: from,
            is_end: true,
        });
    };
    let offset = if segment.number == from.segment {
        from.offset
    } else {
        0
    };
    let follows = segments.iter().find(|later| later.number > segment.number);
    let mut bytes = piece(&segments::path(dir, segment.number, CAST), offset)?;
    let read = offset + bytes.len() as u64;
    // The first header stands for the whole recording.
    if offset == 0 && from.segment > 0 {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let rest = bytes.split_off(end.map_or(bytes.len(), |at| at + 1));
        bytes = cast::resize_instead(&bytes).unwrap_or_default();
        bytes.extend(rest);
    }
    let is_whole = read >= segment.bytes || bytes.is_empty();
    let next = match follows {
        Some(later) if is_whole => RecordingCursor {
            segment: later.number,
            offset: 0,
        },
        _ => RecordingCursor {
            segment: segment.number,
            offset: read,
        },
    };
    Ok(RecordingPage {
        bytes,
        next,
        is_end: is_whole && follows.is_none(),
    })
}

/// Whole lines of a file from a place on; empty when there are none (or the file is gone).
fn piece(path: &Path, offset: u64) -> io::Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(PIECE).read_to_end(&mut bytes)?;
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    bytes.truncate(end.map_or(0, |at| at + 1));
    Ok(bytes)
}
