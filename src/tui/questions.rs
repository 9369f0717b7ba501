//! What hosts ask the person before they can be used, oldest first.
//!
//! Only the words are here; the way back of an answer is held by the loop, under the same id.

use crate::domain::HostId;
use crate::transport::asking::Question;

/// Names one question of this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuestionId(pub u64);

/// A question that is not answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub id: QuestionId,
    pub host: HostId,
    pub question: Question,
    /// Whether it came while the keys were somebody else's: then it opens only when the person asks for it.
    pub is_set_aside: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Questions(Vec<Waiting>);

impl Questions {
    pub fn add(&mut self, waiting: Waiting) {
        self.0.push(waiting);
    }

    /// Takes a question out, when it is answered or withdrawn.
    pub fn remove(&mut self, id: QuestionId) -> Option<Waiting> {
        let at = self.0.iter().position(|waiting| waiting.id == id)?;
        Some(self.0.remove(at))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.0.iter()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The oldest question of a host.
    pub fn of(&self, host: &HostId) -> Option<&Waiting> {
        self.0.iter().find(|waiting| waiting.host == *host)
    }

    /// From now on every question opens in its turn.
    pub fn take_up(&mut self) {
        for waiting in &mut self.0 {
            waiting.is_set_aside = false;
        }
    }
}

/// What is asked, in one or two words.
pub fn subject(question: &Question) -> &'static str {
    match question {
        Question::HostKey(_) => "unknown key",
        Question::Secrets(_) => "log in",
        Question::Install(_) => "install cm-agent",
        Question::TryAgain { .. } => "login failed twice",
    }
}
