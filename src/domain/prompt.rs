//! What a tool asks for, and how it can be answered.
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

use super::{Advice, PromptId, SessionState, Source, UnixMillis};

/// One open question of one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    pub id: PromptId,
    pub kind: PromptKind,
    /// What is at stake, exactly as the screen shows it (cleaned for display): a command line, a file, a question.
    pub subject: String,
    /// The line that asks, for example `Do you want to proceed?`. Foreign text, cleaned.
    pub question: String,
    /// What the tool offers, in the order of the screen. Empty when the rule could not tell.
    pub choices: Vec<Choice>,
    /// The name of the rule that recognised it.
    pub rule: String,
    /// Which sources say that it is open, the most trusted first. Empty when the agent does not tell.
    #[serde(default)]
    pub evidence: Vec<Source>,
    /// When it appeared.
    pub since: UnixMillis,
    /// What the host's policy says of it; absent when the agent does not tell.
    #[serde(default)]
    pub advice: Option<Advice>,
}

/// What two prompts have in common when they ask for the same: nobody could tell them apart by what is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint<'a> {
    kind: PromptKind,
    subject: &'a str,
    question: &'a str,
    choices: &'a [Choice],
}

impl Prompt {
    /// What it asks, whenever and wherever. While it stands, a prompt whose fingerprint changes gets another id: an answer
    /// by id is one to exactly what was shown.
    pub fn fingerprint(&self) -> Fingerprint<'_> {
        Fingerprint {
            kind: self.kind,
            subject: &self.subject,
            question: &self.question,
            choices: &self.choices,
        }
    }

    /// The choice that answers `answer`, if the tool offers exactly one for it.
    pub fn choice(&self, answer: Answer) -> Option<&Choice> {
        let mut fitting = self
            .choices
            .iter()
            .filter(|choice| choice.answer == Some(answer));
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }
}

/// What a prompt is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptKind {
    /// Runs a command line.
    Command,
    /// Changes a file.
    Edit,
    /// Writes a new file.
    Create,
    /// Reads a file.
    Read,
    /// Asks something of the network.
    Fetch,
    /// Calls some other tool, such as one of an MCP server.
    ToolCall,
    /// Wants permission for one action of a kind of its own.
    Other,
    /// Wants a folder to be trusted from now on.
    Trust,
    /// Wants a plan to be carried out.
    Plan,
    /// Wants somebody to log in.
    Login,
    /// Wants an answer that is no permission.
    Question,
}

impl PromptKind {
    /// Whether a yes permits one action and nothing more. Only such a prompt may ever be answered without a human.
    pub fn is_permission(self) -> bool {
        match self {
            Self::Command
            | Self::Edit
            | Self::Create
            | Self::Read
            | Self::Fetch
            | Self::ToolCall
            | Self::Other => true,
            Self::Trust | Self::Plan | Self::Login | Self::Question => false,
        }
    }

    /// Whether there is one yes to it that a person may give: to a permission, a folder or a plan. Other questions have
    /// answers that mean something else each time.
    pub fn can_be_agreed_to(self) -> bool {
        self.is_permission() || matches!(self, Self::Trust | Self::Plan)
    }

    /// The state of a session that waits with such a prompt.
    pub fn state(self) -> SessionState {
        match self {
            Self::Login | Self::Question => SessionState::Question,
            _ => SessionState::Approval,
        }
    }

    /// One word, the same in every view, in logs and in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Edit => "edit",
            Self::Create => "create",
            Self::Read => "read",
            Self::Fetch => "fetch",
            Self::ToolCall => "tool call",
            Self::Other => "other",
            Self::Trust => "trust",
            Self::Plan => "plan",
            Self::Login => "login",
            Self::Question => "question",
        }
    }
}

/// One way to answer a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Choice {
    /// As shown by the tool, cleaned.
    pub label: String,
    /// The exact bytes that choose it.
    pub keys: String,
    /// What it means, when that is certain: yes to this one request, or no to it.
    pub answer: Option<Answer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Yes,
    No,
}

impl Answer {
    /// One word, the same in every view, in logs and in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(PromptKind::Command, "command", true, true)]
    #[case(PromptKind::Edit, "edit", true, true)]
    #[case(PromptKind::Create, "create", true, true)]
    #[case(PromptKind::Read, "read", true, true)]
    #[case(PromptKind::Fetch, "fetch", true, true)]
    #[case(PromptKind::ToolCall, "tool call", true, true)]
    #[case(PromptKind::Other, "other", true, true)]
    #[case(PromptKind::Trust, "trust", false, true)]
    #[case(PromptKind::Plan, "plan", false, true)]
    #[case(PromptKind::Login, "login", false, false)]
    #[case(PromptKind::Question, "question", false, false)]
    fn a_kind_says_who_may_agree_to_it(
        #[case] kind: PromptKind,
        #[case] word: &str,
        #[case] is_permission: bool,
        #[case] can_be_agreed_to: bool,
    ) {
        assert_eq!(kind.word(), word);
        assert_eq!(kind.is_permission(), is_permission);
        assert_eq!(kind.can_be_agreed_to(), can_be_agreed_to);
        let waits = kind.state() == SessionState::Approval;
        assert_eq!(waits, can_be_agreed_to);
    }

    #[rstest]
    #[case(&[Answer::Yes, Answer::No], Answer::No, Some("1"))]
    #[case(&[Answer::Yes, Answer::Yes], Answer::Yes, None)]
    #[case(&[Answer::Yes], Answer::No, None)]
    fn a_choice_that_is_not_the_only_one_is_none(
        #[case] offered: &[Answer],
        #[case] answer: Answer,
        #[case] keys: Option<&str>,
    ) {
        let choices = offered.iter().enumerate().map(|(at, answer)| Choice {
            label: answer.word().into(),
            keys: at.to_string(),
            answer: Some(*answer),
        });
        let prompt = Prompt {
            id: PromptId(1),
            kind: PromptKind::Command,
            subject: "ls".into(),
            question: String::new(),
            choices: choices.collect(),
            rule: String::new(),
            evidence: Vec::new(),
            since: 0,
            advice: None,
        };
        let found = prompt.choice(answer).map(|choice| choice.keys.as_str());
        assert_eq!(found, keys);
    }

    #[test]
    fn the_word_of_an_answer_is_its_name_in_json() {
        for answer in [Answer::Yes, Answer::No] {
            assert_eq!(serde_json::to_value(answer).unwrap(), answer.word());
        }
    }
}
