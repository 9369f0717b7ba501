//! `cm-agent hook`: what a tool's own hook calls.
//!
//! Promise: it never gets in the tool's way. It writes nothing, decides nothing, always succeeds, and ends within
//! its deadline whatever happens; when no daemon runs it ends at once and starts none. Some tools wait for it before they
//! go on, and some take its output for an answer.

use std::io::Read as _;
use std::time::Duration;

use serde_json::Value;

use crate::domain::{HookEvent, HookPane};
use crate::paths::Paths;
use crate::protocol::Request;
use crate::transport::{ask, local};

/// How long the tool may be kept waiting: a daemon on a busy host answers within some ten milliseconds, and a person who
/// waits for a tool does not notice a second.
const DEADLINE: Duration = Duration::from_secs(1);
/// The largest event that is read, in bytes: a tool that writes a file hands over all of it, sometimes twice.
const MAX_EVENT: u64 = 8 << 20;
/// The longest text that is sent, in bytes. A subject that is longer is not sent at all: half of it is not exact.
const MAX_SUBJECT: usize = 16 << 10;
const MAX_WORDS: usize = 1 << 10;

/// Reads one event and hands it to the daemon. `arguments` are the profile's id of the tool, if it is told, and the event
/// itself for tools that do not write it to standard input.
pub async fn report(paths: &Paths, arguments: &[String]) {
    // Nobody is told whether it worked: what a hook prints ends up in the tool.
    let _told = tokio::time::timeout(DEADLINE, tell(paths, arguments)).await;
}

async fn tell(paths: &Paths, arguments: &[String]) -> Option<()> {
    // First the daemon: without one there is no need to read.
    let stream = local::connect(&paths.socket()).await.ok()?;
    let inline = arguments.iter().find(|text| text.starts_with('{')).cloned();
    let text = match inline {
        Some(text) => text,
        None => tokio::task::spawn_blocking(read_event).await.ok()??,
    };
    let tool = arguments.iter().find(|text| !text.starts_with('{'));
    let pane = |name: &str| std::env::var(name).ok();
    let pane = pane("TMUX").zip(pane("TMUX_PANE"));
    let pane = pane.and_then(|(tmux, pane)| pane_of(&tmux, &pane));
    let event = event(
        &serde_json::from_str(&text).ok()?,
        tool.map(String::as_str),
        pane,
    )?;
    let _acknowledged = ask(stream.into_split(), "cm-agent hook", Request::Hook(event)).await;
    Some(())
}

fn read_event() -> Option<String> {
    let mut text = String::new();
    std::io::stdin()
        .take(MAX_EVENT)
        .read_to_string(&mut text)
        .ok()?;
    Some(text)
}

/// The pane that `TMUX` (`socket,pid,session`) and `TMUX_PANE` (`%7`) name.
fn pane_of(tmux: &str, pane: &str) -> Option<HookPane> {
    let mut parts = tmux.rsplitn(3, ',');
    let (_session, pid, socket) = (parts.next()?, parts.next()?, parts.next()?);
    Some(HookPane {
        socket: bounded(socket, MAX_WORDS),
        server_pid: pid.parse().ok()?,
        pane: pane.strip_prefix('%')?.parse().ok()?,
    })
}

/// Makes an event of what the tool handed over; `None` when it is none. The shapes of Claude Code and Codex are the same
/// but for a few fields; `notify` of Codex has its own.
pub fn event(json: &Value, tool: Option<&str>, pane: Option<HookPane>) -> Option<HookEvent> {
    let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default();
    let either = |one: &str, other: &str| {
        let first = text(one);
        if first.is_empty() {
            text(other).to_owned()
        } else {
            first.to_owned()
        }
    };
    let name = either("hook_event_name", "type");
    if name.is_empty() {
        return None;
    }
    let is_codex = json.get("turn_id").is_some() || json.get("turn-id").is_some();
    let tool = tool.unwrap_or(if is_codex { "codex" } else { "claude-code" });
    let action = text("tool_name");
    let subject = json
        .get("tool_input")
        .map_or_else(String::new, |input| subject(action, input));
    let detail = match name.as_str() {
        "Notification" => text("notification_type").to_owned(),
        "StopFailure" => either("last_assistant_message", "error"),
        "SessionStart" => text("source").to_owned(),
        "SessionEnd" => text("reason").to_owned(),
        _ => String::new(),
    };
    Some(HookEvent {
        tool: bounded(tool, MAX_WORDS),
        event: bounded(&name, MAX_WORDS),
        conversation: bounded(&either("session_id", "thread-id"), MAX_WORDS),
        cwd: bounded(text("cwd"), MAX_WORDS),
        pane,
        action: bounded(action, MAX_WORDS),
        subject: if subject.len() > MAX_SUBJECT {
            String::new()
        } else {
            subject
        },
        detail: bounded(&detail, MAX_WORDS),
    })
}

/// What exactly is at stake; empty when that cannot be said in one text.
fn subject(action: &str, input: &Value) -> String {
    let text = |key: &str| input.get(key).and_then(Value::as_str).unwrap_or_default();
    match action {
        "apply_patch" => patched_files(text("command")).join("\n"),
        "ExitPlanMode" => "plan".to_owned(),
        "AskUserQuestion" => input
            .pointer("/questions/0/question")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        _ => ["command", "file_path", "notebook_path", "url", "query"]
            .into_iter()
            .map(text)
            .find(|text| !text.is_empty())
            .unwrap_or_default()
            .to_owned(),
    }
}

/// The files that a patch of Codex touches.
fn patched_files(patch: &str) -> Vec<&str> {
    let marks = [
        "*** Update File: ",
        "*** Add File: ",
        "*** Delete File: ",
        "*** Move to: ",
    ];
    patch
        .lines()
        .filter_map(|line| marks.iter().find_map(|mark| line.strip_prefix(mark)))
        .collect()
}

fn bounded(text: &str, max: usize) -> String {
    let end = (0..=max.min(text.len()))
        .rev()
        .find(|&end| text.is_char_boundary(end));
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn asked(json: &Value) -> HookEvent {
        event(json, None, None).unwrap()
    }

    #[rstest]
    #[case("Bash", json!({"command": "rm -rf build", "description": "x"}), "rm -rf build")]
    #[case("Edit", json!({"file_path": "/srv/cart.py", "old_string": "a", "new_string": "b"}), "/srv/cart.py")]
    #[case("Write", json!({"file_path": "/srv/a.py", "content": "x"}), "/srv/a.py")]
    #[case("WebFetch", json!({"url": "https://example.com/x.sh", "prompt": "read"}), "https://example.com/x.sh")]
    #[case("AskUserQuestion", json!({"questions": [{"question": "Which?"}]}), "Which?")]
    #[case("ExitPlanMode", json!({"plan": "# Plan"}), "plan")]
    #[case("apply_patch", json!({"command": "*** Begin Patch\n*** Update File: a.py\n+x\n*** Add File: b.py\n*** End Patch"}), "a.py\nb.py")]
    #[case("mcp__x__y", json!({"z": 1}), "")]
    fn the_subject_is_exact(#[case] action: &str, #[case] input: Value, #[case] expected: &str) {
        let call = json!({
            "hook_event_name": "PermissionRequest", "session_id": "s", "cwd": "/srv",
            "tool_name": action, "tool_input": input,
        });
        let event = asked(&call);
        assert_eq!(
            (event.subject.as_str(), event.action.as_str()),
            (expected, action)
        );
        assert_eq!(
            (event.cwd.as_str(), event.conversation.as_str()),
            ("/srv", "s")
        );
    }

    #[test]
    fn half_of_a_subject_is_not_told() {
        let long = "x".repeat(MAX_SUBJECT + 1);
        let call = json!({"hook_event_name": "PermissionRequest", "tool_name": "Bash", "tool_input": {"command": long}});
        assert_eq!(asked(&call).subject, "");
    }

    #[test]
    fn the_tool_is_known_by_its_shape_when_it_is_not_told() {
        let codex = json!({"hook_event_name": "Stop", "turn_id": "t"});
        assert_eq!(asked(&codex).tool, "codex");
        assert_eq!(
            asked(&json!({"hook_event_name": "Stop"})).tool,
            "claude-code"
        );
        let named = event(&json!({"hook_event_name": "Stop"}), Some("other"), None);
        assert_eq!(named.unwrap().tool, "other");
        let notify = json!({"type": "agent-turn-complete", "thread-id": "h", "turn-id": "t"});
        let notify = asked(&notify);
        assert_eq!(
            (notify.tool.as_str(), notify.conversation.as_str()),
            ("codex", "h")
        );
    }

    #[rstest]
    #[case("/tmp/tmux-0/cm,77,0", "%3", Some(("/tmp/tmux-0/cm", 77, 3)))]
    #[case("/tmp/a,b/cm,77,0", "%3", Some(("/tmp/a,b/cm", 77, 3)))]
    #[case("/tmp/cm", "%3", None)]
    #[case("/tmp/cm,77,0", "3", None)]
    fn the_pane_is_that_of_the_environment(
        #[case] tmux: &str,
        #[case] pane: &str,
        #[case] expected: Option<(&str, i32, u32)>,
    ) {
        let found = pane_of(tmux, pane);
        let found = found
            .as_ref()
            .map(|pane| (pane.socket.as_str(), pane.server_pid, pane.pane));
        assert_eq!(found, expected);
    }
}
