//! How the start form looks.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::{Scene, first_shown, foot, line, open_frame};
use super::{Field, Place, StartForm};
use crate::tui::action::Action;
use crate::tui::look;
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, Input, fill, select, width, wrap};

/// Columns of the labels at the left.
const LABEL: u16 = 9;
/// The most known folders that are listed at once.
const LISTED: u16 = 6;

impl StartForm {
    pub fn draw(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let inner = open_frame(buffer, area, "New session", scene);
        // In a low terminal the blank lines go first.
        let airy = inner.height >= 10;
        let [place, tool, task, name, runs, error] = if airy {
            [1, 2, 3, 5, 7, 10]
        } else {
            [0, 1, 2, 3, 4, inner.height.saturating_sub(1)]
        };
        self.draw_place(buffer, line(inner, place), scene);
        self.draw_tools(buffer, line(inner, tool), scene);
        self.draw_task(buffer, line(inner, task), scene);
        self.draw_name(buffer, line(inner, name), scene);
        let rows = Rect {
            height: error.saturating_sub(runs),
            ..line(inner, runs)
        };
        self.draw_command(buffer, rows, scene);
        if let Some((message, hint)) = &self.error {
            let mut brush = Brush::new(buffer, line(inner, error), scene.settings.glyphs);
            brush.put(message, scene.style(Role::Error));
            if brush.room() > width(hint) + 2 {
                brush.skip(2).put(hint, scene.style(Role::Muted));
            } else if airy {
                Brush::new(buffer, line(inner, error + 1), scene.settings.glyphs)
                    .put(hint, scene.style(Role::Muted));
            }
        } else if self.asked {
            Brush::new(buffer, line(inner, error), scene.settings.glyphs)
                .put("starting", scene.style(Role::Muted))
                .put(scene.settings.glyphs.ellipsis(), scene.style(Role::Muted));
        }
        foot(
            buffer,
            area,
            &[
                (Action::Accept, "start"),
                (Action::AcceptAndAttach, "start and attach"),
                (Action::NextField, "next"),
                (Action::Cancel, "cancel"),
            ],
            scene,
        );
        if self.field == Field::Where {
            self.draw_matches(buffer, inner, place + 1, scene);
        }
    }

    /// Writes a row's label and returns the rest of the row.
    fn label(
        &self,
        buffer: &mut Buffer,
        row: Rect,
        field: Option<Field>,
        words: &str,
        scene: &Scene<'_>,
    ) -> Rect {
        let role = if field == Some(self.field) {
            Role::Name
        } else {
            Role::Muted
        };
        Brush::new(buffer, row, scene.settings.glyphs).put_within(words, LABEL, scene.style(role));
        let taken = LABEL.min(row.width);
        Rect {
            x: row.x + taken,
            width: row.width - taken,
            ..row
        }
    }

    fn draw_place(&self, buffer: &mut Buffer, row: Rect, scene: &Scene<'_>) {
        let rest = self.label(buffer, row, Some(Field::Where), "where", scene);
        if self.field == Field::Where {
            let known = format!("{} known, type to filter", self.places.len());
            let field = Rect {
                width: rest.width.saturating_sub(width(&known) + 2),
                ..rest
            };
            draw_input(&self.typed_place, buffer, field, scene, true);
            let at = Rect {
                x: field.right(),
                width: rest.width - field.width,
                ..rest
            };
            let columns = at.width;
            Brush::new(buffer, at, scene.settings.glyphs).column_right(
                &known,
                columns,
                scene.style(Role::Muted),
            );
            return;
        }
        let mut brush = Brush::new(buffer, rest, scene.settings.glyphs);
        let Some(place) = self.place() else {
            brush.put("no known folder is called that", scene.style(Role::Error));
            return;
        };
        brush
            .put(place.host.as_str(), scene.style(Role::Name))
            .skip(1)
            .put(&place.dir, scene.style(Role::Text));
        if let Some(name) = &place.name {
            brush.skip(2).put(name, scene.style(Role::Muted));
        }
        put_state(&mut brush, &place, scene);
    }

    fn draw_tools(&self, buffer: &mut Buffer, row: Rect, scene: &Scene<'_>) {
        let rest = self.label(buffer, row, Some(Field::Tool), "tool", scene);
        let mut brush = Brush::new(buffer, rest, scene.settings.glyphs);
        let tools = self.tools(scene);
        if tools.is_empty() {
            brush.put("none known yet", scene.style(Role::Muted));
        }
        for tool in tools.iter().filter(|tool| tool.program.is_some()) {
            if tool.id == self.tool {
                let focused = self.field == Field::Tool;
                let role = if focused { Role::Key } else { Role::Finished };
                brush
                    .put(scene.settings.glyphs.pick("● ", "* "), scene.style(role))
                    .put(&tool.short, scene.style(Role::Name));
                if tool.is_untested {
                    brush.skip(1).put("untested", scene.style(Role::Muted));
                }
            } else {
                brush.put(&tool.short, scene.style(Role::Text));
            }
            brush.skip(3);
        }
        let missing: Vec<_> = tools
            .iter()
            .filter(|tool| tool.program.is_none())
            .map(|tool| tool.short.as_str())
            .collect();
        if !missing.is_empty() && brush.room() > 16 {
            brush.put(
                &format!("not installed: {}", missing.join(", ")),
                scene.style(Role::Muted),
            );
        }
    }

    fn draw_task(&self, buffer: &mut Buffer, row: Rect, scene: &Scene<'_>) {
        let rest = self.label(buffer, row, Some(Field::Task), "task", scene);
        if self.chosen_tool(scene).is_some_and(|tool| !tool.takes_task) {
            let role = if self.field == Field::Task {
                Role::Text
            } else {
                Role::Muted
            };
            Brush::new(buffer, rest, scene.settings.glyphs)
                .put("this tool is given none", scene.style(role));
            return;
        }
        let focused = self.field == Field::Task;
        draw_input(&self.task, buffer, rest, scene, focused);
        if self.task.is_empty() && rest.width > 2 {
            let hint = Rect {
                x: rest.x + 2,
                width: rest.width - 2,
                ..rest
            };
            Brush::new(buffer, hint, scene.settings.glyphs)
                .put("what it should do; may be empty", scene.style(Role::Muted));
        }
    }

    fn draw_name(&self, buffer: &mut Buffer, row: Rect, scene: &Scene<'_>) {
        let rest = self.label(buffer, row, Some(Field::Name), "name", scene);
        if self.name_edited {
            draw_input(&self.name, buffer, rest, scene, self.field == Field::Name);
            return;
        }
        let wanted = self.wanted_name(scene);
        let focused = self.field == Field::Name;
        if focused {
            let typed = Input::new(wanted.as_deref().unwrap_or_default());
            draw_input(&typed, buffer, rest, scene, true);
        } else if let Some(name) = &wanted {
            Brush::new(buffer, rest, scene.settings.glyphs).put(name, scene.style(Role::Text));
        }
        let taken = wanted.as_ref().map_or(0, |name| width(name)) + 2;
        let at = Rect {
            x: rest.x + taken.min(rest.width),
            width: rest.width.saturating_sub(taken),
            ..rest
        };
        let note = if wanted.is_some() {
            "from the task; change it"
        } else {
            "made from tool and folder; change it"
        };
        Brush::new(buffer, at, scene.settings.glyphs).put(note, scene.style(Role::Muted));
    }

    /// The command and where it runs, in as many of the `rows` as they need.
    fn draw_command(&self, buffer: &mut Buffer, rows: Rect, scene: &Scene<'_>) {
        let first = self.label(buffer, line(rows, 0), None, "runs", scene);
        let glyphs = scene.settings.glyphs;
        let (Some(command), Some(place)) = (self.command_line(scene), self.place()) else {
            Brush::new(buffer, first, glyphs).put("nothing yet", scene.style(Role::Muted));
            return;
        };
        let around = format!("in {} on {}", place.dir, place.host);
        let rest = Rect {
            height: rows.height,
            ..first
        };
        let mut lines = wrap(&command, rest.width);
        let is_one = lines.len() == 1 && width(&command) + 3 + width(&around) <= rest.width;
        let most = usize::from(rest.height.saturating_sub(1)).max(1);
        if lines.len() > most {
            lines.truncate(most);
            let last = lines.last_mut().expect("one is left at least");
            last.push_str(glyphs.ellipsis());
        }
        for (index, text) in (0..).zip(&lines) {
            let mut brush = Brush::new(buffer, line(rest, index), glyphs);
            brush.put(text, scene.style(Role::Text));
            if is_one {
                brush.skip(3).put(&around, scene.style(Role::Muted));
            }
        }
        if !is_one {
            let below = u16::try_from(lines.len()).unwrap_or(u16::MAX);
            Brush::new(buffer, line(rest, below), glyphs).put(&around, scene.style(Role::Muted));
        }
    }

    fn draw_matches(&self, buffer: &mut Buffer, inner: Rect, first: u16, scene: &Scene<'_>) {
        let matches = self.matches();
        let room = LISTED.min(inner.height.saturating_sub(first));
        let shown = first_shown(self.match_at, usize::from(room));
        for (row, (index, place)) in
            (first..first + room).zip(matches.iter().enumerate().skip(shown))
        {
            let row = line(inner, row);
            let row = Rect {
                x: row.x + LABEL.min(row.width),
                width: row.width.saturating_sub(LABEL),
                ..row
            };
            fill(buffer, row, scene.style(Role::Bar));
            Brush::new(buffer, row, scene.settings.glyphs)
                .skip(1)
                .put(
                    place.host.as_str(),
                    scene.style(Role::Name).patch(scene.style(Role::Bar)),
                )
                .skip(1)
                .put(
                    &place.dir,
                    scene.style(Role::Text).patch(scene.style(Role::Bar)),
                );
            let mut brush = Brush::new(buffer, row, scene.settings.glyphs);
            let name = place.name.as_deref().unwrap_or_default();
            brush
                .skip(1)
                .skip(width(place.host.as_str()) + width(&place.dir) + 3)
                .put(name, scene.style(Role::Muted).patch(scene.style(Role::Bar)));
            put_state(&mut brush, place, scene);
            if index == self.match_at {
                select(buffer, row, scene.style(Role::Selection));
            }
        }
    }
}

/// Says at the right end when a place cannot be used now.
fn put_state(brush: &mut Brush<'_>, place: &Place, scene: &Scene<'_>) {
    let Some(host) = scene.fleet.host(&place.host).filter(|host| !host.is_live()) else {
        return;
    };
    let (glyph, word, role) = look::host(scene.settings.glyphs, host, false, scene.now.unix);
    let words = format!("{glyph} {word}");
    brush.keep(1);
    let room = brush.room();
    if width(&words) + 2 <= room {
        brush.column_right(&words, room, scene.style(role));
    }
}

/// An input that shows where it can be typed in: underlined while it has the keys.
fn draw_input(input: &Input, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>, focused: bool) {
    let style = scene.style(Role::Text);
    let style = if focused { style.underlined() } else { style };
    input.draw(buffer, area, style, focused);
}
