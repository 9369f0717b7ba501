//! Codex, from its start to its end.

use cm_tui::domain::{Answer, PromptKind};

use super::tools::Tool;
use super::watched::Watched;

const WORK: &str = "esc to interrupt";
const COMMAND: &str = "Would you like to run the following command?";
const CHANGE: &str = "Would you like to make the following edits?";

const INTERRUPTED: &str = "Conversation interrupted";

/// From the first task on.
const TOLD: &str = "idle working approval working finished idle working approval working finished idle \
    working approval working finished idle working approval idle working idle working \
    question working finished idle working error";

#[tokio::test]
#[ignore = "needs the real tools: CM_LIVE_TOOLS"]
async fn live_codex_is_told_state_by_state() {
    let mut codex = Watched::new(Tool::Codex, (120, 40)).await;
    codex.start().await;
    codex.reaches("approval", "Trust this folder?").await;
    codex.asks(PromptKind::Trust, "").await;
    codex.trusts().await;
    // It offers another model; digits only move the mark.
    codex.reaches("question", "Meet GPT-6 Sol").await;
    codex.choose(b"\x1b[B\r").await;
    codex.reaches("idle", "›").await;

    codex
        .first_task("HOLD: c1 ;; ESCALATE: touch made ;; HOLD: c2 ;; SAY: Command done.")
        .await;
    codex.reaches("working", WORK).await;
    codex.model.lift("c1");
    codex.reaches("approval", COMMAND).await;
    codex.asks(PromptKind::Command, "touch made").await;
    codex.answer(Answer::Yes).await;
    codex.reaches("working", WORK).await;
    codex.model.lift("c2");
    codex.rests("finished", "• Command done.", WORK).await;

    codex
        .task("HOLD: e1 ;; EDIT: cart.py :: TAX = 2 :: TAX = 3 ;; HOLD: e2 ;; SAY: Edit done.")
        .await;
    codex.reaches("working", WORK).await;
    codex.model.lift("e1");
    codex.reaches("approval", CHANGE).await;
    codex.asks(PromptKind::Edit, "cart.py").await;
    codex.answer(Answer::Yes).await;
    codex.reaches("working", WORK).await;
    codex.model.lift("e2");
    codex.rests("finished", "• Edit done.", WORK).await;

    codex
        .task("HOLD: w1 ;; WRITE: new.py :: x = 1 ;; HOLD: w2 ;; SAY: Create done.")
        .await;
    codex.reaches("working", WORK).await;
    codex.model.lift("w1");
    codex.reaches("approval", CHANGE).await;
    codex.asks(PromptKind::Create, "new.py").await;
    codex.answer(Answer::Yes).await;
    codex.reaches("working", WORK).await;
    codex.model.lift("w2");
    codex.rests("finished", "• Create done.", WORK).await;

    codex.task("HOLD: n1 ;; ESCALATE: touch never").await;
    codex.reaches("working", WORK).await;
    codex.model.lift("n1");
    codex.reaches("approval", COMMAND).await;
    codex.choose(b"\x1b").await;
    codex.is("idle").await;

    codex
        .task("SAY: Begun. ;; HOLD: i1 ;; SAY: Never said.")
        .await;
    codex.reaches("working", "• Begun.").await;
    codex.press(b"\x1b").await;
    codex.rests("idle", INTERRUPTED, WORK).await;

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
    codex.rests("finished", "• Question done.", WORK).await;

    codex.task("HOLD: f1 ;; FAIL: 400").await;
    codex.reaches("working", WORK).await;
    codex.model.lift("f1");
    codex.rests("error", "The model fails", WORK).await;

    codex.has_told(TOLD);
    codex.press(b"\x03").await;
    codex.is("exited").await;
    codex.report();
}
