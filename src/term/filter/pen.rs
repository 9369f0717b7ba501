//! The attributes that text is drawn with: SGR in every form that tmux reads, written in the one form that is sent on.

use super::params::{Param, Params, number};
use crate::term::Colour;

pub const BOLD: u8 = 1;
pub const DIM: u8 = 2;
pub const ITALIC: u8 = 4;
pub const UNDERLINE: u8 = 8;
pub const INVERSE: u8 = 16;

/// Colours and attributes. What the grid cannot hold (blink, strikethrough, underline colour, …) is not here.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Pen {
    pub fg: Colour,
    pub bg: Colour,
    pub attributes: u8,
}

impl Pen {
    /// A pen that only fills: what tmux leaves behind when it clears cells.
    pub fn filling(bg: Colour) -> Self {
        Self {
            bg,
            ..Self::default()
        }
    }

    /// Returns the pen as the grid can hold it: there, a cell is bold or dim. Bold wins, it is what a choice is marked with.
    pub fn drawable(mut self) -> Self {
        if self.attributes & BOLD != 0 {
            self.attributes &= !DIM;
        }
        self
    }

    /// Applies the parameters of one SGR sequence, in tmux's reading of them.
    pub fn apply(&mut self, params: &Params<'_>) {
        let list = params.as_slice();
        if list.is_empty() {
            *self = Self::default();
        }
        let mut index = 0;
        while let Some(param) = list.get(index) {
            match param {
                Param::Missing => *self = Self::default(),
                Param::Colon(part) => self.apply_colon(part),
                Param::Number(which @ (38 | 48 | 58)) => {
                    index += 1;
                    match params.get(index, 0, u32::MAX) {
                        Some(2) => {
                            let part = |offset| params.get(index + offset, 0, u32::MAX);
                            if self.set_rgb(*which, [part(1), part(2), part(3)]) {
                                index += 3;
                            }
                        }
                        Some(5) => {
                            index += 1;
                            self.set_indexed(*which, params.get(index, 0, u32::MAX));
                        }
                        _ => {}
                    }
                }
                Param::Number(n) => self.apply_number(*n),
            }
            index += 1;
        }
    }

    fn apply_number(&mut self, n: u32) {
        match n {
            0 => *self = Self::default(),
            1 => self.attributes |= BOLD,
            2 => self.attributes |= DIM,
            3 => self.attributes |= ITALIC,
            4 | 21 => self.attributes |= UNDERLINE,
            7 => self.attributes |= INVERSE,
            22 => self.attributes &= !(BOLD | DIM),
            23 => self.attributes &= !ITALIC,
            24 => self.attributes &= !UNDERLINE,
            27 => self.attributes &= !INVERSE,
            30..=37 => self.fg = Colour::Indexed((n - 30) as u8),
            39 => self.fg = Colour::Default,
            40..=47 => self.bg = Colour::Indexed((n - 40) as u8),
            49 => self.bg = Colour::Default,
            90..=97 => self.fg = Colour::Indexed((n - 82) as u8),
            100..=107 => self.bg = Colour::Indexed((n - 92) as u8),
            _ => {}
        }
    }

    /// Applies a parameter with sub-parameters: an underline style or a colour.
    fn apply_colon(&mut self, part: &[u8]) {
        let mut fields = [None; 8];
        let mut len = 0;
        for field in part.split(|byte| *byte == b':') {
            let value = number(field);
            // Eight fields are more than any form has, and tmux ignores the parameter then.
            if len + 1 == fields.len() || (value.is_none() && !field.is_empty()) {
                return;
            }
            if let Some(slot) = fields.get_mut(len) {
                *slot = value;
            }
            len += 1;
        }
        let field = |index: usize| fields.get(index).copied().flatten();
        match (field(0), field(1)) {
            (Some(4), Some(0)) if len == 2 => self.attributes &= !UNDERLINE,
            (Some(4), Some(1..=5)) if len == 2 => self.attributes |= UNDERLINE,
            (Some(which @ (38 | 48)), Some(2)) => {
                // `38:2:r:g:b` and, with a colour space in between, `38:2::r:g:b`.
                let first = if len == 5 { 2 } else { 3 };
                if len >= first + 3 {
                    self.set_rgb(which, [field(first), field(first + 1), field(first + 2)]);
                }
            }
            (Some(which @ (38 | 48)), Some(5)) if len >= 3 => self.set_indexed(which, field(2)),
            _ => {}
        }
    }

    /// Sets a colour when all three parts are bytes; says whether they were.
    fn set_rgb(&mut self, which: u32, parts: [Option<u32>; 3]) -> bool {
        let byte = |part: Option<u32>| part.and_then(|n| u8::try_from(n).ok());
        let [Some(r), Some(g), Some(b)] = parts.map(byte) else {
            return false;
        };
        self.set(which, Colour::Rgb(r, g, b));
        true
    }

    /// Sets a colour of the palette; a number outside it means the default colour.
    fn set_indexed(&mut self, which: u32, index: Option<u32>) {
        let index = index.and_then(|n| u8::try_from(n).ok());
        self.set(which, index.map_or(Colour::Default, Colour::Indexed));
    }

    fn set(&mut self, which: u32, colour: Colour) {
        match which {
            38 => self.fg = colour,
            48 => self.bg = colour,
            _ => {} // 58 colours the underline, which no cell keeps
        }
    }

    /// Writes the SGR sequence that turns `before` into this pen; nothing when they are equal.
    pub fn write_change(self, before: Self, out: &mut Vec<u8>) {
        if self == before {
            return;
        }
        out.extend_from_slice(b"\x1b[");
        let mut is_first = true;
        let mut from = before;
        if self == Self::default() || from.attributes & !self.attributes != 0 {
            // Going back to the beginning is shorter than most ways of taking single attributes away, and always right.
            out.push(b'0');
            is_first = false;
            from = Self::default();
        }
        let mut code = |parts: &[u8]| {
            for part in parts {
                if !is_first {
                    out.push(b';');
                }
                is_first = false;
                write_number(u16::from(*part), out);
            }
        };
        let added = self.attributes & !from.attributes;
        for (bit, sgr) in [
            (BOLD, 1),
            (DIM, 2),
            (ITALIC, 3),
            (UNDERLINE, 4),
            (INVERSE, 7),
        ] {
            if added & bit != 0 {
                code(&[sgr]);
            }
        }
        for (colour, old, base) in [(self.fg, from.fg, 30), (self.bg, from.bg, 40)] {
            if colour != old {
                match colour {
                    Colour::Default => code(&[base + 9]),
                    Colour::Indexed(n @ 0..=7) => code(&[base + n]),
                    Colour::Indexed(n @ 8..=15) => code(&[base + 52 + n]),
                    Colour::Indexed(n) => code(&[base + 8, 5, n]),
                    Colour::Rgb(r, g, b) => code(&[base + 8, 2, r, g, b]),
                }
            }
        }
        out.push(b'm');
    }
}

impl From<&vt100::Cell> for Pen {
    fn from(cell: &vt100::Cell) -> Self {
        let set = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        Self {
            fg: cell.fgcolor().into(),
            bg: cell.bgcolor().into(),
            attributes: set(cell.bold(), BOLD)
                | set(cell.dim(), DIM)
                | set(cell.italic(), ITALIC)
                | set(cell.underline(), UNDERLINE)
                | set(cell.inverse(), INVERSE),
        }
    }
}

impl From<&vt100::Screen> for Pen {
    fn from(screen: &vt100::Screen) -> Self {
        let set = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        Self {
            fg: screen.fgcolor().into(),
            bg: screen.bgcolor().into(),
            attributes: set(screen.bold(), BOLD)
                | set(screen.dim(), DIM)
                | set(screen.italic(), ITALIC)
                | set(screen.underline(), UNDERLINE)
                | set(screen.inverse(), INVERSE),
        }
    }
}

/// Writes a number in decimal, without an allocation.
pub fn write_number(n: u16, out: &mut Vec<u8>) {
    let mut scale = 10_000;
    while scale > 1 && n < scale {
        scale /= 10;
    }
    while scale > 0 {
        out.push(b'0' + (n / scale % 10) as u8);
        scale /= 10;
    }
}
