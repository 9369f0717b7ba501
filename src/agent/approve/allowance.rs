//! How often something is recorded that a program in a pane can bring about by itself.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);
/// What looks like a prompt can be printed, and orders can be tried, a thousand times a second: it must not fill the disk,
/// nor push decisions out of sight. Nobody answers more than this at a terminal.
const PER_HOUR: usize = 120;

#[derive(Clone, Debug, Default)]
pub struct Allowance {
    /// The oldest first; never more than [`PER_HOUR`].
    taken: VecDeque<Instant>,
}

impl Allowance {
    /// Whether it may be recorded once more.
    pub fn take(&mut self, now: Instant) -> bool {
        while let Some(oldest) = self.taken.front()
            && now.saturating_duration_since(*oldest) >= HOUR
        {
            self.taken.pop_front();
        }
        let is_left = self.taken.len() < PER_HOUR;
        if is_left {
            self.taken.push_back(now);
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_has_its_limit_and_the_next_one_its_own() {
        let (mut allowance, start) = (Allowance::default(), Instant::now());
        let taken = (0..PER_HOUR * 2).filter(|_| allowance.take(start)).count();
        assert_eq!(taken, PER_HOUR);
        assert!(!allowance.take(start + HOUR.saturating_sub(Duration::from_millis(1))));
        assert!(allowance.take(start + HOUR));
    }
}
