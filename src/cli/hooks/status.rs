//! `cm-tui hooks status`: whether each tool that is installed calls cm-agent.

use std::path::Path;

use serde::Serialize;

use super::edit;
use super::file::SettingsFile;
use super::settings_path;
use crate::agent::tmux::find_program;
use crate::cli::Globals;
use crate::cli::exit::CommandError;
use crate::cli::say::{self, Tone};
use crate::cli::table::Table;
use crate::domain::{ToolProfile, Tools};
use crate::paths::Paths;

/// Whether the hooks are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Installed,
    /// Some are, or they call what is not there.
    Incomplete,
    Absent,
    /// The settings cannot be read.
    Broken,
}

/// One tool; the JSON is documented in [`crate::cli::shape`].
#[derive(Debug, Serialize)]
struct Status<'t> {
    tool: &'t str,
    program: Option<String>,
    file: String,
    hooks: State,
    agent: Option<String>,
    missing: Vec<&'t str>,
    says: String,
    note: Option<&'t str>,
}

/// Prints `named`, or every tool that is installed or has hooks.
pub fn print(
    named: Option<&ToolProfile>,
    tools: &Tools,
    paths: &Paths,
    globals: &Globals,
    is_json: bool,
) -> Result<(), CommandError> {
    let all: Vec<Status<'_>> = match named {
        Some(tool) => status(tool, paths).into_iter().collect(),
        None => tools
            .iter()
            .filter_map(|tool| status(tool, paths))
            .filter(|status| status.program.is_some() || status.hooks != State::Absent)
            .collect(),
    };
    if is_json {
        return say::print_json(&all).map(drop);
    }
    if all.is_empty() {
        say::aside("no tool is installed here that has hooks");
        return Ok(());
    }
    let mut table = Table::new(&["tool", "hooks", "file"]);
    for one in &all {
        let (word, tone) = match one.hooks {
            State::Installed => ("installed", Tone::Good),
            State::Incomplete => ("incomplete", Tone::Urgent),
            State::Absent => ("absent", Tone::Faint),
            State::Broken => ("broken", Tone::Bad),
        };
        table.row(vec![
            (one.tool, Tone::Plain),
            (word, tone),
            (&one.file, Tone::Plain),
        ]);
    }
    say::print(&table.text(globals.color.is_wanted()))?;
    for one in &all {
        let note = one
            .note
            .map_or_else(String::new, |note| format!("; {note}"));
        let says = crate::term::sanitize::for_log(&one.says);
        say::print(&format!("{}: {says}{note}\n", one.tool))?;
    }
    Ok(())
}

/// How a tool is; `None` when it has no settings for hooks.
fn status<'t>(tool: &'t ToolProfile, paths: &Paths) -> Option<Status<'t>> {
    let path = settings_path(tool, paths)?;
    let file = path.display().to_string();
    let program = tool.program.iter().find_map(|name| find_program(name));
    let hooks = tool.hooks.as_ref()?;
    let found = SettingsFile::open(path).and_then(|file| {
        let text = file.text.unwrap_or_default();
        edit::found(&text, &tool.id).map_err(|error| CommandError::because("broken", &error))
    });
    let mut status = Status {
        tool: &tool.id,
        program: program.map(|program| program.display().to_string()),
        file,
        hooks: State::Broken,
        agent: None,
        missing: Vec::new(),
        says: String::new(),
        note: None,
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            status.says = error.message;
            return Some(status);
        }
    };
    let missing = hooks
        .events
        .iter()
        .filter(|event| found.iter().all(|found| found.call.event != **event));
    status.missing = missing.map(String::as_str).collect();
    let lost = found.iter().find(|found| !is_program(&found.program));
    let shown = lost.or(found.first());
    status.agent = shown.map(|found| found.program.clone());
    let mend = format!("cm-tui hooks install {}", tool.id);
    (status.hooks, status.says) = match (&status.agent, lost) {
        (None, _) => (State::Absent, format!("does not call cm-agent; {mend}")),
        (Some(agent), Some(_)) => {
            let says = format!("calls {agent}, which is not there; {mend}");
            (State::Incomplete, says)
        }
        (Some(_), None) if !status.missing.is_empty() => {
            let says = format!("does not tell of {}; {mend}", status.missing.join(", "));
            (State::Incomplete, says)
        }
        (Some(agent), None) => (State::Installed, format!("calls {agent}")),
    };
    let is_noted = status.hooks != State::Absent && !hooks.note.is_empty();
    status.note = is_noted.then_some(hooks.note.as_str());
    Some(status)
}

fn is_program(path: &str) -> bool {
    let path = Path::new(path);
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}
