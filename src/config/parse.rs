//! Reads any TOML of ours and says where it is wrong: `FILE:LINE:COL: message`, with a hint.
//!
//! What cannot be understood is an error; a key that nobody knows is only a warning, so that a file written for a newer
//! version still works with this one.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How many edits a mistyped key may be away from the one that is suggested: more would be guessing.
const NEAR: usize = 2;

/// A file or a part of one that can be read, with every key that means something in it.
pub trait Schema: DeserializeOwned {
    /// The known keys as dotted paths. A `*` stands for any one name, and everything below a path that ends in `**` is
    /// accepted. Lists of tables are written like tables.
    const KEYS: &'static [&'static str];

    /// The first thing that is wrong although each value has the right type.
    fn fault(&self) -> Option<Fault> {
        None
    }

    /// What is allowed and can still hardly be meant: told as warnings.
    fn doubts(&self) -> Vec<Fault> {
        Vec::new()
    }
}

/// What is wrong with a value, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The keys that lead to the value; a number counts in a list, from 0. When one is not there, the last one before it
    /// is meant.
    path: Vec<String>,
    message: String,
    /// May be empty.
    hint: String,
}

impl Fault {
    pub fn new(path: Vec<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            path,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// Where the value stands in the file; for a table, where its key stands.
    fn span(&self, table: &DeTable<'_>) -> Option<Range<usize>> {
        let (first, rest) = self.path.split_first()?;
        let (key, mut value) = table.get_key_value(first.as_str())?;
        let place = |key: Range<usize>, value: &Spanned<DeValue<'_>>| {
            if value.get_ref().is_table() {
                key
            } else {
                value.span()
            }
        };
        let mut span = place(key.span(), value);
        for name in rest {
            let next = match value.get_ref() {
                DeValue::Table(table) => table
                    .get_key_value(name.as_str())
                    .map(|(key, value)| (key.span(), value)),
                DeValue::Array(items) => {
                    let item = name.parse().ok().and_then(|at: usize| items.get(at));
                    item.map(|item| (item.span(), item))
                }
                _ => None,
            };
            let Some((key, next)) = next else {
                break;
            };
            span = place(key, next);
            value = next;
        }
        Some(span)
    }
}

/// Something is wrong at a place in a file. Shown as one line; the hint goes on a line of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub file: PathBuf,
    /// From 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// From 1, in characters; 0 when the file as a whole is meant.
    pub column: usize,
    pub message: String,
    pub hint: Option<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        write!(f, " {}", self.message)
    }
}

impl std::error::Error for ConfigError {}

/// Something odd that does no harm. Reads like a [`ConfigError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning(pub ConfigError);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Parses `text`; `file` only names it in errors and warnings.
pub fn parse<T: Schema>(file: &Path, text: &str) -> Result<(T, Vec<Warning>), ConfigError> {
    let place = |span, message: &str, hint| placed(file, text, span, message, hint);
    let broken =
        |error: &toml::de::Error| place(error.span(), error.message(), hint_for(error.message()));
    let (table, errors) = DeTable::parse_recoverable(text);
    // The first mistake is the cause; what follows is often only its echo.
    if let Some(first) = errors
        .iter()
        .min_by_key(|error| error.span().map(|span| span.start))
    {
        return Err(broken(first));
    }
    let mut unknown = Vec::new();
    find_unknown(table.get_ref(), &mut Vec::new(), T::KEYS, &mut unknown);
    unknown.sort_by_key(|(span, ..)| span.start);
    let mut warnings: Vec<Warning> = unknown
        .into_iter()
        .map(|(span, key, near)| {
            let hint = near.map(|near| format!("did you mean “{near}”?"));
            Warning(place(Some(span), &format!("unknown key “{key}”"), hint))
        })
        .collect();
    let value: T = toml::from_str(text).map_err(|error| broken(&error))?;
    let told = |fault: &Fault| located(file, text, table.get_ref(), fault);
    if let Some(fault) = value.fault() {
        return Err(told(&fault));
    }
    warnings.extend(value.doubts().iter().map(|doubt| Warning(told(doubt))));
    Ok((value, warnings))
}

/// What is wrong with a value of a file that could be parsed.
pub(super) fn point_out(file: &Path, text: &str, fault: &Fault) -> ConfigError {
    let (table, _errors) = DeTable::parse_recoverable(text);
    located(file, text, table.get_ref(), fault)
}

fn located(file: &Path, text: &str, table: &DeTable<'_>, fault: &Fault) -> ConfigError {
    let hint = Some(fault.hint.clone()).filter(|hint| !hint.is_empty());
    placed(file, text, fault.span(table), &fault.message, hint)
}

fn placed(
    file: &Path,
    text: &str,
    span: Option<Range<usize>>,
    message: &str,
    hint: Option<String>,
) -> ConfigError {
    let (line, column) = span.map_or((0, 0), |span| line_and_column(text, span.start));
    // The parser's messages may have several lines; ours are one.
    let message = message
        .lines()
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(", ");
    ConfigError {
        file: file.to_owned(),
        line,
        column,
        message,
        hint,
    }
}

/// Line and column of a byte offset, both from 1.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (line, column)
}

/// What usually causes the parser's message.
fn hint_for(message: &str) -> Option<String> {
    let hint = if message.contains("missing field") {
        "add it: it has no default"
    } else if message.contains("duplicate key") {
        "remove one of the two"
    } else if message.contains("expected a sequence") {
        "write it as a list: [\"program\", \"argument\"]"
    } else if message.contains("invalid type: string") {
        "write it without quotes"
    } else if message.contains("expected a string")
        || message.contains("must be quoted")
        || message.contains("invalid float, expected `")
    {
        // A word without quotes is taken for one of the numbers that are written as words: nan and inf.
        "put the value in quotes"
    } else if message.contains("regex parse error") {
        "write the pattern in single quotes, so that backslashes stay as they are"
    } else {
        return None;
    };
    Some(hint.to_owned())
}

type Unknown<'k> = (Range<usize>, String, Option<&'k str>);

fn find_unknown(
    table: &DeTable<'_>,
    path: &mut Vec<String>,
    known: &[&'static str],
    unknown: &mut Vec<Unknown<'_>>,
) {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        match Fit::of(path, known) {
            Fit::Nothing => {
                path.pop();
                let wrong = key.get_ref().as_ref();
                unknown.push((
                    key.span(),
                    wrong.to_owned(),
                    nearest(wrong, siblings(path, known)),
                ));
                continue;
            }
            Fit::Everything => {}
            Fit::Key => find_in_value(value.get_ref(), path, known, unknown),
        }
        path.pop();
    }
}

fn find_in_value(
    value: &DeValue<'_>,
    path: &mut Vec<String>,
    known: &[&'static str],
    unknown: &mut Vec<Unknown<'_>>,
) {
    match value {
        DeValue::Table(table) => find_unknown(table, path, known, unknown),
        DeValue::Array(items) => {
            for item in items {
                find_in_value(item.get_ref(), path, known, unknown);
            }
        }
        _ => {}
    }
}

/// How a path fits the known keys.
enum Fit {
    Nothing,
    Key,
    /// Everything below is accepted as well.
    Everything,
}

impl Fit {
    fn of(path: &[String], known: &[&str]) -> Self {
        let mut fit = Self::Nothing;
        for pattern in known {
            let mut parts = pattern.split('.');
            let mut matches = true;
            for name in path {
                match parts.next() {
                    Some("**") => return Self::Everything,
                    Some(part) if part == "*" || part == name => {}
                    _ => {
                        matches = false;
                        break;
                    }
                }
            }
            if matches {
                fit = Self::Key;
            }
        }
        fit
    }
}

/// The names that may stand directly under `path`.
fn siblings<'k>(
    path: &'k [String],
    known: &'k [&'static str],
) -> impl Iterator<Item = &'static str> + 'k {
    known.iter().filter_map(move |pattern| {
        let mut parts = pattern.split('.');
        let fits = path
            .iter()
            .all(|name| parts.next().is_some_and(|part| part == "*" || part == name));
        parts.next().filter(|name| fits && !name.contains('*'))
    })
}

/// The candidate with the fewest edits to `wrong`, if that are few.
pub(crate) fn nearest<'c>(
    wrong: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<&'c str> {
    candidates
        .map(|candidate| (edits(wrong, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= NEAR && distance < candidate.chars().count())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// How many insertions, deletions and replacements lead from one word to the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[expect(dead_code, reason = "only whether it parses matters")]
        theme: String,
    }

    impl Schema for Sample {
        const KEYS: &'static [&'static str] = &["theme", "style.*.bold", "keys.**", "rule.name"];
    }

    fn outcome(text: &str) -> String {
        let with_hint = |error: &ConfigError| match &error.hint {
            Some(hint) => format!("{error} / {hint}"),
            None => error.to_string(),
        };
        match parse::<Sample>(Path::new("t.toml"), text) {
            Ok((_, warnings)) => warnings
                .iter()
                .map(|warning| with_hint(&warning.0))
                .collect::<Vec<_>>()
                .join("\n"),
            Err(error) => with_hint(&error),
        }
    }

    #[rstest]
    #[case("theme = 'a'", "")]
    #[case("theme = 'a'\nkeys.a.b.c = 1", "")]
    #[case("theme = 'a'\n[style.x]\nbold = true", "")]
    #[case(
        "theme = 'a'\nthem = 1",
        "t.toml:2:1: unknown key “them” / did you mean “theme”?"
    )]
    #[case(
        "theme = 'a'\n[style.x]\nbolt = true",
        "t.toml:3:1: unknown key “bolt” / did you mean “bold”?"
    )]
    #[case("theme = 'a'\n[[rule]]\nwhat = 1", "t.toml:3:1: unknown key “what”")]
    #[case(
        "theme = 1",
        "t.toml:1:9: invalid type: integer `1`, expected a string / put the value in quotes"
    )]
    #[case(
        "theme = night",
        "t.toml:1:9: invalid float, expected `nan` / put the value in quotes"
    )]
    #[case(
        "theme = paper",
        "t.toml:1:9: string values must be quoted, expected literal string / put the value in quotes"
    )]
    fn every_mistake_has_its_place(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(outcome(text), expected);
    }

    #[test]
    fn broken_syntax_has_its_place() {
        assert!(
            outcome("theme = 'ä\nx").starts_with("t.toml:1:"),
            "{}",
            outcome("theme = 'ä\nx")
        );
    }

    #[rstest]
    #[case("mouse", "mouse", 0)]
    #[case("mose", "mouse", 1)]
    #[case("", "abc", 3)]
    #[case("glyhps", "glyphs", 2)]
    fn edits_are_counted(#[case] from: &str, #[case] to: &str, #[case] expected: usize) {
        assert_eq!(edits(from, to), expected);
    }
}
