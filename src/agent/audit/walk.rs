//! One file of the record held against its chain, line by line.
//!
//! Promise: a damaged line costs no more than itself. After each the walk goes on with what the line claims, so that one
//! edit is one finding and everything behind it is still judged.

use std::io::{self, BufRead, Read as _};

use super::line::{Hash, Line, Link, MAX_LINE};
use super::verify::Damage;

/// What is wrong at one place of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// From 1.
    pub(super) line: u64,
    /// Of the line's start, in bytes.
    pub(super) offset: u64,
    pub(super) damage: Damage,
}

/// A file as it was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Walked {
    /// The last line as it calls itself.
    pub(super) link: Link,
    pub(super) lines: u64,
    /// Where the last whole line ends.
    pub(super) end: u64,
    /// How many bytes without a line break follow it.
    pub(super) torn: u64,
    pub(super) found: Vec<Found>,
}

/// Walks through a file that follows `start`; `each` is told every line that is what it was written as, as far as its
/// checksum tells, once.
pub(super) fn walk(
    mut reader: impl BufRead,
    start: Link,
    mut each: impl FnMut(&Line<'_>),
) -> io::Result<Walked> {
    let mut chain = Chain {
        link: start,
        computed: None,
        known: true,
    };
    let mut walked = Walked::default();
    let mut line = Vec::new();
    loop {
        let (len, complete) = next_line(&mut reader, &mut line)?;
        if len == 0 {
            break;
        }
        if !complete {
            walked.torn = len;
            break;
        }
        walked.lines += 1;
        let (damage, counts) = chain.judge(&line);
        if counts && let Some(line) = Line::read(&line) {
            each(&line);
        }
        walked
            .found
            .extend(damage.into_iter().flatten().map(|damage| Found {
                line: walked.lines,
                offset: walked.end,
                damage,
            }));
        walked.end += len;
    }
    walked.link = chain.link;
    Ok(walked)
}

/// Where the chain stands.
struct Chain {
    link: Link,
    /// What the last line's hash should be, when that is something else than what it claims.
    computed: Option<Hash>,
    /// Whether the hash before the next line is known.
    known: bool,
}

impl Chain {
    /// What is wrong with a line, and whether its entry counts.
    fn judge(&mut self, bytes: &[u8]) -> ([Option<Damage>; 2], bool) {
        let expected = self.link.seq.saturating_add(1);
        let Some(line) = Line::read(bytes) else {
            self.link.seq = expected;
            self.known = false;
            return ([Some(Damage::Unreadable), None], false);
        };
        let whole = line.is_whole();
        let edited = (!whole).then_some(Damage::Edited { seq: line.seq });
        let (seq, damage) = if self.known && whole && self.is_followed(&line, expected) {
            let renumbered = (line.seq != expected).then_some(Damage::Renumbered {
                seq: expected,
                found: line.seq,
            });
            (expected, [renumbered, None])
        } else if line.seq < expected {
            return ([Some(Damage::Doubled { seq: line.seq }), edited], false);
        } else if line.seq > expected {
            let missing = Damage::Missing {
                from: expected,
                to: line.seq - 1,
            };
            (line.seq, [Some(missing), edited])
        } else {
            let unlinked = (self.known && whole).then_some(Damage::Unlinked { seq: line.seq });
            (expected, [edited, unlinked])
        };
        let computed = line.hash_at(&self.link.hash, seq);
        self.computed = (self.known && computed != line.hash).then_some(computed);
        self.link = Link {
            seq,
            hash: line.hash,
        };
        self.known = true;
        (damage, whole)
    }

    fn is_followed(&self, line: &Line<'_>, seq: u64) -> bool {
        let candidates = [Some(self.link.hash), self.computed];
        candidates
            .into_iter()
            .flatten()
            .any(|before| line.hash_at(&before, seq) == line.hash)
    }
}

/// Reads up to and with the next line break, keeps the line without it, and returns how many bytes were read and whether
/// there was one. Of a line over the limit only the beginning is kept, which then is no line.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<(u64, bool)> {
    line.clear();
    let limit = MAX_LINE as u64 + 1;
    let mut len = reader.by_ref().take(limit).read_until(b'\n', line)? as u64;
    let mut complete = line.pop_if(|last| *last == b'\n').is_some();
    if !complete && len == limit {
        complete = loop {
            let buffer = reader.fill_buf()?;
            if buffer.is_empty() {
                break false;
            }
            let (passed, found) = match buffer.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (buffer.len(), false),
            };
            reader.consume(passed);
            len += passed as u64;
            if found {
                break true;
            }
        };
    }
    Ok((len, complete))
}
