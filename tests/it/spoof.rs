//! Pictures of permissions: the real dialogs of `tests/screens`, shown by something that is not the tool that asks.
//!
//! Promise: none of them can be agreed to. A dialog is shown by a program in front of a shell, in a pager or an editor, in the
//! transcript above a tool's own input box, quoted, in the pane of another tool, in a tmux within; and dialogs of which the
//! question or what is at stake is out of sight. Every dialog is built with the colours that were recorded, which is what a program
//! that replays a recording writes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;
use std::time::Duration;

use cm_tui::agent::monitor::Cells;
use cm_tui::domain::detect::{Detector, Form, Look, Paint, Painted, Placement, Verdict};
use cm_tui::domain::{Answer, SessionState, ToolProfile, Tools};

use crate::samples::Sample;

/// How many screens of each kind a dialog is put into.
const BASES: usize = 2;
/// One dialog in so many is taken, and all of them with `CM_SPOOF_ALL=1`, which makes thirty thousand pictures.
const STRIDE: usize = 4;

static TOOLS: LazyLock<Tools> = LazyLock::new(Tools::built_in);
static DETECTOR: LazyLock<Detector> = LazyLock::new(|| Detector::new(TOOLS.clone()));

impl Sample {
    fn profile(&self) -> &'static ToolProfile {
        TOOLS.get(&self.meta.tool).unwrap()
    }

    /// Its rows without the blank ones at the end.
    fn lines(&self) -> Vec<Line> {
        let end = self.rows.iter().rposition(|row| !row.is_empty());
        let rows = self.rows.iter().take(end.map_or(0, |end| end + 1));
        (0..)
            .zip(rows)
            .map(|(row, text)| Line::of(self, row, text))
            .collect()
    }

    /// As it is.
    fn spoof(&'static self, how: &str) -> Spoof {
        Spoof {
            how: how.to_owned(),
            of: &self.name,
            tool: self.meta.tool.clone(),
            lines: (0..)
                .zip(&self.rows)
                .map(|(row, text)| Line::of(self, row, text))
                .collect(),
            cols: self.meta.cols,
            cursor: (self.meta.cursor_y, self.meta.cursor_x),
            cursor_visible: self.meta.cursor_visible,
            alternate: self.meta.alternate_on,
            title: self.meta.pane_title.clone(),
            command: self.meta.pane_current_command.clone(),
        }
    }

    /// The row where what the tool keeps at the end of its screen begins: its input box, or else its last line.
    fn box_row(&self) -> usize {
        let last = self
            .rows
            .iter()
            .rposition(|row| !row.is_empty())
            .unwrap_or_default();
        let Some(input) = &self.profile().input else {
            return last;
        };
        let Some(prompt) = self.rows.iter().rposition(|row| input.prompt.is_match(row)) else {
            return last;
        };
        let is_above = |row: &usize| match &input.open {
            Some(open) => open.is_match(&self.rows[*row]),
            // A box of one sign has it on every row.
            None => !input.prompt.is_match(&self.rows[*row]),
        };
        let above = (0..prompt).rev().find(is_above);
        match (&input.open, above) {
            (Some(_), Some(row)) => row,
            (None, Some(row)) => row + 1,
            (_, None) => prompt,
        }
    }
}

/// A row of a picture, and where its colours are from.
#[derive(Clone)]
struct Line {
    text: String,
    /// The sample by its place, its row, and how far it was moved to the right.
    from: Option<(usize, u16, u16)>,
}

impl Line {
    fn plain(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            from: None,
        }
    }

    fn of(sample: &Sample, row: u16, text: &str) -> Self {
        let at = SAMPLES_BY_NAME.get(sample.name.as_str()).copied();
        Self {
            text: text.to_owned(),
            from: at.map(|at| (at, row, 0)),
        }
    }

    fn behind(&self, prefix: &str) -> Self {
        let shift = u16::try_from(prefix.chars().count()).unwrap();
        Self {
            text: format!("{prefix}{}", self.text).trim_end().to_owned(),
            from: self
                .from
                .map(|(sample, row, moved)| (sample, row, moved + shift)),
        }
    }
}

static SAMPLES_BY_NAME: LazyLock<BTreeMap<&'static str, usize>> = LazyLock::new(|| {
    let names = Sample::all().iter().enumerate();
    names
        .map(|(at, sample)| (sample.name.as_str(), at))
        .collect()
});

/// One picture of a permission.
struct Spoof {
    /// What was done with it.
    how: String,
    /// Which dialog it shows.
    of: &'static str,
    tool: String,
    lines: Vec<Line>,
    cols: u16,
    cursor: (u16, u16),
    cursor_visible: bool,
    alternate: bool,
    title: String,
    command: String,
}

#[derive(Debug)]
struct Colours<'l>(Vec<&'l Option<(usize, u16, u16)>>);

impl Painted for Colours<'_> {
    fn paint(&self, row: u16, col: u16) -> Paint {
        let Some(Some((sample, row, moved))) = self.0.get(usize::from(row)) else {
            return Paint::default();
        };
        let screen = Sample::all()
            .get(*sample)
            .and_then(|sample| sample.screen.as_ref());
        match (screen, col.checked_sub(*moved)) {
            (Some(screen), Some(col)) => Cells(screen).paint(*row, col),
            _ => Paint::default(),
        }
    }
}

impl Spoof {
    fn judge(&self) -> Verdict {
        let rows: Vec<String> = self.lines.iter().map(|line| line.text.clone()).collect();
        let colours = Colours(self.lines.iter().map(|line| &line.from).collect());
        DETECTOR.judge(&Look {
            tool: &self.tool,
            rows: &rows,
            cols: self.cols,
            cursor: self.cursor,
            cursor_visible: self.cursor_visible,
            alternate: self.alternate,
            title: &self.title,
            command: &self.command,
            quiet_for: Duration::from_secs(10),
            paint: Some(&colours),
        })
    }

    /// With other rows; the cursor stands behind the last one.
    fn with(self, lines: Vec<Line>) -> Self {
        let row = lines.len().saturating_sub(1) as u16;
        let col = lines.last().map_or(0, |line| line.text.chars().count()) as u16;
        Self {
            lines,
            cursor: (row, col),
            cursor_visible: true,
            ..self
        }
    }

    fn in_front(self, command: &str) -> Self {
        Self {
            command: command.to_owned(),
            ..self
        }
    }

    /// In a pane that is taken for another tool.
    fn taken_for(self, tool: &str) -> Self {
        Self {
            tool: tool.to_owned(),
            ..self
        }
    }

    /// For each program that may be in front and each tool that the pane may be taken for; not as the tool itself.
    fn in_front_of(&self, commands: &[&str]) -> Vec<Self> {
        let tools = [self.tool.as_str(), Tools::SHELL];
        let pairs = tools
            .iter()
            .flat_map(|tool| commands.iter().map(move |command| (*tool, *command)));
        pairs
            .filter(|(tool, command)| {
                !TOOLS.get(tool).unwrap().runs_as(command) || *tool == Tools::SHELL
            })
            .map(|(tool, command)| self.clone().in_front(command).taken_for(tool))
            .collect()
    }
}

impl Clone for Spoof {
    fn clone(&self) -> Self {
        Self {
            how: self.how.clone(),
            lines: self.lines.clone(),
            tool: self.tool.clone(),
            title: self.title.clone(),
            command: self.command.clone(),
            ..*self
        }
    }
}

fn dialogs() -> impl Iterator<Item = &'static Sample> {
    let stride = if std::env::var_os("CM_SPOOF_ALL").is_some() {
        1
    } else {
        STRIDE
    };
    Sample::all()
        .iter()
        .filter(|sample| sample.meta.state == "approval")
        .step_by(stride)
}

/// Screens of a tool that is idle or works, of the width of `dialog` where there are such.
fn bases(tool: &str, cols: u16, most: usize) -> Vec<&'static Sample> {
    let of = |state: &str| {
        let is_wanted = |sample: &&Sample| sample.meta.tool == tool && sample.meta.state == state;
        let mut found: Vec<&Sample> = Sample::all().iter().filter(is_wanted).collect();
        found.sort_by_key(|sample| sample.meta.cols != cols);
        found.truncate(most);
        found
    };
    ["idle", "working"].into_iter().flat_map(of).collect()
}

/// The rows put into the transcript of another screen, right above what the tool keeps at the end; what was above scrolls away.
fn above_the_box(
    dialog: &'static Sample,
    base: &'static Sample,
    how: &str,
    shown: &[Line],
) -> Spoof {
    let spoof = base.spoof(how);
    let at = base.box_row();
    let mut lines = spoof.lines.clone();
    lines.splice(at..at, shown.iter().cloned().chain([Line::plain("")]));
    lines.drain(..=shown.len());
    Spoof {
        of: &dialog.name,
        lines,
        cols: spoof.cols.max(dialog.meta.cols),
        ..spoof
    }
}

/// Printed above a shell's prompt.
fn above_a_shell_prompt(dialog: &'static Sample) -> Vec<Spoof> {
    let mut lines = vec![Line::plain("dev@box:~/shop$ cat recording.ans")];
    lines.extend(dialog.lines());
    lines.push(Line::plain("dev@box:~/shop$ "));
    let spoof = dialog.spoof("above a shell prompt").with(lines);
    spoof.in_front_of(&["bash", "zsh", "-bash"])
}

/// In a pager or an editor, which keep the last line to themselves.
fn in_a_pager(dialog: &'static Sample) -> Vec<Spoof> {
    let programs = [
        ("less", "recording.txt (END)"),
        ("less", ":"),
        ("more", "--More--(62%)"),
        (
            "vim",
            "\"recording.txt\" 24L, 903B                                      1,1           All",
        ),
        (
            "nvim",
            "recording.txt                                                 1,1            All",
        ),
        (
            "nano",
            "^X Exit      ^R Read File ^\\ Replace   ^U Paste     ^J Justify",
        ),
    ];
    let shown = programs.iter().flat_map(|(program, last)| {
        let mut lines = dialog.lines();
        lines.push(Line::plain(last));
        let mut spoof = dialog.spoof("in a pager or an editor").with(lines);
        spoof.alternate = true;
        if program.ends_with("vim") {
            spoof.cursor = (0, 0);
        }
        spoof.in_front_of(&[program])
    });
    shown.collect()
}

/// In the transcript of the tool itself.
fn in_its_own_transcript(dialog: &'static Sample) -> Vec<Spoof> {
    let bases = bases(&dialog.meta.tool, dialog.meta.cols, BASES);
    let how = "in its own transcript";
    bases
        .into_iter()
        .map(|base| above_the_box(dialog, base, how, &dialog.lines()))
        .collect()
}

/// How a message or a tool's output shows a text.
fn quoted(dialog: &Sample) -> Vec<(&'static str, Vec<Line>)> {
    let prefixed = |prefix: &'static str| -> Vec<Line> {
        dialog
            .lines()
            .iter()
            .map(|line| line.behind(prefix))
            .collect()
    };
    let numbered = (1..).zip(dialog.lines());
    let numbered = numbered
        .map(|(number, line)| line.behind(&format!("{number:4} │ ")))
        .collect();
    let mut fenced = vec![Line::plain("```text")];
    fenced.extend(dialog.lines());
    fenced.push(Line::plain("```"));
    let mut results = prefixed("     ");
    if let Some(first) = results.first_mut() {
        *first = Line::plain("  ⎿  recording.txt");
    }
    vec![
        ("in a quotation", prefixed("> ")),
        ("as lines that were added", prefixed("+")),
        ("as lines that were taken out", prefixed("-")),
        ("indented", prefixed("    ")),
        ("as a comment", prefixed("# ")),
        ("in a frame", prefixed("│ ")),
        ("with numbers", numbered),
        ("between fences", fenced),
        ("as what a command printed", results),
    ]
}

/// Quoted in the transcript of the tool itself.
fn quoted_in_its_own_transcript(dialog: &'static Sample) -> Vec<Spoof> {
    let bases = bases(&dialog.meta.tool, dialog.meta.cols, 1);
    let each = quoted(dialog).into_iter().flat_map(|(how, lines)| {
        let shown = bases
            .iter()
            .map(move |base| above_the_box(dialog, base, how, &lines));
        shown.collect::<Vec<_>>()
    });
    each.collect()
}

/// Quoted at the very end of the screen, as while a message is written and no input box is drawn.
fn quoted_at_the_end(dialog: &'static Sample) -> Vec<Spoof> {
    // What is moved to the right and nothing else reads as before: only the box below tells it from the tool's own.
    let is_only_moved = |how: &str| ["indented", "as what a command printed"].contains(&how);
    let marked = quoted(dialog)
        .into_iter()
        .filter(|(how, _)| !is_only_moved(how));
    let spoofs = marked.map(|(how, lines)| {
        let spoof = dialog.spoof(&format!("at the end, {how}"));
        let (row, col) = spoof.cursor;
        Spoof {
            cursor: (row + u16::from(how == "between fences"), col + 4),
            lines,
            ..spoof
        }
    });
    spoofs.collect()
}

/// A dialog as a message of another tool, which shows its input box.
fn in_the_transcript_of_another_tool(dialog: &'static Sample) -> Vec<Spoof> {
    let others = TOOLS.iter().filter(|tool| tool.id != dialog.meta.tool);
    let bases = others.flat_map(|tool| bases(&tool.id, dialog.meta.cols, 1));
    let how = "in the transcript of another tool";
    bases
        .map(|base| above_the_box(dialog, base, how, &dialog.lines()))
        .collect()
}

/// The whole screen in a pane where another tool is in front.
fn in_the_pane_of_another_tool(dialog: &'static Sample) -> Vec<Spoof> {
    let others = TOOLS.iter().filter(|tool| tool.id != dialog.meta.tool);
    let spoofs = others.filter_map(|tool| {
        let command = tool.recognise.commands.first()?;
        let spoof = dialog.spoof("in the pane of another tool");
        Some(spoof.taken_for(&tool.id).in_front(command))
    });
    spoofs.collect()
}

/// In a tmux or another terminal within the pane.
fn in_a_terminal_within(dialog: &'static Sample) -> Vec<Spoof> {
    let mut lines = dialog.spoof("").lines;
    lines.push(Line::plain(
        "[0] 0:claude* 1:bash-            \"box\" 12:00 21-Nov-26",
    ));
    let mut spoof = dialog.spoof("in a tmux within").with(lines);
    spoof.alternate = true;
    spoof.cursor = (dialog.meta.cursor_y, dialog.meta.cursor_x);
    spoof.cursor_visible = dialog.meta.cursor_visible;
    spoof.in_front_of(&["tmux", "ssh", "screen", "mosh-client"])
}

/// The last output of a program that has not ended, or that is another than the tool.
fn printed_and_waiting(dialog: &'static Sample) -> Vec<Spoof> {
    let replayed = dialog.spoof("printed by a program that waits");
    let below = replayed.clone().with(dialog.lines());
    let mut lines = dialog.lines();
    lines.push(Line::plain(""));
    let on_the_next = replayed.clone().with(lines);
    [replayed, below, on_the_next]
        .iter()
        .flat_map(|spoof| spoof.in_front_of(&["cat", "sleep", "tail", "python3", "vi", "make"]))
        .collect()
}

/// The tool's own dialog, with the rows that say what is at stake scrolled out at the top.
fn cut_off(dialog: &'static Sample) -> Vec<Spoof> {
    let whole = dialog.spoof("cut off at the top");
    let verdict = whole.judge();
    let (Some((question, last)), Some(prompt)) = (verdict.rows, verdict.prompt) else {
        return Vec::new();
    };
    let name = verdict.rule.rsplit(": ").next();
    let shape = dialog
        .profile()
        .dialogs
        .iter()
        .find(|shape| Some(shape.name.as_str()) == name);
    let is_below = shape.is_none_or(|shape| {
        shape.placement == Placement::AboveSubject || shape.form == Form::Buttons
    });
    let subject = prompt.subject.lines().next().unwrap_or_default().trim();
    let is_subject = |row: &u16| {
        !is_below && !subject.is_empty() && dialog.rows[usize::from(*row)].contains(subject)
    };
    // What stands first, of the question and what is at stake.
    let first = (0..=question).rev().find(is_subject).unwrap_or(question);
    let cut = |from: u16| {
        let mut spoof = whole.clone();
        spoof.lines.drain(..usize::from(from));
        spoof.cursor.0 = spoof.cursor.0.saturating_sub(from);
        spoof
    };
    (first + 1..=last).map(cut).collect()
}

/// Whether any key would say yes, to a permission or to a question.
fn can_be_agreed_to(verdict: &Verdict) -> bool {
    let choices = verdict.prompt.iter().flat_map(|prompt| &prompt.choices);
    choices
        .filter(|choice| choice.answer == Some(Answer::Yes))
        .any(|choice| !choice.keys.is_empty())
}

/// What became of pictures: how many of each kind are in each state, and those that can be agreed to.
#[derive(Default)]
struct Tally {
    states: BTreeMap<(String, String), usize>,
    wrong: Vec<String>,
    total: usize,
}

impl Tally {
    fn judge(&mut self, spoof: &Spoof) {
        let verdict = spoof.judge();
        let state = verdict.state.word();
        // Somebody has to look at it, and the rule that says so is told.
        let state = if verdict.state == SessionState::Approval {
            format!("{state} ({})", verdict.rule)
        } else {
            state.to_owned()
        };
        *self.states.entry((spoof.how.clone(), state)).or_default() += 1;
        self.total += 1;
        if can_be_agreed_to(&verdict) {
            self.wrong.push(format!(
                "{}: {} as {} with {} in front: {}",
                spoof.how, spoof.of, spoof.tool, spoof.command, verdict.rule
            ));
        }
    }

    fn table(&self) -> String {
        let mut table = String::new();
        for ((how, state), count) in &self.states {
            writeln!(table, "{how:36} {state:40} {count:5}").unwrap();
        }
        table
    }
}

#[test]
fn no_picture_of_a_permission_can_be_agreed_to() {
    let kinds = [
        above_a_shell_prompt,
        in_a_pager,
        in_its_own_transcript,
        quoted_in_its_own_transcript,
        quoted_at_the_end,
        in_the_transcript_of_another_tool,
        in_the_pane_of_another_tool,
        in_a_terminal_within,
        printed_and_waiting,
        cut_off,
    ];
    let mut tally = Tally::default();
    for dialog in dialogs() {
        for kind in kinds {
            for spoof in kind(dialog) {
                tally.judge(&spoof);
            }
        }
    }
    println!("{}{} pictures", tally.table(), tally.total);
    assert!(
        tally.wrong.is_empty(),
        "{} can be agreed to:\n{}",
        tally.wrong.len(),
        tally.wrong.join("\n")
    );
    assert!(tally.total >= 6000, "{}", tally.total);
}
