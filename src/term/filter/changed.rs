//! Which rows may show another text than before, told from the bytes that were drawn.
//!
//! Reading a screen's text means reading all its cells, 150 kB for a usual pane, while a tool that works changes a few
//! rows ten times a second. Promise: a row whose text has changed is always among them; more rows than that may be.

use unicode_width::UnicodeWidthChar as _;

/// One bit a row: [`Size`](crate::term::Size) allows 500 rows.
const WORDS: usize = 8;

#[derive(Clone, Copy, Debug)]
pub struct ChangedRows([u64; WORDS]);

impl Default for ChangedRows {
    /// All rows: nobody has looked yet.
    fn default() -> Self {
        Self([u64::MAX; WORDS])
    }
}

impl ChangedRows {
    pub const NONE: Self = Self([0; WORDS]);

    pub fn has(&self, row: u16) -> bool {
        self.0
            .get(usize::from(row / 64))
            .is_some_and(|word| word & (1 << (row % 64)) != 0)
    }

    /// How many of the first `rows` rows.
    pub fn count(&self, rows: u16) -> usize {
        (0..rows).filter(|row| self.has(*row)).count()
    }

    fn add(&mut self, row: u16) {
        if let Some(word) = self.0.get_mut(usize::from(row / 64)) {
            *word |= 1 << (row % 64);
        }
    }

    /// Adds the rows that `drawn` changes on a grid with so many columns whose cursor is at (row, column). What may scroll
    /// or wrap changes all: where that ends is the grid's to know.
    pub fn draw(&mut self, drawn: &[u8], cursor: (u16, u16), cols: u16) {
        let is_bounded = std::str::from_utf8(drawn)
            .ok()
            .and_then(|text| self.follow(text, cursor, cols))
            .is_some();
        if !is_bounded {
            *self = Self::default();
        }
    }

    /// `None` when it cannot be followed.
    fn follow(&mut self, drawn: &str, (mut row, mut col): (u16, u16), cols: u16) -> Option<()> {
        let mut rest = drawn.chars();
        self.add(row);
        while let Some(c) = rest.next() {
            match c {
                '\r' => col = 0,
                '\x08' => col = col.saturating_sub(1),
                '\x1b' => match rest.next()? {
                    '=' | '>' => {}
                    '[' => {
                        let (mut numbers, mut at) = ([0_u16; 2], 0);
                        let last = loop {
                            match rest.next()? {
                                c @ '0'..='9' => {
                                    if let Some(number) = numbers.get_mut(at) {
                                        let digit = c as u16 - u16::from(b'0');
                                        *number = number.saturating_mul(10).saturating_add(digit);
                                    }
                                }
                                ';' => at += 1,
                                '?' | ' ' => {}
                                last => break last,
                            }
                        };
                        let [first, second] = numbers.map(|number| number.saturating_sub(1));
                        match last {
                            'm' | 'q' | 'h' | 'l' | 'K' | 'X' | 'P' | '@' => {}
                            'H' => (row, col) = (first, second),
                            'd' => row = first,
                            'G' => col = first,
                            'C' => col = col.saturating_add(first + 1).min(cols - 1),
                            'D' => col = col.saturating_sub(first + 1),
                            _ => return None,
                        }
                        self.add(row);
                    }
                    _ => return None,
                },
                ' '.. => {
                    col = col.saturating_add(c.width().unwrap_or(1) as u16);
                    if col > cols {
                        return None;
                    }
                }
                _ => return None,
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::frame_of_a_tool("\x1b[3;1H\x1b[2K\x1b[38;5;174m✻ Brewing…\x1b[6;1H\x1b[K❯ \x1b[2C─\r─", &[0, 2, 5])]
    #[case::last_column("\x1b[2;15H日本 x", &[0, 1])]
    #[case::wrap("\x1b[2;15H日本 xy", &[])]
    #[case::line_feed("a\r\n", &[])]
    #[case::cleared_screen("\x1b[2J", &[])]
    #[case::moved_lines("\x1b[2;1H\x1b[M", &[])]
    fn only_rows_that_were_drawn_on_have_changed(#[case] drawn: &str, #[case] expected: &[u16]) {
        let mut changed = ChangedRows::NONE;
        changed.draw(drawn.as_bytes(), (0, 0), 20);
        let rows: Vec<u16> = (0..500).filter(|row| changed.has(*row)).collect();
        let all: Vec<u16> = (0..500).collect();
        // What cannot be followed changes all.
        assert_eq!(rows, if expected.is_empty() { &all } else { expected });
    }
}
