//! OSC 7501: what a tool writes to its terminal about itself, `state=blocked:app=codex:kind=permission:msg=BASE64`.
//!
//! Whatever prints in the pane can forge it, so it is a status and never an authority: nothing is answered by it alone.

use super::{PromptKind, SessionState};

/// One report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub phase: Phase,
    /// The tool that says so; empty when it does not tell.
    pub app: String,
    /// For people only: a model may have written it. Foreign text, not cleaned.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Idle,
    Working,
    /// Waits for a person, with a prompt of this kind when it says so.
    Blocked(Option<Wanted>),
    /// The turn is finished; the prompt is open as it is when idle.
    Done,
    Error,
    /// The tool has nothing to say any more: it leaves.
    Clear,
}

/// What a blocked tool waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Permission,
    Answer,
}

impl Status {
    /// Reads what follows `7501;`. `None` when it is no report (a query, a state that nobody knows). Unknown fields are
    /// ignored, their order does not matter.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut state, mut kind, mut app, mut message) = (None, None, "", String::new());
        for field in text.split(':') {
            let (key, value) = field.split_once('=').unwrap_or((field, ""));
            match key {
                "state" => state = Some(value),
                "kind" => kind = Some(value),
                "app" => app = value,
                "msg" => message = decode(value),
                _ => {}
            }
        }
        let phase = match state? {
            "idle" => Phase::Idle,
            "working" => Phase::Working,
            "blocked" => Phase::Blocked(match kind {
                Some("permission") => Some(Wanted::Permission),
                Some("question") => Some(Wanted::Answer),
                _ => None,
            }),
            "done" => Phase::Done,
            "error" => Phase::Error,
            "clear" => Phase::Clear,
            _ => return None,
        };
        Some(Self {
            phase,
            app: app.to_owned(),
            message,
        })
    }

    /// The state that it claims, and with which prompt the tool waits; `None` when it takes its claims back.
    pub fn claim(&self) -> Option<(SessionState, Option<PromptKind>)> {
        let claimed = match self.phase {
            Phase::Idle => (SessionState::Idle, None),
            Phase::Working => {
                let activity = String::new();
                (SessionState::Working { activity }, None)
            }
            // What is permitted cannot be known from here.
            Phase::Blocked(Some(Wanted::Permission)) => {
                (SessionState::Approval, Some(PromptKind::Other))
            }
            Phase::Blocked(_) => (SessionState::Question, Some(PromptKind::Question)),
            Phase::Done => (SessionState::Finished, None),
            Phase::Error => {
                let text = self.message.clone();
                (SessionState::Error { text }, None)
            }
            Phase::Clear => return None,
        };
        Some(claimed)
    }
}

/// Base64 with or without padding, as UTF-8; empty when it is neither.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0u32, 0u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return String::new(),
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("state=idle:app=codex", Phase::Idle)]
    #[case("app=codex:state=working", Phase::Working)]
    #[case(
        "state=blocked:app=codex:kind=permission",
        Phase::Blocked(Some(Wanted::Permission))
    )]
    #[case(
        "state=blocked:kind=question:new=field",
        Phase::Blocked(Some(Wanted::Answer))
    )]
    #[case("state=blocked", Phase::Blocked(None))]
    #[case("state=blocked:kind=other", Phase::Blocked(None))]
    #[case("state=done", Phase::Done)]
    #[case("state=clear", Phase::Clear)]
    fn a_report_is_read(#[case] text: &str, #[case] expected: Phase) {
        assert_eq!(Status::parse(text).unwrap().phase, expected);
    }

    #[rstest]
    #[case("?")]
    #[case("")]
    #[case("state=")]
    #[case("state=happy")]
    #[case("kind=permission")]
    fn what_is_no_report_says_nothing(#[case] text: &str) {
        assert_eq!(Status::parse(text), None);
    }

    #[rstest]
    #[case("YXBwcm92ZSBCYXNoOiB0b3VjaCB6MQ==", "approve Bash: touch z1")]
    #[case("YXBwcm92ZSBCYXNoOiB0b3VjaCB6MQ", "approve Bash: touch z1")]
    #[case("w6Q=", "ä")]
    #[case("not base64", "")]
    #[case("/w==", "")]
    fn its_words_are_decoded(#[case] message: &str, #[case] expected: &str) {
        let text = format!("state=error:msg={message}");
        assert_eq!(Status::parse(&text).unwrap().message, expected);
    }

    #[test]
    fn a_permission_that_only_a_report_tells_of_is_of_no_known_kind() {
        let claim = Status::parse("state=blocked:kind=permission")
            .unwrap()
            .claim();
        assert_eq!(
            claim,
            Some((SessionState::Approval, Some(PromptKind::Other)))
        );
        let claim = Status::parse("state=blocked").unwrap().claim();
        assert_eq!(
            claim,
            Some((SessionState::Question, Some(PromptKind::Question)))
        );
        assert_eq!(Status::parse("state=clear").unwrap().claim(), None);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in any::<String>()) {
            let _status = Status::parse(&text);
            let _status = Status::parse(&format!("state=idle:msg={text}"));
        }
    }
}
