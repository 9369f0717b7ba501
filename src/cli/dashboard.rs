//! No subcommand: the dashboard itself.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::Arguments;
use crate::config::{self, Config};
use crate::fleet::{self, Fleet, Here};
use crate::paths::{Paths, PathsError};
use crate::tui::own::OwnPane;
use crate::tui::{self, Options, TuiError};

#[derive(Debug, Error)]
pub enum DashboardError {
    #[error(transparent)]
    Paths(#[from] PathsError),
    #[error("the dashboard needs a terminal")]
    NoTerminal,
    #[error("cannot find cm-agent: it is neither in {} nor in PATH", beside.display())]
    NoAgent { beside: PathBuf },
    #[error("cannot start")]
    Runtime(#[source] std::io::Error),
    #[error(transparent)]
    Tui(#[from] TuiError),
}

impl DashboardError {
    /// What to do about it; may be empty.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoTerminal => "run it in a terminal, without redirecting its input or output",
            Self::NoAgent { .. } => {
                "install cm-agent beside cm-tui, or name it: cm-tui --agent PROGRAM"
            }
            _ => "",
        }
    }
}

/// Runs the dashboard until the user leaves it.
pub fn dashboard(arguments: Arguments) -> Result<(), DashboardError> {
    let paths = Paths::from_env()?;
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(DashboardError::NoTerminal);
    }
    let agent_program = agent_program(arguments.globals.agent)?;
    if let Err(error) = crate::logging::start(&paths, "cm-tui") {
        // A dashboard without a log is still a dashboard.
        tracing::warn!(%error, "no log");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(DashboardError::Runtime)?;
    let result = runtime.block_on(async {
        let machine = Here {
            paths: paths.clone(),
            agent_program,
        };
        // What is wrong with the file is shown by the dashboard, which reads it again.
        let config = config::load(&paths.config_file())
            .map_or_else(|_| Config::default(), |(config, _)| config);
        let (fleet, notices) = Fleet::start(fleet::hosts(&config, &machine));
        let options = Options {
            hosts: fleet.hosts().cloned().collect(),
            here: here(&paths),
            own: OwnPane::from_env(),
            machine,
            demo: arguments.demo,
        };
        tui::run(options, fleet, notices).await
    });
    // A thread that reads the terminal cannot be interrupted; do not wait for it.
    runtime.shutdown_background();
    Ok(result?)
}

/// The folder that new sessions are offered with, `~` for the home folder and what is in it.
fn here(paths: &Paths) -> String {
    let Ok(folder) = std::env::current_dir() else {
        return "~".to_owned();
    };
    match folder.strip_prefix(&paths.home) {
        Ok(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
        Ok(rest) => Path::new("~").join(rest).to_string_lossy().into_owned(),
        Err(_elsewhere) => folder.to_string_lossy().into_owned(),
    }
}

/// The agent that was named, else the one that came with this program, else the one in `PATH`.
pub(super) fn agent_program(named: Option<PathBuf>) -> Result<PathBuf, DashboardError> {
    if let Some(named) = named {
        return Ok(named);
    }
    let beside = std::env::current_exe()
        .ok()
        .and_then(|program| program.parent().map(Path::to_owned))
        .unwrap_or_default();
    let in_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    std::iter::once(beside.clone())
        .chain(in_path)
        .map(|folder| folder.join("cm-agent"))
        .find(|program| program.is_absolute() && program.is_file())
        .ok_or(DashboardError::NoAgent { beside })
}
