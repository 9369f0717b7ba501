//! Answering a prompt: exactly the key of that one option, once, and only while the prompt that was shown stands.

use super::orders::no_session;
use super::{ClientId, Hub, HubMsg, tmux_failure};
use crate::agent::tmux::{Guard, PaneRef, Refusal, Sent, Tmux};
use crate::domain::{Answer, PromptId, SessionId};
use crate::protocol::{Failure, FailureKind, LogKind, Reply};

impl Hub {
    pub(super) fn answer(
        &mut self,
        client: ClientId,
        id: u64,
        session: SessionId,
        prompt: PromptId,
        answer: Answer,
    ) {
        match self.plan_answer(&session, prompt, answer) {
            Ok((keys, guard, pane, tmux)) => {
                if let Some(entry) = self.sessions.get_mut(&session) {
                    entry.answered = Some(prompt);
                }
                let hub = self.own.clone();
                tokio::spawn(async move {
                    let result = match tmux.send_guarded(&pane, &guard, keys.as_bytes()).await {
                        Ok(Sent::Sent) => Reply::Done,
                        Ok(Sent::Refused { why }) => Reply::Failed(refused(refusal_words(&why))),
                        Err(error) => Reply::Failed(tmux_failure(&error)),
                    };
                    let msg = HubMsg::PromptAnswered {
                        client,
                        id,
                        session,
                        prompt,
                        answer,
                        result,
                    };
                    // Without a hub the client is gone as well.
                    let _told = hub.send(msg).await;
                });
            }
            Err(failure) => self.fail(client, id, failure),
        }
    }

    /// The exact keys and what must hold when they are sent; anything uncertain is a refusal.
    fn plan_answer(
        &self,
        session: &SessionId,
        prompt: PromptId,
        answer: Answer,
    ) -> Result<(String, Guard, PaneRef, Tmux), Failure> {
        let (known, tmux) = self.find(session)?;
        let open = known.prompt.as_ref().filter(|open| open.id == prompt);
        let open = open.ok_or_else(|| refused("the prompt has changed; nothing was answered"))?;
        let entry = self.sessions.get(session).ok_or_else(no_session)?;
        if entry.answered == Some(prompt) {
            return Err(refused("this prompt is already being answered"));
        }
        let choice = open
            .choice(answer)
            .ok_or_else(|| refused("no key of this prompt means that for certain"))?;
        let guard = entry
            .guard()
            .ok_or_else(|| refused("the prompt cannot be found on the screen any more"))?;
        Ok((choice.keys.clone(), guard, known.pane.clone(), tmux))
    }

    pub(super) fn answered(
        &mut self,
        client: ClientId,
        id: u64,
        session: &SessionId,
        prompt: PromptId,
        answer: Answer,
        result: Reply,
    ) {
        if let Some(entry) = self.sessions.get_mut(session) {
            if matches!(result, Reply::Failed(_)) {
                // Nothing was sent, so it may be answered again.
                entry.answered = entry.answered.filter(|answered| *answered != prompt);
            } else {
                let word = match answer {
                    Answer::Yes => "yes",
                    Answer::No => "no",
                };
                let open = entry
                    .session
                    .prompt
                    .as_ref()
                    .filter(|open| open.id == prompt);
                let subject = open.map_or_else(String::new, |open| open.subject.clone());
                self.log(
                    session,
                    LogKind::Answered,
                    format!("{word}: {subject}")
                        .trim_end_matches(": ")
                        .to_owned(),
                );
            }
        }
        self.clients.reply(client, id, result);
    }
}

fn refused(message: impl Into<String>) -> Failure {
    Failure {
        kind: FailureKind::Refused,
        message: message.into(),
        hint: "look at the session and answer again".to_owned(),
    }
}

fn refusal_words(why: &Refusal) -> &'static str {
    match why {
        Refusal::OtherProcess => "another process runs in the pane now; nothing was sent",
        Refusal::Dead => "the program has ended; nothing was sent",
        Refusal::InMode => "somebody scrolls in the pane (copy mode); nothing was sent",
        Refusal::InputDiverted => "the pane's input is switched off or shared; nothing was sent",
        Refusal::OtherCommand => "another program is in the foreground; nothing was sent",
        Refusal::CursorMoved => "the screen has moved on; nothing was sent",
        Refusal::TextMissing(_) => "the prompt is no longer on the screen; nothing was sent",
    }
}
