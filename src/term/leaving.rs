//! The rows that leave a screen at its top.
//!
//! Promise: every row that scrolled off the primary screen is told once, in order, as soon as it is off. What scrolls off an
//! alternate screen is a program's own page and is not told.

use vt100::capture::{BasicFormattedCaptureState, RowContents, basic_formatted_to_plain};

use super::filter::REPLACEMENT_STAND_IN;

/// How much text one feed may push off before the rest of it is left out, in bytes: a few bytes can fill a screen and push
/// it off, so without a limit a small input would make gigabytes. Real output pushes off no more text than it has itself.
const MOST: usize = 1 << 20;

/// A grid that tells what scrolled off.
pub(super) type Grid = vt100::Parser<Leaving>;

/// What has left the top of a grid and was not taken yet.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    is_kept: bool,
    /// The grid shows the alternate screen.
    pub(super) is_alternate: bool,
    /// Rows as the grid writes them, each with a break behind it.
    text: String,
}

impl Leaving {
    /// From now on rows are kept until they are taken.
    pub(super) fn keep(&mut self) {
        self.is_kept = true;
    }

    pub(super) fn take(&mut self) -> Vec<String> {
        let text = std::mem::take(&mut self.text);
        text.lines()
            .map(|row| {
                let row: String = basic_formatted_to_plain(row).collect();
                row.trim_end_matches(' ')
                    .replace(REPLACEMENT_STAND_IN, "\u{fffd}")
            })
            .collect()
    }
}

impl vt100::Callbacks for Leaving {
    fn on_scroll(&mut self, row: RowContents<'_>, _is_alternate_of_vt100: bool) {
        if self.is_kept && !self.is_alternate && self.text.len() < MOST {
            let mut state = BasicFormattedCaptureState::default();
            let _never = row.write_formatted_basic(&mut self.text, &mut state);
            self.text.push('\n');
        }
    }
}
