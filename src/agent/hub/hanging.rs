//! The hub with a record on a disk that hangs: what only a rule would answer goes back to its tool in time.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::approval::{ApproveSetup, BLOCKED, Rules};
use super::entry::Entry;
use super::recognise::Foreground;
use super::{ClientId, ClientPort, Hub, HubConfig, HubMsg, HubSender, channel, moment};
use crate::agent::approve::{
    Asked, Case, Decision, Ended, Intent, Judge, Judgement, Recorder, Version, Wish,
};
use crate::agent::peer::Peer;
use crate::agent::rules::RuleFiles;
use crate::agent::tmux::{PaneInfo, PaneRef};
use crate::config::ApproveConfig;
use crate::domain::{
    AutoConfirm, HookEvent, Mode, Origin, Session, SessionId, SessionState, Tools, Verdict,
};
use crate::paths::Paths;
use crate::protocol::{Reply, Request, ToClient};

/// Allows everything.
#[derive(Debug)]
struct Agreeing;

impl Judge for Agreeing {
    fn judge(&self, _case: &Case) -> Judgement {
        Judgement {
            verdict: Verdict::Allow,
            rule: "any".to_owned(),
            why: "it is a test".to_owned(),
        }
    }

    fn suggest(&self, _case: &Case) -> Option<String> {
        None
    }

    fn hash(&self) -> String {
        String::new()
    }
}

/// A disk that hangs.
#[derive(Debug)]
struct Hanging;

impl Recorder for Hanging {
    fn intent(&self, _decision: Decision) -> Pin<Box<dyn Future<Output = Intent> + Send>> {
        Box::pin(std::future::pending())
    }

    fn outcome(&self, _: &Decision, _: Option<u64>, _: Ended, _: &str) {}
    fn withdrawn(&self, _: Asked, _: &str, _: &str) {}
    fn refused(&self, _: Asked, _: &str) {}

    fn trouble(&self) -> Option<String> {
        None
    }
}

fn pane() -> PaneRef {
    PaneRef {
        socket: "/nowhere/cm".into(),
        server_pid: 1,
        server_started: 0,
        pane: 1,
    }
}

fn foreground() -> Foreground {
    Foreground::of(&PaneInfo {
        pane: pane(),
        session_id: 1,
        session_name: "one".to_owned(),
        window_id: 1,
        window_index: 0,
        pane_index: 0,
        panes_in_session: 1,
        cols: 80,
        rows: 24,
        pid: 1,
        command: "codex".to_owned(),
        path: "/srv/shop".to_owned(),
        title: String::new(),
        dead: None,
        alternate: false,
        in_mode: false,
        piped_by_other: false,
        attached: 0,
        created: 0,
        options: BTreeMap::new(),
    })
}

fn session() -> Session {
    Session {
        id: SessionId::new("cm.1.1"),
        name: "one".to_owned(),
        tool: "codex".to_owned(),
        origin: Origin::Managed,
        pane: pane(),
        tmux_session: 1,
        dir: "/srv/shop".to_owned(),
        task: None,
        cols: 80,
        rows: 24,
        attached: 0,
        created: 0,
        state: SessionState::Starting,
        since: 0,
        rule: String::new(),
        disagreement: String::new(),
        auto: AutoConfirm::default(),
        prompt: None,
    }
}

fn hub(own: HubSender) -> Hub {
    let paths = Paths::from_lookup(|_| Some("/nowhere".to_owned().into())).unwrap();
    let config = HubConfig {
        tmux: None,
        agent_program: "/nowhere/cm-agent".into(),
        home: "/nowhere".into(),
        audit_dir: "/nowhere".into(),
        tools: Tools::built_in(),
        proxies: false,
        recorder: None,
        run: 1,
        approve: ApproveSetup {
            settings: ApproveConfig::default(),
            rules: Rules {
                judge: Arc::new(Agreeing),
                trouble: None,
            },
            recorder: Arc::new(Hanging),
            rule_files: RuleFiles::new(paths),
        },
    };
    let mut hub = Hub::new(config, own, CancellationToken::new());
    let (now, session) = (moment(), session());
    let id = session.id.clone();
    let mut entry = Entry::new(session, 1, ("codex".to_owned(), foreground()), now);
    let wish = Wish {
        mode: Mode::Policy,
        screen: false,
        dry_run: false,
        lasts: None,
    };
    let limits = hub.approvals.limits;
    entry
        .docket
        .switch
        .set(wish, &limits, now.instant, now.wall);
    hub.sessions.insert(id, entry);
    let versions = &mut hub.approvals.versions;
    versions.insert("codex".to_owned(), Version::Tested);
    hub
}

fn request() -> HookEvent {
    HookEvent {
        tool: "codex".to_owned(),
        event: "PermissionRequest".to_owned(),
        conversation: String::new(),
        cwd: "/srv/shop".to_owned(),
        pane: None,
        action: "Bash".to_owned(),
        subject: "cat README.md".to_owned(),
        detail: String::new(),
    }
}

/// While its hook runs Codex shows nothing: a slow record must not keep its dialog away, nor switch anything off.
#[tokio::test]
async fn a_tool_that_shows_nothing_meanwhile_is_not_kept_waiting() {
    let (own, orders) = channel();
    let hub = hub(own.clone());
    let stop = hub.stop.clone();
    let running = tokio::spawn(hub.run(orders));
    let (facts, mut heard) = mpsc::channel(16);
    let (screens, _unseen) = mpsc::channel(1);
    let (welcome, welcomed) = oneshot::channel();
    let client = ClientId(1);
    let port = ClientPort {
        id: client,
        name: crate::agent::hook::CLIENT.to_owned(),
        peer: Peer::elsewhere(),
        facts,
        screens,
        gone: CancellationToken::new(),
    };
    let joined = HubMsg::Joined {
        port,
        version: 1,
        resume: None,
        welcome,
    };
    own.send(joined).await.unwrap();
    welcomed.await.unwrap().unwrap();
    let order = |id, request| HubMsg::Ordered {
        client,
        id,
        request,
    };
    let asked = Instant::now();
    own.send(order(1, Request::Decide(request())))
        .await
        .unwrap();
    let expected = ToClient::Reply {
        id: 1,
        reply: Reply::Decision(None),
    };
    assert_eq!(heard.recv().await, Some(expected));
    // Not before: until then the rule that allows it was waited for.
    assert!(asked.elapsed() >= BLOCKED);
    own.send(order(2, Request::List)).await.unwrap();
    let Some(ToClient::Reply {
        reply: Reply::Sessions(sessions),
        ..
    }) = heard.recv().await
    else {
        panic!("no sessions")
    };
    assert_eq!(sessions[0].auto.stopped, "");
    stop.cancel();
    running.await.unwrap();
}
