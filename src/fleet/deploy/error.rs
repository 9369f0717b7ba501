//! Why a host has no agent, in one line with its name, and what to do about it.

use std::io;

use thiserror::Error;

use super::program::ProgramError;
use super::shell::Ran;
use crate::protocol::{Failure, FailureKind, NEWEST, OLDEST};
use crate::term::sanitize;
use crate::transport::ssh::SshError;

/// What a person types on a host to have an agent there.
const BY_HAND: &str = "cargo install --path . --locked --no-default-features --bin cm-agent (in a checkout of cm-tui)";

#[derive(Debug, Error)]
pub enum DeployError {
    #[error(transparent)]
    Ssh(#[from] SshError),
    #[error("no random bytes on this machine")]
    Random(#[source] io::Error),
    #[error("the agent's path for {host} cannot be used: {why}")]
    Setting { host: String, why: String },

    /// The login shell did not do what it was told: `/bin/false`, a forced command, a menu.
    #[error("the login shell of {host} does not run commands{status}{words}")]
    NoShell {
        host: String,
        /// ` (exit 1)`, or nothing.
        status: String,
        /// `: ` and its words, or nothing.
        words: String,
    },
    #[error("the login shell of {host} prints too much on standard output")]
    Chatty { host: String },
    #[error("{host} does not say {missing}")]
    Incomplete { host: String, missing: &'static str },

    #[error("the agent of {host} cannot be used: {path}: {why}")]
    Configured {
        host: String,
        path: String,
        why: String,
    },
    #[error(
        "cm-agent {version} on {host} is newer than this cm-tui: it speaks protocol {oldest} to {newest}, we {OLDEST} to {NEWEST}"
    )]
    TooNew {
        host: String,
        version: String,
        oldest: u16,
        newest: u16,
    },
    #[error("{}, and none is to be installed", absent(host, found.as_ref()))]
    Forbidden { host: String, found: Option<String> },
    #[error("{}, and you chose not to install one", absent(host, found.as_ref()))]
    Declined { host: String, found: Option<String> },
    #[error("{}, and there is none to install on {system}: {why}", absent(host, found.as_ref()))]
    NothingFits {
        host: String,
        system: String,
        found: Option<String>,
        why: Box<ProgramError>,
    },

    #[error("no room for cm-agent on {host}: {detail}")]
    NoRoom { host: String, detail: String },
    #[error("cm-agent cannot be written on {host}: {detail}")]
    NotWritten { host: String, detail: String },
    #[error("the folder for cm-agent on {host} is not safe: {folder}")]
    UnsafeFolder { host: String, folder: String },
    #[error("{host} has no program that checks what is uploaded")]
    NoSumTool { host: String },
    #[error("cm-agent did not reach {host} whole: {arrived} of {bytes} bytes")]
    Truncated {
        host: String,
        arrived: String,
        bytes: usize,
    },
    #[error("cm-agent reached {host} changed: its SHA-256 is wrong")]
    Changed { host: String },
    #[error("cm-agent was uploaded but does not run on {host}: {words}")]
    DoesNotRun { host: String, words: String },
}

fn absent(host: &str, found: Option<&String>) -> String {
    match found {
        None => format!("no cm-agent on {host}"),
        Some(found) => format!("no cm-agent on {host} that we can talk to ({found})"),
    }
}

impl DeployError {
    /// A command of ours that ended without its last line.
    pub(in crate::fleet) fn no_answer(host: &str, ran: &Ran) -> Self {
        let host = host.to_owned();
        if ran.is_cut {
            return Self::Chatty { host };
        }
        let said = [ran.stderr.as_str(), &String::from_utf8_lossy(&ran.stdout)]
            .iter()
            .flat_map(|text| text.lines())
            .map(|line| sanitize::label(line, 100))
            .find(|line| !line.is_empty());
        Self::NoShell {
            host,
            status: ran
                .status
                .map(|status| format!(" (exit {status})"))
                .unwrap_or_default(),
            words: said.map(|said| format!(": {said}")).unwrap_or_default(),
        }
    }

    /// What to do; may be empty.
    pub fn hint(&self) -> String {
        match self {
            Self::Ssh(error) => error.hint.clone(),
            Self::Random(_) => String::new(),
            Self::Setting { .. } | Self::Configured { .. } => {
                "correct the agent's path in the settings, or leave it out".to_owned()
            }
            Self::NoShell { host, .. } => {
                format!("it must run what it is given; try: ssh {host} echo works")
            }
            Self::Chatty { host } => {
                format!("let its start-up files print only when a person is there; try: ssh {host} true")
            }
            Self::Incomplete { host, .. } => format!("try: ssh {host} \"uname -sm; echo ~\""),
            Self::TooNew { .. } => "upgrade cm-tui here".to_owned(),
            Self::Forbidden { host, .. } => {
                format!("on {host}: {BY_HAND}; or set install = \"ask\"")
            }
            Self::Declined { host, .. } => {
                format!("on {host}: {BY_HAND}; or start cm-tui again to be asked")
            }
            Self::NothingFits { host, .. } => format!("on {host}: {BY_HAND}"),
            Self::NoRoom { host, .. } => {
                format!("free some space in the home folder; look with: ssh {host} df -h .")
            }
            Self::NotWritten { host, .. } => format!(
                "make ~/.local/share writable, or install it elsewhere and name its path; on {host}: {BY_HAND}"
            ),
            Self::UnsafeFolder { .. } => {
                "it must be a folder of yours that nobody else can enter; move it away, or chmod 700"
                    .to_owned()
            }
            Self::NoSumTool { host } => {
                format!("install sha256sum, shasum or openssl there; or on {host}: {BY_HAND}")
            }
            Self::Truncated { .. } | Self::Changed { .. } => {
                "it is tried again with the next connection; nothing was left there".to_owned()
            }
            Self::DoesNotRun { host, .. } => {
                format!("nothing was left there; on {host}: {BY_HAND}")
            }
        }
    }

    /// Whether the host answers and only the agent is missing, so that it can be used without one.
    pub fn leaves_a_shell(&self) -> bool {
        !matches!(
            self,
            Self::Ssh(_)
                | Self::Random(_)
                | Self::NoShell { .. }
                | Self::Chatty { .. }
                | Self::Incomplete { .. }
        )
    }

    /// As the host's row shows it.
    pub fn failure(&self) -> Failure {
        let kind = match self {
            Self::TooNew { .. } => FailureKind::Unsupported,
            Self::Forbidden { .. } | Self::Declined { .. } => FailureKind::Refused,
            _ => FailureKind::Failed,
        };
        Failure {
            kind,
            message: self.to_string(),
            hint: self.hint(),
        }
    }
}
