//! Which hook speaks of which prompt, and what may be decided through one.

use crate::domain::{HookEvent, Prompt, PromptKind, Source};
use crate::term::sanitize;

/// The tools' own names of actions whose request may be answered through their hook. Everything else is left to the dialog:
/// questions, plans and whatever a newer version delivers the same way.
const DECIDABLE: [&str; 12] = [
    "Bash",
    "Edit",
    "Glob",
    "Grep",
    "MultiEdit",
    "NotebookEdit",
    "Read",
    "WebFetch",
    "WebSearch",
    "Write",
    "apply_patch",
    "shell",
];

/// The widest line of a prompt that is told whole, in columns; the monitor's own limit.
const COLS: usize = 1000;

/// Whether the hook's request is one that may be decided at all, and says exactly what is at stake.
pub fn may_be_decided(event: &HookEvent) -> bool {
    event.event == "PermissionRequest"
        && DECIDABLE.contains(&event.action.as_str())
        && event.kind().is_permission()
        && !event.subject.is_empty()
}

/// Whether a prompt is told with exactly the subject that the hook named, so that whoever answers the prompt has seen what
/// the hook asks.
pub fn is_exactly(event: &HookEvent, prompt: &Prompt) -> bool {
    prompt.evidence.contains(&Source::Hook)
        && is_of_kind(event.kind(), prompt.kind)
        && shown(&event.subject).is_some_and(|shown| shown == prompt.subject)
}

/// Whether a prompt that was read from the screen may be the one that the hook asks for: screens wrap what is long, and
/// shorten paths.
pub fn may_be(event: &HookEvent, prompt: &Prompt) -> bool {
    let bare = |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace()).collect() };
    let (exact, read) = (bare(&event.subject), bare(&prompt.subject));
    is_of_kind(event.kind(), prompt.kind)
        && !exact.is_empty()
        && (exact == read
            || read.is_empty()
            || is_file(prompt.kind)
                && exact
                    .strip_suffix(read.as_str())
                    .is_some_and(|folder| folder.ends_with('/')))
}

fn is_of_kind(asked: PromptKind, shown: PromptKind) -> bool {
    asked == shown || is_file(asked) && is_file(shown)
}

fn is_file(kind: PromptKind) -> bool {
    matches!(kind, PromptKind::Edit | PromptKind::Create)
}

/// As the monitor tells a subject: each line cleaned for itself; `None` for one that is told cut.
fn shown(subject: &str) -> Option<String> {
    let lines = subject.lines().map(|line| {
        let is_whole = sanitize::width(line) <= COLS;
        is_whole.then(|| sanitize::label(line, COLS))
    });
    Some(lines.collect::<Option<Vec<_>>>()?.join("\n"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::domain::PromptId;

    fn event(action: &str, subject: &str) -> HookEvent {
        HookEvent {
            tool: "claude-code".into(),
            event: "PermissionRequest".into(),
            conversation: String::new(),
            cwd: String::new(),
            pane: None,
            action: action.into(),
            subject: subject.into(),
            detail: String::new(),
        }
    }

    fn prompt(kind: PromptKind, subject: &str, evidence: &[Source]) -> Prompt {
        Prompt {
            id: PromptId(1),
            kind,
            subject: subject.into(),
            question: String::new(),
            choices: Vec::new(),
            rule: String::new(),
            evidence: evidence.to_vec(),
            since: 0,
            advice: None,
        }
    }

    #[rstest]
    #[case("Bash", "ls", true)]
    #[case("Bash", "", false)]
    #[case("AskUserQuestion", "Which?", false)]
    #[case("ExitPlanMode", "plan", false)]
    #[case("mcp__x__y", "z", false)]
    #[case("SomethingNew", "z", false)]
    #[case("bash", "ls", false)]
    fn only_known_actions_are_decided(
        #[case] action: &str,
        #[case] subject: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(may_be_decided(&event(action, subject)), expected);
    }

    #[test]
    fn another_event_decides_nothing() {
        let mut event = event("Bash", "ls");
        event.event = "PreToolUse".into();
        assert!(!may_be_decided(&event));
    }

    #[rstest]
    #[case("rm -rf /tmp/a", "rm -rf /tmp/a", true)]
    #[case("rm -rf /tmp/a", "rm -rf /tmp/ a", false)]
    #[case("ls\nrm x", "ls\nrm x", true)]
    #[case("ls", "", false)]
    fn an_answer_goes_to_the_hook_only_when_its_exact_subject_was_shown(
        #[case] asked: &str,
        #[case] told: &str,
        #[case] expected: bool,
    ) {
        let both = [Source::Hook, Source::Screen];
        let told = prompt(PromptKind::Command, told, &both);
        assert_eq!(is_exactly(&event("Bash", asked), &told), expected);
        let read = prompt(PromptKind::Command, &told.subject, &[Source::Screen]);
        assert!(!is_exactly(&event("Bash", asked), &read));
    }

    #[test]
    fn what_was_told_cut_was_not_shown() {
        let whole = "x".repeat(COLS);
        let both = [Source::Hook, Source::Screen];
        let told = prompt(PromptKind::Command, &whole, &both);
        assert!(is_exactly(&event("Bash", &whole), &told));
        let longer = format!("{whole}x");
        let told = prompt(PromptKind::Command, &sanitize::label(&longer, COLS), &both);
        assert!(!is_exactly(&event("Bash", &longer), &told));
    }

    #[rstest]
    #[case("Bash", "git  log", PromptKind::Command, "git log", true)]
    #[case("Bash", "git log", PromptKind::Command, "git push", false)]
    #[case("Edit", "/srv/a/cart.py", PromptKind::Create, "cart.py", true)]
    #[case("Edit", "/srv/a/cart.py", PromptKind::Edit, "art.py", false)]
    #[case("Bash", "git log", PromptKind::Edit, "git log", false)]
    #[case("Edit", "a.py", PromptKind::Command, "a.py", false)]
    #[case("Bash", "bin/a", PromptKind::Command, "a", false)]
    #[case("Bash", "git log", PromptKind::Command, "", true)]
    #[case("Bash", "", PromptKind::Command, "", false)]
    fn a_screen_wraps_and_shortens(
        #[case] action: &str,
        #[case] asked: &str,
        #[case] kind: PromptKind,
        #[case] read: &str,
        #[case] expected: bool,
    ) {
        let read = prompt(kind, read, &[Source::Screen]);
        assert_eq!(may_be(&event(action, asked), &read), expected);
    }
}
