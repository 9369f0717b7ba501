//! Our entries in a tool's settings: put in, taken out, looked at. Texts in, texts out; no I/O.
//!
//! An entry is ours if its command is `'PATH/cm-agent…' hook TOOL`. Promise: everything else stays byte for byte, and what was
//! put in can be taken out again so that nothing is left of it.

use std::ops::Range;

use thiserror::Error;

use super::json::{Edit, Kind, Node, edited, parse};
use crate::domain::HookCall;

const HOOKS: &str = "hooks";
/// How deep what is put in is indented where the file does not say.
const INDENT: &str = "  ";

/// Why settings are left as they are.
#[derive(Debug, Error)]
pub enum EditError {
    #[error("it is not JSON")]
    Broken(#[source] serde_json::Error),
    #[error("{what} is not {form}")]
    Shape { what: String, form: &'static str },
}

/// An entry of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub call: HookCall,
    /// The program that it calls.
    pub program: String,
}

/// Returns the settings with a call for each event; the same text when all is there already.
pub fn install(before: &str, tool: &str, calls: &[HookCall]) -> Result<String, EditError> {
    if is_complete(&found(before, tool)?, calls) {
        return Ok(before.to_owned());
    }
    let bare = remove(before, tool)?;
    if bare.trim().is_empty() {
        let text = edited("{}", put(&read("{}")?, "{}", calls));
        return Ok(text + "\n");
    }
    let root = read(&bare)?;
    Ok(edited(&bare, put(&root, &bare, calls)))
}

/// Returns the settings without our calls, and without what would then be empty.
pub fn remove(before: &str, tool: &str) -> Result<String, EditError> {
    if before.trim().is_empty() {
        return Ok(before.to_owned());
    }
    let root = read(before)?;
    let Some(hooks) = root.get(HOOKS) else {
        return Ok(before.to_owned());
    };
    let mut edits = Vec::new();
    let events: Vec<bool> = hooks
        .members()
        .iter()
        .map(|event| is_emptied(&event.value, tool, &mut edits))
        .collect();
    if take_out(hooks, &events, &mut edits) {
        let which: Vec<bool> = root
            .members()
            .iter()
            .map(|member| member.key == HOOKS)
            .collect();
        if take_out(&root, &which, &mut edits) {
            edits.push((root.span.clone(), "{}".to_owned()));
        }
    }
    Ok(edited(before, outermost(edits)))
}

/// Our entries, in the order of the file.
pub fn found(text: &str, tool: &str) -> Result<Vec<Found>, EditError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let root = read(text)?;
    let mut found = Vec::new();
    for event in root.get(HOOKS).map(Node::members).unwrap_or_default() {
        let groups = event.value.elements().iter();
        let entries =
            groups.flat_map(|group| group.get(HOOKS).map(Node::elements).unwrap_or_default());
        found.extend(entries.filter_map(|entry| {
            let command = entry.get("command")?.text()?;
            let timeout = entry
                .get("timeout")
                .and_then(|timeout| text.get(timeout.span.clone()));
            Some(Found {
                program: program(command, tool)?,
                call: HookCall {
                    event: event.key.clone(),
                    command: command.to_owned(),
                    timeout: timeout
                        .and_then(|text| text.parse().ok())
                        .unwrap_or_default(),
                },
            })
        }));
    }
    Ok(found)
}

/// What settings were that became `after` when our calls were put into them, if that is so and nothing else has happened: the
/// `backup`, or nothing at all. Better than [`remove`], which does not know what was empty before.
pub fn origin<'b>(
    after: &str,
    tool: &str,
    backup: Option<&'b str>,
) -> Result<Option<Origin<'b>>, EditError> {
    let calls: Vec<HookCall> = found(after, tool)?
        .into_iter()
        .map(|found| found.call)
        .collect();
    let becomes_this = |text: &str| {
        let is_without = found(text, tool).is_ok_and(|found| found.is_empty());
        is_without && install(text, tool, &calls).is_ok_and(|text| text == after)
    };
    if calls.is_empty() {
        return Ok(None);
    }
    let backup = backup.filter(|text| becomes_this(text)).map(Origin::Backup);
    Ok(backup.or_else(|| becomes_this("").then_some(Origin::Nothing)))
}

/// What was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'b> {
    Nothing,
    Backup(&'b str),
}

/// Whether exactly these calls are there.
fn is_complete(found: &[Found], calls: &[HookCall]) -> bool {
    found.len() == calls.len()
        && calls
            .iter()
            .all(|call| found.iter().any(|found| found.call == *call))
}

/// The program that a command of ours calls.
fn program(command: &str, tool: &str) -> Option<String> {
    let quoted = command.strip_suffix(&format!(" hook {tool}"))?;
    let inner = quoted.strip_prefix('\'')?.strip_suffix('\'')?;
    let path = inner.replace(r"'\''", "\u{0}");
    let is_one_word = !path.contains('\'');
    let path = path.replace('\u{0}', "'");
    let name = path.rsplit('/').next()?;
    (is_one_word && path.starts_with('/') && name.starts_with("cm-agent")).then_some(path)
}

/// Reads settings and holds what we touch against the form that tools read.
fn read(text: &str) -> Result<Node, EditError> {
    let root = parse(text).map_err(EditError::Broken)?;
    let wrong = |what: &str, form| EditError::Shape {
        what: what.to_owned(),
        form,
    };
    let Kind::Object(members) = &root.kind else {
        return Err(wrong("what it holds", "an object"));
    };
    let mut named = members.iter().filter(|member| member.key == HOOKS);
    let Some(hooks) = named.next() else {
        return Ok(root);
    };
    let Kind::Object(events) = &hooks.value.kind else {
        return Err(wrong("“hooks”", "an object"));
    };
    let keys: std::collections::BTreeSet<&str> =
        events.iter().map(|event| event.key.as_str()).collect();
    if named.next().is_some() || keys.len() < events.len() {
        return Err(wrong("“hooks”", "there once, with each event once"));
    }
    for event in events {
        if !matches!(event.value.kind, Kind::Array(_)) {
            return Err(wrong(&format!("“hooks.{}”", event.key), "a list"));
        }
    }
    Ok(root)
}

/// The edits that add a call for each event, to settings that have none.
fn put(root: &Node, text: &str, calls: &[HookCall]) -> Vec<Edit> {
    let indent = indentation(root, text);
    let group = |call: &HookCall| {
        serde_json::json!([{ "hooks": [{
            "type": "command", "command": call.command, "timeout": call.timeout
        }] }])
    };
    let hooks = root.get(HOOKS);
    let mut edits = Vec::new();
    let mut fresh = Vec::new();
    for call in calls {
        match hooks.and_then(|hooks| hooks.get(&call.event)) {
            Some(event) => {
                let element = group(call)[0].clone();
                edits.push(append(event, text, &[(None, element)], 2, &indent));
            }
            None => fresh.push((Some(call.event.clone()), group(call))),
        }
    }
    match hooks {
        _ if fresh.is_empty() => {}
        Some(hooks) => edits.push(append(hooks, text, &fresh, 1, &indent)),
        None => {
            let events: Vec<String> = fresh.iter().map(|item| line_of(item, 2, &indent)).collect();
            let events = events.join(",");
            let inner = format!("{{{events}\n{indent}}}");
            let member = format!("\n{indent}\"{HOOKS}\": {inner}");
            edits.push(behind_the_last(root, &member, "\n"));
        }
    }
    edits
}

/// A member or an element that is to be added.
type Item = (Option<String>, serde_json::Value);

/// The edit that adds items at the end of what stands `depth` levels deep.
fn append(node: &Node, text: &str, items: &[Item], depth: usize, indent: &str) -> Edit {
    let opening = node
        .children()
        .first()
        .map(|first| node.span.start + 1..first.start);
    let gap = opening.and_then(|gap| text.get(gap));
    // What stands on one line goes on so.
    let added: Vec<String> = if gap.is_some_and(|gap| !gap.contains('\n')) {
        items
            .iter()
            .map(|item| format!(" {}", flat(item)))
            .collect()
    } else {
        let line = |item| line_of(item, depth + 1, indent);
        items.iter().map(line).collect()
    };
    let end = format!("\n{}", indent.repeat(depth));
    behind_the_last(node, &added.join(","), &end)
}

/// The edit that puts a text behind what `node` holds; `end` follows where it holds nothing.
fn behind_the_last(node: &Node, added: &str, end: &str) -> Edit {
    match node.children().last() {
        Some(last) => (last.end..last.end, format!(",{added}")),
        None => (
            node.span.start + 1..node.span.end - 1,
            format!("{added}{end}"),
        ),
    }
}

fn flat((key, value): &Item) -> String {
    match key {
        Some(key) => format!("{}: {value}", serde_json::Value::from(key.as_str())),
        None => value.to_string(),
    }
}

/// An item on a line of its own, `depth` levels deep.
fn line_of(item: &Item, depth: usize, indent: &str) -> String {
    format!("\n{}{}", indent.repeat(depth), flat(item))
}

/// What the first member is indented with, where it has a line of its own.
fn indentation(root: &Node, text: &str) -> String {
    let first = root
        .children()
        .first()
        .map(|first| root.span.start + 1..first.start);
    let gap = first.and_then(|gap| text.get(gap)).unwrap_or_default();
    match gap.rsplit_once('\n') {
        Some((_, indent)) if !indent.is_empty() => indent.to_owned(),
        _ => INDENT.to_owned(),
    }
}

/// Takes our entries out of the groups of an event; whether none of its groups is left then.
fn is_emptied(event: &Node, tool: &str, edits: &mut Vec<Edit>) -> bool {
    let groups: Vec<bool> = event
        .elements()
        .iter()
        .map(|group| {
            let Some(entries) = group.get(HOOKS) else {
                return false;
            };
            let ours: Vec<bool> = entries
                .elements()
                .iter()
                .map(|entry| {
                    let command = entry.get("command").and_then(Node::text);
                    command.is_some_and(|command| program(command, tool).is_some())
                })
                .collect();
            take_out(entries, &ours, edits)
        })
        .collect();
    take_out(event, &groups, edits)
}

/// Takes children out, with the commas that were theirs. Returns whether all of them are gone; then the edit is up to whoever
/// takes `node` itself out.
fn take_out(node: &Node, which: &[bool], edits: &mut Vec<Edit>) -> bool {
    if !which.contains(&true) || !which.contains(&false) {
        return which.contains(&true);
    }
    let children = node.children();
    for (at, child) in children.iter().enumerate().filter(|(at, _)| which[*at]) {
        let is_first = !which[..at].contains(&false);
        let range = if is_first {
            child.start..children[at + 1].start
        } else {
            children[at - 1].end..child.end
        };
        edits.push((range, String::new()));
    }
    false
}

/// Edits without those within others.
fn outermost(edits: Vec<Edit>) -> Vec<Edit> {
    let holds = |outer: &Range<usize>, inner: &Range<usize>| {
        outer.start <= inner.start && inner.end <= outer.end && outer != inner
    };
    let ranges: Vec<Range<usize>> = edits.iter().map(|(range, _)| range.clone()).collect();
    edits
        .into_iter()
        .filter(|(range, _)| !ranges.iter().any(|outer| holds(outer, range)))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    const TOOL: &str = "claude-code";

    fn calls() -> Vec<HookCall> {
        calls_of("/opt/cm/cm-agent", &["PreToolUse", "Stop"])
    }

    fn calls_of(program: &str, events: &[&str]) -> Vec<HookCall> {
        let command = format!("'{}' hook {TOOL}", program.replace('\'', r"'\''"));
        let call = |event: &&str| HookCall {
            event: (*event).to_owned(),
            command: command.clone(),
            timeout: 3,
        };
        events.iter().map(call).collect()
    }

    fn installed(before: &str) -> String {
        install(before, TOOL, &calls()).unwrap()
    }

    #[test]
    fn settings_that_are_not_there_are_made() {
        let text = installed("");
        insta::assert_snapshot!(text, @r#"
        {
          "hooks": {
            "PreToolUse": [{"hooks":[{"command":"'/opt/cm/cm-agent' hook claude-code","timeout":3,"type":"command"}]}],
            "Stop": [{"hooks":[{"command":"'/opt/cm/cm-agent' hook claude-code","timeout":3,"type":"command"}]}]
          }
        }
        "#);
        assert!(text.ends_with("}\n"));
    }

    #[test]
    fn what_is_there_stays_as_it_is_written() {
        let before = "{\n    \"model\": \"x\",\n    \"hooks\": {\n        \"Stop\": [\n            { \"hooks\": [] }\n        \
                      ]\n    },\n    \"z\" : 1e3\n}";
        let text = installed(before);
        insta::assert_snapshot!(text, @r#"
        {
            "model": "x",
            "hooks": {
                "Stop": [
                    { "hooks": [] },
                    {"hooks":[{"command":"'/opt/cm/cm-agent' hook claude-code","timeout":3,"type":"command"}]}
                ],
                "PreToolUse": [{"hooks":[{"command":"'/opt/cm/cm-agent' hook claude-code","timeout":3,"type":"command"}]}]
            },
            "z" : 1e3
        }
        "#);
        assert_eq!(remove(&text, TOOL).unwrap(), before);
    }

    #[rstest]
    #[case::one_line(r#"{"a": [1, 2], "hooks": {"Stop": [{"hooks": [{"command": "say done"}]}]}, "b": "\u00e9"}"#)]
    #[case::other_hooks("{\"hooks\": {\"Notification\": [{\"matcher\": \"x\", \"hooks\": []}]}}\n")]
    #[case::no_hooks("{\r\n\t\"a\": {}\r\n}\r\n")]
    #[case::empty("{}")]
    fn what_was_put_in_can_be_taken_out(#[case] before: &str) {
        let text = installed(before);
        assert_ne!(text, before);
        assert_eq!(installed(&text), text, "it is put in once");
        assert_eq!(remove(&text, TOOL).unwrap(), before);
    }

    #[test]
    fn only_our_own_entries_are_taken_out() {
        let ours = json!({ "type": "command", "command": "'/x/cm-agent' hook claude-code" });
        let before = json!({ "hooks": {
            "Stop": [{ "matcher": "*", "hooks": [ours, { "command": "'/x/cm-agent' hook codex" }, ours] }],
            "PreToolUse": [{ "hooks": [ours] }, { "hooks": [{ "command": "echo '/x/cm-agent' hook claude-code" }] }],
            "SessionEnd": [{ "hooks": [ours] }],
            "Odd": [1, { "hooks": 2 }, { "hooks": [{ "command": 3 }, "x"] }],
        } });
        let after: Value =
            serde_json::from_str(&remove(&before.to_string(), TOOL).unwrap()).unwrap();
        let wanted = json!({ "hooks": {
            "Stop": [{ "matcher": "*", "hooks": [{ "command": "'/x/cm-agent' hook codex" }] }],
            "PreToolUse": [{ "hooks": [{ "command": "echo '/x/cm-agent' hook claude-code" }] }],
            "Odd": [1, { "hooks": 2 }, { "hooks": [{ "command": 3 }, "x"] }],
        } });
        assert_eq!(after, wanted);
    }

    #[test]
    fn an_agent_that_has_moved_is_called_where_it_is_now() {
        let old = install(
            "{}",
            TOOL,
            &calls_of("/it's/cm-agent-0.1", &["Stop", "Setup"]),
        )
        .unwrap();
        assert_eq!(found(&old, TOOL).unwrap()[0].program, "/it's/cm-agent-0.1");
        assert_eq!(installed(&old), installed("{}"));
    }

    #[rstest]
    #[case::nothing("", Some("{}"), Some(Origin::Nothing))]
    #[case::nothing_but_an_old_backup("", Some("{\"a\": 1}"), Some(Origin::Nothing))]
    #[case::empty("{ \n}", Some("{ \n}"), Some(Origin::Backup("{ \n}")))]
    #[case::empty_list(
        "{\"hooks\": {\"Stop\": []}}",
        Some("{\"hooks\": {\"Stop\": []}}"),
        Some(Origin::Backup("{\"hooks\": {\"Stop\": []}}"))
    )]
    #[case::another("{\"a\": 1}", Some("{\"a\": 2}"), None)]
    #[case::no_backup("{\"a\": 1}", None, None)]
    fn what_was_there_before_is_known_by_what_becomes_of_it(
        #[case] before: &str,
        #[case] backup: Option<&str>,
        #[case] wanted: Option<Origin<'_>>,
    ) {
        assert_eq!(origin(&installed(before), TOOL, backup).unwrap(), wanted);
        assert_eq!(origin("{}", TOOL, Some("{}")).unwrap(), None);
    }

    #[rstest]
    #[case("{", "it is not JSON")]
    #[case("// mine\n{}", "it is not JSON")]
    #[case("[]", "what it holds is not an object")]
    #[case(r#"{"hooks": []}"#, "“hooks” is not an object")]
    #[case(r#"{"hooks": {"Stop": {}}}"#, "“hooks.Stop” is not a list")]
    #[case(
        r#"{"hooks": {}, "hooks": {}}"#,
        "“hooks” is not there once, with each event once"
    )]
    fn what_is_not_understood_is_not_changed(#[case] before: &str, #[case] why: &str) {
        assert_eq!(
            install(before, TOOL, &calls()).unwrap_err().to_string(),
            why
        );
        assert_eq!(remove(before, TOOL).unwrap_err().to_string(), why);
    }

    /// Settings with hooks of somebody else's.
    fn any_settings() -> impl Strategy<Value = Value> {
        let entry = "[a-z' /]{1,12}".prop_map(|command| json!({ "command": command }));
        let group =
            proptest::collection::vec(entry, 0..3).prop_map(|hooks| json!({ "hooks": hooks }));
        let groups = proptest::collection::vec(group, 1..3).prop_map(Value::from);
        let events = proptest::collection::btree_map("Stop|PreToolUse|Setup", groups, 1..3);
        let others =
            proptest::collection::btree_map("[a-e\u{e9}]{1,4}", "[a-z{}\\[\"\n]{0,6}", 0..4);
        (others, proptest::option::of(events)).prop_map(|(others, events)| {
            let mut all: serde_json::Map<_, _> = others
                .into_iter()
                .map(|(key, text)| (key, Value::from(text)))
                .collect();
            if let Some(events) = events {
                all.insert("hooks".into(), events.into_iter().collect());
            }
            Value::Object(all)
        })
    }

    proptest! {
        #[test]
        fn nothing_else_is_ever_changed(settings in any_settings(), is_pretty: bool) {
            let before = if is_pretty {
                serde_json::to_string_pretty(&settings).unwrap()
            } else {
                settings.to_string()
            };
            let text = installed(&before);
            prop_assert!(is_complete(&found(&text, TOOL).unwrap(), &calls()));
            prop_assert!(serde_json::from_str::<Value>(&text).is_ok());
            prop_assert_eq!(remove(&text, TOOL).unwrap(), before);
        }
    }
}
