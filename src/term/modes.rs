//! The modes of a terminal that are part of a screen, and how each is switched.

/// The modes that are part of a screen.
#[derive(Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a terminal's modes are independent switches"
)]
pub struct Modes {
    hides_cursor: bool,
    application_cursor: bool,
    application_keypad: bool,
    bracketed_paste: bool,
    mouse: vt100::MouseProtocolMode,
    mouse_encoding: vt100::MouseProtocolEncoding,
    cursor_style: vt100::CursorStyle,
}

impl From<&vt100::Screen> for Modes {
    fn from(screen: &vt100::Screen) -> Self {
        Self {
            hides_cursor: screen.hide_cursor(),
            application_cursor: screen.application_cursor(),
            application_keypad: screen.application_keypad(),
            bracketed_paste: screen.bracketed_paste(),
            mouse: screen.mouse_protocol_mode(),
            mouse_encoding: screen.mouse_protocol_encoding(),
            cursor_style: screen.cursor_style(),
        }
    }
}

impl Modes {
    /// Writes what brings a terminal from `before` to these.
    pub fn write_change(self, before: Self, out: &mut Vec<u8>) {
        let mut mode = |was: bool, is: bool, on: &[u8], off: &[u8]| {
            if was != is {
                out.extend_from_slice(if is { on } else { off });
            }
        };
        mode(
            before.hides_cursor,
            self.hides_cursor,
            b"\x1b[?25l",
            b"\x1b[?25h",
        );
        mode(
            before.application_cursor,
            self.application_cursor,
            b"\x1b[?1h",
            b"\x1b[?1l",
        );
        mode(
            before.application_keypad,
            self.application_keypad,
            b"\x1b=",
            b"\x1b>",
        );
        mode(
            before.bracketed_paste,
            self.bracketed_paste,
            b"\x1b[?2004h",
            b"\x1b[?2004l",
        );
        if before.mouse != self.mouse {
            out.extend_from_slice(match self.mouse {
                vt100::MouseProtocolMode::None | vt100::MouseProtocolMode::Press => b"\x1b[?1000l",
                vt100::MouseProtocolMode::PressRelease => b"\x1b[?1000h",
                vt100::MouseProtocolMode::ButtonMotion => b"\x1b[?1002h",
                vt100::MouseProtocolMode::AnyMotion => b"\x1b[?1003h",
            });
        }
        if before.mouse_encoding != self.mouse_encoding {
            out.extend_from_slice(match self.mouse_encoding {
                vt100::MouseProtocolEncoding::Default => b"\x1b[?1005;1006l",
                vt100::MouseProtocolEncoding::Utf8 => b"\x1b[?1005h",
                vt100::MouseProtocolEncoding::Sgr => b"\x1b[?1006h",
            });
        }
        if before.cursor_style != self.cursor_style {
            use vt100::CursorStyle as Style;
            let style = match self.cursor_style {
                Style::Default => b'0',
                Style::BlinkBlock => b'1',
                Style::SteadyBlock => b'2',
                Style::BlinkUnderline => b'3',
                Style::SteadyUnderline => b'4',
                Style::BlinkVerticalBar => b'5',
                Style::SteadyVerticalBar => b'6',
            };
            out.extend_from_slice(&[0x1b, b'[', style, b' ', b'q']);
        }
    }
}
