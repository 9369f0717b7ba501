//! The questions of hosts that wait for an answer: the model has their words, this has the way back.
//!
//! Promise: every question is answered once, or dropped, which says "no"; one whose asker is gone is told at once.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::fleet::{HostNotice, Notice};
use crate::transport::asking::{Answer, Asked};
use crate::tui::message::Msg;
use crate::tui::questions::QuestionId;

#[derive(Debug, Default)]
pub(super) struct Desk {
    asked: BTreeMap<QuestionId, Asked>,
    last: u64,
}

impl Desk {
    /// Makes a message of a notice, and keeps what only answers can be given to.
    pub(super) fn take(&mut self, notice: HostNotice) -> Msg {
        let HostNotice { host, notice } = notice;
        let Notice::Asked(asked) = notice else {
            return Msg::Notice(HostNotice { host, notice });
        };
        self.last += 1;
        let id = QuestionId(self.last);
        let question = asked.question.clone();
        self.asked.insert(id, asked);
        Msg::Asked { id, host, question }
    }

    pub(super) fn answer(&mut self, id: QuestionId, answer: Answer) {
        if let Some(asked) = self.asked.remove(&id) {
            asked.answer(answer);
        }
    }

    /// The next question whose asker is gone; never ends while all of them wait. Safe to cancel.
    pub(super) async fn withdrawn(&mut self) -> QuestionId {
        let id = poll_fn(|context| {
            for (id, asked) in &mut self.asked {
                if pin!(asked.withdrawn()).poll(context).is_ready() {
                    return Poll::Ready(*id);
                }
            }
            Poll::Pending
        })
        .await;
        self.asked.remove(&id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::HostId;
    use crate::transport::asking::{Asker, Question};

    fn notice(host: &str, asked: Asked) -> HostNotice {
        HostNotice {
            host: HostId::new(host),
            notice: Notice::Asked(asked),
        }
    }

    fn question(message: &str) -> Question {
        Question::TryAgain {
            message: message.to_owned(),
            hint: String::new(),
        }
    }

    /// A desk that holds the questions of two hosts, and the tasks that wait for the answers.
    async fn desk() -> (Desk, Vec<tokio::task::JoinHandle<Answer>>) {
        let (mut desk, mut waiting) = (Desk::default(), Vec::new());
        for host in ["gpu-1", "gpu-2"] {
            let (asker, mut arriving) = Asker::new();
            waiting.push(tokio::spawn(
                async move { asker.ask(question("denied")).await },
            ));
            let msg = desk.take(notice(host, arriving.recv().await.unwrap()));
            assert!(matches!(msg, Msg::Asked { host: of, .. } if of.as_str() == host));
        }
        (desk, waiting)
    }

    #[tokio::test]
    async fn an_answer_reaches_the_one_who_asked() {
        let (mut desk, mut waiting) = desk().await;
        desk.answer(QuestionId(2), Answer::Yes);
        assert_eq!(waiting.pop().unwrap().await.unwrap(), Answer::Yes);
        // Twice, and for a question that never was: nothing happens.
        desk.answer(QuestionId(2), Answer::No);
        desk.answer(QuestionId(9), Answer::Yes);
        drop(desk);
        assert_eq!(waiting.pop().unwrap().await.unwrap(), Answer::No);
    }

    #[tokio::test]
    async fn a_question_without_its_asker_is_told() {
        let (mut desk, waiting) = desk().await;
        waiting[1].abort();
        assert_eq!(desk.withdrawn().await, QuestionId(2));
        waiting[0].abort();
        assert_eq!(desk.withdrawn().await, QuestionId(1));
    }
}
