//! What the monitor does with pictures and unfinished updates, seen from inside.

use super::*;
use crate::domain::Tools;
use crate::domain::detect::Detector;

/// What a program draws after a join at which its pen was red, then what the next picture shows.
fn audited(picture: &[u8], reset: &[u8]) -> Monitor {
    let start = Instant::now();
    let now = Moment {
        instant: start,
        wall: 0,
    };
    let mut monitor = Monitor::new(Size::new(20, 4), now);
    monitor.join(Size::new(20, 4), b"\x1b[1;1Ha\x1b[0m\x1b[1;2H", start);
    assert!(!monitor.wants_audit());
    monitor.output(b"bc", &mut Vec::new(), now);
    monitor.output(reset, &mut Vec::new(), now);
    assert!(monitor.wants_audit());
    monitor.join(Size::new(20, 4), picture, start);
    assert!(!monitor.wants_audit());
    monitor.output(b"d", &mut Vec::new(), now);
    monitor
}

#[test]
fn a_picture_that_shows_the_same_confirms_the_pen() {
    let monitor = audited(b"\x1b[1;1Habc \x1b[0m\x1b[1;4H", b"\x1b[?2004h");
    assert!(!monitor.wants_audit());
    // What no picture tells is kept.
    assert!(monitor.screen().bracketed_paste());
}

#[test]
fn a_picture_that_shows_other_colours_mends_them() {
    let red = b"\x1b[1;1Ha\x1b[31mbc\x1b[0m\x1b[1;4H";
    let monitor = audited(red, b"");
    let colour = monitor.screen().cell(0, 2).map(|cell| cell.fg());
    assert_eq!(colour, Some(crate::term::Colour::Indexed(1)));
    assert!(monitor.wants_audit());
}

#[test]
fn the_pen_outlives_a_picture() {
    let monitor = audited(b"\x1b[1;1Hxyz\x1b[0m\x1b[2;1H", b"\x1b[0;32m");
    let colour = monitor.screen().cell(1, 0).map(|cell| cell.fg());
    assert_eq!(colour, Some(crate::term::Colour::Indexed(2)));
}

#[test]
fn pictures_that_never_agree_are_not_asked_for_for_ever() {
    let start = Instant::now();
    let now = Moment {
        instant: start,
        wall: 0,
    };
    let mut monitor = Monitor::new(Size::new(20, 4), now);
    let mut audits = 0;
    for round in 0..20 {
        let picture = format!("\x1b[1;1H{round}");
        monitor.join(Size::new(20, 4), picture.as_bytes(), start);
        monitor.output(b"x", &mut Vec::new(), now);
        audits += u32::from(monitor.wants_audit());
    }
    assert_eq!(audits, u32::from(MAX_AUDITS));
}

#[test]
fn an_open_synchronized_update_is_not_looked_at_in_vain() {
    let start = Instant::now();
    let moment = |after| Moment {
        instant: start + after,
        wall: 0,
    };
    let mut monitor = Monitor::new(Size::new(20, 4), moment(Duration::ZERO));
    monitor.output(b"\x1b[?2026hhalf", &mut Vec::new(), moment(Duration::ZERO));
    let detector = Detector::new(Tools::built_in());
    let scene = Scene {
        tool: "shell",
        command: "sh",
    };
    let wake = monitor.wake_at().unwrap();
    monitor.judge(
        scene,
        Moment {
            instant: wake,
            wall: 0,
        },
        &mut 0,
        &detector,
    );
    assert!(monitor.wake_at().is_none_or(|next| next > wake));
}
