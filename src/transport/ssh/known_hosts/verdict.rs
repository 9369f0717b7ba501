//! What is to be thought of a key: the only place where one is believed.
//!
//! [`Accepted`] has a private field and lives alone with [`KnownHosts::check`], so that nothing else can make one.

use std::time::SystemTime;

use russh::keys::ssh_key::Certificate;

use super::entry::Marker;
use super::{CertificateFault, Entry, HostKey, KnownHosts, Place, certificate};

/// What is to be thought of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Known(Accepted),
    /// Nothing is known of the host; when a listed authority signed its certificate, what is wrong with that.
    Unknown(Option<CertificateFault>),
    /// Other keys are known of the host: one of them stands here.
    Changed(Place),
    /// The key, or the authority that signed it, is revoked here.
    Revoked(Place),
}

/// Says that a key is believed, and why. Nobody but [`KnownHosts::check`] can make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    place: Option<Place>,
}

impl Accepted {
    /// The line that made the key known; `None` when the human did, for this session only.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }
}

impl KnownHosts {
    /// Judges the key that the host proved to own.
    pub fn check(&self, key: &HostKey, now: SystemTime) -> Verdict {
        if let Some(revoked) = self.entries.iter().find(|entry| entry.revokes(key)) {
            return Verdict::Revoked(revoked.place.clone());
        }
        let accepted = |place: Option<&Place>| {
            Verdict::Known(Accepted {
                place: place.cloned(),
            })
        };
        let mut fault = None;
        if let Some(certificate) = key.certificate()
            && let Some(authority) = self.authority_of(certificate)
        {
            match certificate::check(certificate, self.host.principal(), now) {
                Ok(()) => return accepted(Some(&authority.place)),
                Err(why) => fault = Some(why),
            }
        }
        if let Some(known) = self.named(false).find(|entry| entry.is(key)) {
            return accepted(Some(&known.place));
        }
        if let Some(other) = self.other_than(key) {
            return Verdict::Changed(other.place.clone());
        }
        if let Some(known) = self.named(true).find(|entry| entry.is(key)) {
            return accepted(Some(&known.place));
        }
        if self.pinned.as_ref() == Some(key.public()) {
            return accepted(None);
        }
        Verdict::Unknown(fault)
    }

    /// The line to show for a changed key: of its own type, when there is one.
    fn other_than(&self, key: &HostKey) -> Option<&Entry> {
        let is_same_type = |entry: &&Entry| entry.key.algorithm() == key.public().algorithm();
        self.named(false)
            .find(is_same_type)
            .or_else(|| self.named(false).last())
    }

    /// The line of the authority that signed: one for the name without its port counts when there is no better one.
    fn authority_of(&self, certificate: &Certificate) -> Option<&Entry> {
        self.entries
            .iter()
            .filter(|entry| entry.marker == Marker::Authority)
            .filter(|entry| entry.key == *certificate.signature_key())
            .min_by_key(|entry| entry.is_portless)
    }
}

impl Entry {
    /// Whether this is the line that makes the key known.
    fn is(&self, key: &HostKey) -> bool {
        !self.is_certificate && self.key == *key.public()
    }

    /// Whether the line revokes the key, or the authority that signed it.
    fn revokes(&self, key: &HostKey) -> bool {
        let signer = key.certificate().map(Certificate::signature_key);
        self.marker == Marker::Revoked && (self.key == *key.public() || Some(&self.key) == signer)
    }
}
