//! `cm-tui audit verify` and `cm-tui history`, and the same question to an agent.

use std::process::Output;

use cm_tui::agent::audit::{Audit, AuditConfig, Report};
use cm_tui::domain::DecisionFilter;
use cm_tui::domain::decision::Ruling;
use cm_tui::protocol::{DecisionPage, Reply, Request};

use super::{delivered, intent, person, policy, subjects};
use crate::lab::Lab;

const DASHBOARD: &str = env!("CARGO_BIN_EXE_cm-tui");

fn run(lab: &Lab, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = lab.command(DASHBOARD).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// One that a rule allowed, one that a person denied, one whose end nobody knows.
async fn recorded(lab: &Lab) {
    let (audit, opened) = Audit::start(AuditConfig::new(lab.paths.audit_dir())).unwrap();
    opened.await.unwrap();
    let mut at = 1_700_000_000_000;
    let mut dated = |mut record: cm_tui::domain::Record| {
        at += 1000;
        record.when.wall = at;
        record
    };
    let listed = dated(intent("ls -l", policy()));
    let seq = audit.intent(listed.clone()).await.unwrap();
    audit.outcome(delivered(&listed, seq)).unwrap();
    let mut removed = dated(intent("rm -r \u{1b}[31m/", person()));
    removed.decision = Ruling::Deny;
    removed.name = "web".into();
    let seq = audit.intent(removed.clone()).await.unwrap();
    audit.outcome(delivered(&removed, seq)).unwrap();
    audit.intent(dated(intent("pwd", policy()))).await.unwrap();
    audit.close().await;
}

#[tokio::test]
async fn verify_says_where_and_its_code_says_whether() {
    let lab = Lab::new();
    let (code, _, said) = run(&lab, &["audit", "verify"]);
    assert_eq!(code, Some(3), "{said}");
    recorded(&lab).await;
    let (code, text, _) = run(&lab, &["audit", "verify"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains(": as it was written; 5 entries in 6 lines of 1 file; the last is 6 "),
        "{text}"
    );

    let file = lab.paths.audit_dir().join("decisions-000001.jsonl");
    let bytes = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, bytes.replacen("\"deny\"", "\"DENY\"", 1)).unwrap();
    let offset = bytes
        .lines()
        .take(3)
        .map(|line| line.len() + 1)
        .sum::<usize>();
    let place = format!(
        "decisions-000001.jsonl:4 (offset {offset}): edited: entry 4 is not as it was written\n"
    );
    let (code, text, _) = run(&lab, &["audit", "verify"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.starts_with(&place), "{text}");
    assert!(text.contains(": damaged in 1 place;"), "{text}");
    let path = file.to_str().unwrap();
    let (code, json, _) = run(&lab, &["audit", "verify", path, "--json"]);
    let report: Report = serde_json::from_str(&json).unwrap();
    assert_eq!((code, report.findings[0].line), (Some(1), 4));
    assert_eq!(run(&lab, &["audit", "verify", "nowhere"]).0, Some(3));
    assert_eq!(run(&lab, &["audit", "verify", "--what"]).0, Some(2));
}

#[tokio::test]
async fn history_tells_each_decision_once_the_newest_first() {
    let lab = Lab::new();
    assert_eq!(
        run(&lab, &["history"]),
        (Some(0), String::new(), "cm-tui: no decisions\n".to_owned())
    );
    recorded(&lab).await;
    let (code, text, said) = run(&lab, &["history"]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    insta::assert_snapshot!(text, @r"
    TIME (UTC)           HOST   SESSION  TOOL         DECISION  BY               OUTCOME    WHAT
    2023-11-14 22:13:23  local  api      claude-code  allow     rule read.ls     unknown    command: pwd
    2023-11-14 22:13:22  local  web      claude-code  deny      cm-tui 0.1.0 #1  delivered  command: rm -r ·[31m/
    2023-11-14 22:13:21  local  api      claude-code  allow     rule read.ls     delivered  command: ls -l
    ");
    let found = |arguments: &[&str]| {
        let (code, text, _) = run(&lab, &[&["history", "--json"], arguments].concat());
        assert_eq!(code, Some(0));
        text.lines()
            .map(|line| {
                let row: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(line.is_ascii() && row["host"] == "local");
                row["record"]["subject"].as_str().unwrap().to_owned()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&["RM -R"]), ["rm -r \u{1b}[31m/"]);
    assert_eq!(found(&["--by", "policy"]), ["pwd", "ls -l"]);
    assert_eq!(found(&["--decision", "deny", "--session", "web"]).len(), 1);
    assert_eq!(found(&["--tool", "codex"]), [""; 0]);
    assert_eq!(found(&["-n", "1"]), ["pwd"]);
    assert_eq!(found(&["--since", "1h"]), [""; 0]);
    assert_eq!(found(&["--host", "local"]).len(), 3);
    let (code, _, said) = run(&lab, &["history", "--host", "gpu"]);
    assert_eq!(code, Some(3));
    assert!(
        said.contains("no host is called “gpu”\nhint: there are: local"),
        "{said}"
    );
    assert_eq!(run(&lab, &["history", "--since", "soon"]).0, Some(2));
}

#[tokio::test]
async fn an_agent_tells_its_decisions_in_pages() {
    let lab = Lab::new();
    recorded(&lab).await;
    lab.start_agent();
    let mut client = lab.client();
    client.connected().await;
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let request = Request::Decisions {
            filter: DecisionFilter::default(),
            before,
            limit: 2,
        };
        let Reply::Decisions(DecisionPage { records, more }) = client.ask(request).await else {
            panic!("another answer")
        };
        assert!(records.len() <= 2);
        found.extend(records);
        before = more;
        if before.is_none() {
            break;
        }
    }
    let removed = "rm -r \u{1b}[31m/";
    assert_eq!(
        subjects(&found),
        ["pwd", removed, removed, "ls -l", "ls -l"]
    );
}
