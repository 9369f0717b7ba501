//! The few things that the record asks of the system: everything that can fail goes through here, so that a test can let
//! it fail.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

/// A folder's files, as far as they are written.
pub trait Disk: Send + fmt::Debug {
    /// Makes a file that is not there yet, 0600, to append to.
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn Segment>>;
    /// Opens a file to append to.
    fn open(&mut self, path: &Path) -> io::Result<Box<dyn Segment>>;
    /// Puts `bytes` at the start of a small file that always has the same length, and makes it (0600) where there is none.
    /// Needs no space where it is there.
    fn overwrite(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Takes away a file that we have just made.
    fn remove(&mut self, path: &Path) -> io::Result<()>;
    /// Makes sure that a file made in the folder is found again after a crash of the system.
    fn sync_folder(&mut self, path: &Path) -> io::Result<()>;
}

/// One file that is appended to.
pub trait Segment: Send + fmt::Debug {
    /// One `write`; may take less than all.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Returns when what was written is on the disk. After an error nobody knows what is, not even when a later call
    /// succeeds.
    fn sync(&mut self) -> io::Result<()>;
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// The system's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn Segment>> {
        let mut options = OpenOptions::new();
        let options = options.append(true).create_new(true).mode(0o600);
        Ok(Box::new(RealSegment(options.open(path)?)))
    }

    fn open(&mut self, path: &Path) -> io::Result<Box<dyn Segment>> {
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Box::new(RealSegment(file)))
    }

    fn overwrite(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        options.open(path)?.write_all_at(bytes, 0)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

#[derive(Debug)]
struct RealSegment(File);

impl Segment for RealSegment {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
}
