//! From a bare host to an agent that greets, and every way to say no.

use std::path::PathBuf;
use tokio::sync::watch;

use cm_tui::fleet::deploy::launch::{LAUNCH, Launch};
use cm_tui::fleet::deploy::{DeployConfig, DeployError, Deployer, Install, Release};
use cm_tui::protocol::{NEWEST, Request};
use cm_tui::transport::asking::{Answer, Asker, Question};
use cm_tui::transport::{ask, connection};
use rstest::rstest;

use super::login::{Login, stand_in};
use crate::lab::AGENT;

fn config(login: &Login, install: Install) -> DeployConfig {
    let own_program = login.dir.path().join("own-agent");
    std::fs::write(&own_program, stand_in(&Release::ours().line(), 0)).unwrap();
    DeployConfig {
        host: "gpu-2".to_owned(),
        agent: None,
        install,
        own_program,
        agents_dir: None,
    }
}

/// Answers the questions that come, and returns them.
fn human(answer: Answer) -> (Asker, tokio::task::JoinHandle<Vec<Question>>) {
    let (asker, mut arriving) = Asker::new();
    let answering = tokio::spawn(async move {
        let mut questions = Vec::new();
        while let Some(asked) = arriving.recv().await {
            questions.push(asked.question.clone());
            asked.answer(answer.clone());
        }
        questions
    });
    (asker, answering)
}

#[tokio::test]
async fn a_yes_installs_once_and_for_all() {
    let login = Login::new("bash");
    let mut deployer = Deployer::new(config(&login, Install::Ask));
    let (asker, answering) = human(Answer::Yes);
    let new = deployer
        .prepare(&login, &asker, &watch::Sender::new(""))
        .await
        .unwrap();
    assert!(new.is_new && new.path.starts_with(login.cache().to_str().unwrap()));
    let again = deployer
        .prepare(&login, &asker, &watch::Sender::new(""))
        .await
        .unwrap();
    assert_eq!((again.is_new, &again.path), (false, &new.path));
    drop(asker);
    let questions = answering.await.unwrap();
    let [Question::Install(question)] = questions.as_slice() else {
        panic!("{questions:?}")
    };
    assert_eq!(question.path, new.path);
    assert_eq!(
        question.bytes,
        stand_in(&Release::ours().line(), 0).len() as u64
    );
    assert_eq!(
        (question.system.as_str(), &question.found),
        ("Linux x86_64", &None)
    );
}

#[tokio::test]
async fn a_no_is_remembered_and_says_what_to_type() {
    let login = Login::new("bash");
    login.agent(".cargo/bin/cm-agent", "cm-agent 0.0.1 (protocol 0 to 0)");
    let mut deployer = Deployer::new(config(&login, Install::Ask));
    let (asker, answering) = human(Answer::No);
    for _ in 0..2 {
        let error = deployer
            .prepare(&login, &asker, &watch::Sender::new(""))
            .await
            .unwrap_err();
        assert!(error.leaves_a_shell());
        let failure = error.failure();
        assert_eq!(
            failure.message,
            "no cm-agent on gpu-2 that we can talk to (cm-agent 0.0.1 (protocol 0 to 0)), and you chose not to install one"
        );
        assert_eq!(
            failure.hint,
            "on gpu-2: cargo install --path . --locked --no-default-features --bin cm-agent \
             (in a checkout of cm-tui); or start cm-tui again to be asked"
        );
    }
    drop(asker);
    assert_eq!(answering.await.unwrap().len(), 1);
    assert_eq!(login.files(), [""; 0]);
}

#[rstest]
#[case::never(Install::Never)]
#[case::no_human(Install::Ask)]
#[tokio::test]
async fn nothing_is_installed_unasked(#[case] install: Install) {
    let login = Login::new("bash");
    let mut deployer = Deployer::new(config(&login, install));
    let error = deployer
        .prepare(&login, &Asker::nobody(), &watch::Sender::new(""))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            DeployError::Forbidden { .. } | DeployError::Declined { .. }
        ),
        "{error}"
    );
    assert!(!login.home().join(".local").exists());
}

#[tokio::test]
async fn a_host_that_no_program_fits_is_told_before_anybody_is_asked() {
    let login = Login::new("bash");
    std::os::unix::fs::symlink("/bin/echo", login.dir.path().join("bin/uname")).unwrap();
    let mut deployer = Deployer::new(config(&login, Install::Ask));
    let (asker, answering) = human(Answer::Yes);
    let error = deployer
        .prepare(&login, &asker, &watch::Sender::new(""))
        .await
        .unwrap_err();
    drop(asker);
    assert_eq!(answering.await.unwrap(), []);
    assert_eq!(
        error.to_string(),
        format!(
            "no cm-agent on gpu-2, and there is none to install on -s -m: {} is for another system",
            login.dir.path().join("own-agent").display()
        )
    );
    assert!(error.hint().starts_with("on gpu-2: cargo install "));
}

#[tokio::test]
async fn our_own_agent_goes_there_and_greets() {
    let login = Login::new("bash").with_env("PATH", "/usr/bin:/bin");
    let mut config = config(&login, Install::Always);
    config.own_program = PathBuf::from(AGENT);
    let ready = Deployer::new(config)
        .prepare(&login, &Asker::nobody(), &watch::Sender::new(""))
        .await
        .unwrap();
    assert_eq!(ready.release, Release::ours());

    let launch = Launch::new("gpu-2", &ready.path).unwrap();
    let mut child = login
        .command(LAUNCH)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, &launch.head)
        .await
        .unwrap();
    let stdout = launch
        .skip("gpu-2", child.stdout.take().unwrap())
        .await
        .unwrap();
    let (welcome, reader, writer) = connection::greet((stdout, stdin), "test", None)
        .await
        .unwrap();
    assert_eq!(welcome.version, NEWEST);
    assert_eq!(welcome.home, login.home().display().to_string());
    drop((reader, writer));
    child.wait().await.unwrap();
    let socket = login.dir.path().join("run/cm-tui/agent.sock");
    let stream = cm_tui::transport::local::connect(&socket).await.unwrap();
    // It may be gone before it answers.
    let _stopped = ask(stream.into_split(), "test", Request::Stop).await;
}
