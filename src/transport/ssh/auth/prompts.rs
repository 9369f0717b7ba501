//! Logging in with what the human types: a password, or whatever the host asks (keyboard-interactive).

use russh::client::{KeyboardInteractiveAuthResponse as Response, Prompt};

use super::{ANSWER_DEADLINE, Login, Reply};
use crate::transport::asking::{Answer, Question, Secret, SecretField, SecretsQuestion};
use crate::transport::ssh::{SshError, SshErrorKind};

/// Rounds of one dialog. Real ones have two or three (password, code, “change it now”).
const MOST_ROUNDS: usize = 16;
/// Fields that one round may ask for; more cannot be shown.
const MOST_FIELDS: usize = 16;
/// The longest text of a host that is kept, in characters, for a label and for everything else.
const MOST_LABEL: usize = 300;
const MOST_TEXT: usize = 4000;

impl Login<'_> {
    pub(super) async fn try_password(&mut self) -> Result<Reply, SshError> {
        let again = self.passwords > 0;
        self.passwords += 1;
        let question = SecretsQuestion {
            title: format!("password for {}@{}", self.settings.user, self.settings.name),
            instructions: String::new(),
            fields: vec![SecretField {
                label: "password".to_owned(),
                is_echoed: false,
            }],
            complaint: again.then(|| "the host refused that password".to_owned()),
        };
        let secrets = self.ask_human(question, "password").await?;
        let password = secrets.first().map_or("", Secret::expose).to_owned();
        let user = self.settings.user.clone();
        // russh wipes its copy.
        let trying = self.handle.authenticate_password(user, password);
        let tried = self.life.race_within(ANSWER_DEADLINE, trying).await;
        self.note_tried("password");
        self.heard(tried).await
    }

    pub(super) async fn try_dialog(&mut self) -> Result<Reply, SshError> {
        let mut complaint = (self.dialogs > 0).then(|| "the host refused that answer".to_owned());
        self.dialogs += 1;
        let user = self.settings.user.clone();
        let starting = self
            .handle
            .authenticate_keyboard_interactive_start(user, None);
        let mut heard = self.life.race_within(ANSWER_DEADLINE, starting).await;
        // Rounds without a field only tell something: it is shown with the next question.
        let mut told = String::new();
        for _ in 0..MOST_ROUNDS {
            let response = match heard {
                Ok(Ok(response)) => response,
                Ok(Err(_)) => return Err(self.broke_off().await),
                Err(unmet) => return Err(self.unmet(unmet)),
            };
            let (name, instructions, prompts) = match response {
                Response::Success => return Ok(Reply::In),
                Response::Failure {
                    remaining_methods, ..
                } if remaining_methods.is_empty() => return Err(self.broke_off().await),
                Response::Failure {
                    remaining_methods,
                    partial_success,
                } => {
                    self.note_tried("keyboard-interactive");
                    return Ok(Reply::Refused {
                        offered: remaining_methods.iter().map(Into::into).collect(),
                        is_partial: partial_success,
                    });
                }
                Response::InfoRequest {
                    name,
                    instructions,
                    prompts,
                } => (name, instructions, prompts),
            };
            add_text(&mut told, &instructions);
            let answers = if prompts.is_empty() {
                Vec::new()
            } else {
                let question = self.question(&name, std::mem::take(&mut told), &prompts)?;
                let question = SecretsQuestion {
                    complaint: complaint.take(),
                    ..question
                };
                self.ask_human(question, "answer").await?
            };
            let answers = answers
                .iter()
                .map(|secret| secret.expose().to_owned())
                .collect();
            let answering = self
                .handle
                .authenticate_keyboard_interactive_respond(answers);
            heard = self.life.race_within(ANSWER_DEADLINE, answering).await;
        }
        Err(self.strange(&format!("it asks more than {MOST_ROUNDS} times")))
    }

    fn question(
        &self,
        name: &str,
        instructions: String,
        prompts: &[Prompt],
    ) -> Result<SecretsQuestion, SshError> {
        if prompts.len() > MOST_FIELDS {
            let count = prompts.len();
            return Err(self.strange(&format!("it asks {count} questions at once")));
        }
        let (user, host) = (&self.settings.user, &self.settings.name);
        let name: String = name.trim().chars().take(MOST_LABEL).collect();
        Ok(SecretsQuestion {
            title: if name.is_empty() {
                format!("login to {user}@{host}")
            } else {
                format!("login to {user}@{host}: {name}")
            },
            instructions,
            fields: prompts
                .iter()
                .map(|prompt| SecretField {
                    label: prompt.prompt.trim().chars().take(MOST_LABEL).collect(),
                    is_echoed: prompt.echo,
                })
                .collect(),
            complaint: None,
        })
    }

    /// Asks as long as the connection lives; sshd ends it when the human takes too long.
    async fn ask_human(
        &self,
        question: SecretsQuestion,
        what: &str,
    ) -> Result<Vec<Secret>, SshError> {
        let count = question.fields.len();
        let asking = self.asker.ask(Question::Secrets(question));
        match self.life.race(asking).await {
            Ok(Answer::Secrets(secrets)) if secrets.len() == count => Ok(secrets),
            Ok(_) => Err(self.given_up(what)),
            Err(why) => Err(self.gone(&why)),
        }
    }

    fn note_tried(&mut self, what: &str) {
        if self.tried.last().is_none_or(|last| last != what) {
            self.tried.push(what.to_owned());
        }
    }

    fn strange(&self, why: &str) -> SshError {
        SshError::new(
            SshErrorKind::Authentication,
            format!("cannot log in to “{}”: {why}", self.settings.name),
            "",
        )
    }
}

fn add_text(told: &mut String, text: &str) {
    let text = text.trim();
    if !text.is_empty() {
        if !told.is_empty() {
            told.push('\n');
        }
        let room = MOST_TEXT.saturating_sub(told.chars().count());
        told.extend(text.chars().take(room));
    }
}
