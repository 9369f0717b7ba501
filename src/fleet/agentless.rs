//! A host without an agent: what plain tmux commands over a [`Shell`] still give.
//!
//! Sessions of the user's own tmux server are listed, looked at, attached to and killed, on demand: nothing is pushed,
//! no state is known, no prompt is answered. Promise: a pane is only touched while it belongs to the very run of the
//! server that it was listed with, and each command is a constant (see [`deploy`](super::deploy)).

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::deploy::marked::{Nonce, head};
use super::deploy::{DeployError, Limits, Shell};
use crate::domain::{AutoConfirm, Origin, PaneRef, Session, SessionId, SessionState};
use crate::protocol::{Failure, FailureKind, MAX_LIST};
use crate::term::{Emulator, Fed, Size, sanitize};

/// As for the probe, the login shell is what takes long; a screen of 500×200 coloured cells fits.
const LIMITS: Limits = Limits {
    output: 4 << 20,
    deadline: Duration::from_secs(20),
};
/// As long as names and folders are where an agent lists them.
const NAME_COLS: usize = 60;
const TEXT_COLS: usize = 300;
/// Why such a session's state is what it is.
const RULE: &str = "no agent";

/// Reads the word for its lines; prints one for the server and one for each pane.
pub const LIST: &str = "exec sh -c '\
    IFS= read -r n; printf \"\\n\"; \
    if command -v tmux >/dev/null 2>&1; then \
        if s=$(tmux -u display-message -p \"#{socket_path}\" 2>&1); then \
            printf \"%s socket %s\\n\" \"$n\" \"$s\"; \
            tmux -u list-panes -a -F \"$n pane #{window_active}#{pane_active} #{pane_id} #{session_id} \
#{pid} #{start_time} #{pane_width} #{pane_height} #{session_attached} #{session_created} \
#{session_name}:#{pane_current_path}\"; \
        else printf \"%s trouble %s\\n\" \"$n\" \"$s\"; fi; \
    else printf \"%s no-tmux\\n\" \"$n\"; fi; \
    printf \"%s end\\n\" \"$n\"'";

/// Reads the word, the pane's address (server process, its start, session, pane) and its id; prints size and cursor, then the screen.
pub const VIEW: &str = "exec sh -c '\
    IFS= read -r n; IFS= read -r a; IFS= read -r p; printf \"\\n\"; \
    if [ \"$(tmux display-message -p -t \"$p\" \
            \"#{pid} #{start_time} #{session_id} #{pane_id}\" 2>/dev/null)\" = \"$a\" ]; then \
        printf \"%s screen %s\\n\" \"$n\" \"$(tmux display-message -p -t \"$p\" \
            \"#{pane_width} #{pane_height} #{cursor_x} #{cursor_y}\")\"; \
        tmux -u capture-pane -p -e -t \"$p\"; \
        printf \"%s end\\n\" \"$n\"; \
    else printf \"%s gone\\n\" \"$n\"; fi'";

/// Reads the word, the pane's address, its id and its session's id; kills the session.
pub const KILL: &str = "exec sh -c '\
    IFS= read -r n; IFS= read -r a; IFS= read -r p; IFS= read -r s; printf \"\\n\"; \
    if [ \"$(tmux display-message -p -t \"$p\" \
            \"#{pid} #{start_time} #{session_id} #{pane_id}\" 2>/dev/null)\" = \"$a\" ]; then \
        if e=$(tmux kill-session -t \"$s\" 2>&1); then printf \"%s done\\n\" \"$n\"; \
        else printf \"%s trouble %s\\n\" \"$n\" \"$e\"; fi; \
    else printf \"%s gone\\n\" \"$n\"; fi'";

/// For a terminal. Reads the pane's address and its id (see [`attach_head`]) without showing them, then becomes tmux.
pub const ATTACH: &str = "exec sh -c '\
    stty -echo; IFS= read -r a; IFS= read -r p; stty echo; \
    if [ \"$(tmux display-message -p -t \"$p\" \
            \"#{pid} #{start_time} #{session_id} #{pane_id}\" 2>/dev/null)\" = \"$a\" ]; then \
        exec tmux -u attach-session -t \"$p\"; \
    else echo \"the session is gone\"; exit 1; fi'";

#[derive(Debug, Error)]
pub enum AgentlessError {
    #[error(transparent)]
    Shell(#[from] DeployError),
    #[error("no tmux on {host}")]
    NoTmux { host: String },
    #[error("tmux on {host} says: {words}")]
    Tmux { host: String, words: String },
    #[error("the session is gone from {host}")]
    Gone { host: String },
}

impl AgentlessError {
    /// As the host's row shows it.
    pub fn failure(&self) -> Failure {
        let (kind, hint) = match self {
            Self::Shell(error) => return error.failure(),
            Self::NoTmux { .. } => (FailureKind::Failed, "install tmux 3.0 or newer there"),
            Self::Tmux { .. } => (FailureKind::Failed, ""),
            Self::Gone { .. } => (FailureKind::NotFound, "list again"),
        };
        Failure {
            kind,
            message: self.to_string(),
            hint: hint.to_owned(),
        }
    }
}

/// A pane's screen at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub size: Size,
    /// Draws it on a blank screen of that size: plain drawing sequences only.
    pub keyframe: Vec<u8>,
}

/// The sessions of the user's own tmux server, each with the pane that it shows; none when no server runs.
pub async fn list(shell: &impl Shell, host: &str) -> Result<Vec<Session>, AgentlessError> {
    let nonce = Nonce::random().map_err(DeployError::Random)?;
    let stdin = line_head(host, &[nonce.as_str()])?;
    let ran = shell
        .run(LIST, stdin, LIMITS)
        .await
        .map_err(DeployError::from)?;
    let (mut socket, mut sessions, mut is_whole) = (PathBuf::new(), Vec::new(), false);
    for (word, rest) in nonce.lines(&ran.stdout) {
        match word.as_str() {
            "no-tmux" => return Err(AgentlessError::NoTmux { host: host.into() }),
            "trouble" if !means_no_server(&rest) => {
                return Err(AgentlessError::Tmux {
                    host: host.into(),
                    words: sanitize::label(&rest, 160),
                });
            }
            "socket" => socket = PathBuf::from(rest),
            "pane" if sessions.len() < MAX_LIST => sessions.extend(session(&socket, &rest)),
            "end" => is_whole = true,
            _ => {}
        }
    }
    if is_whole {
        Ok(sessions)
    } else {
        Err(DeployError::no_answer(host, &ran).into())
    }
}

/// What a pane shows now.
pub async fn view(
    shell: &impl Shell,
    host: &str,
    session: &Session,
) -> Result<View, AgentlessError> {
    let nonce = Nonce::random().map_err(DeployError::Random)?;
    let pane = &session.pane;
    let stdin = line_head(host, &[nonce.as_str(), &address(session), &pane.target()])?;
    let ran = shell
        .run(VIEW, stdin, LIMITS)
        .await
        .map_err(DeployError::from)?;
    if nonce.lines(&ran.stdout).any(|(word, _)| word == "gone") {
        return Err(AgentlessError::Gone { host: host.into() });
    }
    nonce
        .block(&ran.stdout, "screen", "end")
        .and_then(|(facts, lines)| draw(&facts, lines))
        .ok_or_else(|| DeployError::no_answer(host, &ran).into())
}

/// Kills the tmux session.
pub async fn kill(shell: &impl Shell, host: &str, session: &Session) -> Result<(), AgentlessError> {
    let nonce = Nonce::random().map_err(DeployError::Random)?;
    let id = format!("${}", session.tmux_session);
    let pane = session.pane.target();
    let stdin = line_head(host, &[nonce.as_str(), &address(session), &pane, &id])?;
    let ran = shell
        .run(KILL, stdin, LIMITS)
        .await
        .map_err(DeployError::from)?;
    let answer = nonce.lines(&ran.stdout).last();
    match answer.as_ref().map(|(word, rest)| (word.as_str(), rest)) {
        Some(("done", _)) => Ok(()),
        Some(("gone", _)) => Err(AgentlessError::Gone { host: host.into() }),
        Some((_, words)) => Err(AgentlessError::Tmux {
            host: host.into(),
            words: sanitize::label(words, 160),
        }),
        None => Err(DeployError::no_answer(host, &ran).into()),
    }
}

/// What [`ATTACH`] has to be given before any key.
pub fn attach_head(session: &Session) -> Vec<u8> {
    format!("{}\n{}\n", address(session), session.pane.target()).into_bytes()
}

/// The pane with the run of its server: numbers only.
fn address(session: &Session) -> String {
    let pane = &session.pane;
    format!(
        "{} {} ${} {}",
        pane.server_pid,
        pane.server_started,
        session.tmux_session,
        pane.target()
    )
}

fn line_head(host: &str, values: &[&str]) -> Result<Vec<u8>, DeployError> {
    head(values).map_err(|why| DeployError::Setting {
        host: host.to_owned(),
        why,
    })
}

fn means_no_server(words: &str) -> bool {
    words.starts_with("no server running")
        || words.starts_with("error connecting to") && words.contains("No such file")
}

/// Reads a line of [`LIST`]; `None` for a pane that its session does not show, and for a broken line.
fn session(socket: &std::path::Path, line: &str) -> Option<Session> {
    let (numbers, path) = line.split_once(':')?;
    let mut words = numbers.splitn(10, ' ');
    if words.next()? != "11" {
        return None;
    }
    let pane = words.next()?.strip_prefix('%')?.parse().ok()?;
    let tmux_session = words.next()?.strip_prefix('$')?.parse().ok()?;
    let (server_pid, server_started) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let (cols, rows) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let (attached, created) = (
        words.next()?.parse().ok()?,
        words.next()?.parse::<u64>().ok()?,
    );
    let label = socket.file_name().unwrap_or_default().to_string_lossy();
    let label = sanitize::label(&label, NAME_COLS);
    Some(Session {
        // As an agent would name it.
        id: SessionId::new(format!("{label}.{server_pid}.{pane}")),
        name: sanitize::label(words.next()?, NAME_COLS),
        tool: "shell".to_owned(),
        origin: Origin::Foreign(label),
        pane: PaneRef {
            socket: socket.to_owned(),
            server_pid,
            server_started,
            pane,
        },
        tmux_session,
        dir: sanitize::label(path, TEXT_COLS),
        task: None,
        cols,
        rows,
        attached,
        created: created.saturating_mul(1000),
        state: SessionState::Unknown,
        since: 0,
        rule: RULE.to_owned(),
        disagreement: String::new(),
        auto: AutoConfirm::default(),
        prompt: None,
    })
}

/// Draws captured lines; `facts` are columns, rows and the cursor's place.
fn draw(facts: &str, lines: &[u8]) -> Option<View> {
    let mut numbers = facts.split(' ').map(str::parse::<u16>);
    let mut next = || numbers.next()?.ok();
    let (cols, rows, x, y) = (next()?, next()?, next()?, next()?);
    let mut emulator = Emulator::new(Size::new(cols, rows));
    let mut out = Fed::default();
    // A capture marks line drawing by SO and SI, and its colours go on from line to line.
    emulator.feed(b"\x1b)0", &mut out);
    for (row, line) in lines
        .split(|byte| *byte == b'\n')
        .take(usize::from(rows))
        .enumerate()
    {
        emulator.feed(format!("\x1b[{};1H", row + 1).as_bytes(), &mut out);
        emulator.feed(line, &mut out);
    }
    let cursor = format!("\x1b[{};{}H", y.saturating_add(1), x.saturating_add(1));
    emulator.feed(cursor.as_bytes(), &mut out);
    Some(View {
        size: emulator.size(),
        keyframe: emulator.screen().keyframe(),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_pane_that_is_shown_is_a_session() {
        let line = "11 %4 $2 4809 1795261557 120 40 1 1795261550 my work:/home/me: x";
        let session = session("/tmp/tmux-0/default".as_ref(), line).unwrap();
        assert_eq!(session.id.as_str(), "default.4809.4");
        assert_eq!(
            (session.name.as_str(), session.dir.as_str()),
            ("my work", "/home/me: x")
        );
        assert_eq!((session.cols, session.rows, session.attached), (120, 40, 1));
        assert_eq!(address(&session), "4809 1795261557 $2 %4");
        assert_eq!(attach_head(&session), b"4809 1795261557 $2 %4\n%4\n");
    }

    #[rstest]
    #[case::hidden("10 %4 $2 4809 1795261557 120 40 1 1795261550 a:/")]
    #[case::no_name("11 %4 $2 4809 1795261557 120 40 1 1795261550:/")]
    #[case::no_pane("11 4 $2 4809 1795261557 120 40 1 1795261550 a:/")]
    #[case::no_number("11 %4 $2 4809 1795261557 120 wide 1 1795261550 a:/")]
    #[case::nothing("")]
    fn other_lines_are_left_out(#[case] line: &str) {
        assert_eq!(session("/s".as_ref(), line), None);
    }

    #[test]
    fn what_is_captured_is_drawn_and_nothing_else_gets_through() {
        let lines = b"\x1b[31mred\n\x1b[32mgreen\x1b]52;c;aGk=\x07\x1b[5n\nthree\nfour is too many";
        let view = draw("10 3 5 1", lines).unwrap();
        let mut emulator = Emulator::new(Size::new(10, 3));
        emulator.feed(&view.keyframe, &mut Fed::default());
        assert_eq!(emulator.screen().text(), ["red", "green", "three"]);
        assert_eq!(emulator.screen().cursor().row, 1);
        let keyframe = String::from_utf8_lossy(&view.keyframe).into_owned();
        assert!(
            !keyframe.contains("]52") && !keyframe.contains("[5n"),
            "{keyframe:?}"
        );
    }

    #[rstest]
    #[case("10 65536 5 1")]
    #[case("10 3")]
    #[case("10 3 -1 0")]
    fn a_screen_without_a_size_is_none(#[case] facts: &str) {
        assert_eq!(draw(facts, b"x"), None);
    }
}
