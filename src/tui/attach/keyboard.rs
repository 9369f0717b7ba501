//! What is typed while attached: all of it goes to the far end, but for the keys that detach.
//!
//! The bytes are not translated. They are only read along, in units (a character, a control, a whole sequence), to see
//! the detach keys in each of the ways in which terminals write them. Promise: what is typed inside a paste never
//! detaches; a lone escape is not held back; how the input was cut changes nothing that the far end gets.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::key::{Chord, Key};
use crate::tui::passthrough::{self, CursorKeys};

/// A sequence that is longer than this is no key: it is handed on as it comes.
const LONGEST: usize = 48;
const ESC: u8 = 0x1b;
const PASTE: &[u8] = b"\x1b[200~";
const PASTED: &[u8] = b"\x1b[201~";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// The detach keys were pressed; what came after them is dropped.
    Detach,
    Keys,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    Escape,
    Csi,
    /// One byte ends it.
    Ss3,
    /// So many bytes of a character are to come.
    Character(u8),
    /// Too long to be a key; handed on up to its end.
    Long,
}

#[derive(Debug)]
pub struct Keyboard {
    chords: Vec<Vec<Detacher>>,
    state: State,
    /// What is read and not handed on yet.
    unit: Vec<u8>,
    /// How much of the unit's beginning was handed on before its end came.
    handed: usize,
    /// Keys that a chord may begin with: whole units.
    held: Vec<Vec<u8>>,
    is_pasting: bool,
}

/// One key of a chord.
#[derive(Debug)]
struct Detacher {
    key: Key,
    /// The ways in which it is written without a keyboard protocol.
    plain: Vec<Vec<u8>>,
}

impl Detacher {
    fn new(key: Key) -> Self {
        let event = KeyEvent::new(key.code, key.modifiers);
        let plain = [CursorKeys::Normal, CursorKeys::Application]
            .map(|cursor| passthrough::bytes(event, cursor))
            .into_iter()
            .filter(|bytes| !bytes.is_empty())
            .collect();
        Self { key, plain }
    }

    fn is(&self, unit: &[u8]) -> bool {
        self.plain.iter().any(|plain| plain == unit) || told_by_protocol(unit) == Some(self.key)
    }
}

impl Keyboard {
    /// Any of the chords detaches.
    pub fn new(chords: &[Chord]) -> Self {
        let chords = chords
            .iter()
            .map(|chord| chord.0.iter().copied().map(Detacher::new).collect())
            .collect();
        Self {
            chords,
            state: State::Ground,
            unit: Vec::new(),
            handed: 0,
            held: Vec::new(),
            is_pasting: false,
        }
    }

    /// Reads what was typed; appends what goes on to the far end.
    pub fn read(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Typed {
        for byte in bytes {
            if self.byte(*byte, out) == Typed::Detach {
                return Typed::Detach;
            }
        }
        // A person's escape key, or alt with a bracket: nobody may come to end it.
        if matches!(self.state, State::Escape | State::Csi | State::Ss3) && self.unit.len() <= 2 {
            if self.state == State::Escape && self.is_awaited(&[ESC]) {
                return self.end(out);
            }
            self.hand_on(out);
        }
        Typed::Keys
    }

    /// Whether what came last may be a key of its own or the beginning of another one: only time tells.
    pub fn is_open(&self) -> bool {
        self.handed > 0 && self.handed == self.unit.len()
    }

    /// Nothing came for so long that it was a key of its own; it was handed on already.
    pub fn close(&mut self) {
        if self.is_open() {
            self.unit.clear();
            self.handed = 0;
            self.state = State::Ground;
        }
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) -> Typed {
        if self.state == State::Long {
            if byte != ESC {
                out.push(byte);
                if (0x40..0x7f).contains(&byte) {
                    self.state = State::Ground;
                }
                return Typed::Keys;
            }
            self.state = State::Ground;
        }
        if let State::Character(_) = self.state
            && byte & 0xc0 != 0x80
        {
            self.end_quietly(out);
        }
        if byte == ESC && self.state != State::Ground {
            // It begins anew: what came before was a key of its own.
            if self.end(out) == Typed::Detach {
                return Typed::Detach;
            }
        }
        self.unit.push(byte);
        let next = match self.state {
            State::Ground if byte == ESC => Some(State::Escape),
            State::Ground | State::Escape if byte >= 0xc2 => match byte {
                0xc2..=0xdf => Some(State::Character(1)),
                0xe0..=0xef => Some(State::Character(2)),
                _ => Some(State::Character(3)),
            },
            State::Escape if byte == b'[' => Some(State::Csi),
            State::Escape if byte == b'O' => Some(State::Ss3),
            State::Ground | State::Escape | State::Ss3 => None,
            State::Character(left) => (left > 1).then(|| State::Character(left - 1)),
            State::Csi if (0x40..0x7f).contains(&byte) => None,
            State::Csi if self.unit.len() >= LONGEST => Some(State::Long),
            State::Csi | State::Long => Some(self.state),
        };
        match next {
            Some(State::Long) => {
                self.end_quietly(out);
                self.state = State::Long;
                Typed::Keys
            }
            Some(state) => {
                self.state = state;
                Typed::Keys
            }
            None => self.end(out),
        }
    }

    /// Whether a key with these bytes would be one of the chord's next.
    fn is_awaited(&self, unit: &[u8]) -> bool {
        !self.is_pasting
            && self
                .chords
                .iter()
                .any(|chord| chord.get(self.held.len()).is_some_and(|next| next.is(unit)))
    }

    /// Hands on what there is of an unfinished unit.
    fn hand_on(&mut self, out: &mut Vec<u8>) {
        self.let_go(out, usize::MAX);
        out.extend_from_slice(self.unit.get(self.handed..).unwrap_or_default());
        self.handed = self.unit.len();
    }

    /// Hands on the first held keys.
    fn let_go(&mut self, out: &mut Vec<u8>, count: usize) {
        let count = count.min(self.held.len());
        for key in self.held.drain(..count) {
            out.extend_from_slice(&key);
        }
    }

    /// The unit was broken off.
    fn end_quietly(&mut self, out: &mut Vec<u8>) {
        self.hand_on(out);
        self.unit.clear();
        self.handed = 0;
        self.state = State::Ground;
    }

    /// The unit is whole.
    fn end(&mut self, out: &mut Vec<u8>) -> Typed {
        let unit = std::mem::take(&mut self.unit);
        let handed = std::mem::take(&mut self.handed);
        self.state = State::Ground;
        if unit == PASTE || unit == PASTED {
            self.is_pasting = unit == PASTE;
        } else if !self.is_pasting {
            return self.key(&unit, handed, out);
        }
        self.let_go(out, usize::MAX);
        out.extend_from_slice(unit.get(handed..).unwrap_or_default());
        Typed::Keys
    }

    fn key(&mut self, unit: &[u8], handed: usize, out: &mut Vec<u8>) -> Typed {
        loop {
            let at = self.held.len();
            for chord in &self.chords {
                let fits = chord.get(at).is_some_and(|next| next.is(unit))
                    && chord.iter().zip(&self.held).all(|(key, held)| key.is(held));
                if fits && chord.len() == at + 1 {
                    return Typed::Detach;
                }
                if fits {
                    self.held
                        .push(unit.get(handed..).unwrap_or_default().to_vec());
                    return Typed::Keys;
                }
            }
            if at == 0 {
                break;
            }
            // What seemed to begin a chord did not; a later key may.
            self.let_go(out, 1);
        }
        out.extend_from_slice(unit.get(handed..).unwrap_or_default());
        Typed::Keys
    }
}

/// The key in a sequence of kitty's protocol (`CSI code ; modifiers u`) or of xterm's modifyOtherKeys
/// (`CSI 27 ; modifiers ; code ~`). `None` also for a key that is let go of.
fn told_by_protocol(unit: &[u8]) -> Option<Key> {
    let body = std::str::from_utf8(unit.strip_prefix(b"\x1b[")?).ok()?;
    let (code, modifiers) = if let Some(body) = body.strip_suffix('u') {
        let mut parts = body.split(';');
        let code = parts.next()?.split(':').next()?;
        let mut modifiers = parts.next().unwrap_or("1").split(':');
        let number = modifiers.next()?;
        if modifiers.next() == Some("3") {
            return None;
        }
        (code, number)
    } else {
        let mut parts = body.strip_suffix('~')?.strip_prefix("27;")?.split(';');
        let modifiers = parts.next()?;
        (parts.next()?, modifiers)
    };
    let bits = modifiers.parse().unwrap_or(1_u16).checked_sub(1)?;
    let mut held = KeyModifiers::NONE;
    for (bit, modifier) in [
        (1, KeyModifiers::SHIFT),
        (2, KeyModifiers::ALT),
        (4, KeyModifiers::CONTROL),
    ] {
        if bits & bit != 0 {
            held |= modifier;
        }
    }
    // Super, hyper and meta make another key of it; caps and num lock do not.
    if bits & 0b11_1000 != 0 {
        return None;
    }
    let code = match char::from_u32(code.parse().ok()?)? {
        '\t' => KeyCode::Tab,
        '\r' => KeyCode::Enter,
        '\x1b' => KeyCode::Esc,
        '\x7f' => KeyCode::Backspace,
        c => KeyCode::Char(c),
    };
    Some(Key::from(KeyEvent::new(code, held)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn keyboard(chord: &str) -> Keyboard {
        Keyboard::new(&[chord.parse().unwrap()])
    }

    fn typed(chord: &str, reads: &[&[u8]]) -> (Typed, Vec<u8>) {
        let mut keyboard = keyboard(chord);
        let mut out = Vec::new();
        for bytes in reads {
            if keyboard.read(bytes, &mut out) == Typed::Detach {
                return (Typed::Detach, out);
            }
        }
        (Typed::Keys, out)
    }

    #[rstest]
    #[case::plain("ctrl-]", b"\x1d")]
    #[case::kitty("ctrl-]", b"\x1b[93;5u")]
    #[case::kitty_with_event("ctrl-]", b"\x1b[93;5:1u")]
    #[case::kitty_with_alternates("ctrl-]", b"\x1b[93:125:93;5;29u")]
    #[case::kitty_with_caps_lock("ctrl-]", b"\x1b[93;69u")]
    #[case::modify_other_keys("ctrl-]", b"\x1b[27;5;93~")]
    #[case::function("f12", b"\x1b[24~")]
    #[case::alt("alt-d", b"\x1bd")]
    #[case::cursor("ctrl-up", b"\x1b[1;5A")]
    #[case::escape("esc", b"\x1b")]
    #[case::two_keys("ctrl-a d", b"\x01d")]
    fn each_way_to_write_the_key_detaches(#[case] chord: &str, #[case] bytes: &[u8]) {
        assert_eq!(typed(chord, &[bytes]).0, Typed::Detach);
        let behind = [b"abc".as_slice(), bytes, b"xyz"].concat();
        if chord != "esc" {
            assert_eq!(typed(chord, &[&behind]), (Typed::Detach, b"abc".to_vec()));
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(typed(chord, &single).0, Typed::Detach);
    }

    #[rstest]
    #[case::letting_go(b"\x1b[93;5:3u")]
    #[case::other_modifiers(b"\x1b[93;7u")]
    #[case::with_super(b"\x1b[93;13u")]
    #[case::pasted(b"\x1b[200~a\x1db\x1b[93;5u\x1b[201~")]
    #[case::sequences(b"\x1b[A\x1bOA\x1b[1;5C\x1b[<0;3;4M\x1b[I")]
    #[case::text("]日本é\x1b".as_bytes())]
    #[case::endless(
        b"\x1b[111111111111111111111111111111111111111111111111111111111111111111111111111111u"
    )]
    fn what_is_no_detach_key_reaches_the_far_end(#[case] bytes: &[u8]) {
        assert_eq!(typed("ctrl-]", &[bytes]), (Typed::Keys, bytes.to_vec()));
    }

    #[test]
    fn a_lone_escape_is_not_held_back() {
        let mut keyboard = keyboard("ctrl-]");
        let mut out = Vec::new();
        keyboard.read(b"\x1b", &mut out);
        assert_eq!(out, b"\x1b");
        keyboard.read(b"[93;", &mut out);
        keyboard.read(b"5A", &mut out);
        assert_eq!(out, b"\x1b[93;5A");
    }

    #[test]
    fn an_escape_of_its_own_is_no_part_of_the_next_key() {
        for escape in [b"\x1b".as_slice(), b"\x1b[", b"\x1bO"] {
            let mut keyboard = keyboard("ctrl-]");
            let mut out = Vec::new();
            keyboard.read(escape, &mut out);
            assert!(keyboard.is_open());
            keyboard.close();
            assert!(!keyboard.is_open());
            assert_eq!(keyboard.read(b"\x1d", &mut out), Typed::Detach);
            assert_eq!(out, escape);
        }
        // One that is in the middle of something is not.
        let mut keyboard = keyboard("ctrl-]");
        let mut out = Vec::new();
        keyboard.read(b"\x1b[93;", &mut out);
        keyboard.close();
        assert_eq!(keyboard.read(b"5u", &mut out), Typed::Detach);
        assert!(out.is_empty());
    }

    #[test]
    fn the_first_key_of_two_goes_on_when_the_second_is_another() {
        let (typed, out) = typed("ctrl-a d", &[b"\x01", b"\x01x", b"\x01\x01d", b"y"]);
        assert_eq!(
            (typed, out.as_slice()),
            (Typed::Detach, b"\x01\x01x\x01".as_slice())
        );
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            bytes in prop::collection::vec(prop_oneof![
                Just(0x1b), Just(b'['), Just(b';'), Just(b'5'), Just(b'9'), Just(b'~'), Just(b'u'), Just(b'O'), any::<u8>()
            ], 0..60),
            size in 1usize..9,
        ) {
            let (at_once, whole) = typed("ctrl-q x", &[&bytes]);
            let cut: Vec<&[u8]> = bytes.chunks(size).collect();
            let (in_parts, parts) = typed("ctrl-q x", &cut);
            prop_assert_eq!(at_once, in_parts);
            if at_once == Typed::Keys {
                // What is held back differs only while it is not known yet.
                let shorter = whole.len().min(parts.len());
                prop_assert_eq!(&whole[..shorter], &parts[..shorter]);
                prop_assert!(bytes.starts_with(&whole) && bytes.starts_with(&parts));
            }
        }
    }
}
