//! Puts text together again that a tool wrapped at the edge of its pane.
//!
//! Tools wrap at blanks and leave the blank out, and cut a word only when it is longer than a row. So where the next word
//! would have fitted, the text has a line break of its own; where it would not, a blank; within a word that no row could
//! hold, nothing. A line break of the text where the next word would not have fitted cannot be told from a blank: nothing
//! but a tool's hook knows better.

use unicode_width::UnicodeWidthStr as _;

/// A row of wrapped text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wrapped<'a> {
    /// Without what stands before it; blanks at its own beginning are kept.
    pub text: &'a str,
    /// The column of the pane where it begins, from 0.
    pub column: usize,
}

/// The text as it was before a tool wrapped it at column `limit`.
pub(super) fn unwrap(rows: &[Wrapped<'_>], limit: usize) -> String {
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        text.push_str(row.text);
        if let Some(next) = rows.get(index + 1) {
            text.push_str(between(*row, *next, limit));
        }
    }
    text
}

/// What stood between two rows.
fn between(row: Wrapped<'_>, next: Wrapped<'_>, limit: usize) -> &'static str {
    let end = row.column + row.text.width();
    let is_full = end >= limit;
    let first = next.text.split(' ').next().unwrap_or_default();
    let last = row.text.rsplit(' ').next().unwrap_or_default();
    let longest = limit.saturating_sub(next.column);
    if row.text.is_empty() || next.text.is_empty() {
        "\n"
    } else if is_full && (first.is_empty() || last.width() + first.width() > longest) {
        ""
    } else if is_full || end + 1 + first.width() > limit {
        " "
    } else {
        "\n"
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::fits(&["rm -rf build"], "rm -rf build")]
    #[case::wrapped_at_a_blank(&["git add -A; git", "commit --amend"], "git add -A; git commit --amend")]
    #[case::its_own_line_break(&["set -e", "make"], "set -e\nmake")]
    #[case::a_word_longer_than_a_row(&["touch aaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa b"], "touch aaaaaaaaaaaaaaaaaaaaaaaaaaaaa b")]
    #[case::a_full_row(&["echo one two three!", "four"], "echo one two three! four")]
    #[case::indented(&["if x; then", "  make", "fi"], "if x; then\n  make\nfi")]
    #[case::blank_row(&["a", "", "b"], "a\n\nb")]
    fn what_a_tool_wrapped_is_read_as_it_was(#[case] rows: &[&str], #[case] text: &str) {
        let rows: Vec<_> = rows
            .iter()
            .map(|&text| Wrapped { text, column: 1 })
            .collect();
        assert_eq!(unwrap(&rows, 20), text);
    }
}
