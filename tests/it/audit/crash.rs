//! The writer killed at any byte, before and after any sync, and by a limit of the system: what was acknowledged is
//! there, once.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use cm_tui::agent::audit::{Audit, AuditConfig, Disk, RealDisk, Segment};
use cm_tui::domain::decision::{Ended, Phase};
use rustix::process::{Signal, getpid, kill_process};

use super::{NEVER, Place, all, assert_whole, delivered, intent, policy, subjects};

/// How many times the writer is killed; 100 without it.
const CYCLES: &str = "CM_AUDIT_CYCLES";
const DIR: &str = "CM_AUDIT_DIR";
/// `write N`: killed when N bytes have been written; `sync N`, `synced N`: before or after the Nth sync.
const KILL: &str = "CM_AUDIT_KILL";
/// Names the decisions of one child.
const NAME: &str = "CM_AUDIT_NAME";
/// Small, so that files are begun all the time.
const SEGMENT: u64 = 6000;

/// A disk that ends its process at one point.
#[derive(Clone, Debug)]
struct Deadly {
    at: String,
    left: Arc<Mutex<usize>>,
}

#[derive(Debug)]
struct DeadlySegment(Deadly, Box<dyn Segment>);

fn die() -> ! {
    kill_process(getpid(), Signal::KILL).unwrap();
    unreachable!("killed")
}

impl Disk for Deadly {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn Segment>> {
        Ok(Box::new(DeadlySegment(
            self.clone(),
            RealDisk.create(path)?,
        )))
    }

    fn open(&mut self, path: &Path) -> io::Result<Box<dyn Segment>> {
        Ok(Box::new(DeadlySegment(self.clone(), RealDisk.open(path)?)))
    }

    fn overwrite(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        RealDisk.overwrite(path, bytes)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        RealDisk.sync_folder(path)
    }
}

impl Segment for DeadlySegment {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.at == "write" {
            let mut left = self.0.left.lock().unwrap();
            if bytes.len() >= *left {
                self.1.write(&bytes[..*left])?;
                die();
            }
            *left -= bytes.len();
        }
        self.1.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut left = self.0.left.lock().unwrap();
        let counts = self.0.at != "write";
        *left -= usize::from(counts);
        if counts && *left == 0 && self.0.at == "sync" {
            die();
        }
        self.1.sync()?;
        if counts && *left == 0 {
            die();
        }
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.1.truncate(len)
    }
}

/// A program of its own: records decisions, three at a time, and says which were acknowledged.
#[tokio::test]
#[ignore = "started by the other tests"]
async fn child() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let config = AuditConfig {
        segment: SEGMENT,
        retry: NEVER,
        ..AuditConfig::new(PathBuf::from(dir))
    };
    let disk: Box<dyn Disk> = match std::env::var(KILL) {
        Ok(kill) => {
            let (at, left) = kill.split_once(' ').unwrap();
            Box::new(Deadly {
                at: at.to_owned(),
                left: Arc::new(Mutex::new(left.parse().unwrap())),
            })
        }
        Err(_) => Box::new(RealDisk),
    };
    let name = std::env::var(NAME).unwrap();
    let (audit, opened) = Audit::start_on(config, disk).unwrap();
    opened.await.unwrap();
    for number in 0..200 {
        let [a, b, c] = ["a", "b", "c"].map(|part| {
            let mut record = intent(&format!("{name}.{number}{part}"), policy());
            record.before = "x".repeat(number % 7 * 40);
            record
        });
        let done = tokio::join!(
            audit.intent(a.clone()),
            audit.intent(b.clone()),
            audit.intent(c.clone())
        );
        for (record, result) in [(a, done.0), (b, done.1), (c, done.2)] {
            match result {
                Ok(seq) => {
                    println!("ack {}", record.subject);
                    audit.outcome(delivered(&record, seq)).unwrap();
                }
                Err(error) => println!("refused {error}"),
            }
        }
    }
}

fn run_child(mut command: Command, dir: &Path, name: &str) -> String {
    command
        .args(["--exact", "audit::crash::child", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .env(NAME, name);
    let output = command.stderr(Stdio::null()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn acknowledged(said: &str) -> BTreeSet<&str> {
    said.lines()
        .filter_map(|line| line.split_once("ack ").map(|(_, subject)| subject))
        .collect()
}

/// Numbers that look like chance and are the same each time.
fn scattered(cycle: u64) -> usize {
    let mixed = (cycle + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_wherever_the_writer_is_killed() {
    let cycles = std::env::var(CYCLES).map_or(100, |cycles| cycles.parse().unwrap());
    let mut place = Place::new();
    let (mut acks, mut torn) = (0, 0);
    for cycle in 0..cycles {
        if cycle % 50 == 0 {
            place = Place::new();
        }
        let chance = scattered(cycle);
        let kill = match cycle % 4 {
            0 | 1 => format!("write {}", 1 + chance % 12_000),
            2 => format!("sync {}", 1 + chance % 12),
            _ => format!("synced {}", 1 + chance % 12),
        };
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(KILL, &kill);
        let name = format!("cycle{cycle}");
        let said = run_child(command, &place.dir, &name);
        let acknowledged = acknowledged(&said);
        acks += acknowledged.len();

        let (audit, opened) = place.open().await;
        let cut = |note: &String| note.contains("was set aside");
        torn += opened.notes.iter().filter(|note| cut(note)).count();
        assert!(opened.notes.iter().all(cut), "{kill}: {:?}", opened.notes);
        assert_whole(&place.dir);
        let found = all(&place.dir);
        let intents: Vec<_> = found
            .iter()
            .filter(|found| found.record.phase == Phase::Intent)
            .collect();
        let there: BTreeSet<&str> = intents
            .iter()
            .map(|found| found.record.subject.as_str())
            .collect();
        assert_eq!(there.len(), intents.len(), "{kill}: doubled");
        let lost: Vec<_> = acknowledged.difference(&there).collect();
        assert!(lost.is_empty(), "{kill}: lost {lost:?}");
        // Exactly those are unsettled that have no outcome.
        let ended: BTreeSet<_> = found
            .iter()
            .filter_map(|found| found.record.ends())
            .collect();
        let unsettled: Vec<_> = intents
            .iter()
            .rev()
            .filter(|found| !ended.contains(&found.seq))
            .map(|found| found.seq)
            .collect();
        let told: Vec<_> = opened.unsettled.iter().map(|found| found.seq).collect();
        assert_eq!(told, unsettled, "{kill}");
        for left in &opened.unsettled {
            let when = left.record.when.clone();
            audit
                .outcome(left.record.outcome(Some(left.seq), Ended::Unknown, when))
                .unwrap();
        }
        audit.close().await;
    }
    assert!(acks > 0 && torn > 0, "{acks} acknowledged, {torn} torn");
}

#[tokio::test]
async fn a_limit_of_the_system_is_a_disk_that_is_full() {
    let place = Place::new();
    let mut command = Command::new("sh");
    // In blocks of 512 bytes: less than one file takes.
    command.args(["-c", "ulimit -f 8; exec \"$0\" \"$@\""]);
    command.arg(std::env::current_exe().unwrap());
    let said = run_child(command, &place.dir, "limited");
    let acknowledged = acknowledged(&said);
    assert!(!acknowledged.is_empty(), "{said}");
    assert!(said.contains("refused"), "{said}");
    // What still fits is written, and cut off again because it is no whole line.
    assert!(said.contains("bytes were taken"), "{said}");
    assert_whole(&place.dir);
    let found = all(&place.dir);
    let there: BTreeSet<&str> = subjects(&found).into_iter().collect();
    assert!(acknowledged.is_subset(&there));
    let (audit, opened) = place.open().await;
    assert_eq!(opened.notes, [""; 0]);
    audit.intent(intent("after", policy())).await.unwrap();
    audit.close().await;
    assert_whole(&place.dir);
}
