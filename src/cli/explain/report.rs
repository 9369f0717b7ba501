//! The verdict on a picture, in the words of recorded screens, and what spoke for it.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::keys;
use super::picture::Picture;
use crate::domain::detect::{Detector, Look, Pattern, Verdict};
use crate::domain::{Answer, PromptKind, SessionState, Source, Tools};
use crate::term::sanitize;

/// How long the pane is taken to have been quiet: what was stored or has ended does not print any more.
const QUIET: Duration = Duration::from_secs(60);
/// The longest text of the screen that is shown as evidence, in columns.
const SHOWN: usize = 160;

/// What was found. The order of the fields is the order in which they are printed.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// starting, idle, working, approval, question, error, exited or shell; unknown where nothing is certain.
    pub state: &'static str,
    /// What an approval is about: command, edit, create, fetch, trust, plan or other; else empty.
    pub prompt_kind: &'static str,
    /// What a yes would permit, exactly; empty when not all of it can be seen.
    pub subject: String,
    /// As tmux send-keys names them; empty where a human must look.
    pub approve_keys: String,
    pub deny_keys: String,
    pub rule: String,
    pub evidence: Vec<Evidence>,
    pub tool: String,
    /// The line that asks.
    pub question: String,
}

/// What one source says.
#[derive(Clone, Debug, Serialize)]
pub struct Evidence {
    pub source: &'static str,
    pub rule: String,
    /// The first and the last row of the screen that it matched, from 0.
    pub rows: Option<(u16, u16)>,
    /// What stands there. Cleaned for one line.
    pub text: String,
}

impl Report {
    pub fn of(picture: &Picture, detector: &Detector) -> Self {
        let tools = detector.tools();
        let tool = recognised(picture, tools);
        let command = command(picture, &tool, detector);
        let verdict = detector.judge(&look(picture, &tool, &command));
        let (state, rule) = merged(&verdict, picture);
        let state_word = if tool == Tools::SHELL || (!picture.had_program && is_over(&state)) {
            Tools::SHELL
        } else {
            word(&state)
        };
        let asks = state_word == SessionState::Approval.word();
        let prompt = verdict.prompt.as_ref().filter(|_| asks);
        let keys = |answer| {
            prompt.map_or_else(String::new, |prompt| {
                let fitting = prompt
                    .choices
                    .iter()
                    .filter(|choice| choice.answer == Some(answer));
                let mut keys: Vec<&str> = fitting.map(|choice| choice.keys.as_str()).collect();
                keys.dedup();
                match keys.as_slice() {
                    [only] => keys::names(only),
                    _ => String::new(),
                }
            })
        };
        Self {
            state: state_word,
            prompt_kind: prompt.map_or("", |prompt| kind(prompt.kind)),
            subject: prompt
                .map(|prompt| prompt.subject.clone())
                .unwrap_or_default(),
            approve_keys: keys(Answer::Yes),
            deny_keys: if state_word == Tools::SHELL {
                String::new()
            } else {
                keys(Answer::No)
            },
            rule,
            evidence: evidence(picture, &verdict, &command),
            question: verdict
                .prompt
                .map(|prompt| sanitize::label(&prompt.question, SHOWN))
                .unwrap_or_default(),
            tool,
        }
    }

    /// One JSON object and a line break.
    pub fn json(&self) -> String {
        let text = serde_json::to_string(self);
        text.map_or_else(|_| "{}\n".to_owned(), |text| text + "\n")
    }

    /// The same for people.
    pub fn text(&self) -> String {
        let mut text = format!("{}: {}\n", sanitize::label(&self.tool, SHOWN), self.state);
        let lines = [
            ("kind", self.prompt_kind),
            ("asks", &self.question),
            ("subject", &self.subject),
            ("approve", &self.approve_keys),
            ("deny", &self.deny_keys),
            ("rule", &self.rule),
        ];
        for (name, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
            for (index, line) in value.lines().enumerate() {
                let name = if index == 0 { name } else { "" };
                let _written = writeln!(text, "  {name:8} {}", sanitize::label(line, SHOWN));
            }
        }
        for evidence in &self.evidence {
            let rows = evidence.rows.map_or_else(String::new, |(first, last)| {
                format!(" (rows {} to {})", first + 1, last + 1)
            });
            let _written = writeln!(
                text,
                "  {:8} {}{rows}: {}",
                evidence.source, evidence.rule, evidence.text
            );
        }
        text
    }
}

fn look<'a>(picture: &'a Picture, tool: &'a str, command: &'a str) -> Look<'a> {
    Look {
        tool,
        rows: &picture.rows,
        cols: picture.cols,
        cursor: picture.cursor,
        cursor_visible: picture.cursor_visible,
        alternate: picture.alternate,
        title: &picture.title,
        command,
        quiet_for: QUIET,
    }
}

/// The tool as it is named, else as the pane shows it.
fn recognised(picture: &Picture, tools: &Tools) -> String {
    let named = picture.tool.clone().filter(|tool| !tool.is_empty());
    let reported = || Some(tools.get(picture.app.as_deref()?)?.id.clone());
    let by_title = || {
        let titles = || picture.titles.iter().chain([&picture.title]);
        let fits = |pattern: &Pattern| titles().any(|title| pattern.is_match(title));
        let profile = tools
            .iter()
            .find(|profile| profile.recognise.title.iter().any(fits))?;
        picture.command.is_none().then(|| profile.id.clone())
    };
    let by_command = || {
        let command = picture.command.as_deref()?;
        let (profile, _) = tools.recognise(command, &picture.title, &[])?;
        Some(profile.id.clone())
    };
    named
        .or_else(reported)
        .or_else(by_command)
        .or_else(by_title)
        .unwrap_or_else(|| Tools::SHELL.to_owned())
}

/// The foreground program; where it is not known, the shell if one waits behind the tool's last words, else the tool.
fn command(picture: &Picture, tool: &str, detector: &Detector) -> String {
    const SHELL: &str = "bash";
    if let Some(command) = &picture.command {
        return command.clone();
    }
    let is_left = || {
        let verdict = detector.judge(&look(picture, tool, SHELL));
        matches!(verdict.state, SessionState::Exited { .. })
    };
    let profile = detector.tools().get(tool);
    let program = profile.and_then(|profile| {
        let names = &profile.recognise;
        names.commands.first().or(names.interpreters.first())
    });
    match program {
        Some(program) if !is_left() => program.clone(),
        _ => SHELL.to_owned(),
    }
}

/// What is told: the screen with its title, except where it cannot see what the tool reports.
fn merged(verdict: &Verdict, picture: &Picture) -> (SessionState, String) {
    let reported = picture.status.as_deref().and_then(status);
    let screen = &verdict.state;
    let knows_better = match &reported {
        Some(SessionState::Working { .. }) => matches!(
            screen,
            SessionState::Unknown | SessionState::Starting | SessionState::Idle
        ),
        Some(SessionState::Error { .. }) => {
            matches!(screen, SessionState::Unknown | SessionState::Idle)
        }
        Some(SessionState::Idle) => matches!(screen, SessionState::Unknown),
        _ => false,
    };
    match reported.filter(|_| knows_better) {
        Some(state) => (state, "status report".to_owned()),
        None => (screen.clone(), verdict.rule.clone()),
    }
}

/// The state that a status report (OSC 7501) names. One that waits says on the screen for what.
fn status(report: &str) -> Option<SessionState> {
    let state = report
        .split(':')
        .find_map(|field| field.strip_prefix("state="))?;
    match state {
        "working" => Some(SessionState::Working {
            activity: String::new(),
        }),
        "idle" | "done" => Some(SessionState::Idle),
        "error" => Some(SessionState::Error {
            text: String::new(),
        }),
        _ => None,
    }
}

fn is_over(state: &SessionState) -> bool {
    matches!(state, SessionState::Exited { .. })
}

/// A state in the words of recorded screens: a task that is done leaves the prompt open.
fn word(state: &SessionState) -> &'static str {
    match state {
        SessionState::Finished => SessionState::Idle.word(),
        other => other.word(),
    }
}

/// A kind in the words of recorded screens.
fn kind(kind: PromptKind) -> &'static str {
    match kind {
        PromptKind::Read | PromptKind::ToolCall => PromptKind::Other.word(),
        PromptKind::Login | PromptKind::Question => "",
        other => other.word(),
    }
}

fn evidence(picture: &Picture, verdict: &Verdict, command: &str) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    let mut add = |source: Source, rule: &str, rows, text: &str| {
        evidence.push(Evidence {
            source: source.word(),
            rule: rule.to_owned(),
            rows,
            text: sanitize::label(text, SHOWN),
        });
    };
    if let Some(status) = &picture.status {
        add(Source::Status, "osc 7501", None, status);
    }
    if !picture.title.is_empty() {
        add(Source::Title, "title", None, &picture.title);
    }
    let rule = if picture.command.is_some() {
        "foreground program"
    } else {
        "foreground program, as the screen shows it"
    };
    add(Source::Process, rule, None, command);
    let text = verdict.rows.map_or_else(String::new, |(first, last)| {
        let rows = picture.rows.get(usize::from(first)..=usize::from(last));
        let rows: Vec<&str> = rows
            .unwrap_or_default()
            .iter()
            .map(|row| row.trim())
            .collect();
        rows.join(" ⏎ ")
    });
    add(Source::Screen, &verdict.rule, verdict.rows, &text);
    evidence
}
