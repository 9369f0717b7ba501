//! Drawing text: most of it as it came, the rest character by character.

use super::canvas::REPLACEMENT_STAND_IN;
use super::charset::line_drawing;
use super::pen::Pen;
use super::translate::Translator;
use unicode_width::UnicodeWidthChar as _;

/// What has to be done about a character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Treatment {
    /// Draw it as it is.
    Draw,
    /// It joins the cell before it.
    Combine,
    /// Draw the stand-in for U+FFFD.
    Replace,
    /// It makes the next character part of the one before (zero width joiner).
    Join,
    /// A C1 control, or a variation selector: tmux takes the width from the character before it, the grid would not.
    Drop,
}

fn treatment(c: char) -> Treatment {
    match c {
        // Nearly everything that tools draw with: no look at the width table for those.
        '\0'..='\u{7f}'
        | '\u{ae}'..='\u{2ff}'
        | '\u{2010}'..='\u{2027}'
        | '\u{2030}'..='\u{205e}'
        | '\u{2190}'..='\u{2bff}'
        | '\u{4e00}'..='\u{9fff}' => Treatment::Draw,
        '\u{80}'..='\u{9f}' | '\u{fe0f}' => Treatment::Drop,
        '\u{200d}' => Treatment::Join,
        '\u{fffd}' => Treatment::Replace,
        _ if c.width() == Some(0) => Treatment::Combine,
        _ => Treatment::Draw,
    }
}

impl Translator<'_> {
    /// Draws text in the modes that are set.
    pub(super) fn draw(&mut self, text: &str) {
        self.state.has_guessed |= self.state.pen_is_guess;
        let state = &*self.state;
        let is_plain = !state.insert && !state.no_wrap && !state.joining;
        if is_plain && !state.charsets.draws_lines() {
            self.canvas.ink(state.pen);
            if text.is_ascii() {
                self.canvas.put(text.as_bytes());
            } else {
                self.draw_unicode(text);
            }
        } else {
            for c in text.chars() {
                self.draw_char(c);
            }
        }
    }

    /// Draws text in the common modes: whole runs between the characters that need treatment.
    fn draw_unicode(&mut self, text: &str) {
        let mut rest = text;
        while let Some((at, c)) = rest
            .char_indices()
            .find(|(_, c)| treatment(*c) != Treatment::Draw)
        {
            let (plain, special) = rest.split_at(at);
            self.canvas.put(plain.as_bytes());
            self.treat(c);
            rest = special.split_at(c.len_utf8()).1;
            if self.state.joining
                && let Some(joined) = rest.chars().next()
                && treatment(joined) != Treatment::Join
            {
                self.state.joining = false;
                rest = rest.split_at(joined.len_utf8()).1;
            }
        }
        self.canvas.put(rest.as_bytes());
    }

    /// Does what a character needs that is not simply drawn.
    fn treat(&mut self, c: char) {
        match treatment(c) {
            Treatment::Combine => self.combine(c),
            Treatment::Replace => self.canvas.put(REPLACEMENT_STAND_IN.as_bytes()),
            Treatment::Join => self.state.joining = true,
            Treatment::Draw | Treatment::Drop => {}
        }
    }

    /// Draws a mark onto the cell before the cursor; on an empty one, a blank of its colour is put under the mark.
    fn combine(&mut self, c: char) {
        let (row, col) = self.canvas.cursor();
        let Some(before) = col.checked_sub(1) else {
            return;
        };
        let empty = self
            .canvas
            .show()
            .cell(row, before)
            .filter(|cell| !cell.has_contents() && !cell.is_wide_continuation());
        if let Some(bg) = empty.map(vt100::Cell::bgcolor) {
            self.canvas.goto(row, before);
            self.canvas.ink(Pen::filling(bg.into()));
            self.canvas.put(b" ");
        }
        self.canvas.put(c.encode_utf8(&mut [0; 4]).as_bytes());
        self.canvas.ink(self.state.pen);
    }

    /// Draws one character in any mode.
    fn draw_char(&mut self, c: char) {
        if self.state.joining && treatment(c) != Treatment::Join {
            self.state.joining = false;
            return;
        }
        let c = if self.state.charsets.draws_lines() {
            line_drawing(c)
        } else {
            c
        };
        let treatment = treatment(c);
        if matches!(treatment, Treatment::Draw | Treatment::Replace) {
            self.make_room(c, treatment);
        } else {
            self.treat(c);
        }
    }

    fn make_room(&mut self, c: char, treatment: Treatment) {
        let (cols, state) = (self.canvas.cols, &*self.state);
        let (pen, insert, no_wrap) = (state.pen, state.insert, state.no_wrap);
        let width = if treatment == Treatment::Replace {
            1
        } else {
            c.width().unwrap_or(1).min(2) as u16
        };
        let (row, col) = self.canvas.cursor();
        // Without wrapping, what does not fit is not drawn, and nothing fits behind the last column.
        if no_wrap && col + width > cols {
            return;
        }
        if insert && col < cols {
            // Unlike `CSI @`, this never fills with a colour.
            self.canvas.ink_background(Pen::default());
            self.canvas.csi(width, b'@');
        }
        self.canvas.ink(pen);
        if treatment == Treatment::Replace {
            self.treat(c);
        } else {
            self.canvas.put(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        if no_wrap && col + width == cols {
            self.canvas.goto(row, cols - 1);
        }
    }
}
