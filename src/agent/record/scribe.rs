//! Which lines are worth a place in the text: what scrolled off, and what stood still. No I/O, no clock.
//!
//! A shell's output scrolls off line by line, and its last screen stands still: nothing is left out or doubled, because a
//! line that was told while it stood is known when it leaves. Runs of blank lines become one.
//!
//! Tools that paint are told by their screens. On the alternate screen nothing scrolls off: a row is told once it has stood
//! through two looks a second apart, or at once when all stands still, so that spinners and counters are not; rows that
//! only moved are known from the look before. Tools that paint their history into the scrollback again and again are told
//! each pair of neighbouring lines once: the second line of a pair that was seen is left out.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// How many pairs of lines are remembered: some long conversations; 200 kB a session at most.
const PAIRS: usize = 8 << 10;

#[derive(Debug, Default)]
pub(super) struct Scribe {
    primary: Vec<Row>,
    alternate: Vec<Row>,
    pairs: Pairs,
    /// The line that scrolled off before.
    before: u64,
    /// A blank line goes before the next one that is told.
    is_blank_due: bool,
    has_told: bool,
}

/// A row of the last screen that is not blank.
#[derive(Clone, Copy, Debug)]
struct Row {
    hash: u64,
    is_told: bool,
    /// It was there at the look before.
    has_stood: bool,
}

impl Scribe {
    /// Takes the last lines that were told before a restart for a screen that was told.
    pub(super) fn remember<'a>(&mut self, lines: impl Iterator<Item = &'a str>) {
        let told = |line: &str| Row {
            hash: hash(line),
            is_told: true,
            has_stood: true,
        };
        self.primary = lines.filter(|line| !line.is_empty()).map(told).collect();
        self.alternate.clone_from(&self.primary);
        for pair in self.primary.windows(2) {
            if let [one, two] = pair {
                self.pairs.add(one.hash, two.hash);
            }
        }
        self.has_told = !self.primary.is_empty();
    }

    /// A line has left the primary screen.
    pub(super) fn scrolled(&mut self, line: &str, repaints: bool, tell: &mut impl FnMut(&str)) {
        if line.is_empty() {
            self.is_blank_due = true;
            return;
        }
        let hash = hash(line);
        let before = std::mem::replace(&mut self.before, hash);
        let is_new_pair = self.pairs.add(before, hash);
        // Rows leave in their order: those above this one have been painted over.
        let shown = self.primary.iter().position(|row| row.hash == hash);
        let was_told = shown.is_some_and(|at| {
            let row = self.primary.drain(..=at).next_back();
            row.is_some_and(|row| row.is_told)
        });
        if was_told || (repaints && !is_new_pair) {
            self.is_blank_due = false;
        } else {
            self.tell(line, tell);
        }
    }

    /// The screen was looked at.
    pub(super) fn screen(
        &mut self,
        lines: &[String],
        is_alternate: bool,
        is_still: bool,
        tell: &mut impl FnMut(&str),
    ) {
        if !is_alternate && !is_still {
            return;
        }
        let (mut rows, mut texts, mut blanks) = (Vec::new(), Vec::new(), Vec::new());
        let mut is_blank = false;
        for line in lines {
            if line.is_empty() {
                is_blank = true;
                continue;
            }
            rows.push(Row {
                hash: hash(line),
                is_told: is_frame(line),
                has_stood: false,
            });
            texts.push(line.as_str());
            blanks.push(std::mem::take(&mut is_blank));
        }
        let old = if is_alternate {
            &mut self.alternate
        } else {
            &mut self.primary
        };
        for (one, other) in common(old, &rows) {
            if let (Some(old), Some(row)) = (old.get(one), rows.get_mut(other)) {
                row.is_told |= old.is_told;
                row.has_stood = true;
            }
        }
        let mut news = Vec::new();
        for (row, (text, blank)) in rows.iter_mut().zip(texts.into_iter().zip(blanks)) {
            if !row.is_told && (is_still || row.has_stood) {
                row.is_told = true;
                news.push((text, blank));
            }
        }
        for pair in rows.windows(2) {
            if let [one, two] = pair {
                self.pairs.add(one.hash, two.hash);
            }
        }
        *old = rows;
        for (text, blank) in news {
            self.is_blank_due = blank;
            self.tell(text, tell);
        }
    }

    fn tell(&mut self, line: &str, tell: &mut impl FnMut(&str)) {
        if std::mem::take(&mut self.is_blank_due) && self.has_told {
            tell("");
        }
        self.has_told = true;
        tell(line);
    }
}

fn hash(line: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.trim_end().hash(&mut hasher);
    hasher.finish()
}

/// Whether a row is nothing but the frame of a box.
fn is_frame(line: &str) -> bool {
    line.chars()
        .all(|c| c == ' ' || ('\u{2500}'..='\u{259f}').contains(&c))
}

/// The longest common sequence of rows, as pairs of places in both, in order.
fn common(old: &[Row], new: &[Row]) -> Vec<(usize, usize)> {
    let same = |one: &Row, two: &Row| one.hash == two.hash;
    let head = old
        .iter()
        .zip(new)
        .take_while(|(one, two)| same(one, two))
        .count();
    let (old, new) = (
        old.get(head..).unwrap_or_default(),
        new.get(head..).unwrap_or_default(),
    );
    let width = new.len() + 1;
    // How long the sequence is from these places on; the last row and column are zero.
    let mut length = vec![0u16; (old.len() + 1) * width];
    let at = |one: usize, two: usize| one * width + two;
    let read = |length: &[u16], place: usize| length.get(place).copied().unwrap_or(0);
    for (one, old) in old.iter().enumerate().rev() {
        for (two, new) in new.iter().enumerate().rev() {
            let longest = if same(old, new) {
                read(&length, at(one + 1, two + 1)) + 1
            } else {
                read(&length, at(one + 1, two)).max(read(&length, at(one, two + 1)))
            };
            if let Some(place) = length.get_mut(at(one, two)) {
                *place = longest;
            }
        }
    }
    let mut pairs: Vec<(usize, usize)> = (0..head).map(|row| (row, row)).collect();
    let (mut one, mut two) = (0, 0);
    while let (Some(left), Some(right)) = (old.get(one), new.get(two)) {
        if same(left, right) {
            pairs.push((head + one, head + two));
            (one, two) = (one + 1, two + 1);
        } else if read(&length, at(one + 1, two)) >= read(&length, at(one, two + 1)) {
            one += 1;
        } else {
            two += 1;
        }
    }
    pairs
}

/// The last pairs of neighbouring lines.
#[derive(Debug, Default)]
struct Pairs {
    order: VecDeque<u64>,
    counts: HashMap<u64, u32>,
}

impl Pairs {
    /// Whether the pair was not there.
    fn add(&mut self, one: u64, two: u64) -> bool {
        let pair = one.rotate_left(1) ^ two;
        if self.order.len() >= PAIRS
            && let Some(oldest) = self.order.pop_front()
            && let Some(count) = self.counts.get_mut(&oldest)
        {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&oldest);
            }
        }
        self.order.push_back(pair);
        let count = self.counts.entry(pair).or_default();
        *count += 1;
        *count == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Told {
        scribe: Scribe,
        lines: Vec<String>,
    }

    impl Told {
        fn scrolled(&mut self, lines: &[&str], repaints: bool) -> &mut Self {
            let Self {
                scribe,
                lines: told,
            } = self;
            for line in lines {
                scribe.scrolled(line, repaints, &mut |line| told.push(line.to_owned()));
            }
            self
        }

        fn screen(&mut self, lines: &[&str], is_alternate: bool, is_still: bool) -> &mut Self {
            let Self {
                scribe,
                lines: told,
            } = self;
            let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
            scribe.screen(&lines, is_alternate, is_still, &mut |line| {
                told.push(line.to_owned());
            });
            self
        }

        fn take(&mut self) -> String {
            std::mem::take(&mut self.lines).join("|")
        }
    }

    #[test]
    fn a_line_that_was_told_while_it_stood_is_not_told_when_it_leaves() {
        let mut told = Told::default();
        told.screen(&["$ seq 3", "1", "2", "3", "$"], false, true);
        assert_eq!(told.take(), "$ seq 3|1|2|3|$");
        told.scrolled(&["$ seq 3", "1", "2", "3", "$ seq 2", "1", "2"], false);
        assert_eq!(told.take(), "$ seq 2|1|2");
    }

    #[test]
    fn lines_that_are_the_same_are_each_told() {
        let mut told = Told::default();
        told.scrolled(&["y", "y", "y"], false);
        told.screen(&["y", "y"], false, true);
        told.scrolled(&["y", "y", "y"], false);
        assert_eq!(told.take(), "y|y|y|y|y|y");
    }

    #[test]
    fn blank_lines_between_others_become_one() {
        let mut told = Told::default();
        told.scrolled(&["", "", "a", "", "", "b", ""], false);
        told.screen(&["", "c", "", "", "d", ""], false, true);
        assert_eq!(told.take(), "a||b||c||d");
    }

    #[test]
    fn a_row_that_moves_on_the_alternate_screen_is_told_once_and_one_that_spins_never() {
        let mut told = Told::default();
        told.screen(&["> go", "⠋ 1s", "╰────╯"], true, false);
        told.screen(&["> go", "a", "⠙ 2s", "╰────╯"], true, false);
        assert_eq!(told.take(), "> go");
        told.screen(&["a", "b", "⠹ 3s", "╰────╯"], true, false);
        told.screen(&["b", "c", "⠹ 4s", "╰────╯"], true, false);
        assert_eq!(told.take(), "a|b");
        told.screen(&["b", "c", "done", "╰────╯"], true, true);
        assert_eq!(told.take(), "c|done");
    }

    #[test]
    fn a_history_that_is_painted_again_is_told_once() {
        let mut told = Told::default();
        told.scrolled(&["logo", "tips", "> hello", "* hi"], true);
        told.take();
        told.scrolled(&["logo", "tips", "> hello", "* hi", "> more", "* ok"], true);
        assert_eq!(told.take(), "logo|> more|* ok");
        told.scrolled(&["logo", "tips", "> hello", "* hi", "> more", "* ok"], true);
        assert_eq!(told.take(), "logo");
    }

    #[test]
    fn after_a_restart_only_what_is_new_is_told() {
        let mut told = Told::default();
        told.scribe.remember(["0", "1", "2", "", "3"].into_iter());
        told.screen(&["2", "", "3", "4"], false, true);
        assert_eq!(told.take(), "4");
        told.scrolled(&["2", "3", "4", "5"], false);
        assert_eq!(told.take(), "5");
    }
}
