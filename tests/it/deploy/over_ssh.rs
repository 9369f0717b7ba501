//! The whole way over a real sshd: a bare home, an upload, and an agent that greets.

use std::path::PathBuf;
use tokio::sync::watch;

use cm_tui::fleet::deploy::launch::{LAUNCH, Launch};
use cm_tui::fleet::deploy::shell::{Ending, drive};
use cm_tui::fleet::deploy::{DeployConfig, Deployer, Install, Limits, Ran, Release, Shell};
use cm_tui::protocol::NEWEST;
use cm_tui::transport::asking::Asker;
use cm_tui::transport::connection;
use cm_tui::transport::retire::{Whom, stop};
use cm_tui::transport::ssh::{Connection, SshError};
use tokio::io::AsyncWriteExt as _;

use crate::lab::AGENT;
use crate::sshd::lab::Sshd;

struct Host(Connection);

impl Shell for Host {
    async fn run(
        &self,
        command: &'static str,
        stdin: Vec<u8>,
        limits: Limits,
    ) -> Result<Ran, SshError> {
        let exec = self.0.exec(command).await?;
        let end = async {
            let ended = exec.end.wait().await;
            Ok(Ending {
                status: ended.status,
                stderr: ended.stderr,
            })
        };
        drive((exec.stdin, exec.stdout, end), stdin, limits).await
    }
}

#[tokio::test]
async fn an_agent_gets_to_a_host_with_a_chatty_login_shell() {
    let sshd = Sshd::start(|_| {});
    // bash reads it when sshd starts it.
    let chatter = "echo Welcome; printf 'no line end'\n";
    std::fs::write(sshd.dir.path().join("home").join(".bashrc"), chatter).unwrap();
    let connection = Connection::open(&sshd.settings(), &Asker::nobody())
        .await
        .unwrap();
    let host = Host(connection.clone());
    let mut deployer = Deployer::new(DeployConfig {
        host: "lab".to_owned(),
        agent: None,
        install: Install::Always,
        own_program: PathBuf::from(AGENT),
        agents_dir: None,
    });
    let ready = deployer
        .prepare(&host, &Asker::nobody(), &watch::Sender::new(""))
        .await
        .unwrap();
    assert!(ready.is_new);
    assert_eq!(ready.release, Release::ours());
    let again = deployer
        .prepare(&host, &Asker::nobody(), &watch::Sender::new(""))
        .await
        .unwrap();
    assert_eq!((again.is_new, &again.path), (false, &ready.path));

    for is_last in [false, true] {
        let launch = Launch::new("lab", &ready.path).unwrap();
        let mut exec = connection.exec(LAUNCH).await.unwrap();
        exec.stdin.write_all(&launch.head).await.unwrap();
        let stdout = launch.skip("lab", exec.stdout).await.unwrap();
        if is_last {
            assert!(stop((stdout, exec.stdin), "test", Whom::Any).await.unwrap());
        } else {
            let greeted = connection::greet((stdout, exec.stdin), "test", None).await;
            assert_eq!(greeted.unwrap().0.version, NEWEST);
        }
    }
}
