//! What russh says when something fails, as one line for the row of the host and a hint.

use std::io;

use russh::AlgorithmKind;

use super::{SshError, SshErrorKind};
use crate::term::sanitize;

/// The longest text of a host that goes into a line, in columns.
const MOST_WORDS: usize = 160;

pub(super) fn lost(name: &str, why: &str) -> SshError {
    SshError::new(SshErrorKind::Lost, before_why(name) + why, "")
}

fn before_why(name: &str) -> String {
    format!("connection to “{name}” lost: ")
}

/// Why a connection was lost, for a line that says the rest in another way.
pub(super) fn why_lost(name: &str, error: &SshError) -> String {
    let message = error.message.as_str();
    let why = message.strip_prefix(&before_why(name));
    why.unwrap_or(message).to_owned()
}

/// Ended by ourselves.
pub(super) fn closed(name: &str) -> SshError {
    lost(name, "closed on our side")
}

/// The host said goodbye, maybe with a reason.
pub(super) fn hung_up(name: &str, words: &str) -> SshError {
    let words = sanitize::label(words, MOST_WORDS);
    if words.trim().is_empty() {
        return lost(name, "the host closed it");
    }
    lost(name, &format!("the host closed it, saying “{words}”"))
}

/// A living connection broke.
pub(super) fn broken(name: &str, error: &russh::Error) -> SshError {
    use russh::Error;
    match error {
        Error::KeepaliveTimeout => lost(name, "no answer any more"),
        Error::NoAuthMethod => SshError::new(
            SshErrorKind::Authentication,
            before_why(name) + "the host takes no further way to log in",
            "",
        ),
        Error::IO(error) => lost(name, io_words(error)),
        Error::HUP | Error::Disconnect => lost(name, "the host closed it"),
        error => lost(name, &sanitize::label(&error.to_string(), MOST_WORDS)),
    }
}

fn io_words(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::TimedOut => "no answer any more",
        io::ErrorKind::UnexpectedEof => "the host closed it",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "the host reset it",
        io::ErrorKind::ConnectionAborted => "closed on our side",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "no way to it",
        _ => "the network failed",
    }
}

/// The connection could not be set up. `said` is what a command on the way had to say; may be empty.
pub(super) fn not_connected(name: &str, error: &russh::Error, said: &str) -> SshError {
    use russh::Error;
    let (kind, why, hint) = match error {
        Error::Version => (
            SshErrorKind::Unreachable,
            "what answers is not an SSH server".to_owned(),
            "is the port right?".to_owned(),
        ),
        Error::NoCommonAlgo { kind, theirs, .. } => {
            let (what, keyword) = match kind {
                AlgorithmKind::Kex => ("key exchange", "KexAlgorithms"),
                AlgorithmKind::Key => ("host key type", "HostKeyAlgorithms"),
                AlgorithmKind::Cipher => ("cipher", "Ciphers"),
                AlgorithmKind::Compression => ("compression", "Compression"),
                AlgorithmKind::Mac => ("MAC", "MACs"),
            };
            let theirs = sanitize::label(&theirs.join(", "), MOST_WORDS);
            (
                SshErrorKind::Settings,
                format!("no common {what}; it offers {theirs}"),
                format!(
                    "allow one of them with {keyword} in ~/.ssh/config, or use transport = \"openssh\""
                ),
            )
        }
        Error::Disconnect | Error::HUP => hung_up_early(),
        Error::IO(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe => hung_up_early(),
            _ => (
                SshErrorKind::Unreachable,
                io_words(error).to_owned(),
                String::new(),
            ),
        },
        error => (
            SshErrorKind::Unreachable,
            sanitize::label(&error.to_string(), MOST_WORDS),
            format!("try: ssh {name}"),
        ),
    };
    let said = sanitize::label(said.trim(), MOST_WORDS);
    let why = if said.is_empty() {
        why
    } else {
        format!("{why} (“{said}”)")
    };
    SshError::new(kind, format!("cannot connect to “{name}”: {why}"), hint)
}

fn hung_up_early() -> (SshErrorKind, String, String) {
    (
        SshErrorKind::Unreachable,
        "the host hung up before the login".to_owned(),
        "it may have too many logins at once (MaxStartups), or refuse this address".to_owned(),
    )
}

/// What answers speaks, but not SSH.
pub(super) fn stranger(name: &str, first_line: &str) -> SshError {
    let first_line = sanitize::label(first_line.trim(), 60);
    SshError::new(
        SshErrorKind::Unreachable,
        format!("cannot connect to “{name}”: what answers is not an SSH server (“{first_line}”)"),
        "is the port right?",
    )
}

/// A jump host does not carry us on.
pub(super) fn not_carried(name: &str, jump: &str, error: &SshError) -> SshError {
    SshError::new(
        SshErrorKind::Unreachable,
        format!(
            "cannot reach host “{name}” through “{jump}”: {}",
            error.message
        ),
        error.hint.clone(),
    )
}

/// Nothing came in time, between the first byte and the login.
pub(super) fn silent(name: &str) -> SshError {
    SshError::new(
        SshErrorKind::Unreachable,
        format!("cannot connect to “{name}”: no answer in time"),
        "is an SSH server behind that port?",
    )
}

pub(super) fn refused(name: &str, what: &str, why: &str, hint: &str) -> SshError {
    SshError::new(
        SshErrorKind::Refused,
        format!("host “{name}” does not {what}: {why}"),
        hint,
    )
}
