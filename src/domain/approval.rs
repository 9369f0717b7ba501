//! How a session's prompts may be answered while nobody answers them, and what that comes to for one prompt.
//!
//! Everything here is for showing and asking; who decides, and under which conditions, is the agent's.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::string_slice
    )
)]

use serde::{Deserialize, Serialize};

use super::UnixMillis;

/// Who answers a session's permissions when no person does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nobody: every prompt waits for a person.
    #[default]
    Ask,
    /// The rules of the host's policy; what they do not allow waits.
    Policy,
    /// Every recognised permission is answered with yes, until it ends. Questions, trust, plans and logins still wait.
    Yes,
}

impl Mode {
    /// One word, the same in every view, in logs and in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Policy => "policy",
            Self::Yes => "yes",
        }
    }
}

/// A session's mode, as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoConfirm {
    pub mode: Mode,
    /// Whether evidence of the screen is enough, for tools without hooks. A switch of its own.
    #[serde(default)]
    pub screen: bool,
    /// Whether it is only recorded what would have been answered.
    #[serde(default)]
    pub dry_run: bool,
    /// When it ends by itself.
    #[serde(default)]
    pub until: Option<UnixMillis>,
    /// Why it was switched off by itself, in words for people; empty when it was not. Stays until a person sets a mode.
    #[serde(default)]
    pub stopped: String,
}

/// What the policy says of a prompt, strictest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Allow,
    Ask,
    Deny,
}

impl Verdict {
    /// One word, the same in every view, in logs and in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

/// What the policy says of one prompt, whatever the session's mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    pub verdict: Verdict,
    /// The name of the rule that says so; empty when none does.
    pub rule: String,
    /// One line for people.
    pub why: String,
    /// When it will be answered by itself, on the host's clock: time for a person to take over. `None` when it will not.
    #[serde(default)]
    pub answers_at: Option<UnixMillis>,
    /// Why it waits for a person, in words, though the session's mode lets prompts be answered; empty when it does not, and
    /// when `why` says it all.
    #[serde(default)]
    pub waits: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_the_names_in_json() {
        for mode in [Mode::Ask, Mode::Policy, Mode::Yes] {
            assert_eq!(serde_json::to_value(mode).unwrap(), mode.word());
        }
        for verdict in [Verdict::Allow, Verdict::Ask, Verdict::Deny] {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.word());
        }
    }
}
