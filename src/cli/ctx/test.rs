//! `cm-tui ctx test NAME`: goes the way to a host once, and says each step and how long it took.

use std::process::ExitCode;
use std::time::Instant;

use serde::Serialize;

use crate::cli::Globals;
use crate::cli::exit::CommandError;
use crate::cli::pick;
use crate::cli::reach::{Reach, World, block_on, unreached};
use crate::cli::say::{self, Tone};
use crate::fleet::ConnectionState;
use crate::protocol::{Reply, Request};
use crate::term::sanitize;

/// The widest text on a line, in columns.
const COLUMNS: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Arguments {
    /// The context, or a host
    name: String,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Tested<'t> {
    context: &'t str,
    host: &'t str,
    reached: bool,
    steps: &'t [Step],
    error: Option<String>,
    hint: Option<String>,
}

#[derive(Serialize)]
struct Step {
    step: String,
    ms: u128,
}

/// What has been done, and since when the next is being done.
struct Steps {
    done: Vec<Step>,
    current: String,
    since: Instant,
    is_told: bool,
}

impl Steps {
    /// The step before is done when another one begins.
    fn next(&mut self, step: &str) -> Result<(), CommandError> {
        if self.current != step {
            self.end()?;
            step.clone_into(&mut self.current);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), CommandError> {
        let step = std::mem::take(&mut self.current);
        let ms = self.since.elapsed().as_millis();
        self.since = Instant::now();
        if step.is_empty() {
            return Ok(());
        }
        if self.is_told {
            say::print(&format!("{ms:>7} ms  {step}\n"))?;
        }
        self.done.push(Step { step, ms });
        Ok(())
    }
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let world = World::strict(globals)?;
    let hosts = world.hosts();
    let place = pick::place(&world, &hosts, &arguments.name)?;
    let spec = hosts.into_iter().filter(|spec| spec.id == place.host);
    let is_coloured = globals.color.is_wanted();
    let mut steps = Steps {
        done: Vec::new(),
        current: "connecting".to_owned(),
        since: Instant::now(),
        is_told: !arguments.json,
    };
    block_on(async {
        let mut reach = Reach::start(spec.collect());
        let tested = go(&mut reach, &place.host, &mut steps).await;
        if arguments.json {
            let error = tested.as_ref().err();
            say::print_json(&Tested {
                context: &arguments.name,
                host: place.host.as_str(),
                reached: tested.is_ok(),
                steps: &steps.done,
                error: error.map(ToString::to_string),
                hint: error.map(|error| error.hint.clone()),
            })?;
        }
        let agent = tested?;
        if !arguments.json {
            let words = Tone::Good.paint("reached", is_coloured);
            say::print(&format!("{words}: {agent}\n"))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Returns what answers there.
async fn go(
    reach: &mut Reach,
    id: &crate::domain::HostId,
    steps: &mut Steps,
) -> Result<String, CommandError> {
    loop {
        let host = reach.state.host(id);
        let host = host.expect("it is the one that is dialled");
        if host.is_connected() {
            break;
        }
        if let Some(error) = unreached(host) {
            steps.end()?;
            return Err(error);
        }
        match host.connection {
            ConnectionState::Asking => steps.next("asking you")?,
            _ if host.step.is_empty() => {}
            _ => steps.next(host.step)?,
        }
        reach.hear().await?;
    }
    steps.next("asking cm-agent")?;
    reach.settle().await?;
    let tools = match reach.ask(id, Request::Tools).await? {
        Reply::Tools(tools) => tools,
        _ => Vec::new(),
    };
    steps.end()?;
    let host = reach.state.host(id);
    let agent = host.and_then(|host| host.welcome.as_ref());
    let agent = agent.map_or("", |welcome| &welcome.agent);
    let installed: Vec<&str> = tools
        .iter()
        .filter(|tool| tool.program.is_some())
        .map(|tool| tool.id.as_str())
        .collect();
    let words = format!("{agent}; tools: {}", installed.join(", "));
    match host.and_then(|host| host.trouble.as_ref()) {
        Some(trouble) => Err(CommandError::of(trouble)),
        None => Ok(sanitize::label(&words, COLUMNS)),
    }
}
