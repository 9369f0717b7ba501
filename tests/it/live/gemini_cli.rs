//! Gemini CLI, from its start to its end.

use cm_tui::domain::Answer;

use super::tools::Tool;
use super::watched::{Watched, about};

const WORK: &str = "esc to cancel";

#[tokio::test]
#[ignore = "needs the real tools: CM_LIVE_TOOLS"]
async fn live_gemini_cli_is_told_state_by_state() {
    let mut gemini = Watched::new(Tool::GeminiCli, (120, 40)).await;
    gemini.start().await;
    let trust = gemini.reaches("approval", "Do you trust the files in this folder?").await;
    assert_eq!(about(&trust).0, "Trust");
    gemini.trusts().await;
    gemini.reaches("idle", "Type your message").await;

    gemini.task("HOLD: c1 ;; RUN: touch made ;; HOLD: c2 ;; SAY: Command done.").await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("c1");
    let asked = gemini.reaches("approval", "Allow execution of").await;
    assert_eq!(about(&asked), ("Command".into(), "touch made".into()));
    gemini.answer(Answer::Yes).await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("c2");
    gemini.reaches("idle", "Command done.").await;

    gemini.task("HOLD: e1 ;; EDIT: cart.py :: TAX = 2 :: TAX = 3 ;; HOLD: e2 ;; SAY: Edit done.").await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("e1");
    let asked = gemini.reaches("approval", "Apply this change?").await;
    assert_eq!(about(&asked).0, "Edit");
    gemini.answer(Answer::Yes).await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("e2");
    gemini.reaches("idle", "Edit done.").await;

    gemini.task("HOLD: w1 ;; WRITE: new.py :: x = 1 ;; HOLD: w2 ;; SAY: Create done.").await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("w1");
    let asked = gemini.reaches("approval", "Apply this change?").await;
    assert_eq!(about(&asked).0, "Create");
    gemini.answer(Answer::Yes).await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("w2");
    gemini.reaches("idle", "Create done.").await;

    // It takes a question mark for the key that shows its help.
    gemini.task("HOLD: q1 ;; ASK: Which database :: Postgres :: SQLite ;; HOLD: q2 ;; SAY: Question done.").await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("q1");
    gemini.reaches("question", "Enter to select").await;
    gemini.choose(b"\r").await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("q2");
    gemini.reaches("idle", "Question done.").await;

    gemini.task("HOLD: n1 ;; RUN: touch never").await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("n1");
    gemini.reaches("approval", "Allow execution of").await;
    gemini.choose(b"\x1b").await;
    gemini.is("idle").await;

    gemini.task("HOLD: i1 ;; SAY: Never said.").await;
    gemini.reaches("working", WORK).await;
    gemini.press(b"\x1b").await;
    gemini.is("idle").await;

    gemini.task("HOLD: f1 ;; FAIL: 400").await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("f1");
    gemini.reaches("error", "API Error").await;

    gemini.task("/quit").await;
    gemini.is("exited").await;
    gemini.report();
    println!("{:?}", gemini.story());
}
