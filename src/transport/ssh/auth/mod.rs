//! Logging in: which ways are tried, in which order, and what is said when none is left.
//!
//! As OpenSSH does it: first it is asked what the host takes, then the ways of the settings are tried in their order,
//! as far as the host takes them. Promise: a refusal and a connection that broke are never taken for each other, and
//! a host can neither ask for ever nor keep us waiting for ever.

mod keys;
mod prompts;
mod sign;

use std::sync::Arc;
use std::time::Duration;

use russh::client::{AuthResult, Handle};

use self::keys::Keys;
use super::handler::{Banner, Host};
use super::life::{Life, Unmet};
use super::settings::Settings;
use super::{SshError, SshErrorKind, errors};
use crate::transport::asking::Asker;

/// How long one answer may take: as long as sshd gives the whole login (`LoginGraceTime`), because its modules may
/// wait for a phone, and an agent for a touch.
const ANSWER_DEADLINE: Duration = Duration::from_secs(120);
/// How long the news of a broken connection may lag behind its effects, which are one task apart.
const NEWS_DEADLINE: Duration = Duration::from_secs(2);
/// Keys that are tried. sshd hangs up at the sixth failure (`MaxAuthTries 6`), and one is left for a password.
const MOST_KEYS: usize = 5;
/// Steps of one login, whatever they are: a host that always wants one more ends here.
const MOST_STEPS: usize = 32;

/// What the host said to one attempt.
enum Reply {
    In,
    Refused {
        /// What it would take now.
        offered: Vec<&'static str>,
        /// This one was right, and more is needed.
        is_partial: bool,
    },
}

impl From<AuthResult> for Reply {
    fn from(result: AuthResult) -> Self {
        match result {
            AuthResult::Success => Self::In,
            AuthResult::Failure {
                remaining_methods,
                partial_success,
            } => Self::Refused {
                offered: remaining_methods.iter().map(Into::into).collect(),
                is_partial: partial_success,
            },
        }
    }
}

/// Logs in, or says why not.
pub(super) async fn log_in(
    handle: &mut Handle<Host>,
    settings: &Settings,
    life: &Arc<Life>,
    banner: &Banner,
    asker: &Asker,
) -> Result<(), SshError> {
    let login = Login {
        handle,
        settings,
        life,
        banner,
        asker,
        keys: None,
        tried: Vec::new(),
        notes: Vec::new(),
        passwords: 0,
        dialogs: 0,
    };
    login.run().await
}

struct Login<'a> {
    handle: &'a mut Handle<Host>,
    settings: &'a Settings,
    life: &'a Arc<Life>,
    banner: &'a Banner,
    asker: &'a Asker,
    /// Looked for when the host takes keys.
    keys: Option<Keys>,
    /// What the host has refused, in words.
    tried: Vec<String>,
    /// What could not be tried, and why.
    notes: Vec<String>,
    passwords: u32,
    dialogs: u32,
}

impl Login<'_> {
    async fn run(mut self) -> Result<(), SshError> {
        let user = self.settings.user.clone();
        let asking = self.handle.authenticate_none(user);
        let asked = self.life.race_within(ANSWER_DEADLINE, asking).await;
        let mut reply = self.heard(asked).await?;
        let mut offered = Vec::new();
        for _ in 0..MOST_STEPS {
            match reply {
                Reply::In => return Ok(()),
                Reply::Refused {
                    offered: now,
                    is_partial,
                } => {
                    offered = now;
                    if is_partial {
                        (self.passwords, self.dialogs) = (0, 0);
                        self.tried.pop();
                    }
                }
            }
            let Some(method) = self.next_method(&offered).await else {
                break;
            };
            reply = match method {
                Method::Key => match self.try_key().await? {
                    Some(reply) => reply,
                    // It could not be used: the host has heard of it, but waits for the next one.
                    None => Reply::Refused {
                        offered: offered.clone(),
                        is_partial: false,
                    },
                },
                Method::Dialog => self.try_dialog().await?,
                Method::Password => self.try_password().await?,
            };
        }
        Err(self.refused(&offered))
    }

    /// The next way that the settings want, the host takes, and that has something left to try.
    async fn next_method(&mut self, offered: &[&str]) -> Option<Method> {
        for name in &self.settings.authentications {
            if !offered.contains(&name.as_str()) {
                continue;
            }
            match name.as_str() {
                "publickey" => {
                    if self.keys.is_none() {
                        let mut keys = Keys::find(self.settings).await;
                        self.notes.append(&mut keys.notes);
                        self.keys = Some(keys);
                    }
                    if self.keys.as_ref().is_some_and(Keys::has_next) {
                        return Some(Method::Key);
                    }
                }
                "keyboard-interactive" if self.dialogs < self.settings.password_prompts => {
                    return Some(Method::Dialog);
                }
                "password" if self.passwords < self.settings.password_prompts => {
                    return Some(Method::Password);
                }
                _ => {}
            }
        }
        None
    }

    /// Tells a refusal from a connection that broke: russh reports both as a failure.
    async fn heard(
        &self,
        heard: Result<Result<AuthResult, russh::Error>, Unmet>,
    ) -> Result<Reply, SshError> {
        match heard {
            Ok(Ok(AuthResult::Failure {
                remaining_methods, ..
            })) if remaining_methods.is_empty() => Err(self.broke_off().await),
            Ok(Ok(result)) => Ok(result.into()),
            Ok(Err(_)) => Err(self.broke_off().await),
            Err(unmet) => Err(self.unmet(unmet)),
        }
    }

    fn unmet(&self, unmet: Unmet) -> SshError {
        match unmet {
            Unmet::TooLate => SshError::new(
                SshErrorKind::Unreachable,
                format!(
                    "cannot log in to “{}”: no answer within {} s",
                    self.settings.name,
                    ANSWER_DEADLINE.as_secs()
                ),
                "is it overloaded?",
            ),
            Unmet::Over(why) => self.gone(&why),
        }
    }

    /// Waits for the news that the connection is gone, and says so.
    async fn broke_off(&self) -> SshError {
        match tokio::time::timeout(NEWS_DEADLINE, self.life.ended()).await {
            Ok(why) => self.gone(&why),
            Err(_elapsed) => self.gone(&errors::lost(&self.settings.name, "the host closed it")),
        }
    }

    /// The connection ended during the login. After a refusal that counts as one: hosts hang up on wrong logins.
    fn gone(&self, why: &SshError) -> SshError {
        let name = &self.settings.name;
        let cause = errors::why_lost(name, why);
        if self.tried.is_empty() && why.kind == SshErrorKind::Lost {
            return SshError::new(
                SshErrorKind::Unreachable,
                format!("cannot log in to “{name}”: {cause}"),
                "it may have too many logins at once (MaxStartups)",
            );
        }
        let mut message = format!(
            "cannot log in to “{name}” as {}: {cause}",
            self.settings.user
        );
        self.add_tried(&mut message, &[]);
        SshError::new(SshErrorKind::Authentication, message, self.hint())
    }

    fn refused(&self, offered: &[&str]) -> SshError {
        let mut message = format!(
            "cannot log in to “{}” as {}: permission denied",
            self.settings.name, self.settings.user
        );
        self.add_tried(&mut message, offered);
        let said = self.banner.line();
        if !said.is_empty() {
            message.push_str("; it says “");
            message.push_str(&said);
            message.push('”');
        }
        SshError::new(SshErrorKind::Authentication, message, self.hint())
    }

    fn add_tried(&self, message: &mut String, offered: &[&str]) {
        let mut parts = Vec::new();
        if self.tried.is_empty() {
            parts.push("nothing to try".to_owned());
        } else {
            parts.push(format!("tried {}", self.tried.join(", ")));
        }
        if !offered.is_empty() {
            parts.push(format!("the host takes {}", offered.join(", ")));
        }
        message.push_str(" (");
        message.push_str(&parts.join("; "));
        message.push(')');
    }

    fn hint(&self) -> String {
        let mut notes = self.notes.clone();
        if self.keys.as_ref().is_some_and(Keys::is_capped) {
            notes.push(format!(
                "only {MOST_KEYS} keys were tried, because hosts hang up soon after: name the right one with \
                 IdentityFile and IdentitiesOnly"
            ));
        }
        if notes.is_empty() {
            notes.push(format!("try: ssh {}", self.settings.name));
        }
        notes.join("; ")
    }

    /// The human would not answer.
    fn given_up(&self, what: &str) -> SshError {
        SshError::new(
            SshErrorKind::Authentication,
            format!(
                "cannot log in to “{}” as {}: no {what} was given",
                self.settings.name, self.settings.user
            ),
            self.hint(),
        )
    }
}

enum Method {
    Key,
    Dialog,
    Password,
}
