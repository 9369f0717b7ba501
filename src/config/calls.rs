//! `[notify]`: how somebody who looks elsewhere learns that a session waits, is done or has failed.
//!
//! Plain data: the dashboard decides by it (`tui::calling`). Promise: a command that gets past here has a program, and
//! every placeholder in it is one that is filled in.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::parse::nearest;
use super::{Contexts, Fault};
use crate::domain::{HostId, SessionState};

/// What may stand in braces in an argument of a command.
pub const PLACEHOLDERS: [&str; 7] = [
    "session", "state", "host", "context", "tool", "subject", "text",
];

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct NotifyConfig {
    pub terminal: Notify,
    pub when: CallWhen,
    /// The program and arguments of a notification on the desktop. Empty: none.
    pub command: Vec<String>,
    /// The program and arguments that pass it on elsewhere. Empty: none.
    pub webhook: Vec<String>,
    /// The first one that fits decides.
    pub rules: Vec<NotifyRule>,
}

/// How the terminal calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Notify {
    #[default]
    Bell,
    /// A notification with words, where the terminal has them.
    Osc9,
    /// The same in the words of other terminals.
    Osc777,
    Off,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CallWhen {
    /// While nobody looks at the dashboard.
    #[default]
    Unfocused,
    Always,
}

/// A way to call somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CallWay {
    Terminal,
    Command,
    Webhook,
}

impl CallWay {
    /// As the settings call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Command => "command",
            Self::Webhook => "webhook",
        }
    }
}

/// What is sent of which sessions. A list that is empty fits everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct NotifyRule {
    pub states: Vec<CallState>,
    /// Names of contexts, or of hosts.
    pub contexts: Vec<String>,
    pub tags: Vec<String>,
    /// Absent: every way that is set up. Empty: nothing.
    pub send: Option<Vec<CallWay>>,
    /// Instead of what holds for all.
    pub when: Option<CallWhen>,
}

/// The states that somebody is called for, by the words that the dashboard shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CallState {
    Approval,
    Question,
    Idle,
    Finished,
    Error,
    Exited,
    Lost,
}

impl CallState {
    /// `None` for states that nobody is called for.
    pub fn of(state: &SessionState) -> Option<Self> {
        match state {
            SessionState::Approval => Some(Self::Approval),
            SessionState::Question => Some(Self::Question),
            SessionState::Idle => Some(Self::Idle),
            SessionState::Finished => Some(Self::Finished),
            SessionState::Error { .. } => Some(Self::Error),
            SessionState::Exited { .. } => Some(Self::Exited),
            SessionState::Lost => Some(Self::Lost),
            SessionState::Starting | SessionState::Working { .. } | SessionState::Unknown => None,
        }
    }
}

impl NotifyConfig {
    /// The program and arguments of a way; empty where there are none.
    pub fn arguments(&self, way: CallWay) -> &[String] {
        match way {
            CallWay::Terminal => &[],
            CallWay::Command => &self.command,
            CallWay::Webhook => &self.webhook,
        }
    }

    pub fn has(&self, way: CallWay) -> bool {
        match way {
            CallWay::Terminal => self.terminal != Notify::Off,
            CallWay::Command | CallWay::Webhook => !self.arguments(way).is_empty(),
        }
    }

    /// The first thing that is wrong.
    pub(super) fn fault(&self) -> Option<Fault> {
        [CallWay::Command, CallWay::Webhook]
            .into_iter()
            .find_map(|way| command_fault(way, self.arguments(way)))
    }

    /// What can never fit, or never be sent.
    pub(super) fn doubts(&self, contexts: &Contexts) -> Vec<Fault> {
        let hosts = contexts.values().filter_map(|one| one.host.as_deref());
        let names = contexts.keys().map(String::as_str).chain(hosts);
        let places: BTreeSet<&str> = names.chain([HostId::LOCAL]).collect();
        let all_tags = contexts.values().flat_map(|one| &one.tags);
        let tags: BTreeSet<&str> = all_tags.map(String::as_str).collect();
        let mut doubts = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            unknown(at, "contexts", &rule.contexts, &places, &mut doubts);
            unknown(at, "tags", &rule.tags, &tags, &mut doubts);
            for (index, way) in rule.send.iter().flatten().enumerate() {
                if *way != CallWay::Terminal && !self.has(*way) {
                    let message = format!("there is no {} to send by", way.word());
                    let hint = format!("set “{}” under [notify]", way.word());
                    doubts.push(Fault::new(in_rule(at, "send", index), message, hint));
                }
            }
        }
        doubts
    }
}

fn in_rule(at: usize, key: &str, index: usize) -> Vec<String> {
    let path = ["notify", "rules", &at.to_string(), key, &index.to_string()];
    path.map(str::to_owned).to_vec()
}

fn unknown(
    at: usize,
    key: &'static str,
    names: &[String],
    known: &BTreeSet<&str>,
    doubts: &mut Vec<Fault>,
) {
    for (index, name) in names.iter().enumerate() {
        if !known.contains(name.as_str()) {
            let what = if key == "tags" {
                "no context has the tag"
            } else {
                "there is no context"
            };
            let near = nearest(name, known.iter().copied());
            let hint = near.map_or(String::new(), |near| format!("did you mean “{near}”?"));
            let message = format!("{what} “{}”", name.escape_debug());
            doubts.push(Fault::new(in_rule(at, key, index), message, hint));
        }
    }
}

fn command_fault(way: CallWay, arguments: &[String]) -> Option<Fault> {
    let fault = |index: usize, message: String, hint: &str| {
        let path = ["notify", way.word(), &index.to_string()].map(str::to_owned);
        Some(Fault::new(path.to_vec(), message, hint))
    };
    for (index, argument) in arguments.iter().enumerate() {
        if index == 0 && argument.trim().is_empty() {
            let hint = "write a program and its arguments, or [] for none";
            return fault(index, "a command without a program".to_owned(), hint);
        }
        if argument.contains('\0') {
            let message = "no program takes a NUL character".to_owned();
            return fault(index, message, "remove it");
        }
        for part in parts(argument) {
            match part {
                // What a session says must not choose what runs.
                Part::Place(_) if index == 0 => {
                    let hint = "the first word is what runs: write the placeholder behind it";
                    return fault(index, "the program has a placeholder".to_owned(), hint);
                }
                Part::Place(name) if !PLACEHOLDERS.contains(&name) => {
                    let hint = nearest(name, PLACEHOLDERS.into_iter()).map_or_else(
                        || format!("there are: {}", PLACEHOLDERS.join(", ")),
                        |near| format!("did you mean “{{{near}}}”?"),
                    );
                    let message = format!("unknown placeholder “{{{name}}}”");
                    return fault(index, message, &hint);
                }
                Part::Place(_) | Part::Text(_) => {}
            }
        }
    }
    None
}

/// A piece of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    Text(&'a str),
    /// The name between the braces.
    Place(&'a str),
}

/// Takes an argument apart. Only a word of small letters in braces is a placeholder, so that JSON may be written as it is.
pub fn parts(argument: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = argument;
    while let Some((before, after)) = rest.split_once('{') {
        parts.push(Part::Text(before));
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase());
        let named = after.split_once('}').filter(|(name, _)| is_name(name));
        let (part, after) = named.map_or((Part::Text("{"), after), |(name, after)| {
            (Part::Place(name), after)
        });
        parts.push(part);
        rest = after;
    }
    parts.push(Part::Text(rest));
    parts
}

/// A table, or its `terminal` alone: `notify = "osc9"`.
pub(super) fn table_or_word<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<NotifyConfig, D::Error> {
    struct TableOrWord;

    impl<'de> Visitor<'de> for TableOrWord {
        type Value = NotifyConfig;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table, or \"bell\", \"osc9\", \"osc777\" or \"off\"")
        }

        fn visit_str<E: Error>(self, word: &str) -> Result<NotifyConfig, E> {
            Ok(NotifyConfig {
                terminal: Notify::deserialize(StrDeserializer::new(word))?,
                ..NotifyConfig::default()
            })
        }

        fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<NotifyConfig, A::Error> {
            NotifyConfig::deserialize(MapAccessDeserializer::new(table))
        }
    }

    deserializer.deserialize_any(TableOrWord)
}

#[cfg(test)]
mod tests {
    use super::Part::{Place, Text};
    use super::*;

    #[test]
    fn only_a_word_in_braces_is_a_placeholder() {
        assert_eq!(
            parts(r#"{"text":"{text}"} {} {X"#),
            [
                Text(""),
                Text("{"),
                Text(r#""text":""#),
                Place("text"),
                Text(r#""} "#),
                Text("{"),
                Text("} "),
                Text("{"),
                Text("X")
            ]
        );
    }

    #[test]
    fn the_words_of_states_are_those_of_the_dashboard() {
        let states = [
            SessionState::Approval,
            SessionState::Question,
            SessionState::Idle,
            SessionState::Finished,
            SessionState::Error {
                text: String::new(),
            },
            SessionState::Exited {
                code: None,
                signal: None,
            },
            SessionState::Lost,
        ];
        for state in states {
            let word = serde_json::to_value(CallState::of(&state)).unwrap();
            assert_eq!(word, state.word());
        }
    }
}
