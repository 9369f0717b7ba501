//! A program inside a managed session gives no orders, however it was started, and the record says that it tried.

use cm_tui::protocol::LogKind;
use rstest::rstest;

use super::stage::{Operator, Told, record};
use crate::lab::{AGENT, Lab};

/// In the pane's own shell, detached from its terminal, from its parents, and without its environment.
#[rstest]
#[case::plainly("{agent} status")]
#[case::in_another_session("setsid {agent} status")]
#[case::as_an_orphan("(sh -c 'setsid {agent} status &' )")]
#[case::without_environment("env -i XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR HOME=$HOME {agent} status")]
#[case::an_orphan_without_environment_on_the_terminal(
    "sh -c 'env -i XDG_RUNTIME_DIR=$XDG_RUNTIME_DIR HOME=$HOME {agent} status & sleep 0'"
)]
#[case::through_tmux("tmux run-shell '{agent} status'")]
#[tokio::test]
async fn it_is_refused_and_that_is_said(#[case] order: &str) {
    let lab = Lab::new();
    lab.start_agent();
    let mut operator = Operator::of(&lab).await;
    let mut client = lab.client();
    client.connected().await;
    let session = client
        .start("shell", None, "inside", &lab.path("work"))
        .await;
    client.watch(&session);
    let order = order.replace("{agent}", AGENT);
    let request = cm_tui::protocol::Request::SendKeys {
        session: session.clone(),
        bytes: format!("{order}; echo end''ed\r").into_bytes(),
    };
    client.ask(request).await;
    client.sees(&session, "ended").await;
    loop {
        if let Told::Line(line) = operator.hear().await
            && line.what == LogKind::Refused
        {
            break;
        }
    }
    lab.stop_agent();
    let record = record(&lab);
    let refused = r#""ended":{"refused":{"why":"an order from inside a session"}}"#;
    let is_there = |line: &str| line.contains(refused) && line.contains("a connection of cm-agent");
    assert!(record.lines().any(is_there), "{record}");
}
