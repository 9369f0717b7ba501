//! What this machine adds to a host's settings; and the settings where no `ssh` is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::SshError;
use super::super::settings::{Algorithms, IdentityAgent, Route, Settings, Trust, UnknownKeys};
use super::dump::{
    ALIVE_COUNT_MAX, ALIVE_INTERVAL, AUTHENTICATIONS, CONNECT_TIMEOUT, Dump, PASSWORD_PROMPTS,
};
use super::expand::Tokens;
use super::{HostFields, settings_error, unsafe_name};
use crate::domain::Destination;

/// The default keys of OpenSSH, in its order, below the home folder.
const KEYS: [&str; 6] = [
    ".ssh/id_rsa",
    ".ssh/id_ecdsa",
    ".ssh/id_ecdsa_sk",
    ".ssh/id_ed25519",
    ".ssh/id_ed25519_sk",
    ".ssh/id_dsa",
];
/// Where OpenSSH keeps what it knows of hosts, below the home folder and for everybody.
const USER_KNOWN_HOSTS: [&str; 2] = [".ssh/known_hosts", ".ssh/known_hosts2"];
const GLOBAL_KNOWN_HOSTS: [&str; 2] = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];

/// The user and the machine that we run on.
#[derive(Clone, Debug)]
pub(in crate::transport) struct Local {
    /// From the user database, as OpenSSH takes it, whatever `$HOME` says.
    pub home: PathBuf,
    pub user: String,
    /// What relative paths are seen from.
    pub folder: PathBuf,
    pub variable: fn(&str) -> Option<String>,
}

impl Local {
    /// As OpenSSH sees it: `defaults` is what it says without settings.
    pub fn of(defaults: &Dump) -> Self {
        let guessed = Self::guess();
        let home = defaults
            .one("userknownhostsfile")
            .and_then(|files| files.split_once("/.ssh/known_hosts"))
            .map(|(home, _)| PathBuf::from(home));
        Self {
            home: home.unwrap_or(guessed.home),
            user: defaults.one("user").map_or(guessed.user, str::to_owned),
            ..guessed
        }
    }

    /// As the user database and the environment say it.
    pub fn guess() -> Self {
        let uid = rustix::process::getuid().as_raw().to_string();
        let entry = user_entry(|fields| fields.get(2) == Some(&uid.as_str()));
        let (user, home) = entry.unwrap_or_else(|| {
            let named = ["USER", "LOGNAME"].into_iter().find_map(variable);
            let home = etcetera::home_dir().unwrap_or_else(|_unknown| "/".into());
            (named.unwrap_or(uid), home)
        });
        Self {
            home,
            user,
            folder: std::env::current_dir().unwrap_or_else(|_gone| "/".into()),
            variable,
        }
    }

    /// Replaces `~` and `~USER` at the beginning.
    pub fn at_home(&self, path: &str) -> Result<String, String> {
        let Some(rest) = path.strip_prefix('~') else {
            return Ok(path.to_owned());
        };
        let (user, below) = rest
            .split_once('/')
            .map_or((rest, None), |(user, below)| (user, Some(below)));
        let home = if user.is_empty() {
            self.home.clone()
        } else {
            user_entry(|fields| fields.first() == Some(&user))
                .map(|(_, home)| home)
                .ok_or_else(|| format!("there is no user “{user}”"))?
        };
        let path = below.map_or_else(|| home.clone(), |below| home.join(below));
        Ok(path.to_string_lossy().into_owned())
    }

    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Name and home folder of the first user that fits.
fn user_entry(fits: impl Fn(&[&str]) -> bool) -> Option<(String, PathBuf)> {
    let text = fs::read("/etc/passwd").ok()?;
    String::from_utf8_lossy(&text).lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            [name, _, _, _, _, home, _] if fits(&fields) => Some((name.to_owned(), home.into())),
            _ => None,
        }
    })
}

/// The settings where no `ssh` is installed: what the context says, and OpenSSH's defaults.
pub(super) fn plain(fields: &HostFields, local: &Local) -> Result<Settings, SshError> {
    let mut settings = plain_hop(fields, local)?;
    let hops = fields.jump.as_deref().map(Destination::hops).transpose();
    let hops = hops
        .map_err(|error| unsafe_name(&fields.name, "its jump host", &error))?
        .unwrap_or_default();
    let way = hops
        .into_iter()
        .map(|hop| {
            let fields = HostFields {
                user: hop.user,
                port: hop.port,
                ..HostFields::named(hop.host)
            };
            plain_hop(&fields, local)
        })
        .collect::<Result<Vec<_>, _>>()?;
    if !way.is_empty() {
        settings.route = Route::Jump(way);
    }
    Ok(settings)
}

fn plain_hop(fields: &HostFields, local: &Local) -> Result<Settings, SshError> {
    let destination = fields.check()?;
    let user = fields.user.clone().or(destination.user);
    let user = user.unwrap_or_else(|| local.user.clone());
    let port = fields.port.or(destination.port).unwrap_or(22);
    let tokens = Tokens {
        host_name: &destination.host,
        name: &destination.host,
        key_alias: &destination.host,
        user: &user,
        port,
        jump: fields.jump.as_deref().unwrap_or_default(),
        local,
    };
    let identity_files = match &fields.identity {
        Some(identity) => {
            let file = tokens.in_path(identity).map_err(|why| {
                let message = format!(
                    "cannot use the key “{identity}” of “{}”: {why}",
                    fields.name
                );
                settings_error(message, "check identity in the settings")
            })?;
            vec![file]
        }
        None => KEYS.iter().map(|key| local.home.join(key)).collect(),
    };
    Ok(Settings {
        name: fields.name.clone(),
        host_name: destination.host.clone(),
        port,
        user: user.clone(),
        identity_files,
        certificate_files: Vec::new(),
        identities_only: false,
        identity_agent: IdentityAgent::Environment,
        route: Route::Direct,
        trust: Trust {
            user_files: USER_KNOWN_HOSTS.map(|file| local.home.join(file)).to_vec(),
            global_files: GLOBAL_KNOWN_HOSTS.map(PathBuf::from).to_vec(),
            revoked: None,
            alias: None,
            unknown: UnknownKeys::Ask,
            is_hashed: false,
        },
        alive_interval: Duration::from_secs(ALIVE_INTERVAL),
        alive_count_max: ALIVE_COUNT_MAX,
        connect_timeout: Duration::from_secs(CONNECT_TIMEOUT),
        authentications: AUTHENTICATIONS.map(|(name, _)| name.to_owned()).to_vec(),
        password_prompts: PASSWORD_PROMPTS,
        algorithms: Algorithms::default(),
    })
}
