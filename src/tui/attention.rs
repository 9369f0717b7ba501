//! Whether somebody looks at the terminal, and when they may be called.
//!
//! Promise: nobody is called who looks, and nobody twice in a row.

use super::clock::Moment;

/// The least time between two calls, in milliseconds: a second one within it says nothing that the first did not, and
/// tools that work side by side often ask in the same breath.
const QUIET: u64 = 5_000;
/// After how long without a key somebody counts as away, in milliseconds, where the terminal does not tell its focus
/// (tmux does so only with `focus-events on`): long enough for reading a diff.
const AWAY: u64 = 60_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Focus {
    /// The terminal has never told.
    #[default]
    Untold,
    Here,
    Elsewhere,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Attention {
    focus: Focus,
    touched: Moment,
    called: Option<Moment>,
}

impl Attention {
    pub fn focused(&mut self, is_here: bool) {
        self.focus = if is_here {
            Focus::Here
        } else {
            Focus::Elsewhere
        };
        if is_here {
            // Whoever goes away again may be called again.
            self.called = None;
        }
    }

    /// A key or a click came.
    pub fn touched(&mut self, now: Moment) {
        self.touched = now;
        if self.focus == Focus::Untold {
            self.called = None;
        }
    }

    /// Whether to call somebody now; if so it counts as done.
    pub fn call(&mut self, now: Moment) -> bool {
        let is_away = match self.focus {
            Focus::Here => false,
            Focus::Elsewhere => true,
            Focus::Untold => now.since(self.touched) >= AWAY,
        };
        let is_quiet = self.called.is_none_or(|then| now.since(then) >= QUIET);
        if is_away && is_quiet {
            self.called = Some(now);
        }
        is_away && is_quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::default().plus(millis)
    }

    #[test]
    fn who_looks_is_not_called_and_who_does_not_is_called_once_in_five_seconds() {
        let mut attention = Attention::default();
        attention.focused(true);
        assert!(!attention.call(at(90_000)));
        attention.focused(false);
        assert!(attention.call(at(90_000)));
        assert!(!attention.call(at(94_999)));
        assert!(attention.call(at(95_000)));
        attention.focused(true);
        attention.focused(false);
        assert!(attention.call(at(95_001)));
    }

    #[test]
    fn without_word_of_the_focus_a_minute_without_a_key_is_away() {
        let mut attention = Attention::default();
        attention.touched(at(1_000));
        assert!(!attention.call(at(60_999)));
        assert!(attention.call(at(61_000)));
    }
}
