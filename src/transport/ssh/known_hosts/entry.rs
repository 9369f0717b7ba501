//! One line of a `known_hosts` file: marker, names, key.
//!
//! Promise: what OpenSSH skips is skipped, what it reads is read the same way, byte by byte. The one exception is on the
//! safe side: OpenSSH overlooks an `@revoked` that only a tab divides from the names; here it revokes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use russh::keys::ssh_key::PublicKey;
use russh::keys::ssh_key::public::KeyData;

use super::key::key_type;
use super::{hashed, pattern};

/// RSA keys below this size, in bits, are damaged lines for OpenSSH: they can be broken.
const SHORTEST_RSA: u32 = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    None,
    /// The key signs certificates of these hosts.
    Authority,
    /// The key is never believed.
    Revoked,
}

/// A line that may be for a host: its key is not looked at yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub marker: Marker,
    names: &'a [u8],
    rest: &'a [u8],
}

/// The key of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub key: KeyData,
    /// The line holds a certificate where a key is expected: its key can be revoked, it is never believed.
    pub is_certificate: bool,
}

impl<'a> Line<'a> {
    /// Divides a line, without its end. `None` for empty lines, comments, and what has no names or a wrong marker.
    pub(super) fn read(line: &'a [u8]) -> Option<Self> {
        // OpenSSH works on C strings.
        let line = line.split(|byte| *byte == 0).next()?;
        let line = skip_blanks(line);
        if line.is_empty() || line.starts_with(b"#") {
            return None;
        }
        let (marker, line) = read_marker(line)?;
        let (names, rest) = take_word(line);
        Some(Self {
            marker,
            names,
            rest,
        })
    }

    pub(super) fn is_for(&self, name: &str) -> bool {
        if hashed::is_hashed(self.names) {
            hashed::is_name(self.names, name)
        } else {
            pattern::is_listed(self.names, name)
        }
    }

    /// The key. `None` when it is damaged or of a type that nobody knows.
    pub(super) fn key(&self) -> Option<Known> {
        let (algorithm, rest) = take_word(self.rest);
        let algorithm = str::from_utf8(algorithm).ok()?;
        let (encoded, _comment) = take_word(rest);
        // Other white space may stand inside, such as the carriage return of a line without a comment.
        let encoded: Vec<u8> = encoded
            .iter()
            .copied()
            .filter(|byte| !matches!(byte, b'\r' | 0x0b | 0x0c))
            .collect();
        let key = PublicKey::from_bytes(&STANDARD.decode(encoded).ok()?).ok()?;
        let key = key.key_data().clone();
        let known = match key {
            KeyData::Certificate(certificate) => Known {
                key: certificate.public_key().clone(),
                is_certificate: true,
            },
            key => Known {
                key,
                is_certificate: false,
            },
        };
        let is_sound = match &known.key {
            KeyData::Other(_) => false,
            KeyData::Rsa(rsa) => rsa.key_size() >= SHORTEST_RSA,
            _ => true,
        };
        let is_as_said = key_type(algorithm) == known.key.algorithm().as_str()
            && super::key::is_certificate(algorithm) == known.is_certificate;
        (is_sound && is_as_said).then_some(known)
    }
}

/// The marker at the start of a line and what follows it; `None` for a wrong one.
fn read_marker(line: &[u8]) -> Option<(Marker, &[u8])> {
    if !line.starts_with(b"@") {
        return Some((Marker::None, line));
    }
    // As OpenSSH: up to the first space of the line, or the first tab of a line without a space.
    let end = line
        .iter()
        .position(|byte| *byte == b' ')
        .or_else(|| line.iter().position(|byte| *byte == b'\t'))?;
    let (marker, rest) = match line.split_at(end) {
        (b"@cert-authority", rest) => (Marker::Authority, rest),
        (b"@revoked", rest) => (Marker::Revoked, rest),
        _ => (Marker::Revoked, line.strip_prefix(b"@revoked\t")?),
    };
    let rest = skip_blanks(rest);
    // One marker is all that a line may have.
    (!rest.starts_with(b"@")).then_some((marker, rest))
}

/// The bytes up to the next blank, and what follows the blanks.
fn take_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|byte| is_blank(*byte))
        .unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, skip_blanks(rest))
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| is_blank(**byte)).count();
    &text[blanks..]
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN842KNhd7h+fw1NGX6/gBZDg7FI9vpSW8eoOAHiXH5a";

    fn read(line: &str) -> Option<(Marker, bool)> {
        let line = line.replace("KEY", KEY);
        let read = Line::read(line.as_bytes())?;
        (read.is_for("gpu") && read.key().is_some()).then_some((read.marker, true))
    }

    #[rstest]
    #[case("gpu KEY", Some(Marker::None))]
    #[case("  \tgpu\t KEY  a comment", Some(Marker::None))]
    #[case("gpu KEY\r", Some(Marker::None))]
    #[case("gpu KEY me@here\r", Some(Marker::None))]
    #[case("@revoked gpu KEY", Some(Marker::Revoked))]
    #[case("@revoked\tgpu KEY", Some(Marker::Revoked))]
    #[case("@revoked \t gpu KEY", Some(Marker::Revoked))]
    #[case("@cert-authority gpu KEY", Some(Marker::Authority))]
    #[case("@cert-authority\tgpu KEY", None)]
    #[case("@revoked @revoked gpu KEY", None)]
    #[case("@Revoked gpu KEY", None)]
    #[case("@other gpu KEY", None)]
    #[case("@revoked", None)]
    #[case("@ gpu KEY", None)]
    #[case("#gpu KEY", None)]
    #[case("", None)]
    #[case(" \t", None)]
    #[case("\r", None)]
    #[case("gpu", None)]
    #[case("gpu ssh-ed25519", None)]
    #[case("gpu # KEY", None)]
    #[case("gpu ssh-ed25519 AAAA", None)]
    #[case("gpu ssh-ed25519 ????", None)]
    #[case("gpu 1024 35 123456", None)]
    #[case("gpu \0KEY", None)]
    fn a_line_is_read_as_openssh_reads_it(#[case] line: &str, #[case] marker: Option<Marker>) {
        assert_eq!(read(line).map(|(marker, _)| marker), marker);
    }

    #[test]
    fn a_key_under_another_types_name_is_damaged() {
        assert_eq!(
            read(&format!("gpu {}", KEY.replace("ed25519", "rsa"))),
            None
        );
    }
}
