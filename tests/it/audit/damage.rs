//! Whatever is done to the files is found, at its place; and no bytes bring the reader down.

use cm_tui::agent::audit::{Damage, Finding, page, verify};
use cm_tui::domain::decision::DecisionFilter;
use proptest::prelude::*;

use super::{Place, all, delivered, intent, person, policy, subjects};

/// Turns every bit of every byte instead of one bit of each: minutes instead of seconds.
const FULL: &str = "CM_AUDIT_EVERY_BIT";

/// Three decisions and the lines about the file: the head is line 1.
async fn small() -> (Place, Vec<u8>) {
    let place = Place::new();
    let (audit, _) = place.open().await;
    let first = intent("ls", policy());
    let seq = audit.intent(first.clone()).await.unwrap();
    audit.outcome(delivered(&first, seq)).unwrap();
    audit.intent(intent("rm é", person())).await.unwrap();
    audit.close().await;
    let bytes = std::fs::read(place.file(1)).unwrap();
    (place, bytes)
}

fn found(place: &Place) -> Vec<Finding> {
    verify(&place.dir).unwrap().findings
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

#[tokio::test]
async fn a_bit_turned_anywhere_is_found_in_its_line() {
    let (place, bytes) = small().await;
    let bits: &[u32] = if std::env::var_os(FULL).is_some() {
        &[0, 1, 2, 3, 4, 5, 6, 7]
    } else {
        &[0]
    };
    let mut line = 1;
    let mut offset = 0;
    for (at, byte) in bytes.iter().enumerate() {
        for bit in bits {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << ((at as u32 + bit) % 8);
            std::fs::write(place.file(1), &changed).unwrap();
            let found = found(&place);
            let first = found
                .first()
                .unwrap_or_else(|| panic!("byte {at} changed unseen"));
            assert_eq!(
                (first.line, first.file.as_str()),
                (line, "decisions-000001.jsonl"),
                "byte {at}: {found:?}"
            );
            assert_eq!(first.offset, offset, "byte {at}: {found:?}");
        }
        if *byte == b'\n' {
            line += 1;
            offset = at as u64 + 1;
        }
    }
}

#[tokio::test]
async fn a_cut_anywhere_is_found_even_at_the_end_of_a_line() {
    let (place, bytes) = small().await;
    for at in 0..bytes.len() {
        std::fs::write(place.file(1), &bytes[..at]).unwrap();
        let found = found(&place);
        let torn = found.iter().find_map(|found| match found.damage {
            Damage::Torn { bytes } => Some(bytes),
            _ => None,
        });
        let whole: usize = lines(&bytes[..at])
            .iter()
            .filter(|line| line.ends_with(b"\n"))
            .map(|line| line.len())
            .sum();
        assert_eq!(torn.unwrap_or_default(), (at - whole) as u64, "cut at {at}");
        let missing = found
            .iter()
            .any(|found| matches!(found.damage, Damage::Missing { to: 4, .. }));
        assert!(missing, "cut at {at}: {found:?}");
    }
}

#[tokio::test]
async fn lines_doubled_removed_or_exchanged_are_named() {
    let (place, bytes) = small().await;
    let [head, first, second, third] = lines(&bytes)[..] else {
        panic!("four lines")
    };
    let damages = |lines: &[&[u8]]| {
        std::fs::write(place.file(1), lines.concat()).unwrap();
        let found = found(&place);
        found
            .into_iter()
            .map(|found| (found.line, found.damage))
            .collect::<Vec<_>>()
    };
    assert_eq!(damages(&[head, first, second, third]), []);
    assert_eq!(
        damages(&[head, first, second, third, second, third]),
        [
            (5, Damage::Doubled { seq: 3 }),
            (6, Damage::Doubled { seq: 4 })
        ]
    );
    assert_eq!(
        damages(&[head, first, third]),
        [(3, Damage::Missing { from: 3, to: 3 })]
    );
    assert_eq!(
        damages(&[head, second, first, third]),
        [
            (2, Damage::Missing { from: 2, to: 2 }),
            (3, Damage::Doubled { seq: 2 })
        ]
    );
    // A decision taken back, as somebody would do it with an editor.
    let edited = String::from_utf8(first.to_vec()).unwrap();
    let edited = edited.replace("\"allow\"", "\"deny\" ");
    assert_eq!(
        damages(&[head, edited.as_bytes(), second, third]),
        [(2, Damage::Edited { seq: 2 })]
    );
}

#[tokio::test]
async fn a_line_from_another_record_does_not_follow() {
    let (place, bytes) = small().await;
    let other = Place::new();
    let (audit, _) = other.open().await;
    for subject in ["cd", "pwd", "id"] {
        audit.intent(intent(subject, policy())).await.unwrap();
    }
    audit.close().await;
    let others = std::fs::read(other.file(1)).unwrap();
    let (own, others) = (lines(&bytes), lines(&others));
    std::fs::write(place.file(1), [own[0], own[1], others[2], own[3]].concat()).unwrap();
    let found = found(&place);
    assert_eq!(found[0].damage, Damage::Unlinked { seq: 3 });
    assert_eq!(found[0].line, 3);
}

#[tokio::test]
async fn a_file_that_is_gone_is_missed() {
    let place = Place::new();
    let mut config = place.config();
    config.segment = 1;
    let (audit, _) = super::open(config, Box::new(cm_tui::agent::audit::RealDisk)).await;
    for subject in ["one", "two", "three"] {
        audit.intent(intent(subject, policy())).await.unwrap();
    }
    audit.close().await;
    let second = std::fs::read(place.file(2)).unwrap();
    std::fs::remove_file(place.file(2)).unwrap();
    let missing = Damage::MissingFiles { from: 2, to: 2 };
    assert_eq!(found(&place)[0].damage, missing);
    std::fs::write(place.file(2), second).unwrap();
    assert_eq!(found(&place), []);
    std::fs::remove_file(place.file(3)).unwrap();
    assert_eq!(found(&place)[0].damage, Damage::Missing { from: 5, to: 6 });
    std::fs::remove_file(place.dir.join("tip")).unwrap();
    assert_eq!(found(&place)[0].damage, Damage::NoTip);
    // A file by itself is believed what it continues.
    assert_eq!(verify(&place.file(2)).unwrap().findings, []);
}

#[tokio::test]
async fn after_damage_the_record_goes_on_in_a_new_file_and_says_so() {
    let (place, bytes) = small().await;
    let cut = lines(&bytes)[..3].concat();
    std::fs::write(place.file(1), &cut).unwrap();
    let (audit, opened) = place.open().await;
    assert!(
        opened.notes[0].contains("ended at entry 4, now at 3"),
        "{:?}",
        opened.notes
    );
    audit.intent(intent("pwd", policy())).await.unwrap();
    audit.close().await;
    // What was there is as it was, and the gap is found for ever.
    assert_eq!(std::fs::read(place.file(1)).unwrap(), cut);
    let found = found(&place);
    assert!(
        matches!(&found[0].damage, Damage::Told { reason } if reason.contains("ended at entry 4")),
        "{found:?}"
    );
    assert_eq!(found[1].damage, Damage::Missing { from: 4, to: 4 });
    assert_eq!(found.len(), 2);
    assert_eq!(subjects(&all(&place.dir)), ["pwd", "ls", "ls"]);
}

#[tokio::test]
async fn a_torn_line_is_set_aside_and_the_record_goes_on() {
    let (place, bytes) = small().await;
    let whole = lines(&bytes)[..3].concat();
    let last = lines(&bytes)[3];
    // As a crash leaves it: what was not acknowledged is not in the tip.
    let tip = place.dir.join("tip");
    for kept in [1, 60, last.len() - 1] {
        std::fs::write(place.file(1), [&whole, &last[..kept]].concat()).unwrap();
        let seen = std::fs::read_to_string(&tip).unwrap();
        let third: serde_json::Value = serde_json::from_slice(lines(&bytes)[2]).unwrap();
        let behind = format!("{{\"seq\":3,\"hash\":{}}}", third["hash"]);
        std::fs::write(&tip, format!("{behind:<width$}\n", width = seen.len() - 1)).unwrap();
        let (audit, opened) = place.open().await;
        assert!(
            opened.notes[0].starts_with(&format!("a torn line of {kept} bytes was set aside")),
            "{:?}",
            opened.notes
        );
        audit.intent(intent("pwd", policy())).await.unwrap();
        audit.close().await;
        assert_eq!(found(&place), []);
        assert_eq!(subjects(&all(&place.dir)), ["pwd", "ls", "ls"]);
    }
    let aside = place.dir.join("decisions-000001.jsonl.3.torn");
    assert_eq!(std::fs::read(aside).unwrap(), &last[..last.len() - 1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_file_brings_the_reader_down(
        start in prop::collection::vec(any::<u8>(), 0..600),
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{\"seq\":", "1", "18446744073709551615", ",\"len\":", ",\"crc\":\"00000000\",\"hash\":\"", "\",\"record\":{}}\n", "\n",
            "0000000000000000000000000000000000000000000000000000000000000000", "{\"segment\":{}}",
        ]), 0..30),
        tip in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        let place = Place::new();
        std::fs::create_dir_all(&place.dir).unwrap();
        std::fs::write(place.file(1), [pieces.concat().as_bytes(), &start].concat()).unwrap();
        std::fs::write(place.file(3), [&start, pieces.concat().as_bytes()].concat()).unwrap();
        std::fs::write(place.dir.join("tip"), tip).unwrap();
        prop_assert!(!verify(&place.dir).unwrap().findings.is_empty());
        prop_assert!(!verify(&place.file(1)).unwrap().findings.is_empty());
        let found = page(&place.dir, &DecisionFilter::default(), None, 10, 1000).unwrap();
        prop_assert!(found.records.is_empty());
    }
}
