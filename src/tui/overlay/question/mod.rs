//! A question of a host: its key, a password, whether to install the agent, whether to try again.
//!
//! Promises: no key answers what was not on screen, whole, for [`PROTECTED`] milliseconds without another key; a key is
//! trusted only when somebody types `yes` or its fingerprint; leaving is "no"; what is typed as a secret is wiped and never
//! drawn unless the host says that it may be.

mod draw;
mod words;

use crossterm::event::KeyEvent;

use super::{Command, Outcome, Scene};
use crate::domain::HostId;
use crate::transport::asking::{Answer, HostKeyQuestion, Question, SecretsQuestion};
use crate::tui::action::Action;
use crate::tui::clock::Moment;
use crate::tui::keymap::Context;
use crate::tui::questions::{QuestionId, Waiting};
use crate::tui::widget::{SecretInput, TooLong};

/// How long a question has to be on screen before a key answers it, in milliseconds, as with a tool's prompt. A key that
/// comes sooner was meant for something else, and so is the next one that follows it as fast.
pub const PROTECTED: u64 = 250;

#[derive(Debug)]
pub struct QuestionForm {
    id: QuestionId,
    host: HostId,
    question: Question,
    /// One for each field of secrets; one for the word that trusts a key.
    fields: Vec<SecretInput>,
    field: usize,
    /// What was wrong with the last try, if anything was.
    complaint: Option<String>,
    /// Since when it has been on screen without a key that came too early.
    seen: Option<Moment>,
    /// Whether the last frame showed all that has to be read.
    whole: bool,
}

impl QuestionForm {
    pub fn new(waiting: &Waiting) -> Self {
        let (fields, complaint) = match &waiting.question {
            Question::HostKey(_) => (vec![SecretInput::new(true)], None),
            Question::Secrets(secrets) => (
                secrets
                    .fields
                    .iter()
                    .map(|field| SecretInput::new(field.is_echoed))
                    .collect(),
                secrets.complaint.clone(),
            ),
            Question::Install(_) | Question::TryAgain { .. } => (Vec::new(), None),
        };
        Self {
            id: waiting.id,
            host: waiting.host.clone(),
            question: waiting.question.clone(),
            fields,
            field: 0,
            complaint,
            seen: None,
            whole: false,
        }
    }

    pub fn id(&self) -> QuestionId {
        self.id
    }

    pub fn host(&self) -> &HostId {
        &self.host
    }

    pub fn contexts(&self) -> &'static [Context] {
        match self.question {
            Question::HostKey(_) | Question::Secrets(_) => &[Context::Form],
            Question::Install(_) | Question::TryAgain { .. } => &[Context::Confirm],
        }
    }

    /// A frame with this form on top is on the terminal; `screen` is the terminal's area.
    pub fn painted(&mut self, screen: ratatui::layout::Rect, now: Moment) {
        self.whole = self.fits(self.area(screen));
        self.seen.get_or_insert(now);
    }

    /// A frame without it is on the terminal.
    pub fn hidden(&mut self) {
        self.seen = None;
    }

    /// Whether a key or a paste may act now; one that came too early begins the pause anew.
    fn is_heard(&mut self, now: Moment) -> bool {
        let heard = self.seen.is_some_and(|seen| now.since(seen) >= PROTECTED);
        if !heard && self.seen.is_some() {
            self.seen = Some(now);
        }
        heard
    }

    pub fn key(&mut self, key: KeyEvent, action: Option<Action>, scene: &Scene<'_>) -> Outcome {
        if !self.is_heard(scene.now) {
            return Outcome::Stay;
        }
        match action {
            Some(Action::Cancel | Action::ConfirmNo) => return self.answer(Answer::No),
            Some(Action::ConfirmYes) if self.whole => return self.answer(Answer::Yes),
            Some(Action::Accept | Action::AcceptAndAttach) => return self.accept(),
            Some(Action::NextField | Action::NextItem) => self.step(1),
            Some(Action::PreviousField | Action::PreviousItem) => {
                self.step(self.fields.len().saturating_sub(1));
            }
            _ => {
                if let Some(field) = self.fields.get_mut(self.field) {
                    field.key(key);
                    self.complaint = None;
                }
            }
        }
        Outcome::Stay
    }

    pub fn paste(&mut self, text: &str, scene: &Scene<'_>) {
        if !self.is_heard(scene.now) {
            return;
        }
        if let Some(field) = self.fields.get_mut(self.field) {
            self.complaint = match field.paste(text) {
                Ok(()) => None,
                Err(TooLong) => Some("not pasted: it is too long".to_owned()),
            };
        }
    }

    fn step(&mut self, by: usize) {
        if !self.fields.is_empty() {
            self.field = (self.field + by) % self.fields.len();
        }
    }

    fn answer(&self, answer: Answer) -> Outcome {
        Outcome::Do(Command::Answer {
            id: self.id,
            answer,
        })
    }

    fn accept(&mut self) -> Outcome {
        match &self.question {
            Question::HostKey(key) => {
                let refused = self.refusal(key);
                if refused.is_none() {
                    return self.answer(Answer::Yes);
                }
                self.complaint = refused;
            }
            Question::Secrets(secrets) => {
                if self.field + 1 < self.fields.len() {
                    self.field += 1;
                } else if self.is_empty_by_mistake(secrets) {
                    self.complaint = Some(NOTHING_TYPED.to_owned());
                } else {
                    let secrets = self.fields.iter_mut().map(SecretInput::take).collect();
                    return self.answer(Answer::Secrets(secrets));
                }
            }
            Question::Install(_) | Question::TryAgain { .. } => {}
        }
        Outcome::Stay
    }

    /// Why what is typed does not trust the key.
    fn refusal(&self, key: &HostKeyQuestion) -> Option<String> {
        let typed = self.fields.first().map_or("", SecretInput::text).trim();
        let words = if !self.whole {
            "not all of it can be read here: make the terminal larger"
        } else if typed == "yes" || typed == key.fingerprint {
            return None;
        } else if typed.starts_with("SHA256:") {
            "that is the fingerprint of another key: do not trust this one"
        } else {
            "type yes, or paste the fingerprint that you expect"
        };
        Some(words.to_owned())
    }

    /// An empty answer may be meant, but a wrong one counts as a failed login: it takes a second press.
    fn is_empty_by_mistake(&self, secrets: &SecretsQuestion) -> bool {
        !secrets.fields.is_empty()
            && self.fields.iter().all(SecretInput::is_empty)
            && self.complaint.as_deref() != Some(NOTHING_TYPED)
    }
}

const NOTHING_TYPED: &str = "nothing is typed; press again to send it empty";
