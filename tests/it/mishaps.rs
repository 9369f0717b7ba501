//! Single mishaps, each of which once cost the client the truth: the daemon with real tmux servers.

use cm_tui::domain::{HostId, Session};
use cm_tui::protocol::{Reply, Request};

use crate::lab::{Client, Lab};

/// A session of the user that runs a shell, watched.
async fn watched_shell(lab: &Lab, client: &mut Client) -> Session {
    lab.tmux(
        "mine",
        &[
            "new-session",
            "-d",
            "-s",
            "work",
            "-x",
            "90",
            "-y",
            "20",
            "exec sh",
        ],
    );
    let session = client.named("work").await;
    client.watch(&session.id);
    client.sees(&session.id, "#").await;
    session
}

fn types(lab: &Lab, line: &str) {
    lab.tmux("mine", &["send-keys", "-t", "work", line, "Enter"]);
}

#[tokio::test]
async fn a_pipe_that_somebody_closes_is_opened_again() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    let session = watched_shell(&lab, &mut client).await;
    lab.tmux("mine", &["pipe-pane", "-t", "work"]);
    types(&lab, "echo after-$((40+2))");
    client.sees(&session.id, "after-42").await;
}

#[tokio::test]
async fn a_pipe_that_the_user_puts_in_place_of_ours_is_left_alone_until_it_ends() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    let session = watched_shell(&lab, &mut client).await;
    lab.tmux("mine", &["pipe-pane", "-t", "work", "cat >> copy"]);
    client
        .session(&session.id, "the pipe", |session| {
            session.rule.contains("piped to another program")
        })
        .await;
    // Another program in front makes no difference, and the agent still answers.
    types(&lab, "exec sleep 1000");
    lab.tmux(
        "mine",
        &["select-pane", "-t", "work", "-T", "another title"],
    );
    lab.tmux("mine", &["new-session", "-d", "-s", "witness", "cat"]);
    client.named("witness").await;
    client.ask(Request::Ping).await;
    assert_eq!(
        lab.tmux(
            "mine",
            &["display-message", "-p", "-t", "work", "#{pane_pipe}"]
        ),
        "1\n"
    );
    assert!(
        std::fs::read_to_string(lab.path("work/copy"))
            .unwrap()
            .contains("sleep 1000")
    );
    lab.tmux("mine", &["pipe-pane", "-t", "work"]);
    client.sees(&session.id, "exec sleep 1000").await;
}

#[tokio::test]
async fn keys_for_a_pane_in_copy_mode_reach_the_program_and_ask_nobody() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    let session = watched_shell(&lab, &mut client).await;
    lab.tmux("mine", &["copy-mode", "-t", "work"]);
    // In copy mode `t` asks which character to jump to.
    let keys = Request::SendKeys {
        session: session.id.clone(),
        bytes: b"test; echo to-$((40+2))\r".to_vec(),
    };
    assert_eq!(client.ask(keys).await, Reply::Done);
    client.sees(&session.id, "to-42").await;
    lab.tmux("mine", &["rename-session", "-t", "work", "renamed"]);
    client.named("renamed").await;
}

#[tokio::test]
async fn a_full_screen_program_may_be_resized() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    let session = watched_shell(&lab, &mut client).await;
    types(&lab, "printf '\\033[?1049h%s' full-screen");
    client.sees(&session.id, "full-screen").await;
    lab.tmux(
        "mine",
        &["resize-window", "-t", "work", "-x", "90", "-y", "40"],
    );
    client
        .session(&session.id, "the size", |session| session.rows == 40)
        .await;
    types(&lab, "echo larger-$((40+2))");
    client.sees(&session.id, "larger-42").await;
    let rows = |state: &cm_tui::fleet::FleetState| {
        state
            .screen(&HostId::local(), &session.id)
            .map(|m| m.screen().size().rows)
    };
    client
        .until("the larger screen", |state| {
            (rows(state) == Some(40)).then_some(())
        })
        .await;
    lab.tmux("mine", &["rename-session", "-t", "work", "renamed"]);
    client.named("renamed").await;
}

#[tokio::test]
async fn a_folder_called_like_our_own_session_can_be_worked_in() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let id = client
        .start("shell", None, "cm-agent", &lab.path("work"))
        .await;
    client
        .session(&id, "the session", |session| session.name == "cm-agent-2")
        .await;
}

#[tokio::test]
async fn a_program_that_stops_in_the_middle_of_a_synchronized_update_stops_nobody_else() {
    let lab = Lab::new();
    lab.start_agent();
    let mut client = lab.client();
    let session = watched_shell(&lab, &mut client).await;
    types(&lab, "printf '\\033[?2026hhalf-%s' done; sleep 1000");
    client.sees(&session.id, "half-done").await;
    lab.tmux("mine", &["new-session", "-d", "-s", "witness", "cat"]);
    client.named("witness").await;
}
