//! What only the human can answer before a host can be used: trust, secrets, and whether to install.
//!
//! Transport and fleet ask, the dashboard (or a command line) shows the question and answers. Promise: a question that
//! nobody takes, or that loses its asker, is answered with "no"; secrets are wiped from memory when they are dropped
//! and never printed.

use std::fmt;

use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

/// Questions that may wait to be taken; one host asks one at a time.
const WAITING: usize = 64;

/// A question about one host. Texts may come from that host: clean them before they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The host showed a key that no file knows.
    HostKey(HostKeyQuestion),
    /// Passphrase, password, or whatever the host asks in a row of its own prompts.
    Secrets(SecretsQuestion),
    /// There is no agent on the host that we can talk to, and we could put one there.
    Install(InstallQuestion),
    /// Logging in failed twice: the host is not tried again by itself, because a third failure may lock the user out.
    TryAgain { message: String, hint: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKeyQuestion {
    /// As `known_hosts` would name it: `gpu-2` or `[gpu-2]:2222`.
    pub host: String,
    /// Where the connection went, as `ADDRESS:PORT`; empty through a jump host or a command.
    pub address: String,
    /// `ssh-ed25519`, …
    pub algorithm: String,
    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
    /// The file that the key is added to when the answer is yes.
    pub file: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretsQuestion {
    /// Who asks for what: `password for me@gpu-2`, `passphrase of ~/.ssh/id_ed25519`, or the host's own title.
    pub title: String,
    /// The host's own words, maybe in several lines, maybe empty.
    pub instructions: String,
    pub fields: Vec<SecretField>,
    /// Why it is asked again, when it is.
    pub complaint: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretField {
    pub label: String,
    /// Whether what is typed may be shown.
    pub is_echoed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallQuestion {
    /// The host's system as it says it: `Linux x86_64`.
    pub system: String,
    /// Where the program would go on the host.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// What stands there now and cannot be used, when something does.
    pub found: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
    /// One for each field, in their order.
    Secrets(Vec<Secret>),
}

/// A text that is wiped when it is dropped, and that no log shows.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A question on its way to the human, and the way back of the answer. Dropping it answers "no".
#[derive(Debug)]
pub struct Asked {
    pub question: Question,
    answer: oneshot::Sender<Answer>,
}

impl Asked {
    pub fn answer(self, answer: Answer) {
        // Whoever asked may be gone.
        let _gone = self.answer.send(answer);
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_withdrawn(&self) -> bool {
        self.answer.is_closed()
    }

    /// Ends when nobody waits for the answer any more.
    pub async fn withdrawn(&mut self) {
        self.answer.closed().await;
    }
}

/// Asks the human. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Asker {
    questions: mpsc::Sender<Asked>,
    refusals: Option<u32>,
}

impl Asker {
    /// An asker, and where its questions arrive.
    pub fn new() -> (Self, mpsc::Receiver<Asked>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let asker = Self {
            questions: sender,
            refusals: None,
        };
        (asker, receiver)
    }

    /// For an attempt that no human urges, after so many refused logins in a row: where somebody else has just been refused
    /// more often on the same way, that is its answer too.
    #[must_use]
    pub fn unurged(self, refusals: u32) -> Self {
        Self {
            refusals: Some(refusals),
            ..self
        }
    }

    /// How many refusals there were before; `None` when a human wants a real attempt.
    pub fn refusals(&self) -> Option<u32> {
        self.refusals
    }

    /// For uses without a human: every answer is "no".
    pub fn nobody() -> Self {
        Self::new().0
    }

    /// Hands on what was asked of another asker; nobody's question is answered with "no".
    pub async fn pass_on(&self, asked: Asked) {
        // Dropped, it says no.
        let _nobody = self.questions.send(asked).await;
    }

    /// Waits for the human, without a deadline: race it against the end of the connection. Cancelling withdraws the
    /// question.
    pub async fn ask(&self, question: Question) -> Answer {
        let (answer, answered) = oneshot::channel();
        if self
            .questions
            .send(Asked { question, answer })
            .await
            .is_err()
        {
            return Answer::No;
        }
        answered.await.unwrap_or(Answer::No)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        Question::TryAgain {
            message: "permission denied".into(),
            hint: String::new(),
        }
    }

    #[tokio::test]
    async fn without_a_human_the_answer_is_no() {
        assert_eq!(Asker::nobody().ask(question()).await, Answer::No);
        let (asker, mut arriving) = Asker::new();
        let (answer, ()) = tokio::join!(asker.ask(question()), async {
            drop(arriving.recv().await.unwrap());
        });
        assert_eq!(answer, Answer::No);
    }

    #[tokio::test]
    async fn who_stops_waiting_withdraws_the_question() {
        let (asker, mut arriving) = Asker::new();
        let waiting = tokio::spawn(async move { asker.ask(question()).await });
        let mut taken = arriving.recv().await.unwrap();
        assert!(!taken.is_withdrawn());
        waiting.abort();
        taken.withdrawn().await;
        assert!(taken.is_withdrawn());
        taken.answer(Answer::Yes);
    }

    #[test]
    fn a_secret_is_not_printed() {
        let answer = Answer::Secrets(vec![Secret::new("hunter2".into())]);
        assert!(!format!("{answer:?}").contains("hunter2"));
    }
}
