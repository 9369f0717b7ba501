//! What is doubtful does not count before it has stood for a while.

use std::mem::{Discriminant, discriminant};
use std::time::{Duration, Instant};

use crate::domain::SessionState;

/// How long a doubtful verdict must stand: the longest flicker seen was 0.2 s.
const HOLD: Duration = Duration::from_millis(250);
/// How long doubtful verdicts in a row may be held back in all, so that a screen that keeps flickering is told as it is.
const LONGEST_HOLD: Duration = Duration::from_millis(500);
/// How long sources must disagree before it is told: each changes at its own time, a title up to 0.9 s after the others.
const DISSENT: Duration = Duration::from_millis(1500);

/// A verdict that does not count yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    verdict: Discriminant<SessionState>,
    /// Since when this verdict stands, and since when any has been held back.
    since: Instant,
    first: Instant,
}

impl Held {
    /// Whether `state` has to stand for a while before it takes the place of the one that is told.
    pub fn of(
        held: Option<Self>,
        told: &SessionState,
        state: &SessionState,
        now: Instant,
    ) -> Option<Self> {
        let is_doubtful = match (told, state) {
            (SessionState::Unknown | SessionState::Starting, SessionState::Unknown) => false,
            (_, SessionState::Unknown) | (SessionState::Approval, SessionState::Question) => true,
            _ => false,
        };
        let verdict = discriminant(state);
        let held = match held {
            Some(held) if held.verdict == verdict => held,
            Some(held) => Self {
                verdict,
                since: now,
                ..held
            },
            None => Self {
                verdict,
                since: now,
                first: now,
            },
        };
        (is_doubtful && now < held.until()).then_some(held)
    }

    /// When it counts.
    pub fn until(&self) -> Instant {
        (self.since + HOLD).min(self.first + LONGEST_HOLD)
    }
}

/// What sources say against what is told.
#[derive(Debug)]
pub(super) struct Dissent {
    words: String,
    since: Instant,
    is_told: bool,
}

impl Dissent {
    /// The same words go on since they were said first.
    pub fn of(words: String, before: Option<Self>, now: Instant) -> Option<Self> {
        if words.is_empty() {
            return None;
        }
        let since = before
            .filter(|before| before.words == words)
            .map_or(now, |before| before.since);
        Some(Self {
            words,
            since,
            is_told: now >= since + DISSENT,
        })
    }

    /// What can be told of it now.
    pub fn told(&self, now: Instant) -> &str {
        if now >= self.since + DISSENT {
            &self.words
        } else {
            ""
        }
    }

    /// When it will be told.
    pub fn until(&self) -> Option<Instant> {
        (!self.is_told).then(|| self.since + DISSENT)
    }
}
