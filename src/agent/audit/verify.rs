//! The whole record held against itself, for people: which line of which file is not as it was written.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::entry::{Began, Tip};
use super::files::{self, SegmentFile};
use super::line::{self, Hash, Link};
use super::walk::{Found, Walked, walk};

/// The most findings that are kept: enough to see where it begins; the rest is counted.
const FINDINGS: usize = 1000;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub files: usize,
    pub lines: u64,
    pub decisions: u64,
    /// In the order of the record.
    pub findings: Vec<Finding>,
    /// How many more findings there are.
    pub more: usize,
    /// What is remarkable but no damage.
    pub notes: Vec<String>,
    /// The number and hash of the last line: noted elsewhere, they prove later that nothing before was changed.
    pub last: u64,
    pub hash: String,
}

/// One place that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The file's name.
    pub file: String,
    /// From 1; 0 when the file as a whole is meant.
    pub line: u64,
    /// Of the line's start, in bytes.
    pub offset: u64,
    pub damage: Damage,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// It is no line of a record (any more).
    Unreadable,
    /// It says something else than was written.
    Edited { seq: u64 },
    /// Whole in itself, but not what followed the line before: one of the two was exchanged.
    Unlinked { seq: u64 },
    /// It was number `seq`.
    Renumbered { seq: u64, found: u64 },
    /// The line, or one of its number, stands in the record before.
    Doubled { seq: u64 },
    /// These stood before this place.
    Missing { from: u64, to: u64 },
    /// The file ends within a line.
    Torn { bytes: u64 },
    /// The files with these numbers are not there.
    MissingFiles { from: u32, to: u32 },
    /// The file does not begin with the line that says what it continues.
    Headless,
    /// The file before did not end where this one says.
    Elsewhere,
    /// The agent itself found damage when it began this file.
    Told { reason: String },
    /// The file that says where the record ends is missing or cannot be read.
    NoTip,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => write!(f, "edited: this is no line of a record"),
            Self::Edited { seq } => write!(f, "edited: entry {seq} is not as it was written"),
            Self::Unlinked { seq } => write!(
                f,
                "edited: entry {seq} does not follow the line before it; one of the two was exchanged"
            ),
            Self::Renumbered { seq, found } => {
                write!(f, "edited: entry {seq} calls itself {found}")
            }
            Self::Doubled { seq } => write!(f, "doubled: entry {seq} stands in the record already"),
            Self::Missing { from, to } if from == to => write!(f, "missing: entry {from}"),
            Self::Missing { from, to } => write!(f, "missing: entries {from} to {to}"),
            Self::Torn { bytes } => {
                write!(
                    f,
                    "torn: the file ends within a line, after {bytes} bytes of it"
                )
            }
            Self::MissingFiles { from, to } if from == to => {
                write!(f, "missing: the file {}", files::name(*from))
            }
            Self::MissingFiles { from, to } => write!(
                f,
                "missing: the files {} to {}",
                files::name(*from),
                files::name(*to)
            ),
            Self::Headless => write!(f, "missing: the line that says what this file continues"),
            Self::Elsewhere => write!(f, "edited: the file before ended at another place"),
            Self::Told { reason } => write!(f, "the agent found damage and went on here: {reason}"),
            Self::NoTip => write!(
                f,
                "missing: the file “tip”, without which a cut at the end cannot be seen"
            ),
        }
    }
}

#[derive(Debug, Error)]
pub enum VerifyError {
    #[error("no decision has been recorded in “{}”", .0.display())]
    Nothing(PathBuf),
    #[error("there is no “{}”", .0.display())]
    NoFile(PathBuf),
    #[error("cannot read “{}”", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Holds all files of a folder, or one file by itself, against their chain. What an agent adds meanwhile is not seen.
pub fn verify(path: &Path) -> Result<Report, VerifyError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => VerifyError::NoFile(path.to_owned()),
        _ => VerifyError::Io {
            path: path.to_owned(),
            source,
        },
    };
    if std::fs::metadata(path).map_err(failed)?.is_dir() {
        return whole(path)
            .map_err(failed)?
            .ok_or_else(|| VerifyError::Nothing(path.to_owned()));
    }
    alone(path).map_err(failed)
}

/// A file that is judged without the others: what it claims to continue is believed.
fn alone(path: &Path) -> io::Result<Report> {
    let file = files::segment(path.to_owned(), 0)?;
    let mut judge = Judge::default();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    judge.file(&file, &name, claimed(&file), None)?;
    Ok(judge.report)
}

fn whole(dir: &Path) -> io::Result<Option<Report>> {
    // Read first: the lines are written before it.
    let tip = std::fs::read(dir.join(files::TIP)).ok();
    let tip = tip.as_deref().map(Tip::read);
    let segments = files::segments(dir)?;
    let mut judge = Judge {
        tip: tip.flatten(),
        ..Judge::default()
    };
    if segments.is_empty() && judge.tip.is_none_or(|(seq, _)| seq == 0) {
        return Ok(None);
    }
    let mut before: Option<(u32, Link, u64)> = None;
    for file in &segments {
        let name = file.name();
        let next = before.map_or(1, |(number, ..)| number.saturating_add(1));
        let follows = file.number == next;
        if !follows {
            let damage = Damage::MissingFiles {
                from: next,
                to: file.number.saturating_sub(1),
            };
            judge.find(&name, 0, 0, damage);
        }
        let start = match before {
            Some((_, link, _)) if follows => link,
            None if follows => Link::default(),
            _ => claimed(file),
        };
        let walked = judge.file(file, &name, start, before.filter(|_| follows))?;
        before = Some((file.number, walked.link, file.end));
    }
    judge.end(segments.last(), before.map(|(_, link, _)| link));
    Ok(Some(judge.report))
}

/// The place that a file says it continues.
fn claimed(file: &SegmentFile) -> Link {
    let Some((seq, head)) = &file.head else {
        return Link::default();
    };
    let link = head
        .after
        .as_ref()
        .map(|after| after.link().unwrap_or_default());
    Link {
        seq: seq.saturating_sub(1),
        ..link.unwrap_or_default()
    }
}

/// Collects what is found.
#[derive(Default)]
struct Judge {
    report: Report,
    tip: Option<(u64, Hash)>,
    /// Whether the line that the tip names has its hash; `None` when it was not seen.
    tip_fits: Option<bool>,
}

impl Judge {
    fn find(&mut self, file: &str, line: u64, offset: u64, damage: Damage) {
        if self.report.findings.len() == FINDINGS {
            self.report.more += 1;
            return;
        }
        self.report.findings.push(Finding {
            file: file.to_owned(),
            line,
            offset,
            damage,
        });
    }

    /// Judges one file that follows `start`; `before` is the file before with its end, if both are known.
    fn file(
        &mut self,
        file: &SegmentFile,
        name: &str,
        start: Link,
        before: Option<(u32, Link, u64)>,
    ) -> io::Result<Walked> {
        self.head(file, name, before);
        let (tip, mut tip_fits, mut decisions) = (self.tip, self.tip_fits, 0);
        let mut walked = walk(file.read()?, start, |line| {
            if line.entry.starts_with(b"{\"decision\":") {
                decisions += 1;
            }
            if let Some((seq, hash)) = tip
                && seq == line.seq
            {
                tip_fits = Some(hash == line.hash);
            }
        })?;
        self.tip_fits = tip_fits;
        self.report.files += 1;
        self.report.lines += walked.lines;
        self.report.decisions += decisions;
        for Found {
            line,
            offset,
            damage,
        } in std::mem::take(&mut walked.found)
        {
            self.find(name, line, offset, damage);
        }
        if walked.torn > 0 && files::is_locked(&file.path) {
            let note = format!("{name}: the last line is being written right now");
            self.report.notes.push(note);
        } else if walked.torn > 0 {
            let torn = Damage::Torn { bytes: walked.torn };
            self.find(name, walked.lines + 1, walked.end, torn);
        }
        if file.end < file.len {
            let more = file.len - file.end;
            let note = format!(
                "{name}: {more} bytes from offset {} on were never acknowledged and do not count",
                file.end
            );
            self.report.notes.push(note);
        }
        self.report.last = walked.link.seq;
        self.report.hash = line::to_hex(&walked.link.hash);
        Ok(walked)
    }

    /// Whether the first line says what it has to.
    fn head(&mut self, file: &SegmentFile, name: &str, before: Option<(u32, Link, u64)>) {
        let Some((_, head)) = &file.head else {
            // Of a damaged first line more is said when it is walked over.
            return self.find(name, 1, 0, Damage::Headless);
        };
        match &head.began {
            Began::Damaged { reason } => {
                let reason = reason.clone();
                return self.find(name, 1, 0, Damage::Told { reason });
            }
            Began::Left { reason } => {
                let note = format!("{name} was begun because the file before failed: {reason}");
                self.report.notes.push(note);
            }
            Began::First | Began::Full => {}
        }
        let Some((number, link, end)) = before else {
            return;
        };
        let fits = head.after.as_ref().is_some_and(|after| {
            after.number == number && after.bytes == end && after.link() == Some(link)
        });
        if !fits {
            self.find(name, 1, 0, Damage::Elsewhere);
        }
    }

    /// Holds the end of the record against the tip.
    fn end(&mut self, last: Option<&SegmentFile>, link: Option<Link>) {
        let (name, len) = last.map_or_else(|| (files::name(1), 0), |file| (file.name(), file.end));
        let link = link.unwrap_or_default();
        match self.tip {
            None => self.find(files::TIP, 0, 0, Damage::NoTip),
            Some((seq, _)) if seq > link.seq => {
                let missing = Damage::Missing {
                    from: link.seq.saturating_add(1),
                    to: seq,
                };
                self.find(&name, 0, len, missing);
            }
            Some((seq, _)) if self.tip_fits == Some(false) => {
                self.find(&name, 0, len, Damage::Edited { seq });
            }
            Some(_) => {}
        }
    }
}
