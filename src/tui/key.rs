//! One key, and keys pressed one after another, as the config writes them.
//!
//! Promise: what is shown can be read back, and two ways in which terminals tell the same key are equal.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// One key with its modifiers, in the one form in which two equal keys are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub code: KeyCode,
    pub modifiers: KeyModifiers,
}

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Self {
        let kept = KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT;
        let mut modifiers = event.modifiers & kept;
        let mut code = event.code;
        if let KeyCode::Char(c) = code {
            // Terminals tell a capital letter with or without shift; the letter already says it.
            if modifiers.contains(KeyModifiers::SHIFT) && c.is_ascii_lowercase() {
                code = KeyCode::Char(c.to_ascii_uppercase());
            }
            modifiers -= KeyModifiers::SHIFT;
            if modifiers.contains(KeyModifiers::CONTROL) {
                // 0x1c..0x1f arrive as ctrl-4..ctrl-7, which no keyboard is labelled with.
                let c = match c {
                    '4' => '\\',
                    '5' => ']',
                    '6' => '^',
                    '7' => '_',
                    other => other.to_ascii_lowercase(),
                };
                code = KeyCode::Char(c);
            }
        } else if code == KeyCode::BackTab {
            modifiers -= KeyModifiers::SHIFT;
        }
        Self { code, modifiers }
    }
}

const NAMED: [(&str, KeyCode); 18] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backtab", KeyCode::BackTab),
    ("space", KeyCode::Char(' ')),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("minus", KeyCode::Char('-')),
    ("plus", KeyCode::Char('+')),
];

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is not a key; write keys like x, ctrl-k, alt-enter, f5, or g g")]
pub struct KeyError(String);

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut modifiers = KeyModifiers::NONE;
        let mut rest = text;
        loop {
            let lower = rest.to_ascii_lowercase();
            let (modifier, len) = if lower.starts_with("ctrl-") {
                (KeyModifiers::CONTROL, 5)
            } else if lower.starts_with("alt-") {
                (KeyModifiers::ALT, 4)
            } else if lower.starts_with("shift-") {
                (KeyModifiers::SHIFT, 6)
            } else {
                break;
            };
            modifiers |= modifier;
            rest = rest.get(len..).unwrap_or_default();
        }
        let code = key_code(rest).ok_or_else(|| KeyError(text.to_owned()))?;
        Ok(Self::from(KeyEvent::new(code, modifiers)))
    }
}

fn key_code(text: &str) -> Option<KeyCode> {
    let mut chars = text.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return (!c.is_control() && !c.is_whitespace()).then_some(KeyCode::Char(c));
    }
    let lower = text.to_ascii_lowercase();
    if let Some((_, code)) = NAMED.iter().find(|(name, _)| *name == lower) {
        return Some(*code);
    }
    let number = lower.strip_prefix('f')?.parse().ok()?;
    (1..=24).contains(&number).then_some(KeyCode::F(number))
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (modifier, name) in [
            (KeyModifiers::CONTROL, "ctrl-"),
            (KeyModifiers::ALT, "alt-"),
            (KeyModifiers::SHIFT, "shift-"),
        ] {
            if self.modifiers.contains(modifier) {
                f.write_str(name)?;
            }
        }
        match self.code {
            KeyCode::F(number) => write!(f, "F{number}"),
            code => match NAMED.iter().find(|(_, named)| *named == code) {
                // A name alone stands as on the keyboard: Enter, Tab.
                Some((name, _)) if self.modifiers.is_empty() => {
                    let parts = name
                        .strip_prefix("page")
                        .map_or([*name, ""], |rest| ["page", rest]);
                    for part in parts {
                        let mut chars = part.chars();
                        if let Some(first) = chars.next() {
                            write!(f, "{}{}", first.to_ascii_uppercase(), chars.as_str())?;
                        }
                    }
                    Ok(())
                }
                Some((name, _)) => f.write_str(name),
                None => write!(f, "{code}"),
            },
        }
    }
}

/// Keys pressed one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chord(pub Vec<Key>);

impl FromStr for Chord {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let keys = text
            .split_whitespace()
            .map(Key::from_str)
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(KeyError(text.to_owned()));
        }
        Ok(Self(keys))
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, key) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{key}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("ctrl-k", KeyCode::Char('k'), KeyModifiers::CONTROL)]
    #[case("G", KeyCode::Char('G'), KeyModifiers::NONE)]
    #[case("shift-g", KeyCode::Char('G'), KeyModifiers::NONE)]
    #[case("alt-enter", KeyCode::Enter, KeyModifiers::ALT)]
    #[case("F5", KeyCode::F(5), KeyModifiers::NONE)]
    #[case("ctrl-]", KeyCode::Char(']'), KeyModifiers::CONTROL)]
    #[case("-", KeyCode::Char('-'), KeyModifiers::NONE)]
    #[case("ctrl--", KeyCode::Char('-'), KeyModifiers::CONTROL)]
    fn keys_are_read(#[case] text: &str, #[case] code: KeyCode, #[case] modifiers: KeyModifiers) {
        assert_eq!(text.parse(), Ok(Key { code, modifiers }));
    }

    #[rstest]
    #[case("")]
    #[case("ctrl-")]
    #[case("hyper-x")]
    #[case("f99")]
    #[case("\u{1b}")]
    fn what_is_no_key_is_refused(#[case] text: &str) {
        assert!(text.parse::<Chord>().is_err());
    }
}
