//! The person's terminal as another program sees it: an independent reading of everything that reached it.
//!
//! It keeps every mode that a program can leave behind, and a list of what must never arrive.

use std::collections::BTreeMap;

use vte::{Params, Parser, Perform};

#[derive(Default)]
pub struct Outer {
    parser: Parser,
    pub seen: Seen,
}

impl Outer {
    pub fn feed(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.seen, bytes);
    }

    /// Whether everything is as in a terminal that nobody has touched.
    pub fn assert_clean(&self) {
        let seen = &self.seen;
        let left: Vec<(u16, bool)> = seen
            .private
            .iter()
            .filter(|(number, on)| **on != is_on_at_rest(**number))
            .map(|(number, on)| (*number, *on))
            .collect();
        assert_eq!(left, [], "modes were left");
        assert!(!seen.is_alternate, "the alternate screen was left on");
        assert_eq!(seen.keys, [(vec![], 0), (vec![], 0)], "keyboard flags");
        let titles = if seen.are_titles_forgiven {
            0
        } else {
            seen.titles
        };
        let rest = (seen.shape, seen.other_keys, titles);
        assert_eq!(rest, (0, 0, 0), "shape, other keys, kept titles");
        let odd = [
            seen.pen,
            seen.charset,
            seen.insert,
            seen.keypad,
            seen.region[0],
        ];
        assert_eq!(odd, [false; 5], "pen, charset, insert, keypad, region");
    }
}

fn is_on_at_rest(number: u16) -> bool {
    matches!(number, 7 | 25)
}

#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a terminal's modes are independent switches"
)]
pub struct Seen {
    pub text: String,
    /// What must not pass, as it was read.
    pub forbidden: Vec<String>,
    pub title: String,
    private: BTreeMap<u16, bool>,
    pub is_alternate: bool,
    /// Pushed flags and those under them, on the main and on the alternate screen.
    keys: [(Vec<u16>, u16); 2],
    shape: u16,
    other_keys: u16,
    titles: i32,
    are_titles_forgiven: bool,
    pen: bool,
    charset: bool,
    insert: bool,
    keypad: bool,
    region: [bool; 2],
}

impl Seen {
    pub fn has(&self, mode: u16) -> bool {
        self.private
            .get(&mode)
            .copied()
            .unwrap_or(is_on_at_rest(mode))
    }

    fn forbid(&mut self, what: String) {
        self.forbidden.push(what);
    }

    fn private(&mut self, numbers: &[u16], on: bool) {
        const FINE: &[u16] = &[
            1, 5, 6, 7, 9, 12, 25, 66, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004, 2026,
            47, 1047, 1048, 1049,
        ];
        for number in numbers {
            // What leaving switches off is not switched on.
            if on && !FINE.contains(number) {
                self.forbid(format!("mode {number}"));
            }
            match number {
                47 | 1047 | 1049 => self.is_alternate = on,
                1048 => {}
                _ => {
                    if matches!(number, 9 | 1000 | 1002 | 1003) {
                        for other in [9, 1000, 1002, 1003] {
                            self.private.remove(&other);
                        }
                    }
                    self.private.insert(*number, on);
                }
            }
        }
    }

    fn kitty(&mut self, mark: u8, numbers: &[u16]) {
        let (stack, base) = &mut self.keys[usize::from(self.is_alternate)];
        let first = numbers.first().copied();
        match mark {
            b'>' => stack.push(first.unwrap_or(0)),
            b'<' => {
                for _ in 0..first.unwrap_or(1).max(1) {
                    if stack.pop().is_none() {
                        *base = 0;
                    }
                }
            }
            _ => {
                let current = stack.last_mut().unwrap_or(base);
                match numbers.get(1) {
                    Some(2) => *current |= first.unwrap_or(0),
                    Some(3) => *current &= !first.unwrap_or(0),
                    _ => *current = first.unwrap_or(0),
                }
            }
        }
    }
}

impl Perform for Seen {
    fn print(&mut self, c: char) {
        if c.is_control() {
            self.forbid(format!("{c:?}"));
        }
        self.text.push(c);
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            0x0e => self.charset = true,
            0x0f => self.charset = false,
            // The cancel that leaving begins with.
            0x07..=0x0d | 0x18 => {}
            _ => self.forbid(format!("control {byte:#x}")),
        }
    }

    fn hook(&mut self, _: &Params, _: &[u8], _: bool, action: char) {
        self.forbid(format!("device control string {action}"));
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], _: bool) {
        match params {
            [b"2", title @ ..] => self.title = String::from_utf8(title.join(&b';')).unwrap(),
            // The end of a link.
            [b"8", b"", b""] => {}
            other => self.forbid(format!(
                "osc {:?}",
                String::from_utf8_lossy(&other.join(&b';'))
            )),
        }
    }

    fn csi_dispatch(&mut self, params: &Params, marks: &[u8], ignored: bool, action: char) {
        let numbers: Vec<u16> = params.iter().map(|param| param[0]).collect();
        match (marks, action) {
            _ if ignored => self.forbid(format!("odd {marks:?} {action}")),
            ([], 'm') => self.pen = !matches!(numbers[..], [] | [0]),
            ([], 'r') => {
                let is_set = !matches!(numbers[..], [] | [0]);
                self.region[usize::from(self.is_alternate)] = is_set;
            }
            ([], 'J') if numbers.iter().all(|number| *number < 3) => {}
            ([], 'T') if numbers.len() < 2 => {}
            ([], 'h' | 'l') if numbers == [4] => self.insert = action == 'h',
            ([], 's' | 'u') if numbers == [0] => {}
            ([] | [b'>'], 't') => self.forbid(format!("window {numbers:?}")),
            (
                [],
                '@'..='I' | 'K' | 'L' | 'M' | 'P' | 'X' | 'Z' | 'S' | '`' | 'a' | 'b' | 'd'..='f',
            ) => {}
            ([b' '], 'q') => self.shape = numbers[0],
            ([b'>'], 'm') if numbers[0] == 4 => {
                self.other_keys = numbers.get(1).copied().unwrap_or(0);
            }
            ([b'?'], 'h' | 'l') => self.private(&numbers, action == 'h'),
            ([mark @ (b'<' | b'=' | b'>')], 'u') => self.kitty(*mark, &numbers),
            _ => self.forbid(format!("csi {marks:?} {numbers:?} {action}")),
        }
        if marks.is_empty() && action == 't' && matches!(numbers[..], [22 | 23, 2]) {
            self.forbidden.pop();
            self.titles += if numbers[0] == 22 { 1 } else { -1 };
        }
    }

    fn esc_dispatch(&mut self, marks: &[u8], _: bool, byte: u8) {
        match (marks, byte) {
            ([], b'=' | b'>') => self.keypad = byte == b'=',
            ([], b'7' | b'8' | b'D' | b'E' | b'M' | b'\\') => {}
            ([b'(' | b')' | b'*' | b'+'], b'0' | b'A' | b'B') => self.charset = byte != b'B',
            _ => self.forbid(format!("esc {marks:?} {}", byte as char)),
        }
    }
}

impl Seen {
    /// For output that was thrown away: whether the title was kept is not known, and taking one back from an empty stack
    /// does nothing.
    pub fn forgive_titles(&mut self) {
        self.are_titles_forgiven = true;
    }
}
