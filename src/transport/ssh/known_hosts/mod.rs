//! Which keys of a host are believed: `known_hosts` files as OpenSSH reads them.
//!
//! The order of power: a revoked key is refused whatever else is known (also through the authority that signed it); a
//! certificate of a listed authority is believed when it holds for this host now; any line with the very key makes it
//! known; a host of which only other keys are known has changed, whatever their types; else it is unknown. Promise: only
//! [`KnownHosts::check`] makes an [`Accepted`], and it refuses wherever OpenSSH refuses. There is no way to go on with a
//! changed or revoked key.
//!
//! All of it is blocking file work, to be done off the runtime's threads.

mod append;
mod certificate;
mod entry;
mod file;
mod hashed;
mod key;
mod name;
#[cfg(test)]
mod oracle;
mod pattern;
mod refusal;
mod revoked;
#[cfg(test)]
mod tests;
mod verdict;

use std::path::PathBuf;

use russh::keys::ssh_key::public::KeyData;
use tracing::debug;

pub use self::append::remember;
pub use self::certificate::CertificateFault;
pub use self::key::HostKey;
pub use self::name::HostName;
pub use self::refusal::{not_accepted, refusal};
pub use self::verdict::{Accepted, Verdict};

use self::entry::{Line, Marker};
use self::file::ReadError;
use super::SshError;
use super::settings::Trust;

/// What the files say about one host, as they were when they were read.
#[derive(Clone, Debug)]
pub struct KnownHosts {
    host: HostName,
    entries: Vec<Entry>,
    /// What the human accepted for this session only.
    pinned: Option<KeyData>,
    skipped: Vec<Skipped>,
}

/// A file that is there and could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub file: PathBuf,
    pub reason: String,
}

/// A line of a file; the first line is 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: PathBuf,
    pub line: usize,
}

/// A line for this host.
#[derive(Clone, Debug)]
struct Entry {
    marker: Marker,
    key: KeyData,
    /// The line holds a certificate where a key is expected.
    is_certificate: bool,
    /// The line is only for the name without its port.
    is_portless: bool,
    place: Place,
}

impl KnownHosts {
    /// Reads what all files say about `host`. A missing file is an empty one, and damaged lines are skipped; one that
    /// cannot be read is skipped too, as OpenSSH does it: see [`Self::skipped`].
    ///
    /// # Errors
    /// When a file is so large that it cannot be a list of hosts: skipping a part of it could skip a revoked key; and when
    /// the list of revoked keys cannot be read.
    pub fn load(trust: &Trust, host: &HostName) -> Result<Self, SshError> {
        let mut entries = Vec::new();
        let mut skipped = Vec::new();
        for path in trust.user_files.iter().chain(&trust.global_files) {
            let outcome = file::read_lines(path, |line, text| {
                let place = || Place {
                    file: path.clone(),
                    line,
                };
                entries.extend(Entry::read(text, host, place));
            });
            match outcome {
                Ok(()) => {}
                Err(ReadError::Unreadable(reason)) => skipped.push(Skipped {
                    file: path.clone(),
                    reason,
                }),
                Err(ReadError::TooLarge) => return Err(refusal::too_large(path)),
            }
        }
        if let Some(path) = &trust.revoked {
            entries.extend(revoked::read(path)?);
        }
        Ok(Self {
            host: host.clone(),
            entries,
            pinned: None,
            skipped,
        })
    }

    /// The files that could not be read, for a notice.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// Takes the human's word for a key, for as long as this value lives: for when it cannot be written down. It makes
    /// an unknown key known; it mends neither a changed nor a revoked one.
    pub fn pin(&mut self, key: &HostKey) {
        self.pinned = Some(key.public().clone());
    }

    /// Whether an authority is listed for this host, so that its certificates are worth asking for.
    pub fn has_authority(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.marker == Marker::Authority)
    }

    /// Puts first what the host's known keys can sign, so that the host shows one of them: a host of which only another
    /// key is known counts as changed. Keeps the order otherwise, and all of it when its first is a known type.
    pub fn order<A: AsRef<str>>(&self, algorithms: &mut [A]) {
        let types = self.known_types();
        let is_known = |algorithm: &A| {
            let name = algorithm.as_ref();
            types.contains(&key::key_type(name))
                || (key::is_certificate(name) && self.has_authority())
        };
        let is_first_known = algorithms
            .first()
            .is_some_and(|first| types.contains(&key::key_type(first.as_ref())));
        if !is_first_known {
            algorithms.sort_by_key(|algorithm| !is_known(algorithm));
        }
    }

    /// The types of the plain keys, of the name with its port if there are any.
    fn known_types(&self) -> Vec<String> {
        let types = |is_portless| -> Vec<String> {
            self.named(is_portless)
                .filter(|entry| !entry.is_certificate)
                .map(|entry| entry.key.algorithm().as_str().to_owned())
                .collect()
        };
        let own = types(false);
        if own.is_empty() { types(true) } else { own }
    }

    /// The plain lines of the one or the other name.
    fn named(&self, is_portless: bool) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| entry.marker == Marker::None && entry.is_portless == is_portless)
    }
}

impl Entry {
    /// Reads a line, if it is for this host and sound.
    fn read(text: &[u8], host: &HostName, place: impl FnOnce() -> Place) -> Option<Self> {
        let line = Line::read(text)?;
        let is_portless = !line.is_for(host.as_str());
        if is_portless && !host.without_port().is_some_and(|name| line.is_for(name)) {
            return None;
        }
        let place = place();
        let Some(known) = line.key() else {
            debug!(file = %place.file.display(), line = place.line, "skipped a damaged line");
            return None;
        };
        Some(Self {
            marker: line.marker,
            key: known.key,
            is_certificate: known.is_certificate,
            is_portless,
            place,
        })
    }
}
