//! Turns what a program prints into plain drawing that `vt100` handles exactly as tmux would.
//!
//! `vt100` keeps the grid; everything that it lacks or does differently from tmux is kept here and translated into
//! absolute drawing: character sets, tab stops, insert, origin and no-wrap mode, saved cursors, the fill colour of rows that
//! scroll in, the cursor and the scroll region across the alternate screen. tmux's `input.c` and `screen-write.c` are the
//! reference.
//!
//! What comes out is the whole language of [`crate::term::Fed::drawn`]:
//!
//! * text (UTF-8; a control character never stands for text), BS, LF, CR, `ESC M`;
//! * CSI `@ C D G H J K L M P S T X d m r` with plain numbers;
//! * modes that the [`crate::term::Screen`] shows: `ESC =`, `ESC >`, `CSI ? 1, 25, 1000, 1002, 1003, 1005, 1006, 1049, 2004 h`
//!   or `l`, `CSI ? 47 l`, `CSI n SP q`.
//!
//! No OSC, DCS, APC, PM, SOS, C1 control, query or window operation is ever among it.

mod canvas;
mod changed;
mod charset;
mod moves;
mod params;
mod pen;
mod report;
pub(super) mod scan;
mod text;
mod translate;

pub use canvas::REPLACEMENT_STAND_IN;
pub use changed::ChangedRows;
pub use pen::Pen;
pub use pen::write_number;

use super::leaving::Grid;
use super::under::Under;
use crate::term::{Fed, Size};
use canvas::Canvas;
use charset::Charsets;
use scan::Scanner;
use translate::Translator;

/// The first and the last row that scroll.
pub type Region = (u16, u16);

/// Everything about a terminal that `vt100` does not keep, or not as tmux does.
#[derive(Debug, Default)]
pub struct Filter {
    scanner: Scanner,
    state: State,
    changed: ChangedRows,
}

/// Whether a feed's drawing is all there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Drawn,
    /// The input drew so much more than its own size that its drawing was dropped; the grid is right.
    TooMuch,
}

/// The state behind the drawing.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a terminal's modes are independent switches"
)]
struct State {
    /// What the program set by SGR.
    pen: Pen,
    /// What the grid's own pen is, after all that was drawn.
    ink: Pen,
    charsets: Charsets,
    region: Region,
    origin: bool,
    insert: bool,
    no_wrap: bool,
    /// A zero width joiner came: the next character is part of the one before and takes no cell.
    joining: bool,
    /// What `CSI b` repeats: the last character, unless something else came after it.
    last: Option<char>,
    tabs: TabStops,
    saved: Saved,
    /// The screen that the alternate one hides, while that is shown.
    under: Option<Under>,
    before_alternate: Option<(u16, u16)>,
    pen_before_alternate: Pen,
    is_synchronizing: bool,
    /// The program may have set another pen before we listened.
    pen_is_guess: bool,
    /// Something was drawn with a pen that was a guess.
    has_guessed: bool,
}

/// What DECSC saves.
#[derive(Clone, Copy, Debug, Default)]
struct Saved {
    pen: Pen,
    charsets: Charsets,
    row: u16,
    col: u16,
    origin: bool,
}

impl Filter {
    pub fn new(size: Size) -> Self {
        let state = State {
            region: (0, size.rows - 1),
            tabs: TabStops::every_eight(),
            ..State::default()
        };
        Self {
            scanner: Scanner::default(),
            state,
            changed: ChangedRows::default(),
        }
    }

    /// Draws `bytes` on the grid and into `out`. Afterwards the grid has seen everything in `out.drawn`.
    pub fn feed(&mut self, bytes: &[u8], vt: &mut Grid, out: &mut Fed) -> Outcome {
        let mut translator = Translator::new(&mut self.state, &mut self.changed, vt, out);
        self.scanner.scan(bytes, &mut translator);
        translator.finish()
    }

    /// Adapts to a grid that has just got another size: a scroll region does not outlive another height, nor do tab stops
    /// outlive another width. The grid forgets its region in either case. `row` is where the cursor was.
    pub fn resized(&mut self, before: Size, now: Size, row: u16, vt: &mut Grid) {
        self.changed = ChangedRows::default();
        if let Some(under) = &mut self.state.under {
            *under = under.resized(before, now, row);
        }
        if before.rows != now.rows {
            self.state.region = (0, now.rows - 1);
        }
        if before.cols != now.cols {
            self.state.tabs = TabStops::every_eight();
        }
        let mut drawn = Vec::new();
        let mut canvas = Canvas::new(vt, &mut drawn, self.state.ink, &mut self.changed);
        let (row, col) = canvas.cursor();
        canvas.region(self.state.region);
        canvas.goto(row, col);
        canvas.show();
    }

    pub fn region(&self) -> Region {
        self.state.region
    }

    /// Takes this pen for the program's own, which is not known, until the program resets it.
    pub fn guess_pen(&mut self, pen: Pen, vt: &mut Grid) {
        let mut drawn = Vec::new();
        let mut canvas = Canvas::new(vt, &mut drawn, self.state.ink, &mut self.changed);
        canvas.ink(pen);
        canvas.show();
        self.state.ink = canvas.current_ink();
        self.state.pen = pen;
        (self.state.pen_is_guess, self.state.has_guessed) = (true, false);
    }

    /// What was drawn with the guess turned out right.
    pub fn confirm_pen(&mut self) {
        (self.state.pen_is_guess, self.state.has_guessed) = (false, false);
    }

    pub fn has_guessed(&self) -> bool {
        self.state.has_guessed
    }

    /// Takes the rows whose text may have changed since this was asked last.
    pub fn take_changed(&mut self) -> ChangedRows {
        std::mem::replace(&mut self.changed, ChangedRows::NONE)
    }

    /// The screen that the alternate one hides; `None` while the primary one is shown.
    pub fn under(&self) -> Option<Under> {
        self.state.under.clone()
    }

    pub fn is_synchronizing(&self) -> bool {
        self.state.is_synchronizing
    }
}

/// One bit a column: [`Size`] allows 1000 columns.
#[derive(Debug, Default)]
struct TabStops([u64; 16]);

impl TabStops {
    fn every_eight() -> Self {
        let mut stops = Self([0x0101_0101_0101_0101; 16]);
        stops.set(0, false);
        stops
    }

    fn set(&mut self, col: u16, is_stop: bool) {
        if let Some(word) = self.0.get_mut(usize::from(col / 64)) {
            let bit = 1 << (col % 64);
            *word = if is_stop { *word | bit } else { *word & !bit };
        }
    }

    fn has(&self, col: u16) -> bool {
        self.0
            .get(usize::from(col / 64))
            .is_some_and(|word| word & (1 << (col % 64)) != 0)
    }

    /// Returns the next stop to the right, or the last column.
    fn next(&self, col: u16, cols: u16) -> u16 {
        (col + 1..cols).find(|at| self.has(*at)).unwrap_or(cols - 1)
    }

    /// Returns the previous stop to the left, or the first column.
    fn previous(&self, col: u16) -> u16 {
        (0..col).rev().find(|at| self.has(*at)).unwrap_or(0)
    }
}
