//! What the program is about: sessions, tools, prompts, decisions and the rules that tell a session's state.
//!
//! Pure values and rules. Nothing here does I/O, reads a clock or knows a terminal: time is passed in, screens come as
//! plain lines of text ([`detect::Look`]).

mod approval;
pub mod command;
pub mod decision;
pub mod destination;
pub mod detect;
mod evidence;
mod hook;
mod id;
pub mod policy;
mod prompt;
mod session;
pub mod status;
pub mod tool;

pub use approval::{Advice, AutoConfirm, Mode, Verdict};
pub use decision::{DecisionFilter, Record, RecordSeq, Recorded};
pub use destination::Destination;
pub use evidence::{Claim, Dismissed, Explanation, Pictured, Source};
pub use hook::{HookDecision, HookEvent, HookPane, HookWord};
pub use id::{HostId, PaneRef, PromptId, Seq, SessionId};
pub use prompt::{Answer, Choice, Fingerprint, Prompt, PromptKind};
pub use session::{Origin, Session, SessionState, UnixMillis};
pub use tool::{HookCall, ToolProfile, Tools};
