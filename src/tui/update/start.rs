//! Starting sessions: the form, and the three stand-in tools.

use crate::domain::HostId;
use crate::protocol::{Request, StartSession};
use crate::tui::effect::Effect;
use crate::tui::model::{Model, Pending};
use crate::tui::overlay::{Overlay, StartForm};

/// The profile of the stand-in tool, and what its three sessions do.
const DEMO: (&str, [&str; 3]) = ("demo", ["working", "asking", "finishing"]);

pub fn open(model: &mut Model) {
    let form = StartForm::new(&model.scene(), model.selection.as_ref(), &model.here);
    model.overlays.push(Overlay::Start(Box::new(form)));
}

/// Starts the stand-in tools on this machine.
pub fn demo(model: &mut Model) -> Vec<Effect> {
    let (tool, tasks) = DEMO;
    tasks
        .iter()
        .map(|task| {
            let id = model.next_request(Pending::Demo);
            let start = StartSession {
                tool: tool.to_owned(),
                dir: "~".to_owned(),
                task: Some((*task).to_owned()),
                name: Some(format!("demo-{task}")),
            };
            Effect::Send {
                host: HostId::local(),
                id,
                request: Request::Start(start),
            }
        })
        .collect()
}
