//! What sessions print, kept and read again: by the room's own door, and by the real agent with real panes.

mod kept;
mod real;
mod replay;

use std::path::Path;

use cm_tui::agent::record::{About, Limits, Recorder, Track, Wanted, Writing, cast};
use cm_tui::domain::SessionId;
use cm_tui::protocol::{KeptLine, LogCursor, LogsWanted, RecordingCursor};
use cm_tui::term::{Emulator, Fed, Size};

fn id() -> SessionId {
    SessionId::new("cm.7.3")
}

fn limits(session: u64) -> Limits {
    Limits {
        total: 1 << 30,
        session,
    }
}

fn about() -> About {
    About {
        session: id(),
        name: "api".into(),
        tool: "shell".into(),
        dir: "/srv/api".into(),
        created: 1_700_000_000_000,
    }
}

/// A pane without tmux: what it prints is drawn and kept as the agent does it.
struct Pane {
    recorder: Recorder,
    writing: Writing,
    track: Track,
    emulator: Emulator,
    /// The made-up clock.
    now: u64,
}

impl Pane {
    fn new(dir: &Path, size: Size, limits: Limits) -> Self {
        let (recorder, writing) = Recorder::start(dir.join("logs"), limits).unwrap();
        let now = 1_700_000_000_000;
        let mut emulator = Emulator::new(size);
        emulator.keep_lines();
        let mut track = recorder.open(about(), now);
        track.keyframe(now, size, emulator.screen().keyframe());
        Self {
            recorder,
            writing,
            track,
            emulator,
            now,
        }
    }

    fn print(&mut self, bytes: &[u8]) {
        self.now += 10;
        let mut fed = Fed::default();
        self.emulator.feed(bytes, &mut fed);
        self.track.drawn(self.now, fed.drawn);
        self.track
            .scrolled(self.now, self.emulator.take_lines(), false);
        if self.track.wants_keyframe() {
            self.whole();
        }
    }

    fn whole(&mut self) {
        let screen = self.emulator.screen();
        self.track
            .keyframe(self.now, screen.size(), screen.keyframe());
    }

    fn resize(&mut self, size: Size) {
        self.emulator.resize(size);
        self.whole();
    }

    fn rest(&mut self) {
        let screen = self.emulator.screen();
        self.track
            .screen(self.now, screen.text(), screen.is_alternate(), true);
    }

    /// The agent ends.
    fn end(self) -> (Recorder, Emulator) {
        drop(self.track);
        self.writing.finish();
        (self.recorder, self.emulator)
    }
}

/// The whole recording.
fn recording(recorder: &Recorder) -> String {
    let (mut all, mut from) = (Vec::new(), RecordingCursor::default());
    loop {
        let piece = recorder.recording(&id(), from).unwrap();
        all.extend(piece.bytes);
        from = piece.next;
        if piece.is_end {
            return String::from_utf8(all).unwrap();
        }
    }
}

/// All lines, as a client pages through them.
fn lines(recorder: &Recorder) -> Vec<KeptLine> {
    let mut wanted = Wanted::of(&LogsWanted {
        session: id(),
        from: LogCursor::Line(1),
        follow: false,
        since: None,
        grep: None,
    })
    .unwrap();
    let mut all = Vec::new();
    loop {
        let page = recorder.page(&id(), &wanted).unwrap();
        all.extend(page.lines);
        if page.is_end {
            return all;
        }
        wanted.from_line(page.next);
    }
}

/// What a recording shows at its end in our emulator, and in `vt100` alone.
fn replayed(recording: &str) -> (Emulator, vt100::Parser) {
    let mut lines = recording.lines();
    let header: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(header["version"], 3);
    let size = |value: &serde_json::Value| value.as_u64().unwrap() as u16;
    let size = Size::new(size(&header["term"]["cols"]), size(&header["term"]["rows"]));
    let mut emulator = Emulator::new(size);
    let mut plain = vt100::Parser::new(
        size.rows.try_into().unwrap(),
        size.cols.try_into().unwrap(),
        0,
    );
    for line in lines {
        let (code, data) = cast::read_event(line).unwrap_or_else(|| panic!("no event: {line:?}"));
        match code.as_str() {
            "o" => {
                if data == cast::RESET {
                    emulator.reset(emulator.size());
                }
                emulator.feed(data.as_bytes(), &mut Fed::default());
                plain.process(data.as_bytes());
            }
            "r" => {
                let (cols, rows) = data.split_once('x').unwrap();
                let size = Size::new(cols.parse().unwrap(), rows.parse().unwrap());
                emulator.reset(size);
                plain.set_size(size.rows.try_into().unwrap(), size.cols.try_into().unwrap());
            }
            "m" | "x" => {}
            other => panic!("what is {other:?}?"),
        }
    }
    (emulator, plain)
}

fn plain_rows(plain: &vt100::Parser) -> Vec<String> {
    let (_, cols) = plain.screen().size();
    let rows = plain.screen().rows(0, cols.get());
    rows.map(|row| row.trim_end().replace('\u{10fffd}', "\u{fffd}"))
        .collect()
}
