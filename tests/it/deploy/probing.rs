//! Looking at a host through every login shell there is, however chatty.

use cm_tui::fleet::deploy::launch::{LAUNCH, Launch};
use cm_tui::fleet::deploy::probe::{PROBE, probe};
use cm_tui::fleet::deploy::upload::UPLOAD;
use cm_tui::fleet::deploy::{Release, Shell as _};
use cm_tui::fleet::{agentless, deploy::Limits};
use rstest::rstest;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;

use super::login::Login;

/// What a login shell prints besides what it is told to.
#[derive(Clone, Copy, Debug)]
enum Noise {
    None,
    /// From its start-up files.
    StartUp,
    /// Before and after the command, without line ends.
    Around,
}

const AROUND: &str = "printf 'Welcome\nto this host'; \"$@\"; printf bye; exit 0";

fn login(shell: &str, noise: Noise) -> Login {
    let login = Login::new(shell);
    match noise {
        Noise::None => login,
        Noise::StartUp => {
            let print = "echo from the start-up file; printf 'no line end'\n";
            for name in [
                ".zshenv",
                ".config/fish/config.fish",
                ".tcshrc",
                ".bash_env",
            ] {
                login.write(name, print);
            }
            let bash_env = login.home().join(".bash_env").display().to_string();
            login.with_env("BASH_ENV", &bash_env)
        }
        Noise::Around => {
            let mut words = vec!["dash", "-c", AROUND, "dash"];
            words.extend(shell.split(' '));
            login.with_shell(&words)
        }
    }
}

#[rstest]
#[tokio::test]
async fn every_login_shell_tells_what_is_on_the_host(
    #[values("bash", "dash", "zsh", "fish", "tcsh", "ksh", "busybox sh")] shell: &str,
    #[values(Noise::None, Noise::StartUp, Noise::Around)] noise: Noise,
) {
    let login = login(shell, noise);
    let ours = Release::ours();
    let configured = login.agent("my tools/cm-agent", &ours.line());
    let old = login.agent(".cargo/bin/cm-agent", "cm-agent 0.0.1 (protocol 0 to 0)");
    let odd = login.agent(".local/bin/cm-agent", "hello");
    let cached = login.agent(
        ".local/share/cm/agent/1-0.1.0-0123456789ab/cm-agent",
        &ours.line(),
    );
    let probe = probe(&login, "gpu-2", Some("~/my tools/cm-agent"))
        .await
        .unwrap();
    assert_eq!(probe.home, login.home().display().to_string());
    assert_eq!(probe.platform().machine, std::env::consts::ARCH);
    assert!(probe.has_sum && probe.free.is_some());
    let (_, tmux) = probe.tmux.unwrap();
    assert!(tmux.starts_with("tmux "), "{tmux}");
    let found: Vec<_> = probe
        .candidates
        .into_iter()
        .map(|found| (found.path, found.is_configured, found.release))
        .collect();
    let text = |path: std::path::PathBuf| path.display().to_string();
    let oldest = Release::parse("cm-agent 0.0.1 (protocol 0 to 0)").unwrap();
    assert_eq!(
        found,
        [
            (text(configured), true, Ok(ours.clone())),
            (text(old), false, Ok(oldest)),
            (text(odd), false, Err("hello".to_owned())),
            (text(cached), false, Ok(ours)),
        ]
    );
}

#[rstest]
#[tokio::test]
async fn every_login_shell_starts_the_agent_and_not_a_byte_is_lost(
    #[values("bash", "dash", "zsh", "fish", "tcsh", "ksh", "busybox sh")] shell: &str,
    #[values(Noise::None, Noise::StartUp)] noise: Noise,
) {
    let login = login(shell, noise);
    let agent = login.agent("it's an \"agent\"!/cm-agent", "");
    let launch = Launch::new("gpu-2", agent.to_str().unwrap()).unwrap();
    let limits = Limits {
        output: 1 << 16,
        deadline: Duration::from_secs(30),
    };
    let stdin = [launch.head.as_slice(), b"\x00\xffbytes\n"].concat();
    let ran = login.run(LAUNCH, stdin, limits).await.unwrap();
    let mut rest = Vec::new();
    let mut stdout = launch.skip("gpu-2", ran.stdout.as_slice()).await.unwrap();
    stdout.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"agent speaks\n\x00\xffbytes\n");
}

/// One line between single quotes that needs nothing of the shell around it.
#[rstest]
#[case::probe(PROBE)]
#[case::upload(UPLOAD)]
#[case::launch(LAUNCH)]
#[case::list(agentless::LIST)]
#[case::view(agentless::VIEW)]
#[case::kill(agentless::KILL)]
#[case::attach(agentless::ATTACH)]
fn commands_are_quoted_for_every_shell(#[case] command: &str) {
    let script = command
        .strip_prefix("exec sh -c '")
        .and_then(|rest| rest.strip_suffix('\''))
        .unwrap();
    // csh expands "!" everywhere, fish "\\" and "\'" between single quotes; old csh takes no more than 4 KiB.
    assert!(!script.contains(['\'', '!', '\n', '\t']), "{script}");
    let escapes: Vec<_> = script
        .split('\\')
        .skip(1)
        .map(|rest| rest.chars().next().unwrap())
        .filter(|escaped| *escaped != 'n')
        .collect();
    assert!(escapes.is_empty(), "{escapes:?}");
    assert!(script.len() < 4096 && script.is_ascii());
}

#[rstest]
#[case::refuses(
    &["false"],
    "the login shell of gpu-2 does not run commands (exit 1)"
)]
#[case::says_why(
    &["dash", "-c", "echo This account is currently not available.; exit 1", "nologin"],
    "the login shell of gpu-2 does not run commands (exit 1): This account is currently not available."
)]
#[case::forced_command(
    &["dash", "-c", "cat >/dev/null; printf '\\033[31mbackup\\007 only\\n'", "forced"],
    "the login shell of gpu-2 does not run commands (exit 0): ·[31mbackup· only"
)]
#[case::prints_for_ever(
    &["dash", "-c", "exec yes", "yes"],
    "the login shell of gpu-2 prints too much on standard output"
)]
#[case::eats_our_input(
    &["dash", "-c", "read line; exec \"$@\"", "dash", "dash"],
    "the login shell of gpu-2 does not run commands (exit 0)"
)]
#[tokio::test]
async fn a_login_shell_that_is_none_is_told_in_one_line(
    #[case] shell: &[&str],
    #[case] line: &str,
) {
    let login = Login::new("dash").with_shell(shell);
    let error = probe(&login, "gpu-2", None).await.unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with(line), "{said}");
    assert!(!error.hint().is_empty() && !error.leaves_a_shell());
}

#[tokio::test]
async fn a_path_that_is_no_path_is_refused_before_anything_runs() {
    let login = Login::new("false");
    for (path, line) in [
        (
            "cm-agent",
            "the agent's path for gpu-2 cannot be used: “cm-agent” does not start with / or ~/",
        ),
        (
            "/a\nb",
            "the agent's path for gpu-2 cannot be used: “/a b” is not one line",
        ),
    ] {
        let error = probe(&login, "gpu-2", Some(path)).await.unwrap_err();
        assert_eq!(error.to_string(), line);
    }
}
