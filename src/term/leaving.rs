//! The lines that leave a screen at its top.
//!
//! Promise: every row that scrolled off the primary screen is told once, in order; rows that were one line, only too long
//! for the screen, are one line again. What scrolls off an alternate screen is a program's own page and is not told.

use vt100::capture::{BasicFormattedCaptureState, RowContents, basic_formatted_to_plain};

use super::filter::REPLACEMENT_STAND_IN;

/// How much text one feed may push off before the rest of it is left out, in bytes: a few bytes can fill a screen and push
/// it off, so without a limit a small input would make gigabytes. Real output pushes off no more text than it has itself.
const MOST: usize = 1 << 20;
/// A line that is longer than this, in bytes, goes on as another one.
const LONGEST: usize = 4 << 10;

/// A grid that tells what scrolled off.
pub(super) type Grid = vt100::Parser<Leaving>;

/// What has left the top of a grid and was not taken yet.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    is_kept: bool,
    /// The grid shows the alternate screen.
    pub(super) is_alternate: bool,
    /// Rows as the grid writes them: a break comes with the row behind it, once it is known that the line has ended.
    text: String,
    state: BasicFormattedCaptureState,
}

impl Leaving {
    /// From now on lines are kept until they are taken.
    pub(super) fn keep(&mut self) {
        self.is_kept = true;
    }

    /// Takes the lines that have ended. The last one waits for the row behind it, which may be its end.
    pub(super) fn take(&mut self) -> Vec<String> {
        let Some(end) = self.text.rfind('\n') else {
            return if self.text.len() > LONGEST {
                self.take_all()
            } else {
                Vec::new()
            };
        };
        let rest = self.text.split_off(end + 1);
        lines(&std::mem::replace(&mut self.text, rest))
    }

    /// Takes the last line as well, whether or not its end still stands on the screen.
    pub(super) fn take_all(&mut self) -> Vec<String> {
        if self.text.is_empty() {
            // An empty row that has left is told by the break behind it.
            return Vec::new();
        }
        self.state = BasicFormattedCaptureState::default();
        lines(&std::mem::take(&mut self.text))
    }
}

impl vt100::Callbacks for Leaving {
    fn on_scroll(&mut self, row: RowContents<'_>, _is_alternate_of_vt100: bool) {
        if self.is_kept && !self.is_alternate && self.text.len() < MOST {
            let _never = row.write_formatted_basic(&mut self.text, &mut self.state);
        }
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| {
            let line: String = basic_formatted_to_plain(line).collect();
            line.trim_end_matches(' ')
                .replace(REPLACEMENT_STAND_IN, "\u{fffd}")
        })
        .collect()
}
