//! `cm-tui ctx add|edit|remove|enable|disable`.

use std::process::{Command, ExitCode};

use toml_edit::{Array, Value};

use super::edit::{Field, Settings};
use super::no_context;
use crate::cli::exit::{CommandError, Exit};
use crate::cli::reach::{broken, paths};
use crate::cli::say;
use crate::config;

/// What a context is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Fields {
    /// The folder that new sessions start in: absolute, or from "~"
    #[arg(long)]
    dir: Option<String>,

    /// The tool that a new session starts with
    #[arg(long)]
    tool: Option<String>,

    /// A file of rules for answering prompts in this folder of this machine; they
    /// add to those that hold everywhere
    #[arg(long, value_name = "FILE")]
    policy: Option<String>,

    /// The user to log in as, instead of what ~/.ssh/config says; so for the next
    /// three
    #[arg(long)]
    user: Option<String>,

    #[arg(long, help = "The port of its sshd")]
    port: Option<u16>,

    /// A private key file of this machine
    #[arg(long, value_name = "FILE")]
    identity: Option<String>,

    /// Hosts to go through, as for ssh -J; "none" for a direct way
    #[arg(long, value_name = "HOSTS")]
    jump: Option<String>,

    /// Who speaks SSH: ssh (this program) or openssh (the system's)
    #[arg(long, value_parser = ["ssh", "openssh"], hide_possible_values = true)]
    transport: Option<String>,

    /// Whether cm-agent may be put there: ask, always or never
    #[arg(long, value_parser = ["ask", "always", "never"], hide_possible_values = true)]
    install: Option<String>,

    /// A word to filter by; may be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
}

impl Fields {
    /// What was given; an empty text takes a setting away.
    fn list(&self) -> Vec<Field> {
        let texts = [
            ("dir", &self.dir),
            ("tool", &self.tool),
            ("policy", &self.policy),
            ("user", &self.user),
            ("identity", &self.identity),
            ("jump", &self.jump),
            ("transport", &self.transport),
            ("install", &self.install),
        ];
        let mut fields: Vec<Field> = texts
            .into_iter()
            .filter_map(|(key, text)| Some((key, text_value(text.as_deref()?))))
            .collect();
        fields.extend(self.port.map(|port| ("port", Some(i64::from(port).into()))));
        if !self.tags.is_empty() {
            let tags: Array = self.tags.iter().filter(|tag| !tag.is_empty()).collect();
            let tags = Some(tags).filter(|tags| !tags.is_empty());
            fields.push(("tags", tags.map(Value::Array)));
        }
        fields
    }
}

fn text_value(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| text.into())
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Add {
    /// What you call it: letters, digits, "-", "_" and "."
    name: String,

    /// What you type after ssh; without, it is a folder of this machine
    host: Option<String>,

    #[command(flatten)]
    fields: Fields,
}

pub fn add(arguments: &Add) -> Result<ExitCode, CommandError> {
    let name = &arguments.name;
    let mut settings = Settings::open()?;
    if settings.config.contexts.contains_key(name) {
        return Err(CommandError::new(
            Exit::Refused,
            format!("there is a context “{name}” already"),
            format!("change it: cm-tui ctx edit {name}"),
        ));
    }
    let host = arguments.host.as_deref();
    let mut fields: Vec<Field> = host
        .map(|host| ("host", Some(host.into())))
        .into_iter()
        .collect();
    fields.extend(arguments.fields.list());
    settings.set(name, &fields)?;
    settings.write()?;
    let file = settings.file().display();
    let next = if host.is_some() {
        format!("try it: cm-tui ctx test {name}\n")
    } else {
        String::new()
    };
    say::print(&format!("added {name} to {file}\n{next}"))?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Edit {
    /// The context, and what to change of it; without, the settings are opened in
    /// $VISUAL or $EDITOR
    name: Option<String>,

    /// What you type after ssh. Here and below, "" takes a setting away
    #[arg(long)]
    host: Option<String>,

    #[command(flatten)]
    fields: Fields,
}

pub fn edit(arguments: &Edit) -> Result<ExitCode, CommandError> {
    let mut fields = arguments.fields.list();
    if let Some(host) = &arguments.host {
        fields.push(("host", text_value(host)));
    }
    match (&arguments.name, fields.as_slice()) {
        (None, []) => edit_by_hand(),
        (None, [..]) => Err(CommandError::new(
            Exit::Usage,
            "which context is to be changed?",
            "cm-tui ctx edit NAME …",
        )),
        (Some(name), []) => Err(CommandError::new(
            Exit::Usage,
            format!("what is to be changed of “{name}”?"),
            "cm-tui ctx edit --help names the settings",
        )),
        (Some(name), fields) => {
            change(name, fields)?;
            say::print(&format!("changed {name}\n"))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

pub fn switch(name: &str, is_on: bool) -> Result<ExitCode, CommandError> {
    // It is on when nothing is said.
    let value = (!is_on).then(|| false.into());
    change(name, &[("enabled", value)])?;
    let word = if is_on { "on" } else { "off" };
    say::print(&format!("{name} is switched {word}\n"))?;
    Ok(ExitCode::SUCCESS)
}

pub fn remove(name: &str) -> Result<ExitCode, CommandError> {
    let mut settings = Settings::open()?;
    if !settings.config.contexts.contains_key(name) {
        return Err(no_context(&settings.config.contexts, name));
    }
    settings.remove(name)?;
    settings.write()?;
    say::print(&format!("removed {name}; its sessions live on\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn change(name: &str, fields: &[Field]) -> Result<(), CommandError> {
    let mut settings = Settings::open()?;
    if !settings.config.contexts.contains_key(name) {
        return Err(no_context(&settings.config.contexts, name));
    }
    settings.set(name, fields)?;
    settings.write()
}

/// Opens the settings, and says what is wrong with them afterwards.
fn edit_by_hand() -> Result<ExitCode, CommandError> {
    let file = paths()?.config_file();
    if !file.exists() {
        let failed =
            |error| CommandError::because(format!("cannot write {}", file.display()), &error);
        if let Some(dir) = file.parent() {
            std::fs::create_dir_all(dir).map_err(failed)?;
        }
        // Somebody who opens it wants to see what there is.
        std::fs::write(&file, config::SAMPLE).map_err(failed)?;
    }
    let editor = ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    // As git does it: the variable is a command line.
    let status = Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$@\""))
        .arg(&editor)
        .arg(&file)
        .status()
        .map_err(|error| CommandError::because(format!("cannot run {editor}"), &error))?;
    if !status.success() {
        let hint = "set EDITOR to the editor that you use";
        return Err(CommandError::failed(format!("{editor}: {status}"), hint));
    }
    let (_config, warnings) = config::load(&file).map_err(|error| broken(&error))?;
    for warning in &warnings {
        say::complain(&broken(&warning.0));
    }
    Ok(ExitCode::SUCCESS)
}
