//! What a program may be given: every option that is known, with what it takes, and what the other words are.
//!
//! Promise: a word that the schema does not know is refused, and so is a word of which it depends on the program how it is
//! read. Abbreviated options are unknown ones.

use super::path::Project;
use super::{Case, secrets};

/// What the words after a program's options are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operands {
    None,
    /// Files and folders inside the project.
    Paths,
    /// The same, and files right in a folder are read.
    Folders,
    /// Words that name nothing.
    Text,
    /// A pattern, then paths.
    TextPaths,
    /// The same, and everything below the folders is read.
    TextTree,
    /// As [`Self::TextTree`], by a program that leaves out hidden files.
    TextVisibleTree,
    /// Which lines to print, then paths.
    LinesPaths,
    /// Revisions and tracked files of a git repository.
    Revisions,
    /// A pattern, then revisions.
    TextRevisions,
}

impl Operands {
    pub const ALL: [(&'static str, Self); 10] = [
        ("none", Self::None),
        ("paths", Self::Paths),
        ("folders", Self::Folders),
        ("text", Self::Text),
        ("text-paths", Self::TextPaths),
        ("text-tree", Self::TextTree),
        ("text-visible-tree", Self::TextVisibleTree),
        ("lines-paths", Self::LinesPaths),
        ("revisions", Self::Revisions),
        ("text-revisions", Self::TextRevisions),
    ];

    fn has_text_first(self) -> bool {
        match self {
            Self::TextPaths | Self::TextTree | Self::TextVisibleTree | Self::TextRevisions => true,
            Self::None
            | Self::Paths
            | Self::Folders
            | Self::Text
            | Self::LinesPaths
            | Self::Revisions => false,
        }
    }
}

/// What an option's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Number,
    Text,
    Path,
    /// Names of source code, such as `*.rs`.
    Glob,
    /// What to search for: with it, every operand is a path.
    Pattern,
}

/// How an option takes its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// `--name=value` only.
    Joined(Value),
    /// As the next word too.
    Any(Value),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Opt {
    name: String,
    takes: Takes,
}

/// What a rule knows of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schema {
    pub program: String,
    /// The words that must follow the program.
    pub subcommand: Vec<String>,
    options: Vec<Opt>,
    /// Whether `-5` is a number.
    takes_number: bool,
    pub operands: Operands,
}

impl Schema {
    pub fn new(program: String, subcommand: Vec<String>, operands: Operands) -> Self {
        Self {
            program,
            subcommand,
            options: Vec::new(),
            takes_number: false,
            operands,
        }
    }

    /// Adds an option: `-l`, `-n NUMBER`, `--color=TEXT`, or `-NUMBER`.
    pub fn add_option(&mut self, text: &str) -> Result<(), String> {
        if text == "-NUMBER" {
            self.takes_number = true;
            return Ok(());
        }
        let (name, takes) = if let Some((name, value)) = text.split_once(' ') {
            (name, Takes::Any(Value::new(value)?))
        } else if let Some((name, value)) = text.split_once('=') {
            if !name.starts_with("--") {
                return Err("only an option with two dashes takes its value after “=”".to_owned());
            }
            (name, Takes::Joined(Value::new(value)?))
        } else {
            (text, Takes::Nothing)
        };
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphanumeric())
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        };
        let bare = name.strip_prefix("--").or_else(|| name.strip_prefix('-'));
        if !bare.is_some_and(is_name) {
            return Err(format!("“{name}” is not the name of an option"));
        }
        self.options.push(Opt {
            name: name.to_owned(),
            takes,
        });
        Ok(())
    }

    /// The words after the program and its subcommand, if a command line begins with them.
    pub fn arguments<'w>(&self, words: &'w [String]) -> Option<&'w [String]> {
        let (program, mut rest) = words.split_first()?;
        if *program != self.program {
            return None;
        }
        if program == "git" && rest.first().is_some_and(|word| word == "--no-pager") {
            rest = rest.get(1..)?;
        }
        rest.strip_prefix(self.subcommand.as_slice())
    }

    /// Whether a program may be run with these words, or why not.
    pub fn admits(
        &self,
        case: &Case<'_>,
        project: &Project,
        arguments: &[String],
    ) -> Result<(), String> {
        let mut sorted = Sorted::default();
        let mut words = arguments.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word == "--" {
                sorted.operands.extend(words);
                break;
            }
            if word.len() > 1 && word.starts_with('-') {
                self.option(word, &mut words, &mut sorted)?;
            } else {
                sorted.operands.push(word);
            }
        }
        for (value, text) in &sorted.values {
            value.check(case, project, text)?;
        }
        if self.program == "git" {
            project.has_own_repository(case)?;
        }
        self.check_operands(case, project, &sorted)
    }

    fn option<'w>(
        &self,
        word: &'w str,
        words: &mut impl Iterator<Item = &'w str>,
        sorted: &mut Sorted<'w>,
    ) -> Result<(), String> {
        let unknown = || format!("“{word}” is not an option that the rule knows");
        let mut next = || words.next().ok_or_else(|| format!("“{word}” has no value"));
        // Named in full: with one dash too, as find has them.
        for option in self.options.iter().filter(|option| option.name == word) {
            match option.takes {
                Takes::Nothing => return Ok(()),
                Takes::Any(value) => {
                    sorted.values.push((value, next()?));
                    return Ok(());
                }
                Takes::Joined(_) => {}
            }
        }
        if word.starts_with("--") {
            let (name, text) = word.split_once('=').ok_or_else(unknown)?;
            let value = self.options.iter().find_map(|option| match option.takes {
                Takes::Any(value) | Takes::Joined(value) if option.name == name => Some(value),
                _ => None,
            });
            sorted.values.push((value.ok_or_else(unknown)?, text));
            return Ok(());
        }
        // Several letters behind one dash; the last may have its value right behind it.
        let letters = word.strip_prefix('-').ok_or_else(unknown)?;
        if self.takes_number && letters.chars().all(|c| c.is_ascii_digit()) {
            return Ok(());
        }
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            let mut names = [0; 4];
            let letter: &str = letter.encode_utf8(&mut names);
            let option = self
                .options
                .iter()
                .find(|option| option.name.strip_prefix('-') == Some(letter))
                .ok_or_else(unknown)?;
            if let Takes::Any(value) = option.takes {
                let text = match rest.as_str() {
                    "" => next()?,
                    text => text,
                };
                sorted.values.push((value, text));
                return Ok(());
            }
        }
        Ok(())
    }

    fn check_operands(
        &self,
        case: &Case<'_>,
        project: &Project,
        sorted: &Sorted<'_>,
    ) -> Result<(), String> {
        let mut operands = sorted.operands.as_slice();
        let has_pattern = sorted
            .values
            .iter()
            .any(|(value, _)| *value == Value::Pattern);
        if self.operands.has_text_first() && !has_pattern {
            let Some((_, rest)) = operands.split_first() else {
                return Err("nothing says what to look for".to_owned());
            };
            operands = rest;
        }
        match self.operands {
            Operands::Text => Ok(()),
            Operands::None => match operands.first() {
                Some(word) => Err(format!("the rule knows no “{word}”")),
                None => Ok(()),
            },
            Operands::Paths | Operands::TextPaths => all_inside(case, project, operands),
            Operands::Folders | Operands::TextTree => {
                let names: Vec<&str> = secrets::PLAIN
                    .iter()
                    .chain(&secrets::HIDDEN)
                    .copied()
                    .collect();
                trees(case, project, sorted, operands, &names)
            }
            Operands::TextVisibleTree => trees(case, project, sorted, operands, &secrets::PLAIN),
            Operands::LinesPaths => match operands.split_first() {
                Some((script, files)) if is_lines(script) => all_inside(case, project, files),
                _ => Err("it does more than print lines by their number".to_owned()),
            },
            Operands::Revisions | Operands::TextRevisions => operands
                .iter()
                .try_for_each(|word| revision(case, project, word)),
        }
    }
}

impl Value {
    fn new(text: &str) -> Result<Self, String> {
        match text {
            "NUMBER" => Ok(Self::Number),
            "TEXT" => Ok(Self::Text),
            "PATH" => Ok(Self::Path),
            "GLOB" => Ok(Self::Glob),
            "PATTERN" => Ok(Self::Pattern),
            _ => Err(format!(
                "“{text}” is no value: NUMBER, TEXT, PATH, GLOB or PATTERN"
            )),
        }
    }

    fn check(self, case: &Case<'_>, project: &Project, text: &str) -> Result<(), String> {
        match self {
            Self::Text | Self::Pattern => Ok(()),
            Self::Path => project.inside(case, text).map(drop),
            Self::Number => {
                let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
                if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) {
                    Ok(())
                } else {
                    Err(format!("“{text}” is not a number"))
                }
            }
            Self::Glob if secrets::is_source_glob(text) => Ok(()),
            Self::Glob => Err(format!("“{text}” may name other files than source code")),
        }
    }
}

/// The words of a command line by what they are.
#[derive(Debug, Default)]
struct Sorted<'w> {
    values: Vec<(Value, &'w str)>,
    operands: Vec<&'w str>,
}

fn all_inside(case: &Case<'_>, project: &Project, words: &[&str]) -> Result<(), String> {
    words
        .iter()
        .try_for_each(|word| project.inside(case, word).map(drop))
}

/// Whether everything below the folders may be searched: only source code, or no usual secret in them.
fn trees(
    case: &Case<'_>,
    project: &Project,
    sorted: &Sorted<'_>,
    words: &[&str],
    names: &[&str],
) -> Result<(), String> {
    all_inside(case, project, words)?;
    if sorted.values.iter().any(|(value, _)| *value == Value::Glob) {
        return Ok(());
    }
    let here = ["."];
    let words = if words.is_empty() { &here } else { words };
    words
        .iter()
        .try_for_each(|word| project.tree(case, word, names))
}

/// Whether a script of sed prints lines by their number and nothing else: `5p`, `1,20p`, `10,$p`.
fn is_lines(script: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let Some(range) = script.strip_suffix('p') else {
        return false;
    };
    match range.split_once(',') {
        Some((first, last)) => number(first) && (last == "$" || number(last)),
        None => range == "$" || number(range),
    }
}

/// Whether a word names a revision, or a file that git tracks inside the project, but none that may hold secrets.
fn revision(case: &Case<'_>, project: &Project, word: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@^~+".contains(c);
    // `@{…}` and globs, and a leading `:`, have a meaning of their own.
    if word.is_empty() || word.starts_with([':', '/', '~']) || !word.chars().all(is_plain) {
        return Err(format!("“{word}” is not a plain revision or path"));
    }
    for part in word.split(':') {
        if part.split('/').any(|name| name == "..") {
            return Err(format!("“{word}” may lead out of the project"));
        }
        if let Some(name) = secrets::sensitive(part) {
            return Err(format!("“{word}” may hold secrets or settings (“{name}”)"));
        }
    }
    // What is there as a file or a folder must really be inside.
    let path = super::path::absolute(case.dir, word);
    match (case.resolve)(&path) {
        Some(_) => project.inside(case, word).map(drop),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("5p", true)]
    #[case("$p", true)]
    #[case("1,20p", true)]
    #[case("10,$p", true)]
    #[case("", false)]
    #[case("p", false)]
    #[case("5", false)]
    #[case("5,p", false)]
    #[case(",5p", false)]
    #[case("$,5p", false)]
    #[case("xp", false)]
    #[case("1,xp", false)]
    #[case("5e", false)]
    #[case("1~2p", false)]
    fn a_script_that_prints_lines_by_their_number_is_told(
        #[case] script: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(is_lines(script), expected);
    }
}
