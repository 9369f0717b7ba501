//! The form that starts a session: where, which tool, what to do, and the exact command before it runs.
//!
//! Promise: nothing typed is lost until the session runs; what the agent refuses is shown here.

use crossterm::event::{KeyCode, KeyEvent};

use super::{Command, Outcome, Scene};
use crate::domain::HostId;
use crate::protocol::{StartSession, Tool};
use crate::tui::action::Action;
use crate::tui::rows::Selection;
use crate::tui::widget::Input;

mod draw;
mod place;
mod words;

use place::{Place, known_places};
use words::{name_from, quoted};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Where,
    Tool,
    Task,
    Name,
}

impl Field {
    const ALL: [Self; 4] = [Self::Where, Self::Tool, Self::Task, Self::Name];

    fn moved(self, by: usize) -> Self {
        let at = Self::ALL
            .iter()
            .position(|field| *field == self)
            .unwrap_or(0);
        Self::ALL[(at + by) % Self::ALL.len()]
    }
}

#[derive(Clone, Debug)]
pub struct StartForm {
    field: Field,
    /// Known folders, the one to start with first.
    places: Vec<Place>,
    typed_place: Input,
    /// The chosen one of the places that match what is typed.
    match_at: usize,
    tool: String,
    /// Whether the person chose the tool: then no other place changes it.
    tool_chosen: bool,
    task: Input,
    name: Input,
    name_edited: bool,
    /// Whether the request is on its way.
    asked: bool,
    /// What went wrong: message and hint.
    error: Option<(String, String)>,
}

impl StartForm {
    /// Opens the form for the folder of the selected session or for the selected host, else for the folder `here` on this
    /// machine.
    pub fn new(scene: &Scene<'_>, selected: Option<&Selection>, here: &str) -> Self {
        let places = known_places(scene, selected, here);
        let mut form = Self {
            field: Field::Task,
            places,
            typed_place: Input::default(),
            match_at: 0,
            tool: String::new(),
            tool_chosen: false,
            task: Input::default(),
            name: Input::default(),
            name_edited: false,
            asked: false,
            error: None,
        };
        form.tool = form.first_tool(scene);
        if !form.takes_task(scene) {
            form.field = Field::Name;
        }
        form
    }

    /// What is typed for a tool that is given no task would go nowhere. A tool that is not known yet may take one.
    fn takes_task(&self, scene: &Scene<'_>) -> bool {
        self.chosen_tool(scene).is_none_or(|tool| tool.takes_task)
    }

    /// The field `by` places on, over the one that takes nothing.
    fn beside(&self, by: usize, scene: &Scene<'_>) -> Field {
        match self.field.moved(by) {
            Field::Task if !self.takes_task(scene) => Field::Task.moved(by),
            field => field,
        }
    }

    /// The wanted tool if it is installed, else the first one that is.
    fn first_tool(&self, scene: &Scene<'_>) -> String {
        let tools = self.tools(scene);
        let of_place = self.place().and_then(|place| place.tool);
        let wanted = of_place.as_ref().unwrap_or(&scene.settings.default_tool);
        let installed = |tool: &&Tool| tool.program.is_some();
        tools
            .iter()
            .copied()
            .filter(installed)
            .find(|tool| tool.id == *wanted)
            .or_else(|| tools.iter().copied().find(installed))
            .map_or_else(|| wanted.clone(), |tool| tool.id.clone())
    }

    /// The tools of the chosen host, installed ones first.
    fn tools<'a>(&self, scene: &Scene<'a>) -> Vec<&'a Tool> {
        let host = self.place().and_then(|place| scene.fleet.host(&place.host));
        let mut tools: Vec<_> = host
            .map(|host| host.tools.iter().collect())
            .unwrap_or_default();
        tools.sort_by_key(|tool: &&Tool| tool.program.is_none());
        tools
    }

    fn chosen_tool<'a>(&self, scene: &Scene<'a>) -> Option<&'a Tool> {
        self.tools(scene)
            .into_iter()
            .find(|tool| tool.id == self.tool)
    }

    /// The known places that fit what is typed.
    fn matches(&self) -> Vec<&Place> {
        let words = self.typed_place.text().to_lowercase();
        self.places
            .iter()
            .filter(|place| {
                let name = place.name.as_deref().unwrap_or_default();
                let shown = format!("{name} {} {}", place.host, place.dir).to_lowercase();
                words.split_whitespace().all(|word| shown.contains(word))
            })
            .collect()
    }

    /// Where the session will run: the chosen match, or a path that was typed out.
    fn place(&self) -> Option<Place> {
        let typed = self.typed_place.text().trim();
        let matches = self.matches();
        if let Some(place) = self.typed_out(typed)
            && (self.match_at == 0 || matches.is_empty())
        {
            return Some(place);
        }
        matches
            .get(self.match_at)
            .or(matches.first())
            .map(|place| (*place).clone())
    }

    /// A path, maybe behind the name of a host: `~/src`, `gpu-2 ~/train`, `gpu-2:/data`.
    fn typed_out(&self, typed: &str) -> Option<Place> {
        let is_path = |text: &str| text.starts_with('/') || text.starts_with('~');
        if is_path(typed) {
            let local = HostId::local();
            let host = self.places.first().map_or(&local, |place| &place.host);
            return Some(Place::new(host, typed));
        }
        let (name, path) = typed.split_once([' ', ':'])?;
        let known = self
            .places
            .iter()
            .find(|place| place.host.as_str() == name)?;
        let path = path.trim();
        is_path(path).then(|| Place::new(&known.host, path))
    }

    /// The name that will be asked for; `None` lets the agent choose.
    fn wanted_name(&self, scene: &Scene<'_>) -> Option<String> {
        if self.name_edited {
            let name = self.name.text().trim();
            return (!name.is_empty()).then(|| name.to_owned());
        }
        self.takes_task(scene)
            .then(|| name_from(self.task.text()))
            .flatten()
    }

    fn request(&self, scene: &Scene<'_>) -> Result<(HostId, StartSession), (String, String)> {
        let failure = |message: &str, hint: &str| Err((message.to_owned(), hint.to_owned()));
        let Some(place) = self.place() else {
            return failure(
                "no known folder is called that",
                "write a path, for example ~/src",
            );
        };
        let host = scene.fleet.host(&place.host);
        if !host.is_some_and(crate::fleet::Host::is_live) {
            let message = format!("{} is not connected", place.host);
            return failure(&message, "wait for it, or choose another host");
        }
        let Some(tool) = self.chosen_tool(scene) else {
            return failure(
                "no tool is chosen",
                "go to the tool line and use the arrow keys",
            );
        };
        if tool.program.is_none() {
            let message = format!("{} is not installed on {}", tool.name, place.host);
            return failure(&message, "install it there, or choose another tool");
        }
        let task = self.task.text().trim();
        let task = (tool.takes_task && !task.is_empty()).then(|| task.to_owned());
        let start = StartSession {
            tool: tool.id.clone(),
            dir: place.dir,
            task,
            name: self.wanted_name(scene),
        };
        Ok((place.host, start))
    }

    /// The agent (or the way to it) said no.
    pub fn fail(&mut self, message: String, hint: String) {
        self.asked = false;
        self.error = Some((message, hint));
    }

    pub fn paste(&mut self, text: &str, scene: &Scene<'_>) {
        match self.field {
            Field::Where => {
                self.typed_place.paste(text);
                self.match_at = 0;
            }
            Field::Tool => {}
            Field::Task => self.task.paste(text),
            Field::Name => self.edit_name(scene).paste(text),
        }
        self.error = None;
    }

    /// The name as far as it is known becomes the text that is edited.
    fn edit_name(&mut self, scene: &Scene<'_>) -> &mut Input {
        if !self.name_edited {
            self.name = Input::new(&self.wanted_name(scene).unwrap_or_default());
            self.name_edited = true;
        }
        &mut self.name
    }

    pub fn key(&mut self, key: KeyEvent, action: Option<Action>, scene: &Scene<'_>) -> Outcome {
        match action {
            Some(Action::NextItem) if self.field == Field::Where => {
                let last = self.matches().len().saturating_sub(1);
                self.match_at = (self.match_at + 1).min(last);
            }
            Some(Action::PreviousItem) if self.field == Field::Where => {
                self.match_at = self.match_at.saturating_sub(1);
            }
            Some(Action::NextItem | Action::NextField) => {
                self.leave_for(self.beside(1, scene), scene);
            }
            Some(Action::PreviousItem | Action::PreviousField) => {
                self.leave_for(self.beside(3, scene), scene);
            }
            Some(action @ (Action::Accept | Action::AcceptAndAttach)) => {
                return self.ask(action == Action::AcceptAndAttach, scene);
            }
            _ => self.edit(key, scene),
        }
        Outcome::Stay
    }

    fn leave_for(&mut self, field: Field, scene: &Scene<'_>) {
        self.field = field;
        // Another host may have other tools, and another place its own.
        if !self.tool_chosen || self.chosen_tool(scene).is_none() {
            self.tool = self.first_tool(scene);
        }
    }

    fn ask(&mut self, attach: bool, scene: &Scene<'_>) -> Outcome {
        if self.asked {
            return Outcome::Stay;
        }
        match self.request(scene) {
            Ok((host, start)) => {
                self.asked = true;
                self.error = None;
                Outcome::Ask(Command::Start {
                    host,
                    start,
                    attach,
                })
            }
            Err(error) => {
                self.error = Some(error);
                Outcome::Stay
            }
        }
    }

    fn edit(&mut self, key: KeyEvent, scene: &Scene<'_>) {
        let changed = match self.field {
            Field::Where => {
                let changed = self.typed_place.key(key);
                if changed {
                    self.match_at = 0;
                }
                changed
            }
            Field::Tool => self.choose_tool(key, scene),
            Field::Task => self.task.key(key),
            Field::Name => self.edit_name(scene).key(key),
        };
        if changed {
            self.error = None;
        }
    }

    /// Arrow keys and space step through the installed tools, a letter goes to one that begins with it.
    fn choose_tool(&mut self, key: KeyEvent, scene: &Scene<'_>) -> bool {
        let tools: Vec<_> = self
            .tools(scene)
            .into_iter()
            .filter(|tool| tool.program.is_some())
            .collect();
        if tools.is_empty() {
            return false;
        }
        let at = tools.iter().position(|tool| tool.id == self.tool);
        let next = match (key.code, at) {
            (KeyCode::Right | KeyCode::Char(' '), Some(at)) => (at + 1) % tools.len(),
            (KeyCode::Left, Some(at)) => (at + tools.len() - 1) % tools.len(),
            (KeyCode::Left | KeyCode::Right, None) => 0,
            (KeyCode::Char(letter), at) => {
                let begins = |tool: &Tool| tool.short.starts_with(letter);
                let after = at.map_or(0, |at| at + 1);
                let found = (0..tools.len())
                    .map(|step| (after + step) % tools.len())
                    .find(|index| begins(tools[*index]));
                match found {
                    Some(index) => index,
                    None => return false,
                }
            }
            _ => return false,
        };
        self.tool.clone_from(&tools[next].id);
        self.tool_chosen = true;
        true
    }

    /// The command line as it will run, for reading.
    fn command_line(&self, scene: &Scene<'_>) -> Option<String> {
        let tool = self.chosen_tool(scene)?;
        let task = self.task.text().trim();
        let words: Vec<_> = tool
            .command
            .iter()
            .filter(|word| !(word.contains("{task}") && (task.is_empty() || !tool.takes_task)))
            .map(|word| quoted(&word.replace("{task}", task)))
            .collect();
        Some(words.join(" "))
    }
}
