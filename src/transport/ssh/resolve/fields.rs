//! A host as the user names it, and the arguments for `ssh` that say the same.

use std::path::PathBuf;

use super::{SshError, unsafe_name};
use crate::config::ContextConfig;
use crate::domain::destination::{self, Destination};

/// A host as a context names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostFields {
    /// As typed after `ssh`.
    pub name: String,
    pub user: Option<String>,
    pub port: Option<u16>,
    /// Tried before the keys of the user's settings.
    pub identity: Option<String>,
    /// As `ProxyJump`; `none` is also no `ProxyCommand`.
    pub jump: Option<String>,
    /// Read instead of the user's and the system's settings.
    pub config_file: Option<PathBuf>,
}

impl HostFields {
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// The host of a context; none when it is this machine.
    pub fn of(context: &ContextConfig) -> Option<Self> {
        Some(Self {
            name: context.host.clone()?,
            user: context.user.clone(),
            port: context.port,
            identity: context.identity.clone(),
            jump: context.jump.clone(),
            config_file: None,
        })
    }

    /// Arguments for `ssh` that say the same as the fields; the name comes last, behind `--`.
    pub(in crate::transport) fn arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        if let Some(file) = &self.config_file {
            arguments.extend(["-F".to_owned(), file.to_string_lossy().into_owned()]);
        }
        let mut option = |text: String| arguments.extend(["-o".to_owned(), text]);
        if let Some(user) = &self.user {
            option(format!("User={}", quoted(user)));
        }
        if let Some(port) = self.port {
            option(format!("Port={port}"));
        }
        if let Some(identity) = &self.identity {
            option(format!("IdentityFile={}", quoted(identity)));
        }
        match &self.jump {
            // This rules out both ways, the other one only itself.
            Some(jump) if jump.eq_ignore_ascii_case("none") => {
                option("ProxyCommand=none".to_owned());
            }
            Some(jump) => option(format!("ProxyJump={jump}")),
            None => {}
        }
        arguments.extend(["--".to_owned(), self.name.clone()]);
        arguments
    }

    /// Holds every name against OpenSSH's rules.
    pub(super) fn check(&self) -> Result<Destination, SshError> {
        let destination = Destination::typed(&self.name)
            .map_err(|error| unsafe_name(&self.name, "its name", &error))?;
        if let Some(user) = &self.user {
            destination::user_name(user)
                .map_err(|error| unsafe_name(&self.name, "its user", &error))?;
        }
        if let Some(jump) = &self.jump {
            Destination::hops(jump)
                .map_err(|error| unsafe_name(&self.name, "its jump host", &error))?;
        }
        Ok(destination)
    }
}

/// One value in the words of `ssh_config`.
pub(in crate::transport) fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}
