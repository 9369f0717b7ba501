//! Whatever a pane prints: no panic, and a mirror fed with what was drawn shows the same screen.
#![no_main]

use cm_tui::term::{Emulator, Fed, Size};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, Vec<Vec<u8>>)| {
    let (cols, rows, pieces) = input;
    let size = Size::new(u16::from(cols), u16::from(rows));
    let (mut pane, mut mirror) = (Emulator::new(size), Emulator::new(size));
    for piece in pieces {
        let mut fed = Fed::default();
        pane.feed(&piece, &mut fed);
        mirror.feed(&fed.drawn, &mut Fed::default());
        assert!(pane.screen() == mirror.screen());
    }
    let mut again = Emulator::new(size);
    again.feed(&pane.screen().keyframe(), &mut Fed::default());
    assert!(again.screen().text() == pane.screen().text());
});
