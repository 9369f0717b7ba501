//! Who answers the questions of a test.

use cm_tui::transport::asking::{Answer, Asker, Question, Secret};
use tokio::task::JoinHandle;

/// Answers with these, in their order, and then with “no”. The task ends with the asker and returns what was asked.
pub fn answers(answers: Vec<Answer>) -> (Asker, JoinHandle<Vec<Question>>) {
    let (asker, mut arriving) = Asker::new();
    let mut answers = answers.into_iter();
    let answering = tokio::spawn(async move {
        let mut questions = Vec::new();
        while let Some(asked) = arriving.recv().await {
            questions.push(asked.question.clone());
            asked.answer(answers.next().unwrap_or(Answer::No));
        }
        questions
    });
    (asker, answering)
}

pub fn secrets(texts: &[&str]) -> Answer {
    Answer::Secrets(
        texts
            .iter()
            .map(|text| Secret::new((*text).to_owned()))
            .collect(),
    )
}

/// Titles, labels and complaints of what was asked, a line for each question.
pub fn summary(questions: &[Question]) -> String {
    let mut lines = Vec::new();
    for question in questions {
        lines.push(match question {
            Question::Secrets(secrets) => {
                let fields: Vec<_> = secrets
                    .fields
                    .iter()
                    .map(|field| {
                        format!(
                            "{}{}",
                            field.label,
                            if field.is_echoed { " (shown)" } else { "" }
                        )
                    })
                    .collect();
                format!(
                    "{} [{}] {} {}",
                    secrets.title,
                    secrets.instructions,
                    fields.join(" | "),
                    secrets.complaint.as_deref().unwrap_or_default()
                )
            }
            other => format!("{other:?}"),
        });
    }
    lines.join("\n")
}
