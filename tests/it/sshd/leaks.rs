//! What failed and cancelled attempts leave behind: no task, no descriptor.

use std::process::Command;
use std::time::Duration;

use cm_tui::transport::asking::Asker;
use cm_tui::transport::ssh::Connection;
use cm_tui::transport::ssh::settings::{Route, Settings};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::lab::{PATIENCE, Sshd, run, settings};
use super::network::{Manners, peer};

const QUIET: &str = "CM_QUIET_PROCESS";

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Descriptors are counted for a whole process, so this needs one that does nothing else.
#[test]
fn failed_and_cancelled_attempts_leave_nothing() {
    let me = std::env::current_exe().unwrap();
    let mut quiet = Command::new(me);
    quiet.args([
        "--exact",
        "sshd::leaks::in_a_quiet_process",
        "--ignored",
        "--nocapture",
    ]);
    let said = run(quiet.env(QUIET, "1"));
    assert!(said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "counts the descriptors of its process: started by the test above"]
async fn in_a_quiet_process() {
    if std::env::var_os(QUIET).is_none() {
        return;
    }
    let sshd = Sshd::start(|_| {});
    let nothing = "/nowhere".as_ref();
    let silent = settings(peer(Manners::Says("")), nothing, nothing);
    let mute = settings(peer(Manners::Says("SSH-2.0-mute\r\n")), nothing, nothing);
    let behind = Settings {
        route: Route::Jump(vec![sshd.settings()]),
        ..mute.clone()
    };
    let by_command = Settings {
        route: Route::Command("sleep 1000".to_owned()),
        ..mute.clone()
    };
    let no_key = Settings {
        identity_files: Vec::new(),
        ..sshd.settings()
    };
    // What is made once (the signal handler for children, …) is made now.
    for settings in [&silent, &mute, &behind, &by_command, &no_key] {
        attempt(settings).await;
    }
    let tasks = Handle::current().metrics().num_alive_tasks();
    settle(tasks, usize::MAX).await;
    let before = (Handle::current().metrics().num_alive_tasks(), descriptors());
    for _ in 0..5 {
        for settings in [&silent, &mute, &behind, &by_command, &no_key] {
            attempt(settings).await;
        }
        let connection = Connection::open(&sshd.settings(), &Asker::nobody())
            .await
            .unwrap();
        let _exec = connection.exec("cat").await.unwrap();
        connection.cut();
    }
    settle(before.0, before.1).await;
}

/// Gives up in the middle, at different points.
async fn attempt(settings: &Settings) {
    let nobody = Asker::nobody();
    let opening = Connection::open(settings, &nobody);
    assert!(!matches!(
        timeout(Duration::from_millis(300), opening).await,
        Ok(Ok(_))
    ));
}

/// Waits until no more than this is left.
async fn settle(tasks: usize, most_descriptors: usize) {
    let settled = async {
        while Handle::current().metrics().num_alive_tasks() > tasks
            || descriptors() > most_descriptors
        {
            tokio::task::yield_now().await;
        }
    };
    let left = timeout(PATIENCE, settled).await;
    let metrics = Handle::current().metrics();
    assert!(
        left.is_ok(),
        "{} tasks, {} descriptors",
        metrics.num_alive_tasks(),
        descriptors()
    );
}
