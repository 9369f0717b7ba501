//! Whatever a name or a line says: what is shown has no control character and keeps to its width.
#![no_main]

use cm_tui::term::sanitize;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (String, u8)| {
    let (text, cols) = input;
    let label = sanitize::label(&text, usize::from(cols));
    assert!(!label.chars().any(char::is_control));
    assert!(sanitize::width(&label) <= usize::from(cols));
    assert!(!sanitize::for_log(&text).chars().any(char::is_control));
});
