//! What the stand-in tools draw: the screens of a coding tool as recorded, with the time of drawing in them.
//!
//! A busy frame is what such a tool writes ten times a second: its spinner line, input box and footer again, and a line
//! of its answer; about 0.9 kB.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The size of a busy frame in bytes.
pub const FRAME: usize = 900;
/// What stands before a time that was drawn.
const MARK: &str = "drawn at ";

/// A size in cells.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub cols: u16,
    pub rows: u16,
}

/// The wall clock: the only one that processes share.
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// The time as it is drawn: its microseconds.
pub fn stamp(now: Duration) -> String {
    format!("{MARK}{}", now.as_micros())
}

/// The time that a text shows.
pub fn read_stamp(text: &str) -> Option<Duration> {
    let (_, rest) = text.split_once(MARK)?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    // Half of a number is another number.
    (digits.len() == 16).then(|| digits.parse().ok().map(Duration::from_micros))?
}

/// The whole screen of a tool that waits for its next task.
pub fn idle(size: Size, session: &str) -> String {
    let mut text = String::from("\x1b[?1049h\x1b[2J\x1b[H\x1b]0;✳ Work on the shop\x07\r\n");
    text += " ▐▛███▛█   Claude Code v2.1.329\r\n▝▜██████▀  Opus 5.5 · API Usage Billing\r\n ▝▝   ▝▝   ~/shop\r\n\r\n";
    writeln!(
        text,
        "❯ look at session {session}\r\n\r\n● Done.\r\n\r\n✻ Sautéed for 7s · done 5:27 AM\r"
    )
    .unwrap();
    text + &input_box(size, "⏸ manual mode on · ? for shortcuts") + "\x1b[?25l"
}

/// One redraw of a tool that works. `number` counts frames.
pub fn busy(size: Size, number: usize) -> String {
    let spinner = ['·', '✢', '✳', '✶', '✻', '✽'][number % 6];
    let verb = ["Forging", "Kneading", "Brewing"][number / 50 % 3];
    let mut text = String::from("\x1b[?2026h\x1b[?25l");
    if number.is_multiple_of(10) {
        let title = if number.is_multiple_of(20) {
            '◐'
        } else {
            '◑'
        };
        write!(text, "\x1b]0;{title} Work on the shop\x07").unwrap();
    }
    let (top, seconds, tokens) = (size.rows - 8, number / 10, number / 5 * 3);
    write!(
        text,
        "\x1b[{top};1H\x1b[2K\x1b[38;5;231m●\x1b[39m {}\x1b[K",
        stamp(now())
    )
    .unwrap();
    write!(
        text,
        "\x1b[{};1H\x1b[2K\x1b[38;5;174m{spinner} {verb}…\x1b[38;5;246m ({seconds}s · ↓ {tokens} tokens)\x1b[39m",
        top + 2
    )
    .unwrap();
    let frame = input_box(size, "⏸ manual mode on · esc to interrupt");
    // What the answer has grown by since the last frame fills the rest.
    let rest = FRAME.saturating_sub(text.len() + frame.len() + "\x1b[?2026l".len() + 8);
    let words: String = "and weighing the options before it goes on "
        .chars()
        .cycle()
        .skip(number)
        .take(rest)
        .collect();
    let line: String = words.chars().take(usize::from(size.cols) - 2).collect();
    write!(text, "\x1b[{};1H\x1b[2K{line}", top - 1).unwrap();
    text + &frame + "\x1b[?2026l"
}

/// One permission prompt over the lower part of the screen; `at` is in what is at stake.
pub fn prompt(size: Size, at: Duration) -> String {
    let (rule, dashes) = ("─".repeat(size.cols.into()), "╌".repeat(size.cols.into()));
    let mut text = format!(
        "\x1b[?2026h\x1b[?25l\x1b]0;✳ Work on the shop\x07\x1b[{};1H\x1b[J",
        size.rows - 13
    );
    write!(
        text,
        "{rule}\r\n \x1b[1mBash command\x1b[22m\r\n{dashes}\r\n echo {}\r\n{dashes}\r\n",
        stamp(at)
    )
    .unwrap();
    text += " Do you want to proceed?\r\n ❯ 1. Yes\r\n   2. Yes, and don't ask again for echo\r\n   3. No\r\n\r\n";
    text += " Esc to cancel · Tab to amend";
    write!(text, "\x1b[{};2H\x1b[?2026l", size.rows - 7).unwrap();
    text
}

/// Takes the prompt away again.
pub fn no_prompt(size: Size) -> String {
    format!("\x1b[{};1H\x1b[J", size.rows - 13)
}

fn input_box(size: Size, footer: &str) -> String {
    let rule = "─".repeat(size.cols.into());
    let row = |up: u16| size.rows - up;
    // The lower rule never changes; a tool that compares frames leaves it out.
    format!(
        "\x1b[{};1H\x1b[38;5;244m{rule}\x1b[39m\x1b[{};1H\x1b[2K❯ \x1b[{};1H{}\x1b[{};1H\x1b[2K  {footer}\x1b[{};3H",
        row(4),
        row(3),
        row(2),
        if footer.contains('?') {
            rule.as_str()
        } else {
            ""
        },
        row(1),
        row(3),
    )
}

/// Output without an end that uses most of what a terminal can do: for grids that have to stay equal.
#[derive(Debug)]
pub struct Noise {
    size: Size,
    dice: Dice,
}

impl Noise {
    pub fn new(size: Size, seed: u64) -> Self {
        Self {
            size,
            dice: Dice::new(seed),
        }
    }

    /// The next few hundred bytes.
    pub fn next(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..24 {
            let (a, b) = (
                self.dice.below(u64::from(self.size.rows)) + 1,
                self.dice.below(u64::from(self.size.cols)) + 1,
            );
            let piece = match self.dice.below(16) {
                0 => format!("\x1b[{a};{b}H"),
                1 => format!(
                    "\x1b[{}m",
                    [0, 1, 4, 7, 31, 42, 95][self.dice.below(7) as usize]
                ),
                2 => format!("\x1b[38;5;{b}m"),
                3 => "\x1b[K".to_owned(),
                4 => format!("\x1b[{}A\x1b[{}D", a % 5, b % 9),
                5 => format!("\x1b[{}P\x1b[{}@", a % 4, b % 4),
                6 => "日本 e\u{301} ✓ ".to_owned(),
                7 => format!("\x1b[{}L", a % 3),
                8 => format!("\x1b[{}M", a % 3),
                9 if a > 4 => format!("\x1b[1;{a}r\x1b[{a};1H\n\n\x1b[r"),
                _ => format!("line {b} of some output\r\n"),
            };
            text += &piece;
        }
        text
    }

    /// The last words before a pause: something in every last column, since a capture leaves out what is only coloured
    /// there, and a line that tells when all has arrived.
    pub fn halt(&self, number: usize) -> String {
        let mut text = String::from("\x1b[m\x1b[r\x1b[?6l");
        for row in 1..=self.size.rows {
            write!(text, "\x1b[{row};{}H|", self.size.cols).unwrap();
        }
        write!(
            text,
            "\x1b[{};1H\x1b[2Khalt {number} end\x1b[{};{}H|\x1b[1;1H",
            self.size.rows, self.size.rows, self.size.cols
        )
        .unwrap();
        text
    }
}

/// Numbers that look random and are the same in every run.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number from 0 to `limit` - 1.
    pub fn below(&mut self, limit: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}
