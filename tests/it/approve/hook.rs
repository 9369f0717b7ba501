//! `cm-agent hook` when something is wrong: it says nothing and succeeds, so that the tool's own dialog decides.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::process::{Output, Stdio};

use cm_tui::domain::{Answer, Source};
use cm_tui::protocol::{Reply, Request};
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};

use super::stage::{Operator, agent, answer, heard, scripted, stage};
use crate::lab::Lab;

const EVENT: &str = r#"{"hook_event_name": "PermissionRequest", "session_id": "s", "cwd": "/", "tool_name": "Bash", "tool_input": {"command": "ls"}}"#;

fn call(lab: &Lab, event: &str) -> Output {
    let mut hook = agent(lab)
        .args(["hook", "claude-code"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Without a daemon it does not even read.
    let _unread = hook.stdin.take().unwrap().write_all(event.as_bytes());
    hook.wait_with_output().unwrap()
}

fn says_nothing(output: &Output) {
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn without_a_daemon_it_says_nothing() {
    says_nothing(&call(&Lab::new(), EVENT));
}

#[rstest]
#[case::no_session(EVENT)]
#[case::no_json("rm -rf")]
#[case::nothing("")]
#[case::no_event("{}")]
fn what_no_session_asks_is_left_to_the_tool(#[case] event: &str) {
    let lab = Lab::new();
    lab.start_agent();
    says_nothing(&call(&lab, event));
}

#[test]
fn a_daemon_that_stands_still_decides_nothing() {
    let lab = Lab::new();
    lab.start_agent();
    let daemon = Pid::from_raw(lab.agent_pid()).unwrap();
    kill_process(daemon, Signal::STOP).unwrap();
    says_nothing(&call(&lab, EVENT));
    kill_process(daemon, Signal::CONT).unwrap();
}

#[rstest]
#[case::hangs_up(b"")]
#[case::garbage(b"\x00\x00\x00\x04allowallowallowallow")]
#[case::endless(&[0xff; 4096])]
#[case::an_answer_of_its_own(br#"{"hookSpecificOutput":{"decision":{"behavior":"allow"}}}"#)]
fn whatever_else_answers_at_the_socket_decides_nothing(#[case] words: &'static [u8]) {
    let lab = Lab::new();
    let listener = UnixListener::bind(lab.paths.socket()).or_else(|_missing| {
        std::fs::create_dir_all(lab.paths.socket().parent().unwrap()).unwrap();
        UnixListener::bind(lab.paths.socket())
    });
    let listener = listener.unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        // It may be gone before all is said.
        let _unheard = stream.write_all(words);
        if !words.is_empty() {
            let _ended = stream.read_to_end(&mut Vec::new());
        }
    });
    says_nothing(&call(&lab, EVENT));
    server.join().unwrap();
}

#[tokio::test]
async fn a_person_answers_through_the_hook_to_the_letter() {
    let lab = stage();
    let mut operator = Operator::of(&lab).await;
    let dir = scripted(&lab, "one", "hook", 3);
    let session = operator.start(&dir).await;
    for (round, wanted) in [Answer::Yes, Answer::No, Answer::Yes]
        .into_iter()
        .enumerate()
    {
        let subject = format!("ls {round}");
        let is = |session: &cm_tui::domain::Session| {
            session.prompt.as_ref().is_some_and(|prompt| {
                prompt.subject == subject && prompt.evidence.contains(&Source::Hook)
            })
        };
        let prompt = operator.session(&session, is).await.prompt.unwrap();
        let reply = operator.ask(answer(&session, prompt.id, wanted)).await;
        assert_eq!(reply, Reply::Done);
    }
    operator
        .session(&session, |session| session.state.is_over())
        .await;
    let said: Vec<String> = heard(&dir).into_iter().map(|(_, said)| said).collect();
    assert_eq!(said, ["yes by hook", "no by hook", "yes by hook"]);
}

#[tokio::test]
async fn the_words_of_a_no_go_to_the_tool_and_into_the_record() {
    let lab = stage();
    let mut operator = Operator::of(&lab).await;
    let dir = scripted(&lab, "one", "hook", 1);
    let session = operator.start(&dir).await;
    let is = |session: &cm_tui::domain::Session| {
        let prompt = session.prompt.as_ref();
        prompt.is_some_and(|prompt| prompt.evidence.contains(&Source::Hook))
    };
    operator.session(&session, is).await;
    let run = |arguments: &[&str]| {
        let mut command = lab.command(env!("CARGO_BIN_EXE_cm-tui"));
        command.arg("--agent").arg(lab.path("cm-agent"));
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let said = run(&["deny", session.as_str(), "-m", " not that\n"]);
    assert!(said.starts_with("denied "), "{said}");
    operator
        .session(&session, |session| session.state.is_over())
        .await;
    let said = &heard(&dir)[0].1;
    assert!(said.contains("deny") && said.contains("not that"), "{said}");
    let told = run(&["history", "--json", "--decision", "deny"]);
    let told: serde_json::Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    assert_eq!(told["record"]["message"], "not that");
}

#[tokio::test]
async fn without_a_hook_the_key_answers_once_and_it_is_seen_what_came_of_it() {
    let lab = stage();
    let mut operator = Operator::of(&lab).await;
    let dir = scripted(&lab, "one", "keys", 2);
    let session = operator.start(&dir).await;
    for (subject, wanted) in [("ls 0", Answer::Yes), ("ls 1", Answer::No)] {
        let prompt = operator.prompt(&session, subject).await;
        let words = Request::AnswerPrompt {
            session: session.clone(),
            prompt: prompt.id,
            answer: Answer::No,
            message: "not that".into(),
        };
        let Reply::Failed(failure) = operator.ask(words).await else {
            panic!("words were taken")
        };
        assert_eq!(
            failure.message,
            "this prompt takes a key and no words; nothing was answered"
        );
        let reply = operator.ask(answer(&session, prompt.id, wanted)).await;
        assert_eq!(reply, Reply::Done);
        let again = operator.ask(answer(&session, prompt.id, wanted)).await;
        let Reply::Failed(failure) = again else {
            panic!("answered twice")
        };
        assert!(
            failure.message.starts_with("already decided: "),
            "{failure:?}"
        );
    }
    operator
        .session(&session, |session| session.state.is_over())
        .await;
    let said: Vec<String> = heard(&dir).into_iter().map(|(_, said)| said).collect();
    assert_eq!(said, ["yes by key", "no by key"]);
}
