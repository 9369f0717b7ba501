//! `cm-tui` on the command line: without a subcommand it is the dashboard.
//!
//! One file per subcommand, each with its `Arguments` and a `run`. They speak to the same fleet as the dashboard does; none
//! has a way of its own. What they share: `reach` (the hosts), `pick` (which sessions are meant), `say` and `table` (what
//! is printed), [`shape`] (the JSON), [`exit`] (the exit codes).

mod age;
mod agent;
mod answer;
mod asking;
mod attach;
mod audit;
mod completions;
mod config;
mod ctx;
mod dashboard;
mod doctor;
pub mod exit;
mod explain;
mod history;
mod hooks;
mod kill;
mod list;
mod logs;
mod mode;
mod pick;
mod policy;
mod reach;
mod rename;
mod say;
mod send;
mod service;
pub mod shape;
mod show;
mod start;
mod status;
mod suggest;
mod table;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand};
pub use dashboard::{DashboardError, dashboard};

pub use self::say::Colour;

/// A live dashboard for AI coding tools that run in tmux.
///
/// Shows every session of this machine, says which one needs you and for what,
/// answers with one key, starts, attaches and kills. Sessions run in tmux and
/// live on when the dashboard ends.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(name = "cm-tui", version, max_term_width = 80)]
pub struct Arguments {
    /// Start three stand-in tools to try every key with: no account, real tmux
    /// sessions
    #[arg(long)]
    pub demo: bool,

    #[command(flatten)]
    pub globals: Globals,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What every subcommand takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct Globals {
    /// The program of the agent, when it is neither beside cm-tui nor in PATH
    #[arg(long, value_name = "PROGRAM", global = true)]
    pub agent: Option<PathBuf>,

    /// When to use colours
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value = "auto",
        hide_possible_values = true,
        hide_default_value = true,
        global = true,
        help = "Colours: auto (on a terminal, unless NO_COLOR is set), always, never"
    )]
    pub color: Colour,
}

/// What `cm-tui` does besides the dashboard.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// List the sessions, one a line
    #[command(visible_alias = "ls")]
    List(list::Arguments),
    /// Count states, show who waits; or tell one session in full, or changes
    Status(status::Arguments),
    /// Print the screen of a session
    Show(show::Arguments),
    /// Type a text into a session, and enter
    Send(send::Arguments),
    /// Say yes to the prompt of a session
    Approve(answer::Arguments),
    /// Say no to the prompt of a session
    Deny(answer::DenyArguments),
    /// Say or choose who answers a session's permissions when you do not
    Mode(mode::Arguments),
    /// End sessions and their programs
    Kill(kill::Arguments),
    /// Give a session another name
    Rename(rename::Arguments),
    /// Start a session
    Start(start::Arguments),
    /// Hand this terminal to a session until you detach
    Attach(attach::Arguments),
    /// Contexts: where work runs
    #[command(visible_alias = "context")]
    Ctx(ctx::Arguments),
    /// Look at what this machine needs, and say what mends it
    Doctor(doctor::Arguments),
    /// The agent of a host: install, upgrade, ask it
    Agent(agent::Arguments),
    /// The agent of this machine as a service of yours
    Service(service::Arguments),
    /// Hooks of tools that you start by hand: install, remove, look
    Hooks(hooks::Arguments),
    /// The settings: a sample, their place, what is wrong with them
    Config(config::Arguments),
    /// Print what completes this command line in a shell
    Completions(completions::Arguments),
    /// Print or write the manual pages
    Man(completions::ManArguments),
    /// Say how the state of a session, or of a stored screen, is known
    Explain(explain::Arguments),
    /// Show what a session printed
    Logs(logs::Arguments),
    /// Check the record of decisions
    Audit(audit::Arguments),
    /// Search what was decided, on all hosts
    History(history::Arguments),
    /// Say what the policy would answer, whether its files are right; propose rules
    Policy(policy::PolicyArguments),
}

/// Reads the arguments; prints help or an error and ends the process where that is what they ask for.
pub fn arguments(words: impl IntoIterator<Item = OsString>) -> Arguments {
    let arguments = Arguments::parse_from(words);
    if arguments.demo && arguments.command.is_some() {
        let message = "--demo is for the dashboard: it goes without a subcommand";
        Arguments::command()
            .error(ErrorKind::ArgumentConflict, message)
            .exit();
    }
    arguments
}

/// Carries a subcommand out, and says on standard error why it failed.
pub fn run(command: &Command, globals: &Globals) -> ExitCode {
    let done = match command {
        Command::List(arguments) => list::run(arguments, globals),
        Command::Status(arguments) => status::run(arguments, globals),
        Command::Show(arguments) => show::run(arguments, globals),
        Command::Send(arguments) => send::run(arguments, globals),
        Command::Approve(arguments) => answer::approve(arguments, globals),
        Command::Deny(arguments) => answer::deny(arguments, globals),
        Command::Mode(arguments) => mode::run(arguments, globals),
        Command::Kill(arguments) => kill::run(arguments, globals),
        Command::Rename(arguments) => rename::run(arguments, globals),
        Command::Start(arguments) => start::run(arguments, globals),
        Command::Attach(arguments) => attach::run(arguments, globals),
        Command::Ctx(arguments) => ctx::run(arguments, globals),
        Command::Doctor(arguments) => doctor::run(arguments, globals),
        Command::Agent(arguments) => agent::run(arguments, globals),
        Command::Service(arguments) => service::run(arguments, globals),
        Command::Hooks(arguments) => hooks::run(arguments, globals),
        Command::Config(arguments) => config::run(arguments),
        Command::Completions(arguments) => completions::run(arguments),
        Command::Man(arguments) => completions::man(arguments),
        Command::Explain(arguments) => explain::run(arguments, globals),
        Command::Policy(arguments) => policy::run(arguments, globals),
        Command::Logs(arguments) => logs::run(arguments, globals),
        Command::Audit(arguments) => audit::run(arguments),
        Command::History(arguments) => history::run(arguments, globals),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            say::complain(&error);
            error.exit.into()
        }
    }
}
