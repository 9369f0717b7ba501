//! Another host over a real sshd: what its sessions printed, how their states are known, what was decided there, and its
//! agent.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cm_tui::agent::audit::{Audit, AuditConfig};
use cm_tui::domain::{Explanation, SessionId};
use cm_tui::protocol::{Reply, Request};

use super::{PROGRAM, Ran, configure};
use crate::audit::{delivered, intent, policy};
use crate::fleet::ssh::{Site, paths};
use crate::lab::{AGENT, Client, Lab};

/// This machine, and a host called `lab`, on which the context `far` is.
struct World {
    lab: Lab,
    site: Site,
}

impl World {
    /// `settings` are further ones of the context.
    fn new(settings: &str) -> Self {
        let world = Self {
            lab: Lab::new(),
            site: Site::new(|_| {}),
        };
        configure(
            &world.lab,
            &format!("[contexts.far]\nhost = \"lab\"\ninstall = \"never\"\n{settings}\n"),
        );
        // Nothing of what ssh is told here is the user's.
        let script = format!(
            "#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n",
            world.site.path("ssh_config").display()
        );
        let program = world.lab.path("tools/ssh");
        std::fs::create_dir(world.lab.path("tools")).unwrap();
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o700)).unwrap();
        world
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.lab.command(PROGRAM);
        let path = std::env::var("PATH").unwrap();
        command.env(
            "PATH",
            format!("{}:{path}", self.lab.path("tools").display()),
        );
        command.arg("--agent").arg(AGENT).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap())
    }
}

/// `logs -f`, ended with the test.
struct Following(Child);

impl Drop for Following {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

/// Has the shell of a session print `WORD-42`, which is not what was typed.
async fn print(client: &mut Client, id: &SessionId, word: &str) {
    let request = Request::Paste {
        session: id.clone(),
        text: format!("echo {word}-$((6 * 7))\r"),
    };
    assert_eq!(client.ask(request).await, Reply::Done);
}

#[tokio::test]
async fn a_session_is_read_followed_over_a_cut_and_explained_also_when_it_has_ended() {
    let world = World::new(&format!("agent = \"{AGENT}\""));
    // Starts the agent there.
    let status = world.run(&["agent", "status", "far", "--json"]).json();
    assert_eq!(
        (&status["host"], &status["reached"]),
        (&"lab".into(), &true.into())
    );
    let mut there = world.site.neighbour();
    there.connected().await;
    let work = world.site.path("work");
    let id = there.start("shell", None, "far-shop", &work).await;
    there.session(&id, "it", |_| true).await;

    let logs = ["logs", "far-s", "--grep", "^[a-z]+-42$"];
    let mut follow = world.command(&[&logs[..], &["-f"]].concat());
    let mut following = Following(follow.stdout(Stdio::piped()).spawn().unwrap());
    let mut out = BufReader::new(following.0.stdout.take().unwrap());
    let mut followed = String::new();
    print(&mut there, &id, "first").await;
    out.read_line(&mut followed).unwrap();
    world.site.network.cut();
    print(&mut there, &id, "second").await;
    out.read_line(&mut followed).unwrap();
    assert_eq!(followed, "first-42\nsecond-42\n");
    drop(following);
    assert_eq!(world.run(&logs).ok(), followed);

    let text = world.run(&["explain", "far-s"]).ok();
    assert!(text.starts_with("session   far-shop\n"), "{text}");
    assert!(text.contains("\nhost      lab\n"), "{text}");
    let told = world
        .run(&["explain", id.as_str(), "--ctx", "far", "--json"])
        .json();
    let told: Explanation = serde_json::from_value(told).unwrap();
    assert_eq!(told.look.tool, "shell");
    for elsewhere in ["logs", "explain"] {
        let said = world
            .run(&[elsewhere, "far-shop", "--ctx", "local"])
            .fails(3);
        assert!(
            said.starts_with("cm-tui: no session is called “far-shop”\n"),
            "{said}"
        );
    }

    world.run(&["kill", "--force", "far-shop"]).ok();
    there
        .until("the end", |state| {
            state.hosts[0].sessions.is_empty().then_some(())
        })
        .await;
    assert_eq!(world.run(&logs).ok(), followed);
    let said = world.run(&["logs", "nothing"]).fails(3);
    assert!(
        said.contains("\n  far-shop  ") && said.contains("  shell on lab, kept\n"),
        "{said}"
    );
    let said = world.run(&["explain", "far-shop"]).fails(3);
    assert!(said.contains("no session is called “far-shop”"), "{said}");
}

/// Writes that `subject` was allowed and carried out.
async fn decided(dir: &Path, subject: &str, wall: u64) {
    let (audit, opened) = Audit::start(AuditConfig::new(dir.to_owned())).unwrap();
    opened.await.unwrap();
    let mut record = intent(subject, policy());
    record.when.wall = wall;
    let seq = audit.intent(record.clone()).await.unwrap();
    audit.outcome(delivered(&record, seq)).unwrap();
    audit.close().await;
}

#[tokio::test]
async fn what_was_decided_is_found_on_all_hosts_and_a_host_that_does_not_tell_is_named() {
    let world = World::new(&format!(
        "agent = \"{AGENT}\"\n[contexts.api]\nhost = \"lab\"\ninstall = \"never\"\n\
         agent = \"{AGENT}\"\ndir = \"/srv/web\""
    ));
    decided(
        &paths(&world.site.sshd).audit_dir(),
        "ls there",
        1_700_000_000_000,
    )
    .await;
    decided(&world.lab.paths.audit_dir(), "ls here", 1_700_000_001_000).await;
    let found = |ran: &Ran| {
        let rows = ran.out.lines().map(|line| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            format!("{} {}", row["host"], row["record"]["subject"]).replace('"', "")
        });
        rows.collect::<Vec<_>>()
    };
    let history = |arguments: &[&str]| world.run(&[&["history", "--json"], arguments].concat());
    let ran = history(&[]);
    assert_eq!(found(&ran), ["local ls here", "lab ls there"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(found(&history(&["--ctx", "far"])), ["lab ls there"]);
    assert_eq!(found(&history(&["--host", "lab"])), ["lab ls there"]);
    assert_eq!(found(&history(&["--ctx", "local"])), ["local ls here"]);
    // Another folder of that host.
    assert_eq!(found(&history(&["--ctx", "api"])), [""; 0]);

    // Nothing listens there.
    let settings = super::configured(&world.lab);
    let gone = "[contexts.gone]\nhost = \"127.0.0.1\"\nport = 1\n";
    configure(&world.lab, &format!("{settings}{gone}"));
    let ran = history(&[]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert_eq!(found(&ran), ["local ls here", "lab ls there"]);
    assert!(
        ran.err.starts_with("cm-tui: cannot reach “127.0.0.1”: "),
        "{}",
        ran.err
    );
}

#[test]
fn an_agent_is_put_on_a_host_that_has_none_and_then_runs_there() {
    let world = World::new("");
    let ran = world.run(&["agent", "status", "far"]);
    assert_ne!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("no cm-agent on lab"), "{ran:?}");
    let said = world.run(&["agent", "install", "far"]).ok();
    assert!(
        said.starts_with("cm-agent ") && said.contains(" runs on lab as process "),
        "{said}"
    );
    let agents = world.site.path("home/.local/share/cm/agent");
    assert!(agents.read_dir().unwrap().next().is_some());
    let told = world.run(&["agent", "status", "far", "--json"]).json();
    let pid = std::fs::read_to_string(paths(&world.site.sshd).lock()).unwrap();
    assert_eq!(told["pid"].to_string(), pid.trim());
}
