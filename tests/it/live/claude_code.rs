//! Claude Code, from its start to its end.

use cm_tui::domain::Answer;

use super::tools::Tool;
use super::watched::{Watched, about};

/// Below the input while it works.
const WORK: &str = "esc to interrupt";
const COMMAND: &str = "Do you want to proceed?";

#[tokio::test]
#[ignore = "needs the real tools: CM_LIVE_TOOLS"]
async fn live_claude_code_is_told_state_by_state() {
    let mut claude = Watched::new(Tool::ClaudeCode, (120, 40)).await;
    claude.start().await;
    let trust = claude.reaches("approval", "Accessing workspace:").await;
    assert_eq!(about(&trust).0, "Trust");
    claude.trusts().await;
    claude.reaches("idle", "manual mode on").await;

    claude.task("HOLD: c1 ;; RUN: touch made ;; HOLD: c2 ;; SAY: Command done.").await;
    claude.reaches("working", WORK).await;
    claude.model.lift("c1");
    let asked = claude.reaches("approval", COMMAND).await;
    assert_eq!(about(&asked), ("Command".into(), "touch made".into()));
    claude.answer(Answer::Yes).await;
    claude.reaches("working", WORK).await;
    claude.model.lift("c2");
    claude.reaches("finished", "Command done.").await;

    claude.task("HOLD: e1 ;; READ: cart.py ;; EDIT: cart.py :: TAX = 2 :: TAX = 3 ;; HOLD: e2 ;; SAY: Edit done.").await;
    claude.reaches("working", WORK).await;
    claude.model.lift("e1");
    let asked = claude.reaches("approval", "Do you want to make this edit to cart.py?").await;
    assert_eq!(about(&asked).0, "Edit");
    claude.answer(Answer::Yes).await;
    claude.reaches("working", WORK).await;
    claude.model.lift("e2");
    claude.reaches("finished", "Edit done.").await;

    claude.task("HOLD: w1 ;; WRITE: new.py :: x = 1 ;; HOLD: w2 ;; SAY: Create done.").await;
    claude.reaches("working", WORK).await;
    claude.model.lift("w1");
    let asked = claude.reaches("approval", "Do you want to create new.py?").await;
    assert_eq!(about(&asked).0, "Create");
    claude.answer(Answer::Yes).await;
    claude.reaches("working", WORK).await;
    claude.model.lift("w2");
    claude.reaches("finished", "Create done.").await;

    claude.task("HOLD: q1 ;; ASK: Which database? :: Postgres :: SQLite ;; HOLD: q2 ;; SAY: Question done.").await;
    claude.reaches("working", WORK).await;
    claude.model.lift("q1");
    claude.reaches("question", "Enter to select").await;
    claude.choose(b"1").await;
    claude.reaches("working", WORK).await;
    claude.model.lift("q2");
    claude.reaches("finished", "Question done.").await;

    // At a prompt and at work Esc ends the turn, of which its hooks say nothing.
    claude.task("HOLD: n1 ;; RUN: touch never").await;
    claude.reaches("working", WORK).await;
    claude.model.lift("n1");
    claude.reaches("approval", COMMAND).await;
    claude.choose(b"\x1b").await;
    claude.is("idle").await;

    claude.task("HOLD: i1 ;; SAY: Never said.").await;
    claude.reaches("working", WORK).await;
    claude.press(b"\x1b").await;
    claude.is("idle").await;

    claude.task("HOLD: f1 ;; FAIL: 400").await;
    claude.reaches("working", WORK).await;
    claude.model.lift("f1");
    claude.reaches("error", "API Error").await;

    claude.task("/exit").await;
    claude.is("exited").await;
    claude.report();
    println!("{:?}", claude.story());
}
