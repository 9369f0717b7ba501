//! `cm-tui hooks`: the tools of this machine that call cm-agent, for sessions that somebody starts by hand.
//!
//! Sessions that cm-tui starts get their hooks along the way where the tool takes them so. For all others the user's own settings
//! of the tool have to say it, and they are the user's: they are changed only when told to, after the change was shown, and as
//! little as possible (`edit`, `json`); it can be undone, and what was there before stays beside it (`file`).

mod diff;
mod edit;
mod file;
mod json;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use self::edit::{EditError, Origin};
use self::file::SettingsFile;
use super::exit::{CommandError, Exit};
use super::reach::{agent, paths};
use super::{Globals, exit, say};
use crate::config;
use crate::domain::{ToolProfile, Tools};
use crate::paths::Paths;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    #[command(subcommand)]
    pub order: Order,
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum Order {
    /// Make a tool that you start by hand tell cm-agent what it does: changes your
    /// settings of the tool on this machine
    #[command(after_help = exit::HELP)]
    Install(Change),
    /// Undo what install did
    #[command(after_help = exit::HELP)]
    Remove(Change),
    /// Say which tools call cm-agent
    #[command(after_help = exit::HELP)]
    Status {
        /// Only this tool
        tool: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Change {
    /// The tool: claude-code, codex
    pub tool: String,
    /// Do not ask; the change is still shown
    #[arg(short, long)]
    pub yes: bool,
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let paths = paths()?;
    let tools = Tools::with(config::load_tools(&paths.tools_dir()).profiles);
    match &arguments.order {
        Order::Install(order) => install(order, globals, find(&tools, &order.tool)?, &paths)?,
        Order::Remove(order) => remove(order, globals, find(&tools, &order.tool)?, &paths)?,
        Order::Status { tool, json } => {
            let named = tool.as_deref().map(|tool| find(&tools, tool)).transpose()?;
            status::print(named, &tools, &paths, globals, *json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn install(
    order: &Change,
    globals: &Globals,
    tool: &ToolProfile,
    paths: &Paths,
) -> Result<(), CommandError> {
    let file = open(tool, paths)?;
    let agent = agent_path(globals)?;
    let before = file.text.as_deref().unwrap_or_default();
    let after = edit::install(before, &tool.id, &tool.hook_calls(&agent))
        .map_err(|error| untouched(&file, &error))?;
    if after == before {
        return said(&format!("{} calls {agent} already", tool.name));
    }
    agreed(order, globals, &file, &after)?;
    file.change(&after)?;
    said(&format!("{} calls {agent} now", tool.name))?;
    if file.text.is_some() {
        said(&format!("before: {}", file.backup_path().display()))?;
    }
    let note = tool.hooks.as_ref().map_or("", |hooks| &hooks.note);
    if !note.is_empty() {
        said(&format!("note: {note}"))?;
    }
    said(&format!("to undo it: cm-tui hooks remove {}", tool.id))
}

fn remove(
    order: &Change,
    globals: &Globals,
    tool: &ToolProfile,
    paths: &Paths,
) -> Result<(), CommandError> {
    let file = open(tool, paths)?;
    let before = file.text.as_deref().unwrap_or_default();
    let bare = edit::remove(before, &tool.id).map_err(|error| untouched(&file, &error))?;
    if bare == before {
        return said(&format!("{} does not call cm-agent", tool.name));
    }
    // A backup that cannot be read is no reason to keep the hooks.
    let backup = file.backup().unwrap_or_default();
    let origin = edit::origin(before, &tool.id, backup.as_deref());
    match origin.map_err(|error| untouched(&file, &error))? {
        Some(Origin::Backup(text)) => {
            agreed(order, globals, &file, text)?;
            file.restore(Some(text))?;
        }
        Some(Origin::Nothing) => {
            agreed(order, globals, &file, "")?;
            file.restore(None)?;
        }
        None => {
            agreed(order, globals, &file, &bare)?;
            file.change(&bare)?;
        }
    }
    said(&format!("{} does not call cm-agent any more", tool.name))
}

/// Shows the change, and asks.
fn agreed(
    order: &Change,
    globals: &Globals,
    file: &SettingsFile,
    after: &str,
) -> Result<(), CommandError> {
    let before = file.text.as_deref().unwrap_or_default();
    let path = file.path.display();
    let name = |text: &str| {
        let name = if text.is_empty() {
            "/dev/null".to_owned()
        } else {
            path.to_string()
        };
        crate::term::sanitize::for_log(&name)
    };
    let changes = diff::unified(before, after, globals.color.is_wanted());
    let (old, new) = (name(before), name(after));
    say::print(&format!("--- {old}\n+++ {new}\n{changes}"))?;
    if order.yes {
        return Ok(());
    }
    if !say::is_attended() {
        return Err(CommandError::new(
            Exit::Usage,
            "nobody is here to be asked; nothing was written",
            "say --yes to write without asking",
        ));
    }
    if say::confirm("Write this?") {
        Ok(())
    } else {
        Err(CommandError::new(Exit::Refused, "nothing was written", ""))
    }
}

fn said(line: &str) -> Result<(), CommandError> {
    say::print(&format!("{line}\n")).map(drop)
}

fn untouched(file: &SettingsFile, error: &EditError) -> CommandError {
    let what = format!("{} is left as it is", file.path.display());
    let hint = "mend the file, then run the command again";
    CommandError {
        hint: hint.to_owned(),
        ..CommandError::because(what, error)
    }
}

/// The profile of a tool whose settings can have hooks.
fn find<'t>(tools: &'t Tools, name: &str) -> Result<&'t ToolProfile, CommandError> {
    let has_file = |tool: &&ToolProfile| {
        tool.hooks
            .as_ref()
            .is_some_and(|hooks| hooks.file.is_some())
    };
    tools.get(name).filter(has_file).ok_or_else(|| {
        let known: Vec<&str> = tools
            .iter()
            .filter(has_file)
            .map(|tool| tool.id.as_str())
            .collect();
        CommandError::new(
            Exit::NotFound,
            format!("no tool is called “{name}” whose hooks can be installed"),
            format!("these can be: {}", known.join(", ")),
        )
    })
}

/// The settings of a tool; `None` when it has none that hold hooks.
fn settings_path(tool: &ToolProfile, paths: &Paths) -> Option<PathBuf> {
    let hooks = tool.hooks.as_ref()?;
    let file = PathBuf::from(hooks.file.as_ref()?);
    let elsewhere = hooks.folder_variable.as_ref().and_then(std::env::var_os);
    match elsewhere.filter(|folder| !folder.is_empty()) {
        Some(folder) => Some(PathBuf::from(folder).join(file.file_name()?)),
        None => Some(paths.home.join(file)),
    }
}

fn open(tool: &ToolProfile, paths: &Paths) -> Result<SettingsFile, CommandError> {
    let path = settings_path(tool, paths).ok_or_else(|| {
        CommandError::failed(format!("{} has no settings for hooks", tool.name), "")
    })?;
    SettingsFile::open(path)
}

/// The program that the hooks are to call.
fn agent_path(globals: &Globals) -> Result<String, CommandError> {
    let program = agent(globals.agent.clone())?;
    let program = std::path::absolute(&program).unwrap_or(program);
    let failed = |why| {
        let what = format!("{} cannot be called by hooks: {why}", program.display());
        CommandError::failed(
            what,
            "name the right one: cm-tui --agent PROGRAM hooks install TOOL",
        )
    };
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    if !program.is_file() {
        return Err(failed("there is no such program"));
    }
    if !name.starts_with("cm-agent") {
        return Err(failed(
            "its name does not begin with “cm-agent”, by which its hooks are known",
        ));
    }
    let text = program.to_str().map(str::to_owned);
    text.ok_or_else(|| failed("its path is not UTF-8"))
}
