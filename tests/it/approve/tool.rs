//! A tool that asks. It is this test program once more, started in a pane: it draws a dialog for each line of its script,
//! calls its hook beside it as Claude Code does, takes whichever answers first, and tells what it got when it ends.
//!
//! In its folder: `script` (`hook` or `keys`, then how many commands to ask for), `cue` (a pipe: a number makes it show
//! another command after that many microseconds), `heard` (what it got, complete once it has ended).

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use serde_json::json;

/// How long it works between two questions: what is typed meanwhile was meant for a question that is gone.
const WORK: Duration = Duration::from_millis(120);

enum Heard {
    Key(u8),
    /// The hook of this question has ended with these words.
    Hook(String),
    Cue(Duration),
}

/// Plays only when it is started as a tool.
#[test]
#[ignore = "a tool that other tests start"]
fn play() {
    let Ok(script) = std::fs::read_to_string("script") else {
        return;
    };
    let mut words = script.split_whitespace();
    let has_hook = words.next() == Some("hook");
    let rounds: usize = words.next().unwrap().parse().unwrap();
    let before = tcgetattr(std::io::stdin()).unwrap();
    let mut raw = before.clone();
    raw.make_raw();
    tcsetattr(std::io::stdin(), OptionalActions::Now, &raw).unwrap();
    let open = |name| File::options().read(true).write(true).open(name).unwrap();
    let mut tool = Tool {
        hook: std::env::args()
            .find(|argument| argument.starts_with('{'))
            .filter(|_| has_hook),
        asking: None,
        terminal: open("/dev/tty"),
        cue: open("cue"),
        cued: String::new(),
        got: String::new(),
    };
    for round in 0..rounds {
        tool.play(round);
    }
    std::fs::write("heard", &tool.got).unwrap();
    tcsetattr(std::io::stdin(), OptionalActions::Now, &before).unwrap();
}

struct Tool {
    /// The settings that name the hook.
    hook: Option<String>,
    /// The hook that runs, and what it has said so far.
    asking: Option<(Child, String)>,
    /// What runs the tests tells on standard output that one of them takes long.
    terminal: File,
    /// Open for writing as well, so that it never ends.
    cue: File,
    cued: String,
    got: String,
}

impl Tool {
    /// Asks for a harmless command, and for another one in its place when the cue comes before the answer.
    fn play(&mut self, round: usize) {
        self.work();
        let mut command = format!("ls {round}");
        loop {
            match self.ask(&command) {
                Some(answer) => {
                    writeln!(self.got, "{command}\t{answer}").unwrap();
                    return;
                }
                None => command = format!("rm -rf {round}"),
            }
        }
    }

    /// What is typed while nothing is asked, was meant for something else.
    fn work(&mut self) {
        self.draw(&["* Working…".to_owned()], "working");
        let end = Instant::now() + WORK;
        while let Some(heard) = self.hear(Some(end)) {
            if let Heard::Key(key) = heard {
                writeln!(self.got, "stray\tkey {key}").unwrap();
            }
        }
    }

    /// The next thing that comes, keys first; `None` once the time is over. As tools do, one loop hears everything: what
    /// was typed waits for nothing but its turn.
    fn hear(&mut self, until: Option<Instant>) -> Option<Heard> {
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let left = left.map(|left| Timespec::try_from(left).unwrap());
            let stdin = std::io::stdin();
            let words = self
                .asking
                .as_ref()
                .and_then(|(hook, _)| hook.stdout.as_ref());
            let mut fds = vec![
                PollFd::new(&stdin, PollFlags::IN),
                PollFd::new(&self.cue, PollFlags::IN),
            ];
            fds.extend(words.map(|words| PollFd::new(words, PollFlags::IN)));
            if poll(&mut fds, left.as_ref()).unwrap() == 0 {
                return None;
            }
            let is_ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            if is_ready[0] {
                let mut key = [0];
                assert_eq!(rustix::io::read(stdin.as_fd(), &mut key).unwrap(), 1);
                return Some(Heard::Key(key[0]));
            }
            let mut bytes = [0; 4096];
            if is_ready[1] {
                let count = self.cue.read(&mut bytes).unwrap();
                self.cued += std::str::from_utf8(&bytes[..count]).unwrap();
                if let Some(micros) = self.cued.strip_suffix('\n') {
                    let after = Duration::from_micros(micros.parse().unwrap());
                    self.cued.clear();
                    return Some(Heard::Cue(after));
                }
            } else if let Some((hook, said)) = &mut self.asking {
                let count = hook.stdout.as_mut().unwrap().read(&mut bytes).unwrap();
                *said += std::str::from_utf8(&bytes[..count]).unwrap();
                if count == 0 {
                    let words = std::mem::take(said);
                    self.end_hook();
                    return Some(Heard::Hook(words));
                }
            }
        }
    }

    /// What waits for an answer that was given is ended.
    fn end_hook(&mut self) {
        if let Some((mut hook, _)) = self.asking.take() {
            let _over = hook.kill();
            hook.wait().unwrap();
        }
    }

    /// Asks; `None` when another question takes its place.
    fn ask(&mut self, command: &str) -> Option<String> {
        let dialog = [
            "Run a command".to_owned(),
            String::new(),
            format!("  $ {command}"),
            String::new(),
            "May I go on?".to_owned(),
            "❯ 1. Yes".to_owned(),
            "  2. Yes, and don't ask again".to_owned(),
            "  3. No".to_owned(),
            String::new(),
            "Esc to cancel".to_owned(),
        ];
        self.draw(&dialog, "asking");
        self.call(command);
        let mut swap: Option<Instant> = None;
        let answer = loop {
            match self.hear(swap) {
                Some(Heard::Key(b'1')) => break Some("yes by key".to_owned()),
                Some(Heard::Key(b'3' | 0x1b)) => break Some("no by key".to_owned()),
                Some(Heard::Key(key)) => break Some(format!("key {key}")),
                Some(Heard::Hook(words)) if !words.is_empty() => break Some(said(&words)),
                Some(Heard::Hook(_)) => {}
                Some(Heard::Cue(after)) => swap = Some(Instant::now() + after),
                None => break None,
            }
        };
        self.end_hook();
        answer
    }

    fn call(&mut self, command: &str) {
        let Some(settings) = &self.hook else {
            return;
        };
        let settings: serde_json::Value = serde_json::from_str(settings).unwrap();
        let call = settings
            .pointer("/hooks/PermissionRequest/0/hooks/0/command")
            .unwrap();
        // As one process, so that ending it ends the hook.
        let mut hook = Command::new("/bin/sh")
            .args(["-c", &format!("exec {}", call.as_str().unwrap())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let event = json!({
            "hook_event_name": "PermissionRequest",
            "session_id": "one",
            "cwd": std::env::current_dir().unwrap(),
            "tool_name": "Bash",
            "tool_input": {"command": command},
        });
        // It may have given up already.
        let _unread = hook
            .stdin
            .take()
            .unwrap()
            .write_all(event.to_string().as_bytes());
        self.asking = Some((hook, String::new()));
    }

    fn draw(&mut self, rows: &[String], title: &str) {
        let dialog = format!(
            "\u{1b}]0;{title}\u{7}\u{1b}[?25l\u{1b}[2J\u{1b}[H{}",
            rows.join("\r\n")
        );
        self.terminal.write_all(dialog.as_bytes()).unwrap();
    }
}

/// What a hook said, to the letter.
fn said(words: &str) -> String {
    let says = |decision: serde_json::Value| json!({"hookSpecificOutput": {"hookEventName": "PermissionRequest", "decision": decision}});
    let value: serde_json::Value = serde_json::from_str(words).unwrap_or_default();
    if value == says(json!({"behavior": "allow"})) {
        "yes by hook".to_owned()
    } else if value == says(json!({"behavior": "deny"})) {
        "no by hook".to_owned()
    } else {
        format!("hook said {words:?}")
    }
}
