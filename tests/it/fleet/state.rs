//! What is known of all hosts is what they said, in order; whatever they say does no harm.

use cm_tui::domain::{HostId, Session, SessionId};
use cm_tui::fleet::{ConnectionState, FleetState, HostNotice, Notice};
use cm_tui::protocol::{Event, LogKind, LogLine, ScreenUpdate, Welcome};
use proptest::prelude::*;

use super::{changed, failure, keyframe, session, sid, snapshot, update, welcome};

/// Our own clock, in all of these tests.
const NOW: u64 = 5000;

fn local(notices: Vec<Notice>) -> FleetState {
    let mut state = FleetState::new([HostId::local()]);
    for notice in notices {
        state.apply(
            HostNotice {
                host: HostId::local(),
                notice,
            },
            NOW,
        );
    }
    state
}

fn event(event: Event) -> Notice {
    Notice::Event(Box::new(event))
}

fn names(state: &FleetState) -> Vec<&str> {
    state.hosts[0]
        .sessions
        .keys()
        .map(SessionId::as_str)
        .collect()
}

fn shown(state: &FleetState, name: &str) -> Option<String> {
    Some(
        state
            .screen(&HostId::local(), &sid(name))?
            .screen()
            .row_text(0),
    )
}

#[test]
fn a_snapshot_replaces_what_was_known() {
    let line = LogLine {
        at: 1,
        session: sid("a"),
        name: "a".into(),
        what: LogKind::Found,
        detail: String::new(),
    };
    let state = local(vec![
        event(snapshot(&["a", "b"])),
        Notice::Screen(keyframe("a", 1, "of a")),
        Notice::Screen(keyframe("b", 1, "of b")),
        event(Event::Logged(line)),
        event(Event::Troubled(Some(failure("old")))),
        event(snapshot(&["b", "c"])),
    ]);
    assert_eq!(names(&state), ["b", "c"]);
    assert_eq!(
        (shown(&state, "a"), shown(&state, "b").as_deref()),
        (None, Some("of b"))
    );
    assert!(state.hosts[0].log.is_empty() && state.hosts[0].trouble.is_none());
}

#[test]
fn a_notice_of_an_unknown_host_is_ignored() {
    let mut state = local(vec![event(snapshot(&["a"]))]);
    let notice = Notice::Event(Box::new(snapshot(&["x"])));
    state.apply(
        HostNotice {
            host: HostId::new("elsewhere"),
            notice,
        },
        0,
    );
    assert_eq!((state.hosts.len(), names(&state)), (1, vec!["a"]));
}

#[test]
fn sessions_come_change_and_go() {
    let renamed = Session {
        name: "new".into(),
        ..session("a")
    };
    let state = local(vec![
        event(snapshot(&["a"])),
        event(Event::SessionChanged(Box::new(renamed))),
        event(changed("b")),
        Notice::Screen(keyframe("b", 1, "of b")),
        event(Event::SessionRemoved(sid("b"))),
        event(Event::SessionRemoved(sid("never was"))),
    ]);
    assert_eq!(names(&state), ["a"]);
    assert_eq!(state.hosts[0].sessions[&sid("a")].name, "new");
    assert_eq!(shown(&state, "b"), None);
}

#[test]
fn an_update_out_of_step_waits_for_the_next_keyframe() {
    let notices = vec![
        event(snapshot(&["a"])),
        Notice::Screen(update("a", 1, "too early")),
        Notice::Screen(keyframe("a", 4, "one")),
        Notice::Screen(update("a", 5, " two")),
        Notice::Screen(update("a", 7, " lost")),
        Notice::Screen(update("a", 6, " late")),
        Notice::Screen(update("a", 8, " lost")),
    ];
    assert_eq!(shown(&local(notices), "a").as_deref(), Some("one two"));
    let state = local(vec![
        event(snapshot(&["a"])),
        Notice::Screen(keyframe("a", 4, "one")),
        Notice::Screen(update("a", 9, " lost")),
        Notice::Screen(keyframe("a", 10, "whole")),
        Notice::Screen(update("a", 11, " again")),
        Notice::Screen(keyframe("unknown", 1, "x")),
    ]);
    assert_eq!(shown(&state, "a").as_deref(), Some("whole again"));
    assert_eq!(state.hosts[0].screens.len(), 1);
}

#[test]
fn a_lost_host_keeps_its_sessions_and_screens() {
    let state = local(vec![
        Notice::Connected(Box::new(welcome(1, false))),
        event(snapshot(&["a"])),
        Notice::Screen(keyframe("a", 1, "last words")),
        Notice::Disconnected(failure("cable cut")),
    ]);
    let host = &state.hosts[0];
    assert_eq!(host.connection, ConnectionState::Lost { since: NOW });
    assert_eq!(host.failure, Some(failure("cable cut")));
    assert_eq!(
        (names(&state), shown(&state, "a").as_deref()),
        (vec!["a"], Some("last words"))
    );
    assert!(!state.hosts[0].is_live());
}

#[test]
fn ages_are_right_although_the_clocks_differ() {
    let ahead = Welcome {
        now: 3_605_000,
        ..welcome(1, false)
    };
    let state = local(vec![Notice::Connected(Box::new(ahead))]);
    assert_eq!(state.hosts[0].age(3_604_000, 5_000), 1000);
    assert_eq!(state.hosts[0].age(9_999_999, 5_000), 0);
    let absurd = Welcome {
        now: u64::MAX,
        ..welcome(1, false)
    };
    let state = local(vec![Notice::Connected(Box::new(absurd))]);
    let _any = state.hosts[0].age(u64::MAX, 0);
}

fn hostile() -> impl Strategy<Value = Notice> {
    let name = || prop::sample::select(vec!["a", "b", "c", ""]);
    let edge = || prop::sample::select(vec![0u16, 1, 80, 65535]);
    let version = || prop_oneof![0u64..4, Just(u64::MAX), any::<u64>()];
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    let odd = (name(), edge(), edge(), any::<u64>(), any::<String>()).prop_map(
        |(id, cols, rows, since, text)| {
            let text = text.repeat(20);
            Session {
                cols,
                rows,
                since,
                created: since,
                dir: text.clone(),
                name: text,
                ..session(id)
            }
        },
    );
    let line = (name(), any::<u64>(), any::<String>()).prop_map(|(id, at, detail)| LogLine {
        at,
        session: sid(id),
        name: detail.clone(),
        what: LogKind::Waiting,
        detail,
    });
    prop_oneof![
        1 => Just(()).prop_map(|()| Notice::Connecting),
        1 => any::<u64>().prop_map(|now| Notice::Connected(Box::new(Welcome { now, ..welcome(1, true) }))),
        1 => Just(()).prop_map(|()| Notice::Disconnected(failure("gone"))),
        1 => prop::collection::vec(odd.clone(), 0..4).prop_map(|sessions| event(Event::Snapshot {
            sessions,
            log: Vec::new(),
            trouble: None
        })),
        1 => line.clone().prop_map(|line| event(Event::Snapshot {
            sessions: Vec::new(),
            log: vec![line; 900],
            trouble: None
        })),
        1 => odd.prop_map(|session| event(Event::SessionChanged(Box::new(session)))),
        1 => name().prop_map(|id| event(Event::SessionRemoved(sid(id)))),
        1 => line.prop_map(|line| event(Event::Logged(line))),
        4 => (name(), version(), prop::option::of((edge(), edge())), bytes).prop_map(|(id, version, keyframe, bytes)| {
            Notice::Screen(ScreenUpdate { session: sid(id), version, keyframe, bytes })
        }),
        1 => Just(()).prop_map(|()| Notice::Tools(Vec::new())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_peer_can_break_the_state(notices in prop::collection::vec(hostile(), 0..30), now in any::<u64>()) {
        let mut state = FleetState::new([HostId::local()]);
        for notice in notices {
            state.apply(HostNotice { host: HostId::local(), notice }, now);
            let host = &state.hosts[0];
            prop_assert!(host.log.len() <= 500);
            prop_assert!(host.screens.keys().all(|id| host.sessions.contains_key(id)));
            prop_assert!(host.sessions.iter().all(|(id, session)| *id == session.id));
            for mirror in host.screens.values() {
                let size = mirror.screen().size();
                prop_assert!((1..=1000).contains(&size.cols) && (1..=500).contains(&size.rows));
            }
            let _any = host.sessions.values().map(|session| host.age(session.since, now)).max();
        }
    }
}

#[test]
fn screens_that_nobody_watches_are_let_go_oldest_first() {
    let all: Vec<String> = (0..20).map(|number| format!("s{number:02}")).collect();
    let mut notices = vec![event(snapshot(
        &all.iter().map(String::as_str).collect::<Vec<_>>(),
    ))];
    notices.extend(
        all.iter()
            .map(|name| Notice::Screen(keyframe(name, 1, name))),
    );
    let mut state = local(notices);
    state.keep_screens(&[(HostId::local(), sid("s00"))]);
    let kept: Vec<&str> = state.hosts[0]
        .screens
        .keys()
        .map(SessionId::as_str)
        .collect();
    assert_eq!(
        kept,
        [
            "s00", "s12", "s13", "s14", "s15", "s16", "s17", "s18", "s19"
        ]
    );
}
