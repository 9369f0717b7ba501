//! What judges a prompt, and what keeps the record, as this room sees them: two small doors.
//!
//! Behind them are the host's policy and its audit. Both may be absent or broken; then nothing is answered by itself.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::Who;
pub use crate::domain::decision::{Ended, Way};
pub use crate::domain::policy::Judgement;
use crate::domain::{Answer, Mode, PromptId, PromptKind, SessionId, Source};

/// What is judged: one request, to the letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Case {
    /// The profile's id.
    pub tool: String,
    pub kind: PromptKind,
    pub subject: String,
    /// Where the tool works.
    pub dir: String,
    /// Who told the exact subject.
    pub source: Source,
}

/// The rules of a host. Called beside the hub: it may look at files.
pub trait Judge: fmt::Debug + Send + Sync {
    fn judge(&self, case: &Case) -> Judgement;
    /// The rule that would allow exactly this, as text; `None` where none is safe.
    fn suggest(&self, case: &Case) -> Option<String>;
    /// Names the text that the rules were read from.
    fn hash(&self) -> String;
}

/// All that is recorded of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub by: Who,
    /// The mode of the session when a rule decided.
    pub mode: Mode,
    /// Of the rules then.
    pub policy: String,
    pub answer: Answer,
    /// What the tool is told with a no.
    pub message: String,
    pub way: Way,
    pub why: String,
    pub asked: Asked,
}

/// What is recorded of a prompt, whatever becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub session: SessionId,
    /// What the session was called then.
    pub name: String,
    pub tool: String,
    pub dir: String,
    pub prompt: PromptId,
    pub kind: PromptKind,
    pub subject: String,
    pub question: String,
    pub evidence: Vec<Source>,
    /// The screen then.
    pub before: String,
}

/// The number of an intent in the record, or why there is none.
pub type Intent = Result<u64, String>;

/// The record of a host.
pub trait Recorder: fmt::Debug + Send + Sync {
    /// Ends once the intent is safe on disk, or cannot be.
    fn intent(&self, decision: Decision) -> Pin<Box<dyn Future<Output = Intent> + Send>>;
    /// Records what came of it, without waiting. `after` is the screen then.
    fn outcome(&self, decision: &Decision, intent: Option<u64>, ended: Ended, after: &str);
    /// Records that a prompt went away, and that nobody of ours answered it, without waiting. `why` is for people, `after`
    /// the screen then.
    fn withdrawn(&self, asked: Asked, why: &str, after: &str);
    /// Records an order that was refused because it came from inside a session, without waiting. Its subject is the order.
    fn refused(&self, asked: Asked, why: &str);
    /// Why nothing can be recorded; `None` while all is well.
    fn trouble(&self) -> Option<String>;
}
