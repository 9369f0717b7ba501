//! Patterns for paths and branches: `*` and `?` within a name, `**` for any folders between.
//!
//! Promise: a pattern matches from the first name to the last. `src/**` is `src` at the top and what is in it, never
//! another `src` further down.

/// The most `**` in one pattern: each one multiplies the work, and a person writes one or two.
const MOST_JUMPS: usize = 3;

/// A pattern that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    parts: Vec<String>,
    pub is_absolute: bool,
}

impl Glob {
    pub fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("an empty pattern matches nothing".to_owned());
        }
        if let Some(odd) = text
            .chars()
            .find(|c| "[]{}!\\~$".contains(*c) || !(' '..='~').contains(c))
        {
            return Err(format!(
                "“{}” means nothing in a pattern",
                odd.escape_debug()
            ));
        }
        let is_absolute = text.starts_with('/');
        let parts: Vec<String> = text
            .trim_matches('/')
            .split('/')
            .map(str::to_owned)
            .collect();
        if parts
            .iter()
            .any(|part| matches!(part.as_str(), "" | "." | ".."))
        {
            return Err("a pattern has no “.”, “..” or empty name in it".to_owned());
        }
        if parts.iter().any(|part| part.contains("**") && part != "**") {
            return Err("“**” stands alone between slashes".to_owned());
        }
        if parts.iter().filter(|part| *part == "**").count() > MOST_JUMPS {
            return Err(format!("a pattern has at most {MOST_JUMPS} “**”"));
        }
        Ok(Self { parts, is_absolute })
    }

    /// Whether a path matches, slashes at its ends apart. `**` at the end also means no name at all.
    pub fn is_match(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        parts_match(&self.parts, &names)
    }

    /// A path that matches, without slashes at its ends.
    pub fn instance(&self) -> String {
        let names = self.parts.iter().filter(|part| *part != "**");
        let names: Vec<String> = names.map(|part| part.replace(['*', '?'], "x")).collect();
        if names.is_empty() {
            "x".to_owned()
        } else {
            names.join("/")
        }
    }

    /// As [`Self::is_match`], whatever the case of letters: for what tightens.
    pub fn is_match_in_any_case(&self, path: &str) -> bool {
        let path = path.to_ascii_lowercase();
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|part| part.to_ascii_lowercase())
            .collect();
        parts_match(&parts, &names)
    }
}

fn parts_match(parts: &[String], names: &[&str]) -> bool {
    let Some((part, parts_left)) = parts.split_first() else {
        return names.is_empty();
    };
    let split = names.split_first();
    if part == "**" {
        return parts_match(parts_left, names)
            || split.is_some_and(|(_, names_left)| parts_match(parts, names_left));
    }
    split.is_some_and(|(name, names_left)| {
        name_matches(part.as_bytes(), name.as_bytes()) && parts_match(parts_left, names_left)
    })
}

/// Goes back to the last `*` only, so the work is bounded by the product of both lengths.
fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    let mut last_star: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), name.split_first()) {
            (Some((b'*', rest)), _) => {
                last_star = Some((rest, name));
                pattern = rest;
            }
            (Some((wanted, pattern_left)), Some((byte, name_left)))
                if *wanted == b'?' || wanted == byte =>
            {
                (pattern, name) = (pattern_left, name_left);
            }
            (None, None) => return true,
            _ => {
                // The star takes one byte more.
                let Some((after, (_, left))) =
                    last_star.and_then(|(after, from)| Some((after, from.split_first()?)))
                else {
                    return false;
                };
                last_star = Some((after, left));
                (pattern, name) = (after, left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("src/**", "src/a/b.rs", true)]
    #[case("src/**", "src", true)]
    #[case("src/**", "lib/src/a", false)]
    #[case("**/a.rs", "a.rs", true)]
    #[case("**/a.rs", "x/y/a.rs", true)]
    #[case("**/a.rs", "x/ya.rs", false)]
    #[case("*.rs", "a.rs", true)]
    #[case("*.rs", "x/a.rs", false)]
    #[case("a*b*c", "aXbYbZc", true)]
    #[case("a*b*c", "aXbYbZ", false)]
    #[case("?", "a", true)]
    #[case("?", "", false)]
    #[case("*", "", false)]
    #[case("a", "ab", false)]
    #[case("ab", "a", false)]
    #[case("a*", "a", true)]
    #[case("/srv/shop/**", "/srv/shop", true)]
    #[case("/srv/shop/**", "/srv/shopping", false)]
    #[case("a/**/b/**/c", "a/x/b/y/z/c", true)]
    #[case("a/**/b/**/c", "a/x/y/z/c", false)]
    #[case("Src/*", "src/a", false)]
    fn patterns_go_by_whole_names(#[case] glob: &str, #[case] path: &str, #[case] expected: bool) {
        assert_eq!(Glob::new(glob).unwrap().is_match(path), expected);
    }

    #[test]
    fn what_tightens_sees_any_case() {
        let glob = Glob::new("Deploy/*").unwrap();
        assert!(glob.is_match_in_any_case("dePLOY/X"));
        assert!(!glob.is_match_in_any_case("deploys/x"));
    }

    #[rstest]
    #[case("")]
    #[case("a/../b")]
    #[case("./a")]
    #[case("a//b")]
    #[case("a**")]
    #[case("[ab]")]
    #[case("{a,b}")]
    #[case("~/a")]
    #[case("!a")]
    #[case("ä")]
    #[case("**/**/**/**")]
    #[case("/")]
    fn what_would_match_something_else_than_meant_is_refused(#[case] glob: &str) {
        assert!(Glob::new(glob).is_err());
    }
}
