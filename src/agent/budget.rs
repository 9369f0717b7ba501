//! How much of what a pane prints is parsed: a token bucket over bytes.

use std::time::Instant;

/// How many bytes a second are parsed per pane: fifty times a busy tool; parsing it costs about 1 % of a core.
const BUDGET_PER_SECOND: u64 = 256 << 10;
/// How many bytes may come at once: a file of some thousand lines shown with `cat`.
const BUDGET_BURST: u64 = 512 << 10;

/// What may still be parsed.
#[derive(Debug)]
pub(super) struct Budget {
    left: u64,
    counted: Instant,
}

impl Budget {
    /// A full one.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            left: BUDGET_BURST,
            counted: now,
        }
    }

    /// Whether these bytes are covered. What is not covered is taken all the same: a flood does not save up.
    pub(super) fn spend(&mut self, bytes: u64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.counted).as_millis() as u64;
        let earned = passed.saturating_mul(BUDGET_PER_SECOND) / 1000;
        if earned > 0 {
            self.left = self.left.saturating_add(earned).min(BUDGET_BURST);
            self.counted = now;
        }
        let covered = bytes <= self.left;
        self.left = self.left.saturating_sub(bytes);
        covered
    }
}
