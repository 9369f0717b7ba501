//! Contexts: where work runs, as the user names it.
//!
//! A context is a host plus a folder, with what a new session starts with. Promise: every host, user and jump host that
//! gets past here is one that OpenSSH itself would take as an argument (see [`destination`]).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::read;
use super::{Config, Fault};
use crate::domain::HostId;
use crate::domain::destination::{self, Destination, DestinationError};
use crate::paths::Paths;

/// The longest name, in bytes: it has to fit a row.
const LONGEST_NAME: usize = 64;

/// Name → context. A name can be a [`HostId`], an argument of a command and part of a file name.
pub type Contexts = BTreeMap<String, ContextConfig>;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ContextConfig {
    /// As it would be typed after `ssh`; absent: this machine.
    pub host: Option<String>,
    /// The folder that new sessions start in, on that host: absolute, or `~/…`.
    pub dir: Option<String>,
    /// The profile id that a new session starts with, instead of `default_tool`.
    pub tool: Option<String>,
    /// A file of rules that hold in this context alone, for one of this machine: absolute, or `~/…`.
    pub policy: Option<String>,
    /// Instead of what the user's `ssh_config` says.
    pub user: Option<String>,
    pub port: Option<u16>,
    /// A private key file of this machine, tried first: absolute, or `~/…`.
    pub identity: Option<String>,
    /// As `ProxyJump`: hosts to go through, separated by commas, or `none`.
    pub jump: Option<String>,
    pub transport: SshTransport,
    pub install: Install,
    /// Where `cm-agent` is on the host, when it is neither in its `PATH` nor where we put it: absolute, or `~/…`.
    pub agent: Option<String>,
    pub attach: AttachOutput,
    /// Whether it is connected to and shown.
    pub enabled: bool,
    pub tags: Vec<String>,
}

impl Default for ContextConfig {
    fn default() -> Self {
        Self {
            host: None,
            dir: None,
            tool: None,
            policy: None,
            user: None,
            port: None,
            identity: None,
            jump: None,
            transport: SshTransport::default(),
            install: Install::default(),
            agent: None,
            attach: AttachOutput::default(),
            enabled: true,
            tags: Vec::new(),
        }
    }
}

impl ContextConfig {
    /// Whether both are reached through the same connection: everything that makes the connection is the same.
    pub fn is_same_host(&self, other: &Self) -> bool {
        let connection = |context: &Self| {
            (
                context.host.clone(),
                context.user.clone(),
                context.port,
                context.identity.clone(),
                context.jump.clone(),
                context.transport,
            )
        };
        self.host.is_none() && other.host.is_none() || connection(self) == connection(other)
    }
}

/// The contexts of this machine that are switched on: what its rules can tell apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalContexts {
    /// `None` when the settings cannot be read.
    known: Option<Vec<LocalContext>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct LocalContext {
    name: String,
    /// The whole machine, where the settings name no folder.
    dir: PathBuf,
    policy: Option<PathBuf>,
}

impl LocalContexts {
    pub(super) fn unknown() -> Self {
        Self { known: None }
    }

    /// Reads the settings as they are now. Without a file there are no contexts; a link that leads nowhere is a file.
    pub fn read(paths: &Paths) -> Self {
        let file = paths.config_file();
        let config = match fs::symlink_metadata(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Config::default()),
            _ => read::<Config>(&file).ok().map(|(config, _warnings)| config),
        };
        let at_home = |path: &str| match Path::new(path).strip_prefix("~") {
            Ok(rest) => paths.home.join(rest),
            Err(_absolute) => path.into(),
        };
        let local = |(name, context): (String, ContextConfig)| {
            let is_local = context.enabled && context.host.is_none();
            is_local.then(|| LocalContext {
                name,
                dir: context.dir.as_deref().map_or("/".into(), at_home),
                policy: context.policy.as_deref().map(at_home),
            })
        };
        Self {
            known: config.map(|config| config.contexts.into_iter().filter_map(local).collect()),
        }
    }

    /// The names of those whose folder is the nearest one around `dir`, by real paths: several when they share it, none
    /// outside of all. `None` where that cannot be told.
    pub fn around(&self, dir: &Path) -> Option<Vec<&str>> {
        let known = self.known.as_ref()?;
        if known.is_empty() {
            return Some(Vec::new());
        }
        let dir = fs::canonicalize(dir).ok()?;
        let (mut depth, mut names) = (0, Vec::new());
        for context in known {
            let folder = match fs::canonicalize(&context.dir) {
                Ok(folder) => folder,
                Err(error) if is_absent(&error) => continue,
                Err(_) => return None,
            };
            let its_depth = folder.components().count();
            if !dir.starts_with(&folder) || its_depth < depth {
                continue;
            }
            if its_depth > depth {
                (depth, names) = (its_depth, Vec::new());
            }
            names.push(context.name.as_str());
        }
        Some(names)
    }

    /// The folders of their files of rules.
    pub fn policy_folders(&self) -> Vec<PathBuf> {
        let folders = self.policies().into_keys().filter_map(Path::parent);
        folders.map(Path::to_owned).collect()
    }

    /// Each file of rules, with the names of the contexts that it is for.
    pub(super) fn policies(&self) -> BTreeMap<&Path, Vec<String>> {
        let mut files: BTreeMap<&Path, Vec<String>> = BTreeMap::new();
        for context in self.known.iter().flatten() {
            if let Some(file) = &context.policy {
                files.entry(file).or_default().push(context.name.clone());
            }
        }
        files
    }
}

/// Nobody can work in a folder that is not there.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Who speaks SSH.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SshTransport {
    /// This program.
    #[default]
    Ssh,
    /// The system's `ssh` as a child, for what only it can do.
    OpenSsh,
}

/// Whether `cm-agent` may be put on a host that has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Install {
    /// After asking once.
    #[default]
    Ask,
    Always,
    Never,
}

/// What of a session's output reaches your terminal while you are attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AttachOutput {
    /// What a screen needs; nothing that acts on your machine, such as setting the clipboard.
    #[default]
    Filtered,
    /// Everything, as it comes.
    Raw,
}

/// The first thing that is wrong with the contexts of a file.
pub(super) fn fault(contexts: &Contexts) -> Option<Fault> {
    contexts.iter().find_map(|(name, context)| {
        name_fault(name)
            .or_else(|| reach_fault(name, context))
            .or_else(|| path_fault(name, context))
    })
}

fn name_fault(name: &str) -> Option<Fault> {
    let is_word = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let hint = if !is_word || !starts_well {
        "use letters, digits, “-”, “_” and “.”, a letter or digit first"
    } else if name.len() > LONGEST_NAME {
        "use a shorter one: it has to fit a row"
    } else {
        return None;
    };
    let message = format!("“{}” cannot be the name of a context", name.escape_debug());
    Some(Fault::new(
        vec!["contexts".into(), name.into()],
        message,
        hint,
    ))
}

/// Whether the host can be reached with what is said about it.
fn reach_fault(name: &str, context: &ContextConfig) -> Option<Fault> {
    let Some(host) = &context.host else {
        let fields = [
            ("user", context.user.is_some()),
            ("port", context.port.is_some()),
            ("identity", context.identity.is_some()),
            ("jump", context.jump.is_some()),
        ];
        return fields
            .into_iter()
            .find(|(_, given)| *given)
            .map(|(key, _)| {
                let message = format!("{key} without a host");
                at(
                    name,
                    key,
                    message,
                    "a context without a host is this machine",
                )
            });
    };
    if context.policy.is_some() {
        let message = "the rules for a host live on it".to_owned();
        let hint = "put the file there, into ~/.config/cm-tui/policy.d/, and leave “policy” out";
        return Some(at(name, "policy", message, hint));
    }
    if name == HostId::LOCAL {
        let message = "the context “local” has a host".to_owned();
        return Some(at(
            name,
            "host",
            message,
            "that name is this machine: use another",
        ));
    }
    let unfit = |key: &str, what: &str, error: &DestinationError, hint: &str| {
        at(name, key, format!("not {what}: {error}"), hint)
    };
    if let Err(error) = Destination::typed(host) {
        return Some(unfit(
            "host",
            "a host",
            &error,
            "write it as you would after ssh",
        ));
    }
    if let Some(Err(error)) = context.user.as_deref().map(destination::user_name) {
        return Some(unfit(
            "user",
            "a user",
            &error,
            "write the name to log in with",
        ));
    }
    if context.port == Some(0) {
        let message = "a port is a number from 1 to 65535".to_owned();
        return Some(at(name, "port", message, ""));
    }
    if let Some(Err(error)) = context.jump.as_deref().map(Destination::hops) {
        return Some(unfit(
            "jump",
            "a list of hosts",
            &error,
            "write it as for ssh -J: [USER@]HOST[:PORT],…",
        ));
    }
    None
}

/// Paths must not depend on where a program was started.
fn path_fault(name: &str, context: &ContextConfig) -> Option<Fault> {
    let paths = [
        ("dir", &context.dir),
        ("policy", &context.policy),
        ("identity", &context.identity),
        ("agent", &context.agent),
    ];
    paths.into_iter().find_map(|(key, path)| {
        let path = path.as_deref()?;
        let is_anchored = path == "~" || path.starts_with("~/") || Path::new(path).is_absolute();
        let problem = if path.contains(char::is_control) {
            "has a control character"
        } else if !is_anchored {
            "starts neither with “/” nor with “~/”"
        } else {
            return None;
        };
        let message = format!("the path “{}” {problem}", path.escape_debug());
        Some(at(
            name,
            key,
            message,
            "write an absolute path, or one that starts with “~/”",
        ))
    })
}

fn at(name: &str, key: &str, message: String, hint: &str) -> Fault {
    Fault::new(
        vec!["contexts".into(), name.into(), key.into()],
        message,
        hint,
    )
}
