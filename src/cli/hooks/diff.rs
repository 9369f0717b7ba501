//! What changes between two texts, line by line, as `diff -u` shows it.

use std::fmt::Write as _;

use crate::cli::say::Tone;
use crate::term::sanitize;

/// How many lines around a change are shown.
const CONTEXT: usize = 3;
/// The largest table of common lines: a thousand changed lines against a thousand. Beyond it the changed part is shown as a whole.
const LARGEST: usize = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Both,
    Old,
    New,
}

/// The changes, without the names of the files; empty when there are none.
pub fn unified(old: &str, new: &str, is_coloured: bool) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let lines = compared(&old, &new);
    let is_near = |at: usize| {
        let around = at.saturating_sub(CONTEXT)..(at + CONTEXT + 1).min(lines.len());
        lines[around].iter().any(|(side, _)| *side != Side::Both)
    };
    let (mut text, mut was_near) = (String::new(), false);
    let (mut before, mut after) = (0, 0);
    for (at, (side, line)) in lines.iter().enumerate() {
        let near = is_near(at);
        if near && !was_near {
            let hunk = lines[at..]
                .iter()
                .enumerate()
                .take_while(|(more, _)| is_near(at + more));
            let sides: Vec<Side> = hunk.map(|(_, (side, _))| *side).collect();
            let count = |other: Side| sides.iter().filter(|side| **side != other).count();
            let (olds, news) = (count(Side::New), count(Side::Old));
            // A side without lines is named by the line before.
            let from = |line: usize, count: usize| if count == 0 { line } else { line + 1 };
            let place = format!(
                "@@ -{},{olds} +{},{news} @@",
                from(before, olds),
                from(after, news)
            );
            let _never = writeln!(text, "{}", Tone::Busy.paint(&place, is_coloured));
        }
        if near {
            let (mark, tone) = match side {
                Side::Both => (' ', Tone::Plain),
                Side::Old => ('-', Tone::Bad),
                Side::New => ('+', Tone::Good),
            };
            let line = format!("{mark}{}", shown(line));
            let _never = writeln!(text, "{}", tone.paint(&line, is_coloured));
        }
        was_near = near;
        before += usize::from(*side != Side::New);
        after += usize::from(*side != Side::Old);
    }
    text
}

/// Tabs indent; everything else that is not drawn is told.
fn shown(line: &str) -> String {
    let parts: Vec<String> = line.split('\t').map(sanitize::for_log).collect();
    parts.join("\t")
}

/// All lines of both in order, each with where it is.
fn compared<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<(Side, &'t str)> {
    let same = |(old, new): &(&&str, &&str)| old == new;
    let head = old.iter().zip(new).take_while(same).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev());
    let tail = tail.take_while(same).count();
    let (olds, news) = (
        &old_rest[..old_rest.len() - tail],
        &new_rest[..new_rest.len() - tail],
    );
    let mut lines: Vec<(Side, &str)> = old[..head].iter().map(|line| (Side::Both, *line)).collect();
    let table = common(olds, news);
    let (mut i, mut j) = (0, 0);
    while i < olds.len() || j < news.len() {
        let is_same = i < olds.len() && j < news.len() && olds[i] == news[j];
        let is_old = j == news.len()
            || i < olds.len()
                && table
                    .as_ref()
                    .is_none_or(|table| table[i + 1][j] >= table[i][j + 1]);
        if is_same && table.is_some() {
            lines.push((Side::Both, olds[i]));
            (i, j) = (i + 1, j + 1);
        } else if is_old {
            lines.push((Side::Old, olds[i]));
            i += 1;
        } else {
            lines.push((Side::New, news[j]));
            j += 1;
        }
    }
    let tail = old_rest[olds.len()..].iter();
    lines.extend(tail.map(|line| (Side::Both, *line)));
    lines
}

/// How many lines the ends of both have in common, from each pair of places on; `None` when that is too much work.
fn common(old: &[&str], new: &[&str]) -> Option<Vec<Vec<u32>>> {
    if old.len().saturating_mul(new.len()) > LARGEST {
        return None;
    }
    let mut table = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            table[i][j] = if old[i] == new[j] {
                table[i + 1][j + 1] + 1
            } else {
                table[i + 1][j].max(table[i][j + 1])
            };
        }
    }
    Some(table)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn changes_stand_among_the_lines_around_them() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n";
        let new = "1\n2\n3\n4\nnew\tline\n5\n6\n7\n8\n9\n10\n11\n13\u{202e}\n";
        insta::assert_snapshot!(unified(old, new, false), @r"
        @@ -2,6 +2,7 @@
         2
         3
         4
        +new	line
         5
         6
         7
        @@ -9,5 +10,4 @@
         9
         10
         11
        -12
        -13
        +13\u{202e}
        ");
        assert_eq!(unified(old, old, false), "");
        assert_eq!(unified("", "a\n", false), "@@ -0,0 +1,1 @@\n+a\n");
        assert!(unified("", "a\n", true).contains("\x1b[32m+a\x1b[0m"));
    }

    proptest! {
        #[test]
        fn each_side_is_whole(old in "[abc\n]{0,30}", new in "[abc\n]{0,30}") {
            let (olds, news): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
            let lines = compared(&olds, &news);
            let side = |not: Side| -> Vec<&str> {
                lines.iter().filter(|(side, _)| *side != not).map(|(_, line)| *line).collect()
            };
            prop_assert_eq!(side(Side::New), olds);
            prop_assert_eq!(side(Side::Old), news);
        }
    }
}
