//! A person at a terminal: types, looks, changes the window's size.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use cm_tui::fleet::attach::Window;
use cm_tui::term::{Emulator, Fed, Size};
use rustix::fs::OFlags;
use rustix::pty::OpenptFlags;
use rustix::termios::{Termios, Winsize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

use super::PATIENCE;
use crate::outer::Outer;

/// A terminal: our end of it, without waiting, and the name of the other one.
pub struct Pair {
    pub ours: File,
    pub path: PathBuf,
    /// So that our end stays readable while nobody else has the other one open.
    pub theirs: File,
}

impl Pair {
    pub fn open(size: Size) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = rustix::pty::openpt(flags).unwrap();
        rustix::pty::grantpt(&ours).unwrap();
        rustix::pty::unlockpt(&ours).unwrap();
        let name = rustix::pty::ptsname(&ours, Vec::new()).unwrap();
        let path = PathBuf::from(name.to_str().unwrap());
        rustix::fs::fcntl_setfl(&ours, OFlags::NONBLOCK).unwrap();
        set_size(&ours, size, 0);
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = rustix::fs::open(&path, flags, rustix::fs::Mode::empty()).unwrap();
        Self {
            ours: File::from(ours),
            path,
            theirs: File::from(theirs),
        }
    }

    pub fn streams(&self) -> (Output, Sender) {
        let dup = || self.ours.try_clone().unwrap();
        (
            Output(Receiver::from_file_unchecked(dup()).unwrap()),
            Sender::from_file_unchecked(dup()).unwrap(),
        )
    }
}

/// What a terminal's programs print. A terminal may give less than there is, which a pipe's own reading takes for all.
pub struct Output(Receiver);

impl AsyncRead for Output {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            std::task::ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

pub fn set_size(terminal: &impl std::os::fd::AsFd, size: Size, pixels: u16) {
    let size = Winsize {
        ws_row: size.rows,
        ws_col: size.cols,
        ws_xpixel: size.cols * pixels,
        ws_ypixel: size.rows * pixels * 2,
    };
    rustix::termios::tcsetwinsize(terminal, size).unwrap();
}

pub struct Person {
    pub path: PathBuf,
    pair: Pair,
    eyes: Output,
    fingers: Sender,
    pub emulator: Emulator,
    pub outer: Outer,
}

impl Person {
    pub fn new(size: Size) -> Self {
        let pair = Pair::open(size);
        let (eyes, fingers) = pair.streams();
        Self {
            path: pair.path.clone(),
            pair,
            eyes,
            fingers,
            emulator: Emulator::new(size),
            outer: Outer::default(),
        }
    }

    /// The line discipline, in words.
    pub fn discipline(&self) -> String {
        let found: Termios = rustix::termios::tcgetattr(&self.pair.theirs).unwrap();
        format!("{found:?}")
    }

    /// The terminal as a program in it has it.
    pub fn inside(&self) -> File {
        self.pair.theirs.try_clone().unwrap()
    }

    pub fn resize(&mut self, size: Size) {
        set_size(&self.pair.ours, size, 0);
        self.emulator.resize(size);
    }

    /// An empty screen of the same size.
    pub fn forget(&mut self) {
        self.emulator = Emulator::new(self.emulator.screen().size());
    }

    pub async fn types(&mut self, keys: &[u8]) {
        self.fingers.write_all(keys).await.unwrap();
    }

    async fn look(&mut self) {
        let mut bytes = vec![0; 16 << 10];
        let count = self.eyes.read(&mut bytes).await.unwrap();
        self.outer.feed(&bytes[..count]);
        self.emulator.feed(&bytes[..count], &mut Fed::default());
    }

    pub async fn until(&mut self, what: &str, is: impl Fn(&Self) -> bool) {
        let looking = async {
            while !is(self) {
                self.look().await;
            }
        };
        let found = timeout(PATIENCE, looking).await;
        let rows = self.emulator.screen().text();
        assert!(found.is_ok(), "waited in vain for {what}: {rows:#?}");
    }

    pub async fn sees(&mut self, text: &str) {
        self.until(text, |person| {
            let rows = person.emulator.screen().text();
            rows.iter().any(|row| row.contains(text))
        })
        .await;
    }

    /// Looks on until the far end is told something.
    pub async fn until_told(&mut self, windows: &mut UnboundedReceiver<Window>) -> Window {
        let looking = async {
            loop {
                tokio::select! {
                    window = windows.recv() => return window.unwrap(),
                    () = self.look() => {}
                }
            }
        };
        timeout(PATIENCE, looking).await.unwrap()
    }

    /// Reads what is left up to a mark of our own, and then nobody has left anything behind.
    pub async fn is_clean(&mut self, discipline: &str) {
        // The line discipline comes back last.
        self.until("the line discipline", |person| {
            person.discipline() == discipline
        })
        .await;
        let inside = self.inside();
        let writing = tokio::task::spawn_blocking(move || {
            io::Write::write_all(&mut &inside, b"\x1b[H\x1b[2Jthat-was-all").unwrap();
        });
        self.sees("that-was-all").await;
        writing.await.unwrap();
        self.outer.assert_clean();
    }
}
