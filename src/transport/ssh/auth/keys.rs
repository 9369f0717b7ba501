//! The keys that can be tried on a host, in the order of OpenSSH: certificates, the agent's keys that the settings name,
//! the agent's other keys, key files.
//!
//! Promise: a private key that others can read is not used, and the reason is told.

use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::client::Handle;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Certificate, HashAlg, PrivateKey, PublicKey, load_openssh_certificate};
use russh::keys::{decode_secret_key, load_public_key};
use tokio::net::UnixStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::MOST_KEYS;
use crate::term::sanitize;
use crate::transport::ssh::algorithms::RSA_HASH;
use crate::transport::ssh::handler::Host;
use crate::transport::ssh::life::Life;
use crate::transport::ssh::settings::{IdentityAgent, Settings};

/// How long the agent may take to list its keys; it asks nobody for that.
const AGENT_DEADLINE: Duration = Duration::from_secs(5);
/// The largest file that can be a key, in bytes: an RSA key of 16384 bits needs 13 kB.
const LARGEST_FILE: u64 = 64 << 10;

pub(super) type Agent = AgentClient<UnixStream>;

/// What signs for a key.
#[derive(Clone)]
pub(super) enum Holder {
    Agent(Arc<AgentIdentity>),
    File(Arc<KeyFile>),
}

/// A private key that was read, and maybe still needs its passphrase.
pub(super) struct KeyFile {
    pub path: PathBuf,
    pub text: Zeroizing<String>,
    pub is_encrypted: bool,
}

/// A key, or a certificate for it, that may be tried.
#[derive(Clone)]
pub(super) struct Candidate {
    /// For the human.
    pub label: String,
    pub public: PublicKey,
    pub certificate: Option<Certificate>,
    pub holder: Holder,
}

pub(super) struct Keys {
    left: VecDeque<Candidate>,
    tried: usize,
    pub agent: Option<Agent>,
    /// What was found and cannot be used.
    pub notes: Vec<String>,
    /// Asked of the host when the first RSA key comes up.
    rsa: Option<RsaHash>,
}

#[derive(Clone, Copy)]
enum RsaHash {
    Use(HashAlg),
    /// The host signs with SHA-1 only.
    None,
}

impl Keys {
    pub async fn find(settings: &Settings) -> Self {
        let mut notes = Vec::new();
        let (agent, held) = ask_agent(settings, &mut notes).await;
        let wanted = settings.clone();
        let reading = tokio::task::spawn_blocking(move || read_files(&wanted));
        let mut files = reading.await.unwrap_or_default();
        notes.append(&mut files.notes);
        Self {
            left: order(settings, &held, &files),
            tried: 0,
            agent,
            notes,
            rsa: None,
        }
    }

    pub fn has_next(&self) -> bool {
        !self.left.is_empty() && self.tried < MOST_KEYS
    }

    pub fn is_capped(&self) -> bool {
        !self.left.is_empty() && self.tried >= MOST_KEYS
    }

    pub fn next(&mut self) -> Option<Candidate> {
        self.left.pop_front()
    }

    /// Counts a key that the host has seen.
    pub fn count(&mut self) {
        self.tried += 1;
    }

    /// The hash that this key signs with: `Err` when the host takes none that is safe.
    pub async fn hash(
        &mut self,
        key: &PublicKey,
        handle: &Handle<Host>,
        life: &Life,
    ) -> Result<Option<HashAlg>, ()> {
        if !key.algorithm().is_rsa() {
            return Ok(None);
        }
        let hash = match self.rsa {
            Some(hash) => hash,
            // It waits a second at most.
            None => match life.race(handle.best_supported_rsa_hash()).await {
                Ok(Ok(Some(Some(hash)))) => RsaHash::Use(hash),
                Ok(Ok(Some(None))) => RsaHash::None,
                _ => RsaHash::Use(RSA_HASH),
            },
        };
        self.rsa = Some(hash);
        match hash {
            RsaHash::Use(hash) => Ok(Some(hash)),
            RsaHash::None => Err(()),
        }
    }
}

async fn ask_agent(
    settings: &Settings,
    notes: &mut Vec<String>,
) -> (Option<Agent>, Vec<AgentIdentity>) {
    let socket = match &settings.identity_agent {
        IdentityAgent::None => return (None, Vec::new()),
        IdentityAgent::Socket(path) => Some(path.clone()),
        IdentityAgent::Environment => std::env::var_os("SSH_AUTH_SOCK")
            .filter(|path| !path.is_empty())
            .map(PathBuf::from),
    };
    let Some(socket) = socket else {
        return (None, Vec::new());
    };
    let asking = async {
        let mut agent = Agent::connect(UnixStream::connect(&socket).await?);
        let held = agent.request_identities().await?;
        Ok::<_, russh::keys::Error>((agent, held))
    };
    match timeout(AGENT_DEADLINE, asking).await {
        Ok(Ok((agent, held))) => (Some(agent), held),
        Ok(Err(error)) => {
            let why = sanitize::label(&error.to_string(), 80);
            notes.push(format!("the ssh-agent cannot be used: {why}"));
            (None, Vec::new())
        }
        Err(_elapsed) => {
            notes.push("the ssh-agent does not answer".to_owned());
            (None, Vec::new())
        }
    }
}

/// What the named files hold.
#[derive(Default)]
struct Files {
    /// In the order of the settings. Without holder when only the public half is there: the agent may have the other.
    keys: Vec<(PathBuf, PublicKey, Option<Arc<KeyFile>>)>,
    certificates: Vec<(PathBuf, Certificate)>,
    notes: Vec<String>,
}

fn read_files(settings: &Settings) -> Files {
    let mut files = Files::default();
    let named = settings.certificate_files.iter().cloned();
    let beside = settings
        .identity_files
        .iter()
        .map(|path| with_ending(path, "-cert.pub"));
    for path in named.chain(beside) {
        match load_openssh_certificate(&path) {
            Ok(certificate) => {
                let is_known = |(_, known): &(_, Certificate)| *known == certificate;
                if !files.certificates.iter().any(is_known) {
                    files.certificates.push((path, certificate));
                }
            }
            Err(_) if !path.exists() => {}
            Err(_) => files
                .notes
                .push(format!("{} is not a certificate", shown(&path))),
        }
    }
    for path in &settings.identity_files {
        match read_key(path) {
            Ok(Some((public, file))) => files.keys.push((path.clone(), public, file)),
            Ok(None) => {}
            Err(why) => files.notes.push(why),
        }
    }
    files
}

type ReadKey = (PublicKey, Option<Arc<KeyFile>>);

/// Reads one key; none when there is no such file.
fn read_key(path: &Path) -> Result<Option<ReadKey>, String> {
    let label = shown(path);
    let public = || {
        let beside = with_ending(path, ".pub");
        load_public_key(&beside)
            .or_else(|_| load_public_key(path))
            .ok()
    };
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(public().map(|public| (public, None)));
        }
        Err(error) => return Err(format!("key {label} cannot be read: {error}")),
    };
    if metadata.len() > LARGEST_FILE || !metadata.is_file() {
        return Err(format!("{label} is not a key"));
    }
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) => return Err(format!("key {label} cannot be read: {error}")),
    };
    if !text.contains("PRIVATE KEY") {
        // IdentityFile may name the public half of a key that the agent has.
        return match load_public_key(path) {
            Ok(public) => Ok(Some((public, None))),
            Err(_) => Err(format!("{label} is not a key")),
        };
    }
    let is_ours = metadata.uid() == rustix::process::getuid().as_raw();
    if is_ours && metadata.mode() & 0o077 != 0 {
        return Err(format!(
            "key {label} is not used, because others may read it; try: chmod 600 {label}"
        ));
    }
    let file = |is_encrypted| {
        Some(Arc::new(KeyFile {
            path: path.to_owned(),
            text: text.clone(),
            is_encrypted,
        }))
    };
    if let Ok(key) = PrivateKey::from_openssh(text.as_str()) {
        return Ok(Some((key.public_key().clone(), file(key.is_encrypted()))));
    }
    match decode_secret_key(&text, None) {
        Ok(key) => Ok(Some((key.public_key().clone(), file(false)))),
        // Old formats hide the public half as well.
        Err(_) => match public() {
            Some(public) => Ok(Some((public, file(true)))),
            None => Err(format!(
                "key {label} is of an old or unknown kind; try: ssh-keygen -p -f {label}"
            )),
        },
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// A path as it is shown, with `~` for the home folder.
pub(super) fn shown(path: &Path) -> String {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let short = home.and_then(|home| Some(Path::new("~").join(path.strip_prefix(home).ok()?)));
    sanitize::label(&short.as_deref().unwrap_or(path).to_string_lossy(), 120)
}

fn order(settings: &Settings, held: &[AgentIdentity], files: &Files) -> VecDeque<Candidate> {
    let mut found = Found::default();
    let in_agent = |key: &PublicKey| {
        held.iter().find(|identity| {
            matches!(identity, AgentIdentity::PublicKey { .. })
                && identity.public_key().key_data() == key.key_data()
        })
    };
    for (path, certificate) in &files.certificates {
        let public = PublicKey::new(certificate.public_key().clone(), "");
        let file = files.keys.iter().find_map(|(_, key, file)| {
            file.as_ref()
                .filter(|_| key.key_data() == public.key_data())
        });
        let holder = match (in_agent(&public), file) {
            (Some(identity), _) => Holder::Agent(Arc::new(identity.clone())),
            (None, Some(file)) => Holder::File(Arc::clone(file)),
            (None, None) => continue,
        };
        found.add(Candidate {
            label: format!("certificate {}", shown(path)),
            public,
            certificate: Some(certificate.clone()),
            holder,
        });
    }
    for (path, public, _) in &files.keys {
        if let Some(identity) = in_agent(public) {
            found.add(Candidate {
                label: format!("key {} in the agent", shown(path)),
                public: public.clone(),
                certificate: None,
                holder: Holder::Agent(Arc::new(identity.clone())),
            });
        }
    }
    for identity in held {
        let public = identity.public_key().into_owned();
        let is_named = files
            .keys
            .iter()
            .any(|(_, key, _)| key.key_data() == public.key_data());
        if settings.identities_only && !is_named {
            continue;
        }
        let certificate = match identity {
            AgentIdentity::Certificate { certificate, .. } => Some(certificate.clone()),
            AgentIdentity::PublicKey { .. } => None,
        };
        let what = if certificate.is_some() {
            "certificate"
        } else {
            "key"
        };
        found.add(Candidate {
            label: format!(
                "{what} {} of the agent",
                sanitize::label(identity.comment(), 60)
            ),
            public,
            certificate,
            holder: Holder::Agent(Arc::new(identity.clone())),
        });
    }
    for (path, public, file) in &files.keys {
        if let Some(file) = file {
            found.add(Candidate {
                label: format!("key {}", shown(path)),
                public: public.clone(),
                certificate: None,
                holder: Holder::File(Arc::clone(file)),
            });
        }
    }
    found.0
}

/// Candidates, each key and each certificate once.
#[derive(Default)]
struct Found(VecDeque<Candidate>);

impl Found {
    fn add(&mut self, candidate: Candidate) {
        let is_known = self.0.iter().any(|known| {
            known.public.key_data() == candidate.public.key_data()
                && known.certificate == candidate.certificate
        });
        if !is_known {
            self.0.push_back(candidate);
        }
    }
}
