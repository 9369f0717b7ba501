//! What the grammar of commands accepts is split by every shell on this machine as it says.
//!
//! One shell reads thousands of lines, each a call of a function that prints what it was given.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use cm_tui::domain::command;
use rstest::rstest;

/// How many accepted strings each shell is given; `CM_TUI_COMMANDS` says more.
const ACCEPTED: usize = 20_000;
/// How many of them one shell reads.
const BATCH: usize = 20_000;

/// Names that are functions in the script.
const PROGRAMS: [&str; 6] = ["p", "git", "ls", "cat", "rg", "_x9"];
/// Pieces that mean something to some shell, plain ones, and what only looks like more.
const PIECES: [&str; 62] = [
    "a", "b9", "Z", "0", "-", "--", "-la", "_", ".", "..", "/", "./", "//", ",", ":", "@", "+",
    "=", "%", "==", "a=b", "--x=y", "%1", "'", "'", "'", "\"", "\"", "\"", "''", "\"\"", " ", " ",
    " ", " ", "  ", "\\", "$", "`", "!", "#", "~", "*", "?", "[", "]", "{", "}", "(", ")", "|",
    "&", ";", "<", ">", "^", "\t", "if", "done", "$(", "%s", "\\n",
];

/// A generator that is the same on every run; `xorshift64*`.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(high).unwrap() % sides
    }

    /// A command line: anything goes inside quotes, little outside, so that enough of them are accepted.
    fn line(&mut self) -> String {
        let mut line = PROGRAMS[self.roll(PROGRAMS.len())].to_owned();
        for _ in 0..=self.roll(6) {
            line.push_str([" ", " ", "  "][self.roll(3)]);
            for _ in 0..=self.roll(3) {
                match self.roll(8) {
                    0 => self.quoted('\'', &mut line),
                    1 => self.quoted('"', &mut line),
                    2 => line.push_str(PIECES[self.roll(PIECES.len())]),
                    _ => line.push_str(PIECES[self.roll(23)]),
                }
            }
        }
        line
    }

    fn quoted(&mut self, quote: char, line: &mut String) {
        line.push(quote);
        for _ in 0..self.roll(5) {
            if self.roll(4) == 0 {
                line.push(char::from(u8::try_from(32 + self.roll(95)).unwrap()));
            } else {
                line.push_str(PIECES[self.roll(PIECES.len())]);
            }
        }
        if self.roll(50) > 0 {
            line.push(quote);
        }
    }
}

fn wanted() -> usize {
    std::env::var("CM_TUI_COMMANDS").map_or(ACCEPTED, |count| count.parse().unwrap())
}

/// What the shell printed for each line: the words, then an empty line's worth of separator.
fn split_by(shell: &[&str], script: &Path) -> Vec<u8> {
    let (program, options) = shell.split_first().unwrap();
    let output = Command::new(program)
        .args(options)
        .arg(script)
        .env_clear()
        .env("PATH", "/nonexistent")
        .current_dir(script.parent().unwrap())
        .output()
        .unwrap();
    assert!(
        output.stderr.is_empty(),
        "{shell:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[rstest]
#[case(&["/bin/bash"])]
#[case(&["/bin/bash", "--posix"])]
#[case(&["/bin/dash"])]
#[case(&["/bin/busybox", "sh"])]
#[case(&["/bin/zsh", "-f"])]
fn every_shell_splits_as_the_grammar_says(#[case] shell: &[&str]) {
    // bash comes with every machine that runs the suite; the others are asked where they are.
    if !Path::new(shell[0]).exists() {
        assert_ne!(shell, ["/bin/bash"], "bash is not there");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // Names that a pattern would find.
    for name in ["a", "b9", "Z", "-la"] {
        std::fs::write(dir.path().join(name), "").unwrap();
    }
    let script = dir.path().join("script");
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut left = wanted();
    let mut tried = 0_usize;
    while left > 0 {
        let mut text = String::new();
        for program in PROGRAMS {
            writeln!(
                text,
                "{program}() {{ printf '%s\\0' {program} \"$@\"; printf '\\n\\0'; }}"
            )
            .unwrap();
        }
        let mut expected = Vec::new();
        let mut lines = Vec::new();
        while lines.len() < left.min(BATCH) {
            tried += 1;
            let line = dice.line();
            let Ok(words) = command::words(&line) else {
                continue;
            };
            for word in &words {
                expected.extend_from_slice(word.as_bytes());
                expected.push(0);
            }
            expected.extend_from_slice(b"\n\0");
            writeln!(text, "{line}").unwrap();
            lines.push(line);
        }
        std::fs::write(&script, text).unwrap();
        let found = split_by(shell, &script);
        if found != expected {
            let parts = |bytes: &[u8]| -> Vec<String> {
                let text = String::from_utf8_lossy(bytes).into_owned();
                text.split("\n\0").map(str::to_owned).collect()
            };
            let (found, expected) = (parts(&found), parts(&expected));
            let wrong = found
                .iter()
                .zip(&expected)
                .position(|(one, other)| one != other);
            let at = wrong.unwrap_or(0);
            panic!(
                "{shell:?} reads {:?} as {:?}, not {:?}",
                lines[at], found[at], expected[at]
            );
        }
        left -= lines.len();
    }
    println!("{shell:?}: {} accepted of {tried}", wanted());
}
