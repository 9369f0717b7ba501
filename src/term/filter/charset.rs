//! The character sets a program can switch to: ASCII and DEC line drawing, as tmux knows them.

/// The two designated sets and which of them is in use; what `ESC ( 0`, `ESC ) 0`, SO and SI change.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Charsets {
    pub g0_draws_lines: bool,
    pub g1_draws_lines: bool,
    pub shifted_out: bool,
}

impl Charsets {
    /// Whether ASCII letters now stand for line drawing.
    pub fn draws_lines(self) -> bool {
        if self.shifted_out {
            self.g1_draws_lines
        } else {
            self.g0_draws_lines
        }
    }
}

/// Returns what a character stands for in the line drawing set: tmux's own table, control pictures included.
pub fn line_drawing(c: char) -> char {
    match c {
        '+' => '→',
        ',' => '←',
        '-' => '↑',
        '.' => '↓',
        '0' => '▮',
        '`' => '◆',
        'a' => '▒',
        'b' => '␉',
        'c' => '␌',
        'd' => '␍',
        'e' => '␊',
        'f' => '°',
        'g' => '±',
        'h' => '␤',
        'i' => '␋',
        'j' => '┘',
        'k' => '┐',
        'l' => '┌',
        'm' => '└',
        'n' => '┼',
        'o' => '⎺',
        'p' => '⎻',
        'q' => '─',
        'r' => '⎼',
        's' => '⎽',
        't' => '├',
        'u' => '┤',
        'v' => '┴',
        'w' => '┬',
        'x' => '│',
        'y' => '≤',
        'z' => '≥',
        '{' => 'π',
        '|' => '≠',
        '}' => '£',
        '~' => '·',
        other => other,
    }
}
