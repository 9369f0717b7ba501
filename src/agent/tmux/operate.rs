//! What is done to panes and sessions: each order is one command list to the server that the pane was seen in.

use std::time::Duration;

use tokio::{process::Command, time::timeout};

use super::{
    Tmux, TmuxError,
    command::{CommandList, Conditions, keys, leave_mode, quote},
    facts::PaneRef,
    join::{self, Pipe},
    link::Link,
    managed,
    order::{Guard, History, HistoryLine, Join, Refusal, Sent},
    parse::{Reply, Shape},
    sessions::{NAME_RULE, SIZE_RULE, is_name, is_size, pin, require, set_option},
    streams::Streams,
};

/// How long an order may take. A server that is not done by then is stopped or swapped out.
const ORDER: Duration = Duration::from_secs(10);

/// The most lines one call returns: more than any screen, and a reply stays below a megabyte.
const HISTORY_LINES: u32 = 2000;

/// Keys in one call; pasting is for more.
const KEYS: usize = 64 * 1024;

impl Tmux {
    /// Ends the session that the pane is in, with all its windows.
    pub async fn kill(&self, pane: &PaneRef) -> Result<(), TmuxError> {
        let command = format!("kill-session -t {}", pane.target());
        self.run(pane, CommandList::new(&command)).await.map(drop)
    }

    /// Renames the session that the pane is in; the rule for names is that of [`NewSession::name`](super::NewSession::name).
    pub async fn rename(&self, pane: &PaneRef, name: &str) -> Result<(), TmuxError> {
        require(
            is_name(name) && name != managed::MONITOR,
            "the name",
            NAME_RULE,
        )?;
        let command = format!("rename-session -t {} {name}", pane.target());
        self.run(pane, CommandList::new(&command)).await.map(drop)
    }

    /// Sets the size of the pane's window and pins it there. The joins of its panes are void: join again.
    ///
    /// # Errors
    ///
    /// [`TmuxError::NotManaged`] on a server of the user; [`TmuxError::Invalid`] outside 1x1 to 1000x500.
    pub async fn resize(&self, pane: &PaneRef, cols: u16, rows: u16) -> Result<(), TmuxError> {
        require(is_size((cols, rows)), "the size", SIZE_RULE)?;
        let link = self.link(pane)?;
        if !link.server.managed {
            let socket = pane.socket.clone();
            return Err(TmuxError::NotManaged { socket });
        }
        let list = pin(CommandList::default(), &pane.target(), (cols, rows));
        run(&link, list).await.map(drop)
    }

    /// Takes a picture of the pane and starts its stream, in one command list: no byte is lost or doubled between
    /// the two. A stream of ours that the pane already had ends.
    ///
    /// # Errors
    ///
    /// [`TmuxError::PipedByOther`] when the user pipes the pane; it is then left as it is.
    pub async fn join(&self, pane: &PaneRef) -> Result<Join, TmuxError> {
        let link = self.link(pane)?;
        let streams = &self.context.streams;
        let stream = streams.expect();
        let pipe = Pipe {
            owner: &self.context.owner,
            program: &self.context.config.agent_program.to_string_lossy(),
            socket: &self.context.pane_socket.to_string_lossy(),
            stream,
        };
        let list = join::commands(&pane.target(), link.version, &pipe);
        let replies =
            if link.version.leaks_captures() && link.leaked() >= self.context.config.capture_leak {
                self.run_by_process(pane, &list).await
            } else {
                run(&link, list)
                    .await
                    .inspect(|replies| link.note_captures(replies))
            };
        let picture = replies.and_then(|replies| join::picture(&replies));
        let Ok(Some(picture)) = picture else {
            streams.forget(stream);
            picture?;
            let pane = pane.clone();
            return Err(TmuxError::PipedByOther { pane });
        };
        if picture.is_piped {
            streams.watch_arrival(stream);
        } else {
            streams.close(stream);
        }
        Ok(Join {
            stream,
            cols: picture.cols,
            rows: picture.rows,
            seed: picture.seed,
            pid: picture.pid,
            dead: picture.dead,
            alternate: picture.alternate,
            history: picture.history,
        })
    }

    /// Stops the pane's stream if it is ours.
    pub async fn release(&self, pane: &PaneRef) -> Result<(), TmuxError> {
        let list = join::release(&pane.target(), &self.context.owner);
        self.run(pane, list).await.map(drop)
    }

    /// Gives up a pane whose stream has ended although nothing of ours ended it: a pipe that it has now is somebody
    /// else's, and the next join leaves it alone.
    pub async fn disown(&self, pane: &PaneRef) -> Result<(), TmuxError> {
        self.run(pane, join::disown(&pane.target())).await.map(drop)
    }

    /// Returns the output of all joined panes.
    pub fn streams(&self) -> &Streams {
        &self.context.streams
    }

    /// Types `bytes` exactly as they are into whatever program is in the pane now; copy mode is left. For a human's own
    /// keys, at most 64 KiB a call. Calls for one server are typed in the order in which they were made.
    pub async fn send(&self, pane: &PaneRef, bytes: &[u8]) -> Result<(), TmuxError> {
        require(
            bytes.len() <= KEYS,
            "these keys",
            "they are more than 64 KiB",
        )?;
        if bytes.is_empty() {
            return self.link(pane).map(drop);
        }
        let link = self.link(pane)?;
        let list = leave_mode(&pane.target(), link.version).and(keys(&pane.target(), bytes));
        run(&link, list).await.map(drop)
    }

    /// Pastes `text`, bracketed if the program asked for that. Escapes and other control characters but tab and line
    /// feed must have been removed by the caller: an end-of-paste mark in it would end the paste.
    ///
    /// # Errors
    ///
    /// [`TmuxError::Invalid`] when there are control characters left.
    pub async fn paste(&self, pane: &PaneRef, text: &str) -> Result<(), TmuxError> {
        let clean = |c: char| !c.is_control() || c == '\n' || c == '\t';
        require(
            text.chars().all(clean),
            "this text",
            "it has control characters",
        )?;
        if text.is_empty() {
            return self.link(pane).map(drop);
        }
        // Named after the pane, so that two pastes at once cannot mix; deleted by the paste.
        let buffer = format!("cm-{}", pane.pane);
        let set = format!("set-buffer -b {buffer} -- {}", quote(text));
        let paste = format!("paste-buffer -p -r -d -b {buffer} -t {}", pane.target());
        let list = CommandList::new(&set).then(&paste, Shape::Own);
        self.run(pane, list).await.map(drop)
    }

    /// Types `bytes` if `guard` holds, tested and typed in one step of the tmux server. Copy mode, a dead program and
    /// diverted input always refuse. Bytes the program has written but tmux has not read yet cannot be guarded
    /// against: send keys that are harmless elsewhere, and check the screen afterwards.
    ///
    /// # Errors
    ///
    /// [`TmuxError::Invalid`] for a guard that tmux could not compare exactly, or for more than 256 bytes. After
    /// [`TmuxError::Interrupted`] nobody knows whether they were typed.
    pub async fn send_guarded(
        &self,
        pane: &PaneRef,
        guard: &Guard,
        bytes: &[u8],
    ) -> Result<Sent, TmuxError> {
        let conditions = Conditions::new(guard)?;
        let target = pane.target();
        let yes = keys(&target, bytes);
        require(
            yes.shapes().len() == 1,
            "these keys",
            "a guarded send takes 1 to 256 bytes",
        )?;
        let yes = yes.then("display-message -p sent", Shape::Own);
        let each = format!(
            "display-message -p -t {target} {}",
            quote(&conditions.each())
        );
        let no = CommandList::new(&each).then("display-message -p refused", Shape::Own);
        let list = CommandList::default().then_if(&target, &conditions.all(), &yes, &no);
        let replies = self.run(pane, list).await?;
        let [_, each, outcome] = replies.as_slice() else {
            let command = "if-shell";
            return Err(TmuxError::Protocol { command });
        };
        match outcome.text().as_str() {
            "sent" => Ok(Sent::Sent),
            "refused" => Ok(Sent::Refused {
                why: refusal(&each.text()),
            }),
            _ => Err(TmuxError::Protocol {
                command: "if-shell",
            }),
        }
    }

    /// Returns up to `lines` lines of history that end `above` lines above the screen: 0 asks for the newest. At most
    /// 2000 lines a call.
    ///
    /// Done by a process of its own, about 2 ms: tmux 3.2 to 3.5 never free what a control client captures.
    pub async fn history(
        &self,
        pane: &PaneRef,
        above: u32,
        lines: u32,
    ) -> Result<History, TmuxError> {
        let link = self.link(pane)?;
        let target = pane.target();
        let lines = lines.clamp(1, HISTORY_LINES);
        let (top, bottom) = (u64::from(above) + u64::from(lines), u64::from(above) + 1);
        let mut command = managed::command(&self.context.config, &pane.socket);
        if link.version.is_complete() {
            command.arg("-N");
        }
        let state = "#{pid} #{start_time} #{history_size}";
        command.args(["display-message", "-p", "-t", &target, state, ";"]);
        let (start, end) = (format!("-{top}"), format!("-{bottom}"));
        command.args([
            "capture-pane",
            "-p",
            "-e",
            "-t",
            &target,
            "-S",
            &start,
            "-E",
            &end,
        ]);
        let output = self.output(command).await?;
        read_history(pane, &output, above, lines)
    }

    /// Sets the user option `key` (`@cm_…`) of the pane. The value is one line of up to 4096 bytes.
    pub async fn set_option(
        &self,
        pane: &PaneRef,
        key: &str,
        value: &str,
    ) -> Result<(), TmuxError> {
        let command = set_option(&pane.target(), key, value)?;
        self.run(pane, CommandList::new(&command)).await.map(drop)
    }

    /// Runs the list of a join in a process of its own, which is as atomic and leaks nothing, but costs 2 ms.
    async fn run_by_process(
        &self,
        pane: &PaneRef,
        list: &CommandList,
    ) -> Result<Vec<Reply>, TmuxError> {
        let epoch = format!(
            "#{{&&:#{{==:#{{pid}},{}}},#{{==:#{{start_time}},{}}}}}",
            pane.server_pid, pane.server_started
        );
        let mut command = managed::command(&self.context.config, &pane.socket);
        command.args(["-N", "if-shell", "-F", &epoch, list.line()]);
        let output = self.output(command).await?;
        if output.is_empty() {
            return Err(TmuxError::ServerGone { pane: pane.clone() });
        }
        Ok(join::replies_of_process(&output))
    }

    async fn output(&self, mut command: Command) -> Result<Vec<u8>, TmuxError> {
        let output = timeout(ORDER, command.output()).await;
        let output = output
            .map_err(|_elapsed| TmuxError::Interrupted)?
            .map_err(|source| TmuxError::Program {
                program: self.context.config.tmux.clone(),
                source,
            })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(TmuxError::Refused { message })
    }

    /// Closes all pipes of ours on a server.
    pub(super) async fn release_all(&self, link: &Link) -> Result<(), TmuxError> {
        let owner = &self.context.owner;
        let list = format!("list-panes -a -F '#{{pane_id}} #{{{}}}'", join::OWNER);
        let replies = link.run(CommandList::new(&list)).await?;
        for line in replies.iter().flat_map(|reply| &reply.lines) {
            let text = String::from_utf8_lossy(line);
            if let Some((pane, who)) = text.split_once(' ')
                && who == owner
            {
                link.run(join::release(pane, owner)).await?;
            }
        }
        Ok(())
    }

    /// Returns the connection to the very server run that `pane` was seen in.
    fn link(&self, pane: &PaneRef) -> Result<Link, TmuxError> {
        if self.context.stop.is_cancelled() {
            return Err(TmuxError::ShutDown);
        }
        let link = self.context.links.borrow().get(&pane.socket).cloned();
        link.filter(|link| link.server.owns(pane))
            .ok_or_else(|| TmuxError::ServerGone { pane: pane.clone() })
    }

    async fn run(&self, pane: &PaneRef, list: CommandList) -> Result<Vec<Reply>, TmuxError> {
        run(&self.link(pane)?, list).await
    }
}

pub async fn run(link: &Link, list: CommandList) -> Result<Vec<Reply>, TmuxError> {
    timeout(ORDER, link.run(list))
        .await
        .unwrap_or(Err(TmuxError::Interrupted))
}

/// Reads the conditions that [`Conditions::each`] shows.
fn refusal(each: &str) -> Refusal {
    let held = each.split(' ').map(|word| word != "0");
    let failed = held.enumerate().find(|(_, held)| !held);
    match failed.map(|(index, _)| index) {
        Some(1) => Refusal::Dead,
        Some(2) => Refusal::InMode,
        Some(3) => Refusal::InputDiverted,
        Some(4) => Refusal::OtherCommand,
        Some(5) => Refusal::CursorMoved,
        Some(index @ 6..) => Refusal::TextMissing(index - 6),
        Some(0) | None => Refusal::OtherProcess,
    }
}

fn read_history(
    pane: &PaneRef,
    output: &[u8],
    above: u32,
    lines: u32,
) -> Result<History, TmuxError> {
    let mut found = output.split(|byte| *byte == b'\n');
    let state = found
        .next()
        .map(String::from_utf8_lossy)
        .unwrap_or_default();
    let epoch = format!("{} {} ", pane.server_pid, pane.server_started);
    let total = state
        .strip_prefix(&epoch)
        .ok_or_else(|| TmuxError::ServerGone { pane: pane.clone() })?;
    let total: u32 = total.parse().map_err(|_not| TmuxError::Protocol {
        command: "display-message",
    })?;
    // tmux answers a range above the oldest line with the oldest line.
    let count = total.saturating_sub(above).min(lines);
    let lines = found.take(count as usize).map(|line| HistoryLine {
        bytes: line.to_vec(),
    });
    Ok(History {
        total,
        first: if count == 0 { 0 } else { above + count },
        lines: lines.collect(),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0 1 1 1 1 1", Refusal::OtherProcess)]
    #[case("1 1 0 1 1 1 5", Refusal::InMode)]
    #[case("1 1 1 1 1 1 5 0", Refusal::TextMissing(1))]
    fn refusal_names_the_first_condition_that_failed(#[case] each: &str, #[case] why: Refusal) {
        assert_eq!(refusal(each), why);
    }

    #[test]
    fn history_of_another_server_is_not_taken_for_ours() {
        let pane = PaneRef {
            socket: "/tmp/x".into(),
            server_pid: 7,
            server_started: 9,
            pane: 1,
        };
        let read = |output: &str| read_history(&pane, output.as_bytes(), 1, 5);
        let history = read("7 9 3\na\nb\n").unwrap();
        assert_eq!(
            (history.total, history.first, history.lines.len()),
            (3, 3, 2)
        );
        assert!(read("8 9 3\na\n").is_err());
        assert_eq!(read("7 9 1\na\n").unwrap().lines, []);
    }
}
