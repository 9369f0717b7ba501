//! What the hub has to say to the thread that writes: a bounded pile, emptied a few times a second.
//!
//! Promise: saying something never waits and costs no wake-up while the thread is gathering. When the pile is full nothing
//! more is taken of a session until it is shown as a whole again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::About;
use crate::domain::UnixMillis;
use crate::term::Size;

/// How many bytes may wait: what sixty panes over their parsing budget draw in a second; a disk that stands still for
/// longer costs a hole in the recording, not memory.
const MOST: usize = 16 << 20;
/// How long things are gathered before they are written: a person who follows a log does not see a quarter of a second,
/// and a disk is asked four times a second for however many sessions there are.
const GATHER: Duration = Duration::from_millis(250);

/// One thing to write.
#[derive(Debug)]
pub(super) enum What {
    Open(Box<About>),
    /// The whole screen from here on; what was before may have a hole.
    Keyframe(Size, Vec<u8>),
    Drawn(Vec<u8>),
    Scrolled {
        lines: Vec<String>,
        /// They belong to a tool that may draw its own history again and again.
        repaints: bool,
    },
    /// The lines of a screen.
    Screen {
        lines: Vec<String>,
        is_alternate: bool,
        /// Nothing has moved for a while.
        is_still: bool,
    },
    Note(String),
    Exit(i32),
    Close,
}

impl What {
    fn weight(&self) -> usize {
        let lines = |lines: &[String]| lines.iter().map(|line| line.len() + 32).sum();
        match self {
            Self::Keyframe(_, bytes) | Self::Drawn(bytes) => bytes.len() + 64,
            Self::Scrolled { lines: told, .. } | Self::Screen { lines: told, .. } => lines(told),
            Self::Open(_) | Self::Note(_) | Self::Exit(_) | Self::Close => 64,
        }
    }

    /// What tells whose log it is, and when it ends, is never left out.
    fn is_vital(&self) -> bool {
        matches!(self, Self::Open(_) | Self::Close)
    }
}

#[derive(Debug)]
pub(super) struct Item {
    pub(super) track: u64,
    pub(super) at: UnixMillis,
    pub(super) what: What,
    /// Set by the thread when a segment is full and can be followed by another one.
    pub(super) is_full: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Pile {
    items: Vec<Item>,
    weight: usize,
    is_closed: bool,
    tracks: u64,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    pile: Mutex<Pile>,
    filled: Condvar,
}

impl Queue {
    fn pile(&self) -> MutexGuard<'_, Pile> {
        // Nobody panics while holding it; if somebody did, the pile is still a pile.
        self.pile.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close(&self) {
        self.pile().is_closed = true;
        self.filled.notify_all();
    }

    /// Waits for something, gathers a little more, and takes it all; `None` at the end.
    pub(super) fn take(&self) -> Option<Vec<Item>> {
        let mut pile = self.pile();
        while pile.items.is_empty() && !pile.is_closed {
            pile = self
                .filled
                .wait(pile)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let gathering = self
            .filled
            .wait_timeout_while(pile, GATHER, |pile| !pile.is_closed);
        let mut pile = gathering.unwrap_or_else(PoisonError::into_inner).0;
        pile.weight = 0;
        let items = std::mem::take(&mut pile.items);
        (!items.is_empty() || !pile.is_closed).then_some(items)
    }
}

/// The log of one session, as the hub holds it.
#[derive(Debug)]
pub struct Track {
    queue: Arc<Queue>,
    number: u64,
    is_full: Arc<AtomicBool>,
    /// Something was left out: only the whole screen can go on from here.
    is_behind: bool,
    last: UnixMillis,
}

impl Track {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        let number = {
            let mut pile = queue.pile();
            pile.tracks += 1;
            pile.tracks
        };
        Self {
            queue,
            number,
            is_full: Arc::default(),
            is_behind: false,
            last: 0,
        }
    }

    /// Whether the whole screen should be given next: something was left out, or a segment is full.
    pub fn wants_keyframe(&self) -> bool {
        self.is_behind || self.is_full.load(Ordering::Relaxed)
    }

    /// The whole screen.
    pub fn keyframe(&mut self, at: UnixMillis, size: Size, bytes: Vec<u8>) {
        if self.is_behind {
            let note = "some output was not recorded: the disk is too slow".to_owned();
            if !self.push(at, What::Note(note)) {
                return;
            }
        }
        self.is_full.store(false, Ordering::Relaxed);
        self.is_behind = !self.push(at, What::Keyframe(size, bytes));
        self.last = at;
    }

    /// What the emulator drew.
    pub fn drawn(&mut self, at: UnixMillis, bytes: Vec<u8>) {
        if !bytes.is_empty() && !self.is_behind {
            self.is_behind = !self.push(at, What::Drawn(bytes));
        }
        self.last = at;
    }

    /// Lines that left the screen at its top.
    pub fn scrolled(&mut self, at: UnixMillis, lines: Vec<String>, repaints: bool) {
        if !lines.is_empty() && !self.is_behind {
            self.is_behind = !self.push(at, What::Scrolled { lines, repaints });
        }
    }

    /// The screen as it stands.
    pub fn screen(&self, at: UnixMillis, lines: Vec<String>, is_alternate: bool, is_still: bool) {
        // Another look will show the same.
        let _taken = self.push(
            at,
            What::Screen {
                lines,
                is_alternate,
                is_still,
            },
        );
    }

    /// Something that was not printed: a marker in the recording, a line among the lines.
    pub fn note(&self, at: UnixMillis, text: String) {
        let _taken = self.push(at, What::Note(text));
    }

    /// The program has ended; by a signal when the code is 128 and more, as in a shell.
    pub fn exit(&self, at: UnixMillis, code: i32) {
        let _taken = self.push(at, What::Exit(code));
    }

    pub(super) fn push(&self, at: UnixMillis, what: What) -> bool {
        let weight = what.weight();
        let mut pile = self.queue.pile();
        if pile.weight + weight > MOST && !what.is_vital() {
            return false;
        }
        pile.weight += weight;
        let was_empty = pile.items.is_empty();
        pile.items.push(Item {
            track: self.number,
            at,
            what,
            is_full: Arc::clone(&self.is_full),
        });
        drop(pile);
        if was_empty {
            self.queue.filled.notify_one();
        }
        true
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        let _taken = self.push(self.last, What::Close);
    }
}
