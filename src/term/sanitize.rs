//! Foreign text made safe to show, to log, to paste or to use as a name.
//!
//! Nothing that came from a pane, a host, a file or a wire is shown without passing through here. The one question is
//! what each character may do: be drawn, be a blank, sit on another one, or be hidden, which is where spoofing lives.

use std::borrow::Cow;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// What stands for characters that would not be seen: controls, bidi marks, zero-width and tag characters.
pub const MARK: char = '·';
/// The most marks one character may carry; no living script needs more, and floods of them draw over other lines.
const MARKS_A_BASE: usize = 4;
/// The longest name that is created here.
const NAME_LEN: usize = 32;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Drawn,
    Blank,
    Combining,
    Hidden,
}

fn kind(c: char) -> Kind {
    match c {
        '!'..='~' => Kind::Drawn,
        ' '
        | '\t'
        | '\n'
        | '\r'
        | '\u{85}'
        | '\u{a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}' => Kind::Blank,
        _ if c.is_control() || is_format(c) => Kind::Hidden,
        _ if c.width() == Some(0) => Kind::Combining,
        _ => Kind::Drawn,
    }
}

/// Whether a character is a format control (Cf), ignored by default, or none at all: nothing of it is drawn as itself.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}'
        | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Returns how many columns a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Returns a text as one line of at most `max_cols` columns, for names, titles and prompts.
///
/// Line breaks and tabs become blanks, blanks at the ends go, hidden characters show as one `·` a run, a character carries
/// at most four marks, and a cut is shown as `…`.
pub fn label(text: &str, max_cols: usize) -> String {
    let clean = clean(text);
    let clean = clean.trim();
    if width(clean) <= max_cols {
        return clean.to_owned();
    }
    let mut cut = String::new();
    for grapheme in clean.graphemes(true) {
        let before = cut.len();
        cut.push_str(grapheme);
        if width(&cut) + 1 > max_cols {
            cut.truncate(before);
            break;
        }
    }
    if max_cols > 0 {
        cut.push('…');
    }
    cut
}

fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut marks = MARKS_A_BASE;
    let mut was_hidden = false;
    for c in text.chars() {
        let kind = kind(c);
        match kind {
            Kind::Drawn => {
                clean.push(c);
                marks = 0;
            }
            Kind::Blank => {
                clean.push(' ');
                // A mark on a blank would hang in the air when the blank is trimmed.
                marks = MARKS_A_BASE;
            }
            Kind::Combining if marks < MARKS_A_BASE => {
                clean.push(c);
                marks += 1;
            }
            Kind::Combining => {}
            Kind::Hidden if was_hidden => {}
            Kind::Hidden => {
                clean.push(MARK);
                // A mark that follows would sit on ours.
                marks = MARKS_A_BASE;
            }
        }
        was_hidden = kind == Kind::Hidden;
    }
    cap_clusters(clean)
}

/// Some marks take a column of their own and still join the character before them: what is drawn as one keeps to the
/// same number of marks.
fn cap_clusters(text: String) -> String {
    let limit = 1 + MARKS_A_BASE;
    if text
        .graphemes(true)
        .all(|grapheme| grapheme.chars().nth(limit).is_none())
    {
        return text;
    }
    text.graphemes(true)
        .flat_map(|grapheme| grapheme.chars().take(limit))
        .collect()
}

/// Returns the text of one screen cell as it may be drawn: one character with at most four marks, never wider than the
/// cell was. A cell of nothing but hidden characters shows `·`.
pub fn cell(text: &str) -> Cow<'_, str> {
    let mut chars = text.chars();
    if text.is_empty() || matches!((chars.next(), chars.next()), (Some(' '..='~'), None)) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        match kind(c) {
            Kind::Drawn if clean.is_empty() => clean.push(c),
            Kind::Blank if clean.is_empty() => clean.push(' '),
            Kind::Combining if !clean.is_empty() && marks < MARKS_A_BASE => {
                clean.push(c);
                marks += 1;
            }
            _ => {}
        }
    }
    if clean.is_empty() {
        clean.push(MARK);
    }
    if clean == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(clean)
    }
}

/// Returns a text for a log or a terminal's history: every character that is not drawn is written as `\u{…}`.
pub fn for_log(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut marks = MARKS_A_BASE;
    for c in text.chars() {
        let kind = kind(c);
        let is_shown =
            c == ' ' || kind == Kind::Drawn || (kind == Kind::Combining && marks < MARKS_A_BASE);
        if is_shown {
            safe.push(c);
            marks = if kind == Kind::Combining {
                marks + 1
            } else {
                0
            };
        } else {
            safe.extend(c.escape_unicode());
            marks = MARKS_A_BASE;
        }
    }
    safe
}

/// Returns a text to paste into a pane: no control but line breaks (as `\n`) and tabs, so it can neither end a bracketed
/// paste nor press a key. It does not press Enter either: that a line break may do so is for the caller to weigh.
pub fn for_paste(text: &str) -> String {
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    unified
        .chars()
        .filter(|c| matches!(c, '\n' | '\t') || !c.is_control())
        .collect()
}

/// Returns a name that is safe everywhere, `[a-z0-9][a-z0-9_-]{0,31}`: other characters become `-`, runs of it one.
pub fn session_name(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9') => name.push(c),
            '_' if !name.is_empty() => name.push('_'),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
        if name.len() == NAME_LEN {
            break;
        }
    }
    name.truncate(name.trim_end_matches('-').len());
    if name.is_empty() {
        "session".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::plain("prod", 10, "prod")]
    #[case::lines_and_tabs(" a\r\nb\tc ", 10, "a  b c")]
    #[case::too_long("a long name", 6, "a lon…")]
    #[case::wide_characters_are_not_cut("日本語", 5, "日本…")]
    #[case::no_room("abc", 0, "")]
    #[case::escape_sequences("\x1b[31mred\x1b[0m", 20, "·[31mred·[0m")]
    #[case::bidi_override("user\u{202e}gnp.exe", 20, "user·gnp.exe")]
    #[case::marks_with_a_column_of_their_own(
        "𑙘\u{11180}\u{11d43}\u{16f4f}𑖹\u{1b73}x",
        20,
        "𑙘\u{11180}\u{11d43}\u{16f4f}𑖹x"
    )]
    #[case::zero_width("pa\u{200b}\u{200b}y\u{feff}pal", 20, "pa·y·pal")]
    #[case::tags("ok\u{e0041}\u{e0042}", 20, "ok·")]
    #[case::c1("a\u{9b}31m", 20, "a·31m")]
    #[case::soft_hyphen_and_filler("a\u{ad}b\u{3164}c", 20, "a·b·c")]
    fn labels_are_one_visible_line(
        #[case] text: &str,
        #[case] cols: usize,
        #[case] expected: &str,
    ) {
        assert_eq!(label(text, cols), expected);
    }

    #[test]
    fn a_flood_of_marks_is_cut() {
        let flood = format!("a{}b", "\u{301}".repeat(50));
        assert_eq!(label(&flood, 80), format!("a{}b", "\u{301}".repeat(4)));
        assert_eq!(cell(&flood), format!("a{}", "\u{301}".repeat(4)));
    }

    #[rstest]
    #[case("Fix the Bug!", "fix-the-bug")]
    #[case("--x", "x")]
    #[case("prоd (Cyrillic)", "pr-d-cyrillic")]
    #[case("_a_b", "a_b")]
    #[case("", "session")]
    #[case("日本", "session")]
    fn names_are_plain(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(session_name(text), expected);
    }

    #[rstest]
    #[case("a\x1b[201~\rrm -rf ~\r\n\u{9b}x\ty", "a[201~\nrm -rf ~\nx\ty")]
    fn a_paste_cannot_end_itself(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(for_paste(text), expected);
    }

    #[test]
    fn logs_show_what_is_not_drawn_by_number() {
        assert_eq!(
            for_log("a\n\x1b[2J\u{202e}é"),
            "a\\u{a}\\u{1b}[2J\\u{202e}é"
        );
    }

    /// Text with more of what is dangerous than chance would bring.
    fn nasty() -> impl Strategy<Value = String> {
        let character = prop_oneof![
            any::<char>(),
            prop::char::range('\0', '\u{ff}'),
            prop::char::range('\u{300}', '\u{36f}'),
            prop::char::range('\u{2000}', '\u{206f}'),
            prop::char::range('\u{e0000}', '\u{e01ff}'),
            prop::char::range('\u{1f1e6}', '\u{1f3ff}'),
            prop::sample::select(vec![
                '日', '\u{200d}', '\u{fe0f}', 'ل', 'ا', '\u{115f}', 'क', '\u{94d}', '…'
            ]),
        ];
        prop::collection::vec(character, 0..30).prop_map(String::from_iter)
    }

    fn is_harmless(text: &str) -> bool {
        let mut marks = 0;
        text.chars().all(|c| {
            marks = if kind(c) == Kind::Combining {
                marks + 1
            } else {
                0
            };
            !c.is_control() && !is_format(c) && marks <= MARKS_A_BASE
        })
    }

    proptest! {
        #[test]
        fn any_label_is_harmless_and_fits(text in nasty(), cols in 0usize..20) {
            let label = label(&text, cols);
            prop_assert!(is_harmless(&label), "{label:?}");
            prop_assert!(width(&label) <= cols, "{label:?}");
            prop_assert_eq!(super::label(&label, cols), label);
        }

        #[test]
        fn any_cell_is_harmless_and_no_wider_than_it_was(text in nasty()) {
            let clean = cell(&text);
            prop_assert!(is_harmless(&clean), "{clean:?}");
            prop_assert!(width(&clean) <= width(&text).max(1), "{clean:?}");
            prop_assert!(text.is_empty() || !clean.is_empty());
            prop_assert_eq!(cell(&clean), clean.as_ref());
        }

        #[test]
        fn any_log_text_is_one_harmless_line(text in nasty()) {
            prop_assert!(is_harmless(&for_log(&text)));
        }

        #[test]
        fn any_paste_has_no_controls_but_line_breaks_and_tabs(text in nasty()) {
            prop_assert!(for_paste(&text).chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control()));
        }

        #[test]
        fn any_name_has_the_allowed_form(text in nasty()) {
            let name = session_name(&text);
            prop_assert!(name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()));
            prop_assert!(name.len() <= NAME_LEN);
            prop_assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_')));
            prop_assert_eq!(session_name(&name), name);
        }
    }
}
