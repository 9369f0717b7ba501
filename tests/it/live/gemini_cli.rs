//! Gemini CLI, from its start to its end.

use cm_tui::domain::{Answer, PromptKind};

use super::tools::Tool;
use super::watched::Watched;

const WORK: &str = "esc to cancel";

const INTERRUPTED: &str = "Request cancelled";

/// From the first task on.
const TOLD: &str = "idle working approval working idle working approval working idle working approval \
    working idle working question working idle working approval idle working idle working \
    error";

#[tokio::test]
#[ignore = "needs the real tools: CM_LIVE_TOOLS"]
async fn live_gemini_cli_is_told_state_by_state() {
    let mut gemini = Watched::new(Tool::GeminiCli, (120, 40)).await;
    gemini.start().await;
    gemini
        .reaches("approval", "Do you trust the files in this folder?")
        .await;
    gemini.asks(PromptKind::Trust, "").await;
    gemini.choose(b"1").await;
    gemini.restarts().await;
    gemini.reaches("idle", "Type your message").await;

    gemini
        .first_task("HOLD: c1 ;; RUN: touch made ;; HOLD: c2 ;; SAY: Command done.")
        .await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("c1");
    gemini.reaches("approval", "Allow execution of").await;
    gemini.asks(PromptKind::Command, "touch made").await;
    gemini.answer(Answer::Yes).await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("c2");
    gemini.rests("idle", "✦ Command done.", WORK).await;

    gemini
        .task("HOLD: e1 ;; EDIT: cart.py :: TAX = 2 :: TAX = 3 ;; HOLD: e2 ;; SAY: Edit done.")
        .await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("e1");
    gemini.reaches("approval", "Apply this change?").await;
    gemini.asks(PromptKind::Edit, "cart.py").await;
    gemini.answer(Answer::Yes).await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("e2");
    gemini.rests("idle", "✦ Edit done.", WORK).await;

    gemini
        .task("HOLD: w1 ;; WRITE: new.py :: x = 1 ;; HOLD: w2 ;; SAY: Create done.")
        .await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("w1");
    gemini.reaches("approval", "Apply this change?").await;
    gemini.asks(PromptKind::Create, "new.py").await;
    gemini.answer(Answer::Yes).await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("w2");
    gemini.rests("idle", "✦ Create done.", WORK).await;

    // It takes a question mark for the key that shows its help.
    gemini.task("HOLD: q1 ;; ASK: Which database :: Postgres :: SQLite ;; HOLD: q2 ;; SAY: Question done.").await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("q1");
    gemini.reaches("question", "Enter to select").await;
    gemini.choose(b"\r").await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("q2");
    gemini.rests("idle", "✦ Question done.", WORK).await;

    gemini.task("HOLD: n1 ;; RUN: touch never").await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("n1");
    gemini.reaches("approval", "Allow execution of").await;
    gemini.choose(b"\x1b").await;
    gemini.is("idle").await;

    gemini
        .task("SAY: Begun. ;; HOLD: i1 ;; SAY: Never said.")
        .await;
    gemini.reaches("working", "✦ Begun.").await;
    gemini.press(b"\x1b").await;
    gemini.rests("idle", INTERRUPTED, WORK).await;

    gemini.task("HOLD: f1 ;; FAIL: 400").await;
    gemini.reaches("working", WORK).await;
    gemini.model.lift("f1");
    gemini.rests("error", "API Error", WORK).await;

    gemini.has_told(TOLD);
    gemini.task("/quit").await;
    gemini.is("exited").await;
    gemini.report();
}
