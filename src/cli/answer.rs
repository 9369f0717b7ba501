//! `cm-tui approve|deny SESSION [PROMPT]`: answers the prompt of a session.
//!
//! Promise: one prompt is answered, which is named; when another one stands there by now, nothing is.

use std::process::ExitCode;

use super::exit::{CommandError, Exit};
use super::pick::{self, Found, Scope, Where};
use super::reach::{Reach, World, block_on};
use super::{Globals, exit, say};
use crate::domain::{Answer, Prompt};
use crate::protocol::Request;
use crate::term::sanitize;

/// The widest name or subject that is repeated, in columns.
const COLUMNS: usize = 300;

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct Arguments {
    /// Its name or id, or the beginning of one
    pub session: String,

    /// The number of the prompt, as "cm-tui status SESSION" shows it. When another
    /// prompt stands there by now, nothing is answered
    pub prompt: Option<u64>,

    #[command(flatten)]
    pub place: Where,
}

#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
#[command(after_help = exit::HELP)]
pub struct DenyArguments {
    #[command(flatten)]
    pub which: Arguments,

    /// What the tool is told with the no. Refused where its prompt takes a key and no
    /// words
    #[arg(
        long,
        short,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub message: String,
}

pub fn approve(arguments: &Arguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    answer(arguments, globals, Answer::Yes, "")
}

pub fn deny(arguments: &DenyArguments, globals: &Globals) -> Result<ExitCode, CommandError> {
    let message = arguments.message.trim();
    answer(&arguments.which, globals, Answer::No, message)
}

fn answer(
    arguments: &Arguments,
    globals: &Globals,
    answer: Answer,
    message: &str,
) -> Result<ExitCode, CommandError> {
    let world = World::new(globals)?;
    let scope = Scope::new(&world, &arguments.place)?;
    block_on(async {
        let mut reach = Reach::start(scope.hosts.clone());
        let found = pick::find(&mut reach, &scope, &arguments.session).await?;
        let prompt = meant(&found, arguments.prompt)?;
        let request = Request::AnswerPrompt {
            session: found.session.id.clone(),
            prompt: prompt.id,
            answer,
            message: message.to_owned(),
        };
        reach.order(&found.host, request).await?;
        let verb = match answer {
            Answer::Yes => "approved",
            Answer::No => "denied",
        };
        say::print(&format!(
            "{verb} {} of {}: {}\n",
            prompt.id.0,
            name(&found),
            about(prompt)
        ))?;
        Ok(ExitCode::SUCCESS)
    })
}

/// The prompt that stands there, if it is the one that is meant.
fn meant(found: &Found, wanted: Option<u64>) -> Result<&Prompt, CommandError> {
    let refused = |message: String, hint: String| CommandError::new(Exit::Refused, message, hint);
    let Some(prompt) = &found.session.prompt else {
        return Err(refused(
            format!("{} asks nothing; nothing was answered", name(found)),
            format!("it is {}", found.session.state.word()),
        ));
    };
    match wanted {
        Some(wanted) if wanted != prompt.id.0 => Err(refused(
            format!(
                "prompt {wanted} of {} is gone; nothing was answered",
                name(found)
            ),
            format!("now it asks, as {}: {}", prompt.id.0, about(prompt)),
        )),
        _ => Ok(prompt),
    }
}

fn name(found: &Found) -> String {
    sanitize::label(&found.session.name, COLUMNS)
}

fn about(prompt: &Prompt) -> String {
    let subject = if prompt.subject.is_empty() {
        &prompt.question
    } else {
        &prompt.subject
    };
    let subject = sanitize::label(subject, COLUMNS);
    format!("{} {subject}", prompt.kind.word())
        .trim_end()
        .to_owned()
}
