//! `cm-tui config`: the sample of all settings, where the settings are, and what is wrong with them.

use std::path::PathBuf;
use std::process::ExitCode;

use super::exit::CommandError;
use super::reach::{broken, paths};
use super::{exit, say};
use crate::config::{self, SAMPLE};
use crate::tui::colours::Colours;
use crate::tui::settings::Settings;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    #[command(subcommand)]
    pub order: Order,
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum Order {
    /// Print a documented sample with every default
    #[command(after_help = exit::HELP)]
    Sample,
    /// Say what is wrong with the settings, theme, keys and tool profiles
    #[command(after_help = exit::HELP)]
    Check {
        /// Another file than yours
        file: Option<PathBuf>,
    },
    /// Print where your settings are read from
    #[command(after_help = exit::HELP)]
    Path,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, CommandError> {
    match &arguments.order {
        Order::Sample => say::print(SAMPLE)?,
        Order::Path => say::print(&format!("{}\n", paths()?.config_file().display()))?,
        Order::Check { file } => return check(file.as_ref()),
    };
    Ok(ExitCode::SUCCESS)
}

/// Warnings are printed and do no harm; an error is one.
fn check(file: Option<&PathBuf>) -> Result<ExitCode, CommandError> {
    let (mut warnings, mut errors) = (Vec::new(), Vec::new());
    let own = paths()?;
    let path = file.map_or_else(|| own.config_file(), Clone::clone);
    // A file that somebody names has to be there.
    let loaded = match file {
        Some(file) => config::read(file),
        None => config::load(&path),
    };
    match loaded {
        Ok((config, found)) => {
            let (_, more, wrong) = Settings::of(&config, &path, &own, Colours::detect(), None);
            warnings.extend(found.into_iter().chain(more));
            errors.extend(wrong);
        }
        Err(error) => errors.push(error),
    }
    if file.is_none() {
        let tools = config::load_tools(&own.tools_dir());
        warnings.extend(tools.warnings);
        errors.extend(tools.errors);
    }
    for warning in &warnings {
        let mut error = broken(&warning.0);
        error.message = format!("warning: {}", error.message);
        say::complain(&error);
    }
    say::complain_of(errors.iter().map(broken).collect())?;
    let so_far = if warnings.is_empty() {
        "nothing is wrong"
    } else {
        "it works, with warnings"
    };
    say::print(&format!("{}: {so_far}\n", path.display()))?;
    Ok(ExitCode::SUCCESS)
}
