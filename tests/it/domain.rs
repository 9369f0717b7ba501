//! The detector against recorded screens: `tests/screens/TOOL/SAMPLE`.
//!
//! Promise: no screen that was made to mislead is taken for a permission, and the tables below only ever get better.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use cm_tui::agent::monitor::Cells;
use cm_tui::domain::detect::{Detector, Look, Painted, Verdict};
use cm_tui::domain::{Answer, SessionState, Tools};
use proptest::prelude::*;

use crate::samples::Sample;

impl Sample {
    /// How the screen is painted, to be asked by a look at it.
    fn cells(&self) -> Option<Cells<'_>> {
        self.screen.as_ref().map(Cells)
    }

    fn look<'a>(&'a self, tool: &'a str) -> Look<'a> {
        Look {
            paint: None,
            tool,
            rows: &self.rows,
            cols: self.meta.cols,
            cursor: (self.meta.cursor_y, self.meta.cursor_x),
            cursor_visible: self.meta.cursor_visible,
            alternate: self.meta.alternate_on,
            title: &self.meta.pane_title,
            command: &self.meta.pane_current_command,
            quiet_for: Duration::from_secs(10),
        }
    }

    fn wanted(&self) -> &str {
        &self.meta.state
    }
}

fn judge(sample: &Sample) -> Verdict {
    let cells = sample.cells();
    let paint = cells.as_ref().map(|cells| cells as &dyn Painted);
    Detector::new(Tools::built_in()).judge(&Look {
        paint,
        ..sample.look(&sample.meta.tool)
    })
}

/// Where each kind of screen ended up, one line per pair that occurs.
fn confusion(samples: &[&Sample]) -> String {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for sample in samples {
        let found = judge(sample).state.word().to_owned();
        *counts
            .entry((sample.wanted().to_owned(), found))
            .or_default() += 1;
    }
    let mut table = String::new();
    for ((wanted, found), count) in counts {
        let mark = if wanted == found || wanted == "shell" {
            ""
        } else {
            "  !"
        };
        writeln!(table, "{wanted:9} -> {found:9} {count:3}{mark}").unwrap();
    }
    table
}

fn of_tool<'s>(samples: &'s [Sample], tool: &str) -> Vec<&'s Sample> {
    samples
        .iter()
        .filter(|sample| sample.meta.tool == tool)
        .collect()
}

fn answers(verdict: &Verdict, answer: Answer) -> Vec<&str> {
    let choices = verdict.prompt.iter().flat_map(|prompt| &prompt.choices);
    choices
        .filter(|choice| choice.answer == Some(answer))
        .map(|choice| choice.keys.as_str())
        .collect()
}

#[test]
fn recorded_screens_are_told_apart() {
    let samples = Sample::all();
    // The one idle screen that is called a question shows a start-up dialog: its label is wrong, not the detector.
    insta::assert_snapshot!(confusion(&of_tool(samples, "claude-code")), @r"
    approval  -> approval   51
    error     -> error       1
    exited    -> exited      5
    idle      -> idle       30
    idle      -> question    1  !
    question  -> question   17
    starting  -> starting    1
    working   -> working    10
    ");
    insta::assert_snapshot!(confusion(&of_tool(samples, "codex")), @r"
    approval  -> approval   31
    error     -> error       2
    exited    -> exited      1
    idle      -> idle       22
    question  -> question   12
    starting  -> starting    1
    working   -> working    12
    ");
    insta::assert_snapshot!(confusion(&of_tool(samples, "gemini-cli")), @r"
    approval  -> approval   21
    error     -> error       1
    exited    -> exited      1
    idle      -> idle       17
    question  -> question    9
    starting  -> starting    1
    working   -> working     8
    ");
    insta::assert_snapshot!(confusion(&of_tool(samples, "opencode")), @r"
    approval  -> approval   47
    error     -> error       4
    exited    -> exited      2
    idle      -> error       1  !
    idle      -> idle       25
    question  -> question    9
    shell     -> unknown     1
    starting  -> starting    3
    working   -> working    25
    ");
    insta::assert_snapshot!(confusion(&of_tool(samples, "aider")), @r"
    approval  -> approval   32
    error     -> error       6
    exited    -> exited      2
    idle      -> idle       38
    question  -> question   12
    shell     -> unknown     1
    starting  -> starting    3
    working   -> working    20
    ");
    insta::assert_snapshot!(confusion(&of_tool(samples, "copilot")), @r"
    approval  -> approval   46
    error     -> error       8
    exited    -> exited      2
    idle      -> idle       25
    question  -> question    8
    shell     -> unknown     1
    starting  -> starting    3
    working   -> working    21
    ");
    insta::assert_snapshot!(confusion(&of_tool(samples, "qwen-code")), @r"
    approval  -> approval   34
    error     -> error       4
    exited    -> exited      2
    exited    -> unknown     1  !
    idle      -> idle       24
    question  -> question    7
    starting  -> starting    3
    working   -> working    18
    ");
    insta::assert_snapshot!(confusion(&of_tool(samples, "demo")), @r"
    approval  -> approval    2
    finished  -> finished    1
    working   -> working     2
    ");
    insta::assert_snapshot!(confusion(&of_tool(samples, "shell")), @r"
    shell     -> idle       12
    shell     -> question   31
    shell     -> working    33
    ");
}

#[test]
fn nothing_but_a_permission_is_taken_for_one() {
    let tools = Tools::built_in();
    let detector = Detector::new(tools.clone());
    for sample in Sample::all() {
        let cells = sample.cells();
        let paint = cells.as_ref().map(|cells| cells as &dyn Painted);
        // A pane may be taken for another tool, and a tool may be started by a wrapper: no profile may be fooled.
        for tool in &tools {
            let names = &tool.recognise;
            let own = names.commands.iter().chain(&names.interpreters).next();
            for command in [
                sample.meta.pane_current_command.as_str(),
                "bash",
                own.map_or("node", String::as_str),
            ] {
                let verdict = detector.judge(&Look {
                    command,
                    paint,
                    ..sample.look(&tool.id)
                });
                let is_approval = verdict.state == SessionState::Approval;
                // The tool's own bytes under the tool's own name are the tool, for all that can be seen.
                let is_replayed = sample
                    .name
                    .starts_with(&format!("shell/shown-{}-", tool.id))
                    && tool.runs_as(command);
                let may_be = sample.wanted() == "approval" || is_replayed;
                assert!(
                    !is_approval || may_be,
                    "{} as {} ({command}): {verdict:?}",
                    sample.name,
                    tool.id
                );
                assert_eq!(
                    is_approval,
                    verdict
                        .prompt
                        .is_some_and(|prompt| prompt.kind.can_be_agreed_to())
                );
            }
        }
    }
}

#[test]
fn a_question_of_a_tool_is_never_answered_with_yes() {
    for sample in Sample::all() {
        let verdict = judge(sample);
        if verdict.state == SessionState::Question && sample.meta.tool != "shell" {
            assert_eq!(answers(&verdict, Answer::Yes), [""; 0], "{}", sample.name);
        }
    }
}

#[test]
fn a_permission_above_an_input_box_or_a_shell_prompt_is_only_text() {
    let samples = Sample::all();
    let find = |name: &str| samples.iter().find(|sample| sample.name == name).unwrap();
    let idle = [
        find("claude-code/idle-after-answer"),
        find("codex/idle-read-only"),
        find("gemini-cli/idle-after-answer"),
        find("shell/plain-prompt"),
    ];
    let detector = Detector::new(Tools::built_in());
    for sample in samples
        .iter()
        .filter(|sample| sample.wanted() == "approval")
    {
        for below in idle
            .iter()
            .filter(|idle| idle.meta.tool == sample.meta.tool || idle.meta.tool == "shell")
        {
            // The last rows of an idle screen, with the dialog printed above them.
            let end = below.rows.iter().rposition(|row| !row.is_empty()).unwrap();
            let box_rows = &below.rows[end.saturating_sub(5)..=end];
            let mut rows: Vec<String> = sample
                .rows
                .iter()
                .filter(|row| !row.is_empty())
                .cloned()
                .collect();
            rows.extend_from_slice(box_rows);
            let cursor = (u16::try_from(rows.len() - 1).unwrap(), sample.meta.cursor_x);
            let look = Look {
                rows: &rows,
                cursor,
                ..sample.look(&sample.meta.tool)
            };
            let verdict = detector.judge(&look);
            assert_ne!(
                verdict.state,
                SessionState::Approval,
                "{} above {}: {verdict:?}",
                sample.name,
                below.name
            );
        }
    }
}

#[test]
fn a_menu_whose_first_option_is_cut_off_offers_no_yes() {
    let samples = Sample::all();
    for sample in samples
        .iter()
        .filter(|sample| sample.wanted() == "approval")
    {
        let Some(first) = sample.rows.iter().rposition(|row| row.contains("1. ")) else {
            continue;
        };
        let mut rows = sample.rows.clone();
        rows.drain(..=first);
        let cursor = (
            sample.meta.cursor_y.saturating_sub(first as u16 + 1),
            sample.meta.cursor_x,
        );
        let look = Look {
            rows: &rows,
            cursor,
            ..sample.look(&sample.meta.tool)
        };
        let verdict = Detector::new(Tools::built_in()).judge(&look);
        assert_eq!(
            answers(&verdict, Answer::Yes),
            [""; 0],
            "{}: {verdict:?}",
            sample.name
        );
    }
}

#[test]
fn a_command_that_repeats_the_question_cannot_be_agreed_to() {
    let screen = "  Would you like to run the following command?\n\n  $ rm -rf ~ #\n  Would you like to run the following \
                  command?\n\n  $ ls\n\n› 1. Yes, proceed (y)\n  2. No, and tell Codex what to do differently (esc)\n\n  \
                  Press enter to confirm or esc to cancel";
    let rows: Vec<String> = screen.lines().map(str::to_owned).collect();
    let look = Look {
        tool: "codex",
        rows: &rows,
        cols: 80,
        cursor: (11, 80),
        cursor_visible: false,
        alternate: true,
        title: "[ ! ] Action Required | shop",
        command: "codex",
        quiet_for: Duration::ZERO,
        paint: None,
    };
    let verdict = Detector::new(Tools::built_in()).judge(&look);
    assert_eq!(verdict.state, SessionState::Approval);
    assert_eq!(answers(&verdict, Answer::Yes), [""; 0]);
    assert_eq!(verdict.prompt.unwrap().subject, "");
}

#[rstest::rstest]
#[case("Overwrite? (y/n) ", &["y\r", "n\r"])]
#[case("Proceed [Y/n]: ", &["y\r", "n\r"])]
#[case("Go on (yes/no)? ", &["yes\r", "no\r"])]
#[case("Are you sure (yes/no/[fingerprint])? ", &[])]
#[case("dev@box:~$ echo 'sure? (y/n)", &[])]
#[case("It said (y/n) and went on", &[])]
#[case("rm: remove regular file 'a.txt'? ", &[])]
#[case("(gdb) run? (y or n) ", &[])]
#[case("  Enter a value: ", &[])]
fn a_line_that_asks_for_y_or_n_is_answered_with_enter(#[case] line: &str, #[case] keys: &[&str]) {
    let rows = vec!["some output".to_owned(), line.trim_end().to_owned()];
    let look = Look {
        tool: "shell",
        rows: &rows,
        cols: 80,
        cursor: (1, line.len() as u16),
        cursor_visible: true,
        alternate: false,
        title: "",
        command: "python3",
        quiet_for: Duration::ZERO,
        paint: None,
    };
    let verdict = Detector::new(Tools::built_in()).judge(&look);
    assert_ne!(verdict.state, SessionState::Approval);
    let found: Vec<String> = verdict
        .prompt
        .iter()
        .flat_map(|prompt| &prompt.choices)
        .map(|c| c.keys.clone())
        .collect();
    assert_eq!(found, keys);
}

proptest! {
    #[test]
    fn any_screen_is_judged_without_panic(
        rows in proptest::collection::vec("[ 0-9❯›●>*─╌│╭╮╰╯▄▀a-z.?()✦✋漢\u{301}]{0,40}", 0..30),
        cursor in (0_u16..40, 0_u16..60),
        cursor_visible: bool,
        alternate: bool,
        title in "[✳◐⠋✋ A-Za-z]{0,12}",
    ) {
        let tools = Tools::built_in();
        let detector = Detector::new(tools.clone());
        for tool in &tools {
            for command in tool.recognise.commands.iter().chain(&tool.recognise.interpreters) {
                let look = Look {
                    tool: &tool.id,
                    rows: &rows,
                    cols: 40,
                    cursor,
                    cursor_visible,
                    alternate,
                    title: &title,
                    command,
                    quiet_for: Duration::ZERO,
        paint: None,
                };
                prop_assert_eq!(detector.judge(&look), detector.judge(&look));
            }
        }
    }
}

#[test]
fn which_button_is_chosen_is_not_known_without_its_colour() {
    let samples = Sample::all();
    let found = |name: &str| samples.iter().find(|sample| sample.name == name).unwrap();
    let detector = Detector::new(Tools::built_in());
    let sample = found("opencode/cmd-rm-rf");
    let blind = detector.judge(&sample.look("opencode"));
    assert_eq!(blind.state, SessionState::Approval);
    assert_eq!(answers(&blind, Answer::Yes), [""; 0]);
    assert_eq!(answers(&blind, Answer::No), ["\u{1b}"]);
    assert_eq!(answers(&judge(sample), Answer::Yes), ["\r"]);
    for other in ["opencode/cmd-rm-rf-opt2", "opencode/cmd-rm-rf-opt3"] {
        assert_eq!(answers(&judge(found(other)), Answer::Yes), [""; 0]);
    }
}

#[test]
fn what_came_near_is_told_with_the_condition_that_failed() {
    let samples = Sample::all();
    let detector = Detector::new(Tools::built_in());
    let lost = |name: &str| {
        let sample = samples.iter().find(|sample| sample.name == name).unwrap();
        let look = sample.look(&sample.meta.tool);
        let lost = detector.dismissed(&look, &judge(sample));
        let lines = lost
            .iter()
            .map(|lost| format!("{}: {}\n", lost.rule, lost.why));
        lines.collect::<String>()
    };
    insta::assert_snapshot!(lost("claude-code/cmd-rm-rf"), @r"
    claude-code: read: what stands above the question is something else
    claude-code: web search: what stands above the question is something else
    claude-code: tool of a server: what stands above the question is something else
    claude-code: tool: what stands above the question is something else
    claude-code: other: another dialog comes first
    claude-code: question: something else stands below the options
    claude-code: dialog: a dialog is open
    claude-code: some dialog: a dialog is open
    ");
    insta::assert_snapshot!(lost("claude-code/idle-after-answer"), @r"
    claude-code: question: nothing to choose from is at the end of the screen
    claude-code: some dialog: the input box is there
    ");
    insta::assert_snapshot!(lost("gemini-cli/cmd-rm-rf"), @r"
    gemini-cli: question: something else stands below the options
    gemini-cli: action required: a dialog is open
    gemini-cli: dialog: a dialog is open
    gemini-cli: some dialog: a dialog is open
    ");
}

#[rstest::rstest]
#[case::rm("rm: remove regular file 'a.txt'? ", "rm", "question")]
#[case::cp("cp: overwrite 'a.txt'? ", "cp", "question")]
#[case::gdb(
    "Make breakpoint pending on future shared library load? (y or [n]) ",
    "gdb",
    "question"
)]
#[case::terraform("  Enter a value: ", "terraform", "question")]
#[case::key(
    "Enter file in which to save the key (/home/dev/.ssh/id_ed25519): ",
    "ssh-keygen",
    "question"
)]
#[case::editor(
    "[O]pen Read-Only, (E)dit anyway, (Q)uit, (A)bort: ",
    "vim",
    "question"
)]
#[case::select("#? ", "bash", "question")]
#[case::database("sqlite> ", "sqlite3", "idle")]
#[case::debugger("(gdb) ", "gdb", "idle")]
#[case::download("Downloading 41%... ", "curl", "working")]
#[case::log("12:03 retrying: ", "tail", "working")]
fn a_line_of_a_plain_program_is_told_apart(
    #[case] line: &str,
    #[case] command: &str,
    #[case] state: &str,
) {
    let rows = vec!["some output".to_owned(), line.trim_end().to_owned()];
    let look = Look {
        tool: "shell",
        rows: &rows,
        cols: 80,
        cursor: (1, line.len() as u16),
        cursor_visible: true,
        alternate: false,
        title: "",
        command,
        quiet_for: Duration::from_secs(10),
        paint: None,
    };
    let verdict = Detector::new(Tools::built_in()).judge(&look);
    assert_eq!(verdict.state.word(), state, "{verdict:?}");
}
