//! Named roles → styles: three built-in themes, the user's own, and as many colours as the terminal has.
//!
//! Promise: code names roles, never colours; a theme that cannot be read never replaces one that could.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::colours::{Colours, SIXTEEN};
use crate::config::{self, ConfigError, Schema, Warning};

/// What something on screen is, as far as its style goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Ordinary words.
    Text,
    /// What can be ignored.
    Muted,
    /// Names of sessions and hosts, titles.
    Name,
    /// Lines and frames.
    Rule,
    /// Laid over the selected row.
    Selection,
    /// Keys that can be pressed now.
    Key,
    /// Laid under the hint bar.
    Bar,
    NeedsYou,
    Question,
    Working,
    Finished,
    Error,
    Idle,
    /// What is gone or out of date.
    Stale,
    /// The frame around a session that gets the keys.
    Typing,
    /// A word in a box of its own.
    Chip,
}

impl Role {
    pub const ALL: [Self; 16] = [
        Self::Text,
        Self::Muted,
        Self::Name,
        Self::Rule,
        Self::Selection,
        Self::Key,
        Self::Bar,
        Self::NeedsYou,
        Self::Question,
        Self::Working,
        Self::Finished,
        Self::Error,
        Self::Idle,
        Self::Stale,
        Self::Typing,
        Self::Chip,
    ];
}

/// The built-in themes, the default first.
pub const BUILT_IN: [(&str, &str); 3] = [
    ("ansi", include_str!("../../themes/ansi.toml")),
    ("night", include_str!("../../themes/night.toml")),
    ("paper", include_str!("../../themes/paper.toml")),
];

/// A style for every role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    styles: BTreeMap<Role, Style>,
    pub colours: Colours,
}

#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    #[error("no theme is called “{0}”")]
    Unknown(String),
    #[error(transparent)]
    Broken(#[from] ConfigError),
}

impl ThemeError {
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown(_) => {
                "built in are ansi, night and paper; your own are files in the themes folder"
                    .to_owned()
            }
            Self::Broken(error) => error.hint.clone().unwrap_or_default(),
        }
    }
}

impl Theme {
    /// Reads the theme called `name`: the user's file if there is one, else the built-in. I/O happens only for a
    /// user's file.
    pub fn load(
        name: &str,
        folder: &Path,
        colours: Colours,
    ) -> Result<(Self, Vec<Warning>), ThemeError> {
        let plain = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        let file = folder.join(format!("{name}.toml"));
        if plain && file.is_file() {
            let (spec, warnings) = config::read::<ThemeSpec>(&file)?;
            return Ok((Self::build(&spec, colours), warnings));
        }
        let built_in = BUILT_IN.iter().find(|(known, _)| *known == name);
        let (_, text) = built_in.ok_or_else(|| ThemeError::Unknown(name.to_owned()))?;
        Ok(Self::parse(&file, text, colours)?)
    }

    /// Reads a theme's text; `file` names it in errors. A role that is not named keeps the default theme's style.
    pub fn parse(
        file: &Path,
        text: &str,
        colours: Colours,
    ) -> Result<(Self, Vec<Warning>), ConfigError> {
        let (spec, warnings) = config::parse::<ThemeSpec>(file, text)?;
        Ok((Self::build(&spec, colours), warnings))
    }

    /// The default theme, which comes with the program.
    pub fn default_with(colours: Colours) -> Self {
        let (name, text) = BUILT_IN[0];
        Self::parse(&PathBuf::from(name), text, colours)
            .expect("a test reads every built-in theme")
            .0
    }

    fn build(spec: &ThemeSpec, colours: Colours) -> Self {
        let mut styles = BTreeMap::new();
        if spec.roles.len() < Role::ALL.len() {
            let default = config::parse::<ThemeSpec>(Path::new(BUILT_IN[0].0), BUILT_IN[0].1);
            if let Ok((default, _)) = default {
                styles.extend(
                    default
                        .roles
                        .iter()
                        .map(|(role, style)| (*role, style.style())),
                );
            }
        }
        styles.extend(
            spec.roles
                .iter()
                .map(|(role, style)| (*role, style.style())),
        );
        let styles = styles
            .into_iter()
            .map(|(role, style)| (role, colours.reduce_style(style)))
            .collect();
        Self { styles, colours }
    }

    pub fn style(&self, role: Role) -> Style {
        self.styles.get(&role).copied().unwrap_or_default()
    }

    /// The style of a word in a box: the chip's text on the role's colour.
    pub fn chip(&self, role: Role) -> Style {
        let chip = self.style(Role::Chip);
        if chip.add_modifier.contains(Modifier::REVERSED) {
            let base = self.style(role);
            return Style {
                fg: base.fg,
                ..chip
            };
        }
        match self.style(role).fg {
            Some(color) => chip.bg(color),
            None => chip,
        }
    }
}

/// A theme's file.
#[derive(Debug, Deserialize)]
struct ThemeSpec {
    roles: BTreeMap<Role, StyleSpec>,
}

impl Schema for ThemeSpec {
    const KEYS: &'static [&'static str] = &[
        "roles.*.fg",
        "roles.*.bg",
        "roles.*.bold",
        "roles.*.dim",
        "roles.*.italic",
        "roles.*.underline",
        "roles.*.reverse",
    ];
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of its own in the file"
)]
struct StyleSpec {
    #[serde(deserialize_with = "color")]
    fg: Option<Color>,
    #[serde(deserialize_with = "color")]
    bg: Option<Color>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    reverse: bool,
}

impl StyleSpec {
    fn style(&self) -> Style {
        let mut style = Style {
            fg: self.fg,
            bg: self.bg,
            ..Style::default()
        };
        for (wanted, modifier) in [
            (self.bold, Modifier::BOLD),
            (self.dim, Modifier::DIM),
            (self.italic, Modifier::ITALIC),
            (self.underline, Modifier::UNDERLINED),
            (self.reverse, Modifier::REVERSED),
        ] {
            if wanted {
                style = style.add_modifier(modifier);
            }
        }
        style
    }
}

/// The names of the sixteen colours, in their order.
const NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

fn color<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Color>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == "default" {
        return Ok(Some(Color::Reset));
    }
    if let Some(index) = NAMES.iter().position(|name| *name == text) {
        return Ok(Some(SIXTEEN[index].0));
    }
    if let Some(hex) = text.strip_prefix('#')
        && hex.len() == 6
        && let Ok(value) = u32::from_str_radix(hex, 16)
    {
        let [_, r, g, b] = value.to_be_bytes();
        return Ok(Some(Color::Rgb(r, g, b)));
    }
    if let Ok(index) = text.parse() {
        return Ok(Some(Color::Indexed(index)));
    }
    Err(D::Error::custom(format!(
        "“{text}” is not a colour: write a name such as \"bright-blue\", \"#5ca0e4\", a number up to \"255\", or \"default\""
    )))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0)]
    #[case(1)]
    #[case(2)]
    fn every_built_in_theme_names_every_role_and_nothing_else(#[case] index: usize) {
        let (name, text) = BUILT_IN[index];
        let (spec, warnings) = config::parse::<ThemeSpec>(Path::new(name), text).unwrap();
        assert_eq!(warnings, []);
        for role in Role::ALL {
            assert!(spec.roles.contains_key(&role), "{name} lacks {role:?}");
        }
    }

    #[test]
    fn the_default_theme_uses_only_the_sixteen_colours() {
        let theme = Theme::default_with(Colours::True);
        for role in Role::ALL {
            let style = theme.style(role);
            for color in [style.fg, style.bg].into_iter().flatten() {
                assert!(
                    !matches!(color, Color::Rgb(..) | Color::Indexed(_)),
                    "{role:?}"
                );
            }
        }
    }

    #[test]
    fn without_colours_no_theme_uses_any() {
        for (name, text) in BUILT_IN {
            let (theme, _) = Theme::parse(Path::new(name), text, Colours::None).unwrap();
            for role in Role::ALL {
                let style = theme.chip(role);
                assert_eq!((style.fg, style.bg), (None, None));
            }
            assert!(
                theme
                    .style(Role::Selection)
                    .add_modifier
                    .contains(Modifier::REVERSED)
            );
        }
    }

    #[test]
    fn a_broken_theme_says_where() {
        let text = "[roles]\nmuted = { fg = \"gray-ish\" }\n";
        let error = Theme::parse(Path::new("mine.toml"), text, Colours::True).unwrap_err();
        assert!(error.to_string().starts_with("mine.toml:2:"), "{error}");
        assert!(error.to_string().contains("gray-ish"), "{error}");
    }

    #[test]
    fn a_theme_may_name_only_some_roles() {
        let text = "[roles]\nmuted = { fg = \"#010203\" }\n";
        let (theme, _) = Theme::parse(Path::new("mine.toml"), text, Colours::True).unwrap();
        assert_eq!(theme.style(Role::Muted).fg, Some(Color::Rgb(1, 2, 3)));
        let default = Theme::default_with(Colours::True);
        assert_eq!(theme.style(Role::NeedsYou), default.style(Role::NeedsYou));
    }
}
