//! Cuts a stream of bytes into text, controls and sequences.
//!
//! The states are those of tmux's own parser (`input.c`), so what tmux swallows is swallowed here and what it prints is
//! printed. Between two calls the scanner holds an unfinished sequence or character, never more than the limits below,
//! so any cut of the input gives the same tokens.

/// Where tmux stops taking parameters; a sequence with more is dropped as a whole.
const PARAM_LIMIT: usize = 63;
/// Where tmux stops taking intermediates; a sequence with more is dropped as a whole.
const MARK_LIMIT: usize = 3;
/// How much of an operating system command is kept: enough for any title, status or notification that is worth showing.
const STRING_LIMIT: usize = 4096;
/// A string that runs on for this long is reported once. tmux ends it by a timer that a room without a clock cannot have.
const RUNAWAY: usize = 1 << 20;
/// What stands for bytes that are no UTF-8.
const REPLACEMENT: &str = "\u{fffd}";

/// Receives what the scanner found, in order.
pub trait Sink {
    /// Valid UTF-8 without C0 controls and DEL; never empty.
    fn text(&mut self, text: &str);
    /// A C0 control other than ESC, CAN and SUB.
    fn control(&mut self, byte: u8);
    fn escape(&mut self, marks: &[u8], last: u8);
    /// `marks` are the private marker and the intermediates, in the order in which they came.
    fn csi(&mut self, marks: &[u8], params: &[u8], last: u8);
    /// An operating system command, cut at a limit when `is_whole` is false.
    fn osc(&mut self, payload: &[u8], is_whole: bool);
    /// A sixel image begins. Where the cursor is afterwards depends on tmux's version and cell size.
    fn sixel(&mut self);
    /// A string has run on for longer than anybody sends on purpose.
    fn runaway(&mut self);
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    EscapeMarks,
    CsiEntry,
    CsiParams,
    CsiMarks,
    CsiIgnore,
    Osc,
    DcsEntry,
    DcsParams,
    Dcs,
    DcsEscape,
    /// APC, PM, SOS and the old tmux title: dropped up to the next escape.
    Swallow,
}

#[derive(Debug, Default)]
pub struct Scanner {
    state: State,
    params: Vec<u8>,
    marks: Vec<u8>,
    overflown: bool,
    string: Vec<u8>,
    swallowed: usize,
    /// The beginning of a character whose end has not arrived: at most three bytes.
    partial: Vec<u8>,
}

impl Scanner {
    /// Whether nothing is unfinished: what comes next begins afresh.
    #[cfg(feature = "client")]
    pub fn is_between(&self) -> bool {
        self.state == State::Ground && self.partial.is_empty()
    }

    pub fn scan(&mut self, bytes: &[u8], sink: &mut impl Sink) {
        let mut rest = bytes;
        while let Some((&byte, tail)) = rest.split_first() {
            match self.state {
                State::Ground if byte >= 0x20 && byte != 0x7f => {
                    let end = rest.iter().position(|b| *b < 0x20 || *b == 0x7f);
                    let (run, after) = rest.split_at(end.unwrap_or(rest.len()));
                    self.text(run, end.is_none(), sink);
                    rest = after;
                }
                State::Osc | State::Dcs | State::Swallow if byte >= 0x20 => {
                    let end = rest.iter().position(|b| *b < 0x20);
                    let (run, after) = rest.split_at(end.unwrap_or(rest.len()));
                    self.keep(run, sink);
                    rest = after;
                }
                _ => {
                    self.byte(byte, sink);
                    rest = tail;
                }
            }
        }
    }

    /// Handles printable bytes; `is_last` says that the input ends with them, so a character may be unfinished.
    fn text(&mut self, run: &[u8], is_last: bool, sink: &mut impl Sink) {
        let mut rest = run;
        while !self.partial.is_empty() {
            let Some((&byte, tail)) = rest.split_first() else {
                return;
            };
            if byte & 0xc0 != 0x80 {
                self.end_partial(sink);
                break;
            }
            rest = tail;
            self.partial.push(byte);
            match std::str::from_utf8(&self.partial) {
                Ok(character) => {
                    sink.text(character);
                    self.partial.clear();
                }
                Err(error) if error.error_len().is_some() => {
                    // What was held was a fair beginning, so exactly the new byte is the wrong one.
                    sink.text(REPLACEMENT);
                    sink.text(REPLACEMENT);
                    self.partial.clear();
                }
                Err(_) => {}
            }
        }
        while !rest.is_empty() {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    sink.text(text);
                    return;
                }
                Err(error) => {
                    let (valid, wrong) = rest.split_at(error.valid_up_to());
                    if let Ok(text) = std::str::from_utf8(valid)
                        && !text.is_empty()
                    {
                        sink.text(text);
                    }
                    let Some(len) = error.error_len() else {
                        if is_last {
                            self.partial.extend_from_slice(wrong);
                        } else {
                            sink.text(REPLACEMENT);
                        }
                        return;
                    };
                    sink.text(REPLACEMENT);
                    rest = wrong.get(len..).unwrap_or_default();
                }
            }
        }
    }

    fn end_partial(&mut self, sink: &mut impl Sink) {
        if !self.partial.is_empty() {
            sink.text(REPLACEMENT);
            self.partial.clear();
        }
    }

    /// Keeps the bytes of a string up to its limit, and drops those of one that nobody reads.
    fn keep(&mut self, run: &[u8], sink: &mut impl Sink) {
        if self.state == State::Osc {
            let room = STRING_LIMIT - self.string.len();
            self.string.extend(run.iter().take(room));
            self.overflown |= run.len() > room;
        }
        let before = self.swallowed;
        self.swallowed = before.saturating_add(run.len());
        if before < RUNAWAY && self.swallowed >= RUNAWAY {
            sink.runaway();
        }
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.params.clear();
        self.marks.clear();
        self.string.clear();
        self.overflown = false;
        self.swallowed = 0;
    }

    fn mark(&mut self, byte: u8) {
        if self.marks.len() == MARK_LIMIT {
            self.overflown = true;
        } else {
            self.marks.push(byte);
        }
    }

    fn byte(&mut self, byte: u8, sink: &mut impl Sink) {
        // A device control string ends with `ESC \` alone: it may hold any other byte, escapes of its own included.
        if self.state == State::Dcs || self.state == State::DcsEscape {
            return self.dcs(byte, sink);
        }
        match byte {
            0x1b => {
                self.end_partial(sink);
                self.end_osc(sink);
                self.begin(State::Escape);
            }
            0x18 | 0x1a => {
                self.end_partial(sink);
                self.begin(State::Ground);
            }
            0x00..=0x1f => match self.state {
                State::Osc if byte == 0x07 => {
                    self.end_osc(sink);
                    self.begin(State::Ground);
                }
                State::Osc | State::Swallow | State::DcsEntry | State::DcsParams => {}
                _ => {
                    self.end_partial(sink);
                    sink.control(byte);
                }
            },
            0x7f.. => self.end_partial(sink),
            _ => self.printable(byte, sink),
        }
    }

    fn end_osc(&mut self, sink: &mut impl Sink) {
        if self.state == State::Osc {
            sink.osc(&self.string, !self.overflown);
        }
    }

    fn dcs(&mut self, byte: u8, sink: &mut impl Sink) {
        if self.state == State::DcsEscape {
            if byte == b'\\' {
                return self.begin(State::Ground);
            }
            self.state = State::Dcs;
        } else if byte == 0x1b {
            self.state = State::DcsEscape;
        }
        self.keep(&[byte], sink);
    }

    /// Takes a byte from 0x20 to 0x7e inside a sequence.
    fn printable(&mut self, byte: u8, sink: &mut impl Sink) {
        match (self.state, byte) {
            (State::Escape, b'[') => self.begin(State::CsiEntry),
            (State::Escape, b']') => self.begin(State::Osc),
            (State::Escape, b'P') => self.begin(State::DcsEntry),
            (State::Escape, b'X' | b'^' | b'_' | b'k') => self.begin(State::Swallow),
            (State::Escape | State::EscapeMarks, 0x20..=0x2f) => {
                self.mark(byte);
                self.state = State::EscapeMarks;
            }
            (State::Escape | State::EscapeMarks, _) => {
                if !self.overflown {
                    sink.escape(&self.marks, byte);
                }
                self.begin(State::Ground);
            }
            (State::CsiEntry, b'<'..=b'?') => {
                self.mark(byte);
                self.state = State::CsiParams;
            }
            (State::CsiEntry | State::CsiParams, b'0'..=b';') => {
                if self.params.len() == PARAM_LIMIT {
                    self.overflown = true;
                } else {
                    self.params.push(byte);
                }
                self.state = State::CsiParams;
            }
            (State::CsiEntry | State::CsiParams | State::CsiMarks, 0x20..=0x2f) => {
                self.mark(byte);
                self.state = State::CsiMarks;
            }
            (State::CsiEntry | State::CsiParams | State::CsiMarks, 0x40..) => {
                if !self.overflown {
                    sink.csi(&self.marks, &self.params, byte);
                }
                self.begin(State::Ground);
            }
            (State::CsiParams | State::CsiMarks, _) => self.state = State::CsiIgnore,
            (State::CsiIgnore, 0x40..) => self.begin(State::Ground),
            (State::DcsEntry | State::DcsParams, 0x40..) => {
                if byte == b'q' && self.marks.is_empty() {
                    sink.sixel();
                }
                self.begin(State::Dcs);
            }
            (State::DcsEntry | State::DcsParams, 0x20..=0x2f) | (State::DcsEntry, b'<'..=b'?') => {
                self.mark(byte);
                self.state = State::DcsParams;
            }
            (State::DcsEntry | State::DcsParams, b'0'..=b'9' | b';') => {
                self.state = State::DcsParams;
            }
            (State::DcsEntry | State::DcsParams, _) => self.begin(State::Swallow),
            _ => {}
        }
    }
}
