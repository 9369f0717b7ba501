//! Starting a session: which program, where, under which name, and who waits to hear of it.

use std::path::{Path, PathBuf};

use super::panes::{OPTION_DIR, OPTION_TASK, OPTION_TOOL, session_id};
use super::{ClientId, Hub, HubMsg, tmux_failure};
use crate::agent::tmux::{MONITOR, NewSession, find_program};
use crate::domain::tool::Places;
use crate::domain::{SessionId, ToolProfile, Tools};
use crate::protocol::{Failure, FailureKind, Reply, StartSession, Tool};
use crate::term::sanitize;

impl Hub {
    pub(super) fn start(&mut self, client: ClientId, id: u64, start: StartSession) {
        let Some(tmux) = self.tmux.clone() else {
            return self.fail(
                client,
                id,
                self.trouble.clone().unwrap_or_else(super::no_tmux),
            );
        };
        match self.plan(start) {
            Ok(spec) => {
                let (hub, name) = (self.own.clone(), spec.name.clone());
                self.reserved.insert(name.clone());
                tokio::spawn(async move {
                    let started = match check_folder(&spec.dir).await {
                        Ok(()) => tmux
                            .new_session(spec)
                            .await
                            .map_err(|error| tmux_failure(&error)),
                        Err(failure) => Err(failure),
                    };
                    let result = started.map(|started| session_id(&started.pane));
                    // Without a hub the client is gone as well.
                    let _told = hub
                        .send(HubMsg::SessionStarted {
                            client,
                            id,
                            name,
                            result,
                        })
                        .await;
                });
            }
            Err(failure) => self.fail(client, id, failure),
        }
    }

    /// Answers once the session can be asked for: tmux lists it a moment after it has started it.
    pub(super) fn session_started(
        &mut self,
        client: ClientId,
        id: u64,
        name: &str,
        result: Result<SessionId, Failure>,
    ) {
        match result {
            Ok(session) if self.sessions.contains_key(&session) => {
                self.clients.reply(client, id, Reply::Started(session));
            }
            Ok(session) => self.awaited.push((session, client, id)),
            Err(failure) => {
                self.reserved.remove(name);
                self.fail(client, id, failure);
            }
        }
    }

    /// Answers those who wait for a session that is here now.
    pub(super) fn session_listed(&mut self, session: &SessionId) {
        if let Some(entry) = self.sessions.get(session) {
            self.reserved.remove(&entry.session.name);
        }
        let here = self
            .awaited
            .extract_if(.., |(awaited, ..)| awaited == session);
        for (session, client, id) in here.collect::<Vec<_>>() {
            self.clients.reply(client, id, Reply::Started(session));
        }
    }

    /// Answers those who wait for sessions of a server that is gone.
    pub(super) fn sessions_failed(&mut self, reason: &str) {
        self.reserved.clear();
        for (_, client, id) in std::mem::take(&mut self.awaited) {
            let message = format!(
                "the tmux server ended while the session started: {}",
                sanitize::label(reason, 200)
            );
            self.fail(
                client,
                id,
                Failure {
                    kind: FailureKind::Failed,
                    message,
                    hint: "try again".to_owned(),
                },
            );
        }
    }

    /// What has to run, or why it cannot.
    fn plan(&self, start: StartSession) -> Result<NewSession, Failure> {
        let tool = self.tools.get(&start.tool).ok_or_else(|| Failure {
            kind: FailureKind::NotFound,
            message: format!("no tool is called “{}”", sanitize::label(&start.tool, 40)),
            hint: format!("known tools: {}", tool_ids(&self.tools)),
        })?;
        let task = start
            .task
            .map(|task| task.trim().to_owned())
            .filter(|task| !task.is_empty());
        let program = self.program(tool).ok_or_else(|| not_installed(tool))?;
        let (program, agent) = (
            program.to_string_lossy(),
            self.config.agent_program.to_string_lossy(),
        );
        let places = Places {
            program: &program,
            agent: &agent,
            shell: &shell(),
        };
        let mut argv = tool.argv(places, task.as_deref()).ok_or_else(|| Failure {
            kind: FailureKind::Invalid,
            message: format!("{} cannot be given a task at its start", tool.name),
            hint: "start it without a task, then type into it".to_owned(),
        })?;
        if let Some(argument) = tool.hook_argument(places.agent)
            && let Some(at) = argv.iter().position(|word| word == places.program)
        {
            argv.insert(at + 1, argument);
        }
        if tool.proxy && self.config.proxies {
            argv.splice(..0, [&*agent, "run", "--"].map(str::to_owned));
        }
        let dir = self.folder(&start.dir);
        let wanted = start.name.filter(|name| !name.trim().is_empty());
        let name = wanted.unwrap_or_else(|| {
            let folder = dir.file_name().unwrap_or_default().to_string_lossy();
            if folder.is_empty() {
                tool.short.clone()
            } else {
                folder.into_owned()
            }
        });
        let mut options = vec![
            (OPTION_TOOL.to_owned(), tool.id.clone()),
            (OPTION_DIR.to_owned(), dir.to_string_lossy().into_owned()),
        ];
        options.extend(task.map(|task| {
            (
                OPTION_TASK.to_owned(),
                task.replace(['\n', '\r', '\t'], " "),
            )
        }));
        Ok(NewSession {
            name: self.free_name(&name),
            argv,
            dir,
            env: Vec::new(),
            options,
            size: None,
        })
    }

    /// `~` is the home of whoever runs the agent.
    pub(super) fn folder(&self, dir: &str) -> PathBuf {
        match dir.strip_prefix('~') {
            Some("") => self.config.home.clone(),
            Some(rest) if rest.starts_with('/') => {
                self.config.home.join(rest.trim_start_matches('/'))
            }
            _ if dir.is_empty() => self.config.home.clone(),
            _ => PathBuf::from(dir),
        }
    }

    /// The wanted name in our alphabet, with the first number that makes it free.
    pub(super) fn free_name(&self, wanted: &str) -> String {
        let name = sanitize::session_name(wanted);
        let taken = |name: &str| {
            name == MONITOR
                || self.reserved.contains(name)
                || self
                    .sessions
                    .values()
                    .any(|entry| stem(&entry.session.name) == name)
        };
        if !taken(&name) {
            return name;
        }
        let stem: String = name.chars().take(28).collect();
        (2..=u16::MAX)
            .map(|number| format!("{stem}-{number}"))
            .find(|name| !taken(name))
            .unwrap_or(name)
    }

    fn program(&self, tool: &ToolProfile) -> Option<PathBuf> {
        if tool.program.is_empty() {
            // It is started by something that is always there: ourselves, or the user's shell.
            return Some(self.config.agent_program.clone());
        }
        tool.program
            .iter()
            .find_map(|program| find_program(program))
    }

    pub(super) fn installed_tools(&self) -> Vec<Tool> {
        self.tools
            .iter()
            .filter(|tool| !tool.hidden)
            .map(|tool| Tool {
                id: tool.id.clone(),
                name: tool.name.clone(),
                short: tool.short.clone(),
                program: self
                    .program(tool)
                    .map(|program| program.to_string_lossy().into_owned()),
                takes_task: tool.start_with_task.is_some(),
                is_untested: tool.is_untested(),
                command: display_command(tool),
            })
            .collect()
    }
}

/// The command line as a person would type it: bare program names.
fn display_command(tool: &ToolProfile) -> Vec<String> {
    let program = tool.program.first().map_or("", String::as_str);
    let places = Places {
        program,
        agent: "cm-agent",
        shell: &shell(),
    };
    let with_task = tool.argv(places, Some("{task}"));
    with_task
        .or_else(|| tool.argv(places, None))
        .unwrap_or_default()
}

/// The tmux session's name in the name of one of its panes.
fn stem(name: &str) -> &str {
    name.split_once(':').map_or(name, |(stem, _)| stem)
}

fn shell() -> String {
    std::env::var("SHELL")
        .ok()
        .filter(|shell| shell.starts_with('/'))
        .unwrap_or_else(|| "/bin/sh".to_owned())
}

fn tool_ids(tools: &Tools) -> String {
    tools
        .iter()
        .filter(|tool| !tool.hidden)
        .map(|tool| tool.id.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

async fn check_folder(dir: &Path) -> Result<(), Failure> {
    let failure = |why: String| Failure {
        kind: FailureKind::NotFound,
        message: format!(
            "cannot start in {}: {why}",
            sanitize::label(&dir.to_string_lossy(), 200)
        ),
        hint: "name an existing folder".to_owned(),
    };
    if !dir.is_absolute() {
        return Err(failure("not an absolute path".to_owned()));
    }
    match tokio::fs::metadata(dir).await {
        Ok(meta) if meta.is_dir() => Ok(()),
        Ok(_) => Err(failure("not a folder".to_owned())),
        Err(error) => Err(failure(match error.kind() {
            std::io::ErrorKind::NotFound => "no such folder".to_owned(),
            _ => error.to_string(),
        })),
    }
}

fn not_installed(tool: &ToolProfile) -> Failure {
    let looked = std::env::var("PATH").unwrap_or_default();
    Failure {
        kind: FailureKind::NotFound,
        message: format!(
            "{} is not installed: no program “{}” was found",
            tool.name,
            tool.program.join("” or “")
        ),
        hint: format!("looked in {}", sanitize::label(&looked, 300)),
    }
}
