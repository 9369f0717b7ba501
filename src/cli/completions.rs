//! `cm-tui completions SHELL` and `cm-tui man`: what shells and `man` know of the command line, made from the arguments themselves.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::exit::CommandError;
use super::{Arguments as Root, exit, say};

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    /// The shell. bash: put the output into
    /// ~/.local/share/bash-completion/completions/cm-tui; zsh: into _cm-tui in a
    /// folder of $fpath; fish: into ~/.config/fish/completions/cm-tui.fish
    pub shell: Shell,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode, CommandError> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Root::command(), "cm-tui", &mut text);
    say::print(&String::from_utf8_lossy(&text))?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct ManArguments {
    /// Write a page for each subcommand into this folder, instead of the first page
    /// to standard output. Read it with "man -l"
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
}

pub fn man(arguments: &ManArguments) -> Result<ExitCode, CommandError> {
    if let Some(dir) = &arguments.dir {
        let failed =
            |error| CommandError::because(format!("cannot write {}", dir.display()), &error);
        std::fs::create_dir_all(dir).map_err(failed)?;
        clap_mangen::generate_to(Root::command(), dir).map_err(failed)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Root::command())
        .render(&mut page)
        .map_err(|error| CommandError::because("cannot write the page", &error))?;
    say::print(&String::from_utf8_lossy(&page))?;
    Ok(ExitCode::SUCCESS)
}
