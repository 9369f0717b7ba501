//! The checks, in the order in which they are printed.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{Access, access, statvfs};
use tokio::process::Command;
use tokio::time::timeout;

use super::logout;
use super::{Check, Verdict};
use crate::agent::tmux::{Version, find_program};
use crate::cli::Globals;
use crate::cli::reach::agent;
use crate::config::{self, Config};
use crate::domain::Tools;
use crate::fleet::deploy::Release;
use crate::paths::{Paths, private_dir};
use crate::protocol::{Reply, Request, Status};
use crate::transport::ask;
use crate::transport::local;
use crate::tui::colours::Colours;

/// How long another program may take: it only prints a line, and one that waits for a bus that does not answer is no
/// reason to wait longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Free space below which logs and records soon fail, and below which that may come, in bytes.
const LITTLE: u64 = 100 << 20;
const SOME: u64 = 1 << 30;
/// A key that comes after escape within this time is taken for one key by tmux; longer feels slow, in milliseconds.
const ESCAPE: u64 = 100;

pub async fn all(paths: &Paths, globals: &Globals) -> Vec<Check> {
    let loaded = config::load(&paths.config_file());
    let mut checks = vec![tmux().await, terminal()];
    checks.extend(keys().await);
    checks.push(settings(&loaded));
    checks.push(policy(paths));
    let config = loaded.map_or_else(|_| Config::default(), |(config, _)| config);
    checks.push(ssh(&config));
    checks.push(known_hosts(&paths.home.join(".ssh/known_hosts")));
    checks.push(socket_folder(paths));
    checks.push(agent_runs(paths, globals).await);
    checks.push(logout::check(said).await);
    checks.push(disk(&paths.state_dir));
    checks.extend(tools(paths, globals));
    checks
}

/// The first line that a program prints; `None` when it is not there, fails, or takes too long.
async fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let program = find_program(program)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    output.status.success().then_some(line)
}

async fn tmux() -> Check {
    const INSTALL: &str = "install tmux 3.2 or newer with your package manager";
    if find_program("tmux").is_none() {
        return Check::new("tmux", Verdict::Fail, "not found in PATH", INSTALL);
    }
    let Some(line) = said("tmux", &["-V"]).await else {
        return Check::new("tmux", Verdict::Fail, "does not say its version", "tmux -V");
    };
    match Version::parse(&line).and_then(Version::require) {
        Err(error) => Check::new("tmux", Verdict::Fail, error.to_string(), INSTALL),
        Ok(version) if !version.is_complete() => {
            let says = format!("{line} works, without all that a newer one can do");
            Check::new("tmux", Verdict::Warn, says, INSTALL)
        }
        Ok(_) => Check::ok("tmux", line),
    }
}

fn terminal() -> Check {
    let term = std::env::var("TERM").unwrap_or_default();
    if term.is_empty() || term == "dumb" {
        let says = format!("TERM is “{term}”: the dashboard cannot draw");
        let mend = "run it in another terminal, or: export TERM=xterm-256color";
        return Check::new("terminal", Verdict::Warn, says, mend);
    }
    let (verdict, colours, mend) = match Colours::detect() {
        Colours::True => (Verdict::Ok, "all colours", ""),
        Colours::TwoFiftySix => (
            Verdict::Ok,
            "256 colours; all of them with COLORTERM=truecolor",
            "",
        ),
        Colours::Sixteen => (
            Verdict::Warn,
            "16 colours",
            "if yours has more: export TERM=xterm-256color",
        ),
        Colours::None => (Verdict::Ok, "no colours wanted, or no terminal here", ""),
    };
    Check::new("terminal", verdict, format!("{term}, {colours}"), mend)
}

/// What the tmux that we are in does to keys.
async fn keys() -> Vec<Check> {
    if std::env::var_os("TMUX").is_none() {
        return Vec::new();
    }
    let mut checks = Vec::new();
    if let Some(delay) = said("tmux", &["show-options", "-sv", "escape-time"]).await
        && let Ok(delay) = delay.parse::<u64>()
        && delay > ESCAPE
    {
        let says = format!("your tmux waits {delay} ms after escape");
        let mend = "tmux set -s escape-time 10";
        checks.push(Check::new("keys", Verdict::Warn, says, mend));
    }
    if let Some(word) = said("tmux", &["show-options", "-sv", "extended-keys"]).await
        && word == "off"
    {
        let says = "your tmux does not pass on shift-enter and its like";
        let mend = "tmux set -s extended-keys on";
        checks.push(Check::new("keys", Verdict::Warn, says, mend));
    }
    if checks.is_empty() {
        checks.push(Check::ok("keys", "your tmux passes them on"));
    }
    checks
}

fn settings(loaded: &Result<(Config, Vec<config::Warning>), config::ConfigError>) -> Check {
    const SEE: &str = "cm-tui config check";
    match loaded {
        Err(error) => Check::new("settings", Verdict::Fail, error.to_string(), SEE),
        Ok((_, warnings)) => match warnings.first() {
            Some(first) => Check::new("settings", Verdict::Warn, first.to_string(), SEE),
            None => Check::ok("settings", "nothing is wrong"),
        },
    }
}

fn policy(paths: &Paths) -> Check {
    match config::load_policy(paths) {
        Ok(_) => Check::ok("policy", "nothing is wrong"),
        Err(problems) => {
            let first = problems.first().map(ToString::to_string);
            let says = format!(
                "{}; no prompt is answered by itself",
                first.unwrap_or_default()
            );
            Check::new("policy", Verdict::Fail, says, "cm-tui policy check")
        }
    }
}

fn ssh(config: &Config) -> Check {
    let needs = config
        .contexts
        .values()
        .any(|context| context.enabled && context.host.is_some());
    match find_program("ssh") {
        Some(program) => Check::ok("ssh", program.display().to_string()),
        None if needs => {
            let says = "not found: your ~/.ssh/config is not read, and “openssh” contexts fail";
            let mend = "install the OpenSSH client";
            Check::new("ssh", Verdict::Warn, says, mend)
        }
        None => Check::ok("ssh", "not found, and no context needs it"),
    }
}

fn known_hosts(file: &Path) -> Check {
    let shown = file.display();
    match std::fs::File::open(file) {
        Ok(_) => Check::ok("known_hosts", format!("{shown} can be read")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Check::ok("known_hosts", "none yet; keys of hosts are asked about")
        }
        Err(error) => {
            let mend = format!("chmod u+rw {shown}");
            Check::new(
                "known_hosts",
                Verdict::Fail,
                format!("{shown}: {error}"),
                mend,
            )
        }
    }
}

fn socket_folder(paths: &Paths) -> Check {
    let dir = &paths.run_dir;
    if !dir.exists() {
        let there = nearest(dir);
        let may = Access::WRITE_OK | Access::EXEC_OK;
        if there.is_dir() && access(there, may).is_ok() {
            let says = format!("{} will be made", dir.display());
            return Check::ok("sockets", says);
        }
        let (dir, there) = (dir.display(), there.display());
        let says = format!("{dir} cannot be made: no folder can be made in {there}");
        let mend = format!("ls -ld {there}");
        return Check::new("sockets", Verdict::Fail, says, mend);
    }
    // It is there, so nothing is made.
    match private_dir(dir) {
        Ok(()) => Check::ok("sockets", format!("{} is yours alone", dir.display())),
        Err(error) => Check::new("sockets", Verdict::Fail, error.to_string(), error.hint()),
    }
}

async fn agent_runs(paths: &Paths, globals: &Globals) -> Check {
    let program = match agent(globals.agent.clone()) {
        Ok(program) => program,
        Err(error) => return Check::new("agent", Verdict::Fail, error.to_string(), error.hint),
    };
    let line = said(&program.to_string_lossy(), &["--version"]).await;
    let release = line.as_deref().and_then(Release::parse);
    let Some(release) = release else {
        let says = format!("{} does not say its version", program.display());
        let mend = "install cm-agent beside cm-tui";
        return Check::new("agent", Verdict::Fail, says, mend);
    };
    if !release.fits() {
        let says = format!("{} and cm-tui do not understand each other", release.line());
        let mend = "install both from one build";
        return Check::new("agent", Verdict::Fail, says, mend);
    }
    match status(paths).await {
        Ok(None) => {
            let says = format!("{} does not run; it is started when needed", release.line());
            Check::ok("agent", says)
        }
        Ok(Some(status)) => {
            let says = format!(
                "{} runs as process {}; {}",
                status.agent,
                status.pid,
                release.line()
            );
            if status.agent.ends_with(&format!(" {}", release.version)) {
                Check::ok("agent", says)
            } else {
                let mend = "cm-tui agent upgrade local";
                Check::new("agent", Verdict::Warn, says, mend)
            }
        }
        Err(why) => Check::new("agent", Verdict::Fail, why, "cm-agent stop"),
    }
}

/// What the running agent says; `None` when none runs.
async fn status(paths: &Paths) -> Result<Option<Status>, String> {
    let stream = match local::connect(&paths.socket()).await {
        Ok(stream) => stream,
        Err(error) if local::means_no_agent(&error) => return Ok(None),
        Err(error) => {
            return Err(format!(
                "cannot connect to {}: {error}",
                paths.socket().display()
            ));
        }
    };
    match ask(stream.into_split(), "cm-tui doctor", Request::Status).await {
        Ok(Reply::Status(status)) => Ok(Some(status)),
        Ok(_) => Err("the running agent does not say what it is".to_owned()),
        Err(error) => Err(format!("the running agent: {error}")),
    }
}

/// The folder itself, or the one that it will be made in.
fn nearest(dir: &Path) -> &Path {
    dir.ancestors().find(|dir| dir.exists()).unwrap_or(dir)
}

fn disk(dir: &Path) -> Check {
    let there = nearest(dir);
    let free = match statvfs(there) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => {
            let says = format!("cannot tell what is free: {error}");
            return Check::ok("disk", says);
        }
    };
    let says = format!("{} MiB free in {}", free >> 20, there.display());
    let mend = format!("make room: du -sh {}", dir.display());
    match free {
        0..LITTLE => Check::new("disk", Verdict::Fail, says, mend),
        LITTLE..SOME => Check::new("disk", Verdict::Warn, says, mend),
        SOME.. => Check::ok("disk", says),
    }
}

/// The tools that are installed, and how they tell what they do.
fn tools(paths: &Paths, globals: &Globals) -> Vec<Check> {
    let loaded = config::load_tools(&paths.tools_dir());
    let mut checks = Vec::new();
    for error in &loaded.errors {
        let mend = "cm-tui config check";
        checks.push(Check::new("tool", Verdict::Fail, error.to_string(), mend));
    }
    let program = agent(globals.agent.clone()).unwrap_or_default();
    let program = program.to_string_lossy();
    for tool in &Tools::with(loaded.profiles) {
        if tool.hidden || tool.program.is_empty() {
            continue;
        }
        let Some(found) = tool.program.iter().find_map(|name| find_program(name)) else {
            let says = format!("{}: not installed", tool.id);
            checks.push(Check::ok("tool", says));
            continue;
        };
        let hooks = if tool.hook_argument(&program).is_some() {
            "its hooks go along when cm-tui starts it"
        } else if tool.hooks.is_some() {
            "its hooks are told in its settings: cm-tui hooks"
        } else {
            "it needs no hooks"
        };
        let says = format!("{}: {}; {hooks}", tool.id, found.display());
        checks.push(Check::ok("tool", says));
    }
    checks
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_socket_folder_that_is_open_fails_with_what_closes_it() {
        let temp = tempfile::tempdir().unwrap();
        let home = temp.path().to_owned();
        let paths = Paths::from_lookup(|name| (name == "HOME").then(|| home.clone())).unwrap();
        assert_eq!(socket_folder(&paths).verdict, Verdict::Ok);
        assert!(!paths.run_dir.exists());
        std::fs::create_dir_all(&paths.run_dir).unwrap();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&paths.run_dir, open).unwrap();
        let check = socket_folder(&paths);
        assert_eq!(check.verdict, Verdict::Fail);
        assert!(check.mend.starts_with("close it: chmod 700 "), "{check:?}");
    }

    #[test]
    fn a_socket_folder_that_cannot_be_made_fails_with_what_is_in_its_way() {
        let temp = tempfile::tempdir().unwrap();
        let home = temp.path().join("home");
        let paths = Paths::from_lookup(|name| (name == "HOME").then(|| home.clone())).unwrap();
        std::fs::write(&home, "a file").unwrap();
        let check = socket_folder(&paths);
        assert_eq!(check.verdict, Verdict::Fail);
        assert_eq!(check.mend, format!("ls -ld {}", home.display()));
    }

    #[test]
    fn known_hosts_may_be_missing_but_not_locked() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("known_hosts");
        assert_eq!(known_hosts(&file).verdict, Verdict::Ok);
        std::fs::write(&file, "").unwrap();
        assert_eq!(known_hosts(&file).verdict, Verdict::Ok);
        // Not a file, whoever runs the test.
        assert_eq!(known_hosts(&file.join("x")).verdict, Verdict::Fail);
    }
}
