//! Agents of another age on a host over a real sshd: what its row says, and which of them gives way.

use std::os::unix::fs::PermissionsExt as _;

use cm_tui::config::SshTransport;
use cm_tui::fleet::deploy::Release;
use cm_tui::protocol::{FailureKind, NEWEST, OLDEST, Reply, Request};
use rstest::rstest;

use super::ssh::{Site, lost, paths, spec};
use crate::deploy::upgrading::Daemon;
use crate::lab::Client;

/// Where the only agent of the host is found.
#[derive(Clone, Copy, Debug)]
enum Found {
    ByItself,
    Configured,
}

fn release(version: &str, oldest: u16, newest: u16) -> Release {
    Release {
        version: version.into(),
        oldest,
        newest,
    }
}

const TOO_NEW: &str = "cm-agent 9.0.0 on lab is newer than this cm-tui: it speaks protocol 2 to 3, we 1 to 1\n\
                       hint: upgrade cm-tui here";

#[rstest]
#[case::older(
    release("0.0.1", 0, OLDEST - 1),
    Found::ByItself,
    "no cm-agent on lab that we can talk to (cm-agent 0.0.1 (protocol 0 to 0)), and none is to be installed\n\
     hint: on lab: cargo install --path . --locked --no-default-features --bin cm-agent (in a checkout of cm-tui); \
     or set install = \"ask\""
)]
#[case::newer(release("9.0.0", NEWEST + 1, NEWEST + 2), Found::ByItself, TOO_NEW)]
#[case::older_configured(
    release("0.0.1", 0, OLDEST - 1),
    Found::Configured,
    "the agent of lab cannot be used: HOME/.local/bin/cm-agent: it is too old: cm-agent 0.0.1 (protocol 0 to 0)\n\
     hint: correct the agent's path in the settings, or leave it out"
)]
#[case::newer_configured(release("9.0.0", NEWEST + 1, NEWEST + 2), Found::Configured, TOO_NEW)]
#[tokio::test]
async fn the_only_agent_of_a_host_is_of_another_age(
    #[case] release: Release,
    #[case] found: Found,
    #[case] row: &str,
) {
    let site = Site::new(|_| {});
    let program = site.path("home/.local/bin/cm-agent");
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    std::fs::write(&program, format!("#!/bin/sh\necho '{}'\n", release.line())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut config = site.config(SshTransport::Ssh);
    config.deploy.agent = match found {
        Found::ByItself => None,
        Found::Configured => Some(program.display().to_string()),
    };
    let mut client = Client::of(spec(config));
    // What works without an agent works.
    client.connected().await;
    let trouble = client
        .until("why", |state| state.hosts[0].trouble.clone())
        .await;
    let said = format!("{}\nhint: {}", trouble.message, trouble.hint);
    let home = site.path("home").display().to_string();
    assert_eq!(said.replace(&home, "HOME"), row);
    assert!(!site.path("home/.local/share/cm").exists());
}

#[tokio::test]
async fn a_running_agent_that_is_too_old_for_us_gives_way_to_the_one_beside_us() {
    let site = Site::new(|_| {});
    let old = tokio::spawn(Daemon::start(&paths(&site.sshd), (0, OLDEST - 1)).run());
    let mut client = site.client();
    client.connected().await;
    old.await.unwrap();
    assert_eq!(
        client.state.hosts[0].welcome.as_ref().unwrap().version,
        NEWEST
    );
    assert!(client.state.hosts[0].failure.is_none());
    assert!(matches!(
        client.ask(Request::Status).await,
        Reply::Status(_)
    ));
}

#[tokio::test]
async fn a_running_agent_that_is_too_new_for_us_stays_and_its_words_are_on_the_row() {
    let site = Site::new(|_| {});
    let daemon = Daemon::start(&paths(&site.sshd), (NEWEST + 1, NEWEST + 2));
    let newer = tokio::spawn(daemon.run());
    let mut client = site.client();
    let failure = lost(&mut client).await;
    assert_eq!(failure.kind, FailureKind::Unsupported);
    assert_eq!(
        failure.message,
        "cm-tui speaks protocol 1 to 1, cm-agent 2 to 3"
    );
    assert_eq!(failure.hint, "upgrade cm-tui; cm-agent is newer");
    assert!(!newer.is_finished());
    newer.abort();
}
