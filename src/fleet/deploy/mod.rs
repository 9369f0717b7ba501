//! The agent on another host: found, or put there.
//!
//! All of it happens in short commands over a [`Shell`]: one looks at the host ([`probe`]), one uploads ([`upload`]),
//! one starts what was chosen ([`launch`]). Promises: each command is a constant that any login shell passes on
//! unharmed, and data travels on its standard input; what a login shell prints of its own is skipped, because our lines
//! carry a random word; nothing is installed that the user has not agreed to; no file gets its final name, and none is
//! chosen, before it was checked on the host.

mod choose;
mod error;
pub mod launch;
pub mod marked;
pub mod probe;
pub mod program;
pub mod shell;
pub mod upload;

use std::path::PathBuf;

use tokio::sync::watch;
use tracing::info;

pub use self::error::DeployError;
pub use self::probe::{Candidate, Probe, Release};
pub use self::shell::{Limits, Ran, Shell};

use self::choose::Choice;
use self::program::Program;
use crate::transport::asking::{Answer, Asker, InstallQuestion, Question};

/// Whether an agent may be put on a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Install {
    /// The human decides, once a host and run.
    #[default]
    Ask,
    Always,
    /// Always, and ours takes the place of an older one that could be used.
    Upgrade,
    Never,
}

/// How the agent of one host is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployConfig {
    /// What the user calls the host; also what follows `ssh` in hints.
    pub host: String,
    /// Where the agent is on the host, absolute or from `~/`; nothing else is then tried.
    pub agent: Option<String>,
    pub install: Install,
    /// The agent's program on this machine: what is uploaded where it fits.
    pub own_program: PathBuf,
    /// `TARGET-TRIPLE/cm-agent` and `SHA256SUMS`, for hosts that ours does not fit.
    pub agents_dir: Option<PathBuf>,
}

/// An agent that can be started on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Absolute; for [`launch`].
    pub path: String,
    pub release: Release,
    /// Whether we have just put it there.
    pub is_new: bool,
}

/// Finds or installs the agent of one host, and remembers what the human said for as long as it lives.
#[derive(Debug)]
pub struct Deployer {
    config: DeployConfig,
    is_declined: bool,
}

impl Deployer {
    pub fn new(config: DeployConfig) -> Self {
        Self {
            config,
            is_declined: false,
        }
    }

    /// Looks at the host and makes an agent ready there. May wait for the human: race it against the end of the
    /// connection. Cancelling leaves nothing half done on the host.
    ///
    /// # Errors
    /// When there is no agent and none can be put there; the host may still be used without one
    /// ([`agentless`](super::agentless)), unless it does not answer at all.
    pub async fn prepare(
        &mut self,
        shell: &impl Shell,
        asker: &Asker,
        step: &watch::Sender<&'static str>,
    ) -> Result<Ready, DeployError> {
        let host = self.config.host.clone();
        let probe = probe::probe(shell, &host, self.config.agent.as_deref()).await?;
        let found = match choose::choose(&host, self.config.agent.as_deref(), &probe)? {
            Choice::Use(ready) if self.is_outdated(&ready) => Some(ready.release.line()),
            Choice::Use(ready) => return Ok(ready),
            Choice::Install { found } => found,
        };
        if self.config.install == Install::Never {
            return Err(DeployError::Forbidden { host, found });
        }
        if self.is_declined {
            return Err(DeployError::Declined { host, found });
        }
        let program = self.program(&probe, found.as_ref()).await?;
        upload::check(&host, &probe, &program)?;
        if self.config.install == Install::Ask {
            let question = Question::Install(InstallQuestion {
                system: probe.system_and_machine(),
                path: upload::path(&probe, &program),
                bytes: program.bytes.len() as u64,
                found: found.clone(),
            });
            if asker.ask(question).await != Answer::Yes {
                self.is_declined = true;
                return Err(DeployError::Declined { host, found });
            }
        }
        step.send_replace("installing cm-agent");
        let path = upload::upload(shell, &host, &program).await?;
        info!(%host, %path, "installed cm-agent");
        Ok(Ready {
            path,
            release: Release::ours(),
            is_new: true,
        })
    }

    /// Whether ours has to take its place. One that the user has named stays.
    fn is_outdated(&self, found: &Ready) -> bool {
        self.config.install == Install::Upgrade
            && self.config.agent.is_none()
            && found.release.age() < Release::ours().age()
    }

    async fn program(&self, probe: &Probe, found: Option<&String>) -> Result<Program, DeployError> {
        let (own, agents) = (
            self.config.own_program.clone(),
            self.config.agents_dir.clone(),
        );
        let platform = probe.platform();
        let searching =
            tokio::task::spawn_blocking(move || program::find(&own, agents.as_deref(), &platform));
        let why = match searching.await {
            Ok(Ok(program)) => return Ok(program),
            Ok(Err(why)) => why,
            Err(error) => program::ProgramError::Unreadable {
                path: self.config.own_program.clone(),
                source: std::io::Error::other(error),
            },
        };
        Err(DeployError::NothingFits {
            host: self.config.host.clone(),
            system: probe.system_and_machine(),
            found: found.cloned(),
            why: Box::new(why),
        })
    }
}
