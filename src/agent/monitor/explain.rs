//! How a session's state came about, for people: every source's claim, and the screen as it was judged.

use std::time::Instant;

use super::judging::look;
use super::{Cells, Monitor, Scene};
use crate::domain::detect::{Detector, Look};
use crate::domain::{Dismissed, Explanation, Pictured};
use crate::protocol::MAX_TEXT;
use crate::term::{Screen, sanitize};

/// The longest title, in columns: tmux itself cuts longer ones in its status line.
const TITLE_COLS: usize = 400;

impl Monitor {
    /// Everything that is known now. Cleaned, except for the picture, which is text and SGR sequences only.
    /// `detector` is the one that judged.
    pub fn explain(&self, scene: Scene<'_>, detector: &Detector, now: Instant) -> Explanation {
        let told = &self.conclusion;
        let prompt = told.prompt.as_ref();
        Explanation {
            state: told.state.clone(),
            kind: prompt.map(|prompt| prompt.kind),
            subject: prompt.map_or_else(String::new, |prompt| prompt.subject.clone()),
            rule: told.rule.clone(),
            rows: self.said.matched(told.rule.as_str()),
            since: told.since,
            claims: self.said.claims(scene.command, self.found),
            disagreement: told.disagreement.clone(),
            dismissed: self.dismissed(scene, detector, now),
            look: self.picture(scene),
        }
    }

    /// The rules and dialogs that came near, as of the screen that stands now.
    fn dismissed(&self, scene: Scene<'_>, detector: &Detector, now: Instant) -> Vec<Dismissed> {
        let screen = self.screen();
        let quiet_for = now.saturating_duration_since(self.last_output);
        let rows = screen.text();
        let look = Look {
            rows: &rows,
            paint: Some(&Cells(screen)),
            ..look(screen, &self.title, scene, quiet_for)
        };
        detector.dismissed(&look, &detector.judge(&look))
    }

    fn picture(&self, scene: Scene<'_>) -> Pictured {
        let screen = self.screen();
        let (size, cursor) = (screen.size(), screen.cursor());
        Pictured {
            tool: scene.tool.to_owned(),
            cols: size.cols,
            rows: size.rows,
            cursor_x: cursor.col,
            cursor_y: cursor.row,
            cursor_visible: cursor.visible,
            alternate_on: screen.is_alternate(),
            pane_title: sanitize::label(&self.title, TITLE_COLS),
            pane_current_command: sanitize::label(scene.command, TITLE_COLS),
            ansi: drawn(screen),
        }
    }
}

/// The rows of a screen with their colours, as much as one text of the wire holds: without colours when those are too
/// much, and then the lowest rows, where everything stands that waits for somebody.
fn drawn(screen: &Screen) -> String {
    let rows = 0..screen.size().rows;
    let styled: String = rows.map(|row| screen.styled_row(row) + "\n").collect();
    if styled.len() <= MAX_TEXT {
        return styled;
    }
    let mut left = MAX_TEXT;
    let mut plain: Vec<String> = screen.text().into_iter().rev().collect();
    for row in &mut plain {
        row.push('\n');
        if row.len() > left {
            // Rows keep their place.
            "\n".clone_into(row);
        }
        left = left.saturating_sub(row.len());
    }
    plain.reverse();
    plain.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::monitor::Moment;
    use crate::domain::Tools;
    use crate::term::{Emulator, Fed, Size};

    fn pictured(size: Size, text: &str) -> Explanation {
        let instant = Instant::now();
        let now = Moment { instant, wall: 7 };
        let mut monitor = Monitor::new(size, now);
        monitor.output(text.as_bytes(), &mut Vec::new(), now);
        let scene = Scene {
            tool: "shell",
            command: "sh",
        };
        monitor.explain(scene, &Detector::new(Tools::built_in()), instant)
    }

    #[test]
    fn the_picture_is_drawn_as_tmux_captures_it() {
        let text =
            "\x1b]0;my\u{202e}title\x07a \x1b[1;31mred\x1b[0m  \r\n\x1b[7m 日 \x1b[0m\r\n\x1b[?25l";
        let look = pictured(Size::new(20, 3), text).look;
        assert_eq!(look.ansi, "a \x1b[1;31mred\x1b[0m\n\x1b[7m 日 \x1b[0m\n\n");
        assert_eq!((look.cols, look.rows), (20, 3));
        assert_eq!(
            (look.cursor_x, look.cursor_y, look.cursor_visible),
            (0, 2, false)
        );
        assert_eq!(look.pane_title, "my·title");
    }

    #[test]
    fn the_picture_shows_what_the_screen_shows() {
        let text = "\x1b[44mblue\x1b[K\r\n\x1b[0;2mdim\x1b[0m and \x1b[38;5;200mpink\x1b[0m e\u{301}\r\n└─日本";
        let size = Size::new(12, 4);
        let look = pictured(size, text).look;
        let (mut screen, mut again) = (Emulator::new(size), Emulator::new(size));
        screen.feed(text.as_bytes(), &mut Fed::default());
        let picture = look.ansi.trim_end_matches('\n').replace('\n', "\r\n");
        again.feed(picture.as_bytes(), &mut Fed::default());
        assert!(
            again.screen().looks_like(screen.screen()),
            "{:?}",
            look.ansi
        );
    }

    #[test]
    fn a_picture_that_is_too_long_keeps_every_row_in_its_place() {
        let pair = "\x1b[38;2;111;99;99m日\x1b[38;2;222;99;99m月";
        let coloured = pair.repeat(160 * 100 / 2);
        let look = pictured(Size::new(320, 100), &coloured).look;
        assert!(look.ansi.len() <= MAX_TEXT);
        assert_eq!(look.ansi.lines().count(), 100);
        assert!(
            look.ansi
                .lines()
                .last()
                .is_some_and(|row| row.starts_with('日'))
        );
    }
}
