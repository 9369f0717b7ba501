//! Which programs stand in the foreground of a pane's terminal: tmux names only the leader of their group, which is a
//! wrapper (`npx`, `node`, a script) where a tool was not started by its own name.
//!
//! Read from `/proc`, so nothing is started for it; where there is none, nothing is found and tmux's name has to do.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::Read as _;

use crate::domain::tool::Program;

/// The most processes that are looked at: a pane that runs more is building something, and its tool is near the root.
const MOST_PROCESSES: usize = 64;
/// The most threads of one that are asked for their children.
const MOST_THREADS: usize = 64;
/// How much of a command line is read, in bytes: the names stand at its beginning.
const COMMAND_LINE: u64 = 4 << 10;

/// The programs of the foreground group of the terminal at which `pid` (a pane's first process) stands, from the root of
/// the tree down. Empty when that cannot be told.
pub fn programs(pid: i32) -> Vec<Program> {
    let Some(foreground) = Groups::of(pid).map(|groups| groups.foreground) else {
        return Vec::new();
    };
    let (mut found, mut seen) = (Vec::new(), 0);
    let mut next = VecDeque::from([pid]);
    while let Some(pid) = next.pop_front() {
        seen += 1;
        if Groups::of(pid).is_some_and(|groups| groups.own == foreground) {
            found.extend(program(pid));
        }
        if seen + next.len() < MOST_PROCESSES {
            next.extend(children(pid));
        }
    }
    found
}

struct Groups {
    own: i32,
    foreground: i32,
}

impl Groups {
    fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in brackets may hold anything, brackets too.
        let (_, rest) = stat.rsplit_once(')')?;
        // State, parent, group, session, terminal, the terminal's foreground group: proc(5).
        let mut fields = rest.split_ascii_whitespace().skip(2);
        let own = fields.next()?.parse().ok()?;
        let foreground = fields.nth(2)?.parse().ok()?;
        Some(Self { own, foreground })
    }
}

fn children(pid: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let lists = threads
        .flatten()
        .take(MOST_THREADS)
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_ascii_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<i32>>()
        })
        .take(MOST_PROCESSES)
        .collect()
}

fn program(pid: i32) -> Option<Program> {
    let mut bytes = Vec::new();
    File::open(format!("/proc/{pid}/cmdline"))
        .ok()?
        .take(COMMAND_LINE)
        .read_to_end(&mut bytes)
        .ok()?;
    let arguments = bytes.split(|byte| *byte == 0);
    let argv: Vec<String> = arguments
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect();
    Some(Program::new(argv))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_a_terminal_and_one_that_is_gone_have_none() {
        assert_eq!(programs(1), []);
        assert_eq!(programs(i32::MAX), []);
    }
}
