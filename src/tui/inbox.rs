//! The inbox as far as it is remembered: where it is looked at, and what is marked.
//!
//! Promise: what keys mean is the selected session, as on every page; this only says what of the inbox is in sight.

use std::collections::BTreeSet;

use super::effect::Target;
use super::sight::PromptRef;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inbox {
    /// The place of the selected prompt among those that are open, for when it goes: its neighbour follows.
    pub place: usize,
    /// The first line shown.
    pub top: usize,
    /// The session whose prompt was selected last, and the lines from the first one shown to that prompt's; below 0
    /// when it begins above. What comes and goes above must not move what is read.
    pub anchor: Option<Target>,
    pub offset: i64,
    /// Whether it scrolls to the selected prompt; scrolling by hand ends that until another one is selected.
    pub follow: bool,
    /// Prompts that are answered together.
    pub marked: BTreeSet<PromptRef>,
}

impl Inbox {
    pub fn new() -> Self {
        Self {
            follow: true,
            ..Self::default()
        }
    }
}
