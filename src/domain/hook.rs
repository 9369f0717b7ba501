//! What a tool's own hook reports, and what follows from it.
//!
//! A hook is a command that the tool itself runs, with exact data: what it is about to do, to the letter. So nothing
//! here is guessed from a screen. It is still text that came from a model or a user: shown only after cleaning.
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

use super::{Answer, PromptKind, SessionState};

/// One call of a hook. Texts are cleaned and bounded by whoever receives them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookEvent {
    /// The profile's id of the tool that called.
    pub tool: String,
    /// The tool's name of the event, for example `PermissionRequest`.
    pub event: String,
    /// The tool's own id of its conversation.
    pub conversation: String,
    /// The folder that the tool works in.
    pub cwd: String,
    /// Where the hook ran, if that was in tmux. A tool with a daemon of its own may name another pane of the user.
    pub pane: Option<HookPane>,
    /// What the tool calls the action, for example `Bash`.
    pub action: String,
    /// What is at stake, exactly: a command, a file, an address. Empty when the event has none.
    pub subject: String,
    /// The kind of a notification, or the words of an error.
    pub detail: String,
}

/// What a hook that asked is told to answer its tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookDecision {
    pub answer: Answer,
    /// For the tool's model, with a no; may be empty.
    #[serde(default)]
    pub message: String,
}

/// A pane as the environment of a program in it tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookPane {
    /// The socket of the tmux server.
    pub socket: String,
    pub server_pid: i32,
    /// The number behind `%`.
    pub pane: u32,
}

/// What an event says of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookWord {
    /// The session is in this state; with a prompt of this kind when it waits.
    Says(SessionState, Option<PromptKind>),
    /// A prompt is still open. Tells less than what opened it.
    StillWaits,
    /// Nothing that was said before counts any more.
    Over,
    /// Nothing about the state.
    Nothing,
}

impl HookEvent {
    /// What follows from the event. Unknown ones say nothing: tools add events with every version.
    pub fn word(&self) -> HookWord {
        let working = |activity: &str| {
            let activity = activity.to_owned();
            HookWord::Says(SessionState::Working { activity }, None)
        };
        match self.event.as_str() {
            "UserPromptSubmit" => working(""),
            "PreToolUse" | "PostToolUse" | "PostToolUseFailure" => working(&self.action),
            "PreCompact" => working("compacting"),
            "PermissionRequest" => {
                let kind = self.kind();
                HookWord::Says(kind.state(), Some(kind))
            }
            "Notification" => match self.detail.as_str() {
                "permission_prompt" => HookWord::StillWaits,
                "idle_prompt" => HookWord::Says(SessionState::Idle, None),
                _ => HookWord::Nothing,
            },
            "Stop" => HookWord::Says(SessionState::Finished, None),
            "StopFailure" => {
                let text = self.detail.clone();
                HookWord::Says(SessionState::Error { text }, None)
            }
            // A new conversation in the same pane begins with the end of the old one.
            "SessionStart" | "SessionEnd" => HookWord::Over,
            // Among them `agent-turn-complete`: it also comes for turns that nobody sees, such as one that finds a title.
            _ => HookWord::Nothing,
        }
    }

    /// What the action would do.
    pub fn kind(&self) -> PromptKind {
        match self.action.as_str() {
            "Bash" | "shell" | "BashOutput" => PromptKind::Command,
            "Edit" | "MultiEdit" | "NotebookEdit" | "apply_patch" => PromptKind::Edit,
            "Write" => PromptKind::Create,
            "Read" | "Glob" | "Grep" => PromptKind::Read,
            "WebFetch" | "WebSearch" => PromptKind::Fetch,
            "AskUserQuestion" => PromptKind::Question,
            "ExitPlanMode" => PromptKind::Plan,
            action if action.starts_with("mcp__") => PromptKind::ToolCall,
            _ => PromptKind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn event(event: &str, action: &str, detail: &str) -> HookEvent {
        HookEvent {
            tool: "claude-code".into(),
            event: event.into(),
            conversation: String::new(),
            cwd: String::new(),
            pane: None,
            action: action.into(),
            subject: String::new(),
            detail: detail.into(),
        }
    }

    #[rstest]
    #[case("UserPromptSubmit", "", "", "working")]
    #[case("PreToolUse", "Bash", "", "working")]
    #[case("PreCompact", "", "", "working")]
    #[case("PermissionRequest", "Bash", "", "approval")]
    #[case("PermissionRequest", "ExitPlanMode", "", "approval")]
    #[case("PermissionRequest", "AskUserQuestion", "", "question")]
    #[case("Stop", "", "", "finished")]
    #[case("StopFailure", "", "API Error: 500", "error")]
    fn an_event_says_a_state(
        #[case] name: &str,
        #[case] action: &str,
        #[case] detail: &str,
        #[case] expected: &str,
    ) {
        let HookWord::Says(state, _) = event(name, action, detail).word() else {
            panic!("{name} says nothing");
        };
        assert_eq!(state.word(), expected);
    }

    #[rstest]
    #[case("Bash", PromptKind::Command)]
    #[case("apply_patch", PromptKind::Edit)]
    #[case("Write", PromptKind::Create)]
    #[case("Grep", PromptKind::Read)]
    #[case("WebFetch", PromptKind::Fetch)]
    #[case("AskUserQuestion", PromptKind::Question)]
    #[case("ExitPlanMode", PromptKind::Plan)]
    #[case("mcp__x__y", PromptKind::ToolCall)]
    #[case("SomethingNew", PromptKind::Other)]
    fn an_action_is_of_a_kind(#[case] action: &str, #[case] expected: PromptKind) {
        assert_eq!(event("PermissionRequest", action, "").kind(), expected);
    }

    #[rstest]
    #[case("permission_prompt", HookWord::StillWaits)]
    #[case("idle_prompt", HookWord::Says(SessionState::Idle, None))]
    #[case("something_new", HookWord::Nothing)]
    fn a_notification_says_no_more_than_it_knows(#[case] detail: &str, #[case] expected: HookWord) {
        assert_eq!(event("Notification", "", detail).word(), expected);
    }

    #[test]
    fn the_end_of_a_turn_that_nobody_sees_is_not_finished() {
        let word = event("agent-turn-complete", "", "").word();
        assert_eq!(word, HookWord::Nothing);
    }

    #[test]
    fn a_new_conversation_ends_what_the_old_one_said() {
        assert_eq!(event("SessionEnd", "", "clear").word(), HookWord::Over);
        assert_eq!(event("SessionStart", "", "clear").word(), HookWord::Over);
    }
}
