//! What `ssh` says when it fails, as one line for the host's row and what to do about it.

use crate::term::sanitize;
use crate::transport::ssh::resolve::last_words;
use crate::transport::ssh::{SshError, SshErrorKind};

/// The status of an `ssh` that failed itself; any other is the command's.
pub(super) const OWN_FAILURE: u32 = 255;

/// Texts of OpenSSH and what they mean, the most telling first: several may stand in one output.
const MEANINGS: [(&str, SshErrorKind, &str); 19] = [
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        SshErrorKind::Untrusted,
        CHANGED,
    ),
    (
        "REVOKED HOST KEY DETECTED",
        SshErrorKind::Untrusted,
        CHANGED,
    ),
    (
        "Host key verification failed",
        SshErrorKind::Untrusted,
        BY_HAND,
    ),
    (
        "Too many authentication failures",
        SshErrorKind::Authentication,
        BY_HAND,
    ),
    ("Permission denied", SshErrorKind::Authentication, BY_HAND),
    ("Bad configuration option", SshErrorKind::Settings, SETTINGS),
    ("Bad owner or permissions", SshErrorKind::Settings, SETTINGS),
    ("Unable to negotiate", SshErrorKind::Settings, SETTINGS),
    (
        "no argument after keyword",
        SshErrorKind::Settings,
        SETTINGS,
    ),
    ("percent_expand", SshErrorKind::Settings, SETTINGS),
    (
        "Could not resolve hostname",
        SshErrorKind::Unreachable,
        NAME,
    ),
    (
        "Connection refused",
        SshErrorKind::Unreachable,
        "is sshd running there?",
    ),
    ("not responding", SshErrorKind::Lost, BY_HAND),
    (
        "kex_exchange_identification",
        SshErrorKind::Unreachable,
        BY_HAND,
    ),
    ("banner exchange", SshErrorKind::Unreachable, BY_HAND),
    ("closed by remote host", SshErrorKind::Lost, BY_HAND),
    ("client_loop: ", SshErrorKind::Lost, BY_HAND),
    ("Connection reset", SshErrorKind::Unreachable, BY_HAND),
    (
        "timed out",
        SshErrorKind::Unreachable,
        "is the host up, and is there a way to it?",
    ),
];
/// Stands for a hint with the host's name in it.
const BY_HAND: &str = "";
const CHANGED: &str = "find out why before you trust it";
const SETTINGS: &str = "check ~/.ssh/config";
const NAME: &str = "check its name and HostName";

/// Why `ssh` failed, of its error output.
pub(super) fn failure(name: &str, stderr: &str) -> SshError {
    let meaning = MEANINGS.iter().find(|(text, ..)| stderr.contains(text));
    let (kind, advice) = meaning
        .map_or((SshErrorKind::Unreachable, BY_HAND), |&(_, kind, hint)| {
            (kind, hint)
        });
    let told = stderr
        .lines()
        .map(str::trim)
        .find(|line| names_the_key(line));
    let words = match (kind, told) {
        (SshErrorKind::Untrusted, Some(line)) => sanitize::label(line, 200),
        _ => last_words(stderr),
    };
    let hint = match (kind, advice) {
        (SshErrorKind::Unreachable | SshErrorKind::Lost, BY_HAND) => format!("try: ssh {name}"),
        (_, BY_HAND) => format!("log in once by hand: ssh {name}"),
        (_, advice) => advice.to_owned(),
    };
    SshError::new(kind, format!("cannot use “{name}”: {words}"), hint)
}

/// Whether a line says which key is at fault, and where it stands.
fn names_the_key(line: &str) -> bool {
    line.starts_with("Offending ")
        || line.ends_with("is marked as revoked.")
        || line.starts_with("No ") && line.contains(" host key is known for ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "Warning: x\r\nme@gpu: Permission denied (publickey,password).\r\n",
        SshErrorKind::Authentication,
        "cannot use “gpu”: me@gpu: Permission denied (publickey,password).",
        "log in once by hand: ssh gpu"
    )]
    #[case(
        "No ED25519 host key is known for gpu and you have requested strict checking.\r\nHost key verification failed.\r\n",
        SshErrorKind::Untrusted,
        "cannot use “gpu”: No ED25519 host key is known for gpu and you have requested strict checking.",
        "log in once by hand: ssh gpu"
    )]
    #[case(
        "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nOffending ED25519 key in /k:3\r\nHost key verification failed.\r\n",
        SshErrorKind::Untrusted,
        "cannot use “gpu”: Offending ED25519 key in /k:3",
        "find out why before you trust it"
    )]
    #[case(
        "ssh: Could not resolve hostname gpu: Name or service not known\r\n",
        SshErrorKind::Unreachable,
        "cannot use “gpu”: ssh: Could not resolve hostname gpu: Name or service not known",
        "check its name and HostName"
    )]
    #[case(
        "Timeout, server gpu not responding.\r\n",
        SshErrorKind::Lost,
        "cannot use “gpu”: Timeout, server gpu not responding.",
        "try: ssh gpu"
    )]
    #[case(
        "",
        SshErrorKind::Unreachable,
        "cannot use “gpu”: it does not say why",
        "try: ssh gpu"
    )]
    fn what_ssh_says_becomes_one_line_and_a_hint(
        #[case] stderr: &str,
        #[case] kind: SshErrorKind,
        #[case] message: &str,
        #[case] hint: &str,
    ) {
        let error = failure("gpu", stderr);
        assert_eq!(
            (error.kind, error.message.as_str(), error.hint.as_str()),
            (kind, message, hint)
        );
    }
}
