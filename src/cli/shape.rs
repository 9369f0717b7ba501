//! The JSON that `--json` prints: this page is its document. Fields are added, never changed or taken away.
//!
//! Moments are milliseconds since 1970 on this machine's clock. Foreign text (names, folders, subjects, questions) is
//! data: as the host told it, with control characters escaped by JSON. What does not apply is `null`.
//!
//! | command | prints |
//! | --- | --- |
//! | `list`, `status` | `{"hosts": [HOST], "sessions": [SESSION]}` |
//! | `status SESSION` | SESSION |
//! | `status --follow` | one object a line: `{"at", "what", "host", "session"}`, where `what` is `now`, `changed` or `removed` |
//! | `show SESSION` | `{"host", "id", "name", "cols", "rows", "cursor": [column, row], "lines": [text]}` |
//! | `explain SESSION` | how its state is known, as its agent tells it |
//! | `logs SESSION` | one object a line: `{"at", "note", "number", "text"}` |
//! | `history` | one object a line: `{"host", "seq", "record"}` |
//! | `start` | SESSION |
//! | `ctx list`, `ctx show` | `[CONTEXT]`, CONTEXT |
//! | `ctx test` | `{"context", "host", "reached", "steps": [{"step", "ms"}], "error", "hint"}` |
//! | `agent status` | `{"host", "reached", "agent", "oldest", "newest", "pid", "uptime_seconds", "tmux", "error", "hint"}` |
//! | `hooks status` | `[{"tool", "program", "file", "hooks", "agent", "missing", "says", "note"}]`; `hooks` is `installed`, `incomplete`, `absent` or `broken`, `missing` are names of events |
//! | `policy suggest` | `{"rules": [{"name", "approved", "last", "tool", "kind", "subject", "rule"}]}`; `approved` times, `last` a moment, `rule` is TOML |
//! | `doctor` | `{"worst", "checks": [{"check", "verdict", "says", "mend"}]}`; verdicts are `ok`, `warn`, `fail` |
//!
//! | HOST | meaning |
//! | --- | --- |
//! | `host` | its id, `local` for this machine |
//! | `connection` | `connected`, `lost`, `connecting` |
//! | `agent` | program and version; `null` while there is no connection |
//! | `error`, `hint` | why there is none, or what is wrong with the host, and what to do |
//!
//! | SESSION | meaning |
//! | --- | --- |
//! | `host`, `id`, `name` | the id is what names it for good |
//! | `contexts` | names of the contexts that it is in |
//! | `tool` | the profile's id |
//! | `state` | `starting`, `working`, `approval`, `question`, `idle`, `finished`, `error`, `exited`, `lost`, `unknown` |
//! | `detail` | what it works at, or the words of its error; may be empty |
//! | `exit_code`, `exit_signal` | of a program that has ended |
//! | `since`, `created` | moments |
//! | `dir`, `task` | the folder it was started in, and what it was asked to do |
//! | `managed`, `server` | whether it is on a tmux server of ours; the name of the other one |
//! | `attached` | how many people are attached |
//! | `cols`, `rows` | its size |
//! | `rule`, `disagreement` | why its state is believed; who says otherwise |
//! | `auto` | `{"mode", "screen", "dry_run", "until", "stopped"}`: who answers its permissions when no person does (`ask`, `policy`, `yes`), whether evidence of the screen is enough, whether it is only recorded; `until` is a moment, `stopped` says why it was switched off by itself and may be empty |
//! | `prompt` | `{"id", "kind", "subject", "question", "choices": [{"label", "answer"}], "since"}` while it waits; `id` is text; `answer` is `yes`, `no` or `null` |
//!
//! | CONTEXT | meaning |
//! | --- | --- |
//! | `name`, `enabled`, `tags` | |
//! | `host` | the id of its host; `null` when it is switched off |
//! | `ssh`, `user`, `port`, `identity`, `jump`, `transport`, `install`, `agent`, `attach` | as in the settings |
//! | `dir`, `tool` | what a new session starts with |

use serde::Serialize;

use super::pick::{Place, home};
use crate::config::ContextConfig;
use crate::domain::{Answer, HostId, Origin, Prompt, Session, SessionState, UnixMillis};
use crate::fleet::{ConnectionState, Host};

#[derive(Debug, Serialize)]
pub struct Overview<'s> {
    pub hosts: Vec<HostShape<'s>>,
    pub sessions: Vec<SessionShape<'s>>,
}

#[derive(Debug, Serialize)]
pub struct HostShape<'s> {
    host: &'s HostId,
    connection: &'static str,
    agent: Option<&'s str>,
    error: Option<&'s str>,
    hint: Option<&'s str>,
}

impl<'s> HostShape<'s> {
    pub fn of(host: &'s Host) -> Self {
        let connection = match host.connection {
            ConnectionState::Connected | ConnectionState::Stale { .. } => "connected",
            // Being tried again does not make it another: only an answer does.
            _ if host.failure.is_some() => "lost",
            _ => "connecting",
        };
        let failure = host.failure.as_ref().or(host.trouble.as_ref());
        let welcome = host.welcome.as_ref().filter(|_| host.is_connected());
        Self {
            host: &host.id,
            connection,
            agent: welcome.map(|welcome| welcome.agent.as_str()),
            error: failure.map(|failure| failure.message.as_str()),
            hint: failure.map(|failure| failure.hint.as_str()),
        }
    }
}

#[derive(Debug, Serialize)]
pub struct SessionShape<'s> {
    host: &'s HostId,
    id: &'s str,
    name: &'s str,
    contexts: Vec<&'s str>,
    tool: &'s str,
    state: &'static str,
    detail: &'s str,
    exit_code: Option<i32>,
    exit_signal: Option<i32>,
    since: UnixMillis,
    created: UnixMillis,
    dir: &'s str,
    task: Option<&'s str>,
    managed: bool,
    server: Option<&'s str>,
    attached: u32,
    cols: u16,
    rows: u16,
    rule: &'s str,
    disagreement: &'s str,
    auto: AutoShape<'s>,
    prompt: Option<PromptShape<'s>>,
}

#[derive(Debug, Serialize)]
struct AutoShape<'s> {
    mode: &'static str,
    screen: bool,
    dry_run: bool,
    until: Option<UnixMillis>,
    stopped: &'s str,
}

#[derive(Debug, Serialize)]
struct PromptShape<'s> {
    /// Text: it does not fit the numbers of jq and of JavaScript.
    id: String,
    kind: &'static str,
    subject: &'s str,
    question: &'s str,
    choices: Vec<ChoiceShape<'s>>,
    since: UnixMillis,
}

#[derive(Debug, Serialize)]
struct ChoiceShape<'s> {
    label: &'s str,
    answer: Option<&'static str>,
}

impl<'s> SessionShape<'s> {
    pub fn of(host: &'s Host, session: &'s Session, places: &'s [Place]) -> Self {
        let ours = |moment: UnixMillis| moment.saturating_add_signed(host.clock_offset);
        let (exit_code, exit_signal) = match session.state {
            SessionState::Exited { code, signal } => (code, signal),
            _ => (None, None),
        };
        Self {
            host: &host.id,
            id: session.id.as_str(),
            name: &session.name,
            contexts: places
                .iter()
                .filter(|place| place.holds(&host.id, home(host), &session.dir))
                .map(|place| place.name.as_str())
                .collect(),
            tool: &session.tool,
            state: session.state.word(),
            detail: match &session.state {
                SessionState::Working { activity } => activity,
                SessionState::Error { text } => text,
                _ => "",
            },
            exit_code,
            exit_signal,
            since: ours(session.since),
            created: ours(session.created),
            dir: &session.dir,
            task: session.task.as_deref(),
            managed: session.origin == Origin::Managed,
            server: match &session.origin {
                Origin::Managed => None,
                Origin::Foreign(label) => Some(label),
            },
            attached: session.attached,
            cols: session.cols,
            rows: session.rows,
            rule: &session.rule,
            disagreement: &session.disagreement,
            auto: AutoShape {
                mode: session.auto.mode.word(),
                screen: session.auto.screen,
                dry_run: session.auto.dry_run,
                until: session.auto.until.map(ours),
                stopped: &session.auto.stopped,
            },
            prompt: session
                .prompt
                .as_ref()
                .map(|prompt| PromptShape::of(prompt, ours(prompt.since))),
        }
    }
}

impl<'s> PromptShape<'s> {
    fn of(prompt: &'s Prompt, since: UnixMillis) -> Self {
        Self {
            id: prompt.id.0.to_string(),
            kind: prompt.kind.word(),
            subject: &prompt.subject,
            question: &prompt.question,
            choices: prompt
                .choices
                .iter()
                .map(|choice| ChoiceShape {
                    label: &choice.label,
                    answer: choice.answer.map(|answer| match answer {
                        Answer::Yes => "yes",
                        Answer::No => "no",
                    }),
                })
                .collect(),
            since,
        }
    }
}

#[derive(Debug, Serialize)]
pub struct ContextShape<'s> {
    name: &'s str,
    enabled: bool,
    tags: &'s [String],
    host: Option<HostId>,
    ssh: Option<&'s str>,
    user: Option<&'s str>,
    port: Option<u16>,
    identity: Option<&'s str>,
    jump: Option<&'s str>,
    transport: crate::config::SshTransport,
    install: crate::config::Install,
    agent: Option<&'s str>,
    attach: crate::config::AttachOutput,
    dir: Option<&'s str>,
    tool: Option<&'s str>,
    policy: Option<&'s str>,
}

impl<'s> ContextShape<'s> {
    pub fn of(name: &'s str, context: &'s ContextConfig, host: Option<HostId>) -> Self {
        Self {
            name,
            enabled: context.enabled,
            tags: &context.tags,
            host,
            ssh: context.host.as_deref(),
            user: context.user.as_deref(),
            port: context.port,
            identity: context.identity.as_deref(),
            jump: context.jump.as_deref(),
            transport: context.transport,
            install: context.install,
            agent: context.agent.as_deref(),
            attach: context.attach,
            dir: context.dir.as_deref(),
            tool: context.tool.as_deref(),
            policy: context.policy.as_deref(),
        }
    }
}
