//! What the human reads when a host is not trusted.

use std::io;
use std::path::Path;

use super::{HostKey, HostName, Place, Verdict};
use crate::transport::ssh::{SshError, SshErrorKind};

/// Why there is no connection: for a verdict that does not accept, where nobody is to be asked (or nobody may).
/// `None` for a key that is known.
pub fn refusal(host: &HostName, key: &HostKey, verdict: &Verdict) -> Option<SshError> {
    let (message, hint) = match verdict {
        Verdict::Known(_) => return None,
        Verdict::Changed(place) => (
            format!("host key of “{host}” changed: {}", shown(place)),
            format!(
                "it showed {} {}; only if you know that this is right: ssh-keygen -R {} -f {} (there is no way to go on \
                 without that)",
                key.algorithm(),
                key.fingerprint(),
                quoted(host.as_str()),
                quoted(&place.file.to_string_lossy()),
            ),
        ),
        Verdict::Revoked(place) => (
            format!("host key of “{host}” is revoked: {}", shown(place)),
            "the host must get another key, or its authority must; there is no way to connect with this one".into(),
        ),
        Verdict::Unknown(None) => (
            format!("host key of “{host}” is not known, and only known ones are allowed"),
            format!(
                "StrictHostKeyChecking is on: if {} {} is its key, add that to your known_hosts",
                key.algorithm(),
                key.fingerprint()
            ),
        ),
        Verdict::Unknown(Some(fault)) => (
            format!("host certificate of “{host}” does not count: {fault}"),
            "who runs the host must renew it; or add the host's own key to your known_hosts".into(),
        ),
    };
    Some(SshError::new(SshErrorKind::Untrusted, message, hint))
}

/// The human was asked about an unknown key and did not say yes.
pub fn not_accepted(host: &HostName) -> SshError {
    SshError::new(
        SshErrorKind::Untrusted,
        format!("host key of “{host}” was not accepted"),
        "compare the fingerprint with what who runs the host says, then connect again",
    )
}

pub(super) fn too_large(file: &Path) -> SshError {
    SshError::new(
        SshErrorKind::Settings,
        format!(
            "cannot read {}: it is too large for a list of hosts",
            tilde(file)
        ),
        "look at what UserKnownHostsFile and GlobalKnownHostsFile name",
    )
}

pub(super) fn not_added(host: &HostName, file: &Path, why: &io::Error) -> SshError {
    SshError::new(
        SshErrorKind::Settings,
        format!("cannot add the key of “{host}” to {}: {}", tilde(file), why),
        "the host is asked about again next time",
    )
}

fn shown(place: &Place) -> String {
    format!("{}:{}", tilde(&place.file), place.line)
}

/// The path as people write it.
pub(super) fn tilde(file: &Path) -> String {
    let in_home = std::env::home_dir()
        .filter(|home| home.parent().is_some())
        .and_then(|home| Some(file.strip_prefix(home).ok()?.to_owned()));
    match in_home {
        Some(rest) => format!("~/{}", rest.display()),
        None => file.display().to_string(),
    }
}

/// One word for a shell: it is there to be pasted.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
