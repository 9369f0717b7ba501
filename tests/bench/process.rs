//! What processes cost, as the kernel counts it.

use std::fs;
use std::time::{Duration, Instant};

/// The kernel's unit in `/proc/PID/stat`, which has been the same on every Linux for decades.
const TICK: Duration = Duration::from_millis(10);

/// Processor time of a process with all its descendants, the ended ones that it has waited for included.
pub fn family_time(pid: i32) -> Duration {
    let all = parents();
    let mut members = vec![pid];
    let mut at = 0;
    while let Some(parent) = members.get(at).copied() {
        members.extend(
            all.iter()
                .filter(|(_, of)| *of == parent)
                .map(|(child, _)| *child),
        );
        at += 1;
    }
    members
        .into_iter()
        .map(|member| time(member) + waited_for(member))
        .sum()
}

/// Processor time of a process: all its threads, to the nanosecond.
pub fn time(pid: i32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let nanos = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

/// Processor time of ended children.
fn waited_for(pid: i32) -> Duration {
    let Some(fields) = stat(pid) else {
        return Duration::ZERO;
    };
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|field| field.parse::<u32>().ok())
            .unwrap_or(0)
    };
    // Fields 16 and 17 of proc(5), counted behind the name.
    TICK * (ticks(13) + ticks(14))
}

/// The fields behind the program's name, which may contain anything.
fn stat(pid: i32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}

/// Every process with its parent.
fn parents() -> Vec<(i32, i32)> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        Some((pid, stat(pid)?.get(1)?.parse().ok()?))
    })
    .collect()
}

/// A field of `/proc/PID/status` or `smaps_rollup`, in KiB.
fn kib(pid: i32, file: &str, field: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

/// Resident memory, in KiB.
pub fn resident(pid: i32) -> u64 {
    kib(pid, "status", "VmRSS:")
}

/// Resident memory where shared pages count in parts, in KiB.
pub fn proportional(pid: i32) -> u64 {
    kib(pid, "smaps_rollup", "Pss:")
}

/// How many processors were in use lately, by anything.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|load| load.parse().ok())
        .unwrap_or(0.0)
}

/// Processor time of one process family from now on.
#[derive(Debug)]
pub struct Meter {
    pid: i32,
    before: Duration,
    since: Instant,
}

impl Meter {
    pub fn start(pid: i32) -> Self {
        Self {
            pid,
            before: family_time(pid),
            since: Instant::now(),
        }
    }

    /// The share of one processor so far: 1.0 is all of it.
    pub fn share(&self) -> f64 {
        let used = family_time(self.pid).saturating_sub(self.before);
        used.as_secs_f64() / self.since.elapsed().as_secs_f64()
    }
}
