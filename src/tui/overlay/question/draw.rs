//! How a host's question looks: what has to be read, line by line, and the fields below it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::{Scene, centred, first_shown, foot, line, open_frame};
use super::QuestionForm;
use super::words::{Line, NARROW, Room, label_columns, name};
use crate::transport::asking::{Question, SecretsQuestion};
use crate::tui::action::Action;
use crate::tui::questions::subject;
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, clean, width};

/// The widest a question gets, in columns: a fingerprint with its label fits.
const WIDEST: u16 = 76;
impl QuestionForm {
    pub fn area(&self, screen: Rect) -> Rect {
        let columns = WIDEST.min(screen.width.saturating_sub(2));
        let inside = columns.saturating_sub(4);
        let rows = self.lines(inside, Room::Ample).len() + self.field_rows(inside);
        centred(screen, WIDEST, u16::try_from(rows + 2).unwrap_or(u16::MAX))
    }

    /// Whether everything that has to be read fits into `area` with its frame.
    pub(super) fn fits(&self, area: Rect) -> bool {
        let inside = area.width.saturating_sub(4);
        let least = self.lines(inside, Room::Scarce).len() + self.field_rows(inside).min(2);
        least + 2 <= usize::from(area.height)
    }

    /// Whether labels of fields stand above them.
    fn is_stacked(&self, columns: u16) -> bool {
        let Question::Secrets(secrets) = &self.question else {
            return false;
        };
        let widest = secrets
            .fields
            .iter()
            .map(|field| width(&clean(&field.label)));
        widest.max().unwrap_or(0) + 2 > columns / 2
    }

    fn field_rows(&self, columns: u16) -> usize {
        self.fields.len() * if self.is_stacked(columns) { 2 } else { 1 }
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let inner = open_frame(buffer, area, &self.title(scene, area.width), scene);
        let fields = self.field_rows(inner.width);
        let ample = self.lines(inner.width, Room::Ample);
        let lines = if ample.len() + fields <= usize::from(inner.height) {
            ample
        } else {
            self.lines(inner.width, Room::Scarce)
        };
        // The field that has the keys stays in sight, whatever a host writes above it.
        let each = if self.is_stacked(inner.width) { 2 } else { 1 };
        let least = if fields == 0 { 0 } else { each };
        let above = lines
            .len()
            .min(usize::from(inner.height).saturating_sub(least));
        for (index, shown) in (0..inner.height).zip(lines.iter().take(above)) {
            draw_line(shown, buffer, line(inner, index), scene);
        }
        let above = u16::try_from(above).unwrap_or(inner.height);
        let rest = Rect {
            y: inner.y + above,
            height: inner.height - above,
            ..inner
        };
        match &self.question {
            Question::HostKey(_) => self.draw_trust(buffer, rest, scene),
            Question::Secrets(secrets) => self.draw_fields(secrets, buffer, rest, scene),
            Question::Install(_) | Question::TryAgain { .. } => {}
        }
        foot(buffer, area, &self.hints(area), scene);
    }

    fn title(&self, scene: &Scene<'_>, columns: u16) -> String {
        let title = format!(
            "{} {} {}",
            name(self.host.as_str()),
            scene.settings.glyphs.dot(),
            subject(&self.question)
        );
        let others = scene.questions.saturating_sub(1);
        let count = format!("{title} {} {others} more", scene.settings.glyphs.dot());
        if others == 0 || width(&count) + 8 > columns {
            title
        } else {
            count
        }
    }

    fn hints(&self, area: Rect) -> Vec<(Action, &'static str)> {
        match &self.question {
            Question::HostKey(_) => {
                vec![(Action::Accept, "answer"), (Action::Cancel, "refuse")]
            }
            Question::Secrets(_) => {
                let is_last = self.field + 1 >= self.fields.len();
                let mut hints = vec![(Action::Accept, if is_last { "send" } else { "next" })];
                if self.fields.len() > 1 {
                    hints.push((Action::NextField, "next field"));
                }
                hints.push((Action::Cancel, "cancel"));
                hints
            }
            _ if !self.fits(area) => vec![(Action::ConfirmNo, "no (too small for yes)")],
            Question::Install(_) => {
                vec![
                    (Action::ConfirmYes, "install"),
                    (Action::ConfirmNo, "not now"),
                ]
            }
            Question::TryAgain { .. } => {
                vec![
                    (Action::ConfirmYes, "try again"),
                    (Action::ConfirmNo, "leave it"),
                ]
            }
        }
    }

    fn draw_trust(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let row = line(area, 0);
        let words = if row.width < NARROW {
            "type yes"
        } else {
            "to trust it, type yes"
        };
        let mut brush = Brush::new(buffer, row, scene.settings.glyphs);
        brush.put(words, scene.style(Role::Key)).skip(2);
        let taken = row.width - brush.room();
        self.draw_input(0, buffer, right_of(row, taken), scene);
    }

    fn draw_fields(
        &self,
        secrets: &SecretsQuestion,
        buffer: &mut Buffer,
        area: Rect,
        scene: &Scene<'_>,
    ) {
        let glyphs = scene.settings.glyphs;
        let stacked = self.is_stacked(area.width);
        let each: u16 = if stacked { 2 } else { 1 };
        let room = usize::from(area.height / each);
        let first = first_shown(self.field, room);
        let labels = secrets
            .fields
            .iter()
            .map(|field| width(&clean(&field.label)));
        let label = labels.max().unwrap_or(0) + 2;
        let shown = secrets.fields.iter().enumerate().skip(first).take(room);
        for (row, (index, field)) in (0..).step_by(usize::from(each)).zip(shown) {
            let role = if index == self.field {
                Role::Name
            } else {
                Role::Muted
            };
            let row = line(area, row);
            Brush::new(buffer, row, glyphs).put(&field.label, scene.style(role));
            let at = if stacked {
                Rect {
                    y: row.y + u16::from(row.height > 0),
                    ..row
                }
            } else {
                right_of(row, label)
            };
            self.draw_input(index, buffer, at.intersection(area), scene);
        }
    }

    fn draw_input(&self, index: usize, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        if let Some(input) = self.fields.get(index) {
            let glyphs = scene.settings.glyphs;
            input.draw(
                buffer,
                area,
                glyphs,
                scene.style(Role::Text),
                index == self.field,
            );
        }
    }
}

fn draw_line(shown: &Line, buffer: &mut Buffer, row: Rect, scene: &Scene<'_>) {
    let mut brush = Brush::new(buffer, row, scene.settings.glyphs);
    match shown {
        Line::Blank => {}
        Line::Text(text, role) => {
            brush.put(text, scene.style(*role));
        }
        Line::Fact(label, text, role) => {
            brush
                .column(label, label_columns(row.width), scene.style(Role::Muted))
                .put(text, scene.style(*role));
        }
        Line::Said(text) => {
            brush
                .put(scene.settings.glyphs.divider(), scene.style(Role::Rule))
                .skip(1)
                .put(text, scene.style(Role::Muted));
        }
    }
}

fn right_of(row: Rect, columns: u16) -> Rect {
    let taken = columns.min(row.width);
    Rect {
        x: row.x + taken,
        width: row.width - taken,
        ..row
    }
}
