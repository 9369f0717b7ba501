//! What hosts ask on the way, asked of the person at the terminal. Without one the answer is "no", as everywhere.
//!
//! Promise: a secret is not shown while it is typed, and the terminal is as it was afterwards, also after ctrl-c.

use std::fs::File;
use std::io::{self, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::say;
use crate::domain::HostId;
use crate::term::sanitize;
use crate::transport::asking::{Answer, Asked, Question, Secret, SecretsQuestion};

/// The widest foreign text, in columns.
const COLUMNS: usize = 200;
/// The longest secret, in bytes: longer than any passphrase, shorter than a file that somebody pasted.
const LONGEST: usize = 4096;

/// Puts one question to the person and hands the answer back.
pub async fn put(host: &HostId, asked: Asked) {
    if !say::is_attended() {
        return;
    }
    let (host, question) = (host.to_string(), asked.question.clone());
    // Other hosts go on meanwhile.
    let answer = tokio::task::spawn_blocking(move || ask(&host, &question)).await;
    asked.answer(answer.unwrap_or(Answer::No));
}

fn ask(host: &str, question: &Question) -> Answer {
    let clean = |text: &str| sanitize::label(text, COLUMNS);
    let words = match question {
        Question::HostKey(key) => format!(
            "{}: nobody knows the key of {} yet.\n  {} {}\nIs it the right one? It is then added to {}.",
            host,
            clean(&key.host),
            clean(&key.algorithm),
            clean(&key.fingerprint),
            clean(&key.file)
        ),
        Question::Install(install) => format!(
            "{host}: there is no cm-agent that can be used. Put one at {} ({} KiB)?",
            clean(&install.path),
            install.bytes / 1024
        ),
        Question::TryAgain { message, hint } => {
            format!("{host}: {}\n{}\nTry again?", clean(message), clean(hint))
        }
        Question::Secrets(secrets) => return ask_secrets(host, secrets).unwrap_or(Answer::No),
    };
    if say::confirm(&words) {
        Answer::Yes
    } else {
        Answer::No
    }
}

fn ask_secrets(host: &str, asked: &SecretsQuestion) -> io::Result<Answer> {
    let mut tty = File::options().read(true).write(true).open("/dev/tty")?;
    let lines = asked.complaint.iter().map(String::as_str);
    let lines = lines
        .chain([asked.title.as_str()])
        .chain(asked.instructions.lines());
    for line in lines {
        writeln!(tty, "{host}: {}", sanitize::label(line, COLUMNS))?;
    }
    let mut secrets = Vec::new();
    for field in &asked.fields {
        write!(tty, "{} ", sanitize::label(&field.label, COLUMNS))?;
        tty.flush()?;
        let Some(secret) = read_hidden(&mut tty)? else {
            return Ok(Answer::No);
        };
        secrets.push(secret);
    }
    Ok(Answer::Secrets(secrets))
}

/// Reads a line without showing it; `None` when the person gives up.
fn read_hidden(tty: &mut File) -> io::Result<Option<Secret>> {
    let before = tcgetattr(&*tty)?;
    let mut hidden = before.clone();
    // Without signals, so that ctrl-c cannot end us while nothing is shown.
    hidden.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
    tcsetattr(&*tty, OptionalActions::Flush, &hidden)?;
    let line = read_line(tty);
    tcsetattr(&*tty, OptionalActions::Now, &before)?;
    writeln!(tty)?;
    line
}

fn read_line(tty: &mut File) -> io::Result<Option<Secret>> {
    let mut typed = zeroize::Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = [0];
    while typed.len() < LONGEST {
        if tty.read(&mut byte)? == 0 {
            return Ok(None);
        }
        match byte[0] {
            b'\r' | b'\n' => break,
            // ctrl-c and ctrl-d
            3 | 4 => return Ok(None),
            8 | 127 => drop(typed.pop()),
            other => typed.push(other),
        }
    }
    Ok(Some(Secret::new(
        String::from_utf8_lossy(&typed).into_owned(),
    )))
}
