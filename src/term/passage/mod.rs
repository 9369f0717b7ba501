//! What another host's program prints on the person's own terminal: which of it may pass, and what it leaves behind.
//!
//! Attaching to a session of another host gives that host a real terminal to write to. A [`Passage`] stands between.
//! Its promises:
//!
//! * **Filtered output says only what is listed** ([`allow`]): text, drawing, and modes that are known to switch off
//!   again. No clipboard, no string but a cleaned title, no question that the terminal would answer by typing, no reset,
//!   no window operation, no printer. Sequences are taken apart and written anew, so what our reading does not see as
//!   a sequence does not come out as one.
//! * **Any cut of the input gives the same output**, and at most a few kilobytes are held between two calls. What comes
//!   out ends between two sequences.
//! * **What was switched on is known**: [`Passage::leave`] switches it off, [`Passage::again`] brings it about once more
//!   after output was thrown away.
//!
//! Raw output passes as it is; it is only read along.

mod allow;
mod keys;
mod modes;

use super::filter::scan::{Scanner, Sink};
use super::sanitize;
use allow::{Seen, csi, escape, is_drawing_control};
use modes::Modes;

/// The longest title that is passed on, in columns; no title bar shows more.
const TITLE_COLS: usize = 200;

/// How much the far end may say to the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Passing {
    /// Drawing, modes and titles.
    #[default]
    Filtered,
    /// Everything: clipboard, images, links, questions. For hosts that are trusted like this machine.
    Raw,
}

/// The way of a far program's output to the terminal.
#[derive(Debug)]
pub struct Passage {
    passing: Passing,
    scanner: Scanner,
    modes: Modes,
}

impl Passage {
    pub fn new(passing: Passing) -> Self {
        Self {
            passing,
            scanner: Scanner::default(),
            modes: Modes::new(passing),
        }
    }

    /// Appends to `out` what of `bytes` may reach the terminal.
    pub fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut reading = Reading {
            modes: &mut self.modes,
            out: match self.passing {
                Passing::Filtered => Some(out),
                Passing::Raw => {
                    out.extend_from_slice(bytes);
                    None
                }
            },
        };
        self.scanner.scan(bytes, &mut reading);
    }

    /// Whether output may be thrown away up to here without cutting a sequence in two.
    pub fn is_between(&self) -> bool {
        self.passing == Passing::Filtered || self.scanner.is_between()
    }

    /// The bytes that put the terminal back as it was: everything that was switched is switched back, whatever was
    /// drawn before is ended, and the alternate screen is left.
    pub fn leave(&self) -> Vec<u8> {
        self.modes.leave()
    }

    /// The bytes that bring a terminal which missed some of the output into the modes that the far end believes in.
    /// Pen, character sets, margins and cursor are at rest afterwards: the far end has to draw everything again.
    pub fn again(&self) -> Vec<u8> {
        self.modes.again()
    }
}

/// Reads tokens; writes those that may pass, if anything is written at all.
struct Reading<'a> {
    modes: &'a mut Modes,
    out: Option<&'a mut Vec<u8>>,
}

impl Reading<'_> {
    fn write(&mut self, parts: &[&[u8]]) {
        if let Some(out) = &mut self.out {
            for part in parts {
                out.extend_from_slice(part);
            }
        }
    }
}

impl Sink for Reading<'_> {
    fn text(&mut self, text: &str) {
        let Some(out) = &mut self.out else {
            return;
        };
        // C1 controls are characters in UTF-8, and sequences to many terminals.
        for part in text.split(|c: char| c.is_control()) {
            out.extend_from_slice(part.as_bytes());
        }
    }

    fn control(&mut self, byte: u8) {
        if is_drawing_control(byte) {
            self.modes.control(byte);
            self.write(&[&[byte]]);
        }
    }

    fn escape(&mut self, marks: &[u8], last: u8) {
        let passes = escape(marks, last);
        if passes || self.out.is_none() {
            self.modes.escape(marks, last);
        }
        if passes {
            self.write(&[b"\x1b", marks, &[last]]);
        }
    }

    fn csi(&mut self, marks: &[u8], params: &[u8], last: u8) {
        let seen = csi(marks, params, last);
        // Before it is tracked: how deep the stack is decides what passes.
        let passing = match seen {
            Seen::Keys(order) => self.modes.keys_that_pass(order),
            _ => seen,
        };
        if passing != Seen::Dropped || self.out.is_none() {
            self.modes.csi(marks, params, last);
        }
        match passing {
            Seen::Drawing => {
                let (private, intermediates) = match marks {
                    [b'<'..=b'?', rest @ ..] => (marks.get(..1).unwrap_or_default(), rest),
                    _ => (&[][..], marks),
                };
                self.write(&[b"\x1b[", private, params, intermediates, &[last]]);
            }
            Seen::Modes => {
                let mut switched = Vec::new();
                for number in allow::passing_modes(params) {
                    if !switched.is_empty() {
                        switched.push(b';');
                    }
                    switched.extend_from_slice(number.to_string().as_bytes());
                }
                if !switched.is_empty() {
                    self.write(&[b"\x1b[?", &switched, &[last]]);
                }
            }
            Seen::Keys(order) => {
                let mut bytes = Vec::new();
                order.write(&mut bytes);
                self.write(&[&bytes]);
            }
            Seen::Dropped => {}
        }
    }

    fn osc(&mut self, payload: &[u8], is_whole: bool) {
        let title = payload
            .strip_prefix(b"0;")
            .or_else(|| payload.strip_prefix(b"2;"));
        let Some(title) = title.filter(|_| is_whole) else {
            return;
        };
        if self.modes.titled() {
            // What was there before comes back when we leave.
            self.write(&[modes::KEEP_TITLE]);
        }
        let title = sanitize::label(&String::from_utf8_lossy(title), TITLE_COLS);
        self.write(&[b"\x1b]2;", title.as_bytes(), b"\x1b\\"]);
    }

    fn sixel(&mut self) {}

    fn runaway(&mut self) {}
}
