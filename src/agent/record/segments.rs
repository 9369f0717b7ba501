//! One growing text, cut into files that are called by a number: `000000000001.log`, …
//!
//! Promise: whatever ended the process before, a file that is opened again ends with a whole line. Files are only readable
//! by their user, and nothing but the folder's own numbers is ever a name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::domain::UnixMillis;

/// Recordings.
pub(super) const CAST: &str = "cast";
/// Lines.
pub(super) const TEXT: &str = "log";
/// How much is read at once to find the end of the last whole line.
const STEP: u64 = 64 << 10;

/// A file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) bytes: u64,
    /// When it was written last.
    pub(super) written: UnixMillis,
}

pub(super) fn path(dir: &Path, number: u64, kind: &str) -> PathBuf {
    dir.join(format!("{number:012}.{kind}"))
}

/// The files of one kind, oldest first.
pub(super) fn list(dir: &Path, kind: &str) -> Vec<Segment> {
    let files = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut segments: Vec<Segment> = files
        .filter_map(|file| {
            let name = file.file_name();
            let number = name.to_str()?.strip_suffix(kind)?.strip_suffix('.')?;
            let found = file.metadata().ok().filter(fs::Metadata::is_file)?;
            let millis = found.mtime() * 1000 + found.mtime_nsec() / 1_000_000;
            Some(Segment {
                number: number.parse().ok()?,
                bytes: found.len(),
                written: millis.max(0).cast_unsigned(),
            })
        })
        .collect();
    segments.sort_unstable_by_key(|segment| segment.number);
    segments
}

/// The file that is written to.
#[derive(Debug)]
pub(super) struct Open {
    file: File,
    pub(super) number: u64,
    pub(super) bytes: u64,
}

impl Open {
    /// Starts a new one.
    pub(super) fn create(dir: &Path, number: u64, kind: &str) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path(dir, number, kind))?;
        Ok(Self {
            file,
            number,
            bytes: 0,
        })
    }

    /// Goes on with the last one, if there is one; a torn last line is cut off.
    pub(super) fn last(dir: &Path, kind: &str) -> io::Result<Option<Self>> {
        let Some(segment) = list(dir, kind).pop() else {
            return Ok(None);
        };
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(path(dir, segment.number, kind))?;
        let bytes = whole(&mut file, segment.bytes)?;
        if bytes < segment.bytes {
            file.set_len(bytes)?;
        }
        Ok(Some(Self {
            file,
            number: segment.number,
            bytes,
        }))
    }

    /// Writes all of it or, when that fails, nothing that would be read.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.file.write_all(bytes) {
            Ok(()) => {
                self.bytes += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.file.set_len(self.bytes)?;
                Err(error)
            }
        }
    }
}

/// How many bytes there are up to the end of the last whole line.
fn whole(file: &mut File, len: u64) -> io::Result<u64> {
    let mut end = len;
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(STEP);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        (&mut *file).take(end - start).read_to_end(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_last_line_is_cut_off_and_writing_goes_on_behind_the_last_whole_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut open = Open::create(dir.path(), 7, TEXT).unwrap();
        let long = "x".repeat(3 * STEP as usize);
        open.write(format!("whole\n{long}").as_bytes()).unwrap();
        drop(open);
        let mut open = Open::last(dir.path(), TEXT).unwrap().unwrap();
        assert_eq!((open.number, open.bytes), (7, 6));
        open.write(b"next\n").unwrap();
        let text = fs::read_to_string(path(dir.path(), 7, TEXT)).unwrap();
        assert_eq!(text, "whole\nnext\n");
        let mode = fs::metadata(path(dir.path(), 7, TEXT)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_segment_is_not_one() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["about.json", "x.log", "000000000002.logs", ".log"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(list(dir.path(), TEXT), []);
        assert!(Open::last(dir.path(), TEXT).unwrap().is_none());
    }
}
