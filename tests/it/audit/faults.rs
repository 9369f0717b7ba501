//! A disk that fails: nothing is answered by itself without a trace, people go on, and the record goes on when it can.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cm_tui::agent::audit::{Audit, AuditConfig, AuditError, Disk, RealDisk, Segment, verify};
use rstest::rstest;

use super::{Place, all, assert_whole, delivered, intent, open, person, policy, subjects};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// No space left.
    Full,
    Broken,
    /// Half of what should be written is.
    Short,
    /// Half is written, and cannot be cut off again.
    ShortForGood,
    Sync,
    /// No space left for a new file.
    Create,
}

/// A disk on which one thing goes wrong until it is mended.
#[derive(Clone, Debug, Default)]
struct Faulty(Arc<Mutex<Option<Fault>>>);

impl Faulty {
    fn set(&self, fault: impl Into<Option<Fault>>) {
        *self.0.lock().unwrap() = fault.into();
    }

    fn has(&self, fault: Fault) -> bool {
        *self.0.lock().unwrap() == Some(fault)
    }
}

#[derive(Debug)]
struct FaultySegment(Faulty, Box<dyn Segment>);

fn full() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error())
}

fn broken() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())
}

impl Disk for Faulty {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn Segment>> {
        if self.has(Fault::Create) {
            return Err(full());
        }
        let file = RealDisk.create(path)?;
        Ok(Box::new(FaultySegment(self.clone(), file)))
    }

    fn open(&mut self, path: &Path) -> io::Result<Box<dyn Segment>> {
        let file = RealDisk.open(path)?;
        Ok(Box::new(FaultySegment(self.clone(), file)))
    }

    fn overwrite(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        RealDisk.overwrite(path, bytes)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        RealDisk.sync_folder(path)
    }
}

impl Segment for FaultySegment {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.has(Fault::Full) {
            return Err(full());
        }
        if self.0.has(Fault::Broken) {
            return Err(broken());
        }
        if self.0.has(Fault::Short) || self.0.has(Fault::ShortForGood) {
            return self.1.write(&bytes[..bytes.len() / 2]);
        }
        self.1.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.0.has(Fault::Sync) {
            return Err(broken());
        }
        self.1.sync()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        if self.0.has(Fault::ShortForGood) {
            return Err(broken());
        }
        self.1.truncate(len)
    }
}

#[rstest]
#[case::disk_full(Fault::Full, "No space left on device", 1)]
#[case::io_error(Fault::Broken, "Input/output error", 1)]
#[case::short_write(Fault::Short, "bytes were taken", 1)]
#[case::short_write_for_good(Fault::ShortForGood, "bytes were taken", 2)]
#[case::sync(Fault::Sync, "Input/output error", 2)]
#[tokio::test]
async fn while_writing_fails_only_what_has_happened_is_kept(
    #[case] fault: Fault,
    #[case] reason: &str,
    #[case] files: u32,
) {
    let place = Place::new();
    let disk = Faulty::default();
    let (audit, _) = open(place.config(), Box::new(disk.clone())).await;
    let before = intent("before", policy());
    let seq = audit.intent(before.clone()).await.unwrap();

    disk.set(fault);
    let error = audit
        .intent(intent("automatic", policy()))
        .await
        .unwrap_err();
    let AuditError::Unwritable { reason: said, kept } = &error else {
        panic!("{error}")
    };
    assert!(said.contains(reason) && !kept, "{error}");
    assert!(!audit.is_writable());
    let human = audit.intent(intent("human", person())).await;
    assert!(matches!(
        human,
        Err(AuditError::Unwritable { kept: true, .. })
    ));
    audit.outcome(delivered(&before, seq)).unwrap();
    assert!(audit.flush().await.is_err());
    assert!(audit.health().borrow().is_some());

    disk.set(None);
    audit.intent(intent("after", policy())).await.unwrap();
    assert!(audit.is_writable());
    audit.close().await;
    let found = all(&place.dir);
    assert_eq!(subjects(&found), ["after", "before", "human", "before"]);
    let late: Vec<bool> = found.iter().map(|found| found.record.late).collect();
    assert_eq!(late, [false, true, true, false]);
    assert_whole(&place.dir);
    assert!(place.file(files).exists() && !place.file(files + 1).exists());
    let text = std::fs::read_to_string(place.file(files)).unwrap();
    assert!(text.contains("{\"resumed\":{\"reason\":"), "{text}");
    // The outcome of the first came late, but it came.
    let (audit, opened) = place.open().await;
    assert_eq!(subjects(&opened.unsettled), ["after"]);
    audit.close().await;
}

#[tokio::test]
async fn a_file_whose_sync_failed_is_left_where_it_was_good() {
    let place = Place::new();
    let disk = Faulty::default();
    let (audit, _) = open(place.config(), Box::new(disk.clone())).await;
    audit.intent(intent("one", policy())).await.unwrap();
    let good = std::fs::metadata(place.file(1)).unwrap().len();
    disk.set(Fault::Sync);
    assert!(audit.intent(intent("lost", policy())).await.is_err());
    disk.set(None);
    audit.intent(intent("two", policy())).await.unwrap();
    audit.close().await;
    // The line is in the file, but nobody was told so.
    assert!(std::fs::metadata(place.file(1)).unwrap().len() > good);
    assert_eq!(subjects(&all(&place.dir)), ["two", "one"]);
    let report = verify(&place.dir).unwrap();
    assert_eq!(report.findings, []);
    assert!(report.notes[0].contains(&format!("from offset {good} on were never acknowledged")));
}

#[tokio::test]
async fn a_next_file_that_cannot_be_made_is_tried_again() {
    let place = Place::new();
    let disk = Faulty::default();
    let config = AuditConfig {
        segment: 1,
        ..place.config()
    };
    let (audit, _) = open(config, Box::new(disk.clone())).await;
    audit.intent(intent("one", policy())).await.unwrap();
    for fault in [Fault::Create, Fault::Full, Fault::Sync] {
        disk.set(fault);
        assert!(audit.intent(intent("lost", policy())).await.is_err());
        assert!(!place.file(2).exists());
    }
    disk.set(None);
    audit.intent(intent("two", policy())).await.unwrap();
    audit.close().await;
    assert_eq!(subjects(&all(&place.dir)), ["two", "one"]);
    assert_whole(&place.dir);
}

#[tokio::test]
async fn it_recovers_by_itself_and_counts_what_it_could_not_keep() {
    let place = Place::new();
    let disk = Faulty::default();
    let config = AuditConfig {
        retry: Duration::from_millis(1),
        ..place.config()
    };
    let (audit, _) = open(config, Box::new(disk.clone())).await;
    audit.intent(intent("one", policy())).await.unwrap();
    disk.set(Fault::Full);
    let mut kept = 0;
    for number in 0..1003 {
        let record = intent(&format!("human {number}"), person());
        match audit.intent(record).await {
            Err(AuditError::Unwritable { kept: true, .. }) => kept += 1,
            Err(AuditError::Unwritable { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(kept, 1000);
    disk.set(None);
    audit.health().wait_for(Option::is_none).await.unwrap();
    audit.close().await;
    let found = all(&place.dir);
    assert_eq!(found.len(), 1001);
    assert_eq!(found[0].record.subject, "human 999");
    let text = std::fs::read_to_string(place.file(1)).unwrap();
    assert!(text.contains("\"lost\":3}"));
    assert_whole(&place.dir);
}

/// A failure of each kind, again and again, over many files: 0 acknowledged ones lost, 0 doubled.
#[tokio::test]
async fn a_disk_that_fails_five_hundred_times_loses_nothing_acknowledged() {
    let place = Place::new();
    let disk = Faulty::default();
    let config = AuditConfig {
        segment: 20_000,
        ..place.config()
    };
    let (audit, _) = open(config, Box::new(disk.clone())).await;
    let faults = [
        Fault::Full,
        Fault::Broken,
        Fault::Short,
        Fault::ShortForGood,
        Fault::Sync,
        Fault::Create,
    ];
    let mut acknowledged = Vec::new();
    for cycle in 0..500 {
        for (part, fault) in [None, Some(faults[cycle % faults.len()])]
            .into_iter()
            .enumerate()
        {
            disk.set(fault);
            let subject = format!("{cycle}.{part}");
            if audit.intent(intent(&subject, policy())).await.is_ok() {
                acknowledged.push(subject);
            }
        }
    }
    disk.set(None);
    audit.close().await;
    acknowledged.reverse();
    let found = all(&place.dir);
    assert_eq!(subjects(&found), acknowledged);
    assert!(acknowledged.len() >= 500);
    assert_whole(&place.dir);
}

#[tokio::test]
async fn what_was_kept_is_written_even_when_the_end_comes_first() {
    let place = Place::new();
    let disk = Faulty::default();
    let (audit, _) = open(place.config(), Box::new(disk.clone())).await;
    disk.set(Fault::Full);
    assert!(audit.intent(intent("human", person())).await.is_err());
    disk.set(None);
    audit.close().await;
    assert_eq!(subjects(&all(&place.dir)), ["human"]);
}

#[tokio::test]
async fn a_record_that_cannot_be_opened_is_opened_when_it_can() {
    let place = Place::new();
    // The name is taken.
    std::fs::write(&place.dir, "").unwrap();
    let (audit, opened) = Audit::start(place.config()).unwrap();
    let human = audit.intent(intent("human", person())).await;
    assert!(human.unwrap_err().to_string().contains("is not a folder"));
    std::fs::remove_file(&place.dir).unwrap();
    audit.intent(intent("ls", policy())).await.unwrap();
    assert!(opened.await.unwrap().unsettled.is_empty());
    audit.close().await;
    assert_eq!(subjects(&all(&place.dir)), ["ls", "human"]);
}
