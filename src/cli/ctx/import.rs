//! `cm-tui ctx import FILE`: contexts of an older program, or the hosts of an `ssh_config`, taken over one by one.
//!
//! Promise: what is there already is not changed, and each entry is told of: what was taken, or why not.

use std::path::PathBuf;
use std::process::ExitCode;

use super::edit::{Field, Settings};
use super::{legacy, ssh_config};
use crate::cli::exit::CommandError;
use crate::cli::say;
use crate::term::sanitize;

/// The widest text on a line, in columns.
const COLUMNS: usize = 160;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Arguments {
    /// A contexts.json such as ~/.cm/contexts.json, or settings of SSH such as
    /// ~/.ssh/config, of which the hosts with a plain name are taken
    file: PathBuf,

    /// Only say what would be taken
    #[arg(long)]
    dry_run: bool,
}

/// Something that may become a context.
#[derive(Debug)]
pub struct Entry {
    /// What it is called in the file.
    pub name: String,
    /// What it says, or why it cannot be taken.
    pub fields: Result<Vec<Field>, String>,
    /// What of it is left behind.
    pub left: Vec<String>,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, CommandError> {
    let file = &arguments.file;
    let text = std::fs::read_to_string(file).map_err(|error| {
        CommandError::because(format!("cannot read {}", file.display()), &error)
    })?;
    let is_json = text.trim_start().starts_with(['{', '[']);
    let entries = if is_json {
        legacy::read(&text).map_err(|why| {
            CommandError::failed(format!("cannot read {}: {why}", file.display()), "")
        })?
    } else {
        ssh_config::read(&text)
    };
    let mut settings = Settings::open()?;
    let mut taken = 0;
    for entry in entries {
        let shown = sanitize::label(&entry.name, COLUMNS);
        let name = context_name(&entry.name);
        let done = if settings.config.contexts.contains_key(&name) {
            Err("there is a context of that name".to_owned())
        } else {
            entry.fields.and_then(|fields| {
                let set = settings.set(&name, &fields);
                set.map_err(|error| error.message)
            })
        };
        let line = match done {
            Ok(()) => {
                taken += 1;
                let called = if shown == name {
                    String::new()
                } else {
                    format!(" as {name}")
                };
                let left = if entry.left.is_empty() {
                    String::new()
                } else {
                    format!(", without {}", entry.left.join(", "))
                };
                format!("taken  {shown}{called}{left}")
            }
            Err(why) => format!("left   {shown}: {why}"),
        };
        say::print(&format!("{}\n", sanitize::label(&line, COLUMNS)))?;
    }
    if taken > 0 && !arguments.dry_run {
        settings.write()?;
    }
    let file = settings.file().display();
    say::print(&match (taken, arguments.dry_run) {
        (0, _) => "nothing was taken\n".to_owned(),
        (count, true) => format!("{count} would be added to {file}\n"),
        (count, false) => format!("{count} added to {file}\n"),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The name in the alphabet of contexts.
fn context_name(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name: String = name
        .trim()
        .chars()
        .map(|c| if fits(c) { c } else { '-' })
        .collect();
    name.trim_start_matches(['-', '_', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_the_alphabet_of_contexts() {
        assert_eq!(context_name(" My box (old) "), "My-box--old-");
        assert_eq!(context_name("-gpu.2"), "gpu.2");
        assert_eq!(context_name("gpu_2"), "gpu_2");
    }
}
