//! The tools that are known, and which of them a pane runs.
//!
//! Promise: a name that many programs share, such as `node`, is no tool by itself.

use std::sync::LazyLock;

use super::ToolProfile;

/// What comes with the program, in the order it is offered.
const BUILT_IN: &[&str] = &[
    include_str!("../../../assets/tools/claude-code.toml"),
    include_str!("../../../assets/tools/codex.toml"),
    include_str!("../../../assets/tools/gemini-cli.toml"),
    include_str!("../../../assets/tools/opencode.toml"),
    include_str!("../../../assets/tools/aider.toml"),
    include_str!("../../../assets/tools/copilot.toml"),
    include_str!("../../../assets/tools/qwen-code.toml"),
    include_str!("../../../assets/tools/shell.toml"),
    include_str!("../../../assets/tools/demo.toml"),
];

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

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

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
