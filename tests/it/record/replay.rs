//! A recording shows at its end what the pane showed, whatever was printed and however it came.

use std::fs;
use std::path::Path;

use cm_tui::term::Size;
use proptest::prelude::*;
use rstest::rstest;

use super::{Pane, limits, plain_rows, recording, replayed};

fn assert_replays(pane: Pane) {
    let (recorder, emulator) = pane.end();
    let (ours, plain) = replayed(&recording(&recorder));
    assert_eq!(ours.screen().text(), emulator.screen().text());
    assert!(ours.screen() == emulator.screen());
    let trimmed: Vec<String> = emulator
        .screen()
        .text()
        .iter()
        .map(|row| row.trim_end().to_owned())
        .collect();
    assert_eq!(plain_rows(&plain), trimmed);
}

#[rstest]
fn a_session_of_a_real_tool_replays_to_its_last_screen(
    #[values(
        "claude-code-story",
        "claude-code-approvals",
        "codex-story",
        "codex-main",
        "gemini-cli-story"
    )]
    name: &str,
    #[values(97, 4096)] step: usize,
) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let raw = fs::read(folder.join(name).join("stream.raw")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut pane = Pane::new(dir.path(), Size::new(120, 40), limits(1 << 30));
    for (number, piece) in raw.chunks(step).enumerate() {
        pane.print(piece);
        // As when the agent joins the pane anew.
        if number % 50 == 49 {
            pane.whole();
        }
    }
    assert_replays(pane);
}

/// Something that a program may print.
fn output() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "[a-z日é ]{0,30}".prop_map(String::into_bytes),
        Just(b"\r\n".to_vec()),
        Just(b"\xff\xe2\x82".to_vec()),
        (1..12u16, 1..30u16).prop_map(|(row, col)| format!("\x1b[{row};{col}H").into_bytes()),
        (0..110u8).prop_map(|pen| format!("\x1b[{pen}m").into_bytes()),
        Just(b"\x1b[2J".to_vec()),
        Just(b"\x1b[?1049h".to_vec()),
        Just(b"\x1b[?1049l".to_vec()),
        Just(b"\x1b[2;5r".to_vec()),
        Just(b"\x1b[3L\x1bM\x1b[2P".to_vec()),
        Just(b"\x1b]0;title\x07".to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_bytes_cut_anywhere_replay_to_the_same_screen(
        pieces in prop::collection::vec((output(), 0..4u8), 0..40),
        sizes in prop::collection::vec((5..40u16, 2..14u16), 1..3),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut pane = Pane::new(dir.path(), Size::new(30, 8), limits(1 << 30));
        let mut sizes = sizes.into_iter();
        for (bytes, what) in pieces {
            let (head, tail) = bytes.split_at(bytes.len() * usize::from(what) / 4);
            pane.print(head);
            pane.print(tail);
            if what == 3 && let Some((cols, rows)) = sizes.next() {
                pane.resize(Size::new(cols, rows));
            }
        }
        let (recorder, emulator) = pane.end();
        let (ours, _) = replayed(&recording(&recorder));
        prop_assert_eq!(ours.screen().text(), emulator.screen().text());
        prop_assert!(ours.screen() == emulator.screen());
    }
}
