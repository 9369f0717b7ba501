//! `cm-tui history`: what was decided, by whom and why, on all hosts, the newest first.
//!
//! The record of this machine is read from its files, so that its agent need not run; those of other hosts are asked of
//! their agents, page by page. A host that does not tell is named and left out, and the exit code says that something is
//! missing. Foreign text is cleaned, except in JSON, where it is data in printable ASCII.

mod row;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use self::row::Row;
use super::age::age;
use super::exit::CommandError;
use super::pick::{self, Scope, Where};
use super::reach::{Reach, World, block_on};
use super::{Globals, exit, say};
use crate::agent::audit;
use crate::domain::decision::{DeciderKind, Phase, Ruling};
use crate::domain::{DecisionFilter, HostId, RecordSeq, Recorded, UnixMillis};
use crate::fleet::HostSpec;
use crate::paths::Paths;
use crate::protocol::{Reply, Request};

/// How many decisions are asked for at once: a page of a terminal, with those that its outcomes hide.
const PAGE: u32 = 200;
/// How much one page from our own files holds, in bytes of lines: as much as a message.
const BYTES: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    /// Only decisions with this in their subject, question, reason or rule
    #[arg(value_name = "TEXT")]
    pub text: Option<String>,

    /// Only those of this session: its name or id
    #[arg(long, value_name = "S")]
    pub session: Option<String>,

    /// Only those asked by this tool: its id
    #[arg(long, value_name = "T")]
    pub tool: Option<String>,

    /// Only what was allowed or denied: allow, deny
    #[arg(long, value_name = "WHICH", value_parser = verdict)]
    pub decision: Option<Ruling>,

    /// Only those of a person or of a rule: human, policy
    #[arg(long, value_name = "WHO", value_parser = decider)]
    pub by: Option<DeciderKind>,

    /// Only the last 30s, 10m, 2h, 3d or 1w
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub since: Option<u64>,

    /// Only those of this host; local is this machine
    #[arg(long, value_name = "H")]
    pub host: Option<String>,

    #[command(flatten)]
    pub place: Where,

    /// Print one JSON object on each line
    #[arg(long)]
    pub json: bool,

    /// How many, the newest ones
    #[arg(short = 'n', value_name = "N", default_value_t = 50)]
    pub count: usize,
}

pub fn run(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let world = World::new(globals)?;
    let scope = Scope::new(&world, &arguments.place)?;
    let hosts = hosts(&scope, arguments.host.as_deref())?;
    let (here, far): (Vec<_>, Vec<_>) = hosts
        .into_iter()
        .partition(|spec| spec.id == HostId::local());
    block_on(async {
        let mut reach = Reach::start(far);
        let filter = filter(arguments, reach.now());
        let mut reading = Reading {
            scope: &scope,
            filter,
            count: arguments.count,
            pages: BTreeMap::new(),
        };
        if !here.is_empty() {
            reading.read(world.paths())?;
        }
        reach.settle().await?;
        let silent = reading.ask(&mut reach).await?;
        let rows = reading.rows();
        say::print(&if arguments.json {
            row::json(&rows)
        } else {
            row::text(&rows, globals.color.is_wanted())
        })?;
        if rows.is_empty() && !arguments.json {
            say::aside("no decisions");
        }
        say::complain_of(silent)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The hosts that are wanted.
fn hosts(scope: &Scope, wanted: Option<&str>) -> Result<Vec<HostSpec>, CommandError> {
    let Some(name) = wanted else {
        return Ok(scope.hosts.clone());
    };
    let ids = scope.hosts.iter().map(|spec| spec.id.as_str());
    let named = scope.hosts.iter().find(|spec| spec.id.as_str() == name);
    let named = named.ok_or_else(|| pick::no_such("host", name, ids))?;
    Ok(vec![named.clone()])
}

fn filter(arguments: &Arguments, now: UnixMillis) -> DecisionFilter {
    DecisionFilter {
        text: arguments.text.clone(),
        session: arguments.session.clone(),
        tool: arguments.tool.clone(),
        decision: arguments.decision,
        by: arguments.by,
        since: arguments.since.map(|age| now.saturating_sub(age)),
    }
}

/// What is looked for, and what was found so far.
struct Reading<'r> {
    scope: &'r Scope,
    filter: DecisionFilter,
    /// How many are enough of one host.
    count: usize,
    pages: BTreeMap<HostId, Pages>,
}

impl Reading<'_> {
    /// Reads the files of this machine.
    fn read(&mut self, paths: &Paths) -> Result<(), CommandError> {
        let (dir, home) = (paths.audit_dir(), paths.home.to_string_lossy());
        let mut before = None;
        loop {
            let page = audit::page(&dir, &self.filter, before, PAGE as usize, BYTES);
            let page = page.map_err(|error| {
                let what = format!("cannot read the record in “{}”", dir.display());
                CommandError::because(what, &error)
            })?;
            before = page.more;
            if !self.add(&HostId::local(), &home, page.records) || before.is_none() {
                return Ok(());
            }
        }
    }

    /// Asks the hosts that are reached until each has told enough. Returns why others did not tell.
    async fn ask(&mut self, reach: &mut Reach) -> Result<Vec<CommandError>, CommandError> {
        let mut silent = reach.unreached();
        let hosts = reach.connected().into_iter();
        let mut next: Vec<_> = hosts.map(|host| (host, None)).collect();
        while !next.is_empty() {
            let requests = next.drain(..).map(|(host, before)| {
                let request = Request::Decisions {
                    filter: self.filter.clone(),
                    before,
                    limit: PAGE,
                };
                (host, request)
            });
            for (host, reply) in reach.ask_each(requests.collect()).await? {
                match reply {
                    Ok(Reply::Decisions(page)) => {
                        let home = reach.state.host(&host).map_or("", pick::home);
                        if self.add(&host, home, page.records) && page.more.is_some() {
                            next.push((host, page.more));
                        }
                    }
                    Ok(_) => silent.push(CommandError::other_answer()),
                    Err(error) => silent.push(error),
                }
            }
        }
        Ok(silent)
    }

    /// Adds a page of a host, where `home` is the home folder. Says whether more is wanted.
    fn add(&mut self, host: &HostId, home: &str, records: Vec<Recorded>) -> bool {
        let is_here = |found: &Recorded| self.scope.holds(host, home, &found.record.dir);
        let pages = self.pages.entry(host.clone()).or_default();
        pages.add(records.into_iter().filter(is_here));
        pages.found.len() < self.count
    }

    /// The newest of all hosts first.
    fn rows(self) -> Vec<Row> {
        let pages = self.pages.into_iter();
        let mut rows: Vec<Row> = pages
            .flat_map(|(host, pages)| {
                let row = move |found| Row {
                    host: host.clone(),
                    found,
                };
                pages.found.into_iter().map(row)
            })
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.found.record.when.wall));
        rows.truncate(self.count);
        rows
    }
}

/// The pages of one host, put together: an intent whose outcome is known is not told beside it.
#[derive(Debug, Default)]
struct Pages {
    found: Vec<Recorded>,
    ended: BTreeSet<RecordSeq>,
}

impl Pages {
    fn add(&mut self, records: impl IntoIterator<Item = Recorded>) {
        for found in records {
            self.ended.extend(found.record.ends());
            let hidden = found.record.phase == Phase::Intent
                && (self.ended.contains(&found.seq) || self.ended_late(&found));
            if !hidden {
                self.found.push(found);
            }
        }
    }

    /// What could not be recorded in time has no number that its outcome could name.
    fn ended_late(&self, intent: &Recorded) -> bool {
        let same = |found: &Recorded| {
            let (one, other) = (&found.record, &intent.record);
            one.late && one.prompt == other.prompt && one.session == other.session
        };
        intent.record.late && self.found.iter().any(same)
    }
}

fn verdict(text: &str) -> Result<Ruling, String> {
    match text {
        "allow" => Ok(Ruling::Allow),
        "deny" => Ok(Ruling::Deny),
        _ => Err("allow or deny".to_owned()),
    }
}

fn decider(text: &str) -> Result<DeciderKind, String> {
    match text {
        "human" => Ok(DeciderKind::Human),
        "policy" => Ok(DeciderKind::Policy),
        _ => Err("human or policy".to_owned()),
    }
}
