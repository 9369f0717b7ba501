//! Finds the question of a tool for OSC 7501 status reports in what it writes to its terminal.
//!
//! Promise: however the bytes are cut, the question is found where the pane's own terminal would read it, and nowhere
//! else: not within another sequence's text. Where a sequence ends is read as tmux does, which takes the bytes next.

/// What answers the question.
pub const ANSWER: &[u8] = b"\x1b]7501;?\x1b\\";

/// The question between `ESC ]` and its end, which is BEL or `ESC \`.
const QUESTION: &[u8] = b"7501;?";

const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const ESC: u8 = 0x1b;

/// Where in the output we are. Nothing of the output is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Text, and every sequence that an ESC cuts off: control sequences, and strings of the kinds APC, PM and SOS.
    #[default]
    Ground,
    Escape,
    /// In an OSC that has been the question so far; how much of it.
    Asking(usize),
    /// In another OSC.
    Osc,
    /// An ESC after a whole question.
    AskedEscape,
    DcsHead,
    /// A device control string: only `ESC \` ends it. Through it a tool talks to the terminal that tmux itself runs in.
    Dcs,
    DcsEscape,
}

/// The scanner of one tool's output.
#[derive(Debug, Default)]
pub struct Query(State);

impl Query {
    /// Takes in the next bytes; returns how many questions ended in them.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut questions = 0;
        let mut rest = bytes;
        while !rest.is_empty() {
            // Most output is text.
            if matches!(self.0, State::Ground | State::Dcs) {
                let Some(at) = rest.iter().position(|byte| *byte == ESC) else {
                    break;
                };
                rest = &rest[at..];
            }
            questions += usize::from(ends_question(self.0, rest[0]));
            self.0 = step(self.0, rest[0]);
            rest = &rest[1..];
        }
        questions
    }
}

fn ends_question(state: State, byte: u8) -> bool {
    match state {
        State::Asking(at) => at == QUESTION.len() && byte == BEL,
        State::AskedEscape => byte == b'\\',
        _ => false,
    }
}

/// The state behind `byte`.
fn step(state: State, byte: u8) -> State {
    match state {
        State::Dcs if byte == ESC => State::DcsEscape,
        State::DcsEscape if byte == b'\\' => State::Ground,
        State::Dcs | State::DcsEscape => State::Dcs,
        State::Asking(at) if at == QUESTION.len() && byte == ESC => State::AskedEscape,
        _ if byte == ESC => State::Escape,
        _ if byte == CAN || byte == SUB => State::Ground,
        State::Ground => State::Ground,
        State::Escape | State::AskedEscape => match byte {
            b']' => State::Asking(0),
            b'P' => State::DcsHead,
            // Other controls are carried out within a sequence.
            0..0x20 => State::Escape,
            _ => State::Ground,
        },
        State::Asking(_) | State::Osc if byte == BEL => State::Ground,
        State::Asking(at) if QUESTION.get(at) == Some(&byte) => State::Asking(at + 1),
        State::Asking(_) | State::Osc => State::Osc,
        State::DcsHead => match byte {
            // Not a device control string after all; what follows is ignored up to an ESC.
            b':' => State::Ground,
            0x40..=0x7e => State::Dcs,
            _ => State::DcsHead,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::as_claude_code_writes_it(b"\x1b]7501;?\x07", 1)]
    #[case::with_the_other_end(b"\x1b]7501;?\x1b\\", 1)]
    #[case::among_text("ä\x1b[?25h\x1b]7501;?\x07\x1b[c".as_bytes(), 1)]
    #[case::several(b"\x1b]7501;?\x07\x1b]7501;?\x1b\\x\x1b]7501;?\x07", 3)]
    #[case::a_report(b"\x1b]7501;state=idle\x07", 0)]
    #[case::more_than_the_question(b"\x1b]7501;?x\x07", 0)]
    #[case::another_number(b"\x1b]17501;?\x07", 0)]
    #[case::unfinished(b"\x1b]7501;?", 0)]
    #[case::called_off(b"\x1b]7501;?\x18\x07", 0)]
    #[case::cut_off_by_another_sequence(b"\x1b]7501;?\x1b[c", 0)]
    #[case::cut_off_and_asked_again(b"\x1b]7501;?\x1b]7501;?\x07", 1)]
    #[case::without_escape(b"]7501;?\x07", 0)]
    #[case::behind_a_charset(b"\x1b(]7501;?\x07", 0)]
    #[case::in_a_title(b"\x1b]0;]7501;?\x07", 0)]
    #[case::behind_a_title_that_it_ends(b"\x1b]0;x\x1b]7501;?\x07", 1)]
    #[case::for_the_terminal_around_tmux(b"\x1bPtmux;\x1b\x1b]7501;?\x07\x1b\\", 0)]
    #[case::in_a_device_control_string(b"\x1bP1$r\x1b]7501;?\x07\x1b\\", 0)]
    #[case::behind_a_device_control_string(b"\x1bPq#0\x1b\\\x1b]7501;?\x07", 1)]
    #[case::in_graphics(b"\x1b_Gi=1;]7501;?\x07\x1b\\", 0)]
    #[case::behind_graphics_that_it_ends(b"\x1b_Gi=1;\x1b]7501;?\x07", 1)]
    fn the_question_is_found_where_a_terminal_reads_it(
        #[case] output: &[u8],
        #[case] expected: usize,
    ) {
        assert_eq!(Query::default().feed(output), expected);
        let mut query = Query::default();
        let one_by_one: usize = output.iter().map(|byte| query.feed(&[*byte])).sum();
        assert_eq!(one_by_one, expected);
    }

    fn output() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => prop::sample::select(vec![
                &b"\x1b"[..], b"]", b"\x07", b"\\", b"7501;?", b"\x1b]7501;?\x07", b"\x1b]7501;?\x1b\\",
                b"\x1bP", b"tmux;", b"\x1b_", b"\x1b]0;", b"\x18", b"q",
            ])
            .prop_map(<[u8]>::to_vec),
            1 => prop::collection::vec(any::<u8>(), 0..4),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn how_the_output_is_cut_does_not_matter(output in output(), cuts in prop::collection::vec(1_usize..7, 1..32)) {
            let whole = Query::default().feed(&output);
            let (mut query, mut rest, mut found) = (Query::default(), &output[..], 0);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                found += query.feed(piece);
                rest = behind;
            }
            prop_assert_eq!(found, whole);
        }
    }
}
