//! Which agent of those on a host is used, if any.
//!
//! By protocol range, not by version: an agent that speaks with us is not replaced. Promise: a newer one that we cannot
//! speak with is never pushed aside by ours.

use super::Ready;
use super::error::DeployError;
use super::probe::{Candidate, Probe, Release};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Use(Ready),
    /// None of them can be used; what the first of them is, in words.
    Install {
        found: Option<String>,
    },
}

/// Chooses the configured agent, else the newest that speaks with us.
///
/// # Errors
/// When the user named one that cannot be used, or the host has only newer ones.
pub(super) fn choose(
    host: &str,
    configured: Option<&str>,
    probe: &Probe,
) -> Result<Choice, DeployError> {
    if let Some(path) = configured {
        return choose_configured(host, path, probe).map(Choice::Use);
    }
    let mut agents: Vec<(&Candidate, &Release)> = probe
        .candidates
        .iter()
        .filter_map(|candidate| Some((candidate, candidate.release.as_ref().ok()?)))
        .collect();
    // Stable: of equals the first stays first, which is what the user's own PATH finds.
    agents.sort_by_key(|(_, release)| std::cmp::Reverse(release.age()));
    if let Some((candidate, release)) = agents.iter().find(|(_, release)| release.fits()) {
        return Ok(Choice::Use(ready(candidate, release)));
    }
    match agents.first() {
        Some((_, release)) if release.is_too_new() => Err(too_new(host, release)),
        _ => Ok(Choice::Install {
            found: probe.candidates.first().map(describe),
        }),
    }
}

fn choose_configured(host: &str, path: &str, probe: &Probe) -> Result<Ready, DeployError> {
    let why = match probe.candidates.iter().find(|found| found.is_configured) {
        None => "there is no program".to_owned(),
        Some(candidate) => match &candidate.release {
            Ok(release) if release.fits() => return Ok(ready(candidate, release)),
            Ok(release) if release.is_too_new() => return Err(too_new(host, release)),
            Ok(release) => format!("it is too old: {}", release.line()),
            Err(words) if words.is_empty() => "it does not say its version".to_owned(),
            Err(words) => format!("it says: {words}"),
        },
    };
    Err(DeployError::Configured {
        host: host.to_owned(),
        path: path.to_owned(),
        why,
    })
}

fn ready(candidate: &Candidate, release: &Release) -> Ready {
    Ready {
        path: candidate.path.clone(),
        release: release.clone(),
        is_new: false,
    }
}

fn too_new(host: &str, release: &Release) -> DeployError {
    DeployError::TooNew {
        host: host.to_owned(),
        version: release.version.clone(),
        oldest: release.oldest,
        newest: release.newest,
    }
}

fn describe(candidate: &Candidate) -> String {
    match &candidate.release {
        Ok(release) => release.line(),
        Err(words) if words.is_empty() => format!("{} says nothing", candidate.path),
        Err(words) => format!("{} says: {words}", candidate.path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{NEWEST, OLDEST};

    fn probe(says: &[(&str, &str)]) -> Probe {
        let candidates = says.iter().map(|(path, says)| Candidate {
            path: (*path).to_owned(),
            is_configured: path.starts_with("/configured"),
            release: Release::parse(says).ok_or_else(|| (*says).to_owned()),
        });
        Probe {
            candidates: candidates.collect(),
            ..Probe::default()
        }
    }

    fn chosen(probe: &Probe) -> String {
        match choose("gpu-2", None, probe).unwrap() {
            Choice::Use(ready) => ready.path,
            Choice::Install { found } => format!("install over {found:?}"),
        }
    }

    #[test]
    fn the_newest_agent_that_speaks_with_us_is_used() {
        let ours = format!("(protocol {OLDEST} to {NEWEST})");
        let newer = NEWEST + 1;
        let (a, b) = (
            format!("cm-agent 0.9.0 {ours}"),
            format!("cm-agent 0.10.0 {ours}"),
        );
        let wide = format!("cm-agent 0.2.0 (protocol {NEWEST} to {newer})");
        let alien = format!("cm-agent 0.3.0 (protocol {newer} to {newer})");
        assert_eq!(chosen(&probe(&[("/a", &a), ("/b", &b), ("/c", &a)])), "/b");
        assert_eq!(chosen(&probe(&[("/a", &a), ("/c", &a)])), "/a");
        assert_eq!(
            chosen(&probe(&[("/b", &b), ("/wide", &wide), ("/alien", &alien)])),
            "/wide"
        );
    }

    #[test]
    fn what_does_not_speak_with_us_is_named_and_ours_installed_beside_it() {
        assert_eq!(chosen(&probe(&[])), "install over None");
        assert_eq!(
            chosen(&probe(&[(
                "/home/me/.cargo/bin/cm-agent",
                "cm-agent 0.0.1 (protocol 0 to 0)"
            )])),
            "install over Some(\"cm-agent 0.0.1 (protocol 0 to 0)\")"
        );
        assert_eq!(
            chosen(&probe(&[("/x/cm-agent", "exec format error")])),
            "install over Some(\"/x/cm-agent says: exec format error\")"
        );
    }

    #[test]
    fn a_newer_agent_is_not_pushed_aside() {
        let newer = NEWEST + 1;
        let alien = format!("cm-agent 9.0.0 (protocol {newer} to {newer})");
        let old = "cm-agent 0.0.1 (protocol 0 to 0)";
        let error = choose("gpu-2", None, &probe(&[("/old", old), ("/new", &alien)])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cm-agent 9.0.0 on gpu-2 is newer than this cm-tui: it speaks protocol 2 to 2, we 1 to 1"
        );
        assert_eq!(error.hint(), "upgrade cm-tui here");
    }

    #[test]
    fn a_configured_agent_is_used_or_complained_about() {
        let ours = Release::ours().line();
        let here = probe(&[("/configured/cm-agent", "sh: not found"), ("/a", &ours)]);
        let error = choose("gpu-2", Some("/configured/cm-agent"), &here).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the agent of gpu-2 cannot be used: /configured/cm-agent: it says: sh: not found"
        );
        let gone = probe(&[("/a", &ours)]);
        let error = choose("gpu-2", Some("~/bin/cm-agent"), &gone).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the agent of gpu-2 cannot be used: ~/bin/cm-agent: there is no program"
        );
        let good = probe(&[("/configured/cm-agent", &ours), ("/a", &ours)]);
        assert!(matches!(
            choose("gpu-2", Some("/configured/cm-agent"), &good),
            Ok(Choice::Use(Ready { path, .. })) if path == "/configured/cm-agent"
        ));
    }
}
