//! Terminal emulation: what a pane printed becomes a [`Screen`], and foreign text becomes safe to show.
//!
//! The room is the only importer of `vt100`, does no I/O and reads no clock. Its promises:
//!
//! * **tmux's grid is the judge.** Where `vt100` and tmux differ, the filter translates, so that an [`Emulator`]
//!   that is fed a pane's bytes shows what tmux shows in that pane.
//! * **What was drawn can be sent on.** [`Fed::drawn`] holds only plain drawing sequences that rely on nothing but the
//!   [`Screen`] itself. A second emulator that shows an equal screen shows an equal one again after it was fed the same
//!   bytes; how the input was cut does not matter.
//! * **A screen can be sent whole or as a difference**: [`Screen::keyframe`] and [`Screen::difference`].
//! * **Nothing that was printed reaches another terminal.** Only cells leave the room; [`sanitize`] cleans every text that
//!   is shown, logged, pasted or used as a name. The one exception is a person who attaches to a session of another
//!   host, and then [`Passage`] says what may pass.

mod emulator;
mod filter;
mod leaving;
mod modes;
mod paint;
#[cfg(feature = "client")]
mod passage;
pub mod sanitize;
mod screen;
mod under;

pub use emulator::{Emulator, Fed, Signal};
#[cfg(feature = "client")]
pub use passage::{Passage, Passing};
pub use screen::{CellRef, Colour, Cursor, CursorShape, Screen, Size};
