//! The wire: every message as it is encoded today, and what any other bytes lead to.
//!
//! A message that changes shows in the snapshot; a message that is added has to be added to the samples, or this file
//! does not compile.

use std::fmt::{self, Write as _};

use cm_tui::domain::decision::{
    Decider, DeciderKind, DecisionFilter, Ended, Phase, Record, RecordSeq, Recorded, Ruling, Way,
    When,
};
use cm_tui::domain::{
    Advice, Answer, AutoConfirm, Choice, Claim, Dismissed, Explanation, HookDecision, HookEvent,
    HookPane, Mode, Origin, PaneRef, Pictured, Prompt, PromptId, PromptKind, Seq, Session,
    SessionId, SessionState, Source, Verdict,
};
use cm_tui::protocol::{
    CodecError, DecisionPage, Event, Failure, FailureKind, Greeting, Hello, HistoryPage, KeptLine,
    KeptLog, LogCursor, LogKind, LogLine, LogPage, LogsWanted, MAX_LIST, MAX_MESSAGE, MAX_TEXT,
    RecordingCursor, RecordingPage, Reply, Request, Resume, ScreenUpdate, StartSession, Status,
    ToAgent, ToClient, Tool, Welcome, decode, encode, fits,
};
use proptest::prelude::*;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

fn id() -> SessionId {
    SessionId::new("cm.7.3")
}

fn failure() -> Failure {
    Failure {
        kind: FailureKind::Refused,
        message: "the prompt has changed".into(),
        hint: "look again".into(),
    }
}

fn log_line() -> LogLine {
    LogLine {
        at: 1_700_000_000_000,
        session: id(),
        name: "api".into(),
        what: LogKind::AutoConfirmed,
        detail: "ls".into(),
    }
}

fn session() -> Session {
    Session {
        id: id(),
        name: "api".into(),
        tool: "claude-code".into(),
        origin: Origin::Managed,
        pane: PaneRef {
            socket: "/tmp/tmux-0/cm".into(),
            server_pid: 7,
            server_started: 1_700_000_000,
            pane: 3,
        },
        tmux_session: 2,
        dir: "/srv/api".into(),
        task: Some("mend the tests".into()),
        cols: 160,
        rows: 50,
        attached: 1,
        created: 1_700_000_000_000,
        state: SessionState::Approval,
        since: 1_700_000_001_000,
        rule: "claude-code: command".into(),
        disagreement: "title says working".into(),
        auto: AutoConfirm {
            mode: Mode::Policy,
            screen: false,
            dry_run: true,
            until: Some(1_700_000_900_000),
            stopped: String::new(),
        },
        prompt: Some(prompt()),
    }
}

fn prompt() -> Prompt {
    Prompt {
        id: PromptId(4),
        kind: PromptKind::Command,
        subject: "cargo test".into(),
        question: "Do you want to proceed?".into(),
        choices: vec![Choice {
            label: "Yes".into(),
            keys: "1".into(),
            answer: Some(Answer::Yes),
        }],
        rule: "claude-code: command".into(),
        evidence: vec![Source::Hook, Source::Screen],
        since: 1_700_000_001_000,
        advice: Some(Advice {
            verdict: Verdict::Allow,
            rule: "cargo".into(),
            why: "cargo test in the project".into(),
            answers_at: Some(1_700_000_004_000),
            waits: String::new(),
        }),
    }
}

fn hook_event() -> HookEvent {
    HookEvent {
        tool: "claude-code".into(),
        event: "PermissionRequest".into(),
        conversation: "7d6f".into(),
        cwd: "/srv/api".into(),
        pane: Some(HookPane {
            socket: "/tmp/tmux-0/cm".into(),
            server_pid: 7,
            pane: 3,
        }),
        action: "Bash".into(),
        subject: "cargo test".into(),
        detail: String::new(),
    }
}

fn explanation() -> Explanation {
    let claim = |source, state, rule: &str| Claim {
        source,
        state,
        kind: Some(PromptKind::Command),
        rule: rule.into(),
        since: 1_700_000_001_000,
    };
    Explanation {
        state: SessionState::Approval,
        kind: Some(PromptKind::Command),
        subject: "cargo test".into(),
        rule: "claude-code: command".into(),
        rows: Some((4, 9)),
        since: 1_700_000_001_000,
        claims: vec![
            claim(Source::Hook, SessionState::Approval, "PermissionRequest"),
            claim(Source::Status, SessionState::Approval, "blocked"),
            claim(Source::Title, SessionState::Idle, "✳ Topic"),
            claim(Source::Notice, SessionState::Unknown, "bell"),
            claim(Source::Process, SessionState::Unknown, "claude"),
            claim(
                Source::Screen,
                SessionState::Approval,
                "claude-code: command",
            ),
        ],
        disagreement: "title says idle".into(),
        dismissed: vec![Dismissed {
            rule: "claude-code: prompt".into(),
            why: "priority 10 < 30".into(),
        }],
        look: Pictured {
            tool: "claude-code".into(),
            cols: 80,
            rows: 24,
            cursor_x: 1,
            cursor_y: 2,
            cursor_visible: false,
            alternate_on: false,
            pane_title: "✳ Topic".into(),
            pane_current_command: "claude".into(),
            ansi: "\u{1b}[1mDo you want to proceed?\u{1b}[0m\n".into(),
        },
    }
}

fn recorded() -> Recorded {
    let by = Decider::Policy {
        rule: "read.ls".into(),
        policy: "9f2c".into(),
        mode: Mode::Policy,
    };
    let record = Record {
        when: When {
            wall: 1_700_000_000_000,
            monotonic: 5_000,
            boot: "b0".into(),
        },
        phase: Phase::Outcome {
            of: Some(RecordSeq(12)),
            ended: Ended::Delivered,
        },
        by,
        decision: Ruling::Allow,
        message: String::new(),
        way: Way::Hook,
        why: "the rule read.ls allows it".into(),
        session: id(),
        name: "api".into(),
        tool: "claude-code".into(),
        dir: "/srv/api".into(),
        prompt: PromptId(4),
        kind: PromptKind::Command,
        subject: "ls".into(),
        question: "Do you want to proceed?".into(),
        evidence: vec![Source::Hook],
        before: "ls?".into(),
        after: String::new(),
        late: false,
    };
    Recorded {
        seq: RecordSeq(13),
        record,
    }
}

fn hellos() -> Vec<Hello> {
    let hello = Hello {
        magic: "cm-tui".into(),
        oldest: 1,
        newest: 1,
        client: "cm-tui 1".into(),
        resume: None,
    };
    vec![
        Hello {
            resume: Some(Resume {
                run: u64::MAX,
                seq: Seq(9),
            }),
            ..hello.clone()
        },
        hello,
    ]
}

fn greetings() -> Vec<Greeting> {
    let welcome = Welcome {
        version: 1,
        agent: "cm-agent 1".into(),
        run: 5,
        host: "gpu-2".into(),
        now: 1_700_000_000_000,
        home: "/home/me".into(),
        resumed: false,
    };
    vec![Greeting::Welcome(welcome), Greeting::Refused(failure())]
}

fn requests() -> Vec<Request> {
    let start = StartSession {
        tool: "codex".into(),
        dir: "~/api".into(),
        task: Some("mend".into()),
        name: None,
    };
    vec![
        Request::Ping,
        Request::List,
        Request::Tools,
        Request::Start(start),
        Request::Kill { session: id() },
        Request::Rename {
            session: id(),
            name: "web".into(),
        },
        Request::SendKeys {
            session: id(),
            bytes: vec![0x1b, 0xff],
        },
        Request::Paste {
            session: id(),
            text: "päste".into(),
        },
        Request::AnswerPrompt {
            session: id(),
            prompt: PromptId(4),
            answer: Answer::No,
            message: "use the other folder".into(),
        },
        Request::SetMode {
            session: id(),
            mode: Mode::Yes,
            screen: true,
            dry_run: false,
            hours: Some(2),
        },
        Request::SuggestRule {
            session: id(),
            prompt: PromptId(4),
        },
        Request::AddRule {
            text: "[[rule]]".into(),
        },
        Request::Watch { session: id() },
        Request::Unwatch { session: id() },
        Request::History {
            session: id(),
            page: HistoryPage {
                skip: 10,
                lines: 500,
            },
        },
        Request::Explain { session: id() },
        Request::Hook(hook_event()),
        Request::Decide(hook_event()),
        Request::Decisions {
            filter: DecisionFilter {
                text: Some("cargo".into()),
                session: None,
                tool: Some("codex".into()),
                decision: Some(Ruling::Deny),
                by: Some(DeciderKind::Policy),
                since: Some(1_700_000_000_000),
            },
            before: Some(RecordSeq(90)),
            limit: 20,
        },
        Request::Status,
        Request::Stop,
        Request::MakeWorktree {
            dir: "~/shop".into(),
            name: "fix".into(),
        },
        Request::KeptLogs,
        Request::Logs(LogsWanted {
            session: id(),
            from: LogCursor::Line(7),
            follow: true,
            since: Some(1_700_000_000_000),
            grep: Some("error|warn".into()),
        }),
        Request::Recording {
            session: id(),
            from: RecordingCursor {
                segment: 2,
                offset: 4096,
            },
        },
    ]
}

fn replies() -> Vec<Reply> {
    let tool = Tool {
        id: "codex".into(),
        name: "Codex".into(),
        short: "codex".into(),
        program: Some("/usr/bin/codex".into()),
        takes_task: true,
        is_untested: false,
        command: vec!["codex".into(), "{task}".into()],
    };
    let status = Status {
        pid: 8,
        agent: "cm-agent 1".into(),
        uptime_seconds: 60,
        tmux: "ok".into(),
        servers: vec!["cm (tmux 3.3a)".into()],
        sessions: 2,
        clients: 1,
    };
    vec![
        Reply::Done,
        Reply::Sessions(vec![session()]),
        Reply::Tools(vec![tool]),
        Reply::Started(id()),
        Reply::History(vec!["\u{1b}[31mred\u{1b}[m".into(), String::new()]),
        Reply::Explanation(Box::new(explanation())),
        Reply::Rule(Some("[[rule]]".into())),
        Reply::Decision(Some(HookDecision {
            answer: Answer::No,
            message: "not here".into(),
        })),
        Reply::Decisions(DecisionPage {
            records: vec![recorded()],
            more: Some(RecordSeq(12)),
        }),
        Reply::Status(status),
        Reply::Failed(failure()),
        Reply::Folder("/src/shop-fix".into()),
        Reply::KeptLogs(vec![KeptLog {
            key: "cm-7-3-1700000000".into(),
            session: id(),
            name: "api".into(),
            tool: "codex".into(),
            dir: "/srv/api".into(),
            created: 1_700_000_000_000,
            written: 1_700_000_060_000,
            bytes: 4096,
        }]),
        Reply::Logs(LogPage {
            lines: vec![KeptLine {
                number: 7,
                at: 1_700_000_000_000,
                is_note: false,
                text: "error: no".into(),
            }],
            next: 9,
            is_end: true,
        }),
        Reply::Recording(RecordingPage {
            bytes: b"[0.5, \"o\", \"x\"]\n".to_vec(),
            next: RecordingCursor {
                segment: 2,
                offset: 4114,
            },
            is_end: false,
        }),
    ]
}

fn events() -> Vec<Event> {
    let snapshot = Event::Snapshot {
        sessions: vec![session()],
        log: vec![log_line()],
        trouble: Some(failure()),
    };
    let foreign = Session {
        origin: Origin::Foreign("work".into()),
        task: None,
        prompt: None,
        ..session()
    };
    let mut events = vec![
        snapshot,
        Event::SessionRemoved(id()),
        Event::Logged(log_line()),
        Event::Troubled(None),
        Event::Troubled(Some(failure())),
    ];
    events.extend(states().into_iter().map(|state| {
        Event::SessionChanged(Box::new(Session {
            state,
            ..foreign.clone()
        }))
    }));
    events
}

fn states() -> Vec<SessionState> {
    vec![
        SessionState::Starting,
        SessionState::Working {
            activity: "Reading…".into(),
        },
        SessionState::Approval,
        SessionState::Question,
        SessionState::Idle,
        SessionState::Finished,
        SessionState::Error { text: "429".into() },
        SessionState::Exited {
            code: Some(1),
            signal: None,
        },
        SessionState::Lost,
        SessionState::Unknown,
    ]
}

fn to_agent() -> Vec<ToAgent> {
    (1..)
        .zip(requests())
        .map(|(id, request)| ToAgent { id, request })
        .collect()
}

fn to_client() -> Vec<ToClient> {
    let replies = (1..)
        .zip(replies())
        .map(|(id, reply)| ToClient::Reply { id, reply });
    let events = (1..).zip(events()).map(|(seq, event)| ToClient::Event {
        seq: Seq(seq),
        event,
    });
    let screens = [Some((160, 50)), None].map(|keyframe| {
        ToClient::Screen(ScreenUpdate {
            session: id(),
            version: 3,
            keyframe,
            bytes: vec![0x1b, 0xff],
        })
    });
    replies.chain(events).chain(screens).collect()
}

/// Which sample a variant is; a new variant is an error here until it has one.
fn requests_have_samples(request: &Request) -> usize {
    match request {
        Request::Ping => 0,
        Request::List => 1,
        Request::Tools => 2,
        Request::Start(_) => 3,
        Request::Kill { .. } => 4,
        Request::Rename { .. } => 5,
        Request::SendKeys { .. } => 6,
        Request::Paste { .. } => 7,
        Request::AnswerPrompt { .. } => 8,
        Request::SetMode { .. } => 9,
        Request::SuggestRule { .. } => 10,
        Request::AddRule { .. } => 11,
        Request::Watch { .. } => 12,
        Request::Unwatch { .. } => 13,
        Request::History { .. } => 14,
        Request::Explain { .. } => 15,
        Request::Hook(_) => 16,
        Request::Decide(_) => 17,
        Request::Decisions { .. } => 18,
        Request::Status => 19,
        Request::Stop => 20,
        Request::MakeWorktree { .. } => 21,
        Request::KeptLogs => 22,
        Request::Logs(_) => 23,
        Request::Recording { .. } => 24,
    }
}

fn replies_have_samples(reply: &Reply) -> usize {
    match reply {
        Reply::Done => 0,
        Reply::Sessions(_) => 1,
        Reply::Tools(_) => 2,
        Reply::Started(_) => 3,
        Reply::History(_) => 4,
        Reply::Explanation(_) => 5,
        Reply::Rule(_) => 6,
        Reply::Decision(_) => 7,
        Reply::Decisions(_) => 8,
        Reply::Status(_) => 9,
        Reply::Failed(_) => 10,
        Reply::Folder(_) => 11,
        Reply::KeptLogs(_) => 12,
        Reply::Logs(_) => 13,
        Reply::Recording(_) => 14,
    }
}

fn events_have_samples(event: &Event) -> usize {
    match event {
        Event::Snapshot { .. } => 0,
        Event::SessionRemoved(_) => 1,
        Event::Logged(_) => 2,
        Event::Troubled(None) => 3,
        Event::Troubled(Some(_)) => 4,
        Event::SessionChanged(session) => 5 + states_have_samples(&session.state),
    }
}

fn states_have_samples(state: &SessionState) -> usize {
    match state {
        SessionState::Starting => 0,
        SessionState::Working { .. } => 1,
        SessionState::Approval => 2,
        SessionState::Question => 3,
        SessionState::Idle => 4,
        SessionState::Finished => 5,
        SessionState::Error { .. } => 6,
        SessionState::Exited { .. } => 7,
        SessionState::Lost => 8,
        SessionState::Unknown => 9,
    }
}

#[test]
fn every_message_has_a_sample() {
    let in_order = |places: Vec<usize>| assert_eq!(places, (0..places.len()).collect::<Vec<_>>());
    in_order(requests().iter().map(requests_have_samples).collect());
    in_order(replies().iter().map(replies_have_samples).collect());
    in_order(events().iter().map(events_have_samples).collect());
}

#[test]
fn every_sample_survives_the_wire() {
    fn survive<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(samples: &[T]) {
        for sample in samples {
            assert_eq!(decode::<T>(&encode(sample).unwrap()).unwrap(), *sample);
        }
    }
    survive(&hellos());
    survive(&greetings());
    survive(&to_agent());
    survive(&to_client());
}

#[test]
fn the_encoded_samples_are_as_they_were() {
    fn dump<T: Serialize>(into: &mut String, samples: &[T]) {
        for sample in samples {
            let bytes = encode(sample).unwrap();
            let Dump(text) = decode(&bytes).unwrap();
            writeln!(into, "{text}").unwrap();
        }
        into.push('\n');
    }
    let mut text = String::new();
    dump(&mut text, &hellos());
    dump(&mut text, &greetings());
    dump(&mut text, &to_agent());
    dump(&mut text, &to_client());
    insta::assert_snapshot!("wire", text.trim_end());
}

#[test]
fn what_is_over_a_limit_is_neither_sent_nor_read() {
    let over = |request: Request| {
        let message = ToAgent { id: 1, request };
        let bytes = encode(&message).unwrap();
        let (sent, read) = (
            fits(&message).unwrap_err(),
            decode::<ToAgent>(&bytes).unwrap_err(),
        );
        assert_eq!(sent.to_string(), read.to_string());
        sent.to_string()
    };
    let long = "x".repeat(MAX_TEXT + 1);
    assert_eq!(
        over(Request::Paste {
            session: id(),
            text: long
        }),
        "text of 65537 is over the limit of 65536"
    );
    let most = Request::Paste {
        session: id(),
        text: "x".repeat(MAX_TEXT),
    };
    fits(&ToAgent {
        id: 1,
        request: most,
    })
    .unwrap();
    let many = ToClient::Reply {
        id: 1,
        reply: Reply::History(vec![String::new(); MAX_LIST + 1]),
    };
    assert_eq!(
        fits(&many).unwrap_err().to_string(),
        "list of 10001 is over the limit of 10000"
    );
    let large = ToClient::Reply {
        id: 1,
        reply: Reply::History(vec!["x".repeat(MAX_TEXT); 20]),
    };
    assert!(matches!(
        fits(&large),
        Err(CodecError::TooLong {
            limit: MAX_MESSAGE,
            ..
        })
    ));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z ]{1,9}", any::<String>()]
}

fn any_session() -> impl Strategy<Value = Session> {
    let state = prop_oneof![
        prop::sample::select(states()),
        text().prop_map(|activity| SessionState::Working { activity }),
        any::<(Option<i32>, Option<i32>)>()
            .prop_map(|(code, signal)| SessionState::Exited { code, signal }),
    ];
    let texts = (text(), text(), text(), prop::option::of(text()));
    let numbers = any::<(i32, i64, u32, u16, u16, u64)>();
    (texts, numbers, state, prop::option::of(any_prompt())).prop_map(
        |(texts, numbers, state, prompt)| Session {
            id: SessionId::new(texts.0),
            name: texts.1,
            dir: texts.2,
            task: texts.3,
            pane: PaneRef {
                socket: "/s".into(),
                server_pid: numbers.0,
                server_started: numbers.1,
                pane: numbers.2,
            },
            cols: numbers.3,
            rows: numbers.4,
            created: numbers.5,
            state,
            prompt,
            ..session()
        },
    )
}

fn any_prompt() -> impl Strategy<Value = Prompt> {
    let answer = prop_oneof![Just(None), Just(Some(Answer::Yes)), Just(Some(Answer::No))];
    let choice = (text(), text(), answer).prop_map(|(label, keys, answer)| Choice {
        label,
        keys,
        answer,
    });
    (
        any::<u64>(),
        text(),
        text(),
        prop::collection::vec(choice, 0..4),
    )
        .prop_map(|(id, subject, question, choices)| Prompt {
            id: PromptId(id),
            subject,
            question,
            choices,
            ..prompt()
        })
}

fn any_message() -> impl Strategy<Value = ToClient> {
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        (any::<u64>(), prop::collection::vec(any_session(), 0..3)).prop_map(|(id, sessions)| {
            ToClient::Reply {
                id,
                reply: Reply::Sessions(sessions),
            }
        }),
        (any::<u64>(), any_session()).prop_map(|(seq, session)| ToClient::Event {
            seq: Seq(seq),
            event: Event::SessionChanged(Box::new(session))
        }),
        (text(), any::<u64>(), any::<Option<(u16, u16)>>(), bytes).prop_map(
            |(session, version, keyframe, bytes)| {
                ToClient::Screen(ScreenUpdate {
                    session: SessionId::new(session),
                    version,
                    keyframe,
                    bytes,
                })
            }
        ),
        (any::<u64>(), prop::collection::vec(text(), 0..20)).prop_map(|(id, lines)| {
            ToClient::Reply {
                id,
                reply: Reply::History(lines),
            }
        }),
    ]
}

proptest! {
    #[test]
    fn random_messages_survive_the_wire(message in any_message()) {
        prop_assert_eq!(decode::<ToClient>(&encode(&message).unwrap()).unwrap(), message);
    }

    /// Whatever is done to a message, reading it ends with a value or an error.
    #[test]
    fn a_damaged_message_does_no_harm(
        message in any_message(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encode(&message).unwrap();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        drop(decode::<ToClient>(&bytes));
        drop(decode::<ToAgent>(&bytes));
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(decode::<ToClient>(&bytes).is_err());
    }

    /// A head that promises more than there is, at any depth, is refused without room being made for it.
    #[test]
    fn a_promise_is_not_believed(depth in 0usize..30, marker in 0xc4u8..=0xdf, len in any::<u32>()) {
        let mut bytes = vec![0x91; depth];
        bytes.push(marker);
        bytes.extend(len.to_be_bytes());
        drop(decode::<Vec<Vec<String>>>(&bytes));
        if len > 1 << 20 && matches!(marker, 0xc6 | 0xc9 | 0xdb | 0xdd | 0xdf) {
            prop_assert!(decode::<serde::de::IgnoredAny>(&bytes).is_err());
        }
    }
}

/// A value as text: strings quoted, bytes in hexadecimal, fields in their order.
struct Dump(String);

impl<'de> Deserialize<'de> for Dump {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Dumper)
    }
}

struct Dumper;

impl<'de> Visitor<'de> for Dumper {
    type Value = Dump;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Dump, E> {
        Ok(Dump("nil".into()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Dump, E> {
        Ok(Dump(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Dump, E> {
        Ok(Dump(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Dump, E> {
        Ok(Dump(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Dump, E> {
        Ok(Dump(format!("{value:?}")))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Dump, E> {
        Ok(Dump(value.iter().fold("0x".to_owned(), |text, byte| {
            format!("{text}{byte:02x}")
        })))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Dump, A::Error> {
        let mut parts = Vec::new();
        while let Some(Dump(part)) = seq.next_element()? {
            parts.push(part);
        }
        Ok(Dump(format!("[{}]", parts.join(", "))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Dump, A::Error> {
        let mut parts = Vec::new();
        while let Some((Dump(key), Dump(value))) = map.next_entry()? {
            parts.push(format!("{}: {value}", key.trim_matches('"')));
        }
        Ok(Dump(format!("{{{}}}", parts.join(", "))))
    }
}
