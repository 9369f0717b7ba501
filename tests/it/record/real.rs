//! The real agent with real panes: what it kept is what tmux shows; nothing is lost or doubled, whoever is killed or cut off.
//!
//! `CM_LOGS_MIB=100 CM_LOGS_CUTS=20` reads as much as the promise says; by default it is a part of that.

use std::process::{Command, Output, Stdio};

use cm_tui::domain::SessionId;
use cm_tui::protocol::{
    KeptLine, LogCursor, LogPage, LogsWanted, RecordingCursor, Reply, Request, ToAgent, ToClient,
};
use cm_tui::transport::connection::{MessageReader, MessageWriter, greet, read_fact};
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::{plain_rows, replayed};
use crate::lab::{Client, Lab};

const DASHBOARD: &str = env!("CARGO_BIN_EXE_cm-tui");

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// A connection that reads a log, and can be cut at any time.
struct Line {
    reader: MessageReader<OwnedReadHalf>,
    writer: MessageWriter<OwnedWriteHalf>,
    last: u64,
}

impl Line {
    async fn connect(lab: &Lab) -> Self {
        let stream = UnixStream::connect(lab.paths.socket()).await.unwrap();
        let (_, reader, writer) = greet(stream.into_split(), "test", None).await.unwrap();
        Self {
            reader,
            writer,
            last: 0,
        }
    }

    async fn send(&mut self, session: &SessionId, from: LogCursor) {
        self.last += 1;
        let message = ToAgent {
            id: self.last,
            request: Request::Logs(LogsWanted {
                session: session.clone(),
                from,
                follow: true,
                since: None,
                grep: None,
            }),
        };
        self.writer.send(&message).await.unwrap();
    }

    async fn page(&mut self, session: &SessionId, from: LogCursor) -> LogPage {
        self.send(session, from).await;
        loop {
            let body = self.reader.next().await.unwrap().expect("the agent left");
            if let Some(ToClient::Reply { id, reply }) = read_fact(&body)
                && id == self.last
            {
                match reply {
                    Reply::Logs(page) => return page,
                    other => panic!("no page: {other:?}"),
                }
            }
        }
    }

    /// Reads from the beginning until a line contains `end`.
    async fn until(&mut self, session: &SessionId, end: &str) -> Vec<KeptLine> {
        let (mut lines, mut next) = (Vec::new(), 1);
        loop {
            let page = self.page(session, LogCursor::Line(next)).await;
            next = page.next;
            lines.extend(page.lines);
            if lines.iter().any(|line: &KeptLine| line.text.contains(end)) {
                return lines;
            }
        }
    }
}

async fn recording(client: &mut Client, session: &SessionId) -> String {
    let (mut all, mut from) = (Vec::new(), RecordingCursor::default());
    loop {
        let session = session.clone();
        match client.ask(Request::Recording { session, from }).await {
            Reply::Recording(piece) => {
                all.extend(piece.bytes);
                from = piece.next;
                if piece.is_end {
                    return String::from_utf8(all).unwrap();
                }
            }
            other => panic!("no recording: {other:?}"),
        }
    }
}

fn captured(lab: &Lab) -> Vec<String> {
    let text = lab.tmux("mine", &["capture-pane", "-p", "-t", "work"]);
    text.lines().map(|row| row.trim_end().to_owned()).collect()
}

fn assert_numbered(lines: &[KeptLine]) {
    for (number, line) in (1..).zip(lines) {
        assert_eq!(line.number, number, "a gap in the numbers");
    }
}

fn printed(lines: &[KeptLine]) -> Vec<&str> {
    let printed = lines.iter().filter(|line| !line.is_note);
    let printed = printed.filter_map(|line| line.text.strip_prefix("line-"));
    printed.collect()
}

#[tokio::test]
async fn a_recording_ends_with_what_tmux_shows_also_after_a_resize() {
    let lab = Lab::new();
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/recordings/codex-story/stream.raw"
    );
    let script = format!("stty -echo; cat '{file}'; printf '\\033[40;1HTHE-END'; exec cat");
    lab.tmux(
        "mine",
        &[
            "new-session",
            "-d",
            "-s",
            "work",
            "-x",
            "120",
            "-y",
            "40",
            "cat",
        ],
    );
    lab.start_agent();
    let mut client = lab.client();
    let id = client.named("work").await.id;
    client.watch(&id);
    lab.tmux("mine", &["respawn-pane", "-k", "-t", "work", &script]);
    client.sees(&id, "THE-END").await;
    let mut line = Line::connect(&lab).await;
    line.until(&id, "THE-END").await;
    let (ours, plain) = replayed(&recording(&mut client, &id).await);
    assert_eq!(ours.screen().text(), captured(&lab));
    assert_eq!(plain_rows(&plain), captured(&lab));

    lab.tmux(
        "mine",
        &["resize-window", "-t", "work", "-x", "70", "-y", "20"],
    );
    client
        .session(&id, "the new size", |session| session.cols == 70)
        .await;
    lab.tmux("mine", &["send-keys", "-t", "work", "AFTER-IT", "Enter"]);
    line.until(&id, "AFTER-IT").await;
    let (ours, plain) = replayed(&recording(&mut client, &id).await);
    assert_eq!(ours.screen().text(), captured(&lab));
    assert_eq!(plain_rows(&plain), captured(&lab));
}

#[tokio::test]
async fn a_log_goes_on_when_the_agent_is_killed_and_nothing_is_doubled() {
    let lab = Lab::new();
    lab.tmux(
        "mine",
        &["new-session", "-d", "-s", "work", "stty -echo; exec cat"],
    );
    lab.start_agent();
    let mut client = lab.client();
    let id = client.named("work").await.id;
    let mut expected = Vec::new();
    let mut lines = Vec::new();
    for round in 0..3 {
        let mut line = Line::connect(&lab).await;
        for number in round * 30..(round + 1) * 30 {
            lab.tmux(
                "mine",
                &[
                    "send-keys",
                    "-t",
                    "work",
                    &format!("line-{number}"),
                    "Enter",
                ],
            );
            expected.push(number.to_string());
        }
        lines = line
            .until(&id, &format!("line-{}", (round + 1) * 30 - 1))
            .await;
        if round < 2 {
            let agent = Pid::from_raw(lab.agent_pid()).unwrap();
            kill_process(agent, Signal::KILL).unwrap();
            // The client starts another one.
            client
                .until("the loss", |state| {
                    (!state.hosts[0].is_live()).then_some(())
                })
                .await;
            client.connected().await;
        }
    }
    assert_numbered(&lines);
    assert_eq!(printed(&lines), expected);
    let (ours, _) = replayed(&recording(&mut client, &id).await);
    assert_eq!(ours.screen().text(), captured(&lab));
}

#[tokio::test]
async fn a_log_that_is_followed_loses_and_doubles_no_line_over_many_reconnects() {
    let (mib, cuts) = (number("CM_LOGS_MIB", 1), number("CM_LOGS_CUTS", 5));
    // 100 bytes a line with its break; half as fast as is read, after what may come at once.
    let count = (mib << 20) / 100;
    let script = format!(
        "i=0; while [ $i -lt {count} ]; do e=$((i+1000)); \
         [ $e -gt {count} ] && e={count}; seq -f 'line-%.0f {:080}' $((i+1)) $e; i=$e; \
         sleep 0.45; done; echo THE-END; exec cat",
        7
    );
    let lab = Lab::new();
    lab.tmux(
        "mine",
        &[
            "new-session",
            "-d",
            "-s",
            "work",
            "-x",
            "120",
            "-y",
            "40",
            "cat",
        ],
    );
    lab.start_agent();
    let mut client = lab.client();
    let id = client.named("work").await.id;
    lab.tmux("mine", &["respawn-pane", "-k", "-t", "work", &script]);
    let mut line = Line::connect(&lab).await;
    let (mut lines, mut next, mut left) = (Vec::new(), 1, cuts);
    let step = count / (cuts + 1);
    loop {
        let got = lines.len() as u64;
        if left > 0 && got > (cuts - left + 1) * step {
            left -= 1;
            // Cut off while an answer is on its way.
            line.send(&id, LogCursor::Line(next)).await;
            line = Line::connect(&lab).await;
        }
        let page = line.page(&id, LogCursor::Line(next)).await;
        next = page.next;
        lines.extend(page.lines);
        if lines.last().is_some_and(|line| line.text == "THE-END") {
            break;
        }
    }
    assert_eq!(left, 0);
    assert_numbered(&lines);
    let printed = printed(&lines);
    assert_eq!(printed.len() as u64, count);
    for (number, text) in (1..).zip(printed) {
        assert!(text.starts_with(&format!("{number} 0")), "{number}: {text}");
    }
}

fn logs(lab: &Lab, arguments: &[&str]) -> Command {
    let mut command = lab.command(DASHBOARD);
    command.arg("logs").args(arguments);
    command.arg("--agent").arg(lab.path("cm-agent"));
    command
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text.into_owned())
}

#[tokio::test]
async fn logs_prints_lines_and_the_recording_of_sessions_that_run_and_that_have_ended() {
    let lab = Lab::new();
    lab.tmux(
        "mine",
        &["new-session", "-d", "-s", "work", "stty -echo; exec cat"],
    );
    lab.start_agent();
    let mut client = lab.client();
    let id = client.named("work").await.id;
    lab.tmux(
        "mine",
        &[
            "send-keys",
            "-t",
            "work",
            "line-1",
            "Enter",
            "line-2",
            "Enter",
        ],
    );
    let mut line = Line::connect(&lab).await;
    line.until(&id, "line-2").await;
    assert_eq!(
        said(&logs(&lab, &["wor", "--grep", "^line"]).output().unwrap()),
        (Some(0), "line-1\nline-2\n".into())
    );
    let (_, json) = said(&logs(&lab, &["work", "-n", "1", "--json"]).output().unwrap());
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&object["text"], &object["note"]),
        (&"line-2".into(), &false.into())
    );
    let (_, raw) = said(&logs(&lab, &["work", "--raw"]).output().unwrap());
    let (ours, _) = replayed(&raw);
    assert_eq!(ours.screen().row_text(1), "line-2");

    let mut following = logs(&lab, &["work", "-f", "--grep", "line-[39]"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = std::io::BufReader::new(following.stdout.take().unwrap());
    let mut text = String::new();
    lab.tmux("mine", &["send-keys", "-t", "work", "line-3", "Enter"]);
    std::io::BufRead::read_line(&mut out, &mut text).unwrap();
    // Whoever follows starts it again.
    lab.stop_agent();
    lab.tmux("mine", &["send-keys", "-t", "work", "line-9", "Enter"]);
    std::io::BufRead::read_line(&mut out, &mut text).unwrap();
    let mut client = lab.client();
    client.named("work").await;
    assert_eq!(text, "line-3\nline-9\n");
    following.kill().unwrap();
    following.wait().unwrap();

    lab.tmux("mine", &["kill-session", "-t", "work"]);
    client
        .until("the end", |state| {
            state.hosts[0].sessions.is_empty().then_some(())
        })
        .await;
    assert_eq!(
        said(&logs(&lab, &["work", "--grep", "^line"]).output().unwrap()),
        (Some(0), "line-1\nline-2\nline-3\nline-9\n".into())
    );
    let (code, text) = said(&logs(&lab, &["nothing"]).output().unwrap());
    assert_eq!(code, Some(3));
    assert!(text.contains("no session is called “nothing”"), "{text}");
    assert!(text.contains("work  mine-"), "{text}");
    let (code, text) = said(&logs(&lab, &["work", "--grep", "("]).output().unwrap());
    assert_eq!(code, Some(1));
    assert!(text.contains("unclosed group"), "{text}");
}
