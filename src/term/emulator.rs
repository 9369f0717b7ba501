//! A terminal without a screen of its own: bytes in, [`Screen`], drawing and facts out.

use super::filter::{Filter, Outcome, Pen};
use super::leaving::Grid;
use super::paint;
use super::screen::{Screen, Size, blank_parser};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Up to so many rows are read cell by cell. The grid finds a single cell so slowly that reading all its rows at once costs
/// no more than ten.
const FEW_ROWS: usize = 10;

/// What came of a feed. Reused from feed to feed: the caller takes out what it has seen.
#[derive(Debug, Default)]
pub struct Fed {
    /// What was drawn, in plain and complete sequences that may be sent to an emulator that shows an equal screen.
    pub drawn: Vec<u8>,
    /// What the program reported, in order. A run of bells is one bell, a run of titles the last of them.
    pub signals: Vec<Signal>,
}

/// Something a program said that is not drawing. Everything here can be forged by whatever prints in the pane.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Signal {
    /// The title, cleaned for one line.
    Title(String),
    Bell,
    /// The text of OSC 9 or 777, cleaned for one line.
    Notification(String),
    /// What follows `7501;` in a status report (at most 4 KiB), as it came.
    ProgramStatus(String),
    SynchronizedBegin,
    SynchronizedEnd,
    /// What was printed cannot be shown as tmux shows it: the caller should take the screen from tmux again.
    Unsupported(&'static str),
}

/// Terminal emulation of one pane, or of one that is mirrored.
///
/// A mirror is an emulator that was [reset](Self::reset), fed a keyframe, and since then every [`Fed::drawn`] of the
/// original in order.
pub struct Emulator {
    /// Reads the filter's bytes. While it does, `screen` is lent to it.
    parser: Grid,
    filter: Filter,
    screen: Screen,
    /// The text of all rows when somebody asked for it last; empty before that.
    rows: Vec<String>,
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emulator")
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

impl Emulator {
    pub fn new(size: Size) -> Self {
        let size = Size::new(size.cols, size.rows);
        let filter = Filter::new(size);
        let (rows, cols) = size.for_vt100();
        let vt = vt100::Parser::new(rows, cols, 0).screen().clone();
        let screen = Screen {
            vt,
            region: filter.region(),
            under: None,
        };
        Self {
            parser: blank_parser(),
            filter,
            screen,
            rows: Vec::new(),
        }
    }

    pub fn size(&self) -> Size {
        self.screen.size()
    }

    /// Changes the size; lines are cut or padded, not wrapped anew. tmux does wrap them, so a caller that can takes the
    /// screen from tmux again afterwards.
    pub fn resize(&mut self, size: Size) {
        let (before, size) = (self.size(), Size::new(size.cols, size.rows));
        if before != size {
            self.lend(|parser, filter| {
                // It would push blank lines back in for those that have scrolled off when it grows.
                parser.screen_mut().clear_scrollback();
                let (row, _) = parser.screen().cursor_position();
                let (rows, cols) = size.for_vt100();
                parser.screen_mut().set_size(rows, cols);
                filter.resized(before, size, row, parser);
            });
        }
    }

    /// Feeds bytes as the pane printed them, cut anywhere; appends what they drew and what they reported to `out`.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Fed) {
        let start = out.drawn.len();
        let fed = catch_unwind(AssertUnwindSafe(|| {
            let mut outcome = Outcome::Drawn;
            self.lend(|parser, filter| outcome = filter.feed(bytes, parser, out));
            if outcome == Outcome::TooMuch {
                out.drawn.truncate(start);
                out.drawn.extend(paint::repaint(&self.screen));
            }
        }));
        if fed.is_err() {
            // A bug in the grid must cost one screen, not the program. What it was is lost: start over.
            let size = self.size_after_panic();
            *self = Self::new(size);
            out.drawn.truncate(start);
            out.signals
                .push(Signal::Unsupported("terminal emulation failed"));
        }
    }

    pub fn screen(&self) -> &Screen {
        &self.screen
    }

    /// Returns what [`Screen::text`] does, reading only the rows that may have changed since the last call.
    pub fn rows(&mut self) -> &[String] {
        let changed = self.filter.take_changed();
        let rows = self.size().rows;
        if changed.count(rows) > FEW_ROWS || self.rows.len() != usize::from(rows) {
            self.rows = self.screen.text();
        } else {
            for (row, text) in (0..rows).zip(&mut self.rows) {
                if changed.has(row) {
                    *text = self.screen.row_text(row);
                }
            }
        }
        &self.rows
    }

    /// Returns [`Self::rows`] together with the screen that they are of.
    pub fn rows_and_screen(&mut self) -> (&[String], &Screen) {
        self.rows();
        (&self.rows, &self.screen)
    }

    /// Starts over from a blank screen of this size, unfinished sequences and modes forgotten: what comes before a keyframe
    /// or the seed of a join is fed. A seed from `capture-pane -e` marks line drawing by SO and SI, so `ESC ) 0` goes first.
    pub fn reset(&mut self, size: Size) {
        *self = Self::new(size);
    }

    /// Takes the pen of `other` for the program's own. To be called after the seed of a join, which cannot tell it.
    pub fn guess_pen(&mut self, other: &Screen) {
        let pen = Pen::from(&other.vt);
        self.lend(|parser, filter| filter.guess_pen(pen, parser));
    }

    /// From now on the rows that leave the screen at its top are kept until they are taken; a reset ends it.
    pub fn keep_lines(&mut self) {
        self.parser.callbacks_mut().keep();
    }

    /// Takes the rows that have left the primary screen at its top, oldest first, blanks at their ends trimmed.
    pub fn take_lines(&mut self) -> Vec<String> {
        self.parser.callbacks_mut().take()
    }

    /// Says that what was drawn with a guessed pen is right.
    pub fn confirm_pen(&mut self) {
        self.filter.confirm_pen();
    }

    /// Whether something was drawn with a pen that was only a guess: its colours may be wrong.
    pub fn has_guessed_pen(&self) -> bool {
        self.filter.has_guessed()
    }

    /// True while the program holds a synchronized update (DEC 2026) open: the screen is half drawn, nobody should judge it.
    pub fn is_synchronizing(&self) -> bool {
        self.filter.is_synchronizing()
    }

    /// Lends the grid to the parser for as long as `work` takes.
    fn lend(&mut self, work: impl FnOnce(&mut Grid, &mut Filter)) {
        std::mem::swap(self.parser.screen_mut(), &mut self.screen.vt);
        work(&mut self.parser, &mut self.filter);
        std::mem::swap(self.parser.screen_mut(), &mut self.screen.vt);
        self.screen.region = self.filter.region();
        self.screen.under = self.filter.under();
    }

    /// After a panic the grid is still lent.
    fn size_after_panic(&self) -> Size {
        let (rows, cols) = self.parser.screen().size();
        Size::new(cols.get(), rows.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::Colour;
    use rstest::rstest;

    fn fed(bytes: &[u8]) -> (Emulator, Fed) {
        let mut emulator = Emulator::new(Size::new(20, 4));
        let mut fed = Fed::default();
        emulator.feed(bytes, &mut fed);
        (emulator, fed)
    }

    fn title(text: &str) -> Signal {
        Signal::Title(text.to_owned())
    }

    #[rstest]
    #[case::title_with_bell("\x1b]0;✳ Topic\x07", &[title("✳ Topic")])]
    #[case::title_with_terminator("\x1b]2;a;b\x1b\\", &[title("a;b")])]
    #[case::hostile_title("\x1b]0;a\u{202e}b\u{9c}c\x07", &[title("a·b·c")])]
    #[case::last_title_of_a_run("\x1b]0;a\x07\x1b]0;b\x07", &[title("b")])]
    #[case::icon_name("\x1b]1;a\x07", &[])]
    #[case::cancelled("\x1b]0;a\x18", &[])]
    #[case::bells("\x07\x07\x07", &[Signal::Bell])]
    #[case::osc_9("\x1b]9;Approval requested: rm -rf build\x07", &[Signal::Notification("Approval requested: rm -rf build".into())])]
    #[case::progress_is_no_notification("\x1b]9;4;1;50\x07", &[])]
    #[case::osc_777("\x1b]777;notify;Tool;needs you\x07", &[Signal::Notification("Tool: needs you".into())])]
    #[case::status("\x1b]7501;state=blocked:kind=permission\x1b\\", &[Signal::ProgramStatus("state=blocked:kind=permission".into())])]
    #[case::clipboard("\x1b]52;c;YQ==\x07", &[])]
    #[case::graphics_are_no_title("\x1b_Gi=31,s=1;AAAA\x1b\\", &[])]
    #[case::synchronized("\x1b[?2026h\x1b[?2026h\x1b[?2026l", &[Signal::SynchronizedBegin, Signal::SynchronizedEnd])]
    #[case::image("\x1bP0;1q#0~\x1b\\", &[Signal::Unsupported("sixel image")])]
    fn reports_become_signals_and_are_not_drawn(#[case] bytes: &str, #[case] expected: &[Signal]) {
        let (_, fed) = fed(bytes.as_bytes());
        assert_eq!(fed.signals, expected);
        assert_eq!(fed.drawn, b"");
    }

    #[test]
    fn a_status_that_was_cut_off_is_not_reported() {
        let status = format!("\x1b]7501;state=idle:msg={}\x07", "A".repeat(5000));
        assert_eq!(fed(status.as_bytes()).1.signals, []);
    }

    #[test]
    fn a_string_without_an_end_is_reported_once_and_costs_no_memory() {
        let mut emulator = Emulator::new(Size::new(20, 4));
        let mut fed = Fed::default();
        emulator.feed(b"\x1b]0;", &mut fed);
        for _ in 0..40 {
            emulator.feed(&b"x".repeat(65536), &mut fed);
        }
        assert_eq!(fed.signals, [Signal::Unsupported("string without an end")]);
        assert_eq!(fed.drawn, b"");
    }

    #[test]
    fn characters_and_sequences_are_held_until_they_are_whole() {
        let mut emulator = Emulator::new(Size::new(20, 4));
        let mut drawn = Vec::new();
        for byte in "日\x1b[31mx".bytes() {
            let mut fed = Fed::default();
            emulator.feed(&[byte], &mut fed);
            drawn.push(String::from_utf8(fed.drawn).unwrap());
        }
        assert_eq!(drawn, ["", "", "日", "", "", "", "", "\x1b[31m", "x"]);
    }

    #[test]
    fn bytes_that_are_no_text_show_as_replacement_characters() {
        let (emulator, fed) = fed(b"a\xffb\xe2\x82\x1b[mc\xf0\x9f");
        assert_eq!(emulator.screen().row_text(0), "a\u{fffd}b\u{fffd}c");
        assert_eq!(emulator.screen().cell(0, 1).unwrap().text(), "\u{fffd}");
        let mut mirror = Emulator::new(Size::new(20, 4));
        mirror.feed(&fed.drawn, &mut Fed::default());
        assert!(mirror.screen() == emulator.screen());
    }

    #[test]
    fn rows_read_one_by_one_or_all_at_once_are_the_same() {
        let (mut emulator, _) = fed("a\u{fffd}\u{301}日 b ".as_bytes());
        let whole = emulator.rows().to_vec();
        emulator.feed(b"\r", &mut Fed::default());
        assert_eq!(emulator.rows(), whole);
        assert_eq!(whole, ["a\u{fffd}\u{301}日 b", "", "", ""]);
    }

    #[test]
    fn cells_tell_what_was_drawn() {
        let (emulator, _) =
            fed("\x1b[1;4:3;38:2::1:2:3;105m日\x1b[0mx\x1b[44m\x1b[7m\x1b[K".as_bytes());
        let screen = emulator.screen();
        let wide = screen.cell(0, 0).unwrap();
        assert_eq!(
            (wide.text(), wide.fg(), wide.bg()),
            ("日", Colour::Rgb(1, 2, 3), Colour::Indexed(13))
        );
        assert!(wide.bold() && wide.underline() && wide.is_wide() && !wide.inverse());
        assert!(screen.cell(0, 1).unwrap().is_wide_continuation());
        let cleared = screen.cell(0, 5).unwrap();
        assert_eq!(
            (cleared.text(), cleared.bg(), cleared.inverse()),
            ("", Colour::Indexed(4), false)
        );
        assert!(screen.cell(0, 20).is_none());
        assert_eq!(screen.row_text(0), "日x");
    }

    #[test]
    fn a_flood_of_full_screens_is_drawn_as_the_last_one() {
        let size = Size::new(200, 50);
        let (mut emulator, mut mirror) = (Emulator::new(size), Emulator::new(size));
        for before in [
            "\x1b[?1049h\x1b[5;9r\x1b[?1h\x1b[?1003h\x1b[?25l\x1b[4 q\x1b[44mx",
            "\x1b[?1049l",
        ] {
            let mut fed = Fed::default();
            emulator.feed(before.as_bytes(), &mut fed);
            mirror.feed(&fed.drawn, &mut Fed::default());
            fed.drawn.clear();
            emulator.feed("\x1b#8\x1b[31m日\x1b[3;7r".repeat(200).as_bytes(), &mut fed);
            assert!(fed.drawn.len() < 20_000, "{} bytes", fed.drawn.len());
            mirror.feed(&fed.drawn, &mut Fed::default());
            assert!(mirror.screen() == emulator.screen());
        }
    }

    #[test]
    fn modes_can_be_read() {
        let (mut emulator, _) =
            fed(b"\x1b[?2004h\x1b[?1h\x1b[?1002h\x1b[?1049h\x1b[?25l\x1b[6 q\x1b[?2026h");
        let screen = emulator.screen();
        assert!(
            screen.bracketed_paste()
                && screen.application_cursor()
                && screen.mouse()
                && screen.is_alternate()
        );
        assert!(!screen.cursor().visible);
        assert_eq!(screen.cursor().shape, crate::term::CursorShape::Bar);
        assert!(emulator.is_synchronizing());
        emulator.feed(b"\x1bc\x1b[?1003l", &mut Fed::default());
        let screen = emulator.screen();
        assert!(
            !screen.bracketed_paste()
                && !screen.application_cursor()
                && !screen.mouse()
                && screen.cursor().visible
        );
        assert!(!emulator.is_synchronizing());
        emulator.reset(Size::new(9, 0));
        assert_eq!(emulator.size().to_string(), "9×1");
        assert!(emulator.screen() == Emulator::new(Size::new(9, 1)).screen());
    }
}
