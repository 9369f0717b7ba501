//! The name that a host's keys are looked up and kept under.
//!
//! It is not what the user typed but where the connection goes (or the alias that the settings give it), in lower case,
//! as OpenSSH does it, so that both read and write the same lines.

use std::fmt;

use crate::transport::ssh::settings::Settings;

/// The port that a name without a port stands for.
const DEFAULT_PORT: u16 = 22;

/// A host as its keys know it. Displays as `known_hosts` writes it: `gpu-2` or `[gpu-2]:2222`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName {
    /// Without the port: what a certificate names.
    principal: String,
    /// With the port, unless it is the usual one.
    lookup: String,
}

impl HostName {
    /// `host` is a name or an address, without brackets.
    pub fn new(host: &str, port: u16) -> Self {
        let principal = host.to_ascii_lowercase();
        let lookup = if port == DEFAULT_PORT {
            principal.clone()
        } else {
            format!("[{principal}]:{port}")
        };
        Self { principal, lookup }
    }

    /// A name that stands for one host whatever its address and port are.
    pub fn alias(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        Self {
            principal: name.clone(),
            lookup: name,
        }
    }

    /// What the settings say: the alias, or else where the connection goes.
    pub fn of(settings: &Settings) -> Self {
        match &settings.trust.alias {
            Some(alias) => Self::alias(alias),
            None => Self::new(&settings.host_name, settings.port),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.lookup
    }

    pub(super) fn principal(&self) -> &str {
        &self.principal
    }

    /// The name without its port, when it has one. OpenSSH also believes a line for this name.
    pub(super) fn without_port(&self) -> Option<&str> {
        (self.lookup != self.principal).then_some(&*self.principal)
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lookup)
    }
}
