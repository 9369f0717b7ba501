//! The only words that a tool's hook is ever given: yes or no to this one request.
//!
//! Promise: nothing else can be said. No “don't ask again”, no change of mode, no changed input: there is no place for
//! them in these types.

use serde::Serialize;

use crate::domain::{Answer, HookDecision};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output<'a> {
    hook_specific_output: Specific<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Specific<'a> {
    hook_event_name: &'static str,
    decision: Behaviour<'a>,
}

#[derive(Serialize)]
#[serde(tag = "behavior", rename_all = "lowercase")]
enum Behaviour<'a> {
    Allow,
    Deny {
        #[serde(skip_serializing_if = "str::is_empty")]
        message: &'a str,
    },
}

/// What the hook writes to its standard output; `None` when it cannot be said, which leaves the tool's own dialog in charge.
pub fn output(decision: &HookDecision) -> Option<String> {
    let decision = match decision.answer {
        Answer::Yes => Behaviour::Allow,
        Answer::No => Behaviour::Deny {
            message: &decision.message,
        },
    };
    let output = Output {
        hook_specific_output: Specific {
            hook_event_name: "PermissionRequest",
            decision,
        },
    };
    serde_json::to_string(&output).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn said(answer: Answer, message: &str) -> serde_json::Value {
        let message = message.to_owned();
        let text = output(&HookDecision { answer, message }).unwrap();
        assert!(!text.contains('\n'));
        serde_json::from_str(&text).unwrap()
    }

    proptest! {
        /// Everything that can be said, whatever a person wrote into it.
        #[test]
        fn a_hook_says_yes_or_no_and_nothing_else(yes in any::<bool>(), message in any::<String>()) {
            let answer = if yes { Answer::Yes } else { Answer::No };
            let decision = match (yes, message.as_str()) {
                (true, _) => json!({"behavior": "allow"}),
                (false, "") => json!({"behavior": "deny"}),
                (false, message) => json!({"behavior": "deny", "message": message}),
            };
            let expected = json!({"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}});
            prop_assert_eq!(said(answer, &message), expected);
        }
    }
}
