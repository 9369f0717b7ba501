//! One look at a host: what system it is, which agents are there and what they speak.
//!
//! Everything it says is foreign: it is cleaned before it is shown, and believed only as far as the upload checks it
//! again. Promise: nothing is written on the host, and only files that are called `cm-agent` and lie where one is
//! expected are run, with `--version`.

use std::time::Duration;

use super::error::DeployError;
use super::marked::{Nonce, head};
use super::shell::{Limits, Ran, Shell};
use crate::protocol::{NEWEST, OLDEST};
use crate::term::sanitize;

/// A login shell with an environment manager on a busy host with a home on the network has been seen to take ten
/// seconds; a person who waits longer looks for the cause.
const LIMITS: Limits = Limits {
    output: 64 << 10,
    deadline: Duration::from_secs(20),
};

/// More agents than this are not looked at: there are five places, and the cache keeps two.
const MAX_CANDIDATES: usize = 16;
/// The longest path that is used as it is, in bytes: longer ones do not exist on the systems we know.
const MAX_PATH: usize = 4096;

/// Reads the word for its lines and the configured path. One line without `'` and `!`, so that every login shell passes
/// it on as it is.
pub const PROBE: &str = "exec sh -c '\
    LC_ALL=C; export LC_ALL; \
    IFS= read -r n; IFS= read -r c; \
    say() { printf \"%s %s\\n\" \"$n\" \"$*\"; }; \
    seen=; \
    try() { \
        [ -f \"$2\" ] && [ -x \"$2\" ] || return 0; \
        case $seen in *\"|$2|\"*) return 0;; esac; \
        seen=\"$seen|$2|\"; \
        say \"$1\" \"$2\"; \
        say says \"$({ \"$2\" --version </dev/null; } 2>&1 | head -c 300 | head -n 1)\"; \
    }; \
    printf \"\\n\"; \
    say system \"$(uname -s)\"; \
    say machine \"$(uname -m)\"; \
    say home \"$HOME\"; \
    say libc \"$(getconf GNU_LIBC_VERSION 2>/dev/null)\"; \
    case $c in \"~/\"*) c=$HOME/${c#\"~/\"};; esac; \
    [ -z \"$c\" ] || try configured \"$c\"; \
    p=$(command -v cm-agent) && try agent \"$p\"; \
    try agent \"$HOME/.cargo/bin/cm-agent\"; \
    try agent \"$HOME/.local/bin/cm-agent\"; \
    for p in \"$HOME\"/.local/share/cm/agent/*/cm-agent; do \
        [ -O \"$p\" ] && try agent \"$p\"; \
    done; \
    p=$(command -v tmux) && { say tmux \"$p\"; say tmux-says \"$(tmux -V 2>&1 | head -n 1)\"; }; \
    { df -Pk \"$HOME/.local/share\" || df -Pk \"$HOME\"; } 2>/dev/null | { \
        read -r x; read -r a b k f r; say free \"$f\"; }; \
    for s in sha256sum shasum openssl; do \
        command -v $s >/dev/null 2>&1 && { say sum $s; break; }; \
    done; \
    say end'";

/// Version and protocol range, as `cm-agent --version` prints them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    pub version: String,
    pub oldest: u16,
    pub newest: u16,
}

impl Release {
    /// Of the agent that belongs to this build.
    pub fn ours() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            oldest: OLDEST,
            newest: NEWEST,
        }
    }

    /// Reads exactly what [`Self::line`] writes.
    pub fn parse(line: &str) -> Option<Self> {
        let (version, range) = line
            .strip_prefix("cm-agent ")?
            .strip_suffix(')')?
            .split_once(" (protocol ")?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-+".contains(c);
        if version.is_empty() || version.len() > 40 || !version.chars().all(is_plain) {
            return None;
        }
        let (oldest, newest) = range.split_once(" to ")?;
        let (oldest, newest) = (oldest.parse().ok()?, newest.parse().ok()?);
        (oldest <= newest).then(|| Self {
            version: version.to_owned(),
            oldest,
            newest,
        })
    }

    /// The first line of `cm-agent --version`.
    pub fn line(&self) -> String {
        format!(
            "cm-agent {} (protocol {} to {})",
            self.version, self.oldest, self.newest
        )
    }

    /// Whether there is a protocol version that we both speak.
    pub fn fits(&self) -> bool {
        self.oldest <= NEWEST && self.newest >= OLDEST
    }

    pub fn is_too_new(&self) -> bool {
        self.oldest > NEWEST
    }

    /// Newest last.
    pub(super) fn age(&self) -> (u16, Vec<u64>) {
        let numbers = self.version.split('.').map(|part| {
            let end = part.find(|c: char| !c.is_ascii_digit());
            let digits = part.split_at_checked(end.unwrap_or(part.len()));
            digits.and_then(|(digits, _)| digits.parse().ok())
        });
        (
            self.newest,
            numbers.map(Option::unwrap_or_default).collect(),
        )
    }
}

/// A file on the host that is called `cm-agent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Absolute.
    pub path: String,
    pub is_configured: bool,
    /// What it says it is, or its other words (cleaned, maybe empty).
    pub release: Result<Release, String>,
}

/// What the host says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// `uname -s`, cleaned.
    pub system: String,
    /// `uname -m`, cleaned.
    pub machine: String,
    /// Absolute.
    pub home: String,
    /// Version of glibc, where that is what programs are linked with.
    pub glibc: Option<(u16, u16)>,
    pub candidates: Vec<Candidate>,
    /// Where tmux is and what `tmux -V` prints, cleaned.
    pub tmux: Option<(String, String)>,
    /// Room where the agent would go, in bytes.
    pub free: Option<u64>,
    /// Whether the host can check what was uploaded.
    pub has_sum: bool,
}

/// What decides whether a program can run there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    pub system: String,
    pub machine: String,
    pub glibc: Option<(u16, u16)>,
}

impl Probe {
    /// `Linux x86_64`
    pub fn system_and_machine(&self) -> String {
        format!("{} {}", self.system, self.machine)
    }

    pub fn platform(&self) -> Platform {
        Platform {
            system: self.system.clone(),
            machine: self.machine.clone(),
            glibc: self.glibc,
        }
    }
}

/// Looks at the host.
///
/// # Errors
/// When the command cannot be run, or when its answer is missing, drowned or broken.
pub async fn probe(
    shell: &impl Shell,
    host: &str,
    configured: Option<&str>,
) -> Result<Probe, DeployError> {
    let nonce = Nonce::random().map_err(DeployError::Random)?;
    let configured = configured.unwrap_or_default();
    if !(configured.is_empty() || configured.starts_with('/') || configured.starts_with("~/")) {
        return Err(DeployError::Setting {
            host: host.to_owned(),
            why: format!(
                "“{}” does not start with / or ~/",
                sanitize::label(configured, 80)
            ),
        });
    }
    let stdin = head(&[nonce.as_str(), configured]).map_err(|why| DeployError::Setting {
        host: host.to_owned(),
        why,
    })?;
    let ran = shell.run(PROBE, stdin, LIMITS).await?;
    read(&nonce, host, &ran)
}

fn read(nonce: &Nonce, host: &str, ran: &Ran) -> Result<Probe, DeployError> {
    let mut probe = Probe::default();
    let mut is_whole = false;
    for (word, rest) in nonce.lines(&ran.stdout) {
        match word.as_str() {
            "system" => probe.system = sanitize::label(&rest, 40),
            "machine" => probe.machine = sanitize::label(&rest, 40),
            "home" => probe.home = rest,
            "libc" => probe.glibc = glibc(&rest),
            "agent" | "configured" if probe.candidates.len() < MAX_CANDIDATES => {
                probe.candidates.push(Candidate {
                    path: rest,
                    is_configured: word == "configured",
                    release: Err(String::new()),
                });
            }
            "says" => {
                if let Some(candidate) = probe.candidates.last_mut() {
                    candidate.release =
                        Release::parse(&rest).ok_or_else(|| sanitize::label(&rest, 120));
                }
            }
            "tmux" => probe.tmux = Some((sanitize::label(&rest, 120), String::new())),
            "tmux-says" => {
                if let Some((_, version)) = &mut probe.tmux {
                    *version = sanitize::label(&rest, 60);
                }
            }
            "free" => probe.free = rest.parse::<u64>().ok().map(|kib| kib.saturating_mul(1024)),
            "sum" => probe.has_sum = true,
            "end" => is_whole = true,
            _ => {}
        }
    }
    if !is_whole {
        return Err(DeployError::no_answer(host, ran));
    }
    // A path that is shown differently from what it is, or that is not one, is not used.
    probe
        .candidates
        .retain(|candidate| is_plain(&candidate.path));
    let missing = if probe.system.is_empty() || probe.machine.is_empty() {
        "what system it is (uname)"
    } else if !is_plain(&probe.home) {
        "where the home folder is ($HOME)"
    } else {
        return Ok(probe);
    };
    Err(DeployError::Incomplete {
        host: host.to_owned(),
        missing,
    })
}

fn is_plain(path: &str) -> bool {
    path.starts_with('/') && path.len() <= MAX_PATH && !path.chars().any(char::is_control)
}

/// Reads `glibc 2.36`.
fn glibc(text: &str) -> Option<(u16, u16)> {
    let (major, minor) = text.strip_prefix("glibc ")?.split_once('.')?;
    let digits = minor.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((major.parse().ok()?, digits.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn our_own_line_is_read_back() {
        let ours = Release::ours();
        assert_eq!(Release::parse(&ours.line()), Some(ours.clone()));
        assert!(ours.fits());
    }

    #[rstest]
    #[case("cm-agent 0.2.0 (protocol 3 to 2)")]
    #[case("cm-agent 0.2.0 (protocol 3 to)")]
    #[case("cm-agent  (protocol 1 to 1)")]
    #[case("cm-agent \u{1b}[31m0.2 (protocol 1 to 1)")]
    #[case("cm-agent 0.2.0 (protocol 1 to 1) or so")]
    #[case("cm-agent 0.2.0 (protocol 1 to 70000)")]
    #[case("sh: 1: not found")]
    fn anything_else_is_no_agent(#[case] line: &str) {
        assert_eq!(Release::parse(line), None);
    }

    #[test]
    fn versions_order_by_number() {
        let age = |line| Release::parse(line).unwrap().age();
        assert!(
            age("cm-agent 0.10.0 (protocol 1 to 1)") > age("cm-agent 0.9.9-rc.1 (protocol 1 to 1)")
        );
        assert!(age("cm-agent 0.1.0 (protocol 1 to 2)") > age("cm-agent 9.0 (protocol 1 to 1)"));
    }

    #[rstest]
    #[case("glibc 2.36", Some((2, 36)))]
    #[case("glibc 2.17-326", Some((2, 17)))]
    #[case("", None)]
    #[case("musl", None)]
    fn glibc_says_its_version(#[case] text: &str, #[case] version: Option<(u16, u16)>) {
        assert_eq!(glibc(text), version);
    }
}
