//! A decision as `history` prints it: in a table for people, or as JSON.

use serde::Serialize;

use crate::agent::audit;
use crate::cli::say::Tone;
use crate::cli::table::Table;
use crate::domain::decision::{Decider, Phase};
use crate::domain::{HostId, Recorded, UnixMillis};
use crate::tui::clock;

const HEAD: [&str; 8] = [
    "time (utc)",
    "host",
    "session",
    "tool",
    "decision",
    "by",
    "outcome",
    "what",
];

/// One decision as it ended, or as it was meant when nobody knows how.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub host: HostId,
    #[serde(flatten)]
    pub found: Recorded,
}

/// One JSON object on each line, in printable ASCII.
pub fn json(rows: &[Row]) -> String {
    let lines = rows.iter().map(|row| {
        let json = serde_json::to_string(row).expect("plain values with text for keys");
        audit::printable(&json) + "\n"
    });
    lines.collect()
}

/// For people; empty when nothing was found. What is longer than a column can be had as JSON.
pub fn text(rows: &[Row], is_coloured: bool) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&HEAD);
    for row in rows {
        let cells = cells(row);
        table.row(
            cells
                .iter()
                .map(|cell| (cell.as_str(), Tone::Plain))
                .collect(),
        );
    }
    table.text(is_coloured)
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
        time(record.when.wall),
        row.host.to_string(),
        record.name.clone(),
        record.tool.clone(),
        record.decision.word().to_owned(),
        by,
        format!("{outcome}{late}"),
        format!("{}: {}", record.kind.word(), record.subject),
    ]
}

/// A time as `2023-11-14 22:13:20`, UTC: the record of one host is read on others.
fn time(wall: UnixMillis) -> String {
    let second = wall / 1000 % 86_400;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{} {hour:02}:{minute:02}:{second:02}", clock::date(wall))
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
    fn times_are_those_of_the_calendar(#[case] wall: UnixMillis, #[case] text: &str) {
        assert_eq!(time(wall), text);
    }
}
