//! One feed of the filter: each token becomes drawing, state or a signal.

use super::canvas::Canvas;
use super::charset::Charsets;
use super::params::{Param, Params, clamped};
use super::pen::Pen;
use super::scan::Sink;
use super::{ChangedRows, Outcome, Saved, State, TabStops};
use crate::term::leaving::Grid;
use crate::term::{Fed, Signal};

pub struct Translator<'a> {
    pub(super) state: &'a mut State,
    pub(super) canvas: Canvas<'a>,
    signals: &'a mut Vec<Signal>,
}

impl<'a> Translator<'a> {
    pub fn new(
        state: &'a mut State,
        changed: &'a mut ChangedRows,
        vt: &'a mut Grid,
        out: &'a mut Fed,
    ) -> Self {
        let canvas = Canvas::new(vt, &mut out.drawn, state.ink, changed);
        Self {
            state,
            canvas,
            signals: &mut out.signals,
        }
    }

    /// Brings the grid up to date, pen included.
    pub fn finish(mut self) -> Outcome {
        self.canvas.ink(self.state.pen);
        self.canvas.show();
        self.state.ink = self.canvas.current_ink();
        if self.canvas.has_overflown() {
            Outcome::TooMuch
        } else {
            Outcome::Drawn
        }
    }

    /// Reports a fact. A run of bells is one bell and a run of titles the last one, so a flood of them stays small.
    pub(super) fn signal(&mut self, signal: Signal) {
        match (self.signals.last_mut(), signal) {
            (Some(Signal::Bell), Signal::Bell) => {}
            (Some(Signal::Title(before)), Signal::Title(now)) => *before = now,
            (_, signal) => self.signals.push(signal),
        }
    }

    fn save(&mut self) {
        let (row, col) = self.canvas.cursor();
        let State {
            pen,
            charsets,
            origin,
            ..
        } = *self.state;
        self.state.saved = Saved {
            pen,
            charsets,
            row,
            col,
            origin,
        };
    }

    fn restore(&mut self) {
        let Saved {
            pen,
            charsets,
            row,
            col,
            origin,
        } = self.state.saved;
        (self.state.pen, self.state.charsets, self.state.origin) = (pen, charsets, origin);
        self.canvas
            .goto(row.min(self.canvas.rows - 1), col.min(self.canvas.cols - 1));
    }

    /// RIS, as in tmux: the alternate screen and the cursor's shape stay.
    fn reset(&mut self) {
        self.state.pen = Pen::default();
        self.state.pen_is_guess = false;
        self.state.charsets = Charsets::default();
        self.state.saved = Saved::default();
        self.state.tabs = TabStops::every_eight();
        (self.state.origin, self.state.insert, self.state.no_wrap) = (false, false, false);
        self.set_region(1, self.canvas.rows);
        self.canvas
            .put(b"\x1b>\x1b[?1l\x1b[?25h\x1b[?1000;1002;1003l\x1b[?1005;1006l\x1b[?2004l");
        self.canvas.goto(0, 0);
        self.clear(2, b'J');
        self.synchronize(false);
    }

    /// DECALN: the screen full of E.
    fn align(&mut self) {
        self.canvas.ink(Pen::default());
        self.set_region(1, self.canvas.rows);
        self.canvas.goto(0, 0);
        self.canvas.put(b"\x1b[2J");
        let line = "E".repeat(usize::from(self.canvas.cols));
        for row in 0..self.canvas.rows {
            self.canvas.goto(row, 0);
            self.canvas.put(line.as_bytes());
            self.canvas.show();
        }
        self.canvas.goto(0, 0);
    }

    fn synchronize(&mut self, begins: bool) {
        if self.state.is_synchronizing != begins {
            self.state.is_synchronizing = begins;
            self.signal(if begins {
                Signal::SynchronizedBegin
            } else {
                Signal::SynchronizedEnd
            });
        }
    }

    fn private_mode(&mut self, mode: u32, is_set: bool) {
        let last = if is_set { b'h' } else { b'l' };
        match mode {
            3 => {
                self.home();
                self.clear(2, b'J');
            }
            6 => {
                self.state.origin = is_set;
                self.home();
            }
            7 => self.state.no_wrap = !is_set,
            47 | 1047 | 1049 if is_set => self.enter_alternate(mode == 1049),
            47 | 1047 | 1049 => self.leave_alternate(mode == 1049),
            // Each of them replaces the others, and any of them switches the mouse off.
            1000 | 1002 | 1003 if is_set => self.pass_mode(mode, last),
            1000..=1003 if !is_set => self.canvas.put(b"\x1b[?1000;1002;1003l"),
            1 | 25 | 1005 | 1006 | 2004 => self.pass_mode(mode, last),
            2026 => self.synchronize(is_set),
            _ => {}
        }
    }

    fn pass_mode(&mut self, mode: u32, last: u8) {
        self.canvas.put(b"\x1b[?");
        super::write_number(clamped(mode), self.canvas.bytes());
        self.canvas.put(&[last]);
    }

    /// A control sequence without private marker or intermediates.
    fn plain_csi(&mut self, params: &Params<'_>, last: u8) -> Option<()> {
        let canvas = &mut self.canvas;
        match last {
            b'@' => self.insert_cells(params.count(0)?),
            b'A' => self.up(params.count(0)?),
            b'B' => self.down(params.count(0)?),
            b'C' | b'D' => canvas.csi(params.count(0)?, last),
            b'E' | b'F' => {
                let count = params.count(0)?;
                canvas.put(b"\r");
                if last == b'E' {
                    self.down(count);
                } else {
                    self.up(count);
                }
            }
            b'G' | b'`' => canvas.csi(params.count(0)?, b'G'),
            b'H' | b'f' => {
                let (row, col) = (params.count(0)? - 1, params.count(1)? - 1);
                self.canvas
                    .goto(self.row(row), col.min(self.canvas.cols - 1));
            }
            b'J' | b'K' => match params.kind(0)? {
                0 => self.clear(0, last),
                kind @ (1 | 2) => {
                    self.clear(kind as u16, last);
                    self.canvas.settle();
                }
                _ => {}
            },
            b'L' | b'M' => self.move_lines(params.count(0)?, last),
            b'P' => self.delete_cells(params.count(0)?),
            b'S' | b'T' => self.scroll(params.count(0)?, last),
            b'X' => self.clear(params.count(0)?.min(self.canvas.cols), last),
            b'Z' => self.back_tab(params.count(0)?),
            b'b' => {
                let count = params.count(0)?;
                let room = self.canvas.cols.saturating_sub(self.canvas.cursor().1);
                if let Some(c) = self.state.last {
                    let text = c.to_string().repeat(usize::from(count.min(room)));
                    self.draw(&text);
                }
            }
            b'd' => {
                let row = self.row(params.count(0)? - 1);
                self.canvas.csi(row + 1, b'd');
                self.canvas.settle();
            }
            b'g' => {
                let col = self.canvas.cursor().1;
                match params.kind(0)? {
                    0 => self.state.tabs.set(col, false),
                    3 => self.state.tabs = TabStops::default(),
                    _ => {}
                }
            }
            b'h' | b'l' if params.numbers().any(|mode| mode == 4) => {
                self.state.insert = last == b'h';
            }
            b'm' => {
                self.state.pen.apply(params);
                // A reset in another place is too rare to look for: it might be a colour's number.
                let resets = matches!(
                    params.as_slice().first(),
                    None | Some(Param::Missing | Param::Number(0))
                );
                self.state.pen_is_guess &= !resets;
            }
            b'r' => {
                let last = params.get(1, 1, u32::from(self.canvas.rows))?;
                self.set_region(params.count(0)?, clamped(last));
            }
            b's' => self.save(),
            b'u' => self.restore(),
            _ => {}
        }
        Some(())
    }
}

impl Sink for Translator<'_> {
    fn text(&mut self, text: &str) {
        self.state.last = text.chars().next_back();
        self.draw(text);
    }

    fn control(&mut self, byte: u8) {
        self.state.last = None;
        match byte {
            0x07 => self.signal(Signal::Bell),
            0x08 => self.backspace(),
            0x09 => self.tab(),
            0x0a..=0x0c => self.line_feed(),
            0x0d => self.canvas.put(b"\r"),
            0x0e => self.state.charsets.shifted_out = true,
            0x0f => self.state.charsets.shifted_out = false,
            _ => {}
        }
    }

    fn escape(&mut self, marks: &[u8], last: u8) {
        self.state.last = None;
        match (marks, last) {
            (b"", b'7') => self.save(),
            (b"", b'8') => self.restore(),
            (b"", b'=' | b'>') => self.canvas.put(&[0x1b, last]),
            (b"", b'D') => self.line_feed(),
            (b"", b'E') => {
                self.canvas.put(b"\r");
                self.line_feed();
            }
            (b"", b'H') => {
                let col = self.canvas.cursor().1;
                if col < self.canvas.cols {
                    self.state.tabs.set(col, true);
                }
            }
            (b"", b'M') => self.reverse_line_feed(),
            (b"", b'c') => self.reset(),
            (b"#", b'8') => self.align(),
            (b"(", b'0' | b'B') => self.state.charsets.g0_draws_lines = last == b'0',
            (b")", b'0' | b'B') => self.state.charsets.g1_draws_lines = last == b'0',
            _ => {}
        }
    }

    fn csi(&mut self, marks: &[u8], params: &[u8], last: u8) {
        if let Some(params) = Params::parse(params) {
            match (marks, last) {
                (b"", _) => {
                    self.plain_csi(&params, last);
                }
                (b"?", b'h' | b'l') => {
                    for mode in params.numbers() {
                        self.private_mode(mode, last == b'h');
                    }
                }
                (b" ", b'q') => {
                    if let Some(shape @ 0..=6) = params.kind(0) {
                        self.canvas
                            .put(&[0x1b, b'[', b'0' + shape as u8, b' ', b'q']);
                    }
                }
                _ => {}
            }
        }
        self.state.last = None;
    }

    fn osc(&mut self, payload: &[u8], is_whole: bool) {
        if let Some(signal) = super::report::read(payload, is_whole) {
            self.signal(signal);
        }
    }

    fn sixel(&mut self) {
        self.signal(Signal::Unsupported("sixel image"));
    }

    fn runaway(&mut self) {
        self.signal(Signal::Unsupported("string without an end"));
    }
}
