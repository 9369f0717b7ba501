//! What is wrong with a file of rules, and where.

use std::fmt;
use std::ops::Range;

/// A mistake at a place in a file. Shown as one line; the hint goes on a line of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    /// From 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// From 1, in characters; 0 when the file as a whole is meant.
    pub column: usize,
    pub what: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl Problem {
    /// A mistake at a byte range of a text.
    pub(super) fn at(
        file: &str,
        text: &str,
        span: Option<Range<usize>>,
        what: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let (line, column) = span.map_or((0, 0), |span| line_and_column(text, span.start));
        Self {
            file: file.to_owned(),
            line,
            column,
            what: what.into(),
            hint: hint.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        write!(f, " {}", self.what)
    }
}

impl std::error::Error for Problem {}

/// Line and column of a byte offset, both from 1.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.split('\n').count();
    let last = before.rsplit('\n').next().unwrap_or_default();
    (line, last.chars().count().saturating_add(1))
}

/// How many edits a mistyped word may be away from the one that is suggested: more would be guessing.
const NEAR: usize = 2;

/// The word that was probably meant.
pub(super) fn nearest<'w>(
    wrong: &str,
    words: impl IntoIterator<Item = &'w str>,
) -> Option<&'w str> {
    words
        .into_iter()
        .map(|word| (edits(wrong, word), word))
        .filter(|&(distance, word)| distance <= NEAR && distance < word.chars().count())
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, word)| word)
}

/// How many insertions, deletions and replacements lead from one word to the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (before, a) in from.chars().enumerate() {
        let mut left = before.saturating_add(1);
        let mut new_row = vec![left];
        for ((above_left, above), b) in row.iter().zip(row.iter().skip(1)).zip(&to) {
            let replaced = above_left.saturating_add(usize::from(a != *b));
            left = replaced
                .min(left.saturating_add(1))
                .min(above.saturating_add(1));
            new_row.push(left);
        }
        row = new_row;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("mouse", "mouse", 0)]
    #[case("mose", "mouse", 1)]
    #[case("", "abc", 3)]
    #[case("abc", "", 3)]
    #[case("glyhps", "glyphs", 2)]
    #[case("kitten", "sitting", 3)]
    fn edits_are_counted(#[case] from: &str, #[case] to: &str, #[case] expected: usize) {
        assert_eq!(edits(from, to), expected);
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        let words = ["tool", "kind", "dir"];
        assert_eq!(nearest("tols", words), Some("tool"));
        assert_eq!(nearest("kinds", words), Some("kind"));
        assert_eq!(nearest("xyz", words), None);
        assert_eq!(nearest("evidence", words), None);
        assert_eq!(nearest("xy", ["ab"]), None);
    }

    #[test]
    fn a_place_is_counted_in_characters_from_one() {
        assert_eq!(line_and_column("ä\nböc", 0), (1, 1));
        assert_eq!(line_and_column("ä\nböc", 3), (2, 1));
        assert_eq!(line_and_column("ä\nböc", 6), (2, 3));
    }
}
