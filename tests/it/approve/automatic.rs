//! Sessions that answer by themselves, and what makes them stop.

use cm_tui::domain::{Answer, Mode, Session, Source};
use cm_tui::protocol::{LogKind, Reply, Request};

use super::stage::{Operator, Told, answer, heard, record, scripted, stage};

fn was_stopped(words: &'static str) -> impl Fn(&Session) -> bool {
    move |session| session.auto.mode == Mode::Ask && session.auto.stopped.contains(words)
}

#[tokio::test]
async fn a_session_that_agrees_to_everything_says_so_and_keeps_a_record() {
    let lab = stage();
    let mut operator = Operator::of(&lab).await;
    let dir = scripted(&lab, "one", "hook", 3);
    let session = operator.start(&dir).await;
    assert_eq!(operator.set(&session, Mode::Yes).await, Reply::Done);
    let told = operator
        .session(&session, |session| session.auto.mode == Mode::Yes)
        .await;
    assert!(told.auto.until.is_some());
    let mut lines = Vec::new();
    loop {
        match operator.hear().await {
            Told::Line(line) if line.what == LogKind::AutoConfirmed => lines.push(line.detail),
            Told::Session(told) if told.id == session && told.state.is_over() => break,
            _ => {}
        }
    }
    let said: Vec<String> = heard(&dir).into_iter().map(|(_, said)| said).collect();
    assert_eq!(said, ["yes by hook"; 3]);
    assert_eq!(lines.first().unwrap(), "yes by rule yes mode: ls 0");
    lab.stop_agent();
    let record = record(&lab);
    for round in 0..3 {
        let subject = format!("\"subject\":\"ls {round}\"");
        let told: Vec<&str> = record
            .lines()
            .filter(|line| line.contains(&subject))
            .collect();
        assert!(told[0].contains("\"intent\""), "{told:?}");
        assert!(told[0].contains("yes mode"), "{told:?}");
    }
}

#[tokio::test]
async fn whoever_looks_is_first_and_a_person_always_wins() {
    let lab = stage();
    let mut operator = Operator::of(&lab).await;
    let dir = scripted(&lab, "one", "hook", 1);
    let session = operator.start(&dir).await;
    operator
        .ask(Request::Watch {
            session: session.clone(),
        })
        .await;
    assert_eq!(operator.set(&session, Mode::Yes).await, Reply::Done);
    let is_about_to = |session: &Session| {
        let prompt = session.prompt.as_ref();
        prompt.is_some_and(|prompt| {
            let advice = prompt.advice.as_ref();
            prompt.evidence.contains(&Source::Hook)
                && advice.is_some_and(|advice| advice.answers_at.is_some())
        })
    };
    let prompt = operator
        .session(&session, is_about_to)
        .await
        .prompt
        .unwrap();
    let reply = operator.ask(answer(&session, prompt.id, Answer::No)).await;
    assert_eq!(reply, Reply::Done);
    operator
        .session(&session, |session| session.state.is_over())
        .await;
    assert_eq!(heard(&dir), [("ls 0".to_owned(), "no by hook".to_owned())]);
}

#[tokio::test]
async fn a_rule_that_a_person_adds_answers_from_then_on() {
    let lab = stage();
    let mut operator = Operator::of(&lab).await;
    let dir = scripted(&lab, "one", "hook", 2);
    for file in ["0", "1"] {
        std::fs::write(dir.join(file), "").unwrap();
    }
    std::fs::write(
        lab.paths.config_dir.join("policy.toml"),
        "shipped = false\n",
    )
    .unwrap();
    let session = operator.start(&dir).await;
    let is_judged = |session: &Session| {
        let prompt = session.prompt.as_ref();
        prompt.is_some_and(|prompt| {
            let advice = prompt.advice.as_ref();
            prompt.evidence.contains(&Source::Hook)
                && advice.is_some_and(|advice| advice.why.contains("no rule"))
        })
    };
    let prompt = operator.session(&session, is_judged).await.prompt.unwrap();
    let suggest = Request::SuggestRule {
        session: session.clone(),
        prompt: prompt.id,
    };
    let Reply::Rule(Some(rule)) = operator.ask(suggest).await else {
        panic!("no rule")
    };
    let nonsense = Request::AddRule {
        text: "[[rule]]\nname = 1".into(),
    };
    assert!(matches!(operator.ask(nonsense).await, Reply::Failed(_)));
    assert_eq!(operator.set(&session, Mode::Policy).await, Reply::Done);
    let add = Request::AddRule { text: rule };
    assert_eq!(operator.ask(add).await, Reply::Done);
    // The first one is answered by the new rule, without a person; it is not about the second.
    let prompt = operator.prompt(&session, "ls 1").await;
    let reply = operator.ask(answer(&session, prompt.id, Answer::No)).await;
    assert_eq!(reply, Reply::Done);
    let said = heard_all(&mut operator, &session, &dir).await;
    assert_eq!(said[0], "yes by hook");
    assert!(said[1].starts_with("no by"), "{said:?}");
}

#[tokio::test]
async fn a_policy_that_changes_or_does_not_load_switches_off() {
    let lab = stage();
    let mut operator = Operator::of(&lab).await;
    let dir = scripted(&lab, "one", "keys", 1);
    let session = operator.start(&dir).await;
    operator.prompt(&session, "ls 0").await;
    assert_eq!(operator.set(&session, Mode::Policy).await, Reply::Done);
    std::fs::write(lab.paths.config_dir.join("policy.toml"), "# changed\n").unwrap();
    operator
        .session(&session, was_stopped("the policy was changed on disk"))
        .await;
}

#[tokio::test]
async fn a_context_that_is_made_and_its_rules_count_at_once() {
    let lab = stage();
    let mut operator = Operator::of(&lab).await;
    let dir = scripted(&lab, "one", "hook", 1);
    let session = operator.start(&dir).await;
    let rules = lab.paths.home.join("rules-of-contexts");
    std::fs::create_dir(&rules).unwrap();
    let says = |why: &str| {
        let rule = format!(
            "[[rule]]\nname = 'no-ls'\nverdict = 'deny'\nwhy = '{why}'\nprogram = 'ls'\nmatch = ['ls']\n"
        );
        std::fs::write(rules.join("shop.toml"), rule).unwrap();
    };
    let is_judged = |words: &'static str| {
        move |session: &Session| {
            let prompt = session.prompt.as_ref();
            let advice = prompt.and_then(|prompt| prompt.advice.as_ref());
            advice.is_some_and(|advice| advice.why == words)
        }
    };
    says("not in the shop");
    let settings = format!(
        "[contexts.shop]\ndir = '{}'\npolicy = '{}/shop.toml'\n",
        dir.display(),
        rules.display()
    );
    std::fs::write(lab.paths.config_file(), settings).unwrap();
    operator
        .session(&session, is_judged("not in the shop"))
        .await;
    says("never in the shop");
    let judged = operator
        .session(&session, is_judged("never in the shop"))
        .await;
    let prompt = judged.prompt.unwrap();
    let reply = operator.ask(answer(&session, prompt.id, Answer::No)).await;
    assert_eq!(reply, Reply::Done);
}

#[tokio::test]
async fn noes_of_people_in_a_row_switch_off_and_a_screen_alone_is_never_enough() {
    let lab = stage();
    let mut operator = Operator::of(&lab).await;
    let dir = scripted(&lab, "one", "keys", 3);
    let session = operator.start(&dir).await;
    operator.prompt(&session, "ls 0").await;
    assert_eq!(operator.set(&session, Mode::Yes).await, Reply::Done);
    for round in 0..3 {
        let prompt = operator.prompt(&session, &format!("ls {round}")).await;
        let reply = operator.ask(answer(&session, prompt.id, Answer::No)).await;
        assert_eq!(reply, Reply::Done);
    }
    operator.session(&session, was_stopped("3 noes")).await;
    assert!(
        heard_all(&mut operator, &session, &dir)
            .await
            .iter()
            .all(|said| said == "no by key")
    );
}

#[tokio::test]
async fn with_its_own_switch_two_sources_are_enough_for_a_key() {
    let lab = stage();
    let mut operator = Operator::of(&lab).await;
    let dir = scripted(&lab, "one", "keys", 2);
    let session = operator.start(&dir).await;
    let request = Request::SetMode {
        session: session.clone(),
        mode: Mode::Yes,
        screen: true,
        dry_run: false,
        hours: Some(1),
    };
    assert_eq!(operator.ask(request).await, Reply::Done);
    assert_eq!(
        heard_all(&mut operator, &session, &dir).await,
        ["yes by key"; 2]
    );
}

#[tokio::test]
async fn what_its_hook_asks_is_never_typed_as_well() {
    let lab = stage();
    let mut operator = Operator::of(&lab).await;
    let dir = scripted(&lab, "one", "hook", 4);
    let session = operator.start(&dir).await;
    let is_asked = |session: &Session| {
        let prompt = session.prompt.as_ref();
        prompt.is_some_and(|prompt| prompt.evidence.contains(&Source::Hook))
    };
    // By then it is known that it calls its hook.
    operator.session(&session, is_asked).await;
    let request = Request::SetMode {
        session: session.clone(),
        mode: Mode::Yes,
        screen: true,
        dry_run: false,
        hours: None,
    };
    assert_eq!(operator.ask(request).await, Reply::Done);
    assert_eq!(
        heard_all(&mut operator, &session, &dir).await,
        ["yes by hook"; 4]
    );
    lab.stop_agent();
    assert!(!record(&lab).contains("\"way\":\"keys\""));
}

#[tokio::test]
async fn a_rehearsal_only_says_what_it_would_have_answered() {
    let lab = stage();
    let mut operator = Operator::of(&lab).await;
    let dir = scripted(&lab, "one", "hook", 1);
    let session = operator.start(&dir).await;
    let request = Request::SetMode {
        session: session.clone(),
        mode: Mode::Yes,
        screen: false,
        dry_run: true,
        hours: None,
    };
    assert_eq!(operator.ask(request).await, Reply::Done);
    loop {
        if let Told::Line(line) = operator.hear().await
            && line.what == LogKind::AutoConfirmed
        {
            assert_eq!(line.detail, "dry run: yes by rule yes mode: ls 0");
            break;
        }
    }
    let prompt = operator.prompt(&session, "ls 0").await;
    assert_eq!(
        operator.ask(answer(&session, prompt.id, Answer::No)).await,
        Reply::Done
    );
    let said = heard_all(&mut operator, &session, &dir).await;
    assert!(said[0].starts_with("no by"), "{said:?}");
}

async fn heard_all(
    operator: &mut Operator,
    session: &cm_tui::domain::SessionId,
    dir: &std::path::Path,
) -> Vec<String> {
    operator
        .session(session, |session| session.state.is_over())
        .await;
    heard(dir).into_iter().map(|(_, said)| said).collect()
}
