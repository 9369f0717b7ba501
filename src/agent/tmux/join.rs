//! The exact join: from tmux's picture of a pane to the bytes that rebuild it in an emulator.
//!
//! tmux runs a command list without looking at its panes in between. So one list that takes the picture and then
//! opens the pipe leaves no gap: the pipe's first byte is the first that the picture does not show. What a picture
//! cannot tell is the current pen, the character sets and (before tmux 3.7) bracketed paste.

use std::io::Write as _;

use super::{
    command::{CommandList, format_text, quote, shell_quote},
    error::TmuxError,
    parse::{Reply, Shape},
    streams::StreamId,
    version::Version,
};

/// The pane option that names the agent which pipes the pane.
pub const OWNER: &str = "@cm_pipe";

/// The replies when no pipe was opened: somebody else pipes the pane, or nothing will come any more.
const TAKEN: &str = "taken";
const DEAD: &str = "dead";

/// All flags are numbers, so that a program cannot write into this line; the first three are what [`Shape::State`]
/// reads.
const STATE: &str = "#{pane_height} #{alternate_on} #{history_size} #{pane_width} #{pane_pid} \
    #{?pane_dead,1,0} #{cursor_x} #{cursor_y} #{?cursor_flag,1,0} #{scroll_region_upper} \
    #{scroll_region_lower} #{?insert_flag,1,0} #{?origin_flag,1,0} #{?wrap_flag,1,0} \
    #{?keypad_cursor_flag,1,0} #{?keypad_flag,1,0} #{?mouse_standard_flag,1,0} \
    #{?mouse_button_flag,1,0} #{?mouse_all_flag,1,0} #{?mouse_sgr_flag,1,0} \
    #{?bracket_paste_flag,1,0} #{?alternate_on,#{alternate_saved_x},0} \
    #{?alternate_on,#{alternate_saved_y},0} tabs=#{pane_tabs}";

/// Who takes a pipe, and what tmux runs for it.
#[derive(Clone, Debug)]
pub struct Pipe<'a> {
    /// Plain letters and digits; stays the same when the agent restarts.
    pub owner: &'a str,
    /// The program that hands the descriptor over.
    pub program: &'a str,
    /// Where the agent listens.
    pub socket: &'a str,
    /// The stream it will become.
    pub stream: StreamId,
}

/// Returns the list that takes a picture of the pane `target` and opens the pipe.
pub fn commands(target: &str, version: Version, pipe: &Pipe<'_>) -> CommandList {
    let capture = if version.captures_trailing_cells() {
        "capture-pane -p -e -N"
    } else {
        "capture-pane -p -e"
    };
    let helper = format!(
        "exec {} fdpass {} {}",
        shell_quote(pipe.program),
        shell_quote(pipe.socket),
        pipe.stream
    );
    let open = format!("pipe-pane -O -t {target} {}", quote(&format_text(&helper)));
    let open = CommandList::new(&open).then(
        &format!("set-option -p -t {target} {OWNER} {}", pipe.owner),
        Shape::Own,
    );
    let why = format!("display-message -p -t {target} '#{{?pane_dead,{DEAD},{TAKEN}}}'");
    let closed = CommandList::new(&why).then(&why, Shape::Own);
    CommandList::default()
        .then(&state(target), Shape::State)
        .then(&format!("{capture} -t {target}"), Shape::Screen)
        .then(&format!("{capture} -a -q -t {target}"), Shape::OtherScreen)
        .then(&format!("capture-pane -p -P -C -t {target}"), Shape::Own)
        .then_if(target, &can_open(pipe.owner), &open, &closed)
}

/// Returns the command whose reply has the form [`Shape::State`].
pub fn state(target: &str) -> String {
    format!("display-message -p -t {target} {}", quote(STATE))
}

/// Returns the list that closes the pipe of `target` if it belongs to `owner`.
pub fn release(target: &str, owner: &str) -> CommandList {
    let close = CommandList::new(&format!("pipe-pane -t {target}"))
        .then(&format!("set-option -p -u -t {target} {OWNER}"), Shape::Own);
    let nothing = CommandList::new("display-message -p -").then("display-message -p -", Shape::Own);
    let ours = format!("#{{==:#{{{OWNER}}},{owner}}}");
    CommandList::default().then_if(target, &ours, &close, &nothing)
}

/// Returns the list that takes our mark off the pane `target` if it has a pipe.
pub fn disown(target: &str) -> CommandList {
    let unmark = CommandList::new(&format!("set-option -p -u -t {target} {OWNER}"));
    let nothing = CommandList::new("display-message -p -");
    CommandList::default().then_if(target, "#{pane_pipe}", &unmark, &nothing)
}

/// A condition that holds when the pane lives and has no pipe but one of `owner`.
fn can_open(owner: &str) -> String {
    let free = format!("#{{||:#{{==:#{{pane_pipe}},0}},#{{==:#{{{OWNER}}},{owner}}}}}");
    format!("#{{&&:#{{==:#{{pane_dead}},0}},{free}}}")
}

/// A pane's picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub cols: u16,
    pub rows: u16,
    pub pid: i32,
    pub dead: bool,
    /// A pipe was opened; none is for a dead pane.
    pub is_piped: bool,
    pub alternate: bool,
    pub history: u32,
    pub seed: Vec<u8>,
}

/// Reads the replies to [`commands`]; `None` when somebody else pipes the pane.
pub fn picture(replies: &[Reply]) -> Result<Option<Picture>, TmuxError> {
    let [state, screen, other, pending, _, piped, _] = replies else {
        return Err(TmuxError::Protocol {
            command: "the list of a join",
        });
    };
    if piped
        .lines
        .first()
        .is_some_and(|line| line == TAKEN.as_bytes())
    {
        return Ok(None);
    }
    let is_piped = piped
        .lines
        .first()
        .is_none_or(|line| line != DEAD.as_bytes());
    let state = State::parse(&state.text()).ok_or(TmuxError::Protocol {
        command: "display-message",
    })?;
    let seed = state.seed(&screen.lines, &other.lines, &pending.lines.join(&b'\n'));
    Ok(Some(Picture {
        cols: state.cols,
        rows: state.rows,
        pid: state.pid,
        dead: state.dead,
        is_piped,
        alternate: state.alternate,
        history: state.history,
        seed,
    }))
}

/// Cuts what a process printed that ran [`commands`] into their replies.
pub fn replies_of_process(output: &[u8]) -> Vec<Reply> {
    let output = output.strip_suffix(b"\n").unwrap_or(output);
    let mut lines = output.split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
    let mut reply = |count: usize| Reply {
        ok: true,
        lines: lines.by_ref().take(count).collect(),
    };
    let state = reply(1);
    let text = state.text();
    let rows = text.split(' ').next().and_then(|word| word.parse().ok());
    let screen = reply(rows.unwrap_or(0));
    // The other screen has a size of its own; what follows it is known from the end.
    let mut other = reply(usize::MAX);
    let is_closed = |line: &Vec<u8>| *line == TAKEN.as_bytes() || *line == DEAD.as_bytes();
    let closed = match other.lines.as_slice() {
        [.., first, second] if first == second && is_closed(first) => 2,
        _ => 0,
    };
    let mut branch = other
        .lines
        .split_off(other.lines.len() - closed)
        .into_iter();
    let pending = other.lines.pop();
    let own = |line: Option<Vec<u8>>| Reply {
        ok: true,
        lines: line.into_iter().collect(),
    };
    let (pending, nothing) = (own(pending), own(None));
    let (first, second) = (own(branch.next()), own(branch.next()));
    vec![state, screen, other, pending, nothing, first, second]
}

#[derive(Debug)]
struct State {
    rows: u16,
    alternate: bool,
    history: u32,
    cols: u16,
    pid: i32,
    dead: bool,
    x: u16,
    y: u16,
    upper: u16,
    lower: u16,
    origin: bool,
    /// Sequences of the modes that are not as in a fresh emulator, and do not matter for drawing.
    modes: Vec<&'static [u8]>,
    /// The same for those that do matter, to be set at last.
    last_modes: Vec<&'static [u8]>,
    /// The cursor of the primary screen while the alternate one is shown.
    saved: (u16, u16),
    tabs: Vec<u16>,
}

impl State {
    fn parse(text: &str) -> Option<Self> {
        let (numbers, tabs) = text.split_once(" tabs=")?;
        let numbers: Vec<i64> = numbers
            .split_ascii_whitespace()
            .map(|word| word.parse().ok())
            .collect::<Option<_>>()?;
        let &[
            rows,
            alternate,
            history,
            cols,
            pid,
            dead,
            x,
            y,
            cursor,
            upper,
            lower,
            insert,
            origin,
            wrap,
            ref modes @ ..,
            saved_x,
            saved_y,
        ] = numbers.as_slice()
        else {
            return None;
        };
        let sequences: [&[u8]; 7] = [
            b"\x1b[?1h",
            b"\x1b=",
            b"\x1b[?1000h",
            b"\x1b[?1002h",
            b"\x1b[?1003h",
            b"\x1b[?1006h",
            b"\x1b[?2004h",
        ];
        if modes.len() != sequences.len() {
            return None;
        }
        let on = sequences.into_iter().zip(modes).filter(|(_, on)| **on == 1);
        let last: [(&[u8], bool); 3] = [
            (b"\x1b[?25l", cursor == 0),
            (b"\x1b[4h", insert == 1),
            (b"\x1b[?7l", wrap == 0),
        ];
        let last = last.into_iter().filter(|(_, on)| *on);
        let cell = |number: i64| u16::try_from(number).unwrap_or(u16::MAX);
        Some(Self {
            rows: u16::try_from(rows).ok()?,
            alternate: alternate == 1,
            history: u32::try_from(history).ok()?,
            cols: u16::try_from(cols).ok()?,
            pid: i32::try_from(pid).ok()?,
            dead: dead == 1,
            x: cell(x),
            y: cell(y),
            upper: cell(upper),
            lower: cell(lower),
            origin: origin == 1,
            modes: on.map(|(sequence, _)| sequence).collect(),
            last_modes: last.map(|(sequence, _)| sequence).collect(),
            saved: (cell(saved_x), cell(saved_y)),
            tabs: tabs.split(',').filter_map(|tab| tab.parse().ok()).collect(),
        })
    }

    fn seed(&self, screen: &[Vec<u8>], other: &[Vec<u8>], pending: &[u8]) -> Vec<u8> {
        let mut seed = Vec::new();
        if self.alternate {
            write_lines(&mut seed, other, self.rows);
            let (x, y) = self.saved;
            write_move(
                &mut seed,
                x.min(self.cols.saturating_sub(1)),
                y.min(self.rows.saturating_sub(1)),
            );
            seed.extend(b"\x1b[?1049h");
        }
        write_lines(&mut seed, screen, self.rows);
        self.write_tabs(&mut seed);
        if (self.upper, self.lower) != (0, self.rows.saturating_sub(1)) {
            write!(
                seed,
                "\x1b[{};{}r",
                self.upper.saturating_add(1),
                self.lower.saturating_add(1)
            )
            .expect("writing to memory cannot fail");
        }
        for mode in &self.modes {
            seed.extend(*mode);
        }
        if self.origin {
            seed.extend(b"\x1b[?6h");
            write_move(&mut seed, self.x, self.y.saturating_sub(self.upper));
        } else if self.x >= self.cols {
            // The next character wraps. Only printing the row's last cell brings an emulator there, and a row's
            // colours depend on the rows before it.
            write_lines(&mut seed, screen, self.y.saturating_add(1));
        } else {
            write_move(&mut seed, self.x, self.y);
        }
        for mode in &self.last_modes {
            seed.extend(*mode);
        }
        seed.extend(without_octal(pending));
        seed
    }

    fn write_tabs(&self, seed: &mut Vec<u8>) {
        let usual = (1..).map(|stop| stop * 8).take_while(|x| *x < self.cols);
        if self.tabs.iter().copied().eq(usual) {
            return;
        }
        seed.extend(b"\x1b[3g");
        for x in &self.tabs {
            write_move(seed, *x, 0);
            seed.extend(b"\x1bH");
        }
    }
}

/// Prints the first `rows` lines, one a row. Their colours go on from line to line, as tmux captures them.
fn write_lines(seed: &mut Vec<u8>, lines: &[Vec<u8>], rows: u16) {
    for (y, line) in (0..rows).zip(lines) {
        write_move(seed, 0, y);
        for byte in line {
            // tmux switches to line drawing by SO and SI; a program may have changed what those mean.
            match byte {
                0x0e => seed.extend(b"\x1b(0"),
                0x0f => seed.extend(b"\x1b(B"),
                byte => seed.push(*byte),
            }
        }
    }
    seed.extend(b"\x1b[0m");
}

fn write_move(seed: &mut Vec<u8>, x: u16, y: u16) {
    let (column, row) = (u32::from(x) + 1, u32::from(y) + 1);
    write!(seed, "\x1b[{row};{column}H").expect("writing to memory cannot fail");
}

/// Undoes the `\ooo` by which `capture-pane -C` writes control characters and the backslash.
fn without_octal(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, later @ ..] = rest {
        let digits = later
            .get(..3)
            .filter(|d| d.iter().all(|d| (b'0'..b'8').contains(d)));
        if let (b'\\', Some([a, b, c])) = (first, digits) {
            bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
            rest = later.get(3..).unwrap_or_default();
        } else if (first, later.first()) == (&b'\\', Some(&b'\\')) {
            bytes.push(b'\\');
            rest = later.get(1..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = later;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn reply(text: &str) -> Reply {
        Reply {
            ok: true,
            lines: text
                .split('\n')
                .map(|line| line.as_bytes().to_vec())
                .collect(),
        }
    }

    fn seed_of(state: &str, screen: &str, other: &str, pending: &str) -> String {
        let replies = [state, screen, other, pending, "", "", ""].map(reply);
        let picture = picture(&replies).unwrap().unwrap();
        String::from_utf8(picture.seed)
            .unwrap()
            .escape_default()
            .to_string()
    }

    #[test]
    fn plain_screen_becomes_lines_and_a_cursor() {
        assert_snapshot!(
            seed_of("2 0 7 10 42 0 3 1 1 0 1 0 0 1 0 0 0 0 0 0 0 0 0 tabs=8", "a\nbcd", "", ""),
            @r"\u{1b}[1;1Ha\u{1b}[2;1Hbcd\u{1b}[0m\u{1b}[2;4H"
        );
    }

    #[test]
    fn alternate_screen_keeps_the_primary_one_below_it() {
        assert_snapshot!(
            seed_of("1 1 0 4 42 0 0 0 0 0 0 0 0 1 1 0 0 1 0 1 0 4294967295 0 tabs=", "alt", "prim", "\\033[3"),
            @r"\u{1b}[1;1Hprim\u{1b}[0m\u{1b}[1;4H\u{1b}[?1049h\u{1b}[1;1Halt\u{1b}[0m\u{1b}[?1h\u{1b}[?1002h\u{1b}[?1006h\u{1b}[1;1H\u{1b}[?25l\u{1b}[3"
        );
    }

    #[test]
    fn pending_wrap_is_rebuilt_by_printing_the_row_last() {
        let seed = seed_of(
            "2 0 0 3 42 0 3 0 1 0 1 0 0 1 0 0 0 0 0 0 0 0 0 tabs=",
            "abc\nx",
            "",
            "",
        );
        assert!(seed.ends_with(r"\u{1b}[1;1Habc\u{1b}[0m"), "{seed}");
    }

    #[test]
    fn list_takes_the_picture_before_it_opens_the_pipe() {
        let streams = tempfile::tempdir().unwrap();
        let socket = streams.path().join("s");
        let streams = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(async { super::super::streams::Streams::listen(&socket) })
            .unwrap();
        let pipe = Pipe {
            owner: "0a1b",
            program: "/opt/it's 100%/cm-agent",
            socket: "/run/cm/panes.sock",
            stream: streams.expect(),
        };
        let list = commands("%3", Version::new(3, 3), &pipe);
        let line = list
            .line()
            .replace(&pipe.stream.to_string(), "ID")
            .replace(&quote(STATE), "STATE");
        assert_eq!(list.shapes().len(), 7);
        assert_snapshot!(line, @r###"display-message -p -t %3 STATE ; capture-pane -p -e -N -t %3 ; capture-pane -p -e -N -a -q -t %3 ; capture-pane -p -P -C -t %3 ; if-shell -F -t %3 '#{&&:#{==:#{pane_dead},0},#{||:#{==:#{pane_pipe},0},#{==:#{@cm_pipe},0a1b}}}' "pipe-pane -O -t %3 \"exec '/opt/it'\\\\''s 100%%/cm-agent' fdpass '/run/cm/panes.sock' ID\" ; set-option -p -t %3 @cm_pipe 0a1b" "display-message -p -t %3 '#{?pane_dead,dead,taken}' ; display-message -p -t %3 '#{?pane_dead,dead,taken}'""###);
        streams.stop();
    }

    #[test]
    fn replies_of_a_process_are_cut_whatever_the_size_of_the_other_screen() {
        let cut = |text: &str| {
            let replies = replies_of_process(text.as_bytes());
            replies.iter().map(Reply::text).collect::<Vec<_>>()
        };
        assert_eq!(
            cut("2 1\na\nb\np\n\\033[\n"),
            ["2 1", "a\nb", "p", "\\033[", "", "", ""]
        );
        assert_eq!(cut("1 0\na\n\n\n"), ["1 0", "a", "", "", "", "", ""]);
        assert_eq!(
            cut("1 0\na\n\n\ntaken\ntaken\n"),
            ["1 0", "a", "", "", "", "taken", "taken"]
        );
    }

    #[test]
    fn pane_of_the_user_is_not_a_picture() {
        let replies = ["", "", "", "", "", "taken", "taken"].map(reply);
        assert_eq!(picture(&replies).unwrap(), None);
    }
}
