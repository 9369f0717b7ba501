//! What the person has had before their eyes: which prompts the last frames showed, and how much of each.
//!
//! Promise: a prompt counts as read when every line of it stood in frames for [`PROTECTED`], unchanged; a prompt that
//! changes in anything that is shown of it has to be read anew.

use std::collections::BTreeMap;
use std::ops::Range;

use super::clock::Moment;
use super::effect::Target;
use crate::domain::{Prompt, PromptId};

/// How long something has to be on screen before a key may mean it, in milliseconds: a key that was on its way when it
/// appeared was meant for something else.
pub const PROTECTED: u64 = 250;

/// A prompt, wherever its session runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PromptRef {
    pub target: Target,
    pub prompt: PromptId,
}

impl PromptRef {
    pub fn new(target: Target, prompt: &Prompt) -> Self {
        Self {
            target,
            prompt: prompt.id,
        }
    }
}

/// One prompt in one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glimpse {
    pub of: PromptRef,
    pub prompt: Prompt,
    /// The width it was wrapped at: at another one its lines are others.
    pub columns: u16,
    /// How many lines there are to read.
    pub lines: usize,
    /// Which of them were on screen.
    pub visible: Range<usize>,
}

/// How far a prompt has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It was never on screen as it is now.
    Unseen,
    /// All of it was on screen, some of it not for long enough.
    TooShort,
    /// Some of it was never on screen.
    Partly,
    Whole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Unseen,
    /// In every frame since then.
    Since(Moment),
    Read,
}

#[derive(Clone, Debug)]
struct Seen {
    prompt: Prompt,
    columns: u16,
    lines: Vec<Line>,
}

#[derive(Clone, Debug, Default)]
pub struct Sight {
    seen: BTreeMap<PromptRef, Seen>,
    /// The prompt that keys meant in the last frame, and since when they did.
    chosen: Option<(PromptRef, Moment)>,
}

impl Sight {
    /// A frame is on the terminal: it shows `glimpses`, and keys mean `chosen`.
    pub fn painted(&mut self, glimpses: Vec<Glimpse>, chosen: Option<PromptRef>, now: Moment) {
        let mut shown = BTreeMap::new();
        // What changed under the choice is another choice.
        let mut changed = Vec::new();
        for glimpse in glimpses {
            let before = self.seen.remove(&glimpse.of);
            if before
                .as_ref()
                .is_some_and(|before| !is_same(&before.prompt, &glimpse.prompt))
            {
                changed.push(glimpse.of.clone());
            }
            let before = before.filter(|before| before.is_still(&glimpse));
            let mut seen = before.unwrap_or_else(|| Seen::new(&glimpse));
            seen.look(&glimpse.visible, now);
            shown.insert(glimpse.of, seen);
        }
        for seen in self.seen.values_mut() {
            seen.look(&(0..0), now);
        }
        self.seen.append(&mut shown);
        let before = self.chosen.take();
        self.chosen = chosen.map(|chosen| {
            let since = before
                .filter(|(before, _)| *before == chosen && !changed.contains(&chosen))
                .map_or(now, |(_, since)| since);
            (chosen, since)
        });
    }

    /// Lets go of prompts that are not open any more.
    pub fn keep(&mut self, is_open: impl Fn(&PromptRef) -> bool) {
        self.seen.retain(|of, _| is_open(of));
    }

    /// The prompt that keys meant in the last frame.
    pub fn chosen(&self) -> Option<&PromptRef> {
        self.chosen.as_ref().map(|(chosen, _)| chosen)
    }

    /// Whether keys have meant it for long enough.
    pub fn is_settled(&self, now: Moment) -> bool {
        self.chosen
            .as_ref()
            .is_some_and(|(_, since)| now.since(*since) >= PROTECTED)
    }

    /// How far `prompt`, as it is now, has been read.
    pub fn reading(&self, of: &PromptRef, prompt: &Prompt, now: Moment) -> Reading {
        let Some(seen) = self
            .seen
            .get(of)
            .filter(|seen| is_same(&seen.prompt, prompt))
        else {
            return Reading::Unseen;
        };
        let is_read = |line: &Line| match line {
            Line::Unseen => false,
            Line::Since(then) => now.since(*then) >= PROTECTED,
            Line::Read => true,
        };
        if seen.lines.iter().all(is_read) {
            Reading::Whole
        } else if seen.lines.contains(&Line::Unseen) {
            Reading::Partly
        } else {
            Reading::TooShort
        }
    }
}

impl Seen {
    fn new(glimpse: &Glimpse) -> Self {
        Self {
            prompt: glimpse.prompt.clone(),
            columns: glimpse.columns,
            lines: vec![Line::Unseen; glimpse.lines],
        }
    }

    fn is_still(&self, glimpse: &Glimpse) -> bool {
        self.columns == glimpse.columns
            && self.lines.len() == glimpse.lines
            && is_same(&self.prompt, &glimpse.prompt)
    }

    fn look(&mut self, visible: &Range<usize>, now: Moment) {
        for (index, line) in self.lines.iter_mut().enumerate() {
            *line = match (*line, visible.contains(&index)) {
                (Line::Since(then), _) if now.since(then) >= PROTECTED => Line::Read,
                (Line::Unseen, true) => Line::Since(now),
                (Line::Since(_), false) => Line::Unseen,
                (line, _) => line,
            };
        }
    }
}

/// Whether two prompts ask the same and are answered alike. Who vouches for it and what the policy says may change
/// while it is read.
pub fn is_same(one: &Prompt, other: &Prompt) -> bool {
    one.id == other.id
        && one.kind == other.kind
        && one.subject == other.subject
        && one.question == other.question
        && one.choices == other.choices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{HostId, PromptKind, SessionId};

    fn prompt(subject: &str) -> Prompt {
        Prompt {
            id: PromptId(1),
            kind: PromptKind::Command,
            subject: subject.to_owned(),
            question: String::new(),
            choices: Vec::new(),
            rule: String::new(),
            evidence: Vec::new(),
            since: 0,
            advice: None,
        }
    }

    fn glimpse(prompt: &Prompt, visible: Range<usize>) -> Glimpse {
        Glimpse {
            of: of(prompt),
            prompt: prompt.clone(),
            columns: 80,
            lines: 10,
            visible,
        }
    }

    fn of(prompt: &Prompt) -> PromptRef {
        let target = Target::new(&HostId::local(), &SessionId::new("s"));
        PromptRef::new(target, prompt)
    }

    fn at(millis: u64) -> Moment {
        Moment::default().plus(millis)
    }

    #[test]
    fn a_long_prompt_is_read_when_each_line_stood_long_enough() {
        let (mut sight, prompt) = (Sight::default(), prompt("ls"));
        let reading = |sight: &Sight, millis| sight.reading(&of(&prompt), &prompt, at(millis));
        assert_eq!(reading(&sight, 0), Reading::Unseen);
        sight.painted(vec![glimpse(&prompt, 0..6)], None, at(0));
        assert_eq!(reading(&sight, 900), Reading::Partly);
        sight.painted(vec![glimpse(&prompt, 4..10)], None, at(1_000));
        assert_eq!(reading(&sight, 1_249), Reading::TooShort);
        assert_eq!(reading(&sight, 1_250), Reading::Whole);
        // It stays read while it is out of sight.
        sight.painted(vec![], None, at(1_300));
        assert_eq!(reading(&sight, 9_000), Reading::Whole);
    }

    #[test]
    fn a_line_that_only_flashed_by_was_not_read() {
        let (mut sight, prompt) = (Sight::default(), prompt("ls"));
        sight.painted(vec![glimpse(&prompt, 0..10)], None, at(0));
        sight.painted(vec![], None, at(100));
        assert_eq!(
            sight.reading(&of(&prompt), &prompt, at(900)),
            Reading::Partly
        );
    }

    #[test]
    fn what_changes_is_unread_and_another_choice() {
        let (mut sight, before) = (Sight::default(), prompt("ls"));
        let after = prompt("rm");
        sight.painted(vec![glimpse(&before, 0..10)], Some(of(&before)), at(0));
        assert!(sight.is_settled(at(250)));
        assert_eq!(sight.reading(&of(&after), &after, at(900)), Reading::Unseen);
        sight.painted(vec![glimpse(&after, 0..10)], Some(of(&after)), at(900));
        assert!(!sight.is_settled(at(1_100)));
        assert_eq!(
            sight.reading(&of(&after), &after, at(1_100)),
            Reading::TooShort
        );
    }
}
