//! `cm-tui start TOOL [TASK]`: a new session, in a worktree of its own if that is wanted.

use std::path::Path;
use std::process::ExitCode;

use super::exit::{CommandError, Exit};
use super::mode::{self, Choice, Switches, Wish};
use super::pick::{self, Place};
use super::reach::{Reach, World, block_on, unreached};
use super::shape::SessionShape;
use super::{Globals, exit, say};
use crate::domain::HostId;
use crate::protocol::{Reply, Request, StartSession, Tool};
use crate::term::sanitize;

/// The widest name that is repeated, in columns.
const COLUMNS: usize = 200;
/// How many names are tried for a worktree before somebody has to choose one.
const NAMES: usize = 99;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    /// The tool, as "cm-tui doctor" lists them: claude-code, codex, shell, …
    pub tool: String,

    /// What it is to do; without, it waits for you
    pub task: Option<String>,

    /// Where: a context, or a host. Without, this machine
    #[arg(long, value_name = "NAME")]
    pub ctx: Option<String>,

    /// The folder on that host: absolute, or from "~". Without, that of the context,
    /// or the one you are in
    #[arg(long, short)]
    pub dir: Option<String>,

    /// What it is called. Without, like its folder
    #[arg(long, short)]
    pub name: Option<String>,

    /// In a new git worktree: for the name "fix" and the repository /src/shop it is
    /// /src/shop-fix, on the new branch cm/fix. Without --name, like the tool
    #[arg(long)]
    pub worktree: bool,

    /// Who answers its permissions when you do not: ask (nobody), policy (the rules of
    /// its host), yes (every permission gets a yes). Without, nobody
    #[arg(long, value_enum, hide_possible_values = true)]
    pub mode: Option<Choice>,

    #[command(flatten)]
    pub switches: Switches,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let wish = arguments
        .mode
        .map(|mode| Wish::new(mode, &arguments.switches))
        .transpose()?;
    let world = World::new(globals)?;
    let hosts = world.hosts();
    let name = arguments.ctx.as_deref().unwrap_or(HostId::LOCAL);
    let place = pick::place(&world, &hosts, name)?;
    let mut dir = folder(arguments, &place)?;
    let on_host = hosts.into_iter().filter(|spec| spec.id == place.host);
    let places = Place::all(&world.config);
    block_on(async {
        let mut reach = Reach::start(on_host.collect());
        reach.settle().await?;
        reach.missing(true)?;
        let Reply::Tools(tools) = reach.ask(&place.host, Request::Tools).await? else {
            return Err(CommandError::failed("the agent does not say its tools", ""));
        };
        let tool = known(&tools, &arguments.tool);
        if let Some(wish) = &wish {
            let name = arguments.name.as_deref().unwrap_or_default();
            wish.agree(&sanitize::label(name, COLUMNS)).await?;
        }
        if arguments.worktree {
            dir = worktree(
                &mut reach,
                &place.host,
                dir,
                arguments.name.as_deref(),
                tool,
            )
            .await?;
        }
        let start = StartSession {
            tool: tool.to_owned(),
            dir,
            task: arguments.task.clone(),
            name: arguments.name.clone(),
        };
        let started = reach.ask(&place.host, Request::Start(start)).await;
        let started = started.map_err(|error| misspelt(error, &tools, tool))?;
        let Reply::Started(id) = started else {
            return Err(CommandError::failed(
                "the agent does not say what it started",
                "",
            ));
        };
        let mut auto = None;
        if let Some(wish) = &wish {
            let set = wish.set(&mut reach, &place.host, &id).await;
            set.map_err(|error| CommandError {
                message: format!("it was started, and asks: {}", error.message),
                ..error
            })?;
            auto = Some(mode::now(&mut reach, &place.host, &id).await?);
        }
        let host = loop {
            let host = reach.state.host(&place.host);
            if host.is_some_and(|host| host.sessions.contains_key(&id)) {
                break host;
            }
            if let Some(error) = host.and_then(unreached) {
                return Err(error);
            }
            reach.hear().await?;
        };
        let Some((host, session)) = host.and_then(|host| Some((host, host.sessions.get(&id)?)))
        else {
            return Err(CommandError::new(
                Exit::NotFound,
                "the session has gone",
                "",
            ));
        };
        // What it was set to may not have been told yet.
        let mut session = session.clone();
        session.auto = auto.unwrap_or(session.auto);
        if arguments.json {
            say::print_json(&SessionShape::of(host, &session, &places))?;
        } else {
            let clean = |text: &str| sanitize::label(text, COLUMNS);
            let mode = match wish {
                Some(_) => format!(", {}", mode::words(host, &session.auto, reach.now())),
                None => String::new(),
            };
            say::print(&format!(
                "started {} on {} in {}{mode}\n",
                clean(&session.name),
                host.id,
                clean(&session.dir)
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The folder that is wanted, as the agent takes it.
fn folder(arguments: &Arguments, place: &Place) -> Result<String, CommandError> {
    let is_here = place.host == HostId::local();
    let here =
        || std::env::current_dir().map_err(|error| CommandError::because("where are we", &error));
    let dir = match (&arguments.dir, &place.dir) {
        (Some(dir), _) | (None, Some(dir)) => dir.clone(),
        (None, None) if is_here => here()?.to_string_lossy().into_owned(),
        (None, None) => "~".to_owned(),
    };
    let is_anchored = dir == "~" || dir.starts_with("~/") || Path::new(&dir).is_absolute();
    if is_anchored {
        return Ok(dir);
    }
    if is_here {
        let path = here()?.join(&dir);
        // Without "." and "..", so that it is shown as people call it.
        let path = path.canonicalize().unwrap_or(path);
        return Ok(path.to_string_lossy().into_owned());
    }
    Err(CommandError::new(
        Exit::Usage,
        format!(
            "“{}” is seen from nowhere on {}",
            sanitize::label(&dir, COLUMNS),
            place.host
        ),
        "write an absolute path, or one that starts with “~/”",
    ))
}

/// The id of the tool that is meant by its id or its short name.
fn known<'t>(tools: &'t [Tool], wanted: &'t str) -> &'t str {
    let has_id = tools.iter().any(|tool| tool.id == wanted);
    let short = tools.iter().find(|tool| tool.short == wanted);
    match short {
        Some(tool) if !has_id => &tool.id,
        _ => wanted,
    }
}

fn misspelt(error: CommandError, tools: &[Tool], wanted: &str) -> CommandError {
    if error.exit != Exit::NotFound || !error.message.starts_with("no tool is called") {
        return error;
    }
    pick::no_such("tool", wanted, tools.iter().map(|tool| tool.id.as_str()))
}

/// Makes the worktree; returns the folder in it. A name that somebody has chosen is taken as it is, another gets a number.
async fn worktree(
    reach: &mut Reach,
    host: &HostId,
    dir: String,
    name: Option<&str>,
    tool: &str,
) -> Result<String, CommandError> {
    let tries = if name.is_some() { 1 } else { NAMES };
    let mut number = 1;
    loop {
        let name = match (name, number) {
            (Some(name), _) => name.to_owned(),
            (None, 1) => tool.to_owned(),
            (None, number) => format!("{tool}-{number}"),
        };
        let request = Request::MakeWorktree {
            dir: dir.clone(),
            name,
        };
        match reach.ask(host, request).await {
            Ok(Reply::Folder(folder)) => return Ok(folder),
            Ok(_) => return Err(CommandError::failed("the agent made no worktree", "")),
            // Its folder is taken.
            Err(error) if error.exit == Exit::Refused && number < tries => number += 1,
            Err(error) => return Err(error),
        }
    }
}
