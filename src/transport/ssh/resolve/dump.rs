//! The output of `ssh -G`: a keyword in small letters and its value on each line, all of them, defaults too.

use std::path::PathBuf;
use std::time::Duration;

use super::super::SshError;
use super::super::settings::{Algorithms, IdentityAgent, Route, Settings, Trust, UnknownKeys};
use super::expand::Tokens;
use super::{HostFields, Local, settings_error};
use crate::domain::Destination;

/// Seconds between two questions whether a silent host is there, when the user's settings do not say: three of them in a
/// row unanswered are noticed within a minute, at the cost of one small packet each.
pub(super) const ALIVE_INTERVAL: u64 = 15;
pub(super) const ALIVE_COUNT_MAX: u32 = 3;
/// Seconds for connecting, when the user's settings do not say: a lost first packet is sent again after 1, 3 and 7
/// seconds, so this bears three losses; the system's own limit is over two minutes.
pub(super) const CONNECT_TIMEOUT: u64 = 15;
/// OpenSSH's default.
pub(super) const PASSWORD_PROMPTS: u32 = 3;
/// What we can do, in OpenSSH's order, each with the keyword that switches it off.
pub(super) const AUTHENTICATIONS: [(&str, &str); 3] = [
    ("publickey", "pubkeyauthentication"),
    ("keyboard-interactive", "kbdinteractiveauthentication"),
    ("password", "passwordauthentication"),
];

/// Keywords and their values, in the order they were printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::transport) struct Dump(Vec<(String, String)>);

impl Dump {
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        Self(
            lines
                .map(|(key, value)| (key.to_ascii_lowercase(), value.to_owned()))
                .collect(),
        )
    }

    /// The value of a keyword that stands once; none when it is empty.
    pub fn one(&self, key: &str) -> Option<&str> {
        self.all(key).next().filter(|value| !value.is_empty())
    }

    pub fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    pub fn number<N: std::str::FromStr>(&self, key: &str) -> Option<N> {
        self.one(key)?.parse().ok()
    }

    /// Whether a switch is on; OpenSSH has several words for it.
    pub fn is_on(&self, key: &str) -> Option<bool> {
        self.one(key).map(|value| !matches!(value, "no" | "false"))
    }

    /// Paths in one line, which are not quoted: a word that is no absolute path belongs to the one before it.
    fn paths(&self, key: &str) -> Vec<String> {
        let mut paths: Vec<String> = Vec::new();
        for word in self.one(key).unwrap_or_default().split(' ') {
            match paths.last_mut() {
                Some(path) if !word.starts_with(['/', '~']) => {
                    path.push(' ');
                    path.push_str(word);
                }
                _ => paths.push(word.to_owned()),
            }
        }
        paths.retain(|path| !path.is_empty() && path != "none");
        paths
    }

    /// A list of names, when it is another one than the default.
    fn own_list(&self, key: &str, defaults: &Self) -> Vec<String> {
        match self.one(key) {
            Some(list) if defaults.one(key) != Some(list) => {
                list.split(',').map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// One host's settings without the jump hosts on its way.
pub(super) fn settings(
    fields: &HostFields,
    destination: &Destination,
    dump: &Dump,
    defaults: &Dump,
    local: &Local,
) -> Result<Settings, SshError> {
    let host_name = dump.one("hostname").unwrap_or(&destination.host);
    // An address may be typed in brackets.
    let host_name = host_name
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let user = dump.one("user").unwrap_or(&local.user).to_owned();
    let port = dump.number("port").unwrap_or(22);
    let name = dump.one("host").unwrap_or(&destination.host);
    let alias = dump.one("hostkeyalias").map(str::to_owned);
    let is_batch = dump.is_on("batchmode") == Some(true);
    let tokens = Tokens {
        host_name: &host_name,
        name,
        key_alias: alias.as_deref().unwrap_or(name),
        user: &user,
        port,
        jump: dump.one("proxyjump").unwrap_or_default(),
        local,
    };
    let unusable = |keyword: &str, value: &str, why: &str| {
        let message = format!("cannot use {keyword} “{value}” of “{}”: {why}", fields.name);
        settings_error(message, format!("check {keyword} in ~/.ssh/config"))
    };
    let keys = |key: &str, keyword: &str| {
        dump.all(key)
            .filter(|file| !file.eq_ignore_ascii_case("none"))
            .map(|file| {
                tokens
                    .in_path(file)
                    .map_err(|why| unusable(keyword, file, &why))
            })
            .collect::<Result<Vec<PathBuf>, _>>()
    };
    // These are printed with their tokens replaced.
    let known_hosts = |key: &str| {
        let paths = dump.paths(key).into_iter();
        paths.map(|path| local.absolute(path.as_ref())).collect()
    };
    let identity_files = keys("identityfile", "IdentityFile")?;
    let certificate_files = keys("certificatefile", "CertificateFile")?;
    let unknown = match dump.one("stricthostkeychecking") {
        Some("yes" | "true") => UnknownKeys::Refuse,
        Some("no" | "false" | "off" | "accept-new") => UnknownKeys::Add,
        // Nobody may be asked.
        _ if is_batch => UnknownKeys::Refuse,
        _ => UnknownKeys::Ask,
    };
    let route =
        route(dump, &tokens).map_err(|(command, why)| unusable("ProxyCommand", command, &why))?;
    Ok(Settings {
        identity_files,
        certificate_files,
        identities_only: dump.is_on("identitiesonly") == Some(true),
        identity_agent: identity_agent(dump, local),
        route,
        trust: Trust {
            user_files: known_hosts("userknownhostsfile"),
            global_files: known_hosts("globalknownhostsfile"),
            revoked: keys("revokedhostkeys", "RevokedHostKeys")?.pop(),
            alias: alias.clone(),
            unknown,
            is_hashed: dump.is_on("hashknownhosts") == Some(true),
        },
        alive_interval: Duration::from_secs(
            dump.number("serveraliveinterval")
                .filter(|&seconds| seconds > 0)
                .unwrap_or(ALIVE_INTERVAL),
        ),
        alive_count_max: dump
            .number("serveralivecountmax")
            .unwrap_or(ALIVE_COUNT_MAX),
        connect_timeout: Duration::from_secs(
            dump.number("connecttimeout")
                .filter(|&seconds| seconds > 0)
                .unwrap_or(CONNECT_TIMEOUT),
        ),
        authentications: authentications(dump, is_batch),
        password_prompts: dump
            .number("numberofpasswordprompts")
            .unwrap_or(PASSWORD_PROMPTS),
        algorithms: Algorithms {
            ciphers: dump.own_list("ciphers", defaults),
            key_exchange: dump.own_list("kexalgorithms", defaults),
            macs: dump.own_list("macs", defaults),
            host_keys: dump.own_list("hostkeyalgorithms", defaults),
            is_compressed: dump.is_on("compression") == Some(true),
        },
        name: fields.name.clone(),
        host_name: host_name.clone(),
        port,
        user: user.clone(),
    })
}

/// The way without jump hosts, or the command that cannot be used and why.
fn route<'a>(dump: &'a Dump, tokens: &Tokens<'_>) -> Result<Route, (&'a str, String)> {
    match dump.one("proxycommand") {
        Some(command) if command.eq_ignore_ascii_case("none") => Ok(Route::Direct),
        Some(_) if dump.is_on("proxyusefdpass") == Some(true) => Ok(Route::Descriptor),
        Some(command) => match tokens.in_command(command) {
            Ok(command) => Ok(Route::Command(command)),
            Err(why) => Err((command, why)),
        },
        None => Ok(Route::Direct),
    }
}

/// A path is printed with its tokens replaced, the name of a variable is not.
fn identity_agent(dump: &Dump, local: &Local) -> IdentityAgent {
    match dump.one("identityagent") {
        None | Some("SSH_AUTH_SOCK") => IdentityAgent::Environment,
        Some(none) if none.eq_ignore_ascii_case("none") => IdentityAgent::None,
        Some(value) => match value.strip_prefix('$') {
            Some(name) => (local.variable)(name).map_or(IdentityAgent::None, |path| {
                IdentityAgent::Socket(path.into())
            }),
            None => IdentityAgent::Socket(local.absolute(value.as_ref())),
        },
    }
}

fn authentications(dump: &Dump, is_batch: bool) -> Vec<String> {
    let is_wanted = |name: &str| {
        AUTHENTICATIONS.iter().any(|&(known, switch)| {
            known == name && dump.is_on(switch) != Some(false) && (!is_batch || name == "publickey")
        })
    };
    let ours: Vec<&str> = AUTHENTICATIONS.iter().map(|&(name, _)| name).collect();
    let preferred = dump.one("preferredauthentications");
    let order = preferred.map_or(ours, |list| list.split(',').collect());
    let wanted = order.into_iter().filter(|name| is_wanted(name));
    wanted.map(str::to_owned).collect()
}
