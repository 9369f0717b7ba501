//! Whether somebody looks at the terminal, and when they may be called.
//!
//! Promise: the terminal calls nobody twice in a row.

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
    /// Somebody else has the terminal.
    is_lent: bool,
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

    /// The terminal shows a session instead of the dashboard, or no longer does.
    pub fn lent(&mut self, is_lent: bool) {
        self.is_lent = is_lent;
    }

    pub fn is_lent(&self) -> bool {
        self.is_lent
    }

    /// Whether nobody looks at the dashboard.
    pub fn is_away(&self, now: Moment) -> bool {
        self.is_lent
            || match self.focus {
                Focus::Here => false,
                Focus::Elsewhere => true,
                Focus::Untold => now.since(self.touched) >= AWAY,
            }
    }

    /// Whether the terminal may call now; if so it counts as done.
    pub fn may_call(&mut self, now: Moment) -> bool {
        let is_quiet = self.called.is_none_or(|then| now.since(then) >= QUIET);
        if is_quiet {
            self.called = Some(now);
        }
        is_quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::default().plus(millis)
    }

    #[test]
    fn who_does_not_look_is_called_once_in_five_seconds_until_they_come_back() {
        let mut attention = Attention::default();
        attention.focused(true);
        assert!(!attention.is_away(at(90_000)));
        attention.focused(false);
        assert!(attention.is_away(at(90_000)) && attention.may_call(at(90_000)));
        assert!(!attention.may_call(at(94_999)));
        assert!(attention.may_call(at(95_000)));
        attention.focused(true);
        attention.focused(false);
        assert!(attention.may_call(at(95_001)));
    }

    #[test]
    fn without_word_of_the_focus_a_minute_without_a_key_is_away() {
        let mut attention = Attention::default();
        attention.touched(at(1_000));
        assert!(!attention.is_away(at(60_999)));
        assert!(attention.is_away(at(61_000)));
    }

    #[test]
    fn whoever_is_attached_does_not_see_the_dashboard() {
        let mut attention = Attention::default();
        attention.focused(true);
        attention.lent(true);
        assert!(attention.is_away(at(1)));
        attention.lent(false);
        assert!(!attention.is_away(at(1)));
    }
}
