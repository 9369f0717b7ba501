//! The tools: where they are, and what they need to run alone, without an account and without asking for one.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::lab::Lab;

/// The folder with `bin/claude`, `bin/codex` and `bin/gemini`.
const TOOLS: &str = "CM_LIVE_TOOLS";
/// Nothing listens there: what a tool sends anywhere but to the model gets no further.
const NOWHERE: &str = "http://127.0.0.1:9";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    ClaudeCode,
    Codex,
    GeminiCli,
}

impl Tool {
    /// The profile's id.
    pub fn id(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
            Self::GeminiCli => "gemini-cli",
        }
    }

    /// The program's name.
    pub fn program(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude",
            Self::Codex => "codex",
            Self::GeminiCli => "gemini",
        }
    }

    fn installed(self) -> PathBuf {
        let folder = std::env::var_os(TOOLS).unwrap_or_else(|| {
            panic!("{TOOLS} must name the folder that .ci/live-tools has filled")
        });
        let program = Path::new(&folder).join("bin").join(self.program());
        assert!(program.exists(), "{} is missing", program.display());
        program
    }

    /// What its own first run would ask for and no state of a session depends on: colours, a key, news.
    fn settings(self, model: &str) -> Vec<(&'static str, String)> {
        match self {
            Self::ClaudeCode => vec![
                (
                    ".claude.json",
                    r#"{"hasCompletedOnboarding": true, "theme": "dark"}"#.to_owned(),
                ),
                // In its stock mode it asks nothing, and in another one it offers that mode.
                (
                    ".claude/settings.json",
                    r#"{"permissions": {"defaultMode": "default", "disableAutoMode": "disable"}}"#
                        .to_owned(),
                ),
            ],
            // A model whose tools are functions, and a sandbox that edits have to ask for.
            Self::Codex => vec![(
                ".codex/config.toml",
                format!(
                    "model = \"gpt-5.5\"\nmodel_provider = \"own\"\ncheck_for_update_on_startup = false\n\
                     sandbox_mode = \"read-only\"\napproval_policy = \"on-request\"\n\
                     [analytics]\nenabled = false\n\
                     [model_providers.own]\nname = \"Own\"\nbase_url = \"{model}/v1\"\nenv_key = \"OWN_KEY\"\n\
                     wire_api = \"responses\"\n"
                ),
            )],
            Self::GeminiCli => vec![(
                ".gemini/settings.json",
                r#"{"general": {"enableAutoUpdate": false, "enableAutoUpdateNotification": false},
                    "privacy": {"usageStatisticsEnabled": false},
                    "security": {"auth": {"selectedType": "gemini-api-key"}}}"#
                    .to_owned(),
            )],
        }
    }

    fn variables(self, model: &str) -> Vec<(&'static str, String)> {
        let named = |pairs: &[(&'static str, &str)]| {
            let owned = pairs
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()));
            owned.collect::<Vec<_>>()
        };
        let mut variables = named(&[
            ("HTTPS_PROXY", NOWHERE),
            ("NO_PROXY", "127.0.0.1,localhost"),
        ]);
        variables.extend(match self {
            // With a key it would want to reach its vendor at the first start.
            Self::ClaudeCode => named(&[
                ("ANTHROPIC_BASE_URL", model),
                ("ANTHROPIC_AUTH_TOKEN", "none"),
                ("DISABLE_TELEMETRY", "1"),
                ("DISABLE_ERROR_REPORTING", "1"),
                ("DISABLE_AUTOUPDATER", "1"),
            ]),
            Self::Codex => named(&[("OWN_KEY", "none")]),
            Self::GeminiCli => named(&[
                ("GEMINI_API_KEY", "none"),
                ("GOOGLE_GEMINI_BASE_URL", model),
                ("GEMINI_TELEMETRY_ENABLED", "false"),
            ]),
        });
        variables
    }

    /// Puts a program of the tool's name into the lab's `bin`, which runs the real one as it has to run there, and its
    /// settings into the lab's home.
    pub fn settle_in(self, lab: &Lab, model: &str) {
        for (file, text) in self.settings(model) {
            let file = lab.path("home").join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let mut script = String::from("#!/bin/sh\n");
        for (name, value) in self.variables(model) {
            writeln!(script, "export {name}='{value}'").unwrap();
        }
        // Otherwise it leaves a server behind that outlives the lab.
        let alone = if self == Self::Codex {
            " --no-daemon"
        } else {
            ""
        };
        let real = self.installed();
        writeln!(script, "exec '{}'{alone} \"$@\"", real.display()).unwrap();
        let program = lab.path("bin").join(self.program());
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(program, PermissionsExt::from_mode(0o700)).unwrap();
    }
}

/// A small project in a repository, where all of them work.
pub fn write_project(dir: &Path) {
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(
        dir.join("cart.py"),
        "TAX = 2\n\n\ndef total(items):\n    return sum(items) * TAX\n",
    )
    .unwrap();
    std::fs::write(dir.join("README.md"), "# Shop\n").unwrap();
}

#[test]
fn the_tools_are_installed_in_the_versions_that_their_profiles_were_tested_with() {
    let script = include_str!("../../../.ci/live-tools");
    let known = cm_tui::domain::Tools::built_in();
    for tool in [Tool::ClaudeCode, Tool::Codex, Tool::GeminiCli] {
        let tested = known.get(tool.id()).unwrap().tested.as_deref().unwrap();
        let name = tool.program().to_uppercase();
        let pinned = script
            .lines()
            .find(|line| line.starts_with(&format!("{name}=@")));
        assert!(
            pinned.unwrap().ends_with(&format!("@{tested}")),
            "{name}: {tested}"
        );
    }
}
