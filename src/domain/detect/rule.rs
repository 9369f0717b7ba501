//! What a profile can say about a screen: the parts of the TOML that the detector reads.
//!
//! A [`Dialog`](super::Dialog) is a menu at the live end of the screen with a question above it. A [`Rule`] is a pattern
//! that gives one of the other states. All patterns are compiled when the profile is loaded, with a size limit, so that a
//! profile that cannot work is an error with its line.

use std::fmt;
use std::ops::Range;

use regex::{Regex, RegexBuilder};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::screen::Screen;
use super::{FoundPrompt, Verdict};
use crate::domain::{PromptKind, SessionState};

/// The most memory a compiled pattern may take, in bytes: twenty times what the largest built-in one needs.
const PATTERN_SIZE: usize = 256 << 10;

/// A regular expression.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        RegexBuilder::new(text)
            .size_limit(PATTERN_SIZE)
            .build()
            .map(Self)
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The first group of the first match; the whole match when the pattern has no group.
    pub fn capture<'t>(&self, text: &'t str) -> Option<&'t str> {
        let found = self.0.captures(text)?;
        found
            .get(1)
            .or_else(|| found.get(0))
            .map(|part| part.as_str())
    }

    /// What stands behind the match that the text begins with, if it does.
    pub(super) fn behind<'t>(&self, text: &'t str) -> Option<&'t str> {
        let found = self.0.find(text).filter(|found| found.start() == 0)?;
        text.get(found.end()..)
    }

    /// The text without the match that it begins with, if it does.
    pub(super) fn strip_from<'t>(&self, text: &'t str) -> &'t str {
        match self.0.find(text) {
            Some(found) if found.start() == 0 => text.get(found.end()..).unwrap_or(text),
            _ => text,
        }
    }

    /// Like [`Self::capture`], but nothing when the pattern has no group.
    pub(super) fn group<'t>(&self, text: &'t str) -> Option<&'t str> {
        self.0.captures(text)?.get(1).map(|part| part.as_str())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A pattern that gives a state.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Rule {
    pub name: String,
    pub state: RuleState,
    #[serde(default)]
    pub priority: i32,
    /// Where the matchers look that do not say it themselves.
    #[serde(default)]
    pub region: Region,
    /// Each of these must be there …
    #[serde(default)]
    pub all: Vec<Matcher>,
    /// … and one of these, if there are any …
    #[serde(default)]
    pub any: Vec<Matcher>,
    /// … and none of these.
    #[serde(default)]
    pub none: Vec<Matcher>,
    /// Whether the input box must be drawn, or must not.
    pub input: Option<bool>,
    /// Whether the alternate screen must be on, or must not.
    pub alternate: Option<bool>,
    pub cursor_visible: Option<bool>,
    /// What the tool does, what went wrong or what it asks: the pattern's group on the lowest line of the screen (for
    /// `last turn`: of that) that has it.
    pub capture: Option<Pattern>,
}

/// The states that a rule may give. Permissions are asked for by a [`Dialog`](super::Dialog) only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleState {
    Starting,
    Working,
    /// Waits for an answer that cannot be given from the dashboard.
    Question,
    Idle,
    Finished,
    Error,
}

/// A part of what can be seen: `screen`, `title`, `last N` (lines that are not empty), or `last turn`: what stands
/// between the user's last message and the input box.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Region {
    #[default]
    Screen,
    Title,
    Last(usize),
    LastTurn,
}

impl<'de> Deserialize<'de> for Region {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "screen" => Ok(Self::Screen),
            "title" => Ok(Self::Title),
            "last turn" => Ok(Self::LastTurn),
            other => other
                .strip_prefix("last ")
                .and_then(|count| count.parse().ok())
                .map(Self::Last)
                .ok_or_else(|| {
                    D::Error::custom(format!(
                        "unknown region “{other}”: expected screen, title, last turn or last N"
                    ))
                }),
        }
    }
}

/// A text that a line contains (`"text"`), or a pattern that a line matches (`{ regex = '…', in = "title" }`).
#[derive(Clone, Debug)]
pub struct Matcher {
    pub(super) what: Needle,
    /// Where to look, when that is not the rule's region.
    pub(super) region: Option<Region>,
}

#[derive(Clone, Debug)]
pub(super) enum Needle {
    Text(String),
    Pattern(Pattern),
}

impl Needle {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Pattern(pattern) => pattern.0.as_str(),
        }
    }

    pub(super) fn is_in(&self, line: &str) -> bool {
        match self {
            Self::Text(text) => line.contains(text),
            Self::Pattern(pattern) => pattern.is_match(line),
        }
    }
}

// By hand, because an untagged enum would hide what is wrong with a pattern.
impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Matcher;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a table with “regex”")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Matcher, E> {
                Ok(Matcher {
                    what: Needle::Text(text.to_owned()),
                    region: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Matcher, A::Error> {
                #[derive(serde::Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Table {
                    regex: Pattern,
                    r#in: Option<Region>,
                }
                let table = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Matcher {
                    what: Needle::Pattern(table.regex),
                    region: table.r#in,
                })
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// Why a rule does not fit.
pub(super) struct WhyNot {
    pub words: String,
    /// Whether a part of what it looks for is there.
    pub is_near: bool,
}

/// What the rules of one profile look at.
pub(super) struct Seen<'s, 'a> {
    screen: &'s Screen<'a>,
    input: Option<Range<usize>>,
    /// The rows of the last turn.
    turn: Range<usize>,
}

impl<'s, 'a> Seen<'s, 'a> {
    /// `input` are the rows of the input box, `turn` is how a message of the user begins.
    pub fn new(
        screen: &'s Screen<'a>,
        input: Option<&Range<usize>>,
        turn: Option<&Pattern>,
    ) -> Self {
        let end = input.map_or(screen.lines.len(), |rows| rows.start);
        let begins =
            |row: &usize| turn.is_some_and(|pattern| pattern.is_match(screen.lines[*row].raw));
        let start = (0..end).rev().find(begins).map_or(0, |row| row + 1);
        Self {
            screen,
            input: input.cloned(),
            turn: start..end,
        }
    }

    fn contains(&self, needle: &Needle, region: Region) -> bool {
        let lines = &self.screen.lines;
        match region {
            Region::Screen => lines.iter().any(|line| needle.is_in(line.raw)),
            Region::Title => needle.is_in(self.screen.look.title),
            Region::Last(count) => self.screen.last(count).any(|line| needle.is_in(line.raw)),
            Region::LastTurn => lines[self.turn.clone()]
                .iter()
                .any(|line| needle.is_in(line.raw)),
        }
    }

    /// The lowest row where one of the matchers looks and finds something, else the input box.
    fn rows(&self, rule: &Rule) -> Option<Range<usize>> {
        let needles = rule.all.iter().chain(&rule.any);
        let needles =
            needles.filter(|matcher| matcher.region.unwrap_or(rule.region) != Region::Title);
        let found = needles.filter_map(|matcher| {
            let mut rows = 0..self.screen.lines.len();
            rows.rfind(|&row| matcher.what.is_in(self.screen.lines[row].raw))
        });
        found
            .max()
            .map(|row| row..row + 1)
            .or_else(|| self.input.clone().filter(|_| rule.input == Some(true)))
    }

    fn captured(&self, pattern: &Pattern, region: Region) -> String {
        let rows = if region == Region::LastTurn {
            self.turn.clone()
        } else {
            0..self.screen.lines.len()
        };
        let found = self.screen.lines[rows]
            .iter()
            .rev()
            .find_map(|line| pattern.group(line.text));
        found.unwrap_or_default().trim().to_owned()
    }
}

impl Rule {
    pub(super) fn fits(&self, seen: &Seen<'_, '_>) -> bool {
        let look = seen.screen.look;
        let is = |wanted: Option<bool>, found: bool| wanted.is_none_or(|wanted| wanted == found);
        let holds =
            |matcher: &Matcher| seen.contains(&matcher.what, matcher.region.unwrap_or(self.region));
        is(self.input, seen.input.is_some())
            && is(self.alternate, look.alternate)
            && is(self.cursor_visible, look.cursor_visible)
            && self.all.iter().all(holds)
            && (self.any.is_empty() || self.any.iter().any(holds))
            && !self.none.iter().any(holds)
    }

    /// What keeps the rule from fitting; `None` when it fits. For people.
    pub(super) fn why_not(&self, seen: &Seen<'_, '_>) -> Option<WhyNot> {
        if self.fits(seen) {
            return None;
        }
        let look = seen.screen.look;
        let holds =
            |matcher: &Matcher| seen.contains(&matcher.what, matcher.region.unwrap_or(self.region));
        let missing = self.all.iter().find(|matcher| !holds(matcher));
        let found = self.all.iter().chain(&self.any).any(holds);
        let differs =
            |wanted: Option<bool>, found: bool| wanted.is_some_and(|wanted| wanted != found);
        let is_not = |found: bool, thing: &str| {
            let word = if found { "" } else { "not " };
            format!("{thing} is {word}there")
        };
        // Where all that it looks for is there, the rest is what decided.
        let has_all = missing.is_none() && (self.any.is_empty() || self.any.iter().any(holds));
        let words = if differs(self.input, seen.input.is_some()) {
            is_not(seen.input.is_some(), "the input box")
        } else if differs(self.alternate, look.alternate) {
            is_not(look.alternate, "the alternate screen")
        } else if differs(self.cursor_visible, look.cursor_visible) {
            is_not(look.cursor_visible, "the cursor")
        } else if let Some(missing) = missing {
            format!("not there: {}", missing.what.text())
        } else if let Some(other) = self.none.iter().find(|matcher| holds(matcher)) {
            format!("there: {}", other.what.text())
        } else {
            "none of what it looks for is there".to_owned()
        };
        let looks = !self.all.is_empty() || !self.any.is_empty();
        Some(WhyNot {
            words,
            is_near: looks && (found || has_all),
        })
    }

    pub(super) fn verdict(&self, profile: &str, seen: &Seen<'_, '_>) -> Verdict {
        let captured = || {
            self.capture
                .as_ref()
                .map_or_else(String::new, |pattern| seen.captured(pattern, self.region))
        };
        let rule = format!("{profile}: {}", self.name);
        let rows = seen.rows(self).map(|rows| {
            let row = |row: usize| u16::try_from(row).unwrap_or(u16::MAX);
            (row(rows.start), row(rows.end.saturating_sub(1)))
        });
        let state = match self.state {
            RuleState::Starting => SessionState::Starting,
            RuleState::Working => SessionState::Working {
                activity: without_counters(&captured()).to_owned(),
            },
            RuleState::Idle => SessionState::Idle,
            RuleState::Finished => SessionState::Finished,
            RuleState::Error => SessionState::Error { text: captured() },
            RuleState::Question => {
                let prompt = FoundPrompt {
                    kind: PromptKind::Question,
                    subject: String::new(),
                    question: captured(),
                    choices: Vec::new(),
                };
                return Verdict {
                    rows,
                    ..Verdict::asking(prompt, rule)
                };
            }
        };
        Verdict {
            rows,
            ..Verdict::of(state, rule)
        }
    }
}
/// The words of an activity without what counts behind them, as in `Forging… (12s · ↓ 36 tokens)`: how long a state has
/// lasted is known, and words that change every second are news for nobody.
fn without_counters(activity: &str) -> &str {
    match activity.rsplit_once(" (") {
        Some((words, counters))
            if counters.ends_with(')') && counters.contains(|c: char| c.is_ascii_digit()) =>
        {
            words.trim_end()
        }
        _ => activity,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::seconds_and_tokens("Forging… (12s · ↓ 36 tokens)", "Forging…")]
    #[case::words_in_brackets("Reading (the code)", "Reading (the code)")]
    #[case::nothing_behind("Thinking…", "Thinking…")]
    #[case::text_after("Compiling (3 of 9) crates", "Compiling (3 of 9) crates")]
    fn an_activity_is_told_without_its_counters(#[case] shown: &str, #[case] told: &str) {
        assert_eq!(without_counters(shown), told);
    }
}
