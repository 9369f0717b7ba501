//! Lines of ours in what a login shell prints: each begins with a random word that nothing on the host knew before.
//!
//! A login shell may print anything before, between and after them, with or without line ends. Promise: a line counts
//! only when it stands at the beginning of a line and carries the word, and an answer only when its last line came.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};

/// How many random bytes make a [`Nonce`]: too many to guess, for the life of one command.
const RANDOM: usize = 12;

/// A word for one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// # Errors
    /// When the system has no random bytes.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0; RANDOM];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let mut word = "cm-".to_owned();
        for byte in bytes {
            write!(word, "{byte:02x}").map_err(io::Error::other)?;
        }
        Ok(Self(word))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Our lines in `output`, as keyword and rest.
    pub fn lines<'a>(&'a self, output: &'a [u8]) -> impl Iterator<Item = (String, String)> + 'a {
        output
            .split(|byte| *byte == b'\n')
            .filter_map(|line| line.strip_prefix(self.0.as_bytes())?.strip_prefix(b" "))
            .map(|line| {
                let line = String::from_utf8_lossy(line);
                let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
                (word.to_owned(), rest.to_owned())
            })
    }
    /// The rest of our line `first`, and the bytes between it and our line `last`; a line end before that one is ours.
    pub fn block<'a>(
        &self,
        output: &'a [u8],
        first: &str,
        last: &str,
    ) -> Option<(String, &'a [u8])> {
        let (start, end) = (
            format!("\n{} {first} ", self.0),
            format!("\n{} {last}\n", self.0),
        );
        let find = |bytes: &[u8], what: &str| {
            bytes
                .windows(what.len())
                .position(|window| window == what.as_bytes())
        };
        let rest = output.get(find(output, &start)? + start.len()..)?;
        let line = rest.iter().position(|byte| *byte == b'\n')?;
        // The line end stays, so that an empty block is found as well.
        let (facts, block) = rest.split_at(line);
        let block = block.get(..find(block, &end)?)?;
        Some((
            String::from_utf8_lossy(facts).into_owned(),
            block.get(1..).unwrap_or_default(),
        ))
    }
}

/// The head of a command's input: one line a value.
///
/// # Errors
/// When a value would be more than one line.
pub fn head(values: &[&str]) -> Result<Vec<u8>, String> {
    let mut head = Vec::new();
    for value in values {
        if value.contains(['\n', '\0']) {
            return Err(format!(
                "“{}” is not one line",
                crate::term::sanitize::label(value, 80)
            ));
        }
        head.extend_from_slice(value.as_bytes());
        head.push(b'\n');
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_that_carry_the_word_are_ours() {
        let nonce = Nonce("cm-1".into());
        let output = b"motd cm-1 system Plan9\ncm-1 system Linux\nnoise\ncm-10 system BSD\n cm-1 home /\ncm-1 end\n";
        let lines: Vec<_> = nonce.lines(output).collect();
        assert_eq!(
            lines,
            [
                ("system".into(), "Linux".into()),
                ("end".into(), String::new())
            ]
        );
    }

    #[test]
    fn a_block_is_what_stands_between_two_lines_of_ours() {
        let nonce = Nonce("cm-1".into());
        let block = |text: &'static str| nonce.block(text.as_bytes(), "screen", "end");
        assert_eq!(
            block("hi\ncm-1 screen 80 24\na\n\ncm-1 ended\nb\ncm-1 end\nbye\n"),
            Some(("80 24".into(), &b"a\n\ncm-1 ended\nb"[..]))
        );
        assert_eq!(
            block("\ncm-1 screen 1\ncm-1 end\n"),
            Some(("1".into(), &b""[..]))
        );
        assert_eq!(block("\ncm-1 screen 80 24\na\ncm-1 end"), None);
        assert_eq!(block("cm-1 end\n"), None);
    }

    #[test]
    fn two_words_are_never_the_same() {
        assert_ne!(Nonce::random().unwrap(), Nonce::random().unwrap());
    }

    #[test]
    fn a_value_that_would_be_two_lines_is_refused() {
        assert_eq!(head(&["a", "b c"]).unwrap(), b"a\nb c\n");
        assert_eq!(head(&["a\nb"]).unwrap_err(), "“a b” is not one line");
    }
}
