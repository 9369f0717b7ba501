//! The hosts that a subcommand needs, over the dashboard's own fleet: connect, wait until each has answered or failed, ask.
//!
//! Promises: only wanted hosts are dialled, a host that fails does not hold up what the others say, and every request has
//! one answer. There is no deadline here: each way to a host has its own.

use std::collections::BTreeSet;
use std::path::PathBuf;

use tokio::sync::mpsc::Receiver;

use super::Globals;
use super::asking;
use super::dashboard::agent_program;
use super::exit::{CommandError, Exit};
use super::say;
use crate::config::{self, Config, ConfigError};
use crate::domain::{HostId, UnixMillis};
use crate::fleet::{self, Fleet, FleetState, Here, Host, HostNotice, HostSpec, Notice, RequestId};
use crate::paths::Paths;
use crate::protocol::{Failure, FailureKind, Reply, Request};
use crate::term::sanitize;
use crate::tui::clock::Clock;

/// The widest message that is repeated on standard error, in columns.
const COLUMNS: usize = 300;

/// What a subcommand knows before it asks anybody.
#[derive(Clone, Debug)]
pub struct World {
    pub config: Config,
    pub machine: Here,
}

impl World {
    /// Reads the settings. A file that is broken is told of, and then counts as empty: this machine can be used without.
    pub fn new(globals: &Globals) -> Result<Self, CommandError> {
        let paths = paths()?;
        let config = match config::load(&paths.config_file()) {
            Ok((config, _warnings)) => config,
            Err(error) => {
                let error = broken(&error);
                say::aside(&format!("{error}; only this machine is known"));
                Config::default()
            }
        };
        Self::with(globals, paths, config)
    }

    /// As [`Self::new`], but a broken file is an error.
    pub fn strict(globals: &Globals) -> Result<Self, CommandError> {
        let paths = paths()?;
        let config = config::load(&paths.config_file()).map_err(|error| broken(&error))?;
        Self::with(globals, paths, config.0)
    }

    fn with(globals: &Globals, paths: Paths, config: Config) -> Result<Self, CommandError> {
        let agent_program = agent(globals.agent.clone())?;
        Ok(Self {
            config,
            machine: Here {
                paths,
                agent_program,
            },
        })
    }

    pub fn paths(&self) -> &Paths {
        &self.machine.paths
    }

    /// The ways to all hosts of the settings; this machine comes first.
    pub fn hosts(&self) -> Vec<HostSpec> {
        fleet::hosts(&self.config, &self.machine)
    }
}

pub fn paths() -> Result<Paths, CommandError> {
    Paths::from_env().map_err(|error| CommandError::failed(error.to_string(), ""))
}

/// Where the program of the agent is.
pub fn agent(named: Option<PathBuf>) -> Result<PathBuf, CommandError> {
    agent_program(named).map_err(|error| CommandError::failed(error.to_string(), error.hint()))
}

/// What is wrong with the settings, where, and what to do.
pub fn broken(error: &ConfigError) -> CommandError {
    CommandError::failed(error.to_string(), error.hint.clone().unwrap_or_default())
}

/// Runs `work` to its end on this thread.
pub fn block_on<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::because("cannot start", &error))?;
    let result = runtime.block_on(work);
    // A thread that reads the terminal cannot be interrupted; do not wait for it.
    runtime.shutdown_background();
    result
}

/// Hosts that are being asked.
pub struct Reach {
    pub fleet: Fleet,
    pub state: FleetState,
    notices: Receiver<HostNotice>,
    /// Hosts that have said what they have, or failed.
    settled: BTreeSet<HostId>,
    replies: Vec<(RequestId, Reply)>,
    last: u64,
    clock: Clock,
}

/// A host and what it answered.
pub type Answered = (HostId, Result<Reply, CommandError>);

/// What a notice was, for who follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Sessions may have changed.
    Event,
    Connected(HostId),
    Other,
}

impl Reach {
    /// Begins to connect. Call inside a tokio runtime.
    pub fn start(hosts: Vec<HostSpec>) -> Self {
        let (fleet, notices) = Fleet::start(hosts);
        Self {
            state: FleetState::new(fleet.hosts().cloned()),
            fleet,
            notices,
            settled: BTreeSet::new(),
            replies: Vec::new(),
            last: 0,
            clock: Clock::start(),
        }
    }

    pub fn now(&self) -> UnixMillis {
        self.clock.now().unix
    }

    /// The same moment by the clock of a host.
    pub fn now_on(&self, host: &HostId) -> UnixMillis {
        let behind = self.state.host(host).map_or(0, |host| host.clock_offset);
        self.now().saturating_add_signed(behind.saturating_neg())
    }

    /// Takes in one notice. Safe to cancel, unless the person is being asked something.
    pub async fn hear(&mut self) -> Result<Heard, CommandError> {
        let Some(notice) = self.notices.recv().await else {
            return Err(CommandError::failed("the hosts have gone", ""));
        };
        let HostNotice { host, notice } = notice;
        let mut heard = Heard::Other;
        match notice {
            Notice::Replied { id, reply } => {
                self.replies.push((id, *reply));
                return Ok(heard);
            }
            Notice::Asked(asked) => {
                asking::put(&host, asked).await;
                return Ok(heard);
            }
            Notice::Event(_) => {
                // The first thing that an agent tells is everything.
                self.settled.insert(host.clone());
                heard = Heard::Event;
            }
            Notice::Connected(_) => heard = Heard::Connected(host.clone()),
            Notice::Disconnected(_) | Notice::Halted(_) => {
                self.settled.insert(host.clone());
            }
            _ => {}
        }
        let now = self.now();
        self.state.apply(HostNotice { host, notice }, now);
        Ok(heard)
    }

    /// Waits until each host has answered or failed, or `is_enough` says so.
    pub async fn settle_until(
        &mut self,
        is_enough: impl Fn(&FleetState) -> bool,
    ) -> Result<(), CommandError> {
        while self.settled.len() < self.state.hosts.len() && !is_enough(&self.state) {
            self.hear().await?;
        }
        Ok(())
    }

    /// Waits until each host has answered or failed.
    pub async fn settle(&mut self) -> Result<(), CommandError> {
        self.settle_until(|_| false).await
    }

    /// Asks a host and waits for its answer; a refusal is an error.
    pub async fn ask(&mut self, host: &HostId, request: Request) -> Result<Reply, CommandError> {
        let id = self.send(host, request)?;
        match self.answer(id).await? {
            Reply::Failed(failure) => Err(self.refusal(host, &failure)),
            reply => Ok(reply),
        }
    }

    /// As [`Self::ask`], again over the next connection when one ends before it has brought the answer: for what may be
    /// asked twice. A host that waits for a person is an error.
    pub async fn ask_on(&mut self, host: &HostId, request: Request) -> Result<Reply, CommandError> {
        loop {
            let id = self.send(host, request.clone())?;
            match self.answer(id).await? {
                // What had no answer is told before the connection's end: the next one is still to come.
                Reply::Failed(failure) if failure.kind == FailureKind::Failed => {
                    while self.hear().await? != Heard::Connected(host.clone()) {
                        if self.state.host(host).is_some_and(|host| host.needs_human) {
                            return Err(self.refusal(host, &failure));
                        }
                    }
                }
                Reply::Failed(failure) => return Err(self.refusal(host, &failure)),
                reply => return Ok(reply),
            }
        }
    }

    /// The hosts that can be asked.
    pub fn connected(&self) -> Vec<HostId> {
        let connected = self.state.hosts.iter().filter(|host| host.is_connected());
        connected.map(|host| host.id.clone()).collect()
    }

    /// Asks several hosts at once. A refusal stands in the place of the answer and names its host.
    pub async fn ask_each(
        &mut self,
        requests: Vec<(HostId, Request)>,
    ) -> Result<Vec<Answered>, CommandError> {
        let mut asked = Vec::new();
        for (host, request) in requests {
            let id = self.send(&host, request)?;
            asked.push((host, id));
        }
        let mut answered = Vec::new();
        for (host, id) in asked {
            let reply = match self.answer(id).await? {
                Reply::Failed(failure) => Err(match self.unreached_host(&host) {
                    Some(error) => error,
                    None => CommandError::of(&Failure {
                        message: format!("{host}: {}", failure.message),
                        ..failure
                    }),
                }),
                reply => Ok(reply),
            };
            answered.push((host, reply));
        }
        Ok(answered)
    }

    fn send(&mut self, host: &HostId, request: Request) -> Result<RequestId, CommandError> {
        self.last += 1;
        let id = RequestId(self.last);
        self.fleet.send(host, id, request)?;
        Ok(id)
    }

    async fn answer(&mut self, id: RequestId) -> Result<Reply, CommandError> {
        loop {
            if let Some(at) = self.replies.iter().position(|(replied, _)| *replied == id) {
                return Ok(self.replies.swap_remove(at).1);
            }
            self.hear().await?;
        }
    }

    /// As [`Self::ask`], where only that it is done matters.
    pub async fn order(&mut self, host: &HostId, request: Request) -> Result<(), CommandError> {
        self.ask(host, request).await.map(|_done| ())
    }

    fn refusal(&self, host: &HostId, failure: &Failure) -> CommandError {
        let unreached = self.unreached_host(host);
        unreached.unwrap_or_else(|| CommandError::of(failure))
    }

    fn unreached_host(&self, host: &HostId) -> Option<CommandError> {
        self.state.host(host).and_then(unreached)
    }

    /// Why hosts could not be reached, in the order they are shown.
    pub fn unreached(&self) -> Vec<CommandError> {
        self.state.hosts.iter().filter_map(unreached).collect()
    }

    /// Says on standard error which hosts are missing in what was printed. With `is_named` (the person asked for these
    /// hosts), or when nobody answered, that is a failure.
    pub fn missing(&self, is_named: bool) -> Result<(), CommandError> {
        let unreached = self.unreached();
        if is_named || unreached.len() == self.state.hosts.len() {
            return say::complain_of(unreached);
        }
        for error in &unreached {
            say::aside(&error.to_string());
        }
        Ok(())
    }
}

/// Why a host is not reached; `None` when it is, or nobody knows yet. One that failed stays unreached while it is tried
/// again: else what is missing in an answer would depend on the moment.
pub fn unreached(host: &Host) -> Option<CommandError> {
    let failure = host.failure.as_ref()?;
    let message = sanitize::label(&failure.message, COLUMNS);
    Some(CommandError::new(
        Exit::Unreachable,
        format!("cannot reach “{}”: {message}", host.id),
        sanitize::label(&failure.hint, COLUMNS),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::shape::HostShape;

    #[test]
    fn a_host_that_failed_is_unreached_also_while_it_is_tried_again() {
        let failure = Failure {
            kind: FailureKind::Failed,
            message: "connection refused".to_owned(),
            hint: "is it on?".to_owned(),
        };
        let mut state = FleetState::new([HostId::local()]);
        let mut tell = |notice| {
            let host = HostId::local();
            state.apply(HostNotice { host, notice }, 0);
            let shape = serde_json::to_value(HostShape::of(&state.hosts[0])).unwrap();
            let error = unreached(&state.hosts[0]);
            (
                error.map(|error| error.message),
                shape["connection"].clone(),
            )
        };
        assert_eq!(tell(Notice::Connecting), (None, "connecting".into()));
        let lost = Some("cannot reach “local”: connection refused".to_owned());
        let lost = (lost, "lost".into());
        assert_eq!(tell(Notice::Disconnected(failure)), lost);
        assert_eq!(tell(Notice::Connecting), lost);
        assert_eq!(tell(Notice::Step("logging in")), lost);
    }
}
