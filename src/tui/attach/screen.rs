//! The person's terminal while a far program has it: raw, and never waited for.
//!
//! It is opened anew by its name, because switching the standard input to non-blocking would switch it for the shell too.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::net::unix::pipe::{Receiver, Sender};

use crate::term::Size;

#[derive(Debug)]
pub struct Screen {
    tty: File,
    /// The same terminal; a pipe's ends wait as a terminal's do. They are read and written by trying alone: a terminal may
    /// give less than there is, which a pipe's own reading takes for all.
    keys: Receiver,
    glass: Sender,
    /// How the line discipline was before it was made raw.
    rest: Option<Termios>,
}

impl Screen {
    /// The terminal of this process.
    pub fn own() -> io::Result<Self> {
        match rustix::termios::ttyname(rustix::stdio::stdin(), Vec::new()) {
            Ok(name) => Self::open(Path::new(OsStr::from_bytes(name.as_bytes()))),
            // In a container its name may lie outside.
            Err(_) => Self::open(Path::new("/dev/tty")),
        }
    }

    /// Needs a tokio runtime with I/O.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let tty = File::from(rustix::fs::open(path, flags, Mode::empty())?);
        Ok(Self {
            keys: Receiver::from_file_unchecked(tty.try_clone()?)?,
            glass: Sender::from_file_unchecked(tty.try_clone()?)?,
            tty,
            rest: None,
        })
    }

    /// What cannot be a size comes as 80×24.
    pub fn size(&self) -> Size {
        match tcgetwinsize(&self.tty) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size::new(size.ws_col, size.ws_row),
            _ => Size::new(80, 24),
        }
    }

    pub fn is_raw(&self) -> bool {
        self.rest.is_some()
    }

    pub fn make_raw(&mut self) -> io::Result<()> {
        let rest = tcgetattr(&self.tty)?;
        let mut raw = rest.clone();
        raw.make_raw();
        tcsetattr(&self.tty, OptionalActions::Now, &raw)?;
        self.rest = Some(rest);
        Ok(())
    }

    /// Undoes [`Self::make_raw`], once. Errors are ignored: a terminal that is gone needs nothing back.
    pub fn restore(&mut self) {
        if let Some(rest) = self.rest.take() {
            let _gone = tcsetattr(&self.tty, OptionalActions::Now, &rest);
        }
    }

    /// Safe to cancel.
    pub async fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            self.keys.readable().await?;
            match self.keys.try_read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    /// Writes as much as the terminal takes now. Safe to cancel.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.glass.writable().await?;
            match self.glass.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = self.write(bytes).await?;
            bytes = bytes.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    /// Writes what the terminal takes without waiting: for ends that cannot wait.
    pub fn write_at_once(&self, bytes: &[u8]) {
        let _full = rustix::io::write(&self.tty, bytes);
    }
}
