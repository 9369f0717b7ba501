//! Claude Code, from its start to its end.

use cm_tui::domain::{Answer, PromptKind};

use super::tools::Tool;
use super::watched::Watched;

/// Below the input while it works.
const WORK: &str = "esc to interrupt";
const COMMAND: &str = "Do you want to proceed?";

const INTERRUPTED: &str = "Interrupted";

/// From the first task on.
const TOLD: &str = "idle working approval working finished working approval working finished working \
    approval working finished working question working finished working approval idle \
    working idle working error";

#[tokio::test]
#[ignore = "needs the real tools: CM_LIVE_TOOLS"]
async fn live_claude_code_is_told_state_by_state() {
    let mut claude = Watched::new(Tool::ClaudeCode, (120, 40)).await;
    claude.start().await;
    claude.reaches("approval", "Accessing workspace:").await;
    claude.asks(PromptKind::Trust, "").await;
    claude.trusts().await;
    claude.reaches("idle", "manual mode on").await;

    claude
        .first_task("HOLD: c1 ;; RUN: touch made ;; HOLD: c2 ;; SAY: Command done.")
        .await;
    claude.reaches("working", WORK).await;
    claude.model.lift("c1");
    claude.reaches("approval", COMMAND).await;
    claude.asks(PromptKind::Command, "touch made").await;
    claude.answer(Answer::Yes).await;
    claude.reaches("working", WORK).await;
    claude.model.lift("c2");
    claude.rests("finished", "● Command done.", WORK).await;

    claude.task("HOLD: e1 ;; READ: cart.py ;; EDIT: cart.py :: TAX = 2 :: TAX = 3 ;; HOLD: e2 ;; SAY: Edit done.").await;
    claude.reaches("working", WORK).await;
    claude.model.lift("e1");
    claude
        .reaches("approval", "Do you want to make this edit to cart.py?")
        .await;
    claude.asks(PromptKind::Edit, "cart.py").await;
    claude.answer(Answer::Yes).await;
    claude.reaches("working", WORK).await;
    claude.model.lift("e2");
    claude.rests("finished", "● Edit done.", WORK).await;

    claude
        .task("HOLD: w1 ;; WRITE: new.py :: x = 1 ;; HOLD: w2 ;; SAY: Create done.")
        .await;
    claude.reaches("working", WORK).await;
    claude.model.lift("w1");
    claude
        .reaches("approval", "Do you want to create new.py?")
        .await;
    claude.asks(PromptKind::Create, "new.py").await;
    claude.answer(Answer::Yes).await;
    claude.reaches("working", WORK).await;
    claude.model.lift("w2");
    claude.rests("finished", "● Create done.", WORK).await;

    claude.task("HOLD: q1 ;; ASK: Which database? :: Postgres :: SQLite ;; HOLD: q2 ;; SAY: Question done.").await;
    claude.reaches("working", WORK).await;
    claude.model.lift("q1");
    claude.reaches("question", "Enter to select").await;
    claude.choose(b"1").await;
    claude.reaches("working", WORK).await;
    claude.model.lift("q2");
    claude.rests("finished", "● Question done.", WORK).await;

    // At a prompt and at work Esc ends the turn, of which its hooks say nothing.
    claude.task("HOLD: n1 ;; RUN: touch never").await;
    claude.reaches("working", WORK).await;
    claude.model.lift("n1");
    claude.reaches("approval", COMMAND).await;
    claude.choose(b"\x1b").await;
    claude.is("idle").await;

    claude
        .task("SAY: Begun. ;; HOLD: i1 ;; SAY: Never said.")
        .await;
    claude.reaches("working", "● Begun.").await;
    claude.press(b"\x1b").await;
    claude.rests("idle", INTERRUPTED, WORK).await;

    claude.task("HOLD: f1 ;; FAIL: 400").await;
    claude.reaches("working", WORK).await;
    claude.model.lift("f1");
    claude.rests("error", "API Error", WORK).await;

    claude.has_told(TOLD);
    claude.task("/exit").await;
    claude.is("exited").await;
    claude.report();
}
