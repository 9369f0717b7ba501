//! When a host is tried again: growing pauses for one host, and a gate that all hosts share.
//!
//! Promise: whatever fails, and however many hosts there are, no server sees a storm of attempts from us (servers lock
//! out whole addresses for that), and hosts that fail together do not come back together.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The pauses to an agent on this machine, doubling from the second attempt on: a killed agent is back at once, a
/// missing one costs nothing. Nothing here counts attempts or has to be spared, and the person sits in front of it.
const LOCAL: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// The longest pauses before the first and before any later attempt over a network, of which a random part is waited:
/// a dropped connection is back within a blink, a server that is down for a day is asked about twice a minute.
const REMOTE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// The pauses between the attempts for one host.
#[derive(Debug)]
pub struct Backoff {
    is_remote: bool,
    /// The upper bound of the next pause.
    next: Duration,
}

impl Backoff {
    pub fn new(is_remote: bool) -> Self {
        let next = if is_remote { REMOTE.0 } else { Duration::ZERO };
        Self { is_remote, next }
    }

    /// A connection was a good one: begins again with the shortest pause.
    pub fn reset(&mut self) {
        *self = Self::new(self.is_remote);
    }

    /// How long to wait before the next attempt. `dice` is random, from 0 to 1.
    pub fn pause(&mut self, dice: f64) -> Duration {
        let bound = self.next;
        let (first, longest) = if self.is_remote { REMOTE } else { LOCAL };
        self.next = (bound * 2).clamp(first, longest);
        if self.is_remote {
            bound.mul_f64(dice.clamp(0.0, 1.0))
        } else {
            bound
        }
    }
}

/// A random number from 0 to 1. Good enough to spread attempts, not for secrets.
pub fn dice() -> f64 {
    let random = RandomState::new().hash_one(0_u8);
    f64::from((random >> 32) as u32) / f64::from(u32::MAX)
}

/// How many attempts may begin …
const ATTEMPTS: usize = 4;
/// … within this time, over all hosts: many of them stand behind one jump host or one firewall that counts.
const WINDOW: Duration = Duration::from_secs(1);

/// The gate that every further attempt over a network passes, in the order of arrival. The first of each host needs none.
#[derive(Debug, Default)]
pub struct Gate(Mutex<VecDeque<Instant>>);

impl Gate {
    /// Waits until an attempt may begin. Safe to cancel; the place is lost then, which only makes others slower.
    pub async fn pass(&self) {
        let turn = self.turn(Instant::now());
        sleep_until(turn).await;
    }

    /// Gives the next free place away.
    fn turn(&self, now: Instant) -> Instant {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = match begun.front() {
            Some(&oldest) if begun.len() == ATTEMPTS => now.max(oldest + WINDOW),
            _ => now,
        };
        if begun.len() == ATTEMPTS {
            begun.pop_front();
        }
        begun.push_back(turn);
        turn
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bounds(is_remote: bool, count: usize) -> Vec<u64> {
        let mut backoff = Backoff::new(is_remote);
        (0..count)
            .map(|_| backoff.pause(1.0).as_millis() as u64)
            .collect()
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_start_again_after_a_good_connection() {
        assert_eq!(bounds(false, 7), [0, 250, 500, 1000, 2000, 4000, 5000]);
        assert_eq!(
            bounds(true, 9),
            [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]
        );
        let mut backoff = Backoff::new(true);
        for _ in 0..9 {
            backoff.pause(1.0);
        }
        backoff.reset();
        assert_eq!(backoff.pause(1.0), Duration::from_millis(500));
    }

    #[test]
    fn the_dice_show_more_than_one_side() {
        let rolls: Vec<f64> = (0..100).map(|_| dice()).collect();
        assert!(rolls.iter().any(|roll| *roll < 0.3) && rolls.iter().any(|roll| *roll > 0.7));
    }

    proptest! {
        #[test]
        fn no_second_sees_more_than_four_attempts(arrivals in proptest::collection::vec(0u64..400, 1..60)) {
            let gate = Gate::default();
            let mut now = Instant::now();
            let mut turns = Vec::new();
            for arrival in arrivals {
                now += Duration::from_millis(arrival);
                let turn = gate.turn(now);
                prop_assert!(turn >= now);
                turns.push(turn);
            }
            for five in turns.windows(ATTEMPTS + 1) {
                prop_assert!(five[ATTEMPTS].duration_since(five[0]) >= WINDOW);
            }
        }

        #[test]
        fn pauses_stay_within_their_bound(dices in proptest::collection::vec(0.0..1.0_f64, 1..20)) {
            let mut backoff = Backoff::new(true);
            for dice in dices {
                let bound = backoff.next;
                prop_assert!(backoff.pause(dice) <= bound && bound <= REMOTE.1);
            }
        }
    }
}
