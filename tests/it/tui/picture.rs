//! A frame as text: what stands where, and in which style.
//!
//! With `CM_TUI_PICTURES=FOLDER` every snapshot is also written there with colours, for `cat` and for drawing tools.

use std::fmt::Write as _;
use std::path::Path;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

/// The characters, row by row, blanks at the end trimmed.
pub fn text(buffer: &Buffer) -> String {
    rows(buffer)
        .map(|row| {
            row.iter()
                .map(Cell::symbol)
                .collect::<String>()
                .trim_end()
                .to_owned()
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// One letter per style in place of each character, then what the letters mean.
pub fn styles(buffer: &Buffer) -> String {
    let mut known: Vec<String> = Vec::new();
    let mut grid = String::new();
    for row in rows(buffer) {
        let letters: String = row
            .iter()
            .map(|cell| {
                let style = style(cell);
                if style.is_empty() {
                    return '.';
                }
                let index = known
                    .iter()
                    .position(|other| *other == style)
                    .unwrap_or_else(|| {
                        known.push(style);
                        known.len() - 1
                    });
                char::from(b'a' + u8::try_from(index).unwrap())
            })
            .collect();
        let _ = writeln!(grid, "{}", letters.trim_end_matches('.'));
    }
    for (index, style) in known.iter().enumerate() {
        let _ = writeln!(
            grid,
            "{}: {style}",
            char::from(b'a' + u8::try_from(index).unwrap())
        );
    }
    grid
}

fn rows(buffer: &Buffer) -> impl Iterator<Item = &[Cell]> {
    buffer.content.chunks(usize::from(buffer.area.width.max(1)))
}

fn style(cell: &Cell) -> String {
    let mut style = String::new();
    if cell.fg != Color::Reset {
        let _ = write!(style, "{} ", cell.fg);
    }
    if cell.bg != Color::Reset {
        let _ = write!(style, "on {} ", cell.bg);
    }
    if cell.modifier != Modifier::empty() {
        let _ = write!(style, "{:?}", cell.modifier);
    }
    style.trim().to_owned()
}

/// Writes the frame with colours, if somebody wants to look at it.
pub fn keep(buffer: &Buffer, name: &str) {
    if let Some(folder) = std::env::var_os("CM_TUI_PICTURES") {
        std::fs::write(Path::new(&folder).join(format!("{name}.ans")), ansi(buffer)).unwrap();
    }
}

fn ansi(buffer: &Buffer) -> String {
    let mut out = String::new();
    for row in rows(buffer) {
        let mut skip = false;
        for cell in row {
            if std::mem::take(&mut skip) {
                continue;
            }
            let _ = write!(
                out,
                "\x1b[0{}{}{}m{}",
                modifiers(cell.modifier),
                color(cell.fg, 30),
                color(cell.bg, 40),
                cell.symbol()
            );
            skip = ratatui::text::Span::raw(cell.symbol()).width() > 1;
        }
        out.push_str("\x1b[0m\n");
    }
    out
}

fn modifiers(modifier: Modifier) -> String {
    let mut codes = String::new();
    for (flag, code) in [
        (Modifier::BOLD, 1),
        (Modifier::DIM, 2),
        (Modifier::ITALIC, 3),
        (Modifier::UNDERLINED, 4),
        (Modifier::REVERSED, 7),
    ] {
        if modifier.contains(flag) {
            let _ = write!(codes, ";{code}");
        }
    }
    codes
}

fn color(color: Color, base: u8) -> String {
    let named = |index: u8| {
        if index < 8 {
            format!(";{}", base + index)
        } else {
            format!(";{}", base + 52 + index)
        }
    };
    match color {
        Color::Reset => String::new(),
        Color::Rgb(r, g, b) => format!(";{};2;{r};{g};{b}", base + 8),
        Color::Indexed(index) => format!(";{};5;{index}", base + 8),
        Color::Black => named(0),
        Color::Red => named(1),
        Color::Green => named(2),
        Color::Yellow => named(3),
        Color::Blue => named(4),
        Color::Magenta => named(5),
        Color::Cyan => named(6),
        Color::Gray => named(7),
        Color::DarkGray => named(8),
        Color::LightRed => named(9),
        Color::LightGreen => named(10),
        Color::LightYellow => named(11),
        Color::LightBlue => named(12),
        Color::LightMagenta => named(13),
        Color::LightCyan => named(14),
        Color::White => named(15),
    }
}
