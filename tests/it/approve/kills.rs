//! A daemon that is killed while it decides: nothing is answered twice, and nothing that had an effect is missing in the
//! record.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use cm_tui::domain::Answer;
use cm_tui::protocol::{Reply, Request};
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::stage::{Operator, Told, answer, count, heard, record, scripted, stage, start};
use crate::lab::Lab;

/// What kills the daemon about an answer.
trait Killer {
    /// Before the answer is sent.
    fn aim(&mut self, _daemon: Pid) {}

    /// Once it is sent.
    fn strike(&mut self, _lab: &Lab, _daemon: Pid) {}

    /// The daemon is dead, or the next question is there. `is_over`: its outcome is on record.
    fn see(&mut self, _is_over: bool) {}

    /// Everything was asked: the daemon lives from now on.
    fn release(&mut self) {}
}

/// Somewhere between the answer's coming and going.
struct AtRandom(u64);

impl Killer for AtRandom {
    fn strike(&mut self, lab: &Lab, daemon: Pid) {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let spins = (self.0 >> 33) % 400;
        for _ in 0..spins {
            std::hint::black_box(rustix::process::getpid());
            let _read = std::fs::metadata(lab.paths.socket());
        }
        kill_process(daemon, Signal::KILL).unwrap();
    }
}

/// Everything that a thread of the daemon can do to the world, by its system calls.
const EFFECTS: &str = "write,writev,pwrite64,sendto,sendmsg,fsync,fdatasync,openat,rename,renameat,renameat2,unlink,\
     unlinkat,connect,shutdown";
/// More than one thread does before the outcome is on record; the test sees to that.
const POINTS: usize = 12;

/// Before the first thing that one thread does after the answer, then before the second, and so on; over and over, as
/// the threads do not always take turns in the same order.
struct BeforeEachEffect {
    thread: &'static str,
    aimed: usize,
    tracer: Option<Child>,
    /// The last point at which the outcome was not yet on record.
    last: usize,
}

impl Killer for BeforeEachEffect {
    fn aim(&mut self, daemon: Pid) {
        self.release();
        self.aimed += 1;
        let thread = thread(daemon, self.thread);
        let mut tracer = Command::new("strace")
            .args(["-o", "/dev/null", "-p", &thread])
            .args(["-e", &format!("trace={EFFECTS}"), "-e"])
            .arg(format!(
                "inject={EFFECTS}:signal=SIGKILL:when={}",
                self.point()
            ))
            .stderr(Stdio::piped())
            .spawn()
            .expect("strace is installed");
        let mut words = String::new();
        let mut said = BufReader::new(tracer.stderr.take().unwrap());
        said.read_line(&mut words).unwrap();
        assert!(words.contains("attached"), "{words}");
        self.tracer = Some(tracer);
    }

    fn see(&mut self, is_over: bool) {
        if !is_over {
            self.last = self.last.max(self.point());
        }
    }

    fn release(&mut self) {
        if let Some(mut tracer) = self.tracer.take() {
            let pid = Pid::from_child(&tracer);
            // It leaves the daemon as it was; if that is dead, so is it.
            let _gone = kill_process(pid, Signal::TERM);
            tracer.wait().unwrap();
        }
    }
}

impl BeforeEachEffect {
    /// From one.
    fn point(&self) -> usize {
        (self.aimed - 1) % POINTS + 1
    }
}

impl Drop for BeforeEachEffect {
    fn drop(&mut self) {
        self.release();
    }
}

/// The thread of that name; the first one has its process's.
fn thread(daemon: Pid, name: &str) -> String {
    let tasks = format!("/proc/{}/task", daemon.as_raw_nonzero());
    let threads = std::fs::read_dir(tasks).unwrap().map(|task| task.unwrap());
    let named = |task: &std::fs::DirEntry| {
        let called = std::fs::read_to_string(task.path().join("comm")).unwrap();
        called.trim() == name
    };
    let mut found = threads.filter(named);
    let one = found.next().unwrap_or_else(|| panic!("no thread {name}"));
    one.file_name().into_string().unwrap()
}

/// Whether the record, as it is on disk, tells how the question ended.
fn is_over(lab: &Lab, subject: &str) -> bool {
    let subject = format!("\"subject\":\"{subject}\"");
    let files = std::fs::read_dir(lab.paths.audit_dir()).unwrap();
    let mut texts =
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap_or_default());
    texts.any(|text| {
        let mut lines = text.lines();
        lines.any(|line| line.contains(&subject) && line.contains("\"outcome\""))
    })
}

/// One prompt after the other is agreed to, and the daemon killed about once for each. Returns how often it was.
async fn endure(way: &str, kills: usize, killer: &mut impl Killer) -> usize {
    let lab = stage();
    let mut operator = Operator::of(&lab).await;
    let dir = scripted(&lab, "one", way, kills);
    let session = operator.start(&dir).await;
    let mut deaths = 0;
    // The question at which the daemon was last aimed.
    let mut target: Option<(Pid, String)> = None;
    let mut aimed = HashSet::new();
    let mut answered = HashSet::new();
    let _listed = operator.send(Request::List).await;
    loop {
        let Some(told) = operator.try_hear().await else {
            if let Some((daemon, subject)) = target.take() {
                // Its connections end a moment before its lock does.
                while test_kill_process(daemon).is_ok() {
                    tokio::task::yield_now().await;
                }
                killer.see(is_over(&lab, &subject));
                deaths += 1;
            }
            start(&lab);
            operator = Operator::of(&lab).await;
            answered.clear();
            continue;
        };
        let known = match told {
            Told::Session(known) => vec![*known],
            Told::Reply(_, Reply::Sessions(sessions)) => sessions,
            _ => continue,
        };
        let Some(known) = known.into_iter().find(|known| known.id == session) else {
            continue;
        };
        if known.state.is_over() {
            break;
        }
        let Some(prompt) = known.prompt.filter(|prompt| !prompt.choices.is_empty()) else {
            continue;
        };
        if !answered.insert(prompt.id) {
            continue;
        }
        let is_aimed = aimed.insert(prompt.subject.clone());
        if is_aimed {
            if let Some((_, subject)) = target.take() {
                killer.see(is_over(&lab, &subject));
            }
            let daemon = Pid::from_raw(lab.agent_pid()).unwrap();
            target = Some((daemon, prompt.subject));
            killer.aim(daemon);
        }
        let sent = operator
            .try_send(answer(&session, prompt.id, Answer::Yes))
            .await;
        if let (Some(_), true, Some((daemon, _))) = (sent, is_aimed, &target) {
            killer.strike(&lab, *daemon);
        }
    }
    killer.release();
    let got = heard(&dir);
    assert_eq!(got.len(), kills, "{got:?}");
    for (round, (command, said)) in got.iter().enumerate() {
        assert_eq!(*command, format!("ls {round}"));
        assert!(said.starts_with("yes by"), "{command}: {said}");
    }
    lab.stop_agent();
    let record = record(&lab);
    for (command, _) in &got {
        let subject = format!("\"subject\":\"{command}\"");
        let intent = |line: &str| line.contains(&subject) && line.contains("\"intent\"");
        assert!(record.lines().any(intent), "{command} is missing");
    }
    deaths
}

/// The full count is 1,000: `CM_KILLS`.
#[rstest]
#[case::hook("hook")]
#[case::keys("keys")]
#[tokio::test]
async fn a_killed_daemon_has_answered_once_or_not_at_all(#[case] way: &str) {
    let kills = count("CM_KILLS", 12);
    let deaths = endure(way, kills, &mut AtRandom(7)).await;
    println!("{way}: {deaths} kills, {kills} effects, none twice");
    assert!(deaths > 0, "it was never killed");
}

/// No two effects have a point between them at which it was not killed.
#[rstest]
#[tokio::test]
#[ignore = "watches the daemon with strace: run it by name"]
async fn a_daemon_killed_before_each_of_its_effects_has_answered_once_or_not_at_all(
    #[values("hook", "keys")] way: &str,
    #[values("cm-agent", "audit", "pane-reader")] thread: &'static str,
) {
    let mut killer = BeforeEachEffect {
        thread,
        aimed: 0,
        tracer: None,
        last: 0,
    };
    let kills = count("CM_KILLS", 3 * POINTS);
    let deaths = endure(way, kills, &mut killer).await;
    println!("{way}, {thread}: {deaths} kills, {} points", killer.last);
    assert!(deaths > 0, "it was never killed");
    assert!(killer.last < POINTS, "there are more points");
}
