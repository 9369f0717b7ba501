//! `cm-tui history`: what was decided, by whom and why, on all hosts, the newest first.
//!
//! The record of this machine is read from its files, so that no agent is needed; those of other hosts are asked of their
//! agents, page by page. A host that cannot be asked, or only after a question that a person has to answer, is named and
//! left out. Foreign text is cleaned, except in JSON, where it is data in printable ASCII.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use thiserror::Error;

use super::dashboard::{DashboardError, agent_program};
use crate::agent::audit;
use crate::config::{self, Config};
use crate::domain::decision::{Decider, DeciderKind, Phase, Ruling};
use crate::domain::{DecisionFilter, HostId, RecordSeq, Recorded, UnixMillis};
use crate::fleet::{self, Fleet, Here, HostNotice, HostSpec, Notice, RequestId};
use crate::paths::{Paths, PathsError};
use crate::protocol::{DecisionPage, Reply, Request};
use crate::term::sanitize;

/// The longest text of a column, in columns: what is longer can be had as JSON.
const COLUMNS: usize = 400;
/// How many decisions are asked for at once: a page of a terminal, with those that its outcomes hide.
const PAGE: usize = 200;
/// How much one page from our own files holds, in bytes of lines: as much as a message.
const BYTES: usize = 1 << 20;
/// How long other hosts may take altogether: as long as connecting to a slow one, and a person who waits for a table does
/// not wait longer.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct HistoryArguments {
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
    pub since: Option<Duration>,

    /// Only those of this host; local is this machine
    #[arg(long, value_name = "H")]
    pub host: Option<String>,

    /// Print one JSON object on each line
    #[arg(long)]
    pub json: bool,

    /// How many, the newest ones
    #[arg(short = 'n', value_name = "N", default_value_t = 50)]
    pub count: usize,
}

#[derive(Debug, Error)]
pub enum HistoryError {
    #[error(transparent)]
    Paths(#[from] PathsError),
    #[error(transparent)]
    Start(#[from] DashboardError),
    #[error("cannot start")]
    Runtime(#[source] std::io::Error),
    #[error("cannot read the record in “{}”", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("no host is called “{}”", sanitize::label(name, COLUMNS))]
    NoHost { name: String, known: Vec<String> },
}

impl HistoryError {
    /// What to do about it; may be empty.
    pub fn hint(&self) -> String {
        match self {
            Self::Start(error) => error.hint().to_owned(),
            Self::NoHost { known, .. } => format!("there are: {}", known.join(", ")),
            _ => String::new(),
        }
    }

    /// 3 when there is no such host, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoHost { .. } => 3,
            _ => 1,
        }
    }
}

/// One decision as it ended, or as it was meant when nobody knows how.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub host: HostId,
    #[serde(flatten)]
    pub found: Recorded,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The newest first.
    pub rows: Vec<Row>,
    /// Why what is not there is not there, one line a host.
    pub silent: Vec<String>,
}

/// Collects the decisions that `arguments` ask for.
pub fn history(
    arguments: &HistoryArguments,
    agent: Option<PathBuf>,
    now: UnixMillis,
) -> Result<Told, HistoryError> {
    let paths = Paths::from_env()?;
    // What is wrong with the settings is said by the dashboard.
    let config =
        config::load(&paths.config_file()).map_or_else(|_| Config::default(), |(config, _)| config);
    let filter = filter(arguments, now);
    let wanted = |id: &HostId| {
        arguments
            .host
            .as_ref()
            .is_none_or(|host| host == id.as_str())
    };
    let mut told = Told::default();
    if wanted(&HostId::local()) {
        told.rows = own(&paths, &filter, arguments.count)?;
    }
    if config.contexts.is_empty() {
        known(arguments, [HostId::local()].iter())?;
    } else {
        let here = Here {
            agent_program: agent_program(agent)?,
            paths,
        };
        let hosts = fleet::hosts(&config, &here);
        known(arguments, hosts.iter().map(|host| &host.id))?;
        let far: Vec<HostSpec> = hosts
            .into_iter()
            .filter(|host| host.id != HostId::local() && wanted(&host.id))
            .collect();
        if !far.is_empty() {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(HistoryError::Runtime)?;
            runtime.block_on(ask(far, &filter, arguments.count, &mut told));
            runtime.shutdown_background();
        }
    }
    told.rows
        .sort_by_key(|row| std::cmp::Reverse(row.found.record.when.wall));
    told.rows.truncate(arguments.count);
    Ok(told)
}

fn known<'a>(
    arguments: &HistoryArguments,
    hosts: impl Iterator<Item = &'a HostId>,
) -> Result<(), HistoryError> {
    let known: Vec<String> = hosts.map(|host| host.as_str().to_owned()).collect();
    match &arguments.host {
        Some(name) if !known.contains(name) => Err(HistoryError::NoHost {
            name: name.clone(),
            known,
        }),
        _ => Ok(()),
    }
}

fn filter(arguments: &HistoryArguments, now: UnixMillis) -> DecisionFilter {
    let since = arguments.since.map(|age| {
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        now.saturating_sub(age)
    });
    DecisionFilter {
        text: arguments.text.clone(),
        session: arguments.session.clone(),
        tool: arguments.tool.clone(),
        decision: arguments.decision,
        by: arguments.by,
        since,
    }
}

/// The pages of one host, put together: an intent whose outcome is known is not told beside it.
#[derive(Debug, Default)]
struct Pages {
    found: Vec<Recorded>,
    ended: BTreeSet<RecordSeq>,
}

impl Pages {
    fn add(&mut self, records: Vec<Recorded>) {
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

fn own(paths: &Paths, filter: &DecisionFilter, count: usize) -> Result<Vec<Row>, HistoryError> {
    let dir = paths.audit_dir();
    let (mut pages, mut before) = (Pages::default(), None);
    loop {
        let page = audit::page(&dir, filter, before, PAGE, BYTES);
        let page = page.map_err(|source| HistoryError::Read {
            path: dir.clone(),
            source,
        })?;
        pages.add(page.records);
        before = page.more;
        if before.is_none() || pages.found.len() >= count {
            return Ok(rows(&HostId::local(), pages));
        }
    }
}

fn rows(host: &HostId, pages: Pages) -> Vec<Row> {
    let row = |found| Row {
        host: host.clone(),
        found,
    };
    pages.found.into_iter().map(row).collect()
}

/// Asks other hosts until each has told enough or cannot.
async fn ask(hosts: Vec<HostSpec>, filter: &DecisionFilter, count: usize, told: &mut Told) {
    let mut asked: BTreeMap<HostId, Pages> = hosts
        .iter()
        .map(|host| (host.id.clone(), Pages::default()))
        .collect();
    let (fleet, mut notices) = Fleet::start(hosts);
    let deadline = tokio::time::sleep(PATIENCE);
    tokio::pin!(deadline);
    let request = |host: &HostId, before| {
        let request = Request::Decisions {
            filter: filter.clone(),
            before,
            limit: PAGE as u32,
        };
        fleet.send(host, RequestId(1), request)
    };
    while !asked.is_empty() {
        let notice = tokio::select! {
            notice = notices.recv() => notice,
            () = &mut deadline => None,
        };
        let Some(HostNotice { host, notice }) = notice else {
            break;
        };
        let silent = match notice {
            Notice::Connected(_) => request(&host, None).err().map(|error| error.to_string()),
            Notice::Replied { reply, .. } => match *reply {
                Reply::Decisions(DecisionPage { records, more }) => {
                    let Some(pages) = asked.get_mut(&host) else {
                        continue;
                    };
                    pages.add(records);
                    if more.is_some() && pages.found.len() < count {
                        request(&host, more).err().map(|error| error.to_string())
                    } else {
                        let pages = asked.remove(&host).unwrap_or_default();
                        told.rows.extend(rows(&host, pages));
                        continue;
                    }
                }
                Reply::Failed(failure) => Some(failure.message),
                _ => None,
            },
            Notice::Asked(_) => {
                Some("it asks something first; connect with the dashboard".to_owned())
            }
            Notice::Disconnected(failure) | Notice::Halted(failure) => Some(failure.message),
            _ => None,
        };
        if let Some(why) = silent
            && let Some(pages) = asked.remove(&host)
        {
            told.rows.extend(rows(&host, pages));
            told.silent
                .push(format!("{host}: {}", sanitize::label(&why, COLUMNS)));
        }
    }
    let late = asked
        .into_keys()
        .map(|host| format!("{host}: no answer yet"));
    told.silent.extend(late);
}

impl Told {
    /// One JSON object on each line.
    pub fn json(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let json = serde_json::to_string(row).expect("plain values with text for keys");
            text.push_str(&audit::printable(&json));
            text.push('\n');
        }
        text
    }

    /// For people, in aligned columns; empty when nothing was found.
    pub fn text(&self) -> String {
        let mut lines = vec![
            [
                "TIME (UTC)",
                "HOST",
                "SESSION",
                "TOOL",
                "DECISION",
                "BY",
                "OUTCOME",
                "WHAT",
            ]
            .map(str::to_owned),
        ];
        lines.extend(self.rows.iter().map(cells));
        if lines.len() == 1 {
            return String::new();
        }
        let mut widths = [0; 8];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = sanitize::width(cell).max(*width);
            }
        }
        let mut text = String::new();
        for line in &lines {
            let mut row = String::new();
            for (width, cell) in widths.iter().zip(line) {
                let fill = width - sanitize::width(cell);
                let _never = write!(row, "{cell}{:fill$}  ", "");
            }
            let _never = writeln!(text, "{}", row.trim_end());
        }
        text
    }
}

fn cells(row: &Row) -> [String; 8] {
    let record = &row.found.record;
    let outcome = match &record.phase {
        Phase::Intent => "unknown",
        Phase::Outcome { ended, .. } => ended.word(),
    };
    let by = match &record.by {
        Decider::Person { client } => client.clone(),
        Decider::Policy { rule, .. } => format!("rule {rule}"),
        Decider::Terminal => "its terminal".to_owned(),
        Decider::Agent => "nobody".to_owned(),
    };
    let late = if record.late { " (late)" } else { "" };
    [
        date(record.when.wall),
        row.host.to_string(),
        record.name.clone(),
        record.tool.clone(),
        record.decision.word().to_owned(),
        by,
        format!("{outcome}{late}"),
        format!("{}: {}", record.kind.word(), record.subject),
    ]
    .map(|text| sanitize::label(&text, COLUMNS))
}

/// A time as `2023-11-14 22:13:20`, UTC: the record of one host is read on others.
fn date(wall: UnixMillis) -> String {
    let (days, second) = (wall / 86_400_000, wall / 1000 % 86_400);
    // Days are counted from 1 March of year 0, so that a leap day is the last of its year.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (date, month) = (
        day - (153 * month + 2) / 5 + 1,
        if month < 10 { month + 3 } else { month - 9 },
    );
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{date:02} {hour:02}:{minute:02}:{second:02}")
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

fn age(text: &str) -> Result<Duration, String> {
    let wrong = || "a number and a unit: 30s, 10m, 2h, 3d or 1w".to_owned();
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let number: u64 = text
        .strip_suffix(unit)
        .and_then(|number| number.parse().ok())
        .ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(wrong()),
    };
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "1970-01-01 00:00:00")]
    #[case(951_782_399_999, "2000-02-28 23:59:59")]
    #[case(951_782_400_000, "2000-02-29 00:00:00")]
    #[case(951_868_800_000, "2000-03-01 00:00:00")]
    #[case(1_700_000_000_000, "2023-11-14 22:13:20")]
    #[case(1_735_689_599_000, "2024-12-31 23:59:59")]
    fn dates_are_those_of_the_calendar(#[case] wall: UnixMillis, #[case] text: &str) {
        assert_eq!(date(wall), text);
    }

    #[rstest]
    #[case("90s", Some(90))]
    #[case("2h", Some(7200))]
    #[case("1w", Some(604_800))]
    #[case("2", None)]
    #[case("h", None)]
    #[case("-2h", None)]
    #[case("2µ", None)]
    #[case("", None)]
    fn ages_have_a_unit(#[case] text: &str, #[case] seconds: Option<u64>) {
        assert_eq!(age(text).ok(), seconds.map(Duration::from_secs));
    }
}
