//! Finds the menu at the live end of a screen: options, one of which bears a selection mark.

use std::sync::LazyLock;

use regex::Regex;

use super::screen::{Line, Screen};
use crate::domain::Answer;

/// How many rows an option's text may take: in a pane of 40 columns the longest known ones have four.
const WRAPPED: usize = 8;

/// A menu.
#[derive(Debug)]
pub(super) struct Menu {
    /// The first row of the first option, and the row behind the last one.
    pub rows: std::ops::Range<usize>,
    pub options: Vec<MenuOption>,
    /// Which option is marked.
    pub selected: usize,
    /// The column of the mark.
    pub mark: usize,
    /// Whether the options have numbers.
    pub is_numbered: bool,
}

#[derive(Debug)]
pub(super) struct MenuOption {
    pub row: usize,
    pub number: Option<u32>,
    /// On one line even where it wraps.
    pub label: String,
}

/// The beginning of an option's row.
struct Head<'a> {
    is_marked: bool,
    /// The column of the mark, or where it would be if it had none.
    mark: usize,
    /// The column where number or text begins.
    column: usize,
    number: Option<u32>,
    label: &'a str,
}

impl<'a> Head<'a> {
    fn of(line: &Line<'a>) -> Option<Self> {
        static HEAD: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^( *)([❯›●>*] +)?(?:(\d{1,2})[.)] +)?(\S.*)$").expect("a constant pattern")
        });
        if line.is_blank {
            return None;
        }
        let found = HEAD.captures(line.text)?;
        let width = |group: usize| {
            found
                .get(group)
                .map_or(0, |part| part.as_str().chars().count())
        };
        Some(Self {
            is_marked: found.get(2).is_some(),
            mark: width(1),
            column: width(1) + width(2),
            number: found.get(3).and_then(|number| number.as_str().parse().ok()),
            label: found.get(4)?.as_str(),
        })
    }
}

impl Menu {
    /// The lowest menu of the screen. It has at least two options.
    pub fn find(screen: &Screen<'_>) -> Option<Self> {
        let lines = &screen.lines;
        let (marked_row, marked) = (0..lines.len()).rev().find_map(|row| {
            let head = Head::of(&lines[row])?;
            head.is_marked.then_some((row, head))
        })?;
        let mut options = vec![MenuOption {
            row: marked_row,
            number: marked.number,
            label: marked.label.to_owned(),
        }];
        let end = extend_down(lines, &marked, &mut options);
        let above = collect_above(lines, &marked, marked_row);
        let selected = above.len();
        options.splice(0..0, above);
        let first = options.first()?.row;
        (options.len() >= 2).then_some(Self {
            rows: first..end,
            options,
            selected,
            mark: lines[marked_row].column + marked.mark,
            is_numbered: marked.number.is_some(),
        })
    }

    /// Whether nothing is missing at the top.
    pub fn begins_with_one(&self) -> bool {
        self.options
            .first()
            .is_some_and(|option| option.number == Some(1))
    }
}

/// Whether an option stands where the marked one does. In a narrow frame one that wraps may begin a column further left.
fn is_aligned(head: &Head<'_>, marked: &Head<'_>) -> bool {
    let is_near = head.number.is_some() && head.column.abs_diff(marked.column) <= 1;
    head.column == marked.column || is_near && head.column > marked.mark
}

/// Whether a row is the rest of an option's text: deeper than the options, in a frame at least deeper than the mark.
fn goes_on(line: &Line<'_>, marked: &Head<'_>) -> bool {
    let least = if line.frames > 0 {
        marked.mark
    } else {
        marked.column
    };
    line.indent() > least
}

/// Takes in what belongs to the menu below its marked option, and returns the row behind it.
fn extend_down(lines: &[Line<'_>], marked: &Head<'_>, options: &mut Vec<MenuOption>) -> usize {
    let mut row = options[0].row + 1;
    let mut wrapped = 0;
    while let Some(line) = lines.get(row)
        && let Some(head) = Head::of(line)
    {
        let expected = options
            .last()
            .and_then(|option| option.number)
            .map(|number| number + 1);
        let is_option = head.number == expected && is_aligned(&head, marked) && !head.is_marked;
        if is_option {
            options.push(MenuOption {
                row,
                number: head.number,
                label: head.label.to_owned(),
            });
            wrapped = 0;
        } else if goes_on(line, marked) && wrapped < WRAPPED {
            if let Some(option) = options.last_mut() {
                option.label.push(' ');
                option.label.push_str(line.trimmed());
            }
            wrapped += 1;
        } else {
            break;
        }
        row += 1;
    }
    row
}

/// The options above the marked one, top first.
fn collect_above(lines: &[Line<'_>], marked: &Head<'_>, marked_row: usize) -> Vec<MenuOption> {
    let mut above: Vec<MenuOption> = Vec::new();
    let mut expected = marked.number;
    let mut wrapped: Vec<&str> = Vec::new();
    for row in (0..marked_row).rev() {
        let line = &lines[row];
        let Some(head) = Head::of(line) else {
            break;
        };
        let wanted = expected.map(|number| number.saturating_sub(1));
        if head.number == wanted
            && wanted != Some(0)
            && is_aligned(&head, marked)
            && !head.is_marked
        {
            let mut label = head.label.to_owned();
            for part in wrapped.drain(..).rev() {
                label.push(' ');
                label.push_str(part);
            }
            above.push(MenuOption {
                row,
                number: head.number,
                label,
            });
            expected = wanted;
        } else if goes_on(line, marked) && wrapped.len() < WRAPPED {
            wrapped.push(line.trimmed());
        } else {
            break;
        }
    }
    above.reverse();
    above
}

/// What an option means, if its label leaves no doubt: words that could grant more than this one request make it none.
pub(super) fn meaning(label: &str) -> Option<Answer> {
    static NO: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?i)^(no|deny|reject|decline|cancel|abort|don['’]t (allow|run|proceed|trust))\b",
        )
        .expect("a constant pattern")
    });
    static YES: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)^(yes|allow|allow once|allow this once|accept|approve|approve once|run once|yes, proceed|yes, allow once|yes, run it)( ?\([a-z0-9]\))?$").expect("a constant pattern")
    });
    let label = label.trim();
    if YES.is_match(label) {
        Some(Answer::Yes)
    } else if NO.is_match(label) {
        Some(Answer::No)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Yes", Some(Answer::Yes))]
    #[case("Yes, proceed (y)", Some(Answer::Yes))]
    #[case("Allow once", Some(Answer::Yes))]
    #[case("Yes, and don't ask again for ls", None)]
    #[case("Yes, and don’t ask again", None)]
    #[case("Yes, allow all edits during this session", None)]
    #[case("Yes, always", None)]
    #[case("Allow for this session", None)]
    #[case("Yes, I trust this folder", None)]
    #[case("Yes, set auto mode as my default permission mode", None)]
    #[case("Yesterday", None)]
    #[case("No", Some(Answer::No))]
    #[case("No, and tell Codex what to do differently (esc)", Some(Answer::No))]
    #[case("Not now", None)]
    #[case("None of the above", None)]
    #[case("Don't allow", Some(Answer::No))]
    fn only_a_plain_yes_means_yes(#[case] label: &str, #[case] expected: Option<Answer>) {
        assert_eq!(meaning(label), expected);
    }
}
