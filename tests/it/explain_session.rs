//! `cm-tui explain SESSION` against a real agent.

use std::process::Output;

use cm_tui::domain::{Explanation, SessionState};

use crate::lab::Lab;

const DASHBOARD: &str = env!("CARGO_BIN_EXE_cm-tui");

fn explain(lab: &Lab, arguments: &[&str]) -> Output {
    let mut command = lab.command(DASHBOARD);
    command.arg("explain").args(arguments);
    command.arg("--agent").arg(lab.path("cm-agent"));
    command.output().unwrap()
}

fn out(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Exit code, message and hint of what is refused.
fn refused(output: &Output) -> (Option<i32>, String) {
    assert!(output.stdout.is_empty());
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[tokio::test]
async fn a_session_is_explained_by_the_beginning_of_its_name_or_its_id() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let work = lab.path("work");
    let shop = client.start("demo", Some("asking"), "shop", &work).await;
    let session = client.in_state(&shop, "approval").await;

    let text = out(&explain(&lab, &["sh"]));
    let line = |label: &str| {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(label));
        lines.next().unwrap_or_default().trim().to_owned()
    };
    assert_eq!(line("session "), "shop", "{text}");
    assert_eq!(line("state "), "approval command", "{text}");
    assert_eq!(line("rule "), session.rule, "{text}");
    let subject = session.prompt.unwrap().subject;
    assert_eq!(line("subject "), subject, "{text}");
    assert!(text.contains("  screen  approval  command"), "{text}");

    let json = out(&explain(&lab, &[shop.as_str(), "--json"]));
    let told: Explanation = serde_json::from_str(&json).unwrap();
    assert_eq!(told.state, SessionState::Approval);
    assert_eq!((told.rule, told.subject), (session.rule, subject));
    assert_eq!(told.look.cols, session.cols);
}

#[tokio::test]
async fn a_name_that_means_no_session_or_several_is_refused_with_what_there_is() {
    let lab = Lab::new();
    lab.start_agent();
    let (code, said) = refused(&explain(&lab, &["shop"]));
    assert_eq!(code, Some(3));
    assert_eq!(
        said,
        "cm-tui: no session is called “shop”\nhint: there are no sessions\n"
    );

    let mut client = lab.client();
    client.connected().await;
    let work = lab.path("work");
    for name in ["shop", "shopping", "shopper"] {
        let id = client.start("shell", None, name, &work).await;
        client.session(&id, name, |_| true).await;
    }
    // What is called exactly so comes before what begins so.
    assert!(out(&explain(&lab, &["shop"])).starts_with("session   shop\n"));
    let (code, said) = refused(&explain(&lab, &["shopp"]));
    assert_eq!(code, Some(3));
    assert!(
        said.starts_with("cm-tui: 2 sessions are called “shopp…”\nhint: name one of:\n"),
        "{said}"
    );
    assert!(
        said.contains("  shopper ") && said.contains("  shopping "),
        "{said}"
    );
    assert!(!said.contains("  shop "), "{said}");
    let (code, said) = refused(&explain(&lab, &["api"]));
    assert_eq!(code, Some(3));
    assert!(said.contains("no session is called “api”"), "{said}");
    assert!(said.contains("  shop "), "{said}");
}

#[test]
fn the_agent_is_started_where_none_runs() {
    let lab = Lab::new();
    lab.tmux("mine", &["new-session", "-d", "-s", "work", "cat"]);
    let text = out(&explain(&lab, &["work"]));
    assert!(text.starts_with("session   work\n"), "{text}");
}
