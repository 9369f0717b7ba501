//! `cm-agent hook`: what a tool's own hook calls.
//!
//! It reports what the tool says, and for a permission asks the daemon and waits. Promise: it never gets in the tool's way.
//! It always succeeds; it writes a yes or a no that the daemon gave for this very call, or nothing, which leaves the tool's own
//! dialog in charge. Whatever is doubtful is nothing: no daemon (it starts none), one that is silent, another version,
//! garbage. Some tools wait for it before they go on, so it is as good as sure within its deadline that somebody decides;
//! from then on it goes on waiting only while the daemon lives.
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

use std::io::{Read as _, Write as _};
use std::time::Duration;

use serde_json::Value;

use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::approve::output;
use crate::domain::{HookDecision, HookEvent, HookPane};
use crate::paths::Paths;
use crate::protocol::{FailureKind, Reply, Request, ToAgent, ToClient};
use crate::transport::connection::{self, MessageReader, MessageWriter};
use crate::transport::{ask, local};

/// How the hook names itself to the daemon.
pub const CLIENT: &str = "cm-agent hook";

/// How long the tool may be kept waiting: a daemon on a busy host answers within some ten milliseconds, and a person who
/// waits for a tool does not notice a second.
const DEADLINE: Duration = Duration::from_secs(1);
/// How often a daemon that thinks is asked whether it lives. One that has ended is noticed at once, by its socket.
const PULSE: Duration = Duration::from_secs(5);
/// How long it may be silent then: a suspended daemon, not a busy one. The tool's own dialog can be used all the while.
const STALL: Duration = Duration::from_secs(5);
/// The largest event that is read, in bytes: a tool that writes a file hands over all of it, sometimes twice.
const MAX_EVENT: u64 = 8 << 20;
/// The longest text that is sent, in bytes. A subject that is longer is not sent at all: half of it is not exact.
const MAX_SUBJECT: usize = 16 << 10;
const MAX_WORDS: usize = 1 << 10;

/// Reads one event and hands it to the daemon; for a permission, writes what that decides. `arguments` are the profile's id of
/// the tool, if it is told, and the event itself for tools that do not write it to standard input.
pub async fn report(paths: &Paths, arguments: &[String]) {
    // Nobody is told whether it worked: what a hook prints ends up in the tool.
    let told = tokio::time::timeout(DEADLINE, tell(paths, arguments)).await;
    if let Ok(Some(Told::Asked(mut question))) = told
        && let Some(decision) = question.answer().await
        && let Some(words) = output(&decision)
        && write(&words).is_ok()
    {
        let _told = tokio::time::timeout(DEADLINE, question.acknowledge()).await;
    }
}

/// What became of an event.
enum Told {
    Reported,
    /// Somebody thinks about it.
    Asked(Question),
}

async fn tell(paths: &Paths, arguments: &[String]) -> Option<Told> {
    // First the daemon: without one there is no need to read.
    let stream = local::connect(&paths.socket()).await.ok()?;
    let (inline, named): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|text| text.starts_with('{'));
    let text = match inline.first() {
        Some(text) => (*text).clone(),
        None => tokio::task::spawn_blocking(read_event).await.ok()??,
    };
    let pane = |name: &str| std::env::var(name).ok();
    let pane = pane("TMUX").zip(pane("TMUX_PANE"));
    let pane = pane.and_then(|(tmux, pane)| pane_of(&tmux, &pane));
    let event = event(
        &serde_json::from_str(&text).ok()?,
        named.first().map(|tool| tool.as_str()),
        pane,
    )?;
    if event.event == "PermissionRequest" {
        return Question::ask(stream, event).await.map(Told::Asked);
    }
    let _acknowledged = ask(stream.into_split(), CLIENT, Request::Hook(event)).await;
    Some(Told::Reported)
}

/// A question that the daemon has, and how it is known that it still thinks about it.
struct Question {
    reader: MessageReader<OwnedReadHalf>,
    writer: MessageWriter<OwnedWriteHalf>,
    /// What the daemon said to it, until it is taken.
    reply: Option<Reply>,
    last_id: u64,
}

/// The number of the question among the requests.
const QUESTION: u64 = 1;

impl Question {
    /// Asks, and returns once the daemon has decided or is known to have heard it.
    async fn ask(stream: UnixStream, event: HookEvent) -> Option<Self> {
        let greeted = connection::greet(stream.into_split(), CLIENT, None).await;
        let (_welcome, reader, writer) = greeted.ok()?;
        let mut question = Self {
            reader,
            writer,
            reply: None,
            last_id: QUESTION,
        };
        let request = Request::Decide(event.clone());
        question.send(QUESTION, request).await?;
        question.ping().await?;
        let (id, reply) = question.hear().await?;
        if id == QUESTION {
            if let Reply::Failed(failure) = &reply
                && failure.kind == FailureKind::Unsupported
            {
                // A daemon that is older than we are still wants to know.
                question.last_id = question.last_id.saturating_add(1);
                let report = question.last_id;
                question.send(report, Request::Hook(event)).await?;
                question.listen(report).await?;
                return None;
            }
            question.reply = Some(reply);
        }
        Some(question)
    }

    /// Waits for the answer for as long as the daemon lives.
    async fn answer(&mut self) -> Option<HookDecision> {
        loop {
            if let Some(reply) = self.reply.take() {
                return match reply {
                    Reply::Decision(decided) => decided,
                    _ => None,
                };
            }
            match tokio::time::timeout(PULSE, self.listen(QUESTION)).await {
                Ok(heard) => heard?,
                Err(_elapsed) => {
                    self.ping().await?;
                    let pulse = self.listen(self.last_id);
                    tokio::time::timeout(STALL, pulse).await.ok()??;
                }
            }
        }
    }

    /// Waits for the reply of this number, or to the question. Safe to cancel.
    async fn listen(&mut self, wanted: u64) -> Option<()> {
        loop {
            let (id, reply) = self.hear().await?;
            if id == QUESTION {
                self.reply = Some(reply);
                return Some(());
            }
            if id == wanted {
                return Some(());
            }
        }
    }

    /// Tells the daemon that the tool has the answer.
    async fn acknowledge(&mut self) -> Option<()> {
        self.send(QUESTION, Request::Ping).await?;
        self.listen(QUESTION).await
    }

    async fn ping(&mut self) -> Option<()> {
        self.last_id = self.last_id.saturating_add(1);
        self.send(self.last_id, Request::Ping).await
    }

    async fn send(&mut self, id: u64, request: Request) -> Option<()> {
        self.writer.send(&ToAgent { id, request }).await.ok()
    }

    /// The next reply; `None` when there will be no more. Safe to cancel.
    async fn hear(&mut self) -> Option<(u64, Reply)> {
        loop {
            let body = self.reader.next().await.ok()??;
            if let Some(ToClient::Reply { id, reply }) = connection::read_fact(&body) {
                return Some((id, reply));
            }
        }
    }
}

fn write(words: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{words}")?;
    out.flush()
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
pub fn pane_of(tmux: &str, pane: &str) -> Option<HookPane> {
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
    use crate::protocol::{Failure, Greeting, Welcome};
    use crate::transport::connection::FromClient;

    /// What a daemon hears that answers each request as told, if it does.
    async fn heard(
        theirs: UnixStream,
        answer: impl Fn(Request) -> Option<Reply>,
    ) -> Vec<&'static str> {
        let hello = connection::receive_hello(theirs.into_split()).await;
        let (_, version, mut reader, mut writer) = hello.unwrap();
        let welcome = Welcome {
            version,
            agent: String::new(),
            run: 1,
            host: String::new(),
            now: 0,
            home: String::new(),
            resumed: false,
        };
        writer.send(&Greeting::Welcome(welcome)).await.unwrap();
        let mut words = Vec::new();
        while let Ok(Some(body)) = reader.next().await {
            let FromClient::Order(ToAgent { id, request }) = connection::read_order(&body) else {
                panic!("it says what nobody understands");
            };
            words.push(match request {
                Request::Decide(_) => "decide",
                Request::Hook(_) => "hook",
                Request::Ping => "ping",
                _ => "other",
            });
            if let Some(reply) = answer(request) {
                writer.send(&ToClient::Reply { id, reply }).await.unwrap();
            }
        }
        words
    }

    #[rstest]
    #[case::older(FailureKind::Unsupported, &["decide", "ping", "hook"])]
    #[case::unwilling(FailureKind::Invalid, &["decide", "ping"])]
    #[tokio::test]
    async fn a_daemon_that_knows_no_questions_is_told_at_least(
        #[case] kind: FailureKind,
        #[case] expected: &[&str],
    ) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let daemon = heard(theirs, |request| match request {
            Request::Decide(_) => Some(Reply::Failed(Failure {
                kind,
                message: String::new(),
                hint: String::new(),
            })),
            _ => Some(Reply::Done),
        });
        let event = asked(&json!({"hook_event_name": "PermissionRequest"}));
        let hook = async {
            let mut question = Question::ask(ours, event).await?;
            question.answer().await
        };
        let (decision, heard) = tokio::join!(hook, daemon);
        assert_eq!(decision, None);
        assert_eq!(heard, expected);
    }

    #[tokio::test]
    async fn whatever_a_daemon_says_it_lives_and_its_decision_is_kept() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (reader, writer) = ours.into_split();
        let mut question = Question {
            reader: MessageReader::new(reader),
            writer: MessageWriter::new(writer),
            reply: None,
            last_id: QUESTION,
        };
        let mut daemon = MessageWriter::new(theirs);
        for (id, reply) in [(2, Reply::Done), (QUESTION, Reply::Decision(None))] {
            daemon.send(&ToClient::Reply { id, reply }).await.unwrap();
        }
        question.listen(2).await.unwrap();
        assert_eq!(question.reply, None);
        question.listen(3).await.unwrap();
        assert_eq!(question.reply, Some(Reply::Decision(None)));
    }

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
        for (length, told) in [(MAX_SUBJECT, MAX_SUBJECT), (MAX_SUBJECT + 1, 0)] {
            let long = "x".repeat(length);
            let call = json!({"hook_event_name": "PermissionRequest", "tool_name": "Bash", "tool_input": {"command": long}});
            assert_eq!(asked(&call).subject.len(), told);
        }
    }

    #[rstest]
    #[case("Notification", "notification_type")]
    #[case("StopFailure", "last_assistant_message")]
    #[case("StopFailure", "error")]
    #[case("SessionStart", "source")]
    #[case("SessionEnd", "reason")]
    fn the_detail_has_a_name_of_its_own_in_each_event(#[case] name: &str, #[case] key: &str) {
        let told = |name: &str| asked(&json!({"hook_event_name": name, key: "x"})).detail;
        assert_eq!((told(name).as_str(), told("Stop").as_str()), ("x", ""));
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
