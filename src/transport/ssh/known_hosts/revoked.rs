//! `RevokedHostKeys`: a list of keys that no host may show and no authority may sign with, one public key a line.
//!
//! Promise: a list that cannot be read revokes everything, as in OpenSSH: nobody is believed without it.

use std::path::Path;

use super::entry::Marker;
use super::file::{ReadError, read_lines};
use super::refusal::tilde;
use super::{Entry, HostKey, Place};
use crate::transport::ssh::{SshError, SshErrorKind};

/// The first line of a list in the compact form, which `ssh-keygen -k` writes and only OpenSSH reads.
const COMPACT: &[u8] = b"SSHKRL";

/// The keys of the list. Lines that hold none are skipped, as OpenSSH does it.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>, SshError> {
    let refused = |why: String, hint: &str| {
        let message = format!("the revoked host keys in {} {why}", tilde(path));
        SshError::new(SshErrorKind::Settings, message, hint)
    };
    let unread = |why: String| {
        refused(
            format!("cannot be read: {why}"),
            "check RevokedHostKeys in ~/.ssh/config: without its list no host is believed",
        )
    };
    path.metadata().map_err(|error| unread(error.to_string()))?;
    let (mut entries, mut is_compact) = (Vec::new(), false);
    let read = read_lines(path, |line, text| {
        is_compact |= line == 1 && text == COMPACT;
        let key = str::from_utf8(text)
            .ok()
            .and_then(|text| HostKey::from_openssh(text.trim()));
        entries.extend(key.map(|key| Entry {
            marker: Marker::Revoked,
            key: key.public().clone(),
            is_certificate: false,
            is_portless: false,
            place: Place {
                file: path.to_owned(),
                line,
            },
        }));
    });
    match read {
        // It holds whatever bytes: only its beginning counts.
        _ if is_compact => Err(refused(
            "are in a form that only ssh reads".to_owned(),
            "set transport = \"openssh\" for this host",
        )),
        Ok(()) => Ok(entries),
        Err(ReadError::Unreadable(why)) => Err(unread(why)),
        Err(ReadError::TooLarge) => Err(unread("it is too large for a list of keys".to_owned())),
    }
}
