//! Which tmux this is and what it cannot do.
//!
//! tmux has no feature query, so the version decides. Development builds (`next-3.6`, `master`, `openbsd-7.4`) are
//! taken for the newest they can be.

use std::{cmp::Ordering, fmt};

use super::error::TmuxError;

/// A tmux version, ordered by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u16,
    minor: u16,
    /// The letter of a patch release as a number: `a` is 1.
    patch: u8,
}

impl Version {
    /// Creates the version `major.minor`, without a patch letter.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self {
            major,
            minor,
            patch: 0,
        }
    }

    /// Parses `tmux -V` (`tmux 3.3a`) or `#{version}` (`3.3a`).
    ///
    /// # Errors
    ///
    /// [`TmuxError::UnknownVersion`] when there is no version in it.
    pub fn parse(text: &str) -> Result<Self, TmuxError> {
        let word = text.trim().trim_start_matches("tmux ").trim();
        if word == "master" || word.starts_with("openbsd-") {
            return Ok(Self::new(u16::MAX, 0));
        }
        let number = word.strip_prefix("next-").unwrap_or(word);
        Self::numbers(number).ok_or_else(|| TmuxError::UnknownVersion {
            text: text.chars().take(80).filter(|c| !c.is_control()).collect(),
        })
    }

    fn numbers(number: &str) -> Option<Self> {
        let (major, rest) = number.split_once('.')?;
        let digits = rest.chars().take_while(char::is_ascii_digit).count();
        let (minor, letter) = rest.split_at_checked(digits)?;
        let patch = match letter.bytes().next() {
            Some(letter @ b'a'..=b'z') => letter - b'a' + 1,
            _ => 0,
        };
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
            patch,
        })
    }

    /// Refuses what is too old to be used at all.
    ///
    /// # Errors
    ///
    /// [`TmuxError::TooOld`] before 3.0: no hooks by number, no regular expressions in formats, no exact keys.
    pub fn require(self) -> Result<Self, TmuxError> {
        match self.cmp(&Self::new(3, 0)) {
            Ordering::Less => Err(TmuxError::TooOld { found: self }),
            _ => Ok(self),
        }
    }

    /// `attach -f FLAGS`, subscriptions, `new-session -e`: complete from here on.
    pub fn is_complete(self) -> bool {
        self >= Self::new(3, 2)
    }

    /// `capture-pane -N` keeps the cells at the end of a line.
    pub fn captures_trailing_cells(self) -> bool {
        self >= Self::new(3, 1)
    }

    /// `run-shell -C` runs a tmux command later, without a process; what our hooks are made of.
    pub fn runs_commands_later(self) -> bool {
        self >= Self::new(3, 2)
    }

    /// What an `if-shell` of ours runs is marked as run by others.
    pub fn hides_inner_replies(self) -> bool {
        self < Self::new(3, 2)
    }

    /// `#{pane_dead_signal}` exists.
    pub fn tells_signal(self) -> bool {
        self >= Self::new(3, 3)
    }

    /// `capture-pane` in a control client costs memory that the server never frees.
    pub fn leaks_captures(self) -> bool {
        self.is_complete() && self < Self::new(3, 6)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        match self.patch {
            0 => Ok(()),
            patch => write!(f, "{}", char::from(b'a' + patch - 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("tmux 3.3a\n", "3.3a")]
    #[case("3.7c", "3.7c")]
    #[case("tmux next-3.6", "3.6")]
    #[case("tmux 2.9a", "2.9a")]
    #[case("tmux 3.5-rc2", "3.5")]
    fn versions_are_read_from_what_tmux_prints(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(Version::parse(text).unwrap().to_string(), shown);
    }

    #[test]
    fn patch_letters_and_minor_numbers_order_by_age() {
        let order = [
            "2.9a", "3.0", "3.0a", "3.1c", "3.2", "3.3a", "3.10", "master",
        ];
        let parsed: Vec<_> = order.iter().map(|v| Version::parse(v).unwrap()).collect();
        assert!(parsed.is_sorted());
    }

    #[test]
    fn old_and_unreadable_versions_are_refused_with_a_hint() {
        let old = Version::parse("tmux 2.9a").unwrap().require().unwrap_err();
        assert!(matches!(old, TmuxError::TooOld { .. }) && old.hint().is_some());
        assert!(matches!(
            Version::parse("screen"),
            Err(TmuxError::UnknownVersion { .. })
        ));
    }
}
