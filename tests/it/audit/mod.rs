//! The record of decisions: what is acknowledged is there, once, and reads back as it was written.

mod cli;
mod crash;
mod damage;
mod faults;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cm_tui::agent::audit::{
    Audit, AuditConfig, Disk, Opened, RealDisk, SCAN, page, verify as verify_files,
};
use cm_tui::domain::decision::{
    Decider, DecisionFilter, Ended, Phase, Record, Recorded, Ruling, Way, When,
};
use cm_tui::domain::{Mode, PromptId, PromptKind, RecordSeq, SessionId, Source};
use tempfile::TempDir;

/// A retry that no test waits for.
const NEVER: Duration = Duration::from_secs(3600);

/// A folder for a record.
struct Place {
    _temp: TempDir,
    dir: PathBuf,
}

impl Place {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("audit");
        Self { _temp: temp, dir }
    }

    fn config(&self) -> AuditConfig {
        AuditConfig {
            retry: NEVER,
            ..AuditConfig::new(self.dir.clone())
        }
    }

    async fn open(&self) -> (Audit, Opened) {
        open(self.config(), Box::new(RealDisk)).await
    }

    fn file(&self, number: u32) -> PathBuf {
        self.dir.join(format!("decisions-{number:06}.jsonl"))
    }
}

async fn open(config: AuditConfig, disk: Box<dyn Disk>) -> (Audit, Opened) {
    let (audit, opened) = Audit::start_on(config, disk).unwrap();
    let opened = opened.await.unwrap();
    (audit, opened)
}

pub fn policy() -> Decider {
    Decider::Policy {
        rule: "read.ls".into(),
        policy: "9f2c".into(),
        mode: Mode::Policy,
    }
}

fn person() -> Decider {
    Decider::Person {
        client: "cm-tui 0.1.0 #1".into(),
    }
}

pub fn intent(subject: &str, by: Decider) -> Record {
    Record {
        when: When {
            wall: 1_700_000_000_000,
            monotonic: 5_000,
            boot: "b0".into(),
        },
        phase: Phase::Intent,
        by,
        decision: Ruling::Allow,
        message: String::new(),
        way: Way::Hook,
        why: "a rule allows it".into(),
        session: SessionId::new("cm.7.3"),
        name: "api".into(),
        tool: "claude-code".into(),
        dir: "/srv/api".into(),
        prompt: PromptId(4),
        kind: PromptKind::Command,
        subject: subject.into(),
        question: "Do you want to proceed?".into(),
        evidence: vec![Source::Hook],
        before: String::new(),
        after: String::new(),
        late: false,
    }
}

pub fn delivered(intent: &Record, seq: RecordSeq) -> Record {
    intent.outcome(Some(seq), Ended::Delivered, intent.when.clone())
}

fn all(dir: &Path) -> Vec<Recorded> {
    let found = page(
        dir,
        &DecisionFilter::default(),
        None,
        usize::MAX,
        usize::MAX,
    )
    .unwrap();
    assert_eq!(found.more, None);
    found.records
}

fn subjects(found: &[Recorded]) -> Vec<&str> {
    found
        .iter()
        .map(|found| found.record.subject.as_str())
        .collect()
}

fn assert_whole(dir: &Path) {
    let report = verify_files(dir).unwrap();
    assert_eq!(report.findings, [], "{:?}", report.notes);
}

#[tokio::test]
async fn what_was_acknowledged_reads_back_newest_first_and_only_its_user_can() {
    let place = Place::new();
    let (audit, opened) = place.open().await;
    assert!(opened.unsettled.is_empty() && opened.notes.is_empty());
    assert!(audit.is_writable());
    let hostile = "ls\n{\"seq\":1}\u{1b}[2J\u{9b}31m\u{202e}\u{7f} é 日 😀";
    let first = intent(hostile, policy());
    let seq = audit.intent(first.clone()).await.unwrap();
    audit.outcome(delivered(&first, seq)).unwrap();
    audit.flush().await.unwrap();

    let found = all(&place.dir);
    assert_eq!(subjects(&found), [hostile, hostile]);
    assert_eq!((found[1].seq, &found[1].record), (seq, &first));
    assert_eq!(found[0].record.ends(), Some(seq));
    let text = std::fs::read(place.file(1)).unwrap();
    assert!(text.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n')));
    assert_eq!(text.split_inclusive(|byte| *byte == b'\n').count(), 3);
    assert_whole(&place.dir);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place.dir), 0o700);
    for entry in std::fs::read_dir(&place.dir).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    audit.close().await;
}

#[tokio::test]
async fn an_intent_without_an_outcome_is_told_at_each_start_until_somebody_ends_it() {
    let place = Place::new();
    // Each group begins a file of its own, so that the intent is files away.
    let config = AuditConfig {
        segment: 1,
        ..place.config()
    };
    let (audit, _) = open(config.clone(), Box::new(RealDisk)).await;
    let lost = intent("rm -r build", policy());
    let seq = audit.intent(lost.clone()).await.unwrap();
    for subject in ["ls", "pwd"] {
        let other = intent(subject, policy());
        let seq = audit.intent(other.clone()).await.unwrap();
        audit.outcome(delivered(&other, seq)).unwrap();
        audit.flush().await.unwrap();
    }
    audit.close().await;
    for _ in 0..2 {
        let (audit, opened) = open(config.clone(), Box::new(RealDisk)).await;
        assert_eq!(opened.notes, [""; 0]);
        let record = lost.clone();
        assert_eq!(opened.unsettled, [Recorded { seq, record }]);
        audit.close().await;
    }
    let (audit, _) = open(config.clone(), Box::new(RealDisk)).await;
    audit
        .outcome(lost.outcome(Some(seq), Ended::Unknown, lost.when.clone()))
        .unwrap();
    audit.close().await;
    let (audit, opened) = open(config, Box::new(RealDisk)).await;
    assert_eq!(opened.unsettled, []);
    audit.close().await;
    assert_whole(&place.dir);
}

#[tokio::test]
async fn pages_go_on_over_files_without_a_gap() {
    let place = Place::new();
    let config = AuditConfig {
        segment: 1,
        ..place.config()
    };
    let (audit, _) = open(config, Box::new(RealDisk)).await;
    let wanted: Vec<String> = (0..7).map(|number| format!("ls {number}")).collect();
    for subject in &wanted {
        audit.intent(intent(subject, policy())).await.unwrap();
    }
    audit.close().await;
    assert!(place.file(7).exists());
    assert_whole(&place.dir);
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = page(
            &place.dir,
            &DecisionFilter::default(),
            before,
            3,
            usize::MAX,
        )
        .unwrap();
        assert!(page.records.len() <= 3);
        found.extend(page.records);
        before = page.more;
        if before.is_none() {
            break;
        }
    }
    let newest_first: Vec<&str> = wanted.iter().rev().map(String::as_str).collect();
    assert_eq!(subjects(&found), newest_first);
    // However little fits, a page brings at least one.
    let one = page(&place.dir, &DecisionFilter::default(), None, 3, 1).unwrap();
    let next = RecordSeq(found[1].seq.0 + 1);
    assert_eq!((one.records.len(), one.more), (1, Some(next)));
    assert_eq!(SCAN, 64 << 20);
}

#[tokio::test]
async fn a_second_writer_is_refused_and_takes_over_when_the_first_has_ended() {
    let place = Place::new();
    let (first, _) = place.open().await;
    let config = AuditConfig {
        retry: Duration::from_millis(1),
        ..place.config()
    };
    let (second, opened) = Audit::start(config).unwrap();
    let mut health = second.health();
    let said = health.wait_for(|health| {
        health
            .as_ref()
            .is_some_and(|reason| reason.contains("another process"))
    });
    said.await.unwrap();
    assert!(second.intent(intent("ls", policy())).await.is_err());
    first.intent(intent("pwd", policy())).await.unwrap();
    first.close().await;
    opened.await.unwrap();
    health.wait_for(Option::is_none).await.unwrap();
    second.intent(intent("ls", policy())).await.unwrap();
    second.close().await;
    assert_eq!(subjects(&all(&place.dir)), ["ls", "pwd"]);
    assert_whole(&place.dir);
}

#[tokio::test]
async fn loose_permissions_are_mended_on_files_and_refused_on_the_folder() {
    let place = Place::new();
    let (audit, _) = place.open().await;
    audit.intent(intent("ls", policy())).await.unwrap();
    audit.close().await;
    let open_to = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(place.file(1), open_to(0o644)).unwrap();
    let (audit, opened) = place.open().await;
    assert_eq!(
        opened.notes,
        ["decisions-000001.jsonl was open to other users"]
    );
    let mode = std::fs::metadata(place.file(1)).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    audit.close().await;

    std::fs::set_permissions(&place.dir, open_to(0o755)).unwrap();
    let (audit, _opened) = Audit::start(place.config()).unwrap();
    let mut health = audit.health();
    let refused = health.wait_for(|health| {
        health
            .as_ref()
            .is_some_and(|reason| reason.contains("open to other users (mode 0755)"))
    });
    refused.await.unwrap();
    assert!(audit.intent(intent("ls", policy())).await.is_err());
    audit.close().await;
}

#[tokio::test]
async fn a_subject_that_no_line_can_hold_is_refused_alone() {
    let place = Place::new();
    let (audit, _) = place.open().await;
    let huge = intent(&"\u{1b}".repeat(1 << 20), policy());
    let (huge, small) = tokio::join!(audit.intent(huge), audit.intent(intent("ls", policy())));
    assert!(huge.unwrap_err().to_string().contains("over the limit"));
    small.unwrap();
    assert!(audit.is_writable());
    audit.close().await;
    assert_eq!(subjects(&all(&place.dir)), ["ls"]);
}
