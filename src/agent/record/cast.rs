//! asciicast v3: a line of JSON that says what follows, then `[interval, code, data]`, one a line.
//!
//! Intervals are seconds since the event before. `o` is output, `r` a new size, `m` a marker, `x` the end. Readers skip what
//! they do not know, and lines that begin with `#`.

use std::io::Write as _;

use serde_json::json;

use super::About;
use crate::domain::UnixMillis;
use crate::term::Size;

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Output,
    Resize,
    Marker,
    Exit,
}

impl Code {
    fn letter(self) -> char {
        match self {
            Self::Output => 'o',
            Self::Resize => 'r',
            Self::Marker => 'm',
            Self::Exit => 'x',
        }
    }
}

/// What a terminal is told before a whole screen is drawn on it: start from nothing.
pub const RESET: &str = "\x1bc";

/// The first line of a recording.
pub fn header(about: &About, size: Size, at: UnixMillis) -> Vec<u8> {
    let header = json!({
        "version": 3,
        "term": { "cols": size.cols, "rows": size.rows, "type": "xterm-256color" },
        "timestamp": at / 1000,
        "title": about.name,
        "command": about.tool,
    });
    let mut line = header.to_string().into_bytes();
    line.push(b'\n');
    line
}

/// Appends an event that came so many milliseconds after the one before.
pub fn event(out: &mut Vec<u8>, after: u64, code: Code, data: &str) {
    let data = serde_json::to_string(data).expect("text is always JSON");
    let _never = writeln!(
        out,
        "[{}.{:03}, \"{}\", {data}]",
        after / 1000,
        after % 1000,
        code.letter()
    );
}

/// The line that takes the place of a header inside a recording; `None` when it is no header.
pub fn resize_instead(header: &[u8]) -> Option<Vec<u8>> {
    let header: serde_json::Value = serde_json::from_slice(header).ok()?;
    let term = header.get("term")?;
    let (cols, rows) = (term.get("cols")?.as_u64()?, term.get("rows")?.as_u64()?);
    let mut line = Vec::new();
    event(&mut line, 0, Code::Resize, &format!("{cols}x{rows}"));
    Some(line)
}

/// Reads one line after the first: code and data; `None` for comments and what is no event.
pub fn read_event(line: &str) -> Option<(String, String)> {
    let (_, code, data): (f64, String, String) = serde_json::from_str(line).ok()?;
    Some((code, data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SessionId;

    #[test]
    fn a_recording_reads_as_the_format_says() {
        let about = About {
            session: SessionId::new("cm.7.3"),
            name: "a \"b\"".to_owned(),
            tool: "shell".to_owned(),
            dir: String::new(),
            created: 0,
        };
        let mut cast = header(&about, Size::new(80, 24), 1_504_467_315_999);
        event(&mut cast, 248, Code::Output, "\x1b[1mHi\r\n");
        event(&mut cast, 1001, Code::Resize, "90x30");
        event(&mut cast, 0, Code::Exit, "0");
        let text = String::from_utf8(cast).unwrap();
        insta::assert_snapshot!(text, @r#"
        {"command":"shell","term":{"cols":80,"rows":24,"type":"xterm-256color"},"timestamp":1504467315,"title":"a \"b\"","version":3}
        [0.248, "o", "\u001b[1mHi\r\n"]
        [1.001, "r", "90x30"]
        [0.000, "x", "0"]
        "#);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            read_event(lines[1]),
            Some(("o".to_owned(), "\x1b[1mHi\r\n".to_owned()))
        );
        assert_eq!(
            resize_instead(lines[0].as_bytes()).unwrap(),
            b"[0.000, \"r\", \"80x24\"]\n"
        );
    }
}
