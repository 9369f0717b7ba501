//! Whether the key that a host shows is its own, and what happens to one that nobody knows.
//!
//! The files decide ([`known_hosts`]); here is when they are asked, and when the human is. Nobody waits for
//! the human with a connection open: an unknown key ends it, and the next one accepts that key and no other.

use std::sync::Arc;
use std::time::SystemTime;

use russh::keys::{Algorithm, PublicKeyOrCertificate};
use tokio::task::spawn_blocking;

use super::known_hosts::{self, HostKey, HostName, KnownHosts, Verdict};
use super::settings::{Settings, UnknownKeys};
use super::{SshError, SshErrorKind};
use crate::transport::asking::{Answer, Asker, HostKeyQuestion, Question};

/// A key that no file knows.
#[derive(Clone, Debug)]
pub(super) struct UnknownKey {
    key: HostKey,
    verdict: Verdict,
}

/// Why a host is not believed, or not yet.
#[derive(Debug)]
pub(super) enum Doubt {
    Unknown(Box<UnknownKey>),
    Refused(SshError),
}

/// What is known of one host.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    host: HostName,
    known: Arc<KnownHosts>,
}

impl Judge {
    /// Reads the files. `accepted` is a key that the human has just accepted, or that may be accepted unasked.
    pub async fn load(settings: &Settings, accepted: Option<&HostKey>) -> Result<Self, SshError> {
        let host = HostName::of(settings);
        let (trust, name) = (settings.trust.clone(), host.clone());
        let reading = spawn_blocking(move || KnownHosts::load(&trust, &name));
        let mut known = reading.await.map_err(|_panic| unread(&host))??;
        if let Some(key) = accepted {
            known.pin(key);
        }
        for skipped in known.skipped() {
            tracing::warn!(file = %skipped.file.display(), reason = skipped.reason, "skipped known hosts");
        }
        Ok(Self {
            host,
            known: Arc::new(known),
        })
    }

    /// Whether the host should be asked for a certificate.
    pub fn has_authority(&self) -> bool {
        self.known.has_authority()
    }

    /// Puts the types first of which a key is known.
    pub fn order(&self, algorithms: &mut [Algorithm]) {
        let mut names: Vec<String> = algorithms.iter().map(|a| a.as_str().to_owned()).collect();
        self.known.order(&mut names);
        algorithms.sort_by_key(|algorithm| {
            let name = algorithm.as_str();
            names.iter().position(|ordered| ordered == name)
        });
    }

    pub fn check(&self, shown: &PublicKeyOrCertificate) -> Result<(), Doubt> {
        let key = HostKey::from(shown);
        let verdict = self.known.check(&key, SystemTime::now());
        match known_hosts::refusal(&self.host, &key, &verdict) {
            None => Ok(()),
            Some(_) if matches!(verdict, Verdict::Unknown(_)) => {
                Err(Doubt::Unknown(Box::new(UnknownKey { key, verdict })))
            }
            Some(why) => Err(Doubt::Refused(why)),
        }
    }
}

fn unread(host: &HostName) -> SshError {
    SshError::new(
        SshErrorKind::Settings,
        format!("the known hosts could not be read for “{host}”"),
        "",
    )
}

/// What to do with a key that no file knows: asks the human when the settings say so, and adds it to the user's file.
/// A file that cannot be written does not stop whoever said yes: they are asked again next time.
///
/// # Errors
/// When the key is not to be accepted, or others have come to be known meanwhile.
pub(super) async fn decide(
    settings: &Settings,
    unknown: UnknownKey,
    address: &str,
    asker: &Asker,
) -> Result<HostKey, SshError> {
    let host = HostName::of(settings);
    let UnknownKey { key, verdict } = unknown;
    match settings.trust.unknown {
        UnknownKeys::Refuse => {
            let why = known_hosts::refusal(&host, &key, &verdict);
            return Err(why.unwrap_or_else(|| known_hosts::not_accepted(&host)));
        }
        UnknownKeys::Ask => {
            let file = settings.trust.user_files.first();
            let question = HostKeyQuestion {
                host: host.to_string(),
                address: address.to_owned(),
                algorithm: key.algorithm(),
                fingerprint: key.fingerprint(),
                file: file.map_or_else(String::new, |file| file.display().to_string()),
            };
            if asker.ask(Question::HostKey(question)).await != Answer::Yes {
                return Err(known_hosts::not_accepted(&host));
            }
        }
        UnknownKeys::Add => {}
    }
    let (trust, name, added) = (settings.trust.clone(), host.clone(), key.clone());
    let adding =
        spawn_blocking(move || known_hosts::remember(&trust, &name, &added, SystemTime::now()));
    match adding.await.map_err(|_panic| unread(&host))? {
        Ok(_file) => Ok(key),
        Err(error) if error.kind == SshErrorKind::Settings => {
            tracing::warn!(%error, "a host key was not added");
            Ok(key)
        }
        Err(error) => Err(error),
    }
}

/// The human accepted one key, and the host shows another unknown one.
pub(super) fn changed_meanwhile(settings: &Settings) -> SshError {
    SshError::new(
        SshErrorKind::Untrusted,
        format!(
            "cannot trust host “{}”: it shows another key than a moment ago",
            settings.name
        ),
        "connect again, and compare the fingerprints",
    )
}
