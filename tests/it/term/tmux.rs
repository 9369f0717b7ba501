//! tmux is the judge: what it shows in a pane after some bytes is what our emulator has to show.

use cm_tui::term::{CellRef, Colour, Emulator, Fed, Screen, Size};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const SIZE: Size = Size { cols: 80, rows: 24 };

/// Prints a file into its pane byte by byte as it is, then waits until tmux has answered a query: by then it has drawn all
/// of it. The CAN ends whatever sequence the file left open.
const PRINT: &str = r#"stty raw -echo; cat "$1"; printf '\030\033[5n'
while [ "$(dd bs=1 count=1 2>/dev/null)" != n ]; do :; done
tmux -S "$2" wait-for -S drawn; exec sleep 1000"#;

/// A private tmux server that ends with the test.
struct Server {
    folder: TempDir,
}

impl Server {
    fn start() -> Self {
        let server = Self {
            folder: TempDir::new().expect("a temporary folder"),
        };
        server.tmux(&["new-session", "-d", "-x", "80", "-y", "24", "sleep 1000"]);
        server
    }

    fn socket(&self) -> String {
        self.folder
            .path()
            .join("tmux")
            .to_str()
            .expect("a UTF-8 path")
            .to_owned()
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-f", "/dev/null", "-u", "-S", &self.socket()])
            .args(arguments)
            .env_remove("TMUX")
            .env("LC_ALL", "C.UTF-8")
            .output()
            .expect("tmux is installed");
        assert!(
            output.status.success(),
            "tmux {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Returns what tmux shows after these bytes: the screen from `capture-pane` and the cursor.
    fn screen_after(&self, bytes: &[u8]) -> (Emulator, (u16, u16)) {
        let file = self.folder.path().join("bytes");
        std::fs::write(&file, bytes).expect("a writable folder");
        let pane = self.print(&file);
        let capture = self.tmux(&["capture-pane", "-p", "-e", "-N", "-t", &pane]);
        let cursor = self.tmux(&[
            "display-message",
            "-p",
            "-t",
            &pane,
            "#{cursor_y} #{cursor_x}",
        ]);
        self.tmux(&["kill-pane", "-t", &pane]);
        let (row, col) = cursor.trim().split_once(' ').expect("two numbers");

        let mut judge = Emulator::new(SIZE);
        judge.feed(b"\x1b)0", &mut Fed::default());
        judge.feed(
            capture
                .trim_end_matches('\n')
                .replace('\n', "\r\n")
                .as_bytes(),
            &mut Fed::default(),
        );
        (
            judge,
            (row.parse().expect("a row"), col.parse().expect("a column")),
        )
    }

    fn print(&self, file: &Path) -> String {
        let file = file.to_str().expect("a UTF-8 path");
        let pane = self.tmux(&[
            "new-window",
            "-d",
            "-P",
            "-F",
            "#{pane_id}",
            "sh",
            "-c",
            PRINT,
            "sh",
            file,
            &self.socket(),
        ]);
        self.tmux(&["wait-for", "drawn"]);
        pane.trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = Command::new("tmux")
            .args(["-S", &self.socket(), "kill-server"])
            .output();
        drop(ended);
    }
}

/// Everything that a person could see of a cell. A blank is a blank, and its foreground does not show.
fn look(cell: CellRef<'_>) -> (String, Colour, Colour, [bool; 5]) {
    let text = if cell.text().is_empty() {
        " "
    } else {
        cell.text()
    };
    let attributes = [
        cell.bold(),
        cell.dim(),
        cell.italic(),
        cell.underline(),
        cell.inverse(),
    ];
    let fg = if text == " " && !cell.inverse() {
        Colour::Default
    } else {
        cell.fg()
    };
    (text.to_owned(), fg, cell.bg(), attributes)
}

fn differences(ours: &Screen, judge: &Screen) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in 0..SIZE.rows {
        for col in 0..SIZE.cols {
            let (Some(ours), Some(judge)) = (ours.cell(row, col), judge.cell(row, col)) else {
                panic!("both have every cell");
            };
            if look(ours) != look(judge) {
                wrong.push(format!(
                    "{row},{col}: {:?} where tmux shows {:?}",
                    look(ours),
                    look(judge)
                ));
            }
        }
    }
    wrong
}

/// Rows of numbers, to see what moved.
const FILL: &str = "\x1b[2J\x1b[Hrow 01\r\nrow 02\r\nrow 03\r\nrow 04\r\nrow 05\r\nrow 06\r\nrow 07\r\nrow 08\r\nrow 09\r\nrow 10\r\n\
row 11\r\nrow 12\r\nrow 13\r\nrow 14\r\nrow 15\r\nrow 16\r\nrow 17\r\nrow 18\r\nrow 19\r\nrow 20\r\nrow 21\r\nrow 22\r\nrow 23\r\nrow 24";

/// Something in the last column of every row. `capture-pane` leaves out what is only coloured at the end of a row.
fn edge() -> String {
    let marks: Vec<String> = (1..=SIZE.rows)
        .map(|row| format!("\x1b[{row};80H|"))
        .collect();
    let marks = marks.concat();
    format!("\x1b7\x1b[m\x1b[r\x1b[?6l{marks}\x1b8")
}

const FIXTURES: &[(&str, &str)] = &[
    (
        "plain text and wrapping",
        "hello\r\nworld\r\n0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
    ),
    (
        "line drawing in G0",
        "\x1b(0lqqqk\r\nx   x\r\nmqqqj `afg+,-.0op rs tuvw yz{|}~ bcdehi AZ\x1b(B lqk",
    ),
    (
        "line drawing by shifting",
        "\x1b)0a\x0elqk\x0fx\x0eq\x1b)Bq\x1b)0q\x0f\x1b(0q\x0eq\x1b)B",
    ),
    (
        "line drawing, saved and restored",
        "\x1b(0\x1b7\x1b(Bq\x1b8qx\x1bcq",
    ),
    (
        "insert mode",
        "abcdef\x1b[3G\x1b[4hXY日\x1b[4lZ\r\n\x1b[4h\x1b[44mab\x1b[Gcd\x1b[4l{EDGE}",
    ),
    (
        "insert mode at the edge",
        "\x1b[1;70H0123456789\x1b[1;72H\x1b[4hABC\x1b[1;80HxyZ\x1b[4l",
    ),
    (
        "tab stops",
        "\ta\tb\r\n\x1b[3g\x1b[5G\x1bH\x1b[20G\x1bH\r\tx\ty\tz\r\n\x1b[5G\x1b[g\r\tq",
    ),
    ("tab at the edge", "\x1b[79Ga\tb\r\n\x1b[80Gc\td\te"),
    (
        "back tab",
        "\x1b[40G\x1b[Za\x1b[2Zb\x1b[100Zc\r\n\x1b[Iforward tab is unknown",
    ),
    (
        "origin mode",
        "\x1b[5;10r\x1b[?6hA\x1b[2;2HB\x1b[99;1HC\x1b[3dD\x1b[?6lE\x1b[99;70HF",
    ),
    (
        "origin mode, saved and restored",
        "\x1b[5;10r\x1b[?6h\x1b[2;2H\x1b7\x1b[?6l\x1b8A\x1b[1;1HB",
    ),
    (
        "cursor saved by control sequence",
        "\x1b[31mab\x1b[s\x1b[10;10H\x1b[0mcd\x1b[ue\x1b[=1u\x1b[>1u\x1b[?uf",
    ),
    (
        "no wrapping",
        "\x1b[?7l0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890\r\n\x1b[79G日本\x1b[80G日\x1b[?7hab",
    ),
    (
        "no wrapping after the edge",
        "\x1b[71G0123456789\x1b[?7lX\rY\x1b[?7h",
    ),
    (
        "index and reverse index",
        "a\x1bDb\x1bEc\x1bMd\x1b[1;1H\x1bMe",
    ),
    (
        "scroll region",
        "{FILL}\x1b[5;10r\x1b[10;1H\n\n\x1b[5;1H\x1bM\x1b[2S\x1b[T\x1b[r",
    ),
    (
        "outside the scroll region",
        "{FILL}\x1b[5;10r\x1b[24;3H\n\nA\x1b[1;5H\x1bM\x1bMB\x1b[2;1H\x1b[99BC\x1b[20;1H\x1b[99AD\x1b[12;4H\x1b[99BE\x1b[3A",
    ),
    (
        "a scroll region of one line is none",
        "{FILL}\x1b[5;10r\x1b[7;7r\x1b[10;1H\n\x1b[9;3r\n",
    ),
    (
        "lines inserted and deleted",
        "{FILL}\x1b[5;1H\x1b[2L\x1b[10;1H\x1b[3M\x1b[44m\x1b[15;1H\x1b[L\x1b[20;1H\x1b[2M{EDGE}",
    ),
    (
        "lines inserted and deleted in a region",
        "{FILL}\x1b[5;10r\x1b[7;1H\x1b[2L\x1b[6;1H\x1b[M\x1b[20;1H\x1b[2L\x1b[2;1H\x1b[3M",
    ),
    (
        "cells inserted, deleted and erased",
        "0123456789\x1b[5G\x1b[2@\r\n0123456789\x1b[5G\x1b[2P\r\n0123456789\x1b[5G\x1b[2X\x1b[99X\r\n\x1b[45m0123456789\x1b[46m\x1b[5G\x1b[2@\x1b[8G\x1b[P\x1b[3X{EDGE}",
    ),
    (
        "what is erased takes the background",
        "{FILL}\x1b[7;4;31;44m\x1b[5;3H\x1b[K\x1b[8;4H\x1b[1K\x1b[11;1H\x1b[2K\x1b[22;3H\x1b[J\x1b[3;3H\x1b[1J{EDGE}",
    ),
    (
        "what scrolls in takes the background",
        "{FILL}\x1b[42m\n\n\x1b[1;1H\x1bM\x1b[0m\x1b[5;10r\x1b[43m\x1b[S\x1b[2T\x1b[10;1H\x1bD\x1b[r\x1b[24;80Hxy{EDGE}",
    ),
    (
        "erasing with a pending wrap",
        "{FILL}\x1b[5;71H0123456789\x1b[Kx\x1b[7;71H0123456789\x1b[1Ky\x1b[9;71H0123456789\x1b[2Kz\x1b[11;71H0123456789\x1b[Xa\x1b[13;71H0123456789\x1b[Lb{EDGE}",
    ),
    (
        "line feeds with a pending wrap",
        "\x1b[71G0123456789\n\nx\x1b[24;71H0123456789\ny",
    ),
    (
        "moves with a pending wrap",
        "\x1b[5;71H0123456789\x1b[Aa\x1b[8;71H0123456789\x1b[Bb\x1b[11;71H0123456789\x1b[Cc\x1b[14;71H0123456789\x1b[Dd\x1b[17;71H0123456789\x08e\x1b[20;71H0123456789\x1b[22dg",
    ),
    (
        "restored with a pending wrap",
        "\x1b[5;71H0123456789\x1b7\x1b[1;1Ha\x1b8b",
    ),
    (
        "backspace over a wrapped line",
        "\x1b[5;71H0123456789ab\x08\x08\x08\x08cd",
    ),
    (
        "colours",
        "\x1b[31ma\x1b[92mb\x1b[38;5;200mc\x1b[38;2;1;2;3md\x1b[38:5:33me\x1b[38:2:9:8:7mf\x1b[38:2::6:5:4mg\x1b[48;5;17mh\x1b[48:2::1:1:1mi\x1b[39;49mj\x1b[102mk\x1b[38;5;999ml\x1b[38;2;300;1;1mm",
    ),
    (
        "attributes",
        "\x1b[1ma\x1b[22mb\x1b[2mc\x1b[0md\x1b[3me\x1b[23mf\x1b[4mg\x1b[24mh\x1b[7mi\x1b[27mj\x1b[;4mk\x1b[ml\x1b[1;3;4;7mm\x1b[22;24mn",
    ),
    (
        "underline styles",
        "\x1b[4:3ma\x1b[4:0mb\x1b[21mc\x1b[24md\x1b[4:5me\x1b[4:9mf\x1b[24m\x1b[4:2:1mg\x1b[4mh\x1b[m\x1b[4;58;5;196mi\x1b[58;2;1;2;3mj\x1b[58:2::255:0:0mk\x1b[59ml\x1b[24mm",
    ),
    (
        "what cells do not keep",
        "\x1b[9ma\x1b[29mb\x1b[5mc\x1b[25md\x1b[53me\x1b[55mf\x1b[10mg\x1b[1;99;3mh",
    ),
    (
        "wide characters",
        "日本語 한국어 中文\r\n\x1b[79G日x\r\n\x1b[80G本y",
    ),
    (
        "wide characters overwritten",
        "a日本語日本語\x1b[3Gx\r\n日本語\x1b[3Gy\r\n日本語\x1b[4G中\r\nab日本\x1b[2G中",
    ),
    (
        "combining marks",
        "e\u{301}a\u{308}o\u{302}\u{323}\r\n\u{301}x日\u{3099}",
    ),
    (
        "alternate screen",
        "{FILL}\x1b[31m\x1b[5;5H\x1b[?1049hA\x1b[32m\x1b[1;1HB\x1b[?1049lC",
    ),
    (
        "alternate screen without the cursor",
        "{FILL}\x1b[5;5H\x1b[?47hA\x1b[1;1HB\x1b[?47lC\x1b[?1047hD\x1b[?1047l",
    ),
    (
        "inside the alternate screen",
        "{FILL}\x1b[5;10r\x1b[?1049h\x1b[10;1Hx\ny\x1b[44m\x1b[?1049h\x1b[2;2Hz{EDGE}",
    ),
    (
        "region kept over the alternate screen",
        "{FILL}\x1b[?1049h\x1b[5;10r\x1b[?1049l\x1b[10;1H\n\n",
    ),
    (
        "reset in the alternate screen",
        "{FILL}\x1b[?1049h\x1b[5;10r\x1b[44mA\x1bcB\x1b[?1049l{EDGE}",
    ),
    ("alignment test", "{FILL}\x1b[5;10r\x1b[44m\x1b#8A"),
    ("132 columns", "{FILL}\x1b[44m\x1b[5;5H\x1b[?3hA{EDGE}"),
    (
        "repeat",
        "a\x1b[5b\r\n\x1b[78Gb\x1b[9b\r\nc\r\x1b[3bd\x1b[mx\x1b[2b",
    ),
    (
        "strings are swallowed",
        "a\x1b]0;title\x07b\x1b]8;;http://x\x1b\\c\x1b]8;;\x1b\\d\x1bP+q544e\x1b\\e\x1b_Gi=31\x1b\\f\x1b^pm\x1b\\g\x1bXsos\x1b\\h\x1bkname\x1b\\i\x1bPtmux;\x1b\x1b[31mx\x1b\\j",
    ),
    (
        "sequences are cut short",
        "a\x1b[31\x18b\x1b[3\x1a4c\x1b]0;x\x18d\x1b[3\x1b[4me\x1b[1\n2Af\x1bPq\x1b[31mg\x1b\\h\x1b[12345678901234567890mi\x1b[1;2<mj",
    ),
    (
        "private sequences are not their namesakes",
        "\x1b[>4;2ma\x1b[?5mb\x1b[>1uc\x1b[<ud\x1b[?1;2$pe\x1b[!pf\x1b[1 @g\x1b[2\"qh\x1b[?Ji\x1b[?Kj\x1b[1;1$}k\x1b[?25$pl\x1b[=5hm\x1b['|n",
    ),
    (
        "queries and window operations",
        "a\x1b[cb\x1b[>cc\x1b[6nd\x1b[?6ne\x1b[>qf\x1b[14tg\x1b[8;10;10th\x1bZi\x1b[xj",
    ),
    ("synchronized update", "\x1b[?2026ha\x1b[2;2Hb\x1b[?2026lc"),
    ("controls", "a\0b\x01c\x02d\x05e\x7ff\x0bg\x0ch\x1ci"),
    ("C1 controls as UTF-8", "a\u{85}b\u{9b}31mc\u{90}d"),
    ("emoji", "🎉ok ✓✗ ❯ ● ◐ ⏺ ⎿ … “q” 🤖x\r\n⚠ w ✨y"),
    (
        "a redrawn box",
        "╭────╮\r\n│ > │\r\n╰────╯\x1b[2A\x1b[2K\x1b[1G│ \x1b[7mx\x1b[27m  │\x1b[2B\r\x1b[J\x1b[38;5;246m? for shortcuts\x1b[39m",
    ),
];

#[test]
fn every_fixture_looks_as_in_tmux() {
    let server = Server::start();
    let mut wrong = Vec::new();
    for (name, bytes) in FIXTURES {
        let bytes = bytes.replace("{FILL}", FILL).replace("{EDGE}", &edge());
        let (judge, judged_cursor) = server.screen_after(bytes.as_bytes());
        let mut ours = Emulator::new(SIZE);
        ours.feed(bytes.as_bytes(), &mut Fed::default());
        let cursor = ours.screen().cursor();
        if (cursor.row, cursor.col) != judged_cursor {
            wrong.push(format!(
                "{name}: cursor at {},{} where tmux has {judged_cursor:?}",
                cursor.row, cursor.col
            ));
        }
        let cells = differences(ours.screen(), judge.screen());
        wrong.extend(cells.iter().take(4).map(|cell| format!("{name}: {cell}")));
        wrong.extend((cells.len() > 4).then(|| format!("{name}: {} cells in all", cells.len())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
