//! Notices that the machine slept: the clock of timers stands still meanwhile, and connections die unheard.
//!
//! Promise: whoever listens knows of it within a second after waking.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// How often the clocks are compared: a glance at two clocks costs nothing, and a person who opens a laptop looks at
/// it a second later.
const GLANCE: Duration = Duration::from_secs(1);
/// Shorter sleeps are the same as a busy machine.
const SLEEP: Duration = Duration::from_secs(2);

/// Compares the clock that counts sleep (`boot`) with the one that does not, for ever. Each sleep is sent with how
/// long it was.
pub async fn watch_sleep(boot: impl Fn() -> Duration + Send, slept: watch::Sender<Duration>) {
    let mut before = (boot(), Instant::now());
    loop {
        sleep(GLANCE).await;
        let now = (boot(), Instant::now());
        let awake = now.1.duration_since(before.1);
        let extra = now.0.saturating_sub(before.0).saturating_sub(awake);
        before = now;
        if extra >= SLEEP {
            tracing::info!(seconds = extra.as_secs(), "the machine slept");
            slept.send_replace(extra);
        }
    }
}

/// A clock that goes on while the machine sleeps.
#[cfg(target_os = "linux")]
pub fn boot_clock() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// A clock that goes on while the machine sleeps. It can also be set: that only makes us ask once too often.
#[cfg(not(target_os = "linux"))]
pub fn boot_clock() -> Duration {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn the_clock_runs() {
        let before = boot_clock();
        assert!(before > Duration::ZERO && boot_clock() >= before);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_sleep_is_told() {
        let start = Instant::now();
        let asleep = Arc::new(AtomicU64::new(0));
        let boot = {
            let asleep = Arc::clone(&asleep);
            move || start.elapsed() + Duration::from_secs(asleep.load(Ordering::Relaxed))
        };
        let (slept, mut told) = watch::channel(Duration::ZERO);
        let task = tokio::spawn(watch_sleep(boot, slept));
        sleep(Duration::from_secs(100)).await;
        assert!(!told.has_changed().unwrap());
        asleep.store(600, Ordering::Relaxed);
        told.changed().await.unwrap();
        assert_eq!(*told.borrow_and_update(), Duration::from_secs(600));
        assert!(start.elapsed() <= Duration::from_secs(101));
        sleep(Duration::from_secs(100)).await;
        assert!(!told.has_changed().unwrap());
        task.abort();
    }
}
