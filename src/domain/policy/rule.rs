//! One rule: where it applies, and what it allows or refuses.
//!
//! Promise: a rule that allows knows every word it allows. A rule that asks or denies sees as much as it can: the program
//! behind another one, an option among others, a path by its written and by its real name, letters in any case.

use super::glob::Glob;
use super::guard::{self, Known};
use super::path::{absolute, below, lexical};
use super::schema::Schema;
use super::{Case, Verdict};
use crate::domain::{PromptKind, Source};

/// A rule as it was read.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub name: String,
    pub verdict: Verdict,
    pub place: Place,
    pub what: What,
    /// The author's own reason; may be empty.
    pub why: String,
}

/// Where a rule applies. An empty list is any.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub tools: Vec<String>,
    pub kinds: Vec<PromptKind>,
    pub hosts: Vec<String>,
    pub contexts: Vec<String>,
    /// Absolute ones.
    pub dirs: Vec<Glob>,
    pub branches: Vec<Glob>,
    pub sources: Vec<Source>,
}

/// What a rule is about.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// Allows a program with known arguments.
    Program(Schema),
    /// Allows one command line, word for word.
    Exactly(Vec<String>),
    /// Allows files of the project; without patterns, all of them.
    Files(Vec<Glob>),
    /// Asks or denies.
    Signs(Signs),
}

/// What a rule that tightens looks for: all that is given must be there.
#[derive(Clone, Debug, Default)]
pub(super) struct Signs {
    pub program: Option<String>,
    pub words: Vec<String>,
    /// Any of these, in any case of letters.
    pub contains: Vec<String>,
    /// Any of these.
    pub paths: Vec<Glob>,
}

/// Whether a rule that tightens applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fits {
    Yes,
    No,
    /// It would, if what is not known were as the rule says.
    Unknown,
}

impl Rule {
    /// Whether it allows what is known of a case. `None` when it is about something else; else why not.
    pub fn allows(&self, case: &Case<'_>, known: &Known) -> Result<(), Option<String>> {
        if self.verdict != Verdict::Allow || self.place.fits(case, Reading::Exact) != Fits::Yes {
            return Err(None);
        }
        match (&self.what, known) {
            (What::Program(schema), Known::Command(project, words)) => {
                let arguments = schema.arguments(words).ok_or(None)?;
                schema.admits(case, project, arguments).map_err(Some)
            }
            (What::Exactly(wanted), Known::Command(project, words)) if wanted == words => words
                .iter()
                .try_for_each(|word| guard::plain_word(case, project, word))
                .map_err(Some),
            (What::Files(globs), Known::File(project, real)) => {
                let relative = below(&project.root, real).ok_or(None)?;
                let matches =
                    |glob: &Glob| glob.is_match(if glob.is_absolute { real } else { relative });
                if globs.is_empty() || globs.iter().any(matches) {
                    Ok(())
                } else {
                    Err(None)
                }
            }
            _ => Err(None),
        }
    }

    /// Whether it is about certain contexts only.
    pub fn names_contexts(&self) -> bool {
        !self.place.contexts.is_empty()
    }

    /// Whether it asks or denies, as far as its signs are seen in a case. `words` are those of a provable command.
    pub fn tightens(&self, case: &Case<'_>, words: Option<&[String]>) -> Fits {
        let What::Signs(signs) = &self.what else {
            return Fits::No;
        };
        if signs.are_in(case, words) {
            self.place.fits(case, Reading::Wide)
        } else {
            Fits::No
        }
    }
}

/// How folders are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// The real folder, to the letter.
    Exact,
    /// The real folder or the one that is named, in any case of letters.
    Wide,
}

impl Place {
    fn fits(&self, case: &Case<'_>, reading: Reading) -> Fits {
        let among =
            |list: &[String], name: &str| list.is_empty() || list.iter().any(|one| one == name);
        let fits = among(&self.tools, case.tool)
            && (self.kinds.is_empty() || self.kinds.contains(&case.kind))
            && among(&self.hosts, case.host)
            && case.contexts.is_none_or(|names| self.is_in_context(names))
            && (self.sources.is_empty() || self.sources.contains(&case.source))
            && (self.dirs.is_empty() || self.is_in_folder(case, reading));
        if !fits {
            return Fits::No;
        }
        if case.contexts.is_none() && !self.contexts.is_empty() {
            return Fits::Unknown;
        }
        match case.branch {
            _ if self.branches.is_empty() => Fits::Yes,
            None => Fits::Unknown,
            Some(branch) => {
                let matches = |glob: &Glob| match reading {
                    Reading::Exact => glob.is_match(branch),
                    Reading::Wide => glob.is_match_in_any_case(branch),
                };
                if self.branches.iter().any(matches) {
                    Fits::Yes
                } else {
                    Fits::No
                }
            }
        }
    }

    fn is_in_context(&self, names: &[&str]) -> bool {
        let mut own = self.contexts.iter();
        self.contexts.is_empty() || own.any(|one| names.contains(&one.as_str()))
    }

    fn is_in_folder(&self, case: &Case<'_>, reading: Reading) -> bool {
        let real = (case.resolve)(case.dir);
        match reading {
            Reading::Exact => {
                real.is_some_and(|real| self.dirs.iter().any(|glob| glob.is_match(&real)))
            }
            Reading::Wide => {
                let named = lexical(case.dir);
                let mut folders = real.into_iter().chain([named]);
                folders.any(|folder| {
                    self.dirs
                        .iter()
                        .any(|glob| glob.is_match_in_any_case(&folder))
                })
            }
        }
    }
}

impl Signs {
    fn are_in(&self, case: &Case<'_>, words: Option<&[String]>) -> bool {
        self.program_and_words(words)
            && (self.contains.is_empty() || self.text_is_in(case.subject))
            && (self.paths.is_empty() || self.path_is_in(case, words))
    }

    fn program_and_words(&self, words: Option<&[String]>) -> bool {
        if self.program.is_none() && self.words.is_empty() {
            return true;
        }
        let Some(words) = words else {
            return false;
        };
        let program = self.program.as_deref();
        program.is_none_or(|program| runs(words, program))
            && self
                .words
                .iter()
                .all(|sign| words.iter().any(|word| shows(word, sign)))
    }

    fn text_is_in(&self, subject: &str) -> bool {
        let subject = subject.to_ascii_lowercase();
        self.contains
            .iter()
            .any(|text| subject.contains(&text.to_ascii_lowercase()))
    }

    fn path_is_in(&self, case: &Case<'_>, words: Option<&[String]>) -> bool {
        let words: Vec<&str> = match words {
            Some(words) => words.iter().flat_map(|word| word.split('=')).collect(),
            None => vec![case.subject],
        };
        let root = case.project.unwrap_or(case.dir);
        let roots: Vec<String> = (case.resolve)(root)
            .into_iter()
            .chain([lexical(root)])
            .collect();
        words.iter().any(|word| {
            let path = absolute(case.dir, word);
            let mut names = (case.resolve)(&path).into_iter().chain([lexical(&path)]);
            names.any(|name| {
                self.paths.iter().any(|glob| {
                    if glob.is_absolute {
                        return glob.is_match_in_any_case(&name);
                    }
                    let mut inside = roots.iter().filter_map(|root| below(root, &name));
                    inside.any(|rest| glob.is_match_in_any_case(rest))
                })
            })
        })
    }
}

/// Whether a command line runs a program: itself, or behind one that runs others.
fn runs(words: &[String], program: &str) -> bool {
    let is_it = |word: &String| guard::file_name(word) == program;
    let Some((first, rest)) = words.split_first() else {
        return false;
    };
    is_it(first) || (guard::is_launcher(guard::file_name(first)) && rest.iter().any(is_it))
}

/// Whether a word is the sign, with a value or without, or has the sign's letter among those behind one dash.
fn shows(word: &str, sign: &str) -> bool {
    let with_value = || {
        word.strip_prefix(sign)
            .is_some_and(|rest| rest.starts_with('='))
    };
    let among_letters = || {
        let (Some(letters), Some(letter)) = (word.strip_prefix('-'), sign.strip_prefix('-')) else {
            return false;
        };
        !letters.starts_with('-') && letter.chars().count() == 1 && letters.contains(letter)
    };
    word == sign || with_value() || among_letters()
}
