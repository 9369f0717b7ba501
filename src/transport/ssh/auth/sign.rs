//! Logging in with a key: the host is asked first whether it takes it, and only then is anything signed, so that
//! nobody types a passphrase for nothing.

use std::sync::Arc;

use russh::SendError;
use russh::Signer;
use russh::keys::agent::AgentIdentity;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode;
use russh::keys::ssh_key::Signature;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{HashAlg, PrivateKey, decode_secret_key};

use super::keys::{Agent, Holder, KeyFile, shown};
use super::{ANSWER_DEADLINE, Login, Reply};
use crate::term::sanitize;
use crate::transport::asking::{Answer, Asker, Question, Secret, SecretField, SecretsQuestion};
use crate::transport::ssh::SshError;
use crate::transport::ssh::life::Unmet;

/// How often a passphrase is asked for, as OpenSSH does.
const PASSPHRASE_TRIES: usize = 3;

/// Why nothing was signed.
#[derive(Debug)]
enum Unsigned {
    /// The connection is gone.
    Gone,
    Because(String),
}

impl From<SendError> for Unsigned {
    fn from(_gone: SendError) -> Self {
        Self::Gone
    }
}

impl Login<'_> {
    /// Tries the next key; none when it could not be used.
    pub(super) async fn try_key(&mut self) -> Result<Option<Reply>, SshError> {
        let Some(keys) = &mut self.keys else {
            return Ok(None);
        };
        let Some(candidate) = keys.next() else {
            return Ok(None);
        };
        let Ok(hash) = keys.hash(&candidate.public, self.handle, self.life).await else {
            let label = &candidate.label;
            self.notes.push(format!(
                "{label} is not used: the host takes RSA only with SHA-1"
            ));
            return Ok(None);
        };
        keys.count();
        let mut signing = Signing {
            holder: &candidate.holder,
            agent: keys.agent.as_mut(),
            asker: self.asker,
        };
        let user = self.settings.user.clone();
        let handle = &mut *self.handle;
        let trying = async {
            if let Some(certificate) = candidate.certificate.clone() {
                handle
                    .authenticate_certificate_with(user, certificate, hash, &mut signing)
                    .await
            } else {
                let public = candidate.public.clone();
                handle
                    .authenticate_publickey_with(user, public, hash, &mut signing)
                    .await
            }
        };
        let tried = self.life.race_within(ANSWER_DEADLINE, trying).await;
        match tried {
            Ok(Err(Unsigned::Because(why))) => {
                self.notes
                    .push(format!("{} is not used: {why}", candidate.label));
                Ok(None)
            }
            Ok(Err(Unsigned::Gone)) => Err(self.broke_off().await),
            Ok(Ok(result)) => {
                self.tried.push(candidate.label);
                self.heard(Ok(Ok(result))).await.map(Some)
            }
            Err(unmet @ (Unmet::Over(_) | Unmet::TooLate)) => {
                self.tried.push(candidate.label);
                Err(self.unmet(unmet))
            }
        }
    }
}

struct Signing<'a> {
    holder: &'a Holder,
    agent: Option<&'a mut Agent>,
    asker: &'a Asker,
}

impl Signer for Signing<'_> {
    type Error = Unsigned;

    async fn auth_sign(
        &mut self,
        _asked: &AgentIdentity,
        hash: Option<HashAlg>,
        mut message: Vec<u8>,
    ) -> Result<Vec<u8>, Unsigned> {
        match (self.holder, &mut self.agent) {
            (Holder::Agent(identity), Some(agent)) => {
                let signed = agent.sign_request(identity, hash, message).await;
                signed.map_err(|_refused| Unsigned::Because("the agent does not sign".to_owned()))
            }
            (Holder::Agent(_), None) => Err(Unsigned::Because("the agent is gone".to_owned())),
            (Holder::File(file), _) => {
                let key = unlock(file, self.asker).await?;
                let failed = |why: String| Unsigned::Because(sanitize::label(&why, 80));
                let signature = signature(&key, hash, &message).map_err(failed)?;
                signature
                    .encode_prefixed(&mut message)
                    .map_err(|error| failed(error.to_string()))?;
                Ok(message)
            }
        }
    }
}

fn signature(key: &PrivateKey, hash: Option<HashAlg>, message: &[u8]) -> Result<Signature, String> {
    let signed = match key.key_data() {
        KeypairData::Rsa(pair) => (pair, hash).try_sign(message),
        pair => pair.try_sign(message),
    };
    signed.map_err(|error| error.to_string())
}

/// The key of a file, after its passphrase where it has one.
async fn unlock(file: &Arc<KeyFile>, asker: &Asker) -> Result<PrivateKey, Unsigned> {
    if !file.is_encrypted {
        return decode(file, None)
            .await
            .map_err(|why| Unsigned::Because(sanitize::label(&why, 80)));
    }
    let mut complaint = None;
    for _ in 0..PASSPHRASE_TRIES {
        let question = SecretsQuestion {
            title: format!("passphrase of {}", shown(&file.path)),
            instructions: String::new(),
            fields: vec![SecretField {
                label: "passphrase".to_owned(),
                is_echoed: false,
            }],
            complaint: complaint.take(),
        };
        let Answer::Secrets(secrets) = asker.ask(Question::Secrets(question)).await else {
            return Err(Unsigned::Because("no passphrase was given".to_owned()));
        };
        let passphrase = secrets.into_iter().next().unwrap_or_default();
        match decode(file, Some(passphrase)).await {
            Ok(key) => return Ok(key),
            Err(_) => complaint = Some("that passphrase is wrong".to_owned()),
        }
    }
    Err(Unsigned::Because(
        "its passphrase was wrong three times".to_owned(),
    ))
}

/// Decrypting is slow on purpose (0.1 s and more), so it has a thread of its own.
async fn decode(file: &Arc<KeyFile>, passphrase: Option<Secret>) -> Result<PrivateKey, String> {
    let file = Arc::clone(file);
    let decoding = tokio::task::spawn_blocking(move || {
        decode_secret_key(&file.text, passphrase.as_ref().map(Secret::expose))
    });
    match decoding.await {
        Ok(Ok(key)) => Ok(key),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
