//! What a task tells the model to do, and which part of it is due.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Map, Value, json};

/// One step of a task.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Say(String),
    /// Nothing comes until the test says so.
    Hold(String),
    /// The whole answer is a failure with this status.
    Fail(u16),
    Run(String),
    /// To be run outside the tool's sandbox, which has to ask for that.
    Escalate(String),
    Read(String),
    Write {
        path: String,
        text: String,
    },
    Edit {
        path: String,
        old: String,
        new: String,
    },
    Ask {
        question: String,
        options: Vec<String>,
    },
}

impl Step {
    /// `WORD: what`; paths, texts and options stand between double colons.
    fn parse(text: &str) -> Option<Self> {
        let (word, what) = text.trim().split_once(": ")?;
        let mut parts = what.split(" :: ").map(|part| part.trim().to_owned());
        let mut part = || parts.next().unwrap_or_default();
        Some(match word {
            "SAY" => Self::Say(what.to_owned()),
            "HOLD" => Self::Hold(what.to_owned()),
            "FAIL" => Self::Fail(what.parse().ok()?),
            "RUN" => Self::Run(what.to_owned()),
            "ESCALATE" => Self::Escalate(what.to_owned()),
            "READ" => Self::Read(part()),
            "WRITE" => Self::Write {
                path: part(),
                text: part(),
            },
            "EDIT" => Self::Edit {
                path: part(),
                old: part(),
                new: part(),
            },
            "ASK" => Self::Ask {
                question: part(),
                options: parts.collect(),
            },
            _ => return None,
        })
    }

    fn is_call(&self) -> bool {
        !matches!(self, Self::Say(_) | Self::Hold(_) | Self::Fail(_))
    }

    pub fn text(&self) -> String {
        match self {
            Self::Say(text) => text.clone(),
            _ => String::new(),
        }
    }
}

/// What was said before, whoever's API it came by.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    /// The newest text of a person that is a task.
    task: Vec<Step>,
    /// Every line that was one.
    heard: BTreeSet<String>,
    /// Calls that have been answered since.
    results: usize,
    /// What the tool can do, with the schema of its arguments.
    tools: BTreeMap<String, Value>,
    /// The form that the answer must have.
    pub form: Option<Value>,
    /// Whether it is about a title.
    pub is_about_title: bool,
}

impl Conversation {
    /// A person's text, or one that a tool wrote in a person's name. A line that is no task is none, and one that a tool
    /// repeats is no new one.
    pub fn hears(&mut self, text: &str) {
        for line in text.lines() {
            let steps: Option<Vec<_>> = line.split(" ;; ").map(Step::parse).collect();
            if let Some(steps) = steps
                && self.heard.insert(line.to_owned())
            {
                self.task = steps;
                self.results = 0;
            }
        }
    }

    pub fn result(&mut self) {
        self.results += 1;
    }

    pub fn offers(&mut self, name: &str, schema: &Value) {
        self.tools.insert(name.to_owned(), schema.clone());
    }

    /// Whether the tool asks for itself: for titles, summaries, which model to take.
    pub fn is_aside(&self) -> bool {
        self.tools.is_empty()
    }

    pub fn answer_aside(&self) -> String {
        match &self.form {
            Some(form) => fill(form).to_string(),
            None if self.is_about_title => json!({"isNewTopic": true, "title": "Shop"}).to_string(),
            None => "Shop".to_owned(),
        }
    }

    /// The steps of the reply that is due: up to and with the next call.
    pub fn due(&self) -> Vec<Step> {
        let mut replies = self.task.split_inclusive(Step::is_call);
        let due = replies.nth(self.results).unwrap_or_default().to_vec();
        if due.is_empty() {
            vec![Step::Say("Nothing more to do.".to_owned())]
        } else {
            due
        }
    }

    /// The call that does `step`, in the words of the tool that asks; `None` when it has nothing for it.
    pub fn call(&self, step: &Step, project: &str) -> Option<Call> {
        let names: &[&str] = match step {
            Step::Run(_) | Step::Escalate(_) => {
                &["Bash", "exec_command", "shell_command", "run_shell_command"]
            }
            Step::Read(_) => &["Read", "read_file"],
            Step::Write { .. } => &["Write", "write_file", "apply_patch"],
            Step::Edit { .. } => &["Edit", "replace", "apply_patch"],
            Step::Ask { .. } => &["AskUserQuestion", "ask_user", "request_user_input"],
            Step::Say(_) | Step::Hold(_) | Step::Fail(_) => &[],
        };
        let (name, schema) = names
            .iter()
            .find_map(|name| self.tools.get_key_value(*name))?;
        if name == "apply_patch" {
            let (name, arguments) = (name.clone(), Value::String(patch(step)));
            return Some(Call { name, arguments });
        }
        let mut wanted = arguments(step, project);
        let fields = schema["properties"].as_object()?;
        let mut arguments: Map<String, Value> = Map::new();
        for (names, value) in wanted.drain(..) {
            if let Some(name) = names.iter().find(|name| fields.contains_key(**name)) {
                arguments.insert((*name).to_owned(), value);
            }
        }
        for name in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if !arguments.contains_key(name) {
                arguments.insert(name.to_owned(), fill(&fields[name]));
            }
        }
        Some(Call {
            name: name.clone(),
            arguments: Value::Object(arguments),
        })
    }
}

/// What the model wants to have done.
#[derive(Debug)]
pub(super) struct Call {
    pub name: String,
    /// An object; a text for tools that take one.
    pub arguments: Value,
}

/// The arguments of a step, each by the names that tools have for it.
fn arguments(step: &Step, project: &str) -> Vec<(&'static [&'static str], Value)> {
    let path = |path: &str| -> (&'static [&'static str], Value) {
        (
            &["file_path", "absolute_path"],
            json!(format!("{project}/{path}")),
        )
    };
    match step {
        Step::Run(command) => vec![
            (&["command", "cmd"], json!(command)),
            (&["description"], json!("Run a command")),
        ],
        Step::Escalate(command) => vec![
            (&["command", "cmd"], json!(command)),
            (&["sandbox_permissions"], json!("require_escalated")),
            (&["justification"], json!("Needed for the task?")),
        ],
        Step::Read(name) => vec![path(name)],
        Step::Write { path: name, text } => vec![path(name), (&["content"], json!(text))],
        Step::Edit {
            path: name,
            old,
            new,
        } => vec![
            path(name),
            (&["old_string"], json!(old)),
            (&["new_string"], json!(new)),
        ],
        Step::Ask { question, options } => {
            let options: Vec<Value> = options
                .iter()
                .map(|label| json!({"label": label, "description": format!("The choice {label}")}))
                .collect();
            let question = json!({"question": question, "header": "Choice", "id": "choice", "type": "choice",
                "multiSelect": false, "options": options});
            vec![(&["questions"], json!([question]))]
        }
        Step::Say(_) | Step::Hold(_) | Step::Fail(_) => vec![],
    }
}

/// The change as one text. An edit takes a whole line.
fn patch(step: &Step) -> String {
    let body = match step {
        Step::Write { path, text } => format!("*** Add File: {path}\n+{text}\n"),
        Step::Edit { path, old, new } => format!("*** Update File: {path}\n@@\n-{old}\n+{new}\n"),
        _ => String::new(),
    };
    format!("*** Begin Patch\n{body}*** End Patch\n")
}

/// The smallest value that a JSON schema allows, as far as the tools use schemas.
fn fill(schema: &Value) -> Value {
    if let Some(first) = schema.pointer("/enum/0").or(schema.pointer("/const")) {
        return first.clone();
    }
    match schema["type"]
        .as_str()
        .unwrap_or("string")
        .to_ascii_lowercase()
        .as_str()
    {
        "object" => {
            let fields = schema["properties"]
                .as_object()
                .cloned()
                .unwrap_or_default();
            fields
                .iter()
                .map(|(name, field)| (name.clone(), fill(field)))
                .collect()
        }
        "array" => json!([]),
        "integer" | "number" => json!(1),
        "boolean" => json!(false),
        _ => json!("Shop"),
    }
}

/// A number that nothing else has: tools take messages with the same id for one.
pub(super) fn fresh() -> usize {
    static CALLS: AtomicUsize = AtomicUsize::new(1);
    CALLS.fetch_add(1, Ordering::Relaxed)
}
