//! What a connection needs to know about a host, as OpenSSH's own resolver or the context's fields say it.

use std::path::PathBuf;
use std::time::Duration;

/// The settings of one host, of the last hop or of a jump host. Paths are absolute, tokens are expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// As the user typed it after `ssh`.
    pub name: String,
    /// Where to connect: a name or an address.
    pub host_name: String,
    pub port: u16,
    pub user: String,
    pub identity_files: Vec<PathBuf>,
    pub certificate_files: Vec<PathBuf>,
    /// Only the named keys are tried, also when the agent has more.
    pub identities_only: bool,
    pub identity_agent: IdentityAgent,
    /// How the byte stream to the host comes about.
    pub route: Route,
    pub trust: Trust,
    /// Silence after which the host is asked whether it is there. Never zero: what OpenSSH has as “off” is our default,
    /// since a dead host has to be noticed.
    pub alive_interval: Duration,
    /// How often it is asked before the connection counts as dead.
    pub alive_count_max: u32,
    /// For TCP and key exchange together. Never zero.
    pub connect_timeout: Duration,
    /// In the order they are tried: `publickey`, `keyboard-interactive`, `password`.
    pub authentications: Vec<String>,
    pub password_prompts: u32,
    pub algorithms: Algorithms,
}

/// Where the ssh-agent (the one that holds keys) listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityAgent {
    /// `SSH_AUTH_SOCK` of our environment, if set.
    Environment,
    Socket(PathBuf),
    None,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Direct,
    /// Through these hosts, the first one is connected to first. Of their own routes only the first one's is used, and
    /// that is direct or a command.
    Jump(Vec<Settings>),
    /// The input and output of this command, given to the user's shell.
    Command(String),
    /// A command that hands over a descriptor (`ProxyUseFdpass`), which only the system's `ssh` takes.
    Descriptor,
}

/// Which keys of a host are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    pub user_files: Vec<PathBuf>,
    pub global_files: Vec<PathBuf>,
    /// A list of keys that are never believed, whoever shows them.
    pub revoked: Option<PathBuf>,
    /// The name that its key is looked up under instead of its own.
    pub alias: Option<String>,
    pub unknown: UnknownKeys,
    /// Names are hashed when a key is added.
    pub is_hashed: bool,
}

/// `StrictHostKeyChecking`: what happens to a key that no file knows. A changed or revoked key is always refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownKeys {
    /// `yes`
    Refuse,
    /// `ask`
    Ask,
    /// `accept-new`, and `no`
    Add,
}

/// Algorithm names in order of preference, each list as the user's settings leave it; empty: ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Algorithms {
    pub ciphers: Vec<String>,
    pub key_exchange: Vec<String>,
    pub macs: Vec<String>,
    pub host_keys: Vec<String>,
    /// `Compression`: both ways and after the login, where the host does it too.
    pub is_compressed: bool,
}
