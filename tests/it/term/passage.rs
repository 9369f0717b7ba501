//! The filter between another host and the person's terminal, judged by another parser.

use cm_tui::term::{Passage, Passing};
use proptest::prelude::*;
use rstest::rstest;

use crate::outer::Outer;

fn passed(passing: Passing, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Passage::new(passing).pass(bytes, &mut out);
    out
}

#[rstest]
#[case::text("héllo 世界\r\n\t│")]
#[case::drawing(
    "\x1b[2J\x1b[3;4H\x1b[1;38;5;7m\x1b[38:2::1:2:3mx\x1b[K\x1b[m\x1b[3L\x1b[2;5r\x1b[4h\x1b[4l"
)]
#[case::characters("\x1b(0qqq\x1b(B\x0e\x0f\x1b7\x1b8\x1bM")]
#[case::modes(
    "\x1b[?1049h\x1b[?25l\x1b[?1;1000;1006h\x1b[?2004h\x1b=\x1b>\x1b[?7l\x1b[?2026h\x1b[?2026l"
)]
#[case::keyboard("\x1b[>1u\x1b[=5;2u\x1b[<1u\x1b[>4;2m\x1b[4 q")]
fn drawing_and_modes_pass_unchanged(#[case] text: &str) {
    let out = passed(Passing::Filtered, text.as_bytes());
    assert_eq!(String::from_utf8(out).unwrap(), text);
}

#[rstest]
#[case::clipboard("\x1b]52;c;aGk=\x07")]
#[case::clipboard_ended_by_st("\x1b]52;c;aGk=\x1b\\")]
#[case::clipboard_read("\x1b]52;c;?\x07")]
#[case::clipboard_by_c1("\u{9d}52;c;aGk=\u{9c}")]
#[case::link("\x1b]8;;http://a/\x1b\\\x1b]8;;\x1b\\")]
#[case::notice("\x1b]9;hi\x07\x1b]777;notify;a;b\x07\x1b]99;;x\x1b\\")]
#[case::colours("\x1b]10;?\x07\x1b]11;?\x1b\\\x1b]4;1;?\x07\x1b]104\x07\x1b]11;#000000\x07")]
#[case::folder("\x1b]7;file:///etc\x07")]
#[case::device_control("\x1bP$qm\x1b\\\x1bPq#1\x1b\\\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\")]
#[case::other_strings("\x1b_Gi=1;AAAA\x1b\\\x1b^x\x1b\\\x1bXx\x1b\\\x1bktitle\x1b\\")]
#[case::attributes("\x1b[c\x1b[0c\x1b[>c\x1b[=c\x1bZ\x1b[>q\x1b[>0q")]
#[case::status("\x1b[5n\x1b[6n\x1b[?6n\x1b[?996n\x1b[x\x1b[?u\x1b[?4m\x1b[?2026$p\x1b[4$p")]
#[case::answerback("\x05\0\x7f")]
#[case::windows("\x1b[21t\x1b[22;0;0t\x1b[8;10;10t\x1b[14t\x1b[>1t")]
#[case::resets("\x1bc\x1b[!p\x1b[?3h\x1b[?40h\x1b[2h\x1b[20h\x1b[?1001h\x1b[?s\x1b[?r")]
#[case::history("\x1b[3J")]
#[case::printer("\x1b[5i\x1b[?5i\x1b[4i")]
#[case::bytes_read_otherwise("\x1b%@\x1b%G\x1b F\x1b#8\x1bH\x1b[3g\x1bn\x1b~\x1bN")]
#[case::reports("\x1b[?2031h\x1b[?2048h\x1b[?9001h\x1b[1;1;1;1;1T\x1b[1'z\x1b[1;1'{")]
#[case::numbers("\x1b[999999A\x1b[1;999999H")]
fn what_is_not_listed_is_dropped_and_passes_raw(#[case] text: &str) {
    let around = format!("a{text}b");
    let filtered = passed(Passing::Filtered, around.as_bytes());
    let said = String::from_utf8(filtered).unwrap();
    // The inside of a string that C1 controls mark is text without them.
    assert!(said == "ab" || said == "a52;c;aGk=b", "{said:?}");
    assert_eq!(passed(Passing::Raw, around.as_bytes()), around.as_bytes());
}

#[test]
fn a_list_of_modes_keeps_what_may_pass() {
    assert_eq!(
        passed(Passing::Filtered, b"\x1b[?3;25;2048;1006h"),
        b"\x1b[?25;1006h"
    );
}

#[test]
fn a_title_is_cleaned_and_the_persons_own_comes_back() {
    let mut passage = Passage::new(Passing::Filtered);
    let mut out = Vec::new();
    passage.pass(
        "\x1b]0;one\u{9b}21t\u{202e}\x07\x1b]2;two\x1b\\".as_bytes(),
        &mut out,
    );
    assert_eq!(
        String::from_utf8_lossy(&out),
        "\x1b[22;2t\x1b]2;one·21t·\x1b\\\x1b]2;two\x1b\\"
    );
    let mut outer = Outer::default();
    outer.feed(&out);
    outer.feed(&passage.leave());
    outer.assert_clean();
}

#[test]
fn a_keyboard_stack_is_neither_overrun_nor_emptied_below_its_own_entries() {
    let mut text = "\x1b[>1u".repeat(20);
    text.push_str("\x1b[<3u\x1b[<99u\x1b[<1u");
    let out = String::from_utf8(passed(Passing::Filtered, text.as_bytes())).unwrap();
    assert_eq!(out, format!("{}\x1b[<3u\x1b[<5u", "\x1b[>1u".repeat(8)));
}

#[rstest]
#[case(Passing::Filtered)]
#[case(Passing::Raw)]
fn modes_come_about_again_after_output_was_thrown_away(#[case] passing: Passing) {
    let mut passage = Passage::new(passing);
    let modes = b"\x1b[?1049h\x1b[?1h\x1b=\x1b[?25l\x1b[?1002h\x1b[?1006h\x1b[?2004h\x1b[>5u\x1b[>4;1m\x1b[3 q\x1b[?7l";
    let mut all = Outer::default();
    let mut out = Vec::new();
    passage.pass(modes, &mut out);
    all.feed(&out);
    let mut missed = Outer::default();
    missed.feed(&passage.again());
    for mode in [1, 25, 1000, 1002, 1003, 1006, 2004, 2026, 7] {
        assert_eq!(all.seen.has(mode), missed.seen.has(mode), "mode {mode}");
    }
    assert!(missed.seen.is_alternate);
    missed.feed(&passage.leave());
    missed.assert_clean();
}

/// What programs send, what hostile ones send, and noise.
fn token() -> impl Strategy<Value = Vec<u8>> {
    let modes = prop::sample::select(vec![
        1u16, 3, 5, 6, 7, 9, 12, 25, 45, 47, 66, 69, 1000, 1001, 1002, 1003, 1004, 1005, 1006,
        1015, 1016, 1047, 1048, 1049, 2004, 2026, 2031, 2048, 9001,
    ]);
    let numbers = prop::collection::vec(prop_oneof![3 => 0u32..12, 1 => 0u32..200_000], 0..4)
        .prop_map(|list| {
            list.iter()
                .map(u32::to_string)
                .collect::<Vec<_>>()
                .join(";")
        });
    prop_oneof![
        4 => "[ -~é世│\u{85}\u{9b}\u{9d}\u{90}]{1,8}".prop_map(String::into_bytes),
        6 => (prop::collection::vec(modes, 1..4), prop::bool::ANY).prop_map(|(list, on)| {
            let list: Vec<String> = list.iter().map(u16::to_string).collect();
            format!("\x1b[?{}{}", list.join(";"), if on { 'h' } else { 'l' }).into_bytes()
        }),
        6 => (numbers.clone(), "[<>=?]?", "[ -/]{0,2}", "[@-~]").prop_map(|(n, m, i, f)| format!("\x1b[{m}{n}{i}{f}").into_bytes()),
        3 => ("[<>=]", numbers).prop_map(|(mark, n)| format!("\x1b[{mark}{n}u").into_bytes()),
        3 => "[ -/]{0,2}[0-~]".prop_map(|text| format!("\x1b{text}").into_bytes()),
        3 => ("[]P^_Xk]", "[ -~\x1b]{0,12}", "(\x07|\x1b\\\\|\x18)?").prop_map(|(a, b, c)| format!("\x1b{a}{b}{c}").into_bytes()),
        1 => Just(b"\x1b]52;c;aGk=\x07".to_vec()),
        1 => Just(b"\x1b\\".to_vec()),
        2 => prop::collection::vec(any::<u8>(), 1..8),
    ]
}

fn input() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(token(), 0..24).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn filtered_output_never_says_what_is_not_listed(bytes in input(), noise in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut outer = Outer::default();
        outer.feed(&passed(Passing::Filtered, &[bytes, noise].concat()));
        prop_assert_eq!(outer.seen.forbidden, Vec::<String>::new());
    }

    #[test]
    fn any_cut_gives_the_same_output(bytes in input(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6), raw in any::<bool>()) {
        let passing = if raw { Passing::Raw } else { Passing::Filtered };
        let whole = passed(passing, &bytes);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut passage = Passage::new(passing);
        let mut out = Vec::new();
        for pair in cuts.windows(2) {
            passage.pass(&bytes[pair[0]..pair[1]], &mut out);
        }
        prop_assert_eq!(out, whole);
        let mut at_once = Passage::new(passing);
        at_once.pass(&bytes, &mut Vec::new());
        prop_assert_eq!(passage.leave(), at_once.leave());
    }

    #[test]
    fn after_leaving_a_terminal_is_as_it_was(bytes in input()) {
        let mut passage = Passage::new(Passing::Filtered);
        let mut out = Vec::new();
        passage.pass(&bytes, &mut out);
        let mut outer = Outer::default();
        outer.feed(&out);
        outer.feed(&passage.leave());
        outer.assert_clean();
        prop_assert_eq!(&outer.seen.forbidden, &Vec::<String>::new());
    }

    #[test]
    fn after_missing_output_too(bytes in input(), from in any::<prop::sample::Index>()) {
        let mut passage = Passage::new(Passing::Filtered);
        let mut out = Vec::new();
        passage.pass(&bytes, &mut out);
        let mut outer = Outer::default();
        outer.feed(&out[..from.index(out.len() + 1)]);
        outer.feed(&passage.again());
        outer.feed(&passage.leave());
        // A title that never came is not taken back twice.
        outer.seen.forgive_titles();
        outer.assert_clean();
    }
}
