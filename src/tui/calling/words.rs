//! What is said: the sentence, the arguments of a command, and the JSON on its standard input.

use serde_json::json;

use super::News;
use crate::config::{CallState, CallWay, Part, parts};
use crate::domain::{SessionState, UnixMillis};
use crate::term::sanitize;

/// The most columns of a value: what a notification has room for.
const VALUE: usize = 200;

/// A command to run once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub way: CallWay,
    /// The program first; never empty.
    pub arguments: Vec<String>,
    /// Its standard input.
    pub input: String,
}

impl News {
    /// In a sentence, without a full stop: `shop on local needs you`.
    pub fn sentence(&self) -> String {
        let what = match (self.state, &self.session.state) {
            (CallState::Approval | CallState::Question, _) => "needs you",
            (CallState::Idle | CallState::Finished, _)
            | (CallState::Exited, SessionState::Exited { code: Some(0), .. }) => "is done",
            (CallState::Error | CallState::Exited, _) => "has failed",
            (CallState::Lost, _) => "is lost",
        };
        format!("{} on {} {what}", self.session.name, self.host)
    }

    /// What it waits for, or how it failed; may be empty. Foreign text.
    fn subject(&self) -> String {
        match (&self.session.prompt, &self.session.state) {
            (Some(prompt), _) if !prompt.subject.is_empty() => prompt.subject.clone(),
            (Some(prompt), _) => prompt.question.clone(),
            (None, SessionState::Error { text }) => text.clone(),
            (
                None,
                SessionState::Exited {
                    code: Some(code), ..
                },
            ) => format!("code {code}"),
            (
                None,
                SessionState::Exited {
                    signal: Some(signal),
                    ..
                },
            ) => format!("signal {signal}"),
            _ => String::new(),
        }
    }

    /// The value of a placeholder; as one line of drawn text.
    fn value(&self, name: &str) -> String {
        let value = match name {
            "session" => self.session.name.clone(),
            "state" => self.session.state.word().to_owned(),
            "host" => self.host.to_string(),
            "context" => self
                .contexts
                .first()
                .map_or_else(|| self.host.to_string(), Clone::clone),
            "tool" => self.session.tool.clone(),
            "subject" => self.subject(),
            "text" => self.sentence(),
            // The settings are checked: there is no other.
            _ => String::new(),
        };
        sanitize::label(&value, VALUE)
    }

    fn as_json(&self, now: UnixMillis) -> String {
        let names = |names: &[String]| -> Vec<String> {
            names
                .iter()
                .map(|name| sanitize::label(name, VALUE))
                .collect()
        };
        let event = json!({
            "session": self.value("session"),
            "id": self.session.id.as_str(),
            "state": self.value("state"),
            "host": self.value("host"),
            "contexts": names(&self.contexts),
            "tags": names(&self.tags),
            "tool": self.value("tool"),
            "dir": sanitize::label(&self.session.dir, VALUE),
            "subject": self.value("subject"),
            "text": self.value("text"),
            "at": now,
        });
        format!("{event}\n")
    }
}

/// The command `arguments` with `news` filled in.
pub fn order(way: CallWay, arguments: &[String], news: &News, now: UnixMillis) -> Order {
    let filled = |argument: &String| -> String {
        let piece = |part| match part {
            Part::Text(text) => text.to_owned(),
            Part::Place(name) => disarmed(news.value(name)),
        };
        parts(argument).into_iter().map(piece).collect()
    };
    Order {
        way,
        arguments: arguments.iter().map(filled).collect(),
        input: news.as_json(now),
    }
}

/// A value that starts with a sign gets a blank before it: `-x` would be an option to most programs, and `@x` or `<x` a
/// file to be read to some.
fn disarmed(value: String) -> String {
    if value.starts_with(|c: char| c.is_ascii_punctuation()) {
        format!(" {value}")
    } else {
        value
    }
}
