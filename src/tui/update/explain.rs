//! Asking how a session's state is known, and keeping screens that were judged wrong.

use std::path::PathBuf;

use crate::domain::Explanation;
use crate::protocol::Request;
use crate::tui::effect::{Effect, Target};
use crate::tui::model::{Dirty, Model, Pending};
use crate::tui::overlay::{ExplainPage, Overlay};
use crate::tui::toast::Level;

/// Opens the page about the selected session.
pub fn open(model: &mut Model) {
    let Some((host, session)) = model.selected() else {
        return;
    };
    if !host.is_live() {
        let words = format!("{} is not connected", host.id);
        model.toast(Level::Refused, words, "");
        return;
    }
    let page = ExplainPage::new(Target::new(&host.id, &session.id), session.name.clone());
    model.overlays.push(Overlay::Explain(Box::new(page)));
}

/// What is shown is asked for, and again when the session has changed. One question at a time: a session that changes
/// faster than its host answers is asked about as often as it answers.
pub fn settle(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(page) = page(&mut model.overlays) else {
        return;
    };
    let target = page.target.clone();
    let Some(host) = model.fleet.host(&target.host).filter(|host| host.is_live()) else {
        page.forget();
        return;
    };
    let Some(session) = host.sessions.get(&target.session) else {
        return;
    };
    if page.is_asking || !page.is_outdated(session) {
        return;
    }
    page.asked(session);
    let id = model.next_request(Pending::Explain {
        target: target.clone(),
    });
    effects.push(Effect::Send {
        host: target.host,
        id,
        request: Request::Explain {
            session: target.session,
        },
    });
}

/// There is one at most: nothing opens over it.
fn page(overlays: &mut [Overlay]) -> Option<&mut ExplainPage> {
    overlays.iter_mut().find_map(|overlay| match overlay {
        Overlay::Explain(page) => Some(&mut **page),
        _ => None,
    })
}

fn page_of<'m>(model: &'m mut Model, target: &Target) -> Option<&'m mut ExplainPage> {
    page(&mut model.overlays).filter(|page| page.target == *target)
}

pub fn told(model: &mut Model, target: &Target, explanation: Explanation) {
    if let Some(page) = page_of(model, target) {
        page.tell(explanation);
    }
}

pub fn failed(model: &mut Model, target: &Target, message: String, hint: String) {
    if let Some(page) = page_of(model, target) {
        page.fail(message, hint);
    }
}

/// A screen was kept, or could not be.
pub fn stored(model: &mut Model, stored: Result<PathBuf, String>) {
    model.raise(Dirty::Now);
    match stored {
        Ok(folder) => {
            model.toast(Level::Done, format!("kept in {}", folder.display()), "");
            if let Some(page) = page(&mut model.overlays) {
                page.kept(folder);
            }
        }
        Err(error) => model.toast(Level::Failed, error, ""),
    }
}
