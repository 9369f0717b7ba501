//! A full-screen program on a terminal of its own: what it paints, and when.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cm_tui::term::{Emulator, Fed, Size};
use rustix::pty::OpenptFlags;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

/// Columns and rows.
const SIZE: (u16, u16) = (160, 50);
/// How long a program may take to paint what is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// The terminal is for the program, not for us.
const NO_CTTY: i32 = rustix::fs::OFlags::NOCTTY.bits().cast_signed();
/// What full-screen programs ask a terminal at their start, and what it says.
const ANSWERS: [(&[u8], &[u8]); 3] = [
    (b"\x1b[c", b"\x1b[?62;22c"),
    (b"\x1b[6n", b"\x1b[1;1R"),
    (b"\x1b]11;?", b"\x1b]11;rgb:0000/0000/0000\x1b\\"),
];

/// The screen after some output.
#[derive(Debug)]
pub struct Painted {
    /// When the output arrived.
    pub at: Instant,
    pub rows: Vec<String>,
}

impl Painted {
    /// The list's row that is selected, with its text.
    pub fn selected(&self) -> Option<&String> {
        self.rows.iter().find(|row| row.starts_with('▌'))
    }

    pub fn shows(&self, text: &str) -> bool {
        self.rows.iter().any(|row| row.contains(text))
    }
}

/// The program ends when this is dropped.
pub struct Terminal {
    child: Child,
    keyboard: File,
    /// When the program was started.
    pub started: Instant,
    painted: UnboundedReceiver<Painted>,
}

impl Terminal {
    pub fn start(command: &Command) -> Self {
        let terminal =
            rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
                .unwrap();
        rustix::pty::grantpt(&terminal).unwrap();
        rustix::pty::unlockpt(&terminal).unwrap();
        let name = rustix::pty::ptsname(&terminal, Vec::new()).unwrap();
        let size = rustix::termios::Winsize {
            ws_row: SIZE.1,
            ws_col: SIZE.0,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(&terminal, size).unwrap();
        let inside = File::options()
            .read(true)
            .write(true)
            .custom_flags(NO_CTTY)
            .open(name.to_str().unwrap())
            .unwrap();
        let dup = || Stdio::from(inside.try_clone().unwrap());
        // It becomes the program's controlling terminal.
        let mut wrapped = Command::new("setsid");
        wrapped
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear();
        wrapped.envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        wrapped
            .current_dir(command.get_current_dir().unwrap())
            .stdin(dup())
            .stdout(dup())
            .stderr(dup());
        let keyboard = File::from(terminal);
        let (told, painted) = unbounded_channel();
        let screen = keyboard.try_clone().unwrap();
        let started = Instant::now();
        let child = wrapped.spawn().unwrap();
        // When everybody has closed the inner end, reading ends.
        std::thread::spawn(move || drain(screen, |painted| told.send(painted).is_ok()));
        Self {
            child,
            keyboard,
            started,
            painted,
        }
    }

    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// The next paint for which `is` holds.
    pub async fn until(&mut self, what: &str, is: impl Fn(&Painted) -> bool) -> Painted {
        let mut last = None;
        let found = timeout(PATIENCE, async {
            loop {
                let painted = self
                    .painted
                    .recv()
                    .await
                    .expect("the program has left its terminal");
                if is(&painted) {
                    return painted;
                }
                last = Some(painted);
            }
        });
        let Ok(painted) = found.await else {
            panic!("waited in vain for {what}: {last:#?}");
        };
        painted
    }

    /// Forgets what was painted so far; returns the last of it.
    pub fn forget(&mut self) -> Option<Painted> {
        let mut last = None;
        while let Ok(painted) = self.painted.try_recv() {
            last = Some(painted);
        }
        last
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Reads until the end. Emulates only while somebody wants to know, and answers what a terminal answers.
fn drain(mut screen: File, tell: impl Fn(Painted) -> bool) {
    let mut emulator = Emulator::new(Size::new(SIZE.0, SIZE.1));
    let mut bytes = vec![0; 64 << 10];
    let mut is_wanted = true;
    while let Ok(count @ 1..) = screen.read(&mut bytes) {
        let (at, read) = (Instant::now(), &bytes[..count]);
        for (question, answer) in ANSWERS {
            if read
                .windows(question.len())
                .any(|window| window == question)
            {
                // A program that has left needs no answer.
                let _told = screen.write_all(answer);
            }
        }
        if is_wanted {
            emulator.feed(read, &mut Fed::default());
            is_wanted = tell(Painted {
                at,
                rows: emulator.screen().text(),
            });
        }
    }
}
