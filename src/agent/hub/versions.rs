//! Which version of a tool's program is installed: what its profile was not tested with is not answered by itself.

use std::time::Duration;

use super::Hub;
use super::approval::Approval;
use crate::agent::approve::Version;
use crate::agent::tmux::find_program;

/// How long a tool may take to say its version: some start a whole runtime for it, on a busy host.
const VERSION_WITHIN: Duration = Duration::from_secs(20);
/// How much of what it says is listened to, in bytes.
const VERSION_WORDS: usize = 4 << 10;

impl Hub {
    /// Asks a tool's program for its version, as it is on disk now. What has no program of its own is as old as we are.
    pub(super) fn ask_version(&mut self, tool: &str) {
        let Some(profile) = self.tools.get(tool) else {
            return;
        };
        let tested = profile.tested.clone();
        if profile.program.is_empty() {
            let known = tested.map_or(Version::Unknown, |_| Version::Tested);
            self.approvals.versions.insert(tool.to_owned(), known);
            return;
        }
        let program = profile
            .program
            .iter()
            .find_map(|program| find_program(program));
        let (Some(tested), Some(program)) = (tested, program) else {
            self.approvals.versions.remove(tool);
            return;
        };
        let tool = tool.to_owned();
        self.beside_approving(async move {
            let mut asked = tokio::process::Command::new(program);
            asked
                .arg("--version")
                .stdin(std::process::Stdio::null())
                .kill_on_drop(true);
            let said = tokio::time::timeout(VERSION_WITHIN, asked.output()).await;
            let version = match said {
                Ok(Ok(output)) if output.status.success() => {
                    let words = output.stdout.get(..VERSION_WORDS).unwrap_or(&output.stdout);
                    Version::of(&tested, &String::from_utf8_lossy(words))
                }
                _ => Version::Unknown,
            };
            Approval::Versioned { tool, version }
        });
    }
}
