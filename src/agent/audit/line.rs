//! What a line of the record is: an entry in an envelope that shows any change.
//!
//! ```text
//! {"seq":12,"len":34,"crc":"1c291ca3","hash":"…64 digits…","record":{…34 bytes of ASCII…}}
//! ```
//!
//! `crc` is the CRC-32 of the entry's bytes; `hash` is BLAKE3 over the hash of the line before (32 zeros for the first), `seq`
//! as 8 bytes (little endian) and the entry's bytes. The envelope has one spelling only, so that not even a space can be
//! changed unseen. Everything but printable ASCII is written `\uXXXX`: whatever a tool or a model wrote, it is one line, and
//! showing it does nothing to a terminal.

use std::fmt::Write as _;

/// The longest line, in bytes: a subject as long as a message may carry, all of it escaped, twice.
pub(super) const MAX_LINE: usize = 4 << 20;

pub(super) type Hash = [u8; 32];

/// The end of a chain: the number and hash of its last line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) seq: u64,
    pub(super) hash: Hash,
}

impl Link {
    /// The line that follows, with its line break, and the link that it makes.
    pub(super) fn next(&self, Text(entry): &Text) -> (String, Self) {
        let seq = self.seq.saturating_add(1);
        let hash = chain(&self.hash, seq, entry.as_bytes());
        let (len, crc, hex) = (
            entry.len(),
            crc32fast::hash(entry.as_bytes()),
            to_hex(&hash),
        );
        let line = format!(
            "{{\"seq\":{seq},\"len\":{len},\"crc\":\"{crc:08x}\",\"hash\":\"{hex}\",\"record\":{entry}}}\n"
        );
        (line, Self { seq, hash })
    }
}

/// An entry as it stands in a line: JSON with nothing but printable ASCII in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn of(json: &str) -> Self {
        Self(printable(json))
    }

    /// In bytes, as everywhere.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A line that has the form of one; nothing in it is believed yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) seq: u64,
    pub(super) hash: Hash,
    crc: u32,
    pub(super) entry: &'a [u8],
}

impl<'a> Line<'a> {
    /// Takes a line, without its line break, apart. `None` when it has not exactly the form.
    pub(super) fn read(line: &'a [u8]) -> Option<Self> {
        let (seq, rest) = number(line.strip_prefix(b"{\"seq\":")?)?;
        let (len, rest) = number(rest.strip_prefix(b",\"len\":")?)?;
        let (crc, rest) = rest
            .strip_prefix(b",\"crc\":\"")?
            .split_first_chunk::<8>()?;
        let (hash, rest) = rest
            .strip_prefix(b"\",\"hash\":\"")?
            .split_first_chunk::<64>()?;
        let entry = rest.strip_prefix(b"\",\"record\":")?.strip_suffix(b"}")?;
        if usize::try_from(len).ok()? != entry.len() {
            return None;
        }
        let crc = from_hex::<4>(crc)?;
        Some(Self {
            seq,
            hash: from_hex::<32>(hash)?,
            crc: u32::from_be_bytes(crc),
            entry,
        })
    }

    /// Whether the entry is as it was written, as far as its checksum tells.
    pub(super) fn is_whole(&self) -> bool {
        crc32fast::hash(self.entry) == self.crc
    }

    /// The hash that a line with this entry has at this place.
    pub(super) fn hash_at(&self, before: &Hash, seq: u64) -> Hash {
        chain(before, seq, self.entry)
    }
}

fn chain(before: &Hash, seq: u64, entry: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before);
    hasher.update(&seq.to_le_bytes());
    hasher.update(entry);
    *hasher.finalize().as_bytes()
}

/// Makes JSON printable ASCII; it means the same. It has to be on one line: outside of strings JSON then has nothing else.
pub fn printable(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    let mut units = [0; 2];
    for c in json.chars() {
        if matches!(c, ' '..='~') {
            plain.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut units) {
            // Writing into a text cannot fail.
            let _never = write!(plain, "\\u{unit:04x}");
        }
    }
    plain
}

/// A number in its one spelling, and what follows it.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = text.split_at_checked(end)?;
    let digits = std::str::from_utf8(digits).ok()?;
    let value: u64 = digits.parse().ok()?;
    (digits == "0" || !digits.starts_with('0')).then_some((value, rest))
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _never = write!(hex, "{byte:02x}");
    }
    hex
}

/// Lower case only: a hash has one spelling.
pub(super) fn from_hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_has_one_spelling() {
        let (line, after) = Link::default().next(&Text::of("{\"é\":\"\\u001b[31m\u{7f}😀\"}"));
        let shown = line.replace(&to_hex(&after.hash), "HASH");
        insta::assert_snapshot!(shown, @r#"{"seq":1,"len":41,"crc":"bba615be","hash":"HASH","record":{"\u00e9":"\u001b[31m\u007f\ud83d\ude00"}}"#);
        let read = Line::read(line.trim_end().as_bytes()).unwrap();
        assert_eq!((read.seq, read.hash), (after.seq, after.hash));
        assert!(read.is_whole());
        for other in [
            line.replace("\"seq\":1", "\"seq\":01"),
            line.replace("{\"seq\"", "{ \"seq\""),
            line.replace("\"len\":41", "\"len\":40"),
            line.replace("bba615be", &"bba615be".to_uppercase()),
        ] {
            assert!(Line::read(other.trim_end().as_bytes()).is_none(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_one_harmless_line_that_reads_back(text in "\\PC*|.*|[\\x00-\\x1f\u{80}-\u{9f}\u{2028}\u{202e}]*") {
            let json = serde_json::to_string(&text).unwrap();
            let (line, _) = Link::default().next(&Text::of(&json));
            let line = line.strip_suffix('\n').unwrap();
            prop_assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            let read = Line::read(line.as_bytes()).unwrap();
            let back: String = serde_json::from_slice(read.entry).unwrap();
            prop_assert_eq!(back, text);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _read = Line::read(&bytes);
        }
    }
}
