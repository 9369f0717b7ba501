//! What holds for every input: cuts do not matter, what was drawn can be mirrored, keyframes and differences rebuild.

use cm_tui::term::{Emulator, Fed, Signal, Size, sanitize};
use proptest::prelude::*;

/// Input that looks like what programs print, and like what they print by mistake.
fn token() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        4 => (0u32..12).prop_map(|n| n.to_string()),
        1 => Just(String::new()),
        1 => (0u32..100_000).prop_map(|n| n.to_string()),
    ];
    let numbers = prop::collection::vec(number, 0..4).prop_map(|list| list.join(";"));
    let plain = "[@A-HJ-MPSTXZ`bdfghlmrsu]";
    prop_oneof![
        8 => "[ -~]{1,12}".prop_map(String::into_bytes),
        4 => "[a-z日本│─═█é ]{1,8}".prop_map(String::into_bytes),
        2 => "[a世\u{301}\u{308}\u{200d}\u{fe0f}\u{fffd}\u{85}👩🏽\u{1f1e9}ก็\u{200b}]{1,6}".prop_map(String::into_bytes),
        6 => prop::sample::select(vec!["\r\n", "\n", "\r", "\x08", "\t", "\x0e", "\x0f", "\x07", "\0", "\x7f"])
            .prop_map(|text| text.as_bytes().to_vec()),
        10 => (numbers.clone(), plain).prop_map(|(n, last)| format!("\x1b[{n}{last}").into_bytes()),
        4 => (numbers.clone()).prop_map(|n| format!("\x1b[{n}m").into_bytes()),
        3 => (numbers, "[<>=?]", "[ -/]{0,1}", "[@-~]").prop_map(|(n, mark, inter, last)| format!("\x1b[{mark}{n}{inter}{last}").into_bytes()),
        6 => prop::sample::select(vec![
            "\x1b[?1049h", "\x1b[?1049l", "\x1b[?47h", "\x1b[?47l", "\x1b[?1047l", "\x1b[?6h", "\x1b[?6l", "\x1b[?7l", "\x1b[?7h",
            "\x1b[4h", "\x1b[4l", "\x1b[?25l", "\x1b[?25h", "\x1b[?2026h", "\x1b[?2026l", "\x1b[?2004h", "\x1b[?1003h",
            "\x1b[?1006h", "\x1b[?1000l", "\x1b[4 q", "\x1b[2;4r", "\x1b[r", "\x1b[44m", "\x1b[7;4m", "\x1b[38:2::1:2:3m",
            "\x1b[4:3m", "\x1b[58;5;7m", "\x1b[?1h",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        6 => prop::sample::select(vec![
            "\x1b7", "\x1b8", "\x1bD", "\x1bE", "\x1bH", "\x1bM", "\x1bc", "\x1b=", "\x1b>", "\x1b(0", "\x1b(B", "\x1b)0", "\x1b)B",
            "\x1b#8", "\x1b", "\x1b[", "\x1b]0;t\x07", "\x1b]2;t\x1b\\", "\x1b]9;n\x07", "\x1b]7501;state=idle\x1b\\", "\x1bPq#1\x1b\\",
            "\x1b_Gi=1;AAAA\x1b\\", "\x1bPtmux;\x1b\x1b[31m\x1b\\", "\x1bkname\x1b\\", "\x1b^x", "\x18", "\x1a", "\x1b[1;2\x18",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        2 => prop::collection::vec(any::<u8>(), 1..6),
    ]
}

/// Bytes that a failure shows as text.
#[derive(Clone)]
struct Input(Vec<u8>);

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

fn input() -> impl Strategy<Value = Input> {
    prop::collection::vec(token(), 0..60).prop_map(|tokens| Input(tokens.concat()))
}

fn noise() -> impl Strategy<Value = Input> {
    prop::collection::vec(any::<u8>(), 0..300).prop_map(Input)
}

fn size() -> impl Strategy<Value = Size> {
    prop_oneof![
        1 => (1u16..4, 1u16..4).prop_map(|(cols, rows)| Size::new(cols, rows)),
        3 => (4u16..20, 2u16..8).prop_map(|(cols, rows)| Size::new(cols, rows)),
    ]
}

/// Cuts input into pieces at the given places.
fn cut(bytes: &[u8], places: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut at: Vec<usize> = places
        .iter()
        .map(|place| place.index(bytes.len() + 1))
        .collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2)
        .map(|pair| bytes[pair[0]..pair[1]].to_vec())
        .collect()
}

fn places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..12)
}

fn feed(emulator: &mut Emulator, bytes: &[u8]) -> Fed {
    let mut fed = Fed::default();
    emulator.feed(bytes, &mut fed);
    fed
}

fn emulator_after(size: Size, bytes: &[u8]) -> Emulator {
    let mut emulator = Emulator::new(size);
    let fed = feed(&mut emulator, bytes);
    assert!(
        !fed.signals
            .contains(&Signal::Unsupported("terminal emulation failed")),
        "the grid panicked"
    );
    emulator
}

/// A run of bells or titles may be cut into several; what they say stays the same.
fn merged(signals: Vec<Signal>) -> Vec<Signal> {
    let mut merged: Vec<Signal> = Vec::new();
    for signal in signals {
        match (merged.last_mut(), signal) {
            (Some(Signal::Bell), Signal::Bell) => {}
            (Some(last @ Signal::Title(_)), signal @ Signal::Title(_)) => *last = signal,
            (_, signal) => merged.push(signal),
        }
    }
    merged
}

proptest! {
    #[test]
    fn any_cut_of_the_input_gives_the_same_screen(size in size(), bytes in input(), places in places()) {
        let mut whole = Emulator::new(size);
        let all = feed(&mut whole, &bytes.0);
        let mut pieces = Emulator::new(size);
        let mut signals = Vec::new();
        for piece in cut(&bytes.0, &places) {
            signals.extend(feed(&mut pieces, &piece).signals);
        }
        prop_assert!(whole.screen() == pieces.screen(), "{:?} != {:?}", whole.screen().text(), pieces.screen().text());
        prop_assert_eq!(merged(all.signals), merged(signals));
        prop_assert_eq!(whole.is_synchronizing(), pieces.is_synchronizing());
        // What is held back is the same, too.
        feed(&mut whole, b"xyz\x1b[2;2Hlast\x1b8\x1b[?1049l!");
        feed(&mut pieces, b"xyz\x1b[2;2Hlast\x1b8\x1b[?1049l!");
        prop_assert!(whole.screen() == pieces.screen());
    }

    #[test]
    fn rows_are_kept_up_to_date(size in size(), other in size(), bytes in input(), places in places()) {
        let mut emulator = Emulator::new(size);
        for piece in cut(&bytes.0, &places) {
            feed(&mut emulator, &piece);
            let text = emulator.screen().text();
            prop_assert_eq!(emulator.rows(), text, "after {:?}", String::from_utf8_lossy(&piece));
        }
        emulator.resize(other);
        let text = emulator.screen().text();
        prop_assert_eq!(emulator.rows(), text);
    }

    #[test]
    fn what_was_drawn_keeps_a_mirror_in_step(size in size(), bytes in input(), places in places()) {
        let mut original = Emulator::new(size);
        let mut mirror = Emulator::new(size);
        for piece in cut(&bytes.0, &places) {
            let fed = feed(&mut original, &piece);
            let echoed = feed(&mut mirror, &fed.drawn);
            prop_assert!(original.screen() == mirror.screen(), "{:?} != {:?} after {:?} drawn as {:?}",
                original.screen().text(), mirror.screen().text(), String::from_utf8_lossy(&piece), String::from_utf8_lossy(&fed.drawn));
            prop_assert!(echoed.signals.is_empty(), "what is drawn reports nothing");
        }
    }

    #[test]
    fn a_keyframe_makes_a_mirror_that_stays_in_step(size in size(), before in input(), after in input()) {
        let mut original = emulator_after(size, &before.0);
        let keyframe = original.screen().keyframe();
        let mut mirror = emulator_after(size, &keyframe);
        prop_assert!(original.screen() == mirror.screen(), "{:?} != {:?} by {:?}",
            original.screen().text(), mirror.screen().text(), String::from_utf8_lossy(&keyframe));
        prop_assert_eq!(&keyframe, &mirror.screen().keyframe());
        let fed = feed(&mut original, &after.0);
        feed(&mut mirror, &fed.drawn);
        prop_assert!(original.screen() == mirror.screen(), "{:?} != {:?} after {:?}",
            original.screen().text(), mirror.screen().text(), String::from_utf8_lossy(&fed.drawn));
    }

    #[test]
    fn a_difference_leads_from_one_screen_to_the_next(size in size(), before in input(), between in input(), after in input()) {
        let mut original = emulator_after(size, &before.0);
        let mut mirror = emulator_after(size, &original.screen().keyframe());
        let previous = original.screen().clone();
        feed(&mut original, &between.0);
        let difference = original.screen().difference(&previous);
        feed(&mut mirror, &difference);
        prop_assert!(original.screen() == mirror.screen(), "{:?} != {:?} by {:?}",
            original.screen().text(), mirror.screen().text(), String::from_utf8_lossy(&difference));
        prop_assert!(original.screen().difference(original.screen()).is_empty());
        let fed = feed(&mut original, &after.0);
        feed(&mut mirror, &fed.drawn);
        prop_assert!(original.screen() == mirror.screen());
    }

    #[test]
    fn resizing_keeps_a_mirror_in_step(size in size(), other in size(), before in input(), after in input()) {
        let mut original = emulator_after(size, &before.0);
        let mut mirror = emulator_after(size, &original.screen().keyframe());
        original.resize(other);
        mirror.resize(other);
        prop_assert!(original.screen() == mirror.screen());
        let fed = feed(&mut original, &after.0);
        feed(&mut mirror, &fed.drawn);
        prop_assert!(original.screen() == mirror.screen());
    }

    #[test]
    fn no_bytes_make_the_grid_panic(size in size(), other in size(), bytes in noise(), more in input()) {
        let mut emulator = emulator_after(size, &bytes.0);
        emulator.resize(other);
        let fed = feed(&mut emulator, &more.0);
        prop_assert!(!fed.signals.contains(&Signal::Unsupported("terminal emulation failed")));
    }

    #[test]
    fn what_is_drawn_is_plain_drawing(size in size(), bytes in input()) {
        let drawn = feed(&mut Emulator::new(size), &bytes.0).drawn;
        let text = String::from_utf8(drawn).expect("characters are whole");
        if let Err(strange) = only_plain_drawing(&text) {
            prop_assert!(false, "{strange:?} in {text:?}");
        }
    }

    #[test]
    fn a_row_is_as_wide_as_the_screen(size in size(), bytes in input()) {
        let emulator = emulator_after(size, &bytes.0);
        let screen = emulator.screen();
        for row in 0..size.rows {
            let mut col = 0;
            while let Some(cell) = screen.cell(row, col) {
                prop_assert!(!cell.is_wide_continuation(), "a second half alone at {row},{col}");
                let shown = sanitize::cell(cell.text());
                prop_assert!(sanitize::width(&shown) <= if cell.is_wide() { 2 } else { 1 }, "{shown:?} at {row},{col}");
                col += if cell.is_wide() { 2 } else { 1 };
            }
            prop_assert_eq!(col, size.cols);
        }
    }
}

/// Parses by its own rules: text, four controls, five escapes, and control sequences from a list.
fn only_plain_drawing(text: &str) -> Result<(), String> {
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\x08' | '\n' | '\r' => {}
            '\x1b' => match rest.next() {
                Some('M' | '=' | '>') => {}
                Some('[') => {
                    let mut body = String::new();
                    while let Some(c) = rest.next_if(|c| ('\x20'..='\x3f').contains(c)) {
                        body.push(c);
                    }
                    let last = rest.next().unwrap_or('\0');
                    let is_numbers =
                        |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == ';');
                    let known = match (body.strip_prefix('?'), body.strip_suffix(' '), last) {
                        (Some(modes), _, 'h' | 'l') => modes.split(';').all(|mode| {
                            [
                                "1", "25", "47", "1000", "1002", "1003", "1005", "1006", "1049",
                                "2004",
                            ]
                            .contains(&mode)
                        }),
                        (None, Some(shape), 'q') => is_numbers(shape),
                        (
                            None,
                            None,
                            '@' | 'C' | 'D' | 'G' | 'H' | 'J' | 'K' | 'L' | 'M' | 'P' | 'S' | 'T'
                            | 'X' | 'd' | 'm' | 'r',
                        ) => is_numbers(&body),
                        _ => false,
                    };
                    if !known {
                        return Err(format!("CSI {body} {last}"));
                    }
                }
                other => return Err(format!("ESC {other:?}")),
            },
            c if c.is_control() => return Err(format!("{c:?}")),
            _ => {}
        }
    }
    Ok(())
}
