//! Puts text together again that a tool wrapped at the edge of its pane.
//!
//! Tools wrap at blanks and leave the blank out, and cut a word only when it is longer than a row. So where the next word
//! would have fitted, the text has a line break of its own; where it would not, a blank; within a word that no row could
//! hold, nothing. A line break of the text where the next word would not have fitted cannot be told from a blank: nothing
//! but a tool's hook knows better.

use unicode_width::UnicodeWidthStr as _;

use super::shape::Breaks;

/// A row of wrapped text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wrapped<'a> {
    /// Without what stands before it; blanks at its own beginning are kept.
    pub text: &'a str,
    /// The column of the pane where it begins, from 0.
    pub column: usize,
}

/// How a tool wraps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wrap {
    /// The first column that it leaves free.
    pub limit: usize,
    pub breaks: Breaks,
}

impl Wrap {
    /// The beginning of a text that must not be torn. Tools that break words want room for the blank behind it as well.
    fn unit(self, text: &str) -> &str {
        let breaks_words = self.breaks == Breaks::Marks;
        let is_end = |c: char| breaks_words && (c == '-' || is_mark(c));
        let end = text.char_indices().find_map(|(at, c)| match c {
            ' ' if breaks_words => Some(at + 1),
            ' ' => Some(at),
            c if is_end(c) => Some(at + c.len_utf8()),
            _ => None,
        });
        end.and_then(|end| text.get(..end)).unwrap_or(text)
    }
}

/// Behind what some tools break words, apart from hyphens.
fn is_mark(c: char) -> bool {
    matches!(
        c,
        '/' | '\\' | '.' | ':' | '!' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | ',' | ';'
    )
}

/// The text as it was before a tool wrapped it; `None` when two texts would look the same and mean something else, such as
/// `rm /` with a second name, and `rm /name`.
pub(super) fn unwrap(rows: &[Wrapped<'_>], wrap: Wrap) -> Option<String> {
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        text.push_str(row.text);
        if let Some(next) = rows.get(index + 1) {
            text.push_str(between(*row, *next, wrap)?);
        }
    }
    Some(text)
}

/// What stood between two rows.
fn between(row: Wrapped<'_>, next: Wrapped<'_>, wrap: Wrap) -> Option<&'static str> {
    let limit = wrap.limit;
    let end = row.column + row.text.width();
    let is_full = end >= limit;
    let first = wrap.unit(next.text);
    let word = next.text.split_inclusive(' ').next().unwrap_or_default();
    let last = row.text.rsplit(' ').next().unwrap_or_default();
    let longest = limit.saturating_sub(next.column);
    let breaks_words = wrap.breaks == Breaks::Marks;
    let does_not_fit = is_full || end + first.width() > limit;
    if row.text.is_empty() || next.text.is_empty() {
        Some("\n")
    } else if wrap.breaks != Breaks::Blanks && row.text.ends_with('-') && end + word.width() > limit
    {
        Some("")
    } else if breaks_words && row.text.ends_with([',', ';']) && does_not_fit {
        // A blank behind these means nothing to a shell, and nearly always stands there.
        Some(" ")
    } else if breaks_words && row.text.ends_with(is_mark) && does_not_fit {
        None
    } else if is_full && (first.is_empty() || last.width() + first.width() > longest) {
        Some("")
    } else if is_full || end + 1 + first.width() > limit {
        Some(" ")
    } else {
        Some("\n")
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
        let wrap = Wrap {
            limit: 20,
            breaks: Breaks::Blanks,
        };
        assert_eq!(unwrap(&rows, wrap).as_deref(), Some(text));
    }

    #[rstest]
    #[case::behind_a_hyphen(&["find . -name 'x' -", "delete"], Some("find . -name 'x' -delete"))]
    #[case::within_a_word(&["git commit --allow-", "empty"], Some("git commit --allow-empty"))]
    #[case::at_a_blank(&["git checkout cleanup", "and more"], Some("git checkout cleanup and more"))]
    #[case::its_own_line_break(&["cat -", "ls"], Some("cat -\nls"))]
    #[case::a_path_or_two(&["rm -rf build_x /", "home/somebody"], None)]
    fn a_tool_that_breaks_words_is_read_where_that_is_certain(
        #[case] rows: &[&str],
        #[case] text: Option<&str>,
    ) {
        let rows: Vec<_> = rows
            .iter()
            .map(|&text| Wrapped { text, column: 1 })
            .collect();
        let wrap = Wrap {
            limit: 21,
            breaks: Breaks::Marks,
        };
        assert_eq!(unwrap(&rows, wrap).as_deref(), text);
    }
}
