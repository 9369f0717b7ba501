//! `cm-tui ctx list|show`: what the settings say of contexts. No host is asked.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::no_context;
use crate::cli::Globals;
use crate::cli::exit::CommandError;
use crate::cli::reach::World;
use crate::cli::say::{self, Tone};
use crate::cli::shape::ContextShape;
use crate::cli::table::Table;
use crate::config::ContextConfig;
use crate::fleet::host_of;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct List {
    /// Only contexts with this tag. May be repeated
    #[arg(long)]
    tag: Vec<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn list(arguments: &List, globals: &Globals) -> Result<ExitCode, CommandError> {
    let world = World::strict(globals)?;
    let contexts = &world.config.contexts;
    let is_wanted = |context: &ContextConfig| {
        let tags = &arguments.tag;
        tags.is_empty() || tags.iter().any(|tag| context.tags.contains(tag))
    };
    let wanted: Vec<_> = contexts
        .iter()
        .filter(|(_, context)| is_wanted(context))
        .collect();
    if arguments.json {
        let shapes: Vec<_> = wanted
            .into_iter()
            .map(|(name, context)| ContextShape::of(name, context, host_of(contexts, name)))
            .collect();
        say::print_json(&shapes)?;
    } else if wanted.is_empty() {
        say::aside("no contexts; add one: cm-tui ctx add NAME HOST");
    } else {
        let mut table = Table::new(&["context", "host", "folder", "tool", "tags", "is"]);
        for (name, context) in wanted {
            let (is, tone) = if context.enabled {
                ("on", Tone::Plain)
            } else {
                ("off", Tone::Faint)
            };
            table.row(vec![
                (name, Tone::Heading),
                (&way(context), Tone::Plain),
                (context.dir.as_deref().unwrap_or_default(), Tone::Plain),
                (context.tool.as_deref().unwrap_or_default(), Tone::Plain),
                (&context.tags.join(","), Tone::Plain),
                (is, tone),
            ]);
        }
        say::print(&table.text(globals.color.is_wanted()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How it is reached, in short.
pub fn way(context: &ContextConfig) -> String {
    let Some(host) = &context.host else {
        return "local".to_owned();
    };
    let mut way = context
        .user
        .as_ref()
        .map_or_else(|| host.clone(), |user| format!("{user}@{host}"));
    if let Some(port) = context.port {
        let _never = write!(way, ":{port}");
    }
    way
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Show {
    /// The context
    name: String,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn show(arguments: &Show, globals: &Globals) -> Result<ExitCode, CommandError> {
    let world = World::strict(globals)?;
    let contexts = &world.config.contexts;
    let name = &arguments.name;
    let context = contexts
        .get(name)
        .ok_or_else(|| no_context(contexts, name))?;
    let shape = ContextShape::of(name, context, host_of(contexts, name));
    if arguments.json {
        say::print_json(&shape)?;
        return Ok(ExitCode::SUCCESS);
    }
    // The same fields as in JSON, a line each, without what is not said.
    let value = serde_json::to_value(&shape).expect("plain values with text for keys");
    let mut text = String::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        let value = match value {
            serde_json::Value::Null => continue,
            serde_json::Value::String(value) => value.clone(),
            serde_json::Value::Array(values) => {
                let words = values.iter().filter_map(serde_json::Value::as_str);
                words.collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        };
        let _never = writeln!(text, "{key:<11}{value}");
    }
    say::print(&text)?;
    Ok(ExitCode::SUCCESS)
}
