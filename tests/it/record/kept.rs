//! Lines and recordings in their files: in order, once, over restarts, and within their room.

use std::fs;
use std::os::unix::fs::MetadataExt;

use cm_tui::agent::record::{About, Limits, Recorder, Wanted};
use cm_tui::domain::SessionId;
use cm_tui::protocol::{LogCursor, LogsWanted, RecordingCursor};
use cm_tui::term::Size;
use proptest::prelude::*;

use super::{Pane, about, id, limits, lines, plain_rows, recording, replayed};

const SIZE: Size = Size { cols: 30, rows: 6 };

fn texts(recorder: &Recorder) -> Vec<String> {
    let lines = lines(recorder);
    for (number, line) in (1..).zip(&lines) {
        assert_eq!(line.number, number, "a gap in the numbers");
    }
    lines.into_iter().map(|line| line.text).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_printed_line_is_kept_once_and_in_order(
        words in prop::collection::vec("[a-d]{1,70}", 1..60),
        cuts in prop::collection::vec(1..40usize, 1..20),
        rests in prop::collection::vec(any::<bool>(), 1..20),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut pane = Pane::new(dir.path(), SIZE, limits(1 << 30));
        let mut text = words.join("\r\n") + "\r\n";
        let mut cuts = cuts.iter().cycle();
        let mut rests = rests.iter().cycle();
        while !text.is_empty() {
            let cut = (*cuts.next().unwrap()).min(text.len());
            let tail = text.split_off(cut);
            pane.print(text.as_bytes());
            // A screen may rest between two lines; in the middle of one it would be told as it stands then.
            if text.ends_with('\n') && *rests.next().unwrap() {
                pane.rest();
            }
            text = tail;
        }
        pane.rest();
        let (recorder, _) = pane.end();
        // A line that is longer than the screen is wide is kept as its rows.
        prop_assert_eq!(texts(&recorder).concat(), words.concat());
    }
}

#[test]
fn a_log_goes_on_after_the_agent_has_ended_in_the_middle_of_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let mut pane = Pane::new(dir.path(), SIZE, limits(1 << 30));
    let print = |pane: &mut Pane, from: u32, to: u32| {
        for number in from..=to {
            pane.print(format!("line {number}\r\n").as_bytes());
        }
        pane.rest();
    };
    print(&mut pane, 1, 20);
    let emulator = std::mem::replace(
        &mut pane.emulator,
        cm_tui::term::Emulator::new(Size::new(1, 1)),
    );
    pane.end();
    let folder = dir.path().join("logs/cm-7-3-1700000000");
    for kind in ["log", "cast"] {
        let path = folder.join(format!("000000000001.{kind}"));
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend(b"21\t17000\to\ttor");
        fs::write(path, bytes).unwrap();
    }
    // The screen is still there.
    let mut pane = Pane::new(dir.path(), SIZE, limits(1 << 30));
    pane.emulator = emulator;
    pane.whole();
    print(&mut pane, 21, 40);
    let (recorder, emulator) = pane.end();
    let expected: Vec<String> = (1..=40).map(|number| format!("line {number}")).collect();
    assert_eq!(texts(&recorder), expected);
    let (ours, plain) = replayed(&recording(&recorder));
    assert!(ours.screen() == emulator.screen());
    assert_eq!(plain_rows(&plain), emulator.screen().text());
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
    for file in fs::read_dir(folder).unwrap().flatten() {
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_session_gives_up_its_oldest_part_and_what_is_left_replays() {
    let dir = tempfile::tempdir().unwrap();
    let size = Size::new(100, 20);
    let mut last = 0;
    let mut emulator = None;
    // Each end of the agent writes what waits, so that segments fill up without waiting for time.
    let (recorder, emulator) = loop {
        let mut pane = Pane::new(dir.path(), size, limits(6 << 20));
        if let Some(before) = emulator.take() {
            pane.emulator = before;
            pane.whole();
        }
        // Much that shows nothing, and some lines.
        pane.track.drawn(pane.now, b"\x1b[m".repeat(900_000));
        let text: Vec<String> = (last + 1..=last + 4000)
            .map(|number| format!("{number:090}\r\n"))
            .collect();
        last += 4000;
        pane.print(text.concat().as_bytes());
        pane.rest();
        let (recorder, screen) = pane.end();
        if last == 40_000 {
            break (recorder, screen);
        }
        emulator = Some(screen);
    };
    let kept = recorder.list();
    assert_eq!(kept.len(), 1);
    // One file of each kind may be over, since the last one stays.
    assert!(kept[0].bytes < 24 << 20, "{} bytes", kept[0].bytes);
    let lines = lines(&recorder);
    assert!(lines[0].number > 1);
    let numbers: Vec<u64> = lines.iter().map(|line| line.number).collect();
    let all: Vec<u64> = (numbers[0]..numbers[0] + numbers.len() as u64).collect();
    assert_eq!(numbers, all);
    assert_eq!(lines.last().unwrap().text, format!("{last:090}"));
    let (ours, _) = replayed(&recording(&recorder));
    assert!(ours.screen() == emulator.screen());
}

#[test]
fn the_oldest_session_that_has_ended_goes_first() {
    let dir = tempfile::tempdir().unwrap();
    let tight = Limits {
        total: 200 << 10,
        session: 100 << 10,
    };
    for number in 0..4 {
        let (recorder, writing) = Recorder::start(dir.path().join("logs"), tight).unwrap();
        let about = About {
            session: SessionId::new(format!("s{number}")),
            ..about()
        };
        let mut track = recorder.open(about, 1);
        track.keyframe(1, SIZE, "x".repeat(90 << 10).into_bytes());
        drop(track);
        writing.finish();
        // Files written within the same tick of the disk's clock have no order.
        let folder = dir.path().join(format!("logs/s{number}-1700000000"));
        let file = fs::File::options()
            .append(true)
            .open(folder.join("000000000001.cast"))
            .unwrap();
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(number);
        file.set_modified(at).unwrap();
    }
    let (recorder, writing) = Recorder::start(dir.path().join("logs"), tight).unwrap();
    let track = recorder.open(about(), 1);
    drop(track);
    writing.finish();
    let mut left: Vec<String> = recorder.list().into_iter().map(|kept| kept.key).collect();
    left.sort();
    assert_eq!(
        left,
        ["cm-7-3-1700000000", "s2-1700000000", "s3-1700000000"]
    );
}

#[test]
fn a_search_and_an_age_choose_lines_and_the_numbers_stay() {
    let dir = tempfile::tempdir().unwrap();
    let mut pane = Pane::new(dir.path(), SIZE, limits(1 << 30));
    for number in 1..=3000 {
        pane.print(format!("line {number}\r\n").as_bytes());
    }
    pane.track.note(pane.now, "waiting: rm\u{1b}[2J".into());
    pane.rest();
    let end = pane.now;
    let (recorder, _) = pane.end();
    let ask = |from, since, grep: Option<&str>| {
        let wanted = LogsWanted {
            session: id(),
            from,
            follow: false,
            since,
            grep: grep.map(str::to_owned),
        };
        let found = recorder.page(&id(), &Wanted::of(&wanted).unwrap()).unwrap();
        let texts: Vec<String> = found.lines.into_iter().map(|line| line.text).collect();
        (texts, found.next, found.is_end)
    };
    let (texts, next, is_end) = ask(LogCursor::Line(1), None, Some("^line 1?99$"));
    assert_eq!((texts.len(), next, is_end), (2, 3002, true));
    let (texts, ..) = ask(LogCursor::Line(1), Some(end), None);
    assert!(texts.len() < 10 && texts.contains(&"line 3000".to_owned()));
    let (texts, ..) = ask(LogCursor::Last(2), None, None);
    assert_eq!(texts, ["line 2999", "line 3000"]);
    let (texts, ..) = ask(LogCursor::Line(1), None, Some("waiting"));
    assert_eq!(texts, ["waiting: rm·[2J"]);
    let (texts, next, is_end) = ask(LogCursor::Line(1), None, None);
    assert_eq!((texts.len(), next, is_end), (2000, 2001, false));
    let wrong = LogsWanted {
        session: id(),
        from: LogCursor::Line(1),
        follow: false,
        since: None,
        grep: Some("(".into()),
    };
    assert!(
        Wanted::of(&wrong)
            .unwrap_err()
            .to_string()
            .contains("unclosed group")
    );
}

#[test]
fn what_is_asked_for_never_becomes_a_path() {
    let dir = tempfile::tempdir().unwrap();
    let pane = Pane::new(dir.path(), SIZE, limits(1 << 30));
    let (recorder, _) = pane.end();
    fs::create_dir(dir.path().join("other")).unwrap();
    fs::write(dir.path().join("other/000000000001.log"), "1\t1\to\tx\n").unwrap();
    for name in ["../other", "", ".", "/etc", "cm-7-3-1700000000/../../other"] {
        let session = SessionId::new(name);
        assert!(
            recorder
                .recording(&session, RecordingCursor::default())
                .is_err()
        );
    }
}
