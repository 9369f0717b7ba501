//! The way of an `ssh` through jump hosts, as a `ProxyCommand`.
//!
//! `ssh` starts one for each host of a `ProxyJump` as well, but without the options that it was given itself: those ask on
//! our terminal, over the dashboard. Promise: every `ssh` on the way runs in batch mode, and refuses a changed key.

use std::path::Path;

use super::super::ssh::resolve::HostFields;
use super::super::ssh::settings::{Settings, UnknownKeys};

/// The options that each `ssh` gets, on the way and at its end, behind `-o`.
pub(super) fn options(settings: &Settings) -> Vec<String> {
    let mut options = [
        "BatchMode=yes",
        "ForwardAgent=no",
        "ForwardX11=no",
        "PermitLocalCommand=no",
        "Tunnel=no",
        // A connection that others share must not end with us.
        "ControlMaster=no",
        // The lowest at which it says why it ends.
        "LogLevel=INFO",
    ]
    .map(str::to_owned)
    .to_vec();
    options.extend([
        format!("ServerAliveInterval={}", settings.alive_interval.as_secs()),
        format!("ServerAliveCountMax={}", settings.alive_count_max),
        format!("ConnectTimeout={}", settings.connect_timeout.as_secs()),
    ]);
    if settings.trust.unknown == UnknownKeys::Add {
        // “no” would take a changed key as well.
        options.push("StrictHostKeyChecking=accept-new".to_owned());
    }
    options
}

/// The command that goes through these hosts, the first one first; none where there are none.
pub(super) fn command(program: &Path, fields: &HostFields, way: &[Settings]) -> Option<String> {
    let mut before: Option<String> = None;
    for hop in way {
        let mut words = vec![program.to_string_lossy().into_owned()];
        if let Some(file) = &fields.config_file {
            words.extend(["-F".to_owned(), file.to_string_lossy().into_owned()]);
        }
        let mut options = options(hop);
        // The first one is reached in its own way.
        options.extend(before.map(|command| format!("ProxyCommand={command}")));
        for option in options {
            words.extend(["-o".to_owned(), option]);
        }
        let port = hop.port.to_string();
        words.extend(["-l", &hop.user, "-p", &port].map(str::to_owned));
        // Tokens are for whom it is the way to: here the address, and nothing else.
        let mut words: Vec<String> = words.iter().map(|word| word.replace('%', "%%")).collect();
        words.extend(["-W", "[%h]:%p", "--", &hop.name].map(str::to_owned));
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        before = Some(words.join(" "));
    }
    before
}

/// One word for the user's shell, whichever it is: no backslashes, which not all of them read in the same way.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+".contains(c);
    if word.chars().all(is_plain) && !word.is_empty() {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\"'\"'"))
}
