//! The parts that this program plays in the panes, as a stand-in tool, and beside the agent, as a client.
//!
//! In a pane it is called `claude`, so that the agent's own profile (and other dashboards) take it for that tool: the
//! task says what it does.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cm_tui::domain::HostId;
use cm_tui::fleet::{Fleet, FleetState, HostSpec, Notice};
use cm_tui::paths::Paths;
use cm_tui::protocol::Event;

use super::drawing::{self, Dice, Noise, Size};

/// What the stand-in tool is called.
pub const TOOL: &str = "claude";
/// The first argument of a client that watches everything.
pub const WATCH: &str = "watch";
/// Ten frames a second: what tools with a spinner draw.
pub const FRAME_TIME: Duration = Duration::from_millis(100);

/// When a tool begins to ask: what is measured is not its start.
const ASK_AFTER: Duration = Duration::from_secs(5);

/// What to do instead of measuring, if that is what the arguments say.
pub fn part(arguments: &[String]) -> Option<Vec<String>> {
    let program = Path::new(arguments.first()?).file_name()?;
    if program == TOOL {
        // Before the task stands what the agent tells the tool itself.
        let task = arguments
            .get(1..)?
            .rsplit(|argument| argument == "--")
            .next()?;
        let words = task
            .iter()
            .filter(|argument| !argument.starts_with("--settings="));
        return Some(
            words
                .flat_map(|argument| argument.split(' '))
                .map(str::to_owned)
                .collect(),
        );
    }
    (arguments.get(1)? == WATCH).then(|| arguments[1..].to_vec())
}

pub fn play(part: &[String]) {
    let words: Vec<&str> = part.iter().map(String::as_str).collect();
    match words[..] {
        [WATCH] => watch(),
        ["--version"] => version(),
        ["busy", session] => busy(session),
        ["ask", seed, log, rounds] => ask(seed.parse().unwrap(), log, rounds.parse().unwrap()),
        ["noise", seed, bytes_a_second] => {
            noise(seed.parse().unwrap(), bytes_a_second.parse().unwrap());
        }
        ["idle", session] => idle(session),
        [] => idle(""),
        _ => panic!("no such part: {words:?}"),
    }
}

/// One that the tool's profile was tested with: only such a tool is answered without a person.
fn version() {
    let known = cm_tui::domain::Tools::built_in();
    let tested = known
        .get("claude-code")
        .and_then(|tool| tool.tested.clone());
    println!("{}", tested.unwrap_or_default());
}

fn idle(session: &str) {
    write(&drawing::idle(size(), session));
    loop {
        std::thread::park();
    }
}

fn busy(session: &str) {
    let (size, start) = (size(), Instant::now());
    write(&drawing::idle(size, session));
    // Sessions do not tick together.
    std::thread::sleep(
        FRAME_TIME.mul_f32(f32::from(session.bytes().last().unwrap_or(0) % 10) / 10.0),
    );
    for number in 0.. {
        write(&drawing::busy(size, number));
        std::thread::sleep((FRAME_TIME * (number as u32 + 1)).saturating_sub(start.elapsed()));
    }
}

/// Works, asks, works, asks: each question is noted in a file with the time when it was drawn.
fn ask(seed: u64, log: &str, rounds: usize) {
    let (size, mut dice) = (size(), Dice::new(seed));
    write(&drawing::idle(size, "ask"));
    // By then the agent knows the pane and its program.
    std::thread::sleep(ASK_AFTER);
    let mut log = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(log)
        .unwrap();
    for round in 0..rounds {
        for frame in 0..2 + dice.below(3) as usize {
            write(&drawing::busy(size, round * 10 + frame));
            std::thread::sleep(FRAME_TIME);
        }
        std::thread::sleep(Duration::from_millis(dice.below(80)));
        let at = drawing::now();
        write(&drawing::prompt(size, at));
        writeln!(log, "{}", at.as_micros()).unwrap();
        std::thread::sleep(Duration::from_millis(350));
        write(&drawing::no_prompt(size));
    }
    write(&drawing::idle(size, "ask"));
    loop {
        std::thread::park();
    }
}

/// Prints without an end; any key makes it pause, the next one go on. 0 bytes a second are as many as possible.
fn noise(seed: u64, bytes_a_second: u32) {
    static PAUSED: AtomicBool = AtomicBool::new(false);
    let size = size();
    std::thread::spawn(|| {
        let mut key = [0];
        while let Ok(1..) = std::io::stdin().read(&mut key) {
            PAUSED.fetch_xor(true, Ordering::SeqCst);
        }
    });
    let mut noise = Noise::new(size, seed);
    let mut halts = 0;
    loop {
        if PAUSED.load(Ordering::SeqCst) {
            write(&noise.halt(halts));
            halts += 1;
            while PAUSED.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let text = noise.next();
        write(&text);
        if bytes_a_second > 0 {
            std::thread::sleep(Duration::from_secs(text.len() as u64) / bytes_a_second);
        }
    }
}

/// A client that watches every session and keeps their screens, as a dashboard that shows all would.
fn watch() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let here = HostSpec::local(Paths::from_env().unwrap(), "/nonexistent".into());
        let (fleet, mut notices) = Fleet::start(vec![here]);
        let mut state = FleetState::new(fleet.hosts().cloned());
        while let Some(notice) = notices.recv().await {
            let is_list = matches!(&notice.notice, Notice::Event(event)
                if matches!(**event, Event::Snapshot { .. } | Event::SessionChanged(_)));
            state.apply(notice, 0);
            if is_list {
                let all: Vec<_> = state.hosts[0]
                    .sessions
                    .keys()
                    .map(|id| (HostId::local(), id.clone()))
                    .collect();
                fleet.watch(&all);
            }
        }
    });
}

/// The size of our terminal, which from now on echoes nothing.
fn size() -> Size {
    let stdin = std::io::stdin();
    if let Ok(mut modes) = rustix::termios::tcgetattr(&stdin) {
        modes.make_raw();
        rustix::termios::tcsetattr(&stdin, rustix::termios::OptionalActions::Now, &modes).unwrap();
    }
    let size = rustix::termios::tcgetwinsize(&stdin).unwrap();
    Size {
        cols: size.ws_col,
        rows: size.ws_row,
    }
}

/// One write, as one burst of a tool.
fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    // Without a reader there is no pane and nothing left to do.
    if out
        .write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .is_err()
    {
        std::process::exit(0);
    }
}
