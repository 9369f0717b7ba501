//! A tool profile says how an AI coding tool is started, recognised and read. It is data: `assets/tools/*.toml`, and
//! files of the same form in the user's `tools` folder, which replace a built-in one by its id.
//!
//! Parsing is pure; whoever reads files keeps the last good profile when a new one is broken.

use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

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

/// What comes with the program, in the order it is offered.
const BUILT_IN: &[&str] = &[
    include_str!("../../assets/tools/claude-code.toml"),
    include_str!("../../assets/tools/codex.toml"),
    include_str!("../../assets/tools/gemini-cli.toml"),
    include_str!("../../assets/tools/opencode.toml"),
    include_str!("../../assets/tools/aider.toml"),
    include_str!("../../assets/tools/copilot.toml"),
    include_str!("../../assets/tools/qwen-code.toml"),
    include_str!("../../assets/tools/shell.toml"),
    include_str!("../../assets/tools/demo.toml"),
];

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
    "hooks.races",
    "input.open",
    "input.prompt",
    "input.close",
    "input.cursor_visible",
    "input.below",
    "turn",
    "dialog.name",
    "dialog.kind",
    "dialog.question",
    "dialog.placement",
    "dialog.footer",
    "dialog.title",
    "dialog.none",
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
    "dialog.subject.wrap",
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

/// How a tool is told to call `cm-agent hook`, for one process and without touching anybody's settings.
#[derive(Clone, Debug, Deserialize)]
pub struct Hooks {
    /// The argument that goes right behind the program; `{hooks}` stands for the settings, which are JSON.
    pub argument: String,
    /// The tool's names of the events.
    pub events: Vec<String>,
    /// Whether the tool shows its dialog while the hook for a permission runs, and takes whichever answers first. Such a hook
    /// may wait for a person; all others are answered at once or not at all.
    #[serde(default)]
    pub races: bool,
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

    /// The argument that makes the tool call `agent hook` for each of its events; `None` when it takes none. The events'
    /// commands are read by a shell.
    pub fn hook_argument(&self, agent: &str) -> Option<String> {
        let hooks = self.hooks.as_ref()?;
        let command = format!("'{}' hook {}", agent.replace('\'', r"'\''"), self.id);
        let call = |event: &str| {
            let timeout = if hooks.races && event == "PermissionRequest" {
                ASKING_TIMEOUT
            } else {
                HOOK_TIMEOUT
            };
            serde_json::json!([{
                "hooks": [{ "type": "command", "command": command, "timeout": timeout }]
            }])
        };
        let events: serde_json::Map<_, _> = hooks
            .events
            .iter()
            .map(|event| (event.clone(), call(event)))
            .collect();
        let settings = serde_json::json!({ "hooks": events }).to_string();
        Some(hooks.argument.replace(HOOKS, &settings))
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

/// A program that stands in the foreground of a pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    argv: Vec<String>,
}

impl Program {
    pub fn new(argv: Vec<String>) -> Self {
        Self { argv }
    }

    /// Without its folder, and without the dash that marks a login shell.
    pub fn name(&self) -> &str {
        let name = file_name(self.argv.first().map_or("", String::as_str));
        name.strip_prefix('-').unwrap_or(name)
    }

    /// What an interpreter runs: the first argument that is no option, without its folder.
    fn script(&self) -> Option<&str> {
        let mut arguments = self.argv.iter().skip(1);
        arguments
            .find(|argument| !argument.starts_with('-'))
            .map(|path| file_name(path))
    }
}

/// All profiles, in the order they are offered.
#[derive(Clone, Debug)]
pub struct Tools(Vec<ToolProfile>);

impl Tools {
    /// The id of the profile that fits when no other does.
    pub const SHELL: &'static str = "shell";

    pub fn built_in() -> Self {
        static PARSED: LazyLock<Tools> = LazyLock::new(|| {
            let parse =
                |text: &&str| toml::from_str(text).expect("a test parses every built-in profile");
            Tools(BUILT_IN.iter().map(parse).collect())
        });
        PARSED.clone()
    }

    /// The built-in profiles, where those of the user take the place of the ones with the same id; the others follow.
    #[must_use]
    pub fn with(user: Vec<ToolProfile>) -> Self {
        let Self(mut all) = Self::built_in();
        for profile in user {
            match all.iter_mut().find(|known| known.id == profile.id) {
                Some(known) => *known = profile,
                None => all.push(profile),
            }
        }
        Self(all)
    }

    pub fn iter(&self) -> std::slice::Iter<'_, ToolProfile> {
        self.0.iter()
    }

    pub fn get(&self, id: &str) -> Option<&ToolProfile> {
        self.0.iter().find(|profile| profile.id == id)
    }

    /// The tool that a pane runs, and the name by which it runs there: by its foreground program, its title and (if known)
    /// all `programs` of the foreground, the leader first. The shell's profile when no other fits.
    pub fn recognise<'a>(
        &'a self,
        command: &'a str,
        title: &str,
        programs: &'a [Program],
    ) -> Option<(&'a ToolProfile, &'a str)> {
        let named = |list: &[String], name: &str| list.iter().any(|known| known == name);
        let tools = || self.0.iter().filter(|profile| profile.id != Self::SHELL);
        let all_names = || std::iter::once(command).chain(programs.iter().map(Program::name));
        let by_name = all_names().find_map(|name| {
            let tool = tools().find(|tool| named(&tool.recognise.commands, name))?;
            Some((tool, name))
        });
        let by_script = || {
            programs.iter().find_map(|program| {
                let (name, script) = (program.name(), program.script()?);
                let tool = tools().find(|tool| {
                    let hints = &tool.recognise;
                    named(&hints.interpreters, name) && named(&hints.words, script)
                })?;
                Some((tool, name))
            })
        };
        let by_title = || {
            let tool = tools().find(|tool| {
                let hints = &tool.recognise;
                named(&hints.interpreters, command)
                    && hints.title.iter().any(|pattern| pattern.is_match(title))
            })?;
            Some((tool, command))
        };
        by_name
            .or_else(by_script)
            .or_else(by_title)
            .or_else(|| Some((self.get(Self::SHELL)?, command)))
    }
}

impl<'a> IntoIterator for &'a Tools {
    type Item = &'a ToolProfile;
    type IntoIter = std::slice::Iter<'a, ToolProfile>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
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

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

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

    #[rstest]
    #[case("claude", "", &[], "claude-code", "claude")]
    #[case("codex", "", &[], "codex", "codex")]
    #[case("node", "◇  Ready (shop)", &[], "gemini-cli", "node")]
    #[case("node", "", &["node --no-warnings /usr/local/bin/gemini"], "gemini-cli", "node")]
    #[case("node", "", &["node server.js --tool gemini"], "shell", "node")]
    #[case("python3", "", &["/usr/bin/python3 /home/a/.local/bin/aider"], "aider", "python3")]
    #[case("python3", "", &["python3 -m aider"], "aider", "python3")]
    #[case("bash", "✳ Work on the shop", &[], "shell", "bash")]
    #[case("bash", "", &["bash ./go.sh", "/opt/claude/claude --continue"], "claude-code", "claude")]
    #[case("npm exec codex", "", &["npm exec codex", "sh -c codex", "node /x/.bin/codex"], "codex", "node")]
    #[case("make", "", &["make", "cc -o claude"], "shell", "make")]
    #[case("bash", "", &["-bash"], "shell", "bash")]
    #[case("vim", "", &[], "shell", "vim")]
    fn a_pane_is_recognised(
        #[case] command: &str,
        #[case] title: &str,
        #[case] programs: &[&str],
        #[case] tool: &str,
        #[case] name: &str,
    ) {
        let words = |line: &&str| Program::new(line.split(' ').map(str::to_owned).collect());
        let programs: Vec<Program> = programs.iter().map(words).collect();
        let tools = Tools::built_in();
        let (found, found_name) = tools.recognise(command, title, &programs).unwrap();
        assert_eq!((found.id.as_str(), found_name), (tool, name));
    }

    #[test]
    fn a_profile_of_the_user_replaces_the_built_in_one_in_its_place() {
        let mine = "id='codex'\nname='Mine'\nshort='m'\nstart=['x']\n";
        let other = "id='other'\nname='Other'\nshort='o'\nstart=['x']\n";
        let tools = Tools::with(vec![
            toml::from_str(mine).unwrap(),
            toml::from_str(other).unwrap(),
        ]);
        let ids: Vec<&str> = tools.iter().map(|profile| profile.id.as_str()).collect();
        assert_eq!(ids[1], "codex");
        assert_eq!(tools.get("codex").unwrap().name, "Mine");
        assert_eq!(*ids.last().unwrap(), "other");
    }
}
