//! Whether a tool is one that the rules for it were tested with.

/// What is known of the version of a session's tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// Nobody has told yet, or it cannot be told.
    #[default]
    Unknown,
    /// Not one that the profile was tested with; the version that was found.
    Untested(String),
    Tested,
}

impl Version {
    /// Compares what a program says of itself with what its profile was tested with. They fit when they differ in the last
    /// number only: the dialogs of these tools change with the second, and new releases come daily.
    pub fn of(tested: &str, said: &str) -> Self {
        let Some(found) = number(said) else {
            return Self::Unknown;
        };
        let line = |text: &str| number(text).map(|[major, minor, _]| [major, minor]);
        if line(tested) == line(said) {
            Self::Tested
        } else {
            Self::Untested(found.map(|part| part.to_string()).join("."))
        }
    }

    /// Why nothing is answered by itself; `None` when nothing speaks against it.
    pub fn objection(&self) -> Option<String> {
        match self {
            Self::Tested => None,
            Self::Unknown => Some("the tool's version is not known".to_owned()),
            Self::Untested(found) => Some(format!("version {found} of the tool is not tested")),
        }
    }
}

/// The first `1.2.3` in a text.
pub fn number(text: &str) -> Option<[u64; 3]> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .find_map(|word| {
            let mut parts = word.split('.').map(str::parse);
            match (parts.next(), parts.next(), parts.next(), parts.next()) {
                (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => {
                    Some([major, minor, patch])
                }
                _ => None,
            }
        })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2.1.329", "2.1.400 (Claude Code)", Version::Tested)]
    #[case("0.169.0", "codex-cli 0.169.2", Version::Tested)]
    #[case("0.169.0", "codex-cli 0.170.0", Version::Untested("0.170.0".into()))]
    #[case("2.1.329", "3.1.329", Version::Untested("3.1.329".into()))]
    #[case("2.1.329", "no version here: 1.2", Version::Unknown)]
    #[case("2.1.329", "", Version::Unknown)]
    #[case("", "2.1.329", Version::Untested("2.1.329".into()))]
    fn only_what_was_tested_is_known(
        #[case] tested: &str,
        #[case] said: &str,
        #[case] expected: Version,
    ) {
        assert_eq!(Version::of(tested, said), expected);
    }
}
