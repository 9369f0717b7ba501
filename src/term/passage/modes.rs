//! Which modes of the terminal the far end has switched, and the way back.

use super::Passing;
use super::allow::{Seen, numbers};
use super::keys::{Order, Stack};

/// Ends whatever sequence or string the terminal may be in the middle of. In between sequences it does nothing.
const CANCEL: &[u8] = b"\x18\x1b\\";
/// Puts the title on the terminal's stack of titles, and takes it back from there.
pub const KEEP_TITLE: &[u8] = b"\x1b[22;2t";
const TITLE_BACK: &[u8] = b"\x1b[23;2t";
/// Saved with the cursor elsewhere: no state of its own.
const SAVE_CURSOR: u16 = 1048;
/// Of these a terminal has one at a time.
const MOUSE: [u16; 5] = [9, 1000, 1001, 1002, 1003];

/// A private mode that is tracked.
#[derive(Debug)]
pub struct Mode {
    pub number: u16,
    /// How it is in a terminal that nobody has touched.
    rest: bool,
    /// Whether filtered output may switch it.
    pub passes: bool,
}

const fn passes(number: u16) -> Mode {
    Mode {
        number,
        rest: false,
        passes: true,
    }
}

const fn passes_at_rest_on(number: u16) -> Mode {
    Mode {
        number,
        rest: true,
        passes: true,
    }
}

const fn raw_only(number: u16) -> Mode {
    Mode {
        number,
        rest: false,
        passes: false,
    }
}

/// Every private mode that is tracked. What is on no list is not passed on by filtered output: it changes the terminal's
/// width (3), its way of reporting (1001, 2031, 2048, 9001), or how it reads bytes.
pub const PRIVATE: [Mode; 28] = [
    // Cursor keys, reverse video, origin, autowrap, X10 mouse, cursor that blinks and that shows, keypad.
    passes(1),
    passes(5),
    passes(6),
    passes_at_rest_on(7),
    passes(9),
    passes(12),
    passes_at_rest_on(25),
    passes(66),
    // Mouse: what is reported, focus, and how it is written.
    passes(1000),
    passes(1002),
    passes(1003),
    passes(1004),
    passes(1005),
    passes(1006),
    passes(1015),
    passes(1016),
    // Pastes with marks, and frames shown at once.
    passes(2004),
    passes(2026),
    // The alternate screen in its three forms, and the cursor saved alone.
    passes(47),
    passes(1047),
    passes(SAVE_CURSOR),
    passes(1049),
    raw_only(45),
    raw_only(69),
    raw_only(1001),
    raw_only(2031),
    raw_only(2048),
    raw_only(9001),
];

#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a terminal's modes are independent switches"
)]
pub struct Modes {
    passing: Passing,
    /// For each of [`PRIVATE`], what it was switched to.
    private: [Option<bool>; PRIVATE.len()],
    /// The number that the alternate screen was entered with.
    alternate: Option<u16>,
    /// On the main and on the alternate screen.
    keys: [Stack; 2],
    region: [bool; 2],
    pen: bool,
    charsets: bool,
    insert: bool,
    is_inserting: bool,
    keypad: Option<u8>,
    cursor_shape: Option<u16>,
    other_keys: Option<u16>,
    title: bool,
}

impl Modes {
    pub fn new(passing: Passing) -> Self {
        Self {
            passing,
            private: [None; PRIVATE.len()],
            alternate: None,
            keys: [Stack::default(), Stack::default()],
            region: [false; 2],
            pen: false,
            charsets: false,
            insert: false,
            is_inserting: false,
            keypad: None,
            cursor_shape: None,
            other_keys: None,
            title: false,
        }
    }

    pub fn control(&mut self, byte: u8) {
        self.charsets |= matches!(byte, 0x0e | 0x0f);
    }

    pub fn escape(&mut self, marks: &[u8], last: u8) {
        match (marks, last) {
            ([b'(' | b')' | b'*' | b'+', ..], _) => self.charsets = true,
            ([], b'=' | b'>') => self.keypad = Some(last),
            _ => {}
        }
    }

    /// Whether this is the first title.
    pub fn titled(&mut self) -> bool {
        !std::mem::replace(&mut self.title, true)
    }

    pub fn keys_that_pass(&self, order: Order) -> Seen {
        let [main, alternate] = &self.keys;
        let stack = if self.alternate.is_some() {
            alternate
        } else {
            main
        };
        stack.passing(order).map_or(Seen::Dropped, Seen::Keys)
    }

    pub fn csi(&mut self, marks: &[u8], params: &[u8], last: u8) {
        let screen = usize::from(self.alternate.is_some());
        match (marks, last) {
            ([], b'm') => self.pen = true,
            ([], b'r') => {
                if let Some(region) = self.region.get_mut(screen) {
                    *region = true;
                }
            }
            ([], b'h' | b'l') if numbers(params).any(|number| number == Some(4)) => {
                self.insert = true;
                self.is_inserting = last == b'h';
            }
            ([b' '], b'q') => self.cursor_shape = Some(first(params).unwrap_or(0)),
            ([b'>'], b'm') if first(params) == Some(4) => {
                self.other_keys = Some(numbers(params).nth(1).flatten().unwrap_or(0));
            }
            ([mark @ (b'<' | b'=' | b'>')], b'u') => {
                if let (Some(order), Some(stack)) = (
                    Order::read(*mark, numbers(params)),
                    self.keys.get_mut(screen),
                ) {
                    stack.take(order);
                }
            }
            ([b'?'], b'h' | b'l') => {
                for number in numbers(params).flatten() {
                    self.switch(number, last == b'h');
                }
            }
            _ => {}
        }
    }

    fn switch(&mut self, number: u16, on: bool) {
        let is_mouse = MOUSE.contains(&number);
        for (mode, state) in PRIVATE.iter().zip(&mut self.private) {
            let may = mode.passes || self.passing == Passing::Raw;
            if mode.number == number && may {
                *state = Some(on);
            } else if is_mouse && MOUSE.contains(&mode.number) && state.is_some() {
                *state = Some(false);
            }
        }
        if is_alternate(number) {
            self.alternate = on.then_some(number);
        }
    }

    /// Each mode that is neither the alternate screen nor a saved cursor, with what it was switched to.
    fn states(&self) -> impl Iterator<Item = (&'static Mode, Option<bool>)> {
        PRIVATE
            .iter()
            .zip(self.private)
            .filter(|(mode, _)| !is_alternate(mode.number) && mode.number != SAVE_CURSOR)
    }

    pub fn leave(&self) -> Vec<u8> {
        let mut out = CANCEL.to_vec();
        let is_raw = self.passing == Passing::Raw;
        let [main_keys, alternate_keys] = &self.keys;
        let [main_region, alternate_region] = self.region;
        // Its stack of keys outlives the alternate screen, and can only be reached there.
        if self.alternate.is_none() && alternate_keys.is_used() {
            switch(1049, true, &mut out);
        }
        alternate_keys.leave(&mut out);
        if let Some(number) = self.alternate {
            if alternate_region {
                out.extend_from_slice(b"\x1b[r");
            }
            switch(number, false, &mut out);
        } else if alternate_keys.is_used() {
            switch(1049, false, &mut out);
        }
        main_keys.leave(&mut out);
        let mut moves = main_region;
        if main_region || is_raw {
            out.extend_from_slice(b"\x1b[r");
        }
        for (mode, state) in self.states() {
            if state.is_some() || is_raw {
                // Switching the origin mode moves the cursor to the first row.
                moves |= mode.number == 6;
                switch(mode.number, mode.rest, &mut out);
            }
        }
        if moves || is_raw {
            // What is written next belongs below what is there.
            out.extend_from_slice(b"\x1b[999;1H");
        }
        let parts: [(bool, &[u8]); 8] = [
            (self.insert, b"\x1b[4l"),
            (self.keypad.is_some(), b"\x1b>"),
            (self.other_keys.is_some(), b"\x1b[>4;0m"),
            (self.cursor_shape.is_some(), b"\x1b[0 q"),
            (self.charsets, b"\x1b(B\x1b)B\x1b*B\x1b+B\x0f"),
            (self.pen, b"\x1b[m"),
            // An open link goes on for ever; no stack restores a title that came before raw output.
            (is_raw, b"\x1b]8;;\x1b\\"),
            (self.title && !is_raw, TITLE_BACK),
        ];
        for (is_touched, part) in parts {
            if is_touched || (is_raw && part != TITLE_BACK) {
                out.extend_from_slice(part);
            }
        }
        out
    }

    pub fn again(&self) -> Vec<u8> {
        let mut out = CANCEL.to_vec();
        // A frame that is never shown would hide the new one.
        switch(2026, false, &mut out);
        let is_touched = PRIVATE
            .iter()
            .zip(self.private)
            .any(|(mode, state)| is_alternate(mode.number) && state.is_some());
        // Each screen's stack of keys can only be reached there.
        let [main_keys, alternate_keys] = &self.keys;
        if is_touched {
            switch(1049, false, &mut out);
        }
        main_keys.again(&mut out);
        let before = out.len();
        alternate_keys.again(&mut out);
        let keys = out.split_off(before);
        match self.alternate {
            None if keys.is_empty() => {}
            None => {
                switch(1049, true, &mut out);
                out.extend_from_slice(&keys);
                switch(1049, false, &mut out);
            }
            Some(number) => {
                switch(number, true, &mut out);
                out.extend_from_slice(&keys);
            }
        }
        out.extend_from_slice(b"\x1b[m\x1b(B\x1b)B\x0f\x1b[4l\x1b[r");
        // The one that is on last: terminals have one way of reporting the mouse at a time.
        for wanted in [false, true] {
            for (mode, _) in self
                .states()
                .filter(|(mode, state)| *state == Some(wanted) && mode.number != 2026)
            {
                switch(mode.number, wanted, &mut out);
            }
        }
        if let Some(last) = self.keypad {
            out.extend_from_slice(&[0x1b, last]);
        }
        if let Some(keys) = self.other_keys {
            out.extend_from_slice(format!("\x1b[>4;{keys}m").as_bytes());
        }
        if let Some(shape) = self.cursor_shape {
            out.extend_from_slice(format!("\x1b[{shape} q").as_bytes());
        }
        if self.is_inserting {
            out.extend_from_slice(b"\x1b[4h");
        }
        out
    }
}

fn is_alternate(number: u16) -> bool {
    matches!(number, 47 | 1047 | 1049)
}

fn first(params: &[u8]) -> Option<u16> {
    numbers(params).next().flatten()
}

fn switch(number: u16, on: bool, out: &mut Vec<u8>) {
    let last = if on { 'h' } else { 'l' };
    out.extend_from_slice(format!("\x1b[?{number}{last}").as_bytes());
}
