//! Reading a file of any size and content, line by line.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// Ten times what the longest list seen in the wild has; what is larger is not a list of hosts.
const LONGEST_FILE: u64 = 256 << 20;
/// Hundreds of times a line with the largest key.
const LONGEST_LINE: u64 = 1 << 20;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum ReadError {
    /// With the system's reason.
    Unreadable(String),
    TooLarge,
}

/// Calls `take` with each line, counted from 1, without its end. A missing file has no lines; nor has a device (whose
/// idea of a file without known hosts is `/dev/null`).
pub(super) fn read_lines(path: &Path, take: impl FnMut(usize, &[u8])) -> Result<(), ReadError> {
    // A pipe that nobody writes to must not hold us.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(ReadError::Unreadable(error.to_string())),
    };
    match file.metadata() {
        Ok(about) if about.is_file() => {}
        Ok(about) if about.is_dir() => return Err(ReadError::Unreadable("is a folder".into())),
        Ok(_) => return Ok(()),
        Err(error) => return Err(ReadError::Unreadable(error.to_string())),
    }
    read_all(file, take)
}

fn read_all(file: File, mut take: impl FnMut(usize, &[u8])) -> Result<(), ReadError> {
    let mut reader = BufReader::new(file.take(LONGEST_FILE));
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let read = (&mut reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|error| ReadError::Unreadable(error.to_string()))?;
        let is_ended = line.pop_if(|last| *last == b'\n').is_some();
        if read as u64 == LONGEST_LINE && !is_ended || reader.get_ref().limit() == 0 {
            return Err(ReadError::TooLarge);
        }
        if read == 0 {
            return Ok(());
        }
        number += 1;
        take(number, &line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(content: &[u8]) -> Result<Vec<String>, ReadError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known_hosts");
        std::fs::write(&path, content).unwrap();
        let mut found = Vec::new();
        read_lines(&path, |number, line| {
            found.push(format!("{number} {}", String::from_utf8_lossy(line)));
        })?;
        Ok(found)
    }

    #[test]
    fn the_last_line_needs_no_end() {
        assert_eq!(lines(b"one\n\ntwo").unwrap(), ["1 one", "2 ", "3 two"]);
        assert_eq!(lines(b"one\n").unwrap(), ["1 one"]);
        assert!(lines(b"").unwrap().is_empty());
    }

    #[test]
    fn a_file_that_is_no_list_is_an_error_not_a_shorter_list() {
        let longest = LONGEST_LINE as usize;
        let fits = vec![b'x'; longest - 1];
        assert_eq!(lines(&fits).unwrap().len(), 1);
        assert_eq!(
            lines(&[fits, b"xx".to_vec()].concat()),
            Err(ReadError::TooLarge)
        );
        // A hole as large as a disk.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hole");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read_lines(&path, |_, _| {}), Err(ReadError::TooLarge));
    }

    #[test]
    fn what_is_no_file_has_no_lines_and_holds_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read_lines(&dir.path().join("missing"), |_, _| {}), Ok(()));
        assert_eq!(read_lines(Path::new("/dev/zero"), |_, _| {}), Ok(()));
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, 0o600.into()).unwrap();
        assert_eq!(read_lines(&pipe, |_, _| {}), Ok(()));
        assert_eq!(
            read_lines(dir.path(), |_, _| {}),
            Err(ReadError::Unreadable("is a folder".into()))
        );
    }
}
