//! The verdict on a picture, in the words of recorded screens, and what spoke for it.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::keys;
use super::picture::Picture;
use crate::agent::monitor::{Cells, Conclusion};
use crate::domain::detect::{Detector, FoundPrompt, Look, Pattern, Verdict};
use crate::domain::{Answer, Dismissed, PromptKind, SessionState, Source, Tools};
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
    /// What came near and did not decide.
    pub dismissed: Vec<Dismissed>,
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
        let cells = Cells(&picture.screen);
        let look = look(picture, &tool, &command, &cells);
        let verdict = detector.judge(&look);
        let dismissed = detector.dismissed(&look, &verdict);
        let told = Told::of(&verdict, picture.conclusion(&tool, &command, detector));
        let state_word = if tool == Tools::SHELL || (!picture.had_program && is_over(&told.state)) {
            Tools::SHELL
        } else {
            word(&told.state)
        };
        let asks = state_word == SessionState::Approval.word();
        let prompt = told.prompt.as_ref().filter(|_| asks);
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
            rule: told.rule,
            evidence: evidence(picture, &verdict, &command),
            dismissed,
            question: told
                .prompt
                .map(|prompt| sanitize::label(&prompt.question, SHOWN))
                .unwrap_or_default(),
            tool: tool.clone(),
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
        for lost in &self.dismissed {
            let (rule, why) = (
                sanitize::label(&lost.rule, SHOWN),
                sanitize::label(&lost.why, SHOWN),
            );
            let _written = writeln!(text, "  {:8} {rule}: {why}", "lost");
        }
        text
    }
}

fn look<'a>(
    picture: &'a Picture,
    tool: &'a str,
    command: &'a str,
    cells: &'a Cells<'a>,
) -> Look<'a> {
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
        paint: Some(cells),
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
        let verdict = detector.judge(&look(picture, tool, SHELL, &Cells(&picture.screen)));
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

/// What is told of a picture.
struct Told {
    state: SessionState,
    rule: String,
    prompt: Option<FoundPrompt>,
}

impl Told {
    /// Of a stream what an agent concludes, else what the screen shows. A stream that ends while its tool starts is no
    /// older than that, whenever it is looked at.
    fn of(verdict: &Verdict, concluded: Option<Conclusion>) -> Self {
        let starts = |told: &Conclusion| {
            verdict.state == SessionState::Starting && told.state == SessionState::Unknown
        };
        match concluded.filter(|told| !starts(told)) {
            Some(told) => Self {
                state: told.state,
                rule: told.rule,
                prompt: told.prompt.map(|prompt| FoundPrompt {
                    kind: prompt.kind,
                    subject: prompt.subject,
                    question: prompt.question,
                    choices: prompt.choices,
                }),
            },
            None => Self {
                state: verdict.state.clone(),
                rule: verdict.rule.clone(),
                prompt: verdict.prompt.clone(),
            },
        }
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
