//! Keys and chords → actions, per context: the defaults of the action table and what the user changed.
//!
//! Promise: within one context no key means two things; what would is reported and left out.

use std::collections::BTreeMap;

use super::action::{Action, TABLE};
pub use super::key::{Chord, Key, KeyError};
use crate::config;

/// Where a key is read. Contexts are asked in order; the first that knows the key decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// A prompt that can be answered by key is on screen.
    Prompt,
    /// The main page, and the inbox for what works on both.
    Fleet,
    /// The page of all open prompts.
    Inbox,
    /// Keys go to the session.
    Typing,
    /// A form or list lies on top.
    Form,
    /// A text of several lines is edited on top.
    Text,
    /// A page to read lies on top.
    Page,
    /// The filter is being typed.
    Filter,
    /// A question with yes and no lies on top.
    Confirm,
}

/// What a row of keys means so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    Action(Action),
    /// More keys may make it an action.
    Pending,
    Nothing,
}

/// What a user's keys got wrong, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeymapProblem {
    #[error("no action is called “{name}”{}", .near.map(|near| format!("; is “{near}” meant?")).unwrap_or_default())]
    UnknownAction {
        name: String,
        near: Option<&'static str>,
    },
    #[error("key for “{action}”: {source}")]
    BadKey {
        action: &'static str,
        source: KeyError,
    },
    #[error("typing needs a key that ends it; “{kept}” stays")]
    NoWayOut { kept: String },
    #[error("“{keys}” is already {taken} and cannot be {wanted} as well")]
    Conflict {
        keys: String,
        taken: &'static str,
        wanted: &'static str,
    },
}

impl KeymapProblem {
    /// The name under which its keys stand in the config.
    pub fn name(&self) -> &str {
        match self {
            Self::UnknownAction { name, .. } => name,
            Self::BadKey { action, .. } => action,
            Self::NoWayOut { .. } => Action::LeaveTyping.spec().name,
            Self::Conflict { wanted, .. } => wanted,
        }
    }
}

/// Keys → actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    /// In the order of the table, so that an action's first chord is the one to show.
    bindings: Vec<(Chord, Action)>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::new(&BTreeMap::new()).0
    }
}

impl Keymap {
    /// Builds the map from the table with `overrides` (action name → keys) in place of the defaults. An empty list
    /// takes the action's keys away. A user's key wins over a default one.
    pub fn new(overrides: &BTreeMap<String, Vec<String>>) -> (Self, Vec<KeymapProblem>) {
        let mut map = Self {
            bindings: Vec::new(),
        };
        let mut problems = Vec::new();
        for (name, keys) in overrides {
            let Some(action) = Action::from_name(name) else {
                problems.push(KeymapProblem::UnknownAction {
                    name: name.clone(),
                    near: config::nearest(name, TABLE.iter().map(|spec| spec.name)),
                });
                continue;
            };
            for text in keys {
                match text.parse() {
                    Ok(chord) => problems.extend(map.bind(chord, action)),
                    Err(source) => problems.push(KeymapProblem::BadKey {
                        action: action.spec().name,
                        source,
                    }),
                }
            }
        }
        for spec in TABLE {
            if overrides.contains_key(spec.name) {
                continue;
            }
            for text in spec.keys {
                let chord = text.parse().expect("a test parses every default key");
                // A default that a user's key displaces is what the user wanted.
                if let Some(problem) = map.bind(chord, spec.action) {
                    tracing::debug!(%problem, "default key displaced");
                }
            }
        }
        // Whoever types into a session has to get out again.
        if map.chords(Action::LeaveTyping).next().is_none() {
            let chord: Chord = Action::LeaveTyping.spec().keys[0]
                .parse()
                .expect("a test parses every default key");
            problems.push(KeymapProblem::NoWayOut {
                kept: chord.to_string(),
            });
            map.bindings.push((chord, Action::LeaveTyping));
        }
        (map, problems)
    }

    fn bind(&mut self, chord: Chord, action: Action) -> Option<KeymapProblem> {
        let contexts = action.spec().contexts;
        let clash = self.bindings.iter().find(|(other, taken)| {
            let overlap = other.0.starts_with(&chord.0) || chord.0.starts_with(&other.0);
            overlap
                && taken
                    .spec()
                    .contexts
                    .iter()
                    .any(|context| contexts.contains(context))
        });
        if let Some((_, taken)) = clash {
            return Some(KeymapProblem::Conflict {
                keys: chord.to_string(),
                taken: taken.spec().name,
                wanted: action.spec().name,
            });
        }
        self.bindings.push((chord, action));
        None
    }

    /// What `keys` mean when `contexts` are asked in order.
    pub fn lookup(&self, contexts: &[Context], keys: &[Key]) -> Lookup {
        for context in contexts {
            let here = self
                .bindings
                .iter()
                .filter(|(_, action)| action.spec().contexts.contains(context));
            let mut pending = false;
            for (chord, action) in here {
                if chord.0 == keys {
                    return Lookup::Action(*action);
                }
                pending |= chord.0.starts_with(keys);
            }
            if pending {
                return Lookup::Pending;
            }
        }
        Lookup::Nothing
    }

    /// The chords of an action, the one to show first.
    pub fn chords(&self, action: Action) -> impl Iterator<Item = &Chord> {
        self.bindings
            .iter()
            .filter(move |(_, bound)| *bound == action)
            .map(|(chord, _)| chord)
    }

    /// The chord to show for `action` when `contexts` are asked in order: one that no earlier context takes.
    pub fn shown(&self, action: Action, contexts: &[Context]) -> Option<String> {
        self.chords(action)
            .find(|chord| self.lookup(contexts, &chord.0) == Lookup::Action(action))
            .map(ToString::to_string)
    }

    /// What may follow `keys`.
    pub fn continuations<'a>(
        &'a self,
        contexts: &'a [Context],
        keys: &'a [Key],
    ) -> impl Iterator<Item = (&'a Chord, Action)> {
        self.bindings
            .iter()
            .filter(move |(chord, action)| {
                chord.0.len() > keys.len()
                    && chord.0.starts_with(keys)
                    && action
                        .spec()
                        .contexts
                        .iter()
                        .any(|context| contexts.contains(context))
            })
            .map(|(chord, action)| (chord, *action))
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;

    fn keys(text: &str) -> Vec<Key> {
        text.parse::<Chord>().unwrap().0
    }

    #[test]
    fn every_default_key_is_readable_and_none_is_taken_twice() {
        let mut map = Keymap {
            bindings: Vec::new(),
        };
        for spec in TABLE {
            for text in spec.keys {
                let chord: Chord = text.parse().unwrap();
                assert_eq!(chord.to_string().to_lowercase(), text.to_lowercase());
                assert_eq!(map.bind(chord, spec.action), None);
            }
        }
    }

    #[test]
    fn the_escape_chord_is_known_however_the_terminal_tells_it() {
        let five = KeyEvent::new(KeyCode::Char('5'), KeyModifiers::CONTROL);
        let map = Keymap::default();
        assert_eq!(
            map.lookup(&[Context::Typing], &[five.into()]),
            Lookup::Action(Action::LeaveTyping)
        );
    }

    #[test]
    fn a_chord_waits_for_its_second_key() {
        let map = Keymap::default();
        assert_eq!(map.lookup(&[Context::Fleet], &keys("g")), Lookup::Pending);
        assert_eq!(
            map.lookup(&[Context::Fleet], &keys("g g")),
            Lookup::Action(Action::First)
        );
        assert_eq!(map.lookup(&[Context::Fleet], &keys("g x")), Lookup::Nothing);
    }

    #[test]
    fn an_open_prompt_takes_its_keys_before_the_page_does() {
        let map = Keymap::default();
        let contexts = [Context::Prompt, Context::Fleet];
        assert_eq!(
            map.lookup(&contexts, &keys("n")),
            Lookup::Action(Action::Deny)
        );
        assert_eq!(
            map.lookup(&[Context::Fleet], &keys("n")),
            Lookup::Action(Action::Start)
        );
        assert_eq!(map.shown(Action::Start, &contexts).as_deref(), Some("N"));
        assert_eq!(
            map.shown(Action::Start, &[Context::Fleet]).as_deref(),
            Some("n")
        );
    }

    #[test]
    fn a_users_key_wins_and_what_is_wrong_is_said() {
        let overrides = BTreeMap::from([
            ("kill".to_owned(), vec!["d".to_owned(), "j".to_owned()]),
            ("atach".to_owned(), vec!["o".to_owned()]),
            ("help".to_owned(), vec!["hyper-x".to_owned()]),
            ("rename".to_owned(), vec!["d".to_owned()]),
        ]);
        let (map, problems) = Keymap::new(&overrides);
        let fleet = [Context::Fleet];
        assert_eq!(map.lookup(&fleet, &keys("d")), Lookup::Action(Action::Kill));
        assert_eq!(map.lookup(&fleet, &keys("j")), Lookup::Action(Action::Kill));
        assert_eq!(
            map.lookup(&fleet, &keys("down")),
            Lookup::Action(Action::Down)
        );
        assert_eq!(map.lookup(&fleet, &keys("x")), Lookup::Nothing);
        let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        no action is called “atach”; is “attach” meant?
        key for “help”: “hyper-x” is not a key; write keys like x, ctrl-k, alt-enter, f5, or g g
        “d” is already kill and cannot be rename as well
        ");
    }
}
