//! The values of a rule's fields, each with its place in the file.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::fields::Reader;
use crate::domain::policy::glob::Glob;
use crate::domain::policy::problem::nearest;

/// A string and where it stands.
pub(super) type Word = (String, Range<usize>);

impl Reader<'_, '_, '_> {
    pub fn wrong(&mut self, span: &Range<usize>, what: impl Into<String>, hint: impl Into<String>) {
        self.problems
            .push(self.source.problem(Some(span.clone()), what, hint));
    }

    pub fn named<T: Copy>(&mut self, key: &str, known: &[(&'static str, T)]) -> Vec<T> {
        let mut found = Vec::new();
        for (word, span) in self.words(key) {
            if let Some((_, value)) = known.iter().find(|(name, _)| *name == word) {
                found.push(*value);
            } else {
                let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                let hint = one_of(&word, &names);
                self.wrong(&span, format!("“{word}” means nothing as “{key}”"), hint);
            }
        }
        found
    }

    pub fn globs(&mut self, key: &str) -> Vec<Glob> {
        let mut globs = Vec::new();
        for (text, span) in self.words(key) {
            match Glob::new(&text) {
                Ok(glob) => globs.push(glob),
                Err(why) => self.wrong(
                    &span,
                    why,
                    "use “*” and “?” within a name, “**” for any folders",
                ),
            }
        }
        globs
    }

    /// Words that are compared as they are: an empty one would be in everything or in nothing.
    pub fn plain_words(&mut self, key: &str) -> Vec<String> {
        let mut plain = Vec::new();
        for (word, span) in self.words(key) {
            if word.is_empty() || !word.chars().all(|c| matches!(c, ' '..='~')) {
                self.wrong(&span, "not a word of printable ASCII", "");
            }
            plain.push(word);
        }
        plain
    }

    /// A list of strings, or a single one. A list that is there and empty would apply everywhere.
    pub fn words(&mut self, key: &str) -> Vec<Word> {
        let Some(value) = self.table.get(key) else {
            return Vec::new();
        };
        let items: Vec<&Spanned<DeValue<'_>>> = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        if items.is_empty() {
            self.wrong(
                &value.span(),
                format!("“{key}” is empty"),
                "leave it out, or say what it is",
            );
        }
        let mut words = Vec::new();
        for item in items {
            match item.get_ref().as_str() {
                Some(word) => words.push((word.to_owned(), item.span())),
                None => self.wrong(
                    &item.span(),
                    format!("“{key}” is a list of strings"),
                    "put the value in quotes",
                ),
            }
        }
        words
    }

    pub fn text(&mut self, key: &str) -> Option<Word> {
        let value = self.table.get(key)?;
        if let Some(text) = value.get_ref().as_str() {
            return Some((text.to_owned(), value.span()));
        }
        self.wrong(
            &value.span(),
            format!("“{key}” is a string"),
            "put the value in quotes",
        );
        None
    }

    pub fn span(&self, key: &str) -> Range<usize> {
        self.table.get(key).map_or(0..0, Spanned::span)
    }
}

/// A hint with the words that would do.
pub(super) fn one_of(wrong: &str, names: &[&str]) -> String {
    nearest(wrong, names.iter().copied()).map_or_else(
        || format!("one of: {}", names.join(", ")),
        |near| format!("did you mean “{near}”?"),
    )
}
