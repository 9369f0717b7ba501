//! Short notes about what happened, shown for a while over the page.
//!
//! Promise: an error stays until a key says it was seen; everything else goes by itself.

use super::clock::Moment;
use super::theme::Role;

/// How many are kept: what does not fit the screen helps nobody.
const KEPT: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something was done.
    Done,
    /// Something was not done, for a reason that is normal.
    Refused,
    /// Something failed.
    Failed,
}

impl Level {
    /// How long it stands, in milliseconds: long enough to read a line. `None` stands until it was seen.
    fn stands(self) -> Option<u64> {
        match self {
            Self::Done => Some(4_000),
            Self::Refused => Some(6_000),
            Self::Failed => None,
        }
    }

    pub fn role(self) -> Role {
        match self {
            Self::Done => Role::Finished,
            Self::Refused => Role::NeedsYou,
            Self::Failed => Role::Error,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    pub level: Level,
    pub text: String,
    /// What to do about it; may be empty.
    pub hint: String,
    pub at: Moment,
}

/// The toasts on screen, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Toasts(Vec<Toast>);

impl Toasts {
    /// Adds one; the same words again only renew the one that stands.
    pub fn add(
        &mut self,
        level: Level,
        text: impl Into<String>,
        hint: impl Into<String>,
        at: Moment,
    ) {
        let toast = Toast {
            level,
            text: text.into(),
            hint: hint.into(),
            at,
        };
        self.0
            .retain(|other| other.text != toast.text || other.level != toast.level);
        self.0.push(toast);
        if self.0.len() > KEPT {
            self.0.remove(0);
        }
    }

    /// Drops what has stood its time. Returns whether anything went.
    pub fn expire(&mut self, now: Moment) -> bool {
        let before = self.0.len();
        self.0.retain(|toast| {
            toast
                .level
                .stands()
                .is_none_or(|stands| now.since(toast.at) < stands)
        });
        self.0.len() != before
    }

    /// A key was pressed: errors that could have been read are seen. Those from this very moment stay.
    pub fn seen(&mut self, now: Moment) {
        self.0
            .retain(|toast| toast.level != Level::Failed || now.since(toast.at) < READ_MILLIS);
    }

    /// Takes an error back that is true no more.
    pub fn withdraw(&mut self, text: &str) {
        self.0
            .retain(|toast| toast.level != Level::Failed || toast.text != text);
    }

    /// Takes a note back that is true no more.
    pub fn unsay(&mut self, text: &str) {
        self.0.retain(|toast| toast.text != text);
    }

    /// When the next one goes, on the clock of [`Moment::mono`].
    pub fn next_end(&self) -> Option<u64> {
        self.0
            .iter()
            .filter_map(|toast| Some(toast.at.mono + toast.level.stands()?))
            .min()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Toast> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The least time an error stands, in milliseconds, so that fast typing does not wipe it away unread.
const READ_MILLIS: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_until_a_key_and_the_rest_goes_by_itself() {
        let start = Moment::default();
        let mut toasts = Toasts::default();
        toasts.add(Level::Done, "done", "", start);
        toasts.add(Level::Failed, "failed", "", start);
        assert!(!toasts.expire(start.plus(3_999)));
        toasts.seen(start.plus(10));
        assert_eq!(toasts.iter().count(), 2);
        assert!(toasts.expire(start.plus(4_000)));
        assert_eq!(toasts.next_end(), None);
        toasts.seen(start.plus(4_001));
        assert!(toasts.is_empty());
    }

    #[test]
    fn the_same_words_stand_once() {
        let mut toasts = Toasts::default();
        for n in 0..9 {
            toasts.add(Level::Refused, "wait", "", Moment::default().plus(n));
        }
        assert_eq!(toasts.iter().count(), 1);
    }
}
