//! The list of all panes of a server, asked of tmux in one command and read into [`PaneInfo`]s.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    command::{CommandList, quote},
    facts::{PaneDeath, PaneInfo, ServerRef},
    join, managed,
    parse::{Reply, Shape},
};

/// A subscription's value: what makes a new list worth asking for. Titles are left out, programs animate them; they
/// are in the panes' output anyway. tmux looks at it once a second.
pub const SUBSCRIPTION: &str = "refresh-client -B 'cm::#{S:#{session_name} #{session_attached}\
    #{W:#{P:#{pane_id} #{pane_width}x#{pane_height} #{pane_pid} #{pane_dead}#{pane_in_mode}\
    #{pane_pipe} #{pane_current_command}|}}}'";

/// Fields of one pane, in the order in which [`pane`] reads them; the options follow.
const FIELDS: [&str; 20] = [
    "#{pane_id}",
    "#{session_id}",
    "#{window_id}",
    "#{window_index}",
    "#{pane_index}",
    "#{pane_width}",
    "#{pane_height}",
    "#{pane_pid}",
    "#{?pane_dead,1,0}",
    "#{pane_dead_status}",
    "#{pane_dead_signal}",
    "#{?alternate_on,1,0}",
    "#{?pane_in_mode,1,0}",
    "#{?pane_pipe,1,0}",
    "#{session_created}",
    "#{pipe_owner}",
    "#{session_name}",
    "#{pane_current_command}",
    "#{pane_current_path}",
    "#{pane_title}",
];

/// Asks for all panes and for the clients that count as humans.
pub fn commands(options: &[String]) -> CommandList {
    let mut format = String::from("P");
    for field in FIELDS {
        format += "\t";
        match field {
            "#{pipe_owner}" => format.extend(["#{", join::OWNER, "}"]),
            "#{session_name}"
            | "#{pane_current_command}"
            | "#{pane_current_path}"
            | "#{pane_title}" => format += &one_line(field),
            number => format += number,
        }
    }
    for option in options {
        format += "\t";
        format += &one_line(&format!("#{{{option}}}"));
    }
    CommandList::new(&format!("list-panes -a -F {}", quote(&format))).then(
        "list-clients -F 'C #{session_id} #{?client_control_mode,1,0}'",
        Shape::Own,
    )
}

/// Turns the variable `#{name}` into one whose tabs and line ends are replaced, so that a folder's name cannot end a
/// reply or shift the fields.
fn one_line(variable: &str) -> String {
    let name = variable.trim_start_matches("#{").trim_end_matches('}');
    format!("#{{s/[\t\n\r]/?/:{name}}}")
}

/// Reads the replies to [`commands`]. Lines that do not have the announced form are left out: a pane can close while
/// tmux describes it.
pub fn read(
    server: &ServerRef,
    owner: &str,
    options: &[String],
    panes: &Reply,
    clients: &Reply,
) -> Vec<PaneInfo> {
    let mut humans: HashMap<u32, u32> = HashMap::new();
    for line in &clients.lines {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split(' ').skip(1);
        if let (Some(session), Some("0")) = (words.next().and_then(id), words.next()) {
            *humans.entry(session).or_default() += 1;
        }
    }
    let mut list: Vec<PaneInfo> = panes
        .lines
        .iter()
        .filter_map(|line| pane(server, owner, options, &String::from_utf8_lossy(line)))
        .filter(|pane| !(server.managed && pane.session_name == managed::MONITOR))
        .collect();
    let mut count: HashMap<u32, u32> = HashMap::new();
    let mut attached: HashMap<u32, u32> = HashMap::new();
    for pane in &list {
        *count.entry(pane.session_id).or_default() += 1;
        *attached.entry(pane.pane.pane).or_default() +=
            humans.get(&pane.session_id).copied().unwrap_or(0);
    }
    for pane in &mut list {
        pane.attached = attached.get(&pane.pane.pane).copied().unwrap_or(0);
        pane.panes_in_session = count.get(&pane.session_id).copied().unwrap_or(1);
    }
    // A window that several sessions share is listed with each of them; it counts for the first.
    let mut seen = HashSet::new();
    list.retain(|pane| seen.insert(pane.pane.pane));
    list
}

fn pane(server: &ServerRef, owner: &str, options: &[String], line: &str) -> Option<PaneInfo> {
    let mut fields = line.strip_prefix("P\t")?.split('\t');
    let mut next = || fields.next();
    let pane = id(next()?)?;
    let session_id = id(next()?)?;
    let window_id = id(next()?)?;
    let window_index = next()?.parse().ok()?;
    let pane_index = next()?.parse().ok()?;
    let cols = next()?.parse().ok()?;
    let rows = next()?.parse().ok()?;
    let pid = next()?.parse().ok()?;
    let is_dead = next()? == "1";
    let (status, signal) = (next()?, next()?);
    let death = PaneDeath {
        status: status.parse().ok(),
        signal: (!signal.is_empty()).then(|| signal_number(signal)),
    };
    let alternate = next()? == "1";
    let in_mode = next()? == "1";
    let is_piped = next()? == "1";
    let created = next()?.parse().ok()?;
    let is_ours = next()? == owner;
    let session_name = next()?.to_owned();
    let command = next()?.to_owned();
    let path = next()?.to_owned();
    let title = next()?.to_owned();
    let options: BTreeMap<_, _> = options
        .iter()
        .map(|key| Some((key.clone(), next()?.to_owned())))
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    Some(PaneInfo {
        pane: server.pane(pane),
        session_id,
        session_name,
        window_id,
        window_index,
        pane_index,
        panes_in_session: 1,
        cols,
        rows,
        pid,
        command,
        path,
        title,
        dead: is_dead.then_some(death),
        alternate,
        in_mode,
        piped_by_other: is_piped && !is_ours,
        attached: 0,
        created,
        options,
    })
}

/// Reads `%1`, `$1` or `@1`.
fn id(text: &str) -> Option<u32> {
    text.trim_start_matches(['%', '$', '@']).parse().ok()
}

/// Reads a signal, which some builds of tmux give by its name. 0 stands for one whose number differs between systems.
fn signal_number(text: &str) -> i32 {
    let name = text.strip_prefix("SIG").unwrap_or(text);
    let named = [
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("ILL", 4),
        ("ABRT", 6),
        ("FPE", 8),
        ("KILL", 9),
        ("SEGV", 11),
        ("PIPE", 13),
        ("ALRM", 14),
        ("TERM", 15),
    ];
    let known = named.into_iter().find(|(known, _)| *known == name);
    known.map_or_else(|| name.parse().unwrap_or(0), |(_, number)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> ServerRef {
        ServerRef {
            socket: "/tmp/s".into(),
            label: "s".to_owned(),
            pid: 7,
            started: 9,
            version: "3.3a".to_owned(),
            managed: true,
        }
    }

    fn reply(lines: &[&str]) -> Reply {
        Reply {
            ok: true,
            lines: lines.iter().map(|line| line.as_bytes().to_vec()).collect(),
        }
    }

    #[test]
    fn a_pane_that_two_sessions_share_is_listed_once_with_all_its_people() {
        let line = |session: &str, name: &str| {
            format!(
                "P\t%1\t{session}\t@1\t0\t0\t80\t24\t12\t0\t\t\t0\t0\t0\t99\t\t{name}\tcat\t/\t\t"
            )
        };
        let panes = reply(&[&line("$1", "one"), &line("$2", "two")]);
        let clients = reply(&["C $1 0", "C $2 0", "C $2 1"]);
        let list = read(&server(), "me", &["@cm_tool".to_owned()], &panes, &clients);
        let [pane] = list.as_slice() else {
            panic!("{list:?}")
        };
        assert_eq!((pane.session_name.as_str(), pane.attached), ("one", 2));
    }

    #[test]
    fn listed_panes_are_read_and_the_monitor_is_left_out() {
        let panes = reply(&[
            "P\t%0\t$0\t@0\t0\t0\t40\t3\t11\t1\t0\t\t0\t0\t0\t99\t\tcm-agent\ttrue\t/\tt\t",
            "P\t%1\t$1\t@1\t0\t0\t120\t40\t12\t1\t\tKILL\t0\t1\t1\t99\tme\tone\tcat\t/x\ttitle\tcodex",
            "P\t%2\t$1\t@1\t0\t1\t120\t40\t13\t0\t\t\t1\t0\t1\t99\tyou\tone\tcat\t/x\t\t",
            "P\t%3\t$1\t@1\t0",
        ]);
        let clients = reply(&["C $1 0", "C $0 1"]);
        let options = ["@cm_tool".to_owned()];
        let list = read(&server(), "me", &options, &panes, &clients);
        let [one, two] = list.as_slice() else {
            panic!("{list:?}")
        };
        let killed = PaneDeath {
            status: None,
            signal: Some(9),
        };
        assert_eq!(
            (one.dead, one.in_mode, one.piped_by_other),
            (Some(killed), true, false)
        );
        assert_eq!((one.attached, one.panes_in_session), (1, 2));
        assert_eq!(
            one.options.get("@cm_tool").map(String::as_str),
            Some("codex")
        );
        assert!(
            two.dead.is_none() && two.alternate && two.piped_by_other && two.options.is_empty()
        );
    }
}
