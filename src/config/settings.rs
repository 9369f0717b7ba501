//! The settings of a user: `config.toml` as a plain value, every one with a default.
//!
//! `assets/config.toml` documents them; a test holds the two against each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::{Deserializer, Error, Unexpected};
use serde::{Deserialize, Serialize};

use super::calls::{self, NotifyConfig};
use super::contexts::{self, Contexts};
use super::{Fault, Schema};
use crate::paths::Paths;

/// The documented sample: every line is a comment, and says the default.
pub const SAMPLE: &str = include_str!("../../assets/config.toml");

/// Below this no tool can show a prompt with its command.
const SMALLEST: (u16, u16) = (20, 5);
/// The largest size a session may be given: a keyframe of it still fits one message.
const LARGEST: (u16, u16) = (500, 200);

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Config {
    /// The name of a theme, built in or in the user's `themes` folder.
    pub theme: String,
    pub glyphs: Glyphs,
    /// Whether clicks and the wheel are for the dashboard.
    pub mouse: bool,
    /// Whether spinners stand still.
    pub reduced_motion: bool,
    #[serde(deserialize_with = "calls::table_or_word")]
    pub notify: NotifyConfig,
    /// The profile id that a new session starts with.
    pub default_tool: String,
    /// The key that leaves typing mode and detaches.
    pub detach_key: String,
    pub session: SessionConfig,
    pub tmux: TmuxConfig,
    pub logs: LogsConfig,
    pub approve: ApproveConfig,
    /// A folder of agents for other systems: `TARGET-TRIPLE/cm-agent` and `SHA256SUMS`. See [`Config::agents_dir`].
    pub agents_dir: String,
    pub contexts: Contexts,
    /// Action name → the keys that replace its default ones. Names and keys are checked by the keymap.
    pub keys: BTreeMap<String, KeyList>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            theme: "ansi".to_owned(),
            glyphs: Glyphs::default(),
            mouse: true,
            reduced_motion: false,
            notify: NotifyConfig::default(),
            default_tool: "claude-code".to_owned(),
            detach_key: "ctrl-]".to_owned(),
            session: SessionConfig::default(),
            tmux: TmuxConfig::default(),
            logs: LogsConfig::default(),
            approve: ApproveConfig::default(),
            agents_dir: "agents".to_owned(),
            contexts: Contexts::new(),
            keys: BTreeMap::new(),
        }
    }
}

impl Schema for Config {
    const KEYS: &'static [&'static str] = &[
        "theme",
        "glyphs",
        "mouse",
        "reduced_motion",
        "notify.terminal",
        "notify.when",
        "notify.command",
        "notify.webhook",
        "notify.rules.states",
        "notify.rules.contexts",
        "notify.rules.tags",
        "notify.rules.send",
        "notify.rules.when",
        "default_tool",
        "detach_key",
        "session.cols",
        "session.rows",
        "session.proxy",
        "tmux.sockets",
        "logs.keep",
        "logs.total_mib",
        "logs.session_mib",
        "approve.takeover_seconds",
        "approve.yes_hours",
        "approve.per_hour",
        "approve.per_day",
        "approve.denials",
        "approve.deny",
        "agents_dir",
        "contexts.*.host",
        "contexts.*.dir",
        "contexts.*.tool",
        "contexts.*.policy",
        "contexts.*.user",
        "contexts.*.port",
        "contexts.*.identity",
        "contexts.*.jump",
        "contexts.*.transport",
        "contexts.*.install",
        "contexts.*.agent",
        "contexts.*.attach",
        "contexts.*.enabled",
        "contexts.*.tags",
        "keys.*",
    ];

    fn fault(&self) -> Option<Fault> {
        contexts::fault(&self.contexts).or_else(|| self.notify.fault())
    }

    fn doubts(&self) -> Vec<Fault> {
        self.notify.doubts(&self.contexts)
    }
}

impl Config {
    /// The folder of agents: `~` is the home folder, anything else is seen from the folder of the settings.
    pub fn agents_dir(&self, paths: &Paths) -> PathBuf {
        match Path::new(&self.agents_dir).strip_prefix("~") {
            Ok(rest) => paths.home.join(rest),
            Err(_not_at_home) => paths.config_dir.join(&self.agents_dir),
        }
    }
}

/// Which characters may be drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Glyphs {
    #[default]
    Unicode,
    /// For terminals and fonts that have nothing else.
    Ascii,
}

/// New sessions: their size in cells, and how they are started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct SessionConfig {
    #[serde(deserialize_with = "cols")]
    pub cols: u16,
    #[serde(deserialize_with = "rows")]
    pub rows: u16,
    /// Whether tools that report their status only when asked to run behind a proxy that asks.
    pub proxy: bool,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            cols: 120,
            rows: 40,
            proxy: true,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct TmuxConfig {
    /// Sockets of further tmux servers to watch, as absolute paths.
    #[serde(deserialize_with = "absolute")]
    pub sockets: Vec<PathBuf>,
}

/// What sessions print, kept on the host that they run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct LogsConfig {
    pub keep: bool,
    /// In MiB, of all sessions together. The oldest ended sessions go first.
    #[serde(deserialize_with = "mebibytes")]
    pub total_mib: u32,
    /// In MiB, of one session. Its oldest part goes first.
    #[serde(deserialize_with = "mebibytes")]
    pub session_mib: u32,
}

impl Default for LogsConfig {
    fn default() -> Self {
        Self {
            keep: true,
            total_mib: 1024,
            session_mib: 128,
        }
    }
}

/// What is answered without a person, where one has switched that on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ApproveConfig {
    /// How long somebody who looks at the session may take over; 0 for no time at all.
    pub takeover_seconds: u32,
    /// After how many hours a session that agrees to everything asks again.
    pub yes_hours: u32,
    /// The most answers of a session within an hour.
    pub per_hour: usize,
    /// … and within a day.
    pub per_day: usize,
    /// After how many noes of people in a row a session asks again.
    pub denials: u32,
    /// Whether what a rule denies is denied by itself, instead of left to a person.
    pub deny: bool,
}

impl Default for ApproveConfig {
    fn default() -> Self {
        Self {
            takeover_seconds: 3,
            yes_hours: 8,
            per_hour: 60,
            per_day: 500,
            denials: 3,
            deny: false,
        }
    }
}

/// One key or several: `"q"` or `["q", "ctrl-c"]`. An empty list takes the action its keys.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(
    untagged,
    expecting = "expected a key such as \"ctrl-k\", or a list of keys"
)]
pub enum KeyList {
    One(String),
    Many(Vec<String>),
}

impl KeyList {
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(key) => std::slice::from_ref(key),
            Self::Many(keys) => keys,
        }
    }
}

fn cols<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    within(u16::deserialize(deserializer)?, SMALLEST.0, LARGEST.0)
}

fn rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    within(u16::deserialize(deserializer)?, SMALLEST.1, LARGEST.1)
}

fn within<E: Error>(value: u16, least: u16, most: u16) -> Result<u16, E> {
    if (least..=most).contains(&value) {
        Ok(value)
    } else {
        let expected = format!("a number from {least} to {most}");
        Err(E::invalid_value(
            Unexpected::Unsigned(value.into()),
            &expected.as_str(),
        ))
    }
}

/// Less than two files of a recording is not worth keeping; more than a tebibyte is a slip.
fn mebibytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let value = u32::deserialize(deserializer)?;
    if (16..=1 << 20).contains(&value) {
        Ok(value)
    } else {
        Err(D::Error::invalid_value(
            Unexpected::Unsigned(value.into()),
            &"a number from 16 to 1048576",
        ))
    }
}

fn absolute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    let paths = Vec::<PathBuf>::deserialize(deserializer)?;
    match paths.iter().find(|path| !path.is_absolute()) {
        Some(path) => Err(D::Error::invalid_value(
            Unexpected::Str(&path.display().to_string()),
            &"an absolute path",
        )),
        None => Ok(paths),
    }
}
