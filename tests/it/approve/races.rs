//! Prompts that change while they are answered, and people who answer at once.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use cm_tui::domain::{Answer, PromptId, Session, SessionId, SessionState, Source};
use cm_tui::protocol::{FailureKind, Reply, Request};
use rstest::rstest;

use super::stage::{Operator, Told, answer, count, cue, heard, record, scripted, stage};

/// How many tools ask at the same time.
const TOOLS: usize = 4;

fn is_answerable(session: &Session, way: &str) -> Option<(PromptId, String)> {
    let prompt = session.prompt.as_ref()?;
    let through_hook = prompt.evidence.contains(&Source::Hook);
    let is = !prompt.choices.is_empty() && (way == "keys" || through_hook);
    is.then(|| (prompt.id, prompt.subject.clone()))
}

/// A harmless prompt is agreed to, and another command takes its place at about the same time; that one is refused. The
/// full count is 10,000: `CM_RACES`.
#[rstest]
#[case::hook("hook")]
#[case::keys("keys")]
#[tokio::test]
async fn what_was_not_shown_is_not_agreed_to(#[case] way: &str) {
    let rounds = count("CM_RACES", 48).div_ceil(TOOLS);
    let lab = stage();
    let mut operator = Operator::of(&lab).await;
    let mut dirs: HashMap<SessionId, PathBuf> = HashMap::new();
    for number in 0..TOOLS {
        let dir = scripted(&lab, &format!("{way}{number}"), way, rounds);
        dirs.insert(operator.start(&dir).await, dir);
    }
    let (mut answered, mut over) = (HashSet::new(), HashSet::new());
    // Any spread over 60 ms will do; this one is the same each time.
    let mut random = 1u64;
    let _listed = operator.send(Request::List).await;
    let mut unknown = 0;
    while over.len() < TOOLS {
        let told = match operator.hear().await {
            Told::Session(session) => vec![*session],
            Told::Reply(_, Reply::Sessions(sessions)) => sessions,
            Told::Reply(_, Reply::Failed(failure)) => {
                unknown += usize::from(failure.kind == FailureKind::Failed);
                continue;
            }
            _ => continue,
        };
        for session in told {
            if let SessionState::Exited { .. } = session.state {
                over.insert(session.id.clone());
            }
            let Some((prompt, subject)) = is_answerable(&session, way) else {
                continue;
            };
            if !answered.insert(prompt) {
                continue;
            }
            let is_harmless = subject.starts_with("ls ");
            if is_harmless {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                cue(&dirs[&session.id], (random >> 33) % 60_000);
            }
            let wanted = if is_harmless { Answer::Yes } else { Answer::No };
            operator.send(answer(&session.id, prompt, wanted)).await;
        }
    }
    let got: Vec<(String, String)> = dirs.values().flat_map(|dir| heard(dir)).collect();
    let is_wrong = |(command, said): &&(String, String)| {
        command.starts_with("rm") && said.starts_with("yes") || command == "stray"
    };
    let wrong: Vec<_> = got.iter().filter(is_wrong).collect();
    let swapped = got
        .iter()
        .filter(|(command, _)| command.starts_with("rm"))
        .count();
    let stray = wrong
        .iter()
        .filter(|(command, _)| command == "stray")
        .count();
    println!(
        "{way}: {} rounds, {swapped} swapped in time, {} wrong (of these {stray} after the prompt), {unknown} of unknown outcome",
        got.len(),
        wrong.len()
    );
    let by_hook = wrong
        .iter()
        .filter(|(_, said)| said.contains("hook"))
        .count();
    assert_eq!(by_hook, 0, "{wrong:?}");
    // A key can be late by what the tool has not read yet. That is a rate, which few rounds cannot tell.
    if got.len() >= 2_000 {
        assert!(wrong.len() * 200 <= got.len(), "{wrong:?}");
    }
    let whole = |(command, said): &(String, String)| {
        command == "stray" || said.starts_with("yes by") || said.starts_with("no by")
    };
    assert!(got.iter().all(whole), "{got:?}");
}

/// Two clients answer each prompt at the same time, with the opposite. The full count is 10,000: `CM_DUELS`.
#[tokio::test]
async fn of_two_opposite_answers_one_has_an_effect_and_both_are_recorded() {
    let rounds = count("CM_DUELS", 40).div_ceil(TOOLS);
    let lab = stage();
    let (mut one, mut other) = (Operator::of(&lab).await, Operator::of(&lab).await);
    let mut dirs: HashMap<SessionId, PathBuf> = HashMap::new();
    for number in 0..TOOLS {
        let dir = scripted(&lab, &format!("duel{number}"), "hook", rounds);
        dirs.insert(one.start(&dir).await, dir);
    }
    let _listed = one.send(Request::List).await;
    let (mut answered, mut over) = (HashSet::new(), HashSet::new());
    let (mut done, mut refused) = (HashSet::new(), HashMap::new());
    let mut asked: HashMap<(bool, u64), PromptId> = HashMap::new();
    while over.len() < TOOLS || done.len() + refused.len() < 2 * answered.len() {
        let (is_first, told) = tokio::select! {
            told = one.hear() => (true, told),
            told = other.hear() => (false, told),
        };
        let told = match told {
            Told::Session(session) if is_first => vec![*session],
            Told::Reply(_, Reply::Sessions(sessions)) => sessions,
            Told::Reply(id, reply) => {
                let prompt = asked[&(is_first, id)];
                match reply {
                    Reply::Done => assert!(done.insert((is_first, prompt))),
                    Reply::Failed(failure) => drop(refused.insert((is_first, prompt), failure)),
                    reply => panic!("{reply:?}"),
                }
                continue;
            }
            _ => continue,
        };
        for session in told {
            if let SessionState::Exited { .. } = session.state {
                over.insert(session.id.clone());
            }
            let Some((prompt, _)) = is_answerable(&session, "hook") else {
                continue;
            };
            if !answered.insert(prompt) {
                continue;
            }
            let (yes, no) = tokio::join!(
                one.send(answer(&session.id, prompt, Answer::Yes)),
                other.send(answer(&session.id, prompt, Answer::No)),
            );
            asked.insert((true, yes), prompt);
            asked.insert((false, no), prompt);
        }
    }
    let effects: Vec<(String, String)> = dirs.values().flat_map(|dir| heard(dir)).collect();
    assert_eq!(effects.len(), rounds * TOOLS);
    assert!(
        effects
            .iter()
            .all(|(_, said)| said == "yes by hook" || said == "no by hook"),
        "{effects:?}"
    );
    for prompt in &answered {
        let winners = [true, false].map(|one| done.contains(&(one, *prompt)));
        assert_eq!(winners.iter().filter(|won| **won).count(), 1, "{prompt:?}");
    }
    for failure in refused.values() {
        assert!(
            failure.message.starts_with("already decided: "),
            "{failure:?}"
        );
    }
    lab.stop_agent();
    // Each tool asked for the same commands.
    let mut recorded: HashMap<[String; 2], HashSet<String>> = HashMap::new();
    for line in record(&lab).lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let told = &line["record"]["decision"];
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        let asked = [text("dir"), text("subject")];
        recorded.entry(asked).or_default().insert(text("decision"));
    }
    for dir in dirs.values() {
        for (command, _) in heard(dir) {
            let asked = [dir.to_str().unwrap().to_owned(), command];
            let decisions = recorded.get(&asked);
            let both = ["allow", "deny"].map(str::to_owned).into();
            assert_eq!(decisions, Some(&both), "{asked:?}");
        }
    }
    println!("{} duels, one effect each", effects.len());
}
