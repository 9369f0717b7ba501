//! `cm-tui service install|remove|status`: the agent as a service of the user, so that it runs before anybody asks for it.
//!
//! Promises: only a file in the user's own folder is written, and it is shown; sessions outlive the service, because its end
//! kills the agent alone (`KillMode=process`, `AbandonProcessGroup`); what the system's own program says is not hidden.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use super::exit::{self, CommandError, Exit};
use super::reach::{agent, paths};
use super::{Globals, say};
use crate::agent::tmux::find_program;
use crate::paths::Paths;
use crate::term::sanitize;

const UNIT: &str = "cm-agent.service";
const LABEL: &str = "cm-tui.cm-agent";
/// The widest line of another program that is repeated, in columns.
const COLUMNS: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    #[command(subcommand)]
    pub order: Order,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum Order {
    /// Write the service, show it, and start it
    #[command(after_help = exit::HELP)]
    Install,
    /// Stop the service and take it away; sessions live on
    #[command(after_help = exit::HELP)]
    Remove,
    /// Say whether it is installed and runs
    #[command(after_help = exit::HELP)]
    Status,
}

/// Who starts services here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Systemd,
    Launchd,
}

impl Kind {
    fn here() -> Self {
        if cfg!(target_os = "macos") {
            Self::Launchd
        } else {
            Self::Systemd
        }
    }

    fn file(self, paths: &Paths) -> PathBuf {
        match self {
            Self::Systemd => paths.config_dir.with_file_name("systemd/user").join(UNIT),
            Self::Launchd => paths
                .home
                .join("Library/LaunchAgents")
                .join(format!("{LABEL}.plist")),
        }
    }

    fn text(self, program: &str, path: &str) -> String {
        match self {
            Self::Systemd => unit(program, path),
            Self::Launchd => plist(program, path),
        }
    }

    /// What makes the system take notice of the file and start the service, one command after another.
    fn start(self, file: &Path) -> Vec<Vec<String>> {
        match self {
            Self::Systemd => vec![
                words(&["systemctl", "--user", "daemon-reload"]),
                words(&["systemctl", "--user", "enable", "--now", UNIT]),
            ],
            Self::Launchd => vec![words(&["launchctl", "load", "-w", &file.to_string_lossy()])],
        }
    }

    fn stop(self, file: &Path) -> Vec<Vec<String>> {
        match self {
            Self::Systemd => vec![words(&["systemctl", "--user", "disable", "--now", UNIT])],
            Self::Launchd => vec![words(&[
                "launchctl",
                "unload",
                "-w",
                &file.to_string_lossy(),
            ])],
        }
    }

    fn status(self) -> Vec<String> {
        match self {
            Self::Systemd => words(&["systemctl", "--user", "is-active", UNIT]),
            Self::Launchd => words(&["launchctl", "list", LABEL]),
        }
    }
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let (kind, paths) = (Kind::here(), paths()?);
    let file = kind.file(&paths);
    match arguments.order {
        Order::Install => install(kind, &file, globals),
        Order::Remove => remove(kind, &file),
        Order::Status => status(kind, &file),
    }
}

fn install(kind: Kind, file: &Path, globals: &Globals) -> Result<ExitCode, CommandError> {
    let program = agent(globals.agent.clone())?;
    let program = std::path::absolute(&program).unwrap_or(program);
    // Services start with a short one, in which tools are not found.
    let path = std::env::var("PATH").unwrap_or_default();
    let text = kind.text(&program.to_string_lossy(), &path);
    let failed = |error| CommandError::because(format!("cannot write {}", file.display()), &error);
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir).map_err(failed)?;
    }
    std::fs::write(file, &text).map_err(failed)?;
    say::print(&format!("wrote {}:\n\n{text}\n", file.display()))?;
    carry_out(&kind.start(file))?;
    Ok(ExitCode::SUCCESS)
}

fn remove(kind: Kind, file: &Path) -> Result<ExitCode, CommandError> {
    not_without(file)?;
    // One that does not run cannot be stopped, and can be taken away all the same.
    if let Err(error) = carry_out(&kind.stop(file)) {
        say::complain(&error);
    }
    std::fs::remove_file(file).map_err(|error| {
        CommandError::because(format!("cannot remove {}", file.display()), &error)
    })?;
    say::print(&format!("removed {}\n", file.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn status(kind: Kind, file: &Path) -> Result<ExitCode, CommandError> {
    not_without(file)?;
    let command = kind.status();
    let said = call(&command);
    let state = match &said {
        Some(Ok(line)) if line.is_empty() => "loaded",
        Some(Ok(line) | Err(line)) => line.as_str(),
        None => "nobody here starts services",
    };
    say::print(&format!("{}: {state}\n", file.display()))?;
    match said {
        Some(Ok(_)) => Ok(ExitCode::SUCCESS),
        _ => Ok(Exit::Failed.into()),
    }
}

fn not_without(file: &Path) -> Result<(), CommandError> {
    if file.exists() {
        return Ok(());
    }
    let message = format!("no service is installed: there is no {}", file.display());
    Err(CommandError::new(
        Exit::NotFound,
        message,
        "cm-tui service install",
    ))
}

/// Runs commands and shows them. Where their program is missing they are only named.
fn carry_out(commands: &[Vec<String>]) -> Result<(), CommandError> {
    for command in commands {
        let line = command.join(" ");
        match call(command) {
            Some(Ok(_)) => drop(say::print(&format!("ran: {line}\n"))?),
            Some(Err(why)) => {
                let why = if why.is_empty() { "it failed" } else { &why };
                return Err(CommandError::failed(
                    format!("{line}: {why}"),
                    "the file is good; run that where a user session with services runs",
                ));
            }
            None => say::aside(&format!("not here: {line}")),
        }
    }
    Ok(())
}

/// The last line that a program says, `Err` when it failed; `None` when there is no such program.
fn call(command: &[String]) -> Option<Result<String, String>> {
    let (program, arguments) = command.split_first()?;
    let program = find_program(program)?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = if output.stdout.is_empty() {
        &output.stderr
    } else {
        &output.stdout
    };
    let text = String::from_utf8_lossy(text);
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    let line = sanitize::label(line.unwrap_or_default(), COLUMNS);
    Some(if output.status.success() {
        Ok(line)
    } else {
        Err(line)
    })
}

fn words<S: AsRef<OsStr> + ?Sized>(words: &[&S]) -> Vec<String> {
    let words = words.iter().map(|word| word.as_ref().to_string_lossy());
    words.map(std::borrow::Cow::into_owned).collect()
}

/// A systemd unit. Its end must not take tmux along, which it may have started.
fn unit(program: &str, path: &str) -> String {
    let quoted = |text: &str| {
        let text = text.replace('\\', r"\\").replace('"', "\\\"");
        format!("\"{}\"", text.replace('%', "%%"))
    };
    format!(
        "[Unit]\n\
         Description=cm-agent watches the tmux sessions of cm-tui\n\
         \n\
         [Service]\n\
         ExecStart={} serve\n\
         Environment={}\n\
         Restart=on-failure\n\
         RestartSec=2\n\
         KillMode=process\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n",
        quoted(program).replace('$', "$$"),
        quoted(&format!("PATH={path}"))
    )
}

/// A launchd agent, with the same rules.
fn plist(program: &str, path: &str) -> String {
    let escaped = |text: &str| {
        let text = text.replace('&', "&amp;");
        text.replace('<', "&lt;").replace('>', "&gt;")
    };
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>{LABEL}</string>
  <key>ProgramArguments</key>
  <array><string>{}</string><string>serve</string></array>
  <key>EnvironmentVariables</key>
  <dict><key>PATH</key><string>{}</string></dict>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
  <key>AbandonProcessGroup</key><true/>
</dict>
</plist>
"#,
        escaped(program),
        escaped(path)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_ends_the_agent_alone_and_quotes_its_path() {
        insta::assert_snapshot!(unit("/opt/my $x/100%/cm-agent", "/bin:/a b"), @r#"
        [Unit]
        Description=cm-agent watches the tmux sessions of cm-tui

        [Service]
        ExecStart="/opt/my $$x/100%%/cm-agent" serve
        Environment="PATH=/bin:/a b"
        Restart=on-failure
        RestartSec=2
        KillMode=process

        [Install]
        WantedBy=default.target
        "#);
    }

    #[test]
    fn a_launchd_agent_starts_again_only_after_a_failure() {
        let text = plist("/a&b/cm-agent", "/bin");
        assert!(text.contains("<string>/a&amp;b/cm-agent</string><string>serve</string>"));
        assert!(text.contains("<key>SuccessfulExit</key><false/>"));
        assert!(text.contains("<key>AbandonProcessGroup</key><true/>"));
    }
}
