//! Whether a connection lives: when the agent is asked for a sign of life, and what its silence means.
//!
//! A broken line, a stopped agent and a sleeping network show themselves by nothing else. Time that we were not awake
//! ourselves proves nothing: after it the agent is asked again before it is given up.

use std::time::Duration;

use tokio::time::Instant;

/// How a silent agent is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// How often it is asked for a sign of life.
    pub interval: Duration,
    /// Silence after which what is shown counts as old.
    pub stale_after: Duration,
    /// Silence after which the connection counts as lost.
    pub lost_after: Duration,
}

impl Rhythm {
    /// On this machine an answer takes microseconds. There is no "stale": it would be too short to be read.
    pub const LOCAL: Self = Self {
        interval: Duration::from_secs(4),
        stale_after: Duration::from_secs(10),
        lost_after: Duration::from_secs(10),
    };

    /// Over a network: stale when two questions in a row stayed unanswered for an interval each, lost after three.
    pub const fn remote(interval: Duration) -> Self {
        Self {
            interval,
            stale_after: interval.saturating_mul(3),
            lost_after: interval.saturating_mul(4),
        }
    }

    /// With the interval at which OpenSSH users commonly ask, which NAT boxes and firewalls are known to bear.
    pub const REMOTE: Self = Self::remote(Duration::from_secs(15));
}

/// How late we may be before we count as having slept: a busy machine is late by milliseconds.
const LATE: Duration = Duration::from_secs(1);
/// How long the agent may take to answer after we woke: longer than any usable line needs, short enough to look awake.
const WAKING: Duration = Duration::from_secs(3);

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    Nothing,
    /// Ask the agent for a sign of life.
    Ask,
    /// What is shown is old from now on.
    Stale,
    /// Give the connection up.
    Cut,
}

/// The signs of life of one connection.
#[derive(Debug)]
pub struct Pulse {
    rhythm: Rhythm,
    heard: Instant,
    /// Time since `heard` that the clock of [`Instant`] did not count, because the machine slept.
    slept: Duration,
    next_ask: Instant,
    cut_at: Instant,
    is_stale: bool,
}

impl Pulse {
    pub fn new(rhythm: Rhythm, now: Instant) -> Self {
        Self {
            rhythm,
            heard: now,
            slept: Duration::ZERO,
            next_ask: now + rhythm.interval,
            cut_at: now + rhythm.lost_after,
            is_stale: false,
        }
    }

    /// When [`Self::beat`] has something to do.
    pub fn due(&self) -> Instant {
        let due = self.next_ask.min(self.cut_at);
        if self.is_stale {
            due
        } else {
            due.min(self.heard + self.stale_in())
        }
    }

    /// Says what is due; called again until there is nothing.
    pub fn beat(&mut self, now: Instant) -> Beat {
        if now > self.due() + LATE {
            // We were stopped, or too busy: what came meanwhile has not been looked at yet.
            self.wake(now, Duration::ZERO);
        }
        let silence = self.silence(now);
        if now >= self.cut_at {
            Beat::Cut
        } else if !self.is_stale && silence >= self.rhythm.stale_after {
            self.is_stale = true;
            Beat::Stale
        } else if now >= self.next_ask {
            self.next_ask = now + self.rhythm.interval;
            Beat::Ask
        } else {
            Beat::Nothing
        }
    }

    /// For how long nothing has been heard, sleep included.
    pub fn silence(&self, now: Instant) -> Duration {
        now.duration_since(self.heard) + self.slept
    }

    /// Something came. True when it had been stale.
    pub fn heard(&mut self, now: Instant) -> bool {
        self.heard = now;
        self.slept = Duration::ZERO;
        self.cut_at = now + self.rhythm.lost_after;
        std::mem::take(&mut self.is_stale)
    }

    /// The machine slept for so long beyond what [`Instant`] counted. The agent is asked at once.
    pub fn wake(&mut self, now: Instant, slept: Duration) {
        self.slept += slept;
        self.next_ask = now;
        self.cut_at = now + WAKING;
    }

    fn stale_in(&self) -> Duration {
        self.rhythm.stale_after.saturating_sub(self.slept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What happens in silence, with the seconds since the start.
    fn silence(pulse: &mut Pulse, start: Instant) -> Vec<(u64, Beat)> {
        let mut seen = Vec::new();
        let mut now = start;
        loop {
            match pulse.beat(now) {
                Beat::Nothing => now = pulse.due(),
                beat => seen.push((now.duration_since(start).as_secs(), beat)),
            }
            if let Some((_, Beat::Cut)) = seen.last() {
                return seen;
            }
        }
    }

    #[test]
    fn over_a_network_two_missed_answers_are_stale_and_three_are_lost() {
        let start = Instant::now();
        let seen = silence(&mut Pulse::new(Rhythm::REMOTE, start), start);
        let expected = [
            (15, Beat::Ask),
            (30, Beat::Ask),
            (45, Beat::Stale),
            (45, Beat::Ask),
            (60, Beat::Cut),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn here_silence_is_given_ten_seconds() {
        let start = Instant::now();
        let seen = silence(&mut Pulse::new(Rhythm::LOCAL, start), start);
        assert_eq!(seen, [(4, Beat::Ask), (8, Beat::Ask), (10, Beat::Cut)]);
    }

    #[test]
    fn a_sign_of_life_starts_it_again() {
        let start = Instant::now();
        let mut pulse = Pulse::new(Rhythm::REMOTE, start);
        assert_eq!(pulse.beat(start + s(15)), Beat::Ask);
        assert!(!pulse.heard(start + s(16)));
        assert_eq!(pulse.beat(start + s(30)), Beat::Ask);
        assert_eq!(pulse.beat(start + s(45)), Beat::Ask);
        assert_eq!(pulse.beat(start + s(60)), Beat::Ask);
        assert_eq!(pulse.beat(start + s(61)), Beat::Stale);
        assert!(pulse.heard(start + s(62)));
        assert!(!pulse.heard(start + s(63)));
    }

    #[test]
    fn who_was_asleep_asks_before_giving_up() {
        let start = Instant::now();
        let mut pulse = Pulse::new(Rhythm::REMOTE, start);
        // The machine slept: nothing here saw the time go by.
        pulse.wake(start + s(1), s(36_000));
        assert_eq!(pulse.beat(start + s(1)), Beat::Stale);
        assert_eq!(pulse.beat(start + s(1)), Beat::Ask);
        assert_eq!(pulse.beat(start + s(1)), Beat::Nothing);
        assert_eq!(pulse.due(), start + s(4));
        assert_eq!(pulse.beat(start + s(4)), Beat::Cut);
        // The process was stopped: the clock ran, but nobody looked.
        let mut pulse = Pulse::new(Rhythm::REMOTE, start);
        assert_eq!(pulse.beat(start + s(600)), Beat::Stale);
        assert_eq!(pulse.beat(start + s(600)), Beat::Ask);
        assert!(pulse.heard(start + s(601)));
        assert_eq!(pulse.due(), start + s(615));
    }
}
