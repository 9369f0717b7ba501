//! How the dashboard looks and listens, as the config says it; read again whenever a file is saved.
//!
//! Promise: a file that cannot be read changes nothing and says where it is wrong.

use std::collections::BTreeMap;
use std::path::Path;

use tokio::sync::mpsc::{self, Receiver};

use super::colours::Colours;
use super::keymap::{Keymap, KeymapProblem};
use super::look::GlyphSet;
use super::terminal::Mouse;
use super::theme::{Theme, ThemeError};
use crate::config::watch::{Changed, WatchError, watch};
use crate::config::{self, Config, ConfigError, Contexts, Fault, Glyphs, NotifyConfig, Warning};
use crate::domain::{HostId, Session};
use crate::fleet::{self, Host};
use crate::paths::Paths;

/// Reloads that may wait: each reads the newest files, so one is enough.
const RELOADS: usize = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub theme: Theme,
    pub keymap: Keymap,
    pub glyphs: GlyphSet,
    /// Whether spinners stand still.
    pub reduced_motion: bool,
    pub mouse: Mouse,
    /// How somebody who looks elsewhere learns of sessions.
    pub notify: NotifyConfig,
    /// The tool a new session is offered with.
    pub default_tool: String,
    /// Where work runs, as the user named it.
    pub contexts: Vec<NamedContext>,
}

/// A host, maybe with a folder and a tool of its own, under a name of the user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedContext {
    pub name: String,
    pub host: HostId,
    /// Short, as people write it; the home folder when there is none.
    pub dir: Option<String>,
    /// A profile id; the default tool when there is none.
    pub tool: Option<String>,
    pub tags: Vec<String>,
}

impl NamedContext {
    /// Whether a session is on its host, and in its folder.
    pub fn holds(&self, host: &Host, session: &Session) -> bool {
        let Some(dir) = &self.dir else {
            return self.host == host.id;
        };
        let home = host.welcome.as_ref().map_or("", |welcome| &welcome.home);
        let dir = match Path::new(dir).strip_prefix("~") {
            Ok(rest) => Path::new(home).join(rest),
            Err(_absolute) => dir.into(),
        };
        self.host == host.id && Path::new(&session.dir).starts_with(dir)
    }
}

/// Something in a file is wrong: where and what, and what to do about it (may be empty).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub text: String,
    pub hint: String,
}

/// What the files say.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// `None` where the config cannot be read: what was, stays.
    pub settings: Option<Settings>,
    /// The config itself, for what is no matter of looks: the hosts. `None` where it cannot be read.
    pub config: Option<Config>,
    pub problems: Vec<Problem>,
}

impl Settings {
    /// The settings of somebody who has no config.
    pub fn new(colours: Colours) -> Self {
        Self::build(&Config::default(), Theme::default_with(colours)).0
    }

    /// Reads the config and the theme it names. Blocks on small files. `current` is what stays in place of a theme that
    /// cannot be read.
    pub fn load(paths: &Paths, colours: Colours, current: Option<&Theme>) -> Loaded {
        let mut problems = Vec::new();
        let (config, warnings) = match config::load(&paths.config_file()) {
            Ok(loaded) => loaded,
            Err(error) => {
                return Loaded {
                    settings: None,
                    config: None,
                    problems: vec![problem(&error)],
                };
            }
        };
        let file = paths.config_file();
        let (settings, more, errors) = Self::of(&config, &file, paths, colours, current);
        let warnings = warnings.iter().chain(&more).map(|warning| &warning.0);
        problems.extend(warnings.chain(&errors).map(problem));
        Loaded {
            settings: Some(settings),
            config: Some(config),
            problems,
        }
    }

    /// What a config from `file` comes to, and what is wrong with the theme and the keys that it names. Blocks on a small
    /// file.
    pub fn of(
        config: &Config,
        file: &Path,
        paths: &Paths,
        colours: Colours,
        current: Option<&Theme>,
    ) -> (Self, Vec<Warning>, Vec<ConfigError>) {
        let (mut warnings, mut errors) = (Vec::new(), Vec::new());
        let theme = match Theme::load(&config.theme, &paths.themes_dir(), colours) {
            Ok((theme, found)) => {
                warnings = found;
                theme
            }
            Err(error) => {
                errors.push(match error {
                    ThemeError::Broken(error) => error,
                    ThemeError::Unknown(_) => {
                        let at = vec!["theme".to_owned()];
                        config::point_out(file, &Fault::new(at, error.to_string(), error.hint()))
                    }
                });
                current
                    .cloned()
                    .unwrap_or_else(|| Theme::default_with(colours))
            }
        };
        let (settings, keys) = Self::build(config, theme);
        errors.extend(keys.iter().map(|problem| {
            let at = vec!["keys".to_owned(), problem.name().to_owned()];
            config::point_out(file, &Fault::new(at, problem.to_string(), ""))
        }));
        (settings, warnings, errors)
    }

    fn build(config: &Config, theme: Theme) -> (Self, Vec<KeymapProblem>) {
        let mut keys: BTreeMap<String, Vec<String>> = config
            .keys
            .iter()
            .map(|(action, keys)| (action.clone(), keys.as_slice().to_vec()))
            .collect();
        keys.entry("leave-typing".to_owned())
            .or_insert_with(|| vec![config.detach_key.clone()]);
        let (keymap, problems) = Keymap::new(&keys);
        let settings = Self {
            theme,
            keymap,
            glyphs: match config.glyphs {
                Glyphs::Unicode => GlyphSet::Unicode,
                Glyphs::Ascii => GlyphSet::Ascii,
            },
            reduced_motion: config.reduced_motion,
            mouse: if config.mouse { Mouse::On } else { Mouse::Off },
            notify: config.notify.clone(),
            default_tool: config.default_tool.clone(),
            contexts: named(&config.contexts),
        };
        (settings, problems)
    }
}

/// Reads the settings again whenever one of their files is saved, on another thread.
pub fn reloads(paths: Paths, mut current: Theme) -> Result<Receiver<Loaded>, WatchError> {
    let mut changes = watch(vec![paths.config_dir.clone(), paths.themes_dir()])?;
    let (tx, rx) = mpsc::channel(RELOADS);
    tokio::spawn(async move {
        while let Some(Changed(_)) = changes.recv().await {
            let (paths, before) = (paths.clone(), current.clone());
            let read = tokio::task::spawn_blocking(move || {
                Settings::load(&paths, before.colours, Some(&before))
            });
            let Ok(loaded) = read.await else {
                return;
            };
            if let Some(settings) = &loaded.settings {
                current = settings.theme.clone();
            }
            if tx.send(loaded).await.is_err() {
                return;
            }
        }
    });
    Ok(rx)
}

fn problem(error: &ConfigError) -> Problem {
    Problem {
        text: error.to_string(),
        hint: error.hint.clone().unwrap_or_default(),
    }
}
/// The contexts that work can be started in, by name.
fn named(contexts: &Contexts) -> Vec<NamedContext> {
    let named = contexts.iter().filter_map(|(name, context)| {
        Some(NamedContext {
            name: name.clone(),
            host: fleet::host_of(contexts, name)?,
            dir: context.dir.clone(),
            tool: context.tool.clone(),
            tags: context.tags.clone(),
        })
    });
    named.collect()
}
