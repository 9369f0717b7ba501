//! Whether a host certificate holds for a host now, once its authority is found to be listed.

use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::ssh_key::{Algorithm, Certificate, HashAlg};
use thiserror::Error;

/// Why a certificate of a listed authority does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CertificateFault {
    #[error("its signature is wrong")]
    Signature,
    #[error("it is signed in a way that is no longer safe")]
    Algorithm,
    #[error("it is not for hosts")]
    NotForHosts,
    #[error("it is not valid yet")]
    NotYetValid,
    #[error("it has expired")]
    Expired,
    #[error("it is for another name")]
    OtherName,
    #[error("it has conditions that are not understood")]
    Conditions,
}

/// Checks all but the authority. `principal` is the host's name without its port; it must be listed as it is, without
/// wildcards, unless the certificate lists nobody: then it is for every host of its authority.
pub(super) fn check(
    certificate: &Certificate,
    principal: &str,
    now: SystemTime,
) -> Result<(), CertificateFault> {
    // A clock before 1970 is wrong: nothing is valid yet then.
    let now = now
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let names = certificate.valid_principals();
    if certificate.cert_type() != CertType::Host {
        Err(CertificateFault::NotForHosts)
    } else if now < certificate.valid_after() {
        Err(CertificateFault::NotYetValid)
    } else if now >= certificate.valid_before() {
        Err(CertificateFault::Expired)
    } else if !names.is_empty() && !names.iter().any(|name| name == principal) {
        Err(CertificateFault::OtherName)
    } else if !certificate.critical_options().is_empty() {
        Err(CertificateFault::Conditions)
    } else if !is_safe(&certificate.signature().algorithm()) {
        Err(CertificateFault::Algorithm)
    } else {
        verify(certificate, now)
    }
}

/// What OpenSSH takes by default as an authority's signature: all but DSA and RSA with SHA-1.
fn is_safe(signed_with: &Algorithm) -> bool {
    matches!(
        signed_with,
        Algorithm::Ed25519
            | Algorithm::Ecdsa { .. }
            | Algorithm::SkEd25519
            | Algorithm::SkEcdsaSha2NistP256
            | Algorithm::Rsa { hash: Some(_) }
    )
}

/// The signature. The library checks it only together with the authority and the time, which hold already.
fn verify(certificate: &Certificate, now: u64) -> Result<(), CertificateFault> {
    let authority = certificate.signature_key().fingerprint(HashAlg::Sha256);
    certificate
        .validate_at(now, [&authority])
        .map_err(|_any| CertificateFault::Signature)
}
