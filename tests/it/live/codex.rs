//! Codex, from its start to its end.

use cm_tui::domain::Answer;

use super::tools::Tool;
use super::watched::{Watched, about};

const WORK: &str = "esc to interrupt";
const COMMAND: &str = "Would you like to run the following command?";
const CHANGE: &str = "Would you like to make the following edits?";

#[tokio::test]
#[ignore = "needs the real tools: CM_LIVE_TOOLS"]
async fn live_codex_is_told_state_by_state() {
    let mut codex = Watched::new(Tool::Codex, (120, 40)).await;
    codex.start().await;
    let trust = codex.reaches("approval", "Trust this folder?").await;
    assert_eq!(about(&trust).0, "Trust");
    codex.trusts().await;
    codex.reaches("idle", "›").await;

    codex.task("HOLD: c1 ;; ESCALATE: touch made ;; HOLD: c2 ;; SAY: Command done.").await;
    codex.reaches("working", WORK).await;
    codex.model.lift("c1");
    let asked = codex.reaches("approval", COMMAND).await;
    assert_eq!(about(&asked), ("Command".into(), "touch made".into()));
    codex.answer(Answer::Yes).await;
    codex.reaches("working", WORK).await;
    codex.model.lift("c2");
    codex.reaches("finished", "Command done.").await;

    codex.task("HOLD: e1 ;; EDIT: cart.py :: TAX = 2 :: TAX = 3 ;; HOLD: e2 ;; SAY: Edit done.").await;
    codex.reaches("working", WORK).await;
    codex.model.lift("e1");
    let asked = codex.reaches("approval", CHANGE).await;
    assert_eq!(about(&asked).0, "Edit");
    codex.answer(Answer::Yes).await;
    codex.reaches("working", WORK).await;
    codex.model.lift("e2");
    codex.reaches("finished", "Edit done.").await;

    codex.task("HOLD: w1 ;; WRITE: new.py :: x = 1 ;; HOLD: w2 ;; SAY: Create done.").await;
    codex.reaches("working", WORK).await;
    codex.model.lift("w1");
    let asked = codex.reaches("approval", CHANGE).await;
    assert_eq!(about(&asked).0, "Create");
    codex.answer(Answer::Yes).await;
    codex.reaches("working", WORK).await;
    codex.model.lift("w2");
    codex.reaches("finished", "Create done.").await;

    codex.task("HOLD: n1 ;; ESCALATE: touch never").await;
    codex.reaches("working", WORK).await;
    codex.model.lift("n1");
    codex.reaches("approval", COMMAND).await;
    codex.choose(b"\x1b").await;
    codex.is("idle").await;

    codex.task("HOLD: i1 ;; SAY: Never said.").await;
    codex.reaches("working", WORK).await;
    codex.press(b"\x1b").await;
    codex.is("idle").await;

    codex.task("HOLD: f1 ;; FAIL: 400").await;
    codex.reaches("working", WORK).await;
    codex.model.lift("f1");
    codex.reaches("error", "The model fails").await;

    codex.press(b"/plan").await;
    codex.sees("/plan").await;
    codex.press(b"\r").await;
    codex.sees("Plan mode").await;
    codex.task("HOLD: q1 ;; ASK: Which database? :: Postgres :: SQLite ;; HOLD: q2 ;; SAY: Question done.").await;
    codex.reaches("working", WORK).await;
    codex.model.lift("q1");
    codex.reaches("question", "Which database?").await;
    codex.choose(b"\r").await;
    codex.reaches("working", WORK).await;
    codex.model.lift("q2");
    codex.reaches("finished", "Question done.").await;

    codex.press(b"\x03").await;
    codex.is("exited").await;
    codex.report();
    println!("{:?}", codex.story());
}
