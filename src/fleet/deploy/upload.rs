//! Puts a program on the host, so that it is there whole or not at all.
//!
//! One command does all of it: it writes to a name that nobody else has, in a folder that only the user can enter, holds
//! size and SHA-256 against what we announced, lets the file say its version, and only then renames it. Promise: however it is cut short,
//! there is never anything under the final name that was not checked, and nothing that was there before is changed.

use std::time::Duration;

use super::error::DeployError;
use super::marked::{Nonce, head};
use super::probe::{Probe, Release};
use super::program::Program;
use super::shell::{Limits, Ran, Shell};
use crate::protocol::NEWEST;
use crate::term::sanitize;

/// A link that moves less than a piece in this time is of no use to a dashboard either; the last wait includes the hash of
/// the whole file on a slow host.
const LIMITS: Limits = Limits {
    output: 64 << 10,
    deadline: Duration::from_secs(60),
};

/// What must be free beyond the file itself, in bytes: the agent's log and its sockets need some too.
const SPARE: u64 = 1 << 20;

/// Reads the word for its lines, the version's folder, a random ending, size, SHA-256, what the program has to say, and
/// then the program.
///
/// Files of uploads that died with their host are removed after an hour: no upload waits that long. The version before
/// stays, because an agent of it may be running and tmux calls it by its path.
pub const UPLOAD: &str = "exec sh -c '\
    umask 077; set -C; LC_ALL=C; export LC_ALL; \
    IFS= read -r n; IFS= read -r v; IFS= read -r x; IFS= read -r z; IFS= read -r h; IFS= read -r w; \
    c=$HOME/.local/share/cm; b=$c/agent; d=$b/$v; p=$d/cm-agent; t=; \
    clean() { \
        [ -z \"$t\" ] || rm -f \"$t\"; \
        rmdir \"$d\" \"$b\" \"$c\"; \
    } 2>/dev/null; \
    fail() { \
        trap - 0; clean; \
        printf \"\\n%s %s %s\\n\" \"$n\" \"$1\" \"$(printf \"%s\" \"$2\" | head -n 1 | head -c 300)\"; \
        exit 1; \
    }; \
    trap clean 0; trap \"exit 1\" 1 2 13 15; \
    has() { command -v \"$1\" >/dev/null 2>&1; }; \
    if has sha256sum; then s=sha256sum; \
    elif has shasum; then s=\"shasum -a 256\"; \
    elif has openssl; then s=\"openssl dgst -sha256\"; \
    else fail sum-tool; fi; \
    e=$(mkdir -p \"$d\" 2>&1) || fail write \"$e\"; \
    for f in \"$c\" \"$b\" \"$d\"; do \
        [ -h \"$f\" ] && fail folder \"$f\"; \
        [ -O \"$f\" ] || fail folder \"$f\"; \
        case $(ls -ld \"$f\") in drwx------*) ;; *) fail folder \"$f\";; esac; \
    done; \
    [ -d \"$p\" ] && fail folder \"$p\"; \
    find \"$b\" -name \"cm-agent.part.*\" -mmin +60 -exec rm -f {} + 2>/dev/null; \
    t=$d/cm-agent.part.$x; \
    e=$({ cat >\"$t\"; } 2>&1) || fail write \"$e\"; \
    a=$(wc -c <\"$t\"); a=$((a)); \
    [ \"$a\" = \"$z\" ] || fail size \"$a\"; \
    case $($s <\"$t\") in *\"$h\"*) ;; *) fail changed;; esac; \
    e=$(chmod 0700 \"$t\" 2>&1) || fail write \"$e\"; \
    e=$({ \"$t\" --version </dev/null; } 2>&1 | head -c 300 | head -n 1); \
    [ \"$e\" = \"$w\" ] || fail run \"$e\"; \
    e=$(mv -f \"$t\" \"$p\" 2>&1) || fail write \"$e\"; \
    t=; k=0; \
    ls -t \"$b\" | while IFS= read -r o; do case $o in \
        \"$v\") ;; \
        [0-9]*-*-????????????) k=$((k+1)); [ $k -gt 1 ] && rm -rf \"$b/$o\";; \
    esac; done; \
    printf \"\\n%s done %s\\n\" \"$n\" \"$p\"'";

/// `PROTOCOL-VERSION-HASH`
fn folder(program: &Program) -> String {
    let hash: String = program.sha256.chars().take(12).collect();
    format!("{NEWEST}-{}-{hash}", env!("CARGO_PKG_VERSION"))
}

/// Where the program goes.
pub fn path(probe: &Probe, program: &Program) -> String {
    format!(
        "{}/.local/share/cm/agent/{}/cm-agent",
        probe.home,
        folder(program)
    )
}

/// What can be known to fail before anybody is asked.
///
/// # Errors
/// When the host has no room, or nothing to check the upload with.
pub fn check(host: &str, probe: &Probe, program: &Program) -> Result<(), DeployError> {
    let host = host.to_owned();
    let needed = program.bytes.len() as u64 + SPARE;
    match probe.free {
        _ if !probe.has_sum => Err(DeployError::NoSumTool { host }),
        Some(free) if free < needed => Err(DeployError::NoRoom {
            host,
            detail: format!(
                "{} MiB are free, {} are needed",
                free >> 20,
                (needed >> 20) + 1
            ),
        }),
        _ => Ok(()),
    }
}

/// Uploads, checks and names the program; returns its path on the host. May be cancelled at any time.
///
/// # Errors
/// Whatever kept it from being there, checked; nothing of it is then left.
pub async fn upload(
    shell: &impl Shell,
    host: &str,
    program: &Program,
) -> Result<String, DeployError> {
    let nonce = Nonce::random().map_err(DeployError::Random)?;
    let ending = Nonce::random().map_err(DeployError::Random)?;
    let values = [
        nonce.as_str(),
        &folder(program),
        ending.as_str(),
        &program.bytes.len().to_string(),
        &program.sha256,
        &Release::ours().line(),
    ];
    let mut stdin = head(&values).map_err(|why| DeployError::Setting {
        host: host.to_owned(),
        why,
    })?;
    stdin.extend_from_slice(&program.bytes);
    let ran = shell.run(UPLOAD, stdin, LIMITS).await?;
    read(&nonce, host, &ran, program.bytes.len())
}

fn read(nonce: &Nonce, host: &str, ran: &Ran, bytes: usize) -> Result<String, DeployError> {
    let Some((word, detail)) = nonce.lines(&ran.stdout).last() else {
        return Err(DeployError::no_answer(host, ran));
    };
    let host = host.to_owned();
    let label = sanitize::label(&detail, 160);
    Err(match word.as_str() {
        "done" => return Ok(detail),
        "sum-tool" => DeployError::NoSumTool { host },
        "folder" => DeployError::UnsafeFolder {
            host,
            folder: label,
        },
        "size" => DeployError::Truncated {
            host,
            arrived: label,
            bytes,
        },
        "changed" => DeployError::Changed { host },
        "run" => DeployError::DoesNotRun {
            host,
            words: if label.is_empty() {
                "it says nothing".to_owned()
            } else {
                label
            },
        },
        _ if ["No space left", "quota exceeded"]
            .iter()
            .any(|words| label.contains(words)) =>
        {
            DeployError::NoRoom {
                host,
                detail: label,
            }
        }
        _ => DeployError::NotWritten {
            host,
            detail: label,
        },
    })
}
