//! The dashboard inside tmux: the pane it runs in is not a session of it.

use cm_tui::domain::{SessionId, SessionState};
use cm_tui::protocol::{Event, LogKind, LogLine};
use cm_tui::tui::effect::Effect;
use cm_tui::tui::own::OwnPane;

use super::fixture::{Dashboard, START, session};

/// In pane `%9` of server 10, beside `claude` in another window of the same tmux session, and `other` in another one.
fn inside() -> Dashboard {
    let mut dashboard = Dashboard::empty(132, 38);
    dashboard.model.own = OwnPane::new(Some("/tmp/tmux-1000/default,10,4"), Some("%9"));
    let mut own = session("f9", "main", "shell", "/home/ada", SessionState::Idle, 1);
    own.tmux_session = 4;
    let mut beside = session(
        "f8",
        "claude",
        "claude-code",
        "/home/ada",
        SessionState::Idle,
        1,
    );
    beside.tmux_session = 4;
    let other = session(
        "f7",
        "other",
        "claude-code",
        "/home/ada",
        SessionState::Idle,
        1,
    );
    let log = ["f9", "f8"].map(|id| LogLine {
        at: START.unix,
        session: SessionId::new(id),
        name: id.to_owned(),
        what: LogKind::Found,
        detail: String::new(),
    });
    let sessions = vec![own.clone(), beside, other];
    dashboard.event(
        "local",
        Event::Snapshot {
            sessions,
            log: log.to_vec(),
            trouble: None,
        },
    );
    own.state = SessionState::Working {
        activity: String::new(),
    };
    dashboard.event("local", Event::SessionChanged(Box::new(own)));
    dashboard.event("local", Event::Logged(log[0].clone()));
    dashboard
}

#[test]
fn the_dashboard_does_not_list_the_pane_it_runs_in() {
    let dashboard = inside();
    let names: Vec<_> = dashboard
        .model
        .sessions()
        .map(|(_, session)| session.name.as_str())
        .collect();
    assert_eq!(names, ["other", "claude"]);
    assert_eq!(dashboard.model.fleet.hosts[0].log.len(), 1);
}

#[test]
fn what_would_show_the_dashboard_within_itself_is_not_attached_to() {
    let mut dashboard = inside();
    for (name, attaches) in [("claude", false), ("other", true)] {
        dashboard.press("g g");
        while dashboard.selected().as_deref() != Some(name) {
            dashboard.press("j");
        }
        dashboard.press("enter");
        let attached = dashboard
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Attach(_)));
        assert_eq!(attached, attaches, "{name}: {}", dashboard.toast());
    }
    assert!(
        dashboard
            .toast()
            .contains("claude is in the tmux session that you are in")
    );
}
