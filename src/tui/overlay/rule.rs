//! The rule that would allow a prompt from now on: shown before it is written, and editable.
//!
//! Promise: what is written is what is shown; the prompt is answered only once the rule is in place, and only if it is
//! still the one that the page was opened for.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Command, Outcome, Scene, foot, line, open_frame};
use crate::domain::{Mode, Prompt};
use crate::tui::action::Action;
use crate::tui::keymap::Context;
use crate::tui::sight::PromptRef;
use crate::tui::subject;
use crate::tui::theme::Role;
use crate::tui::widget::{Brush, Editor, wrap};

/// The most lines of the subject that are repeated: it has been read before this opened.
const SUBJECT: usize = 2;

#[derive(Debug)]
pub struct RuleForm {
    of: PromptRef,
    name: String,
    prompt: Prompt,
    /// The session's mode when the page was opened.
    mode: Mode,
    step: Step,
    /// What the agent said to the last try: message and hint.
    error: Option<(String, String)>,
}

#[derive(Debug)]
enum Step {
    Asking,
    /// No rule would be safe, or none could be had.
    None,
    Editing(Box<Editor>),
    Writing(Box<Editor>),
}

impl RuleForm {
    pub fn new(of: PromptRef, name: String, prompt: Prompt, mode: Mode) -> Self {
        Self {
            of,
            name,
            prompt,
            mode,
            step: Step::Asking,
            error: None,
        }
    }

    pub fn tell(&mut self, rule: Option<String>) {
        self.step = match rule {
            Some(rule) => Step::Editing(Box::new(Editor::new(rule.trim_end()))),
            None => Step::None,
        };
    }

    pub fn fail(&mut self, message: String, hint: String) {
        self.error = Some((message, hint));
        self.step = match std::mem::replace(&mut self.step, Step::None) {
            Step::Writing(editor) | Step::Editing(editor) => Step::Editing(editor),
            Step::Asking | Step::None => Step::None,
        };
    }

    pub fn contexts(&self) -> &'static [Context] {
        match self.step {
            Step::Editing(_) => &[Context::Text],
            Step::Asking | Step::None | Step::Writing(_) => &[Context::Form],
        }
    }

    pub fn paste(&mut self, text: &str) {
        if let Step::Editing(editor) = &mut self.step {
            editor.paste(text);
        }
    }

    pub fn key(&mut self, key: KeyEvent, action: Option<Action>) -> Outcome {
        let Step::Editing(editor) = &mut self.step else {
            let is_over = matches!(self.step, Step::None) && action == Some(Action::Accept);
            return if is_over {
                Outcome::Close
            } else {
                Outcome::Stay
            };
        };
        if action != Some(Action::Submit) {
            if editor.key(key) {
                self.error = None;
            }
            return Outcome::Stay;
        }
        let text = editor.text();
        if text.trim().is_empty() {
            self.error = Some(("there is no rule".to_owned(), String::new()));
            return Outcome::Stay;
        }
        if let Step::Editing(editor) = std::mem::replace(&mut self.step, Step::None) {
            self.step = Step::Writing(editor);
        }
        Outcome::Ask(Command::AddRule {
            of: self.of.clone(),
            prompt: Box::new(self.prompt.clone()),
            text,
        })
    }

    /// Rows it wants with its frame, in a frame of this width.
    pub fn height(&self, columns: u16) -> u16 {
        let rule = match &self.step {
            Step::Editing(editor) | Step::Writing(editor) => editor.height(),
            Step::Asking | Step::None => 1,
        };
        let subject = u16::try_from(self.subject(columns).len()).unwrap_or(0);
        // Frame, gaps and two lines of words.
        subject + rule + 7
    }

    fn subject(&self, columns: u16) -> Vec<String> {
        let mut lines = wrap(subject::text(&self.prompt), columns.saturating_sub(4));
        lines.truncate(SUBJECT);
        lines
    }

    pub fn draw(&self, buffer: &mut Buffer, area: Rect, scene: &Scene<'_>) {
        let title = format!("Approve {} and add a rule", self.name);
        let inner = open_frame(buffer, area, &title, scene);
        let glyphs = scene.settings.glyphs;
        let mut y = 0;
        for text in self.subject(area.width) {
            Brush::new(buffer, line(inner, y), glyphs).put(&text, scene.style(Role::Name));
            y += 1;
        }
        y += 1;
        let below = inner.height.saturating_sub(2);
        let (words, role) = match (&self.error, &self.step) {
            (Some((message, _)), _) => (message.as_str(), Role::Error),
            (None, Step::None) => ("no rule would be safe for this", Role::NeedsYou),
            (None, Step::Asking) => ("asking for a rule", Role::Muted),
            (None, Step::Writing(_)) => ("writing the rule", Role::Muted),
            (None, Step::Editing(_)) => ("this is added to the policy of its host", Role::Muted),
        };
        let hint = match (&self.error, &self.step) {
            (Some((_, hint)), _) => hint.as_str(),
            (None, Step::None) => "it can be approved once",
            // Who writes a rule and is asked again would think it does not work.
            (None, Step::Editing(_)) if self.mode == Mode::Ask => "rules count only in mode policy",
            _ => "",
        };
        if let Step::Editing(editor) | Step::Writing(editor) = &self.step {
            let field = Rect {
                y: inner.y + y.min(inner.height),
                height: below.saturating_sub(y),
                ..inner
            };
            let is_edited = matches!(self.step, Step::Editing(_));
            editor.draw(buffer, field, scene.style(Role::Text), is_edited);
        }
        Brush::new(buffer, line(inner, below), glyphs).put(words, scene.style(role));
        Brush::new(buffer, line(inner, below + 1), glyphs).put(hint, scene.style(Role::Muted));
        let hints: &[(Action, &str)] = match self.step {
            Step::Editing(_) => &[
                (Action::Submit, "write it and approve"),
                (Action::Cancel, "back"),
            ],
            _ => &[(Action::Cancel, "back")],
        };
        foot(buffer, area, hints, scene);
    }
}
