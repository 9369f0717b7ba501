//! A tool profile says how an AI coding tool is started, recognised and read. It is data: `assets/tools/*.toml`, and
//! files of the same form in the user's `tools` folder, which replace a built-in one by its id.
//!
//! `known.rs` has all of them, and tells which one a pane runs.
//!
//! Parsing is pure; whoever reads files keeps the last good profile when a new one is broken.

mod known;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

pub use self::known::{Program, Tools};
use super::detect::{Dialog, InputBox, Pattern, Rule};

/// The placeholders of an argument vector.
const TASK: &str = "{task}";
const PROGRAM: &str = "{program}";
const AGENT: &str = "{agent}";
const SHELL: &str = "{shell}";
const HOOKS: &str = "{hooks}";
/// How long a tool should wait for a hook, in seconds: it gives up by itself after one.
const HOOK_TIMEOUT: u64 = 3;
/// How long it should wait for a hook that may ask a person, in seconds. An hour: a prompt that waits longer is answered by
/// its key, and a forgotten process does not wait for days. Without it some tools end their hooks after one minute.
const ASKING_TIMEOUT: u64 = 3600;

/// Every key of a profile as a dotted path, to find mistyped ones.
pub const KEYS: &[&str] = &[
    "id",
    "name",
    "short",
    "program",
    "start",
    "start_with_task",
    "proxy",
    "hidden",
    "tested",
    "recognise.commands",
    "recognise.interpreters",
    "recognise.title",
    "recognise.words",
    "has_daemon",
    "title.working",
    "title.asking",
    "title.rest",
    "hooks.argument",
    "hooks.events",
    "hooks.file",
    "hooks.folder_variable",
    "hooks.note",
    "hooks.races",
    "input.open",
    "input.prompt",
    "input.close",
    "input.cursor_visible",
    "input.below",
    "turn",
    "dialog.name",
    "dialog.kind",
    "dialog.form",
    "dialog.buttons",
    "dialog.question",
    "dialog.placement",
    "dialog.footer",
    "dialog.title",
    "dialog.none",
    "dialog.cursor_visible",
    "dialog.cursor_on_mark",
    "dialog.numbered",
    "dialog.above.find",
    "dialog.above.next",
    "dialog.above.is",
    "dialog.above.optional",
    "dialog.yes",
    "dialog.refuse",
    "dialog.no",
    "dialog.letters",
    "dialog.subject.text",
    "dialog.subject.question",
    "dialog.subject.start",
    "dialog.subject.end",
    "dialog.subject.strip",
    "dialog.subject.hidden",
    "dialog.subject.inverse",
    "dialog.subject.wrap",
    "dialog.subject.breaks",
    "dialog.subject.tallest",
    "dialog.subject.part",
    "dialog.subject.short",
    "rule.name",
    "rule.state",
    "rule.priority",
    "rule.region",
    "rule.all.**",
    "rule.any.**",
    "rule.none.**",
    "rule.input",
    "rule.alternate",
    "rule.cursor_visible",
    "rule.capture",
];

/// One tool.
#[derive(Clone, Debug, Deserialize)]
pub struct ToolProfile {
    /// Names the profile in settings and on the wire: `[a-z0-9-]+`.
    #[serde(deserialize_with = "id")]
    pub id: String,
    /// For people.
    pub name: String,
    /// A few letters for narrow columns.
    pub short: String,
    /// Names to look up in `PATH`, best first. Empty when nothing has to be installed.
    #[serde(default)]
    pub program: Vec<String>,
    /// The argument vector of a start without a task. See [`ToolProfile::argv`].
    #[serde(deserialize_with = "argument_vector")]
    pub start: Vec<String>,
    /// The same with a task; absent when the tool cannot be given one.
    pub start_with_task: Option<Vec<String>>,
    /// Whether it reports its status when it runs behind `cm-agent run`. There `recognise.commands` must have the name of
    /// its program's file, whatever interprets it.
    #[serde(default)]
    pub proxy: bool,
    /// Whether it is left out of lists.
    #[serde(default)]
    pub hidden: bool,
    /// The versions that the screen rules were tested with; absent when they were not.
    pub tested: Option<String>,
    #[serde(default)]
    pub recognise: Recognise,
    /// Whether a daemon of the tool's own may run its hooks, with the environment of whichever pane came first.
    #[serde(default)]
    pub has_daemon: bool,
    /// What its titles say.
    #[serde(default)]
    pub title: Titles,
    /// The hooks that it can be given for one start.
    pub hooks: Option<Hooks>,
    /// Where the tool takes its next task. While it is drawn, no dialog is open.
    pub input: Option<InputBox>,
    /// How a message of the user begins in the transcript.
    pub turn: Option<Pattern>,
    /// The dialogs it is known to show, in the order they are tried.
    #[serde(default, rename = "dialog")]
    pub dialogs: Vec<Dialog>,
    /// The rest of its states. The highest priority that fits wins; among equals the first.
    #[serde(default, rename = "rule")]
    pub rules: Vec<Rule>,
}

/// How a tool that somebody else started is told by its pane.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Recognise {
    /// Values of `#{pane_current_command}` that are this tool and nothing else.
    pub commands: Vec<String>,
    /// Names under which it may run as well, but other programs too, such as `node`.
    pub interpreters: Vec<String>,
    /// Behind an interpreter: a title that is this tool's.
    pub title: Vec<Pattern>,
    /// Behind an interpreter: the last part of the path of a script that is this tool's program.
    pub words: Vec<String>,
}

/// What the titles of a tool say. They outlive the tool, so they count only while it is in front.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Titles {
    pub working: Option<Pattern>,
    /// It waits for a person: a permission or a question.
    pub asking: Option<Pattern>,
    /// It does not work: it may be idle or wait.
    pub rest: Option<Pattern>,
}

/// How a tool is told to call `cm-agent hook`: for one process, without touching anybody's settings, or in the settings of a
/// user who wants that.
#[derive(Clone, Debug, Deserialize)]
pub struct Hooks {
    /// The argument that goes right behind the program; `{hooks}` stands for the settings, which are JSON. Absent for tools
    /// that take none.
    pub argument: Option<String>,
    /// The tool's names of the events.
    pub events: Vec<String>,
    /// Whether the tool shows its dialog while the hook for a permission runs, and takes whichever answers first. Such a hook
    /// may wait for a person; all others are answered at once or not at all.
    #[serde(default)]
    pub races: bool,
    /// The user's settings, JSON of the same form as the argument's: a path in the home folder.
    pub file: Option<String>,
    /// The environment variable that names another folder for that file.
    pub folder_variable: Option<String>,
    /// What its user must know or do before the hooks in the settings are called.
    #[serde(default)]
    pub note: String,
}

/// One entry of a tool's hooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookCall {
    pub event: String,
    /// Read by a shell: `'PATH of cm-agent' hook TOOL`.
    pub command: String,
    /// How long the tool waits for it, in seconds.
    pub timeout: u64,
}

/// What the placeholders of an argument vector stand for.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The tool's program, as it was found.
    pub program: &'a str,
    /// `cm-agent` itself.
    pub agent: &'a str,
    /// The user's shell.
    pub shell: &'a str,
}

impl ToolProfile {
    /// The argument vector that starts the tool; `None` when a task is given and the tool cannot take one.
    ///
    /// `{program}`, `{agent}` and `{shell}` are replaced where they are a whole argument, `{task}` also behind a `=`:
    /// the task is always within one argument, whatever it contains. No shell reads it.
    pub fn argv(&self, places: Places<'_>, task: Option<&str>) -> Option<Vec<String>> {
        let template = if task.is_some() {
            self.start_with_task.as_ref()?
        } else {
            &self.start
        };
        let fill = |argument: &String| match (argument.as_str(), task) {
            (PROGRAM, _) => places.program.to_owned(),
            (AGENT, _) => places.agent.to_owned(),
            (SHELL, _) => places.shell.to_owned(),
            (TASK, Some(task)) => task.to_owned(),
            (_, Some(task)) => match argument.strip_suffix(TASK) {
                Some(option) if option.ends_with('=') => format!("{option}{task}"),
                _ => argument.clone(),
            },
            (_, None) => argument.clone(),
        };
        Some(template.iter().map(fill).collect())
    }

    /// What the tool is to call for each of its events; empty when it has no hooks.
    pub fn hook_calls(&self, agent: &str) -> Vec<HookCall> {
        let command = format!("'{}' hook {}", agent.replace('\'', r"'\''"), self.id);
        let races = self.hooks.as_ref().is_some_and(|hooks| hooks.races);
        let events = self.hooks.iter().flat_map(|hooks| &hooks.events);
        events
            .map(|event| HookCall {
                event: event.clone(),
                command: command.clone(),
                timeout: if races && event == "PermissionRequest" {
                    ASKING_TIMEOUT
                } else {
                    HOOK_TIMEOUT
                },
            })
            .collect()
    }

    /// The argument that makes the tool call `agent hook` for each of its events; `None` when it takes none. The events'
    /// commands are read by a shell.
    pub fn hook_argument(&self, agent: &str) -> Option<String> {
        let argument = self.hooks.as_ref()?.argument.as_ref()?;
        let events: serde_json::Map<_, _> = self
            .hook_calls(agent)
            .into_iter()
            .map(|call| {
                let entry = serde_json::json!([{ "hooks": [{
                    "type": "command", "command": call.command, "timeout": call.timeout
                }] }]);
                (call.event, entry)
            })
            .collect();
        let settings = serde_json::json!({ "hooks": events }).to_string();
        Some(argument.replace(HOOKS, &settings))
    }

    /// Whether it has rules that were never held against any version of the tool.
    pub fn is_untested(&self) -> bool {
        let has_rules = !self.dialogs.is_empty() || !self.rules.is_empty();
        has_rules && self.tested.is_none()
    }

    /// Whether a pane whose foreground program is `command` may show this tool's screen.
    pub fn runs_as(&self, command: &str) -> bool {
        let names = &self.recognise;
        names
            .commands
            .iter()
            .chain(&names.interpreters)
            .any(|name| name == command)
    }
}

fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !id.is_empty() && id.chars().all(is_plain) {
        Ok(id)
    } else {
        Err(D::Error::custom(format!(
            "the id “{id}” has other characters than a-z, 0-9 and -"
        )))
    }
}

fn argument_vector<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let arguments = Vec::deserialize(deserializer)?;
    if arguments.is_empty() {
        return Err(D::Error::custom("start needs at least the program"));
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: Places<'static> = Places {
        program: "/bin/tool",
        agent: "/bin/cm-agent",
        shell: "/bin/zsh",
    };

    #[test]
    fn every_built_in_profile_can_be_started() {
        for profile in &Tools::built_in() {
            let argv = profile.argv(PLACES, None).unwrap();
            assert!(argv[0].starts_with('/'), "{argv:?}");
            if profile.start_with_task.is_some() {
                let argv = profile.argv(PLACES, Some("-x $(id)\n'")).unwrap();
                let holding = argv
                    .iter()
                    .filter(|argument| argument.contains("-x $(id)\n'"))
                    .count();
                assert_eq!(holding, 1, "{argv:?}");
            }
        }
    }

    #[test]
    fn rules_without_a_version_are_untested() {
        let profile = |more: &str| -> ToolProfile {
            let text = format!("id='x'\nname='X'\nshort='x'\nstart=['x']\n{more}");
            toml::from_str(&text).unwrap()
        };
        let rule = "[[rule]]\nname='prompt'\nstate='idle'\n";
        assert!(!profile("").is_untested());
        assert!(profile(rule).is_untested());
        assert!(!profile(&format!("tested='1.2'\n{rule}")).is_untested());
        for shipped in &Tools::built_in() {
            assert!(!shipped.is_untested(), "{}", shipped.id);
        }
    }

    #[test]
    fn the_hook_argument_is_one_argument_whatever_the_agents_path_is() {
        let tools = Tools::built_in();
        let claude = tools.get("claude-code").unwrap();
        let argument = claude.hook_argument("/a b/it's/cm-agent").unwrap();
        let json = argument.strip_prefix("--settings=").unwrap();
        let settings: serde_json::Value = serde_json::from_str(json).unwrap();
        let command = settings.pointer("/hooks/Stop/0/hooks/0/command").unwrap();
        assert_eq!(command, r"'/a b/it'\''s/cm-agent' hook claude-code");
        assert_eq!(tools.get("codex").unwrap().hook_argument("/x"), None);
    }

    #[test]
    fn a_task_is_one_argument_and_is_not_read_again() {
        let tools = Tools::built_in();
        let argv = tools
            .get("claude-code")
            .unwrap()
            .argv(PLACES, Some("{agent} {task}"))
            .unwrap();
        assert_eq!(argv, ["/bin/tool", "--", "{agent} {task}"]);
        assert_eq!(tools.get("shell").unwrap().argv(PLACES, Some("x")), None);
    }
}
