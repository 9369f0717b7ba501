//! `cm-tui agent install|upgrade|status HOST`: the agent of a host, put there and asked by the way that the dashboard goes.

use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;

use super::exit::{self, CommandError, Exit};
use super::pick;
use super::reach::{Reach, World, block_on};
use super::{Globals, say};
use crate::domain::HostId;
use crate::fleet::deploy::Install;
use crate::fleet::{HostSpec, Remote, Road};
use crate::protocol::{NEWEST, OLDEST, Reply, Request, Status};
use crate::term::sanitize;

/// The widest text on a line, in columns.
const COLUMNS: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    #[command(subcommand)]
    pub order: Order,
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Subcommand)]
pub enum Order {
    /// Put cm-agent on a host that has none that can be used, and start it
    #[command(after_help = exit::HELP)]
    Install(OnHost),
    /// Put this version of cm-agent on a host that has an older one, and start it
    /// anew; sessions live on
    #[command(after_help = exit::HELP)]
    Upgrade(OnHost),
    /// Say which agent runs on a host. It is started when none does, but not
    /// installed
    #[command(after_help = exit::HELP)]
    Status {
        #[command(flatten)]
        on: OnHost,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct OnHost {
    /// The host, or a context on it; "local" is this machine
    host: String,
}

#[derive(Serialize)]
struct Told<'t> {
    host: &'t HostId,
    reached: bool,
    agent: Option<&'t str>,
    /// The protocol versions that we speak.
    oldest: u16,
    newest: u16,
    pid: Option<i32>,
    uptime_seconds: Option<u64>,
    tmux: Option<&'t str>,
    error: Option<String>,
    hint: Option<&'t str>,
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let world = World::strict(globals)?;
    let (on, install) = match &arguments.order {
        Order::Install(on) => (on, Install::Always),
        Order::Upgrade(on) => (on, Install::Upgrade),
        Order::Status { on, .. } => (on, Install::Never),
    };
    let hosts = world.hosts();
    let host = pick::place(&world, &hosts, &on.host)?.host;
    let spec = hosts.into_iter().find(|spec| spec.id == host);
    let spec = spec
        .ok_or_else(|| CommandError::new(Exit::NotFound, format!("there is no host {host}"), ""))?;
    let spec = with_install(spec, install);
    let wants_json = matches!(arguments.order, Order::Status { json: true, .. });
    block_on(async {
        let mut status = ask(&spec).await;
        if install == Install::Upgrade && status.as_ref().is_ok_and(|status| status.agent != ours())
        {
            end(&spec).await?;
            status = ask(&spec).await;
        }
        if wants_json {
            print(&host, &status)?;
            status?;
            return Ok(ExitCode::SUCCESS);
        }
        let status = status?;
        let clean = |text: &str| sanitize::label(text, COLUMNS);
        say::print(&format!(
            "{} runs on {host} as process {} for {} s\ntmux: {}\n",
            clean(&status.agent),
            status.pid,
            status.uptime_seconds,
            clean(&status.tmux)
        ))?;
        if install == Install::Upgrade && status.agent != ours() {
            let message = format!("{} still runs on {host}", clean(&status.agent));
            let hint = format!("this one is {}", ours());
            return Err(CommandError::new(Exit::Refused, message, hint));
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// How our own agent calls itself.
fn ours() -> &'static str {
    crate::agent::NAME_AND_VERSION
}

/// The same way, with another rule for installing.
fn with_install(spec: HostSpec, install: Install) -> HostSpec {
    let Road::Remote(remote) = &spec.road else {
        return spec;
    };
    let mut config = remote.config().clone();
    config.deploy.install = install;
    HostSpec {
        id: spec.id,
        road: Road::Remote(Arc::new(Remote::new(config))),
    }
}

/// What the agent says of itself.
async fn ask(spec: &HostSpec) -> Result<Status, CommandError> {
    let mut reach = Reach::start(vec![spec.clone()]);
    reach.settle().await?;
    reach.missing(true)?;
    match reach.ask(&spec.id, Request::Status).await {
        Ok(Reply::Status(status)) => Ok(status),
        Ok(_) => Err(CommandError::other_answer()),
        // It is used without one; why that is so is known.
        Err(error) => {
            let host = reach.state.host(&spec.id);
            let trouble = host.and_then(|host| host.trouble.as_ref());
            Err(trouble.map_or(error, CommandError::of))
        }
    }
}

/// Ends the agent that runs, and waits until it is gone.
async fn end(spec: &HostSpec) -> Result<(), CommandError> {
    let mut reach = Reach::start(vec![spec.clone()]);
    reach.settle().await?;
    reach.missing(true)?;
    reach.order(&spec.id, Request::Stop).await?;
    while reach
        .state
        .host(&spec.id)
        .is_some_and(crate::fleet::Host::is_connected)
    {
        reach.hear().await?;
    }
    Ok(())
}

fn print(host: &HostId, status: &Result<Status, CommandError>) -> Result<bool, CommandError> {
    let (told, error) = (status.as_ref().ok(), status.as_ref().err());
    say::print_json(&Told {
        host,
        reached: told.is_some(),
        agent: told.map(|status| status.agent.as_str()),
        oldest: OLDEST,
        newest: NEWEST,
        pid: told.map(|status| status.pid),
        uptime_seconds: told.map(|status| status.uptime_seconds),
        tmux: told.map(|status| status.tmux.as_str()),
        error: error.map(ToString::to_string),
        hint: error.map(|error| error.hint.as_str()),
    })
}
