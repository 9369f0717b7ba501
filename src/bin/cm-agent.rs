//! The daemon's program: arguments, then one call.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{Parser, Subcommand};
use cm_tui::agent::daemon::{self, DaemonError};
use cm_tui::agent::{demo, hook, run as proxy, stdio, tmux};
use cm_tui::paths::Paths;
use cm_tui::protocol::{NEWEST, OLDEST, Reply, Request, Status};
use cm_tui::transport::ask;
use cm_tui::transport::local::{self, READY};
use cm_tui::transport::retire::{self, Whom};
use color_eyre::eyre::{Report, Result};
use tokio::net::UnixStream;

/// Watches the tmux sessions of this host and serves cm-tui.
#[derive(Debug, Parser)]
#[command(name = "cm-agent", version = VERSION.as_str(), disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Run the daemon in the foreground.
    Serve {
        /// Leave the terminal and say "ready" once clients can connect.
        #[arg(long)]
        detach: bool,
    },
    /// Join standard input and output to the daemon; start it when none runs.
    Stdio,
    /// Say what the daemon is doing.
    Status,
    /// End the daemon; sessions live on.
    Stop,
    /// Tell the daemon what a tool's hook was called with, and the tool what was decided. Always succeeds.
    Hook {
        /// The tool, and the event if it is not on standard input.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run a tool so that it reports its status in its output.
    Run {
        /// The tool and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Become a tool that has its terminal for itself (called by run).
    #[command(hide = true)]
    RunChild {
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Hand standard input to the daemon (called by tmux).
    #[command(hide = true)]
    Fdpass { socket: PathBuf, id: String },
    /// Play a stand-in tool: working, asking or finishing.
    #[command(hide = true)]
    Demo { script: String },
}

static VERSION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{} (protocol {OLDEST} to {NEWEST})",
        env!("CARGO_PKG_VERSION")
    )
});

fn main() -> ExitCode {
    let order = Arguments::parse().order;
    match run(order) {
        Ok(code) => code,
        Err(report) => {
            say_error(&report);
            ExitCode::FAILURE
        }
    }
}

fn run(order: Order) -> Result<ExitCode> {
    // These are started by tmux for a pane, many at once: nothing that they do not need.
    match order {
        Order::Fdpass { socket, id } => {
            tmux::fdpass(&socket, &id)?;
            return Ok(ExitCode::SUCCESS);
        }
        Order::Demo { script } => {
            demo::run(&script)?;
            return Ok(ExitCode::SUCCESS);
        }
        Order::Hook { arguments } => {
            hook_called(&arguments);
            return Ok(ExitCode::SUCCESS);
        }
        Order::Run { command } => return Ok(proxy::run(&command)?),
        Order::RunChild { command } => {
            let error = proxy::become_tool(&command);
            say_line(&error.to_string());
            return Ok(ExitCode::from(error.exit_code()));
        }
        _ => {}
    }
    color_eyre::install()?;
    let paths = Paths::from_env()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(carry_out(order, &paths));
    // Reading standard input cannot be interrupted; do not wait for it.
    runtime.shutdown_background();
    code
}

/// Whatever goes wrong here is nothing that the tool could do anything about.
fn hook_called(arguments: &[String]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    if let (Ok(paths), Ok(runtime)) = (Paths::from_env(), runtime) {
        runtime.block_on(hook::report(&paths, arguments));
        // A tool that never closes our standard input must not keep us.
        runtime.shutdown_background();
    }
}

async fn carry_out(order: Order, paths: &Paths) -> Result<ExitCode> {
    match order {
        Order::Serve { detach } => serve(paths, detach).await,
        Order::Stdio => {
            stdio::bridge(paths, &std::env::current_exe()?).await?;
            Ok(ExitCode::SUCCESS)
        }
        Order::Status => Ok(match ask_status(paths).await? {
            Some(Reply::Status(status)) => {
                say(&describe(&status));
                ExitCode::SUCCESS
            }
            _ => not_running(),
        }),
        Order::Stop => Ok(if retire::retire(paths, Whom::Any).await? {
            say("stopped; sessions live on");
            ExitCode::SUCCESS
        } else {
            not_running()
        }),
        Order::Fdpass { .. }
        | Order::Demo { .. }
        | Order::Hook { .. }
        | Order::Run { .. }
        | Order::RunChild { .. } => Ok(ExitCode::SUCCESS),
    }
}

async fn serve(paths: &Paths, detach: bool) -> Result<ExitCode> {
    if let Err(error) = cm_tui::logging::start(paths, "cm-agent") {
        return Ok(refuse(detach, &chain(&Report::new(error)), ""));
    }
    if detach {
        daemon::detach();
        std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "crashed")));
    }
    let ready = || {
        if detach {
            say(READY);
            let nowhere = std::fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open("/dev/null");
            if let Ok(nowhere) = nowhere {
                // Whoever waits for "ready" sees the end of our output; if this fails they have seen the word.
                let _closed = rustix::stdio::dup2_stdout(&nowhere);
            }
        } else {
            say(&format!("serving on {}", paths.socket().display()));
        }
    };
    match daemon::serve(paths, ready).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        // The wish that an agent runs is fulfilled.
        Err(error @ DaemonError::AlreadyRuns { .. }) => {
            let _failure = refuse(detach, &error.to_string(), &error.hint());
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            let hint = error.hint();
            let report = Report::new(error);
            Ok(refuse(detach, &chain(&report), &hint))
        }
    }
}

/// Says why the daemon does not serve: to whoever started it when detached, else to the person at the terminal.
fn refuse(detach: bool, message: &str, hint: &str) -> ExitCode {
    let hint = if hint.is_empty() {
        String::new()
    } else {
        format!("\nhint: {hint}")
    };
    if detach {
        say(&format!("{message}{}", hint.replace('\n', "; ")));
    } else {
        say_line(&format!("{message}{hint}"));
    }
    ExitCode::FAILURE
}

/// The answer of the running agent, or `None` when none runs.
async fn ask_status(paths: &Paths) -> Result<Option<Reply>> {
    Ok(match connect(paths).await? {
        Some(stream) => Some(ask(stream.into_split(), "cm-agent", Request::Status).await?),
        None => None,
    })
}

/// The way to the running agent, or `None` when none runs.
async fn connect(paths: &Paths) -> Result<Option<UnixStream>> {
    let socket = paths.socket();
    match local::connect(&socket).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if local::means_no_agent(&error) => Ok(None),
        Err(error) => {
            Err(Report::new(error).wrap_err(format!("cannot connect to {}", socket.display())))
        }
    }
}

fn describe(status: &Status) -> String {
    let servers = if status.servers.is_empty() {
        "none".to_owned()
    } else {
        status.servers.join(", ")
    };
    format!(
        "{} runs as process {} for {} s\ntmux      {}\nservers   {servers}\nsessions  {}\nclients   {}",
        status.agent,
        status.pid,
        status.uptime_seconds,
        status.tmux,
        status.sessions,
        status.clients,
    )
}

fn not_running() -> ExitCode {
    say("cm-agent does not run");
    ExitCode::from(3)
}

fn chain(report: &Report) -> String {
    report
        .chain()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

fn say_error(report: &Report) {
    say_line(&chain(report));
}

#[expect(clippy::print_stdout, reason = "this is a command-line program")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "this is a command-line program")]
fn say_line(text: &str) {
    eprintln!("cm-agent: {text}");
}
