//! The real tools are answered: by a person, by a rule, by a session that agrees to everything, and by nobody because
//! somebody at the tool's own terminal was first.
//!
//! Each time what the tool did is held against what the record of decisions says of it.

use cm_tui::domain::{Answer, Mode, Prompt, PromptId, PromptKind};
use cm_tui::protocol::{Reply, Request};
use rstest::rstest;
use serde_json::Value;

use super::tools::Tool;
use super::watched::Watched;

/// How a tool is asked to run something that it has to ask for, and what its answers travel by.
fn run(tool: Tool, command: &str) -> String {
    match tool {
        Tool::Codex => format!("ESCALATE: {command}"),
        _ => format!("RUN: {command}"),
    }
}

fn way(tool: Tool) -> &'static str {
    match tool {
        Tool::ClaudeCode => "hook",
        _ => "keys",
    }
}

/// The tool at its first prompt. What only reads it would run without asking, so it is told to ask.
async fn ready(name: Tool) -> Watched {
    let mut tool = Watched::new(name, (120, 40)).await;
    if name == Tool::ClaudeCode {
        let settings = r#"{"permissions": {"defaultMode": "default", "disableAutoMode": "disable", "ask": ["Bash(cat:*)"]}}"#;
        std::fs::write(tool.lab.path("home/.claude/settings.json"), settings).unwrap();
    }
    tool.start().await;
    tool.settles().await;
    tool
}

impl Watched {
    /// The open prompt about this command, once it can be answered.
    async fn prompt(&mut self, command: &str) -> Prompt {
        self.asks(PromptKind::Command, command).await;
        let prompt = self.answerable(Answer::Yes).await;
        assert_eq!(prompt.subject, command, "{}", self.picture());
        prompt
    }

    async fn says(&mut self, prompt: PromptId, answer: Answer, words: &str) -> Reply {
        let request = Request::AnswerPrompt {
            session: self.id(),
            prompt,
            answer,
            message: words.to_owned(),
        };
        self.ask(request).await
    }

    async fn switches_to(&mut self, mode: Mode) {
        let request = Request::SetMode {
            session: self.id(),
            mode,
            screen: true,
            dry_run: false,
            hours: None,
        };
        assert_eq!(self.ask(request).await, Reply::Done);
    }

    fn made(&self, file: &str) -> bool {
        self.project.join(file).exists()
    }

    /// What the record says, the oldest first: who, what, how, what came of it, and about what.
    fn history(&self) -> Vec<[String; 5]> {
        // Then all of it is written.
        self.lab.stop_agent();
        let output = self
            .lab
            .command(env!("CARGO_BIN_EXE_cm-tui"))
            .args(["history", "--json"])
            .output()
            .unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let rows = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        // At its start each asks whether to trust the folder, which was answered in its terminal.
        let rows = rows.filter(|row| row["record"]["kind"] != "trust");
        let mut told: Vec<[String; 5]> = rows.map(|row| told(&row["record"])).collect();
        told.reverse();
        told
    }
}

fn told(record: &Value) -> [String; 5] {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let by = match &record["by"] {
        Value::String(by) => by.clone(),
        by if by.get("policy").is_some() => text(&by["policy"]["rule"]),
        _ => "person".to_owned(),
    };
    let ended = &record["phase"]["outcome"]["ended"];
    let ended = match ended {
        Value::Object(ended) => ended.keys().next().unwrap().clone(),
        ended => text(ended),
    };
    [
        by,
        text(&record["decision"]),
        text(&record["way"]),
        ended,
        text(&record["subject"]),
    ]
}

#[rstest]
#[tokio::test]
#[ignore = "needs the real tools: CM_LIVE_TOOLS"]
async fn live_tools_do_what_a_person_says_and_nothing_else(
    #[values(Tool::ClaudeCode, Tool::Codex)] name: Tool,
) {
    let mut tool = ready(name).await;
    let way = way(name);
    // Two in a row, each answered once.
    let (one, other) = (run(name, "touch one"), run(name, "touch two"));
    tool.task(&format!("{one} ;; {other} ;; SAY: Both done."))
        .await;
    for command in ["touch one", "touch two"] {
        let prompt = tool.prompt(command).await;
        let reply = tool.says(prompt.id, Answer::Yes, "").await;
        assert_eq!(reply, Reply::Done, "{}", tool.picture());
        let again = tool.says(prompt.id, Answer::Yes, "").await;
        assert!(matches!(again, Reply::Failed(_)), "{again:?}");
    }
    tool.is("finished").await;
    assert!(tool.made("one") && tool.made("two"));

    tool.task(&format!("{} ;; SAY: Went on.", run(name, "touch never")))
        .await;
    let prompt = tool.prompt("touch never").await;
    let reply = tool.says(prompt.id, Answer::No, "").await;
    assert_eq!(reply, Reply::Done, "{}", tool.picture());
    if name == Tool::ClaudeCode {
        tool.is("finished").await;
        tool.task(&format!("{} ;; SAY: Told.", run(name, "touch neither")))
            .await;
        let prompt = tool.prompt("touch neither").await;
        let reply = tool
            .says(prompt.id, Answer::No, "use the tmp folder instead")
            .await;
        assert_eq!(reply, Reply::Done, "{}", tool.picture());
        tool.sees("use the tmp folder instead").await;
        tool.is("finished").await;
    } else {
        tool.is("idle").await;
    }
    assert!(!tool.made("never") && !tool.made("neither"));

    let mut expected = vec![
        ["person", "allow", way, "delivered", "touch one"],
        ["person", "allow", "none", "refused", "touch one"],
        ["person", "allow", way, "delivered", "touch two"],
        ["person", "allow", "none", "refused", "touch two"],
        ["person", "deny", way, "delivered", "touch never"],
    ];
    if name == Tool::ClaudeCode {
        expected.push(["person", "deny", way, "delivered", "touch neither"]);
    }
    assert_eq!(tool.history(), expected);
}

#[rstest]
#[tokio::test]
#[ignore = "needs the real tools: CM_LIVE_TOOLS"]
async fn live_tools_are_answered_by_a_rule_while_nobody_looks_and_else_ask(
    #[values(Tool::ClaudeCode, Tool::Codex)] name: Tool,
) {
    let mut tool = ready(name).await;
    tool.switches_to(Mode::Policy).await;
    let (allowed, other) = (run(name, "cat README.md"), run(name, "touch asked"));
    tool.task(&format!("HOLD: away ;; {allowed} ;; {other} ;; SAY: Done."))
        .await;
    tool.looks_away();
    tool.model.lift("away");
    let prompt = tool.prompt("touch asked").await;
    let advice = prompt.advice.as_ref();
    assert!(advice.is_none_or(|advice| advice.answers_at.is_none()));
    assert!(!tool.made("asked"));
    tool.watch(tool.id());
    let ran = match name {
        Tool::ClaudeCode => "Allowed by PermissionRequest hook",
        _ => "You approved codex to run cat README.md",
    };
    tool.sees(ran).await;
    let reply = tool.says(prompt.id, Answer::No, "").await;
    assert_eq!(reply, Reply::Done, "{}", tool.picture());
    let way = way(name);
    assert_eq!(
        tool.history(),
        [
            ["cat", "allow", way, "delivered", "cat README.md"],
            ["person", "deny", way, "delivered", "touch asked"],
        ]
    );
    assert!(!tool.made("asked"));
}

#[rstest]
#[tokio::test]
#[ignore = "needs the real tools: CM_LIVE_TOOLS"]
async fn live_tools_go_on_by_themselves_where_everything_is_agreed_to(
    #[values(Tool::ClaudeCode, Tool::Codex)] name: Tool,
) {
    let mut tool = ready(name).await;
    tool.switches_to(Mode::Yes).await;
    let (one, other) = (run(name, "touch one"), run(name, "touch two"));
    tool.task(&format!(
        "HOLD: away ;; {one} ;; {other} ;; SAY: Both done."
    ))
    .await;
    tool.looks_away();
    tool.model.lift("away");
    tool.is("finished").await;
    assert!(tool.made("one") && tool.made("two"));
    let way = way(name);
    assert_eq!(
        tool.history(),
        [
            ["yes mode", "allow", way, "delivered", "touch one"],
            ["yes mode", "allow", way, "delivered", "touch two"],
        ]
    );
}

#[rstest]
#[tokio::test]
#[ignore = "needs the real tools: CM_LIVE_TOOLS"]
async fn live_tools_that_were_answered_at_their_own_terminal_are_answered_by_nobody_else(
    #[values(Tool::ClaudeCode, Tool::Codex)] name: Tool,
) {
    let mut tool = ready(name).await;
    tool.task(&run(name, "touch never")).await;
    let prompt = tool.prompt("touch never").await;
    tool.press(b"\x1b").await;
    tool.is("idle").await;
    let late = tool.says(prompt.id, Answer::Yes, "").await;
    let Reply::Failed(failure) = late else {
        panic!("{late:?}")
    };
    assert_eq!(
        failure.message,
        "the prompt has changed; nothing was answered"
    );
    assert!(!tool.made("never"));
    assert_eq!(
        tool.history(),
        [
            ["agent", "none", "none", "withdrawn", "touch never"],
            ["person", "allow", "none", "refused", "touch never"],
        ]
    );
}
