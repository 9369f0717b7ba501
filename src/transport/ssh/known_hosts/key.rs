//! The key that a host shows: plain, or in a certificate.
//!
//! Keys are compared by what they are; a comment that came along with one never counts.

use russh::keys::PublicKeyOrCertificate;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::ssh_key::{Certificate, HashAlg, PublicKey};

/// How the name of every certificate's algorithm ends.
const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// What the host proved to own in the key exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKey {
    public: KeyData,
    certificate: Option<Box<Certificate>>,
}

impl HostKey {
    /// Reads a `.pub` file's text; `None` when it holds neither a key nor a certificate.
    pub fn from_openssh(text: &str) -> Option<Self> {
        let key = PublicKey::from_openssh(text)
            .map(Self::from)
            .or_else(|_not_plain| Certificate::from_openssh(text).map(Self::from));
        key.ok()
    }

    /// `ssh-ed25519`, `ssh-rsa`, … without a word about a certificate.
    pub fn algorithm(&self) -> String {
        self.public.algorithm().as_str().to_owned()
    }

    /// `SHA256:…` of the key itself, as `ssh-keygen -l` prints it, also for a certificate.
    pub fn fingerprint(&self) -> String {
        self.public.fingerprint(HashAlg::Sha256).to_string()
    }

    /// The line's part after the names: algorithm and key, without a comment. `None` for a key that cannot be written.
    pub(super) fn line(&self) -> Option<String> {
        PublicKey::new(self.public.clone(), "").to_openssh().ok()
    }

    pub(super) fn public(&self) -> &KeyData {
        &self.public
    }

    pub(super) fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_deref()
    }
}

impl From<PublicKey> for HostKey {
    fn from(key: PublicKey) -> Self {
        Self::from(key.key_data().clone())
    }
}

impl From<KeyData> for HostKey {
    fn from(key: KeyData) -> Self {
        match key {
            KeyData::Certificate(certificate) => Self::from(*certificate),
            public => Self {
                public,
                certificate: None,
            },
        }
    }
}

impl From<Certificate> for HostKey {
    fn from(certificate: Certificate) -> Self {
        Self {
            public: certificate.public_key().clone(),
            certificate: Some(Box::new(certificate)),
        }
    }
}

impl From<&PublicKeyOrCertificate> for HostKey {
    fn from(shown: &PublicKeyOrCertificate) -> Self {
        match shown {
            PublicKeyOrCertificate::PublicKey { key, .. } => Self::from(key.clone()),
            PublicKeyOrCertificate::Certificate(certificate) => Self::from(certificate.clone()),
        }
    }
}

/// The type of key that an algorithm's name is about: RSA keys sign in several ways, and certificates hold plain keys.
pub(super) fn key_type(algorithm: &str) -> String {
    let Some(plain) = algorithm.strip_suffix(CERTIFICATE) else {
        return rsa(algorithm).to_owned();
    };
    match rsa(plain) {
        // The two names of security keys keep their ending.
        security if security.starts_with("sk-") => format!("{security}@openssh.com"),
        plain => plain.to_owned(),
    }
}

/// Whether an algorithm's name is about certificates.
pub(super) fn is_certificate(algorithm: &str) -> bool {
    algorithm.ends_with(CERTIFICATE)
}

fn rsa(algorithm: &str) -> &str {
    match algorithm {
        "rsa-sha2-256" | "rsa-sha2-512" => "ssh-rsa",
        other => other,
    }
}
