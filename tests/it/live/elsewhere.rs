//! The real tools in panes of other sizes, and where nobody but tmux tells of them.

use cm_tui::domain::{Origin, PromptKind};
use rstest::rstest;

use super::tools::Tool;
use super::watched::Watched;

/// To a prompt and back to rest by Esc, of which hooks say nothing.
async fn asks_and_is_denied(tool: &mut Watched, name: Tool) {
    let run = if name == Tool::Codex {
        "ESCALATE"
    } else {
        "RUN"
    };
    tool.task(&format!("HOLD: n1 ;; {run}: touch never")).await;
    tool.is("working").await;
    tool.model.lift("n1");
    tool.is("approval").await;
    tool.asks(PromptKind::Command, "touch never").await;
    tool.choose(b"\x1b").await;
    tool.is("idle").await;
}

#[rstest]
#[tokio::test]
#[ignore = "needs the real tools: CM_LIVE_TOOLS"]
async fn live_tools_are_told_the_same_in_panes_of_any_size(
    #[values(Tool::ClaudeCode, Tool::Codex, Tool::GeminiCli)] name: Tool,
    #[values((60, 20), (80, 24), (160, 50))] size: (u16, u16),
) {
    let mut tool = Watched::new(name, size).await;
    tool.start().await;
    tool.settles().await;
    asks_and_is_denied(&mut tool, name).await;
}

/// Without hooks and without the proxy, under a shell, in a session that a person started.
#[rstest]
#[tokio::test]
#[ignore = "needs the real tools: CM_LIVE_TOOLS"]
async fn live_tools_under_a_shell_of_another_server_are_known(
    #[values(Tool::ClaudeCode, Tool::Codex, Tool::GeminiCli)] name: Tool,
) {
    let mut tool = Watched::new(name, (120, 40)).await;
    let program = tool.lab.path("bin").join(name.program());
    let wrapper = format!("sh -c '{}; echo over; read end'", program.display());
    let dir = tool.project.to_str().unwrap();
    let start = [
        "new-session",
        "-d",
        "-s",
        "mine",
        "-x",
        "120",
        "-y",
        "40",
        "-c",
        dir,
        &wrapper,
    ];
    tool.lab.tmux("others", &start);
    let found = tool.finds().await;
    assert_eq!(found.origin, Origin::Foreign("others".to_owned()));
    tool.watch(found.id);
    tool.settles().await;
    asks_and_is_denied(&mut tool, name).await;
}
