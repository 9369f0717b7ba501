//! The person's terminal lent to a session of another host: keys go there, its output comes here through a filter.
//!
//! Promises:
//!
//! * **The far end is always read.** What a slow terminal does not take waits up to a limit ([`backlog::LIMIT`]); beyond
//!   it output is thrown away, and once the terminal takes bytes again its modes are set anew and the far end draws
//!   everything afresh. So a terminal that stands still costs no memory, and freezes neither the connection nor the
//!   dashboard's hosts, which have their own.
//! * **The detach keys always work**, also while the far end is silent or does not read.
//! * **The terminal comes back as it was**: modes that the far end switched are switched back by
//!   [`Attached::give_back`], and at the latest when [`Attached`] is dropped.

pub mod backlog;
pub mod keyboard;
pub mod screen;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::fleet::attach::{End, Far, Window};
use crate::term::{Passage, Passing, Size};
use crate::tui::key::Chord;
use backlog::Backlog;
use keyboard::{Keyboard, Typed};
use screen::Screen;

/// What is read of the far end at once: one packet of SSH.
const OUTPUT: usize = 32 << 10;
/// What is read of the keyboard at once: what a terminal's line discipline holds.
const KEYS: usize = 4 << 10;
/// What was typed or pasted and the far end has not taken. Beyond this the rest waits in the terminal, and with it the
/// detach keys; no paste of a person is that long.
const TYPED: usize = 1 << 20;
/// Pieces of what was typed on their way to the connection.
const PIECES: usize = 4;
/// How long the terminal may take to let go. It is a screenful at most; a terminal that stands still for longer would
/// keep a person who wants to leave.
const LETTING_GO: Duration = Duration::from_secs(2);
/// How long the rest of a key may take: a terminal sends all of it at once, and a person needs longer for the next one. An
/// escape that stands alone for so long was the escape key.
const KEY: Duration = Duration::from_millis(50);
/// Ends whatever the terminal is in the middle of; shows that it takes bytes again.
const ANYTHING: &[u8] = b"\x18\x1b\\";

/// Why the terminal is back.
#[derive(Debug)]
pub enum Left {
    Detached,
    /// The far program ended.
    Ended(End),
    /// The person's terminal is gone.
    Gone(io::Error),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Passing,
    /// Output is thrown away until the terminal takes bytes.
    Stalled,
    /// The terminal takes bytes; output passes again from the next sequence on.
    Waking,
}

/// A terminal and the far program that has it.
pub struct Attached {
    screen: Screen,
    output: Box<dyn AsyncRead + Send + Unpin>,
    end: crate::fleet::attach::Ending,
    window: Box<dyn Fn(Window) + Send>,
    resized: Arc<Notify>,
    size: Size,
    passage: Passage,
    keyboard: Keyboard,
    backlog: Backlog,
    flow: Flow,
    typed: Vec<u8>,
    /// To the task that writes.
    pieces: mpsc::Sender<Vec<u8>>,
    is_deaf: bool,
    is_silent: bool,
    ended: Option<End>,
    was_lent: bool,
    _writing: JoinSet<()>,
}

impl Attached {
    /// `detach` are the chords that detach; `size` is the one that the far end was told.
    pub fn new(screen: Screen, far: Far, passing: Passing, detach: &[Chord], size: Size) -> Self {
        let (pieces, mut to_write) = mpsc::channel::<Vec<u8>>(PIECES);
        let mut writing = JoinSet::new();
        let mut input = far.input;
        writing.spawn(async move {
            while let Some(piece) = to_write.recv().await {
                if input.write_all(&piece).await.is_err() || input.flush().await.is_err() {
                    return;
                }
            }
        });
        Self {
            screen,
            output: far.output,
            end: far.end,
            window: far.window,
            resized: Arc::default(),
            size,
            passage: Passage::new(passing),
            keyboard: Keyboard::new(detach),
            backlog: Backlog::default(),
            flow: Flow::Passing,
            typed: Vec::new(),
            pieces,
            is_deaf: false,
            is_silent: false,
            ended: None,
            was_lent: false,
            _writing: writing,
        }
    }

    /// Who is told here makes the window's size be looked at anew.
    pub fn resized(&self) -> Arc<Notify> {
        Arc::clone(&self.resized)
    }

    /// Lends the terminal until somebody leaves. Safe to cancel, and to call again; [`Self::give_back`] comes after it
    /// in every case.
    pub async fn run(&mut self) -> Left {
        if let Err(error) = self.take() {
            return Left::Gone(error);
        }
        let mut keys = vec![0; KEYS];
        let mut printed = vec![0; OUTPUT];
        let mut key_ends = None;
        loop {
            if self.is_silent
                && self.backlog.is_empty()
                && let Some(end) = self.ended.take()
            {
                return Left::Ended(end);
            }
            // Keys first: somebody who wants to leave a flood can. Then the terminal, so that the backlog stays short.
            tokio::select! {
                biased;
                read = self.screen.read(&mut keys), if self.typed.len() < TYPED => match read {
                    Ok(0) => return Left::Gone(io::ErrorKind::UnexpectedEof.into()),
                    Ok(count) => {
                        let keys = keys.get(..count).unwrap_or_default();
                        if self.keyboard.read(keys, &mut self.typed) == Typed::Detach {
                            return Left::Detached;
                        }
                        key_ends = self.keyboard.is_open().then(|| Instant::now() + KEY);
                    }
                    Err(error) => return Left::Gone(error),
                },
                // What waits in the terminal may belong to it.
                () = until(key_ends), if self.typed.len() < TYPED => {
                    self.keyboard.close();
                    key_ends = None;
                }
                () = self.resized.notified() => self.adapt(),
                is_open = has_room(&self.pieces), if !self.typed.is_empty() && !self.is_deaf => {
                    let piece = std::mem::take(&mut self.typed);
                    self.is_deaf = !is_open || self.pieces.try_send(piece).is_err();
                }
                written = self.screen.write(self.backlog.waiting()), if !self.backlog.is_empty() => match written {
                    Ok(count) => self.wrote(count),
                    Err(error) => return Left::Gone(error),
                },
                read = self.output.read(&mut printed), if !self.is_silent => match read {
                    Ok(count @ 1..) => self.said(printed.get(..count).unwrap_or_default()),
                    Ok(0) | Err(_) => self.is_silent = true,
                },
                end = &mut self.end, if self.ended.is_none() => self.ended = Some(end),
            }
            if self.is_deaf {
                self.typed.clear();
            }
        }
    }

    /// Puts the terminal back as it was. What was not shown yet is not shown any more.
    pub async fn give_back(&mut self) {
        if self.screen.is_raw() {
            self.backlog.clear();
            let leave = self.passage.leave();
            // A terminal that takes nothing cannot be cleaned; the dashboard will see that for itself.
            let _slow = timeout(LETTING_GO, self.screen.write_all(&leave)).await;
            self.screen.restore();
        }
    }

    fn take(&mut self) -> io::Result<()> {
        if self.screen.is_raw() {
            return Ok(());
        }
        self.screen.make_raw()?;
        if std::mem::replace(&mut self.was_lent, true) {
            self.flow = Flow::Waking;
            self.wake();
        }
        self.adapt();
        Ok(())
    }

    /// Tells the far end the size of the window, if it is another one.
    fn adapt(&mut self) {
        let size = self.screen.size();
        if std::mem::replace(&mut self.size, size) != size {
            (self.window)(Window::Size(size));
        }
    }

    fn said(&mut self, bytes: &[u8]) {
        match self.flow {
            Flow::Passing => {
                self.passage.pass(bytes, self.backlog.end());
                if self.backlog.is_over() {
                    tracing::debug!("the terminal is slow: output is thrown away");
                    self.flow = Flow::Stalled;
                    self.backlog.clear();
                    self.backlog.end().extend_from_slice(ANYTHING);
                }
            }
            Flow::Stalled => self.passage.pass(bytes, &mut Vec::new()),
            Flow::Waking => {
                self.passage.pass(bytes, &mut Vec::new());
                self.wake();
            }
        }
    }

    fn wrote(&mut self, count: usize) {
        self.backlog.wrote(count);
        if self.flow == Flow::Stalled && self.backlog.is_empty() {
            self.flow = Flow::Waking;
            self.wake();
        }
    }

    /// Lets output pass again, from where a sequence begins.
    fn wake(&mut self) {
        if self.passage.is_between() {
            self.flow = Flow::Passing;
            let again = self.passage.again();
            self.backlog.end().extend_from_slice(&again);
            (self.window)(Window::Redraw(self.size));
        }
    }
}

/// Waits for a moment; for ever without one.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Waits until something can be sent; false when nobody receives any more. Safe to cancel.
async fn has_room(pieces: &mpsc::Sender<Vec<u8>>) -> bool {
    pieces.reserve().await.is_ok()
}

impl Drop for Attached {
    fn drop(&mut self) {
        if self.screen.is_raw() {
            self.screen.write_at_once(&self.passage.leave());
            self.screen.restore();
        }
    }
}
