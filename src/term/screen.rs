//! The grid of a pane as others see it: cells, cursor and the modes that matter to somebody who looks or types.
//!
//! Two screens are equal when nobody could tell them apart, now or after both were fed the same
//! [`Fed::drawn`](super::Fed::drawn): that is what a keyframe and a difference have to bring about.

use super::filter::{Pen, REPLACEMENT_STAND_IN, Region};
use super::leaving::{Grid, Leaving};
use super::modes::Modes;
use super::paint;
use super::under::Under;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU16;

const MAX_COLS: u16 = 1000;
const MAX_ROWS: u16 = 500;

/// Columns × rows, clamped to 1..=1000 × 1..=500: a size that comes from a program or from the wire costs no more than
/// 16 MB of cells.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(from = "UncheckedSize")]
pub struct Size {
    pub cols: u16,
    pub rows: u16,
}

impl Size {
    /// Clamps to what an emulator takes.
    pub fn new(cols: u16, rows: u16) -> Self {
        Self {
            cols: cols.clamp(1, MAX_COLS),
            rows: rows.clamp(1, MAX_ROWS),
        }
    }

    /// Returns (rows, columns) as `vt100` takes them; the fields are public, so they are clamped again.
    pub(super) fn for_vt100(self) -> (NonZeroU16, NonZeroU16) {
        let Self { cols, rows } = Self::new(self.cols, self.rows);
        (
            NonZeroU16::new(rows).unwrap_or(NonZeroU16::MIN),
            NonZeroU16::new(cols).unwrap_or(NonZeroU16::MIN),
        )
    }
}

/// A size as it came over a wire, before it is clamped.
#[derive(Deserialize)]
struct UncheckedSize {
    cols: u16,
    rows: u16,
}

impl From<UncheckedSize> for Size {
    fn from(size: UncheckedSize) -> Self {
        Self::new(size.cols, size.rows)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}", self.cols, self.rows)
    }
}

/// A colour as the program asked for it; indexes are those of the 256-colour palette.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub enum Colour {
    #[default]
    Default,
    Indexed(u8),
    Rgb(u8, u8, u8),
}

impl From<vt100::Color> for Colour {
    fn from(colour: vt100::Color) -> Self {
        match colour {
            vt100::Color::Default => Self::Default,
            vt100::Color::Idx(n) => Self::Indexed(n),
            vt100::Color::Rgb(r, g, b) => Self::Rgb(r, g, b),
        }
    }
}

/// The cursor's shape; whether it blinks is not kept.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum CursorShape {
    /// What the terminal is set to.
    #[default]
    Default,
    Block,
    Underline,
    Bar,
}

/// Where the cursor is, counted from 0. `col` equals the width of the screen while a wrap is pending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    pub row: u16,
    pub col: u16,
    pub visible: bool,
    pub shape: CursorShape,
}

/// What a pane shows. A clone costs about as much as copying its cells.
#[derive(Clone, Debug)]
pub struct Screen {
    pub(super) vt: vt100::Screen,
    pub(super) region: Region,
    /// What `vt` hides while the alternate screen is shown.
    pub(super) under: Option<Under>,
}

impl Screen {
    pub fn size(&self) -> Size {
        let (rows, cols) = self.vt.size();
        Size {
            cols: cols.get(),
            rows: rows.get(),
        }
    }

    /// Returns the cell at a position counted from 0, or `None` outside the screen.
    pub fn cell(&self, row: u16, col: u16) -> Option<CellRef<'_>> {
        self.vt.cell(row, col).map(CellRef)
    }

    pub fn cursor(&self) -> Cursor {
        use vt100::CursorStyle as Style;
        let (row, col) = self.vt.cursor_position();
        let shape = match self.vt.cursor_style() {
            Style::Default => CursorShape::Default,
            Style::BlinkBlock | Style::SteadyBlock => CursorShape::Block,
            Style::BlinkUnderline | Style::SteadyUnderline => CursorShape::Underline,
            Style::BlinkVerticalBar | Style::SteadyVerticalBar => CursorShape::Bar,
        };
        Cursor {
            row,
            col,
            visible: !self.vt.hide_cursor(),
            shape,
        }
    }

    pub fn is_alternate(&self) -> bool {
        self.under.is_some()
    }

    pub fn bracketed_paste(&self) -> bool {
        self.vt.bracketed_paste()
    }

    pub fn application_cursor(&self) -> bool {
        self.vt.application_cursor()
    }

    /// Whether the program wants mouse events of any kind.
    pub fn mouse(&self) -> bool {
        self.vt.mouse_protocol_mode() != vt100::MouseProtocolMode::None
    }

    /// Returns the text of a row: blanks at the end trimmed, wide characters once. Empty outside the screen.
    pub fn row_text(&self, row: u16) -> String {
        // Up to the start of the next row: what asks for one row alone makes the texts of all rows above it first.
        let mut text = self.vt.contents_between(row, 0, row.saturating_add(1), 0);
        if text.ends_with('\n') {
            text.pop();
        }
        shown_text(text)
    }

    /// Returns the text of a row with the SGR sequences that draw it, like tmux's `capture-pane -e`: blanks at the end are
    /// left out unless they have a background, and the row ends with the default pen. Empty outside the screen.
    pub fn styled_row(&self, row: u16) -> String {
        let looks = (0..self.size().cols)
            .filter_map(|col| self.cell(row, col))
            .filter(|cell| !cell.is_wide_continuation())
            .map(CellRef::look);
        let looks: Vec<(&str, Pen)> = looks.collect();
        let end = looks
            .iter()
            .rposition(|look| *look != (" ", Pen::default()))
            .map_or(0, |last| last + 1);
        let (mut out, mut pen) = (Vec::new(), Pen::default());
        for (text, wanted) in looks.into_iter().take(end) {
            wanted.write_change(pen, &mut out);
            pen = wanted;
            out.extend_from_slice(text.as_bytes());
        }
        Pen::default().write_change(pen, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Returns the text of all rows, top to bottom.
    pub fn text(&self) -> Vec<String> {
        self.vt.rows(0, self.size().cols).map(shown_text).collect()
    }

    /// Whether the text of a row goes on in the next one because it was too long.
    pub fn row_wrapped(&self, row: u16) -> bool {
        self.vt.row_wrapped(row)
    }

    /// Whether a person could not tell the two apart. Unlike equal screens, a blank may be a space here and nothing there,
    /// and what is remembered for later may differ.
    pub fn looks_like(&self, other: &Self) -> bool {
        let size = self.size();
        let all = (0..size.rows).flat_map(|row| (0..size.cols).map(move |col| (row, col)));
        size == other.size()
            && self.is_alternate() == other.is_alternate()
            && self.vt.cursor_position() == other.vt.cursor_position()
            && self.vt.hide_cursor() == other.vt.hide_cursor()
            && all
                .map(|(row, col)| (self.cell(row, col), other.cell(row, col)))
                .all(|(one, other)| {
                    one == other || one.map(CellRef::look) == other.map(CellRef::look)
                })
    }

    /// Returns bytes that bring an [`Emulator`](super::Emulator) that was just reset to this size to an equal screen.
    pub fn keyframe(&self) -> Vec<u8> {
        paint::keyframe(self)
    }

    /// Returns bytes that bring an [`Emulator`](super::Emulator) that shows `previous` to an equal screen; a keyframe does
    /// it when the sizes differ and the emulator was reset to the new one.
    pub fn difference(&self, previous: &Self) -> Vec<u8> {
        if self.size() == previous.size() {
            paint::difference(self, previous)
        } else {
            self.keyframe()
        }
    }
}

/// Turns the grid's text of a row into what the row shows.
fn shown_text(mut row: String) -> String {
    row.truncate(row.trim_end_matches(' ').len());
    if row.contains(REPLACEMENT_STAND_IN) {
        row.replace(REPLACEMENT_STAND_IN, "\u{fffd}")
    } else {
        row
    }
}

/// A parser whose own screen is as small as can be: screens are lent to it.
pub(super) fn blank_parser() -> Grid {
    Grid::new_with_callbacks(NonZeroU16::MIN, NonZeroU16::MIN, 0, Leaving::default())
}

pub(super) fn blank_screen() -> vt100::Screen {
    blank_parser().screen().clone()
}

impl PartialEq for Screen {
    fn eq(&self, other: &Self) -> bool {
        self.size() == other.size()
            && self.region == other.region
            && self.under == other.under
            && Modes::from(&self.vt) == Modes::from(&other.vt)
            && self.vt.cursor_position() == other.vt.cursor_position()
            && Pen::from(&self.vt) == Pen::from(&other.vt)
            && paint::shows_the_same(&self.vt, &other.vt)
    }
}

impl Eq for Screen {}

/// One cell. Its text is foreign: pass it through [`sanitize::cell`](super::sanitize::cell) before it is shown.
#[derive(Clone, Copy, Debug)]
pub struct CellRef<'a>(&'a vt100::Cell);

impl<'a> CellRef<'a> {
    pub(super) fn new(cell: &'a vt100::Cell) -> Self {
        Self(cell)
    }

    /// Returns the character with its combining marks; empty where nothing was written or a wide character goes on.
    pub fn text(&self) -> &'a str {
        match self.0.contents() {
            REPLACEMENT_STAND_IN => "\u{fffd}",
            text => text,
        }
    }

    pub fn fg(&self) -> Colour {
        if self.0.has_contents() {
            self.0.fgcolor().into()
        } else {
            Colour::Default
        }
    }

    pub fn bg(&self) -> Colour {
        self.0.bgcolor().into()
    }

    pub fn bold(&self) -> bool {
        self.0.has_contents() && self.0.bold()
    }

    pub fn dim(&self) -> bool {
        self.0.has_contents() && self.0.dim()
    }

    pub fn italic(&self) -> bool {
        self.0.has_contents() && self.0.italic()
    }

    pub fn underline(&self) -> bool {
        self.0.has_contents() && self.0.underline()
    }

    pub fn inverse(&self) -> bool {
        self.0.has_contents() && self.0.inverse()
    }

    pub fn is_wide(&self) -> bool {
        self.0.is_wide()
    }

    /// Whether this is the second half of the wide character to the left.
    pub fn is_wide_continuation(&self) -> bool {
        self.0.is_wide_continuation()
    }

    /// What a person sees.
    fn look(self) -> (&'a str, Pen) {
        match self.text() {
            "" => (" ", Pen::filling(self.bg())),
            " " if !self.inverse() && !self.underline() => (" ", Pen::filling(self.bg())),
            text => (text, self.pen()),
        }
    }

    /// The attributes that show: an empty cell has nothing but a background, as in tmux.
    pub(super) fn pen(self) -> Pen {
        if self.0.has_contents() {
            Pen::from(self.0)
        } else {
            Pen::filling(self.bg())
        }
    }
}

impl PartialEq for CellRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
            || (self.0.contents() == other.0.contents()
                && self.is_wide() == other.is_wide()
                && self.is_wide_continuation() == other.is_wide_continuation()
                && self.pen() == other.pen())
    }
}

impl Eq for CellRef<'_> {}
