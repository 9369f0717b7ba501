//! Which files make up a record, in order, and up to where each of them counts.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::entry::{Began, Entry, Head};
use super::line::{Line, MAX_LINE};

/// Says how far the record has been written.
pub(super) const TIP: &str = "tip";
/// Held locked by the one writer.
pub(super) const LOCK: &str = "lock";

pub(super) fn name(number: u32) -> String {
    format!("decisions-{number:06}.jsonl")
}

fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("decisions-")?.strip_suffix(".jsonl")?;
    let number = digits.parse().ok()?;
    (self::name(number) == name).then_some(number)
}

/// One file of the record.
#[derive(Clone, Debug)]
pub(super) struct SegmentFile {
    pub(super) path: PathBuf,
    pub(super) number: u32,
    pub(super) len: u64,
    /// Its first line with that line's number, when it is there and whole.
    pub(super) head: Option<(u64, Head)>,
    /// Up to where it counts: what follows was never acknowledged.
    pub(super) end: u64,
}

impl SegmentFile {
    pub(super) fn name(&self) -> String {
        name(self.number)
    }

    /// The part that counts.
    pub(super) fn read(&self) -> io::Result<impl BufRead + use<>> {
        Ok(BufReader::with_capacity(1 << 16, File::open(&self.path)?).take(self.end))
    }
}

/// The files of a folder, oldest first. A folder that is not there has none.
pub(super) fn segments(dir: &Path) -> io::Result<Vec<SegmentFile>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Some(number) = entry.file_name().to_str().and_then(number_of) else {
            continue;
        };
        found.push(segment(entry.path(), number)?);
    }
    found.sort_by_key(|file| file.number);
    let ends: Vec<Option<u64>> = found.iter().skip(1).map(left_at).chain([None]).collect();
    for (file, end) in found.iter_mut().zip(ends) {
        file.end = end.map_or(file.len, |end| end.min(file.len));
    }
    Ok(found)
}

/// One file by itself.
pub(super) fn segment(path: PathBuf, number: u32) -> io::Result<SegmentFile> {
    let file = File::open(&path)?;
    let len = file.metadata()?.len();
    Ok(SegmentFile {
        path,
        number,
        len,
        head: head(file)?,
        end: len,
    })
}

/// Whether somebody writes the record that a file belongs to right now.
pub(super) fn is_locked(file: &Path) -> bool {
    let lock = file.parent().map(|dir| File::open(dir.join(LOCK)));
    let Some(Ok(lock)) = lock else { return false };
    rustix::fs::flock(&lock, FlockOperation::NonBlockingLockShared).is_err()
}

/// Where the file before was left, when this one was begun because of that.
fn left_at(file: &SegmentFile) -> Option<u64> {
    let (_, head) = file.head.as_ref()?;
    match (&head.began, &head.after) {
        (Began::Left { .. }, Some(after)) if after.number.saturating_add(1) == file.number => {
            Some(after.bytes)
        }
        _ => None,
    }
}

fn head(file: File) -> io::Result<Option<(u64, Head)>> {
    let mut first = Vec::new();
    BufReader::new(file)
        .take(MAX_LINE as u64)
        .read_until(b'\n', &mut first)?;
    let line = first.strip_suffix(b"\n").and_then(Line::read);
    Ok(line
        .filter(Line::is_whole)
        .and_then(|line| match serde_json::from_slice(line.entry) {
            Ok(Entry::Segment(head)) => Some((line.seq, head)),
            _ => None,
        }))
}
