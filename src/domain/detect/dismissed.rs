//! Why the rules and dialogs that came near did not decide: for people who ask, never on the way of a judgement.

use super::menu::Menu;
use super::screen::Screen;
use super::{Detector, Look, Verdict, rule, try_dialog};
use crate::domain::Dismissed;

impl Detector {
    /// What else could have decided this look, and why it did not; `verdict` is what came of it. In the order of the
    /// profile, its dialogs first.
    pub fn dismissed(&self, look: &Look<'_>, verdict: &Verdict) -> Vec<Dismissed> {
        let Some(profile) = self.profile(look.tool) else {
            return Vec::new();
        };
        let named = |name: &str| format!("{}: {name}", profile.id);
        let mut lost = Vec::new();
        let mut add = |name: &str, why: String| {
            if named(name) != verdict.rule {
                let rule = named(name);
                lost.push(Dismissed { rule, why });
            }
        };
        if !profile.runs_as(look.command) {
            let why = format!("{} is in front", look.command);
            add("everything", why);
            return lost;
        }
        let screen = Screen::new(look);
        let input = profile.input.as_ref().and_then(|shape| screen.input(shape));
        let menu = Menu::find(&screen);
        for dialog in &profile.dialogs {
            let why = match try_dialog(dialog, &screen, menu.as_ref()) {
                Ok(_) if input.is_some() => "the input box is drawn",
                Ok(asked) if asked.prompt.subject.is_empty() => "it does not say what is at stake",
                Ok(_) => "another dialog comes first",
                Err(miss) if miss.is_near() => miss.words(),
                Err(miss) if dialog.is_asked(&screen, menu.as_ref()) => miss.words(),
                Err(_) => continue,
            };
            add(&dialog.name, why.to_owned());
        }
        let seen = rule::Seen::new(&screen, input.as_ref(), profile.turn.as_ref());
        let winner = profile
            .rules
            .iter()
            .find(|rule| named(&rule.name) == verdict.rule);
        for rule in &profile.rules {
            match rule.why_not(&seen) {
                None => {
                    let why = match winner {
                        Some(winner) if winner.priority == rule.priority => {
                            "a rule before it fits".to_owned()
                        }
                        Some(winner) => format!("priority {} < {}", rule.priority, winner.priority),
                        None => "a dialog is open".to_owned(),
                    };
                    add(&rule.name, why);
                }
                Some(why) if why.is_near => add(&rule.name, why.words),
                Some(_) => {}
            }
        }
        lost
    }
}
