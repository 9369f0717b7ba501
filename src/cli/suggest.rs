//! `cm-tui policy suggest`: the rules that would have given the answers that people gave, from the record of this machine.
//!
//! Promise: each rule allows what somebody approved, to the letter, and nothing else; what anybody ever denied is not
//! proposed, whatever the folder or tool; and what is printed is a file of rules, so that it can be added to one as it is.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde::Serialize;

use super::exit::{CommandError, Exit};
use super::reach::{self, Reach, World, block_on};
use super::{Globals, exit, say};
use crate::agent::approve::{Case, Judge};
use crate::agent::audit;
use crate::agent::rules::RuleFiles;
use crate::domain::decision::{Decider, DeciderKind, Ended, Phase, Ruling};
use crate::domain::{
    DecisionFilter, HostId, PromptKind, Record, Source, UnixMillis, Verdict, command,
};
use crate::protocol::Request;
use crate::term::sanitize;
use crate::tui::clock::date;

/// The widest subject in a comment, in columns: the rule below has it in full.
const COLUMNS: usize = 120;
/// How many decisions are read at once: some megabytes at most.
const PAGE: usize = 1000;
/// How much one page holds, in bytes of lines.
const BYTES: usize = 4 << 20;
const DAY: UnixMillis = 24 * 60 * 60 * 1000;

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = exit::HELP)]
pub struct SuggestArguments {
    /// Only what was approved in the last N days. What was denied counts for ever
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub days: Option<u32>,

    /// Print JSON
    #[arg(long, conflicts_with = "write")]
    pub json: bool,

    /// Add them to your policy.toml, after asking
    #[arg(long)]
    pub write: bool,

    /// Do not ask before writing. Needed where nobody can be asked
    #[arg(long, requires = "write")]
    pub yes: bool,
}

/// A rule, and what speaks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Proposal {
    name: String,
    /// How many times a person approved what it allows.
    approved: usize,
    /// When a person last did.
    last: UnixMillis,
    tool: String,
    kind: PromptKind,
    /// What was approved last.
    subject: String,
    /// The rule, in TOML.
    rule: String,
}

#[derive(Serialize)]
struct Told<'p> {
    rules: &'p [Proposal],
}

pub fn run(arguments: &SuggestArguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let paths = reach::paths()?;
    let rules = RuleFiles::new(paths.clone()).load();
    if let Some(trouble) = rules.trouble {
        return Err(CommandError::of(&trouble));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_millis() as UnixMillis);
    let since = arguments.days.map_or(0, |days| {
        now.saturating_sub(UnixMillis::from(days).saturating_mul(DAY))
    });
    let dir = paths.audit_dir();
    let answers = Answers::read(&dir, since).map_err(|error| {
        CommandError::because(
            format!("cannot read the record in {}", dir.display()),
            &error,
        )
    })?;
    let proposals = proposals(&answers, rules.judge.as_ref());
    if arguments.json {
        say::print_json(&Told { rules: &proposals })?;
    } else if proposals.is_empty() {
        say::aside(if answers.approved.is_empty() {
            "nothing to propose: no approval of a person is in the record"
        } else {
            "nothing to propose: no rule that is missing would be safe for what was approved"
        });
    } else if arguments.write {
        write(&proposals, arguments, globals)?;
    } else {
        say::print(&text(&proposals))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What people answered.
#[derive(Debug, Default)]
struct Answers {
    /// How often, and when last; what was approved last comes first.
    approved: Vec<(Case, usize, UnixMillis)>,
    denied: HashSet<Meaning>,
}

impl Answers {
    /// Reads the whole record; approvals count from `since` on.
    fn read(dir: &Path, since: UnixMillis) -> io::Result<Self> {
        let filter = DecisionFilter {
            by: Some(DeciderKind::Human),
            ..DecisionFilter::default()
        };
        let (mut answers, mut places, mut before) = (Self::default(), HashMap::new(), None);
        loop {
            let page = audit::page(dir, &filter, before, PAGE, BYTES)?;
            for found in page.records {
                answers.add(&found.record, since, &mut places);
            }
            before = page.more;
            if before.is_none() {
                return Ok(answers);
            }
        }
    }

    fn add(&mut self, record: &Record, since: UnixMillis, places: &mut HashMap<Case, usize>) {
        let case = || Case {
            tool: record.tool.clone(),
            kind: record.kind,
            subject: record.subject.clone(),
            dir: record.dir.clone(),
            source: told_by(&record.evidence),
        };
        let is_delivered = matches!(
            record.phase,
            Phase::Outcome {
                ended: Ended::Delivered,
                ..
            }
        );
        let is_persons = matches!(record.by, Decider::Person { .. });
        match record.decision {
            // A no counts even where it came too late, and whoever said it.
            Ruling::Deny => {
                self.denied.insert(meaning(&case()));
            }
            Ruling::Allow if is_delivered && is_persons && record.when.wall >= since => {
                let at = *places.entry(case()).or_insert_with_key(|case| {
                    self.approved.push((case.clone(), 0, 0));
                    self.approved.len() - 1
                });
                if let Some((_, times, last)) = self.approved.get_mut(at) {
                    *times += 1;
                    *last = record.when.wall.max(*last);
                }
            }
            Ruling::Allow | Ruling::None => {}
        }
    }
}

/// The source that told the exact subject, as the agent sees it when a prompt is judged.
fn told_by(evidence: &[Source]) -> Source {
    let exact = [Source::Hook, Source::Screen];
    let told = exact.iter().find(|source| evidence.contains(source));
    told.or(evidence.first()).copied().unwrap_or(Source::Screen)
}

/// What a case comes to, however it is written.
type Meaning = (PromptKind, Vec<String>);

fn meaning(case: &Case) -> Meaning {
    let words = if case.kind == PromptKind::Command {
        command::words(&case.subject).ok()
    } else {
        let path = Path::new(&case.dir).join(&case.subject);
        let real = path.canonicalize().unwrap_or(path);
        Some(vec![real.to_string_lossy().into_owned()])
    };
    let as_written = || vec![case.subject.trim().to_owned()];
    (case.kind, words.unwrap_or_else(as_written))
}

/// The rules that are missing: what was approved most often first, then by name.
fn proposals(answers: &Answers, judge: &dyn Judge) -> Vec<Proposal> {
    let mut found: BTreeMap<Vec<String>, Proposal> = BTreeMap::new();
    for (case, times, last) in &answers.approved {
        if answers.denied.contains(&meaning(case)) {
            continue;
        }
        let now = judge.judge(case);
        // What a rule asks about stays so: whoever wrote it wants to be asked.
        let is_open = now.verdict == Verdict::Ask && now.rule.is_empty();
        let suggested = is_open.then(|| judge.suggest(case)).flatten();
        let Some(rule) = suggested.filter(|rule| is_plain(rule)) else {
            continue;
        };
        let proposal = found.entry(scope(&rule)).or_insert_with(|| Proposal {
            name: name(&rule),
            approved: 0,
            last: 0,
            tool: case.tool.clone(),
            kind: case.kind,
            subject: case.subject.clone(),
            rule,
        });
        proposal.approved += times;
        proposal.last = proposal.last.max(*last);
    }
    let mut proposals: Vec<Proposal> = found.into_values().collect();
    proposals.sort_by(|a, b| {
        b.approved
            .cmp(&a.approved)
            .then_with(|| a.name.cmp(&b.name))
    });
    proposals
}

/// What a rule allows, and where: without its name and examples, which follow from how a subject was written.
fn scope(rule: &str) -> Vec<String> {
    let is_scope = |line: &&str| {
        let (key, _) = line.split_once(" = ").unwrap_or((line, ""));
        !["name", "match", "not_match"].contains(&key)
    };
    rule.lines().filter(is_scope).map(str::to_owned).collect()
}

fn name(rule: &str) -> String {
    let line = rule.lines().find_map(|line| line.strip_prefix("name = "));
    line.unwrap_or_default().trim_matches('"').to_owned()
}

/// Whether a rule is shown as it is: a folder's name may hold what no terminal draws.
fn is_plain(rule: &str) -> bool {
    rule.lines()
        .all(|line| sanitize::label(line, usize::MAX) == line)
}

/// A file of rules. Each begins with an empty line, so that it can follow a file whose last line has no end.
fn text(proposals: &[Proposal]) -> String {
    let mut text = String::new();
    for proposal in proposals {
        let times = match proposal.approved {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        let kind = match proposal.kind {
            PromptKind::Command => String::new(),
            kind => format!("{} ", kind.word()),
        };
        let _never = write!(
            text,
            "\n# approved {times}, last {}: {kind}{}\n{}\n",
            date(proposal.last),
            sanitize::label(&proposal.subject, COLUMNS),
            proposal.rule.trim_end()
        );
    }
    text
}

/// Shows the rules, asks, and has the agent add them, as it adds one from the dashboard: all or none.
fn write(
    proposals: &[Proposal],
    arguments: &SuggestArguments,
    globals: &Globals,
) -> Result<(), CommandError> {
    if !arguments.yes && !say::is_attended() {
        let message = "nobody is here to agree to the rules (--yes agrees); nothing was written";
        return Err(CommandError::new(Exit::Refused, message, ""));
    }
    let world = World::new(globals)?;
    let file = sanitize::label(&world.paths().policy_file().display().to_string(), COLUMNS);
    let (text, count) = (text(proposals), proposals.len());
    say::print(&text)?;
    let question = format!("add what is above ({count}) to {file}?");
    if !arguments.yes && !say::confirm(&question) {
        return Err(CommandError::new(Exit::Refused, "nothing was written", ""));
    }
    let here = HostId::local();
    let hosts = world.hosts().into_iter().filter(|spec| spec.id == here);
    block_on(async {
        let mut reach = Reach::start(hosts.collect());
        reach.settle().await?;
        reach.missing(true)?;
        let text = text.trim_start().to_owned();
        reach.order(&here, Request::AddRule { text }).await
    })?;
    say::aside(&format!("added to {file}: {count}"));
    Ok(())
}
