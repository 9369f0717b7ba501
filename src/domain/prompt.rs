//! What a tool asks for, and how it can be answered.

use serde::{Deserialize, Serialize};

use super::{PromptId, UnixMillis};

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
    /// When it appeared.
    pub since: UnixMillis,
}

impl Prompt {
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptKind {
    /// The tool wants permission for one action.
    Approval,
    /// The tool wants an answer that is not a permission.
    Question,
}

/// One way to answer a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
