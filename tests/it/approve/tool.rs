//! A tool that asks. It is this test program once more, started in a pane: it draws a dialog for each line of its script,
//! calls its hook beside it as Claude Code does, takes whichever answers first, and tells what it got when it ends.
//!
//! In its folder: `script` (`hook` or `keys`, then how many commands to ask for), `cue` (a pipe: a number makes it show
//! another command after that many microseconds), `heard` (what it got, complete once it has ended).

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use serde_json::json;

/// How long it works between two questions: what is typed meanwhile was meant for a question that is gone.
const WORK: Duration = Duration::from_millis(120);

enum Heard {
    Key(u8),
    /// The hook of this question has ended with these words.
    Hook(usize, String),
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
    let (tell, heard) = channel();
    listen(&tell);
    let mut tool = Tool {
        hook: std::env::args()
            .find(|argument| argument.starts_with('{'))
            .filter(|_| has_hook),
        tell,
        heard,
        asked: 0,
        got: String::new(),
    };
    for round in 0..rounds {
        tool.play(round);
    }
    std::fs::write("heard", &tool.got).unwrap();
    tcsetattr(std::io::stdin(), OptionalActions::Now, &before).unwrap();
}

fn listen(tell: &Sender<Heard>) {
    let keys = tell.clone();
    std::thread::spawn(move || {
        let mut byte = [0];
        while std::io::stdin().read_exact(&mut byte).is_ok() {
            if keys.send(Heard::Key(byte[0])).is_err() {
                return;
            }
        }
    });
    let cues = tell.clone();
    std::thread::spawn(move || {
        // Held open for writing as well, so that it never ends.
        let pipe = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open("cue")
            .unwrap();
        for line in BufReader::new(pipe).lines() {
            let micros = line.unwrap().trim().parse().unwrap();
            if cues
                .send(Heard::Cue(Duration::from_micros(micros)))
                .is_err()
            {
                return;
            }
        }
    });
}

struct Tool {
    /// The settings that name the hook.
    hook: Option<String>,
    tell: Sender<Heard>,
    heard: Receiver<Heard>,
    /// How many questions there were.
    asked: usize,
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
        draw(&["* Working…".to_owned()], "working");
        let end = Instant::now() + WORK;
        loop {
            match self
                .heard
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(Heard::Key(key)) => writeln!(self.got, "stray\tkey {key}").unwrap(),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => panic!("the terminal is gone"),
            }
        }
    }

    /// Asks; `None` when another question takes its place.
    fn ask(&mut self, command: &str) -> Option<String> {
        self.asked += 1;
        let number = self.asked;
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
        draw(&dialog, "asking");
        let mut hook = self.call(number, command);
        let mut swap: Option<Instant> = None;
        let answer = loop {
            let wait = swap.map_or(Duration::from_secs(3600), |at| {
                at.saturating_duration_since(Instant::now())
            });
            match self.heard.recv_timeout(wait) {
                Ok(Heard::Key(b'1')) => break Some("yes by key".to_owned()),
                Ok(Heard::Key(b'3' | 0x1b)) => break Some("no by key".to_owned()),
                Ok(Heard::Key(key)) => break Some(format!("key {key}")),
                // Only the hook that was called for this question counts.
                Ok(Heard::Hook(of, words)) if of == number && !words.is_empty() => {
                    break Some(said(&words));
                }
                Ok(Heard::Hook(..)) => {}
                Ok(Heard::Cue(after)) => swap = Some(Instant::now() + after),
                Err(RecvTimeoutError::Timeout) => break None,
                Err(RecvTimeoutError::Disconnected) => panic!("the terminal is gone"),
            }
        };
        if let Some(hook) = &mut hook {
            // What waits for an answer that was given is ended.
            let _over = hook.kill();
            hook.wait().unwrap();
        }
        answer
    }

    fn call(&self, number: usize, command: &str) -> Option<Child> {
        let settings: serde_json::Value = serde_json::from_str(self.hook.as_ref()?).unwrap();
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
        let (mut words, tell) = (hook.stdout.take().unwrap(), self.tell.clone());
        std::thread::spawn(move || {
            let mut text = String::new();
            let _cut = words.read_to_string(&mut text);
            let _over = tell.send(Heard::Hook(number, text));
        });
        Some(hook)
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

fn draw(rows: &[String], title: &str) {
    // What runs the tests tells on standard output that one of them takes long.
    let mut out = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/tty")
        .unwrap();
    let dialog = format!(
        "\u{1b}]0;{title}\u{7}\u{1b}[?25l\u{1b}[2J\u{1b}[H{}",
        rows.join("\r\n")
    );
    out.write_all(dialog.as_bytes()).unwrap();
}
