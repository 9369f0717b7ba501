//! `cm-tui policy suggest`, the real program: rules from a record of what people answered.

use std::fs;
use std::process::Stdio;

use cm_tui::agent::audit::{Audit, AuditConfig};
use cm_tui::domain::decision::{Decider, Ended, Phase, Record, Ruling, Way, When};
use cm_tui::domain::policy::{Case, Policy, Verdict};
use cm_tui::domain::{Mode, PromptId, PromptKind, SessionId, Source};
use rstest::rstest;

use super::place::{Place, real};
use crate::lab::Lab;

const DAY: u64 = 24 * 60 * 60 * 1000;
/// 2026-09-21.
const NOW: u64 = 1_790_000_000_000;

/// One who answers, in a project.
struct Past {
    lab: Lab,
    place: Place,
    records: Vec<Record>,
}

impl Past {
    fn new() -> Self {
        let (lab, place, records) = (Lab::new(), Place::new(), Vec::new());
        Self {
            lab,
            place,
            records,
        }
    }

    fn record(&self, kind: PromptKind, subject: &str) -> Record {
        Record {
            when: When {
                wall: NOW,
                monotonic: 5_000,
                boot: "b0".into(),
            },
            phase: Phase::Outcome {
                of: None,
                ended: Ended::Delivered,
            },
            by: Decider::Person {
                client: "cm-tui 0.1.0 #1".into(),
            },
            decision: Ruling::Allow,
            message: String::new(),
            way: Way::Hook,
            why: String::new(),
            session: SessionId::new("cm.7.3"),
            name: "shop".into(),
            tool: "claude-code".into(),
            dir: self.place.shop(),
            prompt: PromptId(4),
            kind,
            subject: subject.into(),
            question: String::new(),
            evidence: vec![Source::Hook, Source::Screen],
            before: String::new(),
            after: String::new(),
            late: false,
        }
    }

    /// A person approved this command.
    fn approved(&mut self, subject: &str) -> &mut Record {
        let record = self.record(PromptKind::Command, subject);
        self.records.push(record);
        self.records.last_mut().unwrap()
    }

    async fn keep(&mut self) {
        let (audit, opened) = Audit::start(AuditConfig::new(self.lab.paths.audit_dir())).unwrap();
        opened.await.unwrap();
        for record in self.records.drain(..) {
            audit.outcome(record).unwrap();
        }
        audit.close().await;
    }

    /// Exit code, what is printed, and what is complained of.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = self.lab.command(env!("CARGO_BIN_EXE_cm-tui"));
        command.arg("--agent").arg(self.lab.path("cm-agent"));
        let command = command.args(["policy", "suggest"]).args(arguments);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    fn rules(&self, text: &str) {
        let file = self.lab.paths.policy_file();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    /// The subjects that rules are proposed for, with how often they were approved.
    fn proposed(&self, arguments: &[&str]) -> Vec<(String, u64)> {
        let (code, json, said) = self.run(&[&["--json"], arguments].concat());
        assert_eq!((code, said.as_str()), (0, ""));
        let told: serde_json::Value = serde_json::from_str(&json).unwrap();
        let rules = told["rules"].as_array().unwrap();
        rules
            .iter()
            .map(|rule| {
                let subject = rule["subject"].as_str().unwrap().to_owned();
                (subject, rule["approved"].as_u64().unwrap())
            })
            .collect()
    }
}

#[tokio::test]
async fn rules_are_a_file_of_rules_the_most_approved_first() {
    let mut past = Past::new();
    for (times, subject) in [(1, "make doc"), (3, "cargo test --lib"), (1, "cargo check")] {
        for at in 0..times {
            past.approved(subject).when.wall = NOW + at * DAY;
        }
    }
    let edit = past.record(PromptKind::Edit, "src/main.rs");
    past.records.push(edit);
    past.keep().await;
    let (code, text, said) = past.run(&[]);
    assert_eq!((code, said.as_str()), (0, ""));
    let host = rustix::system::uname();
    let shown = text
        .replace(host.nodename().to_str().unwrap(), "HOST")
        .replace(&past.place.shop(), "SHOP");
    let number = regex::Regex::new(r"-[0-9a-f]{8}\b").unwrap();
    insta::assert_snapshot!(number.replace_all(&shown, "-NUMBER"));
    // After what is there, whether its last line has an end or not.
    for before in [
        "",
        "# mine",
        "[[rule]]\nname = 'a'\nverdict = 'deny'\nprogram = 'x'\nmatch = ['x']",
    ] {
        past.rules(&format!("{before}{text}"));
        assert_eq!(past.proposed(&[]), [], "they are all there");
        let (code, _, said) = past.run(&[]);
        assert_eq!((code, said.lines().count()), (0, 1), "{said}");
    }
}

#[rstest]
#[case::nothing(&[])]
#[case::unsafe_ones(&["rm -rf x", "git push", "ls | sh", "cat .env", "echo $HOME", "python3 x.py"])]
#[case::allowed_already(&["ls -la src", "git status"])]
#[tokio::test]
async fn where_there_is_nothing_to_propose_one_line_says_so(#[case] subjects: &[&str]) {
    let mut past = Past::new();
    for subject in subjects {
        past.approved(subject);
    }
    if !subjects.is_empty() {
        past.keep().await;
    }
    for arguments in [&[][..], &["--write"], &["--days", "3"]] {
        let (code, text, said) = past.run(arguments);
        assert_eq!((code, text.as_str()), (0, ""));
        assert!(said.starts_with("cm-tui: nothing to propose: "), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    assert_eq!(past.proposed(&[]), []);
}

#[rstest]
#[case::by_a_rule(|record: &mut Record| record.by = Decider::Policy { rule: "a".into(), policy: "b".into(), mode: Mode::Yes }, true)]
#[case::at_the_terminal(|record: &mut Record| record.by = Decider::Terminal, true)]
#[case::not_delivered(|record: &mut Record| record.phase = Phase::Outcome { of: None, ended: Ended::Unknown }, true)]
#[case::only_meant(|record: &mut Record| record.phase = Phase::Intent, true)]
#[case::rehearsed(|record: &mut Record| record.phase = Phase::Outcome { of: None, ended: Ended::Rehearsed }, true)]
#[case::no_permission(|record: &mut Record| record.kind = PromptKind::Question, true)]
#[case::of_a_title(|record: &mut Record| record.evidence = vec![Source::Title], true)]
#[case::of_a_folder_that_is_gone(|record: &mut Record| record.dir = "/nowhere/shop".into(), true)]
#[case::of_the_screen(|record: &mut Record| record.evidence = vec![Source::Title, Source::Screen], false)]
#[case::delivered(|_record: &mut Record| {}, false)]
#[tokio::test]
async fn only_a_yes_of_a_person_that_arrived_counts(
    #[case] change: fn(&mut Record),
    #[case] is_left_out: bool,
) {
    let mut past = Past::new();
    change(past.approved("cargo test"));
    past.keep().await;
    assert_eq!(past.proposed(&[]).is_empty(), is_left_out);
}

#[rstest]
#[case::here("cargo test", |_record: &mut Record| {})]
#[case::written_otherwise(" cargo  'test'", |_record: &mut Record| {})]
#[case::elsewhere("cargo test", |record: &mut Record| record.dir = "/".into())]
#[case::by_another_tool("cargo test", |record: &mut Record| record.tool = "codex".into())]
#[case::long_ago("cargo test", |record: &mut Record| record.when.wall = NOW - 900 * DAY)]
#[case::too_late("cargo test", |record: &mut Record| record.phase = Phase::Intent)]
#[case::at_the_terminal("cargo test", |record: &mut Record| record.by = Decider::Terminal)]
#[tokio::test]
async fn what_anybody_denied_is_never_proposed(
    #[case] subject: &str,
    #[case] change: fn(&mut Record),
) {
    let mut past = Past::new();
    let denied = past.approved(subject);
    denied.decision = Ruling::Deny;
    change(denied);
    for _ in 0..9 {
        past.approved("cargo test");
        past.approved("cargo check");
    }
    past.keep().await;
    assert_eq!(past.proposed(&[]), [("cargo check".to_owned(), 9)]);
}

#[tokio::test]
async fn equal_rules_are_one_and_what_a_rule_asks_about_stays_so() {
    let mut past = Past::new();
    past.rules(
        "[[rule]]\nname = 'a'\nverdict = 'ask'\nprogram = 'make'\nwords = ['doc']\nmatch = ['make doc']\n\
         [[rule]]\nname = 'b'\nverdict = 'deny'\nprogram = 'cargo'\nwords = ['doc']\nmatch = ['cargo doc']\n",
    );
    for subject in [
        "make all",
        "make  all",
        "make 'all'",
        "make doc",
        "cargo doc",
    ] {
        past.approved(subject);
    }
    past.approved("make all").dir = format!("{}/src", past.place.shop());
    past.approved("make all").tool = "codex".into();
    past.keep().await;
    let found = past.proposed(&[]);
    let times: Vec<u64> = found.iter().map(|(_, times)| *times).collect();
    assert_eq!(times, [4, 1], "{found:?}");
}

#[tokio::test]
async fn only_the_last_days_count() {
    let mut past = Past::new();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap().as_millis() as u64;
    past.approved("cargo test").when.wall = now - 10 * DAY;
    past.approved("cargo check").when.wall = now - DAY;
    past.keep().await;
    let names = |days: &str| {
        let found = past.proposed(&["--days", days]).into_iter();
        found.map(|(subject, _)| subject).collect::<Vec<_>>()
    };
    assert_eq!(names("3"), ["cargo check"]);
    assert_eq!(names("11"), ["cargo check", "cargo test"]);
    for wrong in ["0", "-1", "week"] {
        let argument = format!("--days={wrong}");
        assert_eq!(past.run(&[&argument]).0, 2, "{wrong}");
    }
}

#[tokio::test]
async fn what_is_proposed_loads_and_allows_every_command_that_was_counted() {
    let mut past = Past::new();
    let subjects = [
        "cargo test --lib",
        "make 'a b'",
        "npm run lint",
        "cat \"a b.txt\" --and",
        "./tools/ls",
        "make x=\"it's\"",
        "pytest tests/api.rs -k 'cart or tax'",
        "echo \u{202e}txt.exe",
        "# comment\n[[rule]]",
        "make 'a\"b\\c'",
    ];
    for subject in subjects {
        past.approved(subject);
    }
    past.keep().await;
    let (_, text, _) = past.run(&[]);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
    let policy = Policy::load(&[("policy.toml".to_owned(), text.clone())]).unwrap();
    let shop = past.place.shop();
    let host = rustix::system::uname();
    let counted = past.proposed(&[]);
    assert!(counted.len() > 5, "{counted:?}");
    for (subject, _) in counted {
        let case = Case {
            tool: "claude-code",
            kind: PromptKind::Command,
            subject: &subject,
            host: host.nodename().to_str().unwrap(),
            contexts: Some(&[]),
            dir: &shop,
            project: Some(&shop),
            branch: None,
            source: Source::Hook,
            resolve: &real,
        };
        assert_eq!(policy.judge(&case).verdict, Verdict::Allow, "{text}");
    }
}

#[tokio::test]
async fn rules_are_written_once_that_is_agreed_to() {
    let mut past = Past::new();
    past.approved("cargo test");
    past.keep().await;
    past.rules("# mine\n");
    let file = past.lab.paths.policy_file();
    past.lab.start_agent();
    let (code, text, said) = past.run(&["--write"]);
    assert_eq!((code, text.as_str()), (5, ""), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "# mine\n");
    assert_eq!(past.run(&["--yes"]).0, 2);
    assert_eq!(past.run(&["--write", "--json"]).0, 2);

    let (code, text, said) = past.run(&["--write", "--yes"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("policy.toml: 1\n"), "{said}");
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written, format!("# mine\n{text}"));
    assert_eq!(past.proposed(&[]), []);
}

#[tokio::test]
async fn with_rules_that_are_wrong_nothing_is_proposed() {
    let mut past = Past::new();
    past.approved("cargo test");
    past.keep().await;
    past.rules("[[rule]]\nname = 1\n");
    let (code, text, said) = past.run(&[]);
    assert_eq!((code, text.as_str()), (1, ""));
    assert!(
        said.contains("policy.toml:1:1: a rule has no name\nhint: "),
        "{said}"
    );
}
