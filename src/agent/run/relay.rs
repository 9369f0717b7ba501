//! Bytes between the pane's terminal and the tool's own, until the tool ends.
//!
//! Promise: every byte arrives, unchanged and in order, and what nobody takes is not taken in: one buffer of fixed size
//! for each direction. The only addition is the answer to the tool's question for status reports. It is given before the
//! question itself reaches the pane, so that it arrives before anything that the pane's terminal answers.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group, waitpid,
};
use rustix::termios::{tcgetwinsize, tcsetwinsize};

use super::query::{ANSWER, Query};
use super::signals::Signals;

/// Somewhat more than a terminal takes at once.
const BUFFER: usize = 16 << 10;
/// A terminal hands on at most 4 KiB at once. When it was at least this much there is probably more, and whoever reads the
/// other one is woken once for all of it.
const MORE: usize = 1 << 10;
/// The most that is still read once the tool has ended: more than a terminal's buffers hold. What comes beyond that is
/// of programs that it left behind.
const LEFT_BEHIND: usize = 64 << 10;

/// Bytes on their way.
#[derive(Debug)]
struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    fn new() -> Self {
        Self {
            bytes: vec![0; BUFFER].into(),
            start: 0,
            end: 0,
        }
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    fn clear(&mut self) {
        self.start = self.end;
    }

    /// Takes in what `from` has. The buffer must be empty.
    fn fill(&mut self, from: impl AsFd) -> Passage {
        (self.start, self.end) = (0, 0);
        loop {
            match rustix::io::read(&from, &mut self.bytes[self.end..]) {
                Ok(count @ MORE..) if self.end + count < BUFFER => self.end += count,
                Ok(count @ 1..) => {
                    self.end += count;
                    return Passage::Open;
                }
                // Whatever it is, the next read will say it again.
                _ if self.end > 0 => return Passage::Open,
                Err(Errno::AGAIN | Errno::INTR) => return Passage::Stalled,
                // A terminal that is gone ends or fails.
                Ok(0) | Err(_) => return Passage::Closed,
            }
        }
    }

    /// Hands on as much as `to` takes.
    fn flush(&mut self, to: impl AsFd) -> Passage {
        while !self.is_empty() {
            match rustix::io::write(&to, &self.bytes[self.start..self.end]) {
                Ok(count) => self.start += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Passage::Stalled,
                Err(_) => return Passage::Closed,
            }
        }
        Passage::Open
    }

    fn load(&mut self, bytes: &[u8]) {
        self.bytes[..bytes.len()].copy_from_slice(bytes);
        (self.start, self.end) = (0, bytes.len());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passage {
    Open,
    /// Nothing more for now.
    Stalled,
    /// The other side is gone.
    Closed,
}

/// One tool behind its terminal.
#[derive(Debug)]
pub struct Relay {
    /// The pane's terminal: raw, never blocking.
    pane: OwnedFd,
    /// The outer end of the tool's terminal, never blocking; `None` once the pane is gone or nobody has the inner end.
    /// Closing it hangs up on the tool, as the pane's own end would have.
    inner: Option<OwnedFd>,
    tool: Pid,
    signals: Signals,
    query: Query,
    /// Questions without an answer yet.
    owed: usize,
    to_pane: Buffer,
    to_tool: Buffer,
}

impl Relay {
    pub fn new(pane: OwnedFd, inner: OwnedFd, tool: Pid, signals: Signals) -> Self {
        Self {
            pane,
            inner: Some(inner),
            tool,
            signals,
            query: Query::default(),
            owed: 0,
            to_pane: Buffer::new(),
            to_tool: Buffer::new(),
        }
    }

    /// Returns how the tool ended, when everything that it wrote has reached the pane.
    pub fn run(mut self) -> io::Result<WaitStatus> {
        loop {
            let Ready {
                signals,
                pane,
                inner,
            } = self.wait()?;
            if signals && let Some(ended) = self.heed_signals()? {
                self.finish()?;
                return Ok(ended);
            }
            if inner.intersects(readable()) && self.to_pane.is_empty() {
                self.hear_tool();
            }
            if !self.to_pane.is_empty() && self.to_pane.flush(&self.pane) == Passage::Closed {
                self.hang_up();
            }
            let has_typed = pane.intersects(readable()) && self.is_free_to_type();
            if has_typed && self.to_tool.fill(&self.pane) == Passage::Closed
                || pane.contains(PollFlags::HUP)
            {
                self.hang_up();
            }
            self.type_on();
        }
    }

    /// Waits until something can be done.
    fn wait(&self) -> io::Result<Ready> {
        let mut from_pane = PollFlags::empty();
        let mut from_inner = PollFlags::empty();
        if self.is_free_to_type() {
            from_pane |= PollFlags::IN;
        } else {
            from_inner |= PollFlags::OUT;
        }
        if self.to_pane.is_empty() {
            from_inner |= PollFlags::IN;
        } else {
            from_pane |= PollFlags::OUT;
        }
        let mut fds = vec![PollFd::from_borrowed_fd(self.signals.pipe(), PollFlags::IN)];
        if let Some(inner) = &self.inner {
            fds.push(PollFd::new(&self.pane, from_pane));
            // When nobody has its inner end it is ready for everything: ask only when there is something to do.
            if !from_inner.is_empty() {
                fds.push(PollFd::new(inner, from_inner));
            }
        } else if !self.to_pane.is_empty() {
            fds.push(PollFd::new(&self.pane, PollFlags::OUT));
        }
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let at = |place: usize| fds.get(place).map_or(PollFlags::empty(), PollFd::revents);
        Ok(Ready {
            signals: !at(0).is_empty(),
            pane: at(1),
            inner: at(2),
        })
    }

    /// Whether what is typed may be read: nothing typed or owed waits for the tool.
    fn is_free_to_type(&self) -> bool {
        self.to_tool.is_empty() && self.owed == 0
    }

    fn hear_tool(&mut self) {
        let Some(inner) = &self.inner else {
            return;
        };
        match self.to_pane.fill(inner) {
            Passage::Open => {
                let heard = &self.to_pane.bytes[self.to_pane.start..self.to_pane.end];
                self.owed += self.query.feed(heard);
                self.type_on();
            }
            Passage::Stalled => {}
            // As a terminal that nobody has open any more: what was typed is for nobody.
            Passage::Closed => self.inner = None,
        }
    }

    /// Hands on what was typed, then what we owe: never in the middle of what was read together.
    fn type_on(&mut self) {
        let Some(inner) = &self.inner else {
            self.to_tool.clear();
            self.owed = 0;
            return;
        };
        loop {
            match self.to_tool.flush(inner) {
                Passage::Open if self.owed > 0 => {
                    self.owed -= 1;
                    self.to_tool.load(ANSWER);
                }
                Passage::Open | Passage::Stalled => return,
                // Reading will tell.
                Passage::Closed => {
                    self.owed = 0;
                    return self.to_tool.clear();
                }
            }
        }
    }

    /// The pane is gone: the tool hears it as it would have without us.
    fn hang_up(&mut self) {
        self.inner = None;
        self.to_pane.clear();
        self.type_on();
    }

    /// Returns how the tool ended, if it did.
    fn heed_signals(&mut self) -> io::Result<Option<WaitStatus>> {
        let mut ended = None;
        for signal in self.signals.take() {
            match signal {
                Signal::CHILD => ended = self.reap()?,
                Signal::WINCH => {
                    if let (Some(inner), Ok(size)) = (&self.inner, tcgetwinsize(&self.pane)) {
                        // It fails when the tool's terminal is gone; then nobody wants to know.
                        let _set = tcsetwinsize(inner, size);
                    }
                }
                // With its terminal gone it gets one of its own.
                Signal::HUP if self.is_pane_gone() => self.hang_up(),
                other => {
                    // It may have ended just now.
                    let _sent = kill_process(self.tool, other);
                }
            }
        }
        Ok(ended)
    }

    fn is_pane_gone(&self) -> bool {
        let mut pane = [PollFd::new(&self.pane, PollFlags::empty())];
        let now = rustix::time::Timespec::default();
        poll(&mut pane, Some(&now)).is_ok() && pane[0].revents().contains(PollFlags::HUP)
    }

    /// A tool that stops goes on at once: in a pane without a shell nobody else could make it, and tmux does the same
    /// with a pane's own process.
    fn reap(&self) -> io::Result<Option<WaitStatus>> {
        let options = WaitOptions::NOHANG | WaitOptions::UNTRACED;
        loop {
            match waitpid(Some(self.tool), options) {
                Ok(Some((_, status))) if status.stopped() => {
                    let signal = status.stopping_signal();
                    let by_terminal = [Signal::TTIN, Signal::TTOU].map(Signal::as_raw);
                    if signal.is_none_or(|signal| !by_terminal.contains(&signal)) {
                        // It may have ended just now.
                        let _sent = kill_process_group(self.tool, Signal::CONT);
                    }
                }
                Ok(Some((_, status))) => return Ok(Some(status)),
                Ok(None) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Hands on what the tool wrote before it ended. Programs that it left behind are not waited for.
    fn finish(&mut self) -> io::Result<()> {
        let mut left = LEFT_BEHIND;
        loop {
            while self.to_pane.flush(&self.pane) == Passage::Stalled {
                let mut fds = [
                    PollFd::from_borrowed_fd(self.signals.pipe(), PollFlags::IN),
                    PollFd::new(&self.pane, PollFlags::OUT),
                ];
                match poll(&mut fds, None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(error.into()),
                }
                // Whoever wants us to end does not want the rest.
                let arrived = self.signals.take();
                let ends = [Signal::HUP, Signal::TERM, Signal::INT, Signal::QUIT];
                if arrived.iter().any(|signal| ends.contains(signal)) {
                    return Ok(());
                }
            }
            let Some(inner) = &self.inner else {
                return Ok(());
            };
            self.to_pane.clear();
            if left == 0 || self.to_pane.fill(inner) != Passage::Open {
                return Ok(());
            }
            left = left.saturating_sub(self.to_pane.end);
        }
    }
}

/// What can be done.
struct Ready {
    signals: bool,
    pane: PollFlags,
    inner: PollFlags,
}

/// A read returns at once: with bytes, or with the news that there will be none.
fn readable() -> PollFlags {
    PollFlags::IN | PollFlags::HUP | PollFlags::ERR
}
