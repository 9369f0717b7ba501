//! Now, as a decision is dated.

use rustix::time::{ClockId, clock_gettime};

use crate::domain::decision::When;

/// Where [`When`] comes from: the wall clock, a clock that nobody sets, and the name of the system's run.
#[derive(Clone, Debug)]
pub struct AuditClock {
    boot: String,
}

impl AuditClock {
    pub fn start() -> Self {
        // Only Linux names its runs; elsewhere the wall clock has to do.
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot = boot.trim().chars().take(36).collect();
        Self { boot }
    }

    pub fn now(&self) -> When {
        #[cfg(target_os = "linux")]
        let clock = ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let clock = ClockId::Monotonic;
        When {
            wall: millis(clock_gettime(ClockId::Realtime)),
            monotonic: millis(clock_gettime(clock)),
            boot: self.boot.clone(),
        }
    }
}

/// A time before the clock's start, which a clock set wrongly can show, counts as its start.
fn millis(time: rustix::time::Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds
        .saturating_mul(1000)
        .saturating_add(nanos / 1_000_000)
}
