//! A daemon that is killed while it decides: nothing is answered twice, and nothing that had an effect is missing in the
//! record.

use std::collections::HashSet;

use cm_tui::domain::Answer;
use cm_tui::protocol::{Reply, Request};
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::stage::{Operator, Told, answer, count, heard, record, scripted, stage, start};

/// One prompt after the other is agreed to, and the daemon killed at about that time. The full count is 1,000: `CM_KILLS`.
#[rstest]
#[case::hook("hook")]
#[case::keys("keys")]
#[tokio::test]
async fn a_killed_daemon_has_answered_once_or_not_at_all(#[case] way: &str) {
    let kills = count("CM_KILLS", 12);
    let lab = stage();
    let mut operator = Operator::of(&lab).await;
    let dir = scripted(&lab, "one", way, kills);
    let session = operator.start(&dir).await;
    let (mut random, mut daemon) = (7u64, None);
    let mut killed = HashSet::new();
    let mut answered = HashSet::new();
    let _listed = operator.send(Request::List).await;
    loop {
        let Some(told) = operator.try_hear().await else {
            // Its connections end a moment before its lock does.
            while daemon.is_some_and(|pid| test_kill_process(pid).is_ok()) {
                tokio::task::yield_now().await;
            }
            start(&lab);
            operator = Operator::of(&lab).await;
            answered.clear();
            continue;
        };
        let known = match told {
            Told::Session(known) => vec![*known],
            Told::Reply(_, Reply::Sessions(sessions)) => sessions,
            _ => continue,
        };
        let Some(known) = known.into_iter().find(|known| known.id == session) else {
            continue;
        };
        if known.state.is_over() {
            break;
        }
        let Some(prompt) = known.prompt.filter(|prompt| !prompt.choices.is_empty()) else {
            continue;
        };
        if !answered.insert(prompt.id) {
            continue;
        }
        if operator
            .try_send(answer(&session, prompt.id, Answer::Yes))
            .await
            .is_none()
        {
            continue;
        }
        // Once for each question, somewhere between its answer's coming and going.
        if killed.insert(prompt.subject) {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let spins = (random >> 33) % 400;
            for _ in 0..spins {
                tokio::task::yield_now().await;
                std::hint::black_box(rustix::process::getpid());
                let _read = std::fs::metadata(lab.paths.socket());
            }
            daemon = Pid::from_raw(lab.agent_pid());
            kill_process(daemon.unwrap(), Signal::KILL).unwrap();
        }
    }
    let got = heard(&dir);
    assert_eq!(got.len(), kills, "{got:?}");
    for (round, (command, said)) in got.iter().enumerate() {
        assert_eq!(*command, format!("ls {round}"));
        assert!(said.starts_with("yes by"), "{command}: {said}");
    }
    lab.stop_agent();
    let record = record(&lab);
    for (command, _) in &got {
        let subject = format!("\"subject\":\"{command}\"");
        let intent = |line: &str| line.contains(&subject) && line.contains("\"intent\"");
        assert!(record.lines().any(intent), "{command} is missing");
    }
    println!("{way}: {kills} kills, {} effects, none twice", got.len());
}
