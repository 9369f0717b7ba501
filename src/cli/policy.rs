//! `cm-tui policy`: what the rules would say to a prompt, and whether their files are right.
//!
//! Promise: it reads and judges as the agent of this machine does, and answers nothing. What it proposes from the record
//! stands in `suggest`.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use thiserror::Error;

use super::exit::{CommandError, Exit};
use super::suggest::{self, SuggestArguments};
use super::{Globals, say};
use crate::agent::place::{self, Place};
use crate::config::{self, HostPolicy};
use crate::domain::policy::{Case, Judgement, Problem, SAMPLE, Verdict};
use crate::domain::{PromptKind, Source};
use crate::paths::{Paths, PathsError};

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct PolicyArguments {
    #[command(subcommand)]
    pub order: PolicyOrder,
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum PolicyOrder {
    /// Say what would be answered to a prompt, and why; answers nothing
    Test(TestArguments),
    /// Say whether your rules are right, and where they are not
    Check {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print a documented sample of rules
    Sample,
    /// Propose rules, from the record of what people approved here
    Suggest(SuggestArguments),
}

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct TestArguments {
    /// The command line, or the path of a file
    #[arg(value_name = "SUBJECT", allow_hyphen_values = true)]
    pub subject: String,

    /// The tool that asks: the id of its profile
    #[arg(long, value_name = "ID", default_value = "claude-code")]
    pub tool: String,

    /// What it asks for
    #[arg(long, value_enum, default_value_t = Kind::Command)]
    pub kind: Kind,

    /// The folder that the tool works in; the current one when not given
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,

    /// The branch of git; the one that is checked out when not given
    #[arg(long, value_name = "NAME")]
    pub branch: Option<String>,

    /// The host, as it calls itself (uname -n); this one when not given
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,

    /// The context; when not given, the one of this machine whose folder it is in
    #[arg(long, value_name = "NAME")]
    pub ctx: Option<String>,

    /// Who told what is at stake
    #[arg(long, value_enum, default_value_t = Evidence::Hook)]
    pub source: Evidence,

    /// Print one JSON object: verdict, rule, why
    #[arg(long)]
    pub json: bool,
}

/// The kinds of prompts as they are written on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Command,
    Edit,
    Create,
    Read,
    Fetch,
    #[value(name = "tool_call", alias = "tool-call")]
    ToolCall,
    Other,
    Trust,
    Plan,
    Login,
    Question,
}

impl From<Kind> for PromptKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Command => Self::Command,
            Kind::Edit => Self::Edit,
            Kind::Create => Self::Create,
            Kind::Read => Self::Read,
            Kind::Fetch => Self::Fetch,
            Kind::ToolCall => Self::ToolCall,
            Kind::Other => Self::Other,
            Kind::Trust => Self::Trust,
            Kind::Plan => Self::Plan,
            Kind::Login => Self::Login,
            Kind::Question => Self::Question,
        }
    }
}

/// Who can tell what exactly is at stake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Evidence {
    Hook,
    Screen,
}

#[derive(Debug, Error)]
pub enum PolicyError {
    #[error(transparent)]
    Paths(#[from] PathsError),
    #[error("cannot look into the folder “{}”", dir.display())]
    Dir {
        dir: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl PolicyError {
    /// What to do about it; may be empty.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Paths(_) => "",
            Self::Dir { .. } => "name a folder that is there: --dir DIR",
        }
    }
}

impl From<PolicyError> for CommandError {
    fn from(error: PolicyError) -> Self {
        let hint = error.hint();
        match &error {
            PolicyError::Paths(_) => Self::failed(error.to_string(), hint),
            PolicyError::Dir { source, .. } => Self::failed(format!("{error}: {source}"), hint),
        }
    }
}

pub fn run(arguments: &PolicyArguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    match &arguments.order {
        PolicyOrder::Test(wanted) => {
            let judgement = test(wanted)?;
            say::print(&if wanted.json {
                json_of(&judgement)
            } else {
                text_of(&judgement)
            })?;
        }
        PolicyOrder::Check { json } => {
            let (text, is_good) = check(*json)?;
            say::print(&text)?;
            if !is_good {
                return Ok(Exit::Failed.into());
            }
        }
        PolicyOrder::Sample => drop(say::print(SAMPLE)?),
        PolicyOrder::Suggest(wanted) => return suggest::run(wanted, globals),
    }
    Ok(ExitCode::SUCCESS)
}

fn test(wanted: &TestArguments) -> Result<Judgement, PolicyError> {
    let paths = Paths::from_env()?;
    let named = wanted.dir.clone().unwrap_or_else(|| PathBuf::from("."));
    let dir = std::path::absolute(&named)
        .and_then(|dir| fs::metadata(&dir).map(|_| dir))
        .map_err(|source| PolicyError::Dir { dir: named, source })?;
    let Some(dir) = dir.to_str() else {
        return Ok(asks("the folder’s name is not text".to_owned()));
    };
    let HostPolicy { policy, contexts } = match config::load_policy(&paths) {
        Ok(loaded) => loaded,
        Err(problems) => {
            let first = problems.first().map(ToString::to_string);
            return Ok(asks(format!(
                "the policy does not load: {}",
                first.unwrap_or_default()
            )));
        }
    };
    let place = Place::of(dir, &contexts);
    let named = wanted.ctx.as_deref();
    let contexts = named.map_or(place.contexts, |name| Some(vec![name]));
    Ok(policy.judge(&Case {
        tool: &wanted.tool,
        kind: wanted.kind.into(),
        subject: &wanted.subject,
        host: wanted.host.as_ref().unwrap_or(&place.host),
        contexts: contexts.as_deref(),
        dir,
        project: Some(place.project),
        branch: wanted
            .branch
            .as_ref()
            .or(place.branch.as_ref())
            .map(String::as_str),
        source: match wanted.source {
            Evidence::Hook => Source::Hook,
            Evidence::Screen => Source::Screen,
        },
        resolve: &place::real,
    }))
}

fn asks(why: String) -> Judgement {
    Judgement {
        verdict: Verdict::Ask,
        rule: String::new(),
        why,
    }
}

fn text_of(judgement: &Judgement) -> String {
    let verdict = judgement.verdict.word();
    if judgement.rule.is_empty() {
        format!("{verdict}: {}\n", judgement.why)
    } else {
        format!("{verdict} ({}): {}\n", judgement.rule, judgement.why)
    }
}

#[derive(Serialize)]
struct Told<'j> {
    verdict: &'j str,
    rule: &'j str,
    why: &'j str,
}

fn json_of(judgement: &Judgement) -> String {
    line(&Told {
        verdict: judgement.verdict.word(),
        rule: &judgement.rule,
        why: &judgement.why,
    })
}

#[derive(Serialize)]
struct Checked<'p> {
    ok: bool,
    rules: usize,
    /// Empty when it does not load.
    hash: &'p str,
    problems: Vec<ToldProblem<'p>>,
}

#[derive(Serialize)]
struct ToldProblem<'p> {
    file: &'p str,
    line: usize,
    column: usize,
    what: &'p str,
    hint: &'p str,
}

/// What to print, and whether all is well.
fn check(json: bool) -> Result<(String, bool), PolicyError> {
    let loaded = config::load_policy(&Paths::from_env()?);
    let is_good = loaded.is_ok();
    let (rules, hash, problems) = match loaded {
        Ok(HostPolicy { policy, .. }) => (policy.rules().count(), policy.hash(), Vec::new()),
        Err(problems) => (0, String::new(), problems),
    };
    let text = if json {
        line(&Checked {
            ok: is_good,
            rules,
            hash: &hash,
            problems: problems.iter().map(told).collect(),
        })
    } else if is_good {
        format!("{rules} rules, all of them right\n")
    } else {
        let mut text: String = problems.iter().map(with_hint).collect();
        text.push_str("no prompt is answered automatically until this is corrected\n");
        text
    };
    Ok((text, is_good))
}

fn told(problem: &Problem) -> ToldProblem<'_> {
    ToldProblem {
        file: &problem.file,
        line: problem.line,
        column: problem.column,
        what: &problem.what,
        hint: &problem.hint,
    }
}

fn with_hint(problem: &Problem) -> String {
    if problem.hint.is_empty() {
        format!("{problem}\n")
    } else {
        format!("{problem}\nhint: {}\n", problem.hint)
    }
}

fn line(value: &impl Serialize) -> String {
    // Nothing in these has a shape that JSON does not know.
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}
