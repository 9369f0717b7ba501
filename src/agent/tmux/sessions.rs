//! Starting sessions: what may be started, and the one command list that does it.
//!
//! A tool is started from its argument vector, never through a shell, and everything that belongs to the session (size,
//! options) is set in the same list: nobody can see it half made.

use tokio::sync::oneshot;

use super::{
    Tmux, TmuxError,
    command::{CommandList, quote},
    link::Link,
    managed,
    operate::run,
    order::{NewSession, Started},
    parse::{Reply, Shape},
};

pub const NAME_RULE: &str =
    "it must start with a-z or 0-9 and go on with up to 31 of a-z, 0-9, _ and -";
pub const SIZE_RULE: &str = "it must be between 1x1 and 1000x500";
pub const OPTION_RULE: &str = "it must be @cm_ and up to 40 of a-z, 0-9 and _";

/// Whether tmux takes this name as it is, and no target can mean another one.
pub fn is_name(name: &str) -> bool {
    let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 32
        && name.starts_with(small)
        && name.chars().all(|c| small(c) || c == '_' || c == '-')
}

pub fn is_option(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    key.strip_prefix("@cm_")
        .is_some_and(|rest| !rest.is_empty() && rest.len() <= 40 && rest.chars().all(plain))
}

pub fn is_size((cols, rows): (u16, u16)) -> bool {
    (1..=1000).contains(&cols) && (1..=500).contains(&rows)
}

pub fn require(holds: bool, what: &'static str, why: &'static str) -> Result<(), TmuxError> {
    holds.then_some(()).ok_or(TmuxError::Invalid { what, why })
}

impl Tmux {
    /// Starts a session on a managed server with room, and starts that server if need be. The program is started
    /// from its argument vector, its window keeps its size while nobody is attached, and the pane stays when the
    /// program ends.
    ///
    /// # Errors
    ///
    /// [`TmuxError::Invalid`] for a name, folder or argument that breaks its rule; [`TmuxError::Refused`] when the
    /// name is taken on that server; [`TmuxError::Start`] when no server could be started.
    pub async fn new_session(&self, spec: NewSession) -> Result<Started, TmuxError> {
        let size = spec.size.unwrap_or(self.context.config.size);
        check_new(&spec, size)?;
        let (place, placed) = oneshot::channel();
        let wish = self.places.send(place).await;
        wish.map_err(|_closed| TmuxError::ShutDown)?;
        let (link, _starting) = placed.await.map_err(|_closed| TmuxError::ShutDown)??;
        let replies = run(&link, new_session(&spec, size, &link)?).await?;
        let protocol = TmuxError::Protocol {
            command: "new-session",
        };
        let text = replies.get(1).map(Reply::text).unwrap_or_default();
        let (pane, pid) = text
            .trim_start_matches('%')
            .split_once(' ')
            .and_then(|(pane, pid)| Some((pane.parse().ok()?, pid.parse().ok()?)))
            .ok_or(protocol)?;
        let pane = link.server.pane(pane);
        Ok(Started { pane, pid })
    }
}

fn check_new(spec: &NewSession, size: (u16, u16)) -> Result<(), TmuxError> {
    let name = &spec.name;
    require(
        is_name(name) && name != managed::MONITOR,
        "the name",
        NAME_RULE,
    )?;
    require(is_size(size), "the size", SIZE_RULE)?;
    let program = spec.argv.first().map_or("", String::as_str);
    require(!program.is_empty(), "the command", "it is empty")?;
    let no_nul = |text: &String| !text.contains('\0');
    require(
        spec.argv.iter().all(no_nul) && spec.env.iter().all(|(_, value)| no_nul(value)),
        "the command",
        "it has NUL bytes",
    )?;
    let variable = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_variable = |key: &str| !key.is_empty() && key.chars().all(variable);
    require(
        spec.env.iter().all(|(key, _)| is_variable(key)),
        "an environment variable",
        "its name must be letters, digits and _",
    )?;
    // tmux would start it in the home folder instead, without a word.
    require(
        spec.dir.is_absolute() && spec.dir.is_dir() && spec.dir.to_str().is_some(),
        "the folder",
        "it must be an existing folder with an absolute path in UTF-8",
    )
}

fn new_session(spec: &NewSession, size: (u16, u16), link: &Link) -> Result<CommandList, TmuxError> {
    let (cols, rows) = size;
    // tmux expands formats in the folder's argument once: a format that yields the folder needs no escapes.
    let dir = format!(
        "set-option -g @cm_dir {}",
        quote(&spec.dir.to_string_lossy())
    );
    let mut start = format!(
        "new-session -d -P -F '#{{pane_id}} #{{pane_pid}}' -s {} -x {cols} -y {rows} -c '#{{@cm_dir}}'",
        spec.name
    );
    let mut argv = Vec::new();
    for (key, value) in &spec.env {
        let assignment = format!("{key}={value}");
        if link.version.is_complete() {
            start += " -e ";
            start += &quote(&assignment);
        } else {
            argv.push(assignment);
        }
    }
    if spec.argv.len() == 1 || !argv.is_empty() {
        // tmux gives a single word to a shell.
        let program = spec.argv.first().map_or("", String::as_str);
        require(!program.contains('='), "the command", "its name has a =")?;
        argv.insert(0, "env".to_owned());
    }
    argv.extend(spec.argv.iter().cloned());
    start += " --";
    for argument in &argv {
        start += " ";
        start += &quote(argument);
    }
    // The name was free a moment ago in this same list, so it can only mean the new session.
    let target = format!("={}:", spec.name);
    let mut list = CommandList::new(&dir).then(&start, Shape::Own);
    for (key, value) in &spec.options {
        list = list.then(&set_option(&target, key, value)?, Shape::Own);
    }
    Ok(pin(list, &target, size).then("set-option -g -u @cm_dir", Shape::Own))
}

/// Adds the commands that fix a window's size, and remember it for when a human has left.
pub fn pin(list: CommandList, target: &str, (cols, rows): (u16, u16)) -> CommandList {
    list.then(
        &format!("set-option -w -t {target} @cm_cols {cols}"),
        Shape::Own,
    )
    .then(
        &format!("set-option -w -t {target} @cm_rows {rows}"),
        Shape::Own,
    )
    .then(
        &format!("resize-window -t {target} -x {cols} -y {rows}"),
        Shape::Own,
    )
}

pub fn set_option(target: &str, key: &str, value: &str) -> Result<String, TmuxError> {
    require(is_option(key), "an option name", OPTION_RULE)?;
    require(
        value.len() <= 4096 && !value.chars().any(char::is_control),
        "an option value",
        "it must be one line of up to 4096 bytes",
    )?;
    Ok(format!("set-option -p -t {target} {key} {}", quote(value)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("build-2", true)]
    #[case("0_x", true)]
    #[case("", false)]
    #[case("-x", false)]
    #[case("a:b", false)]
    #[case("a.b", false)]
    #[case("Größe", false)]
    #[case("abcdefghijklmnopqrstuvwxyz0123456", false)]
    fn names_are_those_that_no_target_can_misread(#[case] name: &str, #[case] good: bool) {
        assert_eq!(is_name(name), good);
    }
}
