//! Signals as something that can be waited for beside terminals.
//!
//! Promise: after a signal has arrived, waiting for [`Signals::pipe`] ends at once, and [`Signals::take`] names it.

use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;

/// What other programs send to a tool by its pane's process, which is us.
const PASSED_ON: [Signal; 6] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
];

#[derive(Debug)]
pub struct Signals {
    pipe: UnixStream,
    arrived: Vec<(Signal, Arc<AtomicBool>)>,
}

impl Signals {
    /// From now on these signals do nothing else.
    pub fn catch() -> io::Result<Self> {
        let (pipe, bell) = UnixStream::pair()?;
        pipe.set_nonblocking(true)?;
        bell.set_nonblocking(true)?;
        let mut arrived = Vec::new();
        for signal in PASSED_ON.into_iter().chain([Signal::CHILD, Signal::WINCH]) {
            let flag = Arc::new(AtomicBool::new(false));
            // Actions run in this order: whoever is woken finds the flag.
            signal_hook::flag::register(signal.as_raw(), Arc::clone(&flag))?;
            signal_hook::low_level::pipe::register(signal.as_raw(), bell.try_clone()?)?;
            arrived.push((signal, flag));
        }
        Ok(Self { pipe, arrived })
    }

    /// Becomes readable when a signal arrives.
    pub fn pipe(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// What has arrived since the last call, each signal once.
    pub fn take(&mut self) -> Vec<Signal> {
        let mut bells = [0; 64];
        while let Ok(1..) = self.pipe.read(&mut bells) {}
        let arrived = self.arrived.iter();
        arrived
            .filter(|(_, flag)| flag.swap(false, Ordering::SeqCst))
            .map(|(signal, _)| *signal)
            .collect()
    }
}
